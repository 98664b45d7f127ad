//! States of directories, kept in packs outside of them, so that what an agent changed can be undone, with or without git.
//!
//! It must never follow a symbolic link, change anything but in [`Checkpoints::restore`], or call something absent that it
//! could not or would not save: what is not known is [`State::Unsaved`].

mod cache;
#[cfg(test)]
mod cache_tests;
mod capture;
mod collect;
#[cfg(test)]
mod crash_tests;
mod diff;
mod error;
mod hash;
mod ignored;
mod limits;
mod links;
mod objects;
#[cfg(test)]
mod random_tests;
mod restore;
mod state;
#[cfg(test)]
mod tests;
mod tree;
mod undo;

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
};

pub use capture::{Captured, Omitted, Scope};
pub use collect::Collected;
pub use error::CheckpointError;
pub use hash::{Hash, SnapshotId};
pub use limits::Limits;
#[cfg(debug_assertions)]
pub use objects::faults;
pub use restore::{NotRestored, Restored};
pub use state::{Change, State, Why};
pub use undo::{Conflict, Undo, undo};

use cache::Cache;
use objects::Objects;

/// The states that were captured, of all sessions. Any number of processes may use one directory at once. All calls block.
#[derive(Debug)]
pub struct Checkpoints {
    /// Holds the packs.
    directory: PathBuf,
    objects: Mutex<Objects>,
    /// Of the roots that were captured last.
    cache: Mutex<Option<Cache>>,
    /// Held until a state was written down by who took it.
    order: Mutex<()>,
    /// Whether there may be new trees of hard links since they were bounded.
    linked: AtomicBool,
}

impl Checkpoints {
    /// The states kept in `directory`, which is made if it is not there. Nothing is read yet.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn open(directory: &Path) -> Result<Self, CheckpointError> {
        // Files may hold what only their owner may read.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|source| CheckpointError::io("make", directory, source))?;
        Ok(Self {
            directory: directory.to_owned(),
            objects: Mutex::new(Objects::new(directory)),
            cache: Mutex::new(None),
            order: Mutex::new(()),
            linked: AtomicBool::new(false),
        })
    }

    /// The bytes of a file, or where a symbolic link leads. A directory has none.
    ///
    /// # Errors
    /// The state was never saved, is no longer kept, or cannot be read.
    pub fn content(&self, state: &State) -> Result<Vec<u8>, CheckpointError> {
        match state {
            State::File { hash, .. } => self.objects().read(hash),
            State::Symlink { target } => Ok(target.as_encoded_bytes().to_vec()),
            State::Directory { .. } => Ok(Vec::new()),
            State::Unsaved { why } => Err(CheckpointError::Unsaved(*why)),
        }
    }

    /// To be held only by who holds `objects`.
    fn cache(&self) -> MutexGuard<'_, Option<Cache>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
