//! How a run ends when the world around it does not play along.

use std::{
    fs,
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::{Place, events, wait_for};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(place: &Place, arguments: &[&str]) -> Output {
    place.codex(arguments).output().unwrap()
}

#[test]
fn a_reader_that_goes_away_is_an_error_and_stops_the_turn() {
    let place = Place::new(json!([{ "text": "one", "tool": "exec_command", "arguments": { "cmd": "sleep 1000" } }]));
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    drop(reader);
    let output = place.codex(&["exec", "--json", "go"]).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot write to standard output"), "{}", text(&output.stderr));
}

#[test]
fn a_pipe_that_does_not_block_gets_every_byte() {
    let place = Place::new(json!([{ "stream": { "bytes": 500_000, "chunk": 1000 } }]));
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK).unwrap();
    let mut child = place.codex(&["exec", "--json", "go"]).stdout(writer).stderr(Stdio::null()).spawn().unwrap();
    let mut shown = Vec::new();
    fs::File::from(reader).read_to_end(&mut shown).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let message = events(&shown).into_iter().find(|event| event["item"]["type"] == "agent_message").unwrap();
    assert!(message["item"]["text"].as_str().unwrap().len() >= 500_000);
}

#[test]
fn a_second_ctrl_c_ends_the_program_even_if_nobody_reads_what_it_writes() {
    let place = Place::new(json!([{ "stream": { "bytes": 500_000, "chunk": 1000 } }]));
    let mut child = place.codex(&["exec", "--json", "go"]).spawn().unwrap();
    // The line is longer than the pipe: the program stands still in the middle of it.
    let mut first = vec![0; 100_000];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let ended = loop {
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::yield_now();
    };
    assert_eq!((ended.code(), ended.signal()), (Some(130), None));
}

#[test]
fn sigterm_leaves_nothing_behind() {
    let command = "echo > started; sleep 1000";
    let place = Place::new(json!([{ "tool": "exec_command", "arguments": { "cmd": command } }]));
    let started = place.pipe("started");
    let child = place.codex(&["exec", "go"]).spawn().unwrap();
    wait_for(&started, &child);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", text(&output.stderr));
    assert_eq!(fs::read_dir(place.home.join("tmp")).unwrap().count(), 0, "the session's /tmp was left");
}

#[test]
fn a_vendors_nonsense_ends_no_session() {
    let usage = json!({ "input_tokens": u64::MAX, "output_tokens": u64::MAX, "total_tokens": 1 });
    let place = Place::new(json!([{ "text": "ok", "usage": usage }]));
    let output = run(&place, &["exec", "go"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "ok\n".into()), "{}", text(&output.stderr));
}

#[test]
fn a_flood_of_warnings_is_cut() {
    let place = Place::new(json!([{ "text": "ok" }]));
    let keys: String = (0..1500).map(|number| format!("no_such_key_{number} = 1\n")).collect();
    fs::create_dir(place.workspace.join(".codex")).unwrap();
    fs::write(place.workspace.join(".codex/config.toml"), keys).unwrap();
    let output = run(&place, &["exec", "go"]);
    assert_eq!(output.status.code(), Some(0));
    let warnings = text(&output.stderr).lines().filter(|line| line.starts_with("warning")).count();
    assert!((1..=21).contains(&warnings), "{warnings}");
}

#[test]
fn resuming_keeps_the_level_and_renews_the_instructions() {
    let call = json!({ "tool": "exec_command", "arguments": { "cmd": "touch ran" } });
    let place = Place::new(json!([{ "text": "one" }, call, { "text": "two" }, call, { "text": "three" }]));
    fs::write(place.workspace.join("AGENTS.md"), "Rule A.").unwrap();
    assert!(run(&place, &["exec", "-s", "read-only", "go"]).status.success());
    fs::write(place.workspace.join("AGENTS.md"), "Rule B.").unwrap();
    assert!(run(&place, &["exec", "resume", "--last", "more"]).status.success());
    assert!(!place.workspace.join("ran").exists(), "resuming loosened the sandbox");
    let request = place.server.requests().pop().unwrap().body.to_string();
    assert!(request.find("Rule A.").unwrap() < request.find("Rule B.").unwrap());
    assert!(run(&place, &["exec", "-s", "workspace-write", "resume", "--last", "more"]).status.success());
    assert!(place.workspace.join("ran").exists(), "the flag was not heard");
}

