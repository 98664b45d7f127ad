//! The list above the composer while a command or a file is typed.

use codex_protocol::{FoundFile, FoundKind, OwnCommand, SkillInfo};

use crate::{
    fuzzy::{push_marked, ranked},
    look::Look,
    overlays::list::Chosen,
    slash,
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
    is_of_files: bool,
    /// Whether another row than the first was gone to.
    moved: bool,
}

impl Popup {
    /// A list; `None` where there is nothing in it.
    pub fn new(items: Vec<PopupItem>) -> Option<Self> {
        (!items.is_empty()).then(|| Self { items, chosen: Chosen::default(), is_of_files: false, moved: false })
    }

    /// Commands that are like `typed`, without its `/`: those that are built in, then the `own`.
    pub fn commands(typed: &str, own: &[OwnCommand]) -> Option<Self> {
        let built_in = slash::ranked(typed).into_iter().map(|(command, marks)| PopupItem {
            label: format!("/{}", command.name),
            about: command.about.to_owned(),
            insert: if command.arguments.is_empty() {
                format!("/{}", command.name)
            } else {
                format!("/{} ", command.name)
            },
            marks: marks.into_iter().map(|at| at + 1).collect(),
        });
        let names: Vec<&str> = own.iter().map(|command| command.name.as_str()).collect();
        let own = ranked(typed, &names).into_iter().filter_map(|found| {
            let item = own_item(own.get(found.index)?);
            Some(PopupItem { marks: found.marks.into_iter().map(|at| at + 1).collect(), ..item })
        });
        Self::new(built_in.chain(own).collect())
    }

    /// What the command of this name can be given that is like `typed`.
    pub fn arguments(command: &str, typed: &str) -> Option<Self> {
        let known = slash::find(command)?.completions();
        let items = ranked(typed, &known).into_iter().filter_map(|found| {
            let name = *known.get(found.index)?;
            let (label, insert) = (name.to_owned(), name.to_owned());
            Some(PopupItem { label, about: String::new(), insert, marks: found.marks })
        });
        Self::new(items.collect())
    }

    /// Skills that are like `typed`, without its `$`.
    pub fn skills(typed: &str, skills: &[SkillInfo]) -> Option<Self> {
        let names: Vec<&str> = skills.iter().map(|skill| skill.name.as_str()).collect();
        let items = ranked(typed, &names).into_iter().filter_map(|found| {
            let SkillInfo { name, description, .. } = skills.get(found.index)?;
            let marks = found.marks.into_iter().map(|at| at + 1).collect();
            Some(PopupItem {
                label: format!("${name}"),
                about: description.clone(),
                insert: format!("${name} "),
                marks,
            })
        });
        Self::new(items.collect())
    }

    /// Files that were found, in the order in which they came; they are put in as `@PATH `.
    pub fn files(found: Vec<FoundFile>) -> Option<Self> {
        let items = found.into_iter().map(|file| PopupItem {
            about: if file.match_type == FoundKind::Directory { "directory".into() } else { String::new() },
            marks: bytes(&file.path, file.indices.as_deref().unwrap_or_default()),
            insert: mention(&file.path),
            label: file.path,
        });
        let popup = Self::new(items.collect())?;
        Some(Self { is_of_files: true, ..popup })
    }

    /// Whether a person has chosen in it.
    pub fn is_chosen_in(&self) -> bool {
        self.moved
    }

    /// Whether it lists files.
    pub fn is_of_files(&self) -> bool {
        self.is_of_files
    }

    /// One row up.
    pub fn up(&mut self) {
        self.moved = true;
        self.chosen.up(self.items.len());
    }

    /// One row down.
    pub fn down(&mut self) {
        self.moved = true;
        self.chosen.down(self.items.len());
    }

    /// What the chosen row puts in place of what was typed.
    pub fn accepted(&self) -> Option<String> {
        self.items.get(self.chosen.index(self.items.len())).map(|item| item.insert.clone())
    }

