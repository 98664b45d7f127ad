//! What is there before anything is measured: the programs, the machine, the day.
#![allow(clippy::disallowed_methods, reason = "a benchmark asks the programs that it measures for their version")]

use std::{
    ffi::OsStr,
    fs,
    io::Read,
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

/// Where npm has put the peers if nobody says otherwise, below the home directory.
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
        Agent::Codex | Agent::Opencode | Agent::Pi => {
            let peers = peers(arguments, environment).ok_or("where are the peers? See --peers")?;
            existing(agents::peer(agent, &peers)?)
                .map_err(|error| format!("{error} (docs/benchmarks.md says how to get it)"))
        }
    }
}

/// Where npm has put the peers.
fn peers(arguments: &Arguments, environment: &Environment) -> Option<PathBuf> {
    let home = || environment.home().map(|home| home.join(PEERS));
    let named = || environment.get_named("PEERS").map(PathBuf::from);
    arguments.peers.clone().or_else(named).or_else(home)
}

/// The `rg` that codex brings, if it is there.
pub(crate) fn peers_ripgrep(arguments: &Arguments, environment: &Environment) -> Option<PathBuf> {
    let codex = agents::peer(Agent::Codex, &peers(arguments, environment)?).ok()?;
    existing(codex.parent()?.parent()?.join("codex-path/rg")).ok()
}

/// What the program of `agent`, at `path`, is.
///
/// # Errors
///
/// It cannot be asked.
pub(crate) fn describe(agent: Agent, path: &Path, search: &OsStr) -> Result<Program, String> {
    let home = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut asked = Command::new(path);
    asked.arg("--version").env_clear().env("HOME", home.path()).env("PATH", search);
    let finished = run_to_end(asked.envs(agent.environment().iter().copied()), "")?;
    // Some tell their version where others tell what went wrong.
    let version = [finished.stdout.trim(), finished.stderr.trim()].into_iter().find(|said| !said.is_empty());
    let mut start = [0; 2];
    let mut file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.read_exact(&mut start).map_err(|error| error.to_string())?;
    // A script is not the program.
    let bytes = if start == *b"#!" { None } else { file.metadata().ok().map(|about| about.len()) };
    Ok(Program { name: agent.name(), version: version.unwrap_or_default().to_owned(), bytes })
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
