//! What a file that is not text is, by its first bytes.
//!
//! It must never be asked about text: some of these beginnings are text as well.

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Whether it is a picture that models can look at.
    pub(crate) picture: bool,
    /// Whether no text begins so.
    pub(crate) certain: bool,
}

/// Name, whether models see it, where the bytes are, and the bytes. The more special first.
const KINDS: &[(&str, bool, usize, &[u8])] = &[
    ("PNG image", true, 0, b"\x89PNG\r\n\x1a\n"),
    ("JPEG image", true, 0, b"\xff\xd8\xff"),
    ("GIF image", true, 0, b"GIF8"),
    ("WebP image", true, 8, b"WEBP"),
    ("BMP image", false, 0, b"BM"),
    ("TIFF image", false, 0, b"II*\0"),
    ("TIFF image", false, 0, b"MM\0*"),
    ("icon", false, 0, b"\0\0\x01\0"),
    ("PDF document", false, 0, b"%PDF-"),
    ("ELF program or library", false, 0, b"\x7fELF"),
    ("Mach-O program or library", false, 0, b"\xcf\xfa\xed\xfe"),
    ("Mach-O program or library", false, 0, b"\xce\xfa\xed\xfe"),
    ("Java class, or Mach-O for several machines", false, 0, b"\xca\xfe\xba\xbe"),
    ("Windows program or library", false, 0, b"MZ"),
    ("WebAssembly module", false, 0, b"\0asm"),
    ("ar archive or static library", false, 0, b"!<arch>\n"),
    ("zip archive, or a document or package in one", false, 0, b"PK\x03\x04"),
    ("empty zip archive", false, 0, b"PK\x05\x06"),
    ("gzip-compressed data", false, 0, b"\x1f\x8b"),
    ("bzip2-compressed data", false, 0, b"BZh"),
    ("xz-compressed data", false, 0, b"\xfd7zXZ\0"),
    ("zstd-compressed data", false, 0, b"\x28\xb5\x2f\xfd"),
    ("7z archive", false, 0, b"7z\xbc\xaf\x27\x1c"),
    ("RAR archive", false, 0, b"Rar!\x1a\x07"),
    ("tar archive", false, 257, b"ustar"),
    ("SQLite database", false, 0, b"SQLite format 3\0"),
    ("git index", false, 0, b"DIRC"),
    ("git pack", false, 0, b"PACK"),
    ("WOFF font", false, 0, b"wOFF"),
    ("WOFF2 font", false, 0, b"wOF2"),
    ("OpenType font", false, 0, b"OTTO"),
    ("TrueType font", false, 0, b"\0\x01\0\0\0"),
    ("MP3 audio", false, 0, b"ID3"),
    ("FLAC audio", false, 0, b"fLaC"),
    ("Ogg audio or video", false, 0, b"OggS"),
    ("WAVE audio", false, 8, b"WAVE"),
    ("MP4 audio or video", false, 4, b"ftyp"),
    ("Matroska or WebM video", false, 0, b"\x1a\x45\xdf\xa3"),
    ("UTF-32 text", false, 0, b"\xff\xfe\0\0"),
    ("UTF-32 text", false, 0, b"\0\0\xfe\xff"),
];

/// The kind of a binary file that begins with `head`, if it is a known one.
pub(crate) fn kind(head: &[u8]) -> Option<Kind> {
    let matches = |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(bytes));
    let found = KINDS.iter().find(|(_, _, at, bytes)| matches(*at, bytes))?;
    let certain = found.3.iter().any(|byte| !byte.is_ascii_graphic() && !matches!(byte, b' ' | b'\n'));
    Some(Kind { name: found.0, picture: found.1, certain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_tell() {
        for (name, picture, at, bytes) in KINDS {
            let head = [vec![b'x'; *at], bytes.to_vec(), vec![0]].concat();
            let found = kind(&head).unwrap();
            assert_eq!((found.name, found.picture), (*name, *picture));
            assert_eq!(kind(&head[..at + bytes.len() - 1]), None, "{name}, cut short");
        }
        assert_eq!(kind(b""), None);
        for (head, certain) in
            [(&b"\xff\xd8\xff\xe0"[..], true), (b"BM", false), (b"%PDF-1.7", false), (b"PK\x03\x04", true)]
        {
            assert_eq!(kind(head).map(|kind| kind.certain), Some(certain), "{head:?}");
        }
    }
}
