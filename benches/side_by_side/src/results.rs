//! What a run of the benchmark has found: plain data, as it is printed and written.

use serde::Serialize;

use crate::{figures::Figures, screens::results::ScreenResults, turns::Stretch};

/// Everything that was found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Results {
    /// Where and when.
    pub(crate) machine: Machine,
    /// The programs that were measured, ours first.
    pub(crate) programs: Vec<Program>,
    /// Runs of each program that count, at most.
    pub(crate) runs: usize,
    /// The cases, in the order in which they were measured.
    pub(crate) cases: Vec<CaseResults>,
    /// The cases in a terminal.
    pub(crate) screens: Vec<ScreenResults>,
    /// What a command costs in a session, if it was measured.
    pub(crate) session: Option<Session>,
    /// Runs that have not done their work, and why.
    pub(crate) failures: Vec<String>,
    /// What else the reader has to know.
    pub(crate) notes: Vec<String>,
}

/// Where and when the figures were measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// Year, month and day.
    pub(crate) date: String,
    /// Processors that may be used.
    pub(crate) cores: usize,
    /// The processor's name.
    pub(crate) processor: String,
    /// The kernel's release.
    pub(crate) kernel: String,
}

/// A program that was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Program {
    /// As on the command line.
    pub(crate) name: &'static str,
    /// What it says to `--version`.
    pub(crate) version: String,
    /// Bytes of its file, unless that is a script.
    pub(crate) bytes: Option<u64>,
}

/// What `true` takes when it is started from a process that lives on; medians, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Session {
    /// In the sandbox `workspace-write`, whose cell stands already.
    pub(crate) confined: f64,
    /// Without a sandbox.
    pub(crate) plain: f64,
}

/// What was found in a case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CaseResults {
    /// The case.
    pub(crate) name: &'static str,
    /// The programs.
    pub(crate) rows: Vec<Row>,
    /// What the same work costs at least. Empty if that was not measured.
    pub(crate) floor: Vec<Option<Figures>>,
}

/// The runs of a program in a case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// The program.
    pub(crate) program: &'static str,
    /// Each run that counts, in order; `None` if it has failed.
    pub(crate) runs: Vec<Option<Figures>>,
    /// Early and late requests, if there were enough.
    pub(crate) stretches: Vec<Stretch>,
    /// Whether all processor time was counted, and not only that of processes that somebody waited for.
    pub(crate) has_all_cpu: bool,
    /// The most processes that a run has left behind.
    pub(crate) left_behind: usize,
}

impl Results {
    /// The runs of a program in a case, if there were any.
    pub(crate) fn row(&self, case: &str, program: &str) -> Option<&Row> {
        let case = self.cases.iter().find(|found| found.name == case)?;
        case.rows.iter().find(|row| row.program == program)
    }
}
