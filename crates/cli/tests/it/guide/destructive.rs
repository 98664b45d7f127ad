//! S3 and S11 again: what a command destroys is saved before, and what cannot be saved is said before anybody says yes.

use std::{fs, fs::File, process::Command};

use codex_protocol::{ApprovalPolicy, RewindWhat, ServerRequest};
use serde_json::json;

use super::{exec, place_with};
use crate::{
    approvals::run,
    rewind::{rewind, tree},
    session::{Session, no, yes},
    support::Place,
};

/// What the one question about a command said.
fn reason(asked: &[ServerRequest]) -> String {
    match asked {
        [ServerRequest::CommandApproval(params)] => params.reason.clone().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// A directory that git ignores, with more in it than is always kept.
fn put_large_directory(place: &Place) {
    fs::create_dir_all(place.workspace.join("out/deep")).unwrap();
    fs::write(place.workspace.join(".gitignore"), "out/\n").unwrap();
    for number in 0..2_100 {
        fs::write(place.workspace.join(format!("out/deep/{number}")), number.to_string()).unwrap();
    }
}

#[tokio::test]
async fn s03_what_is_destroyed_is_saved_first() {
    let place = Place::new(json!([
        run("echo 1 > made"), run("rm -rf out kept"), run("mkdir out && echo 2 > out/new"), { "text": "ok" }
    ]));
    put_large_directory(&place);
    fs::write(place.workspace.join("kept"), "kept\n").unwrap();
    let before = tree(&place.workspace);
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[yes()]).await;
    let asked = reason(&seen.asked);
    assert!(asked.contains("always asks") && !asked.contains("cannot be undone"), "{asked}");
    assert_ne!(tree(&place.workspace), before);
    assert!(!place.workspace.join("out/deep").exists());
    let gone = rewind(&session, "turn_0", RewindWhat::Files, &[]).await;
    assert!(gone.conflicts.is_empty() && gone.failed.is_empty(), "{gone:?}");
    assert_eq!(tree(&place.workspace), before);
}

/// It is saved as well if another command of the line gives it another name first.
#[tokio::test]
async fn s03_what_is_moved_before_it_is_destroyed_is_saved_first() {
    let place = Place::new(json!([run("mv out old && rm -rf old"), { "text": "ok" }]));
    put_large_directory(&place);
    let before = tree(&place.workspace);
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[yes()]).await;
    assert!(!reason(&seen.asked).contains("cannot be undone"), "{:?}", seen.asked);
    assert!(!place.workspace.join("out").exists() && !place.workspace.join("old").exists());
    let gone = rewind(&session, "turn_0", RewindWhat::Files, &[]).await;
    assert!(gone.conflicts.is_empty() && gone.failed.is_empty(), "{gone:?}");
    assert_eq!(tree(&place.workspace), before);
}

/// Whoever has said yes was not told that it cannot be saved: nothing runs, and the next question tells.
#[tokio::test]
async fn s03_what_cannot_be_saved_after_the_yes_is_not_destroyed() {
    let place = Place::new(json!([run("rm -rf out"), run("rm -rf out"), { "text": "ok" }]));
    put_large_directory(&place);
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    session.say("go").await;
    let (id, question) = session.question().await;
    assert!(!reason(&[question]).contains("cannot be undone"));
    let (kept, aside) = (place.home.join("checkpoints"), place.home.join("aside"));
    fs::rename(&kept, &aside).unwrap();
    fs::write(&kept, "a file where the directory was").unwrap();
    session.answer(id, yes()).await.unwrap();
    let seen = session.rest_of_turn(&[no()]).await;
    assert!(place.workspace.join("out/deep/0").exists());
    let asked = reason(&seen.asked);
    assert!(asked.contains("cannot be undone for"), "{asked}");
    let told = place.server.requests()[1].body["input"].to_string();
    assert!(told.contains("could not be saved first, so that nothing was run"), "{told}");
}

/// More than is ever copied: files that only lose a name get a second one, and it is said where.
#[tokio::test]
async fn s03_what_is_too_large_to_be_copied_keeps_its_files_under_another_name() {
    let place =
        Place::new(json!([run("rm -rf out"), { "text": "ok" }, run("truncate -s 0 out/deep/0"), { "text": "ok" }]));
    let deep = place.workspace.join("out/deep");
    fs::create_dir_all(&deep).unwrap();
    fs::write(place.workspace.join(".gitignore"), "out/\n").unwrap();
    // Each name counts.
    fs::write(deep.join("0"), vec![b'x'; 64 << 20]).unwrap();
    (1..40).for_each(|number| fs::hard_link(deep.join("0"), deep.join(number.to_string())).unwrap());
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[yes()]).await;
    assert!(!reason(&seen.asked).contains("cannot be undone"), "{:?}", seen.asked);
    assert!(!deep.exists());
    let said = seen.warnings.iter().find(|said| said.contains("hard links")).unwrap();
    let kept = said.split("`cp -al ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(kept.starts_with(place.home.join("checkpoints").to_str().unwrap()), "{said}");
    fs::rename(kept, place.workspace.join("out")).unwrap();
    assert_eq!(fs::read_dir(&deep).unwrap().count(), 40);
    assert_eq!(fs::metadata(deep.join("39")).unwrap().len(), 64 << 20);
    // A file that is written into would be the same under every name.
    let seen = session.turn(&[no()]).await;
    assert!(reason(&seen.asked).contains("out (an ignored directory of"), "{:?}", seen.asked);
}

