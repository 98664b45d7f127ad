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
    time::SystemTime,
};

use codex_sandbox::openat2;
use rustix::{
    fs::{
        AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, RawDir, ResolveFlags, Stat, fstat, openat, readlinkat,
        statat,
    },
    io::Errno,
};

use crate::{
    CheckpointError, Checkpoints, Limits, SnapshotId, Why,
    cache::{Cache, Entry, Known, identity, may_change_unseen, stamp},
    ignored::Ignored,
    objects::Writer,
    tree::{Manifest, Node, write_manifest, write_tree},
};

/// Directories within directories that are gone into; each takes a descriptor.
pub(crate) const DEEPEST: usize = 200;

/// How often a file that changes while it is read is read again.
const ATTEMPTS: usize = 3;

/// What a state is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Directories: canonical, absolute. One that lies in another is part of it. One that is not there has no entries.
    pub roots: Vec<PathBuf>,
    /// Files and directories that are left out: canonical, absolute.
    pub excluded: Vec<PathBuf>,
    /// Directories that count as not there while they are empty, and that are never removed: who confines commands makes
    /// them, and removes them when they are not needed any more.
    pub stubs: Vec<PathBuf>,
    /// Directories that are saved although they are above the limits of ignored ones, up to limits of their own, since
    /// something is about to destroy them: canonical, absolute.
    pub whole: Vec<PathBuf>,
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
    /// Files whose content was read, as nothing said that they had not changed.
    pub read: u64,
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
    /// Takes the state of `scope`.
    ///
    /// # Errors
    /// The store cannot be written. What cannot be read in the roots is no error but in `omitted`.
    pub fn capture(&self, scope: &Scope) -> Result<Captured, CheckpointError> {
        let mut objects = self.objects();
        let _in_use = objects.lock("use", FlockOperation::LockShared)?;
        objects.refresh()?;
        let roots = scope.outermost();
        let mut cache = self.cache();
        if !cache.as_ref().is_some_and(|cache| cache.is_of(&self.directory, &roots)) {
            *cache = None;
        }
        let cache = cache.get_or_insert_with(|| Cache::load(&self.directory, &roots));
        cache.begin();
        let mut walk = Walk::new(Writer::new(&mut objects)?, cache, scope, &self.directory);
        let mut manifest = Manifest::new();
        for root in roots {
            let node = walk.root(root)?;
            manifest.push((root.to_owned(), node));
        }
        let id = SnapshotId(walk.writer.put_manifest(&write_manifest(&manifest))?);
        walk.writer.flush()?;
        let (omitted, read) = (walk.omitted, walk.read);
        cache.save();
        Ok(Captured { id, omitted, read })
    }
}

impl Checkpoints {
    /// As [`Checkpoints::capture`]; does `then` with it before another state is taken so, so that what is written down of
    /// states is in the order in which they were taken.
    pub fn capture_then<T>(&self, scope: &Scope, then: impl FnOnce(Result<Captured, CheckpointError>) -> T) -> T {
        let _order = self.order.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        then(self.capture(scope))
    }

    /// Keeps bytes that are not those of a file; returns their hash and number.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn keep(&self, bytes: &[u8]) -> Result<(crate::Hash, u64), CheckpointError> {
        let mut objects = self.objects();
        let _in_use = objects.lock("use", FlockOperation::LockShared)?;
        objects.refresh()?;
        let mut writer = Writer::new(&mut objects)?;
        let hash = writer.put_all(bytes)?;
        writer.flush()?;
        Ok((hash, bytes.len() as u64))
    }
}

