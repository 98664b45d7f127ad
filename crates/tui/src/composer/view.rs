//! How the composer is drawn: a mark, the rows around the cursor, the line of a search.

use super::{Composer, layout::Layout};
use crate::{
    look::Look,
    text::{Live, Row, Span, truncate},
    theme::Role,
};

const MARK: &str = "› ";
const INDENT: &str = "  ";
const PLACEHOLDER: &str = "Ask, or /help";

/// How the composer was drawn last.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Columns of the text.
    width: usize,
    /// The first row that is seen.
    top: usize,
}

impl Default for View {
    fn default() -> Self {
        Self { width: 80, top: 0 }
    }
}

impl Composer {
    /// Rows to draw, at most `max_rows`: those around the cursor.
    pub fn live(&self, look: &Look, max_rows: usize) -> Live {
        let columns = look.width.max(1);
        let mark = if columns > 6 { MARK } else { "" };
        let indent = mark.chars().count();
        // The cursor has a column of its own behind the last character.
        let width = columns.saturating_sub(indent + 1).max(1);
        let line = self.search_line(look);
        let room = max_rows.saturating_sub(usize::from(line.is_some())).max(1);
        let mut view = self.view.get();
        view.width = width;
        self.view.set(view);
        let layout = self.layout();
        let (row, column) = layout.place(self.buffer.cursor());
        view.top = view.top.clamp((row + 1).saturating_sub(room), row);
        view.top = view.top.min(layout.rows().len().saturating_sub(room));
        self.view.set(view);
        let rows = (view.top..layout.rows().len()).take(room);
        let rows = rows.map(|at| self.row(look, &layout, at, mark)).collect();
        let mut live = Live { rows, cursor: Some((row - view.top, (column + indent).min(columns - 1))) };
        if let Some(line) = line {
            let cursor = (live.rows.len(), line.width().min(columns - 1));
            live.rows.push(truncate(&line, columns));
            live.cursor = Some(cursor);
        }
        live
    }

    pub(super) fn layout(&self) -> Layout<'_> {
        Layout::new(self.buffer.text(), &self.inserts, self.view.get().width)
    }

    fn row(&self, look: &Look, layout: &Layout, at: usize, mark: &str) -> Row {
        let mut row = Row::empty();
        let text = if self.is_empty() && self.search.is_none() {
            truncate(&Row::new(PLACEHOLDER, look.style(Role::Quiet)), self.view.get().width)
        } else {
            layout.draw(at, look.style(Role::Plain), &self.selection(), look.style(Role::Selected))
        };
        match (at, mark.is_empty()) {
            (_, true) => {}
            (0, _) => row.push(look.span(mark, Role::Mark)),
            _ if text.is_empty() => {}
            _ => row.push(look.span(INDENT, Role::Plain)),
        }
        row.spans.extend(text.spans);
        row
    }

    /// What is looked for in the history.
    fn search_line(&self, look: &Look) -> Option<Row> {
        let search = self.search.as_ref()?;
        let mut line = Row::empty();
        let (text, role) =
            if search.failed { ("not in the history: ", Role::Warning) } else { ("history: ", Role::Quiet) };
        line.push(look.span(text, role));
        line.push(Span::new(&search.query, look.style(Role::Strong)));
        Some(line)
    }
}
