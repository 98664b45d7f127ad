//! What the user says, with what the model reads of it where that is something else: a command of the user's own says what
//! its file says, with what other commands put out.

use codex_history::Content;
use codex_protocol::UserInput;

/// A piece of what the user says.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// As it is shown.
    pub shown: UserInput,
    /// What the model reads; `None`: what is shown.
    pub read: Option<Vec<Part>>,
}

/// A part of what the model reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// As it is.
    Content(Content),
    /// A text that does not become one with what is beside it.
    Apart(String),
    /// What this command line puts out. It runs as one that the user typed.
    Output(String),
}

impl From<UserInput> for Spoken {
    fn from(shown: UserInput) -> Self {
        Self { shown, read: None }
    }
}

impl Part {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Content(Content::Text { text: text.into() })
    }
}

/// What the parts come to where nothing is left to be run; texts in a row are one.
pub(crate) fn joined(parts: impl IntoIterator<Item = Part>) -> Vec<Content> {
    let mut content: Vec<Content> = Vec::new();
    for part in parts {
        match (part, content.last_mut()) {
            (Part::Content(Content::Text { text }), Some(Content::Text { text: last })) => last.push_str(&text),
            (Part::Content(next), _) => content.push(next),
            (Part::Apart(text), _) => content.push(Content::Text { text }),
            (Part::Output(_), _) => {}
        }
    }
    content
}

/// What the model reads of what the user said, where nothing is to be run first.
pub(crate) fn read(parts: Vec<Vec<Part>>) -> Vec<Content> {
    parts.into_iter().flat_map(joined).collect()
}

/// Whether something is to be run first.
pub(crate) fn waits(parts: &[Part]) -> bool {
    parts.iter().any(|part| matches!(part, Part::Output(_)))
}
