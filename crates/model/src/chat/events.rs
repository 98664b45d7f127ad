//! The chunks of a streamed answer, as servers word them (OpenAI's API reference, "The chat completion chunk object", and
//! what others have added to it).
//!
//! What one server writes otherwise than another is a [`Value`] and read when it is known what it is. Fields that are not
//! read are not declared.

use std::borrow::Cow;

use codex_history::Usage;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::http::VendorError;

/// One event.
#[derive(Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) choices: Vec<Choice<'a>>,
    #[serde(default)]
    pub(super) usage: Value,
    /// Groq's place for what others have in `usage`.
    #[serde(default)]
    x_groq: Value,
    /// The vendor gave up.
    #[serde(default)]
    error: Value,
    /// `error` where the event itself is the error.
    #[serde(default)]
    object: Value,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    code: Value,
}

impl Chunk<'_> {
    /// The error that it tells. `is_named` says whether the event is called one.
    pub(super) fn error(&self, is_named: bool) -> Option<VendorError> {
        let of = |error: &Value| match error {
            Value::String(message) => VendorError { message: Some(message.clone()), ..VendorError::default() },
            error => VendorError::deserialize(error).unwrap_or_default(),
        };
        if !self.error.is_null() && self.error != false {
            return Some(of(&self.error));
        }
        let message = self.message.as_str().map(str::to_owned);
        let is_error = is_named || self.object == "error";
        is_error.then(|| VendorError { code: self.code.clone(), message, ..VendorError::default() })
    }

    /// What the answer cost so far, if it is said.
    pub(super) fn usage(&self) -> Option<Usage> {
        [&self.usage, &self.x_groq["usage"]].into_iter().find_map(usage)
    }
}

/// An answer; of several, the first is meant.
#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    pub(super) index: Option<u64>,
    #[serde(borrow)]
    pub(super) delta: Option<Delta<'a>>,
    /// All of it at once, by servers that do not stream.
    #[serde(borrow)]
    pub(super) message: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Cow<'a, str>>,
}

/// What is added to an answer.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Content<'a>>,
    pub(super) refusal: Value,
    /// DeepSeek's name for thinking, and of most who serve open models.
    pub(super) reasoning_content: Value,
    /// OpenRouter's, Groq's and Ollama's.
    pub(super) reasoning: Value,
    /// OpenRouter's, which it wants back.
    pub(super) reasoning_details: Value,
    #[serde(deserialize_with = "or_default")]
    pub(super) tool_calls: Vec<Fragment>,
    /// What there was before `tool_calls`.
    pub(super) function_call: Option<Called>,
}

/// Text, or a list of parts.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(Value),
}

/// A piece of a call.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fragment {
    index: Value,
    id: Value,
    pub(super) function: Option<Called>,
    pub(super) extra_content: Value,
}

impl Fragment {
    /// A fragment of the only call that there was before there could be several.
    pub(super) fn of_only(called: Called) -> Self {
        Self { index: 0.into(), function: Some(called), ..Self::default() }
    }

    pub(super) fn index(&self) -> Option<u64> {
        self.index.as_u64().or_else(|| self.index.as_str()?.parse().ok())
    }

    /// Empty if there is none.
    pub(super) fn id(&self) -> String {
        match &self.id {
            Value::String(id) => id.clone(),
            Value::Number(id) => id.to_string(),
            _ => String::new(),
        }
    }
}

/// What is called.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Called {
    pub(super) name: Option<String>,
    /// A string with JSON in it; some servers send the JSON itself.
    pub(super) arguments: Value,
}

impl Called {
    /// The arguments as text.
    pub(super) fn text(self) -> String {
        match self.arguments {
            Value::Null => String::new(),
            Value::String(text) => text,
            value => value.to_string(),
        }
    }
}

/// Some servers write `null` where there is nothing.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn usage(usage: &Value) -> Option<Usage> {
    let count = |places: &[&str]| {
        let found = places.iter().find_map(|place| usage.pointer(place)?.as_f64().filter(|count| *count > 0.0));
        // Saturates, and a fraction of a token is none.
        found.unwrap_or_default() as u64
    };
    let input_tokens = count(&["/prompt_tokens"]);
    let answer = count(&["/completion_tokens"]);
    if !usage.is_object() || (input_tokens == 0 && answer == 0) {
        return None;
    }
    // Some count thinking in the sum alone.
    let output_tokens = answer.max(count(&["/total_tokens"]).saturating_sub(input_tokens));
    let cached = ["/prompt_tokens_details/cached_tokens", "/prompt_cache_hit_tokens", "/cached_tokens"];
    Some(Usage {
        input_tokens,
        cached_input_tokens: count(&cached).min(input_tokens),
        cache_write_input_tokens: count(&["/prompt_tokens_details/cache_write_tokens"]),
        output_tokens,
        reasoning_output_tokens: count(&["/completion_tokens_details/reasoning_tokens", "/reasoning_tokens"]),
    })
}
