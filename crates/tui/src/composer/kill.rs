//! What was cut, to be inserted again: the kill ring.

use std::ops::Range;

/// More than this is forgotten.
const MOST: usize = 32;

/// What was cut, newest last.
#[derive(Debug, Default)]
pub struct KillRing {
    cut: Vec<String>,
    /// What the last key did, if it had to do with this.
    last: Last,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    Cut,
    /// It inserted what was cut `back` cuts ago.
    Inserted {
        at: Range<usize>,
        back: usize,
    },
}

impl KillRing {
    /// Remembers what was cut: one piece with what the key before cut, before or behind it.
    pub fn cut(&mut self, text: &str, backwards: bool) {
        match self.cut.last_mut().filter(|_| self.last == Last::Cut) {
            Some(last) if backwards => last.insert_str(0, text),
            Some(last) => last.push_str(text),
            None => self.hold(text.to_owned()),
        }
        self.last = Last::Cut;
    }

    /// Remembers `text` by itself.
    pub fn hold(&mut self, text: String) {
        if self.cut.len() == MOST {
            self.cut.remove(0);
        }
        self.cut.push(text);
    }

    /// What was cut last.
    pub fn newest(&self) -> Option<&str> {
        self.cut.last().map(String::as_str)
    }

    /// What was cut last was inserted at `at`.
    pub fn inserted(&mut self, at: Range<usize>) {
        self.last = Last::Inserted { at, back: 0 };
    }

    /// Where the last key inserted something, and what was cut before that.
    pub fn earlier(&mut self) -> Option<(Range<usize>, String)> {
        let Last::Inserted { at, back } = &mut self.last else { return None };
        *back = (*back + 1) % self.cut.len().max(1);
        let text = self.cut.iter().rev().nth(*back)?.clone();
        let replaced = std::mem::replace(at, at.start..at.start + text.len());
        Some((replaced, text))
    }

    /// A key had nothing to do with this.
    pub fn pause(&mut self) {
        self.last = Last::Other;
    }

    /// All that was cut.
    pub fn texts(&self) -> impl Iterator<Item = &str> + Clone {
        self.cut.iter().map(String::as_str)
    }
}
