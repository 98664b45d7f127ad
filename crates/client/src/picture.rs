//! Pictures of this machine for a server that is on another one.

use std::{fs::File, io::Read, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use codex_protocol::UserInput;

use crate::remote::LARGEST;

/// Most bytes of all pictures that are sent at once: as base64, with a text beside them, they are one message.
const MOST: u64 = LARGEST as u64 / 2;

/// The pictures in these files, as they are sent.
///
/// # Errors
/// A sentence: one cannot be read, or they are too large together.
pub fn pictures(paths: &[String]) -> Result<Vec<UserInput>, String> {
    let mut left = MOST;
    let mut pictures = Vec::new();
    for path in paths {
        let mut content = Vec::new();
        let read = File::open(path).and_then(|file| file.take(left + 1).read_to_end(&mut content));
        read.map_err(|error| format!("the picture `{path}`: {error}"))?;
        left = left.checked_sub(content.len() as u64).ok_or_else(|| {
            format!("the picture `{path}`: at most {} MiB of pictures are sent to another machine at once", MOST >> 20)
        })?;
        // What it is, the server sees by its bytes.
        let url = format!("data:image/png;base64,{}", STANDARD.encode(content));
        let name = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
        pictures.push(UserInput::Image { url, name });
    }
    Ok(pictures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_at_once_has_a_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        std::fs::write(path("a.gif"), b"GIF89a").unwrap();
        let sent = pictures(&[path("a.gif")]).unwrap();
        assert_eq!(
            sent,
            [UserInput::Image { url: "data:image/png;base64,R0lGODlh".into(), name: Some("a.gif".into()) }]
        );
        File::create(path("large")).unwrap().set_len(MOST - 6).unwrap();
        assert_eq!(pictures(&[path("a.gif"), path("large")]).unwrap().len(), 2);
        let error = pictures(&[path("a.gif"), path("large"), path("a.gif")]).unwrap_err();
        assert!(error.contains("16 MiB"), "{error}");
        assert!(pictures(&[path("none")]).unwrap_err().contains("No such file"));
    }
}
