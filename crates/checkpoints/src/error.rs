//! Why a state could not be captured, read or brought back.

use std::{
    io,
    path::{Path, PathBuf},
};

use codex_sandbox::shown;

use crate::{Hash, Why};

/// Why a call did nothing, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The system refused.
    #[error("cannot {doing} `{}`: {source}", shown(path))]
    Io {
        /// What was to be done, as in "cannot … it".
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something is named that is not kept: it was collected, or never was.
    #[error("the state {0} is not kept any more")]
    Missing(Hash),
    /// What is kept cannot be what was saved.
    #[error("`{}` is damaged: {what}", shown(path))]
    Damaged {
        /// The file of the store, or its directory.
        path: PathBuf,
        /// What does not hold.
        what: String,
    },
    /// Content is asked for that was not saved.
    #[error("it was not saved: {0}")]
    Unsaved(Why),
    /// A text that cannot be the name of a state.
    #[error("`{0}` is not the name of a state: 64 hexadecimal digits")]
    NoName(String),
}

impl CheckpointError {
    pub(crate) fn io(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { doing, path: path.to_owned(), source: source.into() }
    }
}
