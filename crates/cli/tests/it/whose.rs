//! Whose a change is: what the user does beside the agent stays, and what the agent did is taken back.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::Path,
};

use codex_protocol::{ApprovalPolicy, RewindFile, RewindWhat, ServerNotification, ThreadDiffParams};
use serde_json::json;

use crate::{
    agents::repository,
    approvals::{escalated, run},
    rewind::{list, name, preview, rewind, tree, write},
    session::{Session, yes},
    support::Place,
};

fn names(place: &Place, files: &[RewindFile]) -> Vec<String> {
    files.iter().map(|file| name(place, &file.path)).collect()
}

/// Waits until the journal says of so many states.
async fn states(place: &Place, count: usize) {
    while place.journals()[0].matches(r#""type":"checkpoint""#).count() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_the_user_changes_between_two_actions_of_a_turn_is_the_users() {
    let place = Place::new(json!([run("echo 1 > a; echo 1 > b"), run("echo 2 >> b; echo 2 > c"), { "text": "ok" }]));
    write(&place, "both", "1\n");
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    let (id, _) = session.question().await;
    session.answer(id, yes()).await.unwrap();
    // The second is asked about: what the first has left is known.
    let (id, _) = session.question().await;
    states(&place, 2).await;
    for (file, text) in [("a", "the user's\n"), ("mine", "the user's\n"), ("both", "2\n")] {
        write(&place, file, text);
    }
    session.answer(id, yes()).await.unwrap();
    session.turn_ended().await;

    let shown = preview(&session, "turn_0").await;
    assert_eq!(names(&place, &shown.files), ["b", "c"]);
    assert_eq!(names(&place, &shown.conflicts), ["a"]);
    let params = ThreadDiffParams { thread_id: session.thread_id.clone(), turn_id: None };
    let diff = session.connection.client.thread_diff(params).await.unwrap();
    let changed: Vec<String> = diff.files.iter().map(|file| name(&place, &file.change.path)).collect();
    assert_eq!(changed, ["a", "b", "c"]);
    assert!(diff.files.iter().all(|file| !file.change.diff.contains("the user's")), "{diff:?}");
    rewind(&session, "turn_0", RewindWhat::Files, &[]).await;
    let left: Vec<_> = tree(&place.workspace).into_keys().collect();
    assert_eq!(left, ["a", "both", "mine"]);
}

/// When what is at `path` changed last.
fn changed(path: &Path) -> (i64, i64) {
    let found = path.symlink_metadata().unwrap();
    (found.ctime(), found.ctime_nsec())
}

/// When the newest journal was written to last.
fn written(place: &Place) -> (i64, i64) {
    let mut left = vec![place.home.join("sessions")];
    let mut newest = (0, 0);
    while let Some(path) = left.pop() {
        match path.is_dir() {
            true => left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path())),
            false => {
                let found = path.metadata().unwrap();
                newest = newest.max((found.mtime(), found.mtime_nsec()));
            }
        }
    }
    newest
}

