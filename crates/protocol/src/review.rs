//! Reviews: what is looked at, and what was found.

use serde::{Deserialize, Serialize};

use crate::Turn;

/// `review/start`: a turn in which the model looks at changes, with a conversation of its own, and leaves everything as it
/// is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReviewStartParams {
    /// The thread's id.
    pub thread_id: String,
    /// What is looked at.
    pub target: ReviewTarget,
    /// Where it takes place: `inline`, in this thread, which is what is meant when absent. There is no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ReviewTarget {
    /// What is in no commit: staged, changed and new.
    UncommittedChanges,
    /// What has changed since a branch was left.
    BaseBranch {
        /// Its name.
        branch: String,
    },
    /// A commit.
    Commit {
        /// What names it, its id or another.
        sha: String,
    },
    /// What the user says.
    Custom {
        /// In the user's words; not empty.
        instructions: String,
    },
}

/// Answer to `review/start`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReviewStartResult {
    /// The turn, just begun.
    pub turn: Turn,
    /// The thread that it is a turn of.
    pub review_thread_id: String,
}

/// What a review has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReviewResult {
    /// What was looked at, in a few words.
    pub target: String,
    /// A word on the whole.
    pub summary: String,
    /// The most severe first.
    pub findings: Vec<ReviewFinding>,
    /// What the project's tests say.
    pub tests: ReviewTests,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReviewFinding {
    /// How bad it is.
    pub severity: ReviewSeverity,
    /// Path of the file, relative to the workspace if it lies there. Absent where it is about no file.
    #[serde(default)]
    pub file: Option<String>,
    /// Line, counted from 1.
    #[serde(default)]
    pub line: Option<u32>,
    /// Last line, where it is more than one.
    #[serde(default)]
    pub end_line: Option<u32>,
    /// What it is, in a line.
    pub title: String,
    /// Why it is wrong.
    pub why: String,
    /// What to do about it.
    #[serde(default)]
    pub suggestion: Option<String>,
}

/// How bad something is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ReviewSeverity {
    /// It loses data, opens a hole, or nothing works any more.
    Critical,
    /// It does not do what it should where people will notice.
    High,
    /// It does not do what it should in rare cases, or makes the next error likely.
    Medium,
    /// It could be better.
    Low,
}

/// What the project's tests say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReviewTests {
    /// How it stands.
    pub status: ReviewTestStatus,
    /// The command line, where one was found.
    #[serde(default)]
    pub command: Option<String>,
    /// Why they were not run, or how they ended.
    #[serde(default)]
    pub detail: Option<String>,
}

/// How the tests of a review stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ReviewTestStatus {
    /// The command ended with 0.
    Passed,
    /// It ended otherwise.
    Failed,
    /// They were not run.
    NotRun,
}
