//! `--json`, member by member: client programs read these lines, and some of them by the order of their members.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Place, events};

/// Kinds of events, and of items, with their members in the order in which they are written.
const EVENTS: [(&str, &[&str]); 8] = [
    ("thread.started", &["type", "thread_id"]),
    ("turn.started", &["type"]),
    ("item.started", &["type", "item"]),
    ("item.updated", &["type", "item"]),
    ("item.completed", &["type", "item"]),
    ("turn.completed", &["type", "usage"]),
    ("turn.failed", &["type", "error"]),
    ("error", &["type", "message"]),
];
const ITEMS: [(&str, &[&str]); 8] = [
    ("agent_message", &["id", "type", "text"]),
    ("reasoning", &["id", "type", "text"]),
    ("command_execution", &["id", "type", "command", "aggregated_output", "exit_code", "status"]),
    ("file_change", &["id", "type", "changes", "status"]),
    ("mcp_tool_call", &["id", "type", "server", "tool", "arguments", "result", "error", "status"]),
    (
        "collab_tool_call",
        &["id", "type", "tool", "sender_thread_id", "receiver_thread_ids", "prompt", "agents_states", "status"],
    ),
    ("todo_list", &["id", "type", "items"]),
    ("error", &["id", "type", "message"]),
];
const USAGE: [&str; 5] =
    ["input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens", "reasoning_output_tokens"];
/// Kinds of items that are complete when they are first told of.
const COMPLETE_AT_ONCE: [&str; 3] = ["agent_message", "reasoning", "error"];

fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// What every line must keep to.
fn check(line: &Value) {
    let kind = |value: &Value| value["type"].as_str().unwrap().to_owned();
    let expected = EVENTS.iter().find(|(name, _)| *name == kind(line)).unwrap_or_else(|| panic!("no event: {line}")).1;
    assert_eq!(members(line), expected, "{line}");
    match kind(line).as_str() {
        "turn.completed" => {
            assert_eq!(members(&line["usage"]), USAGE);
            assert!(line["usage"].as_object().unwrap().values().all(Value::is_u64), "{line}");
        }
        "turn.failed" => assert_eq!(members(&line["error"]), ["message"]),
        event if event.starts_with("item.") => {
            let item = &line["item"];
            let expected =
                ITEMS.iter().find(|(name, _)| *name == kind(item)).unwrap_or_else(|| panic!("no item: {line}"));
            assert_eq!(members(item), expected.1, "{line}");
            let running = item["status"] == "in_progress";
            assert!(running == (event == "item.started") || item["status"].is_null(), "{line}");
            assert!(event == "item.completed" || !COMPLETE_AT_ONCE.contains(&kind(item).as_str()), "{line}");
            if kind(item) == "command_execution" {
                assert!(item["exit_code"].is_null() || !running, "{line}");
            }
        }
        _ => {}
    }
}

#[test]
fn every_line_has_the_members_that_client_programs_read_and_no_others() {
    let patch = "*** Begin Patch\n*** Add File: new.txt\n+n\n*** End Patch\n";
    let step = |status: &str| json!({ "plan": [{ "step": "one", "status": status }] });
    let calls = json!([
        { "tool": "exec_command", "arguments": { "cmd": "echo hi" } },
        { "tool": "exec_command", "arguments": { "cmd": "exit 3" } },
        { "tool": "exec_command", "arguments": { "cmd": "x", "sandbox_permissions": "require_escalated" } },
        { "custom": "apply_patch", "input": patch },
        { "custom": "apply_patch", "input": "not a patch" },
        { "tool": "read_file", "arguments": { "path": "new.txt" } },
        { "tool": "list_dir", "arguments": { "path": "missing" } },
        { "tool": "stop_agent", "arguments": { "agent": "none" } },
        { "tool": "no_such_tool", "arguments": "not JSON" },
        { "tool": "update_plan", "arguments": step("in_progress") },
        { "tool": "update_plan", "arguments": step("completed") },
    ]);
    let place = Place::new(json!([
        { "reasoning": "Why.", "text": "First.", "calls": calls },
        { "http": 500 },
        { "text": "Done." },
        { "http": 400 },
    ]));
    // An unknown key gives a warning, which is an item.
    let typed = |prompt| place.codex(&["exec", "--json", "-c", "no_such_key=1", prompt]).output().unwrap();
    let mut lines = events(&typed("go").stdout);
    lines.extend(events(&typed("fail").stdout));
    lines.iter().for_each(check);

    let kinds = |of: &dyn Fn(&Value) -> &Value| -> BTreeSet<String> {
        lines.iter().filter_map(|line| of(line)["type"].as_str().map(str::to_owned)).collect()
    };
    let names = |table: &[(&str, &[&str])]| table.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(kinds(&|line| line), names(&EVENTS));
    assert_eq!(kinds(&|line| &line["item"]), names(&ITEMS));
    // Warnings come before the turn; ids count up in the order in which they are first told, each run anew.
    let firsts = |lines: &[Value]| {
        let mut seen: Vec<String> = Vec::new();
        for id in lines.iter().filter_map(|line| line["item"]["id"].as_str()) {
            if !seen.iter().any(|other| other == id) {
                seen.push(id.to_owned());
            }
        }
        seen
    };
    let second = lines.iter().rposition(|line| line["type"] == "thread.started").unwrap();
    for run in [&lines[..second], &lines[second..]] {
        assert_eq!((&run[1]["item"]["type"], &run[2]["type"]), (&json!("error"), &json!("turn.started")));
        let ids = firsts(run);
        assert!(ids.iter().enumerate().all(|(number, id)| *id == format!("item_{number}")), "{ids:?}");
    }
}
