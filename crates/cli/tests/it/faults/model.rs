//! Model servers that refuse, break off, hang or speak nonsense.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
};

use codex_testkit::{RawAnswer, RawEnding, RawServer, Wire, events};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{every_call_has_its_answer, is_recorded, resumed, run};
use crate::support::Place;

/// Over all wires at once.
fn over_each_wire(test: impl Fn(Wire) + Sync) {
    std::thread::scope(|scope| {
        for wire in Wire::ALL {
            let test = &test;
            scope.spawn(move || test(wire));
        }
    });
}

const RETRIES: &str = "model_providers.mock.stream_max_retries";

/// An answer with text and a call that leaves a trace each time it runs, in the words of `wire`.
fn answer(wire: Wire) -> String {
    let arguments = json!({ "cmd": "echo ran >> trace" });
    let step = json!({ "text": "First I look around.", "delta": 8, "tool": "exec_command", "arguments": arguments });
    wire.answer(&serde_json::from_value(step).unwrap())
}

#[test]
fn a_stream_cut_anywhere_runs_nothing_and_is_gone_on_with() {
    over_each_wire(a_stream_is_cut);
}

fn a_stream_is_cut(wire: Wire) {
    let answer = answer(wire);
    // Up to where the answer says that it is whole, whatever comes after that.
    let end = match wire {
        Wire::Chat => answer.find("\"finish_reason\":\"tool_calls\"").unwrap(),
        _ => answer.len() - 3,
    };
    let places = 9;
    for cut in (0..places).map(|place| place * end / (places - 1)) {
        let cut_off = json!({ "raw": answer, "drop": { "at_byte": cut } });
        let whole = json!({ "raw": answer });
        let done = json!({ "text": "All done." });

        // Not asked again: the turn has failed, and what was shown is kept.
        let place = Place::over(wire, json!([cut_off, whole, done]));
        let failed = run(&place, &["exec", "--json", "-c", &format!("{RETRIES}=0"), "go"]);
        assert_eq!(failed.exit, 1, "{wire:?} {cut}: {}", failed.stderr);
        assert!(failed.stdout.contains("the connection broke within the answer"), "{cut}: {}", failed.stdout);
        assert!(!place.workspace.join("trace").exists(), "{wire:?} {cut}: half an answer was acted on");
        is_recorded(&failed.stdout, &place.journals()[0]);
        let request = resumed(&place).to_string();
        for text in super::shown(&failed.stdout) {
            assert!(request.contains(&text), "{wire:?} {cut}: the model does not know that it said {text}");
        }

        // Asked again: as if nothing had been, and the call runs once.
        let place = Place::over(wire, json!([cut_off, whole, done]));
        let finished = run(&place, &["exec", "go"]);
        let ended = (finished.exit, finished.stdout.as_str());
        assert_eq!(ended, (0, "All done.\n"), "{wire:?} {cut}: {}", finished.stderr);
        assert_eq!(finished.stderr.matches("First I look around.").count(), 1, "{cut}: {}", finished.stderr);
        assert_eq!(fs::read_to_string(place.workspace.join("trace")).unwrap(), "ran\n", "{wire:?} {cut}");
        every_call_has_its_answer(&place.server.requests().pop().unwrap().body);
    }
}

#[test]
fn each_status_is_told_and_the_session_kept() {
    over_each_wire(each_status_is_told);
}

