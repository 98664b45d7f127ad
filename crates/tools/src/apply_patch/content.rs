//! The lines of a text file, as bytes and as text, and a new file made of old lines and added ones.
//!
//! It must never write an old line in other bytes than those it had, unless the line before its end had none.

use std::{borrow::Cow, collections::VecDeque, ops::Range};

use crate::encoding::{Beginning, Encoding, Ending, Format};

/// A line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'content> {
    /// Its bytes, ending included.
    raw: &'content [u8],
    /// Its text, without the ending.
    pub(super) text: &'content str,
    /// Only the last line may have none.
    ending: Option<Ending>,
}

/// A file read as text.
#[derive(Debug)]
pub(super) struct Content<'file> {
    pub(super) format: Format,
    /// All but the byte order mark.
    bytes: &'file [u8],
    text: Cow<'file, str>,
    /// Where each line ends in `bytes`. Four bytes each, as a file may be all line feeds.
    ends: Vec<u32>,
    /// Where each line ends in `text`, if not at the same place.
    text_ends: Option<Vec<u32>>,
}

impl<'file> Content<'file> {
    /// Reads a whole file.
    ///
    /// # Errors
    /// What the file is, in words, if it is not text.
    pub(super) fn of(bytes: &'file [u8]) -> Result<Self, &'static str> {
        let format = Format::of(bytes);
        if Beginning::of(bytes).is_binary(&format) {
            return Err("binary");
        }
        if !bytes.len().is_multiple_of(format.encoding.unit()) {
            return Err("UTF-16 that ends within a character");
        }
        let bytes = &bytes[format.mark().len()..];
        // Decoding may make three bytes of one.
        if u32::try_from(bytes.len() * 3).is_err() {
            return Err("too large");
        }
        let text = format.encoding.decode(bytes);
        let last = if format.ending() == Ending::Cr { "\r" } else { "\n" };
        let ends = ends(bytes, &encoded(format.encoding, last), format.encoding.unit());
        let text_ends = matches!(text, Cow::Owned(_)).then(|| self::ends(text.as_bytes(), last.as_bytes(), 1));
        Ok(Self { format, bytes, text, ends, text_ends })
    }

    /// How many lines it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The line at `index`, if it has so many.
    pub(super) fn line(&self, index: usize) -> Option<Line<'_>> {
        let raw = self.bytes.get(range(&self.ends, index)?)?;
        let text = self.text.get(range(self.text_ends.as_ref().unwrap_or(&self.ends), index)?)?;
        let endings: &[Ending] =
            if self.format.ending() == Ending::Cr { &[Ending::Cr] } else { &[Ending::CrLf, Ending::Lf] };
        let ending = endings.iter().copied().find(|ending| text.ends_with(ending.text()));
        let text = ending.and_then(|ending| text.strip_suffix(ending.text())).unwrap_or(text);
        Some(Line { raw, text, ending })
    }

    /// The lines from index `from` to before `to`.
    pub(super) fn lines(&self, from: usize, to: usize) -> impl Iterator<Item = Line<'_>> {
        (from..to).filter_map(|index| self.line(index))
    }

    /// The same file without its lines.
    pub(super) fn emptied(mut self) -> Self {
        // What was wrong with its text is gone too.
        self.format.flaws = 0;
        self.ends.clear();
        self
    }

    /// Whether the last line has no ending.
    fn is_unfinished(&self) -> bool {
        self.len().checked_sub(1).and_then(|last| self.line(last)).is_some_and(|line| line.ending.is_none())
    }
}

/// Where each line of `bytes` ends, if lines end with `ending` and characters have `unit` bytes.
fn ends(bytes: &[u8], ending: &[u8], unit: usize) -> Vec<u32> {
    // In UTF-16, the halves of two characters may look like an ending.
    let found =
        memchr::memmem::find_iter(bytes, ending).filter(|at| at.is_multiple_of(unit)).map(|at| at + ending.len());
    let mut ends: Vec<u32> = found.filter_map(|end| end.try_into().ok()).collect();
    if let Ok(length @ 1..) = u32::try_from(bytes.len())
        && ends.last() != Some(&length)
    {
        ends.push(length);
    }
    ends
}

fn range(ends: &[u32], index: usize) -> Option<Range<usize>> {
    let start = index.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied())?;
    Some(start as usize..*ends.get(index)? as usize)
}

/// `text` of ASCII characters, which every encoding has.
fn encoded(encoding: Encoding, text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    // It cannot fail for ASCII.
    let _ = encoding.encode(text, &mut bytes);
    bytes
}

/// Writes a file from the lines of another, and new ones.
pub(super) struct Writer<'content, 'file> {
    content: &'content Content<'file>,
    bytes: Vec<u8>,
    /// How the line ends that was written last; `None` before the first.
    last: Option<Last>,
    /// How the lines end that were removed where we are, and were not replaced yet.
    removed: VecDeque<Ending>,
    /// How the last line of the file that we passed ends.
    passed: Option<Ending>,
}

