//! Commands that are not built in: files of the user's, of a project and of plugins, and prompts of servers.

use serde::{Deserialize, Serialize};

/// `command/list`: the commands of a thread that are not built in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct CommandListParams {
    /// The thread's id.
    pub thread_id: String,
    /// Whether servers of tools are neither started nor waited for: the prompts of those that are ready are told.
    pub no_wait: bool,
}

/// Answer to `command/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CommandListResult {
    /// Sorted by name; each name is there once.
    pub data: Vec<OwnCommand>,
    /// What is wrong with files that are left out, a sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A command that is not built in. [`crate::UserInput::Command`] uses it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OwnCommand {
    /// Without the `/`; no white space in it.
    pub name: String,
    /// What it does, in a line; may be empty.
    pub description: String,
    /// What follows its name, as help writes it.
    #[serde(default)]
    pub argument_hint: Option<String>,
    /// Where it is from: `user`, `project`, or the name of a plugin or a server.
    pub source: String,
}
