//! The events of a Responses stream, each built by a plain function.

use serde_json::{Value, json};

/// An event as it stands in the stream; the SSE name is its `type`.
pub fn sse(event: &Value) -> String {
    let name = event["type"].as_str().unwrap_or("message");
    format!("event: {name}\ndata: {event}\n\n")
}

/// The usage of answers that name none.
pub fn default_usage() -> Value {
    json!({
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 10, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 110,
    })
}

/// `response.created`.
pub fn created(id: &str) -> Value {
    json!({"type": "response.created", "response": {"id": id, "object": "response", "status": "in_progress"}})
}

/// `response.output_item.added`.
pub fn item_added(index: usize, item: &Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

/// `response.output_item.done`.
pub fn item_done(index: usize, item: &Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

/// `response.output_text.delta`.
pub fn text_delta(index: usize, item_id: &str, delta: &str) -> Value {
    json!({
        "type": "response.output_text.delta", "item_id": item_id, "output_index": index, "content_index": 0,
        "delta": delta,
    })
}

/// `response.reasoning_summary_part.added`.
pub fn paragraph_added(index: usize, item_id: &str, paragraph: usize) -> Value {
    json!({
        "type": "response.reasoning_summary_part.added", "item_id": item_id, "output_index": index,
        "summary_index": paragraph, "part": {"type": "summary_text", "text": ""},
    })
}

/// `response.reasoning_summary_text.delta`.
pub fn reasoning_delta(index: usize, item_id: &str, paragraph: usize, delta: &str) -> Value {
    json!({
        "type": "response.reasoning_summary_text.delta", "item_id": item_id, "output_index": index,
        "summary_index": paragraph, "delta": delta,
    })
}

/// `response.function_call_arguments.delta`.
pub fn arguments_delta(index: usize, item_id: &str, delta: &str) -> Value {
    json!({
        "type": "response.function_call_arguments.delta", "item_id": item_id, "output_index": index, "delta": delta,
    })
}

/// `response.completed`.
pub fn completed(id: &str, output: &[Value], usage: &Value) -> Value {
    json!({
        "type": "response.completed",
        "response": {"id": id, "object": "response", "status": "completed", "output": output, "usage": usage},
    })
}

/// `response.failed`.
pub fn failed(id: &str, code: &str, message: &str) -> Value {
    json!({
        "type": "response.failed",
        "response": {"id": id, "status": "failed", "error": {"code": code, "message": message}},
    })
}

/// `response.incomplete`.
pub fn incomplete(id: &str, reason: &str) -> Value {
    json!({
        "type": "response.incomplete",
        "response": {"id": id, "status": "incomplete", "incomplete_details": {"reason": reason}},
    })
}

/// An item `message` of the assistant.
pub fn message(id: &str, text: &str) -> Value {
    json!({
        "type": "message", "id": id, "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    })
}

/// An item `reasoning`.
pub fn reasoning(id: &str, summary: &[String], encrypted: Option<&str>) -> Value {
    let summary: Vec<Value> = summary.iter().map(|text| json!({"type": "summary_text", "text": text})).collect();
    json!({"type": "reasoning", "id": id, "summary": summary, "encrypted_content": encrypted})
}

/// An item `function_call`.
pub fn function_call(id: &str, call_id: &str, name: &str, arguments: &str) -> Value {
    json!({
        "type": "function_call", "id": id, "call_id": call_id, "name": name, "arguments": arguments,
        "status": "completed",
    })
}

/// An item `custom_tool_call`.
pub fn custom_tool_call(id: &str, call_id: &str, name: &str, input: &str) -> Value {
    json!({
        "type": "custom_tool_call", "id": id, "call_id": call_id, "name": name, "input": input,
        "status": "completed",
    })
}
