//! Going back in a thread.

use serde::{Deserialize, Serialize};

/// `thread/revert`: takes the conversation of an open thread back to how it was when a turn began. Files stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadRevertParams {
    /// The thread's id.
    pub thread_id: String,
    /// The turn that is no part of it any more, nor are those after it.
    pub before_turn_id: String,
}

/// `thread/reverted`: the conversation went back, or forth again. Its items are to be read anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadReverted {
    /// The thread's id.
    pub thread_id: String,
}
