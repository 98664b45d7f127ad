//! Messages in this wire's words.

use codex_history::{Content, Opaque, Wire};

use super::*;

const USUAL: &[(Quirk, bool)] = &[];
const DEVELOPER: &[(Quirk, bool)] = &[(Quirk::DeveloperRole, true)];
const STRICT: &[(Quirk, bool)] = &[(Quirk::UserAfterResult, false)];

fn messages(quirks: &[(Quirk, bool)], conversation: &[Message]) -> Vec<Value> {
    let history: History = conversation.iter().cloned().collect();
    let body = super::super::body(&request(history), &with(quirks)).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    body["messages"].as_array().unwrap().clone()
}

/// Each message as its role and the beginning of what it says.
fn short(quirks: &[(Quirk, bool)], conversation: &[Message]) -> Vec<String> {
    let of = |message: Value| format!("{} {}", message["role"].as_str().unwrap(), message["content"]);
    messages(quirks, conversation).into_iter().map(of).collect()
}

fn developer(text: &str) -> Message {
    Message::Developer { text: text.into() }
}

fn answer(content: Vec<AssistantPart>) -> Message {
    Message::Assistant { content }
}

fn calling(id: &str, arguments: &str) -> AssistantPart {
    let arguments = Arguments::Json(arguments.into());
    AssistantPart::Call(ToolCall { call_id: id.into(), name: "shell".into(), arguments, opaque: None })
}

fn result(id: &str, content: Vec<Content>) -> Message {
    Message::ToolResult { call_id: id.into(), freeform: false, content }
}

fn words(text: &str) -> Content {
    Content::Text { text: text.into() }
}

fn picture() -> Content {
    Content::Image { media_type: "image/png".into(), data: "AA==".into() }
}

#[test]
fn instructions_come_first_and_what_was_said_together_is_one_message() {
    let conversation = [
        developer("Be kind."),
        developer("Be brief."),
        Message::User { content: vec![words("environment"), words("")] },
        Message::user("go"),
        answer(vec![text("I"), text(""), text("see.")]),
        developer("It was stopped."),
        Message::user("on"),
    ];
    assert_eq!(
        short(USUAL, &conversation),
        [
            "system \"Be kind.\\n\\nBe brief.\"",
            "user \"environment\\n\\ngo\"",
            "assistant \"I\\n\\nsee.\"",
            "user \"It was stopped.\\n\\non\"",
        ]
    );
    assert_eq!(
        short(DEVELOPER, &conversation),
        [
            "developer \"Be kind.\"",
            "developer \"Be brief.\"",
            "user \"environment\\n\\ngo\"",
            "assistant \"I\\n\\nsee.\"",
            "developer \"It was stopped.\"",
            "user \"on\"",
        ]
    );
}

#[test]
fn results_come_right_after_their_calls_and_pictures_after_all_of_them() {
    let conversation = [
        Message::user("go"),
        answer(vec![calling("1", "{}"), calling("2", "{}")]),
        result("1", vec![words("one"), picture()]),
        Message::user("hurry"),
        result("2", vec![words("two"), words("three")]),
    ];
    let shown = |pieces: &str| format!("user [{pieces}]");
    let pictures = r#"{"type":"text","text":"[Pictures of the result of call 1:]"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}},{"type":"text","text":"hurry"}"#;
    let mut expected = ["user \"go\"", "assistant null", "tool \"one\"", "tool \"two\\nthree\"", &shown(pictures)]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(short(USUAL, &conversation), expected);
    expected.insert(4, "assistant \"I have the results.\"".into());
    assert_eq!(short(STRICT, &conversation), expected);
}

#[test]
fn what_cannot_be_sent_is_left_out() {
    let sealed = |wire| Some(Opaque::new(wire, json!({ "encrypted_content": "x" })));
    let conversation = [
        developer(""),
        Message::User { content: vec![] },
        answer(vec![]),
        answer(vec![AssistantPart::Reasoning { summary: vec!["hm".into()], opaque: sealed(Wire::Responses) }]),
        Message::user("go"),
        answer(vec![AssistantPart::Search { queries: vec!["x".into()], sources: vec![], opaque: None }]),
        Message::user("on"),
    ];
    assert_eq!(short(USUAL, &conversation), ["user \"go\\n\\non\""]);
}

#[test]
fn arguments_are_such_that_servers_can_read_them() {
    for (written, sent) in [
        (r#"{"command": "ls"}"#, r#"{"command": "ls"}"#),
        ("", "{}"),
        ("{\"comm", r#"{"unreadable":"{\"comm"}"#),
        ("[1]", r#"{"unreadable":"[1]"}"#),
    ] {
        let sent_back = messages(USUAL, &[answer(vec![calling("1", written)]), result("1", vec![])]);
        assert_eq!(sent_back[0]["tool_calls"][0]["function"]["arguments"], sent, "{written}");
        assert_eq!(sent_back[1]["content"], "");
    }
}

#[test]
fn thinking_goes_back_with_the_calls_it_led_to_or_as_a_gateway_wants() {
    let thought = |wire, sealed: Value| AssistantPart::Reasoning {
        summary: vec!["hm".into()],
        opaque: Some(Opaque::new(wire, sealed)),
    };
    let content = |wire| thought(wire, json!({ "reasoning_content": true }));
    let details = thought(Wire::ChatCompletions, json!({ "reasoning_details": [{ "data": "x" }] }));
    let (null, hm, detail) = (Value::Null, json!("hm"), json!([{ "data": "x" }]));
    for (what, parts, reasoning, told) in [
        ("with a call", vec![content(Wire::ChatCompletions), calling("1", "{}")], &hm, &null),
        ("without one", vec![content(Wire::ChatCompletions), text("Hi")], &null, &null),
        ("another wire's", vec![content(Wire::Responses), calling("1", "{}")], &null, &null),
        ("a gateway's", vec![details, text("Hi")], &null, &detail),
    ] {
        let sent = &messages(USUAL, &[answer(parts)])[0];
        assert_eq!((&sent["reasoning_content"], &sent["reasoning_details"]), (reasoning, told), "{what}");
    }
    let signed = |wire| {
        let opaque = Some(Opaque::new(wire, json!({ "extra_content": { "s": 1 } })));
        let (call_id, name, arguments) = ("1".into(), "shell".into(), Arguments::Json("{}".into()));
        AssistantPart::Call(ToolCall { call_id, name, arguments, opaque })
    };
    for (wire, expected) in [(Wire::ChatCompletions, json!({ "s": 1 })), (Wire::Responses, null)] {
        assert_eq!(messages(USUAL, &[answer(vec![signed(wire)])])[0]["tool_calls"][0]["extra_content"], expected);
    }
}

#[test]
fn a_conversation_has_other_words_for_another_server() {
    let history: History = [developer("Be kind."), Message::user("go"), answer(vec![text("Hi")])].into_iter().collect();
    let role = |quirks_of| {
        let body = super::super::body(&request(history.clone()), &with(quirks_of)).unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()["messages"][0]["role"].clone()
    };
    for _ in 0..2 {
        assert_eq!((role(USUAL), role(DEVELOPER)), (json!("system"), json!("developer")));
    }
}
