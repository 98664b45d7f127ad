//! A `/dev` with what programs need and nothing that reaches the machine: no disks, no other terminals.

use std::{
    ffi::CString,
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use rustix::mount::{MountFlags, mount};

use super::{
    limits,
    tree::{Depth, Tree, place},
};
use crate::wire::{Failure, OrFailure, Stage};

/// The host's nodes that are let in. Bound, not made: a user namespace cannot make devices.
const NODES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];

/// Names that programs expect beside them.
const LINKS: &[(&str, &str)] = &[
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Where the masks of what is hidden lie: [`NOTHING`], [`NO_FILE`] and a place for [`super::hidden`].
const OWN: &str = "/dev/codex";

/// A directory with nothing in it, which stays so.
pub(crate) const NOTHING: &str = "/dev/codex/directory";

/// A file with nothing in it, which stays so.
pub(crate) const NO_FILE: &str = "/dev/codex/file";

/// An empty directory to mount a command's own things on.
pub(crate) const COMMAND: &str = "/dev/codex/command";

/// An empty directory to mount the stand-ins of [`super::look_alikes`] on.
pub(crate) const LOOK_ALIKES: &str = "/dev/codex/look-alikes";

/// The host's nodes, copied while the host's `/dev` can still be seen.
pub(crate) struct Nodes(Vec<(&'static str, Tree)>);

impl Nodes {
    pub(crate) fn copy() -> Result<Self, Failure> {
        let mut nodes = Vec::new();
        for name in NODES {
            match Tree::copy(Path::new("/dev").join(name), Depth::One) {
                Ok(tree) => nodes.push((*name, tree)),
                // Containers may lack some; without /dev/null, which masks files, there is no cell.
                Err(error) if error.kind() == io::ErrorKind::NotFound && *name != "null" => {}
                Err(error) => return Err(error).or_failure(Stage::Mounts, || format!("open_tree(2) of /dev/{name}")),
            }
        }
        Ok(Self(nodes))
    }

    /// Builds `/dev` out of them. It is left writable, so that mount points can still be made below `/dev/shm`.
    pub(crate) fn mount(self) -> Result<(), Failure> {
        tmpfs(Path::new("/dev"), c"mode=755,size=1m")?;
        for (name, tree) in self.0 {
            let path = Path::new("/dev").join(name);
            fs::write(&path, "")
                .and_then(|()| place(&path))
                .and_then(|place| tree.attach(place))
                .or_failure(Stage::Mounts, || format!("binding /dev/{name}"))?;
        }
        for (name, target) in LINKS {
            symlink(target, Path::new("/dev").join(name))
                .or_failure(Stage::Mounts, || format!("linking /dev/{name}"))?;
        }
        for name in ["/dev/pts", "/dev/shm", OWN, NOTHING, COMMAND, LOOK_ALIKES] {
            fs::create_dir(name).or_failure(Stage::Mounts, || format!("mkdir {name}"))?;
        }
        fs::write(NO_FILE, "").or_failure(Stage::Mounts, || format!("making {NO_FILE}"))?;
        for (name, mode) in [(NO_FILE, 0o444), (NOTHING, 0o555)] {
            fs::set_permissions(name, fs::Permissions::from_mode(mode))
                .or_failure(Stage::Mounts, || format!("chmod {name}"))?;
        }
        let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
        mount("devpts", "/dev/pts", "devpts", flags, c"newinstance,ptmxmode=0666,mode=620")
            .or_failure(Stage::Mounts, || "mount(2) of devpts")?;
        private(Path::new("/dev/shm"))
    }
}

/// Mounts an empty file system in memory for commands' own. What they write there takes at most a quarter of the memory
/// there is, or of what this container may have: a full file system is an error of one command, while memory that runs
/// out ends the whole cell, and is not free before.
pub(crate) fn private(path: &Path) -> Result<(), Failure> {
    match limits::memory() {
        Some(bytes) => {
            let options = CString::new(format!("mode=1777,size={}", bytes / 4));
            tmpfs(path, &options.or_failure(Stage::Mounts, || "naming the size of a tmpfs")?)
        }
        None => tmpfs(path, c"mode=1777,size=25%"),
    }
}

/// Mounts an empty file system in memory.
pub(crate) fn tmpfs(path: &Path, options: &std::ffi::CStr) -> Result<(), Failure> {
    // No NODEV here: below `/dev` it would switch the bound nodes off; every other place holds no devices anyway.
    mount("tmpfs", path, "tmpfs", MountFlags::NOSUID, options)
        .or_failure(Stage::Mounts, || format!("mount(2) of tmpfs on {}", path.display()))
}
