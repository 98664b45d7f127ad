//! The loop: each case, each run, each program in turn.
//!
//! The programs take turns within a run, so that what else the machine does meets all of them alike.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use codex_config::Environment;

use crate::{
    agents::Agent,
    arguments::Arguments,
    cases::{self, CASES, Case, Floor, Proof, Task, WORKSPACE},
    figures::Figures,
    kept,
    measure::{Invocation, Meter},
    results::{CaseResults, Results, Row},
    screens::{
        SCREENS, ScreenCase, Started,
        results::ScreenResults,
        runner::{ScreenContender, ScreenRunner},
    },
    serve::Server,
    session,
    stage::Stage,
    stop::Stop,
    surroundings::{describe, existing, machine, peers_ripgrep, program},
    tell,
    turns::{self, Request},
};

/// Characters of a failed run's output that are told.
const TOLD: usize = 400;

/// The address of a model that nothing will be asked of.
const NOBODY: &str = "http://127.0.0.1:9";

/// Said where the measuring program may make no control group.
const PARTIAL_CPU: &str = "CPU seconds are those of processes that were waited for: no control group may be made here \
                           (it takes root). What ours runs in its sandbox is therefore not counted";

/// Everything that is needed to measure.
#[derive(Debug)]
pub(crate) struct Bench {
    agents: Vec<(Agent, PathBuf)>,
    cases: Vec<&'static Case>,
    screens: Vec<&'static ScreenCase>,
    runs: usize,
    limit: u64,
    work: PathBuf,
    path: OsString,
    myself: PathBuf,
    meter: PathBuf,
    terminal: PathBuf,
    sessions: PathBuf,
    nothing: PathBuf,
    curl: Option<PathBuf>,
    bubblewrap: Option<PathBuf>,
    ripgrep: Option<PathBuf>,
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
        let path = environment.path().unwrap_or(OsStr::new("/usr/bin:/bin")).to_owned();
        let agents = arguments.only.iter().map(|&agent| Ok((agent, program(agent, arguments, environment)?)));
        let chosen = |name: &str| arguments.cases.is_empty() || arguments.cases.iter().any(|chosen| chosen == name);
        let found = |name| std::env::split_paths(&path).map(|place| place.join(name)).find(|program| program.is_file());
        Ok(Self {
            agents: agents.collect::<Result<_, String>>()?,
            cases: CASES.iter().filter(|case| chosen(case.name)).collect(),
            screens: SCREENS.iter().filter(|case| chosen(case.name)).collect(),
            runs: arguments.runs as usize,
            limit: arguments.limit,
            work: arguments.work.clone().unwrap_or_else(|| here.clone()),
            curl: found("curl"),
            bubblewrap: found("bwrap"),
            ripgrep: found("rg").or_else(|| peers_ripgrep(arguments, environment)),
            path,
            meter: existing(here.join("side_by_side_measure"))?,
            terminal: existing(here.join("side_by_side_screen"))?,
            sessions: existing(here.join("side_by_side_server"))?,
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
        let programs = self.agents.iter().map(|(agent, path)| describe(*agent, path, &self.path));
        let mut results = Results {
            machine: machine(),
            programs: programs.collect::<Result<_, _>>()?,
            runs: self.runs,
            cases: Vec::new(),
            screens: Vec::new(),
            session: None,
            failures: Vec::new(),
            notes: Vec::new(),
        };
        if self.curl.is_none() && self.cases.iter().any(|case| case.floor == Floor::Curl) {
            results.notes.push("curl is not installed: the floors that it measures are missing".into());
        }
        if self.bubblewrap.is_none() && self.cases.iter().any(|case| matches!(case.floor, Floor::Bubblewrap(_))) {
            results.notes.push("bwrap is not installed: the floors that it measures are missing".into());
        }
        if self.ripgrep.is_none() && self.cases.iter().any(|case| matches!(case.floor, Floor::Ripgrep(_))) {
            results.notes.push("rg is not installed: the floors that it measures are missing".into());
        }
        for case in &self.cases {
            let found = self.case(case, &mut results.failures)?;
            results.cases.push(found);
        }
        for case in &self.screens {
            let found = self.screen(case, &mut results.failures)?;
            results.screens.push(found);
        }
        let ours = self.agents.iter().find(|(agent, _)| *agent == Agent::Ours);
        if let (Some((_, ours)), true) = (ours, self.cases.iter().any(|case| case.name == "sandbox_write")) {
            results.session = Some(session::measure(ours, &self.path, &Stage::set(&self.work, &self.path, None)?)?);
        }
        let mut in_terminals = results.screens.iter().flat_map(|case| &case.rows);
        let mut others = results.cases.iter().flat_map(|case| &case.rows);
        if in_terminals.any(|row| !row.has_all_cpu) || others.any(|row| !row.has_all_cpu) {
            results.notes.push(PARTIAL_CPU.into());
        }
        Ok(results)
    }

    fn case(&self, case: &'static Case, failures: &mut Vec<String>) -> Result<CaseResults, String> {
        let server = match case.task {
            Task::Version | Task::Sandbox(_) => None,
            _ => Some(Server::start(&self.myself, case.name)?),
        };
        let base_url = server.as_ref().map_or(NOBODY.to_owned(), |server| server.base_url.clone());
        let floor = self.floor(case, &base_url);
        let mut runner = CaseRunner { bench: self, case, server, base_url, failures };
        let takes_part = |agent: Agent| agent == Agent::Ours || !case.is_ours_alone && agent.can(case.task);
        let agents = self.agents.iter().filter(|(agent, _)| takes_part(*agent));
        let mut contenders: Vec<Contender> = agents.map(|(agent, program)| Contender::new(*agent, program)).collect();
        let mut floors = Vec::new();
        for number in 0..=self.runs.min(case.most_runs) {
            for contender in &mut contenders {
                // Who cannot do it once is not asked again.
                if number == 0 || contender.warm.is_some() {
                    runner.agent(contender, number)?;
                }
            }
            if let Some(floor) = &floor {
                let found = runner.floor(floor, number)?;
                floors.extend((number > 0).then_some(found));
            }
        }
        let finish = |Contender { row, requests, .. }: Contender| Row { stretches: stretches(&requests), ..row };
        let rows = contenders.into_iter().map(finish).collect();
        Ok(CaseResults { name: case.name, rows, floor: floors })
    }

    /// A case that is played: its programs take turns as in the others.
    fn screen(&self, case: &'static ScreenCase, failures: &mut Vec<String>) -> Result<ScreenResults, String> {
        let server = Server::start(&self.myself, case.name)?;
        let program = if case.started == Started::AsServer { &self.sessions } else { &self.terminal };
        let meter = Meter { program, limit: self.limit * case.patience, path: &self.path, stop: &self.stop };
        let mut runner = ScreenRunner { case, server, meter, work: &self.work, failures };
        let takes_part = |agent: Agent| agent == Agent::Ours || !case.is_ours_alone && agent.is_played();
        let agents = self.agents.iter().filter(|(agent, _)| takes_part(*agent));
        let start = |(agent, program): &(Agent, PathBuf)| ScreenContender::new(*agent, program.clone());
        let mut contenders: Vec<ScreenContender> = agents.map(start).collect();
        for number in 0..=self.runs.min(case.most_runs) {
            for contender in contenders.iter_mut().filter(|contender| number == 0 || contender.can_do_it()) {
                runner.run(contender, number)?;
            }
        }
        Ok(ScreenResults { name: case.name, rows: contenders.into_iter().map(ScreenContender::row).collect() })
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
            Floor::Bubblewrap(more) => {
                let words =
                    ["--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"];
                let tail = ["--tmpfs", "/tmp", "--", "true"];
                let words = words.iter().chain(more.iter()).chain(&tail).map(OsString::from);
                (self.bubblewrap.as_ref()?, words.collect())
            }
            Floor::Ripgrep(words) => (self.ripgrep.as_ref()?, words.iter().map(OsString::from).collect()),
            Floor::Bash(line) => (Path::new("bash"), vec!["-c".into(), format!("exec >/dev/null; {line}").into()]),
        };
        Some(Invocation { program: program.to_owned(), arguments, environment: &[] })
    }
}

