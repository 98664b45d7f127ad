//! `codex login`, `login status` and `logout`: keys are kept for the user alone, sent to their own server alone, and shown
//! nowhere.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    process::{Output, Stdio},
};

use rustix::{
    fs::OFlags,
    process::{Pid, Signal, kill_process},
    termios::{LocalModes, tcgetattr},
};
use serde_json::{Value, json};

use crate::{
    sandbox::visible_directory,
    support::{Place, terminal},
};

const KEY: &str = "sk-s3cret-0123456789";

/// Runs the program with `input` on a pipe.
pub fn piped(place: &Place, arguments: &[&str], input: &str) -> Output {
    let mut child = place.codex(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // It may have ended without reading it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// The exit code and all that was printed, which must not hold the key.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
    (output.status.code(), text)
}

fn ran(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    said(&piped(place, arguments, ""))
}

/// The header with the key of the last request of a run; empty if it had none.
fn sent(place: &Place, variables: &[(&str, &str)]) -> String {
    let mut exec = place.codex(&["exec", "go"]);
    exec.envs(variables.iter().copied());
    assert_eq!(said(&exec.output().unwrap()).0, Some(0));
    place.server.requests().pop().unwrap().header("authorization").to_owned()
}

fn status(place: &Place) -> (Option<i32>, Value) {
    let output = place.codex(&["login", "status", "--json"]).output().unwrap();
    let code = said(&output).0;
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let selected = found["providers"].as_array().unwrap().iter().find(|provider| provider["selected"] == true);
    (code, selected.unwrap()["source"].clone())
}

/// A place whose provider takes its key from `MOCK_LLM`.
fn place() -> Place {
    let place = Place::new(json!([{ "text": "ok" }, { "text": "ok" }, { "text": "ok" }, { "text": "ok" }]));
    add(&place, "env_key = \"MOCK_LLM\"\n");
    place
}

fn add(place: &Place, settings: &str) {
    let path = place.home.join("config.toml");
    let before = fs::read_to_string(&path).unwrap();
    fs::write(path, before + settings).unwrap();
}

#[test]
fn a_key_is_kept_used_outranked_and_forgotten() {
    let place = place();
    assert_eq!(status(&place), (Some(1), json!("missing")));
    let (code, text) = said(&piped(&place, &["login"], &format!("  {KEY}\n")));
    assert!(code == Some(0) && text.contains("The key of `mock` is kept in "), "{text}");
    let file = place.home.join("credentials.toml");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(status(&place), (Some(0), json!("file")));
    assert_eq!(sent(&place, &[]), format!("Bearer {KEY}"));
    assert_eq!(sent(&place, &[("MOCK_LLM", "")]), format!("Bearer {KEY}"), "an empty variable is none");
    assert_eq!(sent(&place, &[("MOCK_LLM", "from-variable")]), "Bearer from-variable");
    assert!(!place.journals().concat().contains("s3cret"));
    let (code, text) = ran(&place, &["login", "status"]);
    assert!(
        code == Some(0) && text.contains("mock (selected): key kept in ") && text.contains("openai: no key; "),
        "{text}"
    );
    let (code, text) = ran(&place, &["logout"]);
    assert!(code == Some(0) && text == "The key of `mock` is forgotten.\n", "{text}");
    assert!(!file.exists());
    assert_eq!(status(&place), (Some(1), json!("missing")));
    assert_eq!(ran(&place, &["logout"]), (Some(0), "No key of `mock` was kept.\n".to_owned()));
}

#[test]
fn each_provider_has_a_key_of_its_own() {
    let place = place();
    add(&place, "[model_providers.other]\nbase_url = \"http://127.0.0.1:9/v1\"\n");
    assert_eq!(said(&piped(&place, &["login", "--provider", "other", "--with-api-key"], "s3cret-other")).0, Some(0));
    assert_eq!(status(&place), (Some(1), json!("missing")), "the key of another is no key of this one");
    assert_eq!(said(&piped(&place, &["login"], KEY)).0, Some(0));
    assert_eq!(sent(&place, &[]), format!("Bearer {KEY}"));
    let (code, text) = ran(&place, &["logout", "--all"]);
    assert_eq!((code, text.lines().count()), (Some(0), 2), "{text}");
    let (code, text) = said(&piped(&place, &["login", "--provider", "mokc"], KEY));
    assert_eq!(code, Some(2));
    assert!(
        text.contains("there is no provider `mokc`; known: ")
            && text.contains(", mock, ollama, openai, openrouter, other, "),
        "{text}"
    );
    // One that is in no configuration any more can still be forgotten.
    assert_eq!(ran(&place, &["logout", "--provider", "mokc"]).0, Some(0));
}

/// A name may hold what would reorder a line of the terminal; to a program it is a name.
#[test]
fn names_are_json_for_programs_and_harmless_for_people() {
    let place = place();
    add(&place, "[model_providers.\"a\\u202eb\"]\nbase_url = \"http://127.0.0.1:9/v1\"\n");
    let output = place.codex(&["login", "status", "--json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(found["providers"].as_array().unwrap().iter().any(|it| it["id"] == "a\u{202e}b"), "{found}");
    let (_, text) = ran(&place, &["login", "status"]);
    assert!(text.contains("a\\u{202e}b: ") && !text.contains('\u{202e}'), "{text}");
}

#[test]
fn what_cannot_be_a_key_is_refused() {
    let place = place();
    for (input, words) in
        [("", "empty"), (" \n", "empty"), ("s3cret two", "a blank"), ("s3cret\u{1b}[A\n", "control character")]
    {
        let (code, text) = said(&piped(&place, &["login"], input));
        assert!(code == Some(1) && text.contains(words), "{input:?}: {text}");
        assert!(!place.home.join("credentials.toml").exists());
    }
    assert_eq!(ran(&place, &["--json", "login"]).0, Some(2));
    assert_eq!(ran(&place, &["login", "--keyring", "status"]).0, Some(2));
}

/// A project that was trusted, or a slip, may give a provider another address.
#[test]
fn a_key_is_not_sent_to_another_server() {
    let place = place();
    assert_eq!(said(&piped(&place, &["login"], KEY)).0, Some(0));
    let other = Place::new(json!([{ "text": "ok" }]));
    let address = format!("model_providers.mock.base_url=\"{}\"", other.server.base_url());
    let (code, text) = ran(&place, &["exec", "-c", &address, "go"]);
    assert!(code == Some(2) && text.contains("it is not sent there"), "{text}");
    assert_eq!(other.server.requests().len(), 0);
    // What the user sets in a variable is sent, as before.
    let output = place.codex(&["exec", "-c", &address, "go"]).env("MOCK_LLM", "mine").output().unwrap();
    assert_eq!(said(&output).0, Some(0));
}

#[test]
fn without_a_keyring_a_sentence_says_so_and_nothing_is_kept() {
    let place = place();
    for (bus, words) in [("", "DBUS_SESSION_BUS_ADDRESS is not set"), ("unix:path=/nonexistent/bus", "keyring")] {
        let mut login = place.codex(&["login", "--keyring"]);
        let mut child = login.env("DBUS_SESSION_BUS_ADDRESS", bus).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(KEY.as_bytes()).unwrap();
        let (code, text) = said(&child.wait_with_output().unwrap());
        assert!(code == Some(1) && text.contains(words), "{bus}: {text}");
        assert!(!place.home.join("credentials.toml").exists());
    }
}

#[test]
fn a_kept_key_is_hidden_from_commands_and_tools() {
    not_inside_another_sandbox!();
    for level in ["read-only", "workspace-write"] {
        let place = Place::below(&visible_directory(), json!({ "pick": "results", "steps": looks() }));
        assert_eq!(said(&piped(&place, &["login"], KEY)).0, Some(0));
        let (code, text) = ran(&place, &["exec", "-s", level, "--add-dir", place.home.to_str().unwrap(), "go"]);
        assert_eq!(code, Some(0), "{text}");
        let sent: String = place.server.requests().iter().map(|request| request.body.to_string()).collect();
        assert!(!sent.contains("s3cret"), "{level}: {sent}");
        assert!(sent.contains("it is hidden, for it may hold secrets"), "{level}: {sent}");
        assert!(level == "read-only" || sent.contains("model_provider"), "{level}: the command ran: {sent}");
        assert!(fs::read_to_string(place.home.join("credentials.toml")).unwrap().contains(KEY));
    }
}

#[test]
fn headers_in_the_users_file_are_hidden_from_commands() {
    not_inside_another_sandbox!();
    let place = Place::below(&visible_directory(), json!({ "steps": [] }));
    let file = place.home.join("config.toml");
    let settings = fs::read_to_string(&file).unwrap();
    for (headers, expected) in [("", true), ("\n[model_providers.other.http_headers]\nA = \"s3cret\"\n", false)] {
        fs::write(&file, format!("{settings}{headers}")).unwrap();
        for level in ["read-only", "workspace-write"] {
            let (_, text) = ran(&place, &["sandbox", "-s", level, "--", "cat", file.to_str().unwrap()]);
            assert_eq!(text.contains("model_provider"), expected, "{level}: {text}");
            assert!(!text.contains("s3cret"), "{level}: {text}");
        }
    }
}

fn looks() -> Vec<Value> {
    let path = "../home/credentials.toml";
    vec![
        json!({ "tool": "read_file", "arguments": { "path": path } }),
        json!({ "tool": "search_files", "arguments": { "pattern": "s3cr", "path": "../home" } }),
        json!({ "tool": "exec_command", "arguments": { "cmd": format!("cat {path} ../home/config.toml; grep -r s3cr ../home; true") } }),
        json!({ "text": "ok" }),
    ]
}

#[test]
fn on_a_terminal_the_key_is_not_shown_and_the_terminal_is_as_before_at_every_end() {
    enum End {
        Typed(&'static [u8]),
        Signal(Signal),
    }
    let table = [
        (End::Typed(b"sk-s3cret-01x\x7f23456789\r"), Some(0)),
        (End::Typed(b"sk-s3cret\x03"), Some(130)),
        (End::Typed(b"\x04"), Some(1)),
        (End::Signal(Signal::INT), Some(130)),
        (End::Signal(Signal::TERM), Some(143)),
        (End::Signal(Signal::HUP), Some(143)),
        (End::Signal(Signal::QUIT), Some(143)),
    ];
    for (number, (end, expected)) in table.into_iter().enumerate() {
        let place = place();
        let (mut user, terminal) = terminal();
        let modes = || tcgetattr(&terminal).unwrap().local_modes;
        let before = modes();
        assert!(before.contains(LocalModes::ECHO | LocalModes::ICANON));
        let mut child = place.codex(&["login"]).stdin(terminal.try_clone().unwrap()).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        // The question comes when the terminal shows nothing any more.
        let mut question = [0; 6];
        stderr.read_exact(&mut question).unwrap();
        assert_eq!(&question, b"Key of");
        assert!(!modes().intersects(LocalModes::ECHO | LocalModes::ICANON), "{number}");
        match end {
            End::Typed(keys) => user.write_all(keys).unwrap(),
            End::Signal(signal) => kill_process(Pid::from_child(&child), signal).unwrap(),
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(said(&output).0, expected, "{number}");
        assert_eq!(modes(), before, "{number}");
        let kept = fs::read_to_string(place.home.join("credentials.toml"));
        assert_eq!(kept.is_ok_and(|kept| kept.contains(KEY)), expected == Some(0), "{number}");
        // Nothing was echoed.
        rustix::fs::fcntl_setfl(&user, OFlags::NONBLOCK).unwrap();
        let mut echoed = [0; 100];
        assert!(user.read(&mut echoed).is_err(), "{number}: {echoed:?}");
    }
}
