//! Linters: they look at files after the model has changed them, and say what is wrong with them.

mod output;

use std::path::PathBuf;

use codex_sandbox::Exit;
use futures_util::future::join_all;

use crate::{
    checkers::{Checker, CheckerSpec, Ground},
    diagnostics::Found,
    linters::output::Pattern,
    program::{End, Ran},
};

/// A linter.
#[derive(Debug, Clone)]
pub struct Linter {
    checker: Checker,
    pattern: Option<Pattern>,
}

/// What came of linters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Linted {
    /// What each that worked has found.
    pub found: Vec<Found>,
    /// Those that did not work, and why, in words for the user.
    pub failed: Vec<(String, String)>,
}

impl Linter {
    /// # Errors
    /// What is wrong with `spec`, in words for the user.
    pub fn new(name: &str, spec: &CheckerSpec) -> Result<Self, String> {
        let pattern = spec.pattern.as_deref().map(Pattern::new).transpose()?;
        Ok(Self { checker: Checker::new(name, spec)?, pattern })
    }

    /// Runs it on those of `files` that it is for.
    async fn look(&self, files: &[PathBuf], ground: Ground<'_>) -> Option<Result<Found, (String, String)>> {
        let files = self.checker.of(files, ground.workspace);
        if files.is_empty() {
            return None;
        }
        let source = self.checker.name.clone();
        let ran = match self.checker.run(&files, ground).await {
            Ok(ran) => ran,
            Err(error) => return Some(Err((source, format!("it cannot be started: {error}")))),
        };
        let mut diagnostics = Vec::new();
        for ran in &ran {
            let all = output::read(ran, self.pattern.as_ref(), ground.workspace);
            // To find something is no failure, though linters end with a status that says so.
            if all.is_empty()
                && let Some(why) = failure(ran)
            {
                return Some(Err((source, why)));
            }
            diagnostics.extend(all.into_iter().filter(|diagnostic| files.contains(&diagnostic.path)));
        }
        Some(Ok(Found { source, files, diagnostics }))
    }
}

/// Runs those of `linters` that are for `files` on them, all at once.
pub async fn lint(linters: &[Linter], files: &[PathBuf], ground: Ground<'_>) -> Linted {
    let mut linted = Linted::default();
    for looked in join_all(linters.iter().map(|linter| linter.look(files, ground))).await.into_iter().flatten() {
        match looked {
            Ok(found) => linted.found.push(found),
            Err(failed) => linted.failed.push(failed),
        }
    }
    linted
}

/// Why a program that was run did not do what it should.
pub(crate) fn failure(ran: &Ran) -> Option<String> {
    let said =
        [&ran.stderr, &ran.stdout].into_iter().flat_map(|text| text.lines()).find(|line| !line.trim().is_empty());
    let said: String = said.unwrap_or("it said nothing").chars().filter(|c| !c.is_control()).take(200).collect();
    match ran.end {
        End::TimedOut => Some("it took too long, and was ended".into()),
        End::Cancelled | End::Exited(Exit::Code(0)) => None,
        End::Exited(exit) => Some(format!("it failed with status {}: {said}", exit.shell_code())),
    }
}
