//! The official Python SDK, from the package index, against the built program. Runs where Python is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use codex_testkit::run_to_end;
use serde_json::{Value, json};

use crate::{
    approvals::run,
    support::{Place, wait_for_end},
};

/// The SDK without the program that it would bring, and what it needs.
const SDK: &str = "openai-codex==0.163.0";
const NEEDS: [&str; 2] = ["pydantic>=2.12,<3", "packaging"];

#[allow(clippy::disallowed_methods, reason = "Python is a part of the test")]
pub fn python(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let ended = run_to_end(Command::new(program).args(arguments), "")?;
    if ended.exit == 0 { Ok(ended.stdout) } else { Err(format!("{arguments:?}: {}{}", ended.stdout, ended.stderr)) }
}

/// A Python that has the SDK, installed once for all runs; `None` where there is no Python 3.10, which is said.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn sdk() -> Option<PathBuf> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-sdk");
    let (installed, there) = (directory.join("bin/python"), directory.join("is-complete"));
    if there.exists() {
        return Some(installed);
    }
    let fits = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    if python(Path::new("python3"), &["-c", fits]).is_err() {
        eprintln!("skipped: there is no Python 3.10 with venv");
        return None;
    }
    python(Path::new("python3"), &["-m", "venv", "--clear", directory.to_str().unwrap()]).unwrap();
    let pip = ["-m", "pip", "--disable-pip-version-check", "--timeout=20", "--retries=2", "install", "--quiet"];
    python(&installed, &[&pip[..], &["--no-deps", SDK]].concat()).unwrap();
    python(&installed, &[&pip[..], &NEEDS].concat()).unwrap();
    fs::write(there, "").unwrap();
    Some(installed)
}

/// What came of each of `calls`, which are done by a program written for the SDK; see `tests/sdk/run.py`.
fn work(python_with_sdk: &Path, place: &Place, calls: &Value) -> Vec<Value> {
    let job = json!({
        "codex": {
            "codex_bin": env!("CARGO_BIN_EXE_codex"),
            "env": { "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": place.home, "CODEX_HOME": place.home },
        },
        "thread": { "cwd": place.workspace, "sandbox": "workspace-write", "approval_mode": "auto_review" },
        "calls": calls,
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/run.py");
    let printed = python(python_with_sdk, &[script.to_str().unwrap(), &job.to_string()]).unwrap();
    let results: Vec<Value> = serde_json::from_str(&printed).unwrap();
    assert_eq!(results.len(), calls.as_array().unwrap().len());
    results
}

fn kinds(items: &Value) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect()
}

#[test]
fn text_commands_patches_and_what_is_asked_about_them_work() {
    let Some(sdk) = sdk() else { return };
    let patch = "*** Begin Patch\n*** Add File: made.txt\n+made\n*** End Patch\n";
    let place = Place::new(json!({ "pick": "results", "steps": [
        // It is asked about, and the SDK says yes.
        run("touch touched"),
        { "custom": "apply_patch", "input": patch },
        { "text": "All done." },
    ]}));
    let never = json!({ "approval_mode": "deny_all" });
    let calls = json!([
        { "do": "account" },
        { "do": "models" },
        { "do": "start" },
        { "do": "run", "input": "go" },
        { "do": "stream", "input": "again" },
        { "do": "start", "options": never },
        { "do": "run", "input": "in another thread" },
    ]);
    let results = work(&sdk, &place, &calls);
    assert_eq!(results[0], json!({ "account": null, "requiresOpenaiAuth": false }));
    assert_eq!(results[1]["data"][0]["model"], "mock");
    for (result, thread) in [(&results[3], "the first"), (&results[6], "the second")] {
        assert_eq!(result["finalResponse"], "All done.", "{thread}: {result}");
        assert_eq!(kinds(&result["items"]), ["userMessage", "commandExecution", "fileChange", "agentMessage"]);
    }
    assert_eq!(fs::read_to_string(place.workspace.join("made.txt")).unwrap(), "made\n");
    assert!(place.workspace.join("touched").exists());
    assert_eq!(results[4]["text"], "All done.", "what is told in pieces is the whole: {}", results[4]);
    let methods = results[4]["methods"].as_array().unwrap();
    assert_eq!((&methods[0], methods.last().unwrap()), (&json!("turn/started"), &json!("turn/completed")));
}

#[test]
fn a_turn_is_steered_and_interrupted_and_a_thread_resumed_forked_and_listed() {
    let Some(sdk) = sdk() else { return };
    let place = Place::new(json!([
        run("echo > started; cat go"),
        { "text": "Steered." },
        run("exec 3> held; setsid sleep 1000 & echo > begun; sleep 1000"),
        { "text": "Resumed." },
        { "text": "Forked." },
        { "text": "The summary." },
        { "text": "Unarchived." },
    ]));
    let (started, begun) = (place.unopened_pipe("started"), place.unopened_pipe("begun"));
    let (go, held) = (place.unopened_pipe("go"), place.pipe("held"));
    let calls = json!([
        { "do": "start", "options": { "approval_mode": "deny_all" } },
        { "do": "steer", "input": "go", "after": started, "steer": "and hurry", "go": go },
        { "do": "interrupt", "input": "run it", "after": begun },
        { "do": "name", "name": "a name" },
        { "do": "resume" },
        { "do": "run", "input": "go on" },
        { "do": "read" },
        { "do": "fork" },
        { "do": "run", "input": "elsewhere" },
        { "do": "list", "options": { "cwd": place.workspace, "search_term": "a name" } },
        { "do": "compact" },
        { "do": "archive" },
        { "do": "unarchive" },
        { "do": "resume" },
        { "do": "run", "input": "still there?" },
        { "do": "resume", "id": "0190aaaa-0000-7000-8000-000000000000" },
    ]);
    let results = work(&sdk, &place, &calls);
    wait_for_end(held);
    assert_eq!(results[1]["finalResponse"], "Steered.", "{}", results[1]);
    assert_eq!(kinds(&results[1]["items"]).iter().filter(|kind| **kind == "userMessage").count(), 2);
    assert_eq!(results[2]["status"], "interrupted", "{}", results[2]);
    assert_eq!((&results[4], &results[5]["finalResponse"]), (&results[0], &json!("Resumed.")));
    let thread = &results[6]["thread"];
    let turns: Vec<&str> =
        thread["turns"].as_array().unwrap().iter().map(|turn| turn["status"].as_str().unwrap()).collect();
    assert_eq!((turns, &thread["name"]), (vec!["completed", "interrupted", "completed"], &json!("a name")));
    assert_ne!(results[7], results[0]);
    assert_eq!(results[8]["finalResponse"], "Forked.");
    assert!(results[9]["data"].as_array().unwrap().iter().any(|listed| listed["id"] == results[0]["id"]));
    assert_eq!((&results[10], &results[12]), (&json!({}), &results[7]));
    assert_eq!(results[14]["finalResponse"], "Unarchived.", "{:?}", &results[10..]);
    let message = results[15]["error"]["message"].as_str().unwrap();
    assert!(message.contains("no rollout found for thread id 0190aaaa"), "{message}");
}
