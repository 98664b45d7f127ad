//! The git repositories that a thread works in or over: where their git directories are, and what in them stays
//! read-only.
//!
//! It must never run git, and never believe a `.git` file by itself: commands can write one, and it may name any
//! directory. One is taken for a repository's only if that directory says the same.

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use crate::{git_config, protected::INSTRUCTIONS};

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
/// copies them. Submodules and linked worktrees inside git directories count apart, as many of each.
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
}

/// Looks for them. `roots` are canonical; `home` is a directory whose own repository is not for the work below it.
///
/// Looks into at most 2,000 directories, and covers at most 100 repositories besides those in use.
pub fn repositories(roots: &[PathBuf], home: Option<&Path>) -> Repositories {
    let mut found = Search { roots, covered: BTreeSet::new(), writable: Vec::new(), counts: Counts::default() };
    for root in roots {
        found.in_use(root, home);
        let names = INSTRUCTIONS.iter().map(|name| root.join(name));
        found.covered.extend(names);
    }
    found.below();
    Repositories { writable: found.writable, covered: found.covered.into_iter().collect() }
}

struct Search<'roots> {
    roots: &'roots [PathBuf],
    covered: BTreeSet<PathBuf>,
    writable: Vec<PathBuf>,
    counts: Counts,
}

/// How many are covered, of each kind.
#[derive(Default)]
struct Counts {
    repositories: usize,
    worktrees: usize,
    modules: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    /// What git uses in a root: never left out.
    InUse,
    Repository,
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
                self.covered.insert(top.join(".git"));
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
        self.cover(directory, Kind::InUse);
        self.inside(directory);
    }

    /// Covers the worktrees and submodules whose git directories lie in `directory`.
    fn inside(&mut self, directory: &Path) {
        for worktree in directories(&directory.join("worktrees")) {
            self.cover(&worktree, Kind::Worktree);
        }
        // A submodule's name may have slashes in it.
        let mut modules = VecDeque::from([directory.join("modules")]);
        while let Some(place) = modules.pop_front()
            && self.counts.modules < MOST_REPOSITORIES
        {
            for module in directories(&place) {
                if module.join("HEAD").is_file() {
                    self.cover(&module, Kind::Module);
                    self.inside(&module);
                } else {
                    modules.push_back(module);
                }
            }
        }
    }

    fn cover(&mut self, directory: &Path, kind: Kind) {
        let (names, count) = match kind {
            Kind::InUse => (STEERING, None),
            Kind::Repository => (STEERING, Some(&mut self.counts.repositories)),
            Kind::Worktree => (OF_WORKTREES, Some(&mut self.counts.worktrees)),
            Kind::Module => (STEERING, Some(&mut self.counts.modules)),
        };
        let names: Vec<PathBuf> = names.iter().map(|name| directory.join(name)).collect();
        // One that is in use is found again on the way below the roots.
        if let Some(count) = count
            && !names.iter().all(|name| self.covered.contains(name))
        {
            if *count >= MOST_REPOSITORIES {
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
        let mut left = MOST_DIRECTORIES;
        while let Some(directory) = waiting.pop_front()
            && left > 0
        {
            left -= 1;
            self.look_into(&directory, &mut waiting);
        }
    }

    fn look_into(&mut self, directory: &Path, waiting: &mut VecDeque<PathBuf>) {
        let mut bare = 0;
        let before = waiting.len();
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            // A name that is no text is none of those below.
            let text = name.to_str().unwrap_or_default();
            match text {
                ".git" if kind.is_dir() => {
                    self.cover(&entry.path(), Kind::Repository);
                    self.inside(&entry.path());
                }
                ".git" if kind.is_file() => drop(self.covered.insert(entry.path())),
                _ if INSTRUCTIONS.contains(&text) => drop(self.covered.insert(entry.path())),
                _ if !kind.is_dir() => bare += usize::from(text == "HEAD"),
                "objects" | "refs" => {
                    bare += 1;
                    waiting.push_back(entry.path());
                }
                _ if SKIPPED.contains(&text) => {}
                _ => waiting.push_back(entry.path()),
            }
        }
        // A git directory of its own, which git finds by its looks (gitrepository-layout(5)).
        if bare == 3 {
            waiting.truncate(before);
            self.cover(directory, Kind::Repository);
        }
    }
}

