//! The loop: each case, each run, each program in turn.
//!
//! The programs take turns within a run, so that what else the machine does meets all of them alike.
#![allow(clippy::disallowed_methods, reason = "a benchmark asks the programs that it measures for their version")]

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use codex_config::Environment;
use codex_testkit::run_to_end;

use crate::{
    agents::{self, Agent},
    arguments::Arguments,
    cases::{self, CASES, Case, Floor, Proof, Task},
    figures::{self, Figures},
    measure::{Invocation, Meter},
    results::{CaseResults, Machine, Program, Results, Row},
    serve::Server,
    stage::Stage,
    stop::Stop,
    tell,
    turns::{self, Request},
};

/// Where npm has put the peer if nobody says otherwise, below the home directory.
const PEERS: &str = ".cache/codex-peers";

/// Characters of a failed run's output that are told.
const TOLD: usize = 400;

/// Said where the measuring program may make no control group.
const PARTIAL_CPU: &str = "CPU seconds are those of processes that were waited for: no control group may be made here \
                           (it takes root). What ours runs in its sandbox is therefore not counted";

/// Everything that is needed to measure.
#[derive(Debug)]
pub(crate) struct Bench {
    agents: Vec<(Agent, PathBuf)>,
    cases: Vec<&'static Case>,
    runs: usize,
    limit: u64,
    work: PathBuf,
    path: OsString,
    myself: PathBuf,
    meter: PathBuf,
    nothing: PathBuf,
    curl: Option<PathBuf>,
    stop: Arc<Stop>,
}

impl Bench {
    /// Finds the programs and the places that `arguments` name.
    ///
    /// # Errors
    ///
    /// A program is not there.
    pub(crate) fn new(arguments: &Arguments, environment: &Environment) -> Result<Self, String> {
        let myself = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        let here = myself.parent().unwrap_or(Path::new("/")).to_owned();
        let path = environment.get_os("PATH").unwrap_or(OsStr::new("/usr/bin:/bin")).to_owned();
        let agents = arguments.only.iter().map(|&agent| Ok((agent, program(agent, arguments, environment)?)));
        let chosen = |case: &&Case| arguments.cases.is_empty() || arguments.cases.iter().any(|name| name == case.name);
        Ok(Self {
            agents: agents.collect::<Result<_, String>>()?,
            cases: CASES.iter().filter(chosen).collect(),
            runs: arguments.runs as usize,
            limit: arguments.limit,
            work: arguments.work.clone().unwrap_or_else(|| here.clone()),
            curl: std::env::split_paths(&path).map(|place| place.join("curl")).find(|curl| curl.is_file()),
            path,
            meter: existing(here.join("side_by_side_measure"))?,
            nothing: existing(here.join("side_by_side_nothing"))?,
            myself,
            stop: Stop::listen().map_err(|error| format!("cannot listen for signals: {error}"))?,
        })
    }

    /// Measures everything.
    ///
    /// # Errors
    ///
    /// Measuring itself has failed, or the user wanted to stop. A run that has failed is none: it stands in the
    /// results.
    pub(crate) fn run(&self) -> Result<Results, String> {
        let programs = self.agents.iter().map(|(agent, path)| describe(*agent, path));
        let mut results = Results {
            machine: machine(),
            programs: programs.collect::<Result<_, _>>()?,
            runs: self.runs,
            cases: Vec::new(),
            failures: Vec::new(),
            notes: Vec::new(),
        };
        if self.curl.is_none() && self.cases.iter().any(|case| case.floor == Floor::Curl) {
            results.notes.push("curl is not installed: the floors that it measures are missing".into());
        }
        for case in &self.cases {
            let found = self.case(case, &mut results.failures)?;
            results.cases.push(found);
        }
        if results.cases.iter().flat_map(|case| &case.rows).any(|row| !row.has_all_cpu) {
            results.notes.push(PARTIAL_CPU.into());
        }
        Ok(results)
    }