/// Whether that works is known before anybody is asked.
#[tokio::test]
async fn s03_what_cannot_get_another_name_is_named_in_the_question() {
    let place = Place::new(json!([run("rm -rf out"), { "text": "ok" }]));
    let out = place.workspace.join("out");
    // Deeper than is followed.
    let deepest = (0..300).fold(out.join("z"), |path, _| path.join("d"));
    fs::create_dir_all(deepest).unwrap();
    fs::write(place.workspace.join(".gitignore"), "out/\n").unwrap();
    fs::write(out.join("0"), vec![b'x'; 64 << 20]).unwrap();
    (1..40).for_each(|number| fs::hard_link(out.join("0"), out.join(number.to_string())).unwrap());
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[no()]).await;
    let asked = reason(&seen.asked);
    assert!(asked.contains("cannot be undone for") && asked.contains("/out (cannot link"), "{asked}");
    let kept = fs::read_dir(place.home.join("checkpoints")).unwrap().map(|entry| entry.unwrap().file_name());
    let kept: Vec<_> = kept.filter(|name| name.to_str().unwrap().contains("links")).collect();
    assert!(kept.is_empty(), "{kept:?}");
}

#[tokio::test]
async fn s03_what_cannot_be_saved_is_named_in_the_question() {
    let cases = [
        ("git push -f", "it cannot be undone for what `git push -f` destroys, which is no file here"),
        ("psql -c 'DROP TABLE users'", "what `psql -c 'DROP TABLE users'` destroys"),
        ("rm -f huge", "huge (a file of 3221225472 bytes is too large)"),
        ("rm -rf .", "huge (a file of 3221225472 bytes is too large)"),
        ("cd . && rm -f \"$X\"", "huge (a file of 3221225472 bytes is too large)"),
    ];
    for (command, expected) in cases {
        let place = Place::new(json!([run(command), { "text": "ok" }]));
        File::create(place.workspace.join("huge")).unwrap().set_len(3 << 30).unwrap();
        let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
        let seen = session.turn(&[no()]).await;
        let asked = reason(&seen.asked);
        assert!(asked.contains(expected), "{command}: {asked}");
    }
    let place = Place::new(json!([run("rm -rf small"), { "text": "ok" }]));
    File::create(place.workspace.join("huge")).unwrap().set_len(3 << 30).unwrap();
    let mut session = Session::start(&place, ApprovalPolicy::OnRequest).await;
    let seen = session.turn(&[no()]).await;
    assert!(!reason(&seen.asked).contains("huge"), "{:?}", seen.asked);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test makes a repository")]
fn s11_branches_and_stashes_are_saved_before_they_are_dropped() {
    for (flags, runs) in [(&["--full-auto", "-v"][..], true), (&[], false)] {
        let place = place_with(&["git branch -D topic && git stash clear"]);
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.args(["-c", "user.name=n", "-c", "user.email=e"]).args(arguments);
            let output = git.current_dir(&place.workspace).env("HOME", &place.home).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        git(&["init", "-q", "-b", "main", "."]);
        fs::write(place.workspace.join("file"), "1\n").unwrap();
        git(&["add", "file"]);
        git(&["commit", "-qm", "one"]);
        git(&["checkout", "-qb", "topic"]);
        git(&["commit", "-q", "--allow-empty", "-m", "on topic"]);
        git(&["checkout", "-q", "main"]);
        let mut stashes = Vec::new();
        for text in ["2\n", "3\n"] {
            fs::write(place.workspace.join("file"), text).unwrap();
            git(&["stash", "-q"]);
            stashes.push(git(&["rev-parse", "refs/stash"]));
        }
        let ran = exec(&place, flags);
        let branches = git(&["branch", "--format=%(refname:short)"]);
        assert_eq!(branches.contains("topic"), !runs, "{branches} {}", ran.stderr);
        let saved = fs::read_dir(place.home.join("checkpoints")).into_iter().flatten();
        let bundles =
            saved.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "bundle"));
        let bundles: Vec<String> = bundles.map(|path| path.to_str().unwrap().to_owned()).collect();
        assert_eq!(bundles.len(), usize::from(runs));
        for bundle in bundles {
            assert!(ran.stderr.contains(&format!("`git fetch {bundle} 'refs/*:refs/saved/*'`")), "{}", ran.stderr);
            git(&["gc", "-q", "--prune=now"]);
            git(&["fetch", "-q", &bundle, "refs/*:refs/saved/*"]);
            assert!(git(&["log", "--format=%s", "refs/saved/heads/topic"]).contains("on topic"));
            for stash in &stashes {
                git(&["cat-file", "-e", stash.trim()]);
            }
        }
    }
}
