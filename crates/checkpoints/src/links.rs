//! Keeps a directory that is too large to be saved as a tree of hard links: its files have a second name then, and stay when
//! the first is taken away. It is no copy: who writes into a file writes into both.
//!
//! It must never follow a link, nor leave anything half done behind.

mod bound;

use std::{
    collections::HashSet,
    ffi::OsString,
    fs,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::{Duration, Instant, SystemTime},
};

use codex_sandbox::openat2;
use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fchmod, fstat, linkat, mkdirat, rename, stat, statat,
    },
    io::Errno,
};

use crate::{
    CheckpointError, Checkpoints,
    capture::{DEEPEST, names, open_directory},
};

/// What such trees are called.
pub(crate) const SUFFIX: &str = "links";
/// What they are called before they are whole.
pub(crate) const UNFINISHED: &str = "links-tmp";
/// Longest time that is spent on one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Most bytes that such trees hold alone, all together; nor do they ever hold more than half of what is free.
const MOST_BYTES: u64 = 20 << 30;

impl Checkpoints {
    /// Whether [`Checkpoints::keep_links`] may keep the directory: it is one, and on the file system of the store.
    pub fn may_link(&self, directory: &Path) -> bool {
        let (Ok(store), Ok(opened)) = (stat(&self.directory), open(directory)) else { return false };
        fstat(&opened).is_ok_and(|own| own.st_dev == store.st_dev)
    }

    /// Gives all files of a directory a second name in the store, as long as branches are kept. Returns where: there it is
    /// whole, links, modes and empty directories too. `stop` says whether nobody wants it any more.
    ///
    /// # Errors
    /// Something in it cannot be linked, it is too deep or too large, lies on several file systems, takes too long, or
    /// was stopped. Nothing of it is left then.
    pub fn keep_links(&self, directory: &Path, stop: &dyn Fn() -> bool) -> Result<PathBuf, CheckpointError> {
        let free = bound::free(&self.directory).unwrap_or_default();
        self.keep_at_most(MOST_BYTES.min(free / 2), directory, stop)
    }

    fn keep_at_most(&self, room: u64, directory: &Path, stop: &dyn Fn() -> bool) -> Result<PathBuf, CheckpointError> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let unfinished = self.directory.join(format!("{since}.{UNFINISHED}"));
        let place = self.directory.join(format!("{since}.{SUFFIX}"));
        let name = directory.file_name().map_or_else(|| OsString::from("root"), ToOwned::to_owned);
        let linked = || -> Result<(), Errno> {
            let from = open(directory)?;
            mkdirat(CWD, &unfinished, Mode::RWXU)?;
            let into = open(&unfinished)?;
            let own = fstat(&from)?;
            let deadline = Instant::now() + PATIENCE;
            let mut work = Work { device: own.st_dev, deadline, stop, room, seen: HashSet::new() };
            work.directory((from.as_fd(), into.as_fd()), &name, &own, 0)?;
            rename(&unfinished, &place)
        };
        let done = linked().map_err(|error| {
            // What has only second names goes at once.
            let _ = fs::remove_dir_all(&unfinished);
            CheckpointError::io("link", directory, error)
        });
        self.linked.store(true, Ordering::Relaxed);
        done.map(|()| place.join(&name))
    }

    /// Takes away what [`Checkpoints::keep_links`] has returned: what it was kept for was not done.
    pub fn drop_links(&self, kept: &Path) {
        if let Some(place) = kept.parent().filter(|place| place.parent() == Some(&self.directory)) {
            // What cannot go now goes by its age.
            let _ = fs::remove_dir_all(place);
        }
    }
}

fn open(directory: &Path) -> Result<std::os::fd::OwnedFd, Errno> {
    let resolve = ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    openat2(CWD, directory, OFlags::RDONLY | OFlags::DIRECTORY, resolve)
}

struct Work<'stop> {
    /// The file system of the directory.
    device: u64,
    deadline: Instant,
    stop: &'stop dyn Fn() -> bool,
    /// Bytes that may come yet.
    room: u64,
    /// Files of several names that were met.
    seen: HashSet<u64>,
}

