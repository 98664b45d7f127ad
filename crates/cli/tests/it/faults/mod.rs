//! What happens when the world breaks: a message that says what, where and what to do, the right exit code, nothing
//! lost, nothing left running.

mod commands;
mod disk;
mod files;
mod model;
mod workspace;

use std::process::Command;

use codex_testkit::{Finished, run_to_end};
use serde_json::Value;

use crate::support::{Place, events};

/// Runs `command` to its end. However it ends, it must not have panicked.
fn ended(command: &mut Command) -> Finished {
    let finished = run_to_end(command, "").unwrap();
    let Finished { exit, stdout, stderr } = &finished;
    assert!(!stderr.contains("panicked") && !stderr.contains("inside this program"), "{exit}\n{stdout}\n{stderr}");
    finished
}

/// Runs the program with `arguments` to its end.
fn run(place: &Place, arguments: &[&str]) -> Finished {
    ended(&mut place.codex(arguments))
}

/// Whether a turn began in `journal`. Without one there is nothing to go on with.
fn has_begun(journal: &str) -> bool {
    journal.contains("\"type\":\"turnStarted\"")
}

/// Goes on with the place's last session, which must work, and returns the request that the model got for it.
fn resumed(place: &Place) -> Value {
    let finished = run(place, &["exec", "resume", "--last", "go on"]);
    assert_eq!(finished.exit, 0, "it cannot be gone on with: {}", finished.stderr);
    every_call_has_its_answer(&place.server.requests().pop().unwrap().body)
}

/// A model refuses a conversation in which it does not. Returns it for further questions.
pub fn every_call_has_its_answer(request: &Value) -> Value {
    let (mut calls, mut answers) = (Vec::new(), Vec::new());
    let items = ["input", "messages"].iter().find_map(|name| request[*name].as_array()).unwrap();
    for item in items {
        match (item["type"].as_str(), item["role"].as_str()) {
            (Some("function_call" | "custom_tool_call"), _) => calls.push(&item["call_id"]),
            (Some("function_call_output" | "custom_tool_call_output"), _) => answers.push(&item["call_id"]),
            (_, Some("assistant")) => {
                calls.extend(item["tool_calls"].as_array().into_iter().flatten().map(|call| &call["id"]));
                calls.extend(blocks(item, "tool_use").map(|call| &call["id"]));
            }
            (_, Some("user")) => answers.extend(blocks(item, "tool_result").map(|result| &result["tool_use_id"])),
            (_, Some("tool")) => answers.push(&item["tool_call_id"]),
            _ => {}
        }
    }
    assert_eq!(calls, answers, "{request}");
    request.clone()
}

/// The blocks of a kind in a message.
fn blocks<'a>(message: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    message["content"].as_array().into_iter().flatten().filter(move |block| block["type"] == kind)
}

/// The answers to the calls of `request`, in order.
fn answers(request: &Value) -> Vec<String> {
    let items = request["input"].as_array().unwrap().iter();
    let answers = items.filter(|item| item["type"].as_str().is_some_and(|kind| kind.ends_with("_call_output")));
    answers.map(|item| item["output"].as_str().unwrap().to_owned()).collect()
}

/// What JSON lines showed of messages and commands, in order.
fn shown(stdout: &str) -> Vec<String> {
    let said = |event: &Value| {
        let item = &event["item"];
        let said = ["text", "aggregated_output"].iter().find_map(|key| item[key].as_str());
        said.filter(|text| event["type"] == "item.completed" && !text.is_empty()).map(str::to_owned)
    };
    events(stdout.as_bytes()).iter().filter_map(said).collect()
}

/// Fails unless `journal` holds all that JSON lines showed.
fn is_recorded(stdout: &str, journal: &str) {
    for said in shown(stdout) {
        let quoted = serde_json::to_string(&said).unwrap();
        assert!(journal.contains(&quoted), "shown, not recorded: {said}\n{journal}");
    }
}
