//! Puts objects into a store: kept in memory until there are enough of them, then written at once.

use std::{
    collections::HashSet,
    io::{self, Read},
    time::SystemTime,
};

use rustix::fs::FlockOperation;

use super::{Objects, PIECE, Record, record::Form};
use crate::{CheckpointError, Hash};

/// What is put is written when there is so much of it, in bytes. Tests have many writes.
const BATCH: usize = if cfg!(test) { 1 } else { 8 << 20 };

/// What zstd must save to be worth it: one part in so many.
const WORTH: usize = 16;

/// What is dropped before it was flushed was never there.
pub(crate) struct Writer<'store> {
    pub(super) objects: &'store mut Objects,
    /// The stored bytes of what is not yet written.
    batch: Vec<u8>,
    /// Their records, with offsets in `batch`.
    records: Vec<(Hash, Record)>,
    /// Their hashes.
    batched: HashSet<Hash>,
    compressor: zstd::bulk::Compressor<'static>,
}

impl<'store> Writer<'store> {
    pub(crate) fn new(objects: &'store mut Objects) -> Result<Self, CheckpointError> {
        let compressor = zstd::bulk::Compressor::new(1);
        let compressor =
            compressor.map_err(|source| CheckpointError::io("compress for", &objects.directory, source))?;
        Ok(Self { objects, batch: Vec::new(), records: Vec::new(), batched: HashSet::new(), compressor })
    }

    /// Keeps `bytes`, at most [`PIECE`] of them.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<Hash, CheckpointError> {
        let hash = Hash::of(bytes);
        if self.has(&hash) {
            return Ok(hash);
        }
        let packed = self.compressor.compress(bytes);
        let packed = packed.map_err(|source| CheckpointError::io("compress for", &self.objects.directory, source))?;
        if packed.len() + bytes.len() / WORTH < bytes.len() {
            self.add(hash, &packed, bytes.len(), Form::Packed)?;
        } else {
            self.add(hash, bytes, bytes.len(), Form::Plain)?;
        }
        Ok(hash)
    }

    /// Keeps bytes of any number.
    pub(crate) fn put_all(&mut self, bytes: &[u8]) -> Result<Hash, CheckpointError> {
        // Reading memory does not fail.
        let put = self.put_from(&mut { bytes }, &mut Vec::new())?;
        Ok(put.map_or_else(|_| Hash::of(bytes), |(hash, _)| hash))
    }

    /// Keeps what is read from `source` to its end; returns its hash and length. `buffer` is made large enough.
    /// The inner error is one of reading.
    pub(crate) fn put_from(
        &mut self,
        source: &mut impl Read,
        buffer: &mut Vec<u8>,
    ) -> Result<io::Result<(Hash, u64)>, CheckpointError> {
        let mut piece = |buffer: &mut Vec<u8>| {
            buffer.clear();
            source.take(PIECE as u64).read_to_end(buffer)
        };
        let mut length = match piece(buffer) {
            Ok(length) => length as u64,
            Err(error) => return Ok(Err(error)),
        };
        if buffer.len() < PIECE {
            return Ok(Ok((self.put(buffer)?, length)));
        }
        let (mut whole, mut pieces) = (blake3::Hasher::new(), Vec::new());
        while !buffer.is_empty() {
            whole.update(buffer);
            pieces.extend_from_slice(&self.put(buffer)?.0);
            match piece(buffer) {
                Ok(more) => length += more as u64,
                Err(error) => return Ok(Err(error)),
            }
        }
        let hash = Hash(*whole.finalize().as_bytes());
        if !self.has(&hash) {
            self.add(hash, &pieces, 0, Form::Pieces)?;
        }
        Ok(Ok((hash, length)))
    }

    /// Keeps a manifest, and the time too.
    pub(crate) fn put_manifest(&mut self, bytes: &[u8]) -> Result<Hash, CheckpointError> {
        let hash = Hash::of(bytes);
        if !self.objects.has_recent_manifest(&hash) {
            self.add(hash, bytes, bytes.len(), Form::Manifest)?;
        }
        Ok(hash)
    }

    pub(crate) fn has(&self, hash: &Hash) -> bool {
        self.batched.contains(hash) || self.objects.has(hash)
    }

    fn add(&mut self, hash: Hash, stored: &[u8], size: usize, form: Form) -> Result<(), CheckpointError> {
        // Both are at most a piece, or the list of pieces of the longest file that there can be.
        let record = Record { offset: 0, stored: stored.len() as u32, size: size as u32, written: now(), form };
        self.add_stored(hash, stored, record)
    }

    /// Keeps what is stored as `record` says, but for the place.
    pub(super) fn add_stored(&mut self, hash: Hash, stored: &[u8], record: Record) -> Result<(), CheckpointError> {
        let record = Record { offset: self.batch.len() as u64, ..record };
        self.batch.extend_from_slice(stored);
        self.batched.insert(hash);
        self.records.push((hash, record));
        if self.batch.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    /// Writes what was put.
    pub(crate) fn flush(&mut self) -> Result<(), CheckpointError> {
        if self.records.is_empty() {
            return Ok(());
        }
        let _lock = self.objects.lock("append", FlockOperation::LockExclusive)?;
        self.objects.append(&self.batch, &self.records)?;
        self.batch.clear();
        self.records.clear();
        self.batched.clear();
        Ok(())
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}
