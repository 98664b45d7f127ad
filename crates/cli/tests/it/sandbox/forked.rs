//! The helper of `codex sandbox`, which is a fork of it: what it must not keep, and where it does not do.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use crate::support;

/// Numbers of the processes below `process`, which is no thread.
fn below(process: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    let children = children.split_whitespace().map(|number| number.parse().unwrap());
    children.flat_map(|child: u32| [vec![child], below(child)].concat()).collect()
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
fn it_keeps_neither_arguments_nor_environment() {
    not_inside_another_sandbox!();
    let place = tempfile::tempdir().unwrap();
    let mut codex = support::codex(place.path());
    codex.current_dir(place.path()).env("SOME_TOKEN", "hunter2");
    codex.args(["-c", "model=\"hunter2\"", "sandbox", "-s", "read-only", "--", "sh", "-c"]);
    codex.arg("tr -d '\\0' < /proc/1/cmdline; echo told; read line");
    let mut child = codex.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut told).unwrap();
    assert_eq!(told, "told\n", "the command sees what was typed");
    let others = below(child.id());
    // Helper and command. Who may not read one's environment is no better off.
    assert!(others.len() >= 2, "{others:?}");
    for other in others {
        for file in ["cmdline", "environ"] {
            let kept = fs::read(format!("/proc/{other}/{file}")).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&kept).contains("hunter2"), "{file} of {other}");
        }
    }
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(child.wait().unwrap().success());
}

/// One command needs no supervisor besides.
#[test]
#[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
fn it_sees_the_command_through_itself() {
    not_inside_another_sandbox!();
    let place = tempfile::tempdir().unwrap();
    let mut codex = support::codex(place.path());
    codex.current_dir(place.path()).args(["sandbox", "-s", "workspace-write", "--"]);
    codex.args(["sh", "-c", "echo $$ $PPID; sleep 1000 & read line; exit 7"]);
    let mut child = codex.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut told).unwrap();
    assert_eq!(told, "2 1\n");
    let parent = |process: u32| {
        let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        status.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let all = below(child.id());
    let is_named = |process: &&u32, name: &str| fs::read_to_string(format!("/proc/{process}/comm")).unwrap() == name;
    let command = all.iter().find(|process| is_named(process, "sh\n")).unwrap();
    assert_eq!(parent(parent(*command)), child.id(), "{all:?}");
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
    // What the command left running went with it: nobody is left to take it over.
    assert!(
        all.iter()
            .all(|process| !fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name == "sleep\n"))
    );
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
fn where_the_network_is_the_hosts_another_is_started() {
    not_inside_another_sandbox!();
    let place = tempfile::tempdir().unwrap();
    let outside = fs::read_link("/proc/self/ns/net").unwrap();
    for (more, same) in [(&[][..], false), (&["--allow-network"], true)] {
        let mut codex = support::codex(place.path());
        codex.current_dir(place.path()).args(["sandbox", "-s", "workspace-write"]).args(more);
        let output = codex.args(["--", "readlink", "/proc/self/ns/net"]).output().unwrap();
        let inside = String::from_utf8_lossy(&output.stdout);
        assert_eq!(inside.trim_end() == outside.to_string_lossy(), same, "{more:?}: {output:?}");
    }
}

/// The helper may end as soon as the command has: not before that was told.
#[test]
#[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
fn how_the_command_ended_is_told_however_busy_the_machine_is() {
    let place = tempfile::tempdir().unwrap();
    let work = place.path().join("work");
    fs::create_dir(&work).unwrap();
    let run = || {
        for _ in 0..12 {
            let mut codex = support::codex(place.path());
            codex.current_dir(&work).args(["sandbox", "-s", "workspace-write", "--", "sh", "-c", "exit 3"]);
            let output = codex.output().unwrap();
            assert_eq!(output.status.code(), Some(3), "{output:?}");
        }
    };
    std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(run))));
}
