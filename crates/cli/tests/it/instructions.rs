//! Files of instructions: which count, how much of them, and those below the working directory.

use std::{fs, path::Path};

use codex_protocol::{ApprovalPolicy, ThreadStartParams};
use serde_json::{Map, Value, json};

use crate::{session::Session, support::Place};

fn write(place: &Place, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = place.workspace.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn requests(place: &Place) -> Vec<String> {
    place.server.requests().iter().map(|request| request.body.to_string()).collect()
}

fn read(path: &str) -> Value {
    json!({ "calls": [{ "tool": "read_file", "arguments": { "path": path } }] })
}

#[tokio::test]
async fn those_of_directories_below_are_told_when_something_there_is_touched() {
    let place = Place::new(
        json!([read("a/b/x.txt"), read("a/b/x.txt"), { "text": "ok" }, { "text": "short" }, { "text": "ok" }]),
    );
    write(
        &place,
        &[
            (".git/HEAD", ""),
            ("CLAUDE.md", "the top says @more.md"),
            ("more.md", "imported words"),
            ("a/AGENTS.md", "words of a"),
            ("a/b/CLAUDE.md", "words of b"),
            ("a/b/x.txt", "x"),
            ("c/AGENTS.md", "words of c"),
        ],
    );
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.turn(&[]).await;
    let asked = requests(&place);
    assert!(asked[0].contains("the top says") && asked[0].contains("imported words"), "{}", asked[0]);
    assert!(!asked[0].contains("words of"), "{}", asked[0]);
    let count = |text: &str, words: &str| text.matches(words).count();
    for asked in &asked[1..] {
        assert_eq!(
            [count(asked, "words of a"), count(asked, "words of b"), count(asked, "words of c")],
            [1, 1, 0],
            "{asked}"
        );
        assert!(asked.find("words of a") < asked.find("words of b"), "{asked}");
    }
    // They hold after a summary too.
    let thread_id = session.thread_id.clone();
    let compact = codex_protocol::ThreadCompactStartParams { thread_id, ..Default::default() };
    session.connection.client.thread_compact_start(compact).await.unwrap();
    session.turn_ended().await;
    session.turn(&[]).await;
    let last = requests(&place).pop().unwrap();
    assert_eq!([count(&last, "words of a"), count(&last, "words of b")], [1, 1], "{last}");
}

#[tokio::test]
async fn settings_say_which_files_count_and_how_much_of_them() {
    let place = Place::new(json!([{ "text": "ok" }]));
    write(&place, &[("RULES.md", "0123456789"), ("CLAUDE.md", "not this")]);
    let mut config = Map::new();
    config.insert("project_doc_fallback_filenames".into(), json!(["RULES.md"]));
    config.insert("project_doc_max_bytes".into(), json!(4));
    let approval_policy = Some(ApprovalPolicy::Never);
    let params = ThreadStartParams { config: Some(config), approval_policy, ..Default::default() };
    let mut session = Session::with(&place, params).await;
    let seen = session.turn(&[]).await;
    assert!(seen.warnings.iter().any(|it| it.contains("RULES.md was cut")), "{:?}", seen.warnings);
    let asked = requests(&place).remove(0);
    assert!(asked.contains("0123\\n[cut here") && !asked.contains("not this"), "{asked}");
}

#[test]
fn the_users_own_words_come_first_and_in_the_place_of_the_programs() {
    let place = Place::new(json!([]));
    let path = place.home.join("config.toml");
    let before = fs::read_to_string(&path).unwrap();
    let told = |settings: String| {
        fs::write(&path, settings + &before).unwrap();
        let output = place.codex(&["exec", "Hello."]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = place.server.requests().pop().unwrap().body.to_string();
        let own = "Use the shell for building, testing and looking around.";
        (said.contains("Speak like a pirate.\\nAlways."), said.contains("A parrot answers."), said.contains(own))
    };
    let behind = "developer_instructions = \"\"\"\nSpeak like a pirate.\nAlways.\n\"\"\"\n";
    assert_eq!(told(String::new()), (false, false, true));
    let (said, _, own) = told(behind.to_owned());
    assert!(said && own);
    let file = place.home.join("own.md");
    fs::write(&file, "A parrot answers.\n").unwrap();
    let instead = format!("model_instructions_file = {file:?}\n");
    assert_eq!(told(format!("{instead}{behind}")), (true, true, false));
    // What never ends, or never begins, is said to be so.
    let pipe = place.home.join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let (long, binary) = (place.home.join("long.md"), place.home.join("binary.md"));
    fs::write(&long, "a".repeat((256 << 10) + 1)).unwrap();
    fs::write(&binary, [b'a', 0xff]).unwrap();
    for (file, why) in [
        (Path::new("/nowhere/own.md"), "No such file"),
        (&pipe, "it is not a regular file"),
        (Path::new("/dev/zero"), "it is not a regular file"),
        (&long, "it has more than 256 KiB"),
        (&binary, "it is not UTF-8"),
    ] {
        fs::write(&path, format!("model_instructions_file = {file:?}\n{before}")).unwrap();
        let output = place.codex(&["exec", "Hello."]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let expected = format!("model_instructions_file: {}: {why}", file.display());
        assert!(output.status.code() == Some(2) && said.contains(&expected), "{said}");
    }
}
