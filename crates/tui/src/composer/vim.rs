//! The keys of vi: modes, counts, operators that wait for a motion. What a key means comes from the table of keys.

mod motion;
mod object;
mod operate;

use std::ops::Range;

use super::{Composer, Pressed};
use crate::{
    key::Key,
    keymap::{Action, Context, Keymap},
};
use motion::Motion;

/// A higher number before a command counts as this.
const MOST: usize = 10_000;

/// The state of the keys of vi.
#[derive(Debug, Default)]
pub struct Vim {
    mode: Mode,
    /// Typed before a command.
    count: Option<usize>,
    /// What waits for a motion, with its count.
    operator: Option<(Action, usize)>,
    waits: Waits,
    /// The last search in a line.
    found: Option<Find>,
    /// Where a selection began.
    anchor: usize,
    /// Whether whole lines were deleted or copied last.
    lines: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Insert,
    Normal,
    Visual,
    VisualLine,
}

/// What the next key is part of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Waits {
    #[default]
    Nothing,
    /// `g`.
    Go,
    /// `f`, `F`, `t`, `T`.
    Find(Action),
    /// `r`.
    Replace,
    /// `i`, `a`: whether what stands around it is taken too.
    Object(bool),
}

/// A search for a character in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Find {
    how: Action,
    character: char,
}

impl Vim {
    pub fn mode(&self) -> &'static str {
        match self.mode {
            Mode::Insert => "INSERT",
            Mode::Normal => "NORMAL",
            Mode::Visual => "VISUAL",
            Mode::VisualLine => "VISUAL LINE",
        }
    }

    /// Whether letters are commands.
    pub fn commands(&self) -> bool {
        self.mode != Mode::Insert
    }

    fn selects(&self) -> bool {
        matches!(self.mode, Mode::Visual | Mode::VisualLine)
    }

    /// Forgets what was begun; whether something was.
    fn forget(&mut self) -> bool {
        let begun = self.count.is_some() || self.operator.is_some() || self.waits != Waits::Nothing;
        (self.count, self.operator, self.waits) = (None, None, Waits::Nothing);
        begun
    }

    /// How often a command is done.
    fn times(&self) -> usize {
        let before = self.operator.map_or(1, |(_, count)| count);
        (self.count.unwrap_or(1) * before).clamp(1, MOST)
    }
}

impl Composer {
    /// Begins a text: in insert mode, with nothing begun.
    pub(super) fn begin_vim(&mut self) {
        if let Some(vim) = &mut self.vim {
            vim.forget();
            vim.mode = Mode::Insert;
        }
    }

    /// What is selected.
    pub(super) fn selection(&self) -> Range<usize> {
        let cursor = self.buffer.cursor();
        let Some(vim) = self.vim.as_ref().filter(|vim| vim.selects()) else { return cursor..cursor };
        let anchor = self.buffer.boundary(vim.anchor);
        let (begin, end) = (anchor.min(cursor), anchor.max(cursor));
        match vim.mode {
            Mode::VisualLine => self.buffer.line_begin(begin)..self.buffer.line_end(end),
            _ => begin..self.buffer.after(end),
        }
    }

    /// A key in insert mode. `None`: it means what it always does.
    pub(super) fn vim_insert_key(&mut self, key: Key, keymap: &Keymap) -> Option<Pressed> {
        let leaves = keymap.action(Context::VimNormal, key) == Some(Action::Escape) && key.typed().is_none();
        leaves.then(|| {
            self.buffer.end_step();
            self.leave_insert();
            Pressed::Moved
        })
    }

    fn leave_insert(&mut self) {
        let cursor = self.buffer.cursor();
        if cursor > self.buffer.line_begin(cursor) {
            self.buffer.go(self.buffer.before(cursor));
        }
        self.set_mode(Mode::Normal);
    }

    fn set_mode(&mut self, mode: Mode) {
        if let Some(vim) = &mut self.vim {
            vim.mode = mode;
        }
    }

    /// A key where letters are commands.
    pub(super) fn vim_key(&mut self, key: Key, keymap: &Keymap) -> Pressed {
        let version = self.buffer.version();
        let understood = self.vim_command(key, keymap);
        self.settle();
        match understood {
            false => Pressed::Ignored,
            true if self.buffer.version() == version => Pressed::Moved,
            true => Pressed::Edited,
        }
    }

    /// The cursor stands on a character, not behind the last one of a line.
    fn settle(&mut self) {
        if !self.vim.as_ref().is_some_and(|vim| vim.mode == Mode::Normal) {
            return;
        }
        let cursor = self.buffer.cursor();
        if cursor == self.buffer.line_end(cursor) && cursor > self.buffer.line_begin(cursor) {
            let column = self.column;
            self.buffer.go(self.buffer.before(cursor));
            self.column = column;
        }
    }

