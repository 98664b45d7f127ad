//! The git repositories that a thread works in or over: where their git directories are, and what in them stays
//! read-only.
//!
//! It must never run git, and never believe a `.git` file by itself: commands can write one, and it may name any
//! directory. One is taken for a repository's only if that directory says the same.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ffi::OsStr,
    fs,
    io::{self, Read},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustix::{
    fs::{Access, OFlags, access},
    process::geteuid,
};

use crate::{IGNORE_FILE, git_config, protected::INSTRUCTIONS};

/// Names in a git directory that steer git: they name programs, or other places to read from. Sorted.
const STEERING: &[&str] =
    &["commondir", "config", "config.worktree", "hooks", "info/attributes", "objects/info/alternates"];

/// Names in the directory of a linked worktree (`worktrees/NAME`) that say where everything else is. Sorted.
const OF_WORKTREES: &[&str] = &["commondir", "config.worktree", "gitdir"];

/// Directories that are not looked into: large, made by tools, and no place for a repository of one's own. Sorted.
const SKIPPED: &[&str] = &[
    ".cache",
    ".gradle",
    ".hg",
    ".mypy_cache",
    ".next",
    ".nox",
    ".pytest_cache",
    ".svn",
    ".tox",
    ".venv",
    "__pycache__",
    "node_modules",
    "target",
    "venv",
];

/// Most directories that are looked into below all roots together, nearest first. Beyond that nothing is found.
const MOST_DIRECTORIES: usize = 2_000;

/// Most repositories below the roots that are covered, besides those in use: each costs some mounts, and every command
/// copies them. Bare ones, and submodules and linked worktrees inside git directories, count apart, as many of each.
const MOST_REPOSITORIES: usize = 100;

/// Longest `.git` file or git configuration that is read, in bytes.
const LONGEST_FILE: u64 = 1 << 20;

/// What commands need besides their roots, and what they must not change in them. Absolute paths.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Repositories {
    /// Git directories outside the roots that git needs to write to: those of the repository that a root lies in.
    pub writable: Vec<PathBuf>,
    /// Paths below the roots and those git directories that stay read-only, beside the protected names. Sorted.
    pub covered: Vec<PathBuf>,
    /// What there was.
    pub found: Found,
    /// Whether one of the directories that were looked into has an ignore file ([`IGNORE_FILE`]).
    pub ignores: bool,
}

/// The git directories below the roots, in use and linked from there, as they were at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub(crate) places: BTreeMap<PathBuf, Kind>,
    /// Whether all directories were looked into, and all that was found is covered.
    pub is_whole: bool,
    /// When they were looked for.
    pub(crate) at: SystemTime,
}

impl Default for Found {
    /// Nothing, looked for now.
    fn default() -> Self {
        Self { places: BTreeMap::new(), is_whole: true, at: SystemTime::now() }
    }
}

/// What of git's is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A git directory, of a linked worktree or a submodule too.
    Directory,
    /// A `.git` that is a file, or a symbolic link: it names a git directory elsewhere.
    Pointer,
}

/// Looks for them. `roots` are canonical; `home` is a directory whose own repository is not for the work below it.
///
/// Looks into at most 2,000 directories, and covers at most 100 repositories besides those in use, and as many bare ones.
pub fn repositories(roots: &[PathBuf], home: Option<&Path>) -> Repositories {
    let at = SystemTime::now();
    let mut found = Search {
        roots,
        covered: BTreeSet::new(),
        writable: Vec::new(),
        counts: Counts::default(),
        places: BTreeMap::new(),
        left: MOST_DIRECTORIES,
        left_inside: MOST_DIRECTORIES,
        left_links: MOST_DIRECTORIES,
        is_whole: true,
        ignores: false,
        waiting: VecDeque::new(),
    };
    for root in roots {
        found.in_use(root, home);
        let names = INSTRUCTIONS.iter().map(|name| root.join(name));
        found.covered.extend(names);
    }
    found.below();
    let ignores = found.ignores;
    let (is_whole, places, covered) = (found.is_whole, found.places, found.covered.into_iter().collect());
    Repositories { writable: found.writable, covered, found: Found { places, is_whole, at }, ignores }
}

struct Search<'roots> {
    roots: &'roots [PathBuf],
    covered: BTreeSet<PathBuf>,
    writable: Vec<PathBuf>,
    counts: Counts,
    places: BTreeMap<PathBuf, Kind>,
    /// How many directories may still be looked into, and how many inside git directories.
    left: usize,
    left_inside: usize,
    /// How many links to directories may still be followed.
    left_links: usize,
    is_whole: bool,
    ignores: bool,
    /// What is still to be looked at inside git directories.
    waiting: VecDeque<Inside>,
}