    /// Whether the chosen command, or another name of it, begins with `typed`, which stands without its `/`. What is only like
    /// it is another command than the one that was typed.
    pub fn is_begun_by(&self, typed: &str) -> bool {
        let Some(chosen) = self.accepted() else { return false };
        let name = chosen.trim_start_matches('/').trim_end();
        let aliases = slash::find(name).map(|command| command.aliases).unwrap_or_default();
        let after_source = name.rsplit(':').next();
        let typed = typed.to_lowercase();
        std::iter::once(name)
            .chain(after_source)
            .chain(aliases.iter().copied())
            .any(|name| name.to_lowercase().starts_with(&typed))
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

/// One that is built in is meant by a name that both have: then the source stands before it.
fn own_item(command: &OwnCommand) -> PopupItem {
    let OwnCommand { name, description, argument_hint, source } = command;
    let hint = argument_hint.as_ref().map(|hint| format!("{hint} ")).unwrap_or_default();
    let (label, insert) = match slash::find(name) {
        Some(_) => (format!("/{name} ({source})"), format!("/{source}:{name} ")),
        None => (format!("/{name}"), format!("/{name} ")),
    };
    let about = format!("{hint}{description}").trim_end().to_owned();
    let about = if about.is_empty() { source.clone() } else { format!("{about} ({source})") };
    PopupItem { label, about, insert, marks: Vec::new() }
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

/// Where in `text` the characters of these numbers stand, in bytes.
fn bytes(text: &str, numbers: &[u32]) -> Vec<usize> {
    let characters = (0_u32..).zip(text.char_indices());
    characters.filter(|(number, _)| numbers.binary_search(number).is_ok()).map(|(_, (at, _))| at).collect()
}

/// `path` as it is named in a message.
fn mention(path: &str) -> String {
    let is_plain = !path.chars().any(|c| c.is_whitespace() || c.is_control() || c == '"');
    if is_plain { format!("@{path} ") } else { format!("@{path:?} ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{text::Span, theme::Theme};

    fn shown(popup: &Popup, width: usize, rows: usize) -> Vec<String> {
        let live = popup.live(&Look { width, theme: Theme::Ansi }, rows);
        assert!(live.rows.len() <= rows && live.rows.iter().all(|row| row.width() <= width), "{live:?}");
        live.rows.iter().map(Row::text).collect()
    }

    fn files() -> Popup {
        let file = |path: &str, kind: &str, indices: &[u32]| json!({ "root": "/w", "path": path, "match_type": kind, "file_name": path, "score": 1, "indices": indices });
        let found = json!([
            file("src/größe.rs", "file", &[4, 6]),
            file("src", "directory", &[]),
            file("a b\n\u{1b}[2J", "file", &[]),
        ]);
        Popup::files(serde_json::from_value(found).unwrap()).unwrap()
    }

    #[test]
    fn it_shows_what_can_be_put_in() {
        let table = [
            (Popup::commands("mod", &[]).unwrap(), "/model ", "› /model  Which model answers, and how long it thinks"),
            (Popup::commands("new", &[]).unwrap(), "/clear", "› /clear  Begin a new session"),
            (Popup::arguments("theme", "hi").unwrap(), "high-contrast", "› high-contrast"),
            (Popup::arguments("vim", "").unwrap(), "on", "› on"),
            (files(), "@src/größe.rs ", "› src/größe.rs"),
        ];
        for (popup, insert, row) in table {
            assert_eq!(popup.accepted().as_deref(), Some(insert));
            let first = shown(&popup, 80, 8).remove(0);
            assert!(first.starts_with(row), "{first}");
        }
        for nothing in [
            Popup::commands("xyz", &[]),
            Popup::commands("experimental", &[]),
            Popup::arguments("quit", ""),
            Popup::files(vec![]),
        ] {
            assert!(nothing.is_none(), "{nothing:?}");
        }
    }

    #[test]
    fn what_is_chosen_is_seen() {
        let mut popup = Popup::commands("", &[]).unwrap();
        let count = popup.items.len();
        for step in 0..count * 2 {
            let rows = shown(&popup, 40, 4);
            let chosen: Vec<&String> = rows.iter().filter(|row| row.starts_with('›')).collect();
            let insert = popup.accepted().unwrap();
            assert!(chosen.len() == 1 && chosen[0].contains(insert.trim()), "{step}: {rows:?}");
            popup.down();
        }
        popup.up();
        assert_eq!(popup.accepted().as_deref(), Some("/vim "));
    }

    #[test]
    fn names_of_files_drive_nothing_and_are_put_in_whole() {
        let mut popup = files();
        assert!(popup.is_of_files());
        let rows = shown(&popup, 40, 8);
        assert_eq!(rows, ["› src/größe.rs  ", "  src            directory", "  a b↵\\u{1b}[2J  "].map(str::trim_end));
        popup.up();
        assert_eq!(popup.accepted().as_deref(), Some("@\"a b\\n\\u{1b}[2J\" "));
        // The letters that were typed.
        let live = files().live(&Look { width: 40, theme: Theme::Ansi }, 8);
        let marked: Vec<&str> = live.rows[0].spans.iter().filter(|span| span.style.underline).map(Span::text).collect();
        assert_eq!(marked, ["g", "ö"]);
    }
}
