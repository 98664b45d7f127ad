//! Takes away objects that nobody wants: packs of which little is left are written anew, others get a shorter index.
//!
//! It must never run beside a capture, nor leave a moment in which an object that is wanted is in no pack.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    time::{Duration, SystemTime},
};

use rustix::fs::FlockOperation;

use super::{Objects, Record, Writer, index_numbers, record::Form, writer};
use crate::{
    CheckpointError, Hash,
    links::{PATIENCE, SUFFIX, UNFINISHED},
};

/// What only helps to be quick, and branches that were saved before a command, go if they were not written for so long.
const STALE: Duration = Duration::from_hours(30 * 24);

impl Objects {
    /// The manifests that are younger than `seconds`.
    pub(crate) fn young_manifests(&self, seconds: u32) -> Vec<Hash> {
        let now = writer::now();
        let is_young = |record: &Record| record.form == Form::Manifest && record.written.saturating_add(seconds) > now;
        self.places.iter().filter(|(_, (_, record))| is_young(record)).map(|(hash, _)| *hash).collect()
    }

    /// The objects that an object in pieces is made of; of another, none.
    pub(crate) fn pieces(&self, hash: &Hash) -> Result<Vec<Hash>, CheckpointError> {
        if self.places.get(hash).is_none_or(|(_, record)| record.form != Form::Pieces) {
            return Ok(Vec::new());
        }
        let (_, bytes) = self.stored(hash)?;
        Ok(bytes.as_chunks::<32>().0.iter().map(|piece| Hash(*piece)).collect())
    }

    /// Leaves the objects `wanted`, and no others. The lock `use` is held alone.
    pub(crate) fn repack(&mut self, wanted: &HashSet<Hash>, branches: Duration) -> Result<(), CheckpointError> {
        let mut kept: HashMap<u32, Vec<(Hash, Record)>> =
            self.packs.keys().map(|number| (*number, Vec::new())).collect();
        for (hash, (number, record)) in &self.places {
            if wanted.contains(hash) {
                kept.entry(*number).or_default().push((*hash, *record));
            }
        }
        // In the order in which they were written: what an object names comes before it.
        kept.values_mut().for_each(|records| records.sort_by_key(|(_, record)| record.offset));
        let (mut shortened, mut emptied) = (Vec::new(), Vec::new());
        for (number, records) in kept {
            let Some(pack) = self.packs.get(&number) else { continue };
            let left: u64 = records.iter().map(|(_, record)| u64::from(record.stored)).sum();
            if left < pack.end.div_ceil(2) || records.is_empty() {
                emptied.push((number, records));
            } else if records.len() as u64 * (super::LENGTH as u64) < pack.read {
                shortened.push((number, records));
            }
        }
        emptied.sort_by_key(|(number, _)| *number);
        self.move_away(&emptied)?;
        for (number, records) in &shortened {
            self.shorten(*number, records).map_err(|source| CheckpointError::io("write", &self.directory, source))?;
        }
        for (number, _) in &emptied {
            self.remove_pack(*number)
                .map_err(|source| CheckpointError::io("remove", &self.pack_path(*number), source))?;
        }
        self.sweep(branches).map_err(|source| CheckpointError::io("clean", &self.directory, source))?;
        self.refresh()
    }

    /// Copies objects into packs that were not there before.
    fn move_away(&mut self, packs: &[(u32, Vec<(Hash, Record)>)]) -> Result<(), CheckpointError> {
        if packs.iter().all(|(_, records)| records.is_empty()) {
            return Ok(());
        }
        let number = self.packs.keys().max().map_or(1, |highest| highest + 1);
        {
            let _lock = self.lock("append", FlockOperation::LockExclusive)?;
            self.make_pack(number).map_err(|source| CheckpointError::io("make", &self.pack_path(number), source))?;
        }
        let mut writer = Writer::new(self)?;
        for (hash, record) in packs.iter().flat_map(|(_, records)| records) {
            let stored = writer.objects.bytes_of(hash)?;
            writer.add_stored(*hash, &stored, *record)?;
        }
        writer.flush()
    }

    /// Gives a pack an index of `records` alone.
    fn shorten(&mut self, number: u32, records: &[(Hash, Record)]) -> io::Result<()> {
        let Some(pack) = self.packs.get(&number) else { return Ok(()) };
        let (old, new) = (pack.generation, pack.generation + 1);
        let mut bytes = Vec::with_capacity(records.len() * super::LENGTH);
        records.iter().for_each(|(hash, record)| record.write(hash, &mut bytes));
        let beside = self.index_path(number, new).with_extension("tmp");
        let file = self.disk.create(&beside)?;
        self.disk.cut(&file, 0)?;
        self.disk.write_at(&file, &bytes, 0)?;
        self.disk.rename(&beside, &self.index_path(number, new))?;
        self.disk.remove(&self.index_path(number, old))
    }

    fn remove_pack(&mut self, number: u32) -> io::Result<()> {
        let Some(pack) = self.packs.remove(&number) else { return Ok(()) };
        self.places.retain(|_, (in_pack, _)| *in_pack != number);
        // Without its index it is no pack any more.
        self.disk.remove(&self.index_path(number, pack.generation))?;
        self.disk.remove(&self.pack_path(number))
    }

    /// Removes what a writer that was killed left, and what nobody used for long.
    fn sweep(&mut self, branches: Duration) -> io::Result<()> {
        let _lock = self.lock("append", FlockOperation::LockExclusive).map_err(io::Error::other)?;
        let indexes = self.indexes()?;
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let text = name.to_str().unwrap_or_default();
            let is_older = |than: Duration| {
                let written = entry.metadata()?.modified()?;
                io::Result::Ok(SystemTime::now().duration_since(written).is_ok_and(|age| age > than))
            };
            let goes = match text.rsplit_once('.') {
                Some((number, "pack")) => number.parse().is_ok_and(|number: u32| !indexes.contains_key(&number)),
                Some((_, "index")) => {
                    index_numbers(&name).is_some_and(|(number, generation)| indexes[&number] > generation)
                }
                Some((_, "tmp")) => true,
                Some((_, "stat")) => is_older(STALE)?,
                Some((_, "bundle")) => is_older(branches)?,
                // Another process may be at work on a young one.
                Some((_, UNFINISHED)) if is_older(2 * PATIENCE)? => {
                    let _ = fs::remove_dir_all(entry.path());
                    false
                }
                Some((_, SUFFIX)) if is_older(branches)? => {
                    // What cannot go now is tried again another day.
                    let _ = fs::remove_dir_all(entry.path());
                    false
                }
                _ => false,
            };
            if goes {
                self.disk.remove(&entry.path())?;
            }
        }
        Ok(())
    }
}
