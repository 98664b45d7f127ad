//! What is at a path, and how that differs between two states.

use std::{ffi::OsString, fmt, path::PathBuf};

use crate::Hash;

/// What is at a path. Absence is `None` wherever a state is optional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// A regular file.
    File {
        /// BLAKE3 of its bytes.
        hash: Hash,
        /// Permission bits, 0 to 0o7777.
        mode: u32,
        /// In bytes.
        size: u64,
    },
    /// A symbolic link.
    Symlink {
        /// Its text, as it stands there.
        target: OsString,
    },
    /// A directory; what is in it has paths of its own.
    Directory {
        /// Permission bits, 0 to 0o7777.
        mode: u32,
    },
    /// Something that was there and was not saved, with all that is below it.
    Unsaved {
        /// Why not.
        why: Why,
    },
}

impl State {
    /// Whether it can be brought back.
    pub fn is_saved(&self) -> bool {
        !matches!(self, Self::Unsaved { .. })
    }
}

/// Why something was not saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A file above the limit.
    TooLarge {
        /// Its length.
        bytes: u64,
    },
    /// A directory above the limits that git ignores, that is a cache, or that is a repository's `.git`. Counted until
    /// they were passed.
    IgnoredDirectory {
        /// Files and directories in it, at least.
        entries: u64,
        /// Their bytes, at least.
        bytes: u64,
    },
    /// All that is saved together, or its number, came to the limit before it.
    TotalReached,
    /// Not ours to read, or it failed.
    Unreadable,
    /// A device, pipe or socket.
    Special,
    /// Another file system is mounted there.
    OtherFileSystem,
    /// It lies in more directories than are gone into.
    TooDeep,
    /// The scope leaves it out.
    Excluded,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => write!(f, "a file of {bytes} bytes is too large"),
            Self::IgnoredDirectory { entries, bytes } => {
                write!(f, "an ignored directory of {entries} entries and {bytes} bytes, or more, is too large")
            }
            Self::TotalReached => f.write_str("the limit of all files together was reached"),
            Self::Unreadable => f.write_str("it cannot be read"),
            Self::Special => f.write_str("it is a device, pipe or socket"),
            Self::OtherFileSystem => f.write_str("another file system is mounted there"),
            Self::TooDeep => f.write_str("it lies too deep"),
            Self::Excluded => f.write_str("it is left out"),
        }
    }
}

/// A path that is not the same in two states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Absolute.
    pub path: PathBuf,
    /// In the earlier state.
    pub before: Option<State>,
    /// In the later one.
    pub after: Option<State>,
}

impl Change {
    /// The way back.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { path: self.path, before: self.after, after: self.before }
    }
}
