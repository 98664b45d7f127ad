//! Tests of `encode` and `body`: messages in, JSON out.

use std::sync::Arc;

use bytes::Bytes;
use codex_history::{History, Opaque};

use super::*;
use crate::{HttpConfig, Known, Options, Request, WireFormat, responses::body::body};

fn text(text: &str) -> Content {
    Content::Text { text: text.into() }
}

fn call(call_id: &str, arguments: Arguments) -> AssistantPart {
    AssistantPart::Call(ToolCall { call_id: call_id.into(), name: "tool".into(), arguments, opaque: None })
}

fn request(history: History) -> Request {
    let options = Options { reasoning_effort: Some("high".into()), ..Options::default() };
    Request { options: Arc::new(options), ..crate::responses::tests::request(history) }
}

fn config(request: &Request, takes_grammars: bool) -> HttpConfig {
    let known = Known::of("openai", &request.model);
    HttpConfig { takes_grammars, known, ..HttpConfig::new(WireFormat::Responses, "") }
}

fn parsed(request: &Request, grammars: bool) -> Value {
    serde_json::from_slice(&body(request, &config(request, grammars)).unwrap()).unwrap()
}

fn input(messages: Vec<Message>, grammars: bool) -> Value {
    parsed(&request(messages.into_iter().collect()), grammars)["input"].take()
}

#[test]
fn every_kind_of_message() {
    let sealed = json!({"id": "rs_1", "encrypted_content": "xyz"});
    let image = Content::Image { media_type: "image/png".into(), data: "AAAA".into() };
    let spoken = AssistantPart::Text {
        text: "Hello".into(),
        opaque: Some(Opaque::new(Wire::Responses, json!({"phase": "final_answer"}))),
    };
    let messages = vec![
        Message::Developer { text: "Be good.".into() },
        Message::User { content: vec![text("hi"), image.clone()] },
        Message::Assistant {
            content: vec![
                AssistantPart::Reasoning {
                    summary: vec!["a".into(), "b".into()],
                    opaque: Some(Opaque::new(Wire::Responses, sealed.clone())),
                },
                spoken,
                call("c1", Arguments::Json(r#"{"a":1}"#.into())),
                call("c2", Arguments::Freeform("free".into())),
            ],
        },
        Message::ToolResult { call_id: "c1".into(), freeform: false, content: vec![text("out")] },
        Message::ToolResult { call_id: "c2".into(), freeform: true, content: vec![text("look"), image] },
    ];
    let expected = json!([
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be good."}]},
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "hi"},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        ]},
        {"type": "reasoning", "id": "rs_1", "encrypted_content": "xyz", "summary": [
            {"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"},
        ]},
        {"type": "message", "role": "assistant", "phase": "final_answer",
         "content": [{"type": "output_text", "text": "Hello"}]},
        {"type": "function_call", "call_id": "c1", "name": "tool", "arguments": "{\"a\":1}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "tool", "input": "free"},
        {"type": "function_call_output", "call_id": "c1", "output": "out"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [
            {"type": "input_text", "text": "look"},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        ]},
    ]);
    assert_eq!(input(messages, true), expected);
}

#[test]
fn what_cannot_be_sent_is_left_out() {
    let elsewhere = Opaque::new(Wire::ChatCompletions, json!({"encrypted_content": "not ours"}));
    let messages = vec![
        Message::Developer { text: String::new() },
        Message::User { content: vec![] },
        Message::Assistant {
            content: vec![
                AssistantPart::Reasoning { summary: vec!["seen".into()], opaque: None },
                AssistantPart::Reasoning { summary: vec![], opaque: Some(elsewhere) },
                AssistantPart::Text { text: String::new(), opaque: None },
            ],
        },
        Message::user("hi"),
    ];
    let input = input(messages, true);
    assert_eq!(input.as_array().unwrap().len(), 1, "{input}");
    assert_eq!(self::input(vec![], true), json!([]));
}

