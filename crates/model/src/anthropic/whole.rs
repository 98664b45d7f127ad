//! A message that comes whole, though a stream was asked for, as the events that it would have been.

use serde_json::{Value, json};

/// The events. `None` if `body` is no message.
pub(crate) fn events_of(body: &Value) -> Option<Vec<Value>> {
    let blocks = body.get("content")?.as_array().filter(|_| body["type"] == "message")?;
    let mut events = vec![json!({ "type": "message_start", "message": { "usage": body["usage"] } })];
    for (index, block) in blocks.iter().enumerate() {
        events.push(json!({ "type": "content_block_start", "index": index, "content_block": block }));
        for citation in block["citations"].as_array().into_iter().flatten() {
            let delta = json!({ "type": "citations_delta", "citation": citation });
            events.push(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
        }
        events.push(json!({ "type": "content_block_stop", "index": index }));
    }
    let reason = body["stop_reason"].as_str().unwrap_or("end_turn");
    events.push(json!({ "type": "message_delta", "delta": { "stop_reason": reason }, "usage": body["usage"] }));
    Some(events)
}
