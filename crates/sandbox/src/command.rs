//! What to start and how it ended, as plain data.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use crate::NOT_HELD_ALONE;

/// A program to start in a cell. Nothing is inherited: what is not named here the program does not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments; the program is looked up in `environment`'s `PATH` when it has no slash.
    pub argv: Vec<OsString>,
    /// Absolute directory to start in.
    pub directory: PathBuf,
    /// The whole environment of the program.
    pub environment: BTreeMap<OsString, OsString>,
}

/// How a command ended. By then everything it started has ended too (confined commands).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It ended by itself with this status, 0 to 255.
    Code(i32),
    /// A signal ended it; the number is that of `signal(7)`.
    Signal(i32),
}

impl Exit {
    /// The status a shell would report: the code, or 128 plus the signal's number.
    pub fn shell_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(number) => 128 + number,
        }
    }
}

/// Why a command could not be started, or was lost.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel or its settings do not allow the walls that were asked for.
    #[error("the sandbox cannot be set up: {step} failed: {source}. {hint}")]
    Unsupported {
        /// The call that failed, in words a user can search for.
        step: String,
        /// What the kernel said.
        source: std::io::Error,
        /// What the user can do about it.
        hint: String,
    },
    /// Not even the weakest walls can be held here.
    #[error(
        "no sandbox can be set up here, so no command runs. With namespaces: {namespaces}. With Landlock alone: \
         {landlock}. The ways out: make one of the two available, or run inside a container or virtual machine that \
         isolates commands already and say so by `--sandbox danger-full-access`, which runs them without walls"
    )]
    Impossible {
        /// What failed with namespaces.
        namespaces: String,
        /// What failed without.
        landlock: String,
    },
    /// Only walls that need the user's consent can be held here.
    #[error(
        "this machine can hold commands by Landlock and seccomp only, which is too weak for a writable workspace \
         unless you say otherwise: {}. `sandbox.allow_weak = true` allows it; `--sandbox danger-full-access` runs \
         commands without walls, for use inside a container that isolates them already. Why there is no better: {why}",
        NOT_HELD_ALONE.join("; ")
    )]
    Weak {
        /// What failed with namespaces.
        why: String,
    },
    /// The program to start is not there or may not be executed.
    #[error("cannot run `{program}`: {source}")]
    Program {
        /// The first word of the command.
        program: String,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The directory to start in is not there or may not be entered.
    #[error("cannot start in `{}`: {source}", directory.display())]
    Directory {
        /// The directory of the command.
        directory: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The helper process ended or stopped answering.
    #[error("the sandbox helper was lost: {0}")]
    Lost(String),
    /// Starting or talking to the helper failed.
    #[error("the sandbox helper could not be started: {0}")]
    Helper(#[from] std::io::Error),
}
