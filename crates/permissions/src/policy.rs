//! The settings that a decision follows from.

use std::path::PathBuf;

use codex_sandbox::{Confined, Confinement, Network};
use serde::{Deserialize, Serialize};

use crate::Rules;

/// The three levels of the sandbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxLevel {
    /// Nothing is written, no command runs.
    #[default]
    ReadOnly,
    /// Commands run; they write below the writable roots.
    WorkspaceWrite,
    /// No walls.
    DangerFullAccess,
}

/// When a person is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// Before every edit and every command that is not pre-approved.
    #[default]
    Untrusted,
    /// When an action needs more than the sandbox gives.
    OnRequest,
    /// Never: what would have to ask is refused.
    Never,
}

/// All that a decision depends on besides the action. The default is the strictest there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Level of the sandbox.
    pub level: SandboxLevel,
    /// When a person is asked.
    pub approval: Approval,
    /// `--full-auto`: what would have to ask because of its class runs, unless a rule denies it.
    pub full_auto: bool,
    /// Whether a person's yes may give an action more than the walls do.
    pub may_leave: bool,
    /// The rules for commands.
    pub rules: Rules,
    /// Absolute, resolved directories that may be written under `workspace-write`: the workspace first, then added ones.
    /// Nothing runs where one leads elsewhere by then.
    pub writable: Vec<PathBuf>,
    /// Absolute paths below them that stay read-only.
    pub protected: Vec<PathBuf>,
    /// Absolute directories that only commands may write besides: the git directories of what they work in.
    pub git: Vec<PathBuf>,
    /// Absolute paths that stay read-only to commands besides those that are protected: what steers git there and in
    /// repositories below, and what agents are told.
    pub covered: Vec<PathBuf>,
    /// Absolute paths that commands cannot look into: secrets.
    pub hidden: Vec<PathBuf>,
    /// Absolute, resolved paths of files that git tracks, of what is hidden and of what lies in that.
    pub in_git: Vec<PathBuf>,
    /// Absolute, resolved paths of programs that commands cannot run: those of [`Rules::denied_programs`].
    pub denied_programs: Vec<PathBuf>,
    /// Build caches, absolute. Commands write there in a view of their own only, and no program found there is trusted.
    pub caches: Vec<PathBuf>,
    /// Absolute, existing directories in `/tmp` or `/var/tmp`, of which commands see their own in that place: these are in
    /// sight all the same, and not writable.
    pub shown: Vec<PathBuf>,
    /// The session's private temporary directory, on the host.
    pub temp: PathBuf,
    /// Where cells note what has to be cleaned up, on the host.
    pub state: PathBuf,
    /// Whether commands reach the host's network.
    pub network: bool,
    /// What commands reach through a proxy, if not all of it: entries of `sandbox.allow_domains`, checked already.
    pub domains: Vec<String>,
    /// Consent to commands that write where the kernel cannot hold all walls.
    pub weak: bool,
    /// Whether nothing that commands write is kept: see [`Policy::thrown_away`].
    pub thrown_away: bool,
    /// Whether it is that of plan mode: see [`Policy::planning`].
    pub is_planning: bool,
}

impl Policy {
    /// What commands reach. A list of domains narrows nothing where everything is allowed.
    fn reach(&self) -> Network {
        match (self.network, self.domains.is_empty()) {
            (true, _) => Network::Host,
            (false, false) => Network::Proxied,
            (false, true) => Network::LoopbackOnly,
        }
    }

    /// This policy for commands that leave everything as it is: what they would write, they write in a view of their cell's
    /// own. It is kept beside `temp`, the directory that they see as `/tmp`, for whoever removes that. Nobody is asked for
    /// more, and under `danger-full-access` there are walls too. Where nothing may be written, nothing changes.
    #[must_use]
    pub fn thrown_away(&self, temp: PathBuf) -> Self {
        let is_open = self.level == SandboxLevel::DangerFullAccess;
        Self {
            level: if is_open { SandboxLevel::WorkspaceWrite } else { self.level },
            approval: if self.approval == Approval::Untrusted { Approval::Untrusted } else { Approval::Never },
            network: self.network || is_open,
            temp,
            thrown_away: true,
            ..self.clone()
        }
    }

