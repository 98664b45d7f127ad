//! What a command put out, as lines that a person can read: colours dropped, progress bars at their last state.

use crate::{
    look::Look,
    text::{Row, truncate, wrap},
    theme::Role,
};

/// Most of an output that is looked at, in bytes, unless all of it is shown.
const BYTES: usize = 64 << 10;

/// Most of one line, in bytes. What is longer is for machines.
const LINE_BYTES: usize = 4096;

/// The beginning of `text`, at most `bytes`.
pub fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The end of `text`, at most `bytes`.
pub fn tail(text: &str, bytes: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(bytes))..]
}

/// The last `most` lines in quiet rows, each cut to the width, below a row that counts the others.
pub fn last_lines(output: &str, most: usize, look: &Look) -> Vec<Row> {
    let output = output.trim_end();
    let near = tail(output, BYTES);
    let begin = near.rmatch_indices('\n').nth(most.saturating_sub(1)).map_or(0, |(at, _)| at + 1);
    let begin = output.len() - near.len() + begin;
    let above = output[..begin].bytes().filter(|byte| *byte == b'\n').count();
    let mut rows = Vec::new();
    if begin > 0 {
        let lines = if above == 1 { "line" } else { "lines" };
        rows.push(Row::new(&format!("… {} more {lines} (ctrl+t)", above.max(1)), look.style(Role::Quiet)));
    }
    let shown = output[begin..].lines().map(|line| Row::new(&settled(line), look.style(Role::Quiet)));
    rows.extend(shown.map(|row| truncate(&row, look.width)));
    rows
}

/// All of it, wrapped.
pub fn all(output: &str, look: &Look) -> Vec<Row> {
    let rows = output.trim_end().lines().map(|line| Row::new(&settled(line), look.style(Role::Quiet)));
    rows.flat_map(|row| wrap(&row, look.width, &Row::empty())).collect()
}

/// A line as a terminal would leave it: what a carriage return goes back over is overwritten, colours are dropped. Other
/// escapes stay, and are shown harmlessly with the row.
fn settled(line: &str) -> String {
    let end = line.trim_end_matches('\r');
    let begin = end.rfind('\r').map_or(0, |at| at + 1);
    let last = without_colors(&end[begin..]);
    match last.len() > LINE_BYTES {
        true => format!("{} … {} more bytes", head(&last, LINE_BYTES), last.len() - head(&last, LINE_BYTES).len()),
        false => last,
    }
}

/// Without `ESC [ … m`.
fn without_colors(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !(c.is_ascii_digit() || c == ';' || c == ':'));
        match end.filter(|end| piece[*end..].starts_with('m')) {
            Some(end) => clean.push_str(&piece[end + 1..]),
            None => {
                clean.push_str("\u{1b}[");
                clean.push_str(piece);
            }
        }
    }
    clean
}
