//! Items in the form that other programs' clients of the protocol read: a command as the line that starts its shell, with
//! what the shell is told beside it; a file that is made or removed as its content.

use codex_permissions::prefix_rule;
use serde_json::{Value, json};

/// Rewrites the items in the result of a request, or in the parameters of a notification or a question.
pub(super) fn outward(value: &mut Value) {
    value.get_mut("item").into_iter().for_each(item);
    value.get_mut("turn").into_iter().for_each(turn);
    for entry in list(value, "data") {
        entry.get_mut("item").into_iter().for_each(item);
        turn(entry);
    }
    if let Some(thread) = value.get_mut("thread") {
        list(thread, "turns").for_each(turn);
    }
    // A question about a command names it without its item.
    if value.get("itemId").is_some() && value.get("cwd").is_some() {
        command(value);
    }
}

fn list<'value>(value: &'value mut Value, name: &str) -> impl Iterator<Item = &'value mut Value> {
    value.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

fn turn(value: &mut Value) {
    list(value, "items").for_each(item);
}

fn item(value: &mut Value) {
    match value["type"].as_str() {
        Some("commandExecution") => command(value),
        Some("fileChange") => list(value, "changes").for_each(change),
        _ => {}
    }
}

fn command(value: &mut Value) {
    let Some(line) = value["command"].as_str().map(str::to_owned) else { return };
    let Some(started) = prefix_rule(&["/bin/sh".into(), "-c".into(), line.clone()]) else { return };
    value["command"] = started.into();
    value["commandActions"] = json!([{ "type": "unknown", "command": line }]);
}

fn change(value: &mut Value) {
    let sign = match value["kind"]["type"].as_str() {
        Some("add") => '+',
        Some("delete") => '-',
        _ => return,
    };
    let Some(diff) = value["diff"].as_str() else { return };
    let mut content = String::new();
    for line in diff.split_inclusive('\n') {
        match line.strip_prefix(sign) {
            Some(line) => content.push_str(line),
            // `\ No newline at end of file`
            None if line.starts_with('\\') => content.truncate(content.trim_end_matches('\n').len()),
            None => {}
        }
    }
    value["diff"] = content.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_rewritten_wherever_they_stand_and_nothing_else_is() {
        let command = |line: &str, actions: Value| json!({ "type": "commandExecution", "command": line, "commandActions": actions });
        let change = |kind: &str, diff: &str| json!({ "path": "/a", "kind": { "type": kind }, "diff": diff });
        let files = |add: &str, delete: &str| {
            let changes = [change("add", add), change("delete", delete), change("update", "@@ -1 +1 @@\n-a\n+b\n")];
            json!({ "type": "fileChange", "changes": changes })
        };
        let tool = json!({ "type": "dynamicToolCall", "arguments": { "command": "x", "item": { "type": "commandExecution" } } });
        let before = [
            command("a 'b'; c", json!([])),
            files("@@ -0,0 +1,2 @@\n+one\n++two\n", "@@ -1 +0,0 @@\n-gone\n\\ No newline at end of file\n"),
            tool.clone(),
        ];
        let after = [
            command("/bin/sh -c \"a 'b'; c\"", json!([{ "type": "unknown", "command": "a 'b'; c" }])),
            files("one\n+two\n", "gone"),
            tool,
        ];
        for (before, after) in before.iter().zip(&after) {
            let places: [fn(&Value) -> Value; 5] = [
                |item| json!({ "item": item, "turnId": "t" }),
                |item| json!({ "turn": { "items": [item] } }),
                |item| json!({ "data": [{ "item": item }] }),
                |item| json!({ "data": [{ "items": [item] }] }),
                |item| json!({ "thread": { "turns": [{ "items": [item] }] } }),
            ];
            for place in places {
                let mut value = place(before);
                outward(&mut value);
                assert_eq!(value, place(after));
            }
        }
        let mut question = json!({ "itemId": "i", "cwd": "/", "command": "ls; pwd" });
        outward(&mut question);
        assert_eq!(question["command"], "/bin/sh -c 'ls; pwd'");
        assert_eq!(question["commandActions"][0]["command"], "ls; pwd");
    }
}
