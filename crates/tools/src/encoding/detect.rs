//! Finds out the encoding and the line endings of a file, a piece at a time.
//!
//! It must never hold the file, and must say the same whatever the pieces are.

use std::borrow::Cow;

use encoding_rs::{Decoder, DecoderResult};
use memchr::{memchr, memchr2_iter};

use super::{Encoding, Ending};
use crate::output;

/// Of so many bytes that are not UTF-8 one may be a control character: binary data has more, text next to none.
const CONTROLS: u64 = 50;

/// Of so many bytes of decoded UTF-16 one may be no character, and one in any case.
const FLAWS: u64 = 8;

/// What is known of a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) encoding: Encoding,
    /// Whether it begins with the byte order mark of its encoding.
    pub(crate) marked: bool,
    /// Whether it is no text at all.
    pub(crate) binary: bool,
    /// Whether it holds a NUL byte, or character.
    pub(crate) nul: bool,
    /// Places that are no character in its encoding.
    pub(crate) flaws: u64,
    /// Lines that end in a line feed alone.
    pub(crate) lf: u64,
    /// Lines that end in carriage return and line feed.
    pub(crate) crlf: u64,
    /// Carriage returns without a line feed.
    pub(crate) cr: u64,
}

impl Format {
    /// The format of a whole file.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut detector = Detector::new(bytes);
        detector.push(&bytes[detector.mark().len()..]);
        detector.finish(true)
    }

    /// The byte order mark that the file has.
    pub(crate) fn mark(&self) -> &'static [u8] {
        if self.marked { self.encoding.mark() } else { b"" }
    }

    /// Whether all of it is characters of UTF-8 or UTF-16.
    pub(crate) fn is_clean(&self) -> bool {
        self.flaws == 0 && self.encoding != Encoding::Windows1252
    }

    /// The ending of most lines; of a file without any, a line feed. Only where there is no line feed at all do
    /// carriage returns end lines.
    pub(crate) fn ending(&self) -> Ending {
        match (self.lf, self.crlf, self.cr) {
            (0, 0, 1..) => Ending::Cr,
            (lf, crlf, _) if crlf > lf => Ending::CrLf,
            _ => Ending::Lf,
        }
    }

    /// What is to be known for changing the file, unless it is plain UTF-8 with line feeds.
    pub(crate) fn note(&self) -> Option<String> {
        let mut parts: Vec<Cow<'_, str>> = Vec::new();
        match (self.encoding, self.marked) {
            (Encoding::Utf8, false) => {}
            (Encoding::Utf8, true) => parts.push("UTF-8 with byte order mark".into()),
            (Encoding::Windows1252, _) => parts.push("8-bit text, shown and patched as Windows-1252".into()),
            (encoding, _) => parts.push(format!("{} text", encoding.name()).into()),
        }
        match (self.lf, self.crlf, self.cr) {
            (_, 0, 0) => {}
            (0, _, 0) => parts.push("CRLF line endings".into()),
            (0, 0, _) => parts.push("CR line endings".into()),
            (lf, crlf, cr) => {
                if lf > 0 && crlf > 0 {
                    parts.push(format!("mixed line endings, {crlf} CRLF and {lf} LF").into());
                } else if crlf > 0 {
                    parts.push("CRLF line endings".into());
                }
                if cr > 0 {
                    parts.push(format!("{cr} CR inside lines").into());
                }
            }
        }
        let kept = if parts.is_empty() { "" } else { " (apply_patch keeps this)" };
        let mut note = format!("{}{kept}", parts.join("; "));
        if self.flaws > 0 {
            let join = if note.is_empty() { "" } else { "; " };
            let (flaws, name) = (self.flaws, self.encoding.name());
            let are = if flaws == 1 { "place is" } else { "places are" };
            note.push_str(&format!(
                "{join}{flaws} {are} not {name}, shown as \u{fffd}: apply_patch keeps them in unchanged lines"
            ));
        }
        (!note.is_empty()).then_some(note)
    }
}

/// Finds the format of a file whose pieces it is given.
pub(crate) struct Detector {
    format: Format,
    /// For UTF-16.
    decoder: Option<Decoder>,
    /// The beginning of a character that the last piece has split.
    split: Vec<u8>,
    /// Whether the last piece ended with a carriage return.
    after_cr: bool,
    /// UTF-8 bytes that go on a character.
    continuations: u64,
    /// Bytes from the first that is not UTF-8 on, and the control characters among them.
    measured: u64,
    controls: u64,
    /// Characters of UTF-16, in bytes of UTF-8.
    decoded: u64,
}

