//! kill -9 at any moment: nothing that was shown is missing from the journal, and the session goes on.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::{
    faults::every_call_has_its_answer,
    support::{Place, events},
};

/// Lines of JSON that the script below leads to.
const LINES: usize = 13;

fn script() -> Value {
    let patch = "*** Begin Patch\n*** Add File: made.txt\n+made\n*** End Patch\n";
    json!({ "pick": "results", "steps": [
        { "text": "Text one.", "tool": "exec_command", "arguments": { "cmd": "echo output-one" } },
        { "calls": [
            { "tool": "exec_command", "arguments": { "cmd": "echo output-two" } },
            { "custom": "apply_patch", "input": patch },
        ]},
        { "reasoning": "Thought.", "text": "Text two.", "tool": "exec_command", "arguments": { "cmd": "echo output-three" } },
        { "text": "Text three." },
    ]})
}

/// What a shown event says that must be on disk.
fn said(event: &Value) -> Option<&str> {
    let item = &event["item"];
    (event["type"] == "item.completed").then(|| {
        ["text", "aggregated_output"].iter().find_map(|key| item[key].as_str()).or(item["changes"][0]["path"].as_str())
    })?
}

#[test]
fn what_was_shown_is_in_the_journal_and_the_session_goes_on() {
    for lines in 1..=LINES {
        let place = Place::new(script());
        let mut child = place.codex(&["exec", "--json", "go"]).spawn().unwrap();
        let shown: Vec<u8> = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .take(lines)
            .flat_map(|line| (line.unwrap() + "\n").into_bytes())
            .collect();
        child.kill().unwrap();
        child.wait().unwrap();
        let shown = events(&shown);
        assert_eq!(shown.len(), lines, "the script leads to fewer lines: {shown:?}");
        let journals = place.journals();
        assert_eq!(journals.len(), 1);
        for said in shown.iter().filter_map(said) {
            let quoted = serde_json::to_string(said).unwrap();
            assert!(journals[0].contains(&quoted), "shown, not written, killed after {lines}: {said}\n{}", journals[0]);
        }
        let id = shown[0]["thread_id"].as_str().unwrap();
        let output = place.codex(&["exec", "--json", "resume", id, "go on"]).output().unwrap();
        let resumed = events(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "killed after {lines}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(resumed.last().unwrap()["type"], "turn.completed");
        every_call_has_its_answer(&place.server.requests().pop().unwrap().body);
    }
}
