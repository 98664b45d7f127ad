//! Blocks of Markdown as rows: paragraphs, headings, lists, quotations, code, tables.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Tag};

use super::{Parsed, end_of, inline, table};
use crate::{
    highlight,
    look::Look,
    text::{Row, Style, wrap},
    theme::Role,
};

/// Blocks within blocks beyond this depth are shown as text.
const DEPTH: usize = 12;

/// Fewer columns than these are not made fewer by what stands before a block.
const NARROW: usize = 12;

/// Where a block stands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Roles, and the columns that are left.
    pub look: &'a Look,
    /// Style of its text.
    pub base: Style,
    depth: usize,
    in_item: bool,
}

impl<'a> Place<'a> {
    /// At the top of a document.
    pub fn top(look: &'a Look) -> Self {
        Self { look, base: Style::plain(), depth: 0, in_item: false }
    }
}

/// All blocks of `events`, with empty rows between them.
pub fn rows(events: &[Parsed<'_>], look: &Look) -> Vec<Row> {
    within(events, Place::top(look))
}

/// Blocks one below the other.
fn within(events: &[Parsed<'_>], place: Place<'_>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut at = 0;
    while at < events.len() {
        let begin = at;
        at = match is_block(&events[at].0) {
            true => end_of(events, at) + 1,
            // In lists text stands without a paragraph around it.
            false => {
                while at < events.len() && !is_block(&events[at].0) {
                    at = end_of(events, at) + 1;
                }
                at
            }
        };
        let block = block(&events[begin..at], place);
        let follows = place.in_item && matches!(events[begin].0, Event::Start(Tag::List(_)));
        if !rows.is_empty() && !block.is_empty() && !follows {
            rows.push(Row::empty());
        }
        rows.extend(block);
    }
    rows
}

fn is_block(event: &Event<'_>) -> bool {
    use Tag::{Emphasis, Image, Link, Strikethrough, Strong, Subscript, Superscript};
    match event {
        Event::Rule => true,
        Event::Start(tag) => {
            !matches!(tag, Emphasis | Strong | Strikethrough | Superscript | Subscript | Link { .. } | Image { .. })
        }
        _ => false,
    }
}

/// One block, or text that stands in none.
pub fn block(events: &[Parsed<'_>], place: Place<'_>) -> Vec<Row> {
    let Some((Event::Start(tag), _)) = events.first().filter(|(event, _)| is_block(event)) else {
        let is_rule = matches!(events, [(Event::Rule, _)]);
        return if is_rule { vec![rule(place.look)] } else { text(events, place.base, place) };
    };
    let inner = &events[1..events.len().max(2) - 1];
    let place = Place { depth: place.depth + 1, ..place };
    if place.depth > DEPTH {
        return text(inner, place.base, place);
    }
    let quiet = place.look.style(Role::Quiet);
    match tag {
        Tag::Heading { level, .. } => text(inner, heading(*level, place.look), place),
        Tag::BlockQuote(_) => {
            let base = place.base.over(place.look.style(Role::Quote));
            let mark = Row::new("│ ", quiet);
            indented(&mark, &mark, place, |place| within(inner, Place { base, in_item: false, ..place }))
        }
        Tag::CodeBlock(kind) => {
            let source: String = inner.iter().filter_map(|(event, _)| text_of(event)).collect();
            code(language(kind), &source, place.look)
        }
        Tag::List(first) => list(inner, *first, place),
        Tag::Table(alignments) => table::Table::new(inner, alignments, place).rows(None, place.look),
        Tag::FootnoteDefinition(label) => {
            let mark = Row::new(&format!("[{label}] "), quiet);
            indented(&mark, &Row::plain("    "), place, |place| within(inner, Place { in_item: false, ..place }))
        }
        Tag::Item => within(inner, Place { in_item: true, ..place }),
        Tag::Paragraph | Tag::HtmlBlock => text(inner, place.base, place),
        _ => within(inner, place),
    }
}

fn text(events: &[Parsed<'_>], base: Style, place: Place<'_>) -> Vec<Row> {
    let lines = inline::lines(events, base, place.look);
    lines.iter().flat_map(|line| wrap(line, place.look.width, &Row::empty())).collect()
}

fn text_of<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    match event {
        Event::Text(text) => Some(text),
        _ => None,
    }
}

fn rule(look: &Look) -> Row {
    Row::new("───", look.style(Role::Quiet))
}

fn heading(level: HeadingLevel, look: &Look) -> Style {
    match level {
        HeadingLevel::H1 => Style { underline: true, ..look.style(Role::Heading) },
        HeadingLevel::H2 => look.style(Role::Heading),
        _ => look.style(Role::Strong),
    }
}

fn list(events: &[Parsed<'_>], first: Option<u64>, place: Place<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    let (mut number, mut at) = (first, 0);
    while at < events.len() {
        let end = end_of(events, at) + 1;
        rows.extend(item(&events[at..end], number, place));
        number = number.map(|number| number.saturating_add(1));
        at = end;
    }
    rows
}

/// An item of a list.
fn item(events: &[Parsed<'_>], number: Option<u64>, place: Place<'_>) -> Vec<Row> {
    let mark = number.map_or("- ".to_owned(), |number| format!("{number}. "));
    let rest = Row::plain(&" ".repeat(mark.len()));
    let mark = Row::new(&mark, place.look.style(Role::Quiet));
    let rows = indented(&mark, &rest, place, |place| block(events, place));
    if rows.is_empty() { vec![mark] } else { rows }
}

/// A list whose first item has this number, in place of its own.
pub fn list_from(events: &[Parsed<'_>], number: Option<u64>, place: Place<'_>) -> Vec<Row> {
    list(&events[1..events.len().max(2) - 1], number, Place { depth: place.depth + 1, ..place })
}

/// A block with `first` before its first row and `rest` before the others, where there is room for that.
fn indented(first: &Row, rest: &Row, place: Place<'_>, block: impl FnOnce(Place<'_>) -> Vec<Row>) -> Vec<Row> {
    let width = first.width().max(rest.width());
    if place.look.width < NARROW + width {
        return block(place);
    }
    let look = Look { width: place.look.width - width, ..*place.look };
    let mark = |(at, mut row): (usize, Row)| {
        let before = if at == 0 { first } else { rest };
        match row.is_empty() {
            // Marks go on where a row is empty, blanks do not.
            true => {
                row = Row::new(before.text().trim_end(), before.spans.first().map_or(place.base, |span| span.style))
            }
            false => drop(row.spans.splice(0..0, before.spans.iter().cloned())),
        }
        row
    };
    block(Place { look: &look, ..place }).into_iter().enumerate().map(mark).collect()
}

/// Code, wrapped, a little indented.
pub fn code(language: &str, source: &str, look: &Look) -> Vec<Row> {
    highlight::code(language, source, look).iter().flat_map(|row| code_line(row, look)).collect()
}

/// A line of code, wrapped below its own indent, all a little indented.
pub fn code_line(line: &Row, look: &Look) -> Vec<Row> {
    if look.width < NARROW + 2 {
        return wrap(line, look.width, &Row::empty());
    }
    let blanks = line.text().chars().take_while(|c| *c == ' ').count();
    // Deep in a narrow place there would be no room left.
    let hanging = if blanks <= look.width / 2 { " ".repeat(blanks) } else { String::new() };
    let mut rows = wrap(line, look.width - 2, &Row::plain(&hanging));
    for row in rows.iter_mut().filter(|row| !row.is_empty()) {
        row.spans.insert(0, look.span("  ", Role::Plain));
    }
    rows
}

fn language<'a>(kind: &'a CodeBlockKind<'_>) -> &'a str {
    match kind {
        CodeBlockKind::Fenced(language) => language,
        CodeBlockKind::Indented => "",
    }
}