fn each_status_is_told(wire: Wire) {
    // Status, headers, requests that are made, words.
    let table = [
        (400, json!({}), 1, "{path} refused the request (HTTP 400): a scripted error"),
        (401, json!({}), 1, "the server wants a key, and none is configured"),
        (403, json!({}), 1, "the server wants a key, and none is configured"),
        (404, json!({}), 1, "the model `mock` is not available"),
        (408, json!({}), 2, "{path} has trouble (HTTP 408): a scripted error; given up after 2 attempts"),
        (409, json!({}), 2, "(HTTP 409): a scripted error; given up after 2 attempts"),
        (413, json!({}), 1, "too long for the model"),
        (422, json!({}), 1, "{path} refused the request (HTTP 422)"),
        (429, json!({}), 2, "too many requests (HTTP 429): a scripted error; given up after 2 attempts"),
        (429, json!({ "retry-after": "0" }), 2, "given up after 2 attempts"),
        (429, json!({ "retry-after-ms": "1" }), 2, "given up after 2 attempts"),
        (429, json!({ "retry-after": "7000" }), 1, "it asks to wait 117 min"),
        (429, json!({ "retry-after": "Thu, 31 Dec 2099 23:59:59 GMT" }), 1, "it asks to wait"),
        (429, json!({ "retry-after": "soon" }), 2, "given up after 2 attempts"),
        (500, json!({}), 2, "{path} has trouble (HTTP 500): a scripted error; given up after 2 attempts"),
        (502, json!({}), 2, "HTTP 502"),
        (503, json!({ "retry-after": "0" }), 2, "HTTP 503"),
        (504, json!({}), 2, "HTTP 504"),
        (529, json!({}), 2, "HTTP 529"),
    ];
    for (status, headers, requests, words) in table {
        let refusal = json!({ "http": status, "headers": headers });
        let place = Place::over(wire, json!({ "faults": vec![refusal; requests] }));
        let failed = run(&place, &["exec", "-c", &format!("{RETRIES}=1"), "ask for this"]);
        assert_eq!((failed.exit, failed.stdout.as_str()), (1, ""), "{status} {headers}: {}", failed.stderr);
        assert_eq!(place.server.requests().len(), requests, "{status} {headers}: {}", failed.stderr);
        for expected in [&at(wire, words), "go on: codex exec resume"] {
            assert!(
                failed.stderr.contains(expected),
                "{wire:?} {status} {headers}: {expected} is missing: {}",
                failed.stderr
            );
        }
        assert!(resumed(&place).to_string().contains("ask for this"), "{wire:?} {status}: what the user said was lost");
    }
}

/// What is said of a server at the address of `wire`.
fn at(wire: Wire, words: &str) -> String {
    words.replace("{path}", wire.path())
}

#[test]
fn a_server_that_hangs_is_given_up_in_the_time_that_is_configured() {
    over_each_wire(a_server_hangs);
}

fn a_server_hangs(wire: Wire) {
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let step = json!({ "text": "Half an answer", "no_completion": true });
    let events = wire.answer(&serde_json::from_value(step).unwrap());
    let table = [
        ("before its head", String::new(), "{path} did not answer for 0.3 s"),
        ("in its head", chunked[..30].to_owned(), "{path} did not answer for 0.3 s"),
        ("before its first event", chunked.to_owned(), "for 0.3 s"),
        ("in its body", format!("{chunked}{:x}\r\n{events}\r\n", events.len()), "for 0.3 s"),
        ("in a chunk", format!("{chunked}{:x}\r\n{events}", events.len() + 9), "for 0.3 s"),
    ];
    for (what, bytes, words) in table {
        let answer = RawAnswer::new(bytes, RawEnding::Hang);
        let server = RawServer::start(move |_| answer.clone());
        let place = Place::over(wire, json!([]));
        let url = format!("model_providers.mock.base_url={}", server.base_url());
        let (idle, retries) = ("model_providers.mock.stream_idle_timeout_ms=300", format!("{RETRIES}=1"));
        let failed = run(&place, &["exec", "--json", "-c", &url, "-c", idle, "-c", &retries, "go"]);
        assert_eq!(failed.exit, 1, "{wire:?} {what}: {}", failed.stderr);
        assert!(failed.stdout.contains(&at(wire, words)), "{what}: {}", failed.stdout);
        assert_eq!(server.answered(), 2, "{wire:?} {what}: {}", failed.stdout);
        is_recorded(&failed.stdout, &place.journals()[0]);
        resumed(&place);
    }
}

