//! The format itself: messages in, JSON out; events in, an answer out; and both over HTTP.

mod answers;
mod exchanges;
mod requests;
mod searches;

use std::sync::Arc;

use codex_history::{Arguments, AssistantPart, Content, History, Message, Opaque, ToolCall, Usage, Wire};
use serde_json::{Value, json};

use super::{Assembler, body, encode};
use crate::{Failure, FailureKind, Options, Request, StreamEvent, testing::tools};

fn request(messages: impl IntoIterator<Item = Message>) -> Request {
    Request {
        model: "claude-opus-4-6".into(),
        history: messages.into_iter().collect(),
        tools: tools(),
        thread_id: "thread-1".into(),
        options: Arc::default(),
        output_schema: None,
        other_form: None,
    }
}

fn text(text: &str) -> Content {
    Content::Text { text: text.into() }
}

fn picture() -> Content {
    Content::Image { media_type: "image/png".into(), data: "AAAA".into() }
}

fn said(text: &str) -> AssistantPart {
    AssistantPart::Text { text: text.into(), opaque: None }
}

fn thought(text: &str, signature: &str) -> AssistantPart {
    AssistantPart::Reasoning { summary: vec![text.into()], opaque: Some(encode::signed(signature.into())) }
}

fn call(call_id: &str, name: &str, arguments: Arguments) -> AssistantPart {
    AssistantPart::Call(ToolCall { call_id: call_id.into(), name: name.into(), arguments, opaque: None })
}

fn json_call(call_id: &str) -> AssistantPart {
    call(call_id, "shell", Arguments::Json(r#"{"b":1,"a":2}"#.into()))
}

fn answer(content: impl Into<Vec<AssistantPart>>) -> Message {
    Message::Assistant { content: content.into() }
}

fn result(call_id: &str, content: Vec<Content>) -> Message {
    Message::ToolResult { call_id: call_id.into(), freeform: false, content }
}

fn developer(text: &str) -> Message {
    Message::Developer { text: text.into() }
}
