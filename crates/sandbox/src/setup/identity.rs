//! Who a cell's processes are: the caller, and for real root also whoever owns what it may write.
//!
//! In a user namespace even root has rights over those files only whose owner exists in it. A container often runs as
//! root in a workspace that belongs to another user; with that user unknown, root would write nothing there.

use std::{collections::BTreeSet, fs, os::unix::fs::MetadataExt, path::PathBuf};

use rustix::{
    fd::OwnedFd,
    io::{read, write},
    pipe::{PipeFlags, pipe_with},
    process::{getgid, getpid, getuid},
};

use crate::{
    process::{self, Forked},
    wire::{Failure, OrFailure, Stage},
};

/// The ids that exist in a cell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    users: BTreeSet<u32>,
    groups: BTreeSet<u32>,
}

impl Identity {
    /// Of the caller alone.
    pub(crate) fn own() -> Self {
        Self { users: [getuid().as_raw()].into(), groups: [getgid().as_raw()].into() }
    }

    /// For a cell that writes below `roots`.
    pub(crate) fn of(roots: &[PathBuf]) -> Result<Self, Failure> {
        let mut identity = Self::own();
        for root in roots.iter().filter(|_| getuid().is_root()) {
            let found = fs::metadata(root).or_failure(Stage::Policy, || format!("looking at `{}`", root.display()))?;
            identity.users.insert(found.uid());
            identity.groups.insert(found.gid());
        }
        Ok(identity)
    }

    /// Whether somebody else's files are to be written: then commands keep the rights that root has over files.
    pub(crate) fn is_shared(&self) -> bool {
        self.users.len() > 1 || self.groups.len() > 1
    }
}

/// Writes the id maps of this process from outside of its new user namespace: more than the caller's own id can only
/// be mapped from there (user_namespaces(7)).
pub(crate) struct Mapper {
    go: OwnedFd,
    done: OwnedFd,
}

impl Mapper {
    /// Starts it; must be called before this process leaves its user namespace.
    pub(crate) fn start(identity: &Identity) -> Result<Self, Failure> {
        let step = || "starting to map users";
        let (wait, go) = pipe_with(PipeFlags::CLOEXEC).or_failure(Stage::Namespaces, step)?;
        let (done, tell) = pipe_with(PipeFlags::CLOEXEC).or_failure(Stage::Namespaces, step)?;
        let process = getpid().as_raw_nonzero();
        match process::fork(0).or_failure(Stage::Namespaces, step)? {
            Forked::Child => {
                drop((go, done));
                // Without a byte the other side is gone.
                let told = matches!(read(&wait, &mut [0; 1]), Ok(1));
                let errno = match told.then(|| write_maps(&format!("/proc/{process}"), identity)) {
                    Some(Err(error)) => error.raw_os_error().unwrap_or(libc::EIO),
                    _ => 0,
                };
                let _ = write(&tell, &errno.to_le_bytes());
                process::exit(0)
            }
            Forked::Parent(_) => Ok(Self { go, done }),
        }
    }

    /// Has the maps written; must be called once this process is in its new user namespace.
    pub(crate) fn map(self) -> Result<(), Failure> {
        let mut errno = [0; 4];
        write(&self.go, b"x").or_failure(Stage::Namespaces, || "starting to map users")?;
        let count = read(&self.done, &mut errno).or_failure(Stage::Namespaces, || "mapping users")?;
        match i32::from_le_bytes(errno) {
            0 if count == errno.len() => Ok(()),
            errno => {
                let step = "mapping the owner of a writable directory, who is not the user that runs this,";
                Err(Failure::new(Stage::Owner, step, if errno == 0 { libc::EIO } else { errno }))
            }
        }
    }
}

fn write_maps(process: &str, identity: &Identity) -> std::io::Result<()> {
    let map = |ids: &BTreeSet<u32>| ids.iter().map(|id| format!("{id} {id} 1\n")).collect::<String>();
    // A process that could drop groups could pass a "this group may not" permission (user_namespaces(7)).
    fs::write(format!("{process}/setgroups"), "deny")?;
    fs::write(format!("{process}/uid_map"), map(&identity.users))?;
    fs::write(format!("{process}/gid_map"), map(&identity.groups))
}
