//! What is sent.

use super::*;
use crate::{HttpConfig, Known, Said, WireFormat, anthropic::body::LEAST_OUTPUT};

/// A mark of the cache, as a member.
const MARK: &str = r#","cache_control":{"type":"ephemeral"}"#;

/// The server, of which nothing more is known than that the model is `known`.
fn config(known: Known) -> HttpConfig {
    HttpConfig { known, ..HttpConfig::new(WireFormat::AnthropicMessages, "http://h/v1") }
}

fn parsed(request: &Request) -> Value {
    serde_json::from_str(&written(request)).unwrap()
}

fn written(request: &Request) -> String {
    String::from_utf8(body(request, &config(Known::default())).unwrap().to_vec()).unwrap()
}

/// The messages of a request, without marks.
fn messages(said: Vec<Message>) -> Value {
    let unmarked = written(&request(said)).replace(MARK, "");
    serde_json::from_str::<Value>(&unmarked).unwrap()["messages"].take()
}

#[test]
fn every_kind_of_message() {
    let said = vec![
        developer("Be good."),
        Message::User { content: vec![text("hi"), picture()] },
        answer([
            thought("Hm.", "sig"),
            AssistantPart::Reasoning { summary: vec![], opaque: Some(encode::redacted("xyz".into())) },
            said("Hello"),
            json_call("c1"),
            call("c2", "apply_patch", Arguments::Freeform("free".into())),
            call("c3", "shell", Arguments::Json("{broken".into())),
        ]),
        result("c1", vec![text("out"), picture()]),
        result("c2", vec![]),
        result("c3", vec![text("no")]),
        developer("The mode changed."),
        Message::user("go on"),
        answer([said("Done.")]),
        answer([said("Really.")]),
    ];
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}});
    let expected = json!([
        {"role": "user", "content": [{"type": "text", "text": "hi"}, image]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "text", "text": "Hello"},
            {"type": "tool_use", "id": "c1", "name": "shell", "input": {"b": 1, "a": 2}},
            {"type": "tool_use", "id": "c2", "name": "apply_patch", "input": {"input": "free"}},
            {"type": "tool_use", "id": "c3", "name": "shell", "input": {"input": "{broken"}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "out"}, image]},
            {"type": "tool_result", "tool_use_id": "c2"},
            {"type": "tool_result", "tool_use_id": "c3", "content": [{"type": "text", "text": "no"}]},
            {"type": "text", "text": "<instructions>\nThe mode changed.\n</instructions>"},
            {"type": "text", "text": "go on"},
        ]},
        {"role": "assistant", "content": [{"type": "text", "text": "Done."}, {"type": "text", "text": "Really."}]},
        {"role": "user", "content": [{"type": "text", "text": "Go on."}]},
    ]);
    assert_eq!(messages(said), expected);
}

#[test]
fn what_cannot_be_sent_is_left_out() {
    let elsewhere = Opaque::new(Wire::Responses, json!({"signature": "not ours"}));
    let said = vec![
        developer("  "),
        Message::User { content: vec![text("hi"), text(" \n")] },
        answer([
            AssistantPart::Reasoning { summary: vec!["seen".into()], opaque: None },
            AssistantPart::Reasoning { summary: vec![], opaque: Some(elsewhere) },
            said("\n"),
        ]),
        developer(""),
        answer([thought("Came to nothing.", "sig")]),
        Message::user("there?"),
    ];
    let expected =
        json!([{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "there?"}]}]);
    assert_eq!(messages(said), expected);
    let nothing = parsed(&request([developer("")]));
    assert_eq!(nothing["messages"][0]["content"][0]["text"], "Go on.");
    assert_eq!(nothing["system"], Value::Null);
}

#[test]
fn tools_and_instructions_come_first() {
    let body = parsed(&request([developer("Be good."), developer("Be brief."), Message::user("hi")]));
    let mark = json!({"type": "ephemeral"});
    assert_eq!(
        body["system"],
        json!([
            {"type": "text", "text": "Be good."},
            {"type": "text", "text": "Be brief.", "cache_control": mark},
        ])
    );
    assert_eq!(
        body["tools"],
        json!([
            {"name": "shell", "description": "Runs.", "input_schema": {"type": "object"}},
            {
                "name": "apply_patch",
                "description": "Patches.\n\nThe grammar of `input`, in Lark:\nstart: /x/",
                "input_schema": {
                    "type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"],
                    "additionalProperties": false,
                },
            },
        ])
    );
    let order: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(order, ["model", "stream", "tools", "system", "messages", "max_tokens", "thinking"]);
    let unled = parsed(&request([Message::user("hi")]));
    assert_eq!((&unled["system"], &unled["tools"][1]["cache_control"]), (&Value::Null, &mark));
    let bare = |said| Request { tools: Arc::new([]), ..request(said) };
    assert_eq!(parsed(&bare(vec![Message::user("hi")]))["tools"], Value::Null);
    let called = [answer([json_call("c1"), json_call("c2")]), result("c1", vec![]), result("c2", vec![])];
    let body = parsed(&bare([&[Message::user("hi")][..], &called].concat()));
    let former = json!([{"name": "shell", "input_schema": {"type": "object"}, "cache_control": mark}]);
    assert_eq!((&body["tools"], &body["tool_choice"]), (&former, &json!({"type": "none"})));
}

