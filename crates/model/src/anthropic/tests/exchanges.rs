//! The format over HTTP, against a scripted server, which refuses what the vendor would refuse.

use codex_testkit::ModelServer;
use futures_util::StreamExt;

use super::*;
use crate::{HttpConfig, HttpModel, Known, Model, RetryPolicy, Retrying, WireFormat, catalog::Takes, repair::sign};

fn config(server: &ModelServer) -> HttpConfig {
    HttpConfig::new(WireFormat::AnthropicMessages, server.base_url())
}

async fn ask(config: HttpConfig, request: Request) -> Vec<StreamEvent> {
    HttpModel::new(config, Arc::default()).stream(request).collect().await
}

#[track_caller]
fn completed(events: &[StreamEvent]) -> (&[AssistantPart], Usage) {
    match events.last() {
        Some(StreamEvent::Completed { content, usage: Some(usage) }) => (content, *usage),
        other => panic!("not completed: {other:?}"),
    }
}

#[tokio::test]
async fn headers_and_address() {
    let server = ModelServer::from_json(json!([]));
    let own = vec![("anthropic-beta".to_owned(), "own".to_owned())];
    let bearer = vec![("Authorization".to_owned(), "Bearer token".to_owned())];
    let none = Vec::new();
    for (key, key_header, headers, model, key_sent, authorization, beta) in [
        (Some("sk-1"), None, &none, "claude-opus-4-6", "sk-1", "", ""),
        (Some("sk-1"), None, &none, "claude-sonnet-4-5", "sk-1", "", "interleaved-thinking-2025-05-14"),
        (Some("sk-1"), None, &own, "claude-sonnet-4-5", "sk-1", "", "own"),
        (Some("sk-1"), Some("Authorization"), &none, "claude-opus-4-6", "", "Bearer sk-1", ""),
        (None, None, &bearer, "claude-opus-4-6", "", "Bearer token", ""),
    ] {
        let config = HttpConfig {
            api_key: key.map(str::to_owned),
            key_header: key_header.map(str::to_owned),
            key_variable: Some("ANTHROPIC_API_KEY".into()),
            http_headers: headers.clone(),
            ..config(&server)
        };
        let events = ask(config, Request { model: model.into(), ..request([Message::user("hi")]) }).await;
        assert_eq!(completed(&events).0, [said("Done.")]);
        let requests = server.requests();
        let recorded = requests.last().unwrap();
        assert_eq!(recorded.uri, "/v1/messages");
        for (name, value) in [
            ("x-api-key", key_sent),
            ("authorization", authorization),
            ("anthropic-version", "2023-06-01"),
            ("anthropic-beta", beta),
            ("content-type", "application/json"),
        ] {
            assert_eq!(recorded.header(name), value, "{name}: {model}");
        }
    }
    let keyless = HttpConfig { key_variable: Some("ANTHROPIC_API_KEY".into()), ..config(&server) };
    let events = ask(keyless, request([Message::user("hi")])).await;
    let [StreamEvent::Failed(failure)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(failure.message, "no key: set ANTHROPIC_API_KEY");
}

#[tokio::test]
async fn a_conversation_goes_on_with_what_was_thought_and_called() {
    let server = ModelServer::from_json(json!([
        {"reasoning": {"summary": ["hm"], "encrypted": "sealed"}, "text": "Let me see.",
         "calls": [{"tool": "shell", "arguments": {"command": "ls"}}, {"custom": "apply_patch", "input": "*** patch"}],
         "usage": {"input_tokens": 50, "input_tokens_details": {"cached_tokens": 40}, "output_tokens": 7}},
        {"text": "Done."},
    ]));
    let mut history: History = [developer("Be good."), Message::user("go")].into_iter().collect();
    for round in 0..2 {
        let events = ask(config(&server), Request { history: history.clone(), ..request([]) }).await;
        let (content, usage) = completed(&events);
        if round == 0 {
            assert_eq!((usage.input_tokens, usage.cached_input_tokens, usage.output_tokens), (50, 40, 7));
            let [_, _, AssistantPart::Call(shell), AssistantPart::Call(patch)] = content else { panic!("{content:?}") };
            let mut signed = [thought("hm", "signed-by-the-mock-sealed")];
            sign(&mut signed, &"127.0.0.1".into());
            assert_eq!(content[..1], signed);
            assert_eq!(shell.arguments, Arguments::Json("{\"command\":\"ls\"}".into()));
            assert_eq!(patch.arguments, Arguments::Freeform("*** patch".into()));
            let results = [shell.answer("out"), patch.answer("ok")];
            history.push(answer(content));
            results.into_iter().for_each(|result| history.push(result));
        } else {
            assert_eq!(content, [said("Done.")]);
        }
    }
    let requests = server.requests();
    let content = |place: usize| requests[1].body["messages"][place]["content"].as_array().unwrap().clone();
    let kinds = |place: usize| -> Vec<String> {
        content(place).iter().map(|block| block["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(1), ["thinking", "text", "tool_use", "tool_use"]);
    assert_eq!(kinds(2), ["tool_result", "tool_result"]);
    assert_eq!(content(1)[0], json!({"type": "thinking", "thinking": "hm", "signature": "signed-by-the-mock-sealed"}));
    assert_eq!(content(1)[3]["input"], json!({"input": "*** patch"}));
}

#[tokio::test]
async fn a_model_that_is_known_to_see_nothing_gets_no_pictures() {
    let server = ModelServer::from_json(json!([]));
    let takes = |images| Some(Takes { images, ..Takes::default() });
    for (takes, is_sent) in [(None, true), (takes(true), true), (takes(false), false)] {
        let known = Known { takes, ..Known::default() };
        let message = Message::User { content: vec![text("look"), picture()] };
        let events = ask(HttpConfig { known, ..config(&server) }, request([message])).await;
        assert_eq!(completed(&events).0, [said("Done.")]);
        let body = server.requests().pop().unwrap().body.to_string();
        assert_eq!((body.contains("AAAA"), body.contains("A picture was here")), (is_sent, !is_sent), "{takes:?}");
    }
}

#[tokio::test]
async fn refusals_in_the_vendors_words() {
    use FailureKind::{BadRequest, ContextTooLong, QuotaExceeded, RateLimited, Server, Unauthorized};
    for (status, kind, message, expected) in [
        (400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum", ContextTooLong),
        (400, "invalid_request_error", "input length and `max_tokens` exceed context limit: 9 + 9 > 8", ContextTooLong),
        (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.", QuotaExceeded),
        (400, "invalid_request_error", "tools.0: odd", BadRequest(400)),
        (401, "authentication_error", "invalid x-api-key", Unauthorized),
        (402, "billing_error", "No card.", QuotaExceeded),
        (403, "permission_error", "Not yours.", Unauthorized),
        (404, "not_found_error", "model: claude-x", BadRequest(404)),
        (413, "request_too_large", "Request exceeds the maximum size", ContextTooLong),
        (429, "rate_limit_error", "Slower.", RateLimited),
        (500, "api_error", "Oops.", Server(500)),
        (529, "overloaded_error", "Overloaded", Server(529)),
    ] {
        let body = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"});
        let server = ModelServer::from_json(json!([{"http": status, "body": body.to_string()}]));
        let events = ask(config(&server), request([Message::user("hi")])).await;
        let [StreamEvent::Failed(failure)] = events.as_slice() else { panic!("{events:?}") };
        assert!(failure.kind == expected && failure.message.contains(message), "{status} {kind}: {failure:?}");
    }
}

#[tokio::test]
async fn a_break_within_the_answer_is_asked_again_and_shown_once() {
    let answer = json!({"text": "The same words, cut off somewhere in the middle.", "tool": "shell"});
    for cut in [1, 3, 5, 9] {
        let mut broken = answer.clone();
        broken["drop"] = json!({"after_events": cut});
        let server = ModelServer::from_json(json!([broken, answer, {"text": "too many"}]));
        let policy = RetryPolicy { initial_delay: std::time::Duration::ZERO, ..RetryPolicy::default() };
        let inner = Arc::new(HttpModel::new(config(&server), Arc::default()));
        let asked = Retrying::new(inner, policy).stream(request([Message::user("hi")]));
        let events: Vec<StreamEvent> = asked.collect().await;
        let text: String = events
            .iter()
            .filter_map(|event| match event {
                StreamEvent::TextDelta { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(text, "The same words, cut off somewhere in the middle.", "{cut}");
        assert_eq!(completed(&events).0.len(), 2, "{cut}");
        assert_eq!(server.requests()[0].raw, server.requests()[1].raw, "the same request, to the byte");
    }
}
