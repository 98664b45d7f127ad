//! Commands beside the model's calls: those that run on after theirs, and those that the user types.

use serde::{Deserialize, Serialize};

/// `thread/backgroundTerminals/list`, and `…/clean`, which ends them all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct BackgroundTerminalsParams {
    /// The thread's id.
    pub thread_id: String,
}

/// Answer to `thread/backgroundTerminals/list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BackgroundTerminalsResult {
    /// The oldest first.
    pub data: Vec<BackgroundTerminal>,
    /// Always null: a thread has few of them, and all are given.
    pub next_cursor: Option<String>,
}

/// A command that runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// Its process number on the host. Not known: it runs in a namespace of its own.
    pub os_pid: Option<u32>,
    /// What it uses of a processor. Not measured.
    pub cpu_percent: Option<f64>,
    /// Its resident memory in KiB. Not measured.
    pub rss_kb: Option<u64>,
    /// Wall time so far, in milliseconds. An addition of ours.
    pub running_for_ms: u64,
}

/// `thread/backgroundTerminals/terminate`: ends one with all it started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct BackgroundTerminalTerminateParams {
    /// The thread's id.
    pub thread_id: String,
    /// The command's id.
    pub process_id: String,
}

/// Answer to `thread/backgroundTerminals/terminate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BackgroundTerminalTerminated {
    /// Whether one of that id was running.
    pub terminated: bool,
}

/// `thread/backgroundTerminals/resize`: changes the size of its terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

/// `thread/shellCommand`: runs what the user typed, as a turn of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadShellCommandParams {
    /// The thread's id.
    pub thread_id: String,
    /// The command line.
    pub command: String,
    /// It is killed when it takes longer, in milliseconds.
    pub timeout_ms: Option<u64>,
}
