//! From the text of a patch to its operations.
//!
//! It must never look at a file: what a patch says does not depend on what it meets.

/// What a patch does to one file. Paths are as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// Makes the file, or replaces it.
    Add { path: String, text: String },
    /// Removes the file.
    Delete { path: String },
    /// Changes its content, its name, or both.
    Update { path: String, move_to: Option<String>, hunks: Vec<Hunk> },
}

/// One change within a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hunk {
    /// Lines above the change that say where it is, outermost first.
    pub(super) contexts: Vec<String>,
    /// The change and what is around it.
    pub(super) lines: Vec<HunkLine>,
    /// Whether its old lines are the last of the file.
    pub(super) at_end: bool,
    /// Whether the file is to end with a line ending; `None`: as before.
    pub(super) finished: Option<bool>,
}

/// A line of a hunk, without its mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HunkLine {
    Keep(String),
    Remove(String),
    Add(String),
}

impl HunkLine {
    /// The line as it is in the file before the change, if it is there.
    pub(super) fn old(&self) -> Option<&str> {
        match self {
            Self::Keep(text) | Self::Remove(text) => Some(text),
            Self::Add(_) => None,
        }
    }
}

/// Reads a patch.
///
/// Lenient where the meaning is plain: blanks around marker lines, CRLF line endings, a here-document around the whole,
/// a first hunk without `@@`, `*** End of File` after an added file, the ranges of a unified diff after `@@` and its word
/// for a missing final newline.
///
/// # Errors
/// A sentence for the model, with the number of the line in the patch.
pub(super) fn parse(patch: &str) -> Result<Vec<Operation>, String> {
    let lines: Vec<&str> = without_here_document(patch.trim()).lines().collect();
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return Err("the patch is empty".into());
    };
    if first.trim() != "*** Begin Patch" {
        return Err("the first line of a patch is `*** Begin Patch`".into());
    }
    if lines.len() < 2 || last.trim() != "*** End Patch" {
        return Err("the last line of a patch is `*** End Patch`".into());
    }
    let mut parser = Parser { lines: &lines[..lines.len() - 1], at: 1 };
    let mut operations = Vec::new();
    while let Some(operation) = parser.section()? {
        operations.push(operation);
    }
    if operations.is_empty() {
        return Err("the patch is empty: it has no `*** Add File:`, `*** Update File:` or `*** Delete File:`".into());
    }
    Ok(operations)
}

/// What is between `<<'WORD'` and `WORD`, if that is what the text is.
fn without_here_document(text: &str) -> &str {
    let inside = || {
        let (first, rest) = text.strip_prefix("<<")?.split_once('\n')?;
        let word = first.trim().trim_matches(['\'', '"']);
        let (body, last) = rest.rsplit_once('\n')?;
        (!word.is_empty() && last.trim() == word).then(|| body.trim())
    };
    inside().unwrap_or(text)
}

struct Parser<'patch> {
    lines: &'patch [&'patch str],
    /// Index of the next line.
    at: usize,
}

