//! One setting is written into a file, or taken out of it, as `codex config set` and `unset` ask for.

use toml::Value;
use toml_edit::Key as Name;

use super::text::{Step, put, take};
use super::{Change, SettingsFile, change};
use crate::keys::{self, KEYS, Key, Kind, Status};
use crate::layer::{Layer, elsewhere, within};
use crate::origin::dotted;
use crate::overrides::Override;
use crate::suggest::did_you_mean;
use crate::{ConfigError, Origin};

/// One setting of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit<'a> {
    /// The profile that it belongs to, if it does.
    pub profile: Option<&'a str>,
    /// A dotted path of names, or of other names of the same keys.
    pub key: &'a str,
    /// What to set it to, as for `-c`: TOML, or a bare word. `None` takes it out of the file.
    pub value: Option<&'a str>,
}

/// Makes an edit. `None`: the file says so already.
///
/// # Errors
/// There is no such key, or it does not take this value; the file is not TOML, or would not load afterwards; it cannot be
/// read or written. It is as before then.
pub fn edit(file: &SettingsFile, edit: &Edit<'_>) -> Result<Option<Change>, ConfigError> {
    let path = path(edit)?;
    let settings = match edit.value {
        Some(value) => settings(file, edit, &path, value)?,
        None => Vec::new(),
    };
    change(file, |text| {
        if let Err(error) = toml_edit::Document::parse(text) {
            // As loading tells it: with the line.
            super::check(file, text)?;
            return Err(file.fault(&format!("is not TOML: {error}")));
        }
        let shape = || {
            file.fault(&format!(
                "cannot be changed here: `{}` is written in another way; use `codex config edit`",
                edit.key
            ))
        };
        let new = match edit.value {
            Some(_) => {
                let mut new = text.to_owned();
                for (path, value) in &settings {
                    new = put(&new, path, value).ok_or_else(shape)?;
                }
                new
            }
            None => take(text, &path).unwrap_or_else(|| text.to_owned()),
        };
        Ok((new != text).then_some(new))
    })
}

/// The names of a typed path, checked against the table of keys.
fn path(edit: &Edit<'_>) -> Result<Vec<Step>, ConfigError> {
    let mut names = typed_names(edit.key)?;
    if let Some(profile) = edit.profile {
        names.splice(0..0, ["profiles".to_owned(), profile.to_owned()]);
    }
    steps(&names)
}

/// The names that a dotted path is made of.
pub(crate) fn typed_names(key: &str) -> Result<Vec<String>, ConfigError> {
    let names = Name::parse(key)
        .map_err(|_| unknown(key, "this is not a key: use names joined by dots, each in quotes if need be", None))?;
    Ok(names.iter().map(|name| name.get().to_owned()).collect())
}

/// A typed key by its canonical names, for [`crate::Loaded::explain`].
///
/// # Errors
/// There is no such key; with the nearest one.
pub fn canonical(key: &str) -> Result<CanonicalKey, ConfigError> {
    let names: Vec<String> =
        steps(&typed_names(key)?)?.into_iter().filter_map(|step| step.names.into_iter().next()).collect();
    let names = if names == ["sandbox_workspace_write", "writable_roots"] { vec!["add_dir".to_owned()] } else { names };
    let key = |keys: &'static [Key]| keys::find(keys, names.first()?);
    let of = key(KEYS);
    let value = match of.map(|key| key.kind) {
        Some(Kind::StrictOrFirst([first, ..])) if names.len() == 1 => dotted(&[names[0].clone(), first.name.into()]),
        _ => dotted(&names),
    };
    Ok(CanonicalKey { path: dotted(&names), value, is_used: of.is_some_and(|key| key.status == Status::Used) })
}

/// A key as the table of keys calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalKey {
    /// Its dotted path.
    pub path: String,
    /// The path of its value: of the table `sandbox`, that of the level that may stand in its place.
    pub value: String,
    /// Whether this version does anything with it.
    pub is_used: bool,
}

