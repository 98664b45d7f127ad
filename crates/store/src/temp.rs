//! The private temporary directory of a session: what its commands see as `/tmp`.

use std::{
    fs::File,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{CWD, FlockOperation, Mode, OFlags, flock, openat},
    io::Errno,
};

use crate::{StoreError, name, remove::remove};

/// Locked by the owner. Goes last when the directory is removed: what is left of a partly removed one is swept later.
const LOCK: &str = "lock";
/// A directory without a lock file is just being made, or what is left of one, if it is older than this.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

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
    /// When it cannot be made, or `thread_id` is not `[0-9a-zA-Z-]{1,64}`.
    pub fn create(codex_home: &Path, thread_id: &str) -> Result<Self, StoreError> {
        name::check_id(codex_home, thread_id)?;
        let all = codex_home.join("tmp");
        make(&all)?;
        // Its real place: it is compared with real places, and opened without following links.
        let all = all.canonicalize().map_err(StoreError::io("find", &all))?;
        sweep(&all);
        // The process id keeps a session that is resumed apart from the remains of its killed predecessor.
        let outer = all.join(format!("{thread_id}-{}", std::process::id()));
        make(&outer)?;
        // Locked before it has the name that `sweep` looks for.
        let lock_path = outer.join("lock.new");
        let lock = File::create(&lock_path).map_err(StoreError::io("make", &lock_path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| StoreError::io("lock", &lock_path)(error.into()))?;
        std::fs::rename(&lock_path, outer.join(LOCK)).map_err(StoreError::io("make", &lock_path))?;
        let inner = outer.join("tmp");
        shared(&inner)?;
        Ok(Self { outer, inner, _lock: lock })
    }

    /// A second one beside it, which goes when it is dropped, and with the first one at the latest.
    ///
    /// # Errors
    /// When it cannot be made; `name` is already there, say.
    pub fn beside(&self, name: &str) -> Result<Self, StoreError> {
        name::check_id(&self.outer, name)?;
        let (outer, lock_path) = (self.outer.join(name), self.outer.join(name).join(LOCK));
        std::fs::DirBuilder::new().mode(0o700).create(&outer).map_err(StoreError::io("make", &outer))?;
        let lock = File::create(&lock_path).map_err(StoreError::io("make", &lock_path))?;
        let inner = outer.join("tmp");
        shared(&inner)?;
        Ok(Self { outer, inner, _lock: lock })
    }

    /// The directory, absolute and without links.
    pub fn path(&self) -> &Path {
        &self.inner
    }
}

impl Drop for TempDirectory {
    fn drop(&mut self) {
        let _ = remove(&self.outer, LOCK);
    }
}

fn make(path: &Path) -> Result<(), StoreError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(StoreError::io("make", path))
}

/// A directory as `/tmp` is everywhere: some programs refuse it otherwise.
fn shared(path: &Path) -> Result<(), StoreError> {
    make(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o1777)).map_err(StoreError::io("make", path))
}

/// Removes the directories whose lock nobody holds, and old ones that have none.
fn sweep(all: &Path) {
    for entry in std::fs::read_dir(all).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let directory = entry.path();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let removed = match openat(CWD, directory.join(LOCK), flags, Mode::empty()) {
            // The lock is held until all is gone.
            Ok(lock) if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() => remove(&directory, LOCK),
            Err(Errno::NOENT) if is_old(&directory) => remove(&directory, LOCK),
            _ => continue,
        };
        // What could not be removed is tried again by the next session.
        let _ = removed;
    }
}

fn is_old(directory: &Path) -> bool {
    let written = std::fs::symlink_metadata(directory).and_then(|metadata| metadata.modified());
    written.is_ok_and(|written| written.elapsed().is_ok_and(|age| age > ABANDONED))
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

    #[test]
    fn one_beside_it_goes_alone_or_with_it() {
        let home = tempfile::tempdir().unwrap();
        let first = TempDirectory::create(home.path(), "one").unwrap();
        let [one, other] = ["review-1", "review-2"].map(|name| first.beside(name).unwrap());
        assert!(first.beside("review-1").is_err() && first.beside("../x").is_err());
        let path = one.path().to_owned();
        std::fs::write(path.join("file"), "x").unwrap();
        std::fs::write(path.parent().unwrap().join("caches-1-0"), "x").unwrap();
        drop(one);
        assert!(!path.parent().unwrap().exists() && first.path().exists() && other.path().exists());
        drop(first);
        assert_eq!(std::fs::read_dir(home.path().join("tmp")).unwrap().count(), 0);
        drop(other);
    }

    #[test]
    fn what_commands_shut_goes_with_its_owner() {
        let home = tempfile::tempdir().unwrap();
        let temp = TempDirectory::create(home.path(), "one").unwrap();
        let shut = temp.path().join("module/cache");
        std::fs::create_dir_all(&shut).unwrap();
        std::fs::write(shut.join("file"), "x").unwrap();
        for directory in [&shut, shut.parent().unwrap()] {
            std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o555)).unwrap();
        }
        drop(temp);
        assert_eq!(std::fs::read_dir(home.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn sweeping_takes_what_nobody_owns() {
        let hour = Duration::from_secs(60 * 60);
        // Name, lock file, age, whether it is taken.
        let table = [
            ("new", None, Duration::ZERO, false),
            ("being-made", Some("lock.new"), hour * 23, false),
            ("left", None, hour * 25, true),
            ("half-made", Some("lock.new"), hour * 25, true),
            ("killed", Some(LOCK), Duration::ZERO, true),
        ];
        let home = tempfile::tempdir().unwrap();
        let all = home.path().join("tmp");
        for (name, lock, age, _) in table {
            std::fs::create_dir_all(all.join(name).join("tmp")).unwrap();
            if let Some(lock) = lock {
                File::create(all.join(name).join(lock)).unwrap();
            }
            let written = std::time::SystemTime::now() - age;
            let times = std::fs::FileTimes::new().set_modified(written);
            File::open(all.join(name)).unwrap().set_times(times).unwrap();
        }
        // Neither a link nor what it leads to is anybody's temporary directory.
        let elsewhere = home.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        File::create(elsewhere.join(LOCK)).unwrap();
        std::os::unix::fs::symlink(&elsewhere, all.join("link")).unwrap();

        sweep(&all);
        for (name, _, _, taken) in table {
            assert_eq!(!all.join(name).exists(), taken, "{name}");
        }
        assert!(all.join("link/lock").exists());
    }

    #[test]
    fn d16_nobody_else_reaches_into_the_temporary_directory() {
        let home = tempfile::tempdir().unwrap();
        let temp = TempDirectory::create(home.path(), "one").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let outer = temp.path().parent().unwrap();
        assert_eq!((mode(outer.parent().unwrap()), mode(outer)), (0o700, 0o700));
        // What the session's own commands see as `/tmp`, behind those.
        assert_eq!(mode(temp.path()), 0o1777);
    }

    #[test]
    fn an_id_that_leads_elsewhere_is_refused() {
        let home = tempfile::tempdir().unwrap();
        for id in ["", "..", "../../x", "/x"] {
            let error = TempDirectory::create(home.path(), id).unwrap_err().to_string();
            assert!(error.contains("cannot name a session in"), "{id}: {error}");
        }
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
