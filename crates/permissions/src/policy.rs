//! The settings that a decision follows from.

use std::path::PathBuf;

use codex_sandbox::{Confined, Confinement, Network};
use serde::{Deserialize, Serialize};

/// The three levels of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxLevel {
    /// Nothing is written, no command runs.
    ReadOnly,
    /// Commands run; they write below the writable roots.
    WorkspaceWrite,
    /// No walls.
    DangerFullAccess,
}

/// When a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// Before every edit and every command that is not pre-approved.
    Untrusted,
    /// When an action needs more than the sandbox gives.
    OnRequest,
    /// Never: what would have to ask is refused.
    Never,
}

/// All that a decision depends on besides the action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Level of the sandbox.
    pub level: SandboxLevel,
    /// When a person is asked.
    pub approval: Approval,
    /// Absolute directories that may be written under `workspace-write`: the workspace first, then added ones.
    pub writable: Vec<PathBuf>,
    /// Absolute paths below them that stay read-only.
    pub protected: Vec<PathBuf>,
    /// The session's private temporary directory, on the host.
    pub temp: PathBuf,
    /// Whether commands reach the host's network.
    pub network: bool,
}

impl Policy {
    /// The walls that commands run inside under this policy's level.
    pub fn confinement(&self) -> Confinement {
        match self.level {
            SandboxLevel::DangerFullAccess => Confinement::Unconfined,
            SandboxLevel::ReadOnly => Confinement::read_only(&self.writable),
            SandboxLevel::WorkspaceWrite => Confinement::Confined(Confined {
                writable: self.writable.clone(),
                protected: self.protected.clone(),
                temp: Some(self.temp.clone()),
                network: if self.network { Network::Host } else { Network::LoopbackOnly },
            }),
        }
    }
}
