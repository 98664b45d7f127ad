//! Threads: conversations that can be started, resumed and listed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ModeKind, Turn};

/// A conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    /// UUID, version 7.
    pub id: String,
    /// The same as `id`: one session holds one thread.
    pub session_id: String,
    /// Version of the program that made it.
    pub cli_version: String,
    /// Seconds since the epoch.
    pub created_at: i64,
    /// Seconds since the epoch.
    pub updated_at: i64,
    /// Absolute workspace directory.
    pub cwd: String,
    /// What git says of it, where that was looked for.
    #[serde(default)]
    pub git_info: Option<GitInfo>,
    /// Whether nothing of it is kept.
    pub ephemeral: bool,
    /// Id of the thread that it was forked from.
    #[serde(default)]
    pub forked_from_id: Option<String>,
    /// Name of the model provider.
    pub model_provider: String,
    /// What the user calls it.
    #[serde(default)]
    pub name: Option<String>,
    /// Absolute path of its journal.
    #[serde(default)]
    pub path: Option<String>,
    /// The first user message, cut to a line; in lists, the title that a model gave it, where one was asked.
    pub preview: String,
    /// Always null: there are no projects here.
    pub project_id: Option<String>,
    /// What started it.
    pub source: SessionSource,
    /// How it stands.
    pub status: ThreadStatus,
    /// Its turns, where they were asked for.
    pub turns: Vec<Turn>,
}

/// What git says of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GitInfo {
    /// The branch; the beginning of the commit where there is none.
    pub branch: Option<String>,
}

/// What started a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SessionSource {
    /// The screen.
    Cli,
    /// `codex exec`.
    Exec,
    /// A client of the server.
    AppServer,
}

/// How a thread stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ThreadStatus {
    /// On disk only.
    NotLoaded,
    /// Waiting for the user.
    Idle,
    /// The last turn failed.
    SystemError,
    /// A turn runs.
    #[serde(rename_all = "camelCase")]
    Active {
        /// What it waits for; empty while it works.
        active_flags: Vec<String>,
    },
}

/// The three levels of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// Files can be read; nothing can be written, no command runs.
    ReadOnly,
    /// Commands run; they write only in the workspace, added directories and a private `/tmp`.
    WorkspaceWrite,
    /// No walls.
    DangerFullAccess,
}

/// When the user is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalPolicy {
    /// Before every edit and every command that is not pre-approved.
    Untrusted,
    /// When an action needs more than the sandbox gives.
    OnRequest,
    /// Never.
    Never,
}

/// `thread/start`: a new thread. What is absent comes from the configuration of `cwd`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadStartParams {
    /// Absolute workspace directory; the server's own when absent.
    pub cwd: Option<String>,
    /// Model id, or `provider/model`.
    pub model: Option<String>,
    /// Name of the model provider.
    pub model_provider: Option<String>,
    /// Level of the sandbox.
    pub sandbox: Option<SandboxMode>,
    /// When the user is asked.
    pub approval_policy: Option<ApprovalPolicy>,
    /// Configuration that outranks every file: dotted keys to values.
    pub config: Option<Map<String, Value>>,
    /// Configuration that outranks `config`, from flags that have no member of their own. (Ours.)
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<TypedFlag>,
    /// Keep nothing.
    pub ephemeral: Option<bool>,
    /// Where the thread comes from; recorded.
    pub thread_source: Option<String>,
    /// Honour the whole of the project's own configuration. (Ours.)
    pub trust_project: Option<bool>,
    /// Whether the client answers `project/requestTrust`: then it is asked before something of the project's own
    /// configuration is held back. (Ours.)
    pub ask_trust: Option<bool>,
    /// Ask nothing, and run what would have to ask because of its class, unless a rule denies it. (Ours.)
    pub full_auto: Option<bool>,
    /// Whether what would be a warning about the configuration is an error. (Ours.)
    pub strict_config: Option<bool>,
    /// Whether the client is told the output of commands and the model's thinking while they come, and after each action
    /// what the turn has changed. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_output: Option<bool>,
}

