//! Thinking that stands in an answer's text, between tags: told apart from the text as it arrives.
//!
//! Only at the beginning of the text is a tag taken for one. Later it is something that the model writes about.

/// The tags that models put around what they think.
const TAGS: &[(&str, &str)] = &[
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
];

/// A piece of what was written between tags, or after them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Thought(String),
    Text(String),
}

/// How far a text was read.
#[derive(Debug, Default)]
pub(super) struct Tags {
    place: Place,
    /// What may be a part of a tag, or space that may not count.
    held: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing but space has come.
    #[default]
    Start,
    /// Until this tag.
    Within { closing: &'static str, has_begun: bool },
    /// After a closing tag, with nothing but space since.
    After,
    /// In the text, where nothing is looked for any more.
    Text,
}

impl Tags {
    /// Takes the next piece of the text, and gives what is known by it.
    pub(super) fn take(&mut self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        self.held.push_str(text);
        while self.step(&mut pieces) {}
        pieces
    }

    /// The text has ended: what was held back.
    pub(super) fn end(&mut self) -> Option<Piece> {
        let held = std::mem::take(&mut self.held);
        let place = std::mem::replace(&mut self.place, Place::Text);
        match place {
            _ if held.is_empty() => None,
            Place::Within { .. } => Some(Piece::Thought(held)),
            Place::Start | Place::Text if !held.trim().is_empty() => Some(Piece::Text(held)),
            Place::Start | Place::Text | Place::After => None,
        }
    }

    /// Reads on as far as one place goes; `false` if more must come first.
    fn step(&mut self, pieces: &mut Vec<Piece>) -> bool {
        match self.place {
            Place::Start => {
                let begun = self.held.trim_start();
                if let Some((opening, closing)) = TAGS.iter().find(|(opening, _)| begun.starts_with(opening)) {
                    self.held = begun[opening.len()..].to_owned();
                    self.place = Place::Within { closing, has_begun: false };
                    return true;
                }
                // Empty, too, is the beginning of a tag.
                if TAGS.iter().any(|(opening, _)| opening.starts_with(begun)) {
                    return false;
                }
                self.place = Place::Text;
                true
            }
            Place::Within { closing, has_begun } => {
                if !has_begun {
                    self.held = self.held.trim_start().to_owned();
                }
                let (thought, end) = match self.held.find(closing) {
                    Some(at) => (at, Some(at + closing.len())),
                    None => (self.held.len() - beginning_at_end(&self.held, closing), None),
                };
                if thought > 0 {
                    pieces.push(Piece::Thought(self.held[..thought].to_owned()));
                }
                self.held.drain(..end.unwrap_or(thought));
                self.place = match end {
                    Some(_) => Place::After,
                    None => Place::Within { closing, has_begun: has_begun || thought > 0 },
                };
                end.is_some()
            }
            Place::After => {
                self.held = self.held.trim_start().to_owned();
                self.place = if self.held.is_empty() { Place::After } else { Place::Text };
                !self.held.is_empty()
            }
            Place::Text => {
                if !self.held.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut self.held)));
                }
                false
            }
        }
    }
}

/// Bytes at the end of `text` that may be the beginning of `tag`.
fn beginning_at_end(text: &str, tag: &str) -> usize {
    (1..tag.len()).rev().find(|&length| text.ends_with(&tag[..length])).unwrap_or(0)
}

/// What was thought and what was said, if `text` has a closing tag whose opening one was written for the model, on a line
/// of its own.
pub(super) fn opened_before(text: &str) -> Option<(&str, &str)> {
    TAGS.iter().find_map(|(opening, closing)| {
        let (thought, said) = text.split_once(closing)?;
        let is_alone = (thought.is_empty() || thought.ends_with('\n')) && (said.is_empty() || said.starts_with('\n'));
        (is_alone && !thought.contains(opening)).then(|| (thought.trim(), said.trim_start()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of `text` in pieces of `size` characters: the thought and the rest.
    fn read(text: &str, size: usize) -> (String, String) {
        let mut tags = Tags::default();
        let characters: Vec<char> = text.chars().collect();
        let mut pieces: Vec<Piece> =
            characters.chunks(size).flat_map(|piece| tags.take(&piece.iter().collect::<String>())).collect();
        pieces.extend(tags.end());
        let (mut thought, mut said) = (String::new(), String::new());
        for piece in pieces {
            match piece {
                Piece::Thought(piece) => thought.push_str(&piece),
                Piece::Text(piece) => said.push_str(&piece),
            }
        }
        (thought, said)
    }

    #[test]
    fn tags_are_found_however_the_text_is_cut() {
        for (text, thought, said) in [
            ("<think>\nHm, 1 < 2.\n</think>\n\nTwo.", "Hm, 1 < 2.\n", "Two."),
            ("\n <thinking>a</think> b</thinking>c", "a</think> b", "c"),
            ("<think></think>Hi", "", "Hi"),
            ("<think>never closed </thi", "never closed </thi", ""),
            ("<think>ä</think>\n", "ä", ""),
            ("<thin", "", "<thin"),
            ("<b>Hi</b>", "", "<b>Hi</b>"),
            ("Hi <think>not thinking</think>", "", "Hi <think>not thinking</think>"),
            ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
            ("  plain", "", "  plain"),
            ("\n\n", "", ""),
            ("", "", ""),
        ] {
            for size in [1, 2, 3, 5, 100] {
                assert_eq!(read(text, size), (thought.to_owned(), said.to_owned()), "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn text_is_shown_as_soon_as_it_can_be_no_tag() {
        let mut tags = Tags::default();
        for (text, pieces) in [
            ("<th", vec![]),
            ("ese words", vec![Piece::Text("<these words".into())]),
            (" <think>", vec![Piece::Text(" <think>".into())]),
        ] {
            assert_eq!(tags.take(text), pieces, "{text}");
        }
    }

    #[test]
    fn a_closing_tag_alone_ends_what_was_thought() {
        for (text, expected) in [
            ("hm\n</think>\n\nYes.", Some(("hm", "Yes."))),
            ("hm\n</think>", Some(("hm", ""))),
            ("write `</think>` there", None),
            ("a <think>\nx\n</think>\nb", None),
            ("plain", None),
        ] {
            assert_eq!(opened_before(text), expected, "{text:?}");
        }
    }
}
