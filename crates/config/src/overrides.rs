//! Settings of the command line: `-c key=value`, and flags that stand for a key.
//!
//! They are the user's own words, so they outrank every file; a text that cannot be read is an error, never ignored.

use std::fmt;

use toml::Value;
use toml::de::{DeTable, DeValue};

use crate::hide::looks_secret;
use crate::keys::is_choice;
use crate::source::{Name, Source};
use crate::{ConfigError, Origin};

/// Most characters of a number that is shown: a longer one may be a secret.
const LONGEST_NUMBER: usize = 12;

/// One setting of the command line.
#[derive(Clone, PartialEq, Eq)]
pub struct Override {
    /// For messages: a flag as typed, or `-c` with its key.
    typed: String,
    /// A TOML document of this one setting.
    text: String,
}

/// The value may be a secret.
impl fmt::Debug for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Override").field(&self.typed).finish()
    }
}

impl Override {
    /// Reads the argument of `-c`: a dotted path of keys (each may be quoted), `=`, and a value. A value that is not
    /// TOML is taken as a string, so that `-c model=o4-mini` needs no quotes.
    ///
    /// # Errors
    /// There is no `=` or no path before it. Whether the key exists and takes such a value is found out by `load`.
    pub fn parse(argument: &str) -> Result<Self, ConfigError> {
        let Some((path, value)) = split(argument) else {
            let shown = if is_path(argument) { argument } else { "…" };
            let origin = Origin::Override(format!("-c {shown}"));
            return Err(ConfigError::new(origin, format!("`{shown}` must be `key=value`")));
        };
        let typed = label(path, value);
        if !is_path(path) {
            return Err(no_path(path));
        }
        Ok(Self { text: format!("{path} = {}", toml_or_text(value)), typed })
    }

    /// The path and the value, as they travel to a server that reads the files of its own machine.
    ///
    /// # Errors
    /// The value is one that JSON does not have (a date).
    pub fn to_json(&self) -> Result<(String, serde_json::Value), ConfigError> {
        let error = |message: String| ConfigError::new(Origin::Override(self.typed.clone()), message);
        let (path, value) = split(&self.text).unwrap_or((&self.text, ""));
        let mut table: toml::Table =
            toml::from_str(&format!("value = {value}")).map_err(|source| error(source.message().into()))?;
        let value = table.remove("value");
        let json = serde_json::to_value(value).map_err(|source| error(source.to_string()))?;
        Ok((path.to_owned(), json))
    }

    /// Whether it says what `key`, a path, is.
    pub fn sets(&self, key: &str) -> bool {
        split(&self.text).is_some_and(|(path, _)| path == key)
    }

    /// The other end of [`Override::to_json`].
    ///
    /// # Errors
    /// The path is none, or the value is one that TOML does not have (null).
    pub fn from_json(path: &str, value: &serde_json::Value) -> Result<Self, ConfigError> {
        if !is_path(path) {
            return Err(no_path(path));
        }
        let typed = value.as_str().map_or_else(|| label(path, &value.to_string()), |text| label(path, text));
        Self::of_json(typed, path, value)
    }

    /// A flag that sets `key`, a path of the table of keys: `typed` is the flag as typed (`--add-dir ../lib`).
    ///
    /// # Errors
    /// As [`Override::from_json`].
    pub fn flag(typed: &str, key: &str, value: &serde_json::Value) -> Result<Self, ConfigError> {
        if !is_path(key) {
            return Err(no_path(key));
        }
        Self::of_json(typed.into(), key, value)
    }

    fn of_json(typed: String, path: &str, value: &serde_json::Value) -> Result<Self, ConfigError> {
        let error = |message: &str| ConfigError::new(Origin::Override(typed.clone()), message);
        let value = Value::try_from(value).map_err(|_| {
            let hint = "TOML has no null; to set nothing, leave the key out";
            error("this value cannot be written as TOML").hint(Some(hint.into()))
        })?;
        Ok(Self { text: format!("{path} = {value}"), typed })
    }

    /// A flag that sets `key` to a text: `typed` is the flag as typed (`--model 4`), `key` a path of the table of keys.
    pub fn text(typed: &str, key: &str, value: &str) -> Self {
        Self { typed: typed.into(), text: format!("{key} = {}", Value::String(value.into())) }
    }

    /// A value for a path that is known to be one, read as [`Override::parse`] does. `before` is what was typed before it.
    pub(crate) fn typed(before: &str, path: &str, value: &str) -> Self {
        let typed = label(path, value).replacen("-c ", before, 1);
        Self { text: format!("{path} = {}", toml_or_text(value)), typed }
    }

    /// The value as TOML.
    pub(crate) fn value_text(&self) -> &str {
        split(&self.text).map_or("", |(_, value)| value)
    }

    pub(crate) fn source(&self) -> Source {
        Source::new(Name::Override(self.typed.clone()), self.text.clone())
    }
}

/// A value that is not TOML is a text.
fn toml_or_text(value: &str) -> String {
    match DeValue::parse(value) {
        Ok(_) => value.into(),
        Err(_) => Value::String(value.into()).to_string(),
    }
}

/// An argument as messages name it: with its value only if that is one of a few words, a number or a boolean.
fn label(path: &str, value: &str) -> String {
    let last = path.rsplit('.').next().unwrap_or(path);
    let number = || value.len() <= LONGEST_NUMBER && !looks_secret(path) && is_number_or_flag(value);
    let shown = if is_choice(last) || number() { value } else { "…" };
    format!("-c {path}={shown}")
}

