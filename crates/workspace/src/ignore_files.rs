//! What the user keeps from the model by an ignore file (`.codexignore`): which paths its patterns name.
//!
//! The syntax is that of gitignore(5). It must never take a file that cannot be read, or a line that means nothing, for
//! one that names nothing, nor follow a link to what lies elsewhere.

use std::{
    collections::{BTreeSet, VecDeque},
    ffi::OsStr,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use crate::open_to_read;

/// The name that is looked for without being asked to.
pub const IGNORE_FILE: &str = ".codexignore";

/// Largest ignore file, in bytes.
const LONGEST: u64 = 1 << 20;
/// Most entries that are looked at below all places together.
const MOST_ENTRIES: usize = 1_000_000;
/// Most things that are there and named: each is a mount, and every command copies them.
pub const MOST_IGNORED: usize = 1_000;

/// Names that are never kept from the model: without them git would take everything for changed. Sorted.
const KEPT: &[&str] = &[".git", ".gitattributes", ".gitignore", ".gitmodules"];

/// Directories whose content is never kept from the model either: programs in them guard it, and a mask would disarm these. But
/// for worktrees of it. Sorted.
const STEERING: &[&str] = &[".agents", ".claude", ".codex"];
/// Where in one of them worktrees lie.
const WORKTREES: &str = "worktrees";

/// What ignore files name. The default names nothing and costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Ignored(Option<Arc<Rules>>);

#[derive(Debug)]
struct Rules {
    files: Vec<IgnoreFile>,
    /// Where they count: absolute real directories.
    places: Vec<PathBuf>,
    found: Vec<PathBuf>,
}

/// An ignore file.
#[derive(Debug)]
struct IgnoreFile {
    path: PathBuf,
    text: String,
    patterns: Gitignore,
}

impl PartialEq for Ignored {
    fn eq(&self, other: &Self) -> bool {
        let rules = |ignored: &Self| ignored.0.clone();
        match (rules(self), rules(other)) {
            (None, None) => true,
            (Some(one), Some(other)) => {
                Arc::ptr_eq(&one, &other)
                    || (one.found == other.found && one.places == other.places && one.texts().eq(other.texts()))
            }
            _ => false,
        }
    }
}

impl Eq for Ignored {}

impl Rules {
    fn texts(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.files.iter().map(|file| (file.path.as_path(), file.text.as_str()))
    }

    /// What the files called `name` say of one path, without those above it: the deepest that says something.
    fn says(&self, name: &OsStr, path: &Path, is_directory: bool) -> bool {
        let of_name = self.files.iter().filter(|file| file.path.file_name() == Some(name));
        let above =
            of_name.filter(|file| file.path.parent().is_some_and(|parent| path != parent && path.starts_with(parent)));
        let mut said: Vec<(&Path, bool)> = above
            .filter_map(|file| match file.patterns.matched(path, is_directory) {
                Match::None => None,
                Match::Ignore(_) => Some((file.path.as_path(), true)),
                Match::Whitelist(_) => Some((file.path.as_path(), false)),
            })
            .collect();
        said.sort_by_key(|(path, _)| path.components().count());
        said.last().is_some_and(|(_, is_ignored)| *is_ignored)
    }

    /// Whether `path` is never named.
    fn is_kept(&self, path: &Path) -> bool {
        let Some(own) = path.file_name() else { return true };
        if KEPT.iter().any(|kept| own == *kept) || self.files.iter().any(|file| file.path.file_name() == Some(own)) {
            return true;
        }
        let below = self.places.iter().find_map(|place| path.strip_prefix(place).ok());
        let parts: Vec<&OsStr> = below.into_iter().flat_map(Path::iter).collect();
        let steering = parts.iter().rposition(|part| STEERING.iter().any(|name| part == name));
        let steers = |at: usize| parts.get(at + 1).is_none_or(|next| *next != WORKTREES);
        parts.iter().any(|part| *part == ".git") || steering.is_some_and(steers)
    }

    /// Whether one path is named, whatever is said of the directories above it.
    fn names_itself(&self, path: &Path, is_directory: bool) -> bool {
        if self.is_kept(path) {
            return false;
        }
        let names: BTreeSet<&OsStr> = self.files.iter().filter_map(|file| file.path.file_name()).collect();
        names.into_iter().any(|name| self.says(name, path, is_directory))
    }
}

impl Ignored {
    /// Looks for ignore files called one of `names` in `roots`, in the directories above each of them up to its project in
    /// `projects`, and, if there is one or `is_deeper` says so, in all directories below; and for what they name there.
    /// All are absolute real directories.
    ///
    /// # Errors
    /// A sentence: one cannot be read or has a line that means nothing, or there is too much below to look at, or too much
    /// that is named.
    pub fn look(roots: &[PathBuf], projects: &[PathBuf], names: &[String], is_deeper: bool) -> Result<Self, String> {
        if !is_deeper && !Self::is_near(roots, projects, names) {
            return Ok(Self::default());
        }
        let mut rules = Rules { files: Vec::new(), places: places(roots, projects), found: Vec::new() };
        rules.walk(roots, names)?;
        Ok(if rules.files.is_empty() { Self::default() } else { Self(Some(Arc::new(rules))) })
    }

    /// Whether there is one in a root, or above it in its project.
    pub fn is_near(roots: &[PathBuf], projects: &[PathBuf], names: &[String]) -> bool {
        let places = places(roots, projects);
        let in_place = |at: &&Path| places.iter().any(|place| at.starts_with(place));
        let mut near = roots.iter().flat_map(|root| root.ancestors().take_while(in_place));
        near.any(|at| names.iter().any(|name| at.join(name).symlink_metadata().is_ok()))
    }

    /// Whether nothing can be named.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether something below `directory`, a real path, may be named.
    pub fn counts_in(&self, directory: &Path) -> bool {
        let Some(rules) = &self.0 else { return false };
        rules.places.iter().any(|place| directory.starts_with(place) || place.starts_with(directory))
    }

    /// The ignore files, absolute.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().flat_map(|rules| rules.files.iter().map(|file| file.path.as_path()))
    }

    /// The ignore files, absolute, with their text.
    pub fn texts(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.0.iter().flat_map(|rules| rules.texts())
    }

    /// What was there and named, by its real path: the outermost of each. Sorted.
    pub fn found(&self) -> &[PathBuf] {
        self.0.as_ref().map_or(&[], |rules| &rules.found)
    }

    /// Whether `path`, or a directory above it, is named. It need not exist: then it is taken for a file and for a directory.
    pub fn names(&self, path: &Path) -> bool {
        let Some(rules) = &self.0 else { return false };
        let Some(place) = rules.places.iter().find(|place| path.starts_with(place)) else { return false };
        let mut above: Vec<&Path> = path.ancestors().take_while(|at| at != place).collect();
        above.reverse();
        let Some((last, above)) = above.split_last() else { return false };
        for at in above {
            // As for the walk: nothing in it is looked at.
            if at.ends_with(".git") {
                return false;
            }
            if rules.names_itself(at, true) {
                return true;
            }
        }
        let kinds = match last.symlink_metadata() {
            Ok(found) => vec![found.is_dir()],
            Err(_) => vec![false, true],
        };
        kinds.into_iter().any(|is_directory| rules.names_itself(last, is_directory))
    }

    /// What git leaves out of a difference for this in the work tree whose top is `top`: pathspecs (gitglossary(7)). What is
    /// excepted from a pattern is left out too.
    pub fn pathspecs(&self, top: &Path) -> Vec<String> {
        let Some(rules) = &self.0 else { return Vec::new() };
        let mut specs = Vec::new();
        for file in &rules.files {
            let Some(directory) = file.path.parent() else { continue };
            let Ok(prefix) = directory.strip_prefix(top) else {
                // It lies above: only its patterns for any depth can be said from here.
                specs.extend(lines(&file.text).filter(|line| !line.contains('/')).flat_map(|line| spec("", line)));
                continue;
            };
            let prefix = if prefix.as_os_str().is_empty() { String::new() } else { format!("{}/", escaped(prefix)) };
            specs.extend(lines(&file.text).flat_map(|line| spec(&prefix, line)));
        }
        specs
    }
}

