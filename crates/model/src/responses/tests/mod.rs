//! The wire against a scripted server: what is sent, what is understood, what fails and how.

mod cuts;
mod failures;
mod requests;
mod searches;
mod sockets;
mod streams;

use std::sync::Arc;

use codex_history::{AssistantPart, History, Message, ToolInput, ToolSpec, Usage};
use codex_net::HttpClients;
use codex_testkit::ModelServer;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::{Failure, HttpConfig, HttpModel, Model, Request, StreamEvent, WireFormat};

pub(super) fn request(history: History) -> Request {
    Request {
        model: "gpt-5.5".into(),
        history,
        tools: Arc::new([
            ToolSpec {
                name: "shell",
                description: "Runs.".into(),
                input: ToolInput::Json { schema: json!({"type": "object"}) },
            },
            ToolSpec {
                name: "apply_patch",
                description: "Patches.".into(),
                input: ToolInput::Freeform { lark_grammar: "start: /x/" },
            },
        ]),
        thread_id: "thread-1".into(),
        options: Arc::default(),
        output_schema: None,
    }
}

fn said(text: &str) -> History {
    [Message::user(text)].into_iter().collect()
}

fn grammars(server: &ModelServer) -> HttpConfig {
    HttpConfig { takes_grammars: true, ..HttpConfig::new(WireFormat::Responses, server.base_url()) }
}

async fn ask(config: HttpConfig, history: History) -> Vec<StreamEvent> {
    let model = HttpModel::new(config, Arc::new(HttpClients::new()));
    let events: Vec<StreamEvent> = model.stream(request(history)).collect().await;
    let ends = |event: &&StreamEvent| matches!(event, StreamEvent::Completed { .. } | StreamEvent::Failed(_));
    assert_eq!(events.iter().filter(ends).count(), 1, "exactly one end: {events:?}");
    assert!(events.last().as_ref().is_some_and(ends), "the end comes last: {events:?}");
    events
}

/// Asks a server that answers with one step.
async fn answer(step: Value) -> Vec<StreamEvent> {
    let server = ModelServer::from_json(json!([step]));
    ask(grammars(&server), said("hi")).await
}

/// Asks a server that answers with these events.
async fn answer_events(events: &[Value]) -> Vec<StreamEvent> {
    let raw: String = events.iter().map(codex_testkit::events::sse).collect();
    answer(json!({ "raw": raw })).await
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

/// The text that was streamed into `part`.
fn streamed(events: &[StreamEvent], wanted: usize) -> String {
    let texts = events.iter().filter_map(|event| match event {
        StreamEvent::TextDelta { part, text } | StreamEvent::ReasoningDelta { part, text, .. } if *part == wanted => {
            Some(text.as_str())
        }
        _ => None,
    });
    texts.collect()
}

fn text(text: &str) -> AssistantPart {
    AssistantPart::Text { text: text.into(), opaque: None }
}
