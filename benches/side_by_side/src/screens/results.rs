//! What was found in the cases in a terminal: plain data, as it is printed and written.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a run has found, by the names of its figures.
pub(crate) type Found = BTreeMap<String, f64>;

/// What was found in a case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ScreenResults {
    /// The case.
    pub(crate) name: &'static str,
    /// The programs.
    pub(crate) rows: Vec<ScreenRow>,
}

/// The runs of a program in a case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ScreenRow {
    /// The program.
    pub(crate) program: &'static str,
    /// Each run that counts, in order; `None` if it has failed.
    pub(crate) runs: Vec<Option<Found>>,
    /// Whether all processor time was counted, and not only that of threads that live.
    pub(crate) has_all_cpu: bool,
}
