//! Sub-agents: what a thread lets others do for it, and how these stand.

use serde::{Deserialize, Serialize};

/// What was asked of sub-agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CollabAgentTool {
    /// A sub-agent was started.
    SpawnAgent,
    /// One was told something.
    SendMessage,
    /// One, or several, were waited for.
    Wait,
    /// One was stopped.
    CloseAgent,
}

/// How such a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CollabAgentToolCallStatus {
    /// It runs.
    InProgress,
    /// It did what it was asked.
    Completed,
    /// It did not.
    Failed,
    /// It was interrupted.
    Interrupted,
}

/// How a sub-agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CollabAgentStatus {
    /// It works.
    Running,
    /// It has done its task.
    Completed,
    /// It could not go on.
    Errored,
    /// It was stopped before it was done.
    Interrupted,
}

/// A sub-agent and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollabAgentState {
    /// How it stands.
    pub status: CollabAgentStatus,
    /// Its result, cut to size, or why it has none.
    #[serde(default)]
    pub message: Option<String>,
    /// What it is called in its parent. (Ours.)
    #[serde(default)]
    pub name: String,
}
