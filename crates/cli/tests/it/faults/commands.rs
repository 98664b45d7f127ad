//! Commands that do not want to end, start more than they should, or keep what they were given.

use std::{
    fs::{self, File},
    process::{Child, Output},
};

use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process};
use serde_json::json;

use super::{ended, resumed};
use crate::support::{Place, wait_for, wait_for_end};

/// The walls that make a difference for how processes are ended: with a PID namespace, and without.
const LEVELS: [&str; 2] = ["workspace-write", "danger-full-access"];

/// Longer than any test, in milliseconds.
const LONG: u64 = 600_000;

/// Sends Ctrl-C once the command has written to `started`.
fn interrupt(child: Child, started: &File) -> Output {
    wait_for(started, &child);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_command_that_ignores_every_signal_ends_all_the_same() {
    // Everything that runs holds the pipe `held`; a process that left its session does too.
    let stubborn = "exec 3> held; trap '' TERM HUP INT QUIT PIPE; setsid sh -c 'trap \"\" TERM HUP INT; \
        while :; do sleep 1; done' & echo said; echo > started; while :; do sleep 1; done";
    for level in LEVELS {
        // It takes too long: the model is told and goes on.
        let call =
            json!({ "tool": "exec_command", "arguments": { "cmd": stubborn, "timeout": 1000, "yield_time_ms": LONG } });
        let place = Place::new(json!([call, { "text": "I go on." }]));
        let (_started, held) = (place.pipe("started"), place.pipe("held"));
        let finished = ended(&mut place.codex(&["exec", "-s", level, "go"]));
        assert_eq!((finished.exit, finished.stdout.as_str()), (0, "I go on.\n"), "{level}: {}", finished.stderr);
        wait_for_end(held);
        let request = resumed(&place).to_string();
        assert!(request.contains("Timed out after "), "{level}: {request}");

        // The user stops it: so is the session, which is kept.
        let call =
            json!({ "tool": "exec_command", "arguments": { "cmd": stubborn, "timeout": LONG, "yield_time_ms": LONG } });
        let place = Place::new(json!([call]));
        let (started, held) = (place.pipe("started"), place.pipe("held"));
        let output = interrupt(place.codex(&["exec", "-s", level, "go"]).spawn().unwrap(), &started);
        assert_eq!(output.status.code(), Some(130), "{level}: {}", String::from_utf8_lossy(&output.stderr));
        wait_for_end(held);
        assert!(resumed(&place).to_string().contains("said"), "{level}: what it had said was lost");
    }
}

#[test]
fn a_command_that_never_stops_writing_is_stopped() {
    for (level, flood) in LEVELS.iter().flat_map(|level| ["yes", "cat /dev/zero >&2"].map(|flood| (level, flood))) {
        let call = |cmd: &str, timeout: u64| {
            let cmd = format!("exec 3> held; echo first; {cmd}");
            json!({ "tool": "exec_command", "arguments": { "cmd": cmd, "timeout": timeout, "yield_time_ms": LONG } })
        };
        let steps = [call(flood, 500), call(&format!("echo > started; {flood}"), LONG)];
        let place = Place::new(json!(steps));
        let (started, held) = (place.pipe("started"), place.pipe("held"));
        let output = interrupt(place.codex(&["exec", "-s", level, "go"]).spawn().unwrap(), &started);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{level}, {flood}: {stderr}");
        wait_for_end(held);
        let request = resumed(&place).to_string();
        for expected in ["Timed out after ", "Interrupted by the user", "Output:\\nfirst"] {
            assert!(request.contains(expected), "{level}, {flood}: {expected} is missing");
        }
        assert!(request.len() < 500_000, "{level}, {flood}: the model is sent {} bytes", request.len());
    }
}

#[test]
fn a_child_that_keeps_the_output_open_holds_nobody_up() {
    for level in LEVELS {
        let cmd = "exec 3> held; sleep 1000 & echo $! > child; echo said; exit 3";
        let call =
            json!({ "tool": "exec_command", "arguments": { "cmd": cmd, "timeout": LONG, "yield_time_ms": LONG } });
        let place = Place::new(json!([call, { "text": "I go on." }]));
        let held = place.pipe("held");
        let finished = ended(&mut place.codex(&["exec", "-s", level, "go"]));
        assert_eq!((finished.exit, finished.stdout.as_str()), (0, "I go on.\n"), "{level}: {}", finished.stderr);
        let request = place.server.requests().pop().unwrap().body.to_string();
        assert!(request.contains("Exit code: 3") && request.contains("said"), "{level}: {request}");
        if level == "danger-full-access" {
            // Nothing holds such a command back: what it leaves behind is its own affair. The number is the host's.
            let child: i32 = fs::read_to_string(place.workspace.join("child")).unwrap().trim().parse().unwrap();
            let _ = kill_process(Pid::from_raw(child).unwrap(), Signal::KILL);
        }
        wait_for_end(held);
    }
}

/// How many processes a test may start: no more than a part of what is allowed here.
fn many() -> u64 {
    let number = |path: &str| fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let groups = group.lines().filter_map(|line| {
        let (kind, path) = line.split_once(':')?.1.split_once(':')?;
        let root = if kind.is_empty() { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/pids" };
        number(&format!("{root}{path}/pids.max"))
    });
    let limits = [number("/proc/sys/kernel/pid_max"), getrlimit(Resource::Nproc).current];
    // Each takes about 300 KiB.
    let memory = number_of("/proc/meminfo", "MemAvailable:").map(|kib| kib / 300);
    limits.into_iter().flatten().chain(groups).chain(memory).map(|most| most / 4).min().unwrap_or(1000).min(10_000)
}

/// The number after `key` in a file of such lines.
fn number_of(path: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

#[test]
fn thousands_of_processes_end_with_their_command() {
    let many = many();
    for (level, is_interrupted, count) in [
        ("workspace-write", false, many.min(2000)),
        // Walls have a limit of their own, 4096 less some hundred.
        ("workspace-write", true, many.min(3500)),
        ("danger-full-access", true, many.min(2000)),
    ] {
        // They end by themselves, should nobody end them.
        let start = format!(
            "exec 3> held; i=0; while [ $i -lt {count} ]; do sleep 300 & i=$((i+1)); done; echo made $i; echo > started"
        );
        let cmd = if is_interrupted { format!("{start}; wait") } else { start };
        let call =
            json!({ "tool": "exec_command", "arguments": { "cmd": cmd, "timeout": LONG, "yield_time_ms": LONG } });
        let place = Place::new(json!([call]));
        let (started, held) = (place.pipe("started"), place.pipe("held"));
        let exit = if is_interrupted {
            interrupt(place.codex(&["exec", "-s", level, "go"]).spawn().unwrap(), &started).status.code()
        } else {
            Some(ended(&mut place.codex(&["exec", "-s", level, "go"])).exit)
        };
        assert_eq!(exit, Some(if is_interrupted { 130 } else { 0 }), "{level}");
        wait_for_end(held);
        assert!(resumed(&place).to_string().contains(&format!("made {count}")), "{level}");
    }
}