impl Detector {
    /// For a file that begins with `head`: all of it, or at least four bytes.
    pub(crate) fn new(head: &[u8]) -> Self {
        let marks = [Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be];
        // The mark of little-endian UTF-32 begins like that of UTF-16.
        let marked = marks.into_iter().find(|encoding| head.starts_with(encoding.mark()));
        let marked = marked.filter(|_| !head.starts_with(b"\xff\xfe\0\0"));
        let encoding = marked.unwrap_or(Encoding::Utf8);
        let format =
            Format { encoding, marked: marked.is_some(), binary: false, nul: false, flaws: 0, lf: 0, crlf: 0, cr: 0 };
        Self {
            format,
            decoder: encoding.foreign().map(encoding_rs::Encoding::new_decoder_without_bom_handling),
            split: Vec::new(),
            after_cr: false,
            continuations: 0,
            measured: 0,
            controls: 0,
            decoded: 0,
        }
    }

    /// The byte order mark, which is no part of what is pushed.
    pub(crate) fn mark(&self) -> &'static [u8] {
        self.format.mark()
    }

    /// The encoding, as far as the beginning tells: it may still turn out to be 8-bit text.
    pub(crate) fn encoding(&self) -> Encoding {
        self.format.encoding
    }

    /// Takes the next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        match self.decoder.take() {
            Some(mut decoder) => {
                self.wide(&mut decoder, piece, false);
                self.decoder = Some(decoder);
            }
            None => {
                self.lines(piece);
                self.narrow(piece);
            }
        }
    }

    /// What came of it; `whole` says that the last piece was the last of the file.
    pub(crate) fn finish(mut self, whole: bool) -> Format {
        if let Some(mut decoder) = self.decoder.take()
            && whole
        {
            self.wide(&mut decoder, b"", true);
        }
        self.format.flaws += u64::from(whole && !self.split.is_empty());
        self.format.cr += u64::from(self.after_cr);
        let mut format = self.format;
        if format.encoding.unit() == 2 {
            format.binary = format.flaws > 1 + self.decoded / FLAWS;
        } else if format.flaws > 0 && !format.marked {
            format.binary = format.nul || self.controls * CONTROLS > self.measured;
            // Text in UTF-8 with some bytes lost has more whole characters than others; 8-bit text has next to none.
            if self.continuations < format.flaws {
                format.encoding = Encoding::Windows1252;
                format.flaws = 0;
            }
        }
        format
    }

    fn wide(&mut self, decoder: &mut Decoder, mut piece: &[u8], last: bool) {
        loop {
            let mut text = String::new();
            text.reserve(decoder.max_utf8_buffer_length_without_replacement(piece.len()).unwrap_or(piece.len() * 3));
            let (result, read) = decoder.decode_to_string_without_replacement(piece, &mut text, last);
            self.decoded += text.len() as u64;
            self.lines(text.as_bytes());
            piece = &piece[read..];
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.format.flaws += 1,
            }
        }
    }

    fn narrow(&mut self, piece: &[u8]) {
        let joined: Cow<'_, [u8]> =
            if self.split.is_empty() { piece.into() } else { [&self.split, piece].concat().into() };
        // A split character has three bytes at most.
        let end = &joined[joined.len().saturating_sub(3)..];
        let split = end.len() - output::whole_characters(end).len();
        let (whole, split) = joined.split_at(joined.len() - split);
        let mut at = 0;
        let mut measured = if self.format.flaws > 0 { whole } else { b"" };
        for chunk in whole.utf8_chunks() {
            let valid = chunk.valid();
            self.continuations += (valid.len() - valid.chars().count()) as u64;
            at += valid.len();
            if !chunk.invalid().is_empty() {
                if self.format.flaws == 0 {
                    measured = &whole[at..];
                }
                self.format.flaws += 1;
            }
            at += chunk.invalid().len();
        }
        self.measured += measured.len() as u64;
        self.controls += measured.iter().filter(|byte| is_control(**byte)).count() as u64;
        self.split = split.to_vec();
    }

    /// Counts the line endings of the next piece of UTF-8 or 8-bit text.
    fn lines(&mut self, piece: &[u8]) {
        let Some((first, _)) = piece.split_first() else { return };
        let after_cr = std::mem::replace(&mut self.after_cr, piece.ends_with(b"\r"));
        self.format.nul |= memchr(0, piece).is_some();
        self.format.cr += u64::from(after_cr && *first != b'\n');
        for at in memchr2_iter(b'\n', b'\r', piece) {
            let cr_before = at.checked_sub(1).map_or(after_cr, |before| piece[before] == b'\r');
            match (piece[at], piece.get(at + 1)) {
                (b'\n', _) if cr_before => self.format.crlf += 1,
                (b'\n', _) => self.format.lf += 1,
                (_, None | Some(b'\n')) => {}
                _ => self.format.cr += 1,
            }
        }
    }
}

