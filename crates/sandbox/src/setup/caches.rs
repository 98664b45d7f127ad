//! Build caches: what commands write there goes into directories of their cell's own, which lie over the real ones
//! (overlayfs). The real ones are never written.
//!
//! An overlay belongs to a cell: two on one upper directory are undefined, so no other cell ever uses it again. What is in
//! it goes with the session's temporary directory, beside which it lies.

use std::{
    fs, io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
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

use super::{
    plan::Plan,
    tree::{Depth, TAME, Tree, place},
};

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
    /// Makes them in the cell's own namespaces, while the host can still be seen. It must be the last to look at it, as
    /// what lies above the caches may be covered afterwards.
    pub(crate) fn make(plan: &Plan) -> Self {
        let mut overlays = Self::default();
        let Some(temp) = plan.temp.as_deref().filter(|_| !plan.caches.is_empty()) else { return overlays };
        let own = directory(temp);
        let mut next = 0;
        let mut overlay = |directory: &Path| {
            next += 1;
            overlay(&place(directory)?, own.as_ref().map_err(|_| Errno::ACCESS)?, next)
        };
        // Making one takes the file system some twenty changes; a part of one is a mount like others.
        let above = plan.above_caches.as_deref();
        let together = above.is_some_and(|above| overlay(above).and_then(|tree| tree.attach(place(above)?)).is_ok());
        for cache in &plan.caches {
            let made = refuse_own(cache, temp).and_then(|()| match together {
                true => Tree::copy_at(place(cache)?.as_fd(), Depth::One),
                false => overlay(cache),
            });
            match made {
                Ok(tree) => overlays.trees.push((cache.clone(), tree)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => overlays.refused.push(cache.clone()),
            }
        }
        overlays
    }
}

/// The directory above all `caches` if there is one besides `/`, and nothing is mounted below it: what lies below a mount
/// must not be uncovered, and the kernel refuses it.
pub(crate) fn above(caches: &[PathBuf], mounts: &[PathBuf]) -> Option<PathBuf> {
    let (first, others) = caches.split_first().filter(|(_, others)| !others.is_empty())?;
    let above = first.ancestors().skip(1).find(|above| others.iter().all(|cache| cache.starts_with(above)))?;
    let is_whole = !mounts.iter().any(|mount| mount != above && mount.starts_with(above));
    (above != Path::new("/") && is_whole).then(|| above.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_lie_below_one_directory_without_mounts() {
        let table: &[(&[&str], &[&str], Option<&str>)] = &[
            (&["/h/.cache", "/h/.m2", "/h/go"], &["/", "/h", "/home/x"], Some("/h")),
            (&["/h/.cargo/git", "/h/.cargo/registry"], &["/", "/h/other"], Some("/h/.cargo")),
            (&["/h/.cache", "/h/.m2"], &["/", "/h/work"], None),
            (&["/h/.cache", "/srv/go"], &["/"], None),
            (&["/h/.cache"], &["/"], None),
            (&[], &["/"], None),
        ];
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        for (caches, mounts, expected) in table {
            assert_eq!(above(&paths(caches), &paths(mounts)).as_deref(), expected.map(Path::new), "{caches:?}");
        }
    }
}
