//! The events of a streamed message, as the vendor words them (API reference, "Streaming messages").
//!
//! Read in two phases: the [`Envelope`] says what an event is, then only the body that is needed is read. Fields that are
//! not read are not declared.

use std::borrow::Cow;

use codex_history::Usage;
use serde::Deserialize;
use serde_json::Value;

use crate::http::VendorError;

/// The part that all events share.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, rename = "type", default)]
    pub(super) kind: Cow<'a, str>,
}

/// `message_start`.
#[derive(Deserialize)]
pub(super) struct Start {
    pub(super) message: StartOfMessage,
}

/// The `message` of a [`Start`].
#[derive(Deserialize)]
pub(super) struct StartOfMessage {
    pub(super) usage: Option<WireUsage>,
}

/// `content_block_start`.
#[derive(Deserialize)]
pub(super) struct BlockStart {
    pub(super) index: Option<u64>,
    pub(super) content_block: Block,
}

/// A block as it begins. What is said of it here is usually empty.
#[derive(Default, Deserialize)]
pub(super) struct Block {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) data: Option<String>,
    pub(super) input: Option<Value>,
    pub(super) tool_use_id: Option<String>,
    /// What was found.
    pub(super) content: Option<Value>,
}

/// `content_block_delta`.
#[derive(Deserialize)]
pub(super) struct BlockDelta<'a> {
    /// Absent where the SSE name alone says it.
    #[serde(borrow, rename = "type", default)]
    pub(super) kind: Cow<'a, str>,
    pub(super) index: Option<u64>,
    #[serde(borrow)]
    pub(super) delta: Delta<'a>,
}

/// The `delta` of a [`BlockDelta`]: one of the texts.
#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text {
        #[serde(borrow)]
        text: Cow<'a, str>,
    },
    #[serde(rename = "thinking_delta")]
    Thinking {
        #[serde(borrow)]
        thinking: Cow<'a, str>,
    },
    #[serde(rename = "signature_delta")]
    Signature {
        #[serde(borrow)]
        signature: Cow<'a, str>,
    },
    #[serde(rename = "input_json_delta")]
    Arguments {
        #[serde(borrow)]
        partial_json: Cow<'a, str>,
    },
    #[serde(rename = "citations_delta")]
    Citation { citation: Value },
    #[serde(other)]
    Other,
}

/// `content_block_stop`.
#[derive(Deserialize)]
pub(super) struct BlockStop {
    pub(super) index: Option<u64>,
}

/// `message_delta`.
#[derive(Deserialize)]
pub(super) struct MessageDelta {
    pub(super) delta: MessageChange,
    pub(super) usage: Option<WireUsage>,
}

/// The `delta` of a [`MessageDelta`].
#[derive(Deserialize)]
pub(super) struct MessageChange {
    pub(super) stop_reason: Option<String>,
    pub(super) stop_details: Option<StopDetails>,
}

/// More about why an answer ended.
#[derive(Deserialize)]
pub(super) struct StopDetails {
    pub(super) explanation: Option<String>,
}

/// `error`.
#[derive(Deserialize)]
pub(super) struct ErrorEvent {
    pub(super) error: VendorError,
}

/// Token counts so far.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct WireUsage {
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl WireUsage {
    /// These counts and later ones, which may leave out, or set to nothing, what was said before.
    pub(super) fn and(self, later: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.max(later.input_tokens),
            cache_read_input_tokens: self.cache_read_input_tokens.max(later.cache_read_input_tokens),
            cache_creation_input_tokens: self.cache_creation_input_tokens.max(later.cache_creation_input_tokens),
            output_tokens: self.output_tokens.max(later.output_tokens),
        }
    }
}

/// This vendor counts what is cached apart from the rest.
impl From<WireUsage> for Usage {
    fn from(usage: WireUsage) -> Self {
        let [fresh, cached, written, output] =
            [usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens, usage.output_tokens]
                .map(Option::unwrap_or_default);
        Self {
            input_tokens: fresh.saturating_add(cached).saturating_add(written),
            cached_input_tokens: cached,
            cache_write_input_tokens: written,
            output_tokens: output,
            reasoning_output_tokens: 0,
        }
    }
}
