//! Which entries of a walk the ignore files of its directories leave out.
//!
//! It must never open what is not a regular file, nor take in more of one than a bound: a repository may hold a named
//! pipe called `.gitignore`, or a link from there to `/dev/zero`. The `ignore` crate would open either, so that it is
//! told to read nothing and only matches lines that were read here.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use codex_workspace::{View, open_to_read};
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

/// Largest ignore file that is heeded, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// What the ignore files say, from one directory down to the one that the walk has come to.
pub(crate) struct Ignored {
    view: View,
    /// The outermost directory whose ignore files count.
    from: PathBuf,
    /// Each the parent of the next. Those that the walk has left are dropped.
    directories: Vec<Directory>,
}

/// The ignore files of a directory.
struct Directory {
    path: PathBuf,
    /// Whether a repository begins here: what git reads further up does not count.
    repository: bool,
    ignore: Option<Gitignore>,
    gitignore: Option<Gitignore>,
    exclude: Option<Gitignore>,
}

impl Ignored {
    /// Of ignore files in `from`, a real path, and below; none that `view` does not show.
    pub(crate) fn new(from: &Path, view: View) -> Self {
        Self { view, from: from.to_owned(), directories: Vec::new() }
    }

    /// Whether the entry `path`, below `from`, is left out. Quick where entries come directory by directory.
    ///
    /// As in ripgrep `.ignore` decides before `.gitignore`, and that before `.git/info/exclude`; of each kind the
    /// deepest that says something.
    pub(crate) fn leaves_out(&mut self, path: &Path, is_directory: bool) -> bool {
        if let Some(parent) = path.parent() {
            self.reach(parent);
        }
        let said = |matcher: &Option<Gitignore>| match matcher.as_ref()?.matched(path, is_directory) {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        };
        let outwards = || self.directories.iter().rev();
        let repository = outwards().position(|directory| directory.repository).unwrap_or(usize::MAX);
        let git = || outwards().take(repository.saturating_add(1));
        outwards()
            .find_map(|directory| said(&directory.ignore))
            .or_else(|| git().find_map(|directory| said(&directory.gitignore)))
            .or_else(|| git().find_map(|directory| said(&directory.exclude)))
            .unwrap_or(false)
    }

    /// Makes `directory` the last of `directories`.
    fn reach(&mut self, directory: &Path) {
        while self.directories.last().is_some_and(|last| !directory.starts_with(&last.path)) {
            self.directories.pop();
        }
        let last = self.directories.last().map(|last| last.path.as_path());
        let missing = |path: &&Path| Some(*path) != last && path.starts_with(&self.from);
        let missing: Vec<&Path> = directory.ancestors().take_while(missing).collect();
        for path in missing.into_iter().rev() {
            self.directories.push(Directory::read(path, &self.view));
        }
    }
}

impl Directory {
    fn read(path: &Path, view: &View) -> Self {
        let repository = path.join(".git").symlink_metadata().is_ok();
        Self {
            path: path.to_owned(),
            repository,
            ignore: matcher(path, ".ignore", view),
            gitignore: matcher(path, ".gitignore", view),
            // Where `.git` is a file, what it names is another directory's business.
            exclude: if repository { matcher(path, ".git/info/exclude", view) } else { None },
        }
    }
}

/// The lines of the ignore file `name`, about what is below `directory`. `None` also where it cannot be heeded.
fn matcher(directory: &Path, name: &str, view: &View) -> Option<Gitignore> {
    let path = directory.join(name);
    // Most directories have none, and looking is cheaper than opening.
    path.symlink_metadata().ok()?;
    let mut bytes = Vec::new();
    let file = open_to_read(&view.real_host_path(&path).ok()?).ok()?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > MOST_BYTES {
        return None;
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut builder = GitignoreBuilder::new(directory);
    for line in text.trim_start_matches('\u{feff}').lines() {
        // A line that is no pattern says nothing; the others count.
        let _ = builder.add_line(None, line);
    }
    builder.build().ok().filter(|matcher| !matcher.is_empty())
}
