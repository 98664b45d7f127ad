//! Plugins: which are kept, and what each adds. (Ours.)

use serde::{Deserialize, Serialize};

/// Parameters of `thread/plugins/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PluginsListParams {
    /// The thread.
    pub thread_id: String,
}

/// Result of `thread/plugins/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PluginsListResult {
    /// All that are kept, sorted by id.
    pub data: Vec<KeptPlugin>,
}

/// A plugin that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct KeptPlugin {
    /// `NAME`, or `NAME@MARKETPLACE`.
    pub id: String,
    /// Its version, as its author counts.
    pub version: Option<String>,
    /// Where it is from, as it would be typed.
    pub source: String,
    /// Its commit, in hexadecimal; `null`: it is from a plain directory.
    pub commit: Option<String>,
    /// Whether the settings have it in use.
    pub enabled: bool,
    /// Why it is held back, if it is.
    pub error: Option<String>,
    /// What of it is not read, a sentence each.
    pub warnings: Vec<String>,
    /// What it adds.
    pub adds: Vec<PluginAddition>,
}

/// Something that a plugin adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PluginAddition {
    /// `tool`, `server`, `linter`, `formatter`, `hook`, `command`, `skill` or `agent`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What comes of it, what is run verbatim.
    pub does: String,
    /// Whether that runs outside the sandbox.
    pub outside_sandbox: bool,
}

/// Parameters of `thread/plugins/set`: whether a plugin is in use, from the thread's next turn on and in later sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PluginSetParams {
    /// The thread.
    pub thread_id: String,
    /// The plugin's id.
    pub id: String,
    /// Whether it is in use.
    pub enabled: bool,
}
