//! The pager: rows that may be many, with search; their parts can be chosen, expanded and copied.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use codex_protocol::{FileDiff, ThreadItem};

use super::{Outcome, Overlay, keys::Keys, line::Line, panel::row, parts, picker::MoreKey};
use crate::{
    intent::{Fetch, Intent},
    key::Key,
    keymap::{Action, Context, Keymap},
    look::Look,
    text::{Live, Row, Size, Span, truncate, wrap},
    theme::{Role, Theme},
    transcript,
};

/// Columns before each row, for the mark of the part that is chosen.
const MARGIN: usize = 2;

/// How rows of the transcript say where the rest of them is.
const REST: &str = "(ctrl+t)";

/// Keys that want what is above, beyond the first item that is there.
const UPWARDS: &[&str] = &["up", "pageup", "u", "g", "shift+tab"];

/// Rows that are kept drawn at most; more are drawn anew.
const KEPT: usize = 20_000;

/// A part of what the pager shows.
#[derive(Debug, Clone)]
pub enum PagerEntry {
    /// An item of a transcript.
    Item(Box<ThreadItem>),
    /// What was changed of a file.
    File(Box<FileDiff>),
    /// Rows of any width.
    Rows(Vec<Row>),
}

impl PagerEntry {
    /// An item of a transcript.
    pub fn item(item: ThreadItem) -> Self {
        Self::Item(Box::new(item))
    }

    /// Rows of any width.
    pub fn rows(rows: Vec<Row>) -> Self {
        Self::Rows(rows)
    }

    fn drawn(&self, look: &Look, expanded: bool) -> Vec<Row> {
        match self {
            Self::Item(item) => transcript::item(item, look, expanded),
            Self::File(file) => super::diff::rows(file, look, expanded),
            Self::Rows(rows) => {
                let wrapped = rows.iter().flat_map(|row| wrap(row, look.width, &Row::plain(&hanging(row, look.width))));
                wrapped.collect()
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Item(item) => parts::text(item),
            Self::File(file) => file.header.clone() + &file.change.diff,
            Self::Rows(rows) => rows.iter().map(|row| row.text() + "\n").collect(),
        }
    }
}

/// The indent of rows that `row` is wrapped to: that of its second column, if it has one and there is room; else its
/// own, and a little.
fn hanging(row: &Row, width: usize) -> String {
    let text = row.text();
    let own = text.len() - text.trim_start_matches(' ').len();
    let column = text[own..].find("  ").map(|gap| {
        let gap = own + gap;
        Row::plain(&text[..gap]).width() + text[gap..].len() - text[gap..].trim_start_matches(' ').len()
    });
    " ".repeat(column.filter(|column| *column <= width / 2).unwrap_or(own + 2))
}

/// A place: a part, and a row of it.
type Place = (usize, usize);

/// The pager.
#[derive(Debug)]
pub struct Pager {
    title: String,
    entries: Vec<Entry>,
    top: Place,
    /// Whether it shows its end when it is drawn first.
    at_end: Cell<bool>,
    chosen: Option<usize>,
    search: Search,
    drawn: Drawn,
    more: Vec<MoreKey>,
    earlier: Earlier,
    keys: Keys,
}

/// What comes before the items that it has.
#[derive(Debug, PartialEq, Eq)]
enum Earlier {
    Nothing,
    /// Where they are.
    At(String),
    Asked,
}

/// What is searched for.
#[derive(Debug, Default)]
struct Search {
    /// Being typed.
    typing: Option<Line>,
    needle: String,
    /// Where it was found last.
    hit: Option<Place>,
}

#[derive(Debug)]
struct Entry {
    part: PagerEntry,
    is_expanded: bool,
}

/// What was drawn, and for which screen.
#[derive(Debug)]
struct Drawn {
    size: Cell<Size>,
    look: Cell<Look>,
    rows: RefCell<HashMap<usize, Rc<[Row]>>>,
}

impl Pager {
    /// Shows `entries` from the first on.
    pub fn new(title: &str, entries: Vec<PagerEntry>) -> Self {
        let entries = entries.into_iter().map(|part| Entry { part, is_expanded: false }).collect();
        let look = Cell::new(Look { width: 80 - MARGIN, theme: Theme::Ansi });
        let size = Cell::new(Size { columns: 80, rows: 24 });
        Self {
            title: title.to_owned(),
            entries,
            top: (0, 0),
            at_end: Cell::new(false),
            chosen: None,
            search: Search::default(),
            drawn: Drawn { size, look, rows: RefCell::default() },
            more: Vec::new(),
            earlier: Earlier::Nothing,
            keys: Keys::usual(Context::Pager),
        }
    }

