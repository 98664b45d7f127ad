//! What an action will touch, as its tool declares it before it runs.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::ToolApproval;

/// What an action will read, write, run and reach. Paths are absolute and normalised (no `.` or `..`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Access {
    /// Files and directories it reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<PathBuf>,
    /// Files it makes, changes or removes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<PathBuf>,
    /// Command line it gives to the shell. What that touches is not known; the sandbox holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// `command` is text that is typed to a program that is no shell: it need not be one.
    #[serde(skip)]
    pub typed: bool,
    /// The absolute directory that the command line starts in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// The programs that the command line names by bare words ([`bare_programs`](crate::bare_programs)), each as a real
    /// path: the first hit in the `PATH` that the command itself will have, relative entries taken against its directory.
    /// Those that were not found are missing. Whether a command could have changed them is for the decision to say.
    #[serde(skip)]
    pub programs: BTreeMap<String, PathBuf>,
    /// What git would change by it of what commands may not write: found out by asking git.
    #[serde(skip)]
    pub uncovers: Option<Uncovers>,
    /// It runs a program of ours with fixed arguments (git), under the read-only walls whatever the level.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only_program: bool,
    /// The page of the web that it asks for. This program does that itself, outside of all walls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch: Option<Fetch>,
    /// The call of a tool that a server has which is plugged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteCall>,
    /// The model asked to run it outside the sandbox, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_sandbox: Option<String>,
}

/// A page of the web, and what speaks for asking for it. Its address is all that leaves, but it may hold anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Fetch {
    /// Its address.
    pub url: String,
    /// The host in it.
    pub host: String,
    /// The settings name the host.
    #[serde(skip)]
    pub is_listed: bool,
    /// Whoever named it did not know what the model knows: the user did, or a search.
    #[serde(skip)]
    pub is_known: bool,
    /// The user has named its host.
    #[serde(skip)]
    pub is_said: bool,
}

/// A call of a tool of a server, and what speaks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RemoteCall {
    /// The server, as the settings call it.
    pub server: String,
    /// The tool, as the server calls it.
    pub tool: String,
    /// Of all that the server says about the tool: with another one it is another tool.
    pub digest: String,
    /// What the settings say about it.
    #[serde(skip)]
    pub approval: ToolApproval,
    /// The server says that it changes nothing.
    #[serde(skip)]
    pub says_it_reads: bool,
    /// The server is a program behind walls.
    #[serde(skip)]
    pub is_confined: bool,
    /// The server may change files of the workspace.
    #[serde(skip)]
    pub may_write: bool,
    /// A person has said yes to it for always, as it is.
    #[serde(skip)]
    pub is_remembered: bool,
}

/// What git would change of what commands may not write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uncovers {
    /// The command that would, for people.
    pub line: String,
    /// The files; absolute, sorted.
    pub files: Vec<PathBuf>,
    /// What would have to be writable for that: protected paths, each as the policy has it. Sorted.
    pub paths: Vec<PathBuf>,
    /// Whether git could not tell, so that these are all that it might change.
    pub perhaps: bool,
}
