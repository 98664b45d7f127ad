//! Runs one program as a server of many sessions, is their client and their model, and says what it took.
//!
//! `side_by_side_server SECONDS LAST SESSIONS COMMAND…` prints one JSON object, and writes what the program has said on its
//! standard error into the file LAST. It kills the command, and whatever the command leaves behind, when all is measured,
//! when the seconds are over, and when its own standard input ends. Client and model are one process, so that one clock
//! tells when a piece of an answer was sent and when its event came.
#![allow(clippy::disallowed_methods, reason = "a benchmark starts the programs that it measures, outside any sandbox")]

#[path = "../measure/cgroup.rs"]
mod cgroup;
mod client;
mod model;
mod play;
#[allow(dead_code, reason = "terminals want to know more of processes than this does")]
#[path = "../screen/tree.rs"]
mod tree;

use std::{
    error::Error,
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    os::fd::OwnedFd,
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use cgroup::Group;
use client::Client;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, setsid, wait};
use serde_json::json;

fn main() -> ExitCode {
    if let Err(error) = run() {
        // Nobody is left to tell that standard error is closed.
        let _ = writeln!(io::stderr(), "side_by_side_server: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Runs what the arguments say.
fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = |what: &str| arguments.next().ok_or_else(|| format!("{what} is missing"));
    let limit = Duration::from_secs(next("the limit")?.to_string_lossy().parse()?);
    let last = File::create(next("the file for what is said")?)?;
    let sessions: usize = next("the number of sessions")?.to_string_lossy().parse()?;
    let program = next("the command")?;
    let rest: Vec<OsString> = arguments.collect();
    setsid()?;
    // What the command leaves behind becomes a child of this process, which can count and kill it.
    set_child_subreaper(Some(getpid()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (played, has_all_cpu) = runtime.block_on(async {
        let model = model::start().await?;
        let mut command = Command::new(&program);
        command.args(&rest).args(["-c", &format!("model_providers.mock.base_url=\"{model}\"")]);
        let group = Group::enter();
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(last).spawn();
        if let Some(group) = &group {
            group.step_out();
        }
        let mut child = child?;
        let ends = (child.stdin.take().ok_or("no input")?, child.stdout.take().ok_or("no output")?);
        let client = Client::new(OwnedFd::from(ends.0), OwnedFd::from(ends.1))?;
        let played = tokio::select! {
            played = play::play(client, sessions, group.as_ref()) => played.map_err(|error| error.to_string()),
            () = tokio::time::sleep(limit) => Err("not done within the limit".to_owned()),
            () = input_ended() => Err("abandoned".to_owned()),
        };
        let has_all_cpu = group.is_some();
        kill_all()?;
        if let Some(group) = group {
            group.leave();
        }
        Ok::<_, Box<dyn Error>>((played, has_all_cpu))
    })?;
    let (figures, failure) = match played {
        Ok(figures) => (figures, None),
        Err(failure) => (Default::default(), Some(failure)),
    };
    let report = json!({ "failure": failure, "figures": figures, "has_all_cpu": has_all_cpu, "left_behind": 0 });
    writeln!(io::stdout(), "{report}")?;
    // The thread that waits for the end of standard input is not waited for.
    runtime.shutdown_background();
    Ok(())
}

/// Waits for the end of standard input.
async fn input_ended() {
    let ended = tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
    // However it ended.
    let _ = ended.await;
}

/// Kills the command and all that it has left behind.
fn kill_all() -> Result<(), Box<dyn Error>> {
    loop {
        for pid in tree::processes() {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // Gone meanwhile, which is what is wanted.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        match wait(WaitOptions::empty()) {
            Ok(_) => {}
            Err(rustix::io::Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
