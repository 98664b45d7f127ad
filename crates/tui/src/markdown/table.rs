//! Tables: columns as wide as they need to be, cells wrapped where there is no room for that.

use pulldown_cmark::{Alignment, Event, Tag};

use super::{Parsed, blocks::Place, end_of, inline};
use crate::{
    look::Look,
    text::{Row, Style, wrap},
    theme::Role,
};

/// Columns between two cells.
const BETWEEN: usize = 3;

/// A column is not made narrower than this.
const NARROWEST: usize = 5;

/// A table that was read.
#[derive(Debug)]
pub struct Table {
    alignments: Vec<Alignment>,
    head: Vec<Row>,
    body: Vec<Vec<Row>>,
}

impl Table {
    /// Of the events between its start and its end.
    pub fn new(events: &[Parsed<'_>], alignments: &[Alignment], place: Place<'_>) -> Self {
        let mut table = Self { alignments: alignments.to_vec(), head: Vec::new(), body: Vec::new() };
        let mut at = 0;
        while at < events.len() {
            let end = end_of(events, at) + 1;
            let inner = &events[at + 1..end.max(at + 2) - 1];
            match &events[at].0 {
                Event::Start(Tag::TableHead) => table.head = cells(inner, place.base.bold(), place.look),
                Event::Start(Tag::TableRow) => table.body.push(cells(inner, place.base, place.look)),
                _ => {}
            }
            at = end;
        }
        table
    }

    /// How wide each column is in `width`, if they all find room.
    pub fn widths(&self, width: usize) -> Option<Vec<usize>> {
        let columns = self.head.len();
        let room = width.checked_sub(BETWEEN * columns.saturating_sub(1))?;
        if columns == 0 || room < columns * NARROWEST {
            return None;
        }
        let wanted = |column: usize| {
            let cells = std::iter::once(&self.head).chain(&self.body).filter_map(|row| row.get(column));
            cells.map(Row::width).max().unwrap_or(0).max(1)
        };
        Some(shared((0..columns).map(wanted).collect(), room))
    }

    /// Its rows, in columns of `widths`; of their own without.
    pub fn rows(&self, widths: Option<&[usize]>, look: &Look) -> Vec<Row> {
        let own = if widths.is_none() { self.widths(look.width) } else { None };
        let Some(widths) = widths.or(own.as_deref()) else { return self.records(look) };
        let quiet = look.style(Role::Quiet);
        let mut rows = self.row(&self.head, widths, look);
        let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        rows.push(Row::new(&rule.join("─┼─"), quiet));
        rows.extend(self.body.iter().flat_map(|cells| self.row(cells, widths, look)));
        rows
    }

    fn row(&self, cells: &[Row], widths: &[usize], look: &Look) -> Vec<Row> {
        let wrapped: Vec<Vec<Row>> = widths
            .iter()
            .enumerate()
            .map(|(at, width)| cells.get(at).map_or(Vec::new(), |cell| wrap(cell, *width, &Row::empty())))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0).max(1);
        (0..height).map(|line| self.line(&wrapped, line, widths, look)).collect()
    }

    fn line(&self, cells: &[Vec<Row>], line: usize, widths: &[usize], look: &Look) -> Row {
        let mut row = Row::empty();
        for (column, width) in widths.iter().enumerate() {
            let last = column + 1 == widths.len();
            let empty = Row::empty();
            let cell = cells[column].get(line).unwrap_or(&empty);
            let blank = width.saturating_sub(cell.width());
            let before = match self.alignments.get(column) {
                Some(Alignment::Right) => blank,
                Some(Alignment::Center) => blank / 2,
                _ => 0,
            };
            row.push(look.span(&" ".repeat(if cell.is_empty() { 0 } else { before }), Role::Plain));
            row.spans.extend(cell.spans.iter().cloned());
            if !last {
                let after = if cell.is_empty() { blank } else { blank - before };
                row.push(look.span(&" ".repeat(after), Role::Plain));
                row.push(look.span(" │ ", Role::Quiet));
            }
        }
        without_blanks_at_end(row)
    }

    /// Cell by cell, where the columns find no room beside each other.
    fn records(&self, look: &Look) -> Vec<Row> {
        let mut rows = Vec::new();
        for (at, cells) in self.body.iter().enumerate() {
            if at > 0 {
                rows.push(Row::new("───", look.style(Role::Quiet)));
            }
            for (column, cell) in cells.iter().enumerate() {
                let mut row = self.head.get(column).cloned().unwrap_or_default().with(": ", Style::plain());
                row.spans.extend(cell.spans.iter().cloned());
                rows.extend(wrap(&row, look.width, &Row::plain("  ")));
            }
        }
        if self.body.is_empty() {
            rows.extend(self.head.iter().flat_map(|cell| wrap(cell, look.width, &Row::empty())));
        }
        rows
    }
}

fn without_blanks_at_end(mut row: Row) -> Row {
    while let Some(last) = row.spans.last() {
        let kept = last.text().trim_end_matches(' ');
        if kept.len() == last.text().len() {
            break;
        }
        let style = last.style;
        let kept = crate::text::Span::new(kept, style);
        row.spans.pop();
        row.push(kept);
    }
    row
}

fn cells(events: &[Parsed<'_>], base: Style, look: &Look) -> Vec<Row> {
    let mut cells = Vec::new();
    let mut at = 0;
    while at < events.len() {
        let end = end_of(events, at) + 1;
        let mut cell = Row::empty();
        for line in inline::lines(&events[at + 1..end.max(at + 2) - 1], base, look) {
            if !cell.is_empty() {
                cell.push(look.span(" ", Role::Plain));
            }
            cell.spans.extend(line.spans);
        }
        cells.push(cell);
        at = end;
    }
    cells
}

/// Columns of a table whose columns are so wide.
pub fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + BETWEEN * widths.len().saturating_sub(1)
}

/// `room` shared out: who wants no more than an even share of what is left gets all of it.
fn shared(wanted: Vec<usize>, room: usize) -> Vec<usize> {
    let mut widths = vec![0; wanted.len()];
    let mut left = room;
    let mut open: Vec<usize> = (0..wanted.len()).collect();
    while !open.is_empty() {
        let share = left / open.len();
        let (small, large): (Vec<usize>, Vec<usize>) = open.iter().partition(|at| wanted[**at] <= share);
        if small.is_empty() {
            let over = left % open.len();
            open.iter().enumerate().for_each(|(place, at)| widths[*at] = (share + usize::from(place < over)).max(1));
            break;
        }
        for at in small {
            widths[at] = wanted[at];
            left -= wanted[at];
        }
        open = large;
    }
    widths
}
