//! Servers of tools (the Model Context Protocol): a call as it is shown, and the servers as a person looks at them.
//!
//! What a server says of itself and answers is data of a stranger, passed on as it is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum McpToolCallStatus {
    /// It runs.
    InProgress,
    /// It did what it was asked.
    Completed,
    /// It did not, or was not allowed.
    Failed,
}

/// What a server answered to a call, cut to size.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpToolCallResult {
    /// Its parts, as the Model Context Protocol spells them (`type`: `text`, `image`, …). Of pictures the bytes are left out.
    pub content: Vec<Value>,
    /// The same as data, where the server gives it.
    #[serde(default)]
    pub structured_content: Option<Value>,
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct McpToolCallError {
    /// In a sentence.
    pub message: String,
}

/// `item/mcpToolCall/progress`: how far a call is, in the server's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpToolCallProgress {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// The item's id.
    pub item_id: String,
    /// In a few words.
    pub message: String,
}

impl McpToolCallResult {
    /// What it says as text: the texts of its parts, and what the others are; where there are none, the data.
    pub fn text(&self) -> String {
        let parts: Vec<String> = self.content.iter().map(part).collect();
        match (&self.structured_content, parts.is_empty()) {
            (Some(data), true) => data.to_string(),
            _ => parts.join("\n"),
        }
    }
}

/// A part of an answer as text.
fn part(part: &Value) -> String {
    let member = |name: &str| part.get(name).and_then(Value::as_str);
    match (member("type").unwrap_or_default(), part.get("resource")) {
        ("text", _) => member("text").unwrap_or_default().to_owned(),
        ("resource_link", _) => {
            format!("[{}] {}", member("name").unwrap_or("resource"), member("uri").unwrap_or_default())
        }
        (_, Some(resource)) => {
            let inner = |name: &str| resource.get(name).and_then(Value::as_str);
            let text = inner("text").unwrap_or("(not text)");
            format!("[{}]\n{text}", inner("uri").unwrap_or_default())
        }
        (kind, None) => format!("[{kind} {}]", member("mimeType").unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_are_told_as_text() {
        let data = Some(json!({ "a": 1 }));
        let table = [
            (json!([{ "type": "text", "text": "one" }, { "type": "text", "text": "two" }]), &data, "one\ntwo"),
            (json!([]), &data, r#"{"a":1}"#),
            (json!([]), &None, ""),
            (json!([{ "type": "image", "mimeType": "image/png" }]), &None, "[image image/png]"),
            (json!([{ "type": "resource_link", "name": "n", "uri": "x://y" }]), &None, "[n] x://y"),
            (json!([{ "type": "resource", "resource": { "uri": "x://y", "text": "t" } }]), &None, "[x://y]\nt"),
            (
                json!([{ "type": "resource", "resource": { "uri": "x://y", "blob": "AA" } }]),
                &None,
                "[x://y]\n(not text)",
            ),
            (json!(["what"]), &None, "[ ]"),
        ];
        for (content, structured_content, expected) in table {
            let content = serde_json::from_value(content).unwrap();
            let result = McpToolCallResult { content, structured_content: structured_content.clone() };
            assert_eq!(result.text(), expected, "{result:?}");
        }
    }
}
