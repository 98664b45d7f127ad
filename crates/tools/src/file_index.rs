//! The files of a directory, found by a few letters of their paths.
//!
//! The names are held in memory, so that each further letter is answered at once. It must never give the name of what is
//! hidden, nor one that is not text.

use std::{
    cmp::Reverse,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
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
/// How long a walk may take until an answer is made of what it has met.
const SOON: Duration = Duration::from_millis(40);
/// Names that a walk hands over at once.
const BATCH: usize = 1_000;
/// Longest query that is looked for, in characters.
const LONGEST_QUERY: usize = 200;

/// Which names are to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All, as they were a little while ago; those of before where finding them anew takes long.
    All,
    /// All, as they are now.
    Anew,
    /// As [`Wanted::All`], and where none are known yet, after a moment, those that were met.
    Soon,
}

/// What an answer was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// All.
    All,
    /// Those of before: [`FileIndex::refresh`] is called next.
    Old,
    /// Those that a walk had met, which goes on.
    Some,
}

/// The files below one directory.
#[derive(Debug)]
pub struct FileIndex {
    root: PathBuf,
    view: View,
    names: Mutex<Option<Built>>,
    /// Held while the directory is walked.
    building: Mutex<()>,
    /// What the walk that goes on has met.
    met: Mutex<Vec<Name>>,
    /// Whether a thread of its own walks.
    walks: Mutex<bool>,
    walked: Condvar,
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
        Self {
            root,
            view: View::of(roots),
            names: Mutex::default(),
            building: Mutex::default(),
            met: Mutex::default(),
            walks: Mutex::default(),
            walked: Condvar::new(),
        }
    }

    /// What fits `query` best, the best first, and of which names; `named` is what the root is called in the answer.
    pub fn find(self: &Arc<Self>, query: &str, named: &str, wanted: Wanted) -> (Vec<FoundFile>, Names) {
        if wanted == Wanted::Soon && self.built().is_none() && !self.is_built_soon() {
            let mut met = held(&self.met);
            near_first(&mut met);
            return (find(&met, query, named), Names::Some);
        }
        let (names, is_old) = self.names(wanted == Wanted::Anew);
        (find(&names, query, named), if is_old { Names::Old } else { Names::All })
    }

    /// Builds it anew, unless somebody has done so meanwhile.
    pub fn refresh(&self) {
        self.build(Instant::now());
    }

    /// Has a thread walk the directory, if none does, and waits a moment for it. Whether it has come to its end.
    fn is_built_soon(self: &Arc<Self>) -> bool {
        let mut walks = held(&self.walks);
        if !*walks {
            let index = Arc::clone(self);
            // Without a thread, whoever asks walks.
            *walks = thread::Builder::new().spawn(move || index.walk_apart()).is_ok();
        }
        let waited = self.walked.wait_timeout_while(walks, SOON, |walks| *walks);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn walk_apart(&self) {
        /// However it ends, nobody waits for it any more.
        struct End<'a>(&'a FileIndex);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                *held(&self.0.walks) = false;
                self.0.walked.notify_all();
            }
        }
        let _end = End(self);
        self.refresh();
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
        held(&self.names).clone()
    }

    /// The names as they were at `asked` or later.
    fn build(&self, asked: Instant) -> Arc<Vec<Name>> {
        let _building = held(&self.building);
        if let Some(built) = self.built().filter(|built| built.at >= asked) {
            return built.names;
        }
        let at = Instant::now();
        let names = Arc::new(self.walk());
        let built = Built { names: Arc::clone(&names), at, took: at.elapsed() };
        *held(&self.names) = Some(built);
        names
    }

    fn walk(&self) -> Vec<Name> {
        held(&self.met).clear();
        let mut names = walk(&self.root, None, self.view.clone())
            .flatten()
            .filter(|entry| entry.depth() > 0)
            .filter_map(|entry| {
                let path = entry.path().strip_prefix(&self.root).ok()?.to_str()?.into();
                Some(Name { path, is_directory: entry.file_type().is_some_and(|kind| kind.is_dir()) })
            })
            .take(MOST_NAMES);
        loop {
            let batch: Vec<Name> = names.by_ref().take(BATCH).collect();
            let mut met = held(&self.met);
            if batch.is_empty() {
                near_first(&mut met);
                return std::mem::take(&mut met);
            }
            met.extend(batch);
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of what fits as well, the nearer is meant; else they stay as the walk met them.
fn near_first(names: &mut [Name]) {
    names.sort_by_cached_key(|name| name.path.bytes().filter(|byte| *byte == b'/').count());
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

    fn index(base: &Path, hidden: &[&str]) -> Arc<FileIndex> {
        let hidden = hidden.iter().map(|name| base.join(name)).collect();
        let roots = Roots {
            workspace: base.to_owned(),
            writable: vec![base.to_owned()],
            hidden,
            ignored: codex_workspace::Ignored::default(),
            temp: None,
        };
        Arc::new(FileIndex::new(base.to_owned(), &roots))
    }

    fn put(base: &Path, names: &[&str]) {
        for name in names {
            let path = base.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }

    fn paths(index: &Arc<FileIndex>, query: &str) -> Vec<String> {
        index.find(query, "r", Wanted::Anew).0.into_iter().map(|found| found.path).collect()
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
        let found = index(&base, &[]).find("b.c", "as it was named", Wanted::Anew).0;
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
            let found = index(&base, &[]).find(query, "r", Wanted::Anew).0;
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
        assert_eq!(paths(&Arc::new(FileIndex::new(root.join("secrets"), &roots)), ""), [""; 0]);
        assert_eq!(paths(&Arc::new(FileIndex::new(base.join("none"), &roots)), ""), [""; 0]);
    }

    #[test]
    fn an_index_is_kept_while_it_is_fresh_and_built_anew_when_asked() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        put(&base, &["one"]);
        let index = index(&base, &[]);
        let found = |wanted| index.find("", "r", wanted).0.len();
        assert_eq!(found(Wanted::All), 1);
        put(&base, &["two"]);
        assert_eq!((found(Wanted::All), found(Wanted::Soon), found(Wanted::Anew)), (1, 1, 2));
        let age = |took: Duration| {
            let mut names = index.names.lock().unwrap();
            let built = names.as_mut().unwrap();
            (built.at, built.took) = (Instant::now().checked_sub(FRESH).unwrap(), took);
        };
        // Old, and quick to build.
        age(Duration::ZERO);
        put(&base, &["three"]);
        assert_eq!(found(Wanted::All), 3);
        // Old, and slow: the answer is, and says so.
        age(QUICK * 2);
        put(&base, &["four"]);
        let (files, names) = index.find("", "r", Wanted::Soon);
        assert_eq!((files.len(), names), (3, Names::Old));
        index.refresh();
        let (files, names) = index.find("", "r", Wanted::All);
        assert_eq!((files.len(), names), (4, Names::All));
    }

    /// Whoever asks again until all are known knows all, and before that nothing that is not there.
    #[test]
    fn what_was_met_answers_until_all_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let names: Vec<String> = (0..3 * BATCH).map(|number| format!("{}/{number}.txt", number % 50)).collect();
        put(&base, &names.iter().map(String::as_str).collect::<Vec<_>>());
        let all = paths(&index(&base, &[]), "7.txt");
        // A walk that was met halfway, whoever was quicker in this run.
        let halfway = index(&base, &[]);
        *held(&halfway.walks) = true;
        held(&halfway.met).push(Name { path: "7/7.txt".into(), is_directory: false });
        let (files, of) = halfway.find("7.txt", "r", Wanted::Soon);
        assert_eq!((files.len(), of), (1, Names::Some));
        *held(&halfway.walks) = false;
        let index = index(&base, &[]);
        loop {
            let (files, of) = index.find("7.txt", "r", Wanted::Soon);
            let found: Vec<String> = files.into_iter().map(|file| file.path).collect();
            assert!(found.iter().all(|path| names.contains(path)), "{found:?}");
            if of != Names::Some {
                assert_eq!(found, all);
                return;
            }
        }
    }
}
