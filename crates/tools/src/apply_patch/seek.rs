//! Finds the places in a file where a hunk fits.
//!
//! It must never take a place that the hunk does not say: what is not found is explained instead.

use std::ops::Range;

use super::{
    lines::{Lines, Matches},
    named::{Named, above, below, contexts},
    parse::{Hunk, HunkLine},
    work::Work,
};

/// Where a hunk fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    /// Indices of the first lines, in order: at least one, and no more than an error tells.
    pub(super) starts: Vec<usize>,
    /// How many lines of the file the hunk's old lines are.
    pub(super) length: usize,
    /// Indices of the hunk's lines that are blank and that the file does not have.
    pub(super) missing: Range<usize>,
    /// How loosely the lines at the first place were compared: an index of [`super::lines::IGNORED`].
    pub(super) level: usize,
    /// Whether the places differ in that.
    pub(super) mixed: bool,
    /// What the lines after `@@` named above the first place.
    pub(super) context: Option<Named>,
    /// Whether the hunk only adds lines to the file's end, whatever its other hunks do.
    pub(super) appends: bool,
}

/// Finds the places of `hunk` in `file` from line `from` on.
///
/// # Errors
/// Sentences for the model: what was not found, and what comes nearest; or those of [`Work::spend`].
pub(super) fn places(file: &mut Lines<'_>, hunk: &Hunk, from: usize, work: &mut Work) -> Result<Places, String> {
    let named = contexts(file, hunk, from, work)?;
    let start = named.first().map_or(from, |named| named.line + 1);
    let old: Vec<&str> = hunk.lines.iter().filter_map(|line| line.old()).collect();
    if old.is_empty() {
        // Lines that are only added go below the place that was named, or to the end of the file.
        let appends = named.is_empty() || hunk.at_end;
        let shown = &named[..named.len().min(SHOWN_PLACES + 1)];
        return Ok(Places {
            starts: if appends { vec![file.len()] } else { shown.iter().map(|named| named.line + 1).collect() },
            length: 0,
            missing: 0..0,
            level: 0,
            mixed: shown.iter().any(|named| named.level != shown[0].level),
            context: named.first().copied(),
            appends,
        });
    }
    // Models repeat the line after `@@` as the first of the hunk.
    let first = named.first().map_or(from, |named| named.line);
    if let Some(places) = fit(file, &old, &named, first, hunk.at_end, work)? {
        return Ok(places);
    }
    // Models leave blank lines between a hunk and what follows it in the patch, or take the final newline for one.
    let blank = |line: &HunkLine| matches!(line, HunkLine::Keep(text) if text.trim().is_empty());
    let strays = hunk.lines.iter().rev().take_while(|line| blank(line)).count();
    let last = hunk.lines.iter().rposition(|line| line.old().is_some()).unwrap_or_default();
    let mut wanted = old.as_slice();
    for stray in 1..=strays.max(1) {
        let Some((blank, shorter)) = wanted.split_last() else { break };
        if !blank.trim().is_empty() || shorter.is_empty() {
            break;
        }
        // With the blank line it may be above, and be meant all the same.
        if first > 0 && !file.find(wanted, 0, hunk.at_end, work)?.at.is_empty() {
            return Err(not_found(file, wanted, start, hunk.at_end, work)?);
        }
        // Only blank lines that end the hunk may be none of the file's wherever it is.
        if let Some(places) = fit(file, shorter, &named, first, hunk.at_end || strays == 0, work)? {
            let missing = if strays == 0 { last..last + 1 } else { hunk.lines.len() - stray..hunk.lines.len() };
            return Ok(Places { missing, ..places });
        }
        wanted = shorter;
    }
    Err(not_found(file, &old, start, hunk.at_end, work)?)
}

