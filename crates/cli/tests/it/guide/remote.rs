//! Sessions on another machine, as the guide says them.

use std::fs;

use serde_json::json;

use super::run;
use crate::{
    remote::{Elsewhere, Served, said_to, stderr, token},
    screen::terminal::Terminal,
    support::Place,
};

#[test]
fn s27_a_session_elsewhere_is_named_by_its_address() {
    let place = Place::new(json!([{ "text": "from there" }]));
    let served = Served::start(&place, &[]);
    assert!(served.url.starts_with("ws://127.0.0.1:"), "{}", served.url);
    let ran = run(&place, &["--remote", &served.url, "exec", "go"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "from there\n"), "{}", ran.stderr);
    for (url, expected) in [("ws://localhost", "the port is missing"), ("http://localhost:1", "the scheme")] {
        let ran = run(&place, &["--remote", url, "exec", "go"]);
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }
}

#[test]
fn s59_serve_opens_a_websocket_for_who_has_the_token() {
    let place = Place::new(json!([]));
    let mut child = place.codex(&["--serve", "127.0.0.1:0"]).spawn().unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ws://").unwrap().to_owned();
    let request = |token: &str| {
        format!(
            "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        )
    };
    let answers = [token(&place), "another".to_owned()].map(|token| said_to(&address, request(&token).as_bytes()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answers[0].starts_with("HTTP/1.1 101"), "{}", answers[0]);
    assert!(answers[0].to_lowercase().contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{}", answers[0]);
    assert!(answers[1].starts_with("HTTP/1.1 401"), "{}", answers[1]);
}

#[test]
fn s60_the_screen_works_there_as_here() {
    let place = Place::new(json!([
        { "tool": "exec_command", "arguments": { "cmd": "touch made" } },
        { "text": "It is made." },
        { "text": "It goes on." },
    ]));
    let served = Served::start(&place, &[]);
    let (url, address) = (served.url.clone(), served.address().to_owned());
    let mut terminal = Terminal::start(&place, &["--remote", &url], 24, 100);
    terminal.until(&format!("{url} {}", place.workspace.display()));
    terminal.press("go\r", "touch made").answer("yes, this once");
    terminal.until("It is made.").rest();
    assert!(place.workspace.join("made").exists());
    terminal.press("!echo typed there\r", "typed there").rest();
    served.kill();
    terminal.until("is lost; trying again");
    let _served = Served::at(&place, &address, &[]);
    terminal.until("connected to");
    terminal.press("and now\r", "It goes on.");
}

#[test]
fn s60_a_question_of_a_server_that_is_gone_is_not_asked_any_more() {
    let touch = json!({ "tool": "exec_command", "arguments": { "cmd": "touch made" } });
    let place = Place::new(json!([touch, { "text": "It goes on." }]));
    let served = Served::start(&place, &[]);
    let (url, address) = (served.url.clone(), served.address().to_owned());
    let mut terminal = Terminal::start(&place, &["--remote", &url], 24, 100);
    terminal.until(&format!("{url} {}", place.workspace.display()));
    terminal.press("go\r", "yes, this once");
    served.kill();
    let _served = Served::at(&place, &address, &[]);
    // Its number may be that of another question of the new server.
    terminal.until_it("the end of the question", |screen| !screen.contains("yes, this once"));
    terminal.rest().press("and now\r", "It goes on.");
    assert!(!place.workspace.join("made").exists());
}

#[test]
fn s62_exec_runs_there_and_streams_back() {
    let place = Place::new(json!([{ "tool": "exec_command", "arguments": { "cmd": "pwd" } }, { "text": "done" }]));
    let served = Served::start(&place, &[]);
    let elsewhere = Elsewhere::new();
    let mut command = elsewhere.codex(&["--remote", &served.url, "exec", "--json", "go"]);
    let output = command.env("CODEX_REMOTE_TOKEN", token(&place)).output().unwrap();
    let events = crate::support::events(&output.stdout);
    let ran =
        events.iter().find_map(|event| event["item"]["aggregated_output"].as_str().filter(|text| !text.is_empty()));
    assert_eq!(ran.map(str::trim), place.workspace.to_str(), "{events:?}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn s61_what_is_not_encrypted_is_warned_about() {
    let place = Place::new(json!([{ "text": "secret" }]));
    let served = Served::start(&place, &["--tls"]);
    let ran = run(&place, &["--remote", &served.url, "exec", "go"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "secret\n"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("not encrypted"), "{}", ran.stderr);
    drop(served);
    let plain = Served::at(&place, "0.0.0.0:0", &[]);
    let port = plain.address().rsplit_once(':').unwrap().1.to_owned();
    let told = plain.stop().1;
    assert!(told.contains("warning: without TLS"), "{told}");
    assert!(told.contains(&format!("ssh -L {port}:localhost:{port} HOST")), "{told}");
    let ran = run(&place, &["--remote", "ws://192.0.2.1.invalid:7654", "exec", "go"]);
    assert!(ran.stderr.contains("is not encrypted"), "{}", ran.stderr);
    assert!(ran.stderr.contains("ssh -L 7654:localhost:7654 192.0.2.1.invalid"), "{}", ran.stderr);
}

#[test]
fn s60_pictures_of_this_machine_are_sent_with_their_bytes_and_kept_there() {
    let place = Place::new(json!([{ "text": "A cat." }, { "text": "The same cat." }]));
    let served = Served::start(&place, &[]);
    let elsewhere = Elsewhere::new();
    fs::write(elsewhere.path("cat.png"), b"GIF89a and a cat").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = elsewhere.codex(&[&["--remote", &served.url, "exec"], arguments].concat());
        command.env("CODEX_REMOTE_TOKEN", token(&place)).output().unwrap()
    };
    let output = run(&["-i", "cat.png", "what is it?"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "A cat.\n", "{}", stderr(&output));
    let data = "R0lGODlhIGFuZCBhIGNhdA==";
    let request = place.server.requests().pop().unwrap().body.to_string();
    assert!(request.contains(&format!("data:image/gif;base64,{data}")) && request.contains("cat.png"), "{request}");
    assert_eq!(place.journals()[0].matches(data).count(), 1, "its bytes are kept once");
    // They are there, whatever becomes of the file.
    fs::remove_file(elsewhere.path("cat.png")).unwrap();
    let output = run(&["resume", "--last", "and now?"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "The same cat.\n", "{}", stderr(&output));
    assert!(place.server.requests().pop().unwrap().body.to_string().contains(data));
    fs::write(elsewhere.path("notes.txt"), "no picture").unwrap();
    let output = run(&["-i", "notes.txt", "what is it?"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("`notes.txt`: it is not a PNG"), "{}", stderr(&output));
}
