//! Build caches: what commands write there goes into directories of their cell's own, which lie over the real ones
//! (overlayfs). The real ones are never written.
//!
//! An overlay belongs to a cell: two on one upper directory are undefined, so no other cell ever uses it again. What is in
//! it goes with the session's temporary directory, beside which it lies.

use std::{
    fs, io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::DirBuilderExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, StatVfsMountFlags, fstatvfs, mkdirat, openat},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount,
        fsopen,
    },
};

use super::tree::{TAME, Tree, place};

/// The overlays of a cell, not attached yet.
#[derive(Default)]
pub(crate) struct Overlays {
    /// Each with the real directory that it is to lie on.
    pub(crate) trees: Vec<(PathBuf, Tree)>,
    /// Where there is none, and the cache stays read-only: what it lies on cannot be below an overlay, or the machine
    /// has none. No wall is weaker for that.
    pub(crate) refused: Vec<PathBuf>,
}

impl Overlays {
    /// Makes them in the cell's own user and mount namespaces, while the host can still be seen. `temp` is the host
    /// directory behind `/tmp`.
    pub(crate) fn make(caches: &[PathBuf], temp: Option<&Path>) -> Self {
        let mut overlays = Self::default();
        let Some(temp) = temp else { return overlays };
        let mut own = None;
        for (number, cache) in caches.iter().enumerate() {
            let lower = match place(cache) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                lower => lower,
            };
            let made = lower.and_then(|lower| {
                refuse_own(cache, temp)?;
                let own = match &own {
                    Some(own) => own,
                    None => own.insert(directory(temp)?),
                };
                overlay(&lower, own, number)
            });
            match made {
                Ok(tree) => overlays.trees.push((cache.clone(), tree)),
                Err(_) => overlays.refused.push(cache.clone()),
            }
        }
        overlays
    }
}

/// What is written in a cache cannot be kept in that cache itself.
fn refuse_own(cache: &Path, temp: &Path) -> io::Result<()> {
    if temp.starts_with(cache) { Err(Errno::LOOP.into()) } else { Ok(()) }
}

/// A new directory for what this cell's commands change. The helper's number tells live cells apart; one that is dead
/// may have had the same.
fn directory(temp: &Path) -> io::Result<OwnedFd> {
    let parent = temp.parent().ok_or(Errno::INVAL)?;
    let mut number = 0;
    loop {
        let path = parent.join(format!("caches-{}-{number}", std::process::id()));
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return place(&path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

fn overlay(lower: &OwnedFd, own: &OwnedFd, number: usize) -> io::Result<Tree> {
    let make = |kind: &str| {
        let name = format!("{number}-{kind}");
        mkdirat(own, &name, Mode::RWXU)?;
        openat(own, &name, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
    };
    let (upper, work) = (make("upper")?, make("work")?);
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, directory) in [("lowerdir", lower), ("upperdir", &upper), ("workdir", &work)] {
        // A path would be read as a list, with escapes; and it may lead elsewhere by now.
        fsconfig_set_string(&context, key, format!("/proc/self/fd/{}", directory.as_raw_fd()))?;
    }
    // Other attributes take rights that a user namespace does not give.
    fsconfig_set_flag(&context, "userxattr")?;
    // It is thrown away: without this, its end would wait until all of the host's file system is on disk.
    fsconfig_set_flag(&context, "volatile")?;
    fsconfig_create(&context)?;
    Ok(Tree::new(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes(lower)?)?))
}

/// What keeps programs there from being started does so in the overlay too.
fn attributes(lower: &OwnedFd) -> io::Result<MountAttrFlags> {
    let no_programs = fstatvfs(lower)?.f_flag.contains(StatVfsMountFlags::NOEXEC);
    Ok(if no_programs { TAME | MountAttrFlags::MOUNT_ATTR_NOEXEC } else { TAME })
}