impl Scope {
    /// Why the directory `path` would not be saved even as one of `whole`; `None`: it would be, or is not there.
    pub fn why_not_whole(&self, path: &Path) -> Option<Why> {
        let resolve = ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
        let opened = match openat2(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY, resolve) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return None,
            Err(_) => return Some(Why::Unreadable),
        };
        let (Ok(stat), Ok(names)) = (fstat(&opened), names(opened.as_fd())) else { return Some(Why::Unreadable) };
        passes(opened.as_fd(), &names, self.limits.of_whole(), stat.st_dev)
    }

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
    cache: &'store mut Cache,
    limits: Limits,
    /// Names that are left out, by the directory that they are in.
    excluded: HashMap<PathBuf, HashSet<OsString>>,
    whole: HashSet<PathBuf>,
    stubs: HashSet<PathBuf>,
    omitted: Vec<Omitted>,
    ignored: Ignored,
    /// Files and directories so far.
    entries: u64,
    /// Bytes of files so far.
    bytes: u64,
    /// Files that were read.
    read: u64,
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
    known: Known,
}

impl<'store> Walk<'store> {
    fn new(writer: Writer<'store>, cache: &'store mut Cache, scope: &Scope, store: &Path) -> Self {
        let mut excluded: HashMap<PathBuf, HashSet<OsString>> = HashMap::new();
        for path in scope.excluded.iter().map(PathBuf::as_path).chain([store]) {
            if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
                excluded.entry(parent.to_owned()).or_default().insert(name.to_owned());
            }
        }
        Self {
            writer,
            cache,
            limits: scope.limits,
            excluded,
            whole: scope.whole.iter().cloned().collect(),
            stubs: scope.stubs.iter().cloned().collect(),
            omitted: Vec::new(),
            ignored: Ignored::default(),
            entries: 0,
            bytes: 0,
            read: 0,
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
        let Ok(names) = names(descriptor.as_fd()) else { return Ok(self.omit(path, Why::Unreadable, 0)) };
        self.directory(descriptor.as_fd(), path, names, (0, false), &stat)
    }

    fn omit(&mut self, path: &Path, why: Why, stamp: u64) -> Node {
        self.omitted.push(Omitted { path: path.to_owned(), why });
        Node::Unsaved { why, stamp }
    }

    /// An open directory with these names in it, its depth, and whether it is bounded.
    fn directory(
        &mut self,
        descriptor: BorrowedFd<'_>,
        path: &Path,
        names: Vec<OsString>,
        (depth, bounded): (usize, bool),
        stat: &Stat,
    ) -> Result<Node, CheckpointError> {
        let (gitignore, repository) = (has(&names, ".gitignore"), has(&names, ".git"));
        if !bounded && (gitignore || repository) {
            self.ignored.enter(path, descriptor, gitignore, repository);
        }
        let mut known = self.cache.known(path);
        if !known.tree.is_some_and(|tree| self.writer.has(&tree)) {
            // What it names may not be kept any more.
            known = Known::default();
        }
        let excluded = self.excluded.get(path).cloned();
        let mut entries = Vec::with_capacity(names.len());
        let place = Place { descriptor, path, depth, bounded, known };
        for name in names {
            let met = if excluded.as_ref().is_some_and(|excluded| excluded.contains(&name)) {
                Some((Node::Unsaved { why: Why::Excluded, stamp: 0 }, 0))
            } else {
                self.entry(&place, &name)?
            };
            entries.extend(met.map(|(node, stamp)| Entry { name, stamp, node }));
        }
        self.ignored.leave(path);
        let tree = self.writer.put_all(&write_tree(entries.iter().map(|entry| (&entry.name, &entry.node))))?;
        let now = Known { tree: Some(tree), entries };
        if now != place.known {
            self.cache.set(path, &now);
        }
        Ok(Node::Directory { mode: mode(stat), tree })
    }

