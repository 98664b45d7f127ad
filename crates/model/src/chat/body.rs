//! The body of a request. What stays the same within a settings epoch comes first, then the conversation, then what may
//! differ from request to request.

use std::sync::Arc;

use bytes::Bytes;
use codex_history::{Message, Wire, Wording};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    encode,
    quirks::{Quirk, Quirks},
};
use crate::{HttpConfig, Request, joined::joined};

/// The name under which an output schema is sent; the API wants one, nobody reads it.
const OUTPUT_SCHEMA_NAME: &str = "codex_output_schema";

/// What stands before the conversation.
#[derive(Serialize)]
struct Head<'a> {
    model: &'a str,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    /// Left out when there are none: some servers refuse an empty list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
}

/// The request as JSON. Fails only if a tool's schema cannot be written as JSON.
pub(crate) fn body(request: &Request, config: &HttpConfig) -> serde_json::Result<Bytes> {
    let quirks = config.quirks;
    let tools: Vec<Value> = request.tools.iter().filter_map(encode::tool).collect();
    let has_keys = quirks.has(Quirk::CacheKeys);
    let head = serde_json::to_vec(&Head {
        model: &request.model,
        stream: true,
        stream_options: quirks.has(Quirk::StreamOptions).then(|| json!({ "include_usage": true })),
        store: has_keys.then_some(false),
        prompt_cache_key: has_keys.then_some(request.thread_id.as_str()),
        parallel_tool_calls: (quirks.has(Quirk::ParallelToolCalls) && !tools.is_empty()).then_some(true),
        tools,
    })?;
    let tail = serde_json::to_vec(&tail(request, config, quirks))?;
    let wording = Wording { wire: Wire::ChatCompletions, grammars: false, dialect: quirks.number() };
    let append = |message: &Message, earlier: &[Arc<Message>], out: &mut Vec<u8>| {
        encode::append(message, earlier, quirks, out);
    };
    // Where the schema cannot be held to, it is said, after all that stays the same.
    let schema = request.output_schema.as_deref().filter(|_| !quirks.has(Quirk::JsonSchema));
    let note = schema.map(|schema| format!("Answer with JSON that satisfies this JSON Schema:\n{schema}"));
    let mut waiting = Vec::new();
    encode::append_waiting(request.history.shared(), note.as_deref(), quirks, &mut waiting);
    Ok(request.history.encoded(wording, append, |said| joined(&head, "messages", &[said, &waiting], &tail)))
}

/// What stands after the conversation: what is asked for and the server and the model take.
fn tail(request: &Request, config: &HttpConfig, quirks: Quirks) -> Map<String, Value> {
    let reasons = config.known.may_think();
    let options = &request.options;
    let schema = request.output_schema.as_deref().map(|schema| match quirks.has(Quirk::JsonSchema) {
        true => json!({
            "type": "json_schema",
            "json_schema": {"name": OUTPUT_SCHEMA_NAME, "strict": true, "schema": schema},
        }),
        false => json!({"type": "json_object"}),
    });
    // What the user says of the model outranks what its server usually takes.
    let said = config.known.said;
    let effort =
        options.reasoning_effort.as_deref().filter(|_| said.efforts || reasons && quirks.has(Quirk::ReasoningEffort));
    let temperature =
        options.temperature.filter(|_| said.temperature || !reasons || quirks.has(Quirk::TemperatureWhenThinking));
    let verbosity = options.verbosity.as_deref().filter(|_| said.verbosity || quirks.has(Quirk::Verbosity));
    let limit = if quirks.has(Quirk::MaxCompletionTokens) { "max_completion_tokens" } else { "max_tokens" };
    let members = [
        ("response_format", schema),
        ("reasoning_effort", effort.map(Value::from)),
        ("verbosity", verbosity.map(Value::from)),
        ("service_tier", options.service_tier.as_deref().map(Value::from)),
        ("temperature", temperature.map(Value::from)),
        (limit, options.max_output_tokens.map(Value::from)),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
