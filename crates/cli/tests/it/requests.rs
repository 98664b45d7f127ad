//! What the model is sent: which tools, in which shape, and always the same beginning.

use std::{fs, path::Path};

use codex_testkit::Wire;
use serde_json::{Map, Value, json};

use crate::support::Place;

/// Most that the first request may have, in bytes, with all tools and without instructions of the project.
const FIRST_REQUEST: usize = 16 << 10;

fn tools(request: &Value) -> Vec<&str> {
    request["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

/// The place of a conversation over `wire` that has every kind of message.
fn everything(wire: Wire) -> Place {
    let patch = "*** Begin Patch\n*** Add File: new.txt\n+x\n*** End Patch\n";
    let place = Place::over(
        wire,
        json!([
            { "reasoning": "Why.", "text": "a", "tool": "exec_command", "arguments": { "cmd": "echo 1" } },
            { "calls": [
                { "tool": "read_file", "arguments": { "path": "missing" } },
                { "tool": "view_image", "arguments": { "path": "a.gif" } },
                { "custom": "apply_patch", "input": patch },
                { "tool": "no_such_tool", "arguments": {} },
            ]},
            { "text": "b" },
            { "text": "c" },
        ]),
    );
    fs::write(place.workspace.join("a.gif"), b"GIF89a").unwrap();
    let config = place.home.join("config.toml");
    let reasoning = fs::read_to_string(&config).unwrap().replace("model = \"mock\"", "model = \"gpt-5\"");
    fs::write(config, reasoning).unwrap();
    assert!(place.codex(&["exec", "-i", "a.gif", "go"]).output().unwrap().status.success());
    assert!(place.codex(&["exec", "resume", "--last", "-i", "a.gif", "more"]).output().unwrap().status.success());
    assert_eq!(place.server.requests().len(), 4);
    place
}

#[test]
fn read_only_offers_neither_shell_nor_patch() {
    let place = Place::new(json!([{ "text": "ok" }, { "text": "ok" }]));
    place.codex(&["exec", "-s", "read-only", "go"]).output().unwrap();
    place.codex(&["exec", "go"]).output().unwrap();
    let requests = place.server.requests();
    let reading = [
        "git_read",
        "list_dir",
        "message_agent",
        "read_file",
        "request_user_input",
        "search_files",
        "spawn_agent",
        "stop_agent",
        "update_plan",
        "view_image",
        "wait_agent",
    ];
    assert_eq!(tools(&requests[0].body), reading);
    let all = tools(&requests[1].body);
    let more: Vec<_> = all.iter().filter(|tool| !reading.contains(tool)).collect();
    assert_eq!(more, [&"apply_patch", &"exec_command", &"manage_processes", &"write_stdin"]);
}

#[test]
fn each_request_begins_with_the_bytes_of_the_one_before() {
    for wire in [Wire::Responses, Wire::Chat] {
        let requests = everything(wire).server.requests();
        for pair in requests.windows(2) {
            let (before, after) = (&pair[0].raw, &pair[1].raw);
            let common = before.iter().zip(after.iter()).take_while(|(a, b)| a == b).count();
            let rest = String::from_utf8_lossy(&before[common..]).into_owned();
            // Only what closes the list of messages differs.
            assert!(rest.starts_with(']'), "{wire:?}: the prefix breaks at byte {common}: {rest}");
        }
    }
}

#[test]
fn the_first_request_is_small() {
    for wire in Wire::ALL {
        let place = Place::over(wire, json!([{ "text": "ok" }]));
        assert!(place.codex(&["exec", "go"]).output().unwrap().status.success());
        let request = place.server.requests().pop().unwrap();
        let size = request.raw.len();
        // For `docs/benchmarks.md`.
        println!("first request over {}: {size} bytes", wire.name());
        assert!(size <= FIRST_REQUEST, "{size} bytes over {}", wire.name());
    }
}

#[test]
fn sealed_reasoning_goes_back_as_it_came() {
    let requests = everything(Wire::Responses).server.requests();
    let reasoning = |body: &Value| -> Vec<Value> {
        let items = body["input"].as_array().unwrap().iter();
        items.filter(|item| item["type"] == "reasoning").cloned().collect()
    };
    assert_eq!(requests[0].body["include"], json!(["reasoning.encrypted_content"]));
    assert!(requests.iter().all(|request| request.body["store"] == false));
    let first = reasoning(&requests[1].body);
    assert_eq!(first.len(), 1);
    assert!(first[0]["encrypted_content"].as_str().is_some_and(|sealed| !sealed.is_empty()), "{first:?}");
    assert_eq!(reasoning(&requests[3].body), first, "also after a resume, from disk");
}

/// A request with what differs from run to run, or is prose, replaced by its kind.
fn shape(value: &Value, key: &str) -> Value {
    const KEPT: &[&str] = &["type", "role", "name", "model", "tool_choice", "effort", "summary", "status", "syntax"];
    match value {
        Value::Object(object) if key == "properties" => {
            object.iter().map(|(name, schema)| (name.clone(), shape(schema, "schema"))).collect::<Map<_, _>>().into()
        }
        Value::Object(object) => {
            object.iter().map(|(name, inner)| (name.clone(), shape(inner, name))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) if ["required", "enum", "include", "type"].contains(&key) => Value::Array(items.clone()),
        Value::Array(items) => items.iter().map(|inner| shape(inner, key)).collect(),
        Value::String(text) if KEPT.contains(&key) => text.as_str().into(),
        Value::String(text) if text.starts_with("data:") => "<picture>".into(),
        Value::String(_) => "<text>".into(),
        other => other.clone(),
    }
}

/// The files say what was agreed. After a change that is meant, put what the failure prints into them.
#[test]
fn requests_have_the_agreed_shape() {
    for (wire, name) in
        [(Wire::Responses, "shape.json"), (Wire::Chat, "shape-chat.json"), (Wire::Anthropic, "shape-anthropic.json")]
    {
        let last = everything(wire).server.requests().pop().unwrap();
        let found = serde_json::to_string_pretty(&shape(&last.body, "")).unwrap() + "\n";
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/requests").join(name);
        let agreed = fs::read_to_string(&file).unwrap_or_default();
        assert!(found == agreed, "{} says otherwise; the request's shape is\n{found}", file.display());
    }
}
