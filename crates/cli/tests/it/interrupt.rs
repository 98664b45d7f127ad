//! Ctrl-C: the turn ends, what it ran is gone, the session is kept.

use std::{
    io::Read,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::{Place, events, wait_for, wait_for_end};

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

#[test]
fn ctrl_c_stops_the_command_and_keeps_the_session() {
    let command = "echo partial; exec 3> held; setsid sleep 1000 & echo > started; sleep 1000";
    let place = Place::new(json!([
        { "text": "I run it.", "tool": "exec_command", "arguments": { "cmd": command } },
        { "text": "Going on." },
    ]));
    let (started, held) = (place.pipe("started"), place.pipe("held"));
    let child = place.codex(&["exec", "--json", "go"]).spawn().unwrap();
    wait_for(&started, &child);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    // The end of the file means that nobody holds it any more: the daemon is gone as well.
    wait_for_end(held);
    let events = events(&output.stdout);
    let shown: Vec<_> = events.iter().filter_map(|event| event["item"]["aggregated_output"].as_str()).collect();
    assert!(shown.last().unwrap().contains("partial"), "{events:?}");
    assert_eq!(events.last().unwrap()["type"], "turn.failed");

    let output = place.codex(&["exec", "resume", "--last", "go on"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"Going on.\n".as_slice()));
    let request = place.server.requests().pop().unwrap().body.to_string();
    for expected in ["partial", "The user interrupted the turn", "go on"] {
        assert!(request.contains(expected), "{expected} is missing: {request}");
    }
}

#[test]
fn exec_resume_without_a_prompt_goes_on_with_what_was_cut_off() {
    let place = Place::new(json!([
        { "tool": "exec_command", "arguments": { "cmd": "echo > started; sleep 1000" } },
        { "text": "Going on." },
        { "text": "never" },
    ]));
    let started = place.pipe("started");
    let child = place.codex(&["exec", "go"]).spawn().unwrap();
    wait_for(&started, &child);
    interrupt(&child);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    let resume = |stdin: Stdio, more: &[&str]| {
        let arguments = [&["exec", "resume", "--last"], more].concat();
        let output = place.codex(&arguments).stdin(stdin).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    // Whoever should have written the prompt may have failed.
    let (code, _, stderr) = resume(Stdio::piped(), &[]);
    assert!(code == Some(2) && stderr.contains("the prompt is empty"), "{stderr}");
    let (code, stdout, stderr) = resume(Stdio::null(), &[]);
    assert_eq!((code, stdout.as_str()), (Some(0), "Going on.\n"), "{stderr}");
    let request = place.server.requests().pop().unwrap().body.to_string();
    assert!(request.contains(codex_client::GO_ON), "{request}");
    for (stdin, more) in [(Stdio::null(), &[][..]), (Stdio::piped(), &["--no-stdin"])] {
        let (code, stdout, stderr) = resume(stdin, more);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.contains("nothing to go on with"), "{stderr}");
    }
    assert_eq!(place.server.requests().len(), 2, "nothing more was asked");
}

#[test]
fn ctrl_c_ends_a_request_that_hangs() {
    let place = Place::new(json!([{ "text": "Half an answ", "hang": true }]));
    let mut child = place.codex(&["exec", "go"]).spawn().unwrap();
    // The banner says that the turn is about to begin; from then on the signal is the turn's.
    let mut stderr = child.stderr.take().unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\n") {
        let mut byte = [0];
        stderr.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    interrupt(&child);
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
}

#[test]
fn the_end_of_the_time_stops_the_command_and_all_it_started() {
    let command = "exec 3> held; setsid sleep 1000 & echo > started; sleep 1000";
    let place = Place::new(json!([{ "tool": "exec_command", "arguments": { "cmd": command } }]));
    let (started, held) = (place.pipe("started"), place.pipe("held"));
    let child = place.codex(&["exec", "--timeout", "5", "go"]).spawn().unwrap();
    wait_for(&started, &child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(124), "{}", String::from_utf8_lossy(&output.stderr));
    wait_for_end(held);
    // Its record is whole.
    let journal = place.journals().pop().unwrap();
    assert!(journal.ends_with('\n') && journal.contains("interrupted"), "{journal}");
}

#[test]
fn the_time_runs_while_the_prompt_is_waited_for() {
    let place = Place::new(json!([]));
    let mut child = place.codex(&["exec", "--timeout", "1"]).stdin(Stdio::piped()).spawn().unwrap();
    let _open = child.stdin.take().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(124), "{said}");
    assert!(said.contains("the time of --timeout was up before the turn began"), "{said}");
}

#[test]
fn a_run_whose_time_is_up_ends_even_if_nobody_reads_what_it_writes() {
    let place = Place::new(json!([{ "stream": { "bytes": 500_000, "chunk": 1000 } }]));
    // The pipe is full long before the line ends.
    let mut child = place.codex(&["exec", "--json", "--timeout", "1", "go"]).spawn().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(124));
}
