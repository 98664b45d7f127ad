//! Files that users and projects leave for the agent: where they are from, and reading them.
//!
//! It must never read a file of a project through a link that leads out of it: what is read is shown to a model.

use std::path::{Path, PathBuf};

use codex_workspace::{Bounds, read_within};

/// Where things that are plugged in are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Whose it is.
    pub place: Place,
    /// Absolute; needs not be there.
    pub directory: PathBuf,
    /// What links in it may not lead out of, nor to; `None`: they may lead anywhere.
    pub within: Option<Bounds>,
}

/// Whose something is that is plugged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The user's own.
    User,
    /// Of the project, which may be a stranger's.
    Project,
    /// Of the plugin of this name, which was enabled.
    Plugin(String),
}

impl Place {
    /// As people are told.
    pub fn name(&self) -> &str {
        match self {
            Self::User => "user",
            Self::Project => "project",
            Self::Plugin(name) => name,
        }
    }
}

impl Source {
    /// One of the user's own.
    pub fn user(directory: PathBuf) -> Self {
        Self { place: Place::User, directory, within: None }
    }

    /// One of the project with this root.
    pub fn project(directory: PathBuf, root: impl Into<Bounds>) -> Self {
        Self { place: Place::Project, directory, within: Some(root.into()) }
    }

    /// One of a plugin with this root.
    pub fn plugin(name: &str, directory: PathBuf, root: &Path) -> Self {
        Self { place: Place::Plugin(name.to_owned()), directory, within: Some(root.into()) }
    }
}

/// The text of a file of at most `limit` bytes.
///
/// # Errors
/// A sentence without a full stop: it cannot be read, is too long, is no text, or is not read by `within`.
pub(crate) fn text(path: &Path, within: Option<&Bounds>, limit: usize) -> Result<String, String> {
    let read = read_within(path, within, limit).map_err(|error| error.to_string())?;
    let (bytes, more) = read.ok_or("it is not there")?;
    if more {
        return Err(format!("it is longer than {} KiB", limit >> 10));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// The names in a directory, sorted; none where there is no such directory.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}
