//! What commands of vi change.

use std::ops::Range;

use super::{super::Composer, Mode, Vim, motion::first};
use crate::keymap::Action;

/// What a count may make of an insertion, in bytes.
const LONGEST: usize = 100_000;

impl Composer {
    /// `d`, `c`, `y`: of the selection, of lines when pressed twice, or of what the next motion goes over.
    pub(super) fn operator(&mut self, action: Action) {
        let Some(vim) = &mut self.vim else { return };
        if vim.selects() {
            let lines = vim.mode == Mode::VisualLine;
            vim.operator = Some((action, 1));
            let range = self.selection();
            return self.operate(range, lines);
        }
        match vim.operator {
            None => vim.operator = Some((action, vim.count.take().unwrap_or(1))),
            Some((waiting, _)) if waiting == action => {
                let range = self.lines(vim_times(&self.vim));
                self.operate(range, true);
            }
            Some(_) => {
                vim.forget();
            }
        }
    }

    /// From the cursor's line so many lines, without the last line break.
    fn lines(&self, times: usize) -> Range<usize> {
        let begin = self.buffer.line_begin(self.buffer.cursor());
        let mut end = self.buffer.line_end(begin);
        for _ in 1..times {
            if end == self.buffer.text().len() {
                break;
            }
            end = self.buffer.line_end(end + 1);
        }
        begin..end
    }

    /// Lets the operator that waits take a range.
    pub(super) fn operate(&mut self, range: Range<usize>, lines: bool) {
        let Some(vim) = &mut self.vim else { return };
        let operator = vim.operator.map(|(operator, _)| operator);
        vim.forget();
        if vim.selects() {
            vim.mode = Mode::Normal;
        }
        match operator {
            Some(Action::Delete) => self.delete(range, lines),
            Some(Action::Change) => self.change(range, lines),
            Some(Action::Copy) => {
                let begin = if lines { self.buffer.cursor().min(range.start) } else { range.start };
                self.hold(range, lines);
                self.buffer.go(begin);
            }
            _ => {}
        }
    }

    /// Remembers a range, to be put elsewhere.
    fn hold(&mut self, range: Range<usize>, lines: bool) {
        if range.is_empty() && !lines {
            return;
        }
        let text = &self.buffer.text()[range];
        let text = if lines { format!("{text}\n") } else { text.to_owned() };
        self.kill.hold(text);
        if let Some(vim) = &mut self.vim {
            vim.lines = lines;
        }
    }

    fn delete(&mut self, range: Range<usize>, lines: bool) {
        self.hold(range.clone(), lines);
        if !lines {
            return self.buffer.replace(range, "");
        }
        // With the line break behind them, or with the one before the last lines.
        let whole = if range.end < self.buffer.text().len() {
            range.start..range.end + 1
        } else {
            range.start.saturating_sub(1)..range.end
        };
        self.buffer.replace(whole, "");
        let at = first(&self.buffer, self.buffer.cursor());
        self.buffer.go(at);
    }

    fn change(&mut self, range: Range<usize>, lines: bool) {
        self.hold(range.clone(), lines);
        self.insert_here();
        self.buffer.replace(range.clone(), "");
        self.buffer.go(range.start);
    }

    /// Inserts from here on; all of it is undone at once.
    fn insert_here(&mut self) {
        self.buffer.begin_step();
        if let Some(vim) = &mut self.vim {
            vim.forget();
            vim.mode = Mode::Insert;
        }
    }

    /// Commands that wait for nothing. `false`: it is none.
    pub(super) fn vim_edit(&mut self, action: Action) -> bool {
        let Some(vim) = &self.vim else { return false };
        let (times, selects) = (vim.times(), vim.selects());
        let cursor = self.buffer.cursor();
        let (begin, end) = (self.buffer.line_begin(cursor), self.buffer.line_end(cursor));
        match action {
            Action::Undo => while_it_can(times, || self.buffer.undo()),
            Action::Redo => while_it_can(times, || self.buffer.redo()),
            Action::HistorySearch => {
                self.begin_search();
            }
            Action::Visual | Action::VisualLine => self.select(action),
            Action::OpenBelow if selects => self.other_end(),
            Action::DeleteForward | Action::DeleteBack if selects => self.operator(Action::Delete),
            Action::Substitute | Action::SubstituteLine if selects => self.operator(Action::Change),
            Action::PutAfter | Action::PutBefore if selects => self.put_over(),
            Action::DeleteForward => self.delete(cursor..self.characters(cursor, end, times), false),
            Action::DeleteBack => {
                let from = (0..times).fold(cursor, |at, _| if at > begin { self.buffer.before(at) } else { at });
                self.delete(from..cursor, false);
            }
            Action::KillToEnd => self.delete(cursor..end, false),
            Action::ChangeToEnd => self.change(cursor..end, false),
            Action::CopyLine => self.hold(self.lines(times), true),
            Action::Substitute => self.change(cursor..self.characters(cursor, end, times), false),
            Action::SubstituteLine => self.change(self.lines(times), true),
            Action::SwapCase => self.swap_case(times),
            Action::Join => self.join(times),
            Action::PutAfter | Action::PutBefore => self.put_held(action == Action::PutBefore, times),
            other => return self.begin_insert(other, begin, end),
        }
        self.forget_count();
        true
    }

    /// The place so many characters behind `at`, in its line.
    fn characters(&self, at: usize, end: usize, times: usize) -> usize {
        (0..times).fold(at, |at, _| if at < end { self.buffer.after(at) } else { at })
    }

