//! Runs one command and says what it took: a program of its own, so small that it cannot hide what it measures.
//!
//! The kernel counts the memory of the process that starts a command into the command's peak, so nothing may be linked
//! in here that is not needed, and nothing large may be held while the command is started.
//!
//! `side_by_side_measure SECONDS STDOUT STDERR COMMAND…` gives the command no input, writes its outputs into the two
//! files and prints one JSON object. It kills the command, and whatever the command leaves behind, when the seconds are
//! over and when its own standard input ends: whoever started it is gone then, or wants no more.
#![allow(clippy::disallowed_methods, reason = "a benchmark starts the programs that it measures, outside any sandbox")]

mod cgroup;

use std::{
    error::Error,
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use cgroup::Group;
use nix::sys::{
    resource::{Usage, UsageWho, getrusage},
    time::TimeVal,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{
        Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, kill_process_group, pidfd_open,
        set_child_subreaper, wait,
    },
};

/// Processes that this one has to wait for.
const CHILDREN: &str = "/proc/thread-self/children";

fn main() -> ExitCode {
    let measured = measure().and_then(|report| Ok(writeln!(io::stdout(), "{report}")?));
    if let Err(error) = measured {
        // Nobody is left to tell that standard error is closed.
        let _ = writeln!(io::stderr(), "side_by_side_measure: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Runs what the arguments say.
fn measure() -> Result<String, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = |what: &str| arguments.next().ok_or_else(|| format!("{what} is missing"));
    let limit: u64 = next("the limit")?.to_string_lossy().parse()?;
    let (stdout, stderr) = (File::create(next("the file for stdout")?)?, File::create(next("the file for stderr")?)?);
    let program = next("the command")?;
    let rest: Vec<OsString> = arguments.collect();
    // What the command leaves behind becomes a child of this process, which can count and kill it.
    set_child_subreaper(Some(getpid()))?;
    let mut command = Command::new(program);
    command.args(rest).stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0);
    let group = Group::enter();
    let counted = run(&mut command, Duration::from_secs(limit), group.as_ref());
    if let Some(group) = group {
        group.leave();
    }
    counted
}

/// Runs `command`, counting its processor time by `group` if there is one.
fn run(command: &mut Command, limit: Duration, group: Option<&Group>) -> Result<String, Box<dyn Error>> {
    let others_before = others_us(group)?;
    let start = Instant::now();
    let mut child = command.spawn()?;
    let end = wait_for_end(&child, limit)?;
    let wall = start.elapsed();
    if end != "exited" {
        kill_process_group(Pid::from_child(&child), Signal::KILL)?;
    }
    let status = child.wait()?;
    let left_behind = kill_rest(&child)?;
    let waited_for = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let (cpu, is_complete) = match (others_before, others_us(group)?) {
        (Some(before), Some(after)) => (after - before, true),
        _ => (cpu_us(&waited_for), false),
    };
    let exit = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1);
    Ok(format!(
        r#"{{"end":"{end}","exit":{exit},"wall_us":{},"cpu_us":{cpu},"has_all_cpu":{is_complete},"peak_kib":{},"left_behind":{left_behind}}}"#,
        wall.as_micros(),
        waited_for.max_rss(),
    ))
}

/// Microseconds of processor time of everything in the group but this process.
fn others_us(group: Option<&Group>) -> Result<Option<i64>, Box<dyn Error>> {
    let all = group.and_then(Group::cpu_us);
    Ok(match all {
        Some(all) => Some(all - cpu_us(&getrusage(UsageWho::RUSAGE_SELF)?)),
        None => None,
    })
}

fn cpu_us(usage: &Usage) -> i64 {
    let microseconds = |time: TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    microseconds(usage.user_time()) + microseconds(usage.system_time())
}

/// Waits for the end of `child`, of the time, or of standard input; says which.
fn wait_for_end(child: &Child, limit: Duration) -> Result<&'static str, Box<dyn Error>> {
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let stdin = io::stdin();
    // Nothing is asked of standard input: that it has ended is always told.
    let mut both = [PollFd::new(&ended, PollFlags::IN), PollFd::new(&stdin, PollFlags::empty())];
    let events = poll(&mut both, Some(&Timespec::try_from(limit)?))?;
    Ok(match (events, both[0].revents().is_empty()) {
        (0, _) => "limit",
        (_, true) => "abandoned",
        (_, false) => "exited",
    })
}

/// Kills and counts what `child`, which has ended, left behind.
fn kill_rest(child: &Child) -> Result<usize, Box<dyn Error>> {
    // The group is most often empty by now, which is an error that means success.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let mut count = 0;
    loop {
        let children = fs::read_to_string(CHILDREN)?;
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(Pid::from_raw);
        for pid in children {
            let _ = kill_process(pid, Signal::KILL);
        }
        // Each that ends may leave children of its own to this process.
        match wait(WaitOptions::empty()) {
            Ok(_) => count += 1,
            Err(rustix::io::Errno::CHILD) => return Ok(count),
            Err(error) => return Err(error.into()),
        }
    }
}
