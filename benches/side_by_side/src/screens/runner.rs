//! A run of a case in a terminal, noted where it belongs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    agents::Agent,
    bench::{ending, run_name},
    measure::{Invocation, Meter},
    screens::{
        Given, ScreenCase,
        results::{Found, ScreenRow},
    },
    serve::Server,
    stage::Stage,
    tell,
};

/// What the measuring program says.
#[derive(Debug, Deserialize)]
struct Said {
    failure: Option<String>,
    figures: Found,
    has_all_cpu: bool,
}

/// A program in a case.
pub(crate) struct ScreenContender {
    agent: Agent,
    program: PathBuf,
    row: ScreenRow,
    /// The place of the warm-up, if that has succeeded. As in the other cases, the homes of later runs are copies of it.
    warm: Option<Stage>,
}

impl ScreenContender {
    pub(crate) fn new(agent: Agent, program: PathBuf) -> Self {
        Self {
            agent,
            program,
            row: ScreenRow { program: agent.name(), runs: Vec::new(), has_all_cpu: true },
            warm: None,
        }
    }

    /// Whether its warm-up has succeeded.
    pub(crate) fn can_do_it(&self) -> bool {
        self.warm.is_some()
    }

    /// What was found.
    pub(crate) fn row(self) -> ScreenRow {
        self.row
    }
}

/// What the runs of a case share.
pub(crate) struct ScreenRunner<'a> {
    pub(crate) case: &'static ScreenCase,
    pub(crate) server: Server,
    pub(crate) meter: Meter<'a>,
    pub(crate) work: &'a Path,
    pub(crate) failures: &'a mut Vec<String>,
}

impl ScreenRunner<'_> {
    /// One run of a program; the first, number zero, warms up.
    ///
    /// # Errors
    ///
    /// Measuring itself has failed, or the user wanted to stop.
    pub(crate) fn run(&mut self, contender: &mut ScreenContender, number: usize) -> Result<(), String> {
        let ScreenContender { agent, program, row, warm } = contender;
        let stage = Stage::set(self.work, self.meter.path, warm.as_ref())?;
        let servers = match self.case.given {
            Given::Little => 0,
            Given::Servers(count) => count,
            Given::Files(count) => stage.fill(count).map(|()| 0)?,
        };
        let config = agent.screen_config(servers, &self.server.base_url, &stage.workspace);
        fs::write(stage.codex_home().join("config.toml"), config).map_err(|error| error.to_string())?;
        let arguments = agent.played_arguments(self.case.started);
        let environment = agent.environment();
        let invocation = Invocation { program: program.clone(), arguments, environment };
        let all = self.case.scenario();
        let scenario = self.case.warm_up.filter(|_| number == 0).unwrap_or(all);
        let said: Said = self.meter.play(scenario, &invocation, &stage)?;
        row.has_all_cpu &= said.has_all_cpu;
        let name = format!("{} {} {}", self.case.name, row.program, run_name(number));
        let found = match said.failure {
            None => Ok(said.figures),
            Some(reason) => Err(format!("{name}: {reason}: {:?}", ending(&stage.stdout))),
        };
        match &found {
            Ok(figures) => tell(&format!("{name}: {}", shown(figures))),
            Err(failure) => {
                tell(failure);
                self.failures.push(failure.clone());
            }
        }
        if number > 0 {
            row.runs.push(found.ok());
        } else if found.is_ok() {
            *warm = Some(stage);
        }
        Ok(())
    }
}

fn shown(figures: &Found) -> String {
    figures.iter().map(|(key, value)| format!("{key} {value:.2}")).collect::<Vec<_>>().join(", ")
}