fn is_number_or_flag(value: &str) -> bool {
    let value = DeValue::parse(value);
    value.is_ok_and(|it| matches!(it.get_ref(), DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_)))
}

/// The error for what stands before the `=` and is no path; a secret may have slipped into it.
fn no_path(path: &str) -> ConfigError {
    let shown = if looks_secret(path) { "…" } else { path };
    let message = format!("`{shown}` is not a key: use names joined by dots, each in quotes if need be");
    ConfigError::new(Origin::Override(format!("-c {shown}=…")), message)
}

/// Splits at the first `=` outside quotes.
fn split(argument: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, c) in argument.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, '=') => return Some((argument[..at].trim(), argument[at + 1..].trim())),
            _ => {}
        }
    }
    None
}

/// How many keys the path has of `text`, a setting as a document of TOML.
pub(crate) fn depth(text: &str) -> usize {
    let (path, _) = split(text).unwrap_or((text, ""));
    let mut table: Option<toml::Table> = format!("{path} = 0").parse().ok();
    let mut depth = 0;
    while let Some(value) = table.and_then(|table| table.into_iter().next()) {
        depth += 1;
        table = value.1.as_table().cloned();
    }
    depth
}

/// Whether a text is a path of keys and nothing more.
fn is_path(text: &str) -> bool {
    let whole = format!("{text} = 0");
    !text.contains(['\n', '\r', '#'])
        && !text.starts_with('[')
        && DeTable::parse(&whole).is_ok_and(|table| table.get_ref().len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let cases = [
            ("model=o4-mini", Ok("model = \"o4-mini\"")),
            ("model = \"x\"", Ok("model = \"x\"")),
            ("model=a=b", Ok("model = \"a=b\"")),
            ("model=", Ok("model = \"\"")),
            ("search=true", Ok("search = true")),
            ("add_dir=[\"/a\"]", Ok("add_dir = [\"/a\"]")),
            ("model_providers.\"a=b.c\".base_url=http://x", Ok("model_providers.\"a=b.c\".base_url = \"http://x\"")),
            ("a.'b c'.d={x=1}", Ok("a.'b c'.d = {x=1}")),
            // A value cannot smuggle in a second setting.
            ("model=1\nsandbox='danger-full-access'", Ok("model = \"\"\"\n1\nsandbox='danger-full-access'\"\"\"")),
            ("model", Err("-c model: `model` must be `key=value`")),
            ("=x", Err("-c =…: `` is not a key: use names joined by dots, each in quotes if need be")),
            ("a b=x", Err("-c a b=…: `a b` is not a key: use names joined by dots, each in quotes if need be")),
            ("a..b=x", Err("-c a..b=…: `a..b` is not a key: use names joined by dots, each in quotes if need be")),
        ];
        for (argument, expected) in cases {
            let got = Override::parse(argument).map(|parsed| parsed.text).map_err(|error| error.to_string());
            assert_eq!(got, expected.map(String::from).map_err(String::from), "{argument}");
        }
    }

    #[test]
    fn messages_name_the_key_and_no_secret() {
        let table = [
            ("sandbox=foo", "-c sandbox=foo"),
            ("model_providers.x.wire_api=\"chat\"", "-c model_providers.x.wire_api=chat"),
            ("search=true", "-c search=true"),
            ("n=5000", "-c n=5000"),
            ("model=o4", "-c model=…"),
            (
                "model_providers.mock.experimental_bearer_token=sk-1",
                "-c model_providers.mock.experimental_bearer_token=…",
            ),
            ("my_token=12345", "-c my_token=…"),
            ("n=1234567890123", "-c n=…"),
            ("model_providers.x={env_key = \"sk-1\"}", "-c model_providers.x=…"),
        ];
        for (argument, expected) in table {
            let parsed = Override::parse(argument).unwrap();
            let (path, value) = parsed.to_json().unwrap();
            let travelled = Override::from_json(&path, &value).unwrap();
            assert_eq!((&*travelled.typed, parsed.typed.contains("sk-1")), (expected, false), "{argument}");
            assert!(!format!("{parsed:?}").contains("sk-1"), "{argument}");
        }
        for argument in ["token: sk-1", "a\"token=sk-1", "token sk-1=x", "api_key: sk-1="] {
            let error = Override::parse(argument).unwrap_err().to_string();
            assert!(!error.contains("sk-1"), "{error}");
        }
    }

    #[test]
    fn settings_travel_as_json() {
        for argument in ["model=x", "a.'b c'.d={x=1, y=[true, \"z\"]}", "model=a=b", "n=1.5"] {
            let parsed = Override::parse(argument).unwrap();
            let (path, value) = parsed.to_json().unwrap();
            let back = Override::from_json(&path, &value).unwrap();
            assert_eq!(back.to_json().unwrap(), (path, value), "{argument}");
        }
        for (path, value) in [("a b", serde_json::json!(1)), ("a", serde_json::json!(null))] {
            assert!(Override::from_json(path, &value).is_err(), "{path}");
        }
    }

    #[test]
    fn flags_are_never_read_as_toml() {
        assert_eq!(Override::text("-m 4", "model", "4").text, "model = \"4\"");
        let flag = |typed: &str, key: &str, value: serde_json::Value| Override::flag(typed, key, &value).unwrap().text;
        assert_eq!(flag("--add-dir x", "add_dir", serde_json::json!(["x"])), "add_dir = [\"x\"]");
        assert_eq!(flag("--search", "search", serde_json::json!(true)), "search = true");
    }
}
