//! One line that is typed: filters of lists, what is searched for, a word to the model.

use crate::{
    key::{Key, KeyCode},
    look::Look,
    text::{Row, Span, graphemes},
    theme::Role,
};

/// One line that is typed. A line break that was pasted stays, and is shown as a mark.
#[derive(Debug, Clone, Default)]
pub struct Line {
    text: String,
    /// In bytes, between two characters as they are seen.
    cursor: usize,
}

impl Line {
    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds at the cursor.
    pub fn insert(&mut self, text: &str) {
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    /// Takes a key that edits. `false`: it is none.
    pub fn key(&mut self, key: Key) -> bool {
        match key.to_string().as_str() {
            "left" | "ctrl+b" => self.cursor = self.before(),
            "right" | "ctrl+f" => self.cursor = self.after(),
            "home" | "ctrl+a" => self.cursor = 0,
            "end" | "ctrl+e" => self.cursor = self.text.len(),
            "backspace" | "ctrl+h" => self.cut(self.before(), self.cursor),
            "delete" | "ctrl+d" => self.cut(self.cursor, self.after()),
            "ctrl+u" => self.cut(0, self.cursor),
            "ctrl+k" => self.cut(self.cursor, self.text.len()),
            "ctrl+w" | "alt+backspace" => self.cut(self.word_before(), self.cursor),
            _ => match key.code {
                KeyCode::Char(_) => match key.typed() {
                    Some(typed) => self.insert(typed.encode_utf8(&mut [0; 4])),
                    None => return false,
                },
                _ => return false,
            },
        }
        true
    }

    /// `label` and what was typed, no wider than `width`, and the column of the cursor. Of a long line the part is shown
    /// in which the cursor stands.
    pub fn live(&self, label: &str, width: usize, look: &Look) -> (Row, usize) {
        let mut row = Row::new(label, look.style(Role::Strong));
        let room = width.saturating_sub(row.width()).max(2);
        let (before, after) = self.text.split_at(self.cursor);
        // What is shown, not what is kept, has a width: a control character takes more than one column.
        let (before, after) = (Span::new(before, look.style(Role::Plain)), Span::new(after, look.style(Role::Plain)));
        let mut shown = before.text();
        let mut wide = before.width();
        while wide + 1 > room {
            let Some((first, width)) = graphemes(shown).next() else { break };
            shown = shown.get(first.len()..).unwrap_or_default();
            wide -= width;
        }
        let column = row.width() + wide;
        row.push(Span::new(shown, before.style));
        row.push(after);
        (crate::text::truncate(&row, width), column.min(width.saturating_sub(1)))
    }

    fn before(&self) -> usize {
        let before = self.text.get(..self.cursor).unwrap_or_default();
        self.cursor - graphemes(before).last().map_or(0, |(last, _)| last.len())
    }

    fn after(&self) -> usize {
        let after = self.text.get(self.cursor..).unwrap_or_default();
        self.cursor + graphemes(after).next().map_or(0, |(first, _)| first.len())
    }

    fn word_before(&self) -> usize {
        let before = self.text.get(..self.cursor).unwrap_or_default();
        let word = before.trim_end();
        word.rfind(char::is_whitespace).map_or(0, |at| at + word[at..].chars().next().map_or(0, char::len_utf8))
    }

    fn cut(&mut self, begin: usize, end: usize) {
        self.text.replace_range(begin..end, "");
        self.cursor = begin;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Theme;

    /// The line with `|` where the cursor stands.
    fn after(typed: &str, keys: &str) -> String {
        let (before, after) = typed.split_once('|').unwrap();
        let mut line = Line { text: format!("{before}{after}"), cursor: before.len() };
        for key in keys.split_whitespace() {
            line.key(key.parse().unwrap());
        }
        let (before, after) = line.text.split_at(line.cursor);
        format!("{before}|{after}")
    }

    #[test]
    fn keys_edit() {
        let table = [
            ("|", "a b space c", "ab c|"),
            ("ab|c", "backspace", "a|c"),
            ("ab|c", "delete", "ab|"),
            ("|", "backspace delete left right", "|"),
            ("a👩‍👧|", "backspace", "a|"),
            ("e\u{301}|x", "left", "|e\u{301}x"),
            ("one two |three", "ctrl+w", "one |three"),
            ("wort wört|", "ctrl+w ctrl+w", "|"),
            ("one| two", "ctrl+u", "| two"),
            ("one| two", "ctrl+k", "one|"),
            ("one| two", "home x end y", "xone twoy|"),
        ];
        for (typed, keys, expected) in table {
            assert_eq!(after(typed, keys), expected, "{typed} {keys}");
        }
    }

    #[test]
    fn a_long_line_shows_where_the_cursor_is() {
        let look = Look { width: 10, theme: Theme::Ansi };
        let mut line = Line::default();
        line.insert("0123456789abcdef");
        let shown = |line: &Line| {
            let (row, column) = line.live("> ", 10, &look);
            assert!(row.width() <= 10 && column < 10, "{row:?}");
            (row.text(), column)
        };
        assert_eq!(shown(&line), ("> 9abcdef".into(), 9));
        line.key("home".parse().unwrap());
        assert_eq!(shown(&line), ("> 0123456…".into(), 2));
        line.insert("\u{1b}[2J");
        assert!(shown(&line).0.contains("b}[2J"), "{line:?}");
    }
}
