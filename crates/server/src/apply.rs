//! Does in a directory what the agent did in a session: all of it, or nothing.
//!
//! The contents are those that were kept, not the lines of a diff, so that it needs no git and takes any file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use codex_agent::{Changed, SessionDiff};
use codex_checkpoints::{Change, CheckpointError, Checkpoints, Limits, NotRestored, Scope, State};
use codex_config::Environment;
use codex_protocol::{ErrorKind, RpcError};

use crate::{
    diff::{changes, replayed, unreadable},
    dispatch::store_error,
};

/// What is to be done where.
#[derive(Debug, Clone)]
pub struct Apply {
    /// Id of the session, its beginning, or its name.
    pub thread_id: String,
    /// Canonical, absolute.
    pub directory: PathBuf,
    /// Only look whether it fits.
    pub check: bool,
}

/// What was done, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Paths that are now as the agent left them, relative to the directory.
    pub changed: Vec<PathBuf>,
    /// Paths that were so already.
    pub already: Vec<PathBuf>,
    /// Paths that do not fit, and why: then nothing was changed.
    pub misfits: Vec<(PathBuf, String)>,
}

/// Does in a directory what the agent did in a session.
///
/// # Errors
/// When there is no such session, or what is kept of it or the directory cannot be read.
pub fn apply(environment: &Environment, apply: &Apply) -> Result<Applied, RpcError> {
    let home = environment.codex_home().map_err(|error| RpcError::new(ErrorKind::Configuration, error.to_string()))?;
    let path = codex_store::find(&home, &apply.thread_id).map_err(store_error)?;
    let store = Checkpoints::open(&home.join("checkpoints")).map_err(unreadable)?;
    let replayed = replayed(&path)?;
    let diff = changes(&store, &replayed, None)?;
    let place = Place { store: &store, from: &replayed.cwd, to: &apply.directory };
    place.apply(&diff, apply.check).map_err(unreadable)
}

/// Where the changes are from, and where they go.
struct Place<'call> {
    store: &'call Checkpoints,
    from: &'call Path,
    to: &'call Path,
}

/// What becomes of a path.
enum Step {
    Do(Change),
    Already,
    Misfit(String),
}

impl Place<'_> {
    fn apply(&self, diff: &SessionDiff, check: bool) -> Result<Applied, CheckpointError> {
        let mut applied = Applied::default();
        for turn in &diff.unknown {
            applied.misfits.push((PathBuf::new(), format!("nobody knows what {turn} changed")));
        }
        let scope = self.scope();
        let now = self.store.capture(&scope)?.id;
        let paths: Vec<PathBuf> = diff.changes.iter().filter_map(|changed| self.there(&changed.path)).collect();
        let states = self.store.states(&now, paths.iter().map(PathBuf::as_path))?;
        let mut steps = Vec::new();
        for changed in diff.changes.iter().filter(|changed| changed.path != self.from) {
            let Some(there) = self.there(&changed.path) else {
                let why = format!("it lies outside of {}, where the session worked", self.from.display());
                applied.misfits.push((changed.path.clone(), why));
                continue;
            };
            let shown = there.strip_prefix(self.to).unwrap_or(&there).to_owned();
            match self.step(changed, there, &states)? {
                Step::Do(step) => {
                    steps.push(step);
                    applied.changed.push(shown);
                }
                Step::Already => applied.already.push(shown),
                Step::Misfit(why) => applied.misfits.push((shown, why)),
            }
        }
        if applied.misfits.is_empty() && !check {
            applied.misfits = self.carry_out(&scope, &steps)?;
        }
        Ok(applied)
    }

    /// All of the steps, or none.
    fn carry_out(&self, scope: &Scope, steps: &[Change]) -> Result<Vec<(PathBuf, String)>, CheckpointError> {
        let restored = self.store.restore(scope, steps)?;
        // A directory that the agent removed stays where something else is in it.
        let stays = |error: &NotRestored| matches!(error, NotRestored::NotEmpty);
        let failed: Vec<_> = restored.failed.iter().filter(|(_, error)| !stays(error)).collect();
        if failed.is_empty() {
            return Ok(Vec::new());
        }
        let done = steps.iter().filter(|step| restored.restored.contains(&step.path)).cloned();
        let back: Vec<Change> = done.map(Change::reversed).collect();
        let left = self.store.restore(scope, &back)?.failed;
        let shown = |path: &Path| path.strip_prefix(self.to).unwrap_or(path).to_owned();
        let misfits = failed.into_iter().map(|(path, error)| (shown(path), error.to_string()));
        let left = left.into_iter().map(|(path, error)| (shown(&path), format!("it stays changed: {error}")));
        Ok(misfits.chain(left).collect())
    }

    fn scope(&self) -> Scope {
        let git = self.to.join(".git");
        let roots = vec![self.to.to_owned()];
        // In a worktree it is a file; that is left out as well.
        Scope { roots, excluded: vec![git], stubs: Vec::new(), limits: Limits::default(), whole: Vec::new() }
    }

    /// The path where the changes go.
    fn there(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(self.from).ok().map(|inner| self.to.join(inner))
    }

    fn step(
        &self,
        changed: &Changed,
        there: PathBuf,
        states: &BTreeMap<PathBuf, State>,
    ) -> Result<Step, CheckpointError> {
        let Changed { before, mixed, .. } = changed;
        let is = states.get(&there);
        if *mixed {
            return Ok(Step::Misfit("you changed it between two changes of the agent".into()));
        }
        for state in [before.as_ref(), changed.after.as_ref(), is].into_iter().flatten() {
            if let State::Unsaved { why } = state {
                return Ok(Step::Misfit(why.to_string()));
            }
        }
        let after = self.merged(changed)?;
        if same(is, after.as_ref()) && runs(is) == runs(after.as_ref()) {
            return Ok(Step::Already);
        }
        if !same(is, before.as_ref()) {
            let why = match (is, before) {
                (None, _) => "it is not there",
                (_, None) => "something is there already",
                _ => "it is not as it was before the agent changed it",
            };
            return Ok(Step::Misfit(why.into()));
        }
        let target = after.map(|after| dressed(after, before.as_ref(), is));
        Ok(Step::Do(Change { path: there, before: target, after: is.cloned() }))
    }

    /// What the agent's changes come to, kept.
    fn merged(&self, changed: &Changed) -> Result<Option<State>, CheckpointError> {
        let (Some(bytes), Some(State::File { mode, .. })) = (&changed.merged, &changed.after) else {
            return Ok(changed.after.clone());
        };
        let (hash, size) = self.store.keep(bytes)?;
        Ok(Some(State::File { hash, mode: *mode, size }))
    }
}

/// Whether the content is the same. Modes are those of whoever laid the files out.
fn same(one: Option<&State>, other: Option<&State>) -> bool {
    match (one, other) {
        (Some(State::File { hash: one, .. }), Some(State::File { hash: other, .. })) => one == other,
        (Some(State::Directory { .. }), Some(State::Directory { .. })) => true,
        (one, other) => one == other,
    }
}

/// Whether it can be run.
fn runs(state: Option<&State>) -> bool {
    matches!(state, Some(State::File { mode, .. }) if mode & 0o100 != 0)
}

/// `after` with the mode that it gets where `is` is there: that stays, unless the agent changed it.
fn dressed(after: State, before: Option<&State>, is: Option<&State>) -> State {
    match (after, before, is) {
        (
            State::File { hash, mode, size },
            Some(State::File { mode: old, .. }),
            Some(State::File { mode: now, .. }),
        ) if mode == *old => State::File { hash, mode: *now, size },
        (after, ..) => after,
    }
}
