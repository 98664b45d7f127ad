//! A list to choose from. What is typed narrows it down at once.

use std::fmt::Debug;

use codex_protocol::{ApprovalPolicy, SandboxMode};

use super::{
    Outcome, Overlay,
    keys::Keys,
    line::Line,
    list::{Chosen, Took},
    panel::{paragraph, row},
};
use crate::{
    fuzzy::{Ranked, push_marked, ranked},
    intent::{Change, Fetch, Intent},
    key::Key,
    keymap::{Action, Context, Keymap},
    look::Look,
    text::{Live, Row, Size, truncate},
    theme::Role,
};

/// A row of a list.
#[derive(Debug, Clone)]
pub struct Entry<T> {
    /// What is read first.
    pub name: String,
    /// What is said of it, quietly.
    pub about: String,
    /// Whether it is switched on, or the one that is in force; `None` where nothing is.
    pub is_on: Option<bool>,
    /// What it stands for.
    pub value: T,
}

/// A key of a list beyond those that move in it.
#[derive(Debug, Clone, Copy)]
pub struct MoreKey {
    /// The key.
    pub key: &'static str,
    /// What is said of it.
    pub about: &'static str,
    /// What it wants.
    pub wants: More,
}

/// What one more key wants.
#[derive(Debug, Clone, Copy)]
pub enum More {
    /// Sessions, of all directories or of this one.
    Sessions {
        /// Of all.
        all: bool,
    },
    /// Sessions to branch, of all directories or of this one.
    SessionsToFork {
        /// Of all.
        all: bool,
    },
    /// The rules that are remembered.
    Rules,
    /// The list of modes; this one is in force.
    Modes(SandboxMode, ApprovalPolicy),
}

impl MoreKey {
    /// Whether what it was pressed in goes away: it will be out of date.
    pub fn replaces(self) -> bool {
        matches!(self.wants, More::Rules | More::Modes(..))
    }

    /// What it wants.
    pub fn intent(self) -> Intent {
        match self.wants {
            More::Sessions { all } => Intent::Fetch(Fetch::Sessions { all }),
            More::SessionsToFork { all } => Intent::Fetch(Fetch::SessionsToFork { all }),
            More::Rules => Intent::Fetch(Fetch::Rules),
            More::Modes(sandbox, approval) => Intent::Open(super::modes(Some((sandbox, approval)))),
        }
    }
}

/// What another row wants as soon as it is chosen.
type Wants<T> = fn(&T) -> Intent;

/// A list to choose from.
#[derive(Debug)]
pub struct Picker<T> {
    title: String,
    entries: Vec<Entry<T>>,
    /// Said in place of a list without entries.
    empty: &'static str,
    enter: fn(&mut Entry<T>) -> Outcome,
    /// Wanted as soon as another row is chosen, and when it is left without a choice.
    preview: Option<(Wants<T>, Change)>,
    more: Option<MoreKey>,
    filter: Line,
    found: Vec<Ranked>,
    chosen: Chosen,
    keys: Keys,
}

impl<T: Debug> Picker<T> {
    /// The list `entries`; the one in force is chosen.
    pub fn new(title: &str, entries: Vec<Entry<T>>, enter: fn(&mut Entry<T>) -> Outcome) -> Self {
        let at = entries.iter().position(|entry| entry.is_on == Some(true)).unwrap_or_default();
        let mut picker = Self {
            title: title.to_owned(),
            entries,
            empty: "nothing to choose from",
            enter,
            preview: None,
            more: None,
            filter: Line::default(),
            found: Vec::new(),
            chosen: Chosen::at(at),
            keys: Keys::usual(Context::Picker),
        };
        picker.narrow();
        picker
    }

    /// Said where there are no entries.
    #[must_use]
    pub fn empty(mut self, said: &'static str) -> Self {
        self.empty = said;
        self
    }

    /// Wants something as soon as another row is chosen, and `left` when it is left without a choice.
    #[must_use]
    pub fn moved(mut self, wants: Wants<T>, left: Change) -> Self {
        self.preview = Some((wants, left));
        self
    }

    /// One more key; the list goes away with it.
    #[must_use]
    pub fn more(mut self, key: MoreKey) -> Self {
        self.more = Some(key);
        self
    }

    /// Shows `entries` in place of those that it has. What is typed stays, and what is chosen, by its name.
    pub fn renew(&mut self, entries: Vec<Entry<T>>) {
        let name = |entries: &[Entry<T>], at: usize| entries.get(at).map(|entry| entry.name.clone());
        let before = self.entry().and_then(|at| name(&self.entries, at));
        self.entries = entries;
        self.narrow();
        let same = |ranked: &Ranked| before.is_some() && name(&self.entries, ranked.index) == before;
        if let Some(at) = self.found.iter().position(same) {
            self.chosen.choose(at);
        }
    }

    /// The entry that enter takes.
    fn entry(&self) -> Option<usize> {
        self.found.get(self.chosen.index(self.found.len())).map(|ranked| ranked.index)
    }

    fn narrow(&mut self) {
        let names: Vec<String> = self.entries.iter().map(|entry| format!("{} {}", entry.name, entry.about)).collect();
        self.found = ranked(self.filter.text(), &names);
    }

