//! File operations held beneath a set of directories by the kernel: every path is opened by `openat2(2)` from the
//! directory's descriptor, so that a link swapped in at the last moment cannot lead outside.
//!
//! It must never fall back to path strings: where `openat2` is missing (before Linux 5.6, in a sandbox inside a sandbox)
//! [`codex_sandbox::openat2`] goes name by name, from descriptor to descriptor.

mod aside;

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::{Component, Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use codex_sandbox::{openat2, shown};
use rustix::{
    fs::{Access, AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Uid},
    io::Errno,
};

use crate::Roots;

/// Why a path was not touched.
#[derive(Debug, thiserror::Error)]
pub enum BeneathError {
    /// No root holds the path, or something on the way led out of the root.
    #[error("`{}` is outside the directories that may be written", shown(.0))]
    Outside(PathBuf),
    /// The path, or a directory on the way to it, is a symbolic link.
    #[error("`{}` is, or lies behind, a symbolic link; name the real file instead", shown(.0))]
    Symlink(PathBuf),
    /// There is something at the path, but not a regular file.
    #[error("`{}` is not a regular file", shown(.0))]
    NotRegular(PathBuf),
    /// The file is larger than the caller wants to hold in memory.
    #[error("`{}` is larger than {limit} bytes", shown(path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most the caller takes, in bytes.
        limit: u64,
    },
    /// The kernel refused.
    #[error("`{}`: {source}", shown(path))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

impl BeneathError {
    /// Whether nothing is at the path.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link. Never seen from [`Beneath::unrestricted`], which follows them.
    Symlink,
    /// A device, pipe or socket.
    Other,
}

/// What a file is besides its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Number of the user who owns it.
    pub user: u32,
    /// Number of its group.
    pub group: u32,
}

/// A file as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// All of its bytes.
    pub bytes: Vec<u8>,
    /// Its mode and owner.
    pub attributes: Attributes,
    /// Whether nobody may write it, or we may not. A replacement of it by another file does not ask for that right.
    pub read_only: bool,
    /// How many names it has.
    pub links: u64,
}

/// A file as it was when it was looked at: another one, or a change of this one, has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its size.
    pub bytes: u64,
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Device and inode.
    identity: (u64, u64),
    /// When the kernel last saw it change, in seconds and nanoseconds.
    changed: (i64, u64),
}

/// Directories held open, and the rule that paths beneath them are resolved by.
#[derive(Debug)]
pub struct Beneath {
    roots: Vec<(PathBuf, OwnedFd)>,
    /// Roots that are not there.
    missing: Vec<PathBuf>,
    resolve: ResolveFlags,
}

/// A directory held open and a name in it.
struct Place<'path> {
    directory: OwnedFd,
    name: &'path OsStr,
}

