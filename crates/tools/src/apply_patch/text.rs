//! A text file as lines that keep their endings, and hunks applied to it.
//!
//! It must never change a byte that no hunk speaks of: byte order mark, line endings and a missing final newline stay.

use super::{
    lines::Lines,
    parse::{Hunk, HunkLine},
    seek::{Place, locate},
    work::Work,
};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The content of a file after `hunks`, in their order, were applied to `content`.
///
/// # Errors
/// Sentences for the model that name the hunk and show the lines that were not found, or those of [`Work::spend`].
pub(super) fn update(content: &str, hunks: &[Hunk], work: &mut Work) -> Result<String, String> {
    let text = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
    let raw: Vec<&str> = text.split_inclusive('\n').collect();
    let mut lines = Lines::new(raw.iter().map(|line| body(line)).collect());
    work.spend(content.len() as u64 / 8)?;
    let mut from = 0;
    let mut places: Vec<(Place, &Hunk)> = Vec::new();
    for (index, hunk) in hunks.iter().enumerate() {
        let place = locate(&mut lines, hunk, from, work)
            .map_err(|error| format!("hunk {} of {}: {error}", index + 1, hunks.len()))?;
        from = place.next;
        places.push((place, hunk));
    }
    // Only additions to the end can be out of order; among themselves they keep theirs.
    places.sort_by_key(|(place, _)| place.lines.start);
    let mut writer = Writer { text: String::with_capacity(content.len()), newline: newline(&raw) };
    if text.len() != content.len() {
        writer.text.push(BYTE_ORDER_MARK);
    }
    let mut copied = 0;
    for (place, hunk) in places {
        raw[copied..place.lines.start].iter().for_each(|line| writer.copy(line));
        let mut old = raw[place.lines.clone()].iter();
        for (index, line) in hunk.lines.iter().enumerate() {
            match line {
                // A blank line that the file lacks is added where lines follow it, and is nothing at the hunk's end.
                HunkLine::Keep(_) if place.missing == Some(index) && index + 1 < hunk.lines.len() => writer.add(""),
                _ if place.missing == Some(index) => {}
                // The file's own line, not the patch's: they may differ where the match was lenient.
                HunkLine::Keep(_) => old.next().into_iter().for_each(|line| writer.copy(line)),
                HunkLine::Remove(_) => drop(old.next()),
                HunkLine::Add(text) => writer.add(text),
            }
        }
        copied = place.lines.end;
    }
    raw[copied..].iter().for_each(|line| writer.copy(line));
    Ok(writer.text)
}

/// A line without its ending.
fn body(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// The line ending that most lines have.
fn newline(raw: &[&str]) -> &'static str {
    let windows = raw.iter().filter(|line| line.ends_with("\r\n")).count();
    let all = raw.iter().filter(|line| line.ends_with('\n')).count();
    if windows * 2 > all { "\r\n" } else { "\n" }
}

struct Writer {
    text: String,
    newline: &'static str,
}

impl Writer {
    /// Ends the line before, should it be the last of a file without final newline.
    fn end_line(&mut self) {
        let begun = self.text.trim_start_matches(BYTE_ORDER_MARK);
        if !begun.is_empty() && !begun.ends_with('\n') {
            self.text.push_str(self.newline);
        }
    }

    fn copy(&mut self, line: &str) {
        self.end_line();
        self.text.push_str(line);
    }

    fn add(&mut self, line: &str) {
        self.end_line();
        self.text.push_str(line);
        self.text.push_str(self.newline);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::parse, *};

    fn patched(content: &str, hunks: &str) -> Result<String, String> {
        let patch = format!("*** Begin Patch\n*** Update File: f\n{hunks}*** End Patch");
        match parse::parse(&patch).unwrap().remove(0) {
            parse::Operation::Update { hunks, .. } => update(content, &hunks, &mut Work::at_most(100_000)),
            _ => unreachable!(),
        }
    }

