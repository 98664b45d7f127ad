//! `thread/diff`: what the agent changed in a session, read from its journal and the states of files that are kept.

use std::path::Path;

use codex_agent::{SessionDiff, file_diffs, session_diff};
use codex_checkpoints::Checkpoints;
use codex_protocol::{ErrorKind, RpcError, ThreadDiff, ThreadDiffParams};
use codex_store::{Replayed, Span, Summaries};

use crate::{Server, dispatch::store_error, reading::blocking};

impl Server {
    /// What the agent changed in a thread that is open or on disk.
    pub(crate) async fn diff(&self, params: ThreadDiffParams) -> Result<ThreadDiff, RpcError> {
        let path = self.journal(&params.thread_id)?;
        let none =
            || RpcError::new(ErrorKind::Internal, "no states of files are kept, so that nobody knows what changed");
        let store = self.states().ok_or_else(none)?;
        blocking(move || {
            let replayed = replayed(&path)?;
            let diff = changes(&store, &replayed, params.turn_id.as_deref())?;
            let files = file_diffs(&store, &diff, &replayed.cwd).map_err(unreadable)?;
            let unknown = diff
                .unknown
                .iter()
                .map(|turn| format!("nobody knows what {turn} changed: no states of files were kept"));
            Ok(ThreadDiff { cwd: replayed.cwd.display().to_string(), files, notes: unknown.collect() })
        })
        .await
    }
}

/// What the journal at `path` says.
pub(crate) fn replayed(path: &Path) -> Result<Replayed, RpcError> {
    codex_store::replayed(path, Summaries::Stand).map_err(store_error)
}

/// What the agent changed, in one turn or in all.
pub(crate) fn changes(
    store: &Checkpoints,
    replayed: &Replayed,
    turn_id: Option<&str>,
) -> Result<SessionDiff, RpcError> {
    let states = &replayed.states;
    if let Some(turn) = turn_id.filter(|turn| states.since(turn).is_none()) {
        return Err(RpcError::new(ErrorKind::NotFound, format!("the session has no turn `{turn}`")));
    }
    let is_wanted = |span: &&Span| turn_id.is_none_or(|turn| span.turn_id == turn);
    session_diff(store, states.spans.iter().filter(is_wanted)).map_err(unreadable)
}

pub(crate) fn unreadable(error: codex_checkpoints::CheckpointError) -> RpcError {
    RpcError::new(ErrorKind::Internal, format!("the states of files that are kept cannot be read: {error}"))
}
