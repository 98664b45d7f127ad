//! Cuts what tools put out to size: the beginning and the end stay, the middle goes, and a note says how much.
//!
//! It must never hold more than it will show, whatever the size of the output.

use std::collections::VecDeque;

/// Most output for the model unless it asks for another amount, in tokens.
pub(crate) const DEFAULT_TOKENS: u64 = 10_000;

/// Most output for the model that it can ask for, in tokens.
pub(crate) const MOST_TOKENS: u64 = 50_000;

/// Bytes that make a token, about (OpenAI's rule of thumb for English text).
pub(crate) const TOKEN_BYTES: u64 = 4;

/// Most output kept in an item that the user is shown, in bytes.
pub(crate) const ITEM_BYTES: usize = 64 << 10;

/// The bytes that a wish of the model for `tokens` comes to.
pub(crate) fn model_bytes(tokens: Option<u64>) -> usize {
    (tokens.unwrap_or(DEFAULT_TOKENS).clamp(1, MOST_TOKENS) * TOKEN_BYTES) as usize
}

/// `text`, or its beginning and end, at most about `most` bytes of it.
pub(crate) fn cut(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let mut capture = Capture::new(most);
    capture.push(text.as_bytes());
    capture.text(most)
}

/// The beginning and the end of an output of any size.
#[derive(Debug)]
pub(crate) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// Most bytes in each of the two.
    half: usize,
    bytes: u64,
    newlines: u64,
}

impl Capture {
    /// Keeps enough that [`Capture::text`] can give `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        let half = most.div_ceil(2);
        Self { head: Vec::new(), tail: VecDeque::new(), half, bytes: 0, newlines: 0 }
    }

    /// Takes the next piece of the output.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.newlines += newlines(piece);
        let (head, rest) = piece.split_at(piece.len().min(self.half - self.head.len()));
        self.head.extend(head);
        let rest = &rest[rest.len().saturating_sub(self.half)..];
        let surplus = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..surplus);
        self.tail.extend(rest);
    }

    /// The output as text, at most about `most` bytes of it; bytes that are not UTF-8 are replaced.
    pub(crate) fn text(&self, most: usize) -> String {
        let (first, second) = self.tail.as_slices();
        let tail = [first, second].concat();
        let whole = self.bytes == (self.head.len() + tail.len()) as u64;
        if whole && self.bytes <= most as u64 {
            return String::from_utf8_lossy(&[self.head.as_slice(), &tail].concat()).into_owned();
        }
        // What was kept may be larger than what is asked for; then the ends of the joined bytes are wanted.
        let joined = if whole { [self.head.as_slice(), &tail].concat() } else { Vec::new() };
        let (head, tail) = if whole { (&joined, &joined) } else { (&self.head, &tail) };
        let half = most / 2;
        let front = end_well(&head[..head.len().min(half)]);
        let back = begin_well(&tail[tail.len().saturating_sub(half)..]);
        let bytes = self.bytes - (front.len() + back.len()) as u64;
        let lines = self.newlines - newlines(front) - newlines(back);
        let tokens = bytes.div_ceil(TOKEN_BYTES);
        let mut text = shorten(&String::from_utf8_lossy(front), half, false).to_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("[... {tokens} tokens ({bytes} bytes, {lines} lines) left out here ...]\n"));
        text.push_str(shorten(&String::from_utf8_lossy(back), half, true));
        text
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// `front` without a line or a character that the cut has split, as long as that costs less than a quarter.
fn end_well(front: &[u8]) -> &[u8] {
    match front.iter().rposition(|byte| *byte == b'\n') {
        Some(newline) if newline >= front.len() / 4 * 3 => &front[..=newline],
        _ => match std::str::from_utf8(front) {
            Err(error) if error.error_len().is_none() => &front[..error.valid_up_to()],
            _ => front,
        },
    }
}

/// As [`end_well`], at the beginning of `back`.
fn begin_well(back: &[u8]) -> &[u8] {
    match back.iter().position(|byte| *byte == b'\n') {
        Some(newline) if newline <= back.len() / 4 => &back[newline + 1..],
        _ => {
            let continuation = back.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
            &back[continuation..]
        }
    }
}

/// At most `most` bytes of `text`, of its end if `end`. Replacing a byte makes three of it.
fn shorten(text: &str, most: usize, end: bool) -> &str {
    if text.len() <= most {
        return text;
    }
    if end { &text[text.ceil_char_boundary(text.len() - most)..] } else { &text[..text.floor_char_boundary(most)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_goes() {
        let lines: String = (0..100).map(|line| format!("line {line}\n")).collect();
        let table = [
            ("", 10, ""),
            ("short\n", 6, "short\n"),
            ("0123456789", 4, "01\n[... 2 tokens (6 bytes, 0 lines) left out here ...]\n89"),
            ("ééééé", 6, "é\n[... 2 tokens (6 bytes, 0 lines) left out here ...]\né"),
            (
                &lines,
                44,
                "line 0\nline 1\nline 2\n[... 189 tokens (753 bytes, 95 lines) left out here ...]\nline 98\nline 99\n",
            ),
        ];
        for (text, most, expected) in table {
            assert_eq!(cut(text.to_owned(), most), expected, "{text:?} to {most}");
        }
    }

    #[test]
    fn pieces_do_not_matter() {
        let text: Vec<u8> =
            (0..5000_u32).map(|index| if index % 37 == 0 { b'\n' } else { (index % 251) as u8 }).collect();
        for keep in [1, 2, 7, 64, 1000, 4999, 5000, 9000] {
            let mut whole = Capture::new(keep);
            whole.push(&text);
            for size in [1, 3, 17, 1024, 4096] {
                let mut pieces = Capture::new(keep);
                text.chunks(size).for_each(|piece| pieces.push(piece));
                for most in [keep, keep / 2] {
                    assert_eq!(pieces.text(most), whole.text(most), "keep {keep}, pieces of {size}");
                }
                assert!(pieces.head.len() + pieces.tail.len() <= keep + 1);
            }
        }
    }

    #[test]
    fn what_is_not_text_does_not_grow() {
        let binary = vec![0xff; 10_000];
        let mut capture = Capture::new(1000);
        capture.push(&binary);
        assert!(capture.text(1000).len() < 1100);
    }

    #[test]
    fn wishes_have_limits() {
        assert_eq!(model_bytes(None), 40_000);
        assert_eq!(model_bytes(Some(0)), 4);
        assert_eq!(model_bytes(Some(u64::MAX)), 200_000);
    }
}
