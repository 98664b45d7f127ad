//! Turns: one user message and everything the agent does about it.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{SettingsChange, ThreadItem, UserInput};

/// One user message and everything the agent does about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// Id within the thread.
    pub id: String,
    /// Its items, where they were asked for.
    pub items: Vec<ThreadItem>,
    /// Which of its items these are.
    #[serde(default)]
    pub items_view: ItemsView,
    /// How it stands.
    pub status: TurnStatus,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<TurnError>,
    /// Seconds since the epoch.
    #[serde(default)]
    pub started_at: Option<i64>,
    /// Seconds since the epoch.
    #[serde(default)]
    pub completed_at: Option<i64>,
    /// Wall time in milliseconds.
    #[serde(default)]
    pub duration_ms: Option<u64>,
}

/// Which items of a turn are told with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ItemsView {
    /// None.
    #[default]
    NotLoaded,
    /// What the user said, and the last that the model said.
    Summary,
    /// All.
    Full,
}

/// How a turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum TurnStatus {
    /// It runs.
    InProgress,
    /// The model said it was done.
    Completed,
    /// The user stopped it.
    Interrupted,
    /// It could not go on.
    Failed,
}

/// Why a turn failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TurnError {
    /// What happened, and what to do about it.
    pub message: String,
    /// The error's class, in the words of the schema's `CodexErrorInfo`.
    #[serde(default)]
    pub codex_error_info: Option<Value>,
    /// More of it.
    #[serde(default)]
    pub additional_details: Option<String>,
}

/// `turn/start`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct TurnStartParams {
    /// The thread's id.
    pub thread_id: String,
    /// What the user says; not empty.
    pub input: Vec<UserInput>,
    /// Settings of this turn and those after it.
    #[serde(flatten)]
    pub change: SettingsChange,
    /// JSON Schema that the final message must satisfy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// Most requests to the model; a turn that wants more fails. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_requests: Option<NonZeroU32>,
    /// The plan that the user approves with it, in Markdown. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_plan: Option<String>,
}

/// Answer to `turn/start`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TurnStartResult {
    /// The turn, just begun.
    pub turn: Turn,
}

/// `turn/steer`: says something to the turn that runs. The model reads it with its next request, and there is one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct TurnSteerParams {
    /// The thread's id.
    pub thread_id: String,
    /// The turn that is meant: no other takes it.
    pub expected_turn_id: String,
    /// What the user says; not empty.
    pub input: Vec<UserInput>,
}

/// Answer to `turn/steer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TurnSteerResult {
    /// The turn's id.
    pub turn_id: String,
}

/// `turn/interrupt`: stops the turn and what it runs. `turn/retry`: a turn that waits to ask the model again, or a sub-agent
/// of it, asks now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct TurnInterruptParams {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id; empty: whichever runs.
    pub turn_id: String,
}

/// `turn/started`, `turn/completed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TurnChanged {
    /// The thread's id.
    pub thread_id: String,
    /// The turn, without its items.
    pub turn: Turn,
}

/// `item/started`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ItemStarted {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// The item as it begins.
    pub item: ThreadItem,
    /// Milliseconds since the epoch.
    pub started_at_ms: i64,
}

/// `item/completed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ItemCompleted {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// The item, whole.
    pub item: ThreadItem,
    /// Milliseconds since the epoch.
    pub completed_at_ms: i64,
}

/// `item/agentMessage/delta`, `item/plan/delta`, `item/commandExecution/outputDelta`: text appended to an open item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Delta {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// The item's id.
    pub item_id: String,
    /// The text.
    pub delta: String,
}

/// `item/reasoning/summaryTextDelta`: text appended to a paragraph of the model's thinking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReasoningDelta {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// The item's id.
    pub item_id: String,
    /// Which paragraph, from 0.
    pub summary_index: u64,
    /// The text.
    pub delta: String,
}

/// `item/reasoning/summaryPartAdded`: a paragraph of the model's thinking begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReasoningPartAdded {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// The item's id.
    pub item_id: String,
    /// Which paragraph, from 0.
    pub summary_index: u64,
}

/// `turn/diff/updated`: what the turn has changed so far, effects of shell commands included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TurnDiffUpdated {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// A unified diff as git writes it, of everything since the turn began; paths are relative to the thread's directory.
    /// Empty where nothing is changed any more.
    pub diff: String,
}

/// `turn/plan/updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TurnPlanUpdated {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// Why the plan changed.
    pub explanation: Option<String>,
    /// The whole plan.
    pub plan: Vec<PlanStep>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PlanStep {
    /// What is to be done.
    pub step: String,
    /// How it stands.
    pub status: PlanStepStatus,
}

/// How a step of a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum PlanStepStatus {
    /// Not begun.
    Pending,
    /// Being done.
    InProgress,
    /// Done.
    Completed,
}

/// `thread/tokenUsage/updated`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TokenUsageUpdated {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// The counts.
    pub token_usage: ThreadTokenUsage,
    /// How long the last response took, from its request to its end, in milliseconds. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_ms: Option<u64>,
    /// What all responses of the thread so far cost, in USD, where the prices of all its models are known. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_usd: Option<f64>,
    /// Whether some of the last counts are estimates, since the answer did not come to its end. (Ours.)
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub estimated: bool,
}

/// Tokens of a thread.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadTokenUsage {
    /// Of all responses so far.
    pub total: TokenUsage,
    /// Of the last response.
    pub last: TokenUsage,
    /// The model's context window in tokens, where known.
    pub model_context_window: Option<u64>,
}

/// Token counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct TokenUsage {
    /// Input and output together.
    pub total_tokens: u64,
    /// Tokens of requests, cached ones included.
    pub input_tokens: u64,
    /// Those of them that were cached.
    pub cached_input_tokens: u64,
    /// Those of them that were put into the cache.
    pub cache_write_input_tokens: u64,
    /// Tokens of responses, reasoning included.
    pub output_tokens: u64,
    /// Those of them that were reasoning.
    pub reasoning_output_tokens: u64,
}

/// `error`: something went wrong in a turn; fatal unless `will_retry`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TurnFailed {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// What went wrong.
    pub error: TurnError,
    /// Whether the turn goes on by itself.
    pub will_retry: bool,
    /// What it waits for before it does. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wait: Option<RetryWait>,
}

/// A wait before a request to the model is made again. `turn/retry` ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RetryWait {
    /// How long it is, in milliseconds from when it is told.
    pub delay_ms: u64,
    /// Which repetition comes then, from 1.
    pub attempt: u32,
    /// How many there may be; null where they are limited by time.
    pub of: Option<u32>,
    /// What went wrong, in a few words: `rate limited`.
    pub what: String,
    /// All of it.
    pub reason: String,
}
