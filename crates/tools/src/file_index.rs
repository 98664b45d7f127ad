//! The files of a directory, found by a few letters of their paths.
//!
//! The names are held in memory, so that each further letter is answered at once. It must never give the name of what is
//! hidden, nor one that is not text.

use std::{
    cmp::Reverse,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use codex_protocol::{FoundFile, FoundKind};
use codex_workspace::{Roots, View};
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{AtomKind, CaseMatching, Normalization, Pattern},
};

use crate::walk::walk;

/// What is found at most.
const MOST_FOUND: usize = 50;
/// How many of the best are looked at more closely.
const CLOSELY: usize = 500;
/// Most names that are held; what a walk meets after them is not found.
const MOST_NAMES: usize = 500_000;
/// How old an index may be before it is built anew.
const FRESH: Duration = Duration::from_secs(3);
/// An index that is built as quickly as this is built anew before the answer, any other after it.
const QUICK: Duration = Duration::from_millis(30);
/// Longest query that is looked for, in characters.
const LONGEST_QUERY: usize = 200;

/// The files below one directory.
#[derive(Debug)]
pub struct FileIndex {
    root: PathBuf,
    view: View,
    names: Mutex<Option<Built>>,
    /// Held while the directory is walked.
    building: Mutex<()>,
}

#[derive(Debug, Clone)]
struct Built {
    /// Those nearest to the root first.
    names: Arc<Vec<Name>>,
    at: Instant,
    took: Duration,
}

/// A path below the root.
#[derive(Debug)]
struct Name {
    path: Box<str>,
    is_directory: bool,
}

impl FileIndex {
    /// Of the real directory `root`, without what a thread with `roots` does not see. Nothing is read yet.
    pub fn new(root: PathBuf, roots: &Roots) -> Self {
        Self { root, view: View::of(roots), names: Mutex::default(), building: Mutex::default() }
    }

    /// What fits `query` best, the best first; `named` is what the root is called in the answer. Where the index is old
    /// and takes long to build, that is done after the answer: by whoever then calls [`FileIndex::refresh`].
    pub fn find(&self, query: &str, named: &str, anew: bool) -> (Vec<FoundFile>, bool) {
        let (names, is_old) = self.names(anew);
        (find(&names, query, named), is_old)
    }

    /// Builds it anew, unless somebody has done so meanwhile.
    pub fn refresh(&self) {
        self.build(Instant::now());
    }

    /// The names, and whether they are old.
    fn names(&self, anew: bool) -> (Arc<Vec<Name>>, bool) {
        let asked = Instant::now();
        let known = self.built();
        match known {
            Some(built) if !anew && built.at.elapsed() < FRESH => (built.names, false),
            Some(built) if !anew && built.took > QUICK => (built.names, true),
            _ => (self.build(asked), false),
        }
    }

    fn built(&self) -> Option<Built> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The names as they were at `asked` or later.
    fn build(&self, asked: Instant) -> Arc<Vec<Name>> {
        let _building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(built) = self.built().filter(|built| built.at >= asked) {
            return built.names;
        }
        let at = Instant::now();
        let names = Arc::new(self.walk());
        let built = Built { names: Arc::clone(&names), at, took: at.elapsed() };
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = Some(built);
        names
    }

    fn walk(&self) -> Vec<Name> {
        let mut names: Vec<Name> = walk(&self.root, None, self.view.clone())
            .flatten()
            .filter(|entry| entry.depth() > 0)
            .filter_map(|entry| {
                let path = entry.path().strip_prefix(&self.root).ok()?.to_str()?.into();
                Some(Name { path, is_directory: entry.file_type().is_some_and(|kind| kind.is_dir()) })
            })
            .take(MOST_NAMES)
            .collect();
        // Of what fits as well, the nearer is meant.
        names.sort_by_cached_key(|name| name.path.bytes().filter(|byte| *byte == b'/').count());
        names
    }
}

/// What fits `query` best of `names`.
fn find(names: &[Name], query: &str, root: &str) -> Vec<FoundFile> {
    let query: String = query.trim().trim_start_matches("./").chars().take(LONGEST_QUERY).collect();
    let pattern = Pattern::new(&query, CaseMatching::Smart, Normalization::Never, AtomKind::Fuzzy);
    if pattern.atoms.is_empty() {
        return names.iter().take(MOST_FOUND).map(|name| found(name, root, 0, Some(Vec::new()))).collect();
    }
    let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
    let mut characters = Vec::new();
    let mut fits = |text: &str| pattern.score(Utf32Str::new(text, &mut characters), &mut matcher);
    let mut best: Vec<(u32, &Name)> =
        names.iter().filter_map(|name| fits(&name.path).map(|score| (score, name))).collect();
    best.sort_by_key(|(score, _)| Reverse(*score));
    best.truncate(CLOSELY);
    for (score, name) in &mut best {
        // Who types a name means a file of that name, rather than one below a directory of that name.
        *score += fits(file_name(&name.path)).unwrap_or_default();
    }
    best.sort_by_key(|(score, name)| (Reverse(*score), file_name(&name.path).len()));
    best.truncate(MOST_FOUND);
    let mut indices = |text: &str| {
        let mut indices = Vec::new();
        pattern.indices(Utf32Str::new(text, &mut characters), &mut matcher, &mut indices)?;
        indices.sort_unstable();
        indices.dedup();
        Some(indices)
    };
    best.into_iter().map(|(score, name)| found(name, root, score, indices(&name.path))).collect()
}

