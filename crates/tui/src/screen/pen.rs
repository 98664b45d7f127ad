//! Bytes for the terminal: movements, erasing, text in its style. Only what is relative to the cursor.

use std::io::Write;

use unicode_width::UnicodeWidthChar;

use super::{Capabilities, color};
use crate::{
    picture::Picture,
    text::{Color, Row, Span, Style, graphemes},
};

/// Columns before a picture: it stands below text that is so far in.
const INDENT: usize = 2;

/// Bytes of a frame in the making, and the style that the terminal writes in at their end.
pub struct Pen {
    bytes: Vec<u8>,
    terminal: Capabilities,
    style: Style,
}

impl Pen {
    /// Appends to `bytes`.
    pub fn new(bytes: Vec<u8>, terminal: Capabilities) -> Self {
        Self { bytes, terminal, style: Style::plain() }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn sequence(&mut self, count: usize, last: char) {
        match count {
            1 => drop(write!(self.bytes, "\x1b[{last}")),
            count => drop(write!(self.bytes, "\x1b[{count}{last}")),
        }
    }

    /// A frame begins: the terminal shows nothing of it before its end.
    pub fn begin(&mut self) {
        self.raw(b"\x1b[?2026h\x1b[?25l");
    }

    pub fn end(&mut self) {
        self.raw(b"\x1b[?2026l");
    }

    pub fn show_cursor(&mut self, is_shown: bool) {
        self.raw(if is_shown { b"\x1b[?25h" } else { b"\x1b[?25l" });
    }

    pub fn up(&mut self, rows: usize) {
        if rows > 0 {
            self.sequence(rows, 'A');
        }
    }

    /// From one row to another, both of which are there.
    pub fn row(&mut self, from: usize, to: usize) {
        self.up(from.saturating_sub(to));
        if to > from {
            self.sequence(to - from, 'B');
        }
    }

    pub fn carriage_return(&mut self) {
        self.raw(b"\r");
    }

    pub fn column(&mut self, column: usize) {
        self.carriage_return();
        if column > 0 {
            self.sequence(column, 'C');
        }
    }

    /// To the beginning of the next row, which is made if there is none.
    pub fn next_row(&mut self) {
        self.raw(b"\r\n");
    }

    /// Erases from the cursor to the end of its row. Never behind text that ends at the edge: there the cursor still
    /// stands on the last character.
    pub fn erase_right(&mut self) {
        self.raw(b"\x1b[K");
    }

    /// Erases from the beginning of the row on, in which the cursor stands first and stays.
    ///
    /// Not from the first column, but behind a blank that is erased then: tmux takes it for the wish to keep the
    /// screen in its scrollback, if all of it is erased.
    pub fn erase_below(&mut self) {
        self.raw(b" \x1b[J\r\x1b[K");
    }

    /// A finished row, and the beginning of the next one. It may be longer than the screen is wide.
    pub fn finished(&mut self, row: &Row) {
        for (span, text) in visible(row) {
            self.text(span, text);
        }
        self.plain();
        self.next_row();
    }

    /// A picture in the rows right above, a little indented; the cursor stays at the beginning of its row.
    pub fn picture(&mut self, picture: &Picture) {
        let Some(protocol) = self.terminal.pictures else { return };
        // Some leave the cursor behind the picture: it is brought back to where it was.
        self.raw(b"\x1b7");
        self.up(picture.rows);
        self.column(INDENT);
        self.raw(&picture.sequences(protocol));
        self.raw(b"\x1b8");
    }

    /// The part of a live row that begins at column `from`, where the cursor stands.
    pub fn live(&mut self, row: &Row, from: usize) {
        // A character that is wider to the terminal than to us must not begin a row of its own.
        let may_overflow = visible(row).flat_map(|(_, text)| runs(text)).any(is_odd);
        if may_overflow {
            self.raw(b"\x1b[?7l");
        }
        let (mut column, mut is_sure) = (0, true);
        for (span, text) in visible(row) {
            for run in runs(text) {
                let begin = column.max(from);
                let skipped = if run.is_ascii() { (begin - column).min(run.len()) } else { 0 };
                column += text_width(run);
                if column <= from && from > 0 || skipped == run.len() {
                    continue;
                }
                if !is_sure {
                    // The terminal may think otherwise of the width of what came before.
                    self.column(begin);
                }
                self.text(span, &run[skipped..]);
                is_sure = run.is_ascii();
            }
        }
        self.plain();
        if may_overflow {
            self.raw(b"\x1b[?7h");
        }
    }

    /// Makes `new` of `old`, on whose row the cursor stands.
    pub fn change(&mut self, old: &Row, new: &Row) {
        let Some(from) = first_difference(old, new) else { return };
        self.column(from);
        if width(old) > width(new) || !visible(new).all(|(_, text)| text.is_ascii()) {
            self.erase_right();
        }
        self.live(new, from);
    }

    fn text(&mut self, span: &Span, text: &str) {
        self.set_style(color::fit(span.style, self.terminal.colors));
        let link = span.link().filter(|_| self.terminal.links);
        if let Some(target) = link {
            drop(write!(self.bytes, "\x1b]8;;{target}\x1b\\"));
        }
        self.raw(text.as_bytes());
        if link.is_some() {
            self.raw(b"\x1b]8;;\x1b\\");
        }
    }

    fn plain(&mut self) {
        self.set_style(Style::plain());
    }

    /// The sequence that makes `style` of the present one.
    fn set_style(&mut self, style: Style) {
        if style == self.style {
            return;
        }
        let (old, new) = (attributes(self.style), attributes(style));
        let is_fresh = style == Style::plain() || old.iter().zip(new).any(|((_, was), (_, is))| *was && !is);
        let before = if is_fresh { Style::plain() } else { self.style };
        let mut codes = if is_fresh { vec!["0".to_owned()] } else { Vec::new() };
        let had = attributes(before);
        codes.extend(
            new.iter().zip(had).filter(|((_, is), (_, was))| *is && !was).map(|((code, _), _)| code.to_string()),
        );
        for (now, was, base) in [(style.foreground, before.foreground, 30), (style.background, before.background, 40)] {
            if now != was {
                codes.push(color_code(now, base));
            }
        }
        drop(write!(self.bytes, "\x1b[{}m", codes.join(";")));
        self.style = style;
    }
}

/// Codes of what is no colour.
fn attributes(style: Style) -> [(u8, bool); 6] {
    [(1, style.bold), (2, style.dim), (3, style.italic), (4, style.underline), (7, style.reverse), (9, style.strike)]
}

/// Code of a colour; `base` is 30 for the foreground and 40 for the background.
fn color_code(color: Option<Color>, base: u8) -> String {
    match color {
        None => (base + 9).to_string(),
        Some(Color::Ansi(color @ 0..8)) => (base + color).to_string(),
        Some(Color::Ansi(color)) => (base + 60 + color % 8).to_string(),
        Some(Color::Indexed(color)) => format!("{};5;{color}", base + 8),
        Some(Color::Rgb(red, green, blue)) => format!("{};2;{red};{green};{blue}", base + 8),
    }
}

/// The spans of a row with their text, but for the blanks at its end that nobody sees.
pub fn visible(row: &Row) -> impl Iterator<Item = (&Span, &str)> {
    let sees = |span: &Span| {
        span.style.background.is_some() || span.style.reverse || span.style.underline || span.style.strike
    };
    let last = row.spans.iter().rposition(|span| sees(span) || !span.text().trim_end_matches(' ').is_empty());
    let end = last.map_or(0, |last| last + 1);
    row.spans.iter().take(end).enumerate().map(move |(index, span)| {
        let is_cut = index + 1 == end && !sees(span);
        (span, if is_cut { span.text().trim_end_matches(' ') } else { span.text() })
    })
}

/// Columns that a row takes, without the blanks at its end that nobody sees.
pub fn width(row: &Row) -> usize {
    visible(row).map(|(_, text)| text_width(text)).sum()
}

fn text_width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { graphemes(text).map(|(_, wide)| wide).sum() }
}