impl Work<'_> {
    /// Counts a file, each once.
    fn count(&mut self, met: &Stat) -> Result<(), Errno> {
        if met.st_nlink < 2 || self.seen.insert(met.st_ino) {
            self.room = self.room.checked_sub(bound::bytes(met)).ok_or(Errno::FBIG)?;
        }
        Ok(())
    }

    /// Makes `name` in `into` what the open directory `from` is.
    fn directory(
        &mut self,
        (from, into): (BorrowedFd<'_>, BorrowedFd<'_>),
        name: &OsString,
        own: &Stat,
        depth: usize,
    ) -> Result<(), Errno> {
        if own.st_dev != self.device {
            return Err(Errno::XDEV);
        }
        if depth > DEEPEST {
            return Err(Errno::NAMETOOLONG);
        }
        mkdirat(into, name, Mode::RWXU)?;
        let made = open_directory(into, name)?;
        for inner in names(from)? {
            if Instant::now() > self.deadline {
                return Err(Errno::TIMEDOUT);
            }
            if (self.stop)() {
                return Err(Errno::CANCELED);
            }
            let met = statat(from, &inner, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(met.st_mode) == FileType::Directory {
                let below = open_directory(from, &inner)?;
                let met = fstat(&below)?;
                self.directory((below.as_fd(), made.as_fd()), &inner, &met, depth + 1)?;
            } else {
                self.count(&met)?;
                linkat(from, &inner, &made, &inner, AtFlags::empty())?;
            }
        }
        // Whatever it was, it can be removed some day.
        fchmod(&made, Mode::from_raw_mode(own.st_mode & 0o7777 | 0o700))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use crate::tests::{Bench, fingerprint};

    use super::*;

    #[test]
    fn a_directory_is_whole_under_its_second_name_when_the_first_is_gone() {
        let bench = Bench::new();
        for (name, text) in [("big/a", "1"), ("big/deep/er/b", "2")] {
            bench.put(name, text);
        }
        fs::create_dir(bench.root.join("big/empty")).unwrap();
        symlink("/nowhere", bench.root.join("big/link")).unwrap();
        let big = bench.root.join("big");
        let before = fingerprint(&big);
        assert!(bench.store.may_link(&big) && !bench.store.may_link(&big.join("a")));
        let kept = bench.store.keep_links(&big, &|| false).unwrap();
        fs::remove_dir_all(&big).unwrap();
        let names = |found: &Path| -> Vec<_> {
            fingerprint(found)
                .into_iter()
                .map(|(path, is)| (path.strip_prefix(found).unwrap().to_owned(), is))
                .collect()
        };
        fs::rename(&kept, &big).unwrap();
        assert_eq!(
            names(&big),
            before.into_iter().map(|(path, is)| (path.strip_prefix(&big).unwrap().to_owned(), is)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_cannot_be_linked_leaves_nothing_behind() {
        let bench = Bench::new();
        symlink(&bench.root, bench.root.join("link")).unwrap();
        for name in ["absent", "link"] {
            assert!(!bench.store.may_link(&bench.root.join(name)));
            bench.store.keep_links(&bench.root.join(name), &|| false).unwrap_err();
        }
        let mut deep = bench.root.clone();
        (0..DEEPEST + 5).for_each(|_| deep.push("d"));
        fs::create_dir_all(&deep).unwrap();
        bench.store.keep_links(&bench.root, &|| false).unwrap_err();
        bench.put("some/file", "1");
        let kept = bench.store.keep_links(&bench.root.join("some"), &|| false).unwrap();
        assert!(kept.join("file").exists());
        bench.store.drop_links(&kept);
        // What is larger than all that may be kept.
        bench.store.keep_at_most(1, &bench.root.join("some"), &|| false).unwrap_err();
        // Nobody waits any more when some of it is done.
        let asked = std::cell::Cell::new(0);
        bench.put("some/other", "2");
        let stop = || asked.replace(asked.get() + 1) > 0;
        bench.store.keep_links(&bench.root.join("some"), &stop).unwrap_err();
        assert_eq!(asked.get(), 2);
        let left = fs::read_dir(bench.root.parent().unwrap().join("home/checkpoints")).unwrap();
        assert_eq!(left.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(), Vec::<OsString>::new());
    }
}
