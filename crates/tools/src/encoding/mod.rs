//! Which characters and lines the bytes of a text file are: one answer for `read_file`, `apply_patch` and diffs.
//!
//! It must never lose a byte without saying so: what is not a character is counted and shown as U+FFFD.

mod detect;
mod kinds;

use std::borrow::Cow;

use encoding_rs::{EncoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

pub(crate) use detect::{Detector, Format};
use kinds::{Kind, kind};

/// How characters are written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    /// Only with a byte order mark.
    Utf16Le,
    /// Only with a byte order mark.
    Utf16Be,
    /// Any text that is not UTF-8: each byte is a character and each of these characters that byte (WHATWG Encoding
    /// Standard, which gives the five unused bytes the control characters of Latin-1).
    Windows1252,
}

impl Encoding {
    /// The byte order mark that files in it may begin with.
    pub(crate) fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf8 => b"\xef\xbb\xbf",
            Self::Utf16Le => b"\xff\xfe",
            Self::Utf16Be => b"\xfe\xff",
            Self::Windows1252 => b"",
        }
    }

    /// Bytes of the smallest character.
    pub(crate) fn unit(self) -> usize {
        if matches!(self, Self::Utf16Le | Self::Utf16Be) { 2 } else { 1 }
    }

    /// The encoding by its name in the library; `None` for UTF-8, which needs none.
    pub(crate) fn foreign(self) -> Option<&'static encoding_rs::Encoding> {
        match self {
            Self::Utf8 => None,
            Self::Utf16Le => Some(UTF_16LE),
            Self::Utf16Be => Some(UTF_16BE),
            Self::Windows1252 => Some(WINDOWS_1252),
        }
    }

    /// The text of `bytes`, which have no byte order mark; U+FFFD for what is none.
    pub(crate) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self.foreign() {
            None => String::from_utf8_lossy(bytes),
            Some(encoding) => encoding.decode_without_bom_handling(bytes).0,
        }
    }

    /// Appends `text` to `bytes`.
    ///
    /// # Errors
    /// The first character that the encoding does not have.
    pub(crate) fn encode(self, text: &str, bytes: &mut Vec<u8>) -> Result<(), char> {
        match self {
            Self::Utf8 => bytes.extend(text.as_bytes()),
            Self::Utf16Le => bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
            Self::Utf16Be => bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
            Self::Windows1252 => {
                let mut encoder = WINDOWS_1252.new_encoder();
                // One byte for each character, which has at least one itself.
                bytes.reserve(text.len());
                let (result, _) = encoder.encode_from_utf8_to_vec_without_replacement(text, bytes, true);
                if let EncoderResult::Unmappable(character) = result {
                    return Err(character);
                }
            }
        }
        Ok(())
    }

    /// What the model and the user call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "Windows-1252",
        }
    }
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Lf,
    CrLf,
    /// Only in files without any line feed.
    Cr,
}

impl Ending {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
            Self::Cr => "\r",
        }
    }
}

/// Where a NUL byte says that a file is no text, in bytes from its beginning.
const SNIFFED: usize = 8 << 10;

/// What the first bytes of a file tell of it, before its format is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beginning {
    /// What it is, should it be no text.
    pub(crate) kind: Option<Kind>,
    /// Whether it has a NUL byte, and is no text therefore. UTF-16 may have them, but only with a byte order mark.
    pub(crate) nul: bool,
}

impl Beginning {
    /// Of a file that begins with `head`: all of it, or at least 8 KiB.
    pub(crate) fn of(head: &[u8]) -> Self {
        let narrow = Detector::new(head).encoding().unit() == 1;
        Self { kind: kind(head), nul: narrow && head.iter().take(SNIFFED).any(|byte| *byte == 0) }
    }

    /// Whether the file is no text, to be read or patched; `format` is its format.
    pub(crate) fn is_binary(self, format: &Format) -> bool {
        self.nul || format.binary || !format.is_clean() && self.kind.is_some_and(|kind| kind.certain)
    }
}

/// The whole of a text file without its byte order mark; `None` if it is not text.
pub(crate) fn text(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let format = Format::of(bytes);
    (!Beginning::of(bytes).is_binary(&format)).then(|| format.encoding.decode(&bytes[format.mark().len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_8_bit_text_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        let text = Encoding::Windows1252.decode(&all).into_owned();
        assert_eq!(text.chars().count(), 256);
        let mut back = Vec::new();
        assert_eq!(Encoding::Windows1252.encode(&text, &mut back), Ok(()));
        assert_eq!(back, all);
    }

    #[test]
    fn characters_and_bytes() {
        type Row = (Encoding, &'static str, Result<&'static [u8], char>);
        let table: &[Row] = &[
            (Encoding::Utf8, "aé€𝄞", Ok("aé€𝄞".as_bytes())),
            (Encoding::Utf16Le, "a€𝄞", Ok(b"a\0\xac\x20\x34\xd8\x1e\xdd")),
            (Encoding::Utf16Be, "a€𝄞", Ok(b"\0a\x20\xac\xd8\x34\xdd\x1e")),
            (Encoding::Windows1252, "aé€", Ok(b"a\xe9\x80")),
            (Encoding::Windows1252, "a→b", Err('→')),
        ];
        for (encoding, text, expected) in table {
            let mut bytes = Vec::new();
            let encoded = encoding.encode(text, &mut bytes).map(|()| bytes.as_slice());
            assert_eq!(encoded, *expected, "{text} in {}", encoding.name());
            if expected.is_ok() {
                assert_eq!(encoding.decode(&bytes), *text);
            }
        }
        assert_eq!(Encoding::Utf16Le.decode(b"a\0\x34\xd8b\0"), "a\u{fffd}b", "half of a pair");
    }
}