    fn case(&self, case: &'static Case, failures: &mut Vec<String>) -> Result<CaseResults, String> {
        let server = match case.task {
            Task::Version => None,
            Task::Turn(_) => Some(Server::start(&self.myself, case.name)?),
        };
        let base_url = server.as_ref().map_or(String::new(), |server| server.base_url.clone());
        let floor = self.floor(case, &base_url);
        let mut runner = CaseRunner { bench: self, case, server, base_url, failures };
        let agents = self.agents.iter().filter(|(agent, _)| *agent == Agent::Ours || !case.is_ours_alone);
        let mut rows: Vec<(&(Agent, PathBuf), Row, bool)> = agents
            .map(|agent| {
                let program = agent.0.name();
                let row = Row { program, runs: Vec::new(), stretches: Vec::new(), has_all_cpu: true, left_behind: 0 };
                (agent, row, true)
            })
            .collect();
        let mut floors = Vec::new();
        for number in 0..=self.runs.min(case.most_runs) {
            for ((agent, program), row, is_fit) in &mut rows {
                if !*is_fit {
                    continue;
                }
                let found = runner.agent(*agent, program, number, row)?;
                tell(&format!("{} {} {}: {}", case.name, row.program, run_name(number), shown(found)));
                match number {
                    // Who cannot do it once is not asked again.
                    0 => *is_fit = found.is_some(),
                    _ => row.runs.push(found),
                }
            }
            if let Some(floor) = &floor {
                let found = runner.floor(floor, number)?;
                floors.extend((number > 0).then_some(found));
            }
        }
        Ok(CaseResults { name: case.name, rows: rows.into_iter().map(|(_, row, _)| row).collect(), floor: floors })
    }

    /// What the floor of `case` is measured with.
    fn floor(&self, case: &Case, base_url: &str) -> Option<Invocation> {
        const REQUEST: &str = r#"{"model":"mock","stream":true,"input":[{"type":"message","role":"user"}]}"#;
        let (program, arguments): (&Path, Vec<OsString>) = match case.floor {
            Floor::None => return None,
            Floor::Nothing => (&self.nothing, Vec::new()),
            Floor::Curl => {
                let url = format!("{base_url}/responses");
                let words = ["-sSf", "-o", "/dev/null", "-H", "content-type: application/json", "-d", REQUEST, &url];
                (self.curl.as_ref()?, words.map(OsString::from).to_vec())
            }
            Floor::Bash(line) => (Path::new("bash"), vec!["-c".into(), format!("exec >/dev/null; {line}").into()]),
        };
        Some(Invocation { program: program.to_owned(), arguments })
    }
}

/// What the runs of a case share.
struct CaseRunner<'a> {
    bench: &'a Bench,
    case: &'static Case,
    server: Option<Server>,
    base_url: String,
    failures: &'a mut Vec<String>,
}

impl CaseRunner<'_> {
    /// One run of an agent. `None` if it has failed, which is noted.
    fn agent(&mut self, agent: Agent, program: &Path, number: usize, row: &mut Row) -> Result<Option<Figures>, String> {
        let stage = Stage::set(&self.bench.work, &self.bench.path)?;
        let config = agent.config(&self.base_url, &stage.workspace);
        fs::write(stage.codex_home().join("config.toml"), config).map_err(|error| error.to_string())?;
        let arguments = agent.arguments(self.case.task, &stage.workspace);
        let measured = self.meter().measure(&Invocation { program: program.to_owned(), arguments }, &stage)?;
        let requests = self.server.as_mut().map_or(Ok(Vec::new()), Server::requests)?;
        row.left_behind = row.left_behind.max(measured.left_behind);
        row.has_all_cpu &= measured.has_all_cpu;
        row.stretches = stretches(&requests);
        let figures = measured.figures().and_then(|figures| prove(self.case.proof, &stage).map(|()| figures));
        Ok(self.or_failure(row.program, number, figures, &stage))
    }

    /// One run of the floor.
    fn floor(&mut self, floor: &Invocation, number: usize) -> Result<Option<Figures>, String> {
        let stage = Stage::set(&self.bench.work, &self.bench.path)?;
        let measured = self.meter().measure(floor, &stage)?;
        // Forgotten, so that they do not count as the next agent's.
        self.server.as_mut().map_or(Ok(Vec::new()), Server::requests)?;
        Ok(self.or_failure("floor", number, measured.figures(), &stage))
    }

    fn meter(&self) -> Meter<'_> {
        let Bench { meter, limit, path, stop, .. } = self.bench;
        Meter { program: meter, limit: *limit, path, stop }
    }

    fn or_failure(
        &mut self,
        who: &str,
        number: usize,
        figures: Result<Figures, String>,
        stage: &Stage,
    ) -> Option<Figures> {
        let note = |reason| {
            let said = [&stage.stderr, &stage.stdout].map(|path| ending(path)).concat();
            let failure = format!("{} {who} {}: {reason}: {said:?}", self.case.name, run_name(number));
            tell(&failure);
            self.failures.push(failure);
        };
        figures.map_err(note).ok()
    }
}