/// A setting that was typed as a flag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TypedFlag {
    /// The flag as it was typed, for messages.
    pub typed: String,
    /// The key that it sets, as a dotted path.
    pub key: String,
    /// The value.
    pub value: Value,
}

/// `thread/resume`: goes on with a thread on disk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadResumeParams {
    /// The thread's id.
    pub thread_id: String,
    /// As in [`ThreadStartParams`]; the thread's own directory when absent.
    pub cwd: Option<String>,
    /// As in [`ThreadStartParams`].
    pub model: Option<String>,
    /// As in [`ThreadStartParams`].
    pub model_provider: Option<String>,
    /// As in [`ThreadStartParams`].
    pub sandbox: Option<SandboxMode>,
    /// As in [`ThreadStartParams`].
    pub approval_policy: Option<ApprovalPolicy>,
    /// As in [`ThreadStartParams`].
    pub config: Option<Map<String, Value>>,
    /// As in [`ThreadStartParams`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<TypedFlag>,
    /// As in [`ThreadStartParams`].
    pub trust_project: Option<bool>,
    /// As in [`ThreadStartParams`].
    pub ask_trust: Option<bool>,
    /// As in [`ThreadStartParams`].
    pub full_auto: Option<bool>,
    /// As in [`ThreadStartParams`].
    pub strict_config: Option<bool>,
    /// As in [`ThreadStartParams`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_output: Option<bool>,
    /// Ask another process that has it open to let it go, and wait for that. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub take_over: Option<bool>,
    /// The model will not be asked: that the provider's key is missing is no error. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_model: Option<bool>,
    /// The ordinal of the last record that the client heard of: what was recorded since is told again. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<u64>,
}

impl ThreadResumeParams {
    /// Goes on with the thread `thread_id`, where it worked, under what `start` would have a new one run under.
    pub fn under(thread_id: String, start: ThreadStartParams) -> Self {
        Self {
            thread_id,
            model: start.model,
            model_provider: start.model_provider,
            sandbox: start.sandbox,
            approval_policy: start.approval_policy,
            config: start.config,
            flags: start.flags,
            trust_project: start.trust_project,
            ask_trust: start.ask_trust,
            full_auto: start.full_auto,
            strict_config: start.strict_config,
            live_output: start.live_output,
            ..Self::default()
        }
    }
}

/// `thread/fork`: a new thread that goes on from another, which stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadForkParams {
    /// The thread to go on from, which may be open elsewhere, and what the new one runs under.
    #[serde(flatten)]
    pub from: ThreadResumeParams,
    /// The last turn that is shared; all that is recorded when absent.
    pub last_turn_id: Option<String>,
    /// Keep nothing.
    pub ephemeral: Option<bool>,
    /// Where the thread comes from; recorded.
    pub thread_source: Option<String>,
}

/// A thread that was started, resumed or forked, and the settings it runs under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadOpened {
    /// The thread.
    pub thread: Thread,
    /// Absolute workspace directory.
    pub cwd: String,
    /// Model id.
    pub model: String,
    /// Name of the model provider.
    pub model_provider: String,
    /// When the user is asked.
    pub approval_policy: ApprovalPolicy,
    /// Who answers: always `user`.
    pub approvals_reviewer: String,
    /// Level of the sandbox, in the wire's spelling of a policy.
    pub sandbox: Value,
    /// How long the model thinks, if that is said.
    #[serde(default)]
    pub reasoning_effort: Option<String>,
    /// What holds commands to it on this machine, in words for people. Ours.
    #[serde(default)]
    pub held_by: String,
    /// How it works. (Ours.)
    #[serde(default)]
    pub mode: ModeKind,
    /// Whether its last turn was cut off: by the user, by a failure, or with the server. (Ours.)
    #[serde(default)]
    pub cut_off: bool,
    /// Where its settings come from besides flags and defaults, lowest layer first, in words for people: files, and the
    /// profile. (Ours.)
    #[serde(default)]
    pub config_sources: Vec<String>,
    /// Absolute paths of the instruction files in force.
    #[serde(default)]
    pub instruction_sources: Vec<String>,
    /// How much of each was read, and what was cut or left out, for people. (Ours.)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instruction_notes: Vec<String>,
}

