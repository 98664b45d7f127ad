//! Searches that the vendor makes: what comes back, and what is sent again.

use codex_history::Source;

use super::*;

fn sent_body(request: &Request) -> bytes::Bytes {
    let config = crate::HttpConfig::new(crate::WireFormat::AnthropicMessages, "http://127.0.0.1:1");
    body(request, &config).unwrap()
}

fn event(kind: &str, more: &Value) -> String {
    let mut event = json!({ "type": kind });
    more.as_object().unwrap().iter().for_each(|(name, value)| event[name] = value.clone());
    event.to_string()
}

fn started(index: u64, block: &Value) -> String {
    event("content_block_start", &json!({ "index": index, "content_block": block }))
}

fn delta(index: u64, delta: &Value) -> String {
    event("content_block_delta", &json!({ "index": index, "delta": delta }))
}

fn stopped(index: u64) -> String {
    event("content_block_stop", &json!({ "index": index }))
}

fn texts(index: u64, text: &str, citations: &[Value]) -> Vec<String> {
    let cite = |citation: &Value| delta(index, &json!({ "type": "citations_delta", "citation": citation }));
    let begin = started(index, &json!({ "type": "text", "text": "" }));
    let said = delta(index, &json!({ "type": "text_delta", "text": text }));
    std::iter::once(begin).chain(citations.iter().map(cite)).chain([said, stopped(index)]).collect()
}

#[test]
fn a_search_is_told_and_goes_back_as_it_came_and_its_text_is_one() {
    let citation = json!({ "type": "web_search_result_location", "url": "https://a.example/", "title": "A",
        "encrypted_index": "xyz", "cited_text": "2024" });
    let results = json!([{ "type": "web_search_result", "url": "https://a.example/", "title": "A",
        "encrypted_content": "abc" }]);
    let use_block = json!({ "type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {} });
    let result_block = json!({ "type": "web_search_tool_result", "tool_use_id": "srv_1", "content": results });
    let mut events = vec![event("message_start", &json!({ "message": {} })), started(0, &use_block)];
    events.extend(
        ["{\"query\":", "\"edition\"}"]
            .map(|text| delta(0, &json!({ "type": "input_json_delta", "partial_json": text }))),
    );
    events.extend([stopped(0), started(1, &result_block), stopped(1)]);
    events.extend(texts(2, "It is ", &[]));
    events.extend(texts(3, "2024", std::slice::from_ref(&citation)));
    events.extend(texts(4, ".", &[]));
    events.push(event("message_delta", &json!({ "delta": { "stop_reason": "end_turn" } })));
    events.push(event("message_stop", &json!({})));
    let mut assembler = Assembler::new(tools(), Arc::default());
    events.iter().for_each(|data| assembler.take(None, data));
    let told: Vec<StreamEvent> = std::iter::from_fn(|| assembler.pop()).collect();
    assert_eq!(told[0], StreamEvent::SearchStarted { part: 0 });
    let said: Vec<(usize, &str)> = told
        .iter()
        .filter_map(|event| match event {
            StreamEvent::TextDelta { part, text } => Some((*part, text.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(said, [(2, "It is "), (2, "2024"), (2, ".")]);
    let Some(StreamEvent::Completed { content, .. }) = told.last() else { panic!("{told:?}") };
    let [AssistantPart::Search { queries, sources, .. }, AssistantPart::Text { text, .. }] = content.as_slice() else {
        panic!("{content:?}")
    };
    assert_eq!((queries.as_slice(), text.as_str()), (["edition".to_owned()].as_slice(), "It is 2024."));
    assert_eq!(sources, &[Source { title: "A".into(), url: "https://a.example/".into() }]);

    let messages = [Message::user("q"), Message::Assistant { content: content.clone() }, Message::user("more")];
    let sent: Value = serde_json::from_slice(&sent_body(&request(messages))).unwrap();
    let said = json!([
        { "type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": { "query": "edition" } },
        result_block,
        { "type": "text", "text": "It is " },
        { "type": "text", "text": "2024", "citations": [citation] },
        { "type": "text", "text": "." },
    ]);
    assert_eq!(sent["messages"][1]["content"], said);
}

#[test]
fn half_a_search_is_not_sent() {
    let mut assembler = Assembler::new(tools(), Arc::default());
    let use_block =
        json!({ "type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": { "query": "q" } });
    let mut events = vec![started(0, &use_block), stopped(0)];
    events.extend(texts(1, "ok", &[]));
    events.push(event("message_stop", &json!({})));
    events.iter().for_each(|data| assembler.take(None, data));
    let told: Vec<StreamEvent> = std::iter::from_fn(|| assembler.pop()).collect();
    let Some(StreamEvent::Completed { content, .. }) = told.last() else { panic!("{told:?}") };
    assert_eq!(content.len(), 2);
    let sent = sent_body(&request([Message::user("q"), Message::Assistant { content: content.clone() }]));
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(sent["messages"][1]["content"], json!([{ "type": "text", "text": "ok" }]));
}
