//! Objects of vi: a word, what stands in quotation marks or brackets.

use std::ops::Range;

use super::{
    super::buffer::Buffer,
    motion::{Class, class},
};

/// What `named` means at `cursor`, with what stands `around` it or without.
pub fn object(buffer: &Buffer, cursor: usize, around: bool, named: char) -> Option<Range<usize>> {
    match named {
        'w' => Some(word(buffer, cursor, around, false)),
        'W' => Some(word(buffer, cursor, around, true)),
        '"' | '\'' | '`' => quoted(buffer, cursor, around, named),
        '(' | ')' | 'b' => bracketed(buffer.text(), cursor, around, '(', ')'),
        '[' | ']' => bracketed(buffer.text(), cursor, around, '[', ']'),
        '{' | '}' | 'B' => bracketed(buffer.text(), cursor, around, '{', '}'),
        '<' | '>' => bracketed(buffer.text(), cursor, around, '<', '>'),
        _ => None,
    }
}

fn word(buffer: &Buffer, cursor: usize, around: bool, big: bool) -> Range<usize> {
    let (line_begin, line_end) = (buffer.line_begin(cursor), buffer.line_end(cursor));
    let back = |mut at: usize, wanted: Class| {
        while at > line_begin && class(buffer, buffer.before(at), big) == wanted {
            at = buffer.before(at);
        }
        at
    };
    let on = |mut at: usize, wanted: Class| {
        while at < line_end && class(buffer, at, big) == wanted {
            at = buffer.after(at);
        }
        at
    };
    let begun = class(buffer, cursor, big);
    let (begin, end) = (back(cursor, begun), on(cursor, begun));
    match around {
        false => begin..end,
        // From spaces to the end of the word behind them.
        true if begun == Class::Space && end < line_end => begin..on(end, class(buffer, end, big)),
        true => match on(end, Class::Space) {
            same if same == end => back(begin, Class::Space)..end,
            spaces => begin..spaces,
        },
    }
}

/// What is in quotation marks at or behind the cursor, in its line.
fn quoted(buffer: &Buffer, cursor: usize, around: bool, mark: char) -> Option<Range<usize>> {
    let begin = buffer.line_begin(cursor);
    let line = &buffer.text()[begin..buffer.line_end(cursor)];
    let mut marks = line.match_indices(mark).map(|(at, _)| begin + at);
    while let (Some(open), Some(close)) = (marks.next(), marks.next()) {
        if close >= cursor {
            return Some(inner(open, close, around));
        }
    }
    None
}

/// What is in brackets around the cursor.
fn bracketed(text: &str, cursor: usize, around: bool, open: char, close: char) -> Option<Range<usize>> {
    // One that the cursor stands on counts.
    let on_close = text[cursor..].starts_with(close);
    let before = if text[cursor..].starts_with(open) { cursor + open.len_utf8() } else { cursor };
    let mut depth = 0;
    let begin = text[..before].char_indices().rev().find(|(_, c)| {
        depth += i32::from(*c == close) - i32::from(*c == open);
        depth < 0
    });
    let begin = begin?.0;
    let mut depth = 0;
    let from = if on_close { cursor } else { begin + open.len_utf8() };
    let end = text[from..].char_indices().find(|(_, c)| {
        depth += i32::from(*c == open) - i32::from(*c == close);
        depth < 0
    });
    Some(inner(begin, from + end?.0, around))
}

/// Between two marks of one byte each, or with them.
fn inner(open: usize, close: usize, around: bool) -> Range<usize> {
    if around { open..close + 1 } else { open + 1..close }
}
