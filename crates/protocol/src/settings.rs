//! Settings of a thread that change while it is open.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ApprovalPolicy, SandboxMode};

/// What is to change of a thread's settings; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct SettingsChange {
    /// Model id, or `provider/model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Name of the model provider; then `model` is an id as it stands. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_provider: Option<String>,
    /// How long the model thinks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// When the user is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_policy: Option<ApprovalPolicy>,
    /// Level of the sandbox, in the wire's spelling of a policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox_policy: Option<Value>,
    /// Level of the sandbox; it outranks `sandbox_policy`. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxMode>,
    /// How the thread works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collaboration_mode: Option<CollaborationMode>,
    /// Whether the model is told what linters and language servers find. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<bool>,
}

/// How a thread works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CollaborationMode {
    /// Whether it plans.
    pub mode: ModeKind,
    /// What goes with it.
    pub settings: ModeSettings,
}

/// Whether a thread plans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ModeKind {
    /// It reads and proposes a plan, and changes nothing.
    Plan,
    /// It does what it is told.
    #[default]
    Default,
}

/// What goes with a mode. (The wire spells these members with underscores.)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ModeSettings {
    /// Model id; empty leaves it as it is.
    pub model: String,
    /// How long the model thinks.
    pub reasoning_effort: Option<String>,
    /// Always null: there are no instructions of a mode's own.
    pub developer_instructions: Option<String>,
}

impl CollaborationMode {
    /// The mode, with everything else as it is.
    pub fn only(mode: ModeKind) -> Self {
        Self { mode, settings: ModeSettings::default() }
    }
}

/// `thread/settings/update`: changes a thread's settings from the next turn on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadSettingsUpdateParams {
    /// The thread's id.
    pub thread_id: String,
    /// What is to change.
    #[serde(flatten)]
    pub change: SettingsChange,
}

/// `thread/settings/updated`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadSettingsUpdated {
    /// The thread's id.
    pub thread_id: String,
    /// All settings, changed or not.
    pub thread_settings: ThreadSettings,
}

/// The settings that a thread runs under, or will from its next turn on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadSettings {
    /// Absolute workspace directory.
    pub cwd: String,
    /// Model id.
    pub model: String,
    /// Name of the model provider.
    pub model_provider: String,
    /// How long the model thinks.
    pub effort: Option<String>,
    /// When the user is asked.
    pub approval_policy: ApprovalPolicy,
    /// Who answers: always `user`.
    pub approvals_reviewer: String,
    /// Level of the sandbox, in the wire's spelling of a policy.
    pub sandbox_policy: Value,
    /// How it works.
    pub collaboration_mode: CollaborationMode,
    /// What holds commands to it on this machine, in words for people. (Ours.)
    #[serde(default)]
    pub held_by: String,
}
