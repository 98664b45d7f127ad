//! Runs a program to its end, and not for ever.
#![allow(clippy::disallowed_methods, reason = "the test kit starts the binary under test, outside any sandbox")]

use std::{
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// After this a run counts as hanging. Generous: it must never decide on a slow machine.
pub const WATCHDOG: Duration = Duration::from_secs(120);

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; for a signal 128 and its number, as shells say it.
    pub exit: i32,
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

/// What the threads around a run report.
enum Report {
    Exit(io::Result<ExitStatus>),
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

/// Runs `command` with `stdin` as its input. What it leaves behind in its process group is killed.
///
/// # Errors
///
/// It could not be started, or did not end within [`WATCHDOG`]; it is killed then.
pub fn run_to_end(command: &mut Command, stdin: &str) -> Result<Finished, String> {
    let (send, reports) = mpsc::channel();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", command.get_program().display()))?;
    let group = Pid::from_child(&child);
    attend(&mut child, stdin, &send);
    thread::spawn(move || send.send(Report::Exit(child.wait())));
    let finished = collect(&reports, group);
    // The group may be empty by now, which is an error that means success.
    let _ = kill_process_group(group, Signal::KILL);
    finished
}

/// Starts the threads that feed and drain the child's pipes. They end with the pipes.
fn attend(child: &mut Child, stdin: &str, reports: &Sender<Report>) {
    if let Some(mut pipe) = child.stdin.take() {
        let stdin = stdin.to_owned();
        // A program need not read its input.
        thread::spawn(move || pipe.write_all(stdin.as_bytes()));
    }
    if let Some(pipe) = child.stdout.take() {
        let reports = reports.clone();
        thread::spawn(move || reports.send(Report::Stdout(drain(pipe))));
    }
    if let Some(pipe) = child.stderr.take() {
        let reports = reports.clone();
        thread::spawn(move || reports.send(Report::Stderr(drain(pipe))));
    }
}

fn drain(mut pipe: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came before an error is still what the program said.
    let _ = pipe.read_to_end(&mut bytes);
    bytes
}

fn collect(reports: &Receiver<Report>, group: Pid) -> Result<Finished, String> {
    let deadline = Instant::now() + WATCHDOG;
    let (mut exit, mut stdout, mut stderr) = (None, None, None);
    while exit.is_none() || stdout.is_none() || stderr.is_none() {
        let left = deadline.saturating_duration_since(Instant::now());
        match reports.recv_timeout(left) {
            Ok(Report::Exit(status)) => {
                exit = Some(status.map_err(|error| format!("cannot wait for the program: {error}"))?);
                // Children that it left behind would keep the pipes open.
                let _ = kill_process_group(group, Signal::KILL);
            }
            Ok(Report::Stdout(bytes)) => stdout = Some(bytes),
            Ok(Report::Stderr(bytes)) => stderr = Some(bytes),
            Err(_) => return Err(hanging(exit.is_some(), stdout.as_deref(), stderr.as_deref())),
        }
    }
    let text = |bytes: Option<Vec<u8>>| String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
    let exit = exit.and_then(|status| status.code().or(status.signal().map(|signal| 128 + signal)));
    Ok(Finished { exit: exit.unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) })
}

fn hanging(has_ended: bool, stdout: Option<&[u8]>, stderr: Option<&[u8]>) -> String {
    let what = if has_ended { "ended, but something kept its output open" } else { "did not end" };
    let text = |bytes: Option<&[u8]>| {
        bytes.map_or("(still open)".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let seconds = WATCHDOG.as_secs();
    format!("the program {what} within {seconds} s\n  stdout: {}\n  stderr: {}", text(stdout), text(stderr))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, stdin: &str) -> Finished {
        run_to_end(Command::new("/bin/sh").args(["-c", script]), stdin).unwrap()
    }

    #[test]
    fn output_exit_and_input() {
        let finished = shell("cat; echo problem >&2; exit 3", "hello");
        assert_eq!((finished.exit, finished.stdout.as_str(), finished.stderr.as_str()), (3, "hello", "problem\n"));
        assert_eq!(shell("kill -9 $$", "").exit, 137);
    }

    #[test]
    fn a_child_left_behind_does_not_hold_up_the_end() {
        assert_eq!(shell("sleep 100000 & echo done", "").stdout, "done\n");
    }
}
