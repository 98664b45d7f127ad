//! Tests of `repair`: conversations in, conversations out.

use codex_history::Arguments;
use serde_json::json;

use super::*;

const VENDOR: &str = "api.example";

fn needs(ids: Ids) -> Needs {
    Needs { wire: Wire::AnthropicMessages, vendor: VENDOR.into(), ids, pictures: true, is_strict: true }
}

fn call(id: &str) -> AssistantPart {
    let arguments = Arguments::Json("{}".into());
    AssistantPart::Call(ToolCall { call_id: id.into(), name: "tool".into(), arguments, opaque: None })
}

fn answer(ids: &[&str]) -> Message {
    Message::Assistant { content: ids.iter().map(|id| call(id)).collect() }
}

fn result(id: &str, text: &str) -> Message {
    let content = vec![Content::Text { text: text.into() }];
    Message::ToolResult { call_id: id.into(), freeform: false, content }
}

fn developer() -> Message {
    Message::Developer { text: "be good".into() }
}

/// A conversation in short: `d`, `u`, `a` with the ids of its calls, `r` with the id and the text of the result.
fn short(history: &History) -> Vec<String> {
    let of = |message: &Message| match message {
        Message::Developer { .. } => "d".to_owned(),
        Message::User { content } => format!("u{}", texts(content)),
        Message::Assistant { .. } => {
            let ids: Vec<&str> = message.calls().map(|call| call.call_id.as_str()).collect();
            format!("a {}", ids.join(" "))
        }
        Message::ToolResult { call_id, content, .. } => format!("r {call_id}{}", texts(content)),
    };
    history.messages().map(of).collect()
}

fn texts(content: &[Content]) -> String {
    let text = |content: &Content| match content {
        Content::Text { text } => format!(" {text}"),
        Content::Image { .. } => " (picture)".to_owned(),
    };
    content.iter().map(text).collect()
}

fn of(messages: impl IntoIterator<Item = Message>) -> History {
    messages.into_iter().collect()
}

fn user() -> Message {
    Message::user("hi")
}

#[test]
fn what_needs_no_repair_is_the_same_conversation() {
    let mut history = of([
        developer(),
        user(),
        answer(&["a-1", "a_2"]),
        result("a_2", "two"),
        result("a-1", "one"),
        developer(),
        user(),
        answer(&[]),
    ]);
    history.count_is(500);
    for ids in [Ids::Any, Ids::Words] {
        let repaired = repaired(&history, &needs(ids));
        assert!(repaired.shared().iter().zip(history.shared()).all(|(one, other)| Arc::ptr_eq(one, other)));
        assert_eq!((repaired.len(), repaired.counted()), (history.len(), Some(500)));
    }
}

#[test]
fn each_call_has_one_result_and_each_result_a_call() {
    let cut = format!("r 2 {NO_RESULT}");
    let table: [(Vec<Message>, Vec<&str>); 7] = [
        (vec![user(), result("1", "of nothing"), answer(&["1"]), result("1", "one")], vec!["u hi", "a 1", "r 1 one"]),
        (vec![user(), answer(&["1", "2"]), result("1", "one"), user()], vec!["u hi", "a 1 2", &cut, "r 1 one", "u hi"]),
        (vec![user(), answer(&["2"])], vec!["u hi", "a 2", &cut]),
        (
            vec![user(), answer(&["1"]), result("1", "one"), result("1", "again"), result("3", "of none")],
            vec!["u hi", "a 1", "r 1 one"],
        ),
        (
            vec![user(), answer(&["1", "2"]), result("1", "one"), developer(), user(), result("2", "two")],
            vec!["u hi", "a 1 2", "r 1 one", "r 2 two", "d", "u hi"],
        ),
        (
            vec![user(), answer(&["2"]), answer(&["1"]), result("2", "late"), result("1", "one")],
            vec!["u hi", "a 2", &cut, "a 1", "r 1 one"],
        ),
        (vec![developer(), answer(&["1"]), result("1", "one")], vec!["d", "u Go on.", "a 1", "r 1 one"]),
    ];
    for (messages, expected) in table {
        let history = of(messages);
        assert_eq!(short(&repaired(&history, &needs(Ids::Any))), expected, "{history:?}");
    }
    let lax = Needs { is_strict: false, ..needs(Ids::Any) };
    let history = of([answer(&["1", "2"]), result("1", "one"), developer(), result("2", "two")]);
    assert_eq!(short(&repaired(&history, &lax)), ["a 1 2", "r 1 one", "d", "r 2 two"]);
}

