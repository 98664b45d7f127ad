//! Finding files by a few letters of their names.

use serde::{Deserialize, Serialize};

/// `fuzzyFileSearch`: files and directories whose paths have the letters of `query` in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct FuzzyFileSearchParams {
    /// What is looked for; words apart are found in any order. With nothing in it, what lies at the top is found.
    pub query: String,
    /// Absolute directories to look in.
    pub roots: Vec<String>,
    /// A later search with the same token makes this one void. Searches are too short for it to matter here.
    pub cancellation_token: Option<String>,
    /// Whether the directories are looked through anew before the answer. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<bool>,
    /// Whether an answer may be made of what was found so far, where finding all takes long. (Ours.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<bool>,
}

/// Answer to `fuzzyFileSearch`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FuzzyFileSearchResult {
    /// The best first.
    pub files: Vec<FoundFile>,
    /// Whether more may be found: whoever wants it asks again. Only where it was asked for. (Ours.)
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// A file or directory that was found. (The wire spells its members with underscores.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FoundFile {
    /// The directory it was found in, as the search named it.
    pub root: String,
    /// Path relative to `root`.
    pub path: String,
    /// What it is.
    pub match_type: FoundKind,
    /// The last part of `path`.
    pub file_name: String,
    /// How well it fits: more is better.
    pub score: u32,
    /// Which characters of `path` were matched, counted from 0, ascending.
    pub indices: Option<Vec<u32>>,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum FoundKind {
    /// A file, or a link.
    File,
    /// A directory.
    Directory,
}