    /// What `name` is in `place`, and the stamp that tells it unchanged; `None`: it is not there any more.
    fn entry(&mut self, place: &Place<'_>, name: &OsStr) -> Result<Option<(Node, u64)>, CheckpointError> {
        let stat = match statat(place.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(_) => return Ok(Some((self.omit(&place.path.join(name), Why::Unreadable, 0), 0))),
        };
        self.entries += 1;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::RegularFile
            && self.entries <= self.limits.entries
            && let Some(node) = self.unchanged(place, name, &stat)
        {
            return Ok(Some(node));
        }
        let path = place.path.join(name);
        if self.entries > self.limits.entries {
            return Ok(Some((self.omit(&path, Why::TotalReached, 0), 0)));
        }
        let node = match kind {
            FileType::RegularFile => return self.file(place, name, &path, &stat),
            FileType::Directory if self.stubs.contains(&path) && is_empty(place.descriptor, name) => return Ok(None),
            FileType::Directory => return self.subdirectory(place, name, &path, &stat).map(Some),
            FileType::Symlink => match readlinkat(place.descriptor, name, Vec::new()) {
                Ok(target) => Node::Symlink { target: OsString::from_vec(target.into_bytes()) },
                Err(_) => self.omit(&path, Why::Unreadable, 0),
            },
            _ => self.omit(&path, Why::Special, 0),
        };
        Ok(Some((node, 0)))
    }

    /// A file that is known, has not changed, and is within the limits.
    fn unchanged(&mut self, place: &Place<'_>, name: &OsStr, stat: &Stat) -> Option<(Node, u64)> {
        let (stamp, bytes) = (stamp(stat), on_disk(stat));
        let node = place.known.unchanged(name, stamp)?;
        if !matches!(node, Node::File { .. }) || !self.is_within(bytes, stat) {
            return None;
        }
        self.bytes += bytes;
        Some((node.clone(), stamp))
    }

    fn is_within(&self, bytes: u64, stat: &Stat) -> bool {
        let is_small = bytes <= self.limits.file_bytes && stat.st_size.unsigned_abs() / 8 <= self.limits.file_bytes;
        is_small && self.bytes.saturating_add(bytes) <= self.limits.total_bytes
    }

    fn subdirectory(
        &mut self,
        place: &Place<'_>,
        name: &OsStr,
        path: &Path,
        stat: &Stat,
    ) -> Result<(Node, u64), CheckpointError> {
        if stat.st_dev != self.device {
            return Ok((self.omit(path, Why::OtherFileSystem, 0), 0));
        }
        if place.depth >= DEEPEST {
            return Ok((self.omit(path, Why::TooDeep, 0), 0));
        }
        let opened = open_directory(place.descriptor, name);
        let Ok((names, descriptor)) = opened.and_then(|opened| Ok((names(opened.as_fd())?, opened))) else {
            return Ok((self.omit(path, Why::Unreadable, 0), 0));
        };
        let descriptor = descriptor.as_fd();
        let may_be_cache = || has(&names, "CACHEDIR.TAG") && is_cache(descriptor);
        let mut bounded = place.bounded;
        if !bounded && (name == ".git" || self.ignored.ignores(path) || may_be_cache()) {
            bounded = true;
            let whole = self.whole.contains(path);
            // One that was too large stays so: nothing in it is gone through again.
            let known = place.known.unchanged(name, identity(stat)).filter(|_| !whole).and_then(Node::why);
            let most = if whole { self.limits.of_whole() } else { self.limits.of_ignored() };
            if let Some(why) = known.or_else(|| passes(descriptor, &names, most, self.device)) {
                return Ok((self.omit(path, why, 0), identity(stat)));
            }
        }
        Ok((self.directory(descriptor, path, names, (place.depth + 1, bounded), stat)?, 0))
    }

