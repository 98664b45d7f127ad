//! Hooks: programs of the user that are started at steps of a session. What is told of each, and the list of them.

use serde::{Deserialize, Serialize};

/// When a hook is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum HookEventName {
    /// Before a call of a tool.
    PreToolUse,
    /// Before a person is asked whether a call may run.
    PermissionRequest,
    /// After a call of a tool.
    PostToolUse,
    /// Before the conversation is summed up.
    PreCompact,
    /// Before the first turn of a session, and after a summary.
    SessionStart,
    /// When a session is left.
    SessionEnd,
    /// Before the model reads what the user said.
    UserPromptSubmit,
    /// Before a sub-agent ends.
    SubagentStop,
    /// Before a turn ends.
    Stop,
    /// When a person is asked something, or waited for. (Ours.)
    Notification,
}

impl HookEventName {
    /// As settings and hooks spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreToolUse => "PreToolUse",
            Self::PermissionRequest => "PermissionRequest",
            Self::PostToolUse => "PostToolUse",
            Self::PreCompact => "PreCompact",
            Self::SessionStart => "SessionStart",
            Self::SessionEnd => "SessionEnd",
            Self::UserPromptSubmit => "UserPromptSubmit",
            Self::SubagentStop => "SubagentStop",
            Self::Stop => "Stop",
            Self::Notification => "Notification",
        }
    }
}

/// Who brought a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum HookSource {
    /// The settings of the machine.
    System,
    /// The user's files.
    User,
    /// A file of a project that is trusted.
    Project,
    /// The command line, or a client.
    SessionFlags,
    /// A plugin.
    Plugin,
}

/// How a run of a hook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum HookRunStatus {
    /// It runs.
    Running,
    /// It ended as it should.
    Completed,
    /// It did not.
    Failed,
    /// It is against what was about to happen.
    Blocked,
    /// It wants the work to stop.
    Stopped,
}

/// What a text of a hook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum HookOutputEntryKind {
    /// For the user.
    Warning,
    /// Why the work is to stop.
    Stop,
    /// Why something is refused, or is to go on.
    Feedback,
    /// For the model.
    Context,
    /// What went wrong.
    Error,
}

/// A text of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HookOutputEntry {
    /// What it is.
    pub kind: HookOutputEntryKind,
    /// The text.
    pub text: String,
}

/// A run of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HookRunSummary {
    /// Its id: that of no other run of the thread.
    pub id: String,
    /// When it is started.
    pub event_name: HookEventName,
    /// Always `command`.
    pub handler_type: String,
    /// Always `sync`.
    pub execution_mode: String,
    /// `thread`, or `turn`.
    pub scope: String,
    /// Absolute path of the file that the hook is written in; empty where there is none.
    pub source_path: String,
    /// Who brought it.
    pub source: HookSource,
    /// Its place among all hooks.
    pub display_order: i64,
    /// How it stands.
    pub status: HookRunStatus,
    /// What is to be shown while it runs.
    pub status_message: Option<String>,
    /// Seconds since the epoch.
    pub started_at: i64,
    /// Seconds since the epoch.
    pub completed_at: Option<i64>,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    /// What it said.
    pub entries: Vec<HookOutputEntry>,
    /// The line for the shell. (Ours.)
    pub command: String,
}

/// `hook/started` and `hook/completed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HookRun {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id, if it is of one.
    pub turn_id: Option<String>,
    /// The run.
    pub run: HookRunSummary,
}

/// `hooks/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct HooksListParams {
    /// Directories whose settings are looked at.
    pub cwds: Vec<String>,
    /// A thread whose directory is looked at, if no other is named.
    pub thread_id: Option<String>,
}

/// Answer to `hooks/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HooksListResponse {
    /// One for each directory.
    pub data: Vec<HooksListEntry>,
}

/// The hooks of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HooksListEntry {
    /// The directory.
    pub cwd: String,
    /// Those that are started, and those that are held back because their project is not trusted.
    pub hooks: Vec<HookMetadata>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// What is wrong with the settings.
    pub errors: Vec<HookErrorInfo>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HookErrorInfo {
    /// The file.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HookMetadata {
    /// What it is known by.
    pub key: String,
    /// When it is started.
    pub event_name: HookEventName,
    /// Always `command`.
    pub handler_type: String,
    /// The line for the shell.
    pub command: String,
    /// Always `false`: it is waited for.
    #[serde(rename = "async")]
    pub is_async: bool,
    /// Of what; `None`: of everything.
    pub matcher: Option<String>,
    /// Its place among all.
    pub display_order: i64,
    /// Whether it is started.
    pub enabled: bool,
    /// Always `false`.
    pub is_managed: bool,
    /// Who brought it.
    pub source: HookSource,
    /// Absolute path of the file that it is written in; empty where there is none.
    pub source_path: String,
    /// The plugin that it is of.
    pub plugin_id: Option<String>,
    /// Most seconds that it may take.
    pub timeout_sec: u64,
    /// What is to be shown while it runs.
    pub status_message: Option<String>,
    /// The SHA-256 of what is said of it.
    pub current_hash: String,
    /// `trusted`, or `untrusted`.
    pub trust_status: String,
    /// Whether it runs inside the session's walls. (Ours.)
    pub sandbox: bool,
}
