//! Walls without namespaces: what Landlock and seccomp hold on their own, in the host's view of everything.
//!
//! It holds that nothing is written but below the writable directories, that what is hidden elsewhere is not read, and
//! that there is no network unless asked for. What a mount would hold besides is put back afterwards ([`super::kept`]).
//! What is not held is listed in `docs/design/0008-rungs.md`; whoever asks for this must have been told.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::{kept::Kept, landlock, plan::Plan};
use crate::{
    Confined, Network,
    wire::{Failure, Stage},
};

/// What is to be held. Resolved paths only.
#[derive(Debug)]
pub(crate) struct Alone {
    writable: Vec<PathBuf>,
    hidden: Vec<PathBuf>,
    protected: Vec<PathBuf>,
    temp: Option<PathBuf>,
    network: bool,
}

impl Alone {
    /// `plan` is that of `confined`.
    pub(crate) fn new(confined: &Confined, plan: &Plan) -> Result<Self, Failure> {
        if confined.network == Network::Proxied {
            let step = "keeping commands to the domains of sandbox.allow_domains without a network namespace";
            return Err(Failure::new(Stage::Namespaces, step, libc::ENOTSUP));
        }
        let below = |path: &Path| plan.roots.iter().any(|root| path.starts_with(root));
        let mut protected: Vec<PathBuf> = confined.protected.iter().map(|path| resolve(path)).collect();
        protected.retain(|path| below(path));
        Ok(Self {
            writable: plan.roots.iter().chain(&plan.temp).cloned().collect(),
            hidden: confined.hidden.iter().filter_map(|path| fs::canonicalize(path).ok()).collect(),
            protected,
            temp: plan.temp.clone(),
            network: confined.network == Network::Host,
        })
    }

    /// The directories that may be written in.
    pub(crate) fn writable(&self) -> &[PathBuf] {
        &self.writable
    }

    /// Looks at what is protected, before a command.
    pub(crate) fn keep(&self) -> Result<Kept, Failure> {
        Kept::look(self.protected.iter().map(|path| in_the_way(path)))
    }

    /// Confines this process, for good.
    pub(crate) fn restrict(&self) -> Result<(), Failure> {
        landlock::restrict_alone(&self.writable, &self.hidden, self.network)
    }

    /// There is no `/tmp` of its own: programs are led to the real place of the private directory.
    pub(crate) fn lead(&self, environment: &mut BTreeMap<OsString, OsString>) {
        if let Some(temp) = &self.temp {
            environment.insert("TMPDIR".into(), temp.into());
        }
    }
}

/// Where a file is in the way of a path, that file: `.git` of a worktree says where the rest is.
fn in_the_way(path: &Path) -> PathBuf {
    let mut ancestors = path.ancestors().skip(1);
    let found = ancestors.find_map(|place| Some((place, fs::symlink_metadata(place).ok()?)));
    match found {
        Some((place, found)) if found.is_file() => place.to_owned(),
        _ => path.to_owned(),
    }
}

/// The path with its directory resolved; its last part may be missing, or be anything.
fn resolve(path: &Path) -> PathBuf {
    let parts = path.parent().zip(path.file_name());
    let real = parts.and_then(|(parent, name)| Some(fs::canonicalize(parent).ok()?.join(name)));
    real.unwrap_or_else(|| path.to_owned())
}
