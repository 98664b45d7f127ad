//! What a command may touch, as plain data. Says nothing about how the kernel is made to hold it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The walls around a command. Equal confinements share a cell, so this is a map key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Confinement {
    /// No walls: the command runs with the rights of the user (`danger-full-access`).
    Unconfined,
    /// Kernel-held walls; refused with an error where the kernel cannot hold them.
    Confined(Confined),
}

/// The kernel-held walls. Everything not named here can be read and not written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confined {
    /// Absolute, existing directories below which the command may write. Empty: it can write nothing but `temp`.
    pub writable: Vec<PathBuf>,
    /// Those of `writable` that somebody agreed to by this name, which is a real path: refused where a symbolic link is
    /// in it by now.
    pub real: Vec<PathBuf>,
    /// Absolute paths below `writable` that stay read-only. Those that do not exist are skipped; where one leads
    /// through a file (`.git` of a git worktree), that file stays read-only. A root that is named here is in sight,
    /// wherever it lies, and not writable.
    pub protected: Vec<PathBuf>,
    /// Absolute paths that commands cannot look into, whatever else is said of them: a directory appears empty, a
    /// file appears empty. Those that do not exist are skipped.
    pub hidden: Vec<PathBuf>,
    /// Absolute, resolved paths of files that git tracks, of what is hidden and of what lies in that. They keep the kind, the
    /// size and the time that they have, so that git takes them for unchanged.
    pub in_git: Vec<PathBuf>,
    /// Absolute, resolved paths of programs that cannot be run or read; they appear as empty files. Those that do not
    /// exist are skipped. Not held by [`crate::Rung::LandlockOnly`].
    pub denied_programs: Vec<PathBuf>,
    /// Absolute directories (build caches) that commands change in a view of their cell's own. What they write is kept
    /// beside `temp`, for whoever removes that; without `temp`, or where nothing is writable, they are read-only. Those
    /// that do not exist are skipped.
    pub caches: Vec<PathBuf>,
    /// Host directory that the command sees as `/tmp` and `/var/tmp`, writable. `None`: an empty private one.
    pub temp: Option<PathBuf>,
    /// Host directory of this program's own, in which a cell notes what it has to clean up if it is killed. `None`:
    /// nothing is made that would need cleaning up.
    pub state: Option<PathBuf>,
    /// What the command can reach.
    pub network: Network,
    /// Whether it may run where the kernel has no namespaces for it ([`crate::Rung::LandlockOnly`]) although it may
    /// write: consent of the user, who was told what is not held then.
    pub weak: bool,
}

/// What a command can reach over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Network {
    /// A loopback interface shared by all commands of the cell, and nothing else.
    LoopbackOnly,
    /// As [`Network::LoopbackOnly`], with a socket on that loopback for a proxy outside the cell to listen on: see
    /// [`crate::Sandbox::with_listeners`]. Commands find it by the usual variables (`HTTP_PROXY` and its like).
    Proxied,
    /// The host's network.
    Host,
}

impl Confinement {
    /// Walls that let a command read everything and write nothing but a private, empty `/tmp`.
    ///
    /// `visible` are absolute, existing directories that stay in sight even if they lie below `/tmp`.
    pub fn read_only(visible: &[PathBuf]) -> Self {
        Self::Confined(Confined {
            // A root that is protected as a whole is shown and not writable.
            writable: visible.to_vec(),
            real: Vec::new(),
            protected: visible.to_vec(),
            hidden: Vec::new(),
            in_git: Vec::new(),
            denied_programs: Vec::new(),
            caches: Vec::new(),
            temp: None,
            state: None,
            network: Network::LoopbackOnly,
            weak: false,
        })
    }
}

impl Confined {
    /// Whether every root is protected as a whole, so that nothing but `/tmp` is left to write to.
    pub fn is_read_only(&self) -> bool {
        self.writable.iter().all(|root| self.protected.contains(root))
    }
}