/// Early and late requests, if there were enough for both.
fn stretches(requests: &[Request]) -> Vec<turns::Stretch> {
    let both = [(5, 15), (cases::TURNS - 10, cases::TURNS)].map(|(first, last)| turns::stretch(requests, first, last));
    if let [Some(early), Some(late)] = both { vec![early, late] } else { Vec::new() }
}

fn run_name(number: usize) -> String {
    if number == 0 { "warm-up".into() } else { format!("run {number}") }
}

fn shown(found: Option<Figures>) -> String {
    found.map_or("failed".into(), |figures| {
        let Figures { wall, cpu, peak } = figures;
        format!("{wall:.4} s, {cpu:.4} s of CPU, {peak:.1} MiB")
    })
}

/// Whether a run has done its work.
fn prove(proof: Proof, stage: &Stage) -> Result<(), String> {
    let stdout = || fs::read(&stage.stdout).unwrap_or_default();
    let (is_proven, what) = match proof {
        Proof::Says(text) => (String::from_utf8_lossy(&stdout()).contains(text), "does not say what it should"),
        Proof::SaysBytes(least) => (stdout().len() >= least, "does not say as much as it should"),
        Proof::File(path, content) => {
            let actual = fs::read_to_string(stage.workspace.join(path)).unwrap_or_default();
            (actual == content, "the file is not as it should be")
        }
    };
    if is_proven { Ok(()) } else { Err(what.into()) }
}

/// The last characters of a file, on one line.
fn ending(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TOLD)..]).into_owned();
    text.trim().to_owned()
}

fn existing(path: PathBuf) -> Result<PathBuf, String> {
    // Absolute, because programs are started in other directories.
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

/// Where an agent's program is.
fn program(agent: Agent, arguments: &Arguments, environment: &Environment) -> Result<PathBuf, String> {
    match agent {
        Agent::Ours => existing(arguments.ours.clone()),
        Agent::Codex => {
            let home = || environment.home().map(|home| home.join(PEERS));
            let named = || environment.get_os("PEERS").map(PathBuf::from);
            let peers =
                arguments.peers.clone().or_else(named).or_else(home).ok_or("where are the peers? See --peers")?;
            existing(agents::peer(&peers)?).map_err(|error| format!("{error} (docs/benchmarks.md says how to get it)"))
        }
    }
}

fn describe(agent: Agent, path: &Path) -> Result<Program, String> {
    let finished = run_to_end(Command::new(path).arg("--version").env_clear().env("HOME", "/nonexistent"), "")?;
    let bytes = fs::metadata(path).map_err(|error| error.to_string())?.len();
    Ok(Program { name: agent.name(), version: finished.stdout.trim().to_owned(), bytes })
}

fn machine() -> Machine {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Machine {
        date: jiff::Zoned::now().date().to_string(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        processor: name.map_or("unknown processor", |(_, name)| name).to_owned(),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
    }
}

/// Medians of runs of which some may have failed.
pub(crate) fn medians(runs: &[Option<Figures>]) -> Option<Figures> {
    figures::medians(&runs.iter().copied().flatten().collect::<Vec<_>>())
}
