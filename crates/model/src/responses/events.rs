//! The events of a streamed response, as the vendor words them (API reference, "Streaming events").
//!
//! Read in two phases: the [`Envelope`] says what an event is, then only the body that is needed is read. Text is
//! borrowed from the event where it needs no unescaping. Fields that are not read are not declared.

use std::borrow::Cow;

use codex_history::Usage;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};

use crate::http::VendorError;

/// The part that all events share.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, rename = "type", default)]
    pub(super) kind: Cow<'a, str>,
}

/// Which item an event belongs to. Servers that leave out the index usually give the id.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) index: Option<u64>,
    /// A JSON string, compared as it is written.
    pub(super) id: Option<&'a str>,
}

/// `response.output_text.delta`, `response.refusal.delta`, `response.reasoning_summary_text.delta`,
/// `response.function_call_arguments.delta`.
#[derive(Deserialize)]
pub(super) struct Delta<'a> {
    /// Absent where the SSE name alone says it.
    #[serde(borrow, rename = "type", default)]
    pub(super) kind: Cow<'a, str>,
    output_index: Option<u64>,
    #[serde(borrow)]
    item_id: Option<&'a RawValue>,
    pub(super) summary_index: Option<u32>,
    #[serde(borrow)]
    pub(super) delta: Cow<'a, str>,
}

impl<'a> Delta<'a> {
    pub(super) fn place(&self) -> Place<'a> {
        Place { index: self.output_index, id: self.item_id.map(RawValue::get) }
    }
}

/// `response.output_item.added`, `response.output_item.done`.
#[derive(Deserialize)]
pub(super) struct ItemEvent<'a> {
    pub(super) output_index: Option<u64>,
    #[serde(borrow)]
    pub(super) item: &'a RawValue,
}

/// What items share.
#[derive(Deserialize)]
pub(super) struct ItemHead<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    /// What a call calls.
    #[serde(borrow)]
    pub(super) name: Option<Cow<'a, str>>,
}

/// An item `message`.
#[derive(Deserialize)]
pub(super) struct MessageItem {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) content: Vec<TextPiece>,
    pub(super) phase: Option<String>,
}

/// An element of `content` or `summary`: the text, or the refusal.
#[derive(Deserialize)]
pub(super) struct TextPiece {
    #[serde(default, alias = "refusal")]
    pub(super) text: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) annotations: Vec<Annotation>,
}

/// What a piece of text is from.
#[derive(Deserialize)]
pub(super) struct Annotation {
    /// `url_citation`, or a kind that is none of ours.
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) url: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) title: String,
}

/// An item `web_search_call`.
#[derive(Deserialize)]
pub(super) struct SearchItem {
    #[serde(default)]
    pub(super) action: Value,
}

/// An item `reasoning`.
#[derive(Deserialize)]
pub(super) struct ReasoningItem {
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) summary: Vec<TextPiece>,
    pub(super) encrypted_content: Option<String>,
}

/// An item `function_call` or `custom_tool_call`.
#[derive(Deserialize)]
pub(super) struct CallItem {
    pub(super) id: Option<String>,
    pub(super) call_id: Option<String>,
    pub(super) name: String,
    /// A string with JSON in it; some servers send the JSON itself.
    pub(super) arguments: Option<Value>,
    pub(super) input: Option<String>,
}

/// `response.completed`, `response.failed`, `response.incomplete`.
#[derive(Deserialize)]
pub(super) struct End<'a> {
    #[serde(borrow)]
    pub(super) response: EndOfResponse<'a>,
}

/// The `response` of an [`End`].
#[derive(Deserialize)]
pub(super) struct EndOfResponse<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) output: Vec<&'a RawValue>,
    pub(super) usage: Option<WireUsage>,
    pub(super) error: Option<VendorError>,
    pub(super) incomplete_details: Option<IncompleteDetails>,
}

/// Some servers write `null` where there is nothing.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Why a response is incomplete.
#[derive(Deserialize)]
pub(super) struct IncompleteDetails {
    pub(super) reason: Option<String>,
}

/// `error`: its fields stand in the event itself or in an `error` object.
#[derive(Deserialize)]
pub(super) struct ErrorEvent {
    pub(super) error: Option<VendorError>,
    #[serde(flatten)]
    pub(super) own: VendorError,
}

/// Token counts.
#[derive(Deserialize)]
pub(super) struct WireUsage {
    #[serde(default)]
    input_tokens: u64,
    input_tokens_details: Option<InputDetails>,
    #[serde(default)]
    output_tokens: u64,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

impl From<WireUsage> for Usage {
    fn from(usage: WireUsage) -> Self {
        let input = usage.input_tokens_details.as_ref();
        let output = usage.output_tokens_details.as_ref();
        Self {
            input_tokens: usage.input_tokens,
            cached_input_tokens: input.and_then(|details| details.cached_tokens).unwrap_or_default(),
            cache_write_input_tokens: input.and_then(|details| details.cache_write_tokens).unwrap_or_default(),
            output_tokens: usage.output_tokens,
            reasoning_output_tokens: output.and_then(|details| details.reasoning_tokens).unwrap_or_default(),
        }
    }
}
