//! Each way to be refused: its kind, its words, whether it is repeated.

use std::time::Duration;

use super::*;
use crate::{FailureKind, RetryPolicy, Retrying};

fn error(code: &str, message: &str) -> String {
    json!({"error": {"message": message, "type": "some_error", "code": code}}).to_string()
}

/// The first answer is `step`, the next one is fine. Whether there was a next one follows from the kind.
async fn refused(step: Value, configure: impl Fn(ResponsesConfig) -> ResponsesConfig) -> Failure {
    let server = ModelServer::from_json(json!([step, {"text": "fine"}]));
    let config = configure(grammars(&server));
    let events = ask(config.clone(), said("hi")).await;
    let failure = failed(&events).clone();

    let again = ModelServer::from_json(json!([step, {"text": "fine"}]));
    let config = ResponsesConfig { base_url: again.base_url(), ..config };
    let policy =
        RetryPolicy { initial_delay: Duration::ZERO, longest_asked_delay: Duration::ZERO, ..Default::default() };
    let inner = Arc::new(Responses::new(config, Arc::default()));
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
        (400, error("invalid_prompt", "Odd."), BadRequest(400), "refused (HTTP 400): Odd."),
        (402, error("", "Pay."), QuotaExceeded, "no budget left: Pay."),
        (
            404,
            error("", "Nope."),
            BadRequest(404),
            "/v1/responses was not found (HTTP 404: Nope.); does the base URL end in /v1?",
        ),
        (408, String::new(), Server(408), "HTTP 408"),
        (422, r#"{"detail":"field missing"}"#.into(), BadRequest(422), "field missing"),
        (429, error("rate_limit_exceeded", "Slow down."), RateLimited, "too many requests (HTTP 429): Slow down."),
        (429, error("insufficient_quota", "Empty."), QuotaExceeded, "no budget left: Empty."),
        (500, error("", "Oops."), Server(500), "has trouble (HTTP 500): Oops."),
        (503, "<html><title>Busy\n now</title>…".into(), Server(503), "a web page, \"Busy now\""),
        (529, r#"{"error":"over\nloaded"}"#.into(), Server(529), "over loaded"),
        (418, "plain words".into(), BadRequest(418), "plain words"),
        (400, r#"{"error":{"code":42,"message":"number"}}"#.into(), BadRequest(400), "number"),
    ] {
        let key = |config| ResponsesConfig {
            api_key: Some("sk-secret".into()),
            key_variable: Some("MY_KEY".into()),
            ..config
        };
        let failure = refused(json!({"http": status, "body": body}), key).await;
        assert!(failure.kind == kind && failure.message.contains(words), "{status} {body}: {failure:?}");
        assert!(!failure.message.contains("secret"));
    }
}

#[tokio::test]
async fn errors_within_the_stream() {
    use FailureKind::*;
    for (code, message, kind, wait) in [
        ("rate_limit_exceeded", "Please try again in 1.5s.", RateLimited, Some(1.5)),
        ("server_is_overloaded", "Busy.", Server(503), None),
        ("server_error", "Oops.", Server(500), None),
        ("never_heard_of", "?", Server(500), None),
        ("context_length_exceeded", "Too long.", ContextTooLong, None),
        ("insufficient_quota", "Empty.", QuotaExceeded, None),
        ("invalid_prompt", "Odd.", BadRequest(400), None),
        ("invalid_image", "Odd.", BadRequest(400), None),
        ("cyber_policy", "No.", ContentRefused, None),
    ] {
        let bare = json!({"type": "error", "code": code, "message": message, "param": null});
        let nested = json!({"type": "error", "error": {"code": code, "message": message}});
        for step in [
            json!({"text": "partial", "failed": {"code": code, "message": message}}),
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
    let keyless = ResponsesConfig { key_variable: Some("OPENAI_API_KEY".into()), ..grammars(&server) };
    let failure = failed(&ask(keyless.clone(), said("hi")).await).clone();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Unauthorized, "no key: set OPENAI_API_KEY"));
    assert_eq!(server.requests().len(), 0);

    let blank = ResponsesConfig { api_key: Some(" \n".into()), ..keyless.clone() };
    assert_eq!(failed(&ask(blank, said("hi")).await), &failure);

    let authorization = vec![("authorization".into(), "Basic x".into())];
    completed(&ask(ResponsesConfig { http_headers: authorization, ..keyless }, said("hi")).await);

    let failure = failed(&ask(grammars(&server), said("hi")).await).clone();
    assert!(failure.message.starts_with("the server wants a key, and none is configured"), "{failure:?}");
}

#[tokio::test]
async fn settings_that_cannot_work() {
    use FailureKind::*;
    let base = || ResponsesConfig::new("http://127.0.0.1:9/v1");
    let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    for (config, kind, words) in [
        (ResponsesConfig { base_url: "nonsense".into(), ..base() }, Configuration, "the base URL `nonsense`"),
        (ResponsesConfig { base_url: "ftp://x/v1".into(), ..base() }, Configuration, "`ftp` URLs"),
        (ResponsesConfig { api_key: Some(" a\nb".into()), ..base() }, Configuration, "API key holds characters"),
        (ResponsesConfig { http_headers: header("a b", "x"), ..base() }, Configuration, "header `a b`"),
        (ResponsesConfig { http_headers: header("x", "a\0b"), ..base() }, Configuration, "header `x`"),
        (base(), Connection, "cannot connect to http://127.0.0.1:9/v1/responses"),
    ] {
        let events = ask(config, said("hi")).await;
        let failure = failed(&events);
        assert!(failure.kind == kind && failure.message.contains(words), "{failure:?}");
    }
}

#[tokio::test]
async fn answers_that_are_no_streams() {
    for (step, kind, words) in [
        (
            json!({"http": 200, "headers": {"content-type": "text/html; charset=utf-8"}, "body": "<html>"}),
            FailureKind::Configuration,
            "answered with text/html",
        ),
        (
            json!({"http": 308, "headers": {"location": "https://example.invalid/v1/responses"}, "body": ""}),
            FailureKind::BadRequest(308),
            "redirects to https://example.invalid/v1/responses",
        ),
    ] {
        let failure = refused(step, |config| config).await;
        assert!(failure.kind == kind && failure.message.contains(words), "{failure:?}");
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
    let inner = Arc::new(Responses::new(grammars(&server), Arc::default()));
    let events: Vec<StreamEvent> = Retrying::new(inner, policy).stream(request(said("hi"))).collect().await;
    assert_eq!(streamed(&events, 0), "The same words, cut off somewhere in the middle.");
    assert!(events.iter().any(|event| matches!(event, StreamEvent::Retrying { attempt: 1, of: 5, .. })));
    assert!(!events.contains(&StreamEvent::Discarded));
    assert_eq!(server.requests()[0].raw, server.requests()[1].raw, "the same request, to the byte");
}
