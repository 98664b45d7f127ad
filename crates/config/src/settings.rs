//! The settings as plain typed data, complete and checked. No text, no place, no layer is left in them; rules alone say
//! where they stand, for who meets one has to find it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;

use crate::{
    AnswerSettings, CheckSettings, EnvironmentPolicy, HookSettings, LimitSettings, McpSettings, ModelSettings,
    PermissionEntry, PluginSettings, PriceSettings, ProviderSettings, SearchSettings, TestCommand,
};

/// What commands and edits may change. In order, strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// Nothing is written, no command runs.
    ReadOnly,
    /// Commands run, and write below the workspace and the added directories.
    WorkspaceWrite,
    /// No walls.
    DangerFullAccess,
}

/// When a person is asked. In order, most often first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalMode {
    /// Before every edit and every command that is not pre-approved.
    Untrusted,
    /// When an action needs more than the sandbox gives.
    OnRequest,
    /// Never.
    Never,
}

/// Details of the level `workspace-write`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkspaceWrite {
    /// Whether commands reach the network.
    pub network_access: bool,
}

/// The walls around commands beyond their level. Paths are absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SandboxDetails {
    /// What commands and tools cannot look into, besides what is hidden unless the user says otherwise.
    pub hide: Vec<PathBuf>,
    /// Of what is hidden unless the user says otherwise, what is not to be.
    pub show: Vec<PathBuf>,
    /// Hosts that commands reach though the network is off, as they were written.
    pub allow_domains: Vec<String>,
    /// Whether commands may write where the kernel cannot hold all walls.
    pub allow_weak: bool,
}

/// Sub-agents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgentSettings {
    /// How many levels of them there may be; 0: none at all.
    pub max_depth: u32,
    /// How many may work at once.
    pub max_parallel: u32,
}

/// What a person is told of while looking elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notifications {
    /// Of all there is, or of nothing.
    All(bool),
    /// Of these.
    Only(Vec<String>),
}

/// The screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScreenSettings {
    /// Colours: `auto`, or the name of a theme.
    pub theme: String,
    /// Whether the whole screen is used.
    pub alternate_screen: bool,
    /// Whether the composer has the keys of vi.
    pub vim: bool,
    /// Keys by the name of what they do; only `none` in place of them: no key.
    pub keymap: BTreeMap<String, Vec<String>>,
    /// Items of the status line in their order; `None`: the usual ones.
    pub status_line: Option<Vec<String>>,
    /// What a person is told of.
    pub notifications: Notifications,
    /// How: `auto`, `osc9`, `osc777` or `bel`.
    pub notification_method: String,
    /// Whether pictures are drawn: `auto`, `on` or `off`.
    pub images: String,
    /// Whether the terminal's title is ours.
    pub terminal_title: bool,
    /// Whether all is written as plain lines.
    pub screen_reader: bool,
    /// Whether what was written is kept for later sessions.
    pub keeps_history: bool,
}

/// All settings of one directory.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Model, by the provider's name for it.
    pub model: String,
    /// Name of the selected provider; a key of `model_providers`.
    pub model_provider: String,
    /// The providers that this version can talk to, by name; `openai` is always among them.
    pub model_providers: BTreeMap<String, ProviderSettings>,
    /// Environment variable that holds the API key of `openai`. To look the key up, use [`crate::api_key`].
    pub api_key_env: String,
    /// How long the model thinks, as the provider names it; `None` leaves it to the provider.
    pub model_reasoning_effort: Option<String>,
    /// How it is to answer.
    pub answers: AnswerSettings,
    /// What is known of models, by `model` or `provider/model`, where the user says it.
    pub models: BTreeMap<String, ModelSettings>,
    /// Size of the model's context in tokens; `None`: to be found out.
    pub model_context_window: Option<u64>,
    /// Whether a conversation is summed up by itself near the model's limit.
    pub auto_compact: bool,
    /// From so many tokens on; `None`: a share of the context.
    pub model_auto_compact_token_limit: Option<u64>,
    /// Models that take over, in order, as `provider/model`.
    pub model_fallback: Vec<String>,
    /// Seconds for which a provider is waited for that has answered before and cannot be connected to any more.
    pub network_wait: u64,
    /// What commands and edits may change.
    pub sandbox: SandboxMode,
    /// The walls beyond the level.
    pub sandbox_details: SandboxDetails,
    /// Details of the level `workspace-write`.
    pub sandbox_workspace_write: WorkspaceWrite,
    /// When a person is asked.
    pub ask_for_approval: ApprovalMode,
    /// Directories besides the workspace that may be read and written: real paths, existing, each once.
    pub add_dir: Vec<PathBuf>,
    /// Names of files that keep others from the model, besides the usual one.
    pub ignore_files: Vec<String>,
    /// What commands get of the environment.
    pub shell_environment_policy: EnvironmentPolicy,
    /// The environment variables that hold keys and header values of any provider. Commands must not see them.
    pub secret_variables: BTreeSet<String>,
    /// Names of files of instructions that count where a directory has no `AGENTS.md`.
    pub project_doc_fallback_filenames: Vec<String>,
    /// Most bytes of instructions, all files together.
    pub project_doc_max_bytes: usize,
    /// What the model is told behind the program's own instructions.
    pub developer_instructions: Option<String>,
    /// The file that it is told in place of them, absolute.
    pub model_instructions_file: Option<PathBuf>,
    /// Skills that are not in use, by name or by the path of their `SKILL.md`.
    pub skills_disabled: Vec<String>,
    /// The rules for commands of all layers, those of the lowest layer first, deny before ask before allow.
    pub permissions: Vec<PermissionEntry>,
    /// Sub-agents.
    pub agents: AgentSettings,
    /// Plugins, and where they come from.
    pub plugins: PluginSettings,
    /// Programs that are started at steps of a session.
    pub hooks: HookSettings,
    /// The screen.
    pub tui: ScreenSettings,
    /// What the model may see of the web.
    pub search: SearchSettings,
    /// How long sessions are kept.
    pub sessions: SessionSettings,
    /// The most that a session may use.
    pub limits: LimitSettings,
    /// Whether only providers of open-weight models may be asked.
    pub oss: bool,
    /// The one of them that is asked; `None`: the first that answers.
    pub oss_provider: Option<String>,
    /// What is written into the log: `off`, `error`, `warn`, `info` or `debug`.
    pub log_level: String,
    /// What looks at files after they were changed.
    pub checks: CheckSettings,
    /// What runs the project's tests in a review.
    pub test_command: TestCommand,
    /// What models cost, by their ids, where the user says it.
    pub prices: BTreeMap<String, PriceSettings>,
    /// Servers of tools.
    pub mcp: McpSettings,
}

/// How long sessions are kept, and what they are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    /// Days since one was last written; `None`: for ever.
    pub keep_days: Option<u32>,
    /// Megabytes (10⁶ bytes) that all those may take that may be deleted; `None`: without end.
    pub max_total_mb: Option<u64>,
    /// Days for which states of files are kept.
    pub keep_checkpoints_days: u32,
    /// Where their titles come from.
    pub titles: Titles,
}

/// Where titles of sessions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Titles {
    /// The first sentence that the user says.
    Prompt,
    /// The model, which is asked once.
    Model,
}
