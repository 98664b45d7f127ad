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

use crate::{
    HttpConfig, HttpModel, Model, Quirk, Quirks, Request, StreamEvent, WireFormat,
    testing::{all_of, completed, failed, said, text},
};

fn request(history: History) -> Request {
    let tool = |name, input| ToolSpec { name, description: "Does something.".into(), input };
    Request {
        model: "m".into(),
        history,
        tools: Arc::new([
            tool("shell".into(), ToolInput::Json { schema: json!({"type": "object"}) }),
            tool("apply_patch".into(), ToolInput::Freeform { lark_grammar: "start: /x/" }),
            tool("web_search".into(), ToolInput::WebSearch { live: true }),
        ]),
        thread_id: "thread-1".into(),
        options: Arc::default(),
        output_schema: None,
        other_form: None,
    }
}

fn config(base_url: impl Into<String>) -> HttpConfig {
    HttpConfig::new(WireFormat::ChatCompletions, base_url)
}

/// Somewhere, with quirks of its own.
fn with(quirks: &[(Quirk, bool)]) -> HttpConfig {
    let quirks = quirks.iter().fold(Quirks::default(), |quirks, (quirk, holds)| quirks.with(*quirk, *holds));
    HttpConfig { quirks, ..config("http://127.0.0.1:8080/v1") }
}

async fn ask(server: &ModelServer, history: History) -> Vec<StreamEvent> {
    let model = HttpModel::new(config(server.base_url()), Arc::new(HttpClients::new()));
    all_of(model.stream(request(history))).await
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
fn call(part: &AssistantPart) -> &ToolCall {
    match part {
        AssistantPart::Call(call) => call,
        other => panic!("not a call: {other:?}"),
    }
}
