//! What the keys of the composer do to the text, but for those of vi.

use super::{Composer, Pressed, Recall};
use crate::keymap::Action;

impl Composer {
    pub(super) fn edit(&mut self, action: Action) -> Pressed {
        let cursor = self.buffer.cursor();
        match action {
            Action::KillWordBack => return self.cut(self.buffer.word_begin(cursor), cursor, true),
            Action::KillWord => return self.cut(cursor, self.buffer.word_end(cursor), false),
            Action::KillBigWordBack => return self.cut(self.buffer.space_begin(cursor), cursor, true),
            Action::KillToBegin => {
                let begin = self.buffer.line_begin(cursor);
                let begin = if begin == cursor { self.buffer.before(cursor) } else { begin };
                return self.cut(begin, cursor, true);
            }
            Action::KillToEnd => {
                let end = self.buffer.line_end(cursor);
                let end = if end == cursor { self.buffer.after(cursor) } else { end };
                return self.cut(cursor, end, false);
            }
            Action::YankEarlier => return self.yank_earlier(),
            _ => self.kill.pause(),
        }
        match action {
            Action::Newline => self.buffer.replace(cursor..cursor, "\n"),
            Action::DeleteBack => self.buffer.delete(self.buffer.before(cursor)..cursor),
            // The key means something else where nothing is written.
            Action::DeleteForward if self.is_empty() => return Pressed::Ignored,
            Action::DeleteForward => self.buffer.delete(cursor..self.buffer.after(cursor)),
            Action::Yank => return self.yank(),
            Action::Transpose => self.transpose(),
            Action::Undo => {
                self.buffer.undo();
            }
            Action::Redo => {
                self.buffer.redo();
            }
            other => return self.move_by(other),
        }
        Pressed::Edited
    }

    fn move_by(&mut self, action: Action) -> Pressed {
        let (buffer, cursor) = (&self.buffer, self.buffer.cursor());
        let target = match action {
            Action::Left => buffer.before(cursor),
            Action::Right => buffer.after(cursor),
            Action::WordLeft => buffer.word_begin(cursor),
            Action::WordRight => buffer.word_end(cursor),
            Action::LineBegin => buffer.line_begin(cursor),
            Action::LineEnd => buffer.line_end(cursor),
            Action::TextBegin => 0,
            Action::TextEnd => buffer.text().len(),
            _ => return Pressed::Ignored,
        };
        self.buffer.go(target);
        Pressed::Moved
    }

    fn cut(&mut self, begin: usize, end: usize, backwards: bool) -> Pressed {
        if begin < end {
            self.kill.cut(&self.buffer.text()[begin..end], backwards);
            self.buffer.replace(begin..end, "");
        }
        Pressed::Edited
    }

    fn yank(&mut self) -> Pressed {
        if let Some(text) = self.kill.newest().map(str::to_owned) {
            let at = self.buffer.cursor();
            self.buffer.replace(at..at, &text);
            self.kill.inserted(at..at + text.len());
        }
        Pressed::Edited
    }

    fn yank_earlier(&mut self) -> Pressed {
        if let Some((range, text)) = self.kill.earlier() {
            self.buffer.replace(range, &text);
        }
        Pressed::Edited
    }

    /// Exchanges the characters before and behind the cursor; at the end of a line the two before it.
    fn transpose(&mut self) {
        let (buffer, cursor) = (&self.buffer, self.buffer.cursor());
        let at_end = cursor == buffer.line_end(cursor);
        let middle = if at_end { buffer.before(cursor) } else { cursor };
        let begin = buffer.before(middle);
        if middle <= buffer.line_begin(cursor) || begin == middle {
            return;
        }
        let end = buffer.after(middle);
        let text = format!("{}{}", &buffer.text()[middle..end], &buffer.text()[begin..middle]);
        self.buffer.replace(begin..end, &text);
    }

    /// Up a row; in the first row to the history.
    pub(super) fn up(&mut self) -> Pressed {
        self.kill.pause();
        if !self.at_an_edge() && self.move_row(true) {
            return Pressed::Moved;
        }
        let entries = self.history.entries().len();
        match self.recall.at.unwrap_or(entries).checked_sub(1) {
            Some(at) => self.recall(at),
            None => Pressed::Ignored,
        }
    }

    /// Down a row; in the last row to what was written after it.
    pub(super) fn down(&mut self) -> Pressed {
        self.kill.pause();
        if !self.at_an_edge() && self.move_row(false) {
            return Pressed::Moved;
        }
        match self.recall.at {
            Some(at) => self.recall(at + 1),
            None => Pressed::Ignored,
        }
    }

    /// Whether an entry of the history is shown as it is, the cursor at its beginning or end: so that one goes from
    /// entry to entry, however many rows each has.
    fn at_an_edge(&self) -> bool {
        let cursor = self.buffer.cursor();
        let shown = self.recall.at.is_some_and(|_| self.buffer.text() == self.recall.shown);
        shown && (cursor == 0 || cursor == self.buffer.text().len())
    }

    /// Shows an entry of the history; behind the last one, what was written before one went there.
    fn recall(&mut self, at: usize) -> Pressed {
        if self.recall.at.is_none() {
            self.recall.aside = self.buffer.text().to_owned();
        }
        self.column = None;
        match self.history.entries().get(at).cloned() {
            Some(entry) => {
                self.put(entry);
                self.recall.at = Some(at);
                self.recall.shown = self.buffer.text().to_owned();
            }
            None => {
                let aside = std::mem::take(&mut self.recall).aside;
                self.buffer.end_step();
                self.buffer.replace(0..self.buffer.text().len(), &aside);
                self.recall = Recall::default();
            }
        }
        Pressed::Edited
    }

    /// Moves the cursor by a row of the screen. `false`: there is none.
    pub(super) fn move_row(&mut self, up: bool) -> bool {
        let layout = self.layout();
        let (row, column) = layout.place(self.buffer.cursor());
        let column = self.column.unwrap_or(column);
        let target = if up { row.checked_sub(1) } else { Some(row + 1).filter(|row| *row < layout.rows().len()) };
        let Some(target) = target else { return false };
        let offset = layout.offset(target, column);
        self.buffer.go(offset);
        self.column = Some(column);
        true
    }
}
