//! Hunks applied to the bytes of a text file.
//!
//! It must never change a byte that no hunk speaks of, nor choose between places that fit equally well.

use super::{
    content::{Content, Writer},
    lines::{IGNORED, Lines},
    parse::{Hunk, HunkLine},
    seek::{Places, ambiguous, places},
    work::Work,
};

/// A file after its hunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Updated {
    pub(super) bytes: Vec<u8>,
    /// Sentences for the model on what it should check.
    pub(super) notes: Vec<String>,
}

/// A hunk and where it goes.
struct Placed<'hunk> {
    /// Its place among the others, from 1.
    number: usize,
    hunk: &'hunk Hunk,
    places: Places,
}

impl Placed<'_> {
    /// The first of its places.
    fn start(&self) -> usize {
        self.places.starts.first().copied().unwrap_or_default()
    }

    fn end(&self) -> usize {
        self.start() + self.places.length
    }
}

/// The file `content` after `hunks`, in their order. Added lines are written in its encoding and with its line endings;
/// its last line stays without an ending if it has none.
///
/// # Errors
/// Sentences for the model that name the hunk and show the lines that were not found, or found more than once; that the
/// file is not text, or cannot hold a character; or those of [`Work::spend`].
pub(super) fn update(content: &[u8], hunks: &[Hunk], work: &mut Work) -> Result<Updated, String> {
    work.spend(content.len() as u64 / 8)?;
    let content = Content::of(content).map_err(|what| format!("it is {what}; change it with a command"))?;
    let placed = place(&content, hunks, work)?;
    let notes = placed.iter().flat_map(notes).collect();
    Ok(Updated { bytes: write(&content, placed)?, notes })
}

/// The text of an added file in place of `old`: in its encoding and with its line endings, if it is text.
///
/// # Errors
/// A sentence for the model: a character that the file cannot hold.
pub(super) fn replace(old: &[u8], text: &str) -> Result<Vec<u8>, String> {
    let Ok(content) = Content::of(old).map(Content::emptied) else { return Ok(text.as_bytes().to_vec()) };
    let mut writer = Writer::new(&content);
    text.lines().try_for_each(|line| writer.add(line, None))?;
    Ok(writer.end(None))
}

/// Finds the one way in which all hunks fit, each below the one before it.
fn place<'hunk>(content: &Content<'_>, hunks: &'hunk [Hunk], work: &mut Work) -> Result<Vec<Placed<'hunk>>, String> {
    let mut lines = Lines::new(content.lines(0, content.len()).map(|line| line.text).collect());
    let name = |number: usize, error: String| format!("hunk {number} of {}: {error}", hunks.len());
    let mut from = 0;
    let mut placed: Vec<Placed<'hunk>> = Vec::new();
    for (hunk, number) in hunks.iter().zip(1..) {
        let places = places(&mut lines, hunk, from, work).map_err(|error| name(number, error))?;
        let next = Placed { number, hunk, places };
        if !next.places.appends {
            from = next.end();
        }
        placed.push(next);
    }
    // All took their first place. If they fit in another way too, one of them can take its second with those below it
    // where they are.
    let mut limit = content.len();
    for placed in placed.iter().rev().filter(|placed| !placed.places.appends) {
        let Places { starts, length, .. } = &placed.places;
        let possible = &starts[..starts.partition_point(|start| start + length <= limit)];
        if possible.len() > 1 {
            return Err(name(placed.number, ambiguous(placed.hunk, possible, placed.places.mixed)));
        }
        limit = placed.start();
    }
    // Only additions to the end can be out of order; among themselves they keep theirs.
    placed.sort_by_key(Placed::start);
    Ok(placed)
}

/// What was let pass and ought to be looked at.
fn notes(placed: &Placed<'_>) -> Vec<String> {
    let ignored = |level: usize| IGNORED.get(level).copied().flatten();
    let (number, start, end) = (placed.number, placed.start() + 1, placed.end());
    let context = placed.places.context.and_then(|context| {
        let (line, ignored) = (context.line + 1, ignored(context.level)?);
        Some(format!(
            "hunk {number} was looked for below line {line} of the old file: what follows `@@` was found with {ignored}"
        ))
    });
    let lines = ignored(placed.places.level).map(|ignored| {
        format!("hunk {number} was taken for lines {start} to {end} of the old file, which have {ignored}")
    });
    context.into_iter().chain(lines).collect()
}

fn write(content: &Content<'_>, placed: Vec<Placed<'_>>) -> Result<Vec<u8>, String> {
    let mut writer = Writer::new(content);
    let mut copied = 0;
    let mut finished = None;
    for placed in &placed {
        let Placed { hunk, places, .. } = placed;
        content.lines(copied, placed.start()).for_each(|line| writer.copy(line));
        copied = placed.start();
        for (index, line) in hunk.lines.iter().enumerate() {
            let old = content.line(copied);
            let blank = places.missing.contains(&index);
            match (line, old) {
                // A blank line that the file lacks is added where lines follow it, and is nothing at the hunk's end.
                (HunkLine::Keep(_), _) if blank && places.missing.end < hunk.lines.len() => writer.add("", old)?,
                (HunkLine::Keep(_) | HunkLine::Remove(_), _) if blank => continue,
                // The file's own line, not the patch's: they may differ where the match was lenient.
                (HunkLine::Keep(_), Some(line)) => writer.copy(line),
                (HunkLine::Remove(_), Some(line)) => writer.skip(line),
                (HunkLine::Keep(_) | HunkLine::Remove(_), None) => {}
                (HunkLine::Add(text), _) => writer.add(text, old)?,
            }
            copied += usize::from(line.old().is_some() && !blank);
        }
        if copied == content.len() {
            finished = hunk.finished.or(finished);
        }
    }
    content.lines(copied, content.len()).for_each(|line| writer.copy(line));
    Ok(writer.end(finished))
}

#[cfg(test)]
mod tests;
