//! How full a conversation is, and conversations that are summed up.

use serde::{Deserialize, Serialize};

/// `thread/compact/start`: sums the conversation up, in a turn of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadCompactStartParams {
    /// The thread's id.
    pub thread_id: String,
    /// What the summary shall dwell on. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focus: Option<String>,
}

/// `thread/compact/undo`: brings back what the newest summary stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadCompactUndoParams {
    /// The thread's id.
    pub thread_id: String,
}

/// What came of summing a conversation up. Tokens are estimates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CompactionReport {
    /// Whether nobody asked for it.
    pub automatic: bool,
    /// Tokens of the conversation until then.
    pub tokens_before: u64,
    /// Tokens of it from then on: the same if there is no summary.
    pub tokens_after: u64,
    /// What was kept word for word, in words for people.
    #[serde(default)]
    pub kept: Vec<String>,
    /// What the summary stands for, in words for people.
    #[serde(default)]
    pub dropped: Vec<String>,
    /// Why there is no summary. The conversation is as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Answer to `thread/context/read`: what a model's context is filled with. Tokens are estimates but for what the vendor
/// counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadContext {
    /// Tokens of the next request, as far as is known now.
    pub tokens: u64,
    /// Whether most of them were counted by the vendor, with its last answer.
    pub counted: bool,
    /// Tokens that fit into a request, where that is known.
    pub window: Option<u64>,
    /// From so many tokens on, the conversation is summed up by itself; null: it never is.
    pub compact_at: Option<u64>,
    /// What they are, each with an estimate; the largest first.
    pub parts: Vec<ContextPart>,
}

/// A part of what a model's context is filled with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ContextPart {
    /// What it is, in words for people.
    pub name: String,
    /// An estimate: a quarter of its bytes.
    pub tokens: u64,
}