impl Parser<'_> {
    fn error<T>(&self, what: &str) -> Result<T, String> {
        let line = self.lines.get(self.at).copied().unwrap_or_default();
        Err(format!("line {} of the patch, `{line}`: {what}", self.at + 1))
    }

    /// The rest of the next line, if it is a marker that begins with `marker`.
    fn marker(&mut self, marker: &str) -> Result<Option<String>, String> {
        let Some(path) = self.lines.get(self.at).and_then(|line| line.trim().strip_prefix(marker)) else {
            return Ok(None);
        };
        let path = path.trim();
        if path.is_empty() {
            return self.error("the path is missing");
        }
        self.at += 1;
        Ok(Some(path.to_owned()))
    }

    fn section(&mut self) -> Result<Option<Operation>, String> {
        while self.lines.get(self.at).is_some_and(|line| line.trim().is_empty()) {
            self.at += 1;
        }
        if self.at >= self.lines.len() {
            return Ok(None);
        }
        if self.at == 1 && self.marker("*** Environment ID:")?.is_some() {
            return self.section();
        }
        if let Some(path) = self.marker("*** Add File:")? {
            return Ok(Some(Operation::Add { path, text: self.added() }));
        }
        if let Some(path) = self.marker("*** Delete File:")? {
            return Ok(Some(Operation::Delete { path }));
        }
        if let Some(path) = self.marker("*** Update File:")? {
            return self.update(path).map(Some);
        }
        self.error(
            "expected `*** Add File: PATH`, `*** Update File: PATH` or `*** Delete File: PATH` (each line of an added \
             file begins with `+`)",
        )
    }

    fn added(&mut self) -> String {
        let mut text = String::new();
        while let Some(line) = self.lines.get(self.at).and_then(|line| line.strip_prefix('+')) {
            text.push_str(line);
            text.push('\n');
            self.at += 1;
        }
        // It says of a new file what is so anyway.
        self.at += usize::from(self.lines.get(self.at).is_some_and(|line| line.trim_end() == "*** End of File"));
        text
    }

    fn update(&mut self, path: String) -> Result<Operation, String> {
        let move_to = self.marker("*** Move to:")?;
        let mut hunks: Vec<Hunk> = Vec::new();
        let mut open = false;
        if let [old, new, ..] = &self.lines[self.at..]
            && old.starts_with("--- ")
            && new.starts_with("+++ ")
        {
            return self.error(
                "the file headers of a unified diff (`---`, `+++`) have no place here: `*** Update File:` names the file, \
                 and its hunks follow at once",
            );
        }
        while let Some(line) = self.lines.get(self.at) {
            if let Some(place) = line.strip_prefix("@@") {
                // Several places before the first line narrow one another.
                if !open || hunks.last().is_none_or(|hunk| !hunk.lines.is_empty()) {
                    hunks.push(Hunk::default());
                    open = true;
                }
                if let Some(hunk) = hunks.last_mut() {
                    hunk.contexts.extend(context(place));
                }
            } else if line.trim_end() == "*** End of File" {
                match hunks.last_mut() {
                    Some(hunk) if open => hunk.at_end = true,
                    _ => return self.error("there are no lines before it"),
                }
                open = false;
            } else if line.starts_with("\\ No newline at end of file")
                && let Some(hunk) = hunks.last_mut().filter(|hunk| open && !hunk.lines.is_empty())
            {
                unfinished(hunk);
            } else if line.starts_with("***") {
                break;
            } else {
                let Some(line) = hunk_line(line) else {
                    return self.error("lines of a hunk begin with ` `, `-` or `+`");
                };
                if !open {
                    hunks.push(Hunk::default());
                    open = true;
                }
                if let Some(hunk) = hunks.last_mut() {
                    hunk.lines.push(line);
                }
            }
            self.at += 1;
        }
        hunks.retain(|hunk| !only_blank(hunk));
        if let Some(empty) = hunks.iter().position(|hunk| hunk.lines.is_empty()) {
            return Err(format!("`{path}`: hunk {} has no lines", empty + 1));
        }
        if hunks.is_empty() && move_to.is_none() {
            return Err(format!("`{path}`: the update has no hunks"));
        }
        Ok(Operation::Update { path, move_to, hunks })
    }
}

/// The line before is the last of the file, and has no ending: of the old file if it is removed, else of the new one.
fn unfinished(hunk: &mut Hunk) {
    hunk.at_end = true;
    hunk.finished = match hunk.lines.last() {
        Some(HunkLine::Remove(_)) => Some(hunk.finished.unwrap_or(true)),
        _ => Some(false),
    };
}

/// Whether a hunk is nothing but blank lines without a mark, as left between sections.
fn only_blank(hunk: &Hunk) -> bool {
    let blank = |line: &HunkLine| matches!(line, HunkLine::Keep(text) if text.is_empty());
    !hunk.lines.is_empty() && hunk.contexts.is_empty() && hunk.lines.iter().all(blank)
}

/// What follows `@@`: nothing, a line of the file, or the ranges of a unified diff, which say nothing reliable.
fn context(place: &str) -> Option<String> {
    let place = place.strip_prefix(' ').unwrap_or(place).trim_end();
    let ranges = place.starts_with('-') && place.ends_with("@@")
        || place.split_once(' ').is_some_and(|(old, new)| is_range(old, '-') && is_range(new, '+'))
        || place.split_once(" @@").is_some_and(|(ranges, _)| {
            ranges.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | ',' | ' ')) && ranges.contains('+')
        });
    (!place.is_empty() && !ranges).then(|| place.to_owned())
}

/// Whether `text` is a range of a unified diff after its sign: a line, or a line and how many.
fn is_range(text: &str, sign: char) -> bool {
    let number = |text: &str| !text.is_empty() && text.chars().all(|character| character.is_ascii_digit());
    text.strip_prefix(sign).is_some_and(|range| range.splitn(2, ',').all(number))
}