    fn begin_insert(&mut self, action: Action, begin: usize, end: usize) -> bool {
        let cursor = self.buffer.cursor();
        let at = match action {
            Action::Insert => cursor,
            Action::InsertFirst => first(&self.buffer, cursor),
            Action::Append => self.characters(cursor, end, 1),
            Action::AppendEnd | Action::OpenBelow => end,
            Action::OpenAbove => begin,
            _ => return false,
        };
        self.buffer.go(at);
        self.insert_here();
        if matches!(action, Action::OpenBelow | Action::OpenAbove) {
            self.buffer.replace(at..at, "\n");
            self.buffer.go(if action == Action::OpenBelow { at + 1 } else { at });
        }
        true
    }

    fn select(&mut self, action: Action) {
        let cursor = self.buffer.cursor();
        let Some(vim) = &mut self.vim else { return };
        let mode = if action == Action::Visual { Mode::Visual } else { Mode::VisualLine };
        if !vim.selects() {
            vim.anchor = cursor;
        }
        vim.mode = if vim.mode == mode { Mode::Normal } else { mode };
    }

    fn other_end(&mut self) {
        let Some(vim) = &mut self.vim else { return };
        let cursor = self.buffer.cursor();
        self.buffer.go(vim.anchor);
        vim.anchor = cursor;
    }

    /// `r`: of the selection, or of so many characters, if the line has them.
    pub(super) fn replace_characters(&mut self, typed: char) {
        let Some(vim) = &mut self.vim else { return };
        let (times, selects) = (vim.times(), vim.selects());
        let cursor = self.buffer.cursor();
        let range = if selects {
            self.selection()
        } else {
            cursor..self.characters(cursor, self.buffer.line_end(cursor), times)
        };
        let text = &self.buffer.text()[range.clone()];
        let count = crate::text::graphemes(text).count();
        if selects || count == times {
            let each = crate::text::graphemes(text).map(|(it, _)| if it == "\n" { '\n' } else { typed });
            let text: String = each.collect();
            self.buffer.replace(range.clone(), &text);
            let last = self.buffer.before(range.start + text.len());
            self.buffer.go(if selects { range.start } else { last });
        }
        self.end_selection();
    }

    fn end_selection(&mut self) {
        if let Some(vim) = &mut self.vim {
            vim.forget();
            vim.mode = Mode::Normal;
        }
    }

    fn swap_case(&mut self, times: usize) {
        let cursor = self.buffer.cursor();
        let selects = self.vim.as_ref().is_some_and(Vim::selects);
        let range = if selects {
            self.selection()
        } else {
            cursor..self.characters(cursor, self.buffer.line_end(cursor), times)
        };
        let swap = |c: char| -> String {
            if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() }
        };
        let text: String = self.buffer.text()[range.clone()].chars().map(swap).collect();
        self.buffer.replace(range.clone(), &text);
        if selects {
            self.buffer.go(range.start);
            self.end_selection();
        }
    }

    /// Joins the next line to this one, with one space between; a number says how many lines.
    fn join(&mut self, times: usize) {
        self.buffer.begin_step();
        let selection = self.selection();
        let selected = self.buffer.text()[selection.clone()].matches('\n').count();
        self.buffer.go(selection.start);
        for _ in 0..selected.max(times.saturating_sub(1)).max(1) {
            let end = self.buffer.line_end(self.buffer.cursor());
            let rest = &self.buffer.text()[end..];
            let Some(next) = rest.strip_prefix('\n') else { break };
            let spaces = next.len() - next.trim_start_matches([' ', '\t']).len();
            self.buffer.replace(end..end + 1 + spaces, " ");
            self.buffer.go(end);
        }
        self.buffer.end_step();
        if self.vim.as_ref().is_some_and(Vim::selects) {
            self.end_selection();
        }
    }

    /// `p`, `P`.
    fn put_held(&mut self, before: bool, times: usize) {
        let Some(text) = self.kill.newest().map(str::to_owned).filter(|text| !text.is_empty()) else { return };
        let lines = self.vim.as_ref().is_some_and(|vim| vim.lines) && text.ends_with('\n');
        let text = text.repeat(times.min(LONGEST / text.len()).max(1));
        let cursor = self.buffer.cursor();
        let end = self.buffer.line_end(cursor);
        if lines {
            let (at, text) = if before {
                (self.buffer.line_begin(cursor), text)
            } else {
                (end, format!("\n{}", text.trim_end_matches('\n')))
            };
            self.buffer.replace(at..at, &text);
            let begin = if before { at } else { at + 1 };
            return self.buffer.go(first(&self.buffer, begin));
        }
        let at = if before { cursor } else { self.characters(cursor, end, 1) };
        self.buffer.replace(at..at, &text);
        self.buffer.go(self.buffer.before(at + text.len()));
    }

    /// Puts what was deleted in place of the selection.
    fn put_over(&mut self) {
        let Some(text) = self.kill.newest().map(str::to_owned) else { return };
        let range = self.selection();
        let replaced = self.buffer.text()[range.clone()].to_owned();
        self.buffer.replace(range.clone(), text.trim_end_matches('\n'));
        self.buffer.go(range.start);
        self.kill.hold(replaced);
        if let Some(vim) = &mut self.vim {
            vim.lines = false;
        }
        self.end_selection();
    }
}

fn while_it_can(times: usize, mut step: impl FnMut() -> bool) {
    let _ = (0..times).all(|_| step());
}

fn vim_times(vim: &Option<Vim>) -> usize {
    vim.as_ref().map_or(1, Vim::times)
}
