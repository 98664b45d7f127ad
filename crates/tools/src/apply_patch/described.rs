//! What the patch of a call is about, for who looks at calls before they are read.

use std::path::{Path, PathBuf};

use codex_history::Arguments;
use codex_permissions::patch_heredoc;

use super::{
    Args,
    parse::{self, Hunk, HunkLine, Operation},
};
use crate::arguments;

/// A patch that a call would apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedPatch {
    /// Its text.
    pub text: String,
    /// What its relative paths are below.
    pub base: PathBuf,
    /// The files that it speaks of, in its order.
    pub files: Vec<DescribedFile>,
}

/// What a patch does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedFile {
    /// As it is written.
    pub path: String,
    /// Where it is moved to.
    pub move_to: Option<String>,
    /// What is done.
    pub change: DescribedChange,
}

/// What is done to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DescribedChange {
    /// It is made, or replaced, with this text.
    Add(String),
    /// It goes.
    Delete,
    /// Each of these texts becomes another; what stands around them is in both.
    Update(Vec<(String, String)>),
}

/// The patch of a call of `tool`, if it is one that can be read.
pub fn described_patch(tool: &str, call: &Arguments, workspace: &Path) -> Option<DescribedPatch> {
    let (text, base) = match (tool, call) {
        ("apply_patch", Arguments::Freeform(text)) => (text.clone(), workspace.to_owned()),
        ("apply_patch", Arguments::Json(_)) => (arguments::parse::<Args>(call).ok()?.input, workspace.to_owned()),
        ("exec_command", _) => {
            let call: serde_json::Value = serde_json::from_str(call.text()).ok()?;
            let found = patch_heredoc(call["cmd"].as_str()?)?;
            let directory = workspace.join(call["workdir"].as_str().unwrap_or_default());
            (found.patch, directory.join(found.directory.as_deref().unwrap_or_default()))
        }
        _ => return None,
    };
    let files = parse::parse(&text).ok()?.into_iter().map(file).collect();
    Some(DescribedPatch { text, base, files })
}

fn file(operation: Operation) -> DescribedFile {
    match operation {
        Operation::Add { path, text } => DescribedFile { path, move_to: None, change: DescribedChange::Add(text) },
        Operation::Delete { path } => DescribedFile { path, move_to: None, change: DescribedChange::Delete },
        Operation::Update { path, move_to, hunks } => {
            let change = DescribedChange::Update(hunks.iter().map(edit).collect());
            DescribedFile { path, move_to, change }
        }
    }
}

fn edit(hunk: &Hunk) -> (String, String) {
    let lines = |is_there: fn(&HunkLine) -> bool| {
        let text = |line: &HunkLine| match line {
            HunkLine::Keep(text) | HunkLine::Remove(text) | HunkLine::Add(text) => text.clone(),
        };
        hunk.lines.iter().filter(|line| is_there(line)).map(text).collect::<Vec<_>>().join("\n")
    };
    let old = lines(|line| !matches!(line, HunkLine::Add(_)));
    (old, lines(|line| !matches!(line, HunkLine::Remove(_))))
}
