//! Messages and tools in the words of Chat Completions (OpenAI's API reference, "Create chat completion").
//!
//! The order is stricter here than a conversation is: the results of an answer's calls come right after it, and what
//! the user said meanwhile after them, in one message. So an answer and a result are written at once, and all else
//! waits until the next answer is known ([`append`]) or the conversation ends ([`append_waiting`]). The bytes depend on
//! nothing but the messages so far and the quirks, so that a conversation that grows keeps its beginning.

use std::{borrow::Cow, sync::Arc};

use codex_history::{Arguments, AssistantPart, Content, Message, Opaque, ToolCall, ToolSpec, Wire};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::quirks::{Quirk, Quirks};
use crate::functions::{self, Function};

/// Between texts that were said one after another.
const PARAGRAPH: &str = "\n\n";

/// What the model is made to say before the user may speak again, where a result is to be followed by an answer.
const RESULTS_SEEN: &str = "I have the results.";

/// A sealed list of what a gateway told about the thinking.
pub(super) const DETAILS: &str = "reasoning_details";
/// What vendors hang on a call, such as a signature of the thinking before it.
pub(super) const EXTRA: &str = "extra_content";

/// An element of `messages`.
#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum Item<'a> {
    System { content: String },
    Developer { content: &'a str },
    User { content: Said<'a> },
    Assistant(Answer<'a>),
    Tool { tool_call_id: &'a str, content: Cow<'a, str> },
}

/// What the user says: plain text where that is all there is, since not all servers take anything else.
#[derive(Serialize)]
#[serde(untagged)]
enum Said<'a> {
    Text(String),
    Pieces(Vec<Piece<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: Picture },
}

#[derive(Serialize)]
struct Picture {
    url: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    /// `null` where there are only calls.
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<&'a Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Called<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<&'a Value>,
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: Cow<'a, str>,
}

/// Appends what `message`, which follows `earlier`, brings to the elements of `messages`, with commas between them and what
/// is there already.
pub(super) fn append(message: &Message, earlier: &[Arc<Message>], quirks: Quirks, out: &mut Vec<u8>) {
    match message {
        Message::Assistant { content } if has_words(content) => {
            append_waiting(earlier, None, quirks, out);
            push(out, &Item::Assistant(answer(content)));
        }
        Message::ToolResult { call_id, content, .. } => {
            let texts: Vec<&str> = texts(content).collect();
            let content = match texts.as_slice() {
                [text] => Cow::Borrowed(*text),
                texts => Cow::Owned(texts.join("\n")),
            };
            push(out, &Item::Tool { tool_call_id: call_id, content });
        }
        Message::Assistant { .. } | Message::Developer { .. } | Message::User { .. } => {}
    }
}

/// Appends what was said since the last answer in `messages`, and at its end `note`, if there is one.
pub(super) fn append_waiting(messages: &[Arc<Message>], note: Option<&str>, quirks: Quirks, out: &mut Vec<u8>) {
    let is_answer = |message: &Arc<Message>| matches!(&**message, Message::Assistant { content } if has_words(content));
    let start = messages.iter().rposition(is_answer).map_or(0, |answer| answer + 1);
    let mut waiting = &messages[start..];
    if start == 0 && !quirks.has(Quirk::DeveloperRole) {
        let instruction = |message: &'_ Arc<Message>| matches!(**message, Message::Developer { .. });
        let leading = waiting.iter().take_while(|message| instruction(message)).count();
        let content = waiting[..leading].iter().filter_map(|message| instructions(message)).collect::<Vec<_>>();
        if !content.is_empty() {
            push(out, &Item::System { content: content.join(PARAGRAPH) });
        }
        waiting = &waiting[leading..];
    }
    let follows_result = waiting.iter().any(|message| matches!(**message, Message::ToolResult { .. }));
    let mut pieces = Vec::new();
    let mut items = Vec::new();
    for message in waiting {
        match &**message {
            Message::User { content } => pieces.extend(content.iter().map(piece)),
            Message::Developer { text } if quirks.has(Quirk::DeveloperRole) => {
                items.extend(said(std::mem::take(&mut pieces)));
                items.extend((!text.is_empty()).then_some(Item::Developer { content: text }));
            }
            Message::Developer { text } => pieces.push(Piece::Text { text: text.into() }),
            Message::ToolResult { call_id, content, .. } => pieces.extend(pictures(call_id, content)),
            Message::Assistant { .. } => {}
        }
    }
    pieces.extend(note.map(|text| Piece::Text { text: text.into() }));
    items.extend(said(pieces));
    if follows_result && !items.is_empty() && !quirks.has(Quirk::UserAfterResult) {
        let content = Some(RESULTS_SEEN.to_owned());
        let tool_calls = Vec::new();
        push(
            out,
            &Item::Assistant(Answer { content, reasoning_content: None, reasoning_details: Vec::new(), tool_calls }),
        );
    }
    items.iter().for_each(|item| push(out, item));
}

/// Appends `item`, and a comma before it unless it is the first.
fn push(out: &mut Vec<u8>, item: &Item) {
    let start = out.len();
    if start > 0 {
        out.push(b',');
    }
    // Text into memory: there is nothing that could fail, and half an item would spoil the request.
    if serde_json::to_writer(&mut *out, item).is_err() {
        out.truncate(start);
    }
}

/// Whether there is something in an answer that can be sent: thinking alone is nothing.
fn has_words(content: &[AssistantPart]) -> bool {
    content.iter().any(|part| match part {
        AssistantPart::Text { text, .. } => !text.is_empty(),
        AssistantPart::Call(_) => true,
        AssistantPart::Reasoning { .. } | AssistantPart::Search { .. } => false,
    })
}

fn answer(content: &[AssistantPart]) -> Answer<'_> {
    let (mut texts, mut thoughts, mut tool_calls) = (Vec::new(), Vec::new(), Vec::new());
    let mut reasoning_details = Vec::new();
    for part in content {
        match part {
            AssistantPart::Text { text, .. } if text.is_empty() => {}
            AssistantPart::Text { text, .. } => texts.push(text.as_str()),
            AssistantPart::Reasoning { summary, opaque } => {
                let Some(sealed) = opened(opaque.as_ref()) else { continue };
                match sealed.get(DETAILS).and_then(Value::as_array) {
                    Some(details) => reasoning_details.extend(details),
                    None => thoughts.extend(summary.iter().map(String::as_str)),
                }
            }
            AssistantPart::Call(call) => tool_calls.push(called(call)),
            AssistantPart::Search { .. } => {}
        }
    }
    let joined = |texts: Vec<&str>| (!texts.is_empty()).then(|| texts.join(PARAGRAPH));
    // Servers that tell their thinking want it back with the calls it led to, and nowhere else.
    let reasoning_content = joined(thoughts).filter(|_| !tool_calls.is_empty());
    Answer { content: joined(texts), reasoning_content, reasoning_details, tool_calls }
}

