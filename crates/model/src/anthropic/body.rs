//! The body of a request, put together from bytes that exist already.
//!
//! What stays the same within a settings epoch comes first, then the conversation, then what may differ from request
//! to request. The vendor keeps what it has read up to a mark, and finds it again by the marks of the next request: so
//! there is one at the end of the instructions, and one at the end of each of the last two messages of the user.

use std::sync::Arc;

use bytes::Bytes;
use codex_history::{History, Message, Wire, Wording};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    claude::{Claude, Thinking},
    encode::{self, USER_END},
};
use crate::{HttpConfig, Known, Request};

/// A mark, as a member of a block.
const MARK: &[u8] = br#","cache_control":{"type":"ephemeral"}"#;
/// Messages of the user that have a mark, from the end.
const MARKED: usize = 2;

/// What is said where the API wants a word of the user and there is none.
const GO_ON: &str = "Go on.";

/// Bytes that are written beside what exists already.
const ROOM_TO_WRITE: usize = 256;

/// Tokens that an answer is let have even if the conversation seems to leave no room for it: sizes are estimates.
pub(super) const LEAST_OUTPUT: u64 = 4_096;

/// What stands before the conversation.
#[derive(Serialize)]
struct Head<'a> {
    model: &'a str,
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Value>,
}

/// What stands after the conversation.
#[derive(Serialize)]
struct Tail<'a> {
    max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Default, PartialEq, Serialize)]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Value>,
}

/// The request as JSON. Fails only if a tool's schema cannot be written as JSON.
pub(crate) fn body(request: &Request, config: &HttpConfig) -> serde_json::Result<Bytes> {
    let claude = Claude::of(&request.model);
    let head = serde_json::to_vec(&head(request))?;
    let tail = serde_json::to_vec(&tail(request, claude, &config.known))?;
    // What a model cannot be held to, it is told.
    let asked = request.output_schema.as_deref().filter(|_| !claude.takes_schemas()).map(|schema| {
        encode::of_program(&format!(
            "Your last message must be one JSON value that fits this JSON Schema, and nothing else, without a code \
             fence:\n{schema}"
        ))
    });
    let wording = Wording { wire: Wire::AnthropicMessages, grammars: false, dialect: 0 };
    let append = |message: &Message, _: &[Arc<Message>], out: &mut Vec<u8>| encode::append(message, out);
    Ok(request.history.encoded(wording, append, |messages| join(&head, messages, asked.as_deref(), &tail)))
}

fn head(request: &Request) -> Head<'_> {
    let mut tools: Vec<Value> = request.tools.iter().map(encode::tool).collect();
    // The API refuses a conversation with calls if there are no tools.
    let former = if tools.is_empty() { called(&request.history) } else { Vec::new() };
    let tool_choice = (!former.is_empty()).then(|| json!({"type": "none"}));
    tools.extend(former.into_iter().map(encode::former_tool));
    let mut system: Vec<Value> = opening(&request.history).map(|text| json!({"type": "text", "text": text})).collect();
    if let Some(last) = system.last_mut().or(tools.last_mut()) {
        last["cache_control"] = json!({"type": "ephemeral"});
    }
    Head { model: &request.model, stream: true, tools, tool_choice, system }
}

/// The names of all tools that were called, each once.
fn called(history: &History) -> Vec<&str> {
    let mut names = Vec::new();
    for call in history.messages().flat_map(Message::calls) {
        if !names.contains(&call.name.as_str()) {
            names.push(&call.name);
        }
    }
    names
}

/// What this program says before anything else is said.
fn opening(history: &History) -> impl Iterator<Item = &str> {
    history
        .messages()
        .map_while(|message| match message {
            Message::Developer { text } => Some(text.as_str()),
            _ => None,
        })
        .filter(|text| !text.trim().is_empty())
}

