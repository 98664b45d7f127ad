//! The shapes of all messages as one document, `docs/protocol.schema.json`, and what may not change in it.
//!
//! `UPDATE=1 cargo test -p codex-protocol` renews it, unless that would break clients.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    MethodClass,
    methods::{notification_shapes, question_shapes, request_shapes},
};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.schema.json");

/// All messages: the results and parameters of requests, the parameters of notifications and questions.
fn document() -> Value {
    let mut all = schemars::SchemaGenerator::default();
    let (mut requests, mut notifications, mut questions) = (json!({}), json!({}), json!({}));
    for (name, class, params, result) in request_shapes(&mut all) {
        let ours = class == MethodClass::Ours;
        requests[name] = json!({ "ours": ours, "params": params, "result": result });
    }
    for (name, params) in notification_shapes(&mut all) {
        notifications[name] = json!({ "params": params });
    }
    for (name, params) in question_shapes(&mut all) {
        questions[name] = json!({ "params": params });
    }
    let answer = all.subschema_for::<crate::ApprovalAnswer>();
    let definitions: serde_json::Map<String, Value> = all.take_definitions(true);
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "requests": requests,
        "notifications": notifications,
        "questions": questions,
        "answer": answer,
        "$defs": definitions,
    });
    without_descriptions(&mut document);
    document
}

/// Words may change; what a member is called `description` is no word.
fn without_descriptions(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("description").is_some_and(Value::is_string) {
                members.shift_remove("description");
            }
            members.values_mut().for_each(without_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(without_descriptions),
        _ => {}
    }
}

/// What of `old` clients could rely on and is not in `new`, as paths.
fn broken(old: &Value, new: &Value, path: &str, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                // What is required is looked at below; what something is unless it is said may change.
                if ["required", "default", "ours"].contains(&name.as_str()) {
                    continue;
                }
                match new.get(name) {
                    Some(now) => broken(value, now, &format!("{path}/{name}"), found),
                    None => found.push(format!("{path}/{name} is gone")),
                }
            }
            let names = |of: &serde_json::Map<String, Value>| -> BTreeSet<String> {
                let required = of.get("required").and_then(Value::as_array).into_iter().flatten();
                required.filter_map(Value::as_str).map(str::to_owned).collect()
            };
            let (before, now) = (names(old), names(new));
            // Who sends may have left it out, who reads may have relied on it.
            found.extend(now.difference(&before).map(|name| format!("{path}: `{name}` is required")));
            found.extend(before.difference(&now).map(|name| format!("{path}: `{name}` may be missing")));
        }
        // Alternatives and names: each must still be there, more may be.
        (Value::Array(old), Value::Array(new)) => {
            let is_there = |value: &Value| {
                new.iter().any(|now| {
                    let mut found = Vec::new();
                    broken(value, now, "", &mut found);
                    found.is_empty()
                })
            };
            let gone = old.iter().filter(|value| !is_there(value));
            found.extend(gone.map(|value| format!("{path}: {value} is gone")));
        }
        (old, new) if old != new => found.push(format!("{path} was {old} and is {new}")),
        _ => {}
    }
}

#[test]
fn the_document_is_what_the_code_says_and_clients_can_go_on() {
    let expected = document();
    let text = serde_json::to_string_pretty(&expected).unwrap() + "\n";
    let current = fs::read_to_string(Path::new(DOCUMENT)).unwrap_or_default();
    #[allow(clippy::disallowed_methods, reason = "a word of whoever runs the tests")]
    let update = std::env::var_os("UPDATE").is_some();
    if let Ok(before) = serde_json::from_str::<Value>(&current) {
        let mut found = Vec::new();
        broken(&before, &expected, "", &mut found);
        let way =
            "clients rely on it; where that must be, remove docs/protocol.schema.json and say so in the changelog";
        assert!(found.is_empty(), "the protocol has changed: {way}:\n{}", found.join("\n"));
    }
    if update {
        fs::write(Path::new(DOCUMENT), &text).unwrap();
    }
    let current = fs::read_to_string(Path::new(DOCUMENT)).unwrap_or_default();
    assert!(
        current == text,
        "docs/protocol.schema.json is not what the code says: UPDATE=1 cargo test -p codex-protocol"
    );
}

/// What is added breaks nobody; what is taken away, renamed, or asked for now does.
#[test]
fn what_would_break_clients_is_found() {
    let old = json!({
        "requests": { "a/b": { "ours": false, "params": { "$ref": "#/$defs/P" } } },
        "$defs": { "P": {
            "type": "object",
            "properties": { "id": { "type": "string" }, "kind": { "enum": ["x", "y"] } },
            "required": ["id"],
            "oneOf": [{ "properties": { "type": { "const": "one" } } }],
        } },
    });
    type Change = fn(&mut Value);
    let table: [(Change, &str); 10] = [
        (|_| {}, ""),
        (|new| new["requests"]["c"] = json!({}), ""),
        (|new| new["$defs"]["P"]["properties"]["more"] = json!({ "type": "string" }), ""),
        (|new| new["$defs"]["P"]["properties"]["kind"]["enum"] = json!(["x", "y", "z"]), ""),
        (|new| new["$defs"]["P"]["oneOf"][0]["properties"]["more"] = json!({}), ""),
        (|new| new["requests"] = json!({}), "/requests/a/b is gone"),
        (|new| new["$defs"]["P"]["properties"] = json!({ "id": { "type": "string" } }), "kind is gone"),
        (|new| new["$defs"]["P"]["properties"]["id"]["type"] = json!("integer"), "was \"string\" and is \"integer\""),
        (|new| new["$defs"]["P"]["properties"]["kind"]["enum"] = json!(["x"]), "\"y\" is gone"),
        (|new| new["$defs"]["P"]["required"] = json!(["id", "kind"]), "`kind` is required"),
    ];
    for (change, expected) in table {
        let (mut new, mut found) = (old.clone(), Vec::new());
        change(&mut new);
        broken(&old, &new, "", &mut found);
        let found = found.join("\n");
        assert!(if expected.is_empty() { found.is_empty() } else { found.contains(expected) }, "{expected}: {found}");
    }
}
