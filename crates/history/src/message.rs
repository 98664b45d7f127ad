//! The messages of a conversation, in the order they were said.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ToolCall;

/// One message. Tool results are messages of their own, matched to their call by id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "camelCase")]
pub enum Message {
    /// Instructions of this program, above anything the user says.
    Developer {
        /// The instructions.
        text: String,
    },
    /// What the user, or this program on the user's behalf, said.
    User {
        /// In the order given.
        content: Vec<Content>,
    },
    /// What the model said, thought and asked for in one response.
    Assistant {
        /// In the order the model produced them.
        content: Vec<AssistantPart>,
    },
    /// The answer to one tool call.
    #[serde(rename_all = "camelCase")]
    ToolResult {
        /// Id of the call that this answers.
        call_id: String,
        /// Whether the call was freeform; some wires word the answer by it.
        freeform: bool,
        /// What the model is told. Already cut to size.
        content: Vec<Content>,
    },
}

/// A piece of what a user or a tool says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Content {
    /// Text.
    Text {
        /// UTF-8, any length.
        text: String,
    },
    /// A picture.
    #[serde(rename_all = "camelCase")]
    Image {
        /// MIME type, such as `image/png`.
        media_type: String,
        /// The file's bytes in base64 (RFC 4648 section 4).
        data: String,
    },
}

/// A piece of what the model produced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum AssistantPart {
    /// Text for the user.
    Text {
        /// Complete text.
        text: String,
        /// What the wire wants back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opaque: Option<Opaque>,
    },
    /// Thinking that the vendor lets us see, and the sealed rest of it.
    Reasoning {
        /// Summary paragraphs; may be empty.
        summary: Vec<String>,
        /// What the wire wants back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opaque: Option<Opaque>,
    },
    /// A request to run a tool.
    Call(ToolCall),
    /// A search of the web that the vendor made while it answered.
    Search {
        /// What was searched for; may be empty.
        queries: Vec<String>,
        /// What of it the answer names as where something is from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        sources: Vec<Source>,
        /// What the wire wants back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opaque: Option<Opaque>,
    },
}

/// A page of the web that something is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its title; may be empty.
    pub title: String,
    /// Its address.
    pub url: String,
}

/// What one wire needs back verbatim, sealed for everyone else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opaque {
    wire: Wire,
    /// Several vendors may speak one wire, and none of them reads what another has sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vendor: Option<Arc<str>>,
    value: Value,
}

impl Opaque {
    /// Seals `value` for `wire`.
    pub fn new(wire: Wire, value: Value) -> Self {
        Self { wire, vendor: None, value }
    }

    /// Notes whose it is.
    pub fn sign(&mut self, vendor: Arc<str>) {
        self.vendor = Some(vendor);
    }

    /// Whether it was sealed in the words of `wire` by another than `vendor`.
    pub fn is_of_another(&self, wire: Wire, vendor: &str) -> bool {
        self.wire == wire && self.vendor.as_deref().is_some_and(|own| own != vendor)
    }

    /// The sealed value, if `wire` is the one that sealed it.
    pub fn open(&self, wire: Wire) -> Option<&Value> {
        (self.wire == wire).then_some(&self.value)
    }

    /// To be measured, not to be read.
    pub(crate) fn sealed(&self) -> &Value {
        &self.value
    }
}

/// The families of request formats that models are spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wire {
    /// OpenAI's Responses API.
    Responses,
    /// The Chat Completions API, as many servers speak it.
    ChatCompletions,
    /// Anthropic's Messages API.
    AnthropicMessages,
}

impl Message {
    /// A user message of one text.
    pub fn user(text: impl Into<String>) -> Self {
        Self::User { content: vec![Content::Text { text: text.into() }] }
    }

    /// The tool calls this message asks for, in order.
    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        let parts: &[AssistantPart] = match self {
            Self::Assistant { content } => content,
            _ => &[],
        };
        parts.iter().filter_map(|part| match part {
            AssistantPart::Call(call) => Some(call),
            _ => None,
        })
    }
}