fn tail<'a>(request: &'a Request, claude: Claude, known: &Known) -> Tail<'a> {
    let options = &*request.options;
    let limit = options.max_output_tokens.or(known.max_output_tokens).unwrap_or_else(|| claude.output_limit());
    let max_tokens = room(request, known.context_window, limit);
    let effort = options.reasoning_effort.as_deref();
    let thinking = match claude.thinking(effort, max_tokens) {
        // With a budget the API wants its own thoughts at the beginning of an answer that goes on.
        Thinking::Budget(_) if goes_on_without_thoughts(&request.history) => Thinking::Unasked,
        _ if !known.may_think() => Thinking::Unasked,
        thinking => thinking,
    };
    let output = OutputConfig {
        effort: match thinking {
            Thinking::Least(effort) => Some(effort),
            _ if known.said.efforts && matches!(thinking, Thinking::Adaptive { .. }) => effort,
            _ => effort.and_then(|effort| claude.effort(effort)),
        },
        format: request
            .output_schema
            .as_deref()
            .filter(|_| claude.takes_schemas())
            .map(|schema| json!({"type": "json_schema", "schema": schema})),
    };
    let is_asked = matches!(thinking, Thinking::Budget(_) | Thinking::Adaptive { .. });
    Tail {
        max_tokens,
        thinking: thinking_member(thinking, options.reasoning_summary.as_deref()),
        output_config: (output != OutputConfig::default()).then_some(output),
        temperature: options
            .temperature
            .filter(|_| !is_asked && (known.said.temperature || claude.takes_temperature())),
        service_tier: options.service_tier.as_deref().filter(|tier| ["auto", "standard_only"].contains(tier)),
    }
}

fn thinking_member(thinking: Thinking, summary: Option<&str>) -> Option<Value> {
    match thinking {
        Thinking::Unasked | Thinking::Least(_) => None,
        Thinking::Budget(tokens) => Some(json!({"type": "enabled", "budget_tokens": tokens})),
        Thinking::Adaptive { is_bound } => {
            let display = if summary == Some("none") { "omitted" } else { "summarized" };
            let mut member = json!({"type": "adaptive", "display": display});
            if is_bound {
                member["block_binding"] = json!({"prefix_mismatch_behavior": "drop_block"});
            }
            Some(member)
        }
    }
}

/// `limit`, or what the model's window has left for an answer: older models refuse a request for more than that.
fn room(request: &Request, window: Option<u64>, limit: u64) -> u64 {
    let Some(window) = window else { return limit };
    let said = request.history.counted().unwrap_or_else(|| request.history.sizes().total());
    limit.min(window.saturating_sub(said + said / 8).max(LEAST_OUTPUT))
}

/// Whether the model is in the middle of an answer that did not begin with its own thoughts, since another gave it or
/// it was not asked to think.
fn goes_on_without_thoughts(history: &History) -> bool {
    let since_user = history.messages().rev().take_while(|message| !matches!(message, Message::User { .. }));
    let first = since_user.filter(|message| matches!(message, Message::Assistant { .. })).last();
    first.is_some_and(|first| !encode::begins_with_thoughts(first))
}

/// `{head,"messages":[messages],tail}` of two objects and the elements of an array, which get their marks. `asked` is said
/// at the end of them, behind the last mark.
fn join(head: &[u8], messages: &[u8], asked: Option<&str>, tail: &[u8]) -> Bytes {
    const MESSAGES: &[u8] = br#","messages":["#;
    let room = head.len() + MESSAGES.len() + messages.len() + tail.len();
    let mut body = Vec::with_capacity(room + MARKED * MARK.len() + asked.map_or(0, str::len) + ROOM_TO_WRITE);
    body.extend_from_slice(head.strip_suffix(b"}").unwrap_or(head));
    body.extend_from_slice(MESSAGES);
    let mut from = 0;
    for mark in marks(messages) {
        body.extend_from_slice(&messages[from..mark]);
        body.extend_from_slice(MARK);
        from = mark;
    }
    body.extend_from_slice(&messages[from..]);
    match asked {
        Some(asked) => encode::append_text(asked, &mut body),
        None if messages.ends_with(USER_END) => {}
        None => encode::append_text(GO_ON, &mut body),
    }
    body.extend_from_slice(b"],");
    body.extend_from_slice(tail.strip_prefix(b"{").unwrap_or(tail));
    Bytes::from(body)
}

/// Where the marks belong: at the end of the last block of the last messages of the user, before its bracket.
fn marks(messages: &[u8]) -> Vec<usize> {
    let mut marks = Vec::new();
    let mut rest = messages;
    while marks.len() < MARKED
        && let Some(end) = rest.windows(USER_END.len()).rposition(|window| window == USER_END)
    {
        marks.push(end.saturating_sub(1));
        rest = &rest[..end];
    }
    marks.reverse();
    marks
}
