//! What the agent changed in a session, added up from the states of files that its turns went through.
//!
//! It must never say that the agent did what only the user did: what the user changed between two actions is taken out
//! again, and where that cannot be, this is said.

mod patch;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use codex_checkpoints::{Change, CheckpointError, Checkpoints, SnapshotId, State};
use codex_store::{ChangedBy, Span};
use codex_workspace::Ignored;

use crate::rewind::is_late;

pub use patch::file_diffs;
pub(crate) use patch::{Bounds, turn_patch};

/// Longest file whose lines are looked at, in bytes.
const LONGEST: u64 = 4 << 20;

/// What the agent changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionDiff {
    /// Sorted by path.
    pub changes: Vec<Changed>,
    /// Turns of which nobody knows what they changed.
    pub unknown: Vec<String>,
}

/// What the agent changed at a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// Absolute.
    pub path: PathBuf,
    /// What was there before the agent's first change.
    pub before: Option<State>,
    /// What the agent's changes come to.
    pub after: Option<State>,
    /// The bytes of `after`, where they are not kept: the user changed the file between the agent's changes, and that was
    /// taken out.
    pub merged: Option<Vec<u8>>,
    /// The user changed it between the agent's changes, and that could not be taken out.
    pub mixed: bool,
    /// A part of it may be the user's: a command ran on meanwhile, or the program ended.
    pub doubtful: bool,
}

/// Adds up `spans`, the oldest first. States that are not kept any more are turns that nobody knows.
///
/// # Errors
/// When what is kept cannot be read.
pub fn session_diff<'span>(
    store: &Checkpoints,
    spans: impl IntoIterator<Item = &'span Span>,
) -> Result<SessionDiff, CheckpointError> {
    let mut changed: BTreeMap<PathBuf, Changed> = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for span in spans {
        let Some(changes) = changes(store, span)? else {
            unknown.insert(span.turn_id.clone());
            continue;
        };
        for change in changes {
            let doubtful = span.by == ChangedBy::Somebody || is_late(span, &change.path);
            match changed.get_mut(&change.path) {
                Some(earlier) => earlier.then(store, change, doubtful)?,
                None => drop(changed.insert(change.path.clone(), Changed::first(change, doubtful))),
            }
        }
    }
    let changes = changed.into_values().filter(Changed::is_one).collect();
    Ok(SessionDiff { changes, unknown: unknown.into_iter().collect() })
}

/// Those of `paths` of which the last state says nothing: they lie where none is taken, or in what was too large to be saved.
///
/// # Errors
/// When the state is not kept any more, or cannot be read.
pub(crate) fn unknown_paths<'path>(
    store: &Checkpoints,
    last: Option<&str>,
    paths: impl IntoIterator<Item = &'path String>,
) -> Result<BTreeSet<String>, CheckpointError> {
    let paths: BTreeSet<&String> = paths.into_iter().collect();
    let Some(last) = last.and_then(|last| last.parse::<SnapshotId>().ok()) else {
        return Ok(paths.into_iter().cloned().collect());
    };
    let states = store.states(&last, paths.iter().map(|path| Path::new(path.as_str())))?;
    let is_unknown = |path: &&String| matches!(states.get(Path::new(path.as_str())), Some(State::Unsaved { .. }));
    Ok(paths.into_iter().filter(is_unknown).cloned().collect())
}

/// What differs between the states of a span; `None`: they are not kept.
fn changes(store: &Checkpoints, span: &Span) -> Result<Option<Vec<Change>>, CheckpointError> {
    let id = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<SnapshotId>().ok());
    let (Some(before), Some(after)) = (id(&span.before), id(&span.after)) else { return Ok(None) };
    match store.changes(&before, &after) {
        Ok(changes) => Ok(Some(changes)),
        Err(CheckpointError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl SessionDiff {
    /// Less what ignore files name.
    pub(crate) fn without(mut self, ignored: &Ignored) -> Self {
        self.changes.retain(|changed| !ignored.names(&changed.path));
        self
    }
}

impl Changed {
    fn first(change: Change, doubtful: bool) -> Self {
        let Change { path, before, after } = change;
        Self { path, before, after, merged: None, mixed: false, doubtful }
    }

    /// Whether there is something to show of it.
    fn is_one(&self) -> bool {
        self.merged.is_some() || self.before != self.after
    }

    /// The agent changed it once more.
    fn then(&mut self, store: &Checkpoints, next: Change, doubtful: bool) -> Result<(), CheckpointError> {
        self.doubtful |= doubtful;
        if self.merged.is_none() && self.after == next.before {
            self.after = next.after;
            return Ok(());
        }
        // The user changed it in between.
        let ours = match &self.merged {
            Some(merged) => Some(merged.clone()),
            None => text(store, self.after.as_ref())?,
        };
        let merged = match (text(store, next.before.as_ref())?, ours, text(store, next.after.as_ref())?) {
            (Some(base), Some(ours), Some(theirs)) => diffy::merge_bytes(&base, &ours, &theirs).ok(),
            _ => None,
        };
        // Where the file is not there after it, nothing of the user's is left.
        self.mixed |= merged.is_none() && next.before.is_some() && next.after.is_some();
        self.after = next.after;
        self.merged = merged;
        if let Some(merged) = &self.merged
            && text(store, self.before.as_ref())?.as_ref() == Some(merged)
        {
            (self.merged, self.after) = (None, self.before.clone());
        }
        Ok(())
    }

    /// The bytes before, and after; `None` for what is no file, or too large to look at.
    fn sides(&self, store: &Checkpoints) -> Result<[Option<Vec<u8>>; 2], CheckpointError> {
        let after = match &self.merged {
            Some(merged) => Some(merged.clone()),
            None => text(store, self.after.as_ref())?,
        };
        Ok([text(store, self.before.as_ref())?, after])
    }
}

/// The bytes of a file or link that is not too large.
fn text(store: &Checkpoints, state: Option<&State>) -> Result<Option<Vec<u8>>, CheckpointError> {
    match state {
        Some(State::File { size, .. }) if *size > LONGEST => Ok(None),
        Some(state @ (State::File { .. } | State::Symlink { .. })) => store.content(state).map(Some),
        _ => Ok(None),
    }
}

/// `path` as seen from `directory`, if it lies in it.
fn within<'path>(path: &'path Path, directory: &Path) -> Option<&'path Path> {
    path.strip_prefix(directory).ok().filter(|inner| !inner.as_os_str().is_empty())
}
