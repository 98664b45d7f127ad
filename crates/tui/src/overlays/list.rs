//! A list in which one row is chosen.

use std::{cell::Cell, ops::Range};

use super::line::Line;
use crate::key::Key;

/// Which row of a list is chosen, and which part of it is seen.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    at: usize,
    top: Cell<usize>,
    page: Cell<usize>,
}

/// What became of a key, where a list is chosen from and narrowed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Took {
    /// Another row may be chosen.
    Moved,
    /// What is typed is another.
    Edited,
    /// Nothing.
    Nothing,
}

impl Chosen {
    /// Takes a key in a list of `count` that `filter` narrows.
    pub fn key_beside(&mut self, filter: &mut Line, key: Key, count: usize) -> Took {
        // While something is typed, home and end move in it.
        let moves = filter.text().is_empty() || !["home", "end"].contains(&key.to_string().as_str());
        if moves && self.key(key, count) {
            return Took::Moved;
        }
        let typed = filter.text().to_owned();
        filter.key(key);
        if typed == filter.text() { Took::Nothing } else { Took::Edited }
    }

    /// With the row `at` chosen.
    pub fn at(at: usize) -> Self {
        Self { at, ..Self::default() }
    }

    /// Chooses the row `at`.
    pub fn choose(&mut self, at: usize) {
        self.at = at;
    }

    /// The chosen row, of a list of `count`.
    pub fn index(&self, count: usize) -> usize {
        self.at.min(count.saturating_sub(1))
    }

    /// The rows of a list of `count` that are seen in `room`: the chosen one is among them.
    pub fn window(&self, count: usize, room: usize) -> Range<usize> {
        let at = self.index(count);
        let top = self.top.get().min(at).max((at + 1).saturating_sub(room)).min(count.saturating_sub(room));
        self.top.set(top);
        self.page.set(room);
        top..(top + room).min(count)
    }

    /// Chooses the row above; from the first the last.
    pub fn up(&mut self, count: usize) {
        self.at = self.index(count).checked_sub(1).unwrap_or(count.saturating_sub(1));
    }

    /// Chooses the row below; from the last the first.
    pub fn down(&mut self, count: usize) {
        let at = self.index(count) + 1;
        self.at = if at < count { at } else { 0 };
    }

    /// Takes a key that moves in a list of `count`. `false`: it is none.
    pub fn key(&mut self, key: Key, count: usize) -> bool {
        let (at, last, page) = (self.index(count), count.saturating_sub(1), self.page.get().max(1));
        match key.to_string().as_str() {
            "up" => self.up(count),
            "down" => self.down(count),
            "pageup" => self.at = at.saturating_sub(page),
            "pagedown" => self.at = (at + page).min(last),
            "home" => self.at = 0,
            "end" => self.at = last,
            _ => return false,
        }
        true
    }
}