/// Words that look like those by which the marks find their place.
const LOOKALIKE: &str = r#"{"x":[{"a":1}], "role":"user"}"#;

#[test]
fn a_conversation_grows_at_its_end_and_is_marked_there() {
    let mut history: History = [developer("Be good."), Message::user(LOOKALIKE)].into_iter().collect();
    let mut before = String::new();
    for round in 0..4 {
        let request = Request { history: history.clone(), ..request([]) };
        let now = written(&request);
        let marks = now.matches(MARK).count();
        assert_eq!(marks, if round == 0 { 2 } else { 3 }, "{now}");
        let body: Value = serde_json::from_str(&now).unwrap();
        let of_users = body["messages"].as_array().unwrap().iter().filter(|message| message["role"] == "user");
        let last =
            |message: &Value| message["content"].as_array().unwrap().last().unwrap()["cache_control"].is_object();
        let marked: Vec<bool> = of_users.map(last).collect();
        assert!(marked.iter().rev().take(2).all(|marked| *marked), "{now}");
        assert!(!marked.iter().rev().skip(2).any(|marked| *marked), "{now}");
        // Marks move, and the last message was not over yet; all else stays.
        let plain = now.replace(MARK, "");
        let (said, _) = plain.rsplit_once(r#"], "role":"user"}"#).unwrap();
        assert!(plain.starts_with(&before), "{before}\n{plain}");
        before = said.to_owned();
        history.push(answer([call(&format!("c{round}"), "shell", Arguments::Json(LOOKALIKE.into()))]));
        history.push(result(&format!("c{round}"), vec![text(LOOKALIKE)]));
    }
}

#[test]
fn options_are_sent_to_those_who_take_them() {
    let options = |effort: Option<&str>| Options {
        reasoning_effort: effort.map(str::to_owned),
        temperature: Some(0.5),
        service_tier: Some("standard_only".into()),
        verbosity: Some("low".into()),
        ..Options::default()
    };
    let adaptive = json!({"type": "adaptive", "display": "summarized"});
    let bound = json!({
        "type": "adaptive", "display": "summarized",
        "block_binding": {"prefix_mismatch_behavior": "drop_block"},
    });
    let budget = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    let none = Value::Null;
    for (model, effort, max_tokens, thinking, output, temperature) in [
        ("claude-3-5-haiku-latest", Some("high"), 8_192, &none, &none, &json!(0.5)),
        ("claude-sonnet-4-5", Some("low"), 64_000, &budget(4_096), &none, &none),
        ("claude-sonnet-4-5", Some("none"), 64_000, &none, &none, &json!(0.5)),
        ("claude-opus-4-6", None, 64_000, &adaptive, &none, &none),
        ("claude-opus-4-6", Some("high"), 64_000, &adaptive, &json!({"effort": "high"}), &none),
        ("claude-opus-4-6", Some("none"), 64_000, &none, &json!({"effort": "low"}), &json!(0.5)),
        ("claude-opus-4-8", Some("none"), 64_000, &none, &json!({"effort": "low"}), &none),
        ("claude-fable-5-1", Some("max"), 64_000, &bound, &json!({"effort": "max"}), &none),
        ("some-model", None, 32_000, &none, &none, &json!(0.5)),
    ] {
        let options = Arc::new(options(effort));
        let body = parsed(&Request { model: model.into(), options, ..request([Message::user("hi")]) });
        let found = [&body["max_tokens"], &body["thinking"], &body["output_config"], &body["temperature"]];
        assert_eq!(found, [&json!(max_tokens), thinking, output, temperature], "{model} {effort:?}");
        assert_eq!((&body["service_tier"], &body["verbosity"]), (&json!("standard_only"), &none));
    }
    let options = Options {
        reasoning_summary: Some("none".into()),
        max_output_tokens: Some(1_000),
        service_tier: Some("flex".into()),
        ..Options::default()
    };
    let body = parsed(&Request { options: Arc::new(options), ..request([Message::user("hi")]) });
    assert_eq!((&body["max_tokens"], &body["thinking"]["display"]), (&json!(1_000), &json!("omitted")));
    assert_eq!(body["service_tier"], none);
}

/// What the user says that a model takes is sent whatever its version; but no temperature with thoughts, which no model takes.
#[test]
fn the_word_of_the_user_outranks_the_version() {
    let said = Said { temperature: true, efforts: true, ..Said::default() };
    for (model, effort, said, expected) in [
        ("claude-opus-4-8", "none", Said::default(), (None, Some("low"))),
        ("claude-opus-4-8", "none", said, (Some(0.5), Some("low"))),
        ("claude-opus-4-8", "max", said, (None, Some("max"))),
        ("claude-opus-4-6", "xhigh", Said::default(), (None, Some("high"))),
        ("claude-opus-4-6", "xhigh", said, (None, Some("xhigh"))),
    ] {
        let wanted = Options { reasoning_effort: Some(effort.into()), temperature: Some(0.5), ..Options::default() };
        let request = Request { model: model.into(), options: Arc::new(wanted), ..request([Message::user("hi")]) };
        let known = Known { said, ..Known::of("anthropic", model) };
        let body: Value = serde_json::from_slice(&body(&request, &config(known)).unwrap()).unwrap();
        let found = (body["temperature"].as_f64(), body["output_config"]["effort"].as_str());
        assert_eq!(found, expected, "{model} {effort} {said:?}");
    }
}

#[test]
fn the_catalog_says_how_much_is_written_and_whether_it_is_thought() {
    let said = "x".repeat(400_000);
    let ask = |model: &str, said: &str, wanted: Option<u64>| {
        let options = Arc::new(Options { max_output_tokens: wanted, ..Options::default() });
        let request = Request { model: model.into(), options, ..request([Message::user(said)]) };
        let body = body(&request, &config(Known::of("anthropic", model))).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        (body["max_tokens"].as_u64().unwrap(), body["thinking"].is_object())
    };
    // 400,000 bytes are about 100,000 tokens, and an eighth is kept for what they are taken for too few.
    let left = 200_000 - (100_004 + 100_004 / 8);
    for (model, said, wanted, expected) in [
        ("claude-opus-4-6", "hi", None, (128_000, true)),
        ("claude-opus-4-6", &said, None, (128_000, true)),
        ("claude-haiku-4-5", "hi", None, (64_000, true)),
        ("claude-haiku-4-5", "hi", Some(500), (500, false)),
        ("claude-haiku-4-5", &said, Some(99_000), (left, true)),
        ("claude-haiku-4-5", &said.repeat(2), None, (LEAST_OUTPUT, true)),
        ("claude-3-5-haiku-latest", "hi", None, (8_192, false)),
    ] {
        assert_eq!(ask(model, said, wanted), expected, "{model} {} {wanted:?}", said.len());
    }
}

#[test]
fn an_answer_is_held_to_a_schema_or_told_of_it() {
    let schema = json!({"type": "object", "required": ["a"]});
    let with = |model: &str| Request {
        model: model.into(),
        output_schema: Some(Arc::new(schema.clone())),
        ..request([Message::user("hi")])
    };
    let held = parsed(&with("claude-opus-4-6"));
    assert_eq!(held["output_config"], json!({"format": {"type": "json_schema", "schema": schema}}));
    assert_eq!(held["messages"][0]["content"].as_array().unwrap().len(), 1);
    let told = parsed(&with("claude-opus-4-1"));
    assert_eq!(told["output_config"], Value::Null);
    let content = told["messages"][0]["content"].as_array().unwrap();
    assert!(content[0]["cache_control"].is_object() && content[1]["cache_control"].is_null(), "{told}");
    assert!(content[1]["text"].as_str().unwrap().contains(&schema.to_string()), "{told}");
}

/// With a budget, the API refuses an answer that goes on and did not begin with thoughts of its own.
#[test]
fn an_answer_that_began_elsewhere_goes_on_without_thoughts() {
    let user = || Message::user("hi");
    let ours = || answer([thought("Hm.", "sig"), json_call("c1")]);
    let unsigned = || answer([json_call("c1")]);
    let done = || result("c1", vec![text("out")]);
    for (said, thinks) in [
        (vec![user()], true),
        (vec![user(), ours(), done()], true),
        (vec![user(), ours(), done(), unsigned(), done()], true),
        (vec![user(), unsigned(), done()], false),
        (vec![user(), unsigned(), done(), ours(), done()], false),
        (vec![user(), unsigned(), done(), user()], true),
    ] {
        for (model, thinks) in [("claude-sonnet-4-5", thinks), ("claude-opus-4-6", true)] {
            let body = parsed(&Request { model: model.into(), ..request(said.clone()) });
            assert_eq!(body["thinking"].is_object(), thinks, "{model}: {said:?}");
        }
    }
}
