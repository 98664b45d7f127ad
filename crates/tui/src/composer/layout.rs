//! The text in rows of the screen. A row breaks behind a space where that is possible; the cursor has a column of its
//! own behind the last character.

use std::{borrow::Cow, ops::Range};

use unicode_segmentation::UnicodeSegmentation;

use super::inserts::{Inserts, stands_for};
use crate::text::{Row, Span, Style, truncate};

/// The text in rows of at most `width` columns.
pub struct Layout<'a> {
    text: &'a str,
    width: usize,
    /// Of each row where it begins and where its text ends, a line break left out.
    rows: Vec<Range<usize>>,
    /// What is shown for characters that stand for something, by their place.
    labels: Vec<(usize, String)>,
}

impl<'a> Layout<'a> {
    pub fn new(text: &'a str, inserts: &Inserts, width: usize) -> Self {
        let width = width.max(1);
        let mut layout = Self { text, width, rows: Vec::new(), labels: Vec::new() };
        let mut at = 0;
        for (piece, label) in inserts.shown(text) {
            layout.labels.extend(label.map(|label| (at, truncate(&Row::plain(&label), width).text())));
            at += piece.len();
        }
        let mut begin = 0;
        for line in text.split('\n') {
            layout.break_line(begin..begin + line.len());
            begin += line.len() + 1;
        }
        layout
    }

    pub fn rows(&self) -> &[Range<usize>] {
        &self.rows
    }

    /// The row in which the cursor is at `offset`, and its column.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let row = self.rows.partition_point(|row| row.start <= offset).saturating_sub(1);
        let begin = self.rows.get(row).map_or(0, |row| row.start);
        (row, self.cells(begin..offset).map(|(_, _, width)| width).sum::<usize>().min(self.width))
    }

    /// The place in the text that is at `column` of `row`, or before it.
    pub fn offset(&self, row: usize, column: usize) -> usize {
        let Some(range) = self.rows.get(row) else { return self.text.len() };
        // Where the text goes on, the place behind the last character is in the next row.
        let goes_on = self.rows.get(row + 1).is_some_and(|next| next.start == range.end);
        let (mut used, mut last) = (0, range.start);
        for (at, _, width) in self.cells(range.clone()) {
            last = at;
            if used + width > column {
                return at;
            }
            used += width;
        }
        if goes_on { last } else { range.end }
    }

    /// What is shown in `row`; what lies in `marked` with `mark`.
    pub fn draw(&self, row: usize, style: Style, marked: &Range<usize>, mark: Style) -> Row {
        let (mut drawn, mut pending) = (Row::empty(), (String::new(), style));
        let range = self.rows.get(row).cloned().unwrap_or_default();
        for (at, shown, _) in self.cells(range) {
            let style = if marked.contains(&at) { style.over(mark) } else { style };
            if style != pending.1 {
                drawn.push(Span::new(&pending.0, pending.1));
                pending = (String::new(), style);
            }
            pending.0.push_str(&shown);
        }
        // No blanks at a row's end, unless they are marked.
        let kept = if pending.1 == style { pending.0.trim_end_matches(' ') } else { &pending.0 };
        drawn.push(Span::new(kept, pending.1));
        drawn
    }

    /// The characters of a range as they are shown: place, text, columns.
    fn cells(&self, range: Range<usize>) -> impl Iterator<Item = (usize, Cow<'_, str>, usize)> {
        let begin = range.start;
        let characters = self.text.get(range).unwrap_or_default().grapheme_indices(true);
        characters.map(move |(at, character)| {
            let (shown, width) = self.cell(begin + at, character);
            (begin + at, shown, width)
        })
    }

    fn cell<'b>(&'b self, at: usize, character: &'b str) -> (Cow<'b, str>, usize) {
        if matches!(character.as_bytes(), [b' '..=b'~']) {
            return (character.into(), 1);
        }
        if character.starts_with(stands_for)
            && let Ok(found) = self.labels.binary_search_by_key(&at, |(at, _)| *at)
        {
            let label = self.labels[found].1.as_str();
            return (label.into(), Row::plain(label).width());
        }
        let span = Span::new(character, Style::plain());
        match span.width() {
            width if width > self.width => ("…".into(), 1),
            width => (span.text().to_owned().into(), width),
        }
    }

    fn break_line(&mut self, line: Range<usize>) {
        let (mut begin, mut used) = (line.start, 0);
        // The last place to break, and how much is used up to it.
        let mut place = (line.start, 0);
        let mut rows = Vec::new();
        for (at, character) in self.text.get(line.clone()).unwrap_or_default().grapheme_indices(true) {
            let at = line.start + at;
            let (_, width) = self.cell(at, character);
            let (is_space, is_wide) = (character == " ", width > 1);
            if is_wide {
                place = (at, used);
            }
            let end = at + character.len();
            if is_space && used == self.width {
                // It is behind the last column, where nothing is seen of it.
                rows.push(begin..end);
                (begin, used, place) = (end, 0, (end, 0));
                continue;
            }
            while used + width > self.width && begin < at {
                let (cut, before) = if place.0 > begin { place } else { (at, used) };
                rows.push(begin..cut);
                (begin, used, place) = (cut, used - before, (cut, 0));
            }
            used += width;
            if is_space || is_wide {
                place = (end, used);
            }
        }
        rows.push(begin..line.end);
        self.rows.append(&mut rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_break_behind_spaces_and_between_wide_characters() {
        let table: &[(&str, usize, &[&str])] = &[
            ("", 5, &[""]),
            ("one two", 10, &["one two"]),
            ("one two", 5, &["one ", "two"]),
            ("one two", 3, &["one ", "two"]),
            ("one ", 3, &["one ", ""]),
            ("one  two", 3, &["one ", " ", "two"]),
            ("abcdefg", 3, &["abc", "def", "g"]),
            ("a\n\nb\n", 5, &["a", "", "b", ""]),
            ("日本語", 5, &["日本", "語"]),
            ("ab日本", 3, &["ab", "日", "本"]),
            ("日", 1, &["日"]),
            ("a\tb", 4, &["a", "\t", "b"]),
            ("👩\u{200d}👩\u{200d}👧👍", 3, &["👩\u{200d}👩\u{200d}👧", "👍"]),
        ];
        for (text, width, expected) in table {
            let inserts = Inserts::default();
            let layout = Layout::new(text, &inserts, *width);
            let rows: Vec<&str> = layout.rows().iter().map(|row| &text[row.clone()]).collect();
            assert_eq!(rows, *expected, "{text:?} in {width}");
            for row in 0..rows.len() {
                let drawn = layout.draw(row, Style::plain(), &(0..0), Style::plain());
                assert!(drawn.width() <= *width && !drawn.text().ends_with(' '), "{drawn:?}");
            }
        }
    }

    #[test]
    fn places_and_columns_belong_together() {
        let text = "one two\n日本語 x";
        let inserts = Inserts::default();
        let layout = Layout::new(text, &inserts, 5);
        let table = [(0, (0, 0)), (3, (0, 3)), (4, (1, 0)), (7, (1, 3)), (8, (2, 0)), (11, (2, 2)), (14, (3, 0))];
        for (offset, place) in table {
            assert_eq!(layout.place(offset), place, "{offset}");
            assert_eq!(layout.offset(place.0, place.1), offset, "{place:?}");
        }
        let inside = [((2, 1), 8), ((2, 9), 11), ((0, 9), 3), ((1, 9), 7), ((9, 0), text.len())];
        for ((row, column), offset) in inside {
            assert_eq!(layout.offset(row, column), offset, "{row} {column}");
        }
    }
}
