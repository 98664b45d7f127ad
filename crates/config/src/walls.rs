//! Keys that were meant to forbid something and do not stand where they would: misspelt, or in the wrong table.
//!
//! Passing over one leaves the user without the wall that was asked for, so each is an error. What counts as a wall
//! follows from the table of keys; nothing is named here.

use std::ops::Range;
use std::sync::LazyLock;

use toml::de::{DeTable, DeValue};

use crate::keys::{self, KEYS, Key, Kind, Project};
use crate::origin::dotted;
use crate::suggest::{alike, nearest_with_distance};
use crate::value::{Base, check};

/// A setting that forbids, or a table that holds such settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wall {
    /// A name or an alias of it.
    name: &'static str,
    /// The table that it belongs to; `None` for the top level.
    table: Option<&'static str>,
    key: &'static Key,
}

/// A wall in a table that nobody looks at.
#[derive(Debug)]
pub(crate) struct Misplaced {
    pub(crate) span: Range<usize>,
    pub(crate) typed: String,
    pub(crate) wall: Wall,
    /// The table below the one that was searched, empty for that one.
    pub(crate) path: Vec<String>,
}

impl Wall {
    /// What to write instead of `typed`, in the table `path` of a file or (`file` is false) of an argument.
    pub(crate) fn advice(&self, typed: &str, path: &[String], file: bool) -> String {
        let here = match self.table {
            Some(table) => path.len() == 1 && path[0] == table,
            None => path.is_empty(),
        };
        match self.table {
            Some(table) if !here => format!("did you mean `{table}.{}`?", self.name),
            None if !here && file => {
                let meant = if alike(typed, self.name) { String::new() } else { self.meant() + " " };
                format!("{meant}it stands in the table [{}]; move it above the first table", dotted(path))
            }
            _ => self.meant(),
        }
    }

    fn meant(&self) -> String {
        format!("did you mean `{}`?", self.name)
    }

    /// Whether only the exact name counts: `ask` and `hide` are too short to tell a slip from another word.
    fn exact_only(&self) -> bool {
        self.key.appends
    }
}

/// All walls, under each of their names: put together once, for a stranger's file may have any number of keys to be looked at.
fn walls() -> impl Iterator<Item = Wall> {
    static WALLS: LazyLock<Vec<Wall>> = LazyLock::new(|| all().collect());
    WALLS.iter().copied()
}

fn all() -> impl Iterator<Item = Wall> {
    let forbids = |key: &Key| key.project == Project::Stricter;
    let grows = |key: &Key| key.appends && key.project == Project::Harmless;
    let named = |table: Option<&'static str>, key: &'static Key| {
        std::iter::once(key.name).chain(key.aliases.iter().copied()).map(move |name| Wall { name, table, key })
    };
    KEYS.iter().flat_map(move |key| {
        let inner: Vec<&'static Key> = match key.kind {
            // The first key of `StrictOrFirst` goes by the table's name; its own means too many things elsewhere.
            Kind::Strict(children) | Kind::StrictOrFirst(children) => {
                children.iter().filter(|child| grows(child)).collect()
            }
            Kind::Table(children) => children.iter().filter(|child| forbids(child)).collect(),
            _ => Vec::new(),
        };
        let itself = (forbids(key) || !inner.is_empty()).then_some(key);
        let itself = itself.into_iter().flat_map(move |key| named(None, key));
        itself.chain(inner.into_iter().flat_map(move |child| named(Some(key.name), child)))
    })
}

/// The wall that an unknown key of a table with these keys was probably meant to be.
pub(crate) fn meant(typed: &str, keys: &'static [Key]) -> Option<Wall> {
    if let Some(wall) = walls().find(|wall| alike(typed, wall.name)) {
        return Some(wall);
    }
    let near = |wall: Wall| Some((nearest_with_distance(typed, [wall.name])?.0, wall));
    let (distance, wall) = walls().filter(|wall| !wall.exact_only()).filter_map(near).min_by_key(|(at, _)| *at)?;
    let other = nearest_with_distance(typed, keys::names(keys));
    other.is_none_or(|(nearer, _)| nearer >= distance).then_some(wall)
}

/// The first wall, by its own name and with one of its own values, at any depth of a value whose keys nobody knows.
pub(crate) fn misplaced(value: &DeValue<'_>, base: Base<'_>) -> Option<Misplaced> {
    match value {
        DeValue::Table(table) => in_table(table, base),
        DeValue::Array(items) => items.iter().find_map(|item| misplaced(item.get_ref(), base)),
        _ => None,
    }
}

/// As [`misplaced`], of a table.
pub(crate) fn in_table(table: &DeTable<'_>, base: Base<'_>) -> Option<Misplaced> {
    table.iter().find_map(|(name, value)| {
        let typed: &str = name.get_ref();
        let takes = |wall: &Wall| !wall.exact_only() && check(typed, wall.key.kind, value, base).is_ok();
        if let Some(wall) = walls().find(|wall| alike(typed, wall.name) && takes(wall)) {
            return Some(Misplaced { span: name.span(), typed: typed.into(), wall, path: Vec::new() });
        }
        let mut found = misplaced(value.get_ref(), base)?;
        found.path.insert(0, typed.into());
        Some(found)
    })
}
