//! Takes the state of directories: every file, link and directory below them, gone through by descriptors.
//!
//! It must never follow a link, leave the file system of a root, or fail because something there cannot be read: that is
//! listed, and kept as [`Why`] in the state.

use std::{
    collections::{HashMap, HashSet},
    ffi::{OsStr, OsString},
    fs::File,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
};

use codex_sandbox::openat2;
use rustix::{
    fs::{
        AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, RawDir, ResolveFlags, SeekFrom, Stat, fstat, openat,
        readlinkat, statat,
    },
    io::Errno,
};

use crate::{
    CheckpointError, Checkpoints, Hash, Limits, SnapshotId, Why,
    ignored::Ignored,
    objects::Writer,
    tree::{Manifest, Node, Tree, write_manifest, write_tree},
};

/// Directories within directories that are gone into; each takes a descriptor.
const DEEPEST: usize = 200;

/// How often a file that changes while it is read is read again.
const ATTEMPTS: usize = 3;

/// What a state is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Directories: canonical, absolute. One that lies in another is part of it. One that is not there has no entries.
    pub roots: Vec<PathBuf>,
    /// Files and directories that are left out: canonical, absolute.
    pub excluded: Vec<PathBuf>,
    /// How much is saved at most.
    pub limits: Limits,
}

/// A state that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Its name; equal states of equal roots have equal names.
    pub id: SnapshotId,
    /// What is not in it, sorted by path, but for what the scope excludes.
    pub omitted: Vec<Omitted>,
}

/// Something that was not saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omitted {
    /// Absolute.
    pub path: PathBuf,
    /// Why not.
    pub why: Why,
}

impl Checkpoints {
    /// Takes the state of `scope`. `previous` is one of the same roots, if there is one; it makes this quicker, and the
    /// result is the same without.
    ///
    /// # Errors
    /// The store cannot be written. What cannot be read in the roots is no error but in `omitted`.
    pub fn capture(&self, scope: &Scope, previous: Option<&SnapshotId>) -> Result<Captured, CheckpointError> {
        let _ = previous;
        let mut objects = self.objects();
        let _in_use = objects.lock("use", FlockOperation::LockShared)?;
        objects.refresh()?;
        let writer = Writer::new(&mut objects)?;
        let mut walk = Walk::new(writer, scope, &self.directory);
        let mut manifest = Manifest::new();
        for root in scope.outermost() {
            let node = walk.root(root)?;
            manifest.push((root.to_owned(), node));
        }
        walk.writer.flush()?;
        let id = SnapshotId(walk.writer.put_manifest(&write_manifest(&manifest))?);
        walk.writer.flush()?;
        Ok(Captured { id, omitted: walk.omitted })
    }
}

impl Scope {
    /// The roots that lie in no other, sorted.
    pub(crate) fn outermost(&self) -> Vec<&Path> {
        let mut roots: Vec<&Path> = self.roots.iter().map(PathBuf::as_path).collect();
        roots.sort();
        // Sorted by components, what lies in a directory comes after it.
        let mut kept: Vec<&Path> = Vec::new();
        for root in roots {
            if kept.last().is_none_or(|last| !root.starts_with(last)) {
                kept.push(root);
            }
        }
        kept
    }
}

/// A walk through the roots of a scope.
struct Walk<'store> {
    writer: Writer<'store>,
    limits: Limits,
    /// Names that are left out, by the directory that they are in.
    excluded: HashMap<PathBuf, HashSet<OsString>>,
    omitted: Vec<Omitted>,
    ignored: Ignored,
    /// Files and directories so far.
    entries: u64,
    /// Bytes of files so far.
    bytes: u64,
    /// The file system of the root.
    device: u64,
    /// Holds a piece of a file.
    buffer: Vec<u8>,
}

/// A directory that the walk is in.
struct Place<'walk> {
    descriptor: BorrowedFd<'walk>,
    path: &'walk Path,
    depth: usize,
    /// It lies in one whose size was looked at: ignored, or a cache.
    bounded: bool,
}

