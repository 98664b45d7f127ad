//! What is understood of an answer.

use super::*;

/// The events that come of a stream, up to the one that ends it.
fn read(events: &[Value]) -> Vec<StreamEvent> {
    let mut assembler = Assembler::new(tools(), Arc::default());
    for event in events {
        let name = event["type"].as_str();
        assembler.take(name, &event.to_string());
    }
    assembler.end();
    std::iter::from_fn(|| assembler.pop()).collect()
}

fn start() -> Value {
    let usage = json!({
        "input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3, "output_tokens": 1,
    });
    json!({"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": usage}})
}

fn begins(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, kind: &str, member: &str, text: &str) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": {"type": kind, member: text}})
}

fn says(index: u64, text: &str) -> Value {
    delta(index, "text_delta", "text", text)
}

fn writes(index: u64, text: &str) -> Value {
    delta(index, "input_json_delta", "partial_json", text)
}

fn ends(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn stops(reason: &str) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 20}}),
        json!({"type": "message_stop"}),
    ]
}

fn tool_use(id: Value) -> Value {
    json!({"type": "tool_use", "id": id, "name": "shell", "input": {}})
}

#[track_caller]
fn completed(events: &[StreamEvent]) -> &[AssistantPart] {
    match events.last() {
        Some(StreamEvent::Completed { content, .. }) => content,
        other => panic!("not completed: {other:?}"),
    }
}

#[track_caller]
fn failed(events: &[StreamEvent]) -> &Failure {
    match events.last() {
        Some(StreamEvent::Failed(failure)) => failure,
        other => panic!("not failed: {other:?}"),
    }
}

#[test]
fn an_answer_of_everything() {
    let mut events = vec![
        start(),
        json!({"type": "ping"}),
        begins(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, "thinking_delta", "thinking", "Let me "),
        delta(0, "thinking_delta", "thinking", "see."),
        delta(0, "signature_delta", "signature", "si"),
        delta(0, "signature_delta", "signature", "g"),
        ends(0),
        begins(1, json!({"type": "redacted_thinking", "data": "xyz"})),
        ends(1),
        begins(2, json!({"type": "made_up_later", "text": "?"})),
        delta(2, "later_delta", "later", "?"),
        ends(2),
        begins(3, json!({"type": "text", "text": ""})),
        says(3, "Hel"),
        says(3, "lo"),
        ends(3),
        begins(4, tool_use(json!("t1"))),
        writes(4, ""),
        writes(4, "{\"a\""),
        begins(5, json!({"type": "tool_use", "id": "t2", "name": "apply_patch", "input": {}})),
        writes(5, "{\"input\":\"free\"}"),
        writes(4, ":1}"),
        ends(4),
        ends(5),
        json!({"type": "made_up_later"}),
    ];
    events.extend(stops("tool_use"));
    let events = read(&events);
    let expected = [
        thought("Let me see.", "sig"),
        AssistantPart::Reasoning { summary: vec![], opaque: Some(encode::redacted("xyz".into())) },
        said("Hello"),
        call("t1", "shell", Arguments::Json("{\"a\":1}".into())),
        call("t2", "apply_patch", Arguments::Freeform("free".into())),
    ];
    assert_eq!(completed(&events), expected);
    let usage = Usage {
        input_tokens: 18,
        cached_input_tokens: 5,
        cache_write_input_tokens: 3,
        output_tokens: 20,
        reasoning_output_tokens: 0,
    };
    assert!(matches!(events.last(), Some(StreamEvent::Completed { usage: Some(found), .. }) if *found == usage));
    let shown: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            StreamEvent::TextDelta { part, text } => Some(format!("{part} says {text}")),
            StreamEvent::ReasoningDelta { part, text, .. } => Some(format!("{part} thinks {text}")),
            StreamEvent::ArgumentsDelta { part, name, text } => Some(format!("{part} {name} {text}")),
            _ => None,
        })
        .collect();
    assert_eq!(
        shown,
        [
            "0 thinks Let me ",
            "0 thinks see.",
            "2 says Hel",
            "2 says lo",
            "3 shell {\"a\"",
            "4 apply_patch {\"input\":\"free\"}",
            "3 shell :1}",
        ]
    );
}

