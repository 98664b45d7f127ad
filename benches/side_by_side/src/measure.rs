//! Starts the measuring program and reads what it says.
//!
//! Nothing is measured here: this process is large, and its size would be counted into what it starts.
#![allow(clippy::disallowed_methods, reason = "a benchmark starts the programs that it measures, outside any sandbox")]

use std::{
    ffi::{OsStr, OsString},
    io::Read,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{figures::Figures, stage::Stage, stop::Stop};

/// A command to be measured.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// Variables that it has besides those of all.
    pub(crate) environment: &'static [(&'static str, &'static str)],
}

/// What the measuring program says.
#[derive(Debug, Deserialize)]
pub(crate) struct Measured {
    end: String,
    exit: i32,
    wall_us: u64,
    cpu_us: u64,
    /// Whether all of it was counted, and not only that of processes that somebody waited for.
    pub(crate) has_all_cpu: bool,
    peak_kib: u64,
    /// Processes that outlived the command, and were killed.
    pub(crate) left_behind: usize,
}

impl Measured {
    /// What the run took.
    ///
    /// # Errors
    ///
    /// It has not ended by itself, or not well.
    pub(crate) fn figures(&self) -> Result<Figures, String> {
        match (self.end.as_str(), self.exit) {
            ("exited", 0) => Ok(Figures {
                wall: self.wall_us as f64 / 1e6,
                cpu: self.cpu_us as f64 / 1e6,
                peak: self.peak_kib as f64 / 1024.0,
            }),
            ("exited", exit) => Err(format!("exit {exit}")),
            ("limit", _) => Err("not done within the limit".into()),
            (end, _) => Err(end.into()),
        }
    }
}

/// What measures, and under which conditions.
#[derive(Debug)]
pub(crate) struct Meter<'a> {
    /// The measuring program.
    pub(crate) program: &'a Path,
    /// Seconds that a run may take.
    pub(crate) limit: u64,
    /// The variable `PATH` of what is measured.
    pub(crate) path: &'a OsStr,
    /// Ends the run when the user wants it.
    pub(crate) stop: &'a Stop,
}

impl Meter<'_> {
    /// Runs `invocation` to its end on `stage`, with an environment of a few variables.
    ///
    /// # Errors
    ///
    /// It could not be measured, whatever came of it.
    pub(crate) fn measure(&self, invocation: &Invocation, stage: &Stage) -> Result<Measured, String> {
        let places = [&stage.stdout, &stage.stderr, &invocation.program].map(OsString::from);
        let mut measuring = self.bare();
        // Ctrl-C is not for this program: it has to clean up, and is told in its own way.
        measuring
            .args(places)
            .args(&invocation.arguments)
            .envs(invocation.environment.iter().copied())
            .process_group(0);
        self.said(&mut measuring, stage)
    }

    /// Plays `scenario` with `invocation` in a terminal on `stage`; what is said of it.
    ///
    /// # Errors
    ///
    /// It could not be measured, whatever came of it.
    pub(crate) fn play<T: DeserializeOwned>(
        &self,
        scenario: &str,
        invocation: &Invocation,
        stage: &Stage,
    ) -> Result<T, String> {
        let mut measuring = self.bare();
        // It makes a session of its own, which Ctrl-C does not reach, and which a group's first process could not make.
        measuring.arg(&stage.stdout).arg(scenario).arg(&invocation.program).args(&invocation.arguments);
        measuring.env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
        self.said(&mut measuring, stage)
    }

    /// The measuring program, to which nothing is said yet.
    fn bare(&self) -> Command {
        let mut measuring = Command::new(self.program);
        measuring.env_clear().arg(self.limit.to_string());
        measuring
    }

    /// Runs a measuring program to its end; what it says.
    fn said<T: DeserializeOwned>(&self, measuring: &mut Command, stage: &Stage) -> Result<T, String> {
        let failed = |error: std::io::Error| format!("cannot measure: {}: {error}", self.program.display());
        let mut measuring = measuring
            .current_dir(&stage.workspace)
            .env("PATH", self.path)
            .env("HOME", &stage.home)
            .env("CODEX_HOME", stage.codex_home())
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        self.stop.hold(measuring.stdin.take());
        let mut said = String::new();
        let read = measuring.stdout.take().map_or(Ok(0), |mut stdout| stdout.read_to_string(&mut said));
        let status = measuring.wait();
        self.stop.release();
        read.and(status).map_err(failed)?;
        self.stop.check()?;
        serde_json::from_str(&said).map_err(|error| format!("the measuring program said {said:?}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_that_ended_well_has_figures() {
        let measured = |end: &str, exit: i32| {
            let text = format!(
                r#"{{"end":"{end}","exit":{exit},"wall_us":1500000,"cpu_us":250000,"has_all_cpu":true,"peak_kib":2048,"left_behind":0}}"#
            );
            serde_json::from_str::<Measured>(&text).unwrap().figures()
        };
        assert_eq!(measured("exited", 0), Ok(Figures { wall: 1.5, cpu: 0.25, peak: 2.0 }));
        for (end, exit, expected) in
            [("exited", 3, "exit 3"), ("limit", 137, "not done within the limit"), ("abandoned", 137, "abandoned")]
        {
            assert_eq!(measured(end, exit), Err(expected.into()));
        }
    }
}
