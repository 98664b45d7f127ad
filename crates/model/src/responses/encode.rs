//! Messages and tools in the words of the Responses API (API reference, "Create a model response": `input`, `tools`).
//!
//! One message may become several items, or none. The bytes never depend on anything but the message and on whether
//! grammars are taken, so that the same message is the same bytes in every request. Ids of items are not sent back,
//! except with sealed reasoning: nothing is stored at the vendor's for them to refer to.

use std::borrow::Cow;

use codex_history::{Arguments, AssistantPart, Content, Message, ToolCall, ToolInput, ToolSpec, Wire};
use serde::Serialize;
use serde_json::{Value, json};

use crate::functions::{self, Function};

/// An element of `input`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item<'a> {
    Message {
        role: &'static str,
        content: Vec<Piece<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<&'a Value>,
    },
    Reasoning {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Value>,
        summary: Vec<Piece<'a>>,
        encrypted_content: &'a Value,
    },
    FunctionCall {
        call_id: &'a str,
        name: &'a str,
        arguments: Cow<'a, str>,
    },
    CustomToolCall {
        call_id: &'a str,
        name: &'a str,
        input: &'a str,
    },
    WebSearchCall {
        status: &'static str,
        action: &'a Value,
    },
    FunctionCallOutput {
        call_id: &'a str,
        output: Output<'a>,
    },
    CustomToolCallOutput {
        call_id: &'a str,
        output: Output<'a>,
    },
}

/// An element of `content` or `summary`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece<'a> {
    InputText { text: &'a str },
    InputImage { image_url: String },
    OutputText { text: &'a str },
    SummaryText { text: &'a str },
}

/// A tool's answer: plain text where that is all there is.
#[derive(Serialize)]
#[serde(untagged)]
enum Output<'a> {
    Text(&'a str),
    Pieces(Vec<Piece<'a>>),
}

/// Appends a message as elements of the `input` array, with commas between them and what is there already. Nothing if it
/// has nothing that can be sent.
pub(super) fn append(message: &Message, grammars: bool, out: &mut Vec<u8>) {
    match message {
        Message::Developer { text } if text.is_empty() => {}
        Message::Developer { text } => {
            let content = vec![Piece::InputText { text }];
            push(out, &Item::Message { role: "developer", content, phase: None });
        }
        Message::User { content } if content.is_empty() => {}
        Message::User { content } => {
            push(out, &Item::Message { role: "user", content: pieces(content), phase: None });
        }
        Message::Assistant { content } => {
            for item in content.iter().filter_map(|part| assistant_item(part, grammars)) {
                push(out, &item);
            }
        }
        Message::ToolResult { call_id, freeform, content } => {
            let output = output(content);
            let item = if *freeform && grammars {
                Item::CustomToolCallOutput { call_id, output }
            } else {
                Item::FunctionCallOutput { call_id, output }
            };
            push(out, &item);
        }
    }
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

fn assistant_item(part: &AssistantPart, grammars: bool) -> Option<Item<'_>> {
    match part {
        AssistantPart::Text { text, .. } if text.is_empty() => None,
        AssistantPart::Text { text, opaque } => {
            let phase = opaque.as_ref().and_then(|opaque| opaque.open(Wire::Responses)?.get("phase"));
            Some(Item::Message { role: "assistant", content: vec![Piece::OutputText { text }], phase })
        }
        AssistantPart::Reasoning { summary, opaque } => {
            let sealed = opaque.as_ref()?.open(Wire::Responses)?;
            let encrypted_content = sealed.get("encrypted_content")?;
            let summary = summary.iter().map(|text| Piece::SummaryText { text }).collect();
            Some(Item::Reasoning { id: sealed.get("id"), summary, encrypted_content })
        }
        AssistantPart::Call(call) => Some(call_item(call, grammars)),
        AssistantPart::Search { opaque, .. } => {
            let action = opaque.as_ref()?.open(Wire::Responses)?.get("action")?;
            Some(Item::WebSearchCall { status: "completed", action })
        }
    }
}

fn call_item(call: &ToolCall, grammars: bool) -> Item<'_> {
    let (call_id, name) = (call.call_id.as_str(), call.name.as_str());
    match &call.arguments {
        Arguments::Freeform(input) if grammars => Item::CustomToolCall { call_id, name, input },
        Arguments::Freeform(input) => {
            Item::FunctionCall { call_id, name, arguments: Cow::Owned(functions::of_text(input)) }
        }
        Arguments::Json(arguments) => Item::FunctionCall { call_id, name, arguments: Cow::Borrowed(arguments) },
    }
}

fn pieces<'a>(content: &'a [Content]) -> Vec<Piece<'a>> {
    let piece = |content: &'a Content| match content {
        Content::Text { text } => Piece::InputText { text },
        Content::Image { media_type, data } => {
            Piece::InputImage { image_url: format!("data:{media_type};base64,{data}") }
        }
    };
    content.iter().map(piece).collect()
}

fn output(content: &[Content]) -> Output<'_> {
    match content {
        [] => Output::Text(""),
        [Content::Text { text }] => Output::Text(text),
        several => Output::Pieces(pieces(several)),
    }
}

/// An element of `tools`.
pub(super) fn tool(spec: &ToolSpec, grammars: bool) -> Value {
    let ToolSpec { name, description, input } = spec;
    if let (ToolInput::Freeform { lark_grammar }, true) = (input, grammars) {
        let format = json!({"type": "grammar", "syntax": "lark", "definition": lark_grammar});
        return json!({"type": "custom", "name": name, "description": description, "format": format});
    }
    match Function::of(spec) {
        Some(Function { name, description, parameters }) => json!({
            "type": "function", "name": name, "description": description, "strict": false, "parameters": parameters,
        }),
        None => {
            let live = matches!(input, ToolInput::WebSearch { live: true });
            json!({"type": "web_search", "external_web_access": live})
        }
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
