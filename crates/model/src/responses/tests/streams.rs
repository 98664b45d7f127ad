//! What is understood of an answer, however it arrives.

use codex_history::{Arguments, ToolCall};
use codex_testkit::events;

use super::*;
use crate::FailureKind;

fn call(part: &AssistantPart) -> &ToolCall {
    match part {
        AssistantPart::Call(call) => call,
        other => panic!("not a call: {other:?}"),
    }
}

#[tokio::test]
async fn text_reasoning_and_parallel_calls_in_order() {
    let events = answer(json!({
        "reasoning": {"summary": ["first paragraph of it", "second"], "encrypted": "xyz"},
        "text": "Some text that takes several deltas, äöü included.",
        "calls": [{"tool": "shell", "arguments": {"command": "ls"}}, {"custom": "apply_patch", "input": "p"}],
        "usage": {"input_tokens": 7, "input_tokens_details": {"cached_tokens": 5}, "output_tokens": 3,
                  "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 10},
    }))
    .await;
    let (content, usage) = completed(&events);
    let AssistantPart::Reasoning { summary, opaque } = &content[0] else { panic!("{content:?}") };
    assert_eq!((summary.len(), opaque.is_some()), (2, true));
    assert_eq!(content[1], text("Some text that takes several deltas, äöü included."));
    assert_eq!(call(&content[2]).arguments, Arguments::Json(r#"{"command":"ls"}"#.into()));
    assert_eq!(call(&content[3]).arguments, Arguments::Freeform("p".into()));
    assert_eq!(streamed(&events, 0), "first paragraph of itsecond");
    assert_eq!(streamed(&events, 1), "Some text that takes several deltas, äöü included.");
    let paragraphs: Vec<u32> = events
        .iter()
        .filter_map(|event| match event {
            StreamEvent::ReasoningDelta { paragraph, .. } => Some(*paragraph),
            _ => None,
        })
        .collect();
    assert_eq!((paragraphs.first(), paragraphs.last()), (Some(&0), Some(&1)));
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
async fn however_the_bytes_are_cut_and_marked() {
    let events = [
        events::created("r"),
        events::text_delta(0, "m", "Hällo 🌍\n\"quoted\""),
        events::item_done(0, &events::message("m", "Hällo 🌍\n\"quoted\"")),
        events::completed("r", &[], &Value::Null),
    ];
    let lf: String = events.iter().map(events::sse).collect();
    let no_names: String = events.iter().map(|event| format!("data:{event}\n\n")).collect();
    let named_only = lf.replace(r#""type":"response.output_text.delta","#, "");
    for (what, raw) in [
        ("LF", lf.clone()),
        ("CRLF", lf.replace('\n', "\r\n")),
        ("CR", lf.replace('\n', "\r")),
        ("BOM", format!("\u{feff}{lf}")),
        ("comments and ids", format!(": hello\n\nid: 1\n\n{}", lf.replace("event:", ": ping\nid: 7\nevent:"))),
        ("no names", no_names),
        ("no type in the data", named_only),
        ("another API's end", format!("{lf}data: [DONE]\n\n")),
        (
            "oddities",
            format!(
                "retry: abc\ndata:\n\n{}",
                lf.replace("event:", "what: ever\nno colon\nevent: x\nid: 1\nid: 2\nevent:")
            ),
        ),
        ("no last blank line", lf.trim_end().to_owned()),
    ] {
        for chunk in [1, 2, 3, 1000] {
            let events = answer(json!({"raw": raw, "chunk": chunk})).await;
            assert_eq!(completed(&events).0, [text("Hällo 🌍\n\"quoted\"")], "{what}, {chunk}");
            assert_eq!(streamed(&events, 0), "Hällo 🌍\n\"quoted\"", "{what}, {chunk}");
        }
    }
}

#[tokio::test]
async fn items_that_are_told_sparsely() {
    // No deltas at all, only done items.
    let events =
        answer_events(&[events::item_done(0, &events::message("m", "Hi")), events::completed("r", &[], &json!({}))])
            .await;
    assert_eq!((completed(&events).0, streamed(&events, 0).as_str()), (&[text("Hi")][..], "Hi"));

    // Nothing but the end.
    let output = [events::message("m", "Hi"), events::function_call("f", "c", "shell", "{}")];
    let events = answer_events(&[events::completed("r", &output, &Value::Null)]).await;
    let (content, usage) = completed(&events);
    assert_eq!((&content[0], call(&content[1]).name.as_str(), usage), (&text("Hi"), "shell", None));
    assert_eq!(streamed(&events, 0), "Hi");

    // `null` where there is nothing.
    let empty = json!({"type": "message", "id": "m", "content": null});
    let end = json!({"type": "response.completed", "response": {"output": null, "usage": null}});
    let events = answer_events(&[events::item_done(0, &empty), end.clone()]).await;
    assert_eq!(completed(&events), (&[text("")][..], None));
    assert_eq!(completed(&answer_events(&[end]).await), (&[][..], None));

    // Deltas without a done, and no indices or ids anywhere.
    let delta = |text: &str| json!({"type": "response.output_text.delta", "delta": text});
    let events = answer_events(&[delta("H"), delta("i"), events::completed("r", &[], &Value::Null)]).await;
    assert_eq!(completed(&events).0, [text("Hi")]);
}

#[tokio::test]
async fn calls_count_only_when_done_and_always_have_an_id() {
    let done = events::function_call("fc_1", "c1", "shell", r#"{"a":1}"#);
    let half = events::function_call("fc_2", "c2", "shell", "");
    let nameless = json!({"type": "function_call", "name": "shell", "arguments": {"b": 2}});
    let only_id = json!({"type": "custom_tool_call", "id": "ctc_1", "name": "apply_patch", "input": "x"});
    let foreign = json!({"type": "web_search_call", "id": "ws_1", "status": "completed"});
    let events = answer_events(&[
        events::item_added(0, &events::function_call("fc_1", "c1", "shell", "")),
        events::arguments_delta(0, "fc_1", r#"{"a""#),
        events::arguments_delta(0, "fc_1", ":1}"),
        events::item_done(0, &done),
        events::item_added(1, &half),
        events::arguments_delta(1, "fc_2", "{\"dangerous"),
        events::item_done(2, &nameless),
        events::item_done(3, &nameless),
        events::item_done(4, &only_id),
        events::item_done(5, &foreign),
        json!({"type": "response.something_new", "whatever": [1, 2, {}]}),
        events::completed("r", &[done.clone(), half.clone()], &Value::Null),
    ])
    .await;
    let calls: Vec<&ToolCall> = completed(&events).0.iter().map(call).collect();
    let arguments: Vec<&str> = calls.iter().map(|call| call.arguments.text()).collect();
    assert_eq!(arguments, [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"b":2}"#, "x"]);
    assert_eq!((calls[0].call_id.as_str(), calls[3].call_id.as_str()), ("c1", "ctc_1"));
    assert!(!calls[1].call_id.is_empty() && calls[1].call_id != calls[2].call_id);
}

#[tokio::test]
async fn a_call_told_twice_is_one_and_ids_that_repeat_are_two() {
    let call = |id: Value, call_id: Value| json!({ "type": "function_call", "id": id, "call_id": call_id, "name": "shell", "arguments": "{}" });
    let done =
        |index: Value, item: Value| json!({ "type": "response.output_item.done", "output_index": index, "item": item });
    let one = call("f1".into(), "c".into());
    let table = [
        ("the same place twice", vec![done(0.into(), one.clone()), done(0.into(), one.clone())], 1),
        ("the same id twice", vec![done(Value::Null, one.clone()), done(Value::Null, one.clone())], 1),
        ("two places, one call id", vec![done(0.into(), one), done(1.into(), call("f2".into(), "c".into()))], 2),
        (
            "no call ids",
            vec![done(0.into(), call(Value::Null, Value::Null)), done(1.into(), call(Value::Null, "".into()))],
            2,
        ),
    ];
    for (what, mut told, expected) in table {
        told.push(events::completed("r", &[], &Value::Null));
        let answered = answer_events(&told).await;
        let calls: Vec<&ToolCall> = completed(&answered).0.iter().map(self::call).collect();
        assert_eq!(calls.len(), expected, "{what}");
        assert!(
            calls.iter().all(|call| !call.call_id.is_empty() && call.arguments.text() == "{}"),
            "{what}: {calls:?}"
        );
    }
    let nameless = json!({ "type": "function_call", "call_id": "c", "arguments": "{}" });
    let answered = answer_events(&[done(0.into(), nameless)]).await;
    assert_eq!(failed(&answered).kind, FailureKind::Malformed);
    assert!(failed(&answered).message.contains("`name`"), "{answered:?}");
}

#[tokio::test]
async fn refusals_are_text_and_phases_come_back() {
    let refusal = json!({"type": "message", "id": "m", "role": "assistant", "phase": "commentary",
        "content": [{"type": "refusal", "refusal": "No."}]});
    let events = answer_events(&[
        json!({"type": "response.refusal.delta", "output_index": 0, "item_id": "m", "delta": "No"}),
        events::item_done(0, &refusal),
        events::completed("r", &[], &Value::Null),
    ])
    .await;
    let [AssistantPart::Text { text, opaque: Some(opaque) }] = completed(&events).0 else { panic!("{events:?}") };
    assert_eq!((text.as_str(), streamed(&events, 0).as_str()), ("No.", "No."));
    assert_eq!(opaque.open(codex_history::Wire::Responses), Some(&json!({"phase": "commentary"})));
}

#[tokio::test]
async fn an_absurd_paragraph_number_makes_no_room_for_all_before_it() {
    let events = answer_events(&[
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 4_000_000_000_u32,
               "delta": "x"}),
        events::completed("r", &[], &Value::Null),
    ])
    .await;
    assert_eq!(completed(&events).0, [AssistantPart::Reasoning { summary: vec!["x".into()], opaque: None }]);
}

#[tokio::test]
async fn answers_that_do_not_end_well() {
    use FailureKind::*;
    let text = "Some text that takes several deltas.";
    for (step, kind, words) in [
        (json!({"text": text, "drop": {"after_events": 4}}), Disconnected, "broke within the answer"),
        (json!({"text": text, "drop": {"at_byte": 700}}), Disconnected, "broke within the answer"),
        (json!({"text": text, "no_completion": true}), Disconnected, "ended before it was complete"),
        (json!({"raw": ""}), Disconnected, "ended before it was complete"),
        (json!({"text": text, "malformed": true}), Malformed, "not understood"),
        (json!({"raw": "data: {\"type\":\"response.completed\",\"resp"}), Disconnected, "ended before"),
        (json!({"raw": "data: 17\n\n"}), Malformed, "not understood"),
        (json!({"raw": "<html>nonsense</html>\n"}), Malformed, "not an event stream"),
        (json!({"text": text, "incomplete": "max_output_tokens"}), Incomplete, "output limit"),
        (json!({"text": text, "incomplete": "content_filter"}), ContentRefused, "content filter"),
        (json!({"text": text, "incomplete": "whatever"}), Incomplete, "whatever"),
    ] {
        let events = answer(step.clone()).await;
        let failure = failed(&events);
        assert!(failure.kind == kind && failure.message.contains(words), "{step}: {failure:?}");
    }
}

#[tokio::test]
async fn nothing_is_reported_after_the_first_malformed_event() {
    let good = events::sse(&events::text_delta(0, "m", "late"));
    let events = answer(json!({"raw": format!("data: {{\n\n{good}")})).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(failed(&events).kind, FailureKind::Malformed);
}

#[tokio::test]
async fn an_event_without_end_is_not_kept_for_ever() {
    let events = answer(json!({"raw": format!("data: {}", "x".repeat(17 << 20)), "chunk": 1 << 20})).await;
    let failure = failed(&events);
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (FailureKind::Malformed, "the answer is not an event stream: an event in it is longer than 16 MiB")
    );
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    let server = ModelServer::from_json(json!([{"text": "beginning", "hang": true}]));
    let model = HttpModel::new(grammars(&server), Arc::new(HttpClients::new()));
    let mut stream = model.stream(request(said("hi")));
    assert!(matches!(stream.next().await, Some(StreamEvent::TextDelta { .. })));
    // From here on the clock jumps to the next timer whenever nothing else can happen.
    tokio::time::pause();
    let rest: Vec<StreamEvent> = stream.collect().await;
    let failure = failed(&rest);
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (FailureKind::Disconnected, "the server sent nothing for 300 s")
    );
}
