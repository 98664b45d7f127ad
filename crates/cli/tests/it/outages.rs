//! A model that cannot be asked for a while: it is waited for, nothing is lost, and nothing is done twice.

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, ChildStderr},
};

use codex_testkit::{RawAnswer, RawEnding, RawServer, events};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{faults::every_call_has_its_answer, screen::terminal::Terminal, support::Place};

/// An address that no other test has: while nobody listens there, nobody else takes its port.
fn own_address(number: u8) -> SocketAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    (Ipv4Addr::new(127, 1 + high % 250, low, number), 0).into()
}

/// An answer of these items, whole.
fn answer(items: &[Value]) -> String {
    let done = items.iter().enumerate().map(|(at, item)| events::item_done(at, item));
    done.chain([events::completed("r", items, &Value::Null)]).map(|event| events::sse(&event)).collect()
}

/// A server that asks for a command, begins to speak, and is not there any more.
fn is_lost(number: u8) -> RawServer {
    RawServer::at(own_address(number), 2, |number| {
        let arguments = json!({ "cmd": "echo ran >> trace" }).to_string();
        match number {
            0 => RawAnswer::events(&answer(&[events::function_call("f", "call_1", "exec_command", &arguments)])),
            _ => {
                let begun =
                    [events::item_added(0, &events::message("m", "")), events::text_delta(0, "m", "I have begun")];
                let body: String = begun.iter().map(events::sse).collect();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 100000\r\n\r\n";
                RawAnswer::new(format!("{head}{body}"), RawEnding::Close)
            }
        }
    })
}

/// The same server, which is there again and says all of it.
fn is_back(address: SocketAddr) -> RawServer {
    let whole = [events::message("m", "I have begun, and this is the end.")];
    RawServer::at(address, usize::MAX, move |_| RawAnswer::events(&answer(&whole)))
}

fn at(server: &RawServer) -> String {
    format!("model_providers.mock.base_url={}", server.base_url())
}

/// What the program says.
fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stderr.take().unwrap() as ChildStderr).lines().map(Result::unwrap)
}

