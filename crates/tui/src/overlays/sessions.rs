//! The list of sessions to go on with: found by what is typed, in what was said too; named, laid aside and deleted from here.

use std::fmt;

use codex_protocol::{Thread, ThreadSearchResult};
use jiff::Timestamp;

use super::{
    Outcome, Overlay,
    keys::Keys,
    line::Line,
    list::{Chosen, Took},
    panel::row,
    picker::{Entry, entry_row},
    pickers::age,
};
use crate::{
    fuzzy::ranked,
    intent::{Fetch, Intent, Manage},
    key::Key,
    keymap::{Action, Context, Keymap},
    look::Look,
    text::{Live, Row, Size, truncate, wrap},
    theme::Role,
};

/// What is typed is looked for in what was said from so many characters on.
const SHORTEST: usize = 3;

/// On a screen of so many rows what keys do may take more than one.
const ROOMY: usize = 12;

/// Sessions to go on with, the newest first; `all`: of all directories.
pub fn sessions(list: Vec<Thread>, all: bool) -> Box<dyn Overlay> {
    Box::new(Sessions::at(list, all, Timestamp::now()))
}

/// The list.
pub(super) struct Sessions {
    all: bool,
    now: Timestamp,
    /// Those that are listed.
    known: Vec<Entry<String>>,
    /// Those in which what is typed was said.
    said: Vec<Entry<String>>,
    filter: Line,
    /// Which of `known` and then of `said` are shown, each with the places that are marked.
    found: Vec<(usize, Vec<usize>)>,
    chosen: Chosen,
    keys: Keys,
    asks: Option<Asks>,
}

/// What is asked about the chosen session.
#[derive(Debug)]
enum Asks {
    /// Its new name.
    Name(String, Line),
    /// Whether it is to be deleted.
    Delete(String),
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("all", &self.all).field("known", &self.known).finish_non_exhaustive()
    }
}

impl Sessions {
    pub(super) fn at(list: Vec<Thread>, all: bool, now: Timestamp) -> Self {
        let mut sessions = Self {
            all,
            now,
            known: Vec::new(),
            said: Vec::new(),
            filter: Line::default(),
            found: Vec::new(),
            chosen: Chosen::at(0),
            keys: Keys::usual(Context::Picker),
            asks: None,
        };
        sessions.known = list.into_iter().map(|thread| sessions.entry(thread, None)).collect();
        sessions.narrow();
        sessions
    }

    fn entry(&self, thread: Thread, snippet: Option<&str>) -> Entry<String> {
        let age = age(self.now.as_second() - thread.updated_at);
        let place = if self.all { format!(" · {}", thread.cwd) } else { String::new() };
        let called = codex_client::called(&thread);
        let about = match snippet {
            Some(snippet) => format!("{snippet} · {age}"),
            None if called == thread.preview.trim().trim_end_matches('.') => format!("{age}{place} · {}", thread.id),
            None => format!("{age}{place} · {} · {}", thread.id, thread.preview),
        };
        let name = if called.is_empty() { "(nothing was said)".to_owned() } else { called };
        Entry { name, about, is_on: None, value: thread.id }
    }

    fn narrow(&mut self) {
        let names: Vec<String> = self.known.iter().map(|entry| format!("{} {}", entry.name, entry.about)).collect();
        self.found = ranked(self.filter.text(), &names).into_iter().map(|found| (found.index, found.marks)).collect();
        let shown: Vec<&String> = self.found.iter().map(|(at, _)| &self.known[*at].value).collect();
        let more = self.said.iter().enumerate().filter(|(_, entry)| !shown.contains(&&entry.value));
        let more: Vec<(usize, Vec<usize>)> = more.map(|(at, _)| (self.known.len() + at, Vec::new())).collect();
        self.found.extend(more);
    }

    fn shown(&self, at: usize) -> Option<&Entry<String>> {
        self.known.get(at).or_else(|| self.said.get(at.checked_sub(self.known.len())?))
    }

    /// The entry that is chosen.
    fn entry_chosen(&self) -> Option<&Entry<String>> {
        self.found.get(self.chosen.index(self.found.len())).and_then(|(at, _)| self.shown(*at))
    }

    /// Something was typed.
    fn edited(&mut self) -> Outcome {
        self.said.clear();
        self.narrow();
        self.chosen = Chosen::default();
        let term = self.filter.text().trim();
        if term.chars().count() < SHORTEST {
            return Outcome::stay();
        }
        Outcome::want(Intent::Fetch(Fetch::Said { term: term.to_owned(), all: self.all }))
    }

    fn rows(&self, size: Size, look: &Look) -> Vec<Row> {
        let room = size.rows.saturating_sub(3).max(1);
        let window = self.chosen.window(self.found.len(), room);
        let at = self.chosen.index(self.found.len());
        let seen = self.found.get(window.clone()).unwrap_or_default();
        let names = seen.iter().filter_map(|(at, _)| self.shown(*at));
        let widest = names.map(|entry| Row::plain(&entry.name).width()).max().unwrap_or_default();
        let column = widest.min(size.columns * 3 / 5);
        let rows = seen.iter().zip(window).filter_map(|((found, marks), index)| {
            Some(entry_row(self.shown(*found)?, marks, index == at, column, look))
        });
        rows.map(|row| truncate(&row, size.columns)).collect()
    }

