//! What is wrong with files: as linters and language servers find it, and as the model is told it, once and short.
//!
//! The words are those of programs that read a stranger's files: they are cut, and made harmless, before anybody sees them.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    path::{Path, PathBuf},
};

/// Most that is told at once.
const MOST: usize = 20;
/// Most bytes that are told at once.
const BYTES: usize = 2 << 10;
/// Most characters of one message.
const MESSAGE: usize = 240;
/// Most that is kept of one file and one who looked at it.
pub(crate) const KEPT: usize = 1_000;

/// How bad it is. In order, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It does not work.
    Error,
    /// It may not work, or is bad style.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// The severity that a linter calls so; what is not known is a warning.
    pub(crate) fn named(name: &str) -> Self {
        match name.trim().to_ascii_lowercase().as_str() {
            "error" | "fatal" | "fatal error" | "critical" | "failure" | "e" => Self::Error,
            "note" | "info" | "information" | "hint" | "help" | "style" | "convention" => Self::Note,
            _ => Self::Warning,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file: absolute.
    pub path: PathBuf,
    /// Its line, counted from 1.
    pub line: u32,
    /// The character in it, counted from 1, where known.
    pub column: Option<u32>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: one line, without control characters.
    pub message: String,
}

impl Diagnostic {
    /// The first line of `message` that says something, cut and harmless. `None`: it says nothing.
    pub fn new(path: PathBuf, (line, column): (u32, Option<u32>), severity: Severity, message: &str) -> Option<Self> {
        let message = message.lines().map(str::trim).find(|line| !line.is_empty())?;
        let harmless: String = message.chars().filter(|c| is_harmless(*c)).take(MESSAGE).collect();
        Some(Self { path, line, column, severity, message: harmless })
    }
}

/// Whether a character neither drives a terminal nor changes the direction of what follows.
fn is_harmless(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What one linter or language server found in files that it has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Who looked.
    pub source: String,
    /// The files that were looked at.
    pub files: Vec<PathBuf>,
    /// What is wrong with them.
    pub diagnostics: Vec<Diagnostic>,
}

/// What is counted as the same thing, wherever in its file it is: lines move.
type Same = (Severity, String);

/// What was found last in each file, so that nothing is told twice.
#[derive(Debug, Default)]
pub struct Known(HashMap<(String, PathBuf), HashMap<Same, usize>>);

impl Known {
    /// Takes `found` in; returns what of it was not there before, the worst first.
    pub fn new_in(&mut self, found: Vec<Found>) -> Vec<(String, Diagnostic)> {
        let mut new = Vec::new();
        for Found { source, files, diagnostics } in found {
            let mut by_file: BTreeMap<PathBuf, Vec<Diagnostic>> =
                files.into_iter().map(|file| (file, vec![])).collect();
            for diagnostic in diagnostics {
                let of_file = by_file.get_mut(&diagnostic.path).filter(|of_file| of_file.len() < KEPT);
                of_file.into_iter().for_each(|of_file| of_file.push(diagnostic.clone()));
            }
            for (file, diagnostics) in by_file {
                let mut before = self.0.remove(&(source.clone(), file.clone())).unwrap_or_default();
                let mut now: HashMap<Same, usize> = HashMap::new();
                for diagnostic in diagnostics {
                    let same = (diagnostic.severity, diagnostic.message.clone());
                    *now.entry(same.clone()).or_default() += 1;
                    match before.get_mut(&same).filter(|left| **left > 0) {
                        Some(left) => *left -= 1,
                        None => new.push((source.clone(), diagnostic)),
                    }
                }
                if !now.is_empty() {
                    self.0.insert((source.clone(), file), now);
                }
            }
        }
        new.sort_by(|(_, one), (_, other)| {
            (one.severity, &one.path, one.line).cmp(&(other.severity, &other.path, other.line))
        });
        new
    }
}

/// What is new, for the model and the user: one line each, few of them; paths as they are below `workspace`.
pub fn told(new: &[(String, Diagnostic)], workspace: &Path) -> String {
    let mut text = String::new();
    let mut shown = 0;
    for (source, diagnostic) in new.iter().take(MOST) {
        let line = line(diagnostic, workspace);
        if text.len() + line.len() + source.len() > BYTES {
            break;
        }
        let _ = writeln!(text, "{line} ({source})");
        shown += 1;
    }
    if shown < new.len() {
        let _ = writeln!(text, "and {} more", new.len() - shown);
    }
    text
}

/// One of them, in one line.
pub fn line(diagnostic: &Diagnostic, workspace: &Path) -> String {
    let Diagnostic { path, line, column, severity, message } = diagnostic;
    let path = named(path, workspace);
    let column = column.map(|column| format!(":{column}")).unwrap_or_default();
    format!("{path}:{line}{column}: {}: {message}", severity.word())
}

/// A path as the model calls it.
pub fn named(path: &Path, workspace: &Path) -> String {
    let path = path.strip_prefix(workspace).unwrap_or(path).display().to_string();
    path.chars().filter(|c| is_harmless(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(path: &str, line: u32, severity: Severity, message: &str) -> Diagnostic {
        Diagnostic::new(path.into(), (line, Some(2)), severity, message).unwrap()
    }

    fn found(files: &[&str], diagnostics: &[Diagnostic]) -> Vec<Found> {
        let files = files.iter().map(PathBuf::from).collect();
        vec![Found { source: "lint".into(), files, diagnostics: diagnostics.to_vec() }]
    }

    #[test]
    fn the_same_is_told_once_and_again_when_it_comes_back() {
        use Severity::{Error, Warning};
        let mut known = Known::default();
        let (one, moved) = (wrong("/w/a", 1, Warning, "long line"), wrong("/w/a", 9, Warning, "long line"));
        let broken = wrong("/w/a", 5, Error, "broken");
        let mut new = |files: &[&str], diagnostics: &[Diagnostic]| {
            told(&known.new_in(found(files, diagnostics)), Path::new("/w"))
        };
        let table: [(&[Diagnostic], &str); 7] = [
            (&[one.clone(), broken.clone()], "a:5:2: error: broken (lint)\na:1:2: warning: long line (lint)\n"),
            (&[one.clone(), broken.clone()], ""),
            (std::slice::from_ref(&moved), ""),
            (&[one.clone(), moved.clone()], "a:9:2: warning: long line (lint)\n"),
            (&[], ""),
            (std::slice::from_ref(&one), "a:1:2: warning: long line (lint)\n"),
            // Not of a file that was looked at.
            (&[one.clone(), wrong("/w/b", 1, Error, "elsewhere")], ""),
        ];
        for (number, (diagnostics, expected)) in table.into_iter().enumerate() {
            assert_eq!(new(&["/w/a"], diagnostics), expected, "{number}");
        }
        // Nobody has looked at it: what was found before stays known.
        assert_eq!(new(&["/w/b"], &[]), "");
        assert_eq!(new(&["/w/a"], &[wrong("/w/a", 3, Warning, "long line")]), "");
    }

    #[test]
    fn what_is_told_is_short_and_harmless() {
        let many: Vec<Diagnostic> =
            (1..100).map(|line| wrong("/w/a", line, Severity::Error, &format!("{line}"))).collect();
        let text = told(&Known::default().new_in(found(&["/w/a"], &many)), Path::new("/w"));
        assert_eq!(text.lines().count(), MOST + 1);
        assert!(text.ends_with("and 79 more\n"), "{text}");
        let long = "\u{1b}[31m\n  x\u{1b}]0;\u{202e}y\r".to_owned() + &"z".repeat(1000);
        let long: Vec<Diagnostic> =
            (1..19).map(|line| wrong("/w/a", line, Severity::Error, &format!("{line}{long}"))).collect();
        let text = told(&Known::default().new_in(found(&["/w/a"], &long)), Path::new("/w"));
        assert!(text.len() <= BYTES + 20 && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
}
