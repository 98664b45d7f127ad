//! Commands that run on after their call: typed to, looked at, listed, stopped, and gone with the program.

use std::fs::File;

use codex_protocol::{
    ApprovalPolicy, BackgroundTerminal, BackgroundTerminalResizeParams, BackgroundTerminalTerminateParams,
    BackgroundTerminalsParams, CommandExecutionStatus, ServerNotification, ThreadItem,
};
use rustix::event::{PollFd, PollFlags, poll};
use serde_json::{Value, json};

use crate::{
    session::Session,
    support::{Place, events, wait_for, wait_for_end},
};

/// A call of `exec_command`.
fn run(command: &str, more: Value) -> Value {
    let mut arguments = json!({ "cmd": command });
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "tool": "exec_command", "arguments": arguments })
}

/// A call of `write_stdin` that waits for the end of the command.
fn write(chars: &str) -> Value {
    json!({ "tool": "write_stdin", "arguments": { "session_id": 1, "chars": chars, "yield_time_ms": 300_000 } })
}

fn look() -> Value {
    write("")
}

fn stop(ids: &[u64]) -> Value {
    json!({ "tool": "manage_processes", "arguments": { "stop": ids } })
}

fn done() -> Value {
    json!({ "text": "Done." })
}

/// Runs `codex exec` on a script; gives what each call came to, as the model is told.
fn outputs(place: &Place) -> Vec<String> {
    let output = place.codex(&["exec", "go"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    told(place)
}

/// The answers to all calls of the last request.
fn told(place: &Place) -> Vec<String> {
    let request = place.server.requests().pop().unwrap().body;
    let answers = request["input"].as_array().unwrap().iter().filter(|item| item["type"] == "function_call_output");
    answers.map(|item| item["output"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_command_in_a_terminal_is_typed_to() {
    let command = r#"test -t 1 && tty && echo to the terminal > /dev/tty; read line; echo "got $line"; exit 3"#;
    let script = json!([run(command, json!({ "tty": true, "yield_time_ms": 1 })), write("hello\n"), done()]);
    let outputs = outputs(&Place::new(script));
    assert!(outputs[0].contains("session ID 1"), "{outputs:?}");
    let all = outputs.concat();
    for expected in ["/dev/pts/", "to the terminal\n", "got hello\n"] {
        assert!(all.contains(expected), "{outputs:?}");
    }
    assert!(outputs[1].starts_with("Exit code: 3"), "{outputs:?}");
}

#[test]
fn control_characters_reach_what_runs_in_a_terminal() {
    let script = json!([run("cat", json!({ "tty": true, "yield_time_ms": 1 })), write("\u{3}"), done()]);
    assert!(outputs(&Place::new(script))[1].starts_with("Exit code: 130 (signal 2)"));
    let script = json!([run("cat; echo over", json!({ "tty": true, "yield_time_ms": 1 })), write("\u{4}"), done()]);
    let outputs = outputs(&Place::new(script));
    assert!(outputs[1].starts_with("Exit code: 0") && outputs.concat().contains("over\n"), "{outputs:?}");
}

#[test]
fn what_is_typed_is_held_against_the_rules_from_the_beginning_of_its_line() {
    let types = |chars: &str| json!({ "tool": "write_stdin", "arguments": { "session_id": 1, "chars": chars, "yield_time_ms": 1 } });
    let place = Place::new(json!([
        run(r#"read a; read b; echo "got $a, $b""#, json!({ "tty": true, "yield_time_ms": 1 })),
        types("it's (ok\n"),
        types("mk"),
        types("dir d\n"),
        write("e\n"),
        done(),
    ]));
    let output = place.codex(&["exec", "-c", "permissions.deny=[\"mkdir\"]", "go"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let outputs = told(&place);
    assert!(outputs[3].contains("denied by the rule `mkdir`"), "{outputs:?}");
    assert!(outputs.concat().contains("got it's (ok, mke"), "{outputs:?}");
}

#[test]
fn without_a_terminal_there_is_no_input() {
    let place = Place::new(json!([
        run("cat; echo over; echo > gate", json!({ "yield_time_ms": 1 })),
        { "tool": "write_stdin", "arguments": { "session_id": 1, "chars": "x" } },
        run("cat gate", json!({})),
        look(),
        done(),
    ]));
    place.unopened_pipe("gate");
    let outputs = outputs(&place);
    assert!(outputs[1].contains("started without a terminal"), "{outputs:?}");
    assert!(outputs[3].starts_with("Exit code: 0"), "{outputs:?}");
    assert!([&outputs[0], &outputs[3]].iter().any(|output| output.contains("over\n")), "{outputs:?}");
}

#[test]
fn who_does_not_read_holds_nobody_up() {
    let piece = json!({ "tool": "write_stdin", "arguments": {
        "session_id": 1, "chars": "x".repeat(60_000), "yield_time_ms": 1,
    }});
    // Line by line, the terminal itself would throw away what is too long.
    let deaf = "stty raw -echo; echo > ready; exec sleep 1000";
    let mut script = vec![run(deaf, json!({ "tty": true, "yield_time_ms": 1 })), run("cat ready", json!({}))];
    script.extend(vec![piece; 18]);
    script.extend([stop(&[1]), look(), done()]);
    let place = Place::new(Value::Array(script));
    place.unopened_pipe("ready");
    let outputs = outputs(&place);
    assert!(outputs[19].contains("has not read what was typed before"), "{outputs:?}");
    assert!(outputs[20].starts_with("1 stopped\nNo command runs on."), "{outputs:?}");
    assert!(outputs[21].starts_with("Stopped and killed"), "{outputs:?}");
}

#[test]
fn the_model_lists_and_stops_what_runs_on_with_all_it_started() {
    let server = "exec 3> held; setsid sleep 1000 & echo > started; exec sleep 1000";
    let place = Place::new(json!([
        run(server, json!({ "yield_time_ms": 1 })),
        run("true", json!({})),
        stop(&[]),
        stop(&[1, 7]),
        done(),
    ]));
    let (_started, held) = (place.pipe("started"), place.pipe("held"));
    let outputs = outputs(&place);
    assert!(outputs[2].starts_with("Running:\n1 for ") && outputs[2].contains("sleep 1000"), "{outputs:?}");
    assert_eq!(outputs[3], "1 stopped\n7 was not running\nNo command runs on.");
    wait_for_end(held);
}

#[test]
fn what_still_runs_ends_with_the_program_and_is_shown() {
    let server = "exec 3> held; echo begun; echo > started; exec sleep 1000";
    let place = Place::new(json!([run(server, json!({ "yield_time_ms": 1 })), done()]));
    let (_started, held) = (place.pipe("started"), place.pipe("held"));
    let output = place.codex(&["exec", "--json", "go"]).output().unwrap();
    wait_for_end(held);
    let events = events(&output.stdout);
    let ended: Vec<_> = events
        .iter()
        .filter(|event| event["item"]["type"] == "command_execution")
        .map(|event| &event["type"])
        .collect();
    assert_eq!(ended, ["item.started", "item.completed"], "{events:?}");
    let output = events.iter().filter_map(|event| event["item"]["aggregated_output"].as_str()).next_back().unwrap();
    assert!(output.ends_with("[stopped]\n"), "{output}");

    let output = place.codex(&["exec", "resume", "--last", "more"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let request = place.server.requests().pop().unwrap().body.to_string();
    assert!(request.contains("started again in between"), "the model saw it running last: {request}");
}

#[test]
fn after_a_kill_the_model_is_told_that_what_ran_on_has_ended() {
    let server = "exec 3> held; exec sleep 1000";
    let hanging = run("echo > started; exec sleep 1000", json!({}));
    let place = Place::new(json!([run(server, json!({ "yield_time_ms": 1 })), hanging, done(), done()]));
    let (started, held) = (place.pipe("started"), place.pipe("held"));
    let mut child = place.codex(&["exec", "go"]).spawn().unwrap();
    wait_for(&started, &child);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for_end(held);
    for _ in 0..2 {
        let output = place.codex(&["exec", "resume", "--last", "more"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let request = place.server.requests().pop().unwrap().body.to_string();
        assert_eq!(request.matches("started again in between").count(), 1, "{request}");
    }
}

#[test]
fn what_is_put_out_between_two_looks_is_bounded() {
    let flood = "head -c 10000000 /dev/zero | tr '\\0' x; echo END; echo > gate";
    let place =
        Place::new(json!([run(flood, json!({ "yield_time_ms": 1 })), run("cat gate", json!({})), look(), done()]));
    place.unopened_pipe("gate");
    let outputs = outputs(&place);
    let all = outputs.concat();
    assert!(all.contains("END") && all.contains("left out here"), "{outputs:?}");
    assert!(outputs.iter().all(|output| output.len() < 50_000));
}

fn until_written(pipe: &File) {
    poll(&mut [PollFd::new(pipe, PollFlags::IN)], None).unwrap();
}

async fn running(session: &Session) -> Vec<BackgroundTerminal> {
    let params = BackgroundTerminalsParams { thread_id: session.thread_id.clone() };
    session.connection.client.terminals_list(params).await.unwrap().data
}

/// The end of a command: its turn, status and output.
fn command_ended(told: &ServerNotification) -> Option<(String, CommandExecutionStatus, String)> {
    match told {
        ServerNotification::ItemCompleted(completed) => match &completed.item {
            ThreadItem::CommandExecution { status, aggregated_output, .. } => {
                Some((completed.turn_id.clone(), *status, aggregated_output.clone().unwrap_or_default()))
            }
            _ => None,
        },
        _ => None,
    }
}

#[tokio::test]
async fn an_interrupt_stops_the_call_in_front_and_the_user_the_others() {
    let place = Place::new(json!([
        run("exec 3> held; exec sleep 1000", json!({ "yield_time_ms": 1 })),
        run("echo > started; exec sleep 2000", json!({})),
        run("exec sleep 3000", json!({ "yield_time_ms": 1 })),
        done(),
    ]));
    let held = place.pipe("held");
    let started = place.pipe("started");
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.say("one").await;
    tokio::task::spawn_blocking(move || until_written(&started)).await.unwrap();
    session.interrupt().await;
    let (turn, status, _) = session.next(command_ended).await;
    assert_eq!((turn.as_str(), status), ("turn_0", CommandExecutionStatus::Failed));
    session.turn_ended().await;
    let one = running(&session).await;
    assert_eq!(one.iter().map(|one| one.process_id.as_str()).collect::<Vec<_>>(), ["1"], "{one:?}");

    session.say("two").await;
    session.turn_ended().await;
    let ids: Vec<_> = running(&session).await.into_iter().map(|one| one.process_id).collect();
    assert_eq!(ids, ["1", "2"]);
    let terminate = |id: &str| BackgroundTerminalTerminateParams {
        thread_id: session.thread_id.clone(),
        process_id: id.to_owned(),
    };
    assert!(session.connection.client.terminal_terminate(terminate("1")).await.unwrap().terminated);
    assert!(!session.connection.client.terminal_terminate(terminate("9")).await.unwrap().terminated);
    tokio::task::spawn_blocking(move || wait_for_end(held)).await.unwrap();
    let (turn, status, _) = session.next(command_ended).await;
    assert_eq!((turn.as_str(), status), ("turn_0", CommandExecutionStatus::Failed), "between turns, of its own turn");
    let params = BackgroundTerminalsParams { thread_id: session.thread_id.clone() };
    session.connection.client.terminals_clean(params).await.unwrap();
    let (turn, ..) = session.next(command_ended).await;
    assert_eq!(turn, "turn_1");
    assert_eq!(running(&session).await, []);
}

#[tokio::test]
async fn the_user_changes_the_size_of_a_terminal() {
    let place = Place::new(json!([
        run("stty size; read line; stty size", json!({ "tty": true, "yield_time_ms": 1 })),
        done(),
        write("\n"),
        done(),
    ]));
    let mut session = Session::start(&place, ApprovalPolicy::Never).await;
    session.say("one").await;
    session.turn_ended().await;
    let params = BackgroundTerminalResizeParams {
        thread_id: session.thread_id.clone(),
        process_id: "1".into(),
        rows: 7,
        columns: 33,
    };
    session.connection.client.terminal_resize(params).await.unwrap();
    session.say("two").await;
    let (_, status, output) = session.next(command_ended).await;
    assert_eq!(status, CommandExecutionStatus::Completed);
    assert!(output.ends_with("\n7 33\n"), "{output:?}");
}
