//! The list above the composer while a command or a file is typed.

use crate::{
    fuzzy::{push_marked, ranked},
    key::Key,
    look::Look,
    overlays::list::Chosen,
    slash::{self, Command},
    text::{Live, Row, Style, truncate},
    theme::Role,
};

/// A row of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PopupItem {
    /// What is read first.
    pub label: String,
    /// What is said of it, quietly.
    pub about: String,
    /// What is put into the composer in place of what was typed.
    pub insert: String,
    /// Where in the label the typed letters stand, in bytes.
    pub marks: Vec<usize>,
}

/// The list above the composer.
#[derive(Debug, Default)]
pub struct Popup {
    items: Vec<PopupItem>,
    chosen: Chosen,
}

impl Popup {
    /// A list; `None` where there is nothing in it.
    pub fn new(items: Vec<PopupItem>) -> Option<Self> {
        (!items.is_empty()).then(|| Self { items, chosen: Chosen::default() })
    }

    /// Commands that are like `typed`, which begins with `/`.
    pub fn commands(typed: &str) -> Option<Self> {
        let typed = typed.strip_prefix('/')?;
        let items = slash::ranked(typed).into_iter().map(|(command, marks)| PopupItem {
            label: format!("/{}", command.name),
            about: command.about.to_owned(),
            insert: if command.arguments.is_empty() {
                format!("/{}", command.name)
            } else {
                format!("/{} ", command.name)
            },
            marks: marks.into_iter().map(|at| at + 1).collect(),
        });
        Self::new(items.collect())
    }

    /// What `command` can be given that is like `typed`, of `known`.
    pub fn arguments(command: &Command, typed: &str, known: &[String]) -> Option<Self> {
        let items = ranked(typed, known).into_iter().filter_map(|found| {
            let name = known.get(found.index)?;
            let (label, insert) = (name.clone(), format!("/{} {name}", command.name));
            Some(PopupItem { label, about: String::new(), insert, marks: found.marks })
        });
        Self::new(items.collect())
    }

    /// Files that were found for `typed`, in the order in which they came; they are put in as `@PATH `.
    pub fn files(typed: &str, found: &[String]) -> Option<Self> {
        let marks = |path: &String| ranked(typed, &[path]).pop().map(|found| found.marks).unwrap_or_default();
        let items = found.iter().map(|path| PopupItem {
            label: path.clone(),
            about: String::new(),
            insert: mention(path),
            marks: marks(path),
        });
        Self::new(items.collect())
    }

    /// Takes a key that moves in it. `false`: it is none.
    pub fn key(&mut self, key: Key) -> bool {
        // Home and end belong to the composer.
        let moves = !["home", "end"].contains(&key.to_string().as_str());
        moves && self.chosen.key(key, self.items.len())
    }

    /// One row up.
    pub fn up(&mut self) {
        self.press("up");
    }

    /// One row down.
    pub fn down(&mut self) {
        self.press("down");
    }

    fn press(&mut self, key: &str) {
        if let Ok(key) = key.parse() {
            self.chosen.key(key, self.items.len());
        }
    }

    /// The chosen row.
    pub fn accept(&self) -> Option<&PopupItem> {
        self.items.get(self.chosen.index(self.items.len()))
    }

    /// Its rows, at most `max_rows`.
    pub fn live(&self, look: &Look, max_rows: usize) -> Live {
        let window = self.chosen.window(self.items.len(), max_rows);
        let seen = self.items.get(window.clone()).unwrap_or_default();
        let widest = seen.iter().map(|item| Row::plain(&item.label).width()).max().unwrap_or_default();
        let has_more = seen.iter().any(|item| !item.about.is_empty());
        let column = if has_more { widest.min(look.width * 3 / 5) } else { widest };
        let at = self.chosen.index(self.items.len());
        let rows = seen.iter().zip(window).map(|(item, index)| item_row(item, index == at, column, look));
        Live { rows: rows.map(|row| truncate(&row, look.width)).collect(), cursor: None }
    }
}

fn item_row(item: &PopupItem, is_chosen: bool, column: usize, look: &Look) -> Row {
    let (mark, role) = if is_chosen { ("› ", Role::Selected) } else { ("  ", Role::Plain) };
    let mut row = Row::new(mark, look.style(Role::Strong));
    let mut label = Row::empty();
    let marked = Style { underline: true, ..look.style(role) };
    push_marked(&mut label, &item.label, &item.marks, look.style(role), marked);
    let label = truncate(&label, column);
    let blanks = column.saturating_sub(label.width()) + 2;
    label.spans.into_iter().for_each(|span| row.push(span));
    if !item.about.is_empty() {
        row.push(look.span(&" ".repeat(blanks), Role::Plain));
        row.push(look.span(&item.about, Role::Quiet));
    }
    row
}

/// `path` as it is named in a message.
fn mention(path: &str) -> String {
    let is_plain = !path.chars().any(|c| c.is_whitespace() || c.is_control() || c == '"');
    if is_plain { format!("@{path} ") } else { format!("@{path:?} ") }
}
