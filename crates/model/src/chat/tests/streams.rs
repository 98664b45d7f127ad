//! What is understood of an answer, however it arrives.

use codex_history::Wire;

use super::*;
use crate::FailureKind;

#[tokio::test]
async fn reasoning_text_and_parallel_calls_in_order() {
    let events = answer(json!({
        "reasoning": {"summary": ["first paragraph of it", "second"], "encrypted": "xyz"},
        "text": "Some text that takes several deltas, äöü included.",
        "calls": [{"tool": "shell", "arguments": {"command": "ls"}}, {"custom": "apply_patch", "input": "p"}],
        "usage": {"input_tokens": 7, "input_tokens_details": {"cached_tokens": 5}, "output_tokens": 3,
                  "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 10},
    }))
    .await;
    let (content, usage) = completed(&events);
    let AssistantPart::Reasoning { summary, opaque: Some(_) } = &content[0] else { panic!("{content:?}") };
    assert_eq!(summary, &["first paragraph of it\n\nsecond"]);
    assert_eq!(content[1], text("Some text that takes several deltas, äöü included."));
    assert_eq!(call(&content[2]).arguments, Arguments::Json(r#"{"command":"ls"}"#.into()));
    assert_eq!(call(&content[3]).arguments, Arguments::Freeform("p".into()));
    let told = |wanted: usize| -> String {
        let texts = events.iter().filter_map(|event| match event {
            StreamEvent::TextDelta { part, text }
            | StreamEvent::ReasoningDelta { part, text, .. }
            | StreamEvent::ArgumentsDelta { part, text, .. } => (*part == wanted).then_some(text.as_str()),
            _ => None,
        });
        texts.collect()
    };
    assert_eq!(told(0), "first paragraph of it\n\nsecond");
    assert_eq!(told(1), "Some text that takes several deltas, äöü included.");
    assert_eq!((told(2).as_str(), told(3).as_str()), (r#"{"command":"ls"}"#, r#"{"input":"p"}"#));
    let expected = Usage {
        input_tokens: 7,
        cached_input_tokens: 5,
        output_tokens: 3,
        reasoning_output_tokens: 2,
        ..Usage::default()
    };
    assert_eq!(usage, Some(expected));
}

#[tokio::test]
async fn calls_whose_fragments_are_told_apart_in_other_ways() {
    let fragment = |fragment: Value| delta(json!({ "tool_calls": [fragment] }));
    let function = |name: Value, arguments: Value| json!({ "name": name, "arguments": arguments });
    let (ls, pwd) = (json!({"command": "ls"}), json!({"command": "pwd"}));
    let whole = |id: Value, index: Value, arguments: &Value| {
        fragment(
            json!({ "id": id, "index": index, "function": function("shell".into(), arguments.to_string().into()) }),
        )
    };
    let null = Value::Null;
    let table = [
        (
            "the name and the id with each fragment",
            vec![
                fragment(
                    json!({ "index": 0, "id": "a", "function": function("shell".into(), "{\"command\":".into()) }),
                ),
                fragment(json!({ "index": 0, "id": "a", "function": function("shell".into(), "\"ls\"}".into()) })),
                fragment(
                    json!({ "index": 1, "id": "b", "function": function("shell".into(), pwd.to_string().into()) }),
                ),
            ],
            2,
        ),
        (
            "no indices",
            vec![
                fragment(json!({ "id": "a", "function": function("shell".into(), "{\"command\":".into()) })),
                fragment(json!({ "function": function(null.clone(), "\"ls\"}".into()) })),
                fragment(json!({ "id": "b", "function": function("shell".into(), "".into()) })),
                fragment(json!({ "id": "b", "function": function(null.clone(), pwd.to_string().into()) })),
            ],
            2,
        ),
        ("one index for all", vec![whole("a".into(), 0.into(), &ls), whole("b".into(), 0.into(), &pwd)], 2),
        (
            "neither ids nor indices",
            vec![whole(null.clone(), null.clone(), &ls), whole(null.clone(), null.clone(), &pwd)],
            2,
        ),
        ("empty ids", vec![whole("".into(), 0.into(), &ls), whole("".into(), 1.into(), &pwd)], 2),
        ("one id for all", vec![whole("a".into(), 0.into(), &ls), whole("a".into(), 1.into(), &pwd)], 2),
        (
            "numbers as ids, texts as indices",
            vec![whole(7.into(), "0".into(), &ls), whole(8.into(), "1".into(), &pwd)],
            2,
        ),
        (
            "objects as arguments",
            vec![delta(json!({ "tool_calls": [
                { "function": function("shell".into(), ls.clone()) }, { "function": function("shell".into(), pwd.clone()) },
            ] }))],
            2,
        ),
        (
            "fragments of two calls in turns",
            vec![
                fragment(json!({ "index": 0, "id": "a", "function": function("shell".into(), "{\"command\"".into()) })),
                fragment(json!({ "index": 1, "id": "b", "function": function("shell".into(), "{\"command\"".into()) })),
                fragment(json!({ "index": 0, "function": { "arguments": ":\"ls\"}" } })),
                fragment(json!({ "index": 1, "function": { "arguments": ":\"pwd\"}" } })),
            ],
            2,
        ),
        (
            "the one call of old",
            vec![
                delta(json!({ "function_call": { "name": "shell", "arguments": "" } })),
                delta(json!({ "function_call": { "arguments": "{\"command\":" } })),
                delta(json!({ "function_call": { "arguments": "\"ls\"}" } })),
            ],
            1,
        ),
        (
            "not streamed",
            vec![json!({ "choices": [{ "message": { "tool_calls": [
            { "id": "a", "function": function("shell".into(), ls.to_string().into()) },
            { "id": "b", "function": function("shell".into(), pwd.to_string().into()) },
        ] } }] })],
            2,
        ),
    ];
    for (what, mut chunks, count) in table {
        // That there are calls is known from them, not from the reason.
        chunks.push(finish("stop"));
        let events = answer_chunks(&chunks).await;
        let calls: Vec<&ToolCall> = completed(&events).0.iter().map(call).collect();
        let read = |call: &&ToolCall| serde_json::from_str::<Value>(call.arguments.text()).unwrap();
        assert_eq!(calls.iter().map(read).collect::<Vec<_>>(), [ls.clone(), pwd.clone()][..count], "{what}");
        assert!(calls.iter().all(|call| call.name == "shell" && !call.call_id.is_empty()), "{what}: {calls:?}");
        assert!(count == 1 || calls[0].call_id != calls[1].call_id, "{what}: {calls:?}");
    }
}

#[tokio::test]
async fn a_call_that_never_became_whole_is_asked_for_again() {
    let begun = delta(
        json!({ "tool_calls": [{ "index": 0, "id": "a", "function": { "name": "shell", "arguments": "{\"rm" } }] }),
    );
    let done = "data: [DONE]\n\n";
    let events = answer(json!({ "raw": format!("data: {begun}\n\n{done}") })).await;
    let failure = failed(&events);
    assert_eq!(failure.kind, FailureKind::Disconnected);
    assert!(failure.message.contains("in the middle of a tool call"), "{failure:?}");
    // With an end like any other the model wrote it so, and is told.
    let ended = format!("data: {begun}\n\ndata: {}\n\n{done}", finish("tool_calls"));
    assert_eq!(completed(&answer(json!({ "raw": ended })).await).0.len(), 1);
    let bare = |id: &str| delta(json!({ "tool_calls": [{ "index": 0, "id": id, "function": { "name": "shell" } }] }));
    let events = answer_chunks(&[bare("a"), bare("b"), finish("tool_calls")]).await;
    assert_eq!(completed(&events).0.len(), 2, "calls without arguments, of one index");
    let nameless = delta(json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{}" } }] }));
    let events = answer_chunks(&[nameless, finish("stop")]).await;
    assert_eq!(failed(&events).kind, FailureKind::Malformed);
}

#[tokio::test]
async fn an_answer_is_complete_by_its_reason_or_by_the_last_event() {
    let hi = delta(json!({ "content": "Hi" }));
    let usage = json!({ "choices": [], "usage": { "prompt_tokens": 3, "completion_tokens": 2 } });
    let data = |chunks: &[&Value]| chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect::<String>();
    for (what, raw, has_usage) in [
        ("closed after the reason", data(&[&hi, &finish("stop")]), false),
        ("closed after the usage", data(&[&hi, &finish("stop"), &usage]), true),
        ("the last event alone", data(&[&hi]) + "data: [DONE]\n\n", false),
        ("usage after the last event", data(&[&hi, &finish("stop")]) + "data: [DONE]\n\n" + &data(&[&usage]), false),
        (
            "a reason with the text",
            data(&[&json!({ "choices": [{ "delta": { "content": "Hi" }, "finish_reason": "eos" }] })]),
            false,
        ),
        (
            "no space, no index, comments",
            ": PROCESSING\n\ndata:{\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata:[DONE]\n\n".into(),
            false,
        ),
        (
            "a second answer",
            data(&[&hi, &json!({ "choices": [{ "index": 1, "delta": { "content": "Ho" } }] }), &finish("stop")]),
            false,
        ),
    ] {
        let events = answer(json!({ "raw": raw })).await;
        let (content, usage) = completed(&events);
        assert_eq!((content, usage.is_some()), (&[text("Hi")][..], has_usage), "{what}");
    }
}

#[tokio::test]
async fn answers_that_do_not_end_well() {
    use FailureKind::*;
    let text = "Some text that takes several deltas.";
    let hi = delta(json!({ "content": "Hi" }));
    let told = |event: Value| json!({ "raw": format!("data: {hi}\n\ndata: {event}\n\ndata: [DONE]\n\n") });
    for (step, kind, words) in [
        (json!({"text": text, "drop": {"after_events": 3}}), Disconnected, "broke within the answer"),
        (json!({"text": text, "no_completion": true}), Disconnected, "ended before it was complete"),
        (json!({"raw": ""}), Disconnected, "ended before it was complete"),
        (json!({"text": text, "malformed": true}), Malformed, "not understood"),
        (json!({"raw": "data: 17\n\n"}), Malformed, "not understood"),
        (json!({"text": text, "incomplete": "max_output_tokens"}), Incomplete, "output limit"),
        (json!({"text": text, "incomplete": "content_filter"}), ContentRefused, "content filter"),
        (told(finish("SAFETY")), ContentRefused, "content filter"),
        (told(finish("error")), Server(500), "stopped the answer"),
        (told(finish("insufficient_system_resource")), Server(503), "resources"),
        (told(finish("MALFORMED_FUNCTION_CALL")), Malformed, "could not read the call"),
        (
            json!({"text": text, "failed": {"code": "rate_limit_exceeded", "message": "try again in 7s"}}),
            RateLimited,
            "7s",
        ),
        (
            told(json!({"error": {"code": 502, "message": "Provider disconnected"}, "choices": []})),
            Server(502),
            "Provider",
        ),
        (told(json!({"error": "out of memory"})), Server(500), "out of memory"),
        (told(json!({"object": "error", "message": "prompt is too long", "code": 400})), ContextTooLong, "too long"),
        (json!({"raw": "event: error\ndata: {\"message\": \"no more\"}\n\n"}), Server(500), "no more"),
        (json!({"raw": "data: {\"error\": {\"code\": \"invalid_api_key\"}}\n\n"}), Unauthorized, "no reason"),
    ] {
        let events = answer(step.clone()).await;
        let failure = failed(&events);
        assert!(failure.kind == kind && failure.message.contains(words), "{step}: {failure:?}");
    }
}

#[tokio::test]
async fn usage_in_each_of_its_shapes() {
    let usage = |input, cached, output, reasoning| Usage {
        input_tokens: input,
        cached_input_tokens: cached,
        output_tokens: output,
        reasoning_output_tokens: reasoning,
        ..Usage::default()
    };
    let told = |usage: Value| json!({ "choices": [], "usage": usage });
    for (what, chunks, expected) in [
        ("none", vec![], None),
        ("null and zeros", vec![told(Value::Null), told(json!({ "prompt_tokens": 0, "completion_tokens": 0 }))], None),
        (
            "with each chunk",
            vec![
                told(json!({ "prompt_tokens": 9, "completion_tokens": 1 })),
                told(json!({ "prompt_tokens": 9, "completion_tokens": 4 })),
                told(Value::Null),
            ],
            Some(usage(9, 0, 4, 0)),
        ),
        (
            "OpenAI's",
            vec![told(
                json!({ "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "prompt_tokens_details": { "cached_tokens": 8 }, "completion_tokens_details": { "reasoning_tokens": 3 } }),
            )],
            Some(usage(9, 8, 4, 3)),
        ),
        (
            "DeepSeek's",
            vec![told(
                json!({ "prompt_tokens": 9, "completion_tokens": 4, "prompt_cache_hit_tokens": 7, "prompt_cache_miss_tokens": 2 }),
            )],
            Some(usage(9, 7, 4, 0)),
        ),
        (
            "Moonshot's",
            vec![told(json!({ "prompt_tokens": 9, "completion_tokens": 4, "cached_tokens": 6 }))],
            Some(usage(9, 6, 4, 0)),
        ),
        (
            "Groq's",
            vec![
                json!({ "choices": [], "x_groq": { "id": "r", "usage": { "prompt_tokens": 9, "completion_tokens": 4 } } }),
            ],
            Some(usage(9, 0, 4, 0)),
        ),
        (
            "thinking in the sum alone",
            vec![told(
                json!({ "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 33, "completion_tokens_details": { "reasoning_tokens": 20 } }),
            )],
            Some(usage(9, 0, 24, 20)),
        ),
        (
            "nonsense",
            vec![told(
                json!({ "prompt_tokens": -1, "completion_tokens": 4.0, "total_tokens": "x", "prompt_tokens_details": null }),
            )],
            Some(usage(0, 0, 4, 0)),
        ),
    ] {
        let mut all = vec![delta(json!({ "content": "Hi" })), finish("stop")];
        all.extend(chunks);
        assert_eq!(completed(&answer_chunks(&all).await).1, expected, "{what}");
    }
}

#[tokio::test]
async fn thinking_in_each_of_its_places() {
    let detail = |text: &str| json!([{ "type": "reasoning.text", "text": text, "index": 0 }]);
    for (what, chunks) in [
        (
            "reasoning_content",
            vec![
                json!({ "reasoning_content": "H", "content": null }),
                json!({ "reasoning_content": "m", "content": "" }),
            ],
        ),
        ("reasoning", vec![json!({ "reasoning": "H" }), json!({ "reasoning": "m" })]),
        ("both", vec![json!({ "reasoning": "Hm", "reasoning_content": "Hm" })]),
        (
            "reasoning_details alone",
            vec![json!({ "reasoning_details": detail("H") }), json!({ "reasoning_details": detail("m") })],
        ),
        ("reasoning_details beside", vec![json!({ "reasoning": "Hm", "reasoning_details": detail("Hm") })]),
        (
            "tags",
            vec![json!({ "content": "<thi" }), json!({ "content": "nk>\nHm</th" }), json!({ "content": "ink>\n\n" })],
        ),
        ("parts", vec![json!({ "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": "Hm" }] }] })]),
    ] {
        let mut all: Vec<Value> = chunks.into_iter().map(delta).collect();
        all.extend([
            delta(json!({ "content": "Yes" })),
            delta(json!({ "content": [{ "type": "text", "text": "." }] })),
            finish("stop"),
        ]);
        let events = answer_chunks(&all).await;
        let [AssistantPart::Reasoning { summary, .. }, said] = completed(&events).0 else {
            panic!("{what}: {events:?}")
        };
        assert_eq!((summary.join("|").as_str(), said), ("Hm", &text("Yes.")), "{what}");
    }
    // The opening tag was a part of what the model was asked.
    let events = answer_chunks(&[delta(json!({ "content": "Hm\n</think>\n\nYes." })), finish("stop")]).await;
    assert_eq!(completed(&events).0[1], text("Yes."));
    let refusal = answer_chunks(&[delta(json!({ "refusal": "No." })), finish("stop")]).await;
    assert_eq!(completed(&refusal).0, [text("No.")]);
}

#[tokio::test]
async fn what_a_server_wants_back_is_sealed() {
    let details = [
        json!([{ "type": "reasoning.text", "text": "a", "index": 0, "format": "x", "signature": null }]),
        json!([{ "type": "reasoning.text", "text": "b", "index": 0, "signature": "s" }]),
        json!([{ "type": "reasoning.encrypted", "data": "xyz", "index": 1 }]),
    ];
    let mut chunks: Vec<Value> =
        details.into_iter().map(|detail| delta(json!({ "reasoning_details": detail }))).collect();
    let extra = json!({ "google": { "thought_signature": "t" } });
    chunks.push(delta(json!({ "tool_calls": [
        { "index": 0, "id": "c", "function": { "name": "shell", "arguments": "{}" }, "extra_content": extra },
    ] })));
    chunks.push(finish("tool_calls"));
    let events = answer_chunks(&chunks).await;
    let [AssistantPart::Reasoning { opaque: Some(thought), .. }, AssistantPart::Call(called)] = completed(&events).0
    else {
        panic!("{events:?}")
    };
    let thought = thought.open(Wire::ChatCompletions).unwrap();
    let whole = json!([
        { "type": "reasoning.text", "text": "ab", "index": 0, "format": "x", "signature": "s" },
        { "type": "reasoning.encrypted", "data": "xyz", "index": 1 },
    ]);
    assert_eq!(thought["reasoning_details"], whole);
    let sealed = called.opaque.as_ref().and_then(|opaque| opaque.open(Wire::ChatCompletions)).unwrap();
    assert_eq!(sealed["extra_content"], extra);
}
