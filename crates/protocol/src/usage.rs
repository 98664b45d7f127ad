//! What a thread has used, by model.

use serde::{Deserialize, Serialize};

use crate::TokenUsage;

/// `thread/usage/read`. (Ours.)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadUsageReadParams {
    /// The thread's id.
    pub thread_id: String,
}

/// Answer to `thread/usage/read`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadUsage {
    /// Of each model, sub-agents included, by the model's id.
    pub models: Vec<ModelUsage>,
    /// What all of it cost in USD; null where the price of some of it is not known.
    pub cost_usd: Option<f64>,
    /// Most tokens that may be used since it was opened.
    pub limit_tokens: Option<u64>,
    /// Most money that may be spent since it was opened, in USD.
    pub limit_cost_usd: Option<f64>,
}

/// What one model was used for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ModelUsage {
    /// Model id.
    pub model: String,
    /// The tokens.
    pub usage: TokenUsage,
    /// What they cost in USD; null where the price of some of them is not known.
    pub cost_usd: Option<f64>,
}