    /// This policy for commands whose changes to the roots are put back after them, where [`Policy::thrown_away`] cannot be had: git
    /// directories, of which no state is taken, they cannot write. Under `danger-full-access` there are walls too.
    #[must_use]
    pub fn to_be_put_back(&self) -> Self {
        let git: Vec<PathBuf> = self.writable.iter().map(|root| root.join(".git")).collect();
        let outside = |paths: &[PathBuf]| -> Vec<PathBuf> {
            paths.iter().filter(|path| !git.iter().any(|git| path.starts_with(git))).cloned().collect()
        };
        let is_open = self.level == SandboxLevel::DangerFullAccess;
        Self {
            level: if is_open { SandboxLevel::WorkspaceWrite } else { self.level },
            network: self.network || is_open,
            protected: [outside(&self.protected), git.clone()].concat(),
            covered: outside(&self.covered),
            git: Vec::new(),
            ..self.clone()
        }
    }

    /// What commands change in a view of their own, where nothing of it is kept: each outermost directory.
    fn overlaid(&self) -> Vec<PathBuf> {
        let mut all = [&self.writable[..], &self.git, &self.caches].concat();
        all.sort();
        // Sorted, so that the outer one comes first.
        all.dedup_by(|inner, outer| inner.starts_with(outer));
        all
    }

    /// The walls that commands run inside under this policy's level.
    pub fn confinement(&self) -> Confinement {
        match self.level {
            SandboxLevel::DangerFullAccess => Confinement::Unconfined,
            SandboxLevel::ReadOnly => self.confinement_for_our_programs(),
            SandboxLevel::WorkspaceWrite if self.thrown_away => Confinement::Confined(Confined {
                writable: [std::slice::from_ref(&self.temp), &self.shown].concat(),
                real: Vec::new(),
                protected: self.shown.clone(),
                hidden: self.hidden.clone(),
                in_git: self.in_git.clone(),
                denied_programs: self.denied_programs.clone(),
                caches: self.overlaid(),
                temp: Some(self.temp.clone()),
                state: Some(self.state.clone()),
                network: self.reach(),
                weak: false,
            }),
            SandboxLevel::WorkspaceWrite => Confinement::Confined(Confined {
                // A root that is protected as a whole is shown and not writable.
                writable: [&self.writable[..], &self.git, &self.shown].concat(),
                // They were when the policy was made: who may write above one can put a link in its place.
                real: self.writable.clone(),
                protected: [&self.protected[..], &self.covered, &self.shown].concat(),
                hidden: self.hidden.clone(),
                in_git: self.in_git.clone(),
                denied_programs: self.denied_programs.clone(),
                caches: self.caches.clone(),
                temp: Some(self.temp.clone()),
                state: Some(self.state.clone()),
                network: self.reach(),
                weak: self.weak,
            }),
        }
    }

    /// As [`Policy::confinement`], with `paths` not protected.
    pub(crate) fn confinement_without(&self, paths: &[PathBuf]) -> Confinement {
        match self.confinement() {
            Confinement::Confined(mut walls) => {
                walls.protected.retain(|path| !paths.contains(path));
                Confinement::Confined(walls)
            }
            Confinement::Unconfined => Confinement::Unconfined,
        }
    }

    /// The walls for programs of ours, which read: they write nothing, whatever the level, and see no secrets.
    pub fn confinement_for_our_programs(&self) -> Confinement {
        match Confinement::read_only(&[&self.writable[..], &self.git, &self.shown].concat()) {
            Confinement::Confined(walls) => Confinement::Confined(Confined {
                hidden: self.hidden.clone(),
                in_git: self.in_git.clone(),
                denied_programs: self.denied_programs.clone(),
                ..walls
            }),
            Confinement::Unconfined => Confinement::Unconfined,
        }
    }

    /// The walls for commands that are known to read only: those of [`Policy::confinement`] with everything that may be
    /// written in sight and not writable.
    pub fn confinement_for_reading(&self) -> Confinement {
        match self.confinement() {
            // What they could write is thrown away.
            walls if self.thrown_away => walls,
            Confinement::Confined(walls) => {
                Confinement::Confined(Confined { protected: walls.writable.clone(), ..walls })
            }
            Confinement::Unconfined => Confinement::Unconfined,
        }
    }
}
