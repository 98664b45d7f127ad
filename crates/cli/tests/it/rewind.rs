//! A session goes back to an earlier turn, and goes on from there.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use codex_protocol::{
    ApprovalPolicy, RewindFile, RewindPreview, RewindWhat, ServerNotification, ThreadItem, ThreadItemsListParams,
    ThreadRevertParams, ThreadRewindListParams, ThreadRewindListResult, ThreadRewindParams, ThreadRewindRedoParams,
    ThreadRewound, ThreadStatus, UserInput,
};
use serde_json::json;

use crate::{
    approvals::{last_request, run},
    session::Session,
    support::Place,
};

async fn revert(session: &Session, before_turn_id: &str) -> Result<ThreadStatus, String> {
    let params = ThreadRevertParams { thread_id: session.thread_id.clone(), before_turn_id: before_turn_id.into() };
    let done = session.connection.client.thread_revert(params).await;
    done.map(|done| done.thread.status).map_err(|error| error.message)
}

/// What the model has said, as it is listed.
async fn said(session: &Session) -> Vec<String> {
    let params = ThreadItemsListParams { thread_id: session.thread_id.clone(), ..Default::default() };
    let entries = session.connection.client.thread_items_list(params).await.unwrap().data;
    let texts = entries.into_iter().filter_map(|entry| match entry.item {
        ThreadItem::AgentMessage { text, .. } => Some(text),
        _ => None,
    });
    texts.collect()
}

