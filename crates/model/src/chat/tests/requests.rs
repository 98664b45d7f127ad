//! What is sent, as a server sees it.

use codex_history::Content;

use super::*;
use crate::{Known, Options, Said};

const OPENAI: &[(Quirk, bool)] = &[
    (Quirk::DeveloperRole, true),
    (Quirk::CacheKeys, true),
    (Quirk::MaxCompletionTokens, true),
    (Quirk::TemperatureWhenThinking, false),
    (Quirk::Verbosity, true),
];
const MISTRAL: &[(Quirk, bool)] =
    &[(Quirk::UserAfterResult, false), (Quirk::StreamOptions, false), (Quirk::ReasoningEffort, false)];
const NO_SCHEMA: &[(Quirk, bool)] = &[(Quirk::JsonSchema, false)];

#[tokio::test]
async fn a_conversation_grows_only_at_its_end_and_carries_its_thinking_back() {
    let server = ModelServer::from_json(json!([
        {"reasoning": "hm", "text": "Let me see.",
         "calls": [{"tool": "shell", "arguments": {"command": "ls"}}, {"custom": "apply_patch", "input": "*** patch"}]},
        {"text": "Done."},
        {"text": "Done again."},
    ]));
    let mut history: History =
        [Message::Developer { text: "Be kind.".into() }, Message::user("go")].into_iter().collect();
    for _ in 0..3 {
        let events = ask(&server, history.clone()).await;
        let message = Message::Assistant { content: completed(&events).0.to_vec() };
        let picture = Content::Image { media_type: "image/png".into(), data: "AA==".into() };
        let results: Vec<Message> = message
            .calls()
            .map(|call| call.answer_with(vec![Content::Text { text: call.name.clone() }, picture.clone()]))
            .collect();
        let has_results = !results.is_empty();
        history.push(message);
        results.into_iter().for_each(|result| history.push(result));
        if !has_results {
            history.push(Message::user("again"));
        }
    }
    let requests = server.requests();
    for pair in requests.windows(2) {
        let first = pair[0].raw.strip_suffix(b"]}").expect("nothing follows the conversation");
        assert!(pair[1].raw.starts_with(first), "a request begins with the one before");
    }
    assert_eq!(requests[0].uri, "/v1/chat/completions");
    assert_eq!(requests[0].body["stream_options"], json!({ "include_usage": true }));
    let messages = requests[2].body["messages"].as_array().unwrap();
    let roles: Vec<&str> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "tool", "user", "assistant", "user"]);
    let calls = &messages[2]["tool_calls"];
    assert_eq!((&messages[2]["reasoning_content"], &messages[2]["content"]), (&json!("hm"), &json!("Let me see.")));
    assert_eq!(calls[1]["function"], json!({ "name": "apply_patch", "arguments": "{\"input\":\"*** patch\"}" }));
    assert_eq!(messages[3]["tool_call_id"], calls[0]["id"]);
    assert_eq!(messages[5]["content"].as_array().unwrap().len(), 4, "each picture and whose it is: {}", messages[5]);
}

#[test]
fn each_server_gets_what_it_takes() {
    let options = Options {
        reasoning_effort: Some("high".into()),
        verbosity: Some("low".into()),
        service_tier: Some("flex".into()),
        temperature: Some(0.5),
        max_output_tokens: Some(100),
        ..Options::default()
    };
    let schema = Some(Arc::new(json!({ "type": "object" })));
    let request = Request { options: Arc::new(options), output_schema: schema, ..request(said("hi")) };
    let sent = |quirks: &[(Quirk, bool)], model: &str| -> Value {
        let request = Request { model: model.into(), ..request.clone() };
        let config = HttpConfig { known: Known::of("", model), ..with(quirks) };
        serde_json::from_slice(&super::super::body(&request, &config).unwrap()).unwrap()
    };
    let always = ["messages", "model", "response_format", "service_tier", "stream", "tools"];
    for (quirks, model, more) in [
        (
            OPENAI,
            "gpt-5.5",
            &["max_completion_tokens", "prompt_cache_key", "reasoning_effort", "store", "stream_options", "verbosity"]
                [..],
        ),
        (
            OPENAI,
            "gpt-4o",
            &["max_completion_tokens", "prompt_cache_key", "store", "stream_options", "temperature", "verbosity"],
        ),
        (MISTRAL, "m", &["max_tokens", "temperature"]),
        (NO_SCHEMA, "m", &["max_tokens", "reasoning_effort", "stream_options", "temperature"]),
        (
            &[(Quirk::ParallelToolCalls, true)],
            "m",
            &["max_tokens", "parallel_tool_calls", "reasoning_effort", "stream_options", "temperature"],
        ),
    ] {
        let body = sent(quirks, model);
        let mut expected: Vec<&str> = always.iter().chain(more).copied().collect();
        expected.sort_unstable();
        let mut names: Vec<&String> = body.as_object().unwrap().keys().collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{model} with {quirks:?}");
        let tools: Vec<&str> =
            body["tools"].as_array().unwrap().iter().filter_map(|tool| tool["function"]["name"].as_str()).collect();
        assert_eq!(tools, ["shell", "apply_patch"], "no search of the vendor's own");
        let is_told = quirks == NO_SCHEMA;
        let kind = if is_told { "json_object" } else { "json_schema" };
        assert_eq!(body["response_format"]["type"], kind);
        let told = body["messages"].to_string().contains("satisfies this JSON Schema");
        assert_eq!(told, is_told, "a schema is said where it cannot be held to");
    }
    let plain = Request { tools: Arc::new([]), output_schema: None, options: Arc::default(), ..request.clone() };
    let body = super::super::body(&plain, &config("http://127.0.0.1:8080/v1")).unwrap();
    assert!(!String::from_utf8_lossy(&body).contains("tool"), "servers refuse an empty list of tools");
}

/// What the user says that a model takes is sent wherever it is.
#[test]
fn the_word_of_the_user_outranks_what_the_server_usually_takes() {
    let options = Options {
        reasoning_effort: Some("high".into()),
        verbosity: Some("low".into()),
        temperature: Some(0.5),
        ..Options::default()
    };
    let request = Request { options: Arc::new(options), ..request(said("hi")) };
    let all = Said { temperature: true, verbosity: true, efforts: true };
    let sent = |quirks: &[(Quirk, bool)], said: Said| {
        let config = HttpConfig { known: Known { said, ..Known::default() }, ..with(quirks) };
        let body: Value = serde_json::from_slice(&super::super::body(&request, &config).unwrap()).unwrap();
        ["reasoning_effort", "verbosity", "temperature"].map(|name| body.get(name).is_some())
    };
    for (quirks, usual) in
        [(OPENAI, [true, true, false]), (MISTRAL, [false, false, true]), (&[][..], [true, false, true])]
    {
        assert_eq!(sent(quirks, Said::default()), usual, "{quirks:?}");
        assert_eq!(sent(quirks, all), [true; 3], "{quirks:?}");
    }
}

#[test]
fn grammars_are_not_offered_here() {
    let config = HttpConfig { takes_grammars: true, ..config("https://api.openai.com/v1") };
    assert!(!HttpModel::new(config, Arc::default()).takes_grammars());
}
