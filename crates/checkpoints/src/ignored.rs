//! Which directories git ignores, by the `.gitignore` files of the walk and `.git/info/exclude`.
//!
//! It must never open what is not a regular file, nor take in more of one than a bound.

use std::{
    fs::File,
    io::Read,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
};

use codex_sandbox::openat2;
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};
use rustix::fs::{CWD, FileType, OFlags, ResolveFlags, fstat};

/// Largest ignore file that is heeded, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// What the ignore files say, from the root of a repository, or of the walk, down to where the walk is.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    levels: Vec<Level>,
}

/// The ignore files of a directory that has some.
#[derive(Debug)]
struct Level {
    directory: PathBuf,
    /// Whether a repository begins here: what lies further up does not count.
    repository: bool,
    gitignore: Option<Gitignore>,
    exclude: Option<Gitignore>,
}

impl Ignored {
    /// Of the directories above `root` that are in its repository.
    pub(crate) fn above(root: &Path) -> Self {
        let mut ignored = Self::default();
        if root.join(".git").symlink_metadata().is_ok() {
            return ignored;
        }
        let above: Vec<&Path> = root.ancestors().skip(1).collect();
        let repository = above.iter().position(|directory| directory.join(".git").symlink_metadata().is_ok());
        for directory in above[..repository.map_or(0, |at| at + 1)].iter().rev() {
            let resolve = ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
            if let Ok(opened) = openat2(CWD, directory, OFlags::PATH | OFlags::DIRECTORY, resolve) {
                ignored.enter(directory, opened.as_fd(), true, directory.join(".git").symlink_metadata().is_ok());
            }
        }
        ignored
    }

    /// Goes into a directory that has a `.gitignore`, or is a repository; [`Ignored::leave`] goes back.
    pub(crate) fn enter(&mut self, path: &Path, directory: BorrowedFd<'_>, gitignore: bool, repository: bool) {
        let matcher = |name: &str| matcher(path, directory, name);
        self.levels.push(Level {
            directory: path.to_owned(),
            repository,
            gitignore: if gitignore { matcher(".gitignore") } else { None },
            exclude: if repository { matcher(".git/info/exclude") } else { None },
        });
    }

    pub(crate) fn leave(&mut self, path: &Path) {
        if self.levels.last().is_some_and(|level| level.directory == path) {
            self.levels.pop();
        }
    }

    /// Whether the directory `path`, in one that is not ignored, is.
    pub(crate) fn ignores(&self, path: &Path) -> bool {
        let outwards = || self.levels.iter().rev();
        let repository = outwards().position(|level| level.repository).unwrap_or(usize::MAX);
        let levels = || outwards().take(repository.saturating_add(1));
        let said = |matcher: &Option<Gitignore>| match matcher.as_ref()?.matched(path, true) {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        };
        let said = levels()
            .find_map(|level| said(&level.gitignore))
            .or_else(|| levels().find_map(|level| said(&level.exclude)));
        said.unwrap_or(false)
    }
}

/// The lines of an ignore file, about what is below `path`. `None` also where it cannot be heeded.
fn matcher(path: &Path, directory: BorrowedFd<'_>, name: &str) -> Option<Gitignore> {
    let resolve = ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = openat2(directory, Path::new(name), flags, resolve).ok()?;
    if FileType::from_raw_mode(fstat(&file).ok()?.st_mode) != FileType::RegularFile {
        return None;
    }
    let mut bytes = Vec::new();
    File::from(file).take(MOST_BYTES + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > MOST_BYTES {
        return None;
    }
    let mut builder = GitignoreBuilder::new(path);
    for line in String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').lines() {
        // A line that is no pattern says nothing; the others count.
        let _ = builder.add_line(None, line);
    }
    builder.build().ok().filter(|matcher| !matcher.is_empty())
}
