//! What the model is sent: which tools, and always the same beginning.

use serde_json::{Value, json};

use crate::support::Place;

fn tools(request: &Value) -> Vec<&str> {
    request["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[test]
fn read_only_offers_neither_shell_nor_patch() {
    let place = Place::new(json!([{ "text": "ok" }, { "text": "ok" }]));
    place.codex(&["exec", "-s", "read-only", "go"]).output().unwrap();
    place.codex(&["exec", "go"]).output().unwrap();
    let requests = place.server.requests();
    assert_eq!(
        tools(&requests[0].body),
        ["git_read", "list_dir", "read_file", "request_user_input", "search_files", "update_plan"]
    );
    assert!(["exec_command", "apply_patch"].iter().all(|tool| tools(&requests[1].body).contains(tool)));
}

#[test]
fn each_request_begins_with_the_bytes_of_the_one_before() {
    let place = Place::new(json!([
        { "reasoning": "Why.", "text": "a", "tool": "exec_command", "arguments": { "cmd": "echo 1" } },
        { "tool": "read_file", "arguments": { "path": "missing" } },
        { "text": "b" },
        { "text": "c" },
    ]));
    assert!(place.codex(&["exec", "go"]).output().unwrap().status.success());
    assert!(place.codex(&["exec", "resume", "--last", "more"]).output().unwrap().status.success());
    let requests = place.server.requests();
    assert_eq!(requests.len(), 4);
    for pair in requests.windows(2) {
        let (before, after) = (&pair[0].raw, &pair[1].raw);
        let common = before.iter().zip(after.iter()).take_while(|(a, b)| a == b).count();
        let input = String::from_utf8_lossy(&before[common..]).into_owned();
        // Only what closes the list of messages differs.
        assert!(input.starts_with(']'), "the prefix breaks at byte {common}: {input}");
    }
}
