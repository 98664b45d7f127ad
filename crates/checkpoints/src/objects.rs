//! The store of objects: bytes named by their hash, in packs that only grow, for any number of processes at once.
//!
//! A pack is two files: `N.pack`, stored bytes one after the other, and `N-G.index`, a record for each object in it; of two
//! indexes the one with the higher G counts. A record is written after its object, so that a writer that is killed leaves
//! bytes that no record tells of, or a part of a record; the next writer cuts them off. What a record names and is not in
//! the pack is as if it were not there.
//!
//! Whatever an object names is there if the object is: it is written before it, and taken away only with it. So a state
//! that is there is there as a whole.
//!
//! It must never write to a pack without the lock `append`, nor hand out what does not fit its hash.

mod disk;
mod record;
mod repack;
mod writer;

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use disk::Disk;
#[cfg(debug_assertions)]
pub use disk::faults;
use record::{Form, LENGTH, Record};
pub(crate) use writer::Writer;

use crate::{CheckpointError, Hash};

/// Longest object that is stored in one piece, in bytes; longer ones are in several, each an object. Tests have many pieces.
pub(crate) const PIECE: usize = if cfg!(test) { 64 << 10 } else { 4 << 20 };

/// A pack that is larger is not written to any more, in bytes. Tests have many packs.
const PACK: u64 = if cfg!(test) { 4 << 10 } else { 512 << 20 };

/// Manifests that were written in so many seconds are kept, as whoever wants them may not have said so yet.
pub(crate) const GRACE: u32 = 3600;

/// All that is kept in a directory, as far as this process has looked.
#[derive(Debug)]
pub(crate) struct Objects {
    pub(crate) directory: PathBuf,
    pub(crate) disk: Disk,
    packs: HashMap<u32, Pack>,
    /// Where each object is: number of its pack, and its record.
    places: HashMap<Hash, (u32, Record)>,
}

/// A pack whose records were read.
#[derive(Debug)]
struct Pack {
    generation: u32,
    file: File,
    index: File,
    /// Bytes of the index that were read.
    read: u64,
    /// Where the last object ends.
    end: u64,
    /// Some record told of nothing: no more is written here, or it would tell of something else.
    broken: bool,
}

impl Objects {
    /// What is in `directory`; it is looked at when something is asked for.
    pub(crate) fn new(directory: &Path) -> Self {
        let directory = directory.to_owned();
        Self { directory, disk: Disk::default(), packs: HashMap::new(), places: HashMap::new() }
    }

    pub(crate) fn has(&self, hash: &Hash) -> bool {
        self.places.contains_key(hash)
    }

    fn has_recent_manifest(&self, hash: &Hash) -> bool {
        let recent = |record: &Record| record.written.saturating_add(GRACE / 2) > writer::now();
        self.places.get(hash).is_some_and(|(_, record)| recent(record))
    }