impl Beneath {
    /// Holds all operations beneath `roots`: absolute, canonical directories. Beneath those that do not exist, none is
    /// possible.
    ///
    /// # Errors
    /// A root that cannot be opened, or that became a symbolic link.
    pub fn new<'root>(roots: impl IntoIterator<Item = &'root Path>) -> Result<Self, BeneathError> {
        let links = ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
        let mut opened: Vec<(PathBuf, OwnedFd)> = Vec::new();
        let mut missing = Vec::new();
        for root in roots {
            match open_root(root, links) {
                Ok(descriptor) => opened.push((root.to_owned(), descriptor)),
                Err(error) if error.is_not_found() => missing.push(root.to_owned()),
                Err(error) => return Err(error),
            }
        }
        // The outermost root first: an inner one can be moved away, or replaced, by who may write in the outer one.
        opened.sort_by_key(|(path, _)| path.components().count());
        Ok(Self { roots: opened, missing, resolve: links | ResolveFlags::BENEATH })
    }

    /// Operations anywhere, through symbolic links too, with the rights of the user (`danger-full-access`).
    ///
    /// # Errors
    /// `/` cannot be opened.
    pub fn unrestricted() -> Result<Self, BeneathError> {
        let resolve = ResolveFlags::NO_MAGICLINKS;
        Ok(Self { roots: vec![("/".into(), open_root(Path::new("/"), resolve)?)], missing: Vec::new(), resolve })
    }

    /// Operations where a thread with these roots may write: beneath them and its temporary directory, or anywhere
    /// if `/` itself is one of them.
    ///
    /// # Errors
    /// As [`Beneath::new`].
    pub fn of(roots: &Roots) -> Result<Self, BeneathError> {
        if roots.unrestricted() {
            return Self::unrestricted();
        }
        Self::new(roots.writable.iter().chain(&roots.temp).map(PathBuf::as_path))
    }

    fn follows_links(&self) -> bool {
        !self.resolve.contains(ResolveFlags::NO_SYMLINKS)
    }

    /// What is at `path`, if anything is.
    ///
    /// # Errors
    /// Any [`BeneathError`] but `NotRegular`.
    pub fn kind(&self, path: &Path) -> Result<Option<Kind>, BeneathError> {
        let last_link = if self.follows_links() { OFlags::empty() } else { OFlags::NOFOLLOW };
        match self.open(path, OFlags::PATH | last_link) {
            Ok(descriptor) => Ok(Some(kind_of(&stat(&descriptor, path)?))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a regular file of at most `limit` bytes.
    ///
    /// # Errors
    /// Any [`BeneathError`].
    pub fn read(&self, path: &Path, limit: u64) -> Result<Snapshot, BeneathError> {
        // Non-blocking, or opening a named pipe would wait for its other end.
        let descriptor = self.open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let stat = stat(&descriptor, path)?;
        if kind_of(&stat) != Kind::File {
            return Err(BeneathError::NotRegular(path.to_owned()));
        }
        if u64::try_from(stat.st_size).is_ok_and(|size| size > limit) {
            return Err(BeneathError::TooLarge { path: path.to_owned(), limit });
        }
        let mut bytes = Vec::new();
        File::from(descriptor).take(limit + 1).read_to_end(&mut bytes).map_err(|source| io_error(path, source))?;
        if bytes.len() as u64 > limit {
            return Err(BeneathError::TooLarge { path: path.to_owned(), limit });
        }
        let read_only = permissions(&stat) & 0o222 == 0 || self.denies_writing(path)?;
        Ok(Snapshot { bytes, attributes: attributes(&stat), read_only, links: stat.st_nlink })
    }

    /// Whether the kernel would not let us write the content of `path`.
    fn denies_writing(&self, path: &Path) -> Result<bool, BeneathError> {
        let target = self.target(path);
        let place = self.place(&target)?;
        let denied = rustix::fs::accessat(&place.directory, place.name, Access::WRITE_OK, AtFlags::EACCESS);
        Ok(matches!(denied, Err(Errno::ACCESS | Errno::PERM | Errno::ROFS)))
    }

    /// What tells the regular file `path` from another, without reading it.
    ///
    /// # Errors
    /// Any [`BeneathError`] but `TooLarge`.
    pub fn stamp(&self, path: &Path) -> Result<Stamp, BeneathError> {
        let stat = stat(&self.open(path, OFlags::PATH)?, path)?;
        if kind_of(&stat) != Kind::File {
            return Err(BeneathError::NotRegular(path.to_owned()));
        }
        Ok(Stamp {
            bytes: stat.st_size.try_into().unwrap_or_default(),
            mode: permissions(&stat),
            identity: (stat.st_dev, stat.st_ino),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        })
    }

    /// Replaces the content of `path` in one step, or makes it. A file that exists keeps its mode and, where the
    /// kernel lets us, its owner, unless `attributes` say otherwise; its other hard links keep the old content.
    ///
    /// Not flushed to the disk: a power failure may undo it, but leaves either the old or the new content.
    ///
    /// # Errors
    /// Any [`BeneathError`] but `TooLarge`; the parent directory must exist.
    pub fn write(&self, path: &Path, bytes: &[u8], attributes: Option<Attributes>) -> Result<(), BeneathError> {
        let target = self.target(path);
        let place = self.place(&target)?;
        let existing = place.stat(path)?;
        match existing.as_ref().map(kind_of) {
            None | Some(Kind::File) => {}
            Some(Kind::Symlink) => return Err(BeneathError::Symlink(path.to_owned())),
            Some(Kind::Directory | Kind::Other) => return Err(BeneathError::NotRegular(path.to_owned())),
        }
        let temporary = unused_name();
        let attributes = attributes.or(existing.as_ref().map(self::attributes));
        let written = fill(place.directory.as_fd(), &temporary, bytes, attributes).and_then(|()| {
            rustix::fs::renameat(&place.directory, &temporary, &place.directory, place.name).map_err(Into::into)
        });
        written.map_err(|source: io::Error| {
            let _ = rustix::fs::unlinkat(&place.directory, &temporary, AtFlags::empty());
            io_error(path, source)
        })
    }

    /// Makes the missing directories above `path`; returns those it made, outermost first.
    ///
    /// # Errors
    /// Any [`BeneathError`] but `NotRegular` and `TooLarge`. Directories made before the error stay.
    pub fn create_parents(&self, path: &Path) -> Result<Vec<PathBuf>, BeneathError> {
        let (root, _) = self.root_of(path)?;
        let parent = path.parent().unwrap_or(path);
        let mut missing: Vec<&Path> = Vec::new();
        for directory in parent.ancestors().take_while(|directory| directory.starts_with(root)) {
            match self.kind(directory)? {
                Some(Kind::Directory) => break,
                Some(Kind::Symlink) => return Err(BeneathError::Symlink(directory.to_owned())),
                Some(_) => return Err(io_error(directory, Errno::NOTDIR.into())),
                None => missing.push(directory),
            }
        }
        let mut made = Vec::new();
        for directory in missing.into_iter().rev() {
            let place = self.place(directory)?;
            match rustix::fs::mkdirat(&place.directory, place.name, Mode::from_raw_mode(0o777)) {
                Ok(()) => made.push(directory.to_owned()),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(io_error(directory, error.into())),
            }
        }
        Ok(made)
    }

    /// Removes a regular file.
    ///
    /// # Errors
    /// Any [`BeneathError`] but `TooLarge`.
    pub fn remove(&self, path: &Path) -> Result<(), BeneathError> {
        let place = self.regular(path)?;
        rustix::fs::unlinkat(&place.directory, place.name, AtFlags::empty())
            .map_err(|error| io_error(path, error.into()))
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Any [`BeneathError`] but `TooLarge` and `NotRegular`.
    pub fn remove_directory(&self, path: &Path) -> Result<(), BeneathError> {
        let place = self.place(path)?;
        rustix::fs::unlinkat(&place.directory, place.name, AtFlags::REMOVEDIR)
            .map_err(|error| io_error(path, error.into()))
    }

    /// The directory that holds `path`, open, and the name of `path` in it, for operations that this does not offer. That
    /// name itself is not looked at; a root has no directory.
    ///
    /// # Errors
    /// Any [`BeneathError`] but `TooLarge`.
    pub fn parent<'path>(&self, path: &'path Path) -> Result<(OwnedFd, &'path OsStr), BeneathError> {
        self.place(path).map(|place| (place.directory, place.name))
    }

    /// Where a write to `path` goes: itself, or the file that a link leads to where links are followed.
    fn target(&self, path: &Path) -> PathBuf {
        if self.follows_links() { path.canonicalize().unwrap_or_else(|_| path.to_owned()) } else { path.to_owned() }
    }

    /// The one path of the file that `path` names, or would name: itself, or, where links are followed, the path without
    /// links.
    pub fn real(&self, path: &Path) -> PathBuf {
        if !self.follows_links() {
            return path.to_owned();
        }
        let found = path.ancestors().find_map(|above| {
            let inside = path.strip_prefix(above).ok()?;
            let real = above.canonicalize().ok()?;
            Some(if inside.as_os_str().is_empty() { real } else { real.join(inside) })
        });
        found.unwrap_or_else(|| path.to_owned())
    }

    /// The file that `path`, refused as [`BeneathError::Symlink`], leads to, if the way there never leaves its root; of a
    /// file that is not there, where it would be.
    pub fn behind_links(&self, path: &Path) -> Option<PathBuf> {
        let (root, descriptor) = self.root_of(path).ok()?;
        let inside = path.strip_prefix(root).ok()?;
        let real = |inside: &Path| {
            let inside = Path::new(".").join(inside);
            let resolve = ResolveFlags::NO_MAGICLINKS | ResolveFlags::BENEATH;
            let file = openat2(descriptor, &inside, OFlags::PATH, resolve).ok()?;
            std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
        };
        let found = real(inside).or_else(|| Some(real(inside.parent()?)?.join(inside.file_name()?)))?;
        (found.starts_with(root) && found != path).then_some(found)
    }

    fn root_of(&self, path: &Path) -> Result<(&Path, BorrowedFd<'_>), BeneathError> {
        let found = self.roots.iter().find(|(root, _)| path.starts_with(root));
        found.map(|(root, descriptor)| (root.as_path(), descriptor.as_fd())).ok_or_else(|| {
            // It may have been there before: then nothing is wrong with the path.
            match self.missing.iter().find(|root| path.starts_with(root)) {
                Some(root) => io_error(root, Errno::NOENT.into()),
                None => BeneathError::Outside(path.to_owned()),
            }
        })
    }

    fn open(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, BeneathError> {
        let (root, descriptor) = self.root_of(path)?;
        let inside = path.strip_prefix(root).unwrap_or(path);
        if inside.components().any(|component| component == Component::ParentDir) {
            return Err(BeneathError::Outside(path.to_owned()));
        }
        let inside = if inside.as_os_str().is_empty() { Path::new(".") } else { inside };
        openat2(descriptor, inside, flags, self.resolve).map_err(|errno| match errno {
            Errno::XDEV => BeneathError::Outside(path.to_owned()),
            Errno::LOOP => BeneathError::Symlink(path.to_owned()),
            other => io_error(path, other.into()),
        })
    }

    /// The open directory that holds `path`, and the name in it.
    fn place<'path>(&self, path: &'path Path) -> Result<Place<'path>, BeneathError> {
        let (root, _) = self.root_of(path)?;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(BeneathError::NotRegular(path.to_owned()));
        };
        if path == root {
            return Err(BeneathError::NotRegular(path.to_owned()));
        }
        Ok(Place { directory: self.open(parent, OFlags::PATH | OFlags::DIRECTORY)?, name })
    }

    /// As [`Beneath::place`], of a regular file that exists.
    fn regular<'path>(&self, path: &'path Path) -> Result<Place<'path>, BeneathError> {
        let place = self.place(path)?;
        match place.stat(path)?.as_ref().map(kind_of) {
            Some(Kind::File) => Ok(place),
            // Where links are followed, removing one means the link itself.
            Some(Kind::Symlink) if self.follows_links() => Ok(place),
            Some(Kind::Symlink) => Err(BeneathError::Symlink(path.to_owned())),
            Some(Kind::Directory | Kind::Other) => Err(BeneathError::NotRegular(path.to_owned())),
            None => Err(io_error(path, Errno::NOENT.into())),
        }
    }
}