/// Where `old` is from line `first` on, and below what was `named`, if anything was.
fn fit(
    file: &mut Lines<'_>,
    old: &[&str],
    named: &[Named],
    first: usize,
    at_end: bool,
    work: &mut Work,
) -> Result<Option<Places>, String> {
    let Matches { at, level } = file.find(old, first, at_end, work)?;
    let mut starts = if named.is_empty() { at } else { below(file, old, &at, named, 0, at_end, work)? };
    starts.truncate(SHOWN_PLACES + 1);
    let Some(start) = starts.first().copied() else { return Ok(None) };
    let mut levels = vec![level];
    if !named.is_empty() {
        levels = starts.iter().map(|start| file.level(old, *start, work)).collect::<Result<_, _>>()?;
    }
    Ok(Some(Places {
        starts,
        length: old.len(),
        missing: 0..0,
        level: levels.first().copied().unwrap_or(level),
        mixed: levels.iter().any(|level| *level != levels[0]),
        context: above(named, start),
        appends: false,
    }))
}

/// Where a search began, in words, if not at the top of the file.
pub(super) fn after(start: usize) -> String {
    if start == 0 { String::new() } else { format!(" after line {start}") }
}

/// Most lines of a hunk that an error repeats.
const SHOWN: usize = 20;

/// Most places that an error tells.
const SHOWN_PLACES: usize = 8;

/// What tells places apart that are not compared equally.
const EXACTLY: &str = "; and give lines exactly as in the file, above all their indentation";

/// What is wrong with `hunk`, which fits at each of `starts`, indices in order; `mixed` as [`Places::mixed`].
pub(super) fn ambiguous(hunk: &Hunk, starts: &[usize], mixed: bool) -> String {
    let old: Vec<&str> = hunk.lines.iter().filter_map(|line| line.old()).collect();
    // A line is told by its number, and an addition by that of the line above.
    let first = usize::from(!old.is_empty());
    let mut numbers: Vec<String> = starts.iter().take(SHOWN_PLACES).map(|start| (start + first).to_string()).collect();
    if starts.len() > SHOWN_PLACES {
        numbers.push("more".to_owned());
    }
    let last = numbers.pop().unwrap_or_default();
    let numbers = format!("{} and {last}", numbers.join(", "));
    let exactly = if mixed { EXACTLY } else { "" };
    if old.is_empty() {
        return format!(
            "the line after `@@` is at lines {numbers}, so that it does not say where to add: give unchanged lines \
             around the addition{exactly}"
        );
    }
    let mut text =
        format!("these lines are at lines {numbers} of the file, so that it is not clear which are meant:\n");
    show(&old, &mut text);
    text.push_str(if hunk.contexts.is_empty() {
        "Give more unchanged lines around the change, or after `@@ ` the nearest line above that is there only once"
    } else {
        "Give more unchanged lines around the change, or after `@@ ` another line above, one that is there only once"
    });
    text.push_str(exactly);
    text
}

fn show(lines: &[&str], text: &mut String) {
    for line in lines.iter().take(SHOWN) {
        text.push_str(&format!("{line}\n"));
    }
    if lines.len() > SHOWN {
        text.push_str(&format!("[... {} more]\n", lines.len() - SHOWN));
    }
}

fn not_found(
    file: &mut Lines<'_>,
    old: &[&str],
    start: usize,
    at_end: bool,
    work: &mut Work,
) -> Result<String, String> {
    let what = if at_end { "are not the last of the file" } else { "are not in the file" };
    let mut text = format!("these lines {what}{}, in this order:\n", after(start));
    show(old, &mut text);
    if let Some(line) = file.find(old, 0, false, work)?.at.first() {
        let why = if at_end { "not at its end" } else { "but hunks go in file order" };
        text.push_str(&format!("They are at line {}, {why}", line + 1));
    } else {
        text.push_str(&nearest(file, old, work)?);
    }
    Ok(text)
}

