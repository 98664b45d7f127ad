//! What goes wrong below the events: connections that break, hang or speak no HTTP, and pieces of any size on the wire.

use std::time::Duration;

use codex_testkit::{RawAnswer, RawEnding, RawServer, events};

use super::*;
use crate::{
    FailureKind::{self, Disconnected, Malformed},
    Timeouts,
};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";

/// A chunk of a body as HTTP/1.1 words it.
fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn whole() -> String {
    let message = events::message("m", "Hällo 🌍");
    [events::text_delta(0, "m", "Hällo"), events::item_done(0, &message), events::completed("r", &[], &Value::Null)]
        .iter()
        .map(events::sse)
        .collect()
}

/// Asks a server that answers so; what hangs is soon given up.
async fn asked(bytes: &str, ending: RawEnding) -> Vec<StreamEvent> {
    let idle = if ending == RawEnding::Hang { Duration::from_millis(300) } else { crate::IDLE_TIMEOUT };
    let answer = RawAnswer::new(bytes, ending);
    let server = RawServer::start(move |_| answer.clone());
    let events = ask(
        HttpConfig {
            timeouts: Timeouts { idle, ..Timeouts::default() },
            ..HttpConfig::new(WireFormat::Responses, server.base_url())
        },
        said("hi"),
    )
    .await;
    assert_eq!(server.answered(), 1, "it is not for this layer to ask again");
    events
}

#[tokio::test]
async fn each_way_not_to_answer_is_a_failure_that_says_where() {
    use RawEnding::{Close, Hang, Reset};
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n");
    let delta = chunk(&events::sse(&events::text_delta(0, "m", "Hällo")));
    let body = whole();
    let short = format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len() + 1);
    let table: [(&str, String, RawEnding, FailureKind, &str); 19] = [
        ("nothing, closed", String::new(), Close, Disconnected, "/v1/responses did not answer"),
        ("nothing, reset", String::new(), Reset, Disconnected, "/v1/responses did not answer"),
        ("nothing, open", String::new(), Hang, Disconnected, "/v1/responses did not answer for 0.3 s"),
        ("half a head, closed", "HTTP/1.1 200 OK\r\ncont".into(), Close, Disconnected, "did not answer"),
        ("half a head, reset", "HTTP/1.1 200 OK\r\ncont".into(), Reset, Disconnected, "did not answer"),
        ("half a head, open", "HTTP/1.1 200 OK\r\ncont".into(), Hang, Disconnected, "did not answer for 0.3 s"),
        ("no HTTP", "SSH-2.0-OpenSSH_9.9\r\n".into(), Close, Disconnected, "did not answer"),
        ("no status", "HTTP/1.1 2x0 OK\r\n\r\n".into(), Close, Disconnected, "did not answer"),
        (
            "an error's body, open",
            "HTTP/1.1 500 x\r\ncontent-length: 9\r\n\r\n{\"".into(),
            Hang,
            Disconnected,
            "for 0.3 s",
        ),
        ("no body, open", chunked.clone(), Hang, Disconnected, "for 0.3 s"),
        ("half an event, open", format!("{chunked}{delta}6\r\nevent:"), Hang, Disconnected, "for 0.3 s"),
        ("half a chunk, closed", format!("{chunked}{delta}ff\r\nevent:"), Close, Disconnected, "broke within"),
        ("half a chunk, reset", format!("{chunked}{delta}ff\r\nevent:"), Reset, Disconnected, "broke within"),
        ("a chunk without size", format!("{chunked}{delta}xyz\r\nevent:"), Close, Disconnected, "broke within"),
        ("a chunk without end", format!("{chunked}{delta}1\r\nevent:"), Close, Disconnected, "broke within"),
        (
            "no gzip",
            format!("{HEAD}content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello"),
            Close,
            Disconnected,
            "broke within",
        ),
        (
            "a head without end",
            format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(1 << 20)),
            Close,
            Disconnected,
            "did not answer",
        ),
        (
            "two lengths",
            format!("{HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
            Close,
            Disconnected,
            "did not answer",
        ),
        ("no events", format!("{HEAD}content-length: 5\r\n\r\nhello"), Close, Malformed, "not an event stream"),
    ];
    for (what, bytes, ending, kind, words) in table {
        let events = asked(&bytes, ending).await;
        let failure = failed(&events);
        assert!(failure.kind == kind && failure.message.contains(words), "{what}: {failure:?}");
        assert!(failure.kind.may_pass(), "{what}: it would not be asked again");
    }
    // The body is whole, whatever its length was said to be.
    assert_eq!(completed(&asked(&short, Close).await).0, [text("Hällo 🌍")]);
}

#[tokio::test]
async fn a_server_that_leaves_the_connection_open_is_not_waited_for() {
    let answer =
        RawAnswer::new(format!("{HEAD}transfer-encoding: chunked\r\n\r\n{}", chunk(&whole())), RawEnding::Hang);
    let server = RawServer::start(move |_| answer.clone());
    assert_eq!(
        completed(&ask(HttpConfig::new(WireFormat::Responses, server.base_url()), said("hi")).await).0,
        [text("Hällo 🌍")]
    );
}

#[tokio::test]
async fn chunks_of_one_byte_are_put_together() {
    let chunks: Vec<u8> = whole().bytes().flat_map(|byte| [b"1\r\n", &[byte][..], b"\r\n"].concat()).collect();
    let bytes = [format!("{HEAD}transfer-encoding: chunked\r\n\r\n").as_bytes(), &chunks, b"0\r\n\r\n"].concat();
    let server = RawServer::start(move |_| RawAnswer::new(bytes.clone(), RawEnding::Close));
    let events = ask(HttpConfig::new(WireFormat::Responses, server.base_url()), said("hi")).await;
    assert_eq!((completed(&events).0, streamed(&events, 0).as_str()), (&[text("Hällo 🌍")][..], "Hällo 🌍"));
}
