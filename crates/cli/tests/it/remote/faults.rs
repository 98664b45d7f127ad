//! Whoever means no good, or speaks nonsense: it is refused, and others go on.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use serde_json::json;

use super::{Served, said_to, stderr, token};
use crate::{approvals::run, support::Place, support::wait_for};

/// The head of a request that wants to become a WebSocket.
fn upgrade(headers: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n\r\n"
    )
}

fn status(answer: &str) -> &str {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or_default()
}

/// A server still does what it should.
fn works(place: &Place, served: &Served) {
    let output = place.codex(&["--remote", &served.url, "exec", "go"]).output().unwrap();
    assert_eq!(output.stdout, b"fine\n", "{}", stderr(&output));
}

#[test]
fn only_who_has_a_token_and_is_no_web_page_is_let_in() {
    let place = Place::new(json!([{ "text": "fine" }]));
    let served = Served::start(&place, &[]);
    let expired = place.codex(&["serve", "token", "add", "old", "--expires", "1s"]).output().unwrap().stdout;
    let path = place.home.join("serve/tokens.json");
    let kept = std::fs::read_to_string(&path).unwrap();
    let mut kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    kept[0]["expires_at"] = 1.into();
    std::fs::write(&path, kept.to_string()).unwrap();
    let (expired, token) = (String::from_utf8(expired).unwrap().trim().to_owned(), token(&place));
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    let host = "Host: localhost\r\n";
    let table = [
        (upgrade(&format!("{host}{}", bearer(&token))), "101"),
        (upgrade(host.trim()), "401"),
        (upgrade(&format!("{host}{}", bearer("wrong"))), "401"),
        (upgrade(&format!("{host}{}", bearer(&expired))), "401"),
        (upgrade(&format!("{host}{}", bearer(""))), "401"),
        (upgrade(&format!("{host}Authorization: Basic {token}")), "401"),
        (upgrade(&format!("{host}{}\r\nOrigin: http://localhost", bearer(&token))), "403"),
        (upgrade(&format!("{host}{}\r\nOrigin: null", bearer(&token))), "403"),
        (upgrade(&format!("Host: evil.example\r\n{}", bearer(&token))), "403"),
        (upgrade(&bearer(&token)), "403"),
        (
            upgrade("").replacen("GET /", &format!("GET /?token={token}"), 1).replacen(
                "\r\n\r\n",
                &format!("\r\n{host}\r\n"),
                1,
            ),
            "401",
        ),
        (format!("GET / HTTP/1.1\r\n{host}{}\r\n\r\n", bearer(&token)), "426"),
        (format!("POST / HTTP/1.1\r\n{host}{}\r\n\r\n", bearer(&token)), "405"),
        (format!("GET /etc/passwd HTTP/1.1\r\n{host}\r\n"), "404"),
        (format!("GET /healthz HTTP/1.1\r\n{host}\r\n"), "200"),
        (format!("GET /readyz HTTP/1.1\r\n{host}\r\n"), "200"),
        (format!("GET /healthz HTTP/1.1\r\n{host}Origin: http://x\r\n\r\n"), "403"),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n{host}\r\n", "x".repeat(100_000)), "431"),
    ];
    for (request, expected) in table {
        let answer = said_to(served.address(), request.as_bytes());
        let shown: String = request.chars().take(400).collect();
        assert_eq!(status(&answer), expected, "{shown}\n{answer}");
    }
    works(&place, &served);
}

/// A WebSocket that has been let in.
fn admitted(place: &Place, served: &Served) -> TcpStream {
    let mut stream = TcpStream::connect(served.address()).unwrap();
    let request = upgrade(&format!("Host: localhost\r\nAuthorization: Bearer {}", token(place)));
    stream.write_all(request.as_bytes()).unwrap();
    assert_eq!(status(&head_of(&mut stream)), "101");
    stream
}

/// A frame of text as a client sends it, masked with zeros.
fn text(content: &[u8]) -> Vec<u8> {
    [&[0x81, 0xff], (content.len() as u64).to_be_bytes().as_slice(), &[0; 4], content].concat()
}

