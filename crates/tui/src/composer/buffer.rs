//! The text being written, its cursor, and what undoes changes. All changes go through [`Buffer::replace`].
//!
//! What stands for something else (a paste, a picture) is one character of a private range: see `inserts`.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use super::inserts::stands_for;

/// The text and its cursor, which stands always between two characters as people see them (UAX 29).
#[derive(Debug, Default)]
pub struct Buffer {
    text: String,
    cursor: usize,
    undo: Vec<Step>,
    redo: Vec<Step>,
    /// What the next change may join.
    joins: Joins,
    /// How often the text has changed.
    version: u64,
}

/// What is undone at once.
#[derive(Debug)]
struct Step {
    changes: Vec<Change>,
    /// The cursor before it.
    cursor: usize,
}

#[derive(Debug)]
struct Change {
    at: usize,
    removed: String,
    inserted: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Joins {
    /// The next change is a step of its own.
    #[default]
    Nothing,
    /// A letter that follows belongs to the same word.
    Word,
    /// A character that is deleted next belongs to what was deleted.
    Deleted,
    /// Whatever follows, up to [`Buffer::end_step`].
    Everything,
}

impl Buffer {
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Another one for each text.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Puts the cursor at `offset`, or at the next place where it may stand.
    pub fn go(&mut self, offset: usize) {
        self.cursor = self.boundary(offset);
        if self.joins != Joins::Everything {
            self.joins = Joins::Nothing;
        }
    }

    /// Puts `with` in place of `range`; the cursor stands behind it.
    pub fn replace(&mut self, range: Range<usize>, with: &str) {
        self.change(range, with, Joins::Nothing);
    }

    /// Types `with`: a word is undone at once.
    pub fn type_in(&mut self, with: &str) {
        self.change(self.cursor..self.cursor, with, Joins::Word);
    }

    /// Deletes a character: those of a word, one after another, are undone at once.
    pub fn delete(&mut self, range: Range<usize>) {
        self.change(range, "", Joins::Deleted);
    }

    /// `sort` says which changes that follow belong to the same step.
    fn change(&mut self, range: Range<usize>, with: &str, sort: Joins) {
        if range.is_empty() && with.is_empty() {
            return;
        }
        let change =
            Change { at: range.start, removed: self.text[range.clone()].to_owned(), inserted: with.to_owned() };
        // A word with the spaces behind it is a step.
        let is_space = |text: &str| text.ends_with(char::is_whitespace);
        let begins_word = match sort {
            Joins::Deleted => is_space(&change.removed) && !is_space(&self.text[..range.start]),
            _ => !is_space(with) && is_space(&self.text[..range.start]),
        };
        let joins = match self.joins {
            Joins::Everything => true,
            Joins::Nothing => false,
            before => before == sort && !begins_word,
        };
        match self.undo.last_mut().filter(|_| joins) {
            Some(step) => step.add(change),
            None => self.undo.push(Step { changes: vec![change], cursor: self.cursor }),
        }
        self.redo.clear();
        self.version += 1;
        self.text.replace_range(range.clone(), with);
        self.cursor = self.boundary(range.start + with.len());
        if self.joins != Joins::Everything {
            self.joins = sort;
        }
    }

    /// From here on all changes are one step.
    pub fn begin_step(&mut self) {
        self.end_step();
        self.undo.push(Step { changes: Vec::new(), cursor: self.cursor });
        self.joins = Joins::Everything;
    }

    /// See [`Buffer::begin_step`].
    pub fn end_step(&mut self) {
        self.undo.pop_if(|step| step.changes.is_empty());
        self.joins = Joins::Nothing;
    }

    /// Takes the last step back. `false`: there is none.
    pub fn undo(&mut self) -> bool {
        self.end_step();
        let Some(step) = self.undo.pop() else { return false };
        for change in step.changes.iter().rev() {
            self.text.replace_range(change.at..change.at + change.inserted.len(), &change.removed);
        }
        self.cursor = self.boundary(step.cursor);
        self.version += 1;
        self.redo.push(step);
        true
    }

    /// Does again what was undone last. `false`: there is nothing.
    pub fn redo(&mut self) -> bool {
        self.end_step();
        let Some(step) = self.redo.pop() else { return false };
        let mut end = self.cursor;
        for change in &step.changes {
            self.text.replace_range(change.at..change.at + change.removed.len(), &change.inserted);
            end = change.at + change.inserted.len();
        }
        self.cursor = self.boundary(end);
        self.version += 1;
        self.undo.push(step);
        true
    }

    /// Nothing is written, and nothing can be undone.
    pub fn reset(&mut self) {
        *self = Self { version: self.version + 1, ..Self::default() };
    }

    /// `offset`, or the next place behind it that is between two characters as people see them.
    pub fn boundary(&self, offset: usize) -> usize {
        let offset = self.text.ceil_char_boundary(offset.min(self.text.len()));
        let mut cursor = GraphemeCursor::new(offset, self.text.len(), true);
        match cursor.is_boundary(&self.text, 0) {
            Ok(false) => self.after(offset),
            _ => offset,
        }
    }

    /// The place behind the character at `offset`.
    pub fn after(&self, offset: usize) -> usize {
        let next = GraphemeCursor::new(offset, self.text.len(), true).next_boundary(&self.text, 0);
        next.ok().flatten().unwrap_or(self.text.len())
    }

    /// The place before the character that ends at `offset`.
    pub fn before(&self, offset: usize) -> usize {
        let previous = GraphemeCursor::new(offset, self.text.len(), true).prev_boundary(&self.text, 0);
        previous.ok().flatten().unwrap_or(0)
    }

    /// Where the line of `offset` begins.
    pub fn line_begin(&self, offset: usize) -> usize {
        self.text[..offset].rfind('\n').map_or(0, |at| at + 1)
    }

    /// Where it ends, before its line break.
    pub fn line_end(&self, offset: usize) -> usize {
        self.text[offset..].find('\n').map_or(self.text.len(), |at| offset + at)
    }

    /// The end of the word at or behind `offset`.
    pub fn word_end(&self, offset: usize) -> usize {
        let mut words = self.text[offset..].split_word_bound_indices();
        let word = words.find(|(_, word)| is_word(word));
        word.map_or(self.text.len(), |(at, word)| self.boundary(offset + at + word.len()))
    }

    /// The beginning of the word at or before `offset`.
    pub fn word_begin(&self, offset: usize) -> usize {
        let mut words = self.text[..offset].split_word_bound_indices().rev();
        words.find(|(_, word)| is_word(word)).map_or(0, |(at, _)| self.boundary(at))
    }

    /// The place behind the last space that stands before the word before `offset`.
    pub fn space_begin(&self, offset: usize) -> usize {
        let word = self.text[..offset].trim_end();
        self.boundary(word.rfind(char::is_whitespace).map_or(0, |at| word.ceil_char_boundary(at + 1)))
    }
}

impl Step {
    fn add(&mut self, change: Change) {
        match self.changes.last_mut() {
            Some(last) if change.removed.is_empty() && last.at + last.inserted.len() == change.at => {
                last.inserted.push_str(&change.inserted);
            }
            _ => self.changes.push(change),
        }
    }
}

/// Whether it is a word, and no space or punctuation.
pub fn is_word(text: &str) -> bool {
    text.chars().any(|c| c.is_alphanumeric() || c == '_' || stands_for(c))
}