fn found(name: &Name, root: &str, score: u32, indices: Option<Vec<u32>>) -> FoundFile {
    FoundFile {
        root: root.to_owned(),
        path: name.path.to_string(),
        match_type: if name.is_directory { FoundKind::Directory } else { FoundKind::File },
        file_name: file_name(&name.path).to_owned(),
        score,
        indices,
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use super::*;

    fn index(base: &Path, hidden: &[&str]) -> FileIndex {
        let hidden = hidden.iter().map(|name| base.join(name)).collect();
        let roots = Roots {
            workspace: base.to_owned(),
            writable: vec![base.to_owned()],
            hidden,
            ignored: codex_workspace::Ignored::default(),
            temp: None,
        };
        FileIndex::new(base.to_owned(), &roots)
    }

    fn put(base: &Path, names: &[&str]) {
        for name in names {
            let path = base.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }

    fn paths(index: &FileIndex, query: &str) -> Vec<String> {
        index.find(query, "r", true).0.into_iter().map(|found| found.path).collect()
    }

    #[test]
    fn the_best_comes_first() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        put(&base, &["README.md", "src/main.rs", "src/parser/mod.rs", "src/parser.rs", "docs/parse/notes.md"]);
        put(&base, &["tests/main/cases.txt", ".github/ci.yml", "src/Straße.txt"]);
        let index = index(&base, &[]);
        // The query, and what is found first.
        let table: &[(&str, &[&str])] = &[
            ("main", &["tests/main", "src/main.rs"]),
            ("main.rs", &["src/main.rs"]),
            ("parser", &["src/parser", "src/parser.rs"]),
            ("pars mod", &["src/parser/mod.rs"]),
            ("mod pars", &["src/parser/mod.rs"]),
            ("./src/parser.rs", &["src/parser.rs"]),
            ("readme", &["README.md"]),
            ("src/mrs", &["src/main.rs"]),
            ("ci", &[".github/ci.yml"]),
            ("straße", &["src/Straße.txt"]),
            ("", &[".github", "README.md", "docs", "src", "tests"]),
        ];
        for (query, expected) in table {
            let found = paths(&index, query);
            assert_eq!(found[..expected.len()], **expected, "{query}: {found:?}");
        }
        for query in ["zzz", "MAIN", "main !rs", "^main", "mainn", &"x".repeat(100_000)] {
            assert_eq!(paths(&index, query), [""; 0], "{query}");
        }
    }

    #[test]
    fn what_was_matched_is_told_in_characters() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        put(&base, &["ää/b.c", "d"]);
        let found = index(&base, &[]).find("b.c", "as it was named", true).0;
        let expected = FoundFile {
            root: "as it was named".into(),
            path: "ää/b.c".into(),
            match_type: FoundKind::File,
            file_name: "b.c".into(),
            score: found[0].score,
            indices: Some(vec![3, 4, 5]),
        };
        assert_eq!(found, [expected]);
        for (query, expected) in [("ä", vec![0]), ("äb", vec![0, 3]), ("ää/", vec![0, 1, 2])] {
            let found = index(&base, &[]).find(query, "r", true).0;
            let file = found.iter().find(|found| found.path == "ää/b.c").unwrap();
            assert_eq!(file.indices, Some(expected), "{query}");
        }
    }

    #[test]
    fn what_is_ignored_hidden_or_no_text_is_not_found_and_links_are_not_followed() {
        use std::os::unix::ffi::OsStrExt;
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        put(&base, &["w/.git/HEAD", "w/a.log", "w/target/a", "w/secrets/a", "w/.env", "w/.hidden/a", "outside/a"]);
        fs::write(base.join("w/.gitignore"), "*.log\ntarget/\n").unwrap();
        fs::write(base.join("w").join(std::ffi::OsStr::from_bytes(b"a\xff")), "").unwrap();
        symlink("../outside", base.join("w/link")).unwrap();
        let root = base.join("w");
        let index = index(&root, &["secrets", ".env"]);
        let mut all = paths(&index, "");
        all.sort();
        assert_eq!(all, [".gitignore", ".hidden", ".hidden/a", "link"]);
        assert_eq!(paths(&index, "a"), [".hidden/a"]);
        // A hidden root has nothing.
        let roots = Roots {
            workspace: root.clone(),
            writable: vec![],
            hidden: vec![root.join("secrets")],
            ignored: codex_workspace::Ignored::default(),
            temp: None,
        };
        assert_eq!(paths(&FileIndex::new(root.join("secrets"), &roots), ""), [""; 0]);
        assert_eq!(paths(&FileIndex::new(base.join("none"), &roots), ""), [""; 0]);
    }

    #[test]
    fn an_index_is_kept_while_it_is_fresh_and_built_anew_when_asked() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        put(&base, &["one"]);
        let index = index(&base, &[]);
        let found = |anew| index.find("", "r", anew).0.len();
        assert_eq!(found(false), 1);
        put(&base, &["two"]);
        assert_eq!((found(false), found(true)), (1, 2));
        let age = |took: Duration| {
            let mut names = index.names.lock().unwrap();
            let built = names.as_mut().unwrap();
            (built.at, built.took) = (Instant::now().checked_sub(FRESH).unwrap(), took);
        };
        // Old, and quick to build.
        age(Duration::ZERO);
        put(&base, &["three"]);
        assert_eq!(found(false), 3);
        // Old, and slow: the answer is, and says so.
        age(QUICK * 2);
        put(&base, &["four"]);
        let (files, is_old) = index.find("", "r", false);
        assert_eq!((files.len(), is_old), (3, true));
        index.refresh();
        let (files, is_old) = index.find("", "r", false);
        assert_eq!((files.len(), is_old), (4, false));
    }
}