    /// Shows `entries` in place of those that it has, from the same place on.
    pub fn renew(&mut self, entries: Vec<PagerEntry>) {
        self.entries = entries.into_iter().map(|part| Entry { part, is_expanded: false }).collect();
        self.drawn.rows.borrow_mut().clear();
        self.search.hit = None;
        self.chosen = self.chosen.filter(|at| *at < self.entries.len());
        let (index, row) = self.top;
        let last = self.entries.len().saturating_sub(1);
        self.top = (index.min(last), row.min(self.rows(index.min(last)).len().saturating_sub(1)));
    }

    /// Shows the end first.
    #[must_use]
    pub fn at_end(self) -> Self {
        self.at_end.set(true);
        self
    }

    /// There are items before those it has.
    #[must_use]
    pub fn earlier_at(self, cursor: Option<String>) -> Self {
        Self { earlier: cursor.map_or(Earlier::Nothing, Earlier::At), ..self }
    }

    /// One more key.
    #[must_use]
    pub fn more(mut self, key: MoreKey) -> Self {
        self.more.push(key);
        self
    }

    /// The rows of a part as it is drawn now, with the empty one behind it.
    fn rows(&self, index: usize) -> Rc<[Row]> {
        if let Some(rows) = self.drawn.rows.borrow().get(&index) {
            return Rc::clone(rows);
        }
        let rows = self.draw(index, self.entries.get(index).is_some_and(|entry| entry.is_expanded));
        let mut kept = self.drawn.rows.borrow_mut();
        if kept.values().map(|rows| rows.len()).sum::<usize>() > KEPT {
            kept.clear();
        }
        kept.insert(index, Rc::clone(&rows));
        rows
    }

    fn draw(&self, index: usize, expanded: bool) -> Rc<[Row]> {
        let Some(entry) = self.entries.get(index) else { return Rc::from([]) };
        let mut rows = entry.part.drawn(&self.drawn.look.get(), expanded);
        let is_last = index + 1 == self.entries.len();
        if !is_last && rows.last().is_some_and(|last| !last.is_empty()) {
            rows.push(Row::empty());
        }
        rows.into()
    }

    /// Rows that the parts get.
    fn room(&self) -> usize {
        self.drawn.size.get().rows.saturating_sub(2).max(1)
    }

    fn down(&self, (mut index, mut row): Place, mut rows: usize) -> Place {
        while index < self.entries.len() {
            let count = self.rows(index).len();
            if row + rows < count {
                return (index, row + rows);
            }
            rows -= count.saturating_sub(row).min(rows);
            (index, row) = (index + 1, 0);
        }
        (index, 0)
    }

    fn up(&self, (mut index, mut row): Place, mut rows: usize) -> Place {
        while rows > row {
            let Some(before) = index.checked_sub(1) else { return (0, 0) };
            rows -= row;
            (index, row) = (before, self.rows(before).len());
        }
        (index, row - rows)
    }

    /// The place from which on the end is just seen.
    fn last(&self) -> Place {
        self.up((self.entries.len(), 0), self.room())
    }

    fn go(&mut self, place: Place) {
        self.top = place.min(self.last());
    }

    /// Scrolls so that `place` is seen, if it is not.
    fn show(&mut self, place: Place) {
        if place < self.top || place >= self.down(self.top, self.room()) {
            // Not at the edge: what is around it says what it is.
            self.go(self.up(place, self.room() / 3));
        }
    }

