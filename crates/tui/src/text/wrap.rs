//! Rows cut to a width: at spaces where that is possible, never inside what is seen as one character.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::{Row, Span};

/// What is seen as one character each (UAX 29), with its width in columns.
pub fn graphemes(text: &str) -> impl Iterator<Item = (&str, usize)> {
    text.graphemes(true).map(|grapheme| (grapheme, grapheme.width()))
}

/// `row` in rows of at most `width` columns; all but the first begin with `indent`. A character wider than the width
/// gets a row of its own.
pub fn wrap(row: &Row, width: usize, indent: &Row) -> Vec<Row> {
    if row.width() <= width {
        return vec![row.clone()];
    }
    // An indent that leaves next to nothing would make a column of letters.
    let indent = if indent.width() * 2 > width { &Row::default() } else { indent };
    let mut wrapping = Wrapping { width, indent, rows: Vec::new(), row: Row::default(), used: 0, is_fresh: true };
    for word in words(row) {
        wrapping.word(&word);
    }
    wrapping.rows.push(wrapping.row);
    wrapping.rows
}

/// `row` in one row of at most `width` columns; what is cut off leaves an ellipsis.
pub fn truncate(row: &Row, width: usize) -> Row {
    if row.width() <= width {
        return row.clone();
    }
    let (mut cut, mut used) = (Row::default(), 0);
    let room = width.saturating_sub(1);
    for span in &row.spans {
        let mut kept = 0;
        for (grapheme, wide) in graphemes(span.text()) {
            if used + wide > room {
                cut.push(span.part(span.text().get(..kept).unwrap_or_default()));
                if width > 0 {
                    cut.push(span.part("…"));
                }
                return cut;
            }
            kept += grapheme.len();
            used += wide;
        }
        cut.push(span.clone());
    }
    cut
}

/// Spans that stay together where that is possible, and whether they are a space.
struct Word {
    spans: Vec<Span>,
    width: usize,
    is_space: bool,
}

/// The words of a row, and the spaces between them. Wide scripts are words of one character.
fn words(row: &Row) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut joins = false;
    for span in &row.spans {
        for piece in span.text().split_inclusive(' ').flat_map(pieces) {
            let is_space = piece.chars().all(|c| c == ' ');
            let (part, width) = (span.part(piece), piece.width());
            match words.last_mut().filter(|last| last.is_space == is_space && (joins || is_space)) {
                Some(last) => {
                    last.spans.push(part);
                    last.width += width;
                }
                None => words.push(Word { spans: vec![part], width, is_space }),
            }
            joins = !is_space && !is_wide(piece);
        }
    }
    words
}

/// A word with the space behind it, in pieces that may stand on rows of their own.
fn pieces(text: &str) -> Vec<&str> {
    let (word, space) = text.split_at(text.trim_end_matches(' ').len());
    let mut pieces = Vec::new();
    let mut begin = 0;
    if !word.is_ascii() {
        for (at, grapheme) in word.grapheme_indices(true) {
            if is_wide(grapheme) {
                pieces.extend((begin < at).then(|| &word[begin..at]));
                pieces.push(grapheme);
                begin = at + grapheme.len();
            }
        }
    }
    pieces.extend((begin < word.len()).then(|| &word[begin..]));
    pieces.extend((!space.is_empty()).then_some(space));
    pieces
}

/// Whether it is of a script that breaks anywhere.
fn is_wide(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c >= '\u{1100}') && text.width() == 2 && text.graphemes(true).count() == 1
}

struct Wrapping<'a> {
    width: usize,
    indent: &'a Row,
    rows: Vec<Row>,
    row: Row,
    used: usize,
    /// Whether the row holds nothing but its indent.
    is_fresh: bool,
}

impl Wrapping<'_> {
    fn word(&mut self, word: &Word) {
        if self.used + word.width <= self.width {
            // A space that begins a row was only the place to break, but for the text's own indent.
            if !(word.is_space && self.is_fresh && !self.rows.is_empty()) {
                word.spans.iter().for_each(|span| self.row.push(span.clone()));
                self.used += word.width;
                self.is_fresh = false;
            }
        } else if word.is_space {
            self.next_row();
        } else if word.width <= self.width.saturating_sub(self.indent.width()) {
            self.next_row();
            self.word(word);
        } else {
            self.letters(word);
        }
    }

    /// A word that is longer than a row.
    fn letters(&mut self, word: &Word) {
        for span in &word.spans {
            let mut begin = 0;
            let mut end = 0;
            for (grapheme, wide) in graphemes(span.text()) {
                if self.used + wide > self.width && (!self.is_fresh || begin < end) {
                    self.row.push(span.part(span.text().get(begin..end).unwrap_or_default()));
                    self.next_row();
                    begin = end;
                }
                end += grapheme.len();
                self.used += wide;
                self.is_fresh = false;
            }
            self.row.push(span.part(span.text().get(begin..end).unwrap_or_default()));
        }
    }

    fn next_row(&mut self) {
        // No blanks at a row's end.
        while let Some(last) = self.row.spans.last_mut() {
            let kept = last.text.trim_end_matches(' ').len();
            last.text.truncate(kept);
            if kept > 0 {
                break;
            }
            self.row.spans.pop();
        }
        self.rows.push(std::mem::replace(&mut self.row, self.indent.clone()));
        self.used = self.indent.width();
        self.is_fresh = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, width: usize, indent: &str) -> Vec<String> {
        wrap(&Row::plain(text), width, &Row::plain(indent)).iter().map(Row::text).collect()
    }

    #[test]
    fn rows_break_at_spaces_and_where_they_must() {
        let table: &[(&str, usize, &str, &[&str])] = &[
            ("short", 10, "", &["short"]),
            ("one two three", 7, "", &["one two", "three"]),
            ("one two three", 8, "", &["one two", "three"]),
            ("one  two", 4, "", &["one", "two"]),
            ("a verylongword b", 6, "", &["a very", "longwo", "rd b"]),
            ("- item of a list", 8, "  ", &["- item", "  of a", "  list"]),
            ("日本語のテキスト", 5, "", &["日本", "語の", "テキ", "スト"]),
            ("ab日本", 5, "", &["ab日", "本"]),
            ("日本", 1, "", &["日", "本"]),
            ("    deep indent here", 10, "", &["    deep", "indent", "here"]),
            ("wide indent", 6, "    ", &["wide", "indent"]),
            ("", 3, "", &[""]),
        ];
        for (text, width, indent, expected) in table {
            assert_eq!(texts(text, *width, indent), *expected, "{text:?} in {width}");
        }
    }

    #[test]
    fn styles_stay_with_their_text() {
        let bold = super::super::Style::plain().bold();
        let row = Row::plain("plain ").with("bold text", bold).with("!", super::super::Style::plain());
        let rows = wrap(&row, 10, &Row::default());
        let seen: Vec<Vec<(&str, bool)>> =
            rows.iter().map(|row| row.spans.iter().map(|span| (span.text(), span.style.bold)).collect()).collect();
        assert_eq!(seen, [vec![("plain", false), (" ", false), ("bold", true)], vec![("text", true), ("!", false)]]);
    }

    #[test]
    fn what_is_cut_off_leaves_a_mark() {
        let table =
            [("abcdef", 6, "abcdef"), ("abcdef", 4, "abc…"), ("日本語", 4, "日…"), ("ab", 1, "…"), ("ab", 0, "")];
        for (text, width, expected) in table {
            assert_eq!(truncate(&Row::plain(text), width).text(), expected, "{text} in {width}");
        }
    }
}