/// A directory to look into.
enum Inside {
    GitDirectory(PathBuf),
    /// `modules` of a git directory, or one in it: a submodule's name may have slashes in it.
    Modules(PathBuf),
}

/// How many are covered, of each role.
#[derive(Default)]
struct Counts {
    repositories: usize,
    bare: usize,
    worktrees: usize,
    modules: usize,
}

#[derive(Clone, Copy)]
enum Role {
    /// What git uses in a root: never left out.
    InUse,
    Repository,
    /// A git directory of its own, which git finds by its looks (gitrepository-layout(5)).
    Bare,
    Worktree,
    Module,
}

impl Search<'_> {
    /// The repository that git uses in `root`.
    fn in_use(&mut self, root: &Path, home: Option<&Path>) {
        let tops = root.ancestors().filter(|top| *top == root || (Some(*top) != home && *top != Path::new("/")));
        for top in tops {
            let Ok(found) = fs::symlink_metadata(top.join(".git")) else { continue };
            if found.is_dir() {
                self.git_directory(&top.join(".git"));
            } else if found.is_file() {
                self.pointer(&top.join(".git"));
                for directory in named_by_file(top) {
                    self.git_directory(&directory);
                }
            }
            return;
        }
    }

    /// Covers a git directory, and makes it writable if no root holds it.
    fn git_directory(&mut self, directory: &Path) {
        let known = self.roots.iter().chain(&self.writable).any(|root| directory.starts_with(root));
        // One that belongs to somebody else is as it would be without walls.
        if !known && access(directory, Access::WRITE_OK).is_ok() {
            self.writable.push(directory.to_owned());
        }
        self.cover(directory, Role::InUse);
        self.inside(directory);
    }

    /// Covers the worktrees and submodules whose git directories lie in `directory`, and what it takes its settings
    /// from; and so on in these. Commands can make a chain of any length.
    fn inside(&mut self, directory: &Path) {
        self.waiting.push_back(Inside::GitDirectory(directory.to_owned()));
        self.look_inside();
    }

    fn look_inside(&mut self) {
        while let Some(place) = self.waiting.pop_front() {
            if !self.is_one_left() {
                self.waiting.clear();
                return;
            }
            match place {
                Inside::GitDirectory(directory) => self.worktrees(&directory),
                Inside::Modules(place) => self.modules(&place),
            }
        }
    }

    fn is_one_left(&mut self) -> bool {
        let left = self.left_inside.checked_sub(1);
        self.left_inside = left.unwrap_or(0);
        self.is_whole &= left.is_some();
        left.is_some()
    }

    fn worktrees(&mut self, directory: &Path) {
        self.common(directory);
        for worktree in self.directories(&directory.join("worktrees")) {
            self.cover(&worktree, Role::Worktree);
            if self.is_one_left() {
                self.common(&worktree);
            }
        }
        let modules = directory.join("modules");
        if self.is_directory(&modules) {
            self.waiting.push_back(Inside::Modules(modules));
        }
    }

    fn modules(&mut self, place: &Path) {
        for module in self.directories(place) {
            if module.join("HEAD").is_file() {
                self.cover(&module, Role::Module);
                self.waiting.push_back(Inside::GitDirectory(module));
            } else {
                self.waiting.push_back(Inside::Modules(module));
            }
        }
    }

    /// A `.git` that is no directory, and what it leads to, if commands can write there.
    fn pointer(&mut self, pointer: &Path) {
        self.covered.insert(pointer.to_owned());
        self.places.insert(pointer.to_owned(), Kind::Pointer);
        let target = target(pointer).ok().flatten().filter(|target| self.holds(target));
        if let Some(directory) = target {
            self.led_to(&directory);
            self.look_inside();
        }
    }

    /// A git directory that another place names.
    fn led_to(&mut self, directory: &Path) {
        if !self.places.contains_key(directory) {
            // One that takes its settings from another has none of its own.
            let is_worktree = common(directory).is_ok_and(|common| common.is_some());
            self.cover(directory, if is_worktree { Role::Worktree } else { Role::Repository });
            self.waiting.push_back(Inside::GitDirectory(directory.to_owned()));
        }
    }

    /// What shares its configuration with `directory`, if commands can write there.
    fn common(&mut self, directory: &Path) {
        let common = common(directory).ok().flatten().filter(|common| self.holds(common));
        common.into_iter().for_each(|common| self.led_to(&common));
    }

    /// Whether it lies below something that commands may write.
    fn holds(&self, path: &Path) -> bool {
        self.roots.iter().chain(&self.writable).any(|root| path.starts_with(root))
    }

    fn cover(&mut self, directory: &Path, role: Role) {
        self.places.insert(directory.to_owned(), Kind::Directory);
        let (names, count) = match role {
            Role::InUse => (STEERING, None),
            Role::Repository => (STEERING, Some(&mut self.counts.repositories)),
            Role::Bare => (STEERING, Some(&mut self.counts.bare)),
            Role::Worktree => (OF_WORKTREES, Some(&mut self.counts.worktrees)),
            Role::Module => (STEERING, Some(&mut self.counts.modules)),
        };
        let names: Vec<PathBuf> = names.iter().map(|name| directory.join(name)).collect();
        // One that is in use is found again on the way below the roots.
        if let Some(count) = count
            && !names.iter().all(|name| self.covered.contains(name))
        {
            if *count >= MOST_REPOSITORIES {
                self.is_whole = false;
                return;
            }
            *count += 1;
        }
        self.covered.extend(names);
    }

    /// Repositories, and what agents are told, in the directories below the roots.
    fn below(&mut self) {
        let mut waiting: VecDeque<PathBuf> =
            self.roots.iter().filter(|root| *root != Path::new("/")).cloned().collect();
        while self.left > 0
            && let Some(directory) = waiting.pop_front()
        {
            self.left -= 1;
            self.look_into(&directory, &mut waiting);
        }
        self.is_whole &= waiting.is_empty();
    }

    fn look_into(&mut self, directory: &Path, waiting: &mut VecDeque<PathBuf>) {
        let mut head = false;
        let mut next = Vec::new();
        for entry in self.list(directory) {
            let Some((entry, kind)) =
                self.looked(directory, entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind))))
            else {
                continue;
            };
            let name = entry.file_name();
            // A name that is no text is none of those below.
            let text = name.to_str().unwrap_or_default();
            match text {
                ".git" if kind.is_dir() => self.repository(&entry.path()),
                ".git" if kind.is_file() || kind.is_symlink() => self.pointer(&entry.path()),
                _ if INSTRUCTIONS.contains(&text) => drop(self.covered.insert(entry.path())),
                _ if !kind.is_dir() => {
                    self.ignores |= text == IGNORE_FILE;
                    head |= text == "HEAD";
                    if kind.is_symlink() {
                        self.linked(&entry.path());
                    }
                }
                _ if SKIPPED.contains(&text) => {}
                _ => next.push(entry.path()),
            }
        }
        if head && is_bare(directory) {
            next.retain(|path| !path.ends_with("objects") && !path.ends_with("refs"));
            self.bare(directory);
        }
        waiting.extend(next);
    }

    fn repository(&mut self, directory: &Path) {
        self.cover(directory, Role::Repository);
        self.inside(directory);
    }

    fn bare(&mut self, directory: &Path) {
        if !self.places.contains_key(directory) {
            self.cover(directory, Role::Bare);
            self.inside(directory);
        }
    }

    /// The repository at the place that a symbolic link leads to, if that is not looked into otherwise: git is used
    /// there by the link's name.
    fn linked(&mut self, link: &Path) {
        if !fs::metadata(link).is_ok_and(|found| found.is_dir()) {
            return;
        }
        let Some(left) = self.left_links.checked_sub(1) else {
            self.is_whole = false;
            return;
        };
        self.left_links = left;
        let Some(to) = fs::canonicalize(link).ok().filter(|to| self.is_skipped(to)) else { return };
        let git = to.join(".git");
        match self.looked(&git, fs::symlink_metadata(&git)) {
            Some(found) if found.is_dir() => self.repository(&git),
            Some(_) => self.pointer(&git),
            None => {}
        }
        if fs::symlink_metadata(to.join("HEAD")).is_ok_and(|found| !found.is_dir()) && is_bare(&to) {
            self.bare(&to);
        }
    }

    /// Whether it lies below a root, and the walk does not come there.
    fn is_skipped(&self, directory: &Path) -> bool {
        let mut below = self.roots.iter().filter_map(|root| directory.strip_prefix(root).ok()).peekable();
        let passed_over = |name: &OsStr| name == ".git" || name.to_str().is_some_and(|name| SKIPPED.contains(&name));
        below.peek().is_some() && below.all(|path| path.iter().any(passed_over))
    }

    /// The directories in a directory, which may be missing; neither are links.
    fn directories(&mut self, place: &Path) -> Vec<PathBuf> {
        if !self.is_directory(place) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for entry in self.list(place) {
            let looked = self.looked(place, entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind))));
            found.extend(looked.filter(|(_, kind)| kind.is_dir()).map(|(entry, _)| entry.path()));
        }
        found.sort();
        found
    }

    fn is_directory(&mut self, place: &Path) -> bool {
        self.looked(place, fs::symlink_metadata(place)).is_some_and(|found| found.is_dir())
    }

    fn list(&mut self, place: &Path) -> impl Iterator<Item = io::Result<fs::DirEntry>> + use<> {
        self.looked(place, fs::read_dir(place)).into_iter().flatten()
    }

    /// What a look at `place` came to. Where it could not be looked there may be repositories.
    fn looked<T>(&mut self, place: &Path, result: io::Result<T>) -> Option<T> {
        let may_hide = |error: &io::Error| !is_missing(error) && !is_closed(place);
        self.is_whole &= !result.as_ref().err().is_some_and(may_hide);
        result.ok()
    }
}

