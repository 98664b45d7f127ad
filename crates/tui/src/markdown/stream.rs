//! Markdown that arrives bit by bit: what can no longer change is given out, the rest is kept.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};

use super::{
    Parsed, References, blocks,
    blocks::Place,
    end_of,
    given::Given,
    options, parse,
    table::{Table, total},
    top_level,
};
use crate::{highlight::Highlighter, look::Look, text::Row};

/// An open block with more source than this is cut where a line or a word ends.
const MOST: usize = 16 << 10;

/// Source is looked at in pieces of at most so many bytes: the rows of much text take many times its room.
const PIECE: usize = 16 << 10;

/// Last rows of an open block that are never given out.
const UNSETTLED: usize = 3;

/// Most targets of links that are kept for what comes below.
const MOST_REFERENCES: usize = 200;

/// A document that arrives. Only what is open is kept of it, and what was not looked at yet.
#[derive(Debug, Default)]
pub struct Stream {
    /// What was not looked at yet, from the place `looked_at` on.
    waiting: String,
    looked_at: usize,
    /// The source from the beginning of the open block, or within open code.
    tail: String,
    open: Open,
    /// What of the open block was given out, and is still in the tail.
    given: Given,
    /// Whether some of the open block was given out.
    begun: bool,
    /// Whether an empty row stands between what was given out and what comes.
    gap: bool,
    references: References,
    /// How much of the tail was looked at, and for how many rows.
    seen: (usize, usize),
}

/// What is known of the open block beyond its source.
#[derive(Debug, Default)]
enum Open {
    /// Nothing.
    #[default]
    Block,
    /// It is code with a fence: the tail begins within it.
    Code(Box<Code>),
    /// It is the rest of a list whose next item has this number, or none.
    List(Option<u64>),
    /// It is a table whose columns cannot get other widths any more.
    Table(Vec<usize>),
}

/// Code with a fence that is open.
#[derive(Debug)]
struct Code {
    fence: char,
    /// Characters of the fence.
    length: usize,
    /// Blanks before the fence, which are taken off each line.
    indent: usize,
    highlighter: Highlighter,
    /// Whole lines that are not given out.
    lines: Vec<Row>,
}

impl Stream {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// More of it.
    pub fn push(&mut self, text: &str) {
        let is_little = self.tail.len() + text.len() <= 2 * PIECE;
        if is_little && self.waiting.is_empty() { &mut self.tail } else { &mut self.waiting }.push_str(text);
    }

    /// Whether there is source that was not looked at yet.
    pub fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The rows that can no longer change, each once. Where the open block needs more than `live_rows` rows, its upper
    /// rows too. After much text at once, more of them are [left for the next time](Self::is_behind).
    pub fn take(&mut self, look: &Look, live_rows: usize) -> Vec<Row> {
        self.look_at_more();
        let mut rows = Vec::new();
        let mut before = None;
        // Each round gives out what lies before the open block, or enters code, or leaves it.
        while before != Some(self.state()) {
            before = Some(self.state());
            if matches!(self.open, Open::Code(_)) {
                self.code(look, live_rows, &mut rows);
            } else if self.has_more(look, live_rows) {
                self.blocks(look, &mut rows);
            }
        }
        if !matches!(self.open, Open::Code(_)) && self.has_more(look, live_rows) {
            self.overflow(look, live_rows, &mut rows);
            self.seen = (self.tail.len(), live_rows);
        }
        rows
    }

    /// All that is left: nothing more comes.
    pub fn finish(&mut self, look: &Look) -> Vec<Row> {
        let mut rows = Vec::new();
        while self.is_behind() {
            rows.extend(self.take(look, usize::MAX));
        }
        if !self.tail.is_empty() && !self.tail.ends_with('\n') {
            self.tail.push('\n');
        }
        rows.extend(self.take(look, usize::MAX));
        rows.extend(self.live(look));
        *self = Self { gap: self.gap || !rows.is_empty(), ..Self::default() };
        rows
    }

    /// `text`, which is the beginning of what is open but for blanks, was not given out, but stays where it is seen.
    pub fn leave(&mut self, text: &str) {
        self.given.add_text(text);
        (self.gap, self.begun) = (false, true);
    }

