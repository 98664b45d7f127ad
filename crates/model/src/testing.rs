//! What the tests of all formats share.

use std::sync::Arc;

use codex_history::{AssistantPart, History, Message, ToolInput, ToolSpec, Usage};
use futures_util::StreamExt;
use serde_json::json;

use crate::{EventStream, Failure, StreamEvent};

pub(crate) fn tools() -> Arc<[ToolSpec]> {
    Arc::new([
        ToolSpec {
            name: "shell".into(),
            description: "Runs.".into(),
            input: ToolInput::Json { schema: json!({"type": "object"}) },
        },
        ToolSpec {
            name: "apply_patch".into(),
            description: "Patches.".into(),
            input: ToolInput::Freeform { lark_grammar: "start: /x/" },
        },
    ])
}

pub(crate) fn said(text: &str) -> History {
    [Message::user(text)].into_iter().collect()
}

#[track_caller]
pub(crate) fn completed(events: &[StreamEvent]) -> (&[AssistantPart], Option<Usage>) {
    match events.last() {
        Some(StreamEvent::Completed { content, usage }) => (content, *usage),
        other => panic!("not completed: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn failed(events: &[StreamEvent]) -> &Failure {
    match events.last() {
        Some(StreamEvent::Failed(failure)) => failure,
        other => panic!("not failed: {other:?}"),
    }
}

pub(crate) fn text(text: &str) -> AssistantPart {
    AssistantPart::Text { text: text.into(), opaque: None }
}

/// All events of an answer, which has one end, and that at its end.
pub(crate) async fn all_of(answer: EventStream) -> Vec<StreamEvent> {
    let events: Vec<StreamEvent> = answer.collect().await;
    let ends = |event: &&StreamEvent| matches!(event, StreamEvent::Completed { .. } | StreamEvent::Failed(_));
    assert_eq!(events.iter().filter(ends).count(), 1, "exactly one end: {events:?}");
    assert!(events.last().as_ref().is_some_and(ends), "the end comes last: {events:?}");
    events
}
