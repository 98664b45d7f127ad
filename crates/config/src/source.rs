//! A text that settings were read from, and places in it. Knows nothing of what the text means.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::plain;
use crate::hide::secret_parts;
use crate::{ConfigError, Origin, Warning};

/// Most characters of a line that an error shows.
const SHOWN: usize = 100;
/// Of these, how many before the underlined part, in a line that is cut.
const BEFORE: usize = 50;

/// What a text is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// A file, by its absolute path.
    File(PathBuf),
    /// A setting of the command line, as messages name it. The text is our own rendering of it, so errors show this name instead.
    Override(String),
    /// An environment variable, by name; the rest as for `Override`.
    Variable(String),
}

/// A text and its name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) name: Name,
    pub(crate) text: String,
    /// Offsets of the line breaks: a stranger's file may ask for a place in every line.
    breaks: Vec<usize>,
}

impl Source {
    pub(crate) fn new(name: Name, text: String) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        Self { name, text, breaks }
    }

    /// The origin that stands for all of it.
    pub(crate) fn whole(&self) -> Origin {
        match &self.name {
            Name::File(path) => Origin::WholeFile(path.clone()),
            Name::Override(typed) => Origin::Override(typed.clone()),
            Name::Variable(name) => Origin::Environment(name.clone()),
        }
    }

    /// The origin of a byte offset, which may lie beyond the end or within a character.
    pub(crate) fn origin(&self, offset: usize) -> Origin {
        match &self.name {
            Name::File(path) => {
                let start = self.floor(offset);
                let line_start = self.line_start(start);
                let line = self.line_number(line_start);
                let column = self.text[line_start..start].trim_start_matches('\u{feff}').chars().count() + 1;
                let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                Origin::File { path: path.clone(), line: count(line), column: count(column) }
            }
            Name::Override(typed) => Origin::Override(typed.clone()),
            Name::Variable(name) => Origin::Environment(name.clone()),
        }
    }

    /// An error about a range of bytes.
    pub(crate) fn error(&self, span: Range<usize>, message: impl AsRef<str>) -> ConfigError {
        let mut error = ConfigError::new(self.origin(span.start), message);
        // What is a secret is not told of JSON.
        if matches!(&self.name, Name::File(path) if path.extension().is_none_or(|end| end != "json")) {
            error.snippet = Some(self.snippet(span));
        }
        error
    }

    /// A warning about a range of bytes.
    pub(crate) fn warning(self: &Arc<Self>, span: Range<usize>, message: impl AsRef<str>) -> Warning {
        let warning = Warning::new(self.origin(span.start), message);
        Warning { site: Some(Site { source: Arc::clone(self), span }), ..warning }
    }

    /// The line less its secrets, and below it the underline. A range over several lines is underlined up to the end of its first.
    fn snippet(&self, span: Range<usize>) -> String {
        let start = self.floor(span.start);
        let line_start = self.line_start(start);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let number = self.line_number(line_start);
        let end = self.floor(span.end.max(start)).min(line_start + line.len());
        let hidden = secret_parts(&self.text[..line_start], line);
        let (prefix, end) = (column(line, &hidden, start - line_start), end.saturating_sub(line_start));
        let length = column(line, &hidden, end).saturating_sub(prefix).max(1);
        let line = without(line, &hidden);

        let total = line.chars().count();
        let from = if total <= SHOWN { 0 } else { prefix.saturating_sub(BEFORE) };
        let shown: String = line.chars().skip(from).take(SHOWN).collect();
        let (left, right) = (if from > 0 { "…" } else { "" }, if from + SHOWN < total { "…" } else { "" });
        // A tab is kept in both lines, so that the underline stays below its text however wide tabs are.
        let blank = |c: char| if c == '\t' { '\t' } else { ' ' };
        let indent: String = line.chars().skip(from).take(prefix - from).map(blank).collect();
        let carets = "^".repeat(length.min(SHOWN.saturating_sub(prefix - from)).max(1));
        let gutter = " ".repeat(number.to_string().len());
        let shown = shown.split('\t').map(plain).collect::<Vec<_>>().join("\t");
        let pad = " ".repeat(left.chars().count());
        format!("  {number} | {left}{shown}{right}\n  {gutter} | {pad}{indent}{carets}")
    }

    fn floor(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// Counted from 1.
    fn line_number(&self, line_start: usize) -> usize {
        self.breaks.partition_point(|at| *at < line_start) + 1
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }
}