/// A program in a case.
struct Contender<'a> {
    agent: Agent,
    program: &'a Path,
    row: Row,
    /// The requests of each run that counts and has succeeded.
    requests: Vec<Vec<Request>>,
    /// The place of the warm-up, if that has succeeded. The homes of all later runs are copies of its home, so that what
    /// a program does once, when it finds a home empty, is not counted.
    warm: Option<Stage>,
}

impl<'a> Contender<'a> {
    fn new(agent: Agent, program: &'a Path) -> Self {
        let name = agent.name();
        let row = Row { program: name, runs: Vec::new(), stretches: Vec::new(), has_all_cpu: true, left_behind: 0 };
        Self { agent, program, row, requests: Vec::new(), warm: None }
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
    /// One run of a program, noted where it belongs.
    fn agent(&mut self, contender: &mut Contender, number: usize) -> Result<(), String> {
        let Contender { agent, program, row, requests: all_requests, warm } = contender;
        let stage = Stage::set(&self.bench.work, &self.bench.path, warm.as_ref())?;
        let (file, settings) = agent.settings(self.case.task, &self.base_url, &stage.workspace);
        stage.write(file, &settings)?;
        self.lay_out(*agent, program, &stage, number)?;
        let arguments = agent.arguments(self.case.task, &stage.workspace);
        let environment = agent.environment();
        let invocation = Invocation { program: program.to_path_buf(), arguments, environment };
        let measured = self.meter().measure(&invocation, &stage)?;
        let requests = self.server.as_mut().map_or(Ok(Vec::new()), Server::requests)?;
        row.left_behind = row.left_behind.max(measured.left_behind);
        row.has_all_cpu &= measured.has_all_cpu;
        let figures = measured.figures().and_then(|figures| prove(self.case.proof, &stage).map(|()| figures));
        let figures = self.or_failure(row.program, number, figures, &stage);
        tell(&format!("{} {} {}: {}", self.case.name, row.program, run_name(number), shown(figures)));
        if number > 0 {
            row.runs.push(figures);
            all_requests.extend(figures.map(|_| requests));
        } else if figures.is_some() {
            *warm = Some(stage);
        }
        Ok(())
    }

    /// Puts the sessions there that the case is about. Later runs have those of the warm-up, with what that has made of them.
    fn lay_out(&mut self, agent: Agent, program: &Path, stage: &Stage, number: usize) -> Result<(), String> {
        let home = stage.codex_home();
        let run = |task: Task| {
            let arguments = agent.arguments(task, &stage.workspace);
            let environment = agent.environment();
            let invocation = Invocation { program: program.to_path_buf(), arguments, environment };
            let measured = self.meter().measure(&invocation, stage)?;
            measured.figures().map(drop)
        };
        match self.case.task {
            Task::Among(files, _) => stage.fill(files)?,
            Task::Resume(megabytes) if number == 0 => kept::long(&home, &stage.workspace, megabytes)?,
            Task::List { is_known } => {
                if number == 0 {
                    run(Task::Turn(cases::text))?;
                    kept::multiply(&home)?;
                }
                if is_known {
                    run(self.case.task)?;
                } else if let Err(error) = fs::remove_dir_all(home.join("cache"))
                    && error.kind() != std::io::ErrorKind::NotFound
                {
                    return Err(format!("{}: {error}", home.display()));
                }
            }
            _ => {}
        }
        // Forgotten, so that they do not count as those of the run.
        self.server.as_mut().map_or(Ok(()), |server| server.requests().map(drop))
    }

    /// One run of the floor.
    fn floor(&mut self, floor: &Invocation, number: usize) -> Result<Option<Figures>, String> {
        let stage = Stage::set(&self.bench.work, &self.bench.path, None)?;
        if let Task::Among(files, _) = self.case.task {
            stage.fill(files)?;
        }
        let place = |word: &OsString| if word == WORKSPACE { stage.workspace.clone().into() } else { word.clone() };
        let floor = Invocation { arguments: floor.arguments.iter().map(place).collect(), ..floor.clone() };
        let measured = self.meter().measure(&floor, &stage)?;
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
fn stretches(runs: &[Vec<Request>]) -> Vec<turns::Stretch> {
    let both = [(5, 15), (cases::TURNS - 10, cases::TURNS)].map(|(first, last)| turns::stretch(runs, first, last));
    if let [Some(early), Some(late)] = both { vec![early, late] } else { Vec::new() }
}

pub(crate) fn run_name(number: usize) -> String {
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
        Proof::ExitCode => (true, ""),
        Proof::SaysBytes(least) => (stdout().len() >= least, "does not say as much as it should"),
        Proof::File(path, content) => {
            let actual = fs::read_to_string(stage.workspace.join(path)).unwrap_or_default();
            (actual == content, "the file is not as it should be")
        }
    };
    if is_proven { Ok(()) } else { Err(what.into()) }
}

/// The last characters of a file, on one line.
pub(crate) fn ending(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TOLD)..]).into_owned();
    text.trim().to_owned()
}