    fn choose(&mut self, forward: bool) {
        let Some(last) = self.entries.len().checked_sub(1) else { return };
        let at = match (self.chosen, forward) {
            (None, true) => self.top.0.min(last),
            (None, false) => self.down(self.top, self.room()).0.min(last),
            (Some(at), true) => (at + 1).min(last),
            (Some(at), false) => at.saturating_sub(1),
        };
        self.chosen = Some(at);
        self.show((at, 0));
    }

    fn expand(&mut self) {
        let at = self.chosen.unwrap_or(self.top.0);
        self.chosen = Some(at);
        if let Some(entry) = self.entries.get_mut(at) {
            entry.is_expanded = !entry.is_expanded;
            self.drawn.rows.borrow_mut().remove(&at);
            self.top = if self.top.0 == at { (at, 0) } else { self.top };
            self.go(self.top);
        }
    }

    /// Looks for the needle from the place of the last hit on, or from the top.
    fn search(&mut self, forward: bool) {
        let count = self.entries.len();
        let (index, row) = self.search.hit.unwrap_or(self.top);
        let is_again = self.search.hit.is_some();
        // Round about, and the part it began in once more.
        for step in 0..=count {
            let at = if forward { (index + step) % count.max(1) } else { (index + count * 2 - step) % count.max(1) };
            let hits = self.hits(at);
            let is_beyond = |hit: &usize| match (step, forward) {
                (0, true) => *hit >= row + usize::from(is_again),
                (0, false) => *hit < row,
                _ => true,
            };
            let mut beyond = hits.iter().filter(|hit| is_beyond(hit));
            let found = if forward { beyond.next() } else { beyond.next_back() };
            if let Some(found) = found {
                self.search.hit = Some((at, *found));
                self.show((at, *found));
                return;
            }
        }
        self.search.hit = None;
    }

    /// Rows of a part in which the needle stands. A part that has it only when it is expanded is expanded.
    fn hits(&mut self, index: usize) -> Vec<usize> {
        let found = |rows: &[Row], needle: &str| -> Vec<usize> {
            let rows = rows.iter().enumerate();
            rows.filter(|(_, row)| !places(&row.text(), needle).is_empty()).map(|(at, _)| at).collect()
        };
        let shown = found(&self.rows(index), &self.search.needle);
        let is_collapsed = self.entries.get(index).is_some_and(|entry| !entry.is_expanded);
        if !shown.is_empty() || !is_collapsed {
            return shown;
        }
        let whole = self.draw(index, true);
        let hidden = found(&whole, &self.search.needle);
        if let (false, Some(entry)) = (hidden.is_empty(), self.entries.get_mut(index)) {
            entry.is_expanded = true;
            self.drawn.rows.borrow_mut().insert(index, whole);
        }
        hidden
    }

    fn type_search(&mut self, key: Key) {
        let Some(line) = &mut self.search.typing else { return };
        match key.to_string().as_str() {
            "enter" => {
                self.search.needle = line.text().to_owned();
                (self.search.typing, self.search.hit) = (None, None);
                if !self.search.needle.is_empty() {
                    self.search(true);
                }
            }
            "esc" | "ctrl+c" => self.search.typing = None,
            "backspace" if line.text().is_empty() => self.search.typing = None,
            _ => drop(line.key(key)),
        }
    }

    fn foot(&self, width: usize, look: &Look) -> (Row, Option<usize>) {
        if let Some(line) = &self.search.typing {
            let (row, column) = line.live("/", width, look);
            return (row, Some(column));
        }
        let shown = |action| self.keys.shown(action);
        let place = match self.top {
            (0, 0) if self.earlier != Earlier::Nothing => "more above",
            (0, 0) if self.last() == (0, 0) => "all",
            (0, 0) => "top",
            top if top >= self.last() => "end",
            _ => "",
        };
        let mut said = match (self.search.needle.is_empty(), self.search.hit) {
            (true, _) => format!("{} search", shown(Action::Search)),
            (false, Some(_)) => {
                format!("{} {} next, previous", shown(Action::SearchNext), shown(Action::SearchPrevious))
            }
            (false, None) => format!("`{}` is not there", self.search.needle),
        };
        if self.entries.iter().any(|entry| !matches!(entry.part, PagerEntry::Rows(_))) {
            let [choose, expand, copy] = [Action::NextItem, Action::Expand, Action::Copy].map(shown);
            said += &format!(" · {choose} choose · {expand} expand · {copy} copy");
        }
        for more in &self.more {
            said += &format!(" · {} {}", more.key, more.about);
        }
        let leave = format!("{} leave", shown(Action::Close));
        let all = Row::new(&format!("{said} · {leave}  {place}"), look.style(Role::Quiet));
        if all.width() <= width {
            return (all, None);
        }
        // How it is left is not what is cut off.
        (truncate(&Row::new(&format!("{leave} · {said}"), look.style(Role::Quiet)), width), None)
    }
}

impl Overlay for Pager {
    fn is_page(&self) -> bool {
        true
    }

