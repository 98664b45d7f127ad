//! What can go wrong with sessions on disk.

use std::path::PathBuf;

use crate::{Holder, holder::holder};

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
    #[error("session {} is open in {}", path.display(), called(holder.as_ref()))]
    Locked {
        /// The journal.
        path: PathBuf,
        /// Which, where that was looked for and found.
        holder: Option<Holder>,
    },
    /// The file is not a journal this version can read.
    #[error("{} is not a readable session: {reason}", path.display())]
    Unreadable {
        /// The journal.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No session is so called.
    #[error("no session has the id {0}, nor that name; `codex sessions --all` lists them")]
    NotFound(String),
    /// The session has no such turn.
    #[error("session {} has no turn `{turn}`", session.display())]
    NoTurn {
        /// The journal.
        session: PathBuf,
        /// The turn.
        turn: String,
    },
    /// Several sessions are meant.
    #[error("`{wanted}` is several sessions; give more of the id:\n  {}", sessions.join("\n  "))]
    Ambiguous {
        /// What was given.
        wanted: String,
        /// The id of each, and what it is called.
        sessions: Vec<String>,
    },
    /// It was laid aside.
    #[error("session {0} is laid aside; `codex sessions unarchive {0}` brings it back")]
    Archived(String),
    /// A name that cannot be given.
    #[error("a session cannot be called so: {0}")]
    Name(String),
    /// Other sessions go on where this one is.
    #[error("session {id} is continued by {}; delete these first", forks.join(", "))]
    HasForks {
        /// Its id.
        id: String,
        /// Theirs.
        forks: Vec<String>,
    },
}

/// A process, for people.
fn called(holder: Option<&Holder>) -> String {
    let Some(Holder { pid, since }) = holder else { return "another process".into() };
    let since = jiff::Timestamp::try_from(*since).unwrap_or_default().to_zoned(jiff::tz::TimeZone::system());
    format!("process {pid}, since {}", since.strftime("%Y-%m-%d %H:%M"))
}

impl StoreError {
    /// The same, with who has the session open if that is what it is about.
    #[must_use]
    pub fn with_holder(self) -> Self {
        match self {
            Self::Locked { path, holder: None } => Self::Locked { holder: holder(&path), path },
            other => other,
        }
    }

    /// For `map_err`: an I/O error of `action` on `path`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