/// `thread/read`: what is known of a thread on disk; and, of such a thread, `thread/archive` lays it aside, `thread/unarchive`
/// brings it back, `thread/delete` deletes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadReadParams {
    /// The thread's id, its beginning, or the thread's name.
    pub thread_id: String,
}

/// Answer to `thread/read` and `thread/unarchive`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ThreadReadResult {
    /// The thread, without its turns.
    pub thread: Thread,
}

/// `thread/list`: threads on disk, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadListParams {
    /// Where to go on, as an earlier answer said.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Only those of this directory.
    pub cwd: Option<String>,
    /// Only those with this in their name, preview, id or directory; upper and lower case are the same.
    pub search_term: Option<String>,
    /// Those that were laid aside, and no others.
    pub archived: Option<bool>,
}

/// `thread/search`: threads on disk in which something was said, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadSearchParams {
    /// What was said, by the user or by the agent; upper and lower case are the same.
    pub search_term: String,
    /// As in [`ThreadListParams`].
    pub cursor: Option<String>,
    /// As in [`ThreadListParams`].
    pub limit: Option<usize>,
    /// As in [`ThreadListParams`].
    pub cwd: Option<String>,
    /// As in [`ThreadListParams`].
    pub archived: Option<bool>,
}

/// Answer to `thread/search`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadSearchResponse {
    /// Newest first.
    pub data: Vec<ThreadSearchResult>,
    /// Where to go on; null at the end.
    pub next_cursor: Option<String>,
}

/// A thread in which it was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ThreadSearchResult {
    /// It, with some of what was said around it, on one line.
    pub snippet: String,
    /// The thread, without its turns.
    pub thread: Thread,
}

/// `thread/name/set`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadSetNameParams {
    /// As in [`ThreadReadParams`].
    pub thread_id: String,
    /// One line; empty: the thread has no name any more.
    pub name: String,
}

/// `thread/name/updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadNameUpdated {
    /// The thread's id.
    pub thread_id: String,
    /// Its name.
    pub thread_name: Option<String>,
}

/// Threads on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadListResult {
    /// Newest first.
    pub data: Vec<Thread>,
    /// Where to go on; null at the end.
    pub next_cursor: Option<String>,
}

/// `thread/loaded/list`: the threads that are open on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadLoadedListParams {
    /// Ignored: the list is told at once.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// Answer to `thread/loaded/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadLoadedListResult {
    /// Ids, the oldest thread first.
    pub data: Vec<String>,
    /// Always null.
    pub next_cursor: Option<String>,
}

/// `thread/started`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadStarted {
    /// The thread.
    pub thread: Thread,
}

/// `thread/unsubscribe`: lets go of a thread. Nobody else has it here, so it is closed: its turn is interrupted, its
/// commands end, and its session can be opened by others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ThreadUnsubscribeParams {
    /// The thread's id.
    pub thread_id: String,
}

/// Answer to `thread/unsubscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ThreadUnsubscribed {
    /// What came of it.
    pub status: UnsubscribeStatus,
}

/// What came of `thread/unsubscribe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum UnsubscribeStatus {
    /// It was not open.
    NotLoaded,
    /// It is open, and whoever asked did not follow it.
    NotSubscribed,
    /// Whoever asked follows it no more; if nobody else does, it is closed.
    Unsubscribed,
}

/// `thread/closed`, `thread/archived`, `thread/unarchived`, `thread/deleted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadClosed {
    /// The thread's id.
    pub thread_id: String,
}

/// `thread/status/changed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ThreadStatusChanged {
    /// The thread's id.
    pub thread_id: String,
    /// How it stands now.
    pub status: ThreadStatus,
}

/// `warning`: something the user should know that stops nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// The thread it concerns.
    pub thread_id: Option<String>,
    /// One sentence.
    pub message: String,
}

/// A result or parameter with nothing in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Empty {}
