//! Keeps a directory that is too large to be saved as a tree of hard links: its files have a second name then, and stay when
//! the first is taken away. It is no copy: who writes into a file writes into both.
//!
//! It must never follow a link, nor leave anything half done behind.

use std::{
    ffi::OsString,
    fs,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use codex_sandbox::openat2;
use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fchmod, fstat, linkat, mkdirat, stat, statat},
    io::Errno,
};

use crate::{
    CheckpointError, Checkpoints,
    capture::{DEEPEST, names, open_directory},
};

/// What such trees are called.
pub(crate) const SUFFIX: &str = "links";
/// Longest time that is spent on one.
const PATIENCE: Duration = Duration::from_secs(30);

impl Checkpoints {
    /// Whether [`Checkpoints::keep_links`] may keep the directory: it is one, and on the file system of the store.
    pub fn may_link(&self, directory: &Path) -> bool {
        let (Ok(store), Ok(opened)) = (stat(&self.directory), open(directory)) else { return false };
        fstat(&opened).is_ok_and(|own| own.st_dev == store.st_dev)
    }

    /// Gives all files of a directory a second name in the store, as long as branches are kept. Returns where: there it is whole, links,
    /// modes and empty directories too.
    ///
    /// # Errors
    /// Something in it cannot be linked, it is too deep, lies on several file systems, or takes too long.
    pub fn keep_links(&self, directory: &Path) -> Result<PathBuf, CheckpointError> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let place = self.directory.join(format!("{since}.{SUFFIX}"));
        let name = directory.file_name().map_or_else(|| OsString::from("root"), ToOwned::to_owned);
        let kept = place.join(&name);
        let linked = || -> Result<(), Errno> {
            let from = open(directory)?;
            mkdirat(CWD, &place, Mode::RWXU)?;
            let into = open(&place)?;
            let own = fstat(&from)?;
            let mut work = Work { device: own.st_dev, deadline: Instant::now() + PATIENCE };
            work.directory((from.as_fd(), into.as_fd()), &name, &own, 0)
        };
        linked().map(|()| kept).map_err(|error| {
            // What has only second names goes at once.
            let _ = fs::remove_dir_all(&place);
            CheckpointError::io("link", directory, error)
        })
    }
}

fn open(directory: &Path) -> Result<std::os::fd::OwnedFd, Errno> {
    let resolve = ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    openat2(CWD, directory, OFlags::RDONLY | OFlags::DIRECTORY, resolve)
}

struct Work {
    /// The file system of the directory.
    device: u64,
    deadline: Instant,
}

impl Work {
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
            let met = statat(from, &inner, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(met.st_mode) == FileType::Directory {
                let below = open_directory(from, &inner)?;
                let met = fstat(&below)?;
                self.directory((below.as_fd(), made.as_fd()), &inner, &met, depth + 1)?;
            } else {
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
        let kept = bench.store.keep_links(&big).unwrap();
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
            bench.store.keep_links(&bench.root.join(name)).unwrap_err();
        }
        let mut deep = bench.root.clone();
        (0..DEEPEST + 5).for_each(|_| deep.push("d"));
        fs::create_dir_all(&deep).unwrap();
        bench.store.keep_links(&bench.root).unwrap_err();
        let left = fs::read_dir(bench.root.parent().unwrap().join("home/checkpoints")).unwrap();
        assert_eq!(left.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(), Vec::<OsString>::new());
    }
}
