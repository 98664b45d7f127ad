//! The search in the history: what is typed is looked for, newest first.

use super::{Composer, Pressed};
use crate::{
    intent::Draft,
    key::Key,
    keymap::{Action, Context, Keymap},
};

/// A search that goes on.
#[derive(Debug)]
pub struct Search {
    /// What is looked for. In small letters it stands for capitals too.
    pub query: String,
    /// The entry that was found.
    pub found: Option<usize>,
    /// Whether there is none further on; the one before it is still shown.
    pub failed: bool,
    /// What was written before, to come back to.
    text: String,
    cursor: usize,
}

impl Composer {
    pub(super) fn begin_search(&mut self) -> Pressed {
        self.pause();
        let (text, cursor) = (self.buffer.text().to_owned(), self.buffer.cursor());
        self.search = Some(Search { query: String::new(), found: None, failed: false, text, cursor });
        // What is found is one step to undo.
        self.buffer.begin_step();
        Pressed::Moved
    }

    /// A key while a search goes on. `None`: the search has ended with what it found, and the key means what it always
    /// does.
    pub(super) fn search_key(&mut self, key: Key, keymap: &Keymap) -> Option<Pressed> {
        let (global, own) = (keymap.action(Context::Global, key), keymap.action(Context::Composer, key));
        match (global, own, key.typed()) {
            (Some(Action::Interrupt | Action::ClearOrQuit | Action::Editor), ..) => self.cancel_search(),
            (Some(Action::Submit | Action::Queue), ..) => {
                self.end_search();
                return Some(Pressed::Edited);
            }
            (_, Some(Action::HistorySearch | Action::Up), _) => self.look(Direction::Older),
            (_, Some(Action::Down), _) => self.look(Direction::Newer),
            (_, Some(Action::DeleteBack), _) => {
                if let Some(search) = &mut self.search {
                    search.query.pop();
                    search.found = None;
                }
                self.look(Direction::Here);
            }
            (_, _, Some(typed)) => {
                if let Some(search) = &mut self.search {
                    search.query.push(typed);
                }
                self.look(Direction::Here);
            }
            _ => {
                self.end_search();
                return None;
            }
        }
        Some(Pressed::Moved)
    }

    /// Ends a search, if one goes on, with what it found.
    pub(super) fn end_search(&mut self) {
        if self.search.take().is_some() {
            self.buffer.end_step();
        }
    }

    fn cancel_search(&mut self) {
        if let Some(search) = self.search.take() {
            self.buffer.end_step();
            if self.buffer.text() != search.text {
                self.buffer.undo();
            }
            self.buffer.go(search.cursor);
        }
    }

    fn look(&mut self, direction: Direction) {
        let Some(search) = &mut self.search else { return };
        if search.query.is_empty() {
            let (text, cursor) = (search.text.clone(), search.cursor);
            (search.found, search.failed) = (None, false);
            self.buffer.replace(0..self.buffer.text().len(), &text);
            return self.buffer.go(cursor);
        }
        let entries = self.history.entries();
        let matches = |at: &usize| search.place_in(&entries[*at]).is_some();
        let found = match (direction, search.found) {
            (Direction::Older, Some(at)) => (0..at).rev().find(matches),
            (Direction::Newer, Some(at)) => (at + 1..entries.len()).find(matches),
            (Direction::Here, Some(at)) => (0..=at).rev().find(matches),
            (_, None) => (0..entries.len()).rev().find(matches),
        };
        search.failed = found.is_none();
        let Some(at) = found else { return };
        search.found = Some(at);
        let entry = entries[at].clone();
        let place = search.place_in(&entry);
        self.put_found(entry, place);
    }

    fn put_found(&mut self, entry: Draft, place: Option<usize>) {
        let text = self.held(entry);
        self.buffer.replace(0..self.buffer.text().len(), &text);
        self.buffer.go(place.unwrap_or(text.len()));
    }
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Here,
    Older,
    Newer,
}

impl Search {
    /// Where `entry` has what is looked for.
    fn place_in(&self, entry: &Draft) -> Option<usize> {
        if self.query.chars().any(char::is_uppercase) {
            return entry.text.find(&self.query);
        }
        // Small letters may be longer or shorter than their capitals: places are those of the text only then.
        let lower = entry.text.to_lowercase();
        let at = lower.find(&self.query)?;
        Some(if lower.len() == entry.text.len() { at } else { 0 })
    }
}
