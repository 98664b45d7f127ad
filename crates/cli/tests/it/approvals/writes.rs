//! A command that failed because it could not write somewhere: asked about once, and given no more than that.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use codex_protocol::{ApprovalPolicy, CommandExecutionStatus};
use serde_json::json;
use tempfile::TempDir;

use super::{command_status, last_request, run};
use crate::{
    sandbox::visible_directory,
    session::{Session, command, no, yes},
    support::Place,
};

/// A directory that is in sight of commands and not theirs, with instructions for agents.
fn elsewhere() -> (TempDir, PathBuf) {
    let holder = tempfile::tempdir_in(visible_directory()).unwrap();
    let directory = holder.path().canonicalize().unwrap().join("elsewhere");
    fs::create_dir_all(directory.join(".git")).unwrap();
    fs::write(directory.join("AGENTS.md"), "untouched").unwrap();
    (holder, directory)
}

/// Succeeds where it may write in `directory`, and the instructions stay as they are.
fn writing(directory: &Path) -> String {
    let directory = directory.display();
    format!("echo run >> runs; echo made > {directory}/made && ! echo changed > {directory}/AGENTS.md")
}

#[tokio::test]
async fn a_command_that_missed_a_directory_may_run_once_more_and_write_there() {
    not_inside_another_sandbox!();
    let (_holder, directory) = elsewhere();
    let (write, again) = (writing(&directory), format!("cd {} && echo > again", directory.display()));
    let place = Place::new(json!([run(&write), run(&again), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[yes(), no()]).await;
    let asked = command(&seen.asked[0]);
    assert_eq!(asked.command, write);
    let (reason, walls) = (asked.reason.as_deref().unwrap(), &asked.terms.confinement);
    let writing = format!("writing in {}", directory.display());
    assert!(reason.contains(&format!("kept something in it from {writing}")), "{reason}");
    let writes = format!("writes {}, {} and a private /tmp", place.workspace.display(), directory.display());
    assert!(walls.contains(&writes) && walls.contains("no network"), "{walls}");
    use CommandExecutionStatus::{Completed, Declined, Failed};
    assert_eq!(command_status(&seen.items), [Failed, Completed, Failed, Declined]);
    assert_eq!(fs::read_to_string(place.workspace.join("runs")).unwrap(), "run\n".repeat(2));
    assert_eq!(fs::read_to_string(directory.join("made")).unwrap(), "made\n");
    assert_eq!(fs::read_to_string(directory.join("AGENTS.md")).unwrap(), "untouched");
    // That was for this once.
    assert!(!directory.join("again").exists());
    let request = last_request(&place);
    for told in
        [&format!("let it run once more with {writing}"), "did not let it make, change or remove", "and did not"]
    {
        assert!(request.contains(told), "{told} is missing: {request}");
    }
}

#[tokio::test]
async fn a_directory_is_not_asked_about_again_after_a_no() {
    not_inside_another_sandbox!();
    let (_holder, directory) = elsewhere();
    let again = format!("mkdir {}/again", directory.display());
    let place = Place::new(json!([run(&writing(&directory)), run(&again), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.turn(&[no()]).await;
    assert_eq!(fs::read_to_string(place.workspace.join("runs")).unwrap(), "run\n");
    assert!(!directory.join("made").exists());
    let told = format!("did not let it make, change or remove {}/again", directory.display());
    assert!(last_request(&place).contains(&told));
}

#[tokio::test]
async fn what_is_protected_and_what_succeeded_is_not_asked_about() {
    not_inside_another_sandbox!();
    let (_holder, directory) = elsewhere();
    let at = directory.display();
    let commands = [format!("echo > {at}/made; true"), "echo > AGENTS.md".into(), format!("echo > {at}/.git/new")];
    let [succeeds, instructions, git] = commands.map(|command| run(&command));
    let place = Place::new(json!([succeeds, instructions, git, { "text": "ok" }]));
    fs::write(place.workspace.join("AGENTS.md"), "untouched").unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.turn(&[]).await;
    let request = last_request(&place);
    for never in [place.workspace.join("AGENTS.md"), directory.join(".git/new")] {
        let told = format!("Not to be written by commands, whoever agrees: {}.", never.display());
        assert!(request.contains(&told), "{told} is missing: {request}");
    }
    assert!(!request.contains(&format!("remove {at}/made")), "a command that succeeded missed nothing: {request}");
}

#[test]
fn where_nobody_can_be_asked_the_model_is_told_what_was_refused() {
    not_inside_another_sandbox!();
    let (_holder, directory) = elsewhere();
    let place = Place::new(json!([run(&writing(&directory)), { "text": "ok" }]));
    let output = place.codex(&["exec", "--skip-git-repo-check", "go"]).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    let told = format!("did not let it make, change or remove {}/made", directory.display());
    assert!(output.status.success() && shown.contains(&told), "{shown}");
    let request = last_request(&place);
    assert!(request.contains(&told) && request.contains("Nobody can be asked here"), "{request}");
    assert!(!directory.join("made").exists());
}

/// Who may write above a directory could put a link in its place while the question waits.
#[tokio::test]
async fn a_directory_that_leads_elsewhere_after_the_question_is_not_opened() {
    not_inside_another_sandbox!();
    let (holder, directory) = elsewhere();
    let other = holder.path().join("other");
    fs::create_dir(&other).unwrap();
    let write = format!("echo made > {}/made", directory.display());
    let place = Place::new(json!([run(&write), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    let (id, _) = session.question().await;
    fs::rename(&directory, holder.path().join("away")).unwrap();
    symlink(&other, &directory).unwrap();
    session.answer(id, yes()).await.unwrap();
    session.turn_ended().await;
    assert!(!other.join("made").exists());
    let request = last_request(&place);
    assert!(request.contains("leads to"), "{request}");
}
