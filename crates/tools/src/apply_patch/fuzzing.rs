//! What must hold of any file and any patch, for random tests and for `fuzz/`.
//!
//! It must never touch the disk, and must find the lines of a file in its own way, not by the code that it checks.

use super::{
    parse::{self, Hunk, HunkLine, Operation},
    text,
    work::Work,
};
use crate::encoding::{Ending, Format};

/// Most that matching may cost here, in comparisons.
const WORK: u64 = 1_000_000;

/// Most pairs of lines that are compared to tell what a patch changed.
const PAIRS: usize = 1 << 20;

/// Applies every update of `patch` to `content`, one after another.
///
/// # Panics
/// If an update changes lines that it does not speak of.
pub fn check_patch(content: &[u8], patch: &str) {
    let mut content = content.to_vec();
    for operation in parse::parse(patch).unwrap_or_default() {
        match operation {
            Operation::Update { hunks, .. } => {
                let Ok(updated) = text::update(&content, &hunks, &mut Work::at_most(WORK)) else { continue };
                check_update(&content, &hunks, &updated.bytes);
                content = updated.bytes;
            }
            Operation::Add { text, .. } => {
                if let Ok(bytes) = text::replace(&content, &text) {
                    content = bytes;
                }
            }
            Operation::Delete { .. } => content.clear(),
        }
    }
}

/// Checks that `after` may have come of `hunks` in the file `before`.
///
/// # Panics
/// If it may not.
pub(super) fn check_update(before: &[u8], hunks: &[Hunk], after: &[u8]) {
    let format = Format::of(before);
    assert!(after.starts_with(format.mark()), "the byte order mark is gone");
    let (old, new) = (lines(&before[format.mark().len()..], &format), lines(&after[format.mark().len()..], &format));
    if old.len() * new.len() > PAIRS {
        return;
    }
    let kept = common(&old, &new, &format);
    let count =
        |wanted: fn(&HunkLine) -> bool| hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| wanted(line)).count();
    let removed = count(|line| matches!(line, HunkLine::Remove(_)));
    // A blank line that a hunk keeps is added where the file ends before it.
    let blank = hunks.iter().filter(|hunk| hunk.lines.iter().any(is_blank)).count();
    let added = count(|line| matches!(line, HunkLine::Add(_)));
    let (gone, fresh) = (old.len() - kept, new.len() - kept);
    let made = || format!("{} became {} by {hunks:?}", before.escape_ascii(), after.escape_ascii());
    assert!(gone <= removed, "{gone} lines are gone, {removed} were to be removed: {}", made());
    assert!(fresh <= added + blank, "{fresh} lines are new, {added} were to be added: {}", made());
}

fn is_blank(line: &HunkLine) -> bool {
    matches!(line, HunkLine::Keep(text) if text.trim().is_empty())
}

/// The lines of a file, with their endings.
fn lines<'file>(bytes: &'file [u8], format: &Format) -> Vec<&'file [u8]> {
    let ending = if format.ending() == Ending::Cr { b'\r' } else { b'\n' };
    let unit = format.encoding.unit();
    let mut lines = Vec::new();
    let mut start = 0;
    for (index, character) in bytes.chunks(unit).enumerate() {
        let mut wanted = Vec::new();
        let _ = format.encoding.encode(char::from(ending).encode_utf8(&mut [0; 4]), &mut wanted);
        if character == wanted {
            lines.push(&bytes[start..(index + 1) * unit]);
            start = (index + 1) * unit;
        }
    }
    if start < bytes.len() {
        lines.push(&bytes[start..]);
    }
    lines
}

/// A line without its ending, and without carriage returns before it.
fn body<'line>(line: &'line [u8], format: &Format) -> &'line [u8] {
    let encode = |text: &str| {
        let mut bytes = Vec::new();
        let _ = format.encoding.encode(text, &mut bytes);
        bytes
    };
    let (lf, cr) = (encode("\n"), encode("\r"));
    let mut body = line;
    // A carriage return at the end of the old file becomes a part of the ending that its line gets.
    while let Some(shorter) = body.strip_suffix(lf.as_slice()).or_else(|| body.strip_suffix(cr.as_slice())) {
        body = shorter;
    }
    body
}

/// How many lines two files have in common, in the same order. Of their last lines the endings do not count.
fn common(old: &[&[u8]], new: &[&[u8]], format: &Format) -> usize {
    let mut row = vec![0; new.len() + 1];
    for (at_old, old_line) in old.iter().enumerate() {
        let mut diagonal = 0;
        for (at_new, new_line) in new.iter().enumerate() {
            let last = at_old + 1 == old.len() || at_new + 1 == new.len();
            let same = old_line == new_line || last && body(old_line, format) == body(new_line, format);
            let above = row[at_new + 1];
            row[at_new + 1] = if same { diagonal + 1 } else { above.max(row[at_new]) };
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What random inputs have shown before.
    #[test]
    fn found_before() {
        let table: &[(&[u8], &str)] = &[
            (b"C/\r\n\r", "@@\n\n+x"),
            (b"a\n\r", "@@\n+"),
            (b"l\r[l\r+", "+a\rb"),
            (b"a\r\na\nx\n\na", "@@ x\n-a\n\\ No newline at end of file"),
            (b"\xff\xfe\n\n\0\xd8", "+x"),
        ];
        for (content, patch) in table {
            check_patch(content, &format!("*** Begin Patch\n*** Update File: f\n{patch}\n*** End Patch"));
        }
    }

    #[test]
    fn what_no_hunk_speaks_of_is_missed() {
        let hunks = [Hunk { lines: vec![HunkLine::Remove("b".into()), HunkLine::Add("B".into())], ..Hunk::default() }];
        let table = [("a\nB\nc\n", true), ("a\nB\n", false), ("a\nB\nc\nd\n", false), ("A\nB\nc\n", false)];
        for (after, fits) in table {
            let checked = std::panic::catch_unwind(|| check_update(b"a\nb\nc\n", &hunks, after.as_bytes()));
            assert_eq!(checked.is_ok(), fits, "{after:?}");
        }
    }
}
