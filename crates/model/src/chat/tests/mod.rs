//! The wire against a scripted server: what is sent, what is understood, what fails and how.

mod cuts;
mod encoding;
mod quirks;
mod refusals;
mod requests;
mod streams;

use std::sync::Arc;

use codex_history::{Arguments, AssistantPart, History, Message, ToolCall, ToolInput, ToolSpec, Usage};
use codex_net::HttpClients;
use codex_testkit::ModelServer;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::{Failure, HttpConfig, HttpModel, Model, Request, StreamEvent, WireFormat};

fn request(history: History) -> Request {
    let tool = |name, input| ToolSpec { name, description: "Does something.".into(), input };
    Request {
        model: "m".into(),
        history,
        tools: Arc::new([
            tool("shell", ToolInput::Json { schema: json!({"type": "object"}) }),
            tool("apply_patch", ToolInput::Freeform { lark_grammar: "start: /x/" }),
            tool("web_search", ToolInput::WebSearch { live: true }),
        ]),
        thread_id: "thread-1".into(),
        options: Arc::default(),
        output_schema: None,
    }
}

fn said(text: &str) -> History {
    [Message::user(text)].into_iter().collect()
}

fn config(base_url: impl Into<String>) -> HttpConfig {
    HttpConfig::new(WireFormat::ChatCompletions, base_url)
}

async fn ask(server: &ModelServer, history: History) -> Vec<StreamEvent> {
    let model = HttpModel::new(config(server.base_url()), Arc::new(HttpClients::new()));
    let events: Vec<StreamEvent> = model.stream(request(history)).collect().await;
    let ends = |event: &&StreamEvent| matches!(event, StreamEvent::Completed { .. } | StreamEvent::Failed(_));
    assert_eq!(events.iter().filter(ends).count(), 1, "exactly one end: {events:?}");
    assert!(events.last().as_ref().is_some_and(ends), "the end comes last: {events:?}");
    events
}

/// Asks a server that answers with one step.
async fn answer(step: Value) -> Vec<StreamEvent> {
    ask(&ModelServer::from_json(json!([step])), said("hi")).await
}

/// Asks a server that answers with these chunks and then closes.
async fn answer_chunks(chunks: &[Value]) -> Vec<StreamEvent> {
    let raw: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    answer(json!({ "raw": raw })).await
}

/// A chunk that adds `delta`.
fn delta(delta: Value) -> Value {
    json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
}

/// A chunk that says why the answer ended.
fn finish(reason: &str) -> Value {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] })
}

#[track_caller]
fn completed(events: &[StreamEvent]) -> (&[AssistantPart], Option<Usage>) {
    match events.last() {
        Some(StreamEvent::Completed { content, usage }) => (content, *usage),
        other => panic!("not completed: {other:?}"),
    }
}

#[track_caller]
fn failed(events: &[StreamEvent]) -> &Failure {
    match events.last() {
        Some(StreamEvent::Failed(failure)) => failure,
        other => panic!("not failed: {other:?}"),
    }
}

#[track_caller]
fn call(part: &AssistantPart) -> &ToolCall {
    match part {
        AssistantPart::Call(call) => call,
        other => panic!("not a call: {other:?}"),
    }
}

fn text(text: &str) -> AssistantPart {
    AssistantPart::Text { text: text.into(), opaque: None }
}