    #[test]
    fn hunks_apply() {
        let python = "class A:\n    def f(self):\n        return 1\n\nclass B:\n    def f(self):\n        return 1\n";
        let table = [
            ("plain", "a\nb\nc\n", "@@\n a\n-b\n+B\n c\n", "a\nB\nc\n"),
            ("no @@", "a\nb\n", "-b\n+B\n", "a\nB\n"),
            ("two hunks", "a\nb\nc\nb\n", "@@\n-b\n+1\n@@\n-b\n+2\n", "a\n1\nc\n2\n"),
            (
                "context",
                python,
                "@@ class B:\n     def f(self):\n-        return 1\n+        return 2\n",
                &python.replacen("B:\n    def f(self):\n        return 1", "B:\n    def f(self):\n        return 2", 1),
            ),
            (
                "two contexts",
                python,
                "@@ class B:\n@@     def f(self):\n-        return 1\n+        return 2\n",
                &python.replacen("B:\n    def f(self):\n        return 1", "B:\n    def f(self):\n        return 2", 1),
            ),
            (
                "context repeated",
                python,
                "@@ class B:\n class B:\n-    def f(self):\n+    def g(self):\n",
                &python.replacen("B:\n    def f", "B:\n    def g", 1),
            ),
            ("end of file", "x\ny\nx\n", "@@\n-x\n+z\n*** End of File\n", "x\ny\nz\n"),
            ("only added", "a\n", "@@\n+b\n", "a\nb\n"),
            ("only added, below", "a\nb\n", "@@ a\n+1\n", "a\n1\nb\n"),
            ("added, then changed", "a\nb\n", "@@\n+c\n@@\n-a\n+A\n", "A\nb\nc\n"),
            ("to nothing", "a\n", "@@\n-a\n", ""),
            ("from nothing", "", "@@\n+a\n", "a\n"),
            ("CRLF", "a\r\nb\r\nc\r\n", "@@\n a\n-b\n+B\n+BB\n", "a\r\nB\r\nBB\r\nc\r\n"),
            ("mixed", "a\r\nb\nc\n", "@@\n a\n-b\n+B\n", "a\r\nB\nc\n"),
            ("BOM", "\u{feff}a\nb\n", "@@\n-a\n+A\n", "\u{feff}A\nb\n"),
            ("BOM, to nothing and back", "\u{feff}a\n", "@@\n-a\n+b\n", "\u{feff}b\n"),
            ("no final newline, kept", "a\nb", "@@\n-a\n+A\n b\n", "A\nb"),
            ("no final newline, changed", "a\nb", "@@\n-b\n+B\n", "a\nB\n"),
            ("no final newline, added to", "a\r\nb", "@@\n b\n+c\n", "a\r\nb\r\nc\r\n"),
            ("trailing blanks", "a  \nb\n", "@@\n a\n-b\n+B\n", "a  \nB\n"),
            ("indented", "\ta\n\tb\n", "@@\n a\n-b\n+\tB\n", "\ta\n\tB\n"),
            ("typographic", "– “a”\nb\n", "@@\n - \"a\"\n-b\n+B\n", "– “a”\nB\n"),
            ("blank past the end", "b\n", "@@\n b\n \n+c\n", "b\n\nc\n"),
            ("blank past the end, unmarked", "a\nb", "@@\n-b\n+B\n\n+c\n+d\n", "a\nB\n\nc\nd\n"),
            ("blank past the end, removed", "b\n", "@@\n b\n-\n+c\n", "b\nc\n"),
            ("blank past the end, of two", "b\nc\nb\n", "@@\n b\n \n+c\n", "b\nc\nb\n\nc\n"),
            ("blank at the end", "a\nb\n", "@@\n-a\n+A\n\n", "A\nb\n"),
            ("empty line without mark", "a\n\nb\n", "@@\n a\n\n-b\n+B\n", "a\n\nB\n"),
            ("exact before lenient", " a\na\n", "@@\n-a\n+A\n", " a\nA\n"),
        ];
        for (name, content, hunks, expected) in table {
            assert_eq!(patched(content, hunks).as_deref(), Ok(expected), "{name}");
        }
    }

    #[test]
    fn misses_are_explained() {
        let table: &[(&str, &str, &[&str])] = &[
            (
                "a\nb\nc\n",
                "@@\n a\n-x\n",
                &["hunk 1 of 1", "\na\nx\n", "line 2 of the file is `b` where the patch has `x`"],
            ),
            (
                "a\nb\n",
                "@@\n-b\n+B\n@@\n-a\n",
                &["hunk 2 of 2", "after line 2", "at line 1, but hunks go in file order"],
            ),
            ("a\nb\n", "@@ zzz\n-b\n", &["line after `@@`", "zzz"]),
            ("a\nb\n", "@@\n-a\n*** End of File\n", &["not the last", "line 1, not at its end"]),
            ("a\n", "@@\n a\n-b\n", &["The file ends where the patch has `b`"]),
            ("", "@@\n-b\n", &["Read the file again"]),
            ("b\nx\n", "@@\n b\n \n+c\n", &["line 2 of the file is `x` where the patch has ``"]),
        ];
        for (content, hunks, expected) in table {
            let error = patched(content, hunks).unwrap_err();
            for part in *expected {
                assert!(error.contains(part), "{hunks:?}: {error}");
            }
        }
    }
}
