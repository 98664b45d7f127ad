//! Where motions of vi lead. Nothing is changed here.

use std::ops::Range;

use super::super::buffer::{Buffer, is_word};
use crate::keymap::Action;

/// A motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    Simple(Action),
    /// How a character is searched, which, and whether it is searched again: then one that stands next is passed over.
    Find(Action, char, bool),
}

/// Where a motion leads, and what an operator takes on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub offset: usize,
    takes: Takes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Up to there.
    UpTo,
    /// The character there too.
    With,
    /// Whole lines.
    Lines,
}

impl Motion {
    pub fn of(action: Action) -> Option<Self> {
        let simple = matches!(
            action,
            Action::Left
                | Action::Right
                | Action::Up
                | Action::Down
                | Action::WordNext
                | Action::BigWordNext
                | Action::WordBack
                | Action::BigWordBack
                | Action::WordEnd
                | Action::BigWordEnd
                | Action::LineBegin
                | Action::LineFirst
                | Action::LineEnd
                | Action::TextBegin
                | Action::TextEnd
        );
        simple.then_some(Self::Simple(action))
    }
}

impl Target {
    /// What an operator takes from the cursor to there, and whether that is lines.
    pub fn range(self, buffer: &Buffer) -> (Range<usize>, bool) {
        let cursor = buffer.cursor();
        let (begin, end) = (cursor.min(self.offset), cursor.max(self.offset));
        match self.takes {
            Takes::UpTo => (begin..end, false),
            Takes::With => (begin..buffer.after(end), false),
            Takes::Lines => (buffer.line_begin(begin)..buffer.line_end(end), true),
        }
    }
}

/// Where `motion` leads, done so many `times`; `line` is the number of a line, if one was typed.
pub fn target(
    buffer: &Buffer,
    motion: Motion,
    times: usize,
    line: Option<usize>,
    operator: Option<Action>,
) -> Option<Target> {
    let cursor = buffer.cursor();
    let up_to = |offset| Some(Target { offset, takes: Takes::UpTo });
    let with = |offset| Some(Target { offset, takes: Takes::With });
    let lines = |offset| Some(Target { offset, takes: Takes::Lines });
    let action = match motion {
        Motion::Simple(action) => action,
        Motion::Find(how, character, again) => {
            let offset = find(buffer, how, character, times, again)?;
            return if matches!(how, Action::Find | Action::Till) { with(offset) } else { up_to(offset) };
        }
    };
    // On a word, changing to the next one changes to the end of this one, as its users expect.
    let on_word = class(buffer, cursor, false) != Class::Space;
    let to_end = operator == Some(Action::Change) && on_word;
    match action {
        Action::Left => {
            let begin = buffer.line_begin(cursor);
            up_to(repeated(times, cursor, |at| if at > begin { buffer.before(at) } else { at }))
        }
        Action::Right => {
            let end = buffer.line_end(cursor);
            up_to(repeated(times, cursor, |at| if at < end { buffer.after(at) } else { at }))
        }
        Action::Up | Action::Down => line_away(buffer, action == Action::Up, times).and_then(lines),
        Action::WordNext if to_end => with(repeated_end(buffer, times, cursor, false)),
        Action::BigWordNext if to_end => with(repeated_end(buffer, times, cursor, true)),
        Action::WordNext | Action::BigWordNext => {
            let big = action == Action::BigWordNext;
            let offset = repeated(times, cursor, |at| next_word(buffer, at, big));
            // The last word of a line is deleted without its line break.
            let end = buffer.line_end(cursor);
            up_to(if operator.is_some() && times == 1 { offset.min(end.max(cursor)) } else { offset })
        }
        Action::WordBack => up_to(repeated(times, cursor, |at| word_begin(buffer, at, false))),
        Action::BigWordBack => up_to(repeated(times, cursor, |at| word_begin(buffer, at, true))),
        Action::WordEnd => with(repeated(times, cursor, |at| word_end(buffer, at, false))),
        Action::BigWordEnd => with(repeated(times, cursor, |at| word_end(buffer, at, true))),
        Action::LineBegin => up_to(buffer.line_begin(cursor)),
        Action::LineFirst => up_to(first(buffer, cursor)),
        Action::LineEnd => up_to(buffer.line_end(cursor)),
        Action::TextBegin => lines(first(buffer, nth_line(buffer, line.unwrap_or(1)))),
        Action::TextEnd => lines(match line {
            Some(line) => first(buffer, nth_line(buffer, line)),
            None => first(buffer, buffer.text().len()),
        }),
        _ => None,
    }
}