    fn after_move(&self, before: Option<usize>) -> Outcome {
        let now = self.entry();
        match (&self.preview, now.and_then(|at| self.entries.get(at))) {
            (Some((wants, _)), Some(entry)) if now != before => Outcome::want(wants(&entry.value)),
            _ => Outcome::stay(),
        }
    }

    fn edited(&mut self) -> Outcome {
        let before = self.entry();
        self.narrow();
        self.chosen = Chosen::default();
        self.after_move(before)
    }

    fn rows(&self, size: Size, look: &Look) -> Vec<Row> {
        let room = size.rows.saturating_sub(3).max(1);
        let window = self.chosen.window(self.found.len(), room);
        let seen = self.found.get(window.clone()).unwrap_or_default();
        let names = seen.iter().filter_map(|ranked| self.entries.get(ranked.index));
        let widest = names.map(|entry| Row::plain(&entry.name).width()).max().unwrap_or_default();
        let column = widest.min(size.columns * 3 / 5);
        let at = self.chosen.index(self.found.len());
        let rows = seen.iter().zip(window).filter_map(|(ranked, index)| {
            let entry = self.entries.get(ranked.index)?;
            Some(entry_row(entry, &ranked.marks, index == at, column, look))
        });
        rows.map(|row| truncate(&row, size.columns)).collect()
    }
}

/// An entry in one row; `column`: where what is said of it begins.
pub(super) fn entry_row<T>(entry: &Entry<T>, marks: &[usize], is_chosen: bool, column: usize, look: &Look) -> Row {
    let mark = if is_chosen { "› " } else { "  " };
    let on = match entry.is_on {
        Some(true) => "● ",
        Some(false) => "○ ",
        None => "",
    };
    let mut row = row(look, &[(mark, Role::Strong), (on, Role::Mark)]);
    let (style, marked) = if is_chosen { (Role::Selected, Role::Selected) } else { (Role::Plain, Role::Strong) };
    let underlined = |role| crate::text::Style { underline: true, ..look.style(role) };
    let mut name = Row::empty();
    push_marked(&mut name, &entry.name, marks, look.style(style), underlined(marked));
    let name = truncate(&name, column);
    let blanks = column.saturating_sub(name.width()) + 2;
    name.spans.into_iter().for_each(|span| row.push(span));
    if !entry.about.is_empty() {
        row.push(look.span(&" ".repeat(blanks), Role::Plain));
        let behind = entry.name.len() + 1;
        let marks: Vec<usize> = marks.iter().filter_map(|at| at.checked_sub(behind)).collect();
        push_marked(&mut row, &entry.about, &marks, look.style(Role::Quiet), underlined(Role::Quiet));
    }
    row
}

impl<T: Debug> Overlay for Picker<T> {
    fn live(&self, size: Size, look: &Look) -> Live {
        let mut rows = vec![Row::new(&self.title, look.style(Role::Strong))];
        let (filter, column) = self.filter.live("  search: ", size.columns, look);
        rows.push(filter);
        match (self.entries.is_empty(), self.found.is_empty()) {
            (true, _) => rows.extend(paragraph(self.empty, Role::Quiet, 2, &Look { width: size.columns, ..*look })),
            (false, true) => rows.push(row(look, &[("  nothing is like this", Role::Quiet)])),
            _ => rows.extend(self.rows(size, look)),
        }
        let more = self.more.map_or(String::new(), |more| format!(" · {} {}", more.key, more.about));
        let count = match self.found.len() {
            found if found + 3 > size.rows => format!(" · {} of {found}", self.chosen.index(found) + 1),
            _ => String::new(),
        };
        let [up, down, enter, esc] =
            [Action::Up, Action::Down, Action::Accept, Action::Close].map(|action| self.keys.shown(action));
        let said = format!("{up} {down} choose · {enter} take · {esc} leave{more}{count}");
        rows.push(Row::new(&said, look.style(Role::Quiet)));
        let rows: Vec<Row> = rows.iter().map(|row| truncate(row, size.columns)).collect();
        // What is chosen is nearer to the end than the title is.
        let above = rows.len().saturating_sub(size.rows);
        let cursor = 1_usize.checked_sub(above).map(|row| (row, column));
        Live { rows: rows.into_iter().skip(above).collect(), cursor }
    }

    fn key(&mut self, key: Key) -> Outcome {
        let more = key.to_string();
        if let Some(more) = self.more.filter(|known| known.key == more) {
            return Outcome::done(more.intent());
        }
        let Some(key) = self.keys.usual_key(key) else { return Outcome::stay() };
        let name = key.to_string();
        match name.as_str() {
            "esc" => match self.preview.take() {
                Some((_, change)) => Outcome::done(Intent::Change(change)),
                None => Outcome::close(),
            },
            "enter" => match self.entry().and_then(|at| self.entries.get_mut(at)) {
                Some(entry) => (self.enter)(entry),
                None => Outcome::stay(),
            },
            _ => {
                let before = self.entry();
                match self.chosen.key_beside(&mut self.filter, key, self.found.len()) {
                    Took::Moved => self.after_move(before),
                    Took::Edited => self.edited(),
                    Took::Nothing => Outcome::stay(),
                }
            }
        }
    }

    fn bind(&mut self, keymap: &Keymap) {
        self.keys.bind(keymap);
    }

    fn paste(&mut self, text: &str) {
        self.filter.insert(text.trim());
        drop(self.edited());
    }
}