#[test]
fn ids_become_such_as_are_taken() {
    let long = "x".repeat(65);
    let cut = format!("{}_0", "x".repeat(KEPT));
    let odd = ["call:1", "", "é", &long];
    let messages = || odd.iter().flat_map(|id| [answer(&[id]), result(id, "it")]);
    let history = of(std::iter::once(user()).chain(messages()).chain(messages()));
    let found = short(&repaired(&history, &needs(Ids::Words)));
    let expected = ["call_1_0", "call_0", "___0", &cut, "call_1_1", "call_1", "___1", &cut.replace("_0", "_1")];
    let expected: Vec<String> = expected.iter().flat_map(|id| [format!("a {id}"), format!("r {id} it")]).collect();
    assert_eq!(found[1..], expected);

    let repeated = of([user(), answer(&["1", "1"]), result("1", "one"), result("1", "two"), answer(&["1"])]);
    let cut = format!("r 1_1 {NO_RESULT}");
    let expected = ["u hi", "a 1 1_0", "r 1 one", "r 1_0 two", "a 1_1", &cut];
    assert_eq!(short(&repaired(&repeated, &needs(Ids::Words))), expected);

    let of_nine = of([user(), answer(&["call_1", "abcDEF123"]), result("abcDEF123", "b"), result("call_1", "a")]);
    let found = repaired(&of_nine, &needs(Ids::Nine));
    let ids: Vec<&str> = found.messages().flat_map(Message::calls).map(|call| call.call_id.as_str()).collect();
    assert!(Ids::Nine.fit(ids[0]) && ids[1] == "abcDEF123", "{ids:?}");
    assert_eq!(short(&found)[2..], ["r abcDEF123 b".to_owned(), format!("r {} a", ids[0])]);
}

#[test]
fn names_that_no_tool_has_become_such_as_are_taken() {
    let long = "n".repeat(65);
    let named = |name: &str| {
        let arguments = Arguments::Json("{}".into());
        AssistantPart::Call(ToolCall { call_id: name.into(), name: name.into(), arguments, opaque: None })
    };
    let content = ["a.b c", "", &long, "tool"].map(named).to_vec();
    let found = repaired(&of([user(), Message::Assistant { content }]), &needs(Ids::Any));
    let names: Vec<&str> = found.messages().flat_map(Message::calls).map(|call| call.name.as_str()).collect();
    assert_eq!(names, ["a_b_c", "unnamed", &"n".repeat(KEPT), "tool"]);
}

#[test]
fn which_ids_a_model_takes() {
    for (wire, model, expected) in [
        (Wire::AnthropicMessages, "claude-opus-4-6", Ids::Words),
        (Wire::ChatCompletions, "mistral-large-latest", Ids::Nine),
        (Wire::ChatCompletions, "mistralai/Devstral-Small", Ids::Nine),
        (Wire::ChatCompletions, "gpt-5.5", Ids::Any),
        (Wire::Responses, "gpt-5.5", Ids::Any),
    ] {
        assert_eq!(Ids::of(wire, model), expected, "{model}");
    }
}

#[test]
fn pictures_become_words_where_nobody_sees_them() {
    let picture = || Content::Image { media_type: "image/png".into(), data: "AA==".into() };
    let text = || Content::Text { text: "look".into() };
    let seen = Message::ToolResult { call_id: "1".into(), freeform: true, content: vec![text(), picture()] };
    let history = of([Message::User { content: vec![picture(), text()] }, answer(&["1"]), seen]);
    let blind = Needs { pictures: false, ..needs(Ids::Words) };
    let found = repaired(&history, &blind);
    assert_eq!(short(&found), [format!("u {NO_PICTURE} look"), "a 1".into(), format!("r 1 look {NO_PICTURE}")]);
    assert!(matches!(found.messages().last(), Some(Message::ToolResult { freeform: true, .. })));
    assert_eq!(short(&repaired(&history, &needs(Ids::Words))), short(&history));
}

#[test]
fn what_another_vendor_sealed_is_left_out() {
    let sealed = |wire, vendor: Option<&str>| {
        let mut content = vec![AssistantPart::Reasoning {
            summary: vec!["hm".into()],
            opaque: Some(Opaque::new(wire, json!({"signature": "s"}))),
        }];
        if let Some(vendor) = vendor {
            sign(&mut content, &vendor.into());
        }
        content
    };
    let ours = Wire::AnthropicMessages;
    for (wire, vendor, is_kept) in [
        (ours, Some(VENDOR), true),
        (ours, None, true),
        (ours, Some("api.other"), false),
        // The words of another wire are none anyway.
        (Wire::Responses, Some("api.other"), true),
    ] {
        let mut content = sealed(wire, vendor);
        content.push(call("1"));
        let history = of([user(), Message::Assistant { content: content.clone() }, result("1", "one")]);
        let found = repaired(&history, &needs(Ids::Words));
        if !is_kept {
            *opaque_mut(&mut content[0]) = None;
        }
        assert_eq!(found.messages().nth(1), Some(&Message::Assistant { content }), "{vendor:?}");
    }
}

/// Vendors find what they have read by its beginning.
#[test]
fn what_was_repaired_is_repaired_in_the_same_way_when_more_is_said() {
    let picture = Content::Image { media_type: "image/png".into(), data: "AA==".into() };
    let rounds = (0..4).flat_map(|round| {
        let odd = format!("odd:{}", round % 2);
        [
            Message::User { content: vec![picture.clone()] },
            answer(&["same", &odd, "never"]),
            result(&odd, "odd"),
            developer(),
            result("same", "same"),
        ]
    });
    let all: Vec<Message> = rounds.collect();
    for ids in [Ids::Any, Ids::Words, Ids::Nine] {
        let needs = Needs { pictures: false, ..needs(ids) };
        let whole = short(&repaired(&of(all.clone()), &needs));
        // Up to the end of each round: within one, results are still to come.
        for length in (0..=all.len()).step_by(5) {
            let part = short(&repaired(&of(all[..length].to_vec()), &needs));
            assert_eq!(part, whole[..part.len()], "{ids:?}, {length}");
        }
    }
}