/// The first character of the line of `offset` that is no space.
pub fn first(buffer: &Buffer, offset: usize) -> usize {
    let begin = buffer.line_begin(offset);
    let line = &buffer.text()[begin..buffer.line_end(offset)];
    buffer.boundary(begin + line.len() - line.trim_start().len())
}

fn repeated(times: usize, from: usize, step: impl Fn(usize) -> usize) -> usize {
    let mut at = from;
    for _ in 0..times {
        let next = step(at);
        if next == at {
            break;
        }
        at = next;
    }
    at
}

/// The end of the word at `from`, even if `from` is its end; then of those that follow.
fn repeated_end(buffer: &Buffer, times: usize, from: usize, big: bool) -> usize {
    let mut at = from;
    while buffer.after(at) < buffer.text().len() && class(buffer, buffer.after(at), big) == class(buffer, from, big) {
        at = buffer.after(at);
    }
    repeated(times - 1, at, |at| word_end(buffer, at, big))
}

/// Where the line begins that is so many lines away. `None`: there are fewer.
fn line_away(buffer: &Buffer, up: bool, times: usize) -> Option<usize> {
    let mut at = buffer.cursor();
    for _ in 0..times {
        at = if up {
            buffer.line_begin(at).checked_sub(1)?
        } else {
            Some(buffer.line_end(at) + 1).filter(|next| *next <= buffer.text().len())?
        };
    }
    Some(buffer.line_begin(at))
}

fn nth_line(buffer: &Buffer, number: usize) -> usize {
    let ends = buffer.text().match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends).take(number.max(1)).last().unwrap_or(0)
}

/// The place that a search in the line leads to.
fn find(buffer: &Buffer, how: Action, character: char, times: usize, again: bool) -> Option<usize> {
    let cursor = buffer.cursor();
    let forwards = matches!(how, Action::Find | Action::Till);
    let till = matches!(how, Action::Till | Action::TillBack);
    let (begin, end) = (buffer.line_begin(cursor), buffer.line_end(cursor));
    let mut at = cursor;
    let mut left = times;
    loop {
        let from = at;
        at = if forwards { buffer.after(at) } else { buffer.before(at) };
        if at == from || at < begin || at >= end {
            return None;
        }
        // Searched again, one that the cursor stands just before is the same one.
        let same = again && till && from == cursor;
        if buffer.text()[at..].starts_with(character) && !same {
            left -= 1;
            if left == 0 {
                return Some(match (till, forwards) {
                    (false, _) => at,
                    (true, true) => buffer.before(at),
                    (true, false) => buffer.after(at),
                });
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Space,
    Word,
    Other,
}

/// What the character at `offset` is; among big words all that is no space is alike.
pub fn class(buffer: &Buffer, offset: usize, big: bool) -> Class {
    let character = &buffer.text()[offset..buffer.after(offset)];
    match character {
        _ if character.is_empty() || character.starts_with(char::is_whitespace) => Class::Space,
        _ if big || is_word(character) => Class::Word,
        _ => Class::Other,
    }
}

fn next_word(buffer: &Buffer, from: usize, big: bool) -> usize {
    let (length, begun) = (buffer.text().len(), class(buffer, from, big));
    let mut at = from;
    while at < length && begun != Class::Space && class(buffer, at, big) == begun {
        at = buffer.after(at);
    }
    while at < length && class(buffer, at, big) == Class::Space {
        let next = buffer.after(at);
        // An empty line is a word.
        if at > from && buffer.text()[..at].ends_with('\n') && buffer.text()[at..].starts_with('\n') {
            break;
        }
        at = next;
    }
    at
}

fn word_begin(buffer: &Buffer, from: usize, big: bool) -> usize {
    let mut at = buffer.before(from);
    while at > 0 && class(buffer, at, big) == Class::Space {
        at = buffer.before(at);
    }
    let begun = class(buffer, at, big);
    while at > 0 && begun != Class::Space && class(buffer, buffer.before(at), big) == begun {
        at = buffer.before(at);
    }
    at
}

fn word_end(buffer: &Buffer, from: usize, big: bool) -> usize {
    let length = buffer.text().len();
    let mut at = buffer.after(from);
    while at < length && class(buffer, at, big) == Class::Space {
        at = buffer.after(at);
    }
    if at >= length {
        return if from < length { buffer.before(length).max(from) } else { from };
    }
    let begun = class(buffer, at, big);
    while buffer.after(at) < length && class(buffer, buffer.after(at), big) == begun {
        at = buffer.after(at);
    }
    at
}