/// The column from which on `new` has to be written over `old`; none if they look the same. Never within a piece that
/// is not ASCII: the terminal may think otherwise of the widths in it.
fn first_difference(old: &Row, new: &Row) -> Option<usize> {
    let (mut old, mut new) = (cells(old), cells(new));
    let (mut column, mut safe) = (0, 0);
    loop {
        match (old.next(), new.next()) {
            (None, None) => return None,
            (Some(was), Some(is)) if was == is => {
                let (text, wide) = is.0;
                column += wide;
                if text.is_ascii() {
                    safe = column;
                }
            }
            _ => return Some(safe),
        }
    }
}

/// What is seen as one character each, with all that makes its looks.
fn cells(row: &Row) -> impl Iterator<Item = ((&str, usize), Style, Option<&str>)> {
    visible(row).flat_map(|(span, text)| graphemes(text).map(|cell| (cell, span.style, span.link())))
}

/// `text` in pieces of whole characters that are ASCII, or hold none that is.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = if rest.is_ascii() { rest.len() } else { 0 };
        let mut kind = None;
        for (grapheme, _) in graphemes(&rest[end..]) {
            if *kind.get_or_insert(grapheme.is_ascii()) != grapheme.is_ascii() {
                break;
            }
            end += grapheme.len();
        }
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

/// Whether it has characters of several parts whose width terminals do not agree about.
fn is_odd(run: &str) -> bool {
    !run.is_ascii()
        && graphemes(run).any(|(text, wide)| wide != text.chars().filter_map(UnicodeWidthChar::width).sum::<usize>())
}