#[tokio::test]
async fn a_conversation_goes_back_to_a_turn_and_on_from_there() {
    let place = Place::new(json!([
        { "text": "answer 1" }, { "text": "answer 2" }, { "text": "answer 3" }, { "text": "answer 4" }, { "text": "answer 5" }
    ]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    for _ in 0..3 {
        session.turn(&[]).await;
    }
    assert_eq!(revert(&session, "turn_9").await.unwrap_err(), "the conversation has no turn `turn_9` to go back to");
    assert_eq!(revert(&session, "turn_1").await, Ok(ThreadStatus::Idle));
    session.next(|told| matches!(told, ServerNotification::ThreadReverted(_)).then_some(())).await;
    assert_eq!(said(&session).await, ["answer 1"]);
    assert_eq!(session.view.last_message, None);

    assert_eq!(session.turn(&[]).await.turn.id, "turn_3", "ids of turns are not used again");
    let request = last_request(&place);
    assert!(
        request.contains("answer 1") && !request.contains("answer 2") && !request.contains("answer 3"),
        "{request}"
    );
    assert_eq!(said(&session).await, ["answer 1", "answer 4"]);

    let mut session = session.resumed(&place).await;
    assert_eq!(said(&session).await, ["answer 1", "answer 4"]);
    assert!(revert(&session, "turn_2").await.is_err(), "it is none of the conversation any more");
    assert_eq!(revert(&session, "turn_0").await, Ok(ThreadStatus::Idle));
    session.turn(&[]).await;
    let request = last_request(&place);
    assert!(!request.contains("answer 1") && !request.contains("answer 4"), "{request}");
    let told = request.contains("the user is asked before every edit");
    assert!(told, "what the model was told of its walls in a turn that is gone is told again: {request}");
}

#[tokio::test]
async fn nothing_goes_back_while_a_turn_runs() {
    let place = Place::new(json!([run("touch made"), { "text": "ok" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Untrusted).await;
    session.say("go").await;
    session.question().await;
    let refused = revert(&session, "turn_0").await.unwrap_err();
    assert!(refused.contains("interrupt it first"), "{refused}");
    session.interrupt().await;
    session.turn_ended().await;
    assert_eq!(revert(&session, "turn_0").await, Ok(ThreadStatus::Idle));
}

/// A session with files: what the model does by patch and by command, what the user does, and the way back and forth.
#[tokio::test]
async fn files_go_back_and_forth_and_those_of_the_user_stay() {
    let place = Place::new(json!([
        run("mkdir -p deep/er && echo 1 > deep/er/a && echo x > b && chmod 600 b && ln -s b link && rm gone"),
        { "text": "answer 1" },
        run("echo 2 >> deep/er/a; echo mine > both; rm link; mv b c"),
        { "text": "answer 2" },
        { "text": "answer 3" },
    ]));
    write(&place, "gone", "kept\n");
    write(&place, "both", "before\n");
    let state = || tree(&place.workspace);
    let first = state();
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    let second = state();
    write(&place, "of the user", "1\n");
    session.turn(&[]).await;
    let third = state();
    write(&place, "of the user", "2\n");
    write(&place, "both", "the user's\n");

    let listed = list(&session).await;
    let turns: Vec<_> = listed.turns.iter().map(|turn| (turn.turn_id.as_str(), turn.files_changed)).collect();
    assert_eq!(turns, [("turn_0", Some(6)), ("turn_1", Some(5))]);
    assert_eq!((listed.turns[0].prompt.as_str(), listed.undo_turn_id.as_deref()), ("go", Some("turn_1")));
    assert_eq!(listed.redo, None);

    let preview = preview(&session, "turn_1").await;
    let shown = |files: &[RewindFile]| -> Vec<String> {
        files.iter().map(|file| format!("{} +{} -{}", name(&place, &file.path), file.added, file.removed)).collect()
    };
    assert_eq!(shown(&preview.files), ["b +1 -0", "c +0 -1", "deep/er/a +0 -1", "link +0 -0"]);
    assert_eq!(shown(&preview.conflicts), ["both +1 -1"]);
    assert_eq!(preview.not_restorable, []);
    assert_eq!(fs::read_to_string(place.workspace.join("both")).unwrap(), "the user's\n", "a preview changes nothing");

    let gone = rewind(&session, "turn_1", RewindWhat::Files, &[]).await;
    assert_eq!((gone.restored.len(), shown(&gone.conflicts)), (4, vec!["both +1 -1".to_owned()]));
    let with = |mut tree: BTreeMap<String, String>, changes: &[(&str, &str)]| {
        for (path, text) in changes {
            let mode = tree.get(*path).or(tree.get("gone")).or(tree.get("both")).unwrap().split(' ').next().unwrap();
            tree.insert((*path).to_owned(), format!("{mode} {text}"));
        }
        tree
    };
    let users = [("of the user", "2\n"), ("both", "the user's\n")];
    assert_eq!(state(), with(second.clone(), &users));
    assert_eq!(list(&session).await.redo, Some(RewindWhat::Files));
    assert_eq!(list(&session).await.undo_turn_id.as_deref(), Some("turn_0"));

    let forth = redo(&session, &[]).await.unwrap();
    assert_eq!((forth.what, forth.restored.len()), (RewindWhat::Files, 4));
    assert_eq!(state(), with(third.clone(), &users));
    assert!(redo(&session, &[]).await.unwrap_err().contains("nothing to redo"));

    // On a server of its own, to the beginning, and over what the user changed too.
    let mut session = session.resumed(&place).await;
    let both = place.workspace.join("both").display().to_string();
    let gone = rewind(&session, "turn_0", RewindWhat::Both, &[&both]).await;
    assert_eq!(gone.conflicts, []);
    assert_eq!(gone.input, [UserInput::Text { text: "go".into() }]);
    assert_eq!(state(), with(first.clone(), &[("of the user", "2\n")]));
    assert_eq!((said(&session).await.len(), list(&session).await.redo), (0, Some(RewindWhat::Both)));
    redo(&session, &[]).await.unwrap();
    assert_eq!(state(), with(third, &users));
    assert_eq!(said(&session).await, ["answer 1", "answer 2"]);

    rewind(&session, "turn_1", RewindWhat::Files, &[&both]).await;
    session.turn(&[]).await;
    let request = last_request(&place);
    assert!(request.contains("The user has taken files back") && request.contains("deep/er/a"), "{request}");
    assert!(redo(&session, &[]).await.is_err(), "a turn has begun since");
}

/// What stays because the user changed it too can be chosen afterwards, and both steps can be taken back.
#[tokio::test]
async fn files_that_were_left_can_be_chosen_when_the_conversation_has_gone_back() {
    let place = Place::new(json!([run("echo 1 > a; echo 1 > b; echo 1 > c"), { "text": "answer 1" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    write(&place, "a", "the user's\n");
    write(&place, "b", "the user's\n");
    let gone = rewind(&session, "turn_0", RewindWhat::Both, &[]).await;
    assert_eq!((gone.what, gone.conflicts.len(), said(&session).await.len()), (RewindWhat::Both, 2, 0));
    let listed = list(&session).await;
    assert_eq!(listed.turns.iter().map(|turn| turn.turn_id.as_str()).collect::<Vec<_>>(), ["turn_0"]);
    let left: Vec<_> =
        preview(&session, "turn_0").await.conflicts.iter().map(|file| name(&place, &file.path)).collect();
    assert_eq!(left, ["a", "b"]);
    let chosen = place.workspace.join("a").display().to_string();
    let gone = rewind(&session, "turn_0", RewindWhat::Both, &[&chosen]).await;
    assert_eq!((gone.what, gone.restored, gone.conflicts.len()), (RewindWhat::Files, vec![chosen], 1));
    assert_eq!(tree(&place.workspace).into_keys().collect::<Vec<_>>(), ["b"]);

    assert_eq!(redo(&session, &[]).await.unwrap().what, RewindWhat::Files);
    assert_eq!(fs::read_to_string(place.workspace.join("a")).unwrap(), "the user's\n");
    assert_eq!(redo(&session, &[]).await.unwrap().what, RewindWhat::Both);
    assert_eq!(tree(&place.workspace).into_keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(said(&session).await, ["answer 1"]);
    // What was taken back wholly is not listed any more.
    let all: Vec<String> = ["a", "b"].iter().map(|name| place.workspace.join(name).display().to_string()).collect();
    rewind(&session, "turn_0", RewindWhat::Both, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(list(&session).await.turns, []);
}

/// What commands do that run on is known as far as it is certain whose it is.
#[tokio::test]
async fn what_a_command_does_that_runs_on_is_not_taken_for_the_users() {
    let runs_on = "echo 1 > a; read line < pipe; echo 2 > a; echo 3 > late";
    let runs_on = json!({ "tool": "exec_command", "arguments": { "cmd": runs_on, "yield_time_ms": 500 } });
    let place = Place::new(json!([run("mkfifo pipe"), runs_on, { "text": "answer 1" }]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    write(&place, "other", "the user's\n");
    let params = ThreadRewindParams {
        thread_id: session.thread_id.clone(),
        before_turn_id: "turn_0".into(),
        ..ThreadRewindParams::default()
    };
    let error = session.connection.client.thread_rewind(params).await.unwrap_err();
    assert!(error.message.contains("commands still run"), "{error}");
    fs::write(place.workspace.join("pipe"), "go on\n").unwrap();
    session.next(|told| matches!(told, ServerNotification::ItemCompleted(_)).then_some(())).await;
    let preview = preview(&session, "turn_0").await;
    let names = |files: &[RewindFile]| -> Vec<String> { files.iter().map(|file| name(&place, &file.path)).collect() };
    // The pipe is nothing that can be kept.
    assert_eq!((names(&preview.files), preview.not_restorable.len()), (vec![], 1));
    assert_eq!(names(&preview.conflicts), ["a", "late", "other"], "whose these are is not certain");
}

pub fn write(place: &Place, name: &str, text: &str) {
    fs::write(place.workspace.join(name), text).unwrap();
}

/// Each file and link below a directory with its mode and its text.
pub fn tree(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let is = path.symlink_metadata().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        if is.is_dir() {
            found.extend(tree(&path).into_iter().map(|(below, text)| (format!("{name}/{below}"), text)));
            continue;
        }
        let text = if is.is_symlink() {
            fs::read_link(&path).unwrap().display().to_string()
        } else {
            fs::read_to_string(&path).unwrap()
        };
        found.insert(name.to_owned(), format!("{:o} {text}", is.permissions().mode()));
    }
    found
}

pub fn name(place: &Place, path: &str) -> String {
    Path::new(path).strip_prefix(&place.workspace).unwrap().display().to_string()
}

pub async fn list(session: &Session) -> ThreadRewindListResult {
    let params = ThreadRewindListParams { thread_id: session.thread_id.clone() };
    session.connection.client.thread_rewind_list(params).await.unwrap()
}

fn params(session: &Session, turn: &str, what: RewindWhat, overwrite: &[&str]) -> ThreadRewindParams {
    let overwrite = overwrite.iter().map(|path| (*path).to_owned()).collect();
    ThreadRewindParams { thread_id: session.thread_id.clone(), before_turn_id: turn.into(), what, overwrite }
}

pub async fn preview(session: &Session, turn: &str) -> RewindPreview {
    let params = params(session, turn, RewindWhat::Files, &[]);
    session.connection.client.thread_rewind_preview(params).await.unwrap()
}

pub async fn rewind(session: &Session, turn: &str, what: RewindWhat, overwrite: &[&str]) -> ThreadRewound {
    session.connection.client.thread_rewind(params(session, turn, what, overwrite)).await.unwrap()
}

async fn redo(session: &Session, overwrite: &[&str]) -> Result<ThreadRewound, String> {
    let overwrite = overwrite.iter().map(|path| (*path).to_owned()).collect();
    let params = ThreadRewindRedoParams { thread_id: session.thread_id.clone(), overwrite };
    session.connection.client.thread_rewind_redo(params).await.map_err(|error| error.message)
}

/// The command, on a session that `exec` has left.
#[test]
fn a_session_is_taken_back_from_a_shell() {
    let place =
        Place::new(json!([run("echo 1 > a"), { "text": "ok" }, run("echo 2 > a; echo 3 > b"), { "text": "ok" }]));
    let codex = |arguments: &[&str]| {
        let output = place.codex(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let read = |name: &str| fs::read_to_string(place.workspace.join(name)).ok();
    let (code, _, said) = codex(&["rewind", "--last"]);
    assert!(code == Some(2) && said.contains("there is no session that began in"), "{said}");
    assert!(said.contains("`codex sessions --all` lists them"), "{said}");
    for arguments in [&["exec", "one"][..], &["exec", "resume", "--last", "two"]] {
        assert_eq!(codex(arguments).0, Some(0), "{arguments:?}");
    }
    // No model is asked.
    let without_key = ["-c", "model_providers.mock.env_key=NOBODY_HAS_SET"];
    let (code, _, said) = codex(&[&["exec", "resume", "--last", "x"][..], &without_key].concat());
    assert!(code == Some(2) && said.contains("NOBODY_HAS_SET"), "{said}");
    let journals = place.journals();
    let (code, listed, said) = codex(&[&["rewind", "--list"][..], &without_key].concat());
    assert_eq!((code, listed.lines().count()), (Some(0), 2), "{listed}{said}");
    assert!(listed.contains("1 path  one") && listed.contains("2 paths  two"), "{listed}");
    let (code, shown, _) = codex(&["rewind", "--last", "--dry-run"]);
    assert!(code == Some(0) && shown.contains("change") && shown.contains("delete"), "{shown}");
    assert_eq!((read("a").as_deref(), read("b").as_deref()), (Some("2\n"), Some("3\n")));
    assert!(place.journals() == journals, "whoever only looks changes nothing");

    write(&place, "b", "the user's\n");
    let (code, done, _) = codex(&["rewind", "--last", "--files"]);
    assert!(code == Some(1) && done.contains("conflict") && done.contains("codex rewind --redo "), "{done}");
    assert_eq!((read("a").as_deref(), read("b").as_deref()), (Some("1\n"), Some("the user's\n")));
    let (code, done, _) = codex(&["rewind", "--redo", "--json"]);
    let done: serde_json::Value = serde_json::from_str(&done).unwrap();
    assert_eq!((code, done["what"].as_str(), read("a").as_deref()), (Some(0), Some("files"), Some("2\n")));
    assert_eq!(codex(&["rewind", "--to", "1", "--overwrite", "b"]).0, Some(0));
    assert_eq!((read("a"), read("b")), (None, None));
    for (arguments, expected) in [
        (&["rewind"][..], "--last or --to N"),
        (&["rewind", "--to", "1"], "no prompt to go back to"),
        (&["rewind", "--last", "--to", "1"], "cannot be used with"),
        (&["rewind", "nosuchsession", "--last"], "nosuchsession"),
    ] {
        let (code, _, said) = codex(arguments);
        assert!(code == Some(2) && said.contains(expected), "{arguments:?}: {said}");
    }
}

/// kill -9 after each line of the journal in turn: the session is there, and all that was done can be taken back.
#[test]
fn what_was_done_before_a_kill_can_be_taken_back() {
    let patch = "*** Begin Patch\n*** Update File: kept\n@@\n-1\n+2\n*** Add File: new\n+made\n*** End Patch\n";
    let script = json!([
        run("echo a > made; echo 0 >> kept"),
        { "calls": [{ "custom": "apply_patch", "input": patch }] },
        run("rm kept; mkdir d; echo b > d/b"),
        { "text": "ok" },
    ]);
    let mut ended = false;
    for lines in 1.. {
        let place = Place::new(script.clone());
        write(&place, "kept", "1\n");
        let first = tree(&place.workspace);
        let mut child = place.codex(&["exec", "go"]).spawn().unwrap();
        let written = || place.journals().first().map_or(0, |journal| journal.lines().count());
        while written() < lines && !ended {
            ended = child.try_wait().unwrap().is_some();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let journal = place.journals().remove(0);
        let rewind = |arguments: &[&str]| {
            let all = [&["rewind", "--to", "1", "--files", "--json"], arguments].concat();
            let output = place.codex(&all).output().unwrap();
            serde_json::from_slice::<ThreadRewound>(&output.stdout)
                .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
        };
        match rewind(&[]) {
            Ok(rewound) => {
                let overwrite = rewound.conflicts.iter().flat_map(|file| ["--overwrite", &file.path]);
                rewind(&overwrite.collect::<Vec<_>>()).unwrap();
            }
            Err(error) => assert!(
                !journal.contains("turnStarted") && (error.contains("no prompt") || error.contains("no session")),
                "{error}"
            ),
        }
        assert_eq!(tree(&place.workspace), first, "killed after {lines} lines: {journal}");
        if ended {
            assert!(lines > 15, "the journal has fewer lines than there are steps: {journal}");
            break;
        }
    }
}
