//! What of an open block was given out already: it is not given out again, whatever the width is by then.

use crate::{look::Look, text::Row};

/// The beginning of what is open, as far as it was given out.
#[derive(Debug, Default)]
pub struct Given {
    /// Rows.
    rows: usize,
    /// Their characters other than blanks.
    text: String,
    /// The width for which they were made.
    width: usize,
    /// Whether it may end within a row: it is found again by its text, and not by the number of its rows.
    by_text: bool,
}

impl Given {
    /// `rows` follow it, and were given out too.
    pub fn add(&mut self, rows: &[Row], look: &Look) {
        self.by_text |= !self.is_empty() && self.width != look.width;
        self.rows += rows.len();
        self.text.extend(rows.iter().flat_map(seen));
        self.width = look.width;
    }

    /// `text`, without blanks, follows it: it was not given out, but is where nothing takes it away.
    pub fn add_text(&mut self, text: &str) {
        self.text.push_str(text);
        self.by_text = true;
    }

    /// Whether there is nothing of it.
    pub fn is_empty(&self) -> bool {
        self.rows == 0 && self.text.is_empty()
    }

    /// `rows`, which begin where it begins, without it.
    pub fn without(&self, mut rows: Vec<Row>, look: &Look) -> Vec<Row> {
        if self.is_empty() {
            return rows;
        }
        if !self.by_text && self.width == look.width {
            rows.drain(..self.rows.min(rows.len()));
            return rows;
        }
        let (_, mut left) = found(&self.text, &rows);
        let mut whole = 0;
        for row in &mut rows {
            let count = seen(row).count();
            if left == 0 || count > left {
                *row = row.after(left);
                break;
            }
            left -= count;
            whole += 1;
        }
        rows.drain(..whole);
        rows
    }

    /// What of it lies behind `rows`, which begin where it begins.
    pub fn behind(&self, rows: &[Row]) -> Self {
        let (bytes, characters) = found(&self.text, rows);
        let is_behind = self.by_text && characters == rows.iter().flat_map(seen).count();
        let text = if is_behind { &self.text[bytes..] } else { "" };
        Self { text: text.to_owned(), by_text: true, ..Self::default() }
    }
}

/// How much of `text`, which has no blanks, `rows` begin with: bytes of the text, and characters of the rows that are no
/// blanks. Marks may be gone from there: they turned out to be Markdown. Lines before and between rows are not of the text.
pub fn found(text: &str, rows: &[Row]) -> (usize, usize) {
    let mut shown = rows.iter().flat_map(seen).peekable();
    let (mut bytes, mut characters, mut lines) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        if is_line(c) {
            continue;
        }
        while shown.next_if(|c| is_line(*c)).is_some() {
            lines += 1;
        }
        if shown.next_if_eq(&c).is_some() {
            (bytes, characters) = (at + c.len_utf8(), characters + lines + 1);
            lines = 0;
        } else if shown.peek().is_none() || !c.is_ascii_punctuation() {
            return (bytes, characters);
        }
    }
    (text.len(), characters)
}

/// Whether lines are drawn with it: before quotations, and in tables.
fn is_line(c: char) -> bool {
    ('\u{2500}'..'\u{2580}').contains(&c)
}

/// The characters of a row that are no blanks.
pub fn seen(row: &Row) -> impl Iterator<Item = char> {
    row.spans.iter().flat_map(|span| span.text().chars()).filter(|c| *c != ' ')
}
