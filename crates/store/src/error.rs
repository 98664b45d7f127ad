//! What can go wrong with sessions on disk.

use std::path::PathBuf;

/// Why a session could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has the session open.
    #[error("session {} is open in another process; end that one first", path.display())]
    Locked {
        /// The journal.
        path: PathBuf,
    },
    /// The file is not a journal this version can read.
    #[error("{} is not a readable session: {reason}", path.display())]
    Unreadable {
        /// The journal.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No session has this id.
    #[error("no session has the id {0}")]
    NotFound(String),
    /// The session has no such turn.
    #[error("session {} has no turn `{turn}`", session.display())]
    NoTurn {
        /// The journal.
        session: PathBuf,
        /// The turn.
        turn: String,
    },
    /// Several sessions' ids begin so.
    #[error("several sessions have an id that begins with {0}; give more of it")]
    Ambiguous(String),
}

impl StoreError {
    /// For `map_err`: an I/O error of `action` on `path`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