/// Control characters that text does not have: all but tab, the line endings, backspace, form feed and escape.
fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=7 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The format of a file that is pushed in pieces of `size` bytes.
    fn in_pieces(bytes: &[u8], size: usize) -> Format {
        let mut detector = Detector::new(bytes);
        bytes[detector.mark().len()..].chunks(size).for_each(|piece| detector.push(piece));
        detector.finish(true)
    }

    #[test]
    fn files_have_formats() {
        let table: &[(&str, &[u8], &str)] = &[
            ("nothing", b"", "UTF-8"),
            ("plain", b"a\nb\n", "UTF-8"),
            ("UTF-8", "é€𝄞\n".as_bytes(), "UTF-8"),
            ("CRLF", b"a\r\nb\r\n", "UTF-8 | CRLF line endings (apply_patch keeps this)"),
            ("CR", b"a\rb\r", "UTF-8 | CR line endings (apply_patch keeps this)"),
            ("mixed", b"a\r\nb\nc\n", "UTF-8 | mixed line endings, 1 CRLF and 2 LF (apply_patch keeps this)"),
            ("CR within", b"a\rb\n\r", "UTF-8 | 2 CR inside lines (apply_patch keeps this)"),
            ("CR within CRLF", b"a\r\r\n", "UTF-8 | CRLF line endings; 1 CR inside lines (apply_patch keeps this)"),
            ("BOM", b"\xef\xbb\xbfa\n", "UTF-8 | UTF-8 with byte order mark (apply_patch keeps this)"),
            ("UTF-16", b"\xff\xfea\0\r\0\n\0", "UTF-16LE | UTF-16LE text; CRLF line endings (apply_patch keeps this)"),
            ("UTF-16 BE", b"\xfe\xff\0a", "UTF-16BE | UTF-16BE text (apply_patch keeps this)"),
            (
                "half",
                b"\xff\xfea\0b",
                "UTF-16LE | UTF-16LE text (apply_patch keeps this); 1 place is not UTF-16LE, shown as \u{fffd}: \
                 apply_patch keeps them in unchanged lines",
            ),
            ("halves", b"\xff\xfe\0\xd8\0\xd8a\0", "UTF-16LE binary"),
            (
                "Latin-1",
                b"caf\xe9\n",
                "Windows-1252 | 8-bit text, shown and patched as Windows-1252 (apply_patch keeps this)",
            ),
            (
                "bytes lost",
                "grün, süß\n\u{e9}".as_bytes().split_last().unwrap().1,
                "UTF-8 | 1 place is not UTF-8, shown as \u{fffd}: apply_patch keeps them in unchanged lines",
            ),
            ("NUL", b"a\0b\n", "UTF-8 NUL"),
            ("binary", b"a\0\xff\n", "Windows-1252 NUL binary"),
            ("noise", b"\x80\x01\x02\x81\x90\x11", "Windows-1252 binary"),
            ("UTF-32", b"\xff\xfe\0\0a\0\0\0", "Windows-1252 NUL binary"),
        ];
        for (name, bytes, expected) in table {
            let format = Format::of(bytes);
            let mut told = format.encoding.name().to_owned();
            told.push_str(if format.nul { " NUL" } else { "" });
            match format.note() {
                _ if format.binary => told.push_str(" binary"),
                Some(note) if !format.nul => told.push_str(&format!(" | {note}")),
                _ => {}
            }
            assert_eq!(told, *expected, "{name}");
            for size in 1..bytes.len() {
                assert_eq!(in_pieces(bytes, size), format, "{name} in pieces of {size}");
            }
        }
    }

    #[test]
    fn whether_a_file_is_binary_does_not_depend_on_its_pieces() {
        let (noise, plain) = (&b"\x01\x02\x03\x04"[..], &b"much plain text, and after it more of it\n"[..]);
        let table: &[(&str, &[&[u8]], bool)] = &[
            ("noise before the flaw", &[noise, plain, b"caf\xe9 ", plain], false),
            ("noise after the flaw", &[plain, b"caf\xe9 ", plain, noise], true),
            ("noise around the flaw", &[plain, plain, noise, b"\xe9", noise, plain, plain], true),
            ("a flaw that begins like a character", &[noise, plain, b"caf\xe2\x82 ", plain, b"\xe2\x82"], false),
            ("no flaw", &[noise, plain], false),
        ];
        for (name, parts, binary) in table {
            let bytes = parts.concat();
            let whole = Format::of(&bytes);
            assert_eq!(whole.binary, *binary, "{name}");
            for size in 1..bytes.len() {
                assert_eq!(in_pieces(&bytes, size), whole, "{name} in pieces of {size}");
            }
        }
    }

    #[test]
    fn an_unfinished_file_may_end_within_a_character() {
        let mut detector = Detector::new(b"abcd");
        detector.push(b"abcd\xe2\x82");
        assert_eq!(detector.finish(false).flaws, 0);
    }

    #[test]
    fn the_ending_of_added_lines() {
        let table: &[(&[u8], Ending)] = &[
            (b"", Ending::Lf),
            (b"a", Ending::Lf),
            (b"a\r\n", Ending::CrLf),
            (b"a\rb", Ending::Cr),
            (b"a\rb\n", Ending::Lf),
            (b"a\r\nb\n", Ending::Lf),
            (b"a\r\nb\r\nc\n", Ending::CrLf),
        ];
        for (bytes, expected) in table {
            assert_eq!(Format::of(bytes).ending(), *expected, "{bytes:?}");
        }
    }
}
