//! Plugins: which are kept, and what each adds. What is `thread/…` is ours.

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

/// Parameters of `plugin/installed`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PluginInstalledParams {
    /// Directories whose settings say which are in use; without any, the user's do.
    pub cwds: Option<Vec<String>>,
}

/// Result of `plugin/installed`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PluginInstalledResponse {
    /// Those that have any, sorted by name; what was added from elsewhere is told as of the marketplace `local`.
    pub marketplaces: Vec<PluginMarketplaceEntry>,
}

/// The plugins of a marketplace that are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PluginMarketplaceEntry {
    /// Its name.
    pub name: String,
    /// Sorted by id.
    pub plugins: Vec<PluginSummary>,
}

/// A plugin that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PluginSummary {
    /// `NAME`, or `NAME@MARKETPLACE`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version, as its author counts.
    pub local_version: Option<String>,
    /// Always true.
    pub installed: bool,
    /// When, in seconds since 1970.
    pub installed_at: i64,
    /// Whether it is in use: not if it is held back.
    pub enabled: bool,
    /// Where it is from.
    pub source: PluginSource,
    /// Always `AVAILABLE`.
    pub install_policy: String,
    /// Always `ON_USE`.
    pub auth_policy: String,
}

/// Where a plugin is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PluginSource {
    /// A directory of this machine.
    Local {
        /// Absolute.
        path: String,
    },
    /// A repository.
    Git {
        /// An address, or an absolute path.
        url: String,
        /// The directory in it, if not all of it.
        path: Option<String>,
        /// A branch, a tag or a commit, if one was named.
        ref_name: Option<String>,
        /// Its commit, in hexadecimal.
        sha: Option<String>,
    },
}
