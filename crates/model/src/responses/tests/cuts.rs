//! A whole answer, cut at each byte and in pieces of any size: in process, so that every place can be tried.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use bytes::Bytes;
use codex_history::{Arguments, Opaque, ToolCall, Wire};

use super::*;
use crate::{
    EventStream, IDLE_TIMEOUT, RetryPolicy, Retrying, WireFormat,
    http::{Secrets, reading},
    repair::sign,
};

/// Reasoning, text, a function call and a custom tool call, with all events that the vendor sends around them.
const ANSWER: &str = include_str!("answer.sse");

/// How a body ends.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Proper,
    Broken,
}

/// A model whose attempts are answered with these bodies.
#[derive(Debug)]
struct Bodies(Mutex<VecDeque<reqwest::Body>>);

impl Bodies {
    fn new(bodies: impl IntoIterator<Item = reqwest::Body>) -> Self {
        Self(Mutex::new(bodies.into_iter().collect()))
    }
}

impl Model for Bodies {
    fn stream(&self, request: Request) -> EventStream {
        let body = self.0.lock().unwrap().pop_front().expect("asked too often");
        let url = "http://127.0.0.1/v1".parse().unwrap();
        let config = HttpConfig { takes_grammars: true, ..HttpConfig::new(WireFormat::Responses, "") };
        let secrets = Arc::new(Secrets::new(None, &[], &url));
        let assembler = WireFormat::Responses.assembler(&request, &config, secrets);
        reading(http::Response::new(body).into(), IDLE_TIMEOUT, assembler)
    }

    fn takes_grammars(&self) -> bool {
        true
    }
}

/// `bytes` as a body, in pieces of `size` bytes.
fn body(bytes: &[u8], size: usize, ending: Ending) -> reqwest::Body {
    let mut pieces: Vec<std::io::Result<Bytes>> =
        bytes.chunks(size.max(1)).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    if matches!(ending, Ending::Broken) {
        pieces.push(Err(std::io::Error::other("a scripted break")));
    }
    reqwest::Body::wrap_stream(futures_util::stream::iter(pieces))
}

/// Makes a damaged event of a good one.
type Damage = fn(&str) -> String;