    /// The rows of what is open.
    pub fn live(&self, look: &Look) -> Vec<Row> {
        let mut rows = match &self.open {
            Open::Code(code) => {
                let last = code.without_indent(&self.tail);
                let last = (!last.is_empty() && !code.may_end(last)).then(|| Row::plain(last));
                let lines = code.lines.iter().chain(&last);
                self.given.without(lines.flat_map(|line| blocks::code_line(line, look)).collect(), look)
            }
            _ => self.rows(settled(&self.tail), look),
        };
        if self.gap && !rows.is_empty() {
            rows.insert(0, Row::empty());
        }
        rows
    }

    /// The next piece is looked at from here on.
    fn look_at_more(&mut self) {
        let end = self.waiting.floor_char_boundary(self.looked_at + PIECE);
        self.tail.push_str(&self.waiting[self.looked_at..end]);
        self.looked_at = end;
        if end == self.waiting.len() {
            // What much text needed at once is no measure for what comes.
            self.waiting.clear();
            self.waiting.shrink_to(PIECE);
            self.looked_at = 0;
        }
    }

    fn state(&self) -> (usize, bool) {
        (self.tail.len(), matches!(self.open, Open::Code(_)))
    }

    /// Whether there is a line or a row that was not looked at, or another number of rows to show it in.
    fn has_more(&self, look: &Look, live_rows: usize) -> bool {
        let (bytes, rows) = self.seen;
        let new = self.tail.get(bytes..).unwrap_or(&self.tail);
        rows != live_rows || new.contains('\n') || new.len() >= look.width || self.tail.len() > MOST
    }

    /// The rows of `source`, which begins with the open block, but for what was given out.
    fn rows(&self, source: &str, look: &Look) -> Vec<Row> {
        self.given.without(self.all(source, look), look)
    }

    fn all(&self, source: &str, look: &Look) -> Vec<Row> {
        let events = parse(source, &self.references);
        let mut rows: Vec<Row> = Vec::new();
        for (at, block) in top_level(&events).into_iter().enumerate() {
            let block = match at {
                0 => self.first(&events[block], look),
                _ => blocks::block(&events[block], Place::top(look)),
            };
            if at > 0 && !block.is_empty() && (self.begun || !rows.is_empty()) {
                rows.push(Row::empty());
            }
            rows.extend(block);
        }
        rows
    }

    /// The rows of the open block.
    fn first(&self, events: &[Parsed<'_>], look: &Look) -> Vec<Row> {
        let place = Place::top(look);
        match (&self.open, &events[0].0) {
            (Open::List(number), Event::Start(Tag::List(_))) => blocks::list_from(events, *number, place),
            (Open::Table(widths), Event::Start(Tag::Table(alignments))) => {
                let fits = total(widths) <= look.width;
                let table = Table::new(&events[1..events.len().max(2) - 1], alignments, place);
                table.rows(fits.then_some(widths), look)
            }
            _ => blocks::block(events, place),
        }
    }

    /// Gives out the blocks that something follows.
    fn blocks(&mut self, look: &Look, rows: &mut Vec<Row>) {
        let whole = whole(&self.tail);
        let events = parse(&self.tail[..whole], &self.references);
        let blocks = top_level(&events);
        let Some(last) = blocks.last() else { return };
        let begin = line_begin(&self.tail, events[last.start].1.start);
        let mut closed = Vec::new();
        let mut given = Given::default();
        if blocks.len() > 1 {
            let all = self.all(&self.tail[..begin], look);
            given = self.given.behind(&all);
            closed = self.given.without(all, look);
        }
        let code = match &events[last.start].0 {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                Code::open(&self.tail[begin..whole], language)
            }
            _ => None,
        };
        if blocks.len() == 1 && code.is_none() {
            return;
        }
        drop(events);
        if blocks.len() > 1 {
            self.keep_references(begin);
            self.emit(closed, rows);
            self.close();
            if !given.is_empty() {
                // What comes now has begun there too.
                (self.gap, self.begun, self.given) = (false, true, given);
            }
        }
        self.tail.drain(..begin);
        if let Some((code, opener)) = code {
            self.tail.drain(..opener);
            self.open = Open::Code(Box::new(code));
        }
        self.seen = (0, usize::MAX);
    }

