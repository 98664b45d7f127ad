//! Items: what a turn is made of, each with an id of its own.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    CollabAgentState, CollabAgentTool, CollabAgentToolCallStatus, CompactionReport, McpToolCallError,
    McpToolCallResult, McpToolCallStatus, ReviewResult,
};

/// One thing that happened in a turn. Sent once when it starts (where it takes time) and once when it is complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ThreadItem {
    /// What the user said.
    UserMessage {
        /// Id within the thread.
        id: String,
        /// In the order given.
        content: Vec<UserInput>,
    },
    /// What the model said.
    AgentMessage {
        /// Id within the thread.
        id: String,
        /// Markdown.
        text: String,
    },
    /// What the model proposes to do, in plan mode.
    Plan {
        /// Id within the thread.
        id: String,
        /// Markdown.
        text: String,
    },
    /// What the model lets us see of its thinking.
    Reasoning {
        /// Id within the thread.
        id: String,
        /// Summary paragraphs.
        #[serde(default)]
        summary: Vec<String>,
    },
    /// A shell command.
    CommandExecution {
        /// Id within the thread.
        id: String,
        /// The command line as given to the shell.
        command: String,
        /// Absolute directory it ran in.
        cwd: String,
        /// Whose command it is.
        #[serde(default, skip_serializing_if = "CommandExecutionSource::is_agent")]
        source: CommandExecutionSource,
        /// How it stands.
        status: CommandExecutionStatus,
        /// What the command line does, read off its words. Always empty here: a guess is worse than none.
        #[serde(default)]
        command_actions: Vec<Value>,
        /// Output, both streams together, cut to size.
        #[serde(default)]
        aggregated_output: Option<String>,
        /// Exit status as a shell reports it.
        #[serde(default)]
        exit_code: Option<i32>,
        /// Wall time in milliseconds.
        #[serde(default)]
        duration_ms: Option<u64>,
    },
    /// Files changed by a patch.
    FileChange {
        /// Id within the thread.
        id: String,
        /// One entry a file, in the order of the patch.
        changes: Vec<FileUpdateChange>,
        /// How it stands.
        status: PatchApplyStatus,
    },
    /// A call of any other tool.
    DynamicToolCall {
        /// Id within the thread.
        id: String,
        /// The tool's name.
        tool: String,
        /// Its arguments: a JSON object, or a string where they could not be read.
        arguments: Value,
        /// How it stands.
        status: DynamicToolCallStatus,
        /// What it returned.
        #[serde(default)]
        content_items: Option<Vec<DynamicToolCallOutput>>,
        /// Whether it did what it was asked.
        #[serde(default)]
        success: Option<bool>,
        /// Wall time in milliseconds.
        #[serde(default)]
        duration_ms: Option<u64>,
    },
    /// A call of a tool that a server has which is plugged in.
    McpToolCall {
        /// Id within the thread.
        id: String,
        /// The server, as the settings call it.
        server: String,
        /// The tool, as the server calls it.
        tool: String,
        /// Its arguments.
        arguments: Value,
        /// How it stands.
        status: McpToolCallStatus,
        /// What the server answered.
        #[serde(default)]
        result: Option<Box<McpToolCallResult>>,
        /// Why there is no answer.
        #[serde(default)]
        error: Option<McpToolCallError>,
        /// Wall time in milliseconds.
        #[serde(default)]
        duration_ms: Option<u64>,
    },
    /// Something that was asked of sub-agents.
    CollabAgentToolCall {
        /// Id within the thread.
        id: String,
        /// What was asked.
        tool: CollabAgentTool,
        /// How it stands.
        status: CollabAgentToolCallStatus,
        /// Id of the thread that asked.
        sender_thread_id: String,
        /// Ids of the sub-agents' threads.
        receiver_thread_ids: Vec<String>,
        /// The task, or what was said.
        #[serde(default)]
        prompt: Option<String>,
        /// The sub-agent's model, where it was started.
        #[serde(default)]
        model: Option<String>,
        /// How the sub-agents stand, by the ids of their threads.
        agents_states: BTreeMap<String, CollabAgentState>,
    },
    /// A search of the web, or a page of it that was read.
    WebSearch {
        /// Id within the thread.
        id: String,
        /// What was searched for, or the address of the page.
        query: String,
        /// What was done.
        #[serde(default)]
        action: Option<WebSearchAction>,
        /// Where what was found is from, once it is there.
        #[serde(default)]
        results: Option<Vec<WebSource>>,
        /// Why it came to nothing. (Ours.)
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    },
    /// A review begins.
    EnteredReviewMode {
        /// Id within the thread.
        id: String,
        /// What is looked at, in a few words.
        review: String,
    },
    /// A review has ended.
    ExitedReviewMode {
        /// Id within the thread.
        id: String,
        /// What it has come to, as text (Markdown).
        review: String,
        /// The same as data; absent if it was not finished, or the model did not answer as it should. (Ours.)
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<ReviewResult>,
    },
    /// The conversation was summed up, so that there is room again.
    ContextCompaction {
        /// Id within the thread.
        id: String,
        /// What came of it, once it is known. (Ours.)
        #[serde(default, skip_serializing_if = "Option::is_none")]
        report: Option<CompactionReport>,
    },
}