/// A line with `…` in place of its hidden parts.
fn without(line: &str, hidden: &[Range<usize>]) -> String {
    let mut shown = line.to_string();
    hidden.iter().rev().for_each(|part| shown.replace_range(part.clone(), "…"));
    shown
}

/// The column, in characters from 0, that a byte of a line has in [`without`]; within a hidden part, its beginning.
fn column(line: &str, hidden: &[Range<usize>], at: usize) -> usize {
    let at = at.min(line.len());
    let (mut columns, mut from) = (0, 0);
    for part in hidden.iter().take_while(|part| part.start < at) {
        columns += line[from..part.start].chars().count();
        if at < part.end {
            return columns;
        }
        (columns, from) = (columns + 1, part.end);
    }
    columns + line[from..at].chars().count()
}

/// A place in a text that outlives the parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) source: Arc<Source>,
    pub(crate) span: Range<usize>,
}

impl Site {
    pub(crate) fn origin(&self) -> Origin {
        self.source.origin(self.span.start)
    }

    pub(crate) fn error(&self, message: impl AsRef<str>) -> ConfigError {
        self.source.error(self.span.clone(), message)
    }

    pub(crate) fn warning(&self, message: impl AsRef<str>) -> Warning {
        self.source.warning(self.span.clone(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, part: &str) -> String {
        let source = Source::new(Name::File("/c.toml".into()), text.into());
        let start = text.find(part).unwrap();
        source.error(start..start + part.len(), "no").to_string()
    }

    #[test]
    fn the_part_is_underlined() {
        assert_eq!(shown("a = 1\nb = 22\n", "22"), "/c.toml:2:5: no\n  2 | b = 22\n    |     ^^");
    }

    #[test]
    fn secrets_are_hidden_and_the_underline_stays_below_its_part() {
        assert_eq!(
            shown("env_key = \"sk-1\"", "\"sk-1\""),
            "/c.toml:1:11: no\n  1 | env_key = \"…\"\n    |           ^^^"
        );
        assert_eq!(shown("env_key = sk-1", "k-1"), "/c.toml:1:12: no\n  1 | env_key = …\n    |           ^");
        assert_eq!(
            shown("env_key = \"sk-1\" [x]", "[x]"),
            "/c.toml:1:18: no\n  1 | env_key = \"…\" [x]\n    |               ^^^"
        );
    }

    #[test]
    fn columns_are_characters_and_tabs_stay() {
        assert_eq!(shown("\té = 22", "22"), "/c.toml:1:6: no\n  1 | \té = 22\n    | \t    ^^");
    }

    #[test]
    fn a_range_over_lines_ends_with_its_first() {
        assert_eq!(shown("a = [1,\n2]", "[1,\n2]"), "/c.toml:1:5: no\n  1 | a = [1,\n    |     ^^^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_part() {
        let text = format!("{}HERE{}", "x".repeat(300), "y".repeat(300));
        let expected = format!(
            "/c.toml:1:301: no\n  1 | …{}HERE{}…\n    | {}^^^^",
            "x".repeat(50),
            "y".repeat(46),
            " ".repeat(51)
        );
        assert_eq!(shown(&text, "HERE"), expected);
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(shown("a\u{1b}[2J = 1\r\n", "1"), "/c.toml:1:9: no\n  1 | a\u{fffd}[2J = 1\n    |         ^");
    }

    #[test]
    fn offsets_outside_the_text_are_its_end() {
        let source = Source::new(Name::File("/c.toml".into()), "aé".into());
        assert_eq!(source.error(99..120, "no").to_string(), "/c.toml:1:3: no\n  1 | aé\n    |   ^");
        assert_eq!(source.origin(2).to_string(), "/c.toml:1:2");
        // A byte order mark is no column.
        let marked = Source::new(Name::File("/c.toml".into()), "\u{feff}a = 1".into());
        assert_eq!(marked.origin("\u{feff}a = ".len()).to_string(), "/c.toml:1:5");
    }
}
