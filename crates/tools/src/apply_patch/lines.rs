//! The lines of a file as numbers, equal where the lines are, so that a hunk is found in linear time.
//!
//! It must never change what it compares: leniency is in the numbers alone.

use std::{borrow::Cow, collections::HashMap};

use super::work::{INDEXING, Work};

/// What of a line counts, the strictest first. A looser one is tried only when no place in the file matches by the
/// stricter ones, or none near the line that a hunk names.
const LEVELS: [fn(&str) -> Cow<'_, str>; 5] = [
    |line| line.into(),
    |line| line.trim_end().into(),
    |line| line.trim().into(),
    |line| plain(line.trim_end()),
    |line| plain(line.trim()),
];

/// What does not count at each level, in words for the model; `None` where that is no more than blanks at line ends.
pub(super) const IGNORED: [Option<&str>; LEVELS.len()] =
    [None, None, Some("other indentation"), Some("other punctuation"), Some("other indentation and punctuation")];

/// `line` with the ASCII characters that models write for typographic ones.
fn plain(line: &str) -> Cow<'_, str> {
    if line.is_ascii() { line.into() } else { line.chars().map(plain_character).collect::<String>().into() }
}

fn plain_character(character: char) -> char {
    match character {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2018}'..='\u{201b}' => '\'',
        '\u{201c}'..='\u{201f}' => '"',
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        other => other,
    }
}

/// The number of a line that the file does not have.
const ABSENT: u32 = u32::MAX;

/// The lines of a file; each is normalised once per level, when that level is first tried.
#[derive(Debug)]
pub(super) struct Lines<'file> {
    text: Vec<&'file str>,
    levels: [Option<Level<'file>>; LEVELS.len()],
}

#[derive(Debug)]
struct Level<'file> {
    /// The number of each line of the file.
    numbers: Vec<u32>,
    known: HashMap<Cow<'file, str>, u32>,
}

/// All places where lines are, at the strictest level that has one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Matches {
    /// Indices of their first lines, in order.
    pub(super) at: Vec<usize>,
    /// Index of the level.
    pub(super) level: usize,
}

/// What a search came to.
struct Found {
    /// Where all of the wanted lines are.
    at: Vec<usize>,
    /// The most of them in a row, and where those begin.
    best: (usize, usize),
}

impl<'file> Lines<'file> {
    /// `text`: lines without their endings.
    pub(super) fn new(text: Vec<&'file str>) -> Self {
        Self { text, levels: Default::default() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The line at index `at`.
    pub(super) fn get(&self, at: usize) -> Option<&'file str> {
        self.text.get(at).copied()
    }

    /// The places at or after `from` where `wanted` is, by the strictest comparison that finds one; with `at_end`, only
    /// as the last lines of the file. None if `wanted` is nothing.
    ///
    /// # Errors
    /// Those of [`Work::spend`].
    pub(super) fn find(
        &mut self,
        wanted: &[&str],
        from: usize,
        at_end: bool,
        work: &mut Work,
    ) -> Result<Matches, String> {
        let Some(last) = self.len().checked_sub(wanted.len()) else { return Ok(Matches::default()) };
        let from = if at_end { from.max(last) } else { from };
        if from > last {
            return Ok(Matches::default());
        }
        for level in 0..LEVELS.len() {
            let pattern = self.numbers(level, wanted, work)?;
            if pattern.contains(&ABSENT) {
                continue;
            }
            let at = search(self.file(level), &pattern, from, work)?.at;
            if !at.is_empty() {
                return Ok(Matches { at, level });
            }
        }
        Ok(Matches::default())
    }

    /// As [`Lines::find`], by the loosest comparison alone.
    ///
    /// # Errors
    /// Those of [`Work::spend`].
    pub(super) fn find_loosely(
        &mut self,
        wanted: &[&str],
        from: usize,
        at_end: bool,
        work: &mut Work,
    ) -> Result<Vec<usize>, String> {
        let Some(last) = self.len().checked_sub(wanted.len()) else { return Ok(Vec::new()) };
        let from = if at_end { from.max(last) } else { from };
        let loosest = LEVELS.len() - 1;
        let pattern = self.numbers(loosest, wanted, work)?;
        Ok(search(self.file(loosest), &pattern, from, work)?.at)
    }

    /// The index of the strictest level at which the lines from `at` on are `wanted`; of the loosest if none is so.
    ///
    /// # Errors
    /// Those of [`Work::spend`].
    pub(super) fn level(&self, wanted: &[&str], at: usize, work: &mut Work) -> Result<usize, String> {
        work.spend(wanted.len() as u64)?;
        let lines = self.text.get(at..at + wanted.len()).unwrap_or_default();
        let same = |normal: &fn(&str) -> Cow<'_, str>| {
            lines.iter().zip(wanted).all(|(line, wanted)| normal(line) == normal(wanted))
        };
        Ok(LEVELS.iter().position(same).unwrap_or(LEVELS.len() - 1))
    }

    /// How many of the wanted lines are somewhere in a row from the first on, by the loosest comparison, and where.
    ///
    /// # Errors
    /// Those of [`Work::spend`].
    pub(super) fn nearest(&mut self, wanted: &[&str], work: &mut Work) -> Result<(usize, usize), String> {
        let loosest = LEVELS.len() - 1;
        let pattern = self.numbers(loosest, wanted, work)?;
        Ok(search(self.file(loosest), &pattern, 0, work)?.best)
    }

    /// The numbers of the file's lines at a level that [`Lines::numbers`] was asked about.
    fn file(&self, level: usize) -> &[u32] {
        self.levels[level].as_ref().map_or(&[], |level| &level.numbers)
    }

