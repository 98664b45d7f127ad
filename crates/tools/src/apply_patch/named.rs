//! The lines of a file that the lines after `@@` name, and what is below them.
//!
//! It must never take what is far from a named line for what the patch says is below it, where something as good is
//! near.

use super::{
    lines::{Lines, Matches},
    parse::Hunk,
    seek::after,
    work::{INDEXING, Work},
};

/// A line of the file that the last of the lines after `@@` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    /// Its index.
    pub(super) line: usize,
    /// How loosely it, or one of those above it, was compared: an index of [`super::lines::IGNORED`].
    pub(super) level: usize,
}

/// The lines that the last of the lines after `@@` names below the others, in order; nothing if there are none.
pub(super) fn contexts(file: &mut Lines<'_>, hunk: &Hunk, from: usize, work: &mut Work) -> Result<Vec<Named>, String> {
    let mut named: Vec<Named> = Vec::new();
    for context in &hunk.contexts {
        let wanted = [context.as_str()];
        let start = named.first().map_or(from, |named| named.line + 1);
        let Matches { at, level } = file.find(&wanted, start, false, work)?;
        if at.is_empty() {
            return Err(no_context(file, context, start, work)?);
        }
        if named.is_empty() {
            named = at.into_iter().map(|line| Named { line, level }).collect();
            continue;
        }
        // Each further line is the first such below the one before it.
        let mut next = Vec::new();
        for line in below(file, &wanted, &at, &named, 1, false, work)? {
            let outer = above(&named, line).map_or(0, |outer| outer.level);
            next.push(Named { line, level: outer.max(file.level(&wanted, line, work)?) });
        }
        named = next;
    }
    Ok(named)
}

/// Where `wanted` is below what was `named`, in order: of `strict`, its places by the strictest comparison, the first
/// at least `gap` lines below each of them.
///
/// Such a place may be far from what is meant, whose indentation the patch has not kept. Where it is outside the block
/// that the named line begins, the first place by the loosest comparison is as good if it is above, and is one more.
pub(super) fn below(
    file: &mut Lines<'_>,
    wanted: &[&str],
    strict: &[usize],
    named: &[Named],
    gap: usize,
    at_end: bool,
    work: &mut Work,
) -> Result<Vec<usize>, String> {
    work.spend(named.len() as u64 * INDEXING)?;
    let from = |places: &[usize], bound| places.get(places.partition_point(|place| *place < bound)).copied();
    // Lines of brackets say little about where a block ends.
    let telling = wanted.iter().position(|line| tells(line)).unwrap_or_default();
    let mut loose: Option<Vec<usize>> = None;
    let mut places = Vec::new();
    for head in named {
        let bound = head.line + gap;
        let Some(place) = from(strict, bound) else { continue };
        if !is_within(file, head.line, place + telling, work)? {
            let all = match loose.take() {
                Some(all) => all,
                None => file.find_loosely(wanted, bound, at_end, work)?,
            };
            places.extend(from(&all, bound).filter(|other| *other < place));
            loose = Some(all);
        }
        places.push(place);
    }
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

/// The last of `named` at or above line `at`.
pub(super) fn above(named: &[Named], at: usize) -> Option<Named> {
    named[..named.partition_point(|named| named.line <= at)].last().copied()
}

/// Whether line `at` is in the block that line `head` above it begins: no line that tells is indented as little.
fn is_within(file: &Lines<'_>, head: usize, at: usize, work: &mut Work) -> Result<bool, String> {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let outer = file.get(head).map_or(0, indentation);
    for line in (head + 1..=at).map_while(|index| file.get(index)) {
        work.spend(1 + line.len() as u64 / 8)?;
        if indentation(line) <= outer && tells(line) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a line has more than blanks, brackets and the like.
fn tells(line: &str) -> bool {
    line.contains(char::is_alphanumeric)
}

fn no_context(file: &mut Lines<'_>, context: &str, start: usize, work: &mut Work) -> Result<String, String> {
    let earlier = file.find(&[context], 0, false, work)?.at;
    let earlier = earlier
        .first()
        .map(|line| format!("; it is at line {}, but hunks go in file order", line + 1))
        .unwrap_or_default();
    Ok(format!("the line after `@@` is not in the file{}{earlier}:\n{context}", after(start)))
}
