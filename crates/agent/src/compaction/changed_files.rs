//! The files that the agent has changed, as they are kept when the conversation is summed up: what commands did to them
//! counts as well.

use std::collections::BTreeSet;

use codex_checkpoints::State;

use crate::{
    diff::{Changed, session_diff, unknown_paths},
    rewind::{blocking, states},
    thread::ThreadState,
};

impl ThreadState {
    /// Absolute paths. Of files that no states are kept of, those that patches changed.
    pub(super) async fn changed_files(&mut self, thread_id: &str) -> BTreeSet<String> {
        let patched = self.recorder.pinned().changed_files.clone();
        let (keeping, journal) = (self.checkpoints.keeping.clone(), self.recorder.journal_path());
        let (Some(keeping), Some(journal)) = (keeping, journal) else { return patched };
        self.checkpoint_taken(thread_id).await;
        let named = patched.clone();
        let found = blocking(move || {
            let states = states(&journal)?;
            let diff = session_diff(&keeping.store, &states.spans)?;
            let unknown = match diff.unknown.is_empty() {
                true => unknown_paths(&keeping.store, states.last.as_deref(), &named)?,
                false => named,
            };
            Ok((diff, unknown))
        });
        // What cannot be read is said when somebody asks for it.
        let Ok((diff, unknown)) = found.await else { return patched };
        let changed = diff.changes.iter().filter(|changed| is_file(changed));
        unknown.into_iter().chain(changed.map(|changed| changed.path.to_string_lossy().into_owned())).collect()
    }
}

fn is_file(changed: &Changed) -> bool {
    let states = [&changed.before, &changed.after].into_iter().flatten();
    states.into_iter().any(|state| !matches!(state, State::Directory { .. }))
}
