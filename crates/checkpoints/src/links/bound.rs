//! How much the trees of hard links hold that nothing else does, and which of them go when that is too much.
//!
//! It must never remove one that holds nothing alone: that would free nothing.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Stat, statvfs},
    io::Errno,
};

use super::{MOST_BYTES, SUFFIX};
use crate::Checkpoints;

/// Bytes that a user may still write where `directory` is.
pub(super) fn free(directory: &Path) -> Result<u64, Errno> {
    statvfs(directory).map(|system| system.f_bavail.saturating_mul(system.f_frsize))
}

/// Bytes that a file takes on the disk.
pub(super) fn bytes(file: &Stat) -> u64 {
    u64::try_from(file.st_blocks).unwrap_or_default().saturating_mul(512)
}

/// The files of a tree.
struct Tree {
    place: PathBuf,
    files: Vec<File>,
}

struct File {
    inode: u64,
    names: u64,
    bytes: u64,
}

impl Checkpoints {
    /// Removes trees of hard links, the oldest first, until they hold no more than they may.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn bound_links(&self) -> io::Result<()> {
        let trees = trees(&self.directory)?;
        if trees.is_empty() {
            return Ok(());
        }
        let mut held: Vec<u64> = held(&trees);
        let total: u64 = held.iter().sum();
        // What they hold may be at most half of what is free when the others are gone.
        let most = MOST_BYTES.min(free(&self.directory)?.saturating_add(total) / 3);
        remove(&trees, &mut held, most);
        Ok(())
    }
}

/// Removes the oldest until all that are left hold no more than `most` bytes. `held`: as [`held`] returns it.
fn remove(trees: &[Tree], held: &mut [u64], most: u64) {
    let mut total: u64 = held.iter().sum();
    for (tree, held) in trees.iter().zip(held).rev() {
        if total <= most {
            return;
        }
        // What cannot go now is tried again another day.
        if *held > 0 && fs::remove_dir_all(&tree.place).is_ok() {
            total -= *held;
        }
    }
}

/// The trees of the store, the newest first.
fn trees(directory: &Path) -> io::Result<Vec<Tree>> {
    let mut places: Vec<(OsString, PathBuf)> = fs::read_dir(directory)?
        .filter_map(|entry| entry.ok().map(|entry| (entry.file_name(), entry.path())))
        .filter(|(_, path)| path.extension().is_some_and(|it| it == SUFFIX))
        .collect();
    // They are called by when they were made, in as many digits.
    places.sort();
    Ok(places.into_iter().rev().map(|(_, place)| Tree { files: files(&place), place }).collect())
}

fn files(place: &Path) -> Vec<File> {
    let (mut left, mut files) = (vec![place.to_owned()], Vec::new());
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            // It follows no link.
            let Ok(met) = entry.metadata() else { continue };
            if met.is_dir() {
                left.push(entry.path());
            } else {
                files.push(File { inode: met.ino(), names: met.nlink(), bytes: met.blocks().saturating_mul(512) });
            }
        }
    }
    files
}

/// Bytes that each tree holds and that have no name outside of the trees; what is in several counts for the newest.
fn held(trees: &[Tree]) -> Vec<u64> {
    let mut names: HashMap<u64, u64> = HashMap::new();
    for file in trees.iter().flat_map(|tree| &tree.files) {
        *names.entry(file.inode).or_default() += 1;
    }
    let mut count = |file: &File| match names.get(&file.inode) {
        Some(known) if *known >= file.names => {
            names.remove(&file.inode);
            file.bytes
        }
        _ => 0,
    };
    trees.iter().map(|tree| tree.files.iter().map(&mut count).sum()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use crate::{links::UNFINISHED, tests::Bench};

    use super::*;

    #[test]
    fn the_oldest_trees_go_when_they_hold_too_much() {
        let bench = Bench::new();
        let directory = bench.root.parent().unwrap().join("home/checkpoints");
        let big = bench.root.join("big");
        let mut kept: Vec<PathBuf> = Vec::new();
        for round in 0..3 {
            bench.put("big/a", &"x".repeat(1 << 20));
            // One that is never taken away.
            bench.put("big/again", "1");
            fs::hard_link(bench.root.join("big/again"), bench.root.join(format!("other{round}"))).unwrap();
            kept.push(bench.store.keep_links(&big, &|| false).unwrap());
            fs::remove_dir_all(&big).unwrap();
        }
        // It holds nothing alone, and is the oldest.
        bench.put("stays/a", &"x".repeat(1 << 20));
        let stays = bench.store.keep_links(&bench.root.join("stays"), &|| false).unwrap();
        let oldest = directory.join(format!("0.{SUFFIX}"));
        fs::rename(stays.parent().unwrap(), &oldest).unwrap();
        let trees = trees(&directory).unwrap();
        let mut held = held(&trees);
        assert_eq!((held.len(), held[0] >= 1 << 20, held[0], held[1], held[3]), (4, true, held[1], held[2], 0));
        let most = 2 * held[0];
        remove(&trees, &mut held, most);
        let left: Vec<bool> = kept.iter().map(|kept| kept.join("a").exists()).collect();
        assert_eq!((left, oldest.exists()), (vec![false, true, true], true));
        // What is there is far below what it may be.
        bench.store.bound_links().unwrap();
        assert!(kept[1].exists() && kept[2].exists());
    }

    #[test]
    fn what_was_killed_is_swept() {
        let bench = Bench::new();
        let half = bench.root.parent().unwrap().join(format!("home/checkpoints/1.{UNFINISHED}"));
        let young = half.with_file_name(format!("2.{UNFINISHED}"));
        for place in [&half, &young] {
            fs::create_dir_all(place.join("big")).unwrap();
        }
        fs::File::open(&half).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        bench.store.collect(&[]).unwrap();
        assert_eq!((half.exists(), young.exists()), (false, true));
    }
}