#[test]
fn without_grammars_freeform_becomes_a_function_even_after_it_was_encoded() {
    let history: History = [
        Message::Assistant { content: vec![call("c1", Arguments::Freeform("a \"b\"".into()))] },
        Message::ToolResult { call_id: "c1".into(), freeform: true, content: vec![text("ok")] },
    ]
    .into_iter()
    .collect();
    let request = request(history);
    let with = parsed(&request, true);
    assert_eq!(with["tools"][1]["type"], "custom");
    assert_eq!(with["tools"][1]["format"], json!({"type": "grammar", "syntax": "lark", "definition": "start: /x/"}));
    assert_eq!(with["input"][0]["type"], "custom_tool_call");
    for _ in 0..2 {
        let without = parsed(&request, false);
        assert_eq!(without["tools"][1]["type"], "function");
        assert_eq!(without["tools"][1]["parameters"]["required"], json!(["input"]));
        let arguments = without["input"][0]["arguments"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(arguments).unwrap(), json!({"input": "a \"b\""}));
        assert_eq!(without["input"][1]["type"], "function_call_output");
    }
    assert_eq!(parsed(&request, true), with);
}

#[test]
fn settings_of_the_request() {
    let mut request = request([Message::user("hi")].into_iter().collect());
    let body = parsed(&request, true);
    for (key, expected) in [
        ("model", json!("gpt-5.5")),
        ("stream", json!(true)),
        ("store", json!(false)),
        ("include", json!(["reasoning.encrypted_content"])),
        ("prompt_cache_key", json!("thread-1")),
        ("tool_choice", json!("auto")),
        ("parallel_tool_calls", json!(true)),
        ("reasoning", json!({"effort": "high", "summary": "auto"})),
        ("text", Value::Null),
    ] {
        assert_eq!(body[key], expected, "{key}");
    }
    request.output_schema = Some(Arc::new(json!({"type": "object"})));
    request.options = Arc::default();
    let body = parsed(&request, true);
    let format = json!({"type": "json_schema", "name": "codex_output_schema", "strict": true,
        "schema": {"type": "object"}});
    assert_eq!((&body["text"]["format"], &body["reasoning"]), (&format, &json!({"summary": "auto"})));

    request.options = Arc::new(Options {
        reasoning_effort: None,
        reasoning_summary: Some("none".into()),
        verbosity: Some("low".into()),
        service_tier: Some("flex".into()),
        temperature: Some(0.25),
        max_output_tokens: Some(500),
    });
    let body = parsed(&request, true);
    for (key, expected) in [
        ("reasoning", json!({})),
        ("service_tier", json!("flex")),
        ("temperature", json!(0.25)),
        ("max_output_tokens", json!(500)),
    ] {
        assert_eq!(body[key], expected, "{key}");
    }
    assert_eq!((&body["text"]["format"], &body["text"]["verbosity"]), (&format, &json!("low")));

    request.model = "gpt-4.1".into();
    request.options = Arc::default();
    request.tools = Arc::new([]);
    let body = parsed(&request, true);
    for key in
        ["reasoning", "tools", "tool_choice", "parallel_tool_calls", "service_tier", "temperature", "max_output_tokens"]
    {
        assert_eq!(body.get(key), None, "{key}");
    }
    assert_eq!(body["include"], json!([]));
}

#[test]
fn a_growing_conversation_keeps_its_prefix_to_the_byte() {
    let mut history: History = [Message::Developer { text: "rules".into() }].into_iter().collect();
    let mut before = Bytes::new();
    for turn in 0..5 {
        history.push(Message::user(format!("question {turn}")));
        history.push(Message::Assistant { content: vec![call("c", Arguments::Json("{}".into()))] });
        history.push(Message::ToolResult { call_id: "c".into(), freeform: false, content: vec![text("r")] });
        let request = request(history.clone());
        let now = body(&request, &config(&request, true)).unwrap();
        let tail = br#"],"reasoning":{"effort":"high","summary":"auto"}}"#;
        let prefix = now.strip_suffix(tail).expect("the settings that may change come last");
        assert!(prefix.starts_with(&before), "turn {turn}");
        before = Bytes::copy_from_slice(prefix);
    }
}
