//! An answer that comes whole, though a stream was asked for, as the chunks that it would have been.

use serde_json::{Value, json};

/// The only chunk: an answer has its `message` in the place of a `delta`. `None` if `body` is no answer.
pub(crate) fn events_of(body: &Value) -> Option<Vec<Value>> {
    let choices = body.get("choices")?.as_array()?;
    let has_message = choices.iter().any(|choice| choice["message"].is_object());
    // Why it ended is not said everywhere, and here it has. What is no object is no choice.
    let ended = choices.iter().cloned().filter_map(|mut choice| {
        let reason = choice.as_object_mut()?.entry("finish_reason").or_insert(Value::Null);
        if reason.is_null() {
            *reason = "stop".into();
        }
        Some(choice)
    });
    let chunk = || json!({ "choices": ended.collect::<Vec<_>>(), "usage": body["usage"], "error": body["error"] });
    has_message.then(|| vec![chunk()])
}