fn opened(opaque: Option<&Opaque>) -> Option<&Value> {
    opaque?.open(Wire::ChatCompletions)
}

fn called(call: &ToolCall) -> Call<'_> {
    let arguments = match &call.arguments {
        Arguments::Freeform(input) => Cow::Owned(functions::of_text(input)),
        Arguments::Json(text) => object(text),
    };
    Call {
        id: &call.call_id,
        kind: "function",
        function: Called { name: &call.name, arguments },
        extra_content: opened(call.opaque.as_ref()).and_then(|sealed| sealed.get(EXTRA)),
    }
}

/// Arguments that servers can read, which refuse the whole conversation otherwise. That they were wrong, the result says.
fn object(text: &str) -> Cow<'_, str> {
    if text.trim().is_empty() {
        return Cow::Borrowed("{}");
    }
    let is_object = text.trim_start().starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok();
    if is_object { Cow::Borrowed(text) } else { Cow::Owned(json!({ "unreadable": text }).to_string()) }
}

fn instructions(message: &Message) -> Option<&str> {
    match message {
        Message::Developer { text } if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn texts(content: &[Content]) -> impl Iterator<Item = &str> {
    content.iter().filter_map(|content| match content {
        Content::Text { text } => Some(text.as_str()),
        Content::Image { .. } => None,
    })
}

fn piece(content: &Content) -> Piece<'_> {
    match content {
        Content::Text { text } => Piece::Text { text: text.into() },
        Content::Image { media_type, data } => {
            Piece::ImageUrl { image_url: Picture { url: format!("data:{media_type};base64,{data}") } }
        }
    }
}

/// The pictures of a tool's result, which here only the user can show, after a word on whose they are.
fn pictures<'a>(call_id: &str, content: &'a [Content]) -> Vec<Piece<'a>> {
    let mut pieces: Vec<Piece> =
        content.iter().filter(|content| matches!(content, Content::Image { .. })).map(piece).collect();
    if !pieces.is_empty() {
        let text = format!("[Pictures of the result of call {call_id}:]").into();
        pieces.insert(0, Piece::Text { text });
    }
    pieces
}

/// The message in which the user says `pieces`; none if these are nothing.
fn said(pieces: Vec<Piece<'_>>) -> Option<Item<'_>> {
    let pieces: Vec<Piece> =
        pieces.into_iter().filter(|piece| !matches!(piece, Piece::Text { text } if text.is_empty())).collect();
    if pieces.is_empty() {
        return None;
    }
    let text = |piece: &Piece| match piece {
        Piece::Text { text } => Some(text.to_string()),
        Piece::ImageUrl { .. } => None,
    };
    let content = match pieces.iter().map(text).collect::<Option<Vec<String>>>() {
        Some(texts) => Said::Text(texts.join(PARAGRAPH)),
        None => Said::Pieces(pieces),
    };
    Some(Item::User { content })
}

/// An element of `tools`; `None` if the tool is one of the vendor's own.
pub(super) fn tool(spec: &ToolSpec) -> Option<Value> {
    let Function { name, description, parameters } = Function::of(spec)?;
    let function = json!({ "name": name, "description": description, "parameters": parameters });
    Some(json!({ "type": "function", "function": function }))
}
