//! Changes of the user's `config.toml` that the user asked for in a session: a rule is remembered, or forgotten.
//!
//! It must never lose what else the file says, its comments and its order included, leave a half-written file behind, or
//! write one that does not load. A project's own file is never written.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

use crate::files::{FILE, read_source};
use crate::layer::Layer;
use crate::source::{Name, Source};
use crate::value::Base;
use crate::{ConfigError, Origin};

/// Indentation of a rule on a line of its own, where there is none to copy.
const INDENT: &str = "  ";

/// Makes `rule` one that runs without a question from the next start on: in `project` (absolute), or in all of them.
/// `false`: it was among them already.
///
/// The user's file is made if it is missing, readable by the user alone.
///
/// # Errors
/// The file cannot be read or written, is not in order, or would not be with this rule in it. It is as before then.
pub fn remember(codex_home: &Path, project: Option<&Path>, rule: &str) -> Result<bool, ConfigError> {
    change(codex_home, |document, fault| {
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
    change(codex_home, |document, fault| {
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

/// What cannot be, once the file has been checked.
const SHAPE: &str = "`[permissions]` is not in order";

/// Reads the user's file, lets `work` change it, and puts it in its place if `work` says that it has.
///
/// One process at a time: another that remembers something at this moment waits.
fn change(
    codex_home: &Path,
    work: impl FnOnce(&mut DocumentMut, &dyn Fn(&str) -> ConfigError) -> Result<bool, ConfigError>,
) -> Result<bool, ConfigError> {
    let path = codex_home.join(FILE);
    let fault = |message: &str| ConfigError::new(Origin::WholeFile(path.clone()), message);
    let failed = |error: io::Error| fault(&format!("cannot be changed: {error}"));
    let _one_at_a_time = lock(codex_home).map_err(failed)?;

    let source = read_source(&path)?;
    let before = source.as_ref().map(|source| source.text.clone()).unwrap_or_default();
    if let Some(source) = source {
        check(source, codex_home)?;
    }
    let mut document: DocumentMut = before.parse().map_err(|error| fault(&format!("is not TOML: {error}")))?;
    if !work(&mut document, &fault)? {
        return Ok(false);
    }
    let after = document.to_string();
    // Not shown where it would stand: it is not there.
    check(Source::new(Name::File(path.clone()), after.clone()), codex_home)
        .map_err(|error| fault(&format!("was not changed, for it would not load: {}", error.message)))?;
    replace(&path, &after).map_err(failed)?;
    Ok(true)
}

fn check(source: Source, codex_home: &Path) -> Result<(), ConfigError> {
    // What paths come to does not matter here.
    let base = Base { dir: codex_home, project: codex_home, home: Some(codex_home) };
    Layer::parse(source, base).map(drop)
}

/// The right to change the files of the user's home, which is made if it is missing. Whoever else wants it waits until
/// this one is dropped.
pub(crate) fn lock(codex_home: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(codex_home)?;
    let lock = File::open(codex_home)?;
    lock.lock()?;
    Ok(lock)
}

/// Puts a whole new file in the place of `path`, or of the file that it links to, with the old one's mode and owner; one
/// that was not there can be read by the user alone.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let (target, old) = match path.canonicalize() {
        Ok(target) => (target.clone(), Some(fs::metadata(target)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (PathBuf::from(path), None),
        Err(error) => return Err(error),
    };
    let directory = target.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    if let Some(old) = old {
        // Only root can give a file away, and only root has to.
        let _ = fchown(file.as_file(), Some(old.uid()), Some(old.gid()));
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    Ok(())
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
