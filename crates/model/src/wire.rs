//! The request formats that are spoken over HTTP: which there are, and what tells them apart.

use std::sync::Arc;

use bytes::Bytes;
use codex_history::{ToolSpec, Wire};
use serde_json::Value;

use crate::{
    HttpConfig, Known, Request, StreamEvent, anthropic, chat,
    http::Secrets,
    repair::{Ids, Needs},
    responses,
};

/// A request format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFormat {
    /// OpenAI's Responses API.
    Responses,
    /// Chat Completions, as most servers speak it.
    ChatCompletions,
    /// Anthropic's Messages API.
    AnthropicMessages,
}

impl WireFormat {
    /// Whether tools can be held to a grammar in it.
    pub(crate) fn has_grammars(self) -> bool {
        self == Self::Responses
    }

    /// What is appended to the base URL.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Responses => "responses",
            Self::ChatCompletions => "chat/completions",
            Self::AnthropicMessages => "messages",
        }
    }

    /// The header that carries `key`: its name and its value.
    pub(crate) fn key_header(self, key: &str) -> (&'static str, String) {
        match self {
            Self::Responses | Self::ChatCompletions => ("authorization", format!("Bearer {key}")),
            Self::AnthropicMessages => ("x-api-key", key.to_owned()),
        }
    }

    /// The headers that may carry a key.
    pub(crate) fn key_headers(self) -> &'static [&'static str] {
        match self {
            Self::Responses | Self::ChatCompletions => &["authorization"],
            Self::AnthropicMessages => &["x-api-key", "authorization"],
        }
    }

    /// Headers that each request has.
    pub(crate) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Responses | Self::ChatCompletions => &[],
            Self::AnthropicMessages => &[("anthropic-version", "2023-06-01")],
        }
    }

    /// A header that a request for `model` has beside those.
    pub(crate) fn model_header(self, model: &str) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Responses | Self::ChatCompletions => None,
            Self::AnthropicMessages => anthropic::betas(model).map(|betas| ("anthropic-beta", betas)),
        }
    }

    /// What a conversation has to be like for `model` of `vendor`.
    pub(crate) fn needs(self, model: &str, vendor: &Arc<str>, known: &Known) -> Needs {
        let wire = match self {
            Self::Responses => Wire::Responses,
            Self::ChatCompletions => Wire::ChatCompletions,
            Self::AnthropicMessages => Wire::AnthropicMessages,
        };
        let is_strict = self != Self::Responses;
        // What nobody knows is not taken away.
        let pictures = known.takes.is_none_or(|takes| takes.images);
        Needs { wire, vendor: Arc::clone(vendor), ids: Ids::of(wire, model), pictures, is_strict }
    }

    /// `request` as JSON.
    ///
    /// # Errors
    ///
    /// A tool's schema cannot be written as JSON.
    pub(crate) fn body(self, request: &Request, config: &HttpConfig) -> serde_json::Result<Bytes> {
        match self {
            Self::Responses => responses::body(request, config),
            Self::ChatCompletions => chat::body(request, config),
            Self::AnthropicMessages => anthropic::body(request, config),
        }
    }

    /// What puts the answer to `request` together. `secrets` are kept out of the words of a failure.
    pub(crate) fn assembler(self, request: &Request, config: &HttpConfig, secrets: Arc<Secrets>) -> Assembler {
        self.assembles(Arc::clone(&request.tools), config.takes_grammars, secrets)
    }

    /// What puts answers together in which `tools` may be called; `grammars`: where they are offered with theirs.
    pub(crate) fn assembles(self, tools: Arc<[ToolSpec]>, grammars: bool, secrets: Arc<Secrets>) -> Assembler {
        match self {
            Self::Responses => Assembler::Responses(responses::Assembler::new(tools, grammars, secrets)),
            Self::ChatCompletions => Assembler::ChatCompletions(chat::Assembler::new(tools, secrets)),
            Self::AnthropicMessages => Assembler::Anthropic(anthropic::Assembler::new(tools, secrets)),
        }
    }
}

/// Puts the events of one answer together. Pure: event texts in, stream events out.
pub(crate) enum Assembler {
    /// See [`WireFormat::Responses`].
    Responses(responses::Assembler),
    /// See [`WireFormat::ChatCompletions`].
    ChatCompletions(chat::Assembler),
    /// See [`WireFormat::AnthropicMessages`].
    Anthropic(anthropic::Assembler),
}

impl Assembler {
    /// Takes the data of one event; `name` is its SSE name.
    pub(crate) fn take(&mut self, name: Option<&str>, data: &str) {
        match self {
            Self::Responses(assembler) => assembler.take(name, data),
            Self::ChatCompletions(assembler) => assembler.take(name, data),
            Self::Anthropic(assembler) => assembler.take(name, data),
        }
    }

    /// Takes a whole answer, of a server that streams none; `false`: `body` is none.
    pub(crate) fn take_whole(&mut self, body: &Value) -> bool {
        let events = match self {
            Self::Responses(_) => responses::events_of(body),
            Self::ChatCompletions(_) => chat::events_of(body),
            Self::Anthropic(_) => anthropic::events_of(body),
        };
        events.iter().flatten().for_each(|event| self.take(None, &event.to_string()));
        if events.is_some() {
            self.end();
        }
        events.is_some()
    }

    /// The server has closed the stream, in order. What that means is the format's: an answer may be complete by it.
    pub(crate) fn end(&mut self) {
        match self {
            Self::Responses(_) => {}
            Self::ChatCompletions(assembler) => assembler.end(),
            Self::Anthropic(assembler) => assembler.end(),
        }
    }

    /// The next event for the caller.
    pub(crate) fn pop(&mut self) -> Option<StreamEvent> {
        match self {
            Self::Responses(assembler) => assembler.pop(),
            Self::ChatCompletions(assembler) => assembler.pop(),
            Self::Anthropic(assembler) => assembler.pop(),
        }
    }
}
