//! Messages and tools in the words of the Messages API (API reference, "Create a Message": `messages`, `tools`).
//!
//! The API wants the user and the model to take turns, and the answers to calls at the beginning of what the user says
//! next; so neighbours of one role become one message. The bytes never depend on anything but the message and on what is
//! there already, and what is there stays, but for the brackets at its end.

use codex_history::{Arguments, AssistantPart, Content, Message, Opaque, ToolCall, ToolSpec, Wire};
use serde::Serialize;
use serde_json::{Value, json};

use super::search;
use crate::functions::{self, Function};

/// How a message of the user ends. The space is in nothing else that is written here, and quotes within a text are
/// escaped; so these bytes are nowhere but there.
pub(super) const USER_END: &[u8] = br#"], "role":"user"}"#;
const ASSISTANT_END: &[u8] = br#"], "role":"assistant"}"#;

/// An element of `content`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text {
        text: &'a str,
    },
    Image {
        source: Source<'a>,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Value,
    },
    ToolResult {
        tool_use_id: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
    },
    Thinking {
        thinking: String,
        signature: &'a Value,
    },
    RedactedThinking {
        data: &'a Value,
    },
    #[serde(untagged)]
    AsItCame(&'a Value),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Source<'a> {
    Base64 { media_type: &'a str, data: &'a str },
}

/// Appends a message to the elements of the `messages` array. Nothing if it has nothing that can be sent.
pub(super) fn append(message: &Message, out: &mut Vec<u8>) {
    match message {
        // What is said at the beginning is the `system` of the request.
        Message::Developer { .. } if out.is_empty() => {}
        Message::Developer { text } if text.trim().is_empty() => {}
        Message::Developer { text } => {
            push(out, USER_END, &[Block::Text { text: &of_program(text) }]);
        }
        Message::User { content } => push(out, USER_END, &pieces(content)),
        Message::Assistant { content } => {
            let mut blocks: Vec<Block> = content.iter().flat_map(blocks).collect();
            // Thoughts that came to nothing: the API refuses a message that ends with them.
            let said = blocks.iter().rposition(|block| !is_thought(block)).map_or(0, |last| last + 1);
            blocks.truncate(said);
            push(out, ASSISTANT_END, &blocks);
        }
        Message::ToolResult { call_id, content, .. } => {
            push(out, USER_END, &[Block::ToolResult { tool_use_id: call_id, content: pieces(content) }]);
        }
    }
}

/// `text` as what this program says in the user's place: the API has no other place for it after the beginning.
pub(super) fn of_program(text: &str) -> String {
    format!("<instructions>\n{text}\n</instructions>")
}

/// Appends a message of the user with this text.
pub(super) fn append_text(text: &str, out: &mut Vec<u8>) {
    push(out, USER_END, &[Block::Text { text }]);
}

/// Appends `blocks` to the last message if it ends with `end`, else as a message of their own.
fn push(out: &mut Vec<u8>, end: &[u8], blocks: &[Block]) {
    // Text into memory: there is nothing that could fail, and half a message would spoil the request.
    let Ok(written) = serde_json::to_vec(blocks) else { return };
    let Some(written) = written.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) else { return };
    if written.is_empty() {
        return;
    }
    if out.ends_with(end) {
        out.truncate(out.len() - end.len());
        out.push(b',');
    } else {
        // There may be a message before it, or the beginning of the request, or nothing.
        if out.ends_with(b"}") {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"content":["#);
    }
    out.extend_from_slice(written);
    out.extend_from_slice(end);
}

/// The API refuses texts without a word.
fn pieces<'a>(content: &'a [Content]) -> Vec<Block<'a>> {
    let piece = |content: &'a Content| match content {
        Content::Text { text } => (!text.trim().is_empty()).then_some(Block::Text { text }),
        Content::Image { media_type, data } => Some(Block::Image { source: Source::Base64 { media_type, data } }),
    };
    content.iter().filter_map(piece).collect()
}

/// A part, as it came where that is known.
fn blocks(part: &AssistantPart) -> Vec<Block<'_>> {
    match (search::blocks(part), part) {
        (Some(all), AssistantPart::Search { .. }) if !search::is_whole(all) => Vec::new(),
        (Some(all), _) => all.iter().map(Block::AsItCame).collect(),
        (None, _) => block(part).into_iter().collect(),
    }
}

fn block(part: &AssistantPart) -> Option<Block<'_>> {
    match part {
        AssistantPart::Text { text, .. } => (!text.trim().is_empty()).then_some(Block::Text { text }),
        AssistantPart::Reasoning { summary, opaque } => {
            let sealed = opaque.as_ref()?.open(Wire::AnthropicMessages)?;
            match (sealed.get(SIGNATURE), sealed.get(REDACTED)) {
                (Some(signature), _) => Some(Block::Thinking { thinking: summary.concat(), signature }),
                (None, Some(data)) => Some(Block::RedactedThinking { data }),
                (None, None) => None,
            }
        }
        AssistantPart::Call(ToolCall { call_id, name, arguments, .. }) => {
            Some(Block::ToolUse { id: call_id, name, input: input(arguments) })
        }
        AssistantPart::Search { .. } => None,
    }
}

/// The API takes objects only.
fn input(arguments: &Arguments) -> Value {
    let of_text = |text: &str| serde_json::from_str(&functions::of_text(text)).unwrap_or_default();
    match arguments {
        Arguments::Json(text) => match serde_json::from_str(text) {
            Ok(object @ Value::Object(_)) => object,
            _ => of_text(text),
        },
        Arguments::Freeform(text) => of_text(text),
    }
}

/// Members of what is sealed with reasoning.
const SIGNATURE: &str = "signature";
const REDACTED: &str = "redacted";

/// Seals the signature of what the model thought, which is sent back with the thoughts as they were.
pub(super) fn signed(signature: String) -> Opaque {
    Opaque::new(Wire::AnthropicMessages, json!({ SIGNATURE: signature }))
}

/// Seals thoughts that nobody but the vendor can read.
pub(super) fn redacted(data: String) -> Opaque {
    Opaque::new(Wire::AnthropicMessages, json!({ REDACTED: data }))
}

fn is_thought(block: &Block) -> bool {
    matches!(block, Block::Thinking { .. } | Block::RedactedThinking { .. })
}

/// Whether `message` begins with thoughts that go back to this API.
pub(super) fn begins_with_thoughts(message: &Message) -> bool {
    let Message::Assistant { content } = message else { return false };
    content.iter().find_map(block).is_some_and(|block| is_thought(&block))
}

/// A tool that cannot be called any more, as an element of `tools`.
pub(super) fn former_tool(name: &str) -> Value {
    json!({"name": name, "input_schema": {"type": "object"}})
}

/// An element of `tools`.
pub(super) fn tool(spec: &ToolSpec) -> Value {
    match Function::of(spec) {
        Some(Function { name, description, parameters }) => {
            json!({"name": name, "description": description, "input_schema": parameters})
        }
        None => json!({"type": "web_search_20250305", "name": spec.name}),
    }
}