/// The git directories that the `.git` file of `top` names, if they say so too: that of a linked worktree's
/// repository, or a submodule's.
fn named_by_file(top: &Path) -> Vec<PathBuf> {
    let file = top.join(".git");
    let Some(named) = read(&file) else { return Vec::new() };
    let named = named.strip_prefix("gitdir:").map(|path| top.join(path.trim()));
    let Some(directory) = named.and_then(|path| fs::canonicalize(path).ok()) else { return Vec::new() };
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

/// A small text file; `None` if it cannot be read, or is something else.
pub(crate) fn read(path: &Path) -> Option<String> {
    let found = fs::symlink_metadata(path).ok()?;
    (found.is_file() && found.len() <= LONGEST_FILE).then(|| fs::read_to_string(path).ok()).flatten()
}

/// The directories in a directory, which may be missing; neither are links.
fn directories(place: &Path) -> Vec<PathBuf> {
    let is_directory = fs::symlink_metadata(place).is_ok_and(|found| found.is_dir());
    let entries = is_directory.then(|| fs::read_dir(place)).into_iter().flatten().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes files with their contents; a name that ends in a slash is a directory.
    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        for (name, content) in files {
            let path = base.join(name);
            if name.ends_with('/') {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content.replace("~", base.to_str().unwrap())).unwrap();
            }
        }
        (directory, base)
    }

    #[test]
    fn tables_are_sorted() {
        assert!(STEERING.is_sorted() && OF_WORKTREES.is_sorted() && SKIPPED.is_sorted());
    }

    const REPOSITORY: &[(&str, &str)] = &[
        ("r/.git/HEAD", "ref: refs/heads/main\n"),
        ("r/.git/objects/", ""),
        ("r/.git/worktrees/w/commondir", "../..\n"),
        ("r/.git/worktrees/w/gitdir", "~/w/.git\n"),
        ("r/.git/modules/a/b/HEAD", "x"),
        ("r/.git/modules/a/b/config", "[core]\n\tworktree = ../../../../../s\n"),
        ("r/sub/x", ""),
        ("w/.git", "gitdir: ~/r/.git/worktrees/w\n"),
        ("w/sub/x", ""),
        ("s/.git", "gitdir: ../r/.git/modules/a/b\n"),
        ("planted/.git", "gitdir: ~/r/.git/worktrees/w\n"),
        ("module/.git", "gitdir: ~/r/.git/modules/a/b\n"),
        ("plain/.git", "gitdir: ~/r/.git\n"),
        ("none/x", ""),
    ];

    #[test]
    fn the_git_directory_in_use_is_writable_if_it_says_so_too() {
        let (_directory, base) = tree(REPOSITORY);
        let table: &[(&str, &[&str])] = &[
            ("r", &[]),
            ("r/sub", &["r/.git"]),
            ("w", &["r/.git"]),
            ("w/sub", &["r/.git"]),
            ("s", &["r/.git/modules/a/b"]),
            ("planted", &[]),
            ("module", &[]),
            ("plain", &[]),
            ("none", &[]),
        ];
        for (root, expected) in table {
            let found = repositories(&[base.join(root)], None);
            let expected: Vec<PathBuf> = expected.iter().map(|path| base.join(path)).collect();
            assert_eq!(found.writable, expected, "{root}");
        }
        assert_eq!(repositories(&[base.join("r/sub")], Some(&base.join("r"))).writable, Vec::<PathBuf>::new());
        assert_eq!(repositories(&[base.join("r"), base.join("w")], None).writable, Vec::<PathBuf>::new());
    }

    #[test]
    fn what_steers_git_is_covered() {
        let (_directory, base) = tree(REPOSITORY);
        for root in ["r/sub", "w", "r"] {
            let covered = repositories(&[base.join(root)], None).covered;
            let names = ["config", "hooks", "commondir", "worktrees/w/gitdir", "modules/a/b/config"];
            for name in names.map(|name| base.join("r/.git").join(name)) {
                assert!(covered.contains(&name), "{root}: {name:?} is not in {covered:?}");
            }
            assert!(covered.contains(&base.join(root).join("AGENTS.md")));
        }
    }

    #[test]
    fn what_is_planted_inside_a_git_directory_leaves_nothing_uncovered() {
        let (_directory, base) = tree(REPOSITORY);
        tree_of(&base, "r/.git/worktrees/a");
        for root in ["r/sub", "w"] {
            let found = repositories(&[base.join(root)], None);
            assert_eq!(found.writable, [base.join("r/.git")]);
            for name in ["r/.git/config", "r/.git/hooks", "r/.git/modules/a/b/config"] {
                assert!(found.covered.contains(&base.join(name)), "{root}: {name}");
            }
        }
        fs::create_dir_all(base.join("r/nested/.git")).unwrap();
        fs::create_dir_all(base.join("other/.git")).unwrap();
        fs::create_dir_all(base.join("other/sub")).unwrap();
        let found = repositories(&["r", "other/sub"].map(|name| base.join(name)), None);
        assert_eq!(found.writable, [base.join("other/.git")]);
        for name in ["r/.git/config", "r/nested/.git/config", "other/.git/config"] {
            assert!(found.covered.contains(&base.join(name)), "{name}");
        }
    }

    /// As many directories as count.
    fn tree_of(base: &Path, name: &str) {
        for number in 0..MOST_REPOSITORIES {
            fs::create_dir_all(base.join(format!("{name}{number}"))).unwrap();
        }
    }

    #[test]
    fn repositories_below_are_found() {
        let (_directory, base) = tree(&[
            ("w/third/party/.git/HEAD", ""),
            ("w/linked/.git", "gitdir: /nowhere"),
            ("w/bare.git/HEAD", ""),
            ("w/bare.git/objects/", ""),
            ("w/bare.git/refs/", ""),
            ("w/docs/CLAUDE.md", ""),
            ("w/node_modules/x/.git/HEAD", ""),
        ]);
        let covered = repositories(&[base.join("w")], None).covered;
        let table = [
            ("third/party/.git/hooks", true),
            ("third/party/.git/config", true),
            ("linked/.git", true),
            ("bare.git/config", true),
            ("docs/CLAUDE.md", true),
            ("docs/AGENTS.md", false),
            ("node_modules/x/.git/config", false),
        ];
        for (path, expected) in table {
            assert_eq!(covered.contains(&base.join("w").join(path)), expected, "{path}");
        }
    }
}
