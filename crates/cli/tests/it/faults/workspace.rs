//! The workspace goes away: before, between and while commands run.

use std::{
    fs::{self, File},
    io::Write,
};

use codex_testkit::{RawAnswer, RawServer, events};
use rustix::fs::{Mode, OFlags};
use serde_json::{Value, json};

use super::{answers, ended, every_call_has_its_answer};
use crate::support::{Place, codex, wait_for};

const PATCH: &str = "*** Begin Patch\n*** Add File: made.txt\n+made\n*** End Patch\n";

/// A call of each tool, and a part of what the model is told where there is no workspace any more.
fn calls() -> [(Value, &'static str); 5] {
    [
        (json!({ "tool": "exec_command", "arguments": { "cmd": "echo ran > /tmp/ran" } }), "was not run"),
        (json!({ "tool": "read_file", "arguments": { "path": "file" } }), "cannot read file: there is no such file"),
        (json!({ "tool": "search_files", "arguments": { "pattern": "x" } }), "No such file"),
        (json!({ "tool": "list_dir", "arguments": {} }), "No such file"),
        (json!({ "custom": "apply_patch", "input": PATCH }), "No such file"),
    ]
}

#[test]
fn deleted_while_a_command_runs_every_later_call_is_answered() {
    let cmd = "exec 4<> go; echo said; echo > started; read line <&4; echo going on";
    let first =
        json!({ "tool": "exec_command", "arguments": { "cmd": cmd, "timeout": 600_000, "yield_time_ms": 600_000 } });
    let steps = [first].into_iter().chain(calls().map(|(call, _)| call)).chain([json!({ "text": "All done." })]);
    let place = Place::new(steps.collect());
    let (started, _go) = (place.pipe("started"), place.pipe("go"));
    let child = place.codex(&["exec", "go"]).spawn().unwrap();
    wait_for(&started, &child);
    // Opened before its name is gone; until then the command waits for somebody to write.
    let writer = rustix::fs::open(place.workspace.join("go"), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    fs::remove_dir_all(&place.workspace).unwrap();
    File::from(writer).write_all(b"\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!((output.status.code(), stdout.as_str()), (Some(0), "All done.\n"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    let request = every_call_has_its_answer(&place.server.requests().pop().unwrap().body);
    let answers = answers(&request);
    assert!(answers[0].contains("said\ngoing on"), "{}", answers[0]);
    for ((call, words), answer) in calls().iter().zip(&answers[1..]) {
        assert!(answer.contains(words), "{call}: {answer}");
    }
    assert!(!place.workspace.exists(), "something was made where the workspace had been");
    gone_on_with(&place);
}

#[test]
fn with_another_directory_in_its_place_commands_run_there() {
    for level in ["workspace-write", "danger-full-access"] {
        let first = "exec 4<> go; echo > started; read line <&4; echo old > made";
        let second = "cat file; echo new > made";
        let call = |cmd: &str| json!({ "tool": "exec_command", "arguments": { "cmd": cmd, "timeout": 600_000, "yield_time_ms": 600_000 } });
        let place = Place::new(json!([call(first), call(second), { "text": "All done." }]));
        let (started, _go) = (place.pipe("started"), place.pipe("go"));
        let child = place.codex(&["exec", "-s", level, "go"]).spawn().unwrap();
        wait_for(&started, &child);
        let aside = place.workspace.with_file_name("aside");
        fs::rename(&place.workspace, &aside).unwrap();
        fs::create_dir(&place.workspace).unwrap();
        fs::write(place.workspace.join("file"), "from the new one\n").unwrap();
        fs::write(aside.join("go"), "\n").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{level}: {}", String::from_utf8_lossy(&output.stderr));
        let made = |directory: &std::path::Path| fs::read_to_string(directory.join("made")).unwrap();
        assert_eq!((made(&aside).as_str(), made(&place.workspace).as_str()), ("old\n", "new\n"), "{level}");
        let answers = answers(&every_call_has_its_answer(&place.server.requests().pop().unwrap().body));
        assert!(answers[1].contains("from the new one"), "{level}: {}", answers[1]);
    }
}

#[test]
fn deleted_before_the_first_command_every_call_is_answered() {
    let place = Place::new(json!([]));
    let workspace = place.workspace.clone();
    let server = RawServer::start(move |number| {
        if number == 0 {
            fs::remove_dir_all(&workspace).unwrap();
        }
        let arguments = json!({ "cmd": "echo ran > /tmp/ran" }).to_string();
        let item = match number {
            0 => events::function_call("f", "c", "exec_command", &arguments),
            _ => events::message("m", "All done."),
        };
        let told = [events::item_done(0, &item), events::completed("r", &[], &Value::Null)];
        RawAnswer::events(&told.iter().map(events::sse).collect::<String>())
    });
    let url = format!("model_providers.mock.base_url={}", server.base_url());
    let finished = ended(&mut place.codex(&["exec", "-c", &url, "go"]));
    assert_eq!((finished.exit, finished.stdout.as_str()), (0, "All done.\n"), "{}", finished.stderr);
    assert!(finished.stderr.contains("was not run"), "{}", finished.stderr);
    gone_on_with(&place);
}

/// Without its workspace the session is not gone on with, and it is said why; elsewhere it is.
fn gone_on_with(place: &Place) {
    let id = place.journals()[0].split("\"threadId\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let resume = |arguments: &[&str]| {
        let mut command = codex(&place.home);
        ended(command.args(["exec", "resume", &id, "go on"]).args(arguments).current_dir(&place.home))
    };
    let refused = resume(&[]);
    assert_eq!(refused.exit, 2, "{}", refused.stderr);
    for words in [place.workspace.to_str().unwrap(), "No such file", "--cd"] {
        assert!(refused.stderr.contains(words), "{words} is missing: {}", refused.stderr);
    }
    fs::create_dir(place.home.join("elsewhere")).unwrap();
    let finished = resume(&["--cd", "elsewhere"]);
    assert_eq!(finished.exit, 0, "{}", finished.stderr);
    every_call_has_its_answer(&place.server.requests().pop().unwrap().body);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a shell goes where no test can be")]
fn a_directory_that_is_gone_before_it_starts_is_named() {
    let place = Place::new(json!([]));
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "mkdir x && cd x && rmdir ../x && exec \"$0\" exec go", env!("CARGO_BIN_EXE_codex")]);
    command.current_dir(&place.workspace).env_clear().env("HOME", &place.home).env("CODEX_HOME", &place.home);
    let finished = ended(command.env("PATH", "/usr/bin:/bin"));
    assert_eq!((finished.exit, finished.stdout.as_str()), (2, ""), "{}", finished.stderr);
    assert!(finished.stderr.contains("--cd: .: No such file"), "{}", finished.stderr);
    assert_eq!(place.server.requests().len(), 0);
}
