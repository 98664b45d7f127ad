//! Runs one program in a terminal of its own, as a person would use it, and says what it took.
//!
//! `side_by_side_screen SECONDS LAST SCENARIO COMMAND…` prints one JSON object, and writes what was on the screen last
//! into the file LAST. It kills the command, and whatever the command leaves behind, at the end of the scenario, when the
//! seconds are over, and when its own standard input ends: whoever started it is gone then, or wants no more. The
//! terminal is in this process. What it takes is never counted, and whatever is asked of it, it answers at once.
#![allow(clippy::disallowed_methods, reason = "a benchmark starts the programs that it measures, outside any sandbox")]

#[path = "../measure/cgroup.rs"]
mod cgroup;
#[path = "../../marks.rs"]
mod marks;
mod scenarios;
mod session;
mod terminal;
mod tree;

use std::{
    error::Error,
    ffi::OsString,
    fs,
    io::{self, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use rustix::process::{getpid, set_child_subreaper, setsid};
use scenarios::Figures;
use serde_json::json;
use session::{Failure, Session};

fn main() -> ExitCode {
    let said = run();
    if let Err(error) = said {
        // Nobody is left to tell that standard error is closed.
        let _ = writeln!(io::stderr(), "side_by_side_screen: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Runs what the arguments say.
fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = |what: &str| arguments.next().ok_or_else(|| format!("{what} is missing"));
    let limit = Duration::from_secs(next("the limit")?.to_string_lossy().parse()?);
    let last = next("the file for the screen")?;
    let name = next("the scenario")?;
    let scenario = scenarios::named(&name.to_string_lossy()).ok_or("no such scenario")?;
    let program = next("the command")?;
    let rest: Vec<OsString> = arguments.collect();
    // Whoever has a terminal of its own is the first of its session.
    setsid()?;
    // What the command leaves behind becomes a child of this process, which can count and kill it.
    set_child_subreaper(Some(getpid()))?;
    let mut session = Session::start(&program, &rest, Instant::now() + limit)?;
    let mut figures = Figures::new();
    let failure = match scenario(&mut session, &mut figures) {
        Ok(()) => None,
        Err(Failure::Run(reason)) => Some(reason),
        Err(Failure::Measuring(error)) => return Err(error),
    };
    fs::write(last, session.contents())?;
    let (has_all_cpu, left_behind) = session.end()?;
    let report = json!({
        "failure": failure,
        "figures": figures,
        "has_all_cpu": has_all_cpu,
        "left_behind": left_behind,
    });
    // Said while the terminal is still open: whose terminal goes is ended.
    Ok(writeln!(io::stdout(), "{report}")?)
}
