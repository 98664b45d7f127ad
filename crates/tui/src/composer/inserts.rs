//! What one character of the text stands for: a long paste, a picture. It is one for the cursor, and expands when the
//! text is sent.

use std::rc::Rc;

use crate::text::harmless;

/// The characters that stand for something: of a private range that no font is known to use.
const FIRST: u32 = 0x0010_f000;
const LAST: u32 = 0x0010_fffd;

/// What a character stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Insert {
    /// Text that was pasted.
    Pasted {
        /// All of it.
        text: Rc<str>,
        /// How much it is, for people.
        size: Rc<str>,
    },
    /// Absolute path of a picture.
    Picture(Rc<str>),
}

/// What the characters of the text stand for.
#[derive(Debug, Default)]
pub struct Inserts {
    held: Vec<(char, Insert)>,
}

/// Whether `c` may stand for something.
pub fn stands_for(c: char) -> bool {
    (FIRST..=LAST).contains(&u32::from(c))
}

impl Inserts {
    /// A character that stands for `insert`. `None`: there are thousands already.
    pub fn hold(&mut self, insert: Insert) -> Option<char> {
        let free = (FIRST..=LAST).filter_map(char::from_u32).find(|c| self.get(*c).is_none())?;
        self.held.push((free, insert));
        Some(free)
    }

    /// What `c` stands for.
    pub fn get(&self, c: char) -> Option<&Insert> {
        if !stands_for(c) {
            return None;
        }
        self.held.iter().find(|(held, _)| *held == c).map(|(_, insert)| insert)
    }

    /// Forgets all that stand in none of `texts`.
    pub fn keep_those_in<'a>(&mut self, texts: impl Iterator<Item = &'a str> + Clone) {
        self.held.retain(|(held, _)| texts.clone().any(|text| text.contains(*held)));
    }

    /// Each piece of `text` with what stands there, as it is shown: `Some` where a character stands for something.
    pub fn shown<'a>(&self, text: &'a str) -> Vec<(&'a str, Option<String>)> {
        let mut pieces = Vec::new();
        let (mut pastes, mut pictures, mut begin) = (0, 0, 0);
        if !self.held.is_empty() {
            for (at, c) in text.char_indices() {
                let Some(insert) = self.get(c) else { continue };
                let number = match insert {
                    Insert::Pasted { .. } => &mut pastes,
                    Insert::Picture(_) => &mut pictures,
                };
                *number += 1;
                pieces.push((&text[begin..at], None));
                begin = at + c.len_utf8();
                pieces.push((&text[at..begin], Some(insert.label(*number))));
            }
        }
        pieces.push((&text[begin..], None));
        pieces
    }
}

impl Insert {
    /// A text that is too long to be shown.
    pub fn pasted(text: &str) -> Self {
        let size = match text.lines().count() {
            1 => format!("{} characters", text.chars().count()),
            lines => format!("{lines} lines"),
        };
        Self::Pasted { text: text.into(), size: size.into() }
    }

    /// What is shown in its place, as the `number`th of its kind.
    pub fn label(&self, number: usize) -> String {
        match self {
            Self::Pasted { size, .. } => format!("[Pasted text #{number}, {size}]"),
            Self::Picture(path) => picture_label(number, path),
        }
    }
}

/// What stands in the text for a picture, for people and for the model.
pub fn picture_label(number: usize, path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    // It stands in a text that is read by line.
    format!("[Image #{number} {}]", harmless(name).replace(['\n', '\t'], " "))
}
