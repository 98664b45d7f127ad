//! Rules that were answered "always": remembered in the user's file, and forgotten.

use std::path::Path;

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

use super::{SettingsFile, change, check};
use crate::ConfigError;

/// Indentation of a rule on a line of its own, where there is none to copy.
const INDENT: &str = "  ";

/// What cannot be, once the file has been checked.
const SHAPE: &str = "`[permissions]` is not in order";

/// Makes `rule` one that runs without a question from the next start on: in `project` (absolute), or in all of them.
/// `false`: it was among them already.
///
/// The user's file is made if it is missing, readable by the user alone.
///
/// # Errors
/// The file cannot be read or written, is not in order, or would not be with this rule in it. It is as before then.
pub fn remember(codex_home: &Path, project: Option<&Path>, rule: &str) -> Result<bool, ConfigError> {
    change_document(codex_home, |document, fault| {
        let everywhere = allowed(document.get_mut("permissions"));
        if everywhere.is_some_and(|list| position(list, rule).is_some()) {
            return Ok(false);
        }
        let mut table = table_in(document.as_table_mut(), "permissions").ok_or_else(|| fault(SHAPE))?;
        if let Some(project) = project {
            let name = project.to_str().filter(|_| project.is_absolute());
            let name = name.ok_or_else(|| fault("cannot name this project: its path is relative, or not UTF-8"))?;
            let projects = table_in(table, "projects").ok_or_else(|| fault(SHAPE))?;
            let name = known_as(projects, name);
            table = table_in(projects, &name).ok_or_else(|| fault(SHAPE))?;
        }
        let list = table.entry("allow").or_insert_with(|| Item::Value(Value::Array(Array::new())));
        let list = list.as_array_mut().ok_or_else(|| fault(SHAPE))?;
        if position(list, rule).is_some() {
            return Ok(false);
        }
        push(list, rule);
        Ok(true)
    })
}

/// Removes `rule` from those that run without a question: in all projects, and in `project`. `false`: it was not among
/// them.
///
/// # Errors
/// As [`remember`]; and the rule is remembered for other projects only, which are named.
pub fn forget(codex_home: &Path, project: &Path, rule: &str) -> Result<bool, ConfigError> {
    change_document(codex_home, |document, fault| {
        let mut removed = allowed(document.get_mut("permissions")).is_some_and(|list| remove(list, rule));
        let projects = document.get_mut("permissions").and_then(|item| item.get_mut("projects"));
        let Some(projects) = projects.and_then(Item::as_table_like_mut) else { return Ok(removed) };
        let here = project.to_str().map(|name| known_as(projects, name)).unwrap_or_default();
        let mut elsewhere = Vec::new();
        for (name, table) in projects.iter_mut() {
            let Some(list) = allowed(Some(table)) else { continue };
            if name.get() == here {
                removed |= remove(list, rule);
            } else if position(list, rule).is_some() {
                elsewhere.push(format!("`{}`", name.get()));
            }
        }
        if !removed && !elsewhere.is_empty() {
            let places = elsewhere.join(", ");
            return Err(fault(&format!("`{rule}` is remembered for {places} only; name one of them with `--cd`")));
        }
        Ok(removed)
    })
}

/// Lets `work` change the user's file as a document, once it is known to be in order.
fn change_document(
    codex_home: &Path,
    work: impl FnOnce(&mut DocumentMut, &dyn Fn(&str) -> ConfigError) -> Result<bool, ConfigError>,
) -> Result<bool, ConfigError> {
    let file = SettingsFile::user(codex_home, None);
    let edited = change(&file, |text| {
        check(&file, text)?;
        let mut document: DocumentMut = text.parse().map_err(|error| file.fault(&format!("is not TOML: {error}")))?;
        let changed = work(&mut document, &|message| file.fault(message))?;
        Ok(changed.then(|| document.to_string()))
    })?;
    Ok(edited.is_some())
}

/// The table of a name; made if there is none, and `None` if it is something else. One without values of its own gets
/// no header.
fn table_in<'a>(table: &'a mut dyn TableLike, name: &str) -> Option<&'a mut dyn TableLike> {
    let made = || {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    };
    table.entry(name).or_insert_with(made).as_table_like_mut()
}

/// The list of what is allowed in a table of rules.
fn allowed(table: Option<&mut Item>) -> Option<&mut Array> {
    table?.as_table_like_mut()?.get_mut("allow")?.as_array_mut()
}

/// The name that the table of a project has already, if it has one by another path.
fn known_as(projects: &dyn TableLike, name: &str) -> String {
    if projects.contains_key(name) {
        return name.into();
    }
    let real = |name: &str| Path::new(name).canonicalize().ok();
    let here = real(name);
    let known = projects.iter().map(|(other, _)| other).find(|other| here.is_some() && real(other) == here);
    known.unwrap_or(name).into()
}

fn position(list: &Array, rule: &str) -> Option<usize> {
    list.iter().position(|item| item.as_str() == Some(rule))
}

/// Appends a rule; to a list over several lines as a line of its own, so that comments stay with their rules.
fn push(list: &mut Array, rule: &str) {
    let text = |raw: Option<&toml_edit::RawString>| raw.and_then(|raw| raw.as_str()).unwrap_or_default().to_owned();
    let last = list.len().checked_sub(1).and_then(|last| list.get_mut(last));
    let (indent, mut rest) = match last {
        Some(last) => {
            let before = text(last.decor().prefix());
            let after = text(last.decor().suffix());
            last.decor_mut().set_suffix("");
            (before.rsplit_once('\n').map_or(INDENT.to_owned(), |(_, indent)| indent.to_owned()), after)
        }
        None => (INDENT.to_owned(), String::new()),
    };
    rest += list.trailing().as_str().unwrap_or_default();
    let Some((kept, end)) = rest.rsplit_once('\n') else {
        list.push(rule);
        return;
    };
    list.push_formatted(Value::from(rule).decorated(format!("{kept}\n{indent}"), ""));
    list.set_trailing(format!("\n{end}"));
    list.set_trailing_comma(true);
}

/// Removes a rule, and the comment above it; whether it was there.
fn remove(list: &mut Array, rule: &str) -> bool {
    let Some(at) = position(list, rule) else { return false };
    list.remove(at);
    if let Some(first) = list.get_mut(0).filter(|first| first.decor().prefix().and_then(|it| it.as_str()) == Some(" "))
    {
        first.decor_mut().set_prefix("");
    }
    true
}