#[test]
fn a_wrong_output_file_is_said_before_the_model_is_asked() {
    let place = Place::new(json!([{ "text": "ok" }]));
    fs::create_dir(place.workspace.join("sub")).unwrap();
    let output = run(&place, &["exec", "-o", "missing/last.txt", "go"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("missing/last.txt"));
    assert_eq!(place.server.requests().len(), 0);
    assert!(run(&place, &["exec", "-C", "sub", "-o", "last.txt", "go"]).status.success());
    assert_eq!(fs::read_to_string(place.workspace.join("sub/last.txt")).unwrap(), "ok");
}

#[test]
fn what_was_typed_in_vain_is_a_usage_error() {
    let place = Place::new(json!([]));
    let table: &[(&[&str], &str)] = &[
        (&["one", "exec", "two"], "two prompts"),
        (&["exec", "resume", "--last", "one", "two"], "two prompts"),
        (&["exec", "--ephemeral", "resume", "--last", "one"], "--ephemeral"),
        (&["-m", "x", "demo"], "demo takes its own flags"),
        (&["--json", "sandbox", "--", "true"], "sandbox takes a command"),
        (&["--json", "trust"], "trust takes no prompt or flags of a run"),
        (&["--ephemeral", "permissions", "list"], "permissions takes no prompt"),
        (&["--json", "login", "status"], "login takes no prompt"),
        (&["--json", "logout"], "logout takes no prompt"),
        (&["--json", "doctor"], "doctor takes no prompt"),
        (&["--no-stdin", "init"], "init takes no prompt"),
        (&["--json", "config", "path"], "config takes no prompt"),
        (&["-m", "x", "completion", "bash"], "completion and man take nothing before them"),
    ];
    for (arguments, expected) in table {
        let output = run(&place, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(expected), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn codex_sandbox_has_the_walls_of_the_configuration() {
    let place = Place::new(json!([]));
    let script = "echo out; echo err >&2; touch made; exit 7";
    let table: [(&[&str], bool); 4] = [
        (&[], true),
        (&["-s", "read-only"], false),
        (&["-c", "sandbox=read-only"], false),
        (&["-s", "danger-full-access"], true),
    ];
    for (flags, writes) in table {
        let arguments = [&["sandbox"], flags, &["--", "sh", "-c", script]].concat();
        let output = run(&place, &arguments);
        assert_eq!(output.status.code(), Some(7), "{flags:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "out\n", "{flags:?}");
        assert!(text(&output.stderr).contains("err\n"), "{flags:?}");
        assert_eq!(fs::remove_file(place.workspace.join("made")).is_ok(), writes, "{flags:?}");
    }
    let output = run(&place, &["sandbox", "-s", "danger-full-access", "--", "sh", "-c", "sleep 1000 & echo $!"]);
    let survivor: i32 = text(&output.stdout).trim().parse().unwrap();
    kill_process(Pid::from_raw(survivor).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn codex_sandbox_passes_on_what_comes_in_and_ends_when_nobody_reads() {
    let place = Place::new(json!([]));
    let mut child = place.codex(&["sandbox", "--", "sort"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"b\na\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "a\nb\n".into()), "{}", text(&output.stderr));
    for level in ["workspace-write", "danger-full-access"] {
        let mut child = place.codex(&["sandbox", "-s", level, "--", "yes"]).spawn().unwrap();
        let mut first = [0; 2];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        assert_eq!((child.wait().unwrap().code(), &first), (Some(141), b"y\n"), "{level}");
    }
}

#[test]
fn what_an_earlier_run_left_is_not_taken_for_the_answer() {
    let place = Place::new(json!([{ "http": 400, "body": "no" }]));
    fs::write(place.workspace.join("last.txt"), "earlier").unwrap();
    assert_eq!(run(&place, &["exec", "-o", "last.txt", "go"]).status.code(), Some(1));
    assert_eq!(fs::read_to_string(place.workspace.join("last.txt")).unwrap(), "");
}

#[test]
fn the_last_of_two_settings_counts_whatever_it_is_called() {
    let place = Place::new(json!([]));
    let table = [
        (["sandbox=read-only", "sandbox_mode=workspace-write"], true),
        (["sandbox_mode=workspace-write", "sandbox=read-only"], false),
        (["sandbox=workspace-write", "sandbox_mode=read-only"], false),
        (["sandbox_mode=read-only", "sandbox=workspace-write"], true),
    ];
    for ([first, second], writes) in table {
        let output = run(&place, &["sandbox", "-c", first, "-c", second, "--", "touch", "made"]);
        let made = fs::remove_file(place.workspace.join("made")).is_ok();
        assert_eq!(made, writes, "{first} {second}: {}", text(&output.stderr));
    }
}

#[test]
fn our_own_home_is_protected_even_inside_the_workspace() {
    not_inside_another_sandbox!();
    let place = Place::new(json!([]));
    let state = place.workspace.join("state");
    fs::create_dir(&state).unwrap();
    fs::copy(place.home.join("config.toml"), state.join("config.toml")).unwrap();
    let link = place.home.join("link");
    std::os::unix::fs::symlink(&place.workspace, &link).unwrap();
    let script = "echo hello > /tmp/x && cat /tmp/x; echo >> state/config.toml; mv state elsewhere; touch made";
    // Also when the way there leads over a link.
    for home in [state.clone(), link.join("state")] {
        let output = place.codex(&["sandbox", "--", "sh", "-c", script]).env("CODEX_HOME", &home).output().unwrap();
        let said = (output.status.code(), text(&output.stdout));
        assert_eq!(said, (Some(0), "hello\n".into()), "{}", text(&output.stderr));
        fs::remove_file(place.workspace.join("made")).unwrap();
        let config = |directory: &std::path::Path| fs::read_to_string(directory.join("config.toml")).unwrap();
        assert_eq!(config(&state), config(&place.home));
    }
}

#[test]
fn patches_and_commands_share_tmp_also_when_our_home_is_a_link() {
    not_inside_another_sandbox!();
    let patch = "*** Begin Patch\n*** Add File: /tmp/shared.txt\n+written by a patch\n*** End Patch\n";
    let place = Place::new(json!([
        { "custom": "apply_patch", "input": patch },
        { "tool": "exec_command", "arguments": { "cmd": "cat /tmp/shared.txt" } },
        { "text": "ok" },
    ]));
    let link = place.workspace.join("home-link");
    std::os::unix::fs::symlink(&place.home, &link).unwrap();
    let output = place.codex(&["exec", "go"]).env("CODEX_HOME", &link).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let request = place.server.requests().pop().unwrap().body.to_string();
    assert!(request.contains("Output:\\nwritten by a patch"), "{request}");
}
