//! Each way to be refused: its kind, its words, whether it is repeated.

use std::time::Duration;

use super::*;
use crate::{FailureKind, RetryPolicy, Retrying};

fn error(code: &str, message: &str) -> String {
    json!({"error": {"message": message, "type": "some_error", "code": code}}).to_string()
}

/// The first answer is `step`, the next one is fine. Whether there was a next one follows from the kind.
async fn refused(step: Value, configure: impl Fn(HttpConfig) -> HttpConfig) -> Failure {
    let server = ModelServer::from_json(json!([step, {"text": "fine"}]));
    let config = configure(grammars(&server));
    let events = ask(config.clone(), said("hi")).await;
    let failure = failed(&events).clone();

    let again = ModelServer::from_json(json!([step, {"text": "fine"}]));
    let config = HttpConfig { base_url: again.base_url(), ..config };
    let policy =
        RetryPolicy { initial_delay: Duration::ZERO, longest_asked_delay: Duration::ZERO, ..Default::default() };
    let inner = Arc::new(HttpModel::new(config, Arc::default()));
    let events: Vec<StreamEvent> = Retrying::new(inner, policy).stream(request(said("hi"))).collect().await;
    let waits_too_long = failure.retry_after.is_some_and(|asked| !asked.is_zero());
    let repeated = failure.kind.may_pass() && !waits_too_long;
    assert_eq!(again.requests().len(), 1 + usize::from(repeated), "{failure:?}");
    assert_eq!(matches!(events.last(), Some(StreamEvent::Completed { .. })), repeated, "{events:?}");
    failure
}

