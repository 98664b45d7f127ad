//! What was known of each directory when it was last gone through, so that files that did not change are not read again.
//!
//! A file is taken for unchanged if its length, times and inode are what they were, and it had not changed just before it
//! was read. It must never be wrong, only forgetful: what is lost or damaged is read anew.

use std::{
    collections::{HashMap, HashSet},
    ffi::{OsStr, OsString},
    fs,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::fs::Stat;

use crate::{
    Hash,
    tree::{Node, take},
};

/// The first bytes of a file of this format.
const MAGIC: &[u8] = b"codex stat cache 1\n";

/// What is known of the directories of some roots.
#[derive(Debug)]
pub(crate) struct Cache {
    file: PathBuf,
    /// The records of the file.
    base: Vec<u8>,
    /// Where the record of a directory is in `base`, by the short hash of its path.
    places: HashMap<u64, (usize, usize)>,
    /// Records that are newer than those of `base`, by the short hash of the path.
    fresh: HashMap<u64, Vec<u8>>,
    /// The directories that were met since [`Cache::begin`].
    met: HashSet<u64>,
}

/// What is known of a directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// The object of the directory.
    pub(crate) tree: Option<Hash>,
    /// Sorted by the bytes of their names.
    pub(crate) entries: Vec<Entry>,
}

/// What is known of a name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: OsString,
    /// Of the file as it was read; 0 if it may have changed since, unseen.
    pub(crate) stamp: u64,
    pub(crate) node: Node,
}

impl Known {
    /// What is known of `name`, if the file has not changed since.
    pub(crate) fn unchanged(&self, name: &OsStr, stamp: u64) -> Option<&Node> {
        let found = self.entries.binary_search_by(|entry| entry.name.as_bytes().cmp(name.as_bytes()));
        let entry = self.entries.get(found.ok()?)?;
        (entry.stamp == stamp && stamp != 0).then_some(&entry.node)
    }
}

impl Cache {
    /// What `directory` holds of `roots`; nothing if that cannot be read.
    pub(crate) fn load(directory: &Path, roots: &[&Path]) -> Self {
        let mut cache = Self {
            file: file_of(directory, roots),
            base: Vec::new(),
            places: HashMap::new(),
            fresh: HashMap::new(),
            met: HashSet::new(),
        };
        let Ok(mut bytes) = fs::read(&cache.file) else { return cache };
        let start = MAGIC.len() + 32;
        let is_whole = bytes.starts_with(MAGIC)
            && bytes.get(MAGIC.len()..start).is_some_and(|check| Hash::of(&bytes[start..]).0 == *check);
        if is_whole {
            bytes.drain(..start);
            cache.set_base(bytes);
        }
        cache
    }

    /// Whether it is about `roots`.
    pub(crate) fn is_of(&self, directory: &Path, roots: &[&Path]) -> bool {
        self.file == file_of(directory, roots)
    }

    fn set_base(&mut self, base: Vec<u8>) {
        self.base = base;
        self.places.clear();
        let mut at = 0;
        while let Some((length, path)) = frame(&self.base[at..]) {
            self.places.insert(short_hash(path), (at, at + length));
            at += length;
        }
    }

    /// Before the roots are gone through.
    pub(crate) fn begin(&mut self) {
        self.met.clear();
    }

    /// What is known of the directory `path`.
    pub(crate) fn known(&mut self, path: &Path) -> Known {
        let key = short_hash(path.as_os_str().as_bytes());
        self.met.insert(key);
        let place = || self.places.get(&key).and_then(|(start, end)| self.base.get(*start..*end));
        let record = self.fresh.get(&key).map(Vec::as_slice).or_else(place);
        record.and_then(|record| read(record, path)).unwrap_or_default()
    }

    pub(crate) fn set(&mut self, path: &Path, known: &Known) {
        self.fresh.insert(short_hash(path.as_os_str().as_bytes()), write(path, known));
    }

    /// Writes the file again if that is worth it. That it cannot be written only makes the next process slower.
    pub(crate) fn save(&mut self) {
        let fresh: usize = self.fresh.values().map(Vec::len).sum();
        // A small part of it is found out again sooner than the whole is written.
        if fresh <= self.base.len() / 8 {
            return;
        }
        let mut base = Vec::with_capacity(self.base.len() + fresh);
        for (key, (start, end)) in &self.places {
            if self.met.contains(key) && !self.fresh.contains_key(key) {
                base.extend_from_slice(&self.base[*start..*end]);
            }
        }
        self.fresh
            .iter()
            .filter(|(key, _)| self.met.contains(key))
            .for_each(|(_, record)| base.extend_from_slice(record));
        self.fresh.clear();
        self.set_base(base);
        let _ = self.write_file();
    }

    fn write_file(&self) -> std::io::Result<()> {
        let beside = self.file.with_extension(format!("{}.tmp", std::process::id()));
        let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        let check = Hash::of(&self.base);
        let written = [MAGIC, &check.0, &self.base].into_iter().try_for_each(|part| file.write_all(part));
        written.and_then(|()| fs::rename(&beside, &self.file)).inspect_err(|_| {
            let _ = fs::remove_file(&beside);
        })
    }
}

