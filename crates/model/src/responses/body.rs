//! The body of a request, put together from bytes that exist already.
//!
//! What stays the same within a settings epoch comes first, then the conversation, then what may differ from request
//! to request: vendors' caches match on the longest common beginning, and so do our tests.

use std::sync::Arc;

use bytes::Bytes;
use codex_history::{Message, Wire, Wording};
use serde::Serialize;
use serde_json::{Value, json};

use super::encode;
use crate::{HttpConfig, Request, joined::joined};

/// The name under which an output schema is sent; the API wants one, nobody reads it.
const OUTPUT_SCHEMA_NAME: &str = "codex_output_schema";

/// What stands before the conversation.
#[derive(Serialize)]
struct Head<'a> {
    model: &'a str,
    stream: bool,
    store: bool,
    include: &'a [&'static str],
    prompt_cache_key: &'a str,
    #[serde(flatten)]
    tools: Option<Tools>,
}

/// Left out as a whole when there are no tools: some servers refuse a choice among none.
#[derive(Serialize)]
struct Tools {
    tool_choice: &'static str,
    parallel_tool_calls: bool,
    tools: Vec<Value>,
}

/// What stands after the conversation.
#[derive(Serialize)]
struct Tail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
}

#[derive(Serialize)]
struct Reasoning<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
}

#[derive(Serialize)]
struct Text<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
}

impl<'a> Tail<'a> {
    fn new(request: &'a Request, reasons: bool) -> Self {
        let options = &*request.options;
        let summary = options.reasoning_summary.as_deref().unwrap_or("auto");
        let reasoning = Reasoning {
            effort: options.reasoning_effort.as_deref(),
            summary: Some(summary).filter(|summary| *summary != "none"),
        };
        let format = request
            .output_schema
            .as_deref()
            .map(|schema| json!({"type": "json_schema", "name": OUTPUT_SCHEMA_NAME, "strict": true, "schema": schema}));
        let text = Text { format, verbosity: options.verbosity.as_deref() };
        Self {
            reasoning: reasons.then_some(reasoning),
            text: (text.format.is_some() || text.verbosity.is_some()).then_some(text),
            service_tier: options.service_tier.as_deref(),
            temperature: options.temperature,
            max_output_tokens: options.max_output_tokens,
        }
    }
}

/// The request as JSON. Fails only if a tool's schema cannot be written as JSON.
pub(crate) fn body(request: &Request, config: &HttpConfig) -> serde_json::Result<Bytes> {
    let (grammars, reasons) = (config.takes_grammars, config.known.may_think());
    let tools: Vec<Value> = request.tools.iter().map(|spec| encode::tool(spec, grammars)).collect();
    let head = serde_json::to_vec(&Head {
        model: &request.model,
        stream: true,
        store: false,
        include: if reasons { &["reasoning.encrypted_content"] } else { &[] },
        prompt_cache_key: &request.thread_id,
        tools: (!tools.is_empty()).then_some(Tools { tool_choice: "auto", parallel_tool_calls: true, tools }),
    })?;
    let tail = serde_json::to_vec(&Tail::new(request, reasons))?;
    let wording = Wording { wire: Wire::Responses, grammars, dialect: 0 };
    let append = |message: &Message, _: &[Arc<Message>], out: &mut Vec<u8>| encode::append(message, grammars, out);
    Ok(request.history.encoded(wording, append, |input| joined(&head, "input", &[input], &tail)))
}