impl ThreadItem {
    /// The item's id.
    pub fn id(&self) -> &str {
        match self {
            Self::UserMessage { id, .. }
            | Self::AgentMessage { id, .. }
            | Self::Plan { id, .. }
            | Self::Reasoning { id, .. }
            | Self::CommandExecution { id, .. }
            | Self::FileChange { id, .. }
            | Self::DynamicToolCall { id, .. }
            | Self::McpToolCall { id, .. }
            | Self::CollabAgentToolCall { id, .. }
            | Self::WebSearch { id, .. }
            | Self::EnteredReviewMode { id, .. }
            | Self::ExitedReviewMode { id, .. }
            | Self::ContextCompaction { id, .. } => id,
        }
    }
}

/// What was done on the web.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum WebSearchAction {
    /// A search.
    Search {
        /// What was searched for, if it was one thing.
        query: Option<String>,
        /// All that was searched for, if it was more.
        #[serde(default)]
        queries: Option<Vec<String>>,
    },
    /// A page was read.
    OpenPage {
        /// Its address.
        url: Option<String>,
    },
}

/// Where something on the web is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WebSource {
    /// Title of the page; may be empty.
    pub title: String,
    /// Its address.
    pub url: String,
}

/// A piece of what the user said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum UserInput {
    /// Text.
    Text {
        /// UTF-8, any length.
        text: String,
    },
    /// A picture in a file of the server's machine.
    LocalImage {
        /// Absolute, or relative to the thread's directory.
        path: String,
    },
    /// A picture's own bytes.
    Image {
        /// `data:image/png;base64,…` (RFC 2397); no other address is looked at. In the items of a thread it is without its
        /// bytes.
        url: String,
        /// What the user calls it. (Ours.)
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A skill that is to be used: the model reads its instructions at once.
    Skill {
        /// Its name.
        name: String,
        /// Absolute path of its `SKILL.md`; empty: found by its name.
        #[serde(default)]
        path: String,
    },
    /// A command that is not built in: the model reads what it comes to. (Ours.)
    Command {
        /// Its name, without the `/`.
        name: String,
        /// What follows it; may be empty.
        #[serde(default)]
        arguments: String,
    },
}

impl UserInput {
    /// What a person would type for it; `None`: a picture.
    pub fn typed(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text { text } => Some(Cow::Borrowed(text)),
            Self::Skill { name, .. } => Some(Cow::Owned(format!("${name}"))),
            Self::Command { name, arguments } => Some(Cow::Owned(format!("/{name} {arguments}").trim_end().to_owned())),
            Self::LocalImage { .. } | Self::Image { .. } => None,
        }
    }
}

/// Whose command it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum CommandExecutionSource {
    /// The model called for it.
    #[default]
    Agent,
    /// The user typed it.
    UserShell,
}

impl CommandExecutionSource {
    fn is_agent(&self) -> bool {
        *self == Self::Agent
    }
}

/// How a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum CommandExecutionStatus {
    /// It runs.
    InProgress,
    /// It ended with status 0.
    Completed,
    /// It ended otherwise, or could not be started.
    Failed,
    /// It was not allowed to run.
    Declined,
}

/// How a patch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum PatchApplyStatus {
    /// It is being written.
    InProgress,
    /// All of it was written.
    Completed,
    /// None of it was written.
    Failed,
    /// It was not allowed.
    Declined,
}

/// How a tool call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum DynamicToolCallStatus {
    /// It runs.
    InProgress,
    /// It did what it was asked.
    Completed,
    /// It did not.
    Failed,
}

/// A piece of what a tool returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum DynamicToolCallOutput {
    /// Text.
    InputText {
        /// UTF-8, cut to size.
        text: String,
    },
}

/// One file of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FileUpdateChange {
    /// Absolute path; the old one where the file moves.
    pub path: String,
    /// What happens to it.
    pub kind: PatchChangeKind,
    /// Unified diff of the file's content, without file headers.
    pub diff: String,
}

impl FileUpdateChange {
    /// The files that it is about: where one moves, the new path is the second.
    pub fn paths(&self) -> impl Iterator<Item = &String> {
        let to = match &self.kind {
            PatchChangeKind::Update { move_path } => move_path.as_ref(),
            _ => None,
        };
        std::iter::once(&self.path).chain(to)
    }
}

/// What a patch does to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum PatchChangeKind {
    /// The file is made.
    Add,
    /// The file is removed.
    Delete,
    /// The file's content changes, its name may.
    Update {
        /// Absolute new path, if it moves. (The wire spells this member with an underscore.)
        #[serde(rename = "move_path")]
        move_path: Option<String>,
    },
}
