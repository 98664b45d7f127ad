//! What is there before anything is measured: the programs, the machine, the day.
#![allow(clippy::disallowed_methods, reason = "a benchmark asks the programs that it measures for their version")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use codex_config::Environment;
use codex_testkit::run_to_end;

use crate::{
    agents::{self, Agent},
    arguments::Arguments,
    results::{Machine, Program},
};

/// Where npm has put the peer if nobody says otherwise, below the home directory.
const PEERS: &str = ".cache/codex-peers";

/// `path` as it really is, and absolute, because programs are started in other directories.
///
/// # Errors
///
/// It is not there.
pub(crate) fn existing(path: PathBuf) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

/// Where the program of `agent` is.
///
/// # Errors
///
/// It is not there.
pub(crate) fn program(agent: Agent, arguments: &Arguments, environment: &Environment) -> Result<PathBuf, String> {
    match agent {
        Agent::Ours => existing(arguments.ours.clone()),
        Agent::Codex => {
            let home = || environment.home().map(|home| home.join(PEERS));
            let named = || environment.get_named("PEERS").map(PathBuf::from);
            let peers =
                arguments.peers.clone().or_else(named).or_else(home).ok_or("where are the peers? See --peers")?;
            existing(agents::peer(&peers)?).map_err(|error| format!("{error} (docs/benchmarks.md says how to get it)"))
        }
    }
}

/// What the program of `agent`, at `path`, is.
///
/// # Errors
///
/// It cannot be asked.
pub(crate) fn describe(agent: Agent, path: &Path) -> Result<Program, String> {
    let finished = run_to_end(Command::new(path).arg("--version").env_clear().env("HOME", "/nonexistent"), "")?;
    let bytes = fs::metadata(path).map_err(|error| error.to_string())?.len();
    Ok(Program { name: agent.name(), version: finished.stdout.trim().to_owned(), bytes })
}

/// The machine and the day.
pub(crate) fn machine() -> Machine {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Machine {
        date: jiff::Zoned::now().date().to_string(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        processor: name.map_or("unknown processor", |(_, name)| name).to_owned(),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
    }
}
