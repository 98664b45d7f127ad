//! The text that a person writes: editing, history, pastes and pictures. It knows no protocol.

mod buffer;
mod edit;
mod history;
mod inserts;
mod kill;
mod layout;
mod paste;
mod saved;
mod search;
mod token;
mod view;
mod vim;

use std::cell::Cell;

use crate::{
    intent::Draft,
    key::Key,
    keymap::{Action, Context, Keymap},
};

use buffer::Buffer;
use inserts::{Insert, Inserts, picture_label, stands_for};
use kill::KillRing;
use search::Search;
use view::View;
use vim::Vim;

pub use history::History;
pub use saved::{forget, load, save};
pub use token::Token;

/// A longer text is not put into the composer as it is.
const LONGEST: usize = 100_000;

/// The text that a person writes.
#[derive(Debug, Default)]
pub struct Composer {
    buffer: Buffer,
    inserts: Inserts,
    kill: KillRing,
    history: History,
    recall: Recall,
    /// Of the history, while it goes on.
    search: Option<Search>,
    /// How it was drawn last: rows are those that are seen.
    view: Cell<View>,
    /// The keys of vi, if they are wanted.
    vim: Option<Vim>,
    /// The column that going up and down keeps to.
    column: Option<usize>,
}

/// Where one is in the history.
#[derive(Debug, Default)]
struct Recall {
    /// The entry that is shown.
    at: Option<usize>,
    /// It as it was put into the composer.
    shown: String,
    /// What was written before one went there.
    aside: String,
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// The text is another.
    Edited,
    /// The text is the same; the cursor, a mode or a search is not.
    Moved,
    /// It means nothing here.
    Ignored,
}

impl Composer {
    /// Nothing is written.
    pub fn new(history: History) -> Self {
        Self { history, ..Self::default() }
    }

    /// Takes a key.
    pub fn press(&mut self, key: Key, keymap: &Keymap) -> Pressed {
        if self.search.is_some()
            && let Some(pressed) = self.search_key(key, keymap)
        {
            return pressed;
        }
        match &self.vim {
            Some(vim) if vim.commands() => {
                self.kill.pause();
                return self.vim_key(key, keymap);
            }
            Some(_) => {
                if let Some(pressed) = self.vim_insert_key(key, keymap) {
                    return pressed;
                }
            }
            None => {}
        }
        match (keymap.action(Context::Composer, key), key.typed()) {
            (Some(action), _) => self.act(action),
            (None, Some(typed)) => {
                self.pause();
                self.buffer.type_in(typed.encode_utf8(&mut [0; 4]));
                Pressed::Edited
            }
            (None, None) => Pressed::Ignored,
        }
    }

    /// Takes what was pasted, or dropped on the terminal.
    pub fn paste(&mut self, text: &str) {
        self.end_search();
        self.pause();
        let insert = match paste::picture(text) {
            Some(path) => Some(Insert::Picture(path.into())),
            None if paste::is_long(text) => Some(Insert::pasted(&paste::with_line_breaks(text))),
            None => None,
        };
        let text = match insert.and_then(|insert| self.inserts.hold(insert)) {
            Some(held) => held.into(),
            None => clean(&paste::with_line_breaks(text)),
        };
        let at = self.buffer.cursor();
        self.buffer.replace(at..at, &text);
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// What is written, as it is shown.
    pub fn text(&self) -> String {
        let pieces = self.inserts.shown(self.buffer.text());
        pieces.into_iter().map(|(piece, label)| label.unwrap_or_else(|| piece.to_owned())).collect()
    }

    /// What is written, with pastes at full length. It goes into the history, and the composer is empty.
    pub fn take(&mut self) -> Draft {
        self.end_search();
        let draft = self.draft();
        self.history.add(&draft);
        self.pause();
        self.recall = Recall::default();
        self.buffer.reset();
        self.begin_vim();
        self.inserts.keep_those_in(self.kill.texts());
        draft
    }

    /// What is written, with pastes at full length.
    pub fn draft(&self) -> Draft {
        let text = self.buffer.text();
        let mut draft = Draft { text: String::with_capacity(text.len()), pictures: Vec::new() };
        let mut begin = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| stands_for(*c)) {
            draft.text.push_str(&text[begin..at]);
            begin = at + c.len_utf8();
            match self.inserts.get(c) {
                Some(Insert::Pasted { text, .. }) => draft.text.push_str(text),
                Some(Insert::Picture(path)) => {
                    draft.pictures.push(path.to_string());
                    draft.text.push_str(&picture_label(draft.pictures.len(), path));
                }
                None => {}
            }
        }
        draft.text.push_str(&text[begin..]);
        draft
    }

    /// Puts `draft` in place of what is written, which can be had back by undoing.
    pub fn set(&mut self, draft: Draft) {
        self.end_search();
        self.pause();
        self.recall = Recall::default();
        self.begin_vim();
        self.put(draft);
    }

    /// What is being written at the cursor, if it can be completed.
    pub fn token(&self) -> Option<Token> {
        if self.search.is_some() {
            return None;
        }
        token::token(self.buffer.text(), self.buffer.cursor()).map(|(token, _)| token)
    }

    /// Puts `with` in place of what can be completed, its `/` or `@` included.
    pub fn replace_token(&mut self, with: &str) {
        if let Some((_, range)) = token::token(self.buffer.text(), self.buffer.cursor()) {
            self.pause();
            self.buffer.replace(range, &clean(with));
        }
    }

    /// Turns the keys of vi on or off.
    pub fn set_vim(&mut self, on: bool) {
        if on != self.vim.is_some() {
            self.vim = on.then(Vim::default);
        }
    }

    /// The mode, under the keys of vi.
    pub fn mode(&self) -> Option<&str> {
        self.vim.as_ref().map(Vim::mode)
    }

    /// Whether what is typed searches the history.
    pub fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    /// Puts `draft` in place of what is written.
    fn put(&mut self, draft: Draft) {
        let text = self.held(draft);
        self.buffer.end_step();
        self.buffer.replace(0..self.buffer.text().len(), &text);
    }

    /// The text for the buffer, with characters that stand for pictures, and for a text that is much too long.
    fn held(&mut self, draft: Draft) -> String {
        let Draft { text, pictures } = draft;
        let is_long = text.len() > LONGEST;
        let long = is_long.then(|| self.inserts.hold(Insert::pasted(&text))).flatten();
        let mut rest = long.map_or_else(|| clean(&paste::with_line_breaks(&text)), String::from);
        let mut held = String::with_capacity(rest.len());
        for (number, path) in pictures.into_iter().enumerate() {
            let label = picture_label(number + 1, &path);
            let Some(stand_in) = self.inserts.hold(Insert::Picture(path.into())) else { break };
            match rest.find(&label) {
                Some(at) => {
                    held.push_str(&rest[..at]);
                    rest.drain(..at + label.len());
                }
                None => held.push_str(&std::mem::take(&mut rest)),
            }
            held.push(stand_in);
        }
        held + &rest
    }

    /// A key that is not one of a series: what is cut next is cut by itself, and going up begins at the cursor.
    fn pause(&mut self) {
        self.kill.pause();
        self.column = None;
    }

    fn act(&mut self, action: Action) -> Pressed {
        match action {
            Action::Up => return self.up(),
            Action::Down => return self.down(),
            Action::HistorySearch => return self.begin_search(),
            _ => self.column = None,
        }
        self.edit(action)
    }
}

/// `text` without characters that would stand for something else.
fn clean(text: &str) -> String {
    text.replace(stands_for, "\u{fffd}")
}

#[cfg(test)]
mod tests;