    /// Bytes of source that are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.tail.len()
    }

    /// Goes on in open code.
    fn code(&mut self, look: &Look, live_rows: usize, rows: &mut Vec<Row>) {
        let Open::Code(code) = &mut self.open else { return };
        let mut begin = 0;
        let mut ended = false;
        while let Some(length) = self.tail[begin..].find('\n') {
            let line = code.without_indent(self.tail[begin..begin + length].trim_end_matches('\r'));
            begin += length + 1;
            if code.ends(line) {
                ended = true;
                break;
            }
            let row = code.highlighter.line(line, look);
            code.lines.push(row);
        }
        self.tail.drain(..begin);
        if !ended && self.tail.len() > MOST {
            // A line without end: what there is of it is given out.
            let line = std::mem::take(&mut self.tail);
            let row = code.highlighter.line(&line, look);
            code.lines.push(row);
        }
        code.without(&mut self.given, look);
        let mut drawn: Vec<Vec<Row>> = code.lines.iter().map(|line| blocks::code_line(line, look)).collect();
        if let Some(first) = drawn.first_mut() {
            *first = self.given.without(std::mem::take(first), look);
        }
        let mut over = drawn.iter().map(Vec::len).sum::<usize>().saturating_sub(live_rows);
        let mut given = Vec::new();
        let mut lines = 0;
        for line in drawn {
            if over == 0 && !ended {
                break;
            }
            over = over.saturating_sub(line.len());
            given.extend(line);
            lines += 1;
        }
        code.lines.drain(..lines);
        if lines > 0 {
            self.given = Given::default();
        }
        self.emit_part(given, rows);
        if ended {
            self.close();
        }
        self.seen = (0, usize::MAX);
    }

    /// Gives out the upper rows of an open block that needs too many.
    fn overflow(&mut self, look: &Look, live_rows: usize, rows: &mut Vec<Row>) {
        let mut drawn = self.rows(&self.tail, look);
        if drawn.len() <= live_rows && self.tail.len() <= MOST {
            return;
        }
        if top_level(&parse(&self.tail, &self.references)).len() > 1 && self.tail.len() <= MOST {
            // It is open what the second is.
            return;
        }
        let whole = line_begin(&self.tail, self.tail.len());
        let events = parse(&self.tail[..whole], &self.references);
        if let Some((Event::Start(Tag::List(_)), _)) = events.first()
            && let Some((begin, number)) = self.last_item(&events)
        {
            drop(events);
            let items = self.all(&self.tail[..begin], look);
            let given = self.given.behind(&items);
            self.emit_part(self.given.without(items, look), rows);
            self.tail.drain(..begin);
            (self.open, self.given) = (Open::List(number), given);
            return;
        }
        if let Some((Event::Start(Tag::Table(alignments)), _)) = events.first()
            && !matches!(self.open, Open::Table(_))
        {
            let end = end_of(&events, 0);
            let widths = Table::new(&events[1..end.max(1)], alignments, Place::top(look)).widths(look.width);
            drop(events);
            self.open = widths.map_or(Open::Block, Open::Table);
        } else {
            drop(events);
        }
        if self.tail.len() > MOST {
            return self.cut(look, rows);
        }
        if matches!(self.open, Open::Table(_)) {
            drawn = self.rows(&self.tail[..whole], look);
        }
        // The last rows may change with the next word.
        let over = drawn.len().saturating_sub(live_rows.max(UNSETTLED));
        drawn.truncate(over);
        self.given.add(&drawn, look);
        self.emit_part(drawn, rows);
    }

    /// Cuts an open block that is far too long, and gives out what lies above the cut.
    fn cut(&mut self, look: &Look, rows: &mut Vec<Row>) {
        // Near the end, so that all that was given out lies above.
        let near = self.tail.floor_char_boundary(self.tail.len().saturating_sub(2 * look.width));
        let line = line_begin(&self.tail, self.tail.len());
        let word = self.tail[near..].rfind(' ').map(|at| near + at + 1);
        let at = match (&self.open, word) {
            (Open::Table(_), _) => line,
            _ if line >= near => line,
            (_, word) => word.unwrap_or(self.tail.len()),
        };
        let above = self.all(&self.tail[..at], look);
        let given = self.given.behind(&above);
        self.emit_part(self.given.without(above, look), rows);
        // A table goes on below its head.
        let head = match &self.open {
            Open::Table(_) => self.tail.match_indices('\n').nth(1).map_or(0, |(at, _)| at + 1),
            _ => 0,
        };
        self.tail.drain(head..at.max(head));
        self.given = given;
        match &self.open {
            Open::Table(_) => {
                self.given = Given::default();
                let head = self.rows(&self.tail[..head], look);
                self.given.add(&head, look);
            }
            _ => self.open = Open::Block,
        }
    }

    /// Where the last item of the list begins, if it has several, and its number.
    fn last_item(&self, events: &[Parsed<'_>]) -> Option<(usize, Option<u64>)> {
        let Event::Start(Tag::List(first)) = events[0].0 else { return None };
        let first = if let Open::List(number) = self.open { number } else { first };
        let (mut at, mut items, mut begin) = (1, 0, 0);
        while matches!(events.get(at), Some((Event::Start(Tag::Item), _))) {
            begin = events[at].1.start;
            items += 1;
            at = end_of(events, at) + 1;
        }
        let begin = line_begin(&self.tail, begin);
        (items > 1 && begin > 0).then(|| (begin, first.map(|first| first.saturating_add(items - 1))))
    }

    fn keep_references(&mut self, end: usize) {
        if !self.tail[..end].contains("]:") {
            return;
        }
        let parser = Parser::new_ext(&self.tail[..end], options());
        let found: Vec<_> = parser
            .reference_definitions()
            .iter()
            .map(|(name, definition)| (name.to_lowercase(), definition.dest.to_string()))
            .collect();
        let room = MOST_REFERENCES.saturating_sub(self.references.len());
        self.references.extend(found.into_iter().take(room));
    }

    /// Whole blocks.
    fn emit(&mut self, part: Vec<Row>, rows: &mut Vec<Row>) {
        let some = !part.is_empty();
        self.emit_part(part, rows);
        self.gap |= some || self.begun;
    }

    /// A part of a block.
    fn emit_part(&mut self, part: Vec<Row>, rows: &mut Vec<Row>) {
        if part.is_empty() {
            return;
        }
        if std::mem::take(&mut self.gap) {
            rows.push(Row::empty());
        }
        self.begun = true;
        rows.extend(part);
    }

    /// The open block is closed.
    fn close(&mut self) {
        self.gap |= std::mem::take(&mut self.begun);
        (self.open, self.given) = (Open::Block, Given::default());
    }
}