    fn live(&self, size: Size, look: &Look) -> Live {
        let inner = Look { width: size.columns.saturating_sub(MARGIN).max(1), ..*look };
        if self.drawn.look.replace(inner) != inner {
            self.drawn.rows.borrow_mut().clear();
        }
        self.drawn.size.set(size);
        let last = self.last();
        let (mut index, mut at) = if self.at_end.get() { last } else { self.top.min(last) };
        let mut rows = vec![truncate(&Row::new(&self.title, look.style(Role::Strong)), size.columns)];
        let marked = crate::text::Style { reverse: true, ..look.style(Role::Warning) };
        while rows.len() <= self.room() && index < self.entries.len() {
            let part = self.rows(index);
            for row in part.iter().skip(at).take(self.room() + 1 - rows.len()) {
                rows.push(self.margin(index, &highlight(row, &self.search.needle, marked), look));
            }
            (index, at) = (index + 1, 0);
        }
        let (foot, column) = self.foot(size.columns, look);
        rows.push(foot);
        let above = rows.len().saturating_sub(size.rows.max(1));
        rows.drain(..above);
        let cursor = column.map(|column| (rows.len() - 1, column));
        Live { rows, cursor }
    }

    fn whole(&self, look: &Look) -> Option<(Vec<Row>, bool)> {
        let mut rows = vec![Row::new(&self.title, look.style(Role::Strong)), Row::empty()];
        if self.earlier != Earlier::Nothing {
            rows.push(Row::new("… there is more above: /export writes all of it to a file", look.style(Role::Quiet)));
        }
        for entry in &self.entries {
            rows.extend(entry.part.drawn(look, true));
            rows.push(Row::empty());
        }
        let said = self.more.iter().map(|more| format!("{} {} · ", more.key, more.about)).collect::<String>();
        let is_read = self.more.is_empty();
        if !is_read {
            rows.push(Row::new(&format!("{said}{} leave", self.keys.shown(Action::Close)), look.style(Role::Quiet)));
        }
        Some((rows, is_read))
    }

    fn key(&mut self, key: Key) -> Outcome {
        if self.at_end.take() {
            self.top = self.last();
        }
        if self.search.typing.is_some() {
            self.type_search(key);
            return Outcome::stay();
        }
        let Some(key) = self.keys.usual_key(key) else { return Outcome::stay() };
        let (top, page) = (self.top, self.room().saturating_sub(1).max(1));
        let name = key.to_string();
        if let Some(more) = self.more.iter().find(|more| more.key == name) {
            return Outcome { closes: more.replaces(), ..Outcome::want(more.intent()) };
        }
        match name.as_str() {
            "esc" => return Outcome::close(),
            "down" => self.go(self.down(top, 1)),
            "up" => self.go(self.up(top, 1)),
            "pagedown" => self.go(self.down(top, page)),
            "pageup" => self.go(self.up(top, page)),
            "d" => self.go(self.down(top, page.div_ceil(2))),
            "u" => self.go(self.up(top, page.div_ceil(2))),
            "g" => self.go((0, 0)),
            "G" => self.go(self.last()),
            "/" => self.search.typing = Some(Line::default()),
            "n" if !self.search.needle.is_empty() => self.search(true),
            "N" if !self.search.needle.is_empty() => self.search(false),
            "tab" => self.choose(true),
            "shift+tab" => self.choose(false),
            "enter" => self.expand(),
            "y" => {
                let entry = self.entries.get(self.chosen.unwrap_or(self.top.0));
                return entry.map_or_else(Outcome::stay, |entry| Outcome::want(Intent::Copy(entry.part.text())));
            }
            _ => {}
        }
        match &self.earlier {
            Earlier::At(cursor) if self.top == (0, 0) && UPWARDS.contains(&name.as_str()) => {
                let wanted = Intent::Fetch(Fetch::Earlier(cursor.clone()));
                self.earlier = Earlier::Asked;
                Outcome::want(wanted)
            }
            _ => Outcome::stay(),
        }
    }

