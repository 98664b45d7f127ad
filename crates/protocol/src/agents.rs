//! Sub-agents: what a thread lets others do for it, and how these stand.

use serde::{Deserialize, Serialize};

use crate::FileUpdateChange;

/// What was asked of sub-agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// What it has changed in a worktree of its own, as it would be where its parent works: nothing of it is there yet. Long diffs are
    /// left out. (Ours.)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FileUpdateChange>,
}

/// `thread/agents/start`: starts a sub-agent for the user, beside whatever runs. (Ours.)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct AgentStartParams {
    /// Id of the thread that it works for.
    pub thread_id: String,
    /// What it is to do. `NAME: TASK` makes one by the description of that name, if there is one.
    pub task: String,
    /// Whether it works in a git worktree of its own; as its description says when absent.
    pub worktree: Option<bool>,
}

/// Answer to `thread/agents/start`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AgentStarted {
    /// The sub-agent.
    pub agent: SubAgent,
}

/// `thread/agents/list`: the sub-agents that work for a thread, or have since it was opened. (Ours.) One is stopped as any
/// thread: by `turn/interrupt`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct AgentListParams {
    /// Id of the thread that they work for.
    pub thread_id: String,
}

/// Answer to `thread/agents/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AgentListResult {
    /// The oldest first.
    pub data: Vec<SubAgent>,
}

/// How a sub-agent stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SubAgent {
    /// What it is called in its parent.
    pub name: String,
    /// Id of its own thread.
    pub thread_id: String,
    /// What it is to do.
    pub task: String,
    /// How it stands.
    pub status: CollabAgentStatus,
    /// Whether it waits for an answer of the user.
    pub waits: bool,
    /// Its result, cut to size, or why it has none.
    pub message: Option<String>,
    /// All its tokens.
    pub tokens: u64,
    /// Since it was started, in milliseconds; until it ended.
    pub duration_ms: u64,
    /// What it has changed in a worktree of its own, as a patch where commands of its parent find it.
    pub patch: Option<String>,
}
