//! Formatters: they bring files into shape after the model has edited them, before anybody looks at the result.

use std::{fs, path::PathBuf};

use crate::checkers::{Checker, CheckerSpec, Ground};

/// Larger files are not compared, so that they count as they are, in bytes.
const LARGEST: u64 = 8 << 20;

/// A formatter.
#[derive(Debug, Clone)]
pub struct Formatter(Checker);

/// What came of formatters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Formatted {
    /// The files that they changed, each with who did.
    pub changed: Vec<(PathBuf, String)>,
    /// Those that did not work, and why, in words for the user.
    pub failed: Vec<(String, String)>,
}

impl Formatter {
    /// # Errors
    /// What is wrong with `spec`, in words for the user.
    pub fn new(name: &str, spec: &CheckerSpec) -> Result<Self, String> {
        match spec.pattern {
            Some(_) => Err("`pattern` is for linters".into()),
            None => Checker::new(name, spec).map(Self),
        }
    }
}

/// Runs those of `formatters` that are for `files` on them, one after the other: two may be for one file.
pub async fn format(formatters: &[Formatter], files: &[PathBuf], ground: Ground<'_>) -> Formatted {
    let mut formatted = Formatted::default();
    for Formatter(checker) in formatters {
        let files = checker.of(files, ground.workspace);
        if files.is_empty() || ground.cancel.is_cancelled() {
            continue;
        }
        let before: Vec<Option<Vec<u8>>> = files.iter().map(content).collect();
        let failed = match checker.run(&files, ground).await {
            Err(error) => Some(format!("it cannot be started: {error}")),
            Ok(runs) => runs.iter().find_map(crate::linters::failure),
        };
        // One that failed may have changed something before.
        let changed = files.iter().zip(before).filter(|(file, before)| content(file) != *before);
        formatted.changed.extend(changed.map(|(file, _)| (file.clone(), checker.name.clone())));
        formatted.failed.extend(failed.map(|why| (checker.name.clone(), why)));
    }
    formatted
}

/// What is in a file, if it is one and not too large.
fn content(path: &PathBuf) -> Option<Vec<u8>> {
    let found = path.symlink_metadata().ok()?;
    (found.is_file() && found.len() <= LARGEST).then(|| fs::read(path).ok()).flatten()
}
