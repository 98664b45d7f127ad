//! The rules of `docs/ARCHITECTURE.md` and `CONTRIBUTING.md` that a program can check.
//!
//! A rule is a function from a file to what is wrong with it. Each is run over the repository, and over a table of
//! small inputs that shows what it finds: a rule that finds nothing in either is broken.

mod dependencies;
mod documents;
mod files;
mod lints;
mod promises;
mod security;
mod variables;
mod words;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A text file of the repository.
#[derive(Debug, Clone)]
struct Source {
    /// Relative to the repository.
    path: String,
    text: String,
}

/// What is wrong, and in which line, counted from 1.
type Finding = (usize, String);

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// The crate that it belongs to; empty for files of no crate.
    fn package(&self) -> &str {
        self.path.strip_prefix("crates/").and_then(|rest| rest.split('/').next()).unwrap_or_default()
    }

    /// Whether it is only ever built for tests.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.package() == "testkit"
            || self.path.contains("/tests/")
            || ["tests.rs", "testing.rs"].contains(&name)
            || name.ends_with("_tests.rs")
    }

    /// Its lines with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(number, line)| (number + 1, without_comment(line)))
    }

    /// As [`Source::code`], without what is built for tests only. Relies on the formatting that CI checks.
    fn product(&self) -> Vec<(usize, &str)> {
        if self.is_test() {
            return Vec::new();
        }
        let mut kept = Vec::new();
        let mut lines = self.code();
        while let Some((number, line)) = lines.next() {
            if line.trim() != "#[cfg(test)]" {
                kept.push((number, line));
                continue;
            }
            let indent = &line[..line.len() - line.trim_start().len()];
            let is_last = |line: &str| {
                let same = line.starts_with(indent) && !line[indent.len()..].starts_with(' ');
                same && (line.ends_with(';') || line.ends_with('}'))
            };
            for (_, line) in lines.by_ref() {
                if is_last(line) {
                    break;
                }
            }
        }
        kept
    }
}

/// `line` without the comment at its end. A `//` in a string is one only if a space stands before it.
fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") { "" } else { line.split(" // ").next().unwrap_or_default().trim_end() }
}

/// Whether `word` stands in `line` as a word of its own.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        let begins = word.starts_with(part) && before.is_some_and(part);
        let goes_on = word.ends_with(part) && after.is_some_and(part);
        !begins && !goes_on
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below `directory` whose names end in `.extension`, without hidden directories and what is built.
fn all(directory: &str, extension: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut directories = vec![root().join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
                directories.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                // A test may have a file in another encoding.
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                found.push(Source { path: relative, text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// All Rust files: of the crates, and of the measurements beside them.
fn code() -> Vec<Source> {
    [all("crates", "rs"), all("benches", "rs")].concat()
}

/// Holds all `sources` to `rule`.
fn hold(sources: &[Source], rule: impl Fn(&Source) -> Vec<Finding>) {
    assert!(!sources.is_empty());
    let findings = sources.iter().flat_map(|source| {
        rule(source).into_iter().map(move |(line, message)| format!("{}:{line}: {message}", source.path))
    });
    let findings: Vec<String> = findings.collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// Shows that `rule` finds in each text of the table, as a file of the given path, the lines that are named.
fn finds(rule: impl Fn(&Source) -> Vec<Finding>, table: &[(&str, &str, &[usize])]) {
    assert!(table.iter().any(|(.., expected)| !expected.is_empty()), "a rule that finds nothing");
    for (path, text, expected) in table {
        let findings = rule(&Source::new(path, text));
        let lines: Vec<usize> = findings.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, *expected, "{path}: {text}: {findings:?}");
    }
}

#[test]
fn comments_and_tests_are_told_from_product_code() {
    let text = "//! Docs.\nuse a; // why\n#[cfg(test)]\nmod testing;\nlet url = \"http://x\";\n    #[cfg(test)]\n    \
        fn only() {\n        x();\n    }\nmore\n#[cfg(test)]\nmod tests {\n    fn f() {}\n}\nlast\n";
    let product = |path: &str| {
        let source = Source::new(path, text);
        source.product().into_iter().map(|(number, line)| format!("{number}{line}")).collect::<Vec<_>>()
    };
    assert_eq!(product("crates/a/src/b.rs"), ["1", "2use a;", "5let url = \"http://x\";", "10more", "15last"]);
    for path in ["crates/a/tests/b.rs", "crates/a/src/b_tests.rs", "crates/testkit/src/b.rs", "crates/a/src/tests.rs"] {
        assert!(product(path).is_empty(), "{path}");
    }
    let words = [("unsafe {", true), ("unsafe_code", false), ("not_unsafe", false), ("(unsafe)", true), ("", false)];
    assert!(words.iter().all(|(line, expected)| has_word(line, "unsafe") == *expected));
}