    /// The bytes of an object.
    pub(crate) fn read(&mut self, hash: &Hash) -> Result<Vec<u8>, CheckpointError> {
        if !self.has(hash) {
            self.refresh()?;
        }
        let mut bytes = Vec::new();
        self.each_piece(hash, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Hands the bytes of an object to `take`, piece by piece.
    pub(crate) fn each_piece(
        &mut self,
        hash: &Hash,
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), CheckpointError> {
        let (form, bytes) = self.stored(hash)?;
        if form != Form::Pieces {
            self.check(hash, Hash::of(&bytes) == *hash)?;
            return take(&bytes).map_err(|source| CheckpointError::io("use what is in", &self.directory, source));
        }
        let mut whole = blake3::Hasher::new();
        for piece in bytes.chunks(32) {
            let piece = Hash(piece.try_into().map_err(|_| self.damaged(hash))?);
            let (form, bytes) = self.stored(&piece)?;
            self.check(&piece, form != Form::Pieces && Hash::of(&bytes) == piece)?;
            whole.update(&bytes);
            take(&bytes).map_err(|source| CheckpointError::io("use what is in", &self.directory, source))?;
        }
        self.check(hash, *whole.finalize().as_bytes() == hash.0)
    }

    /// The bytes of an object that is in one piece; of another, the hashes of its pieces. Not checked.
    fn stored(&self, hash: &Hash) -> Result<(Form, Vec<u8>), CheckpointError> {
        let (_, record) = self.places.get(hash).ok_or(CheckpointError::Missing(*hash))?;
        let mut stored = self.bytes_of(hash)?;
        if record.form == Form::Packed {
            stored = zstd::bulk::decompress(&stored, record.size as usize).map_err(|_| self.damaged(hash))?;
        }
        Ok((record.form, stored))
    }

    /// The bytes of an object as they are stored.
    fn bytes_of(&self, hash: &Hash) -> Result<Vec<u8>, CheckpointError> {
        let (number, record) = self.places.get(hash).ok_or(CheckpointError::Missing(*hash))?;
        let pack = self.packs.get(number).ok_or(CheckpointError::Missing(*hash))?;
        let mut stored = vec![0; record.stored as usize];
        let read = pack.file.read_exact_at(&mut stored, record.offset);
        read.map_err(|source| CheckpointError::io("read", &self.pack_path(*number), source))?;
        Ok(stored)
    }

    fn check(&self, hash: &Hash, holds: bool) -> Result<(), CheckpointError> {
        if holds { Ok(()) } else { Err(self.damaged(hash)) }
    }

    pub(crate) fn damaged(&self, hash: &Hash) -> CheckpointError {
        CheckpointError::Damaged { path: self.directory.clone(), what: format!("{hash} is not what was saved") }
    }

    fn pack_path(&self, number: u32) -> PathBuf {
        self.directory.join(format!("{number:08}.pack"))
    }

    fn index_path(&self, number: u32, generation: u32) -> PathBuf {
        self.directory.join(format!("{number:08}-{generation}.index"))
    }

    /// Waits for a lock, which is held as long as what is returned.
    pub(crate) fn lock(&self, name: &str, operation: FlockOperation) -> Result<File, CheckpointError> {
        let path = self.directory.join(format!("{name}.lock"));
        let opened = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened.map_err(|source| CheckpointError::io("open", &path, source))?;
        loop {
            match flock(&file, operation) {
                Ok(()) => return Ok(file),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(CheckpointError::io("lock", &path, error)),
            }
        }
    }

    /// Looks at what other processes wrote or took away.
    pub(crate) fn refresh(&mut self) -> Result<(), CheckpointError> {
        let indexes = self.indexes().map_err(|source| CheckpointError::io("list", &self.directory, source))?;
        let held = self.packs.len();
        self.packs.retain(|number, pack| indexes.get(number) == Some(&pack.generation));
        if self.packs.len() < held {
            self.places.retain(|_, (number, _)| self.packs.contains_key(number));
        }
        for (number, generation) in indexes {
            match self.refresh_pack(number, generation) {
                // Taken away between the two looks.
                Err(source) if source.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(CheckpointError::io("read", &self.index_path(number, generation), source)),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// The numbers of the packs, ascending, and of each the highest number of its indexes.
    fn indexes(&self) -> io::Result<BTreeMap<u32, u32>> {
        let mut indexes = BTreeMap::new();
        for entry in fs::read_dir(&self.directory)? {
            if let Some((number, generation)) = index_numbers(&entry?.file_name()) {
                let highest = indexes.entry(number).or_insert(generation);
                *highest = generation.max(*highest);
            }
        }
        Ok(indexes)
    }

    /// What all packs take, in bytes.
    pub(crate) fn bytes_on_disk(&mut self) -> Result<u64, CheckpointError> {
        self.refresh()?;
        let sizes = self.packs.values().map(|pack| Ok(pack.file.metadata()?.len() + pack.index.metadata()?.len()));
        let sum: io::Result<u64> = sizes.sum();
        sum.map_err(|source| CheckpointError::io("read", &self.directory, source))
    }

    fn refresh_pack(&mut self, number: u32, generation: u32) -> io::Result<()> {
        if !self.packs.contains_key(&number) {
            let file = File::options().read(true).write(true).open(self.pack_path(number))?;
            let index = File::options().read(true).write(true).open(self.index_path(number, generation))?;
            self.packs.insert(number, Pack { generation, file, index, read: 0, end: 0, broken: false });
        }
        let Some(pack) = self.packs.get_mut(&number) else { return Ok(()) };
        let whole = pack.index.metadata()?.len() / LENGTH as u64 * LENGTH as u64;
        let Some(unread) = whole.checked_sub(pack.read).filter(|unread| *unread > 0) else { return Ok(()) };
        let mut bytes = vec![0; usize::try_from(unread).unwrap_or_default()];
        pack.index.read_exact_at(&mut bytes, pack.read)?;
        pack.read = whole;
        let length = pack.file.metadata()?.len();
        for record in bytes.as_chunks::<LENGTH>().0 {
            // After a power failure an index may tell of what never reached the disk.
            match Record::read(record).filter(|(_, record)| record.end() <= length) {
                Some((hash, record)) => {
                    pack.end = pack.end.max(record.end());
                    self.places.insert(hash, (number, record));
                }
                None => pack.broken = true,
            }
        }
        Ok(())
    }

    /// Writes `bytes` and the records of what is in them. The lock `append` is held.
    fn append(&mut self, bytes: &[u8], records: &[(Hash, Record)]) -> Result<(), CheckpointError> {
        self.refresh()?;
        let last = self.packs.iter().max_by_key(|(number, _)| **number);
        let number =
            last.map_or(1, |(number, pack)| if pack.end < PACK && !pack.broken { *number } else { *number + 1 });
        self.append_to(number, bytes, records)
            .map_err(|source| CheckpointError::io("write", &self.pack_path(number), source))
    }

    /// Makes the files of a pack, the empty index last: what has none is no pack.
    fn make_pack(&mut self, number: u32) -> io::Result<()> {
        let file = self.disk.create(&self.pack_path(number))?;
        let index = self.disk.create(&self.index_path(number, 0))?;
        self.packs.insert(number, Pack { generation: 0, file, index, read: 0, end: 0, broken: false });
        Ok(())
    }

    fn append_to(&mut self, number: u32, bytes: &[u8], records: &[(Hash, Record)]) -> io::Result<()> {
        if !self.packs.contains_key(&number) {
            self.make_pack(number)?;
        }
        let Some(pack) = self.packs.get_mut(&number) else { return Ok(()) };
        for (file, end) in [(&pack.file, pack.end), (&pack.index, pack.read)] {
            if file.metadata()?.len() != end {
                self.disk.cut(file, end)?;
            }
        }
        self.disk.write_at(&pack.file, bytes, pack.end)?;
        let mut index = Vec::with_capacity(records.len() * LENGTH);
        let start = pack.end;
        let moved = records.iter().map(|(hash, record)| (*hash, Record { offset: start + record.offset, ..*record }));
        let moved: Vec<(Hash, Record)> = moved.collect();
        moved.iter().for_each(|(hash, record)| record.write(hash, &mut index));
        self.disk.write_at(&pack.index, &index, pack.read)?;
        pack.end += bytes.len() as u64;
        pack.read += index.len() as u64;
        self.places.extend(moved.into_iter().map(|(hash, record)| (hash, (number, record))));
        Ok(())
    }
}

/// The number of the pack and of the index that a name stands for.
fn index_numbers(name: &OsStr) -> Option<(u32, u32)> {
    let (number, generation) = name.to_str()?.strip_suffix(".index")?.split_once('-')?;
    Some((number.parse().ok()?, generation.parse().ok()?))
}