fn file_of(directory: &Path, roots: &[&Path]) -> PathBuf {
    let mut hasher = blake3::Hasher::new();
    for root in roots {
        hasher.update(root.as_os_str().as_bytes()).update(&[0]);
    }
    directory.join(format!("{}.stat", hasher.finalize().to_hex()))
}

fn short_hash(bytes: &[u8]) -> u64 {
    Hash::of(bytes).0.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

/// A record: its length without these 4 bytes, the length of the path (2), the path, the hash of the directory's object,
/// and of each entry the stamp (8) and the node as it stands in such an object.
fn write(path: &Path, known: &Known) -> Vec<u8> {
    let mut record = vec![0; 4];
    let path = path.as_os_str().as_bytes();
    record.extend_from_slice(&(path.len() as u16).to_le_bytes());
    record.extend_from_slice(path);
    record.extend_from_slice(&known.tree.map_or([0; 32], |tree| tree.0));
    for entry in &known.entries {
        record.extend_from_slice(&entry.stamp.to_le_bytes());
        entry.node.write(&entry.name, &mut record);
    }
    let length = (record.len() - 4) as u32;
    record[..4].copy_from_slice(&length.to_le_bytes());
    record
}

/// The length of the record that `bytes` begin with, and its path.
fn frame(mut bytes: &[u8]) -> Option<(usize, &[u8])> {
    let whole = bytes;
    let length = 4 + u32::from_le_bytes(take(&mut bytes)?) as usize;
    let path = usize::from(u16::from_le_bytes(take(&mut bytes)?));
    Some((whole.get(..length)?.len(), bytes.get(..path)?))
}

/// `None`: it is of another directory.
fn read(record: &[u8], path: &Path) -> Option<Known> {
    let (_, of) = frame(record)?;
    if of != path.as_os_str().as_bytes() {
        return None;
    }
    let mut rest = record.get(6 + of.len()..)?;
    let tree = Some(Hash(take(&mut rest)?));
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let stamp = u64::from_le_bytes(take(&mut rest)?);
        let (name, node) = Node::read(&mut rest)?;
        entries.push(Entry { name, stamp, node });
    }
    Some(Known { tree, entries })
}

/// Differs when a file does, but for changes in the same tick of its file system's clock. Never 0.
pub(crate) fn stamp(stat: &Stat) -> u64 {
    let mut bytes = [0; 48];
    let numbers = [
        stat.st_ino,
        stat.st_size.cast_unsigned(),
        stat.st_mtime.cast_unsigned(),
        stat.st_mtime_nsec,
        stat.st_ctime.cast_unsigned(),
        stat.st_ctime_nsec,
    ];
    for (into, number) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
        *into = number.to_le_bytes();
    }
    short_hash(&bytes).max(1)
}

/// Of a directory that is not gone into: another one, with the same name, has another.
pub(crate) fn identity(stat: &Stat) -> u64 {
    short_hash(&stat.st_ino.to_le_bytes()).max(1)
}

/// Whether a file may change after `read`, when it is read, without its times telling.
pub(crate) fn may_change_unseen(stat: &Stat, read: SystemTime) -> bool {
    // The kernel's clock for this goes by ticks of up to 10 ms; file systems without fractions by up to 2 s.
    let has_fractions = stat.st_mtime_nsec != 0 || stat.st_ctime_nsec != 0;
    let tick = if has_fractions { Duration::from_millis(40) } else { Duration::from_millis(2100) };
    let time = |seconds: i64, fraction: u64| {
        SystemTime::UNIX_EPOCH
            + Duration::new(u64::try_from(seconds).unwrap_or_default(), fraction as u32 % 1_000_000_000)
    };
    let changed = time(stat.st_ctime, stat.st_ctime_nsec).max(time(stat.st_mtime, stat.st_mtime_nsec));
    changed + tick >= read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_settled_when_the_clock_of_its_file_system_has_gone_on() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stat = rustix::fs::fstat(&file).unwrap();
        let stat = |changed: (i64, u64), written: (i64, u64)| {
            let mut stat = stat;
            (stat.st_ctime, stat.st_ctime_nsec, stat.st_mtime, stat.st_mtime_nsec) =
                (changed.0, changed.1, written.0, written.1);
            stat
        };
        let read = SystemTime::UNIX_EPOCH + Duration::from_millis(100_500);
        // When it changed and was written, in seconds and nanoseconds, and whether it may have changed since unseen.
        let table = [
            ((100, 500_000_000), (100, 500_000_000), true),
            ((100, 470_000_000), (90, 1), true),
            ((100, 450_000_000), (100, 450_000_000), false),
            ((90, 1), (100, 499_000_000), true),
            ((100, 600_000_000), (100, 1), true),
            ((98, 0), (98, 0), false),
            ((99, 0), (99, 0), true),
            ((99, 1), (99, 0), false),
            ((99, 0), (-5, 0), true),
        ];
        for (changed, written, unsettled) in table {
            assert_eq!(may_change_unseen(&stat(changed, written), read), unsettled, "{changed:?} {written:?}");
        }
        let one = stat((1, 2), (3, 4));
        for other in [stat((2, 2), (3, 4)), stat((1, 3), (3, 4)), stat((1, 2), (4, 4)), stat((1, 2), (3, 5))] {
            assert_ne!(stamp(&one), stamp(&other));
        }
    }
}
