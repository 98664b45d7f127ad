//! The wire against a scripted server: what is sent, what is understood, what fails and how.

mod cuts;
mod failures;
mod requests;
mod searches;
mod sockets;
mod streams;

use std::sync::Arc;

use codex_history::{AssistantPart, History, Message, Usage};
use codex_net::HttpClients;
use codex_testkit::ModelServer;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::{
    Failure, HttpConfig, HttpModel, Model, Request, StreamEvent, WireFormat,
    testing::{all_of, completed, failed, said, text, tools},
};

pub(super) fn request(history: History) -> Request {
    Request {
        model: "gpt-5.5".into(),
        history,
        tools: tools(),
        thread_id: "thread-1".into(),
        options: Arc::default(),
        output_schema: None,
        other_form: None,
    }
}

fn grammars(server: &ModelServer) -> HttpConfig {
    HttpConfig { takes_grammars: true, ..HttpConfig::new(WireFormat::Responses, server.base_url()) }
}

async fn ask(config: HttpConfig, history: History) -> Vec<StreamEvent> {
    let model = HttpModel::new(config, Arc::new(HttpClients::new()));
    all_of(model.stream(request(history))).await
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