/// What `ANSWER` says.
fn whole() -> Vec<AssistantPart> {
    let sealed = json!({ "id": "rs_68af1", "encrypted_content": "gAAAAABo-sealed" });
    let call = |call_id: &str, name: &str, arguments| {
        AssistantPart::Call(ToolCall { call_id: call_id.into(), name: name.into(), arguments, opaque: None })
    };
    let mut content = vec![
        AssistantPart::Reasoning {
            summary: vec!["**Größe** prüfen".into(), "Then fix.".into()],
            opaque: Some(Opaque::new(Wire::Responses, sealed)),
        },
        text("Ich sehe nach: „größe.rs“ 🌍\nDone soon."),
        call("call_one", "shell", Arguments::Json(r#"{"command":"grep -n \"größe\" *.rs"}"#.into())),
        call(
            "call_two",
            "apply_patch",
            Arguments::Freeform("*** Begin Patch\n*** Add File: ä.txt\n+größe\n*** End Patch\n".into()),
        ),
    ];
    sign(&mut content, &"".into());
    content
}

/// All text of a reasoning part, and of a text part.
const STREAMED: [&str; 2] = ["**Größe** prüfenThen fix.", "Ich sehe nach: „größe.rs“ 🌍\nDone soon."];

async fn asked(model: &dyn Model) -> Vec<StreamEvent> {
    model.stream(request(said("hi"))).collect().await
}

fn is_end(event: &StreamEvent) -> bool {
    matches!(event, StreamEvent::Completed { .. } | StreamEvent::Failed(_))
}

/// From here on only the empty line that ends the last event is missing.
const ENOUGH: usize = ANSWER.len() - 2;

#[tokio::test]
async fn cut_at_any_byte_it_is_whole_or_a_failure_that_may_pass() {
    let answer = ANSWER.as_bytes();
    for ending in [Ending::Proper, Ending::Broken] {
        for cut in 0..=answer.len() {
            let place = format!("{ending:?} at {cut}");
            let events = asked(&Bodies::new([body(&answer[..cut], 4096, ending)])).await;
            assert_eq!(events.iter().filter(|event| is_end(event)).count(), 1, "{place}");
            if cut < ENOUGH {
                let failure = failed(&events);
                assert!(failure.kind.may_pass() && failure.message.contains("the answer"), "{place}: {failure:?}");
            } else {
                assert_eq!(completed(&events).0, whole(), "{place}");
            }
            for (part, all) in STREAMED.iter().enumerate() {
                assert!(all.starts_with(&streamed(&events, part)), "{place}: {events:?}");
            }
        }
    }
}

#[tokio::test]
async fn cut_anywhere_it_is_asked_again_and_shown_once() {
    let answer = ANSWER.as_bytes();
    let policy = RetryPolicy { initial_delay: Duration::ZERO, ..RetryPolicy::default() };
    // A step that is no divisor of anything: it comes by all kinds of places.
    for cut in (0..ENOUGH).step_by(13) {
        let attempts = [body(&answer[..cut], 4096, Ending::Broken), body(answer, 4096, Ending::Proper)];
        let events = asked(&Retrying::new(Arc::new(Bodies::new(attempts)), policy)).await;
        assert_eq!(events.iter().filter(|event| is_end(event)).count(), 1, "{cut}");
        assert_eq!(completed(&events).0, whole(), "{cut}");
        let announced = events.iter().filter(|event| matches!(event, StreamEvent::Retrying { .. })).count();
        assert_eq!(announced, 1, "{cut}");
        assert!(!events.contains(&StreamEvent::Discarded), "{cut}: the same answer was shown anew");
        assert_eq!([0, 1].map(|part| streamed(&events, part)), STREAMED, "{cut}");
    }
}

#[tokio::test]
async fn in_pieces_of_any_size_and_with_any_line_ends_it_is_the_same() {
    let crlf = ANSWER.replace('\n', "\r\n");
    let cr = ANSWER.replace('\n', "\r");
    for (ends, answer) in [("LF", ANSWER), ("CRLF", &crlf), ("CR", &cr)] {
        for size in [1, 2, 3, 5, 7, 64, 1000, answer.len()] {
            let events = asked(&Bodies::new([body(answer.as_bytes(), size, Ending::Proper)])).await;
            assert_eq!(completed(&events).0, whole(), "{ends}, {size}");
            assert_eq!([0, 1].map(|part| streamed(&events, part)), STREAMED, "{ends}, {size}");
        }
    }
}

#[tokio::test]
async fn one_damaged_event_is_told_and_never_taken_for_less_than_an_answer() {
    let events: Vec<&str> = ANSWER.split_inclusive("\n\n").collect();
    let damages: [(&str, Damage); 5] = [
        ("cut", |event| format!("{}\n\n", &event[..event.floor_char_boundary(event.len() / 2)])),
        ("not JSON", |event| event.replacen("{", "[", 1)),
        ("not text", |event| event.replacen("\"type\"", "\"\u{fffd}", 1)),
        ("no object", |_| "data: 17\n\n".to_owned()),
        ("an array", |_| "data: [{}]\n\n".to_owned()),
    ];
    for (what, damage) in damages {
        for damaged in 0..events.len() {
            let text: String = events
                .iter()
                .enumerate()
                .map(|(at, event)| if at == damaged { damage(event) } else { (*event).to_owned() })
                .collect();
            let told = asked(&Bodies::new([body(text.as_bytes(), 4096, Ending::Proper)])).await;
            assert_eq!(told.iter().filter(|event| is_end(event)).count(), 1, "{what}, event {damaged}");
            let failure = failed(&told);
            assert_eq!(failure.kind, crate::FailureKind::Malformed, "{what}, event {damaged}: {failure:?}");
            assert!(failure.message.contains("not understood"), "{what}, event {damaged}: {failure:?}");
        }
    }
}

#[tokio::test]
async fn an_event_lost_or_repeated_leaves_a_whole_answer_or_a_failure() {
    let events: Vec<&str> = ANSWER.split_inclusive("\n\n").collect();
    for at in 0..events.len() {
        let mut twice = events.clone();
        twice.insert(at, events[at]);
        let told = asked(&Bodies::new([body(twice.concat().as_bytes(), 4096, Ending::Proper)])).await;
        let repeated_delta = events[at].contains("_text.delta");
        let (content, _) = completed(&told);
        assert_eq!(content, whole(), "event {at} twice");
        assert!(repeated_delta || [0, 1].map(|part| streamed(&told, part)) == STREAMED, "event {at} twice");

        let mut without = events.clone();
        let lost = without.remove(at);
        let told = asked(&Bodies::new([body(without.concat().as_bytes(), 4096, Ending::Proper)])).await;
        assert_eq!(told.iter().filter(|event| is_end(event)).count(), 1, "without event {at}");
        match lost.lines().next() {
            Some("event: response.completed") => {
                assert!(failed(&told).message.contains("before it was complete"), "{told:?}");
            }
            // What nothing said to be done: its text stays, a call is none.
            Some("event: response.output_item.done") => {
                let (content, _) = completed(&told);
                let calls = |content: &[AssistantPart]| {
                    content.iter().filter(|part| matches!(part, AssistantPart::Call(_))).count()
                };
                let lost_call = usize::from(lost.contains("_call\""));
                assert_eq!(calls(content), calls(&whole()) - lost_call, "without event {at}: {lost}");
                assert_eq!([0, 1].map(|part| streamed(&told, part)), STREAMED, "without event {at}");
            }
            _ => assert_eq!(completed(&told).0, whole(), "without event {at}: {lost}"),
        }
    }
}