fn hunk_line(line: &str) -> Option<HunkLine> {
    let mut characters = line.chars();
    let mark = characters.next();
    let text = characters.as_str().to_owned();
    match mark {
        // Models drop the blank that marks an empty line.
        None => Some(HunkLine::Keep(text)),
        Some(' ') => Some(HunkLine::Keep(text)),
        Some('-') => Some(HunkLine::Remove(text)),
        Some('+') => Some(HunkLine::Add(text)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(text: &str) -> HunkLine {
        HunkLine::Keep(text.into())
    }

    #[test]
    fn all_sections() {
        let patch = "*** Begin Patch\n*** Add File: a b\n+x\n++\n*** Delete File: c\n\n*** Update File: d\n*** Move to: e\n\
                     @@ class A\n@@ def f\n k\n-r\n+a\n\n@@ -1,2 +3,4 @@ fn\n-z\n*** End of File\n*** End Patch";
        let expected = vec![
            Operation::Add { path: "a b".into(), text: "x\n+\n".into() },
            Operation::Delete { path: "c".into() },
            Operation::Update {
                path: "d".into(),
                move_to: Some("e".into()),
                hunks: vec![
                    Hunk {
                        contexts: vec!["class A".into(), "def f".into()],
                        lines: vec![keep("k"), HunkLine::Remove("r".into()), HunkLine::Add("a".into()), keep("")],
                        ..Hunk::default()
                    },
                    Hunk { lines: vec![HunkLine::Remove("z".into())], at_end: true, ..Hunk::default() },
                ],
            },
        ];
        assert_eq!(parse(patch).as_ref(), Ok(&expected));
        assert_eq!(parse(&patch.replace('\n', "\r\n")).as_ref(), Ok(&expected), "CRLF");
        assert_eq!(parse(&format!("\n<<'EOF'\n{patch}\nEOF\n")).as_ref(), Ok(&expected), "here-document");
        assert_eq!(parse(&patch.replace("*** Begin Patch", "  *** Begin Patch ")).as_ref(), Ok(&expected), "blanks");
        let ended = patch.replace("++\n", "++\n*** End of File\n");
        assert_eq!(parse(&ended).as_ref(), Ok(&expected), "the end of an added file");
        let named = patch.replace("Begin Patch\n", "Begin Patch\n*** Environment ID: x\n");
        assert_eq!(parse(&named).as_ref(), Ok(&expected), "environment");
    }

    #[test]
    fn errors_say_where() {
        let table = [
            ("", "empty"),
            ("*** Begin Patch", "last line"),
            ("x\n*** Begin Patch\n*** End Patch", "first line"),
            ("*** Begin Patch\n*** End Patch", "the patch is empty"),
            ("*** Begin Patch\n*** Add File: a\n+x", "last line"),
            ("*** Begin Patch\n*** Add File: \n*** End Patch", "line 2"),
            ("*** Begin Patch\n*** Add File: a\n+x\ny\n*** End Patch", "line 4 of the patch, `y`"),
            ("*** Begin Patch\n*** Update File: a\n*** End Patch", "no hunks"),
            ("*** Begin Patch\n*** Update File: a\n@@\n*** End Patch", "hunk 1 has no lines"),
            ("*** Begin Patch\n*** Update File: a\n@@\nx\n*** End Patch", "begin with ` `, `-` or `+`"),
            ("*** Begin Patch\n*** Update File: a\n*** End of File\n*** End Patch", "no lines before"),
            (
                "*** Begin Patch\n*** Update File: a\n--- a/a\n+++ b/a\n@@\n-x\n*** End Patch",
                "line 3 of the patch, `--- a/a`",
            ),
            ("*** Begin Patch\n*** Update File: a\n*** Move to: b\n--- a/a\n+++ b/a\n*** End Patch", "file headers"),
            ("*** Begin Patch\n*** Rename File: a\n*** End Patch", "expected"),
        ];
        for (patch, expected) in table {
            let error = parse(patch).unwrap_err();
            assert!(error.contains(expected), "{patch:?}: {error}");
        }
    }

    #[test]
    fn lines_that_look_like_headers_are_changed() {
        let patch = "*** Begin Patch\n*** Update File: a\n@@\n--- x\n+++ y\n*** End Patch";
        let lines = vec![HunkLine::Remove("-- x".into()), HunkLine::Add("++ y".into())];
        let hunks = vec![Hunk { lines, ..Hunk::default() }];
        assert_eq!(parse(patch), Ok(vec![Operation::Update { path: "a".into(), move_to: None, hunks }]));
    }

    #[test]
    fn places() {
        let table = [
            ("", None),
            (" ", None),
            (" def f():", Some("def f():")),
            ("   indented", Some("  indented")),
            (" -1,3 +1,4 @@", None),
            (" -1 +1 @@ fn main", None),
            (" -3,3 +3,3", None),
            (" -1 +1,2 ", None),
            ("-1 +1", None),
            (" -1 +x", Some("-1 +x")),
            (" -1, +1", Some("-1, +1")),
            (" -1", Some("-1")),
            (" - item", Some("- item")),
        ];
        for (place, expected) in table {
            assert_eq!(context(place).as_deref(), expected, "{place:?}");
        }
    }
}
