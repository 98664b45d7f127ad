//! Models that a thread can run with.

use serde::{Deserialize, Serialize};

/// `model/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ModelListParams {
    /// Ignored: the list is short.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Only those of this provider.
    pub model_provider: Option<String>,
    /// Whether hidden ones are told too: there are none.
    pub include_hidden: Option<bool>,
    /// Absolute directory whose configuration counts; the user's own alone when absent. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

/// Answer to `model/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ModelListResult {
    /// The default first.
    pub data: Vec<Model>,
    /// Always null.
    pub next_cursor: Option<String>,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// `provider/model`, which `thread/start` takes as a model; the model alone for the default provider.
    pub id: String,
    /// What its provider calls it.
    pub model: String,
    /// Name of the provider. (Ours.)
    pub model_provider: String,
    /// For people.
    pub display_name: String,
    /// For people, one sentence.
    pub description: String,
    /// Whether pickers leave it out.
    pub hidden: bool,
    /// Whether a thread runs with it unless told otherwise.
    pub is_default: bool,
    /// How long it thinks unless told otherwise.
    pub default_reasoning_effort: String,
    /// How long it can think, the shortest first.
    pub supported_reasoning_efforts: Vec<ReasoningEffortOption>,
    /// Tokens that fit into one request, where known. (Ours.)
    pub context_window: Option<u64>,
}

/// How long a model can think.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReasoningEffortOption {
    /// As `model_reasoning_effort` names it.
    pub reasoning_effort: String,
    /// For people, one sentence.
    pub description: String,
}
