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
pub fn cut(text: String, most: usize) -> String {
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

    /// The output as text, at most about `most` bytes of it; bytes that are not UTF-8 are replaced, and then measured.
    pub(crate) fn text(&self, most: usize) -> String {
        let (first, second) = self.tail.as_slices();
        let tail = [first, second].concat();
        if self.bytes > (self.head.len() + tail.len()) as u64 {
            return self.ends(&self.head, &tail, most);
        }
        let joined = [self.head.as_slice(), &tail].concat();
        let text = String::from_utf8_lossy(&joined);
        if text.len() <= most {
            return text.into_owned();
        }
        // What was kept is larger than what is asked for; then the ends of the joined bytes are wanted.
        let front = end_well(&joined, most / 2).len();
        self.ends(&joined[..front], &joined[front..], most)
    }

    /// The beginning of `head` and the end of `tail`, at most half of `most` each, and between them what is left out.
    fn ends(&self, head: &[u8], tail: &[u8], most: usize) -> String {
        let (front, back) = (end_well(head, most / 2), begin_well(tail, most / 2));
        let bytes = self.bytes - (front.len() + back.len()) as u64;
        let lines = self.newlines - newlines(front) - newlines(back);
        let tokens = bytes.div_ceil(TOKEN_BYTES);
        let mut text = String::from_utf8_lossy(front).into_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("[... {tokens} tokens ({bytes} bytes, {lines} lines) left out here ...]\n"));
        text.push_str(&String::from_utf8_lossy(back));
        text
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// `bytes` without a character that their end has split.
pub(crate) fn whole_characters(bytes: &[u8]) -> &[u8] {
    let split = bytes.utf8_chunks().last().map_or(&[][..], |last| last.invalid());
    let unfinished = std::str::from_utf8(split).is_err_and(|error| error.error_len().is_none());
    if unfinished { &bytes[..bytes.len() - split.len()] } else { bytes }
}

/// The pieces of `bytes` that become one character each: how many bytes they have, and the character.
fn characters(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let bad = chunk.invalid().len();
        let replaced = (bad > 0).then_some((bad, char::REPLACEMENT_CHARACTER.len_utf8()));
        chunk.valid().chars().map(|character| (character.len_utf8(), character.len_utf8())).chain(replaced)
    })
}

/// How many of `pieces` come to at most `most` bytes of text, in bytes.
fn fitting(pieces: impl Iterator<Item = (usize, usize)>, most: usize) -> usize {
    let mut room = most;
    let fits = |&(_, text): &(usize, usize)| {
        let left = room.checked_sub(text);
        room = left.unwrap_or(room);
        left.is_some()
    };
    pieces.take_while(fits).map(|(bytes, _)| bytes).sum()
}

/// The beginning of `head` that comes to at most `most` bytes of text, without a line or a character that the cut has
/// split, as long as that costs less than a quarter.
fn end_well(head: &[u8], most: usize) -> &[u8] {
    let head = whole_characters(&head[..head.len().min(most)]);
    let front = &head[..fitting(characters(head), most)];
    match front.iter().rposition(|byte| *byte == b'\n') {
        Some(newline) if newline >= front.len() / 4 * 3 => &front[..=newline],
        _ => front,
    }
}

/// As [`end_well`], the end of `tail`.
fn begin_well(tail: &[u8], most: usize) -> &[u8] {
    let tail = &tail[tail.len().saturating_sub(most)..];
    let split = tail.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    let tail = &tail[split..];
    let mut pieces: Vec<(usize, usize)> = characters(tail).collect();
    pieces.reverse();
    let back = &tail[tail.len() - fitting(pieces.into_iter(), most)..];
    match back.iter().position(|byte| *byte == b'\n') {
        Some(newline) if newline <= back.len() / 4 => &back[newline + 1..],
        _ => back,
    }
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

    /// The numbers of bytes and lines that a text says were left out.
    fn left_out(text: &str) -> (usize, usize) {
        let (_, counts) = text.split_once(" tokens (").unwrap();
        let (bytes, rest) = counts.split_once(" bytes, ").unwrap();
        (bytes.parse().unwrap(), rest.split_once(" lines)").unwrap().0.parse().unwrap())
    }

    #[test]
    fn what_is_not_text_does_not_grow_and_is_counted() {
        let mixed: Vec<u8> =
            (0..4000_u32).flat_map(|index| [b'a', if index % 9 == 0 { b'\n' } else { 0xff }]).collect();
        let split: Vec<u8> = "é€𝄞".bytes().cycle().take(5000).collect();
        for bytes in [vec![0xff; 10_000], vec![0xff; 900], mixed, split] {
            for most in [0, 1, 7, 400, 1000, 1001] {
                for keep in [most, 20_000] {
                    let mut capture = Capture::new(keep);
                    capture.push(&bytes);
                    let text = capture.text(most);
                    assert!(text.len() <= most + 80, "{} of {most}", text.len());
                    let (note, rest) = text.split_once("[...").unwrap();
                    let (_, rest) = rest.split_once("...]\n").unwrap();
                    let shown = [note, rest].concat();
                    let kept = |byte: char| shown.chars().filter(|shown| *shown == byte).count();
                    let (left, lines) = left_out(&text);
                    // Every character stands for its bytes, a replaced one for the one byte that it was.
                    let stands: usize =
                        shown.chars().map(|c| if c == char::REPLACEMENT_CHARACTER { 1 } else { c.len_utf8() }).sum();
                    // The note begins a line of its own, and so may have added one newline.
                    assert!(left + stands - bytes.len() <= 1, "{left} and {stands} of {}", bytes.len());
                    let all = newlines(&bytes) as usize;
                    assert!(lines + kept('\n') - all <= 1, "{lines} of {all}");
                }
            }
        }
        let mut capture = Capture::new(100);
        capture.push(&[0xff; 20]);
        assert_eq!(capture.text(60), "\u{fffd}".repeat(20));
        assert_eq!(left_out(&capture.text(59)), (20 - 2 * 9, 0));
    }

    #[test]
    fn characters_are_not_split() {
        let table: &[(&[u8], &[u8])] = &[
            (b"", b""),
            (b"a", b"a"),
            ("aé".as_bytes(), "aé".as_bytes()),
            (b"a\xc3", b"a"),
            (b"\xffa\xe2\x82", b"\xffa"),
            (b"a\xff", b"a\xff"),
        ];
        for (bytes, expected) in table {
            assert_eq!(whole_characters(bytes), *expected);
        }
    }

    #[test]
    fn wishes_have_limits() {
        assert_eq!(model_bytes(None), 40_000);
        assert_eq!(model_bytes(Some(0)), 4);
        assert_eq!(model_bytes(Some(u64::MAX)), 200_000);
    }
}
