//! Finds the place in a file where a hunk goes.
//!
//! It must never take a place that the hunk does not say: what is not found is explained instead.

use std::ops::Range;

use super::{
    lines::Lines,
    parse::{Hunk, HunkLine},
    work::Work,
};

/// Where a hunk goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The lines of the file that the hunk's old lines are.
    pub(super) lines: Range<usize>,
    /// Index of the hunk's line that is blank and that the file does not have, past its end.
    pub(super) missing: Option<usize>,
    /// Where the next hunk is looked for.
    pub(super) next: usize,
}

/// Finds `hunk` in `file` from line `from` on.
///
/// # Errors
/// Sentences for the model: what was not found, and what comes nearest; or those of [`Work::spend`].
pub(super) fn locate(file: &mut Lines<'_>, hunk: &Hunk, from: usize, work: &mut Work) -> Result<Place, String> {
    let mut start = from;
    for context in &hunk.contexts {
        match file.find(&[context], start, false, work)? {
            Some(found) => start = found + 1,
            None => return Err(no_context(file, context, start, work)?),
        }
    }
    let old: Vec<&str> = hunk.lines.iter().filter_map(|line| line.old()).collect();
    if old.is_empty() {
        // Lines that are only added go below the place that was named, or to the end of the file.
        let named = !hunk.contexts.is_empty() && !hunk.at_end;
        let (at, next) = if named { (start, start) } else { (file.len(), from) };
        return Ok(Place { lines: at..at, missing: None, next });
    }
    let place =
        |start: usize, length: usize, missing| Place { lines: start..start + length, missing, next: start + length };
    // Models repeat the line after `@@` as the first of the hunk.
    let starts = [start, start.saturating_sub(1)];
    let starts = if hunk.contexts.is_empty() { &starts[..1] } else { &starts[..] };
    for start in starts {
        if let Some(found) = file.find(&old, *start, hunk.at_end, work)? {
            return Ok(place(found, old.len(), None));
        }
    }
    // Models leave a blank line between a hunk and what follows it in the patch, or take the final newline for one.
    let last = hunk.lines.iter().rposition(|line| line.old().is_some());
    if let (Some(last), Some((blank, shorter))) = (last, old.split_last())
        && blank.trim().is_empty()
        && !shorter.is_empty()
    {
        // Only a blank line that ends the hunk may be none of the file's.
        let stray = last + 1 == hunk.lines.len() && matches!(hunk.lines[last], HunkLine::Keep(_));
        if let Some(found) = file.find(shorter, start, hunk.at_end || !stray, work)? {
            return Ok(place(found, shorter.len(), Some(last)));
        }
    }
    Err(not_found(file, &old, start, hunk.at_end, work)?)
}

fn no_context(file: &mut Lines<'_>, context: &str, start: usize, work: &mut Work) -> Result<String, String> {
    let earlier = file
        .find(&[context], 0, false, work)?
        .map(|line| format!("; it is at line {}, but hunks go in file order", line + 1))
        .unwrap_or_default();
    Ok(format!("the line after `@@` is not in the file{}{earlier}:\n{context}", after(start)))
}

fn after(start: usize) -> String {
    if start == 0 { String::new() } else { format!(" after line {start}") }
}

/// Most lines of a hunk that an error repeats.
const SHOWN: usize = 20;

fn not_found(
    file: &mut Lines<'_>,
    old: &[&str],
    start: usize,
    at_end: bool,
    work: &mut Work,
) -> Result<String, String> {
    let what = if at_end { "are not the last of the file" } else { "are not in the file" };
    let mut text = format!("these lines {what}{}, in this order:\n", after(start));
    for line in old.iter().take(SHOWN) {
        text.push_str(&format!("{line}\n"));
    }
    if old.len() > SHOWN {
        text.push_str(&format!("[... {} more]\n", old.len() - SHOWN));
    }
    if let Some(line) = file.find(old, 0, false, work)? {
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
    fn cost(file: &[&str], hunk: Hunk) -> (u64, Result<Place, String>) {
        let mut work = Work::at_most(u64::MAX);
        let place = locate(&mut Lines::new(file.to_vec()), &hunk, 0, &mut work);
        (work.spent(), place)
    }

    #[test]
    fn the_cost_is_linear_where_all_lines_look_the_same() {
        let (file, length) = (vec!["x"; 200_000], 1000);
        let kept = || vec![HunkLine::Keep("x".into()); length];
        let ends_with = |line: &str| [kept(), vec![HunkLine::Remove(line.into())]].concat();
        let mut other = file.clone();
        other.extend(["z", "  y  "]);
        let table = [
            ("found at once", &file, kept(), true),
            ("found at the end, leniently", &other, vec![HunkLine::Keep("y".into())], true),
            ("one line is nowhere", &file, ends_with("y"), false),
            ("one line is elsewhere", &other, ends_with("y"), false),
            ("the first line is nowhere", &file, [vec![HunkLine::Keep("y".into())], kept()].concat(), false),
        ];
        // Four levels of at most 17 for a line to be indexed and two to be compared, twice to tell what is wrong.
        let most = 4 * (17 + 3 * 2) * (file.len() + length) as u64;
        for (name, file, lines, found) in table {
            let (spent, place) = cost(file, Hunk { contexts: vec![], lines, at_end: false });
            assert_eq!(place.is_ok(), found, "{name}: {place:?}");
            assert!(spent <= most, "{name}: {spent} of {most}");
        }
    }

    #[test]
    fn beyond_the_budget_a_patch_is_refused() {
        let mut lines = Lines::new(vec!["x"; 1000]);
        let hunk = Hunk { contexts: vec![], lines: vec![HunkLine::Keep("y".into())], at_end: false };
        let refused = locate(&mut lines, &hunk, 0, &mut Work::at_most(1000)).unwrap_err();
        assert!(refused.contains("smaller hunks"), "{refused}");
    }
}