/// Servers that speak this format too leave out this and that.
#[test]
fn what_other_servers_leave_out() {
    let without_index = |mut event: Value| {
        event.as_object_mut().unwrap().remove("index");
        event
    };
    let whole = json!({"type": "tool_use", "id": "t1", "name": "shell", "input": {"a": 1}});
    let [stop_reason, stop] = stops("end_turn");
    let shell = |text: &str| call("t1", "shell", Arguments::Json(text.into()));
    let table: Vec<(&str, Vec<Value>, Vec<AssistantPart>)> = vec![
        ("no message_start, no message_stop", vec![says(0, "hi"), stop_reason.clone()], vec![said("hi")]),
        ("no stop_reason", vec![says(0, "hi"), stop.clone()], vec![said("hi")]),
        (
            "no indices",
            vec![
                begins(0, json!({"type": "text", "text": ""})),
                says(0, "hi"),
                ends(0),
                begins(0, tool_use(json!("t1"))),
                writes(0, "{}"),
                ends(0),
                stop.clone(),
            ]
            .into_iter()
            .map(without_index)
            .collect(),
            vec![said("hi"), shell("{}")],
        ),
        ("a call as a whole", vec![begins(0, whole), ends(0), stop.clone()], vec![shell("{\"a\":1}")]),
        ("a call without arguments", vec![begins(0, tool_use(json!("t1"))), ends(0), stop.clone()], vec![shell("{}")]),
        (
            "a call that is whole, though nothing says so",
            vec![begins(0, tool_use(json!("t1"))), writes(0, "{}"), stop.clone()],
            vec![shell("{}")],
        ),
        ("half a call", vec![begins(0, tool_use(json!("t1"))), writes(0, "{\"a\":"), stop.clone()], vec![]),
        ("arguments of nothing", vec![writes(0, "{}"), ends(0), stop.clone()], vec![]),
        (
            "thoughts without a signature",
            vec![begins(0, json!({"type": "thinking", "thinking": "hm"})), ends(0), stop.clone()],
            vec![AssistantPart::Reasoning { summary: vec!["hm".into()], opaque: None }],
        ),
        (
            "a signature without thoughts",
            vec![begins(0, json!({"type": "thinking", "thinking": "", "signature": "sig"})), ends(0), stop.clone()],
            vec![AssistantPart::Reasoning { summary: vec![], opaque: Some(encode::signed("sig".into())) }],
        ),
    ];
    for (what, events, expected) in table {
        assert_eq!(completed(&read(&events)), expected, "{what}");
    }
    for id in [Value::Null, json!("")] {
        let events = [begins(0, tool_use(id.clone())), ends(0), begins(1, tool_use(id)), ends(1), stop.clone()];
        let events = read(&events);
        let [AssistantPart::Call(one), AssistantPart::Call(other)] = completed(&events) else { panic!("{events:?}") };
        assert!(!one.call_id.is_empty() && one.call_id != other.call_id);
    }
}

#[test]
fn an_answer_that_is_not_over_is_none() {
    assert!(
        !read(&[start(), says(0, "hi"), ends(0)])
            .iter()
            .any(|event| { matches!(event, StreamEvent::Completed { .. } | StreamEvent::Failed(_)) })
    );
}

#[test]
fn ends_that_are_failures() {
    use FailureKind::{
        BadRequest, ContentRefused, ContextTooLong, Incomplete, Malformed, QuotaExceeded, RateLimited, Server,
    };
    let error = |kind: &str, message: &str| json!({"type": "error", "error": {"type": kind, "message": message}});
    let mut refusal = stops("refusal");
    refusal[0]["delta"]["stop_details"] = json!({"type": "refusal", "explanation": "Not\nthis."});
    for (events, kind, words) in [
        (stops("max_tokens").to_vec(), Incomplete, "output limit"),
        (stops("model_context_window_exceeded").to_vec(), ContextTooLong, "too long"),
        (stops("refusal").to_vec(), ContentRefused, "refused the content"),
        (refusal.to_vec(), ContentRefused, "refused the content: Not this."),
        (vec![error("overloaded_error", "Overloaded")], Server(529), "Overloaded"),
        (vec![error("rate_limit_error", "Slower.")], RateLimited, "Slower."),
        (vec![error("api_error", "Oops.")], Server(500), "Oops."),
        (vec![error("billing_error", "Empty.")], QuotaExceeded, "Empty."),
        (vec![error("invalid_request_error", "Odd.")], BadRequest(400), "Odd."),
        (vec![error("invalid_request_error", "prompt is too long: 2 > 1")], ContextTooLong, "2 > 1"),
        (vec![error("request_too_large", "Too many bytes.")], ContextTooLong, "Too many bytes."),
        (vec![json!({"type": "content_block_delta", "index": 0})], Malformed, "not understood"),
    ] {
        let mut all = vec![start(), begins(0, tool_use(json!("t1"))), writes(0, "{}"), ends(0)];
        all.extend(events);
        let events = read(&all);
        let failure = failed(&events);
        assert!(failure.kind == kind && failure.message.contains(words), "{failure:?}");
    }
}
