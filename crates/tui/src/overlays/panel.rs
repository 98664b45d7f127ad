//! A panel: a title, text that may be longer than the screen, and what can be done below it, which is always seen.

use std::cell::Cell;

use crate::{
    key::Key,
    look::Look,
    text::{Live, Row, Size, Span, truncate, wrap},
    theme::Role,
};

/// How far the text of a panel is scrolled.
#[derive(Debug, Clone, Default)]
pub struct Scroll {
    /// The first row that is seen.
    top: Cell<usize>,
    /// Rows that were seen when it was drawn last, and how far it can be scrolled.
    page: Cell<usize>,
    last: Cell<usize>,
    /// Whether what is looked at has changed since it was drawn last.
    follows: Cell<bool>,
}

impl Scroll {
    /// Takes a key that scrolls. `false`: it is none.
    pub fn key(&mut self, key: Key) -> bool {
        let (top, page) = (self.top.get(), self.page.get().max(1));
        let top = match key.to_string().as_str() {
            "pagedown" | "ctrl+f" => top + page,
            "pageup" | "ctrl+b" => top.saturating_sub(page),
            "ctrl+d" => top + page.div_ceil(2),
            "ctrl+u" => top.saturating_sub(page.div_ceil(2)),
            "home" => 0,
            "end" => usize::MAX,
            _ => return false,
        };
        self.top.set(top.min(self.last.get()));
        true
    }

    /// What is looked at has changed: the next [`Self::show`] scrolls.
    pub fn follow(&self) {
        self.follows.set(true);
    }

    /// Scrolls as little as is needed for `row` and the `more` rows below it to be seen, if these are others than before.
    pub fn show(&self, row: usize, more: usize) {
        if !self.follows.take() {
            return;
        }
        let page = self.page.get().max(1);
        let end = row + more + 1;
        let top = self.top.get().max(end.saturating_sub(page));
        self.top.set(top.min(row));
    }
}

/// What a panel consists of.
#[derive(Debug)]
pub struct Panel<'text> {
    /// Its first row.
    pub title: Row,
    /// What there is to read. Rows no wider than the screen.
    pub text: &'text [Row],
    /// What can be done. Rows no wider than the screen.
    pub foot: Live,
}

impl Panel<'_> {
    /// The panel in no more rows than the screen has.
    pub fn live(self, size: Size, scroll: &Scroll, look: &Look) -> Live {
        let around = self.foot.rows.len() + 1;
        let room = size.rows.saturating_sub(around);
        let mut rows = vec![truncate(&self.title, size.columns)];
        if self.text.len() <= room {
            scroll.top.set(0);
            scroll.page.set(self.text.len());
            scroll.last.set(0);
            // A row between them, where there is one to spare.
            let spare = self.text.len() < room && !self.text.is_empty();
            rows.extend_from_slice(self.text);
            rows.extend(spare.then(Row::empty));
        } else {
            rows.extend(window(self.text, room, size.columns, scroll, look));
        }
        let mut live = Live { rows, cursor: None };
        live.append(self.foot);
        // On a screen of a few rows what is at the bottom counts: it is what keys do.
        let above = live.rows.len().saturating_sub(size.rows.max(1));
        live.rows.drain(..above);
        live.cursor = live.cursor.and_then(|(row, column)| Some((row.checked_sub(above)?, column)));
        live
    }
}

/// The rows of `text` that are seen in `room`, and below them which these are.
fn window(text: &[Row], room: usize, width: usize, scroll: &Scroll, look: &Look) -> Vec<Row> {
    let page = room.saturating_sub(1);
    let last = text.len().saturating_sub(page);
    let top = scroll.top.get().min(last);
    scroll.top.set(top);
    scroll.page.set(page);
    scroll.last.set(last);
    let end = (top + page).min(text.len());
    let mut rows = text.get(top..end).unwrap_or_default().to_vec();
    if room > 0 {
        let (below, above) = (text.len() - end, top);
        let said = match (above, below) {
            (_, 0) => format!("{above} rows above (pageup)"),
            (0, 1) => "1 more row (pagedown)".into(),
            (0, _) => format!("{below} more rows (pagedown)"),
            _ => format!("{below} more below (pagedown), {above} above (pageup)"),
        };
        // Not quiet: what is not seen may be what matters.
        rows.push(truncate(&Row::new(&format!("… {said}"), look.style(Role::Warning)), width));
    }
    rows
}

/// A row of several pieces.
pub fn row(look: &Look, pieces: &[(&str, Role)]) -> Row {
    let mut row = Row::empty();
    pieces.iter().for_each(|(text, role)| row.push(look.span(text, *role)));
    row
}

/// `text`, which may have several lines, as rows below each other that begin with `indent` blanks.
pub fn paragraph(text: &str, role: Role, indent: usize, look: &Look) -> Vec<Row> {
    // An indent that leaves next to nothing would make a column of letters.
    let indent = if indent * 2 > look.width { 0 } else { indent };
    let line = |line: &str| wrap(&Row::new(line, look.style(role)), look.width - indent, &Row::empty());
    text.split('\n').flat_map(line).map(|row| behind(look.span(&" ".repeat(indent), Role::Plain), row)).collect()
}

/// `label` and what it is about: beside it where there is room, else below.
pub fn labelled(label: &str, text: &str, role: Role, look: &Look) -> Vec<Row> {
    const LABEL: usize = 11;
    if look.width < 60 {
        let label = Row::new(&format!("  {label}"), look.style(Role::Quiet));
        let mut rows = vec![truncate(&label, look.width)];
        rows.extend(paragraph(text, role, 4, look));
        return rows;
    }
    let beside = Look { width: look.width - LABEL - 2, ..*look };
    let rows = paragraph(text, role, 0, &beside).into_iter().enumerate();
    let label = |index| if index == 0 { format!("  {label:<LABEL$}") } else { " ".repeat(LABEL + 2) };
    rows.map(|(index, row)| behind(look.span(&label(index), Role::Quiet), row)).collect()
}

/// `row` behind `first`; nothing where the row is empty, but a label stays.
fn behind(first: Span, row: Row) -> Row {
    let mut whole = Row::empty();
    if !row.is_empty() || !first.text().trim().is_empty() {
        whole.push(first);
    }
    row.spans.into_iter().for_each(|span| whole.push(span));
    whole
}