#[tokio::test]
async fn what_an_action_did_that_a_kill_cut_off_is_the_agents() {
    let place =
        Place::new(json!([run("mkfifo pipe"), run("echo 2 > kept; echo new > new; cat pipe"), { "text": "ok" }]));
    write(&place, "kept", "1\n");
    let mut child = place.codex(&["exec", "go"]).spawn().unwrap();
    while !place.workspace.join("pipe").exists() {
        tokio::task::yield_now().await;
    }
    // Opening it takes until the command reads from it; a little later the program shows that it is there still.
    let pipe = File::options().write(true).open(place.workspace.join("pipe")).unwrap();
    while written(&place) < changed(&place.workspace.join("new")) {
        tokio::task::yield_now().await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(pipe);
    // After that it is the user who changes something.
    let mine = place.workspace.join("mine");
    write(&place, "mine", "the user's\n");
    while changed(&mine) <= written(&place) {
        write(&place, "mine", "the user's\n");
    }
    let id = place.journals()[0].split("\"threadId\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let session = Session::resume(&place, id).await;
    let shown = preview(&session, "turn_0").await;
    assert_eq!(names(&place, &shown.files), ["kept", "new"]);
    assert_eq!(names(&place, &shown.conflicts), ["mine"]);
    write(&place, "new", "the user's\n");
    let done = rewind(&session, "turn_0", RewindWhat::Files, &[]).await;
    assert_eq!(names(&place, &done.conflicts), ["mine", "new"]);
    assert_eq!(fs::read_to_string(place.workspace.join("kept")).unwrap(), "1\n");
}

#[tokio::test]
async fn what_a_sub_agent_changes_in_the_directories_of_its_session_goes_back_with_that() {
    let agent = |task: &str, worktree: bool| json!({ "tool": "spawn_agent", "arguments": { "task": task, "worktree": worktree } });
    let wait = || json!({ "tool": "wait_agent", "arguments": {} });
    let place = Place::new(json!({
        "steps": [
            { "text": "ok" },
            { "calls": [agent("one", false), agent("two", false), agent("three", true)] }, wait(), wait(), wait(),
            { "text": "ok" },
        ],
        "sessions": {
            "one": [run("echo 2 >> a.txt"), run("echo new > one"), { "text": "ok" }],
            "two": [run("echo new > two"), agent("four", false), wait(), { "text": "ok" }],
            "three": [run("echo new > three"), { "text": "ok" }],
            "four": [run("echo new > four"), { "text": "ok" }],
        },
    }));
    repository(&place);
    let config = place.home.join("config.toml");
    fs::write(&config, fs::read_to_string(&config).unwrap() + "\n[agents]\nmax_depth = 2\nmax_parallel = 8\n").unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    write(&place, "mine", "the user's\n");
    session.say("go").await;
    let own = session.thread_id.clone();
    session
        .next(|told| match told {
            ServerNotification::TurnCompleted(changed) => (changed.thread_id == own).then_some(()),
            _ => None,
        })
        .await;
    let shown = preview(&session, "turn_1").await;
    assert_eq!(
        (names(&place, &shown.files), names(&place, &shown.conflicts)),
        (["a.txt", "four", "one", "two"].map(String::from).to_vec(), vec![])
    );
    let params = ThreadDiffParams { thread_id: own, turn_id: Some("turn_1".into()) };
    let diff = session.connection.client.thread_diff(params).await.unwrap();
    let changed: Vec<String> = diff.files.iter().map(|file| name(&place, &file.change.path)).collect();
    assert_eq!(changed, ["a.txt", "four", "one", "two"]);
    assert_eq!(list(&session).await.undo_turn_id.as_deref(), Some("turn_1"));
    rewind(&session, "turn_1", RewindWhat::Files, &[]).await;
    assert_eq!(fs::read_to_string(place.workspace.join("a.txt")).unwrap(), "one\n");
    let left = ["one", "two", "four", "mine"].map(|name| place.workspace.join(name).exists());
    assert_eq!(left, [false, false, false, true]);
}

/// What is protected and not there is an empty directory once commands run: what an allowed command makes in it is seen.
#[tokio::test]
async fn what_a_command_makes_where_a_protected_name_was_free_is_seen_in_later_turns_too() {
    let make = "mkdir -p .vscode; chmod 755 .vscode; mkdir .vscode/deep; echo '{}' > .vscode/deep/settings.json";
    let place = Place::new(json!([
        run("echo 1 > a"), { "text": "ok" }, escalated(make, "To set the editor up."), { "text": "ok" },
    ]));
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.turn(&[]).await;
    session.turn(&[yes()]).await;
    let settings = place.workspace.join(".vscode/deep/settings.json");
    assert!(settings.exists());
    let shown = preview(&session, "turn_1").await;
    assert_eq!(names(&place, &shown.files), [".vscode", ".vscode/deep", ".vscode/deep/settings.json"]);
    let done = rewind(&session, "turn_1", RewindWhat::Files, &[]).await;
    assert_eq!((done.conflicts, done.failed), (vec![], vec![]));
    assert!(!place.workspace.join(".vscode/deep").exists());
}