/// Where most of the wanted lines in a row are, and what the file has instead of the next.
fn nearest(file: &mut Lines<'_>, old: &[&str], work: &mut Work) -> Result<String, String> {
    let (count, at) = file.nearest(old, work)?;
    Ok(match (count, file.get(at + count), old.get(count)) {
        (0, ..) | (_, _, None) => "Read the file again before patching it".to_owned(),
        (_, None, Some(wanted)) => format!("The file ends where the patch has `{wanted}`"),
        (_, Some(found), Some(wanted)) => {
            format!("Nearest: line {} of the file is `{found}` where the patch has `{wanted}`", at + count + 1)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What locating a hunk costs, and what came of it.
    fn cost(file: &[&str], hunk: Hunk) -> (u64, Result<Places, String>) {
        let mut work = Work::at_most(u64::MAX);
        let places = places(&mut Lines::new(file.to_vec()), &hunk, 0, &mut work);
        (work.spent(), places)
    }

    #[test]
    fn the_cost_is_linear_where_all_lines_look_the_same() {
        let (file, length) = (vec!["x"; 200_000], 1000);
        let kept = || vec![HunkLine::Keep("x".into()); length];
        let ends_with = |line: &str| [kept(), vec![HunkLine::Remove(line.into())]].concat();
        let mut other = file.clone();
        other.extend(["z", "  y  "]);
        let table = [
            ("found everywhere", &file, kept(), SHOWN_PLACES + 1),
            ("found at the end, leniently", &other, vec![HunkLine::Keep("y".into())], 1),
            ("one line is nowhere", &file, ends_with("y"), 0),
            ("one line is elsewhere", &other, ends_with("y"), 0),
            ("the first line is nowhere", &file, [vec![HunkLine::Keep("y".into())], kept()].concat(), 0),
        ];
        // Five levels of at most 17 for a line to be indexed and two to be compared, twice to tell what is wrong.
        let most = 5 * (17 + 3 * 2) * (file.len() + length) as u64;
        for (name, file, lines, found) in table {
            let (spent, places) = cost(file, Hunk { lines, ..Hunk::default() });
            assert_eq!(places.as_ref().map_or(0, |places| places.starts.len()), found, "{name}");
            assert!(spent <= most, "{name}: {spent} of {most}");
        }
        let contexts = vec!["x".to_owned(); 3];
        let (spent, places) = cost(&file, Hunk { contexts, lines: kept(), ..Hunk::default() });
        assert!(places.is_ok() && spent <= most, "{spent} of {most}: {places:?}");
    }

    #[test]
    fn lines_after_at_signs_narrow_one_another() {
        let file = ["A", "f", "x", "B", "f", "x", "x", "C", "y"];
        type Row = (&'static [&'static str], &'static str, Result<&'static [usize], &'static str>);
        let table: &[Row] = &[
            (&[], "x", Ok(&[2, 5, 6])),
            (&["A"], "x", Ok(&[2])),
            (&["B"], "x", Ok(&[5])),
            (&["f"], "x", Ok(&[2, 5])),
            (&["B", "f"], "x", Ok(&[5])),
            (&["f"], "y", Ok(&[8])),
            (&["B"], "B", Ok(&[3])),
            (&["C"], "x", Err("after line 8")),
            (&["D"], "x", Err("is not in the file")),
            (&["f"], "", Ok(&[2, 5])),
            (&[], "", Ok(&[9])),
        ];
        for (contexts, old, expected) in table {
            let contexts = contexts.iter().map(|line| (*line).to_owned()).collect();
            let line = if old.is_empty() { HunkLine::Add("z".into()) } else { HunkLine::Remove((*old).to_owned()) };
            match (cost(&file, Hunk { contexts, lines: vec![line], ..Hunk::default() }).1, expected) {
                (Ok(places), Ok(starts)) => assert_eq!(places.starts, *starts, "{old}"),
                (Err(told), Err(part)) => assert!(told.contains(part), "{told}"),
                (found, _) => panic!("{old}: {found:?} in place of {expected:?}"),
            }
        }
    }

    #[test]
    fn beyond_the_budget_a_patch_is_refused() {
        let mut lines = Lines::new(vec!["x"; 1000]);
        let hunk = Hunk { lines: vec![HunkLine::Keep("y".into())], ..Hunk::default() };
        let refused = places(&mut lines, &hunk, 0, &mut Work::at_most(1000)).unwrap_err();
        assert!(refused.contains("smaller hunks"), "{refused}");
    }
}
