//! An answer has an end, whatever the server sends.

use std::io;

use codex_history::Message;
use futures_util::{Stream, StreamExt};
use serde_json::json;

use super::*;
use crate::{IDLE_TIMEOUT, WireFormat};

/// The last event of an answer that comes in these pieces.
async fn last(pieces: impl Stream<Item = Bytes> + Send + 'static) -> StreamEvent {
    let body = reqwest::Body::wrap_stream(pieces.map(Ok::<_, io::Error>));
    let config = HttpConfig::new(WireFormat::ChatCompletions, "http://127.0.0.1/v1");
    let request = Request {
        model: "m".to_owned(),
        history: [Message::user("hi")].into_iter().collect(),
        tools: Arc::default(),
        thread_id: "t".to_owned(),
        options: Arc::default(),
        output_schema: None,
        other_form: None,
    };
    let secrets = Arc::new(Secrets::new(None, &[], &config.base_url.parse().unwrap()));
    let assembler = config.format.assembler(&request, &config, secrets);
    let mut events = reading(http::Response::new(body).into(), IDLE_TIMEOUT, assembler);
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event);
    }
    last.unwrap()
}

fn failed(event: &StreamEvent) -> (FailureKind, &str) {
    let StreamEvent::Failed(failure) = event else { panic!("{event:?}") };
    (failure.kind, &failure.message)
}

fn event(delta: &serde_json::Value, reason: Option<&str>) -> Bytes {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})).into()
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let text = "x".repeat(1 << 20);
    for delta in
        [json!({"content": text}), json!({"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": text}]})]
    {
        let piece = event(&delta, None);
        let answer = last(stream::repeat(piece).take(80)).await;
        assert_eq!(failed(&answer), (FailureKind::Malformed, "the answer is longer than 64 MiB"));
    }
}

#[tokio::test]
async fn more_calls_than_anybody_means_are_none() {
    for (count, is_answer) in [(128, true), (129, false)] {
        let call = |index| json!({"index": index, "id": format!("c{index}"), "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let calls: Vec<_> = (0..count).map(call).collect();
        let pieces = [event(&json!({"tool_calls": calls}), Some("tool_calls")), Bytes::from("data: [DONE]\n\n")];
        let answer = last(stream::iter(pieces)).await;
        if is_answer {
            assert!(matches!(answer, StreamEvent::Completed { .. }), "{answer:?}");
        } else {
            let message = "the answer calls tools 129 times, and 128 is the most; none was called";
            assert_eq!(failed(&answer), (FailureKind::Malformed, message));
        }
    }
}

/// The clock jumps to the next timer whenever nothing else can happen.
#[tokio::test(start_paused = true)]
async fn signs_of_life_are_no_answer() {
    let ping = |left: u32| async move {
        let _ = tokio::time::timeout(IDLE_TIMEOUT / 5, std::future::pending::<()>()).await;
        (left > 0).then(|| (Bytes::from(": ping\n\n"), left - 1))
    };
    let answer = last(stream::unfold(100, ping)).await;
    assert_eq!(failed(&answer), (FailureKind::Disconnected, "the server sent no part of the answer for 900 s"));
}
