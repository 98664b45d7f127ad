//! An answer that comes whole, though a stream was asked for, as the chunks that it would have been.

use serde_json::{Value, json};

/// The only chunk: an answer has its `message` in the place of a `delta`. `None` if `body` is no answer.
pub(crate) fn events_of(body: &Value) -> Option<Vec<Value>> {
    let choices = body.get("choices")?.as_array()?;
    let has_message = choices.iter().any(|choice| choice["message"].is_object());
    // Why it ended is not said everywhere, and here it has.
    let ended = choices.iter().cloned().map(|mut choice| {
        if choice["finish_reason"].is_null() {
            choice["finish_reason"] = "stop".into();
        }
        choice
    });
    has_message.then(|| vec![json!({ "choices": ended.collect::<Vec<_>>(), "usage": body["usage"] })])
}