#[test]
fn a_lost_network_is_waited_for_and_the_turn_goes_on_where_it_was() {
    let (place, server) = (Place::new(json!([])), is_lost(1));
    let mut child = place.codex(&["exec", "-c", &at(&server), "go"]).spawn().unwrap();
    let mut lines = lines(&mut child);
    assert!(lines.any(|line| line.contains("Reconnecting... 1/5 (the connection broke within the answer")));
    // More often than a server is asked that has trouble, and without saying how often.
    let waits = lines.find(|line| line.contains("Reconnecting... 6 (cannot connect to")).expect("it does not wait");
    assert!(waits.contains("Connection refused"), "{waits}");
    let back = is_back(server.address());
    let said: Vec<String> = lines.collect();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{said:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "I have begun, and this is the end.\n");
    assert_eq!(back.answered(), 1);
    assert_eq!(std::fs::read_to_string(place.workspace.join("trace")).unwrap(), "ran\n", "nothing is done twice");
    let journal = place.journals().pop().unwrap();
    assert!(journal.contains(r#""outcome":"completed""#), "{journal}");
}

#[test]
fn it_is_waited_for_as_long_as_is_configured() {
    let table = [(2, "network_wait=1", " without a connection"), (3, "network_wait=0", "given up after 2 attempts")];
    for (number, wait, words) in table {
        let (place, server) = (Place::new(json!([{ "text": "All done." }])), is_lost(number));
        let retries = "model_providers.mock.stream_max_retries=1";
        let flags = ["exec", "-c", &at(&server), "-c", wait, "-c", retries, "go"];
        let output = place.codex(&flags).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("given up after") && said.contains(words), "{said}");
        // Nothing is lost: with the network back, the session goes on.
        let output = place.codex(&["exec", "resume", "--last", "go on"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "All done.\n");
        let request = place.server.requests().pop().unwrap().body;
        assert!(request.to_string().contains("I have begun"), "{request}");
        every_call_has_its_answer(&request);
    }
}

#[test]
fn a_server_that_never_answered_is_not_waited_for() {
    let gone = is_back(own_address(4));
    let url = at(&gone);
    drop(gone);
    let place = Place::new(json!([]));
    let retries = "model_providers.mock.stream_max_retries=1";
    let output = place.codex(&["exec", "-c", &url, "-c", retries, "go"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("given up after 2 attempts"), "{said}");
}

/// A model that wants to be asked later, and then answers.
fn limited() -> Value {
    let later = json!({ "http": 429, "headers": { "retry-after": "500" } });
    json!({ "faults": [later], "steps": [{ "text": "Here I am." }, { "text": "Once more." }] })
}

#[test]
fn a_wait_is_counted_down_on_the_screen_and_a_key_ends_it() {
    let place = Place::new(limited());
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.until("Rate limited again in 8m ").until("(1 of 5)").until("too many requests");
    // It counts by itself.
    terminal.until("again in 8m 18s");
    terminal.press("\x1br", "Here I am.");
    assert_eq!(place.server.requests().len(), 2);
}

#[test]
fn esc_ends_the_wait_and_a_key_goes_on() {
    let place = Place::new(limited());
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.until("Rate limited again in 8m ");
    terminal.press("\x1b", "alt+r goes on with what was cut off");
    assert_eq!(place.server.requests().len(), 1, "it was not asked again");
    terminal.press("\x1br", "Here I am.");
    let request = place.server.requests().pop().unwrap().body.to_string();
    assert!(request.contains("Go on with what was cut off."), "{request}");
}

#[test]
fn a_turn_that_was_killed_is_marked_and_gone_on_with() {
    let place = Place::new(json!([{ "text": "I have begun.", "hang": true }, { "text": "The rest." }]));
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.until("I have begun.").until("Working");
    terminal.signal(Signal::KILL);
    terminal.until_gone();
    let mut terminal = Terminal::start(&place, &["--resume", "--last"], 24, 80);
    terminal.until("the last turn was cut off: alt+r goes on with it");
    assert!(place.journals()[0].contains(r#""outcome":"interrupted""#), "{:?}", place.journals());
    terminal.press("\x1br", "The rest.");
    let request = place.server.requests().pop().unwrap().body;
    assert!(request.to_string().contains("I have begun."), "{request}");
}

/// Flags by which `other/spare` takes over.
fn with_fallback(other: &Place) -> Vec<String> {
    let url = format!("model_providers.other.base_url={}", other.server.base_url());
    let wire = "model_providers.other.wire_api=\"responses\"".to_owned();
    ["-c".to_owned(), url, "-c".to_owned(), wire, "-c".to_owned(), "model_fallback=[\"other/spare\"]".to_owned()]
        .to_vec()
}

#[test]
fn another_model_takes_over_is_announced_and_counted_as_itself() {
    let (place, other) = (
        Place::new(json!({ "faults": [{ "http": 404 }] })),
        Place::new(json!([
            { "text": "I look.", "tool": "exec_command", "arguments": { "cmd": "echo ran >> trace" } },
            { "text": "All done." },
        ])),
    );
    let flags = with_fallback(&other);
    let flags: Vec<&str> = ["exec"].into_iter().chain(flags.iter().map(String::as_str)).chain(["go"]).collect();
    let output = place.codex(&flags).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "All done.\n", "{said}");
    let announced = "other/spare answers now (`model_fallback`); mock/mock is tried again in 10 minutes";
    assert_eq!(said.matches(announced).count(), 1, "once, and for both requests: {said}");
    assert!(said.contains("the model `mock` is not available"), "why: {said}");
    assert_eq!((place.server.requests().len(), other.server.requests().len()), (1, 2));
    let request = other.server.requests().pop().unwrap().body;
    assert_eq!(request["model"], "spare");
    every_call_has_its_answer(&request);
    assert_eq!(place.journals()[0].matches(r#""model":"other/spare""#).count(), 2, "{:?}", place.journals());
}

#[test]
fn a_fallback_that_cannot_be_is_an_error_at_once() {
    for (fallback, words) in [
        ("[\"spare\"]", "model_fallback: `spare`: write it as `provider/model`"),
        ("[\"nobody/spare\"]", "model_fallback: `nobody/spare`: there is no model provider `nobody`"),
    ] {
        let place = Place::new(json!([]));
        let output = place.codex(&["exec", "-c", &format!("model_fallback={fallback}"), "go"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(place.server.requests().is_empty());
    }
}

/// `usage` of a step: so many tokens of input, and none of output.
fn used(tokens: u64) -> Value {
    json!({ "input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens })
}

#[test]
fn a_limit_of_cost_holds_for_who_takes_over() {
    for (price, code, words) in [
        ("models.\"other/spare\"={input_price=2.0,output_price=2.0}", 3, "its limit of $1 "),
        ("prices.spare={input=0.1,output=0.1}", 0, ""),
        ("prices.\"third/spare\"={input=0.1,output=0.1}", 2, "`limits.cost` needs its price"),
    ] {
        let place = Place::new(json!({ "faults": [{ "http": 404 }] }));
        let look = json!({ "tool": "exec_command", "arguments": { "cmd": "true" }, "usage": used(600_000) });
        let other = Place::new(json!([look, { "text": "All done.", "usage": used(1) }]));
        let flags = with_fallback(&other);
        let own = "prices.mock={input=0.1,output=0.1}";
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let all = [&["exec", "--max-cost", "1", "-c", own, "-c", price], &flags[..], &["go"]].concat();
        let output = place.codex(&all).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{price}: {said}");
        assert!(said.contains(words), "{price}: {said}");
    }
}
