//! A response that comes whole, though a stream was asked for, as the event at the end of one.

use serde_json::{Value, json};

/// The only event. `None` if `body` is no response that has ended.
pub(crate) fn events_of(body: &Value) -> Option<Vec<Value>> {
    body.get("output")?.as_array()?;
    let status = body["status"].as_str().unwrap_or("completed");
    let has_ended = ["completed", "failed", "incomplete"].contains(&status);
    has_ended.then(|| vec![json!({ "type": format!("response.{status}"), "response": body })])
}