#[test]
fn connections_that_break_below_http_are_told() {
    let table = [
        ("closed", "", RawEnding::Close, "{path} did not answer"),
        ("reset", "", RawEnding::Reset, "{path} did not answer"),
        ("no HTTP", "220 mail.example ESMTP\r\n", RawEnding::Close, "{path} did not answer"),
        ("no chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", RawEnding::Close, "broke within"),
    ];
    for ((what, bytes, ending, words), wire) in table.iter().flat_map(|row| Wire::ALL.map(|wire| (row, wire))) {
        let (bytes, ending) = (*bytes, *ending);
        let server = RawServer::start(move |_| RawAnswer::new(bytes, ending));
        let place = Place::over(wire, json!([]));
        let url = format!("model_providers.mock.base_url={}", server.base_url());
        let failed = run(&place, &["exec", "-c", &url, "-c", &format!("{RETRIES}=1"), "go"]);
        assert_eq!((failed.exit, failed.stdout.as_str()), (1, ""), "{wire:?} {what}: {}", failed.stderr);
        assert!(failed.stderr.contains(&at(wire, words)), "{wire:?} {what}: {}", failed.stderr);
        resumed(&place);
    }
}

#[test]
fn odd_answers_leave_no_call_open() {
    let call = |id: Value, call_id: Value, cmd: &str| {
        let arguments = json!({ "cmd": cmd }).to_string();
        json!({ "type": "function_call", "id": id, "call_id": call_id, "name": "exec_command", "arguments": arguments })
    };
    let told = |items: &[Value], end: bool| {
        let mut all: Vec<Value> = items.iter().enumerate().map(|(at, item)| events::item_done(at, item)).collect();
        if end {
            all.push(events::completed("r", &[], &Value::Null));
        }
        json!({ "raw": all.iter().map(events::sse).collect::<String>() })
    };
    let one = |cmd: &str| call("f".into(), "same".into(), cmd);
    let two = [one("echo a >> trace"), one("echo b >> trace")];
    let nameless = [call(Value::Null, Value::Null, "echo a >> trace"), call(Value::Null, "".into(), "echo b >> trace")];
    let plain = told(&[one("echo a >> trace")], true);
    let broken =
        [json!({ "type": "function_call", "call_id": "c", "name": "exec_command", "arguments": "{\"cmd\": \"ec" })];
    // What the model says before `All done.`, and what ran.
    let table = [
        ("call ids that repeat within an answer", vec![told(&two, true)], "a\nb\n"),
        ("call ids that repeat in the next answer", vec![plain.clone(), plain.clone()], "a\na\n"),
        ("no ids", vec![told(&nameless, true)], "a\nb\n"),
        ("arguments that break off", vec![told(&broken, true), plain.clone()], "a\n"),
        ("no end, then an end", vec![told(&two, false), plain], "a\n"),
    ];
    for (what, mut steps, ran) in table {
        steps.push(json!({ "text": "All done." }));
        let place = Place::new(Value::Array(steps));
        let finished = run(&place, &["exec", "go"]);
        assert_eq!((finished.exit, finished.stdout.as_str()), (0, "All done.\n"), "{what}: {}", finished.stderr);
        assert_eq!(fs::read_to_string(place.workspace.join("trace")).unwrap(), ran, "{what}");
        every_call_has_its_answer(&place.server.requests().pop().unwrap().body);
        resumed(&place);
    }
}

#[test]
fn ctrl_c_ends_the_wait_before_the_next_attempt() {
    let place = Place::new(json!({ "faults": [{ "http": 429, "headers": { "retry-after": "500" } }] }));
    let mut child = place.codex(&["exec", "go"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("too many requests") && line.contains("500.0 s")), "it does not wait");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let rest: Vec<String> = lines.collect();
    let ended = child.wait().unwrap();
    assert_eq!((ended.code(), ended.signal()), (Some(130), None), "{rest:?}");
    resumed(&place);
}