    fn last_row(&self, size: Size, look: &Look) -> (Row, Option<usize>) {
        match &self.asks {
            Some(Asks::Name(_, line)) => {
                let (row, column) = line.live("  new name: ", size.columns, look);
                (row, Some(column))
            }
            Some(Asks::Delete(_)) => {
                let called = self.entry_chosen().map(|entry| entry.name.as_str()).unwrap_or_default();
                (Row::new(&format!("  delete for good: {called}? y yes · n no"), look.style(Role::Warning)), None)
            }
            None => {
                let [up, down, enter, esc] =
                    [Action::Up, Action::Down, Action::Accept, Action::Close].map(|action| self.keys.shown(action));
                let elsewhere = if self.all { "this directory" } else { "all directories" };
                let count = match self.found.len() {
                    found if found + 3 > size.rows => format!(" · {} of {found}", self.chosen.index(found) + 1),
                    _ => String::new(),
                };
                let said = format!(
                    "{up} {down} choose · {enter} take · {esc} leave · tab {elsewhere} · ctrl+r rename · ctrl+o lay \
                     aside · ctrl+x delete{count}"
                );
                (Row::new(&said, look.style(Role::Quiet)), None)
            }
        }
    }

    /// Takes a key while something is asked.
    fn answered(&mut self, key: Key) -> Outcome {
        let name = key.to_string();
        match (self.asks.take(), name.as_str()) {
            (Some(Asks::Name(id, line)), "enter") => {
                Outcome::want(Intent::Manage(Manage::Rename { id, name: line.text().to_owned() }))
            }
            (Some(Asks::Delete(id)), "y") => Outcome::want(Intent::Manage(Manage::Delete(id))),
            (Some(Asks::Name(id, mut line)), name) if name != "esc" => {
                line.key(key);
                self.asks = Some(Asks::Name(id, line));
                Outcome::stay()
            }
            _ => Outcome::stay(),
        }
    }

    /// Takes a key that does something to the chosen session. `None`: it is none.
    fn managed_by(&mut self, key: &str) -> Option<Outcome> {
        let id = || self.entry_chosen().map(|entry| entry.value.clone());
        match key {
            "ctrl+r" => self.asks = id().map(|id| Asks::Name(id, Line::default())),
            "ctrl+x" => self.asks = id().map(Asks::Delete),
            "ctrl+o" => {
                return Some(id().map_or_else(Outcome::stay, |id| Outcome::want(Intent::Manage(Manage::Archive(id)))));
            }
            _ => return None,
        }
        Some(Outcome::stay())
    }
}

impl Overlay for Sessions {
    fn live(&self, size: Size, look: &Look) -> Live {
        let title = if self.all { "Sessions of all directories" } else { "Sessions of this directory" };
        let mut rows = vec![Row::new(title, look.style(Role::Strong))];
        let (filter, column) = self.filter.live("  search: ", size.columns, look);
        rows.push(filter);
        let (last, asked) = self.last_row(size, look);
        // All keys are told where there is room for that.
        let is_told = asked.is_none() && size.rows >= ROOMY;
        let last = if is_told { wrap(&last, size.columns, &Row::plain("  ")) } else { vec![last] };
        let room = Size { rows: size.rows + 1 - last.len().min(size.rows), ..size };
        match (self.known.is_empty() && self.said.is_empty(), self.found.is_empty()) {
            (true, _) => rows.push(row(look, &[("  there are none", Role::Quiet)])),
            (false, true) => rows.push(row(look, &[("  nothing is like this", Role::Quiet)])),
            _ => rows.extend(self.rows(room, look)),
        }
        rows.extend(last);
        let rows: Vec<Row> = rows.iter().map(|row| truncate(row, size.columns)).collect();
        // What is chosen is nearer to the end than the title is.
        let above = rows.len().saturating_sub(size.rows);
        let place = asked.map_or((1, column), |column| (rows.len() - 1, column));
        let cursor = place.0.checked_sub(above).map(|row| (row, place.1));
        Live { rows: rows.into_iter().skip(above).collect(), cursor }
    }

    fn key(&mut self, key: Key) -> Outcome {
        if self.asks.is_some() {
            return self.answered(key);
        }
        if key.to_string() == "tab" {
            return Outcome::done(Intent::Fetch(Fetch::Sessions { all: !self.all }));
        }
        if let Some(outcome) = self.managed_by(&key.to_string()) {
            return outcome;
        }
        let Some(key) = self.keys.usual_key(key) else { return Outcome::stay() };
        let name = key.to_string();
        match name.as_str() {
            "esc" => Outcome::close(),
            "enter" => match self.entry_chosen() {
                Some(entry) => Outcome::done(Intent::ResumeThread(entry.value.clone())),
                None => Outcome::stay(),
            },
            _ => match self.chosen.key_beside(&mut self.filter, key, self.found.len()) {
                Took::Edited => self.edited(),
                Took::Moved | Took::Nothing => Outcome::stay(),
            },
        }
    }

    fn bind(&mut self, keymap: &Keymap) {
        self.keys.bind(keymap);
    }

    fn paste(&mut self, text: &str) {
        match &mut self.asks {
            Some(Asks::Name(_, line)) => line.insert(text.trim()),
            Some(Asks::Delete(_)) => {}
            None => {
                self.filter.insert(text.trim());
                drop(self.edited());
            }
        }
    }

    fn said(&mut self, term: &str, found: &mut Vec<ThreadSearchResult>) {
        // Something else may have been typed since.
        if term == self.filter.text().trim() {
            let found = std::mem::take(found).into_iter();
            self.said = found.map(|said| self.entry(said.thread, Some(&said.snippet))).collect();
            self.narrow();
        }
    }

    fn managed(&mut self, done: &Manage) {
        match done {
            Manage::Rename { id, name } => {
                let all = self.known.iter_mut().chain(&mut self.said);
                all.filter(|entry| entry.value == *id).for_each(|entry| entry.name = name.trim().to_owned());
            }
            Manage::Archive(id) | Manage::Delete(id) => {
                self.known.retain(|entry| entry.value != *id);
                self.said.retain(|entry| entry.value != *id);
            }
        }
        self.narrow();
    }
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
