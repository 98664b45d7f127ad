//! Tools as the model sees them, and calls as the model makes them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Content, Message, Opaque};

/// A tool as offered to the model.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// What the model calls it: `[a-zA-Z0-9_-]+`, at most 64 characters.
    pub name: Cow<'static, str>,
    /// What the model reads about it.
    pub description: String,
    /// What it takes.
    pub input: ToolInput,
}

/// What a tool takes.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolInput {
    /// A JSON object.
    Json {
        /// JSON Schema of the object, draft 2020-12.
        schema: Value,
    },
    /// Text held to a grammar. Wires without grammars offer it as a function of one string, `input`.
    Freeform {
        /// The grammar, in the Lark dialect of the Responses API.
        lark_grammar: &'static str,
    },
    /// A query: the vendor itself searches the web and calls nobody. Wires without such a search leave it out.
    WebSearch {
        /// Whether it may look at the web as it is, and not only at what it has kept.
        live: bool,
    },
}

/// A tool call, as the model wrote it. Nothing in it has been checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolCall {
    /// The vendor's id of the call; unique within a conversation only if the vendor is careful.
    pub call_id: String,
    /// The tool's name; may be one that does not exist.
    pub name: String,
    /// What it was called with.
    pub arguments: Arguments,
    /// What the wire wants back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opaque: Option<Opaque>,
}

impl ToolCall {
    /// The message that answers it with `text`.
    pub fn answer(&self, text: &str) -> Message {
        self.answer_with(vec![Content::Text { text: text.to_owned() }])
    }

    /// The message that answers it with `content`.
    pub fn answer_with(&self, content: Vec<Content>) -> Message {
        Message::ToolResult { call_id: self.call_id.clone(), freeform: self.arguments.is_freeform(), content }
    }
}

/// The arguments of a call, as the model wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", content = "text", rename_all = "camelCase")]
pub enum Arguments {
    /// Text that should be a JSON object.
    Json(String),
    /// Freeform text.
    Freeform(String),
}

impl Arguments {
    /// The text, whichever form it has.
    pub fn text(&self) -> &str {
        match self {
            Self::Json(text) | Self::Freeform(text) => text,
        }
    }

    /// Whether the call was freeform.
    pub fn is_freeform(&self) -> bool {
        matches!(self, Self::Freeform(_))
    }
}
