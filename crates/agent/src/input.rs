//! What the user says, put into the conversation's words.

use std::path::Path;

use codex_history::Content;
use codex_protocol::UserInput;
use codex_workspace::{picture_in_url, read_picture};

use crate::ThreadError;

/// The content of the user's message: each text as it is, each picture after its name. Reads files, so it runs on the
/// blocking pool. Relative paths are below `directory`.
///
/// # Errors
/// When nothing was said, or a picture cannot be read.
pub(crate) fn content(input: &[UserInput], directory: &Path) -> Result<Vec<Content>, ThreadError> {
    let is_empty = |input: &UserInput| matches!(input, UserInput::Text { text } if text.trim().is_empty());
    if input.iter().all(is_empty) {
        return Err(ThreadError::EmptyInput);
    }
    let mut content = Vec::new();
    for piece in input {
        match piece {
            UserInput::Text { text } => content.push(Content::Text { text: text.clone() }),
            UserInput::LocalImage { path } => {
                let unreadable = |sentence: String| ThreadError::Picture { path: path.into(), sentence };
                // The user names the file, so links are followed wherever they lead.
                let real = directory.join(path).canonicalize().map_err(|error| unreadable(error.to_string()))?;
                let picture = read_picture(&real).map_err(unreadable)?;
                content.push(Content::Text { text: format!("Picture `{path}`:") });
                content.push(Content::Image { media_type: picture.media_type.to_owned(), data: picture.data });
            }
            UserInput::Image { url, name } => {
                let name = name.as_deref().unwrap_or("a picture");
                let unreadable = |sentence| ThreadError::Picture { path: name.into(), sentence };
                let picture = picture_in_url(url).map_err(unreadable)?;
                content.push(Content::Text { text: format!("Picture `{name}`:") });
                content.push(Content::Image { media_type: picture.media_type.to_owned(), data: picture.data });
            }
        }
    }
    Ok(content)
}

/// What is told of what the user said: the bytes of pictures are in the conversation, once.
pub(crate) fn told(input: UserInput) -> UserInput {
    match input {
        UserInput::Image { url, name } => {
            let head = url.split_inclusive(',').next().unwrap_or_default().to_owned();
            UserInput::Image { url: head, name }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_after_their_name() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.gif"), b"GIF89a").unwrap();
        std::fs::write(directory.path().join("b.txt"), b"text").unwrap();
        let image = |path: &str| UserInput::LocalImage { path: path.into() };
        let text = |text: &str| UserInput::Text { text: text.into() };
        let told = |text: &str| Content::Text { text: text.into() };
        let picture = Content::Image { media_type: "image/gif".into(), data: "R0lGODlh".into() };
        let content = |input: &[UserInput]| content(input, directory.path());
        let said = content(&[text("look"), image("a.gif")]).unwrap();
        assert_eq!(said, [told("look"), told("Picture `a.gif`:"), picture.clone()]);
        let sent = |url: &str| UserInput::Image { url: url.into(), name: Some("b.gif".into()) };
        let said = content(&[sent("data:image/gif;base64,R0lGODlh")]).unwrap();
        assert_eq!(said, [told("Picture `b.gif`:"), picture]);
        assert_eq!(super::told(sent("data:image/gif;base64,R0lGODlh")), sent("data:image/gif;base64,"));
        let error = content(&[sent("http://127.0.0.1/a.gif")]).unwrap_err().to_string();
        assert!(error.contains("`b.gif`: a picture comes as `data:"), "{error}");
        assert!(matches!(content(&[text(" "), text("")]), Err(ThreadError::EmptyInput)));
        assert!(matches!(content(&[]), Err(ThreadError::EmptyInput)));
        for (path, expected) in [("b.txt", "`b.txt`: it is not a PNG"), ("none", "`none`: No such file")] {
            let error = content(&[text("look"), image(path)]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
