//! Finds a hunk's old lines in a file.
//!
//! It must never change what it compares: leniency is in the comparison alone.

use std::ops::Range;

use super::parse::Hunk;

/// Ways for two lines to be equal, the strictest first. A looser one is tried only when no place in the file matches
/// by the stricter ones.
const LEVELS: &[fn(&str, &str) -> bool] = &[
    |a, b| a == b,
    |a, b| a.trim_end() == b.trim_end(),
    |a, b| a.trim() == b.trim(),
    |a, b| a.trim().chars().map(plain).eq(b.trim().chars().map(plain)),
];

/// The ASCII character that models write for a typographic one.
fn plain(character: char) -> char {
    match character {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2018}'..='\u{201b}' => '\'',
        '\u{201c}'..='\u{201f}' => '"',
        '\u{a0}' | '\u{2002}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        other => other,
    }
}

/// Where a hunk goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The lines of the file that the hunk's old lines are.
    pub(super) lines: Range<usize>,
    /// How many of the hunk's lines count; the rest are blank lines at its end that the file does not have.
    pub(super) used: usize,
    /// Where the next hunk is looked for.
    pub(super) next: usize,
}

/// Finds `hunk` in `file` from line `from` on.
///
/// # Errors
/// Sentences for the model: what was not found, and what comes nearest.
pub(super) fn locate(file: &[&str], hunk: &Hunk, from: usize) -> Result<Place, String> {
    let mut start = from;
    for context in &hunk.contexts {
        let found = find(file, &[context], start, false).ok_or_else(|| no_context(file, context, start))?;
        start = found + 1;
    }
    let old: Vec<&str> = hunk.lines.iter().filter_map(|line| line.old()).collect();
    let used = hunk.lines.len();
    if old.is_empty() {
        // Lines that are only added go below the place that was named, or to the end of the file.
        let named = !hunk.contexts.is_empty() && !hunk.at_end;
        let (at, next) = if named { (start, start) } else { (file.len(), from) };
        return Ok(Place { lines: at..at, used, next });
    }
    let place = |start: usize, length: usize, used| Place { lines: start..start + length, used, next: start + length };
    // Models repeat the line after `@@` as the first of the hunk.
    let starts = [start, start.saturating_sub(1)];
    let starts = if hunk.contexts.is_empty() { &starts[..1] } else { &starts[..] };
    for start in starts {
        if let Some(found) = find(file, &old, *start, hunk.at_end) {
            return Ok(place(found, old.len(), used));
        }
    }
    // Models leave a blank line between a hunk and what follows it in the patch.
    if hunk.lines.len() > 1
        && let (Some(super::parse::HunkLine::Keep(text)), Some((_, shorter))) = (hunk.lines.last(), old.split_last())
        && text.is_empty()
        && !shorter.is_empty()
        && let Some(found) = find(file, shorter, start, hunk.at_end)
    {
        return Ok(place(found, shorter.len(), used - 1));
    }
    Err(not_found(file, &old, start, hunk.at_end))
}

/// The first place at or after `from` where `wanted` is, by the strictest comparison that finds one.
fn find(file: &[&str], wanted: &[&str], from: usize, at_end: bool) -> Option<usize> {
    let last = file.len().checked_sub(wanted.len())?;
    let from = if at_end { from.max(last) } else { from };
    LEVELS.iter().find_map(|same| {
        (from..=last).find(|at| file[*at..].iter().zip(wanted).all(|(found, wanted)| same(found, wanted)))
    })
}

fn no_context(file: &[&str], context: &str, start: usize) -> String {
    let earlier = find(file, &[context], 0, false)
        .map(|line| format!("; it is at line {}, but hunks go in file order", line + 1))
        .unwrap_or_default();
    format!("the line after `@@` is not in the file{}{earlier}:\n{context}", after(start))
}

fn after(start: usize) -> String {
    if start == 0 { String::new() } else { format!(" after line {start}") }
}

/// Most lines of a hunk that an error repeats.
const SHOWN: usize = 20;

fn not_found(file: &[&str], old: &[&str], start: usize, at_end: bool) -> String {
    let what = if at_end { "are not the last of the file" } else { "are not in the file" };
    let mut text = format!("these lines {what}{}, in this order:\n", after(start));
    for line in old.iter().take(SHOWN) {
        text.push_str(&format!("{line}\n"));
    }
    if old.len() > SHOWN {
        text.push_str(&format!("[... {} more]\n", old.len() - SHOWN));
    }
    if let Some(line) = find(file, old, 0, false) {
        let why = if at_end { "not at its end" } else { "but hunks go in file order" };
        text.push_str(&format!("They are at line {}, {why}", line + 1));
    } else {
        text.push_str(&nearest(file, old));
    }
    text
}

/// Where most of the wanted lines in a row are, and what the file has instead of the next.
fn nearest(file: &[&str], old: &[&str]) -> String {
    let same = LEVELS[LEVELS.len() - 1];
    let matching = |at: usize| file[at..].iter().zip(old).take_while(|(found, wanted)| same(found, wanted)).count();
    let mut best = (0, 0);
    for at in 0..file.len() {
        let count = matching(at);
        if count > best.0 {
            best = (count, at);
        }
    }
    let (count, at) = best;
    match (count, file.get(at + count), old.get(count)) {
        (0, ..) | (_, _, None) => "Read the file again before patching it".to_owned(),
        (_, None, Some(wanted)) => format!("The file ends where the patch has `{wanted}`"),
        (_, Some(found), Some(wanted)) => {
            format!("Nearest: line {} of the file is `{found}` where the patch has `{wanted}`", at + count + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_match_wins() {
        let file = ["  a", "a ", "a", "“b” – c\u{a0}d"];
        let table: &[(&[&str], usize, bool, Option<usize>)] = &[
            (&["a"], 0, false, Some(2)),
            (&["a  "], 0, false, Some(1)),
            (&["\ta\t"], 0, false, Some(0)),
            (&["a"], 3, false, None),
            (&["\"b\" - c d"], 0, false, Some(3)),
            (&["a", "\"b\" - c d"], 0, false, Some(2)),
            (&["a"], 0, true, None),
            (&["\"b\" - c d"], 0, true, Some(3)),
            (&["a"; 5], 0, false, None),
        ];
        for (wanted, from, at_end, expected) in table {
            assert_eq!(find(&file, wanted, *from, *at_end), *expected, "{wanted:?} from {from}");
        }
    }
}
