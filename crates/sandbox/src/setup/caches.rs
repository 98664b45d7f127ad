//! Build caches: what commands write there goes into directories of their cell's own, which lie over the real ones
//! (overlayfs). The real ones are never written.
//!
//! An overlay belongs to a cell: two on one upper directory are undefined, so no other cell ever uses it again. What is in
//! it goes with the session's temporary directory, beside which it lies.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, StatVfsMountFlags, fstatvfs, mkdirat, openat, unlinkat},
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

/// Where programs have their caches, other than in `~/.cache` (XDG Base Directory Specification).
const CACHES: &str = "XDG_CACHE_HOME";

/// Programs that do not begin without a cache that they can write have one where the user has none to lay an overlay over: with
/// what else is temporary.
pub(crate) fn lead(environment: &mut BTreeMap<OsString, OsString>) {
    let directory = |name: &str| environment.get(OsStr::new(name)).map(Path::new);
    let (set, home, temp) = (directory(CACHES), directory("HOME"), directory("TMPDIR"));
    if set.is_none()
        && let (Some(home), Some(temp)) = (home, temp)
        && !home.join(".cache").is_dir()
    {
        let place = temp.join(".cache").into();
        environment.insert(CACHES.into(), place);
    }
}

/// The overlays of a cell, not attached yet.
#[derive(Default)]
pub(crate) struct Overlays {
    /// Each with the real directory that it is to lie on.
    pub(crate) trees: Vec<(PathBuf, Tree)>,
    /// Where there is none, and the cache stays read-only: what it lies on cannot be below an overlay, or the machine
    /// has none. No wall is weaker for that.
    pub(crate) refused: Vec<PathBuf>,
    /// Work directories, for [`tidy`].
    pub(crate) works: Vec<OwnedFd>,
}

impl Overlays {
    /// Makes them in the cell's own namespaces, while the host can still be seen. It must be the last to look at it, as
    /// what lies above the caches may be covered afterwards.
    pub(crate) fn make(plan: &Plan) -> Self {
        let mut overlays = Self::default();
        let Some(temp) = plan.temp.as_deref().filter(|_| !plan.caches.is_empty()) else { return overlays };
        let parent = temp.parent().ok_or(io::ErrorKind::NotFound.into()).and_then(place);
        let works = &mut overlays.works;
        let mut overlay = |directory: &Path| {
            let (tree, work) = overlay(&place(directory)?, parent.as_ref().map_err(|_| Errno::ACCESS)?)?;
            works.push(work);
            io::Result::Ok(tree)
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

/// Two new directories, upper and work, for what this cell's commands change. The helper's number tells live cells apart;
/// one that is dead may have had the same.
fn directories(parent: &OwnedFd) -> rustix::io::Result<[OwnedFd; 2]> {
    let mut number = 0;
    let upper = loop {
        let name = format!("caches-{}-{number}", std::process::id());
        match mkdirat(parent, &name, Mode::RWXU) {
            Ok(()) => break name,
            Err(Errno::EXIST) => number += 1,
            Err(error) => return Err(error),
        }
    };
    let work = format!("{upper}-work");
    mkdirat(parent, &work, Mode::RWXU)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok([openat(parent, &upper, flags, Mode::empty())?, openat(parent, &work, flags, Mode::empty())?])
}

/// Removes what the kernel looks at when such a directory is used again, which these never are: while commands run, so
/// that the session's end need not.
pub(crate) fn tidy(works: &mut Vec<OwnedFd>) {
    for work in works.drain(..) {
        // Best effort: what is left goes with the session.
        let _ = unlinkat(&work, "work/incompat/volatile/dirty", AtFlags::empty());
        for name in ["work/incompat/volatile", "work/incompat"] {
            let _ = unlinkat(&work, name, AtFlags::REMOVEDIR);
        }
    }
}

/// An overlay over `lower`, and its work directory.
fn overlay(lower: &OwnedFd, parent: &OwnedFd) -> io::Result<(Tree, OwnedFd)> {
    let [upper, work] = directories(parent)?;
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
    let tree = Tree::new(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes(lower)?)?);
    Ok((tree, work))
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
