//! Ids of turns as they cross the wire. A turn's id is one within its thread; clients of the protocol take it for one of its
//! own among all turns of the server. So they get `THREAD:TURN`, and may say that, or the turn's id alone.

use serde_json::{Map, Value};

/// Members that hold the id of a turn.
const MEMBERS: [&str; 5] = ["turnId", "expectedTurnId", "lastTurnId", "beforeTurnId", "rootTurnId"];

/// Puts the id of `thread` before the ids of its turns in the result of a request or the parameters of a notification.
/// Nothing deeper is looked at: arguments of tools may have members of the same names.
pub(super) fn outward(value: &mut Value, thread: &str) {
    for member in MEMBERS {
        value.get_mut(member).into_iter().for_each(|id| prefix(id, thread));
    }
    if let Some(id) = value.get_mut("turn").and_then(|turn| turn.get_mut("id")) {
        prefix(id, thread);
    }
    let entries = value.get_mut("data").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten() {
        // A turn; or an item and where it belongs.
        let member = if entry.get("items").is_some() { "id" } else { "turnId" };
        entry.get_mut(member).into_iter().for_each(|id| prefix(id, thread));
    }
    if let Some(opened) = value.get_mut("thread") {
        let thread = opened["id"].as_str().unwrap_or(thread).to_owned();
        let turns = opened.get_mut("turns").and_then(Value::as_array_mut).into_iter().flatten();
        turns.filter_map(|turn| turn.get_mut("id")).for_each(|id| prefix(id, &thread));
    }
}

/// The words of an error, in which ids of turns stand between backquotes.
pub(super) fn outward_words(words: &str, thread: &str) -> String {
    words.replace("`turn_", &format!("`{thread}:turn_"))
}

/// Stands in all parameters that have the id of a turn as it crosses the wire.
pub(super) const MARK: &str = ":turn_";

/// Takes what [`outward`] put before the ids of turns out of the parameters of a request; `None` if they are no object.
pub(super) fn inward(params: &str) -> Option<String> {
    let mut params: Map<String, Value> = serde_json::from_str(params).ok()?;
    for id in MEMBERS {
        if let Some(Value::String(id)) = params.get_mut(id)
            && let Some((_, turn)) = id.rsplit_once(':')
        {
            *id = turn.to_owned();
        }
    }
    serde_json::to_string(&params).ok()
}

fn prefix(id: &mut Value, thread: &str) {
    if let Value::String(id) = id
        && !id.is_empty()
    {
        *id = format!("{thread}:{id}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_of_turns_and_nothing_else_are_marked_with_their_thread_and_back() {
        let tool = json!({ "type": "dynamicToolCall", "id": "call", "arguments": { "turnId": "mine", "turn": { "id": "x" } } });
        let table = [
            (
                json!({ "threadId": "T", "turnId": "turn_0", "item": tool }),
                json!({ "threadId": "T", "turnId": "T:turn_0", "item": tool }),
            ),
            (
                json!({ "turn": { "id": "turn_1", "items": [tool] } }),
                json!({ "turn": { "id": "T:turn_1", "items": [tool] } }),
            ),
            (
                json!({ "data": [{ "turnId": "turn_0", "item": tool }], "nextCursor": null }),
                json!({ "data": [{ "turnId": "T:turn_0", "item": tool }], "nextCursor": null }),
            ),
            (
                json!({ "data": [{ "id": "turn_2", "items": [] }] }),
                json!({ "data": [{ "id": "T:turn_2", "items": [] }] }),
            ),
            (json!({ "data": [{ "id": "a model" }] }), json!({ "data": [{ "id": "a model" }] })),
            (
                json!({ "thread": { "id": "U", "turns": [{ "id": "turn_0", "items": [] }] } }),
                json!({ "thread": { "id": "U", "turns": [{ "id": "U:turn_0", "items": [] }] } }),
            ),
        ];
        for (mut ours, theirs) in table {
            outward(&mut ours, "T");
            assert_eq!(ours, theirs);
        }
        let params = r#"{"threadId":"T","expectedTurnId":"T:turn_0","input":[{"turnId":"a:b"}]}"#;
        let ours = r#"{"threadId":"T","expectedTurnId":"turn_0","input":[{"turnId":"a:b"}]}"#;
        assert!(params.contains(MARK));
        assert_eq!(inward(params).as_deref(), Some(ours));
        let words = outward_words("expected active turn id `turn_0` but found `turn_1`", "T");
        assert_eq!(words, "expected active turn id `T:turn_0` but found `T:turn_1`");
    }
}
