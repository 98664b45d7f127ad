//! Refusals as servers word them: of which kind they are, and what is said of them.

use super::*;
use crate::FailureKind::{self, *};
use crate::Options;

/// Whose, status, body, kind, and words of the message.
const TABLE: &[(&str, u16, &str, FailureKind, &str)] = &[
    (
        "Gemini, in a list",
        429,
        r#"[{"error":{"code":429,"message":"You exceeded your current quota. Please retry in 33.5s.","status":"RESOURCE_EXHAUSTED"}}]"#,
        RateLimited,
        "Please retry in 33.5s.",
    ),
    (
        "Gemini, too long",
        400,
        r#"[{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}]"#,
        ContextTooLong,
        "1048576",
    ),
    (
        "Gemini, no such model",
        404,
        r#"[{"error":{"code":404,"message":"models/gemini-x is not found for API version v1main","status":"NOT_FOUND"}}]"#,
        BadRequest(404),
        "the model `m` is not available",
    ),
    (
        "Mistral, what is wrong in a list",
        422,
        r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","x"],"msg":"Extra inputs are not permitted"}]},"type":"invalid_request_error"}"#,
        BadRequest(422),
        "Extra inputs are not permitted",
    ),
    (
        "Mistral, too long",
        400,
        r#"{"object":"error","message":"Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length","type":"invalid_request_prompt","code":3051}"#,
        ContextTooLong,
        "32768",
    ),
    (
        "Groq",
        400,
        r#"{"error":{"message":"Please reduce the length of the messages or completion.","type":"invalid_request_error","param":"messages"}}"#,
        ContextTooLong,
        "begin a new session",
    ),
    (
        "xAI",
        400,
        r#"{"code":"Client specified an invalid argument","error":"This model's maximum prompt length is 131072 but the request contains 140000 tokens."}"#,
        ContextTooLong,
        "140000 tokens",
    ),
    (
        "Moonshot",
        400,
        r#"{"error":{"message":"Invalid request: Your request exceeded model token limit: 131072","type":"invalid_request_error"}}"#,
        ContextTooLong,
        "131072",
    ),
    (
        "Together",
        422,
        r#"{"error":{"message":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000","type":"invalid_request_error"}}"#,
        ContextTooLong,
        "8193",
    ),
    (
        "SGLang",
        400,
        r#"{"object":"error","message":"The input (9000 tokens) is longer than the model's context length (8192 tokens).","type":"BadRequestError","code":400}"#,
        ContextTooLong,
        "8192",
    ),
    (
        "LM Studio",
        400,
        r#"{"error":"Trying to keep the first 6000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input."}"#,
        ContextTooLong,
        "4096",
    ),
    (
        "OpenRouter, no credits",
        402,
        r#"{"error":{"code":402,"message":"This request requires more credits"}}"#,
        QuotaExceeded,
        "no budget left: This request requires more credits",
    ),
    (
        "Ollama, no such model",
        404,
        r#"{"error":{"message":"model \"m\" not found, try pulling it first","type":"not_found_error","param":null,"code":null}}"#,
        BadRequest(404),
        "the model `m` is not available: model \"m\" not found, try pulling it first",
    ),
    (
        "llama.cpp, not ready",
        503,
        r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
        Server(503),
        "Loading model",
    ),
];

#[tokio::test]
async fn each_is_of_its_kind() {
    for (whose, status, body, kind, words) in TABLE {
        let events = answer(json!({ "http": status, "body": body })).await;
        let failure = failed(&events);
        assert!(failure.kind == *kind && failure.message.contains(words), "{whose}: {failure:?}");
    }
}

fn refusal(name: &str) -> Value {
    let message = format!("Unsupported parameter: '{name}' is not supported with this model.");
    let error = json!({ "error": { "message": message, "param": name, "code": "unsupported_parameter" } });
    json!({ "http": 400, "body": error.to_string() })
}

/// A parameter that the conversation can do without is left out, which is said once; one that it cannot is why it fails.
#[tokio::test]
async fn a_parameter_that_is_refused_is_left_out_from_then_on() {
    let server = ModelServer::from_json(json!([
        refusal("temperature"), refusal("stream_options"), { "text": "One." }, { "text": "Two." }, refusal("tools"),
    ]));
    let model = HttpModel::new(config(server.base_url()), Arc::new(HttpClients::new()));
    let options = Arc::new(Options { temperature: Some(0.5), ..Options::default() });
    let ask = async || all_of(model.stream(Request { options: Arc::clone(&options), ..request(said("hi")) })).await;
    let told = |events: &[StreamEvent]| -> Vec<String> {
        let parameter = |event: &StreamEvent| match event {
            StreamEvent::LeftOut { parameter, reason } if reason.contains("is not supported") => {
                Some(parameter.clone())
            }
            _ => None,
        };
        events.iter().filter_map(parameter).collect()
    };
    let first = ask().await;
    assert_eq!(
        (told(&first), completed(&first).0),
        (vec!["temperature".into(), "stream_options".into()], &[text("One.")][..])
    );
    let second = ask().await;
    assert_eq!((told(&second), completed(&second).0), (vec![], &[text("Two.")][..]));
    assert_eq!(failed(&ask().await).kind, BadRequest(400));
    let requests = server.requests();
    let sent = requests.iter().map(|request| {
        ["temperature", "stream_options", "tools", "messages"].map(|name| request.body.get(name).is_some())
    });
    let without = [false, false, true, true];
    assert_eq!(sent.collect::<Vec<_>>(), [[true; 4], [false, true, true, true], without, without, without]);
}

/// Where the request without it is refused too, it was not what is wrong.
#[tokio::test]
async fn a_parameter_is_left_out_for_good_only_where_that_helps() {
    let too_much = json!({ "http": 400, "body": json!({ "error": { "message": "too many pictures" } }).to_string() });
    let server = ModelServer::from_json(json!([refusal("temperature"), too_much, { "text": "One." }]));
    let model = HttpModel::new(config(server.base_url()), Arc::new(HttpClients::new()));
    let options = Arc::new(Options { temperature: Some(0.5), ..Options::default() });
    let ask = async || all_of(model.stream(Request { options: Arc::clone(&options), ..request(said("hi")) })).await;
    assert_eq!(failed(&ask().await).kind, BadRequest(400));
    assert_eq!(completed(&ask().await).0, &[text("One.")][..]);
    let sent: Vec<bool> = server.requests().iter().map(|request| request.body.get("temperature").is_some()).collect();
    assert_eq!(sent, [true, false, true]);
}