    fn file(
        &mut self,
        place: &Place<'_>,
        name: &OsStr,
        path: &Path,
        stat: &Stat,
    ) -> Result<Option<(Node, u64)>, CheckpointError> {
        let bytes = on_disk(stat);
        if !self.is_within(bytes, stat) {
            let total = bytes <= self.limits.file_bytes && stat.st_size.unsigned_abs() / 8 <= self.limits.file_bytes;
            let why = if total { Why::TotalReached } else { Why::TooLarge { bytes: stat.st_size.unsigned_abs() } };
            return Ok(Some((self.omit(path, why, stamp(stat)), 0)));
        }
        self.bytes += bytes;
        self.read += 1;
        for attempt in 1.. {
            let now = SystemTime::now();
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            let opened = openat(place.descriptor, name, flags, Mode::empty());
            let (before, opened) = match opened.and_then(|opened| Ok((fstat(&opened)?, opened))) {
                Ok(found) if FileType::from_raw_mode(found.0.st_mode) == FileType::RegularFile => found,
                Err(Errno::NOENT) => return Ok(None),
                _ => break,
            };
            let mut file = File::from(opened);
            let Ok((hash, size)) = self.writer.put_from(&mut file, &mut self.buffer)? else { break };
            let Ok(after) = fstat(&file) else { break };
            let is_whole = stamp(&before) == stamp(&after) && size == after.st_size.unsigned_abs();
            let settled = is_whole && !may_change_unseen(&after, now);
            // One that is written to all the time is kept as it was read.
            if is_whole || attempt == ATTEMPTS {
                let stamp = if settled { stamp(&after) } else { 0 };
                return Ok(Some((Node::File { mode: mode(&after), size, hash }, stamp)));
            }
        }
        Ok(Some((self.omit(path, Why::Unreadable, 0), 0)))
    }
}

/// Why an open directory with these names in it is not saved, if it has more than `most` entries and bytes.
fn passes(directory: BorrowedFd<'_>, names: &[OsString], most: (u64, u64), device: u64) -> Option<Why> {
    let mut count = Count { most, device, entries: 0, bytes: 0 };
    let (passed, Count { entries, bytes, .. }) = (count.passes(directory, names, 0), count);
    passed.then_some(Why::IgnoredDirectory { entries, bytes })
}

/// Counts what is in a directory, until there is too much.
struct Count {
    /// Entries and bytes.
    most: (u64, u64),
    device: u64,
    entries: u64,
    bytes: u64,
}

impl Count {
    /// Whether there is too much.
    fn passes(&mut self, directory: BorrowedFd<'_>, names: &[OsString], depth: usize) -> bool {
        names.iter().any(|name| {
            let Ok(stat) = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) else { return false };
            self.entries += 1;
            let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            if !is_directory {
                self.bytes += on_disk(&stat);
            }
            if self.entries > self.most.0 || self.bytes > self.most.1 {
                return true;
            }
            is_directory && depth < DEEPEST && stat.st_dev == self.device && self.passes_below(directory, name, depth)
        })
    }

    fn passes_below(&mut self, directory: BorrowedFd<'_>, name: &OsStr, depth: usize) -> bool {
        let Ok(below) = open_directory(directory, name) else { return false };
        names(below.as_fd()).is_ok_and(|names| self.passes(below.as_fd(), &names, depth + 1))
    }
}

pub(crate) fn open_directory(directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

/// Whether there is a directory with nothing in it.
pub(crate) fn is_empty(directory: impl AsFd, name: &OsStr) -> bool {
    let opened = open_directory(directory.as_fd(), name);
    opened.is_ok_and(|opened| names(opened.as_fd()).is_ok_and(|names| names.is_empty()))
}

/// The names in a directory, sorted by their bytes.
pub(crate) fn names(directory: BorrowedFd<'_>) -> Result<Vec<OsString>, Errno> {
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

/// What a file takes on the disk, in bytes; no more than its length.
fn on_disk(stat: &Stat) -> u64 {
    stat.st_size.unsigned_abs().min(stat.st_blocks.unsigned_abs().saturating_mul(512))
}

fn has(names: &[OsString], name: &str) -> bool {
    names.binary_search_by(|found| found.as_bytes().cmp(name.as_bytes())).is_ok()
}
