//! A fresh `/proc` for one command: it shows the command's own processes and nobody else's.
//!
//! What reaches the machine through it stays read-only whoever the user is. For real root the *files* below
//! `/proc/sys` are writable although the directory is not, so nothing here may ask "is it writable?" first.

use std::{io, path::Path};

use rustix::mount::{MountFlags, mount};

use super::{
    limits,
    tree::{Depth, READ_ONLY, Tree, cover, place},
};
use crate::wire::{Failure, OrFailure, Stage};

/// Settings and triggers of the machine: to be read only. Not every kernel has all of them.
const READABLE: &[&str] = &[
    "/proc/sys",
    "/proc/irq",
    "/proc/bus",
    "/proc/fs",
    "/proc/scsi",
    "/proc/acpi",
    "/proc/mtrr",
    "/proc/sysrq-trigger",
];

/// Addresses, memory and keys of the kernel: not to be read either.
const MASKED: &[&str] = &["/proc/kallsyms", "/proc/kcore", "/proc/keys", "/proc/timer_list"];

/// Mounts it. Must run in the command's own PID and mount namespaces.
pub(crate) fn mount_fresh() -> Result<(), Failure> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None).or_failure(Stage::Proc, || "mount(2) of a fresh /proc")?;
    limits::number_processes()?;
    for path in READABLE {
        skip_missing(cover(Path::new(path), READ_ONLY)).or_failure(Stage::Proc, || format!("protecting {path}"))?;
    }
    mask_all()
}

/// Limits the `/proc` that is there, where a fresh one is refused: nothing of it can be written, whoever it belongs to.
/// Done once for a cell. It shows processes of others too; their insides are kept from a command by its user namespace.
pub(crate) fn keep_outer() -> Result<(), Failure> {
    cover(Path::new("/proc"), READ_ONLY).or_failure(Stage::Mounts, || "protecting /proc")?;
    mask_all()
}

fn mask_all() -> Result<(), Failure> {
    for path in MASKED {
        skip_missing(mask(Path::new(path))).or_failure(Stage::Proc, || format!("masking {path}"))?;
    }
    Ok(())
}

/// Puts `/dev/null` on top of a file or socket.
pub(crate) fn mask(path: &Path) -> io::Result<()> {
    let place = place(path)?;
    Tree::copy("/dev/null", Depth::One)?.attach(place).map(drop)
}

/// For places that need not be there, or may vanish before they are reached.
pub(crate) fn skip_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