impl<'store> Walk<'store> {
    fn new(writer: Writer<'store>, scope: &Scope, store: &Path) -> Self {
        let mut excluded: HashMap<PathBuf, HashSet<OsString>> = HashMap::new();
        for path in scope.excluded.iter().map(PathBuf::as_path).chain([store]) {
            if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
                excluded.entry(parent.to_owned()).or_default().insert(name.to_owned());
            }
        }
        Self {
            writer,
            limits: scope.limits,
            excluded,
            omitted: Vec::new(),
            ignored: Ignored::default(),
            entries: 0,
            bytes: 0,
            device: 0,
            buffer: Vec::new(),
        }
    }

    fn root(&mut self, path: &Path) -> Result<Node, CheckpointError> {
        let resolve = ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
        let opened = openat2(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY, resolve);
        let (descriptor, stat) = match opened.and_then(|opened| Ok((fstat(&opened)?, opened))) {
            Ok((stat, opened)) => (opened, stat),
            Err(Errno::NOENT) => return Ok(Node::Absent),
            Err(_) => return Ok(self.omit(path, Why::Unreadable, 0)),
        };
        self.device = stat.st_dev;
        self.ignored = Ignored::above(path);
        self.directory(&Place { descriptor: descriptor.as_fd(), path, depth: 0, bounded: false }, &stat)
    }

    fn omit(&mut self, path: &Path, why: Why, stamp: u64) -> Node {
        self.omitted.push(Omitted { path: path.to_owned(), why });
        Node::Unsaved { why, stamp }
    }

    /// The open directory `place`.
    fn directory(&mut self, place: &Place<'_>, stat: &Stat) -> Result<Node, CheckpointError> {
        let Ok(names) = names(place.descriptor) else { return Ok(self.omit(place.path, Why::Unreadable, 0)) };
        let has = |name: &str| names.binary_search_by(|found| found.as_bytes().cmp(name.as_bytes())).is_ok();
        let (gitignore, repository) = (has(".gitignore"), has(".git"));
        if !place.bounded && (gitignore || repository) {
            self.ignored.enter(place.path, place.descriptor, gitignore, repository);
        }
        let excluded = self.excluded.get(place.path).cloned();
        let mut tree = Tree::with_capacity(names.len());
        for name in names {
            if excluded.as_ref().is_some_and(|excluded| excluded.contains(&name)) {
                tree.push((name, Node::Unsaved { why: Why::Excluded, stamp: 0 }));
            } else if let Some(node) = self.entry(place, &name)? {
                tree.push((name, node));
            }
        }
        self.ignored.leave(place.path);
        let tree = self.writer.put_all(&write_tree(&tree))?;
        Ok(Node::Directory { mode: mode(stat), tree })
    }

    /// What `name` is in `place`; `None`: it is not there any more.
    fn entry(&mut self, place: &Place<'_>, name: &OsStr) -> Result<Option<Node>, CheckpointError> {
        let path = place.path.join(name);
        let stat = match statat(place.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(_) => return Ok(Some(self.omit(&path, Why::Unreadable, 0))),
        };
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Ok(Some(self.omit(&path, Why::TotalReached, 0)));
        }
        Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => return self.file(place, name, &path, &stat),
            FileType::Directory => self.subdirectory(place, name, &path, &stat)?,
            FileType::Symlink => match readlinkat(place.descriptor, name, Vec::new()) {
                Ok(target) => Node::Symlink { target: OsString::from_vec(target.into_bytes()) },
                Err(_) => self.omit(&path, Why::Unreadable, 0),
            },
            _ => self.omit(&path, Why::Special, 0),
        }))
    }

    fn subdirectory(
        &mut self,
        place: &Place<'_>,
        name: &OsStr,
        path: &Path,
        stat: &Stat,
    ) -> Result<Node, CheckpointError> {
        if stat.st_dev != self.device {
            return Ok(self.omit(path, Why::OtherFileSystem, 0));
        }
        if place.depth >= DEEPEST {
            return Ok(self.omit(path, Why::TooDeep, 0));
        }
        let Ok(descriptor) = open_directory(place.descriptor, name) else {
            return Ok(self.omit(path, Why::Unreadable, 0));
        };
        let descriptor = descriptor.as_fd();
        let mut bounded = place.bounded;
        if !bounded && (name == ".git" || self.ignored.ignores(path) || is_cache(descriptor)) {
            bounded = true;
            let mut count = Count { limits: self.limits, device: self.device, entries: 0, bytes: 0 };
            if count.passes(descriptor, place.depth) {
                let (entries, bytes) = (count.entries, count.bytes);
                return Ok(self.omit(path, Why::IgnoredDirectory { entries, bytes }, 0));
            }
        }
        self.directory(&Place { descriptor, path, depth: place.depth + 1, bounded }, stat)
    }

    fn file(
        &mut self,
        place: &Place<'_>,
        name: &OsStr,
        path: &Path,
        stat: &Stat,
    ) -> Result<Option<Node>, CheckpointError> {
        let size = stat.st_size.unsigned_abs();
        let on_disk = size.min(stat.st_blocks.unsigned_abs() * 512);
        if on_disk > self.limits.file_bytes || size / 8 > self.limits.file_bytes {
            return Ok(Some(self.omit(path, Why::TooLarge { bytes: size }, stamp(stat))));
        }
        if self.bytes + on_disk > self.limits.total_bytes {
            return Ok(Some(self.omit(path, Why::TotalReached, 0)));
        }
        self.bytes += on_disk;
        for attempt in 1.. {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            let opened = openat(place.descriptor, name, flags, Mode::empty());
            let (opened, before) = match opened.and_then(|opened| Ok((fstat(&opened)?, opened))) {
                Ok((before, opened)) if FileType::from_raw_mode(before.st_mode) == FileType::RegularFile => {
                    (opened, before)
                }
                Err(Errno::NOENT) => return Ok(None),
                _ => break,
            };
            let mut file = File::from(opened);
            let Ok((hash, length)) = self.writer.put_from(&mut file, &mut self.buffer)? else { break };
            let Ok(after) = fstat(&file) else { break };
            // One that is written to all the time is kept as it was read.
            if stamp(&before) == stamp(&after) && length == after.st_size.unsigned_abs() || attempt == ATTEMPTS {
                return Ok(Some(Node::File { mode: mode(&after), size: length, hash }));
            }
        }
        Ok(Some(self.omit(path, Why::Unreadable, 0)))
    }
}

