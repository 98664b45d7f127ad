//! What is sent, as a server sees it.

use codex_history::{Arguments, Content};

use super::*;

#[tokio::test]
async fn headers_and_address() {
    let server = ModelServer::from_json(json!([]));
    let config = HttpConfig {
        base_url: format!("{}/", server.base_url()),
        api_key: Some("sk-secret".into()),
        key_variable: Some("SOME_KEY".into()),
        http_headers: vec![("x-team".into(), "blue".into()), ("Originator".into(), "other".into())],
        query_params: vec![("api-version".into(), "1 2".into())],
        ..grammars(&server)
    };
    assert!(!format!("{:?}", HttpModel::new(config.clone(), Arc::default())).contains("secret"));
    ask(config, said("hi")).await;
    let requests = server.requests();
    let [recorded] = requests.as_slice() else { panic!("one request: {requests:?}") };
    assert_eq!(recorded.uri, "/v1/responses?api-version=1+2");
    for (name, value) in [
        ("authorization", "Bearer sk-secret"),
        ("originator", "other"),
        ("user-agent", concat!("codex/", env!("CARGO_PKG_VERSION"))),
        ("session-id", "thread-1"),
        ("thread-id", "thread-1"),
        ("accept", "text/event-stream"),
        ("content-type", "application/json"),
        ("content-length", &recorded.raw.len().to_string()),
        ("x-team", "blue"),
    ] {
        assert_eq!(recorded.header(name), value, "{name}");
    }
    assert_eq!(recorded.body["input"][0]["content"][0]["text"], "hi");
}

#[tokio::test]
async fn the_address_keeps_what_the_base_url_holds() {
    let server = ModelServer::from_json(json!([]));
    let version = [("v".to_owned(), "1".to_owned())];
    for (suffix, params, uri) in [
        ("", &[][..], "/v1/responses"),
        ("//", &[], "/v1/responses"),
        ("?api_key=x", &[], "/v1/responses?api_key=x"),
        ("/?api_key=x/y", &version, "/v1/responses?api_key=x/y&v=1"),
        ("#fragment", &version, "/v1/responses?v=1"),
    ] {
        let base_url = format!("{}{suffix}", server.base_url());
        ask(HttpConfig { base_url, query_params: params.to_vec(), ..grammars(&server) }, said("hi")).await;
        assert_eq!(server.requests().last().unwrap().uri, uri);
    }
}

#[tokio::test]
async fn a_conversation_grows_only_at_its_end_and_carries_its_sealed_parts_back() {
    let server = ModelServer::from_json(json!([
        {"reasoning": {"summary": ["hm"], "encrypted": "sealed!"}, "text": "Let me see.",
         "calls": [{"tool": "shell", "arguments": {"command": "ls"}}, {"custom": "apply_patch", "input": "*** patch"}]},
        {"text": "Done."},
    ]));
    let mut history = said("go");
    for _ in 0..2 {
        let events = ask(grammars(&server), history.clone()).await;
        let message = Message::Assistant { content: completed(&events).0.to_vec() };
        let results: Vec<Message> = message
            .calls()
            .map(|call| Message::ToolResult {
                call_id: call.call_id.clone(),
                freeform: call.arguments.is_freeform(),
                content: vec![Content::Text { text: format!("answer to {}", call.name) }],
            })
            .collect();
        history.push(message);
        results.into_iter().for_each(|result| history.push(result));
    }
    let requests = server.requests();
    let tail = br#"],"reasoning":{"summary":"auto"}}"#;
    let first = requests[0].raw.strip_suffix(tail).expect("settings that may change come last");
    assert!(requests[1].raw.starts_with(first), "the second request begins with the first");
    let input = requests[1].body["input"].as_array().unwrap();
    let short: Vec<String> = input[1..]
        .iter()
        .map(|item| {
            let of = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
            [of("type"), of("encrypted_content"), of("arguments"), of("input"), of("output")].join("|")
        })
        .collect();
    assert_eq!(
        short,
        [
            "reasoning|sealed!|||",
            "message||||",
            r#"function_call||{"command":"ls"}||"#,
            "custom_tool_call|||*** patch|",
            "function_call_output||||answer to shell",
            "custom_tool_call_output||||answer to apply_patch",
        ]
    );
    assert_eq!(input[3]["call_id"], input[5]["call_id"]);
    assert!(input[1]["id"].is_string() && input[2].get("id").is_none() && input[3].get("id").is_none());
}

#[tokio::test]
async fn a_freeform_tool_works_as_a_function_where_grammars_are_not_taken() {
    let server = ModelServer::from_json(json!([
        {"custom": "apply_patch", "input": "*** \"patch\""},
        {"tool": "apply_patch", "arguments": {"patch": "misnamed"}},
        {"tool": "apply_patch", "arguments": "{broken"},
    ]));
    for expected in [
        Arguments::Freeform("*** \"patch\"".into()),
        Arguments::Json(r#"{"patch":"misnamed"}"#.into()),
        Arguments::Json("{broken".into()),
    ] {
        let events = ask(HttpConfig::new(WireFormat::Responses, server.base_url()), said("go")).await;
        let [AssistantPart::Call(call)] = completed(&events).0 else { panic!("{events:?}") };
        assert_eq!(call.arguments, expected);
    }
    assert_eq!(server.requests()[0].body["tools"][1]["type"], "function");
}