impl Code {
    /// Of the source that begins with the line of its fence, and the length of that line.
    fn open(source: &str, language: &str) -> Option<(Self, usize)> {
        let end = source.find('\n')? + 1;
        let line = source[..end].trim_start_matches(' ');
        let fence = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let length = line.chars().take_while(|c| *c == fence).count();
        let (indent, highlighter) = (end - line.len(), Highlighter::new(language));
        Some((Self { fence, length, indent, highlighter, lines: Vec::new() }, end))
    }

    /// Drops the lines that were `given` out as a whole; what is left of that is the beginning of the first line.
    fn without(&mut self, given: &mut Given, look: &Look) {
        while let Some(line) = self.lines.first().filter(|_| !given.is_empty()) {
            let rows = blocks::code_line(line, look);
            let behind = given.behind(&rows);
            if behind.is_empty() && !given.without(rows, look).is_empty() {
                break;
            }
            self.lines.remove(0);
            *given = behind;
        }
    }

    fn without_indent<'a>(&self, line: &'a str) -> &'a str {
        let blanks = line.bytes().take(self.indent).take_while(|byte| *byte == b' ').count();
        &line[blanks..]
    }

    /// Whether `line` is the fence at the end.
    fn ends(&self, line: &str) -> bool {
        let fence = line.trim_start_matches(' ');
        let length = fence.chars().take_while(|c| *c == self.fence).count();
        line.len() - fence.len() < 4 && length >= self.length && fence[length..].trim().is_empty()
    }

    /// Whether `line` may become that with what comes.
    fn may_end(&self, line: &str) -> bool {
        line.trim().chars().all(|c| c == self.fence)
    }
}

/// The beginning of the line that `at` stands in.
fn line_begin(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}

/// Bytes of a line after which it is known what begins with it.
const BEGINNING: usize = 40;

/// The length of `text` without a last line that may still turn out to be something else.
fn whole(text: &str) -> usize {
    let begin = line_begin(text, text.len());
    if text.len() - begin < BEGINNING { begin } else { settled(text).len() }
}

/// `text` without a last line that is nothing but marks: what they mean is known with what follows.
fn settled(text: &str) -> &str {
    let begin = line_begin(text, text.len());
    let line = text[begin..].trim();
    let marks = !line.is_empty() && line.chars().all(|c| "-=*_#`~+|>: ".contains(c));
    if marks { &text[..begin] } else { text }
}