/// Whether git takes a directory with a file `HEAD` for a git directory, for its looks alone. It takes links too.
fn is_bare(directory: &Path) -> bool {
    let has = |name: &str| fs::symlink_metadata(directory.join(name)).is_ok();
    has("commondir") || (has("objects") && has("refs"))
}

/// Whether it is somebody else's, and not for this user: commands cannot use anything below it either.
fn is_closed(place: &Path) -> bool {
    let is_others = fs::symlink_metadata(place).is_ok_and(|found| found.uid() != geteuid().as_raw());
    is_others && access(place, Access::EXEC_OK).is_err()
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The git directories that the `.git` file of `top` names, if they say so too: that of a linked worktree's
/// repository, or a submodule's.
fn named_by_file(top: &Path) -> Vec<PathBuf> {
    let file = top.join(".git");
    let Ok(Some(directory)) = target(&file) else { return Vec::new() };
    // What a file in the git directory says, relative to it.
    let told = |name: &str| fs::canonicalize(directory.join(read(&directory.join(name))?.trim())).ok();
    if let Some(common) = told("commondir") {
        let back = told("gitdir").is_some_and(|back| back == file);
        let its_own = directory.parent() == Some(&common.join("worktrees"));
        let whole = common.join("HEAD").is_file() && common.join("objects").is_dir();
        return if back && its_own && whole { vec![common] } else { Vec::new() };
    }
    let settings = read(&directory.join("config")).unwrap_or_default();
    let settings = git_config::entries(&settings);
    let worktree = settings.iter().rev().find(|(key, _)| key == "core.worktree");
    let back = worktree.and_then(|(_, path)| fs::canonicalize(directory.join(path)).ok());
    if back.as_deref() == Some(top) { vec![directory] } else { Vec::new() }
}

/// The real path of the directory that a `.git` which is none itself names, as git reads it; `None` if it names none
/// that is there.
///
/// # Errors
/// It cannot be told.
pub(crate) fn target(pointer: &Path) -> io::Result<Option<PathBuf>> {
    if fs::symlink_metadata(pointer)?.is_symlink() {
        return real_directory(pointer);
    }
    let text = contents(pointer)?;
    let named = text.strip_prefix(b"gitdir: ").and_then(path_in);
    named.map_or(Ok(None), |named| real_directory(&pointer.with_file_name("").join(named)))
}

/// The real path of the directory that `directory` takes its settings from, if it names one.
///
/// # Errors
/// It cannot be told.
pub(crate) fn common(directory: &Path) -> io::Result<Option<PathBuf>> {
    match contents(&directory.join("commondir")) {
        Ok(text) => path_in(&text).map_or(Ok(None), |named| real_directory(&directory.join(named))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path that such a file says: git reads it to its end or a NUL byte, less line ends.
fn path_in(text: &[u8]) -> Option<&Path> {
    let end = text.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    let text = text.get(..end)?.split(|byte| *byte == 0).next()?;
    (!text.is_empty()).then(|| Path::new(OsStr::from_bytes(text)))
}

fn real_directory(path: &Path) -> io::Result<Option<PathBuf>> {
    match fs::canonicalize(path) {
        Ok(real) => Ok(real.is_dir().then_some(real)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// All of a small regular file.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_file() || found.len() > LONGEST_FILE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // Another file may be there by now, a pipe that nobody writes to among them.
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits().cast_signed();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut text = Vec::new();
    file.take(LONGEST_FILE).read_to_end(&mut text)?;
    Ok(text)
}

/// A small text file; `None` if it cannot be read, or is something else.
pub(crate) fn read(path: &Path) -> Option<String> {
    let found = fs::symlink_metadata(path).ok()?;
    (found.is_file() && found.len() <= LONGEST_FILE).then(|| fs::read_to_string(path).ok()).flatten()
}

#[cfg(test)]
#[path = "repositories_tests.rs"]
mod tests;
