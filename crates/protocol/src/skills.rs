//! Skills of a directory: what there is, and which are in use.

use serde::{Deserialize, Serialize};

/// `skills/list`: the skills of whoever works in these directories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct SkillsListParams {
    /// Absolute directories; where there are none, that in which the server works.
    pub cwds: Vec<String>,
    /// Nothing is kept, so that every answer is new.
    pub force_reload: bool,
}

/// Answer to `skills/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SkillsListResult {
    /// One for each directory.
    pub data: Vec<SkillsListEntry>,
}

/// The skills of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SkillsListEntry {
    /// The directory.
    pub cwd: String,
    /// What was left out.
    pub errors: Vec<SkillError>,
    /// Sorted by name.
    pub skills: Vec<SkillInfo>,
}

/// What is wrong with a skill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SkillError {
    /// What is wrong.
    pub message: String,
    /// Its `SKILL.md`.
    pub path: String,
}

/// A skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SkillInfo {
    /// What it is for, in a line.
    pub description: String,
    /// Whether it is in use.
    pub enabled: bool,
    /// Its name.
    pub name: String,
    /// Its `SKILL.md`, absolute.
    pub path: String,
    /// Whose it is.
    pub scope: SkillScope,
    /// The plugin that it came with.
    #[serde(default)]
    pub plugin_id: Option<String>,
}

/// Whose a skill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SkillScope {
    /// The user's own, or one of a plugin that the user has.
    User,
    /// The project's.
    Repo,
}

/// `skills/config/write`: takes a skill out of use, or back into it, in the user's settings. Threads that begin later go by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct SkillsConfigWriteParams {
    /// Whether it is in use.
    pub enabled: bool,
    /// Its name.
    pub name: Option<String>,
    /// Its `SKILL.md`, or the directory of that, absolute; where no name is given.
    pub path: Option<String>,
}

/// Answer to `skills/config/write`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SkillsConfigWriteResult {
    /// Whether it is in use now.
    pub effective_enabled: bool,
}
