//! Background terminals: commands that run on after the call that started them.

use serde::{Deserialize, Serialize};

/// `thread/backgroundTerminals/list`, and `…/clean`, which ends them all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackgroundTerminalsParams {
    /// The thread's id.
    pub thread_id: String,
}

/// Answer to `thread/backgroundTerminals/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackgroundTerminalsResult {
    /// The oldest first.
    pub data: Vec<BackgroundTerminal>,
}

/// A command that runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackgroundTerminal {
    /// What the model calls its session ID.
    pub process_id: String,
    /// Id of the item that shows it.
    pub item_id: String,
    /// The command line.
    pub command: String,
    /// Absolute directory it was started in.
    pub cwd: String,
    /// Wall time so far, in milliseconds.
    pub running_for_ms: u64,
}

/// `thread/backgroundTerminals/terminate`: ends one with all it started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackgroundTerminalTerminateParams {
    /// The thread's id.
    pub thread_id: String,
    /// The command's id.
    pub process_id: String,
}

/// `thread/backgroundTerminals/resize`: changes the size of its terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackgroundTerminalResizeParams {
    /// The thread's id.
    pub thread_id: String,
    /// The command's id.
    pub process_id: String,
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}
