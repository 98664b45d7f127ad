//! openat2(2), and the same by steps where it is missing: before Linux 5.6, and for commands in a sandbox of ours.
//!
//! The steps must be as strict as the kernel: each opens one name, from a descriptor, and follows no link by itself. A
//! link that may be followed is followed by its text, and what that leads to is held to the same rules.

use std::{
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, PROC_SUPER_MAGIC, ResolveFlags, fstat, fstatfs, openat, readlinkat,
        statat,
    },
    io::Errno,
    process::geteuid,
};

/// How often a path is tried of which the kernel was unsure, as something was renamed meanwhile (`EAGAIN`).
const ATTEMPTS: u32 = 16;

/// Links that are followed in one path (path_resolution(7)).
const MOST_LINKS: u32 = 40;

/// What the steps can hold a path to.
const RULES: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// The way to a directory; no link, since those are no directories.
const ENTERING: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// `ST_NOSYMFOLLOW` of statfs(2): a mount on which no links are followed.
const FOLLOWS_NOTHING: i64 = 0x2000;

/// Opens what is at `path`, which is held to `resolve`: some of `BENEATH`, `NO_SYMLINKS` and `NO_MAGICLINKS`.
///
/// # Errors
/// The kernel's. `EINVAL` if `flags` would make a file, or magic links are not refused by `resolve`.
pub fn openat2(directory: BorrowedFd, path: &Path, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd, Errno> {
    let refuses_magic = resolve.intersects(ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS);
    if !refuses_magic || !RULES.contains(resolve) || flags.contains(OFlags::CREATE) || flags.contains(OFlags::TMPFILE) {
        return Err(Errno::INVAL);
    }
    let flags = flags | OFlags::CLOEXEC;
    let mut opened = Err(Errno::AGAIN);
    for _ in 0..ATTEMPTS {
        opened = match rustix::fs::openat2(directory, path, flags, Mode::empty(), resolve) {
            Err(Errno::NOSYS) => walk(directory, path, flags, resolve),
            opened => opened,
        };
        if !matches!(opened, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    opened
}

/// A path, gone name by name.
struct Walk<'start> {
    start: BorrowedFd<'start>,
    /// The directories that were entered, the last one last: where `..` leads beneath `start`. Elsewhere the last alone.
    entered: Vec<OwnedFd>,
    /// The names that are still to go, the next one last.
    ahead: Vec<Vec<u8>>,
    /// How many links were followed.
    links: u32,
    /// The path, or the link that it ends in, ends in a slash.
    wants_directory: bool,
    resolve: ResolveFlags,
}

/// What openat2(2) does, by openat(2).
fn walk(start: BorrowedFd, path: &Path, flags: OFlags, resolve: ResolveFlags) -> Result<OwnedFd, Errno> {
    let (entered, ahead) = (Vec::new(), Vec::new());
    let mut walk = Walk { start, entered, ahead, links: 0, wants_directory: false, resolve };
    walk.lead(path.as_os_str().as_bytes())?;
    loop {
        // Nothing is left of `/` alone.
        let mut name = walk.ahead.pop().unwrap_or_else(|| b".".to_vec());
        if name == b".." && walk.is_beneath() {
            walk.entered.pop().ok_or(Errno::XDEV)?;
            name = b".".to_vec();
        }
        if !walk.ahead.is_empty() {
            walk.enter(&name)?;
        } else if let Some(opened) = walk.arrive(&name, flags)? {
            return Ok(opened);
        }
    }
}

impl Walk<'_> {
    fn is_beneath(&self) -> bool {
        self.resolve.contains(ResolveFlags::BENEATH)
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.entered.last().map_or(self.start, AsFd::as_fd)
    }

    /// Puts `path`, which begins here, before what is still to go.
    fn lead(&mut self, path: &[u8]) -> Result<(), Errno> {
        if path.is_empty() {
            return Err(Errno::NOENT);
        }
        if path.len() >= libc::PATH_MAX as usize {
            return Err(Errno::NAMETOOLONG);
        }
        if path.starts_with(b"/") {
            if self.is_beneath() {
                return Err(Errno::XDEV);
            }
            self.entered = vec![openat(CWD, "/", ENTERING, Mode::empty())?];
        }
        self.wants_directory |= self.ahead.is_empty() && path.ends_with(b"/");
        let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        self.ahead.extend(names.rev().map(<[u8]>::to_vec));
        Ok(())
    }

    /// Goes into the directory `name`, or to where the link leads.
    fn enter(&mut self, name: &[u8]) -> Result<(), Errno> {
        if name == b"." {
            return Ok(());
        }
        match openat(self.here(), name, ENTERING, Mode::empty()) {
            Ok(directory) => {
                if !self.is_beneath() {
                    self.entered.clear();
                }
                self.entered.push(directory);
                Ok(())
            }
            Err(error @ (Errno::LOOP | Errno::NOTDIR)) => self.follow(&self.link(name, error)?),
            Err(error) => Err(error),
        }
    }

    /// Opens the last name. `None`: it was a link, and there is more to go.
    fn arrive(&mut self, name: &[u8], flags: OFlags) -> Result<Option<OwnedFd>, Errno> {
        let follows = self.wants_directory || !flags.contains(OFlags::NOFOLLOW);
        let directory = if self.wants_directory { OFlags::DIRECTORY } else { OFlags::empty() };
        let link = match openat(self.here(), name, flags | directory | OFlags::NOFOLLOW, Mode::empty()) {
            // By `O_PATH` a link is opened itself.
            Ok(opened) if follows && is_link(&opened)? => opened,
            Err(error @ (Errno::LOOP | Errno::NOTDIR)) if follows => self.link(name, error)?,
            opened => return opened.map(Some),
        };
        self.follow(&link).map(|()| None)
    }

    /// The link `name`; `error` if it is none.
    fn link(&self, name: &[u8], error: Errno) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = openat(self.here(), name, flags, Mode::empty())?;
        if is_link(&found)? { Ok(found) } else { Err(error) }
    }

    /// Goes on where `link`, which lies here, leads.
    fn follow(&mut self, link: &OwnedFd) -> Result<(), Errno> {
        self.links += 1;
        if self.resolve.contains(ResolveFlags::NO_SYMLINKS) || self.links > MOST_LINKS {
            return Err(Errno::LOOP);
        }
        if self.ahead.is_empty() && self.is_planted(link)? {
            return Err(Errno::ACCESS);
        }
        let system = fstatfs(link)?;
        let text = readlinkat(link, "", Vec::new())?.into_bytes();
        let is_magic = system.f_type == PROC_SUPER_MAGIC && !is_plain(&text);
        if is_magic || system.f_flags as i64 & FOLLOWS_NOTHING != 0 {
            return Err(Errno::LOOP);
        }
        self.lead(&text)
    }

    /// Whether somebody else put `link` into a directory that is open to all, as `/tmp` is; the kernel does not follow
    /// those, if it is set so (`fs.protected_symlinks`).
    fn is_planted(&self, link: &OwnedFd) -> Result<bool, Errno> {
        let (link, directory) = (fstat(link)?, statat(self.here(), ".", AtFlags::empty())?);
        let is_open = Mode::from_raw_mode(directory.st_mode).contains(Mode::SVTX | Mode::WOTH);
        Ok(is_open && link.st_uid != directory.st_uid && link.st_uid != geteuid().as_raw())
    }
}

fn is_link(descriptor: &OwnedFd) -> Result<bool, Errno> {
    Ok(FileType::from_raw_mode(fstat(descriptor)?.st_mode) == FileType::Symlink)
}

/// Whether a link of `/proc` leads where its text says, as `/proc/self` and `/proc/net` do. All others are taken for
/// magic ones, which lead to what they stand for, whatever is at that name.
fn is_plain(text: &[u8]) -> bool {
    !text.starts_with(b"/") && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(byte))
}

#[cfg(test)]
mod tests;