#[test]
fn nonsense_costs_only_who_says_it() {
    let place = Place::new(json!([{ "text": "fine" }]));
    let served = Served::start(&place, &[]);
    for garbage in [&[0xff; 5000][..], b"\x16\x03\x01\x02\x00\x01\x00", b"\r\n\r\n", b"GET / HTTP/9\r\n\r\n"] {
        let answer = said_to(served.address(), garbage);
        assert!(["", "400"].contains(&status(&answer)), "{answer}");
    }
    // A frame that would be a gigabyte long: nothing of it is waited for.
    let mut stream = admitted(&place, &served);
    stream.write_all(&[&[0x81, 0xff], (1u64 << 30).to_be_bytes().as_slice(), &[0; 4]].concat()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    // A bomb of JSON is answered with an error, and the next message is read.
    let mut stream = admitted(&place, &served);
    let bomb = format!(r#"{{"id":1,"method":"initialize","params":{}"#, "[".repeat(1_000_000));
    stream.write_all(&text(bomb.as_bytes())).unwrap();
    let deep = format!(r#"{{"id":2,"method":"initialize","params":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    stream.write_all(&text(deep.as_bytes())).unwrap();
    let hello = r#"{"id":3,"method":"initialize","params":{"clientInfo":{"name":"x","version":"1"}}}"#;
    stream.write_all(&text(hello.as_bytes())).unwrap();
    let mut heard = String::new();
    while !heard.contains(r#"{"id":3,"result":"#) {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "the connection ended: {heard}");
        heard += &String::from_utf8_lossy(&bytes[..count]);
    }
    assert!(heard.contains(r#"{"id":2,"error""#), "{heard}");
    drop(stream);
    works(&place, &served);
}

#[test]
fn connections_that_say_nothing_are_bounded_and_others_go_on() {
    let place = Place::new(json!([run("echo > started; read x < go"), { "text": "fine" }]));
    let (started, go) = (place.pipe("started"), place.unopened_pipe("go"));
    let served = Served::start(&place, &[]);
    let child = place.codex(&["--remote", &served.url, "exec", "go"]).spawn().unwrap();
    wait_for(&started, &child);
    let silent: Vec<TcpStream> = (0..400).map(|_| TcpStream::connect(served.address()).unwrap()).collect();
    // Those that are too many make room for who comes later.
    let mut first = silent.first().unwrap();
    assert_eq!(first.read(&mut [0]).unwrap(), 0);
    let healthy = said_to(served.address(), b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(status(&healthy), "200", "{healthy}");
    std::fs::write(go, "x\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"fine\n", "{}", stderr(&output));
    assert_eq!(served.stop().0, Some(0), "nobody is waited for");
}

#[test]
fn a_proof_that_was_passed_on_opens_nothing() {
    let place = Place::new(json!([{ "text": "fine" }]));
    let served = Served::start(&place, &[]);
    let (relay, server) = (TcpListener::bind("127.0.0.2:0").unwrap(), served.address().to_owned());
    let url = format!("ws://{}", relay.local_addr().unwrap());
    // Whoever listens elsewhere on this machine asks the server what it is asked, and says what the server says.
    let relayed = std::thread::spawn(move || {
        let mut heard = Vec::new();
        for stream in relay.incoming().take(2) {
            let mut stream = stream.unwrap();
            let head = head_of(&mut stream);
            let answer = said_to(&server, head.as_bytes());
            stream.write_all(answer.as_bytes()).unwrap();
            heard.push((head.to_ascii_lowercase(), answer));
        }
        heard
    });
    let output = place.codex(&["--remote", &url, "exec", "go"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let heard = relayed.join().unwrap();
    assert!(heard[0].0.contains("codex-nonce") && heard[0].1.contains("codex-proof"), "{heard:?}");
    assert!(heard.iter().all(|(head, _)| !head.contains("authorization")), "{heard:?}");
    works(&place, &served);
}

/// The head of a request.
fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}