#[tokio::test]
async fn statuses() {
    use FailureKind::*;
    for (status, body, kind, words) in [
        (
            401,
            error("invalid_api_key", "Incorrect key."),
            Unauthorized,
            "the key in MY_KEY was refused: Incorrect key. (HTTP 401)",
        ),
        (403, error("", "No access."), Unauthorized, "the key in MY_KEY was refused: No access. (HTTP 403)"),
        (400, error("context_length_exceeded", "Too long."), ContextTooLong, "too long for the model: Too long."),
        (400, error("", "This model's maximum context length is 10 tokens"), ContextTooLong, "too long for the model"),
        (400, error("content_policy_violation", "Bad words."), ContentRefused, "refused the content: Bad words."),
        (400, error("invalid_prompt", "Odd."), BadRequest(400), "/v1/responses refused the request (HTTP 400): Odd."),
        (402, error("", "Pay."), QuotaExceeded, "no budget left: Pay."),
        (
            404,
            error("model_not_found", "No such thing: sk-secret."),
            BadRequest(404),
            "the model `gpt-5.5` is not available: No such thing: [key]. (HTTP 404)",
        ),
        (404, error("", "Nope."), BadRequest(404), "the model `gpt-5.5` is not available: Nope. (HTTP 404)"),
        (404, error("model_not_found", ""), BadRequest(404), "the model `gpt-5.5` is not available"),
        (400, error("model_not_found", "No."), BadRequest(404), "the model `gpt-5.5` is not available: No. (HTTP 400)"),
        (
            404,
            String::new(),
            BadRequest(404),
            "/v1/responses was not found (HTTP 404: no reason given); does the base URL end in /v1?",
        ),
        (404, "<title>Gone</title>".into(), BadRequest(404), "does the base URL end in /v1?"),
        (404, "404 page not found".into(), BadRequest(404), "does the base URL end in /v1?"),
        (404, r#"{"detail":"Not Found"}"#.into(), BadRequest(404), "does the base URL end in /v1?"),
        (404, error("", "Invalid URL (POST /responses)"), BadRequest(404), "does the base URL end in /v1?"),
        (400, error("", "prompt is too long: 9 tokens > 8 maximum"), ContextTooLong, "too long for the model"),
        (
            500,
            r#"{"error":{"code":500,"message":"the request exceeds the available context size"}}"#.into(),
            ContextTooLong,
            "too long for the model",
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"Odd.","type":"exceed_context_size_error"}}"#.into(),
            ContextTooLong,
            "too long for the model: Odd.",
        ),
        (408, String::new(), Server(408), "/v1/responses has trouble (HTTP 408)"),
        (409, error("", "Busy."), Server(409), "/v1/responses has trouble (HTTP 409): Busy."),
        (413, String::new(), ContextTooLong, "too long for the model: no reason given (HTTP 413); begin a new session"),
        (422, r#"{"detail":"field missing"}"#.into(), BadRequest(422), "field missing"),
        (429, error("rate_limit_exceeded", "Slow down."), RateLimited, "too many requests (HTTP 429): Slow down."),
        (429, error("insufficient_quota", "Empty."), QuotaExceeded, "no budget left: Empty."),
        (500, error("", "Oops."), Server(500), "has trouble (HTTP 500): Oops."),
        (502, String::new(), Server(502), "has trouble (HTTP 502): no reason given"),
        (504, "<html><title>504 Gateway Time-out</title>".into(), Server(504), "\"504 Gateway Time-out\""),
        (503, "<html><title>Busy\n now</title>…".into(), Server(503), "a web page, \"Busy now\""),
        (529, r#"{"error":"over\nloaded"}"#.into(), Server(529), "over loaded"),
        (418, "plain words".into(), BadRequest(418), "plain words"),
        (400, r#"{"error":{"code":42,"message":"number"}}"#.into(), BadRequest(400), "number"),
    ] {
        let key =
            |config| HttpConfig { api_key: Some("sk-secret".into()), key_variable: Some("MY_KEY".into()), ..config };
        let failure = refused(json!({"http": status, "body": body}), key).await;
        assert!(failure.kind == kind && failure.message.contains(words), "{status} {body}: {failure:?}");
        assert!(!failure.message.contains("secret"));
    }
}

#[tokio::test]
async fn errors_within_the_stream() {
    use FailureKind::*;
    for (code, message, kind, wait) in [
        (json!(429), "Wait.", RateLimited, None),
        (json!("429"), "Please try again in 2s.", RateLimited, Some(2.0)),
        (json!(503), "Busy.", Server(503), None),
        (json!(401), "No.", Unauthorized, None),
        (json!(400), "Odd.", BadRequest(400), None),
        (json!(400), "The request exceeds the available context size.", ContextTooLong, None),
        (json!(7), "?", Server(500), None),
        (Value::Null, "Your prompt is too long: 10 > 9", ContextTooLong, None),
        (json!("exceed_context_size_error"), "Odd.", ContextTooLong, None),
        (json!("unknown_parameter"), "Odd.", BadRequest(400), None),
        (json!("invalid_request_error"), "Odd.", BadRequest(400), None),
        (json!("model_not_found"), "Odd.", BadRequest(404), None),
        (json!("unknown_error"), "Odd.", Server(500), None),
        (json!("rate_limit_exceeded"), "Please try again in 1.5s.", RateLimited, Some(1.5)),
        (json!("server_is_overloaded"), "Busy.", Server(503), None),
        (json!("server_error"), "Oops.", Server(500), None),
        (json!("never_heard_of"), "?", Server(500), None),
        (json!("context_length_exceeded"), "Too long.", ContextTooLong, None),
        (json!("insufficient_quota"), "Empty.", QuotaExceeded, None),
        (json!("invalid_prompt"), "Odd.", BadRequest(400), None),
        (json!("invalid_image"), "Odd.", BadRequest(400), None),
        (json!("cyber_policy"), "No.", ContentRefused, None),
    ] {
        let bare = json!({"type": "error", "code": code, "message": message, "param": null});
        let nested = json!({"type": "error", "error": {"code": code, "message": message}});
        let failed = json!({"type": "response.failed", "response": {"error": {"code": code, "message": message}}});
        for step in [
            json!({"raw": codex_testkit::events::sse(&failed)}),
            json!({"raw": codex_testkit::events::sse(&bare)}),
            json!({"raw": codex_testkit::events::sse(&nested)}),
        ] {
            let failure = refused(step.clone(), |config| config).await;
            assert!(failure.kind == kind && failure.message.contains(message), "{step}: {failure:?}");
            assert_eq!(failure.retry_after, wait.map(Duration::from_secs_f64), "{step}");
        }
    }
}

#[tokio::test]
async fn waits_that_the_vendor_asks_for() {
    let step = |headers: Value| json!({"http": 429, "headers": headers, "body": error("", "try again in 9s")});
    for (headers, seconds) in [
        (json!({"retry-after": "7"}), 7.0),
        (json!({"retry-after-ms": "1500", "retry-after": "7"}), 1.5),
        (json!({"retry-after": "Sun, 22 Nov 1998 12:00:00 GMT"}), 0.0),
        (json!({}), 9.0),
    ] {
        let failure = refused(step(headers.clone()), |config| config).await;
        assert_eq!(failure.retry_after, Some(Duration::from_secs_f64(seconds)), "{headers}");
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_sent_if_one_is_meant_to_be() {
    let server = ModelServer::from_json(json!([{"text": "hi"}, {"http": 401}]));
    let keyless = HttpConfig { key_variable: Some("OPENAI_API_KEY".into()), ..grammars(&server) };
    let failure = failed(&ask(keyless.clone(), said("hi")).await).clone();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Unauthorized, "no key: set OPENAI_API_KEY"));
    assert_eq!(server.requests().len(), 0);

    let blank = HttpConfig { api_key: Some(" \n".into()), ..keyless.clone() };
    assert_eq!(failed(&ask(blank, said("hi")).await), &failure);

    let authorization = vec![("authorization".into(), "Basic x".into())];
    completed(&ask(HttpConfig { http_headers: authorization, ..keyless }, said("hi")).await);

    let failure = failed(&ask(grammars(&server), said("hi")).await).clone();
    assert!(failure.message.starts_with("the server wants a key, and none is configured"), "{failure:?}");
}

#[tokio::test]
async fn settings_that_cannot_work() {
    use FailureKind::*;
    let base = || HttpConfig::new(WireFormat::Responses, "http://127.0.0.1:9/v1");
    let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    for (config, kind, words) in [
        (HttpConfig { base_url: "nonsense".into(), ..base() }, Configuration, "the base URL `nonsense`"),
        (
            HttpConfig { base_url: "http://u:p@h h/v1?key=x".into(), ..base() },
            Configuration,
            "the base URL `http://h h/v1` is not a URL",
        ),
        (HttpConfig { base_url: "ftp://x/v1".into(), ..base() }, Configuration, "`ftp` URLs"),
        (HttpConfig { api_key: Some(" a\nb".into()), ..base() }, Configuration, "API key holds characters"),
        (HttpConfig { http_headers: header("a b", "x"), ..base() }, Configuration, "header `a b`"),
        (HttpConfig { http_headers: header("x", "a\0b"), ..base() }, Configuration, "header `x`"),
        (base(), Connection, "cannot connect to http://127.0.0.1:9/v1/responses"),
        (
            HttpConfig { base_url: "http://u:p@127.0.0.1:9/v1?key=x".into(), ..base() },
            Connection,
            "cannot connect to http://127.0.0.1:9/v1/responses:",
        ),
    ] {
        let events = ask(config, said("hi")).await;
        let failure = failed(&events);
        assert!(failure.kind == kind && failure.message.contains(words), "{failure:?}");
    }
}

#[tokio::test]
async fn answers_that_are_no_streams() {
    let typed = json!({"content-type": "application/json"});
    for (step, kind, words) in [
        (
            json!({"http": 200, "headers": {"content-type": "text/html; charset=utf-8"}, "body": "<html>"}),
            FailureKind::Configuration,
            "answered with text/html instead of an event stream: a web page",
        ),
        (json!({"http": 200, "headers": typed, "body": "{}"}), FailureKind::Configuration, "of an event stream"),
        (
            json!({"http": 200, "headers": typed, "body": error("", "Not so.")}),
            FailureKind::Configuration,
            "answered with application/json instead of an event stream: Not so.",
        ),
        (
            json!({"http": 200, "headers": typed, "body": error("insufficient_quota", "Empty.")}),
            FailureKind::QuotaExceeded,
            "instead of an event stream: Empty.",
        ),
        (
            json!({"http": 200, "headers": typed, "body": r#"{"error":{"code":429,"message":"Try later."}}"#}),
            FailureKind::RateLimited,
            "instead of an event stream: Try later.",
        ),
        (
            json!({"http": 308, "headers": {"location": "https://example.invalid/v1/responses"}, "body": ""}),
            FailureKind::BadRequest(308),
            "redirects to https://example.invalid/v1/responses",
        ),
        (
            json!({"http": 308, "headers": {"location": "//u:p@h.invalid/x?api_key=y"}, "body": ""}),
            FailureKind::BadRequest(308),
            "redirects to http://h.invalid/x (HTTP 308)",
        ),
    ] {
        let failure = refused(step, |config| config).await;
        assert!(failure.kind == kind && failure.message.contains(words), "{failure:?}");
    }
}

#[tokio::test]
async fn no_message_holds_a_key() {
    let said = "I got sk-secret, header-secret and x.";
    let event = json!({"type": "error", "code": "server_error", "message": said});
    for step in [
        json!({"http": 401, "body": error("", said)}),
        json!({"http": 500, "body": said}),
        json!({"text": "partial", "failed": {"code": "invalid_prompt", "message": said}}),
        json!({"raw": codex_testkit::events::sse(&event)}),
        json!({"text": "partial", "incomplete": said}),
        json!({"raw": "data: \"sk-secret\"\n\n"}),
    ] {
        let server = ModelServer::from_json(json!([step]));
        let address = server.base_url();
        let config = HttpConfig {
            base_url: format!("{}?api_key=query-secret", address.replace("//", "//user:url-secret@")),
            api_key: Some("sk-secret".into()),
            http_headers: vec![("x-key".into(), "header-secret".into())],
            ..grammars(&server)
        };
        assert!(!format!("{config:?}").contains("secret"), "{config:?}");
        let failure = failed(&ask(config, super::said("hi")).await).clone();
        assert!(failure.message.contains("[key]") && !failure.message.contains("secret"), "{step}: {failure:?}");
        assert_eq!(server.requests()[0].uri, "/v1/responses?api_key=query-secret");
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let refusal = json!({"http": 401, "body": error("", "No.")});
    let server = ModelServer::from_json(json!([refusal, refusal]));
    let keyed = |key: Option<&str>| HttpConfig {
        api_key: key.map(str::to_owned),
        key_variable: Some("MY_KEY".into()),
        env_key_instructions: Some("see\nhttps://example.invalid/keys".into()),
        ..grammars(&server)
    };
    let header_variables =
        vec![("x-key".to_owned(), "X_KEY".to_owned()), ("x-other".to_owned(), "sk-secret".to_owned())];
    let headers = "the header `x-key` was not sent: X_KEY is not set; \
        the header `x-other` was not sent: it has no name of a variable";
    for (config, words) in [
        (keyed(None), "no key: set MY_KEY (see https://example.invalid/keys)".to_owned()),
        (
            HttpConfig { header_variables: header_variables.clone(), ..keyed(Some("sk-1")) },
            format!("the key in MY_KEY was refused: No. (HTTP 401); {headers}"),
        ),
        (
            HttpConfig { header_variables, ..grammars(&server) },
            format!("the server wants a key: No. (HTTP 401); {headers}"),
        ),
    ] {
        assert_eq!(failed(&ask(config, said("hi")).await).message, words);
    }
}

#[tokio::test]
async fn what_is_no_name_of_a_variable_is_not_quoted() {
    let server = ModelServer::from_json(json!([{"http": 401, "body": error("", "No.")}]));
    let config = HttpConfig { key_variable: Some("sk-secret".into()), ..grammars(&server) };
    assert!(!format!("{config:?}").contains("secret"));
    for (config, words) in [
        (config.clone(), "no key: the configured env_key is not the name of a variable"),
        (HttpConfig { api_key: Some("other".into()), ..config }, "the API key was refused: No. (HTTP 401)"),
    ] {
        let events = ask(config, said("hi")).await;
        assert_eq!(failed(&events).message, words);
    }
}

#[tokio::test]
async fn a_long_message_is_cut_and_put_on_one_line() {
    let body = error("", &format!("first\r\n\tsecond\u{1b}[31m {}", "ä".repeat(20_000)));
    let failure = refused(json!({"http": 400, "body": body}), |config| config).await;
    assert!(failure.message.contains("first second [31m ää"), "{}", &failure.message[..80]);
    assert!(failure.message.len() < 2200 && failure.message.ends_with('…'));
}

#[tokio::test]
async fn text_is_not_shown_twice_over_a_real_break() {
    let server = ModelServer::from_json(json!([
        {"text": "The same words, cut off somewhere in the middle.", "drop": {"after_events": 4}},
        {"text": "The same words, cut off somewhere in the middle."},
    ]));
    let policy = RetryPolicy { initial_delay: Duration::ZERO, ..Default::default() };
    let inner = Arc::new(HttpModel::new(grammars(&server), Arc::default()));
    let events: Vec<StreamEvent> = Retrying::new(inner, policy).stream(request(said("hi"))).collect().await;
    assert_eq!(streamed(&events, 0), "The same words, cut off somewhere in the middle.");
    assert!(events.iter().any(|event| matches!(event, StreamEvent::Retrying { attempt: 1, of: Some(5), .. })));
    assert!(!events.contains(&StreamEvent::Discarded));
    assert_eq!(server.requests()[0].raw, server.requests()[1].raw, "the same request, to the byte");
}
