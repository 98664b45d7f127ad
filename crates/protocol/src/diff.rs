//! What the agent changed in a session.

use serde::{Deserialize, Serialize};

use crate::FileUpdateChange;

/// `thread/diff`: all that the agent changed in a thread that is open or on disk, shell commands' effects included. (Ours.)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadDiffParams {
    /// The thread's id.
    pub thread_id: String,
    /// Only what this turn changed.
    pub turn_id: Option<String>,
}

/// Answer to `thread/diff`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadDiff {
    /// Absolute directory that the headers of `files` are relative to: the thread's.
    pub cwd: String,
    /// Sorted by path.
    pub files: Vec<FileDiff>,
    /// What else is to be known, in sentences for people: turns of which no states of files were kept.
    pub notes: Vec<String>,
}

/// What the agent changed of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FileDiff {
    /// Its absolute path, what happened to it, and the hunks of its unified diff; none where lines cannot be compared.
    #[serde(flatten)]
    pub change: FileUpdateChange,
    /// What stands before the hunks in a patch as git writes it; empty if this can be no part of one.
    pub header: String,
    /// What is to be known of it, in words for people: that it is no text, that it is too large, that you changed it too.
    pub notes: Vec<String>,
}
