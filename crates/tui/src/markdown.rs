//! Markdown as rows: whole, or as it arrives.

mod blocks;
mod given;
mod inline;
mod stream;
mod table;

use std::ops::Range;

use pulldown_cmark::{BrokenLink, CowStr, Event, Options, Parser};

pub use given::{found, seen};
pub use stream::Stream;

use crate::{look::Look, text::Row};

/// An event of the parser, and where it stands in the source.
type Parsed<'a> = (Event<'a>, Range<usize>);

/// Targets of links that were named above: name and target.
type References = Vec<(String, String)>;

/// Markdown as rows of at most the look's width.
pub fn markdown(text: &str, look: &Look) -> Vec<Row> {
    blocks::rows(&parse(text, &References::new()), look)
}

/// The events of `text`, in which `references` can be named.
fn parse<'a>(text: &'a str, references: &'a References) -> Vec<Parsed<'a>> {
    let known = |link: BrokenLink<'_>| {
        let name = link.reference.to_lowercase();
        let (_, target) = references.iter().find(|(known, _)| *known == name)?;
        Some((CowStr::from(target.clone()), CowStr::from("")))
    };
    Parser::new_with_broken_link_callback(text, options(), Some(known)).into_offset_iter().collect()
}

fn options() -> Options {
    // Footnotes in the old manner: a reference is one whether or not its note has come.
    Options::ENABLE_TABLES | Options::ENABLE_OLD_FOOTNOTES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS
}

/// Where the element ends that begins at `at`: the index of its last event.
fn end_of(events: &[Parsed<'_>], at: usize) -> usize {
    let mut depth = 0;
    for (offset, (event, _)) in events[at..].iter().enumerate() {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + offset;
        }
    }
    events.len() - 1
}

/// The top-level blocks, as ranges of events.
fn top_level(events: &[Parsed<'_>]) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < events.len() {
        let end = end_of(events, at) + 1;
        blocks.push(at..end);
        at = end;
    }
    blocks
}

#[cfg(test)]
mod tests;
