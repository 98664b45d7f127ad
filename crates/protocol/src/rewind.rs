//! Going back in a thread: the conversation, the files that the agent changed, or both.

use serde::{Deserialize, Serialize};

use crate::{PatchChangeKind, UserInput};

/// `thread/revert`: takes the conversation of an open thread back to how it was when a turn began. Files stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadRevertParams {
    /// The thread's id.
    pub thread_id: String,
    /// The turn that is no part of it any more, nor are those after it.
    pub before_turn_id: String,
}

/// `thread/reverted`: the conversation went back, or forth again. Its items are to be read anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadReverted {
    /// The thread's id.
    pub thread_id: String,
}

/// `thread/rewind/list`: the turns that an open thread can go back to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadRewindListParams {
    /// The thread's id.
    pub thread_id: String,
}

/// Answer to `thread/rewind/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadRewindListResult {
    /// Oldest first.
    pub turns: Vec<RewindTurn>,
    /// The last turn whose files were not taken back.
    pub undo_turn_id: Option<String>,
    /// What `thread/rewind/redo` would take back.
    pub redo: Option<RewindWhat>,
}

/// A turn that a thread can go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RewindTurn {
    /// Its id.
    pub turn_id: String,
    /// When it began, in seconds since the epoch.
    pub at: i64,
    /// The first thing the user said in it, cut to a line; empty if nothing was.
    pub prompt: String,
    /// How many files it changed; null if that is not known.
    pub files_changed: Option<usize>,
}

/// What goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum RewindWhat {
    /// The conversation; files stay as they are.
    Conversation,
    /// The files; the conversation stays as it is, and the model is told.
    Files,
    /// Both.
    #[default]
    Both,
}

/// `thread/rewind/preview` and `thread/rewind`: an open thread goes back to how it was when a turn began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadRewindParams {
    /// The thread's id.
    pub thread_id: String,
    /// The turn.
    pub before_turn_id: String,
    /// What goes back. A preview is of the files, whatever this is.
    pub what: RewindWhat,
    /// Absolute paths of conflicts that are taken back all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overwrite: Vec<String>,
}

/// `thread/rewind/redo`: takes back the last rewind, if no turn has begun since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadRewindRedoParams {
    /// The thread's id.
    pub thread_id: String,
    /// As in [`ThreadRewindParams`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overwrite: Vec<String>,
}

/// What a rewind would do to files. Lists are sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RewindPreview {
    /// What would change.
    pub files: Vec<RewindFile>,
    /// What the agent changed, and the user too, or perhaps: it stays unless it is named in `overwrite`.
    pub conflicts: Vec<RewindFile>,
    /// What cannot be brought back.
    pub not_restorable: Vec<RewindFailure>,
}

/// A path that a rewind would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RewindFile {
    /// Absolute.
    pub path: String,
    /// What would happen to it.
    pub kind: PatchChangeKind,
    /// Lines it would get; 0 if it is no text.
    pub added: usize,
    /// Lines it would lose.
    pub removed: usize,
}

/// A path that is not brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RewindFailure {
    /// Absolute; empty if it is not known which.
    pub path: String,
    /// Why not, in words for people.
    pub reason: String,
}

/// Answer to `thread/rewind` and `thread/rewind/redo`. Lists are sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadRewound {
    /// What went.
    pub what: RewindWhat,
    /// Absolute paths that are as they were.
    pub restored: Vec<String>,
    /// Conflicts that stayed as they are.
    pub conflicts: Vec<RewindFile>,
    /// What could not be brought back.
    pub failed: Vec<RewindFailure>,
    /// What the user said first in the turn, to be said again in other words.
    pub input: Vec<UserInput>,
}
