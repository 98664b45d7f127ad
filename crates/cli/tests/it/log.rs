//! The log: what it says when something goes wrong, and that it says nothing else.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use crate::support::Place;

/// Everything that was written into the log; each file is its owner's alone.
fn log(place: &Place) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(place.home.join("log")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        text += &fs::read_to_string(entry.path()).unwrap();
    }
    text
}

#[test]
fn it_says_what_went_wrong_and_nothing_that_was_said() {
    let place = Place::new(json!([{ "http": 503, "body": "busy" }, { "text": "The answer." }, { "http": 400 }]));
    let run = |arguments: &[&str]| place.codex(arguments).output().unwrap().status.code();
    assert_eq!(run(&["exec", "the prompt"]), Some(0));
    assert_eq!(run(&["exec", "resume", "--last", "the next one"]), Some(1));
    let log = log(&place);
    let expected = [
        concat!(": begun by codex ", env!("CARGO_PKG_VERSION"), " (exec) in "),
        "turn_0: request again, 1/5: server failed (HTTP 503)",
        "turn_0: completed after ",
        ": resumed by codex ",
        "turn_1: failed after ",
    ];
    for part in expected {
        assert_eq!(log.matches(part).count(), 1, "{part}: {log}");
    }
    for line in log.lines() {
        let mut words = line.split(' ');
        assert!(words.next().is_some_and(|time| time.ends_with('Z')), "{line}");
        assert!(words.nth(1).is_some_and(|level| ["info", "warn", "error"].contains(&level)), "{line}");
    }
    let journal = &place.journals()[0];
    let id = journal.split("\"threadId\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(log.matches(id).count() >= 5, "{id}: {log}");
    for said in ["the prompt", "the next one", "The answer."] {
        assert!(journal.contains(said) && !log.contains(said), "{said}: {log}");
    }
}

#[test]
fn nothing_is_said_in_it_by_a_server_that_repeats_what_it_was_told() {
    let body = json!({ "error": { "message": "cannot read: the prompt" } }).to_string();
    let place = Place::new(json!([{ "http": 503, "body": body }, { "http": 422, "body": body }]));
    let output = place.codex(&["exec", "the prompt"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read: the prompt"), "{output:?}");
    let log = log(&place);
    assert!(!log.contains("cannot read") && !log.contains("the prompt"), "{log}");
    for kind in ["again, 1/5: server failed (HTTP 503)", "requests: bad request (HTTP 422)"] {
        assert!(log.contains(kind), "{kind}: {log}");
    }
}

#[test]
fn what_opens_no_session_and_what_shall_leave_no_trace_writes_none() {
    let place = Place::new(json!([]));
    let off = "log.level=\"off\"";
    let table: [&[&str]; 6] = [
        &["--version"],
        &["completion", "bash"],
        &["sandbox", "-s", "read-only", "--", "true"],
        &["doctor", "--offline"],
        &["exec", "--ephemeral", "go"],
        &["exec", "-c", off, "go"],
    ];
    for arguments in table {
        place.codex(arguments).output().unwrap();
        assert!(!place.home.join("log").exists(), "{arguments:?}");
    }
    place.codex(&["exec", "go"]).output().unwrap();
    assert!(log(&place).contains("begun by"), "so it is there");
}

#[test]
fn a_level_leaves_out_what_matters_less() {
    let place = Place::new(json!([{ "http": 400 }]));
    place.codex(&["exec", "-c", "log.level=\"error\"", "go"]).output().unwrap();
    let log = log(&place);
    assert!(log.lines().count() == 1 && log.contains(" error ") && log.contains("failed after"), "{log}");
}
