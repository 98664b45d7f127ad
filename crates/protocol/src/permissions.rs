//! What the commands of a thread may do, and what was decided about them: for `/permissions` and `/status`.

use serde::{Deserialize, Serialize};

use crate::{ApprovalPolicy, ApprovalRule, SandboxMode};

/// `thread/permissions/read`. (Ours.)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PermissionsReadParams {
    /// The thread's id.
    pub thread_id: String,
}

/// Answer to `thread/permissions/read`: what holds now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadPermissions {
    /// Level of the sandbox.
    pub sandbox: SandboxMode,
    /// What holds commands to it on this machine, in words for people.
    pub held_by: String,
    /// When the user is asked.
    pub approval_policy: ApprovalPolicy,
    /// Whether what would be asked about because of its class runs.
    pub full_auto: bool,
    /// Absolute directories that commands write in: the workspace first. Under `read-only` none, without walls `/`.
    pub writable: Vec<String>,
    /// Absolute directory that commands see as their `/tmp`, if they have one of their own.
    pub temp: Option<String>,
    /// The ignore files in force, absolute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore_files: Vec<String>,
    /// The language servers that there are for the project or run, each with how it stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub language_servers: Vec<String>,
    /// What commands reach of the network.
    pub network: NetworkReach,
    /// All rules for commands: those that deny, those that ask, those that allow.
    pub rules: Vec<PermissionRule>,
    /// What runs again without a question as long as the thread is open.
    pub granted: Vec<String>,
    /// The last decisions, the newest first.
    pub decisions: Vec<PermissionDecision>,
}

/// What commands reach of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum NetworkReach {
    /// Nothing.
    Off,
    /// These domains.
    Domains {
        /// Each as it is configured.
        domains: Vec<String>,
    },
    /// All of it.
    On,
}

/// A rule in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PermissionRule {
    /// The rule.
    #[serde(flatten)]
    pub rule: ApprovalRule,
    /// Whether it is one that `thread/permissions/forget` takes.
    pub remembered: bool,
}

/// What was decided about a command, or about an edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PermissionDecision {
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    /// The command, or the files, cut where it is long.
    pub action: String,
    /// Whether it could run.
    pub allowed: bool,
    /// The answer, if it was asked: `accept`, `acceptHunks`, `acceptForSession`, `acceptAlways`, `decline`, `cancel`, `nothing`.
    pub answer: Option<String>,
    /// Whose answer it is: `user`, `session`, `fullAuto`, `hook`, `nobody`.
    pub by: Option<String>,
    /// The rule that decided, or because of which it was asked.
    pub rule: Option<ApprovalRule>,
    /// Why, in a sentence without its full stop.
    pub reason: String,
}

/// `thread/permissions/forget`: a rule that was remembered is one no more, in this thread and in later ones. (Ours.)
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PermissionsForgetParams {
    /// The thread's id.
    pub thread_id: String,
    /// The rule, as it is written.
    pub rule: String,
}