    /// The numbers of `wanted`.
    fn numbers(&mut self, level: usize, wanted: &[&str], work: &mut Work) -> Result<Vec<u32>, String> {
        let normal = LEVELS[level];
        work.spend(wanted.len() as u64 * INDEXING)?;
        let built = match self.levels[level].take() {
            Some(built) => built,
            None => Level::new(&self.text, normal, work)?,
        };
        let built = self.levels[level].insert(built);
        Ok(wanted.iter().map(|line| built.known.get(&normal(line)).copied().unwrap_or(ABSENT)).collect())
    }
}

impl<'file> Level<'file> {
    fn new(text: &[&'file str], normal: fn(&str) -> Cow<'_, str>, work: &mut Work) -> Result<Self, String> {
        let mut level = Self { numbers: Vec::with_capacity(text.len()), known: HashMap::new() };
        for line in text {
            work.spend(INDEXING + line.len() as u64 / 8)?;
            let next = u32::try_from(level.known.len()).unwrap_or(ABSENT);
            level.numbers.push(*level.known.entry(normal(line)).or_insert(next));
        }
        Ok(level)
    }
}

/// Finds `pattern` in `file` from `from` on, never looking back (Knuth, Morris and Pratt 1977): at most two comparisons
/// for each line of either.
fn search(file: &[u32], pattern: &[u32], from: usize, work: &mut Work) -> Result<Found, String> {
    let mut found = Found { at: Vec::new(), best: (0, 0) };
    let Some(first) = pattern.first() else { return Ok(found) };
    let fallback = borders(pattern, work)?;
    let mut matched = 0;
    for (at, number) in file.iter().enumerate().skip(from) {
        work.spend(1)?;
        if matched == 0 && number != first {
            continue;
        }
        while matched > 0 && pattern[matched] != *number {
            work.spend(1)?;
            matched = fallback[matched - 1];
        }
        matched += usize::from(pattern[matched] == *number);
        if matched > found.best.0 {
            found.best = (matched, at + 1 - matched);
        }
        if matched == pattern.len() {
            found.at.push(at + 1 - matched);
            matched = fallback[matched - 1];
        }
    }
    Ok(found)
}

/// For each beginning of `pattern`, how long the longest shorter beginning is that it also ends with.
fn borders(pattern: &[u32], work: &mut Work) -> Result<Vec<usize>, String> {
    let mut borders = vec![0; pattern.len()];
    let mut matched = 0;
    for at in 1..pattern.len() {
        work.spend(1)?;
        while matched > 0 && pattern[matched] != pattern[at] {
            work.spend(1)?;
            matched = borders[matched - 1];
        }
        matched += usize::from(pattern[matched] == pattern[at]);
        borders[at] = matched;
    }
    Ok(borders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_match_wins() {
        let file = ["  a", "a ", "a", "“b” – c\u{a0}d", "  ‘a’", "‘a’", "a"];
        type Row = (&'static [&'static str], usize, bool, usize, &'static [usize]);
        let table: &[Row] = &[
            (&["a"], 0, false, 0, &[2, 6]),
            (&["a"], 3, false, 0, &[6]),
            (&["a  "], 0, false, 1, &[1, 2, 6]),
            (&["\ta\t"], 0, false, 2, &[0, 1, 2, 6]),
            (&["'a'"], 0, false, 3, &[5]),
            (&["  'a'"], 0, false, 3, &[4]),
            (&["\t'a'"], 0, false, 4, &[4, 5]),
            (&["\"b\" - c d"], 0, false, 3, &[3]),
            (&["a", "\"b\" - c d"], 0, false, 3, &[2]),
            (&["a"], 0, true, 0, &[6]),
            (&["a", "\"b\" - c d"], 0, true, 0, &[]),
            (&["\"a\""], 0, false, 0, &[]),
            (&["a"; 8], 0, false, 0, &[]),
            (&[], 0, false, 0, &[]),
        ];
        let mut lines = Lines::new(file.to_vec());
        for (wanted, from, at_end, level, at) in table {
            let found = lines.find(wanted, *from, *at_end, &mut Work::at_most(10_000)).unwrap();
            assert_eq!(found, Matches { at: at.to_vec(), level: *level }, "{wanted:?} from {from}");
        }
    }

    #[test]
    fn a_search_finds_what_comparing_everywhere_finds() {
        // All files of nine lines and all hunks of up to four, of two kinds of line.
        for file in 0..1_u32 << 9 {
            let file: Vec<u32> = (0..9).map(|bit| file >> bit & 1).collect();
            for (length, hunk) in (1..=4).flat_map(|length| (0..1_u32 << length).map(move |hunk| (length, hunk))) {
                let hunk: Vec<u32> = (0..length).map(|bit| hunk >> bit & 1).collect();
                let row = |at: usize| file[at..].iter().zip(&hunk).take_while(|(a, b)| a == b).count();
                for from in [0, 3] {
                    let mut work = Work::at_most(100);
                    let found = search(&file, &hunk, from, &mut work).unwrap();
                    let all: Vec<usize> = (from..9).filter(|at| row(*at) == hunk.len()).collect();
                    assert_eq!(found.at, all, "{file:?} {hunk:?}");
                    if found.at.is_empty() {
                        assert_eq!(Some(found.best.0), (from..9).map(row).max(), "{file:?} {hunk:?}");
                    }
                    assert!(found.best.0 == 0 || row(found.best.1) == found.best.0);
                }
            }
        }
    }
}
