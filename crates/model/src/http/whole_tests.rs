//! Servers that answer at once where a stream was asked for.

use codex_history::{Arguments, Usage};
use codex_testkit::{RawAnswer, RawEnding, RawServer};
use serde_json::{Value, json};

use super::*;
use crate::{
    WireFormat,
    testing::{all_of, completed, failed, said, text, tools},
};

async fn answer(format: WireFormat, body: Value) -> Vec<StreamEvent> {
    let body = body.to_string();
    told(format, &format!("content-length: {}\r\n\r\n{body}", body.len())).await
}

/// What is made of an answer that has this behind the beginning of its head.
async fn told(format: WireFormat, rest: &str) -> Vec<StreamEvent> {
    let rest = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n{rest}");
    let server = RawServer::start(move |_| RawAnswer::new(rest.as_str(), RawEnding::Close));
    let request = Request {
        model: "m".to_owned(),
        history: said("hi"),
        tools: tools(),
        thread_id: "t".to_owned(),
        options: Arc::default(),
        output_schema: None,
        other_form: None,
    };
    all_of(HttpModel::new(HttpConfig::new(format, server.base_url()), Arc::default()).stream(request)).await
}

#[tokio::test]
async fn a_whole_answer_is_read_over_each_wire() {
    for (format, body) in [
        (
            WireFormat::ChatCompletions,
            json!({ "object": "chat.completion", "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hello.",
                "tool_calls": [{ "id": "1", "type": "function", "function": { "name": "shell", "arguments": "{\"a\":1}" } }] },
                "finish_reason": "tool_calls" }], "usage": { "prompt_tokens": 7, "completion_tokens": 3 } }),
        ),
        (
            WireFormat::Responses,
            json!({ "object": "response", "status": "completed", "error": null, "output": [
                { "type": "message", "id": "m", "content": [{ "type": "output_text", "text": "Hello.", "annotations": [] }] },
                { "type": "function_call", "id": "f", "call_id": "1", "name": "shell", "arguments": "{\"a\":1}" },
            ], "usage": { "input_tokens": 7, "output_tokens": 3 } }),
        ),
        (
            WireFormat::AnthropicMessages,
            json!({ "type": "message", "role": "assistant", "content": [{ "type": "text", "text": "Hello." },
                { "type": "tool_use", "id": "1", "name": "shell", "input": { "a": 1 } }],
                "stop_reason": "tool_use", "usage": { "input_tokens": 7, "output_tokens": 3 } }),
        ),
    ] {
        let events = answer(format, body).await;
        let (content, usage) = completed(&events);
        let [said, AssistantPart::Call(call)] = content else { panic!("{format:?}: {content:?}") };
        assert_eq!((said, &*call.call_id, &*call.name), (&text("Hello."), "1", "shell"), "{format:?}");
        assert_eq!(call.arguments, Arguments::Json("{\"a\":1}".into()), "{format:?}");
        assert_eq!(usage, Some(Usage { input_tokens: 7, output_tokens: 3, ..Usage::default() }), "{format:?}");
        let shown = events.iter().any(|event| matches!(event, StreamEvent::TextDelta { text, .. } if text == "Hello."));
        assert!(shown, "{format:?}");
    }
}

/// What it used is told all the same.
#[tokio::test]
async fn a_whole_answer_that_was_cut_short_is_a_failure() {
    for (format, body) in [
        (
            WireFormat::ChatCompletions,
            json!({ "choices": [{ "message": { "content": "He" }, "finish_reason": "length" }],
                "usage": { "prompt_tokens": 7, "completion_tokens": 3 } }),
        ),
        (
            WireFormat::Responses,
            json!({ "status": "incomplete", "incomplete_details": { "reason": "max_output_tokens" }, "output": [],
                "usage": { "input_tokens": 7, "output_tokens": 3 } }),
        ),
        (
            WireFormat::AnthropicMessages,
            json!({ "type": "message", "content": [{ "type": "text", "text": "He" }], "stop_reason": "max_tokens",
                "usage": { "input_tokens": 7, "output_tokens": 3 } }),
        ),
    ] {
        let events = answer(format, body).await;
        assert_eq!(failed(&events).kind, FailureKind::Incomplete, "{format:?}");
        let counted = Usage { input_tokens: 7, output_tokens: 3, ..Usage::default() };
        assert_eq!(events.iter().rev().nth(1), Some(&StreamEvent::Counted(counted)), "{format:?}");
    }
    let none = answer(WireFormat::ChatCompletions, json!({ "choices": "none" })).await;
    assert!(failed(&none).message.contains("instead of an event stream"));
}

#[tokio::test]
async fn what_is_no_choice_is_passed_over() {
    let body = json!({ "choices": [{ "message": { "content": "hi" } }, 1, null, "x", []] });
    assert_eq!(completed(&answer(WireFormat::ChatCompletions, body).await).0, [text("hi")]);
}

/// Nothing said is not the same as nothing to say.
#[tokio::test]
async fn an_error_beside_an_answer_is_told() {
    let body = json!({ "choices": [{ "message": { "content": "" }, "finish_reason": "stop" }],
        "error": { "code": 502, "message": "the provider went away" } });
    let events = answer(WireFormat::ChatCompletions, body).await;
    let failure = failed(&events);
    assert!(failure.kind.may_pass() && failure.message.contains("the provider went away"), "{failure:?}");
    let body = json!({ "choices": [{ "message": { "content": "hi" } }], "error": null });
    assert_eq!(completed(&answer(WireFormat::ChatCompletions, body).await).0, [text("hi")]);
}

/// That may pass: nobody has set anything wrong.
#[tokio::test]
async fn a_whole_answer_that_breaks_off_is_asked_for_again() {
    let begun = r#"{"choices":[{"message":{"content":"He"#;
    for (rest, said) in [
        (format!("content-length: 500\r\n\r\n{begun}"), "the connection broke within the answer"),
        (format!("transfer-encoding: chunked\r\n\r\n25\r\n{begun}"), "the connection broke within the answer"),
        // All of it came, as far as HTTP can tell.
        (format!("\r\n{begun}"), "the answer ended before it was complete"),
    ] {
        let events = told(WireFormat::ChatCompletions, &rest).await;
        let failure = failed(&events);
        assert_eq!(failure.kind, FailureKind::Disconnected, "{failure:?}");
        assert!(failure.message.starts_with(said), "{failure:?}");
    }
}
