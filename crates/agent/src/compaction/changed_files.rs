//! The files that the agent has changed, as they are kept when the conversation is summed up: what commands did to them
//! counts as well.

use std::{collections::BTreeSet, path::Path};

use codex_checkpoints::State;

use crate::{
    diff::{Changed, session_diff},
    rewind::{blocking, replayed},
    thread::ThreadState,
};

impl ThreadState {
    /// Absolute paths. Of files that no states are kept of, those that patches changed.
    pub(super) async fn changed_files(&mut self, thread_id: &str) -> BTreeSet<String> {
        let patched = self.recorder.pinned().changed_files.clone();
        let scope = self.checkpoints.scope(&self.settings.workplace);
        let (Some(scope), Some(keeping), Some(journal)) =
            (scope, self.checkpoints.keeping.clone(), self.recorder.journal_path())
        else {
            return patched;
        };
        self.checkpoint_taken(thread_id).await;
        let found = blocking(move || Ok(session_diff(&keeping.store, &replayed(&journal)?.states.spans)?)).await;
        // What cannot be read is said when somebody asks for it.
        let Ok(diff) = found else { return patched };
        let is_known =
            |path: &String| diff.unknown.is_empty() && scope.roots.iter().any(|root| Path::new(path).starts_with(root));
        let changed = diff.changes.iter().filter(|changed| is_file(changed));
        let changed = changed.map(|changed| changed.path.to_string_lossy().into_owned());
        patched.iter().filter(|path| !is_known(path)).cloned().chain(changed).collect()
    }
}

fn is_file(changed: &Changed) -> bool {
    let states = [&changed.before, &changed.after].into_iter().flatten();
    states.into_iter().any(|state| !matches!(state, State::Directory { .. }))
}
