//! Pictures as models take them: the file's own bytes, of the few formats that all vendors read.
//!
//! It must never decode one: what a picture shows is the model's business, and decoders are where attacks are found.

use std::{io::Read, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::open_to_read;

/// Largest picture, in bytes. Each request sends all pictures of the conversation again.
const LARGEST_PICTURE: u64 = 20 << 20;

/// How files of each format begin (file signatures), and their media type (IANA). `..` stands for the size in WebP.
const FORMATS: &[(&[u8], &[u8], &str)] = &[
    (b"\x89PNG\r\n\x1a\n", b"", "image/png"),
    (b"\xff\xd8\xff", b"", "image/jpeg"),
    (b"GIF87a", b"", "image/gif"),
    (b"GIF89a", b"", "image/gif"),
    (b"RIFF", b"WEBP", "image/webp"),
];

/// Where the second part of a signature is, in bytes from the beginning (RIFF container: after its size).
const SECOND_PART: usize = 8;

/// A picture, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Media type, such as `image/png`.
    pub media_type: &'static str,
    /// The file's bytes in base64 (RFC 4648 section 4).
    pub data: String,
    /// Size of the file, in bytes.
    pub bytes: u64,
}

/// Reads the picture `path`, a path without symbolic links as [`crate::View::real_path`] gives it.
///
/// # Errors
/// A sentence: what the kernel says, or that it is no picture of a known format, or too large.
pub fn read_picture(path: &Path) -> Result<Picture, String> {
    let file = open_to_read(path).map_err(|error| error.to_string())?;
    let mut content = Vec::new();
    file.take(LARGEST_PICTURE + 1).read_to_end(&mut content).map_err(|error| error.to_string())?;
    picture(content)
}

/// The picture in `url`, a `data:` URL with its bytes in base64 (RFC 2397). What type it says counts for nothing.
///
/// # Errors
/// A sentence: that it is no such URL, no picture of a known format, or too large.
pub fn picture_in_url(url: &str) -> Result<Picture, String> {
    let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")).map(|(_, data)| data);
    let Some(data) = data else {
        return Err("a picture comes as `data:image/png;base64,…`; other addresses are not looked at".into());
    };
    // Four letters for three bytes.
    if data.len() as u64 / 4 * 3 > LARGEST_PICTURE + 3 {
        return Err(too_large());
    }
    picture(STANDARD.decode(data).map_err(|error| format!("its bytes are not base64: {error}"))?)
}

fn too_large() -> String {
    format!("it has more than {} MiB; a command may make it smaller", LARGEST_PICTURE >> 20)
}

fn picture(content: Vec<u8>) -> Result<Picture, String> {
    let Some(media_type) = media_type(&content) else {
        return Err("it is not a PNG, JPEG, GIF or WebP picture; a command may convert it".into());
    };
    let bytes = content.len() as u64;
    if bytes > LARGEST_PICTURE {
        return Err(too_large());
    }
    Ok(Picture { media_type, data: STANDARD.encode(content), bytes })
}

fn media_type(content: &[u8]) -> Option<&'static str> {
    let second = content.get(SECOND_PART..).unwrap_or_default();
    let found = FORMATS.iter().find(|(first, then, _)| content.starts_with(first) && second.starts_with(then));
    found.map(|(_, _, media_type)| *media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_by_its_bytes_not_by_its_name() {
        let table: [(&[u8], Result<&str, &str>); 8] = [
            (b"\x89PNG\r\n\x1a\nrest", Ok("image/png")),
            (b"\xff\xd8\xff\xe0", Ok("image/jpeg")),
            (b"GIF89a", Ok("image/gif")),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Ok("image/webp")),
            (b"RIFF\x01\x02\x03\x04WAVEfmt ", Err("it is not a PNG")),
            (b"RIFF", Err("it is not a PNG")),
            (b"<svg/>", Err("it is not a PNG")),
            (b"", Err("it is not a PNG")),
        ];
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("picture.bmp");
        for (content, expected) in table {
            std::fs::write(&path, content).unwrap();
            match (read_picture(&path), expected) {
                (Ok(picture), Ok(media_type)) => {
                    assert_eq!(picture.media_type, media_type);
                    assert_eq!(STANDARD.decode(picture.data).unwrap(), content);
                    assert_eq!(picture.bytes, content.len() as u64);
                }
                (Err(sentence), Err(start)) => assert!(sentence.starts_with(start), "{sentence}"),
                (other, _) => panic!("{content:?}: {other:?}"),
            }
        }
        assert!(read_picture(&directory.path().join("none")).unwrap_err().contains("No such file"));
    }

    #[test]
    fn a_picture_comes_in_a_url_with_its_bytes() {
        let picture = picture_in_url("data:image/png;base64,R0lGODlh").unwrap();
        assert_eq!((picture.media_type, picture.data.as_str(), picture.bytes), ("image/gif", "R0lGODlh", 6));
        let large = format!("data:image/gif;base64,{}", "A".repeat((LARGEST_PICTURE as usize + 9) / 3 * 4));
        for (url, words) in [
            ("https://example.com/a.png", "other addresses are not looked at"),
            ("file:///etc/passwd", "other addresses are not looked at"),
            ("data:image/png,GIF89a", "other addresses are not looked at"),
            ("data:image/png;base64,", "it is not a PNG"),
            ("data:image/png;base64,AAAA", "it is not a PNG"),
            ("data:image/png;base64,?", "not base64"),
            (&large, "more than 20 MiB"),
        ] {
            let error = picture_in_url(url).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_picture_may_be_as_large_as_it_says_and_no_larger() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("large");
        std::fs::write(&path, b"GIF89a").unwrap();
        for (size, fits) in [(LARGEST_PICTURE, true), (LARGEST_PICTURE + 1, false)] {
            std::fs::File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
            assert_eq!(read_picture(&path).is_ok(), fits);
        }
    }
}
