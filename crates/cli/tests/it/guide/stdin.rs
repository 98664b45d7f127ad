//! S7: the prompt and standard input. The rules one by one, with every limit, are tested where they are made; here is
//! what only the whole program shows.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{Ran, last_request, place_with};
use crate::support::{Place, terminal};

/// The rest of what `child` says on standard error, once it has said `words`.
fn wait_for_words(child: &mut Child, words: &str) -> BufReader<impl Read + use<>> {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(words) {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "it ended without `{words}`: {said}");
    }
    stderr
}

#[test]
fn s07_a_terminal_is_never_read() {
    let place = place_with(&[]);
    let table: [(&[&str], i32, &str); 3] =
        [(&["go"], 0, ""), (&["-"], 2, "a terminal is not read"), (&[], 2, "a terminal is not read")];
    for (arguments, code, words) in table {
        let (_typing, stdin) = terminal();
        let ran: Ran = place.codex(&[&["exec"], arguments].concat()).stdin(stdin).output().unwrap().into();
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("standard input (skip"), "{arguments:?}: {}", ran.stderr);
    }
    assert_eq!(place.server.requests().len(), 1);
}

#[test]
fn s07_a_slow_pipe_is_told_about_and_read_to_its_end() {
    let place = place_with(&[]);
    let mut child = place.codex(&["exec", "explain"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut rest = wait_for_words(&mut child, "(skip it with --no-stdin, or </dev/null)");
    child.stdin.take().unwrap().write_all(b"one\ntwo\n").unwrap();
    let mut stderr = String::new();
    rest.read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{stderr}");
    assert!(!stderr.contains("--no-stdin"), "told twice: {stderr}");
    let request = last_request(&place).to_string();
    assert!(request.contains("explain\\n\\n<stdin>\\none\\ntwo\\n</stdin>"), "{request}");
}

#[test]
fn s07_ctrl_c_ends_the_wait_for_a_prompt_and_leaves_no_session() {
    let place = place_with(&[]);
    for arguments in [&["exec"] as &[&str], &["exec", "-"]] {
        let mut child = place.codex(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut rest = wait_for_words(&mut child, "waiting for the prompt on standard input");
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let mut stderr = String::new();
        rest.read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{arguments:?}: {stderr}");
    }
    assert_eq!(fs::read_dir(place.home.join("tmp")).unwrap().count(), 0, "the session's /tmp was left");
    let ran = super::run(&place, &["exec", "resume", "--last", "more"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("there is no session"), "{}", ran.stderr);
    assert_eq!(place.server.requests().len(), 0);
}

#[test]
fn s07_what_is_wrong_is_said_before_a_pipe_has_ended() {
    let bad_config = || {
        let place = place_with(&[]);
        super::configure(&place, "sandbox = \"workspace-wirte\"");
        place
    };
    let plain = || {
        let place = place_with(&[]);
        fs::write(place.workspace.join("schema.json"), "{ not JSON").unwrap();
        place
    };
    type Row<'a> = (&'a dyn Fn() -> Place, &'a [&'a str], &'a str);
    let table: [Row; 7] = [
        (&bad_config, &["go"], "workspace-write"),
        (&plain, &["-c", "sandbox=nothing", "go"], "nothing"),
        (&plain, &["--output-schema", "missing.json", "go"], "missing.json"),
        (&plain, &["--output-schema", "schema.json", "go"], "schema.json"),
        (&plain, &["-C", "missing", "go"], "missing"),
        (&plain, &["resume", "0190-none", "go"], "no session has the id 0190-none"),
        (&plain, &["-c", "model_provider=none", "go"], "there is no provider `none`"),
    ];
    // All at once: each waits a little for the one that holds its pipe.
    let started = table.map(|(place, arguments, words)| {
        let place = place();
        let mut child = place.codex(&[&["exec"], arguments].concat()).stdin(Stdio::piped()).spawn().unwrap();
        (child.stdin.take(), child, place, arguments, words)
    });
    for (held_open, child, _place, arguments, words) in started {
        let ran: Ran = child.wait_with_output().unwrap().into();
        drop(held_open);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("standard input"), "it waited: {arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn s07_a_prompt_that_turns_out_empty_leaves_no_session() {
    let place = Place::new(json!([]));
    for arguments in [&["exec"] as &[&str], &["exec", "-"], &["exec", "--json", ""], &["exec", "--no-stdin"]] {
        let ran = super::run(&place, arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("prompt"), "{arguments:?}: {}", ran.stderr);
    }
    let ran = super::run(&place, &["exec", "resume", "--last", "more"]);
    assert!(ran.stderr.contains("there is no session"), "{}", ran.stderr);
    assert_eq!(place.server.requests().len(), 0);
}

/// Runs `waiting`, which waits for its prompt, and meanwhile `meanwhile`, as a pipeline does. Then the one that waits
/// must know what was said meanwhile.
fn goes_on_with_what_is_said_meanwhile(place: &Place, waiting: &[&str], meanwhile: &[&str]) {
    let mut child = place.codex(waiting).stdin(Stdio::piped()).spawn().unwrap();
    let mut rest = wait_for_words(&mut child, "waiting for the prompt on standard input");
    let ran = super::run(place, meanwhile);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    child.stdin.take().unwrap().write_all(b"go on").unwrap();
    let mut stderr = String::new();
    rest.read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{stderr}");
    let request = last_request(place).to_string();
    assert!(request.contains("said meanwhile") && request.contains("go on"), "{request}");
}

#[test]
fn s07_the_last_session_is_the_last_when_the_prompt_is_there() {
    let place = place_with(&[]);
    super::exec(&place, &[]);
    goes_on_with_what_is_said_meanwhile(&place, &["exec", "resume", "--last", "-"], &["exec", "said meanwhile"]);
}

#[test]
fn s07_who_waits_for_the_prompt_does_not_hold_the_session() {
    let place = place_with(&[]);
    super::exec(&place, &[]);
    let header: Value = serde_json::from_str(place.journals()[0].lines().next().unwrap()).unwrap();
    let id = header["threadId"].as_str().unwrap();
    let meanwhile = ["exec", "resume", id, "said meanwhile"];
    goes_on_with_what_is_said_meanwhile(&place, &["exec", "resume", id, "-"], &meanwhile);
}
