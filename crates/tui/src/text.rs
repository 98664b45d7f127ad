//! What is drawn: rows of styled text. No piece of it can hold anything that a terminal would obey.

mod harmless;
mod style;
mod wrap;

use std::rc::Rc;

use unicode_width::UnicodeWidthStr;

pub use harmless::{harmless, of_a_row};
pub use style::{Color, ColorDepth, Style};
pub use wrap::{graphemes, truncate, wrap};

use crate::picture::Picture;

/// A piece of a row in one style. It never holds a line break, a tab or a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    text: String,
    /// How it looks.
    pub style: Style,
    /// Where it leads, for terminals that know OSC 8.
    link: Option<Rc<str>>,
}

impl Span {
    /// `text` in `style`, with what a terminal would obey, tabs and line breaks shown harmlessly.
    pub fn new(text: &str, style: Style) -> Self {
        Self { text: harmless::of_a_row(text), style, link: None }
    }

    /// The same as a link to `target`, if that is a web address or a file without anything odd in it.
    #[must_use]
    pub fn linked(mut self, target: &str) -> Self {
        let known = ["https://", "http://", "file://"].iter().any(|scheme| target.starts_with(scheme));
        // OSC 8 takes printable ASCII only.
        if known && target.len() < 2048 && target.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.link = Some(target.into());
        }
        self
    }

    /// The text, fit to be written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where it leads.
    pub fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    /// In columns.
    pub fn width(&self) -> usize {
        self.text.width()
    }

    /// A part of this span, which is harmless as the whole is.
    fn part(&self, text: &str) -> Self {
        Self { text: text.to_owned(), style: self.style, link: self.link.clone() }
    }
}

/// A row of the screen, or more text than fits in one, before it is wrapped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// From left to right.
    pub spans: Vec<Span>,
    /// What is drawn in this row and those above it, where the terminal shows pictures.
    picture: Option<Rc<Picture>>,
}

impl Row {
    /// Nothing.
    pub fn empty() -> Self {
        Self::default()
    }

    /// One span.
    pub fn new(text: &str, style: Style) -> Self {
        Self::default().with(text, style)
    }

    /// The rows of a picture.
    pub fn picture(picture: Rc<Picture>) -> Vec<Self> {
        let mut rows = vec![Self::empty(); picture.rows];
        rows.last_mut().into_iter().for_each(|last| last.picture = Some(picture.clone()));
        rows
    }

    /// The picture of which it is the last row.
    pub fn drawn(&self) -> Option<&Picture> {
        self.picture.as_deref()
    }

    /// Without any style.
    pub fn plain(text: &str) -> Self {
        Self::new(text, Style::default())
    }

    /// The same with `text` behind it.
    #[must_use]
    pub fn with(mut self, text: &str, style: Style) -> Self {
        self.push(Span::new(text, style));
        self
    }

    /// Adds to its end.
    pub fn push(&mut self, span: Span) {
        if !span.text.is_empty() {
            self.spans.push(span);
        }
    }

    /// The same with `row` behind it.
    #[must_use]
    pub fn joined(mut self, row: Self) -> Self {
        self.spans.extend(row.spans);
        self
    }

    /// Without its first `characters`, of which blanks are none; its indent stays.
    pub fn after(&self, mut characters: usize) -> Self {
        let (mut rest, mut keeps_blanks) = (Self::default(), true);
        for span in &self.spans {
            let mut text = String::new();
            for c in span.text.chars() {
                if c == '│' && characters > 0 && keeps_blanks {
                    // The mark of a quotation is a part of the indent.
                    characters -= 1;
                    text.push(c);
                } else if c != ' ' && characters > 0 {
                    characters -= 1;
                    keeps_blanks = false;
                } else if c != ' ' || keeps_blanks {
                    // Blanks behind what is cut off go with it.
                    keeps_blanks |= c != ' ';
                    text.push(c);
                }
            }
            rest.push(span.part(&text));
        }
        rest
    }

    /// In columns.
    pub fn width(&self) -> usize {
        self.spans.iter().map(Span::width).sum()
    }

    /// Its text alone.
    pub fn text(&self) -> String {
        self.spans.iter().map(Span::text).collect()
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

/// The part of the screen that is drawn again and again, and where the cursor stands in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// From top to bottom, each no wider than the screen.
    pub rows: Vec<Row>,
    /// Where the cursor stands: row and column, from 0. Hidden without.
    pub cursor: Option<(usize, usize)>,
}

impl Live {
    /// Puts `below` under this; its cursor counts, if it has one.
    pub fn append(&mut self, below: Self) {
        let above = self.rows.len();
        self.rows.extend(below.rows);
        self.cursor = below.cursor.map(|(row, column)| (row + above, column)).or(self.cursor);
    }
}

/// The terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// At least 1.
    pub columns: usize,
    /// At least 1.
    pub rows: usize,
}

impl Size {
    /// Of what a terminal says; one that does not know says 0.
    pub fn new(columns: u16, rows: u16) -> Self {
        let or = |said: u16, usual: usize| if said == 0 { usual } else { said.into() };
        Self { columns: or(columns, 80), rows: or(rows, 24) }
    }
}