#[derive(Clone, Copy)]
struct Last {
    ending: Option<Ending>,
    added: bool,
    /// Whether it has no text: without its ending it would be no line.
    empty: bool,
}

impl<'content, 'file> Writer<'content, 'file> {
    pub(super) fn new(content: &'content Content<'file>) -> Self {
        let bytes = content.format.mark().to_vec();
        Self { content, bytes, last: None, removed: VecDeque::new(), passed: None }
    }

    /// Goes on with a line as it is.
    pub(super) fn copy(&mut self, line: Line<'_>) {
        self.end_line();
        self.bytes.extend(line.raw);
        self.last = Some(Last { ending: line.ending, added: false, empty: line.text.is_empty() });
        self.removed.clear();
        self.passed = line.ending.or(self.passed);
    }

    /// Leaves a line out.
    pub(super) fn skip(&mut self, line: Line<'_>) {
        self.removed.extend(line.ending);
        self.passed = line.ending.or(self.passed);
    }

    /// Goes on with a new line: it ends as the line it replaces, or the one before it, or else `next`.
    ///
    /// # Errors
    /// A sentence for the model: the encoding of the file does not have a character.
    pub(super) fn add(&mut self, text: &str, next: Option<Line<'_>>) -> Result<(), String> {
        let format = &self.content.format;
        let before = self.removed.pop_front().or(self.passed).or(next.and_then(|line| line.ending));
        let ending = before.unwrap_or_else(|| format.ending());
        self.end_line();
        if format.ending() == Ending::Cr && text.contains('\r') {
            return Err(format!("`{text}` has a carriage return in it, which ends lines in this file"));
        }
        if format.flaws > 0 && text.contains(char::REPLACEMENT_CHARACTER) {
            return Err(format!(
                "`{text}` has the character U+FFFD, which stands for bytes of this file that are not {}: keep such \
                 lines unchanged, or change them with a command",
                format.encoding.name()
            ));
        }
        format.encoding.encode(text, &mut self.bytes).map_err(|character| {
            format!(
                "`{text}` has the character `{character}` (U+{:04X}), which this file cannot hold: it is not UTF-8 and \
                 is patched as {}. Write it in other characters, or convert the file first with a command",
                u32::from(character),
                format.encoding.name()
            )
        })?;
        self.bytes.extend(encoded(format.encoding, ending.text()));
        self.last = Some(Last { ending: Some(ending), added: true, empty: text.is_empty() });
        Ok(())
    }

    /// Ends the last line of a file that lacks its ending, where something follows it now.
    fn end_line(&mut self) {
        if let Some(Last { ending: None, .. }) = self.last {
            self.finish_line();
        }
    }

    fn finish_line(&mut self) {
        let format = &self.content.format;
        self.bytes.extend(encoded(format.encoding, format.ending().text()));
    }

    /// The file. Its last line ends as `finished` says; otherwise an old line as it was, and an added one as the last
    /// line of the old file.
    pub(super) fn end(mut self, finished: Option<bool>) -> Vec<u8> {
        let Some(last) = self.last else { return self.bytes };
        let wanted = match finished {
            Some(finished) => finished,
            None if last.added => !self.content.is_unfinished(),
            None => return self.bytes,
        };
        match (last.ending, wanted) {
            (None, true) => self.finish_line(),
            (Some(ending), false) if !last.empty => {
                let length = ending.text().len() * self.content.format.encoding.unit();
                self.bytes.truncate(self.bytes.len() - length);
            }
            _ => {}
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_their_lines() {
        let table: &[(&[u8], &[&str])] = &[
            (b"", &[]),
            (b"a", &["a"]),
            (b"a\n\nb\r\n", &["a", "", "b"]),
            (b"a\rb\r", &["a", "b"]),
            (b"a\rb\n", &["a\rb"]),
            (b"\xef\xbb\xbfa\n", &["a"]),
            (b"\xff\xfe\n\0a\0\r\0\n\0", &["", "a"]),
            // U+0A00 and U+000D, then U+010A and U+0062: no line feed among their halves.
            (b"\xfe\xff\x0a\x00\x00\x0d\x01\x0a\x00\x62\x00\x0a", &["\u{a00}\r\u{10a}b"]),
            (b"\xe9\n\x80", &["é", "€"]),
        ];
        for (bytes, expected) in table {
            let content = Content::of(bytes).unwrap();
            let texts: Vec<&str> = content.lines(0, content.len()).map(|line| line.text).collect();
            assert_eq!(texts, *expected);
            let mut writer = Writer::new(&content);
            content.lines(0, content.len()).for_each(|line| writer.copy(line));
            assert_eq!(writer.end(None), *bytes);
        }
        for bytes in [&b"\xff\xfea"[..], b"\0\xff", b"\xff\xfe\0\0a\0\0\0"] {
            assert!(Content::of(bytes).is_err(), "{bytes:?}");
        }
    }
}