/// Counts what is in a directory, until the limits of ignored ones are passed.
struct Count {
    limits: Limits,
    device: u64,
    entries: u64,
    bytes: u64,
}

impl Count {
    /// Whether the limits are passed.
    fn passes(&mut self, directory: BorrowedFd<'_>, depth: usize) -> bool {
        let Ok(names) = names(directory) else { return false };
        for name in names {
            let Ok(stat) = statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            self.entries += 1;
            let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            if !is_directory {
                self.bytes += stat.st_size.unsigned_abs().min(stat.st_blocks.unsigned_abs() * 512);
            }
            if self.entries > self.limits.ignored_entries || self.bytes > self.limits.ignored_bytes {
                return true;
            }
            if is_directory && depth < DEEPEST && stat.st_dev == self.device {
                let Ok(below) = open_directory(directory, &name) else { continue };
                if self.passes(below.as_fd(), depth + 1) {
                    return true;
                }
            }
        }
        false
    }
}

fn open_directory(directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

/// The names in a directory, sorted by their bytes.
fn names(directory: BorrowedFd<'_>) -> Result<Vec<OsString>, Errno> {
    // Whoever read it before, by the same descriptor, left it at its end.
    rustix::fs::seek(directory, SeekFrom::Start(0))?;
    let mut buffer = Vec::with_capacity(32 << 10);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Whether a directory says itself that all in it can be made again (<https://bford.info/cachedir/>).
fn is_cache(directory: BorrowedFd<'_>) -> bool {
    const SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let Ok(file) = openat(directory, "CACHEDIR.TAG", flags, Mode::empty()) else { return false };
    let mut start = [0; SIGNATURE.len()];
    rustix::io::read(file, &mut start).is_ok_and(|read| read == start.len()) && start == SIGNATURE
}

fn mode(stat: &Stat) -> u32 {
    stat.st_mode & 0o7777
}

/// Differs when a file does.
fn stamp(stat: &Stat) -> u64 {
    let mut hasher = blake3::Hasher::new();
    let times = [stat.st_mtime, stat.st_mtime_nsec.cast_signed(), stat.st_ctime, stat.st_ctime_nsec.cast_signed()];
    hasher.update(&stat.st_ino.to_le_bytes()).update(&stat.st_size.to_le_bytes());
    times.iter().for_each(|part| {
        hasher.update(&part.to_le_bytes());
    });
    let Hash(hash) = Hash(*hasher.finalize().as_bytes());
    hash.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}