impl Place<'_> {
    /// What the name stands for, links not followed.
    fn stat(&self, path: &Path) -> Result<Option<Stat>, BeneathError> {
        match rustix::fs::statat(&self.directory, self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(io_error(path, error.into())),
        }
    }
}

fn open_root(root: &Path, resolve: ResolveFlags) -> Result<OwnedFd, BeneathError> {
    openat2(rustix::fs::CWD, root, OFlags::PATH | OFlags::DIRECTORY, resolve).map_err(|errno| match errno {
        Errno::LOOP => BeneathError::Symlink(root.to_owned()),
        other => io_error(root, other.into()),
    })
}

/// Makes `name` with `bytes` in it. The permissions are set while it is still empty, so that nobody reads early.
fn fill(directory: BorrowedFd, name: &OsStr, bytes: &[u8], attributes: Option<Attributes>) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let descriptor = rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(0o666))?;
    if let Some(Attributes { mode, user, group }) = attributes {
        let made = rustix::fs::fstat(&descriptor)?;
        if (made.st_uid, made.st_gid) != (user, group) {
            // Only root may give files away; who is not keeps what the directory gave, as editors do.
            let _ = rustix::fs::fchown(&descriptor, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
        }
        rustix::fs::fchmod(&descriptor, Mode::from_raw_mode(mode))?;
    }
    File::from(descriptor).write_all(bytes)
}

/// A name that no file has; `O_EXCL` holds it to that.
pub fn unused_name() -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(".codex-{:x}-{time:x}-{count:x}.tmp", std::process::id()).into()
}

fn stat(descriptor: &OwnedFd, path: &Path) -> Result<Stat, BeneathError> {
    rustix::fs::fstat(descriptor).map_err(|error| io_error(path, error.into()))
}

fn kind_of(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    }
}

fn permissions(stat: &Stat) -> u32 {
    stat.st_mode & 0o7777
}

fn attributes(stat: &Stat) -> Attributes {
    Attributes { mode: permissions(stat), user: stat.st_uid, group: stat.st_gid }
}

fn io_error(path: &Path, source: io::Error) -> BeneathError {
    BeneathError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
