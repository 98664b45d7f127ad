//! Pieces of the mount tree: copied detached, limited while nobody can reach them, then attached.
//!
//! In this order there is no moment at which a place is visible without its limits. Bind mounts by mount(2) need a
//! second call for their flags, which is such a moment.

use std::{
    io,
    mem::size_of,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, OFlags, ResolveFlags, StatxAttributes, StatxFlags, statx},
    mount::{MountAttrFlags, MoveMountFlags, OpenTreeFlags, move_mount, open_tree},
};

use crate::openat2::openat2;

pub(crate) const READ_ONLY: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_RDONLY;

/// What no place in a cell may have: set-user-ID programs and devices that work.
pub(crate) const TAME: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV);

/// How much of the tree a call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// One mount.
    One,
    /// A mount and all that is mounted below it.
    All,
}

/// A detached copy of mounts. Dropped before it is attached, it is gone.
pub(crate) struct Tree(OwnedFd);

impl Tree {
    /// Takes over what fsmount(2) made.
    pub(crate) fn new(mount: OwnedFd) -> Self {
        Self(mount)
    }

    /// Copies what is mounted at `path` (open_tree(2)); symbolic links are followed.
    pub(crate) fn copy(path: impl AsRef<Path>, depth: Depth) -> io::Result<Self> {
        Ok(Self(open_tree(CWD, path.as_ref(), copy_flags(depth))?))
    }

    /// Copies what an open `O_PATH` descriptor stands for.
    pub(crate) fn copy_at(place: BorrowedFd, depth: Depth) -> io::Result<Self> {
        Ok(Self(open_tree(place, "", copy_flags(depth) | OpenTreeFlags::AT_EMPTY_PATH)?))
    }

    /// Adds `attributes`; never takes any away.
    pub(crate) fn limit(self, attributes: MountAttrFlags, depth: Depth) -> io::Result<Self> {
        set_attributes(self.0.as_fd(), attributes, depth)?;
        Ok(self)
    }

    /// Makes it visible on top of `place`, an open `O_PATH` descriptor (move_mount(2)).
    pub(crate) fn attach(self, place: impl AsFd) -> io::Result<OwnedFd> {
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(&self.0, "", place, "", flags)?;
        Ok(self.0)
    }
}

fn copy_flags(depth: Depth) -> OpenTreeFlags {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if depth == Depth::All { flags | OpenTreeFlags::AT_RECURSIVE } else { flags }
}

/// Opens a place to copy from or attach to. Refuses (`ELOOP`) if a symbolic link is anywhere in `path`: the file system
/// may be changing under us, and a mount that lands elsewhere is a hole.
pub(crate) fn place(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat2(CWD, path, OFlags::PATH, ResolveFlags::NO_SYMLINKS)?)
}

/// Copies `path`, limits the copy and puts it where it came from.
pub(crate) fn cover(path: &Path, attributes: MountAttrFlags) -> io::Result<()> {
    let place = place(path)?;
    let tree = Tree::copy_at(place.as_fd(), Depth::All)?;
    let tree = if attributes.is_empty() { tree } else { tree.limit(attributes, Depth::All)? };
    tree.attach(place).map(drop)
}

/// Binds a symbolic link onto itself: it cannot be removed, renamed or replaced, and still leads where it led.
pub(crate) fn pin_link(path: &Path) -> io::Result<()> {
    let link = openat2(CWD, path, OFlags::PATH | OFlags::NOFOLLOW, ResolveFlags::NO_SYMLINKS)?;
    Tree::copy_at(link.as_fd(), Depth::One)?.attach(link).map(drop)
}

/// Whether something is mounted right at `path`; where that cannot be told (before Linux 5.8), no.
pub(crate) fn is_mounted(path: &Path) -> bool {
    let found = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT, StatxFlags::empty());
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Adds `attributes` to what is mounted at `path`; `EINVAL` if nothing is.
pub(crate) fn limit(path: &Path, attributes: MountAttrFlags, depth: Depth) -> io::Result<()> {
    set_attributes(place(path)?.as_fd(), attributes, depth)
}

/// mount_setattr(2), which rustix does not have.
fn set_attributes(mount: BorrowedFd, attributes: MountAttrFlags, depth: Depth) -> io::Result<()> {
    let change = libc::mount_attr { attr_set: u64::from(attributes.bits()), attr_clr: 0, propagation: 0, userns_fd: 0 };
    let recursive = if depth == Depth::All { libc::AT_RECURSIVE } else { 0 };
    let flags = libc::AT_EMPTY_PATH | recursive;
    // SAFETY: the path is a C string, `change` lives until the call returns and its size is given.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const change,
            size_of::<libc::mount_attr>(),
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
