//! The private temporary directory of a session: what its commands see as `/tmp`.

use std::{
    fs::File,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use crate::StoreError;

/// A directory that is removed when it is dropped. What a killed process left is removed by the next one.
#[derive(Debug)]
pub struct TempDirectory {
    outer: PathBuf,
    inner: PathBuf,
    _lock: File,
}

impl TempDirectory {
    /// Makes one below `codex_home`, and removes those whose owners are gone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(codex_home: &Path, thread_id: &str) -> Result<Self, StoreError> {
        let all = codex_home.join("tmp");
        make(&all)?;
        sweep(&all);
        // The process id keeps a session that is resumed apart from the remains of its killed predecessor.
        let outer = all.join(format!("{thread_id}-{}", std::process::id()));
        make(&outer)?;
        // Locked before it has the name that `sweep` looks for.
        let lock_path = outer.join("lock.new");
        let lock = File::create(&lock_path).map_err(StoreError::io("make", &lock_path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| StoreError::io("lock", &lock_path)(error.into()))?;
        std::fs::rename(&lock_path, outer.join("lock")).map_err(StoreError::io("make", &lock_path))?;
        let inner = outer.join("tmp");
        make(&inner)?;
        // As `/tmp` is everywhere: some programs refuse it otherwise.
        std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o1777))
            .map_err(StoreError::io("make", &inner))?;
        Ok(Self { outer, inner, _lock: lock })
    }

    /// The directory, absolute.
    pub fn path(&self) -> &Path {
        &self.inner
    }
}

impl Drop for TempDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.outer);
    }
}

fn make(path: &Path) -> Result<(), StoreError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(StoreError::io("make", path))
}

/// Removes the directories whose lock nobody holds.
fn sweep(all: &Path) {
    for entry in std::fs::read_dir(all).into_iter().flatten().flatten() {
        // One without a lock file yet is just being made.
        let Ok(lock) = File::open(entry.path().join("lock")) else { continue };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_with_its_owner_and_stale_ones_go_with_the_next() {
        let home = tempfile::tempdir().unwrap();
        let one = TempDirectory::create(home.path(), "one").unwrap();
        std::fs::write(one.path().join("file"), "x").unwrap();
        let stale = home.path().join("tmp/stale-1");
        std::fs::create_dir_all(stale.join("tmp")).unwrap();
        File::create(stale.join("lock")).unwrap();
        let two = TempDirectory::create(home.path(), "two").unwrap();
        assert!(one.path().join("file").exists(), "a live one was swept");
        assert!(!stale.exists(), "a stale one was kept");
        let path = two.path().to_owned();
        drop(two);
        assert!(!path.exists());
    }
}