    fn earlier(&mut self, items: &mut Vec<ThreadItem>, cursor: &mut Option<String>) {
        if self.earlier != Earlier::Asked {
            return;
        }
        let before = items.len();
        let items = items.drain(..).map(|item| Entry { part: PagerEntry::item(item), is_expanded: false });
        self.entries.splice(0..0, items);
        // What is looked at stays where it is.
        self.top.0 += before;
        self.chosen = self.chosen.map(|at| at + before);
        self.search.hit = self.search.hit.map(|(at, row)| (at + before, row));
        self.drawn.rows.borrow_mut().clear();
        self.earlier = cursor.take().map_or(Earlier::Nothing, Earlier::At);
    }

    fn bind(&mut self, keymap: &Keymap) {
        self.keys.bind(keymap);
    }

    fn paste(&mut self, text: &str) {
        if let Some(line) = &mut self.search.typing {
            line.insert(text);
        }
    }
}

impl Pager {
    fn margin(&self, index: usize, inner: &Row, look: &Look) -> Row {
        let is_chosen = self.chosen == Some(index);
        if inner.is_empty() {
            return Row::empty();
        }
        let mut whole = row(look, &[(if is_chosen { "▌ " } else { "  " }, Role::Mark)]);
        let expand = format!("({})", self.keys.shown(Action::Expand));
        for span in &inner.spans {
            // Elsewhere it is the pager that shows the rest.
            let is_rest = span.text().starts_with("… ") && span.text().ends_with(REST);
            whole.push(if is_rest { Span::new(&span.text().replace(REST, &expand), span.style) } else { span.clone() });
        }
        truncate(&whole, self.drawn.size.get().columns)
    }
}

/// Where `needle` stands in `text`, in bytes. Capitals count if it has some.
fn places(text: &str, needle: &str) -> Vec<(usize, usize)> {
    let exact = needle.chars().any(char::is_uppercase);
    let same = |one: char, other: char| one == other || (!exact && one.to_lowercase().eq(other.to_lowercase()));
    let mut places = Vec::new();
    let mut end = 0;
    for (at, _) in text.char_indices() {
        if at < end || needle.is_empty() {
            continue;
        }
        let mut rest = text[at..].char_indices();
        let matches = needle.chars().all(|wanted| rest.next().is_some_and(|(_, found)| same(found, wanted)));
        if matches {
            end = at + rest.next().map_or(text.len() - at, |(behind, _)| behind);
            places.push((at, end));
        }
    }
    places
}

/// `row` with `needle` in `marked` wherever it stands.
fn highlight(row: &Row, needle: &str, marked: crate::text::Style) -> Row {
    let places = places(&row.text(), needle);
    if places.is_empty() {
        return row.clone();
    }
    let mut result = Row::empty();
    let mut offset = 0;
    for span in &row.spans {
        let text = span.text();
        let mut cuts: Vec<usize> = places.iter().flat_map(|(begin, end)| [*begin, *end]).collect();
        cuts.retain(|cut| *cut > offset && *cut < offset + text.len());
        cuts.push(offset + text.len());
        let mut begin = offset;
        for cut in cuts {
            let is_marked = places.iter().any(|(from, to)| (*from..*to).contains(&begin));
            let style = if is_marked { span.style.over(marked) } else { span.style };
            let piece = Span::new(text.get(begin - offset..cut - offset).unwrap_or_default(), style);
            result.push(span.link().map_or(piece.clone(), |link| piece.linked(link)));
            begin = cut;
        }
        offset += text.len();
    }
    result
}

#[cfg(test)]
#[path = "pager_tests.rs"]
mod tests;