/// Where ignore files count: the projects of the roots, each outermost directory.
fn places(roots: &[PathBuf], projects: &[PathBuf]) -> Vec<PathBuf> {
    let project = |root: &PathBuf| projects.iter().filter(|top| root.starts_with(top)).min().unwrap_or(root).clone();
    let mut places: Vec<PathBuf> = roots.iter().map(project).collect();
    places.sort();
    // Sorted, so that the outer one comes first.
    places.dedup_by(|inner, outer| inner.starts_with(outer));
    places
}

/// The patterns of a file that leave something out, without a slash at their end.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let line = |line: &'_ str| !line.is_empty() && !line.starts_with(['#', '!']);
    text.lines().map(|line| line.trim_end().trim_end_matches('/')).filter(move |text| line(text))
}

/// The pathspecs for a pattern of a file in `prefix`: what it names, and what lies below that.
fn spec(prefix: &str, line: &str) -> [String; 2] {
    let pattern = match line.strip_prefix('/') {
        Some(anchored) => format!("{prefix}{anchored}"),
        None if line.contains('/') => format!("{prefix}{line}"),
        None => format!("{prefix}**/{line}"),
    };
    [format!(":(top,exclude,glob){pattern}"), format!(":(top,exclude,glob){pattern}/**")]
}

fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for character in path.display().to_string().chars() {
        if matches!(character, '*' | '?' | '[' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

impl Rules {
    /// Goes through all directories of the places, nearest first.
    fn walk(&mut self, roots: &[PathBuf], names: &[String]) -> Result<(), String> {
        let mut waiting: VecDeque<PathBuf> = self.places.iter().cloned().collect();
        let mut left = MOST_ENTRIES;
        let mut found = BTreeSet::new();
        while let Some(directory) = waiting.pop_front() {
            for name in names {
                self.files.extend(read(&directory.join(name))?);
            }
            // One that cannot be listed holds nothing that its patterns could be held against.
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                left = left.checked_sub(1).ok_or_else(|| too_many_entries(&self.files))?;
                let Ok(kind) = entry.file_type() else { continue };
                let path = entry.path();
                if !self.files.is_empty() && self.names_itself(&path, kind.is_dir()) {
                    found.extend(self.keep(&path, roots));
                    if found.len() > MOST_IGNORED {
                        return Err(too_many_found(&self.files));
                    }
                    // What was chosen to work in is looked into all the same.
                    if !roots.iter().any(|root| root.starts_with(&path)) {
                        continue;
                    }
                }
                if kind.is_dir() && entry.file_name() != ".git" {
                    waiting.push_back(path);
                }
            }
        }
        self.found = found.into_iter().collect();
        Ok(())
    }

    /// What is hidden for `path`, which is named: itself, or the file in one of the places that it leads to. Nothing that
    /// somebody has chosen to work in.
    fn keep(&self, path: &Path, roots: &[PathBuf]) -> Option<PathBuf> {
        let real = path.canonicalize().ok()?;
        let is_led = real != path;
        let may = self.places.iter().any(|place| real.starts_with(place))
            && !roots.iter().any(|root| root.starts_with(&real))
            && !self.is_kept(&real);
        (may && (!is_led || real.is_file())).then_some(real)
    }
}

fn named(files: &[IgnoreFile]) -> String {
    files.first().map_or_else(|| IGNORE_FILE.to_owned(), |file| file.path.display().to_string())
}

fn too_many_entries(files: &[IgnoreFile]) -> String {
    format!(
        "{}: there are more than {MOST_ENTRIES} files here, so that not all that it names can be found: name large \
         directories in it (`node_modules/`), or work in a smaller one",
        named(files)
    )
}

fn too_many_found(files: &[IgnoreFile]) -> String {
    format!(
        "{}: it names more than {MOST_IGNORED} files and directories that are here, which is more than can be hidden: \
         name the directories that they lie in",
        named(files)
    )
}

/// Reads an ignore file, if there is one.
fn read(path: &Path) -> Result<Option<IgnoreFile>, String> {
    let failed = |error: &dyn std::fmt::Display| {
        format!("{}: {error}; what it names cannot be hidden, so nothing is done here", path.display())
    };
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(_) if path.symlink_metadata().is_err() => return Ok(None),
        Err(error) => return Err(failed(&error)),
    };
    let file = match open_to_read(&real) {
        Ok(file) => file,
        // An empty directory is what a command finds in the place of a file that is protected and not there.
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => return Ok(None),
        Err(error) => return Err(failed(&error)),
    };
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() as u64 > LONGEST {
        return Err(failed(&"it is longer than 1 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| failed(&"it is not UTF-8"))?;
    // Some editors put a byte order mark before the first line.
    let text = text.trim_start_matches('\u{feff}').to_owned();
    let mut builder = GitignoreBuilder::new(path.parent().unwrap_or(path));
    for (number, line) in text.lines().enumerate() {
        builder.add_line(None, line).map_err(|error| failed(&format!("line {}: {error}", number + 1)))?;
    }
    let patterns = builder.build().map_err(|error| failed(&error))?;
    Ok(Some(IgnoreFile { path: path.to_owned(), text, patterns }))
}

#[cfg(test)]
#[path = "ignore_files_tests.rs"]
mod tests;
