//! Searches that the vendor makes: what comes back, and what is sent again.

use bytes::Bytes;
use codex_history::{AssistantPart, Message, Opaque, Source, ToolInput, ToolSpec, Wire};
use codex_testkit::events;
use serde_json::{Value, json};

use super::{answer_events, completed, request};
use crate::{HttpConfig, Request, StreamEvent, WireFormat, responses::body::body};

fn sent_body(request: &Request) -> Bytes {
    body(request, &HttpConfig::new(WireFormat::Responses, "http://127.0.0.1:1")).unwrap()
}

fn search(id: &str, action: &Value) -> Value {
    json!({"type": "web_search_call", "id": id, "status": "completed", "action": action})
}

fn message(annotations: &Value) -> Value {
    let piece = json!({"type": "output_text", "text": "It is 1.", "annotations": annotations});
    json!({"type": "message", "id": "m", "role": "assistant", "content": [piece]})
}

#[tokio::test]
async fn a_search_is_told_when_it_begins_and_names_the_pages_that_are_cited() {
    let action = json!({"type": "search", "query": "rust edition", "queries": ["rust edition", "rust 2024"]});
    let cited = json!([
        {"type": "url_citation", "url": "https://a.example/", "title": "A", "start_index": 0, "end_index": 1},
        {"type": "url_citation", "url": "https://a.example/", "title": "A again"},
        {"type": "url_citation", "url": "https://b.example/", "title": null},
        {"type": "file_citation", "file_id": "f"},
    ]);
    let events = answer_events(&[
        events::item_added(0, &json!({"type": "web_search_call", "id": "ws_1", "status": "in_progress"})),
        json!({"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"}),
        events::item_done(0, &search("ws_1", &action)),
        events::item_done(1, &search("ws_2", &json!({"type": "open_page", "url": "https://a.example/"}))),
        events::item_done(2, &message(&cited)),
        events::completed("r", &[], &Value::Null),
    ])
    .await;
    assert_eq!(events[0], StreamEvent::SearchStarted { part: 0 });
    let source = |title: &str, url: &str| Source { title: title.into(), url: url.into() };
    let part = |queries: &[&str], sources: &[Source], action: Value| {
        let mut opaque = Opaque::new(Wire::Responses, json!({ "action": action }));
        opaque.sign("127.0.0.1".into());
        AssistantPart::Search {
            queries: queries.iter().map(|query| (*query).to_owned()).collect(),
            sources: sources.to_vec(),
            opaque: Some(opaque),
        }
    };
    let named = [source("A", "https://a.example/"), source("", "https://b.example/")];
    let expected = [
        part(&["rust edition", "rust 2024"], &[], action.clone()),
        part(&["https://a.example/"], &named, json!({"type": "open_page", "url": "https://a.example/"})),
        AssistantPart::Text { text: "It is 1.".into(), opaque: None },
    ];
    assert_eq!(completed(&events).0, expected);

    // Sent back as it came, without an id that nobody knows any more.
    let history = [Message::Assistant { content: expected.to_vec() }].into_iter().collect();
    let tools = [true, false].map(|live| ToolSpec {
        name: "web_search".into(),
        description: "Searches.".into(),
        input: ToolInput::WebSearch { live },
    });
    let request = Request { tools: tools.into(), ..request(history) };
    let sent: Value = serde_json::from_slice(&sent_body(&request)).unwrap();
    assert_eq!(sent["input"][0], json!({"type": "web_search_call", "status": "completed", "action": action}));
    assert_eq!((sent["input"].as_array().unwrap().len(), &sent["input"][2]["type"]), (3, &json!("message")));
    let access = |live: bool| json!({"type": "web_search", "external_web_access": live});
    assert_eq!(sent["tools"], json!([access(true), access(false)]));
}

#[tokio::test]
async fn pages_that_are_cited_without_a_search_are_kept_and_not_sent() {
    let cited = json!([{"type": "url_citation", "url": "https://a.example/", "title": "A"}]);
    let events =
        answer_events(&[events::item_done(0, &message(&cited)), events::completed("r", &[], &Value::Null)]).await;
    let content = completed(&events).0.to_vec();
    assert!(matches!(&content[1], AssistantPart::Search { sources, opaque: None, .. } if sources.len() == 1));
    let history = [Message::Assistant { content }].into_iter().collect();
    let sent: Value = serde_json::from_slice(&sent_body(&request(history))).unwrap();
    assert_eq!(sent["input"].as_array().unwrap().len(), 1);
}
