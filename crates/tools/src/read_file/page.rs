//! The lines of a file that one call shows, as they are read.
//!
//! It must never hold more of a file than it shows, and never read without end.

use std::{
    borrow::Cow,
    io::{BufRead, BufReader, Read},
};

use memchr::memchr2;
use tokio_util::sync::CancellationToken;

use crate::{output, plain_call::Answer};

/// Most of one line that is shown, in bytes.
const LINE_BYTES: usize = 2000;
/// Most that one call returns, in bytes.
pub(super) const MOST_BYTES: usize = 64 << 10;
/// Most that one call reads of a file, in bytes: what comes before the lines that are wanted, and those.
const MOST_READ: u64 = 256 << 20;

/// The part of a file that is shown, as it fills.
pub(super) struct Page {
    text: String,
    first: u64,
    /// Lines still wanted.
    left: u64,
    /// Number of the line being read.
    line: u64,
    /// Its beginning.
    start: Vec<u8>,
    /// Bytes of it that are not shown.
    beyond: u64,
    /// Bytes that may still be read.
    readable: u64,
    /// The byte that ends lines.
    ending: u8,
}

impl Page {
    /// An empty page for at most `limit` lines from line `first` on, counted from 1; `ending` is the byte that ends them.
    pub(super) fn new(first: u64, limit: u64, ending: u8) -> Self {
        let (text, start) = (String::new(), Vec::new());
        Self { text, first, left: limit, line: 1, start, beyond: 0, readable: MOST_READ, ending }
    }

    /// Shows the lines of `reader`, which gives UTF-8.
    ///
    /// # Errors
    /// A sentence for the model: there are no such lines, it was interrupted, or the kernel's.
    pub(super) fn fill(&mut self, reader: &mut BufReader<impl Read>, cancel: &CancellationToken) -> Answer {
        let mut partial = false;
        loop {
            if cancel.is_cancelled() {
                return Err("interrupted by the user".into());
            }
            let chunk = reader.fill_buf().map_err(|error| error.to_string())?;
            if chunk.is_empty() {
                break;
            }
            if self.left == 0 {
                let next = self.line;
                self.text.push_str(&format!("[more follows: go on with offset {next}]\n"));
                return Ok(std::mem::take(&mut self.text));
            }
            if self.readable == 0 {
                return self.unreadable();
            }
            let chunk = &chunk[..chunk.len().min(self.readable.try_into().unwrap_or(usize::MAX))];
            let stop = memchr2(self.ending, 0, chunk);
            let piece = &chunk[..stop.unwrap_or(chunk.len())];
            let newline = stop.filter(|at| chunk[*at] == self.ending);
            if stop != newline {
                self.text.push_str(&format!("[binary from line {} on, not read further]\n", self.line));
                return Ok(std::mem::take(&mut self.text));
            }
            if self.line >= self.first {
                let room = LINE_BYTES - self.start.len();
                self.start.extend(&piece[..piece.len().min(room)]);
                self.beyond += piece.len().saturating_sub(room) as u64;
            }
            let used = piece.len() + usize::from(newline.is_some());
            reader.consume(used);
            self.readable -= used as u64;
            partial = newline.is_none();
            if !partial {
                self.end_line();
            }
        }
        if partial && self.left > 0 {
            self.end_line();
        }
        if self.line == 1 && self.first == 1 {
            return Ok("[empty file]".into());
        }
        if self.line <= self.first {
            return Err(format!("the file has only {} lines", self.line - 1));
        }
        Ok(std::mem::take(&mut self.text))
    }

    /// The answer where no more of the file may be read.
    fn unreadable(&mut self) -> Answer {
        let (most, line) = (MOST_READ >> 20, self.line);
        if line < self.first {
            let first = self.first;
            return Err(format!(
                "line {first} is not among the first {most} MiB, which end in line {line}; use a command"
            ));
        }
        if !self.start.is_empty() {
            self.end_line();
        }
        self.text.push_str(&format!("[the first {most} MiB end in line {line}: read on with a command]\n"));
        Ok(std::mem::take(&mut self.text))
    }

    /// Shows the line that was read, or stops before it where there is no room left.
    fn end_line(&mut self) {
        if self.line >= self.first {
            if self.start.last() == Some(&b'\r') && self.beyond == 0 {
                self.start.pop();
            }
            if self.beyond > 0 {
                let whole = output::whole_characters(&self.start).len();
                self.beyond += (self.start.len() - whole) as u64;
                self.start.truncate(whole);
            }
            let text = String::from_utf8_lossy(&self.start);
            let mut shown = format!("{}\t{text}", self.line);
            if matches!(text, Cow::Owned(_)) {
                shown.push_str(" [not all UTF-8]");
            }
            if self.beyond > 0 {
                shown.push_str(&format!(" [... {} more bytes in this line]", self.beyond));
            }
            shown.push('\n');
            self.text.push_str(&shown);
            // Checked after the line, so that every call gets on; a line is short against the cap.
            self.left = if self.text.len() >= MOST_BYTES - LINE_BYTES { 0 } else { self.left - 1 };
            self.start.clear();
            self.beyond = 0;
        }
        self.line += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_read_to_a_bound() {
        let table: &[(&[u8], u64, u64, Answer)] = &[
            (b"\n", 99, 1, Err("line 99 is not among the first 256 MiB, which end in line 11; use a command".into())),
            (b"x", 2, 1, Err("line 2 is not among the first 256 MiB, which end in line 1; use a command".into())),
            (b"x", 1, 1, Ok("1\txxxxxxxxxx\n[the first 256 MiB end in line 1: read on with a command]\n".into())),
            (b"abc\n", 2, 9, Ok("2\tabc\n3\tab\n[the first 256 MiB end in line 3: read on with a command]\n".into())),
            (b"\n", 10, 9, Ok("10\t\n[the first 256 MiB end in line 11: read on with a command]\n".into())),
            // What was wanted fits.
            (b"\n", 10, 1, Ok("10\t\n[more follows: go on with offset 11]\n".into())),
        ];
        for (content, first, limit, expected) in table {
            let page = || Page { readable: 10, ..Page::new(*first, *limit, b'\n') };
            let endless = Endless { content, at: 0 };
            let read = page().fill(&mut BufReader::new(endless), &CancellationToken::new());
            assert_eq!(&read, expected, "{content:?} from {first}");
        }
        let text: &[u8] = b"0123456789";
        let page = || Page { readable: 10, ..Page::new(1, 9, b'\n') };
        let whole = page().fill(&mut BufReader::new(text), &CancellationToken::new());
        assert_eq!(whole, Ok("1\t0123456789\n".into()), "a file that ends there");
    }

    /// The same again and again.
    struct Endless<'content> {
        content: &'content [u8],
        at: usize,
    }

    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            for byte in &mut *buffer {
                *byte = self.content[self.at % self.content.len()];
                self.at += 1;
            }
            Ok(buffer.len())
        }
    }

    #[test]
    fn a_long_line_is_not_held() {
        let mut page = Page::new(1, 9, b'\n');
        let mut reader = BufReader::with_capacity(256 << 10, std::io::repeat(b'x').take(50 << 20));
        let text = page.fill(&mut reader, &CancellationToken::new()).unwrap();
        assert_eq!(text, format!("1\t{} [... {} more bytes in this line]\n", "x".repeat(2000), (50 << 20) - 2000));
        assert!(page.start.capacity() <= 2 * LINE_BYTES);
    }
}