impl CanonicalKey {
    /// Whether a path is this key's, or one below it.
    pub fn holds(&self, path: &str) -> bool {
        path.strip_prefix(&self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// The steps along names, each with its other names.
pub(crate) fn steps(names: &[String]) -> Result<Vec<Step>, ConfigError> {
    /// What may follow.
    enum Next {
        Keys(&'static [Key]),
        /// A name of the user's choice, then keys; or nothing more.
        Named(&'static [Key]),
        Map,
        Anything,
        Nothing,
    }
    let mut next = Next::Keys(KEYS);
    let mut steps: Vec<Step> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let above = &names[..at];
        let (step, then) = match next {
            Next::Keys(keys) => {
                let in_profile = at > 0 && matches!(name.as_str(), "profiles" | "default_profile" | "profile");
                let Some(key) = keys::find(keys, name).filter(|_| !in_profile) else {
                    let near = did_you_mean(name, keys::names(keys).filter(|near| near != name));
                    let hint = elsewhere(name, above).filter(|_| above.is_empty()).or(near);
                    return Err(unknown(name, &format!("there is no such key{}", within(above)), hint));
                };
                let first = match key.kind {
                    Kind::StrictOrFirst([first, ..]) => Some(first.name),
                    _ => None,
                };
                let all = std::iter::once(key.name).chain(key.aliases.iter().copied()).map(str::to_owned);
                let then = match key.kind {
                    Kind::Profiles => Next::Named(KEYS),
                    Kind::Named(keys) => Next::Named(keys),
                    Kind::Any => Next::Anything,
                    kind if kind.is_map() => Next::Map,
                    kind => kind.own_children().map_or(Next::Nothing, Next::Keys),
                };
                (Step { typed: name.clone(), names: all.collect(), first }, then)
            }
            Next::Named(keys) => (Step::exact(name), Next::Keys(keys)),
            Next::Map => (Step::exact(name), Next::Nothing),
            Next::Anything => (Step::exact(name), Next::Anything),
            Next::Nothing => {
                let message = format!("`{}` is one value: there is nothing below it", above.join("."));
                return Err(unknown(&names.join("."), &message, None));
            }
        };
        steps.push(step);
        next = then;
    }
    Ok(steps)
}

fn unknown(typed: &str, message: &str, hint: Option<String>) -> ConfigError {
    ConfigError::new(Origin::Override(typed.into()), message).hint(hint)
}

/// The single values to write, each checked: a table is as many as it holds.
fn settings(
    file: &SettingsFile,
    edit: &Edit<'_>,
    path: &[Step],
    value: &str,
) -> Result<Vec<(Vec<Step>, String)>, ConfigError> {
    let names: Vec<&str> = path.iter().map(|step| step.typed.as_str()).collect();
    let setting = Override::typed("config set ", &joined(&names), value);
    let layer = Layer::parse(setting.source(), file.base())?;
    // Those about the value come again when the file is checked.
    if let Some(warning) = layer.warnings.iter().find(|warning| warning.message.starts_with("unknown key")) {
        return Err(ConfigError::new(warning.origin.clone(), &warning.message));
    }
    let mut found = Vec::new();
    let table: toml::Table = format!("value = {}", setting.value_text())
        .parse()
        .map_err(|_| unknown(edit.key, "this value is not TOML", None))?;
    match table.get("value") {
        Some(Value::Table(table)) => {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            flatten(table, &names, &mut found)?;
        }
        _ => found.push((path.to_vec(), setting.value_text().to_owned())),
    }
    if found.is_empty() {
        return Err(unknown(edit.key, "an empty table sets nothing", None));
    }
    Ok(found)
}

fn flatten(table: &toml::Table, above: &[String], found: &mut Vec<(Vec<Step>, String)>) -> Result<(), ConfigError> {
    for (name, value) in table {
        let names = [above, std::slice::from_ref(name)].concat();
        match value {
            Value::Table(inner) => flatten(inner, &names, found)?,
            _ => found.push((steps(&names)?, value.to_string())),
        }
    }
    Ok(())
}

fn joined(names: &[&str]) -> String {
    names.iter().map(|name| Name::new(*name).display_repr().into_owned()).collect::<Vec<_>>().join(".")
}