    /// Does what a key says. `false`: it means nothing here.
    fn vim_command(&mut self, key: Key, keymap: &Keymap) -> bool {
        let Some(vim) = &mut self.vim else { return false };
        let waits = std::mem::take(&mut vim.waits);
        let action = keymap.action(Context::VimNormal, key);
        if action == Some(Action::Escape) {
            return self.escape(waits);
        }
        if waits != Waits::Nothing {
            match key.typed() {
                Some(typed) => self.waited_for(waits, typed, action),
                None => {
                    vim.forget();
                }
            }
            return true;
        }
        if let Some(digit) = key.typed().and_then(|c| c.to_digit(10)).filter(|digit| *digit > 0 || vim.count.is_some())
        {
            vim.count = Some((vim.count.unwrap_or(0) * 10 + digit as usize).min(MOST));
            return true;
        }
        match action {
            Some(action) => self.vim_action(action),
            None if key.typed().is_some() => {
                vim.forget();
                true
            }
            // Keys that are no letters mean what they do while one inserts.
            None => {
                vim.forget();
                let action = keymap.action(Context::Composer, key);
                action.is_some_and(|action| self.act(action) != Pressed::Ignored)
            }
        }
    }

    /// `false`: there is nothing to leave.
    fn escape(&mut self, waits: Waits) -> bool {
        let Some(vim) = &mut self.vim else { return false };
        let begun = vim.forget() || waits != Waits::Nothing;
        if vim.selects() {
            vim.mode = Mode::Normal;
            return true;
        }
        begun
    }

    /// The key that a command waited for.
    fn waited_for(&mut self, waits: Waits, typed: char, action: Option<Action>) {
        let Some(vim) = &mut self.vim else { return };
        match waits {
            Waits::Go if action == Some(Action::Go) => self.go_by(Action::TextBegin),
            Waits::Find(how) => {
                vim.found = Some(Find { how, character: typed });
                self.go_by(how);
            }
            Waits::Replace => self.replace_characters(typed),
            Waits::Object(around) => {
                match object::object(&self.buffer, self.buffer.cursor(), around, typed) {
                    Some(range) if vim.selects() => {
                        vim.anchor = range.start;
                        self.buffer.go(self.buffer.before(range.end).max(range.start));
                    }
                    Some(range) => self.operate(range, false),
                    None => {}
                }
                self.forget_count();
            }
            Waits::Go | Waits::Nothing => {
                vim.forget();
            }
        }
    }

    fn forget_count(&mut self) {
        if let Some(vim) = &mut self.vim {
            vim.forget();
        }
    }

    fn vim_action(&mut self, action: Action) -> bool {
        let Some(vim) = &mut self.vim else { return false };
        let objects = vim.operator.is_some() || vim.selects();
        match action {
            Action::Go => vim.waits = Waits::Go,
            Action::Find | Action::FindBack | Action::Till | Action::TillBack => vim.waits = Waits::Find(action),
            Action::Replace if !vim.selects() && vim.operator.is_some() => {
                vim.forget();
            }
            Action::Replace => vim.waits = Waits::Replace,
            Action::Insert if objects => vim.waits = Waits::Object(false),
            Action::Append if objects => vim.waits = Waits::Object(true),
            Action::Delete | Action::Change | Action::Copy => self.operator(action),
            Action::Up | Action::Down if vim.operator.is_none() => return self.go_rows(action),
            _ if Motion::of(action).is_some() || matches!(action, Action::FindAgain | Action::FindReverse) => {
                self.go_by(action);
            }
            // An operator waits for a motion, and this is none.
            _ if vim.operator.is_some() => {
                vim.forget();
            }
            _ => return self.vim_edit(action),
        }
        true
    }

    /// Goes by rows of the screen, and from there into the history.
    fn go_rows(&mut self, action: Action) -> bool {
        let times = self.vim.as_ref().map_or(1, Vim::times);
        self.forget_count();
        let selects = self.vim.as_ref().is_some_and(Vim::selects);
        let mut gone = false;
        for _ in 0..times {
            let up = action == Action::Up;
            let pressed = match (selects, up) {
                // A selection is of this text.
                (true, _) => self.move_row(up),
                (false, true) => self.up() != Pressed::Ignored,
                (false, false) => self.down() != Pressed::Ignored,
            };
            if !pressed {
                break;
            }
            gone = true;
        }
        gone
    }

    /// Goes where a motion leads, or lets the operator that waits for it do its work.
    fn go_by(&mut self, action: Action) {
        let Some(vim) = &self.vim else { return };
        let (operator, found) = (vim.operator.map(|(operator, _)| operator), vim.found);
        let count = vim.count.or(vim.operator.map(|(_, count)| count).filter(|count| *count > 1));
        let times = vim.times();
        let motion = match action {
            Action::FindAgain => found.map(|find| Motion::Find(find.how, find.character, true)),
            Action::FindReverse => found.map(|find| Motion::Find(reverse(find.how), find.character, true)),
            Action::Find | Action::FindBack | Action::Till | Action::TillBack => {
                found.map(|find| Motion::Find(find.how, find.character, false))
            }
            other => Motion::of(other),
        };
        let target = motion.and_then(|motion| {
            let whole = count.filter(|_| matches!(action, Action::TextBegin | Action::TextEnd));
            motion::target(&self.buffer, motion, times, whole, operator)
        });
        match (target, operator) {
            (Some(target), Some(_)) => {
                let (range, lines) = target.range(&self.buffer);
                self.operate(range, lines);
            }
            (Some(target), None) => {
                self.column = None;
                self.buffer.go(target.offset);
            }
            (None, _) => {}
        }
        self.forget_count();
    }
}

fn reverse(how: Action) -> Action {
    match how {
        Action::Find => Action::FindBack,
        Action::FindBack => Action::Find,
        Action::Till => Action::TillBack,
        _ => Action::Till,
    }
}
