//! One value against its [`Kind`]: the plain value, or what is wrong with it. Knows no file and no other value.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::DeValue;
use toml::{Spanned, Value};

use crate::hide::looks_secret;
use crate::keys::Kind;
use crate::merge::REMOVES;
use crate::suggest::did_you_mean;

/// What relative paths are relative to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base<'a> {
    /// The layer's directory, absolute.
    pub(crate) dir: &'a Path,
    /// The project's root, for paths that mean the same whichever file names them.
    pub(crate) project: &'a Path,
    /// The user's home, for `~/`.
    pub(crate) home: Option<&'a Path>,
}

/// What is wrong with a value.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(span: Range<usize>, message: String) -> Self {
        Self { span, message, hint: None }
    }
}

/// Checks the value of `name`, and makes its paths absolute. Tables are not its affair: they are always a fault.
pub(crate) fn check(name: &str, kind: Kind, value: &Spanned<DeValue<'_>>, base: Base<'_>) -> Result<Value, Fault> {
    let fault = |message: String| Fault::new(value.span(), message);
    match (kind, value.get_ref()) {
        (
            Kind::Text | Kind::TextOrFalse | Kind::TextOrTexts | Kind::Suggested(_) | Kind::Known(_),
            DeValue::String(text),
        ) => Ok(Value::String(words(name, text).map_err(fault)?.into())),
        (Kind::Prose, DeValue::String(text)) => Ok(Value::String(text.to_string())),
        (Kind::Variable, DeValue::String(text)) => {
            let text = words(name, text).map_err(fault)?;
            if is_variable(text) { Ok(Value::String(text.into())) } else { Err(fault(no_variable(name, "key"))) }
        }
        (Kind::Url, DeValue::String(text)) => {
            Ok(Value::String(address(name, text).map_err(fault)?.trim_end_matches('/').into()))
        }
        (Kind::Endpoint, DeValue::String(text)) => Ok(Value::String(address(name, text).map_err(fault)?.into())),
        (Kind::ProjectPath, DeValue::String(text)) => {
            Ok(Value::String(path(name, text, base.project, base.home).map_err(fault)?))
        }
        (Kind::Choice(names), DeValue::String(text)) if names.contains(&&**text) => Ok(Value::String(text.to_string())),
        (Kind::FlagOrChoice(names), DeValue::String(text)) if names.contains(&&**text) => {
            Ok(Value::String(text.to_string()))
        }
        (Kind::Choice(names) | Kind::FlagOrChoice(names), DeValue::String(text)) => Err(Fault {
            span: value.span(),
            message: format!("`{text}` is not a value of `{name}`: it must be {}", expected(kind)),
            hint: did_you_mean(text, names.iter().copied()),
        }),
        (
            Kind::Flag | Kind::FlagOrChoice(_) | Kind::FlagOrKnownTexts(_) | Kind::FlagOrTexts,
            DeValue::Boolean(flag),
        ) => Ok(Value::Boolean(*flag)),
        (Kind::TextOrFalse, DeValue::Boolean(false)) => Ok(Value::Boolean(false)),
        (Kind::Count(least, most), DeValue::Integer(number)) => {
            let digits = number.as_str().replace('_', "");
            match i64::from_str_radix(&digits, number.radix()) {
                Ok(count) if (least..=most).contains(&count) => Ok(Value::Integer(count)),
                _ => Err(fault(format!("`{name}` must be {}", expected(kind)))),
            }
        }
        (Kind::Amount, DeValue::Integer(_) | DeValue::Float(_)) => match amount(value.get_ref()) {
            Some(amount) => Ok(Value::Float(amount)),
            None => Err(fault(format!("`{name}` must be {}", expected(kind)))),
        },
        (Kind::StrictOrFirst([first, ..]), value_of_first) if !value_of_first.is_table() => {
            check(name, first.kind, value, base)
        }
        (
            Kind::Paths
            | Kind::ProjectPaths
            | Kind::Texts
            | Kind::Arguments
            | Kind::Variables
            | Kind::FlagOrTexts
            | Kind::TextOrTexts
            | Kind::KnownTexts(_)
            | Kind::FlagOrKnownTexts(_),
            DeValue::Array(items),
        ) => {
            let each = items.iter().map(|value| {
                item(name, kind, value.get_ref(), base).map_err(|message| Fault::new(value.span(), message))
            });
            each.collect::<Result<_, _>>().map(Value::Array)
        }
        (Kind::Hooks, DeValue::Array(items)) => {
            let each = items.iter().map(|item| {
                let group = crate::hooks::plain(item.get_ref());
                let checked = crate::hooks::group(&group).map_err(|message| format!("`{name}`: {message}"));
                let value = checked.and_then(|_| Value::try_from(group).map_err(|error| error.to_string()));
                value.map_err(|message| Fault::new(item.span(), message))
            });
            each.collect::<Result<_, _>>().map(Value::Array)
        }
        (_, other) => Err(mismatch(name, kind, value.span(), other)),
    }
}

/// One item of a list of this kind.
fn item(name: &str, kind: Kind, value: &DeValue<'_>, base: Base<'_>) -> Result<Value, String> {
    match (kind, value) {
        (Kind::Paths, DeValue::String(text)) => path_or_removal(name, text, base.dir, base.home),
        (Kind::ProjectPaths, DeValue::String(text)) => path_or_removal(name, text, base.project, base.home),
        (Kind::Arguments, DeValue::String(text)) if text.contains('\0') => {
            Err(format!("`{name}`: no program can get a NUL"))
        }
        (Kind::Arguments, DeValue::String(text)) => Ok(Value::String(text.to_string())),
        (Kind::Variables, DeValue::Table(table)) => match table.get("name").map(Spanned::get_ref) {
            Some(inner @ DeValue::String(_)) => item(name, kind, inner, base),
            _ => Err(format!("`{name}`: this table has no `name`")),
        },
        (Kind::Variables, DeValue::String(text)) if !is_variable(text) => Err(no_variable(name, "value")),
        (_, DeValue::String(text)) => words(name, text).map(|text| Value::String(text.into())),
        (_, other) => Err(format!("`{name}` must be {}; this is {}", expected(kind), called(other))),
    }
}

/// A number that is 0 or more, and not without end.
fn amount(value: &DeValue<'_>) -> Option<f64> {
    let amount = match value {
        DeValue::Integer(number) => i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()? as f64,
        DeValue::Float(number) => number.as_str().replace('_', "").parse().ok()?,
        _ => return None,
    };
    (amount.is_finite() && amount >= 0.0).then_some(amount)
}

/// An address that requests can be sent to. Messages do not repeat it: it may hold a password.
fn address<'a>(name: &str, text: &'a str) -> Result<&'a str, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Err(format!("`{name}` must be {}", expected(Kind::Url)));
    }
    if words(name, text)?.contains(char::is_whitespace) {
        return Err(format!("`{name}` is not a valid address: it contains a space"));
    }
    match url::Url::parse(text) {
        Ok(_) => Ok(text),
        Err(error) => Err(format!("`{name}` is not a valid address: {error}")),
    }
}

/// Checks one text of a map; `name` is its name there, and `label` how messages call it.
pub(crate) fn check_entry(kind: Kind, (label, name): (&str, &str), text: &str) -> Result<(), String> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let in_value = |c: char| !c.is_ascii_control() || c == '\t';
    match kind {
        Kind::Headers | Kind::VariableHeaders if name.is_empty() || !name.chars().all(in_name) => {
            Err(format!("`{label}`: no header can have this name"))
        }
        Kind::Headers if !text.chars().all(in_value) => {
            Err(format!("the value of `{label}` must not contain control characters"))
        }
        Kind::VariableHeaders if !is_variable(text) => Err(no_variable(label, "value")),
        _ => Ok(()),
    }
}

fn is_variable(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
}

/// The message for a text that may be the secret itself, which it must not repeat.
fn no_variable(name: &str, secret: &str) -> String {
    format!("`{name}` must be the name of an environment variable, not the {secret} itself")
}

/// Names what a kind takes, to follow "must be".
pub(crate) fn expected(kind: Kind) -> String {
    match kind {
        Kind::Text | Kind::Prose | Kind::Suggested(_) | Kind::Known(_) => "a string".into(),
        Kind::TextOrFalse => "a string or `false`".into(),
        Kind::TextOrTexts => "a string or a list of strings".into(),
        Kind::Variable => "the name of an environment variable".into(),
        Kind::Url | Kind::Endpoint => "an address that begins with `https://` or `http://`".into(),
        Kind::Choice(names) => one_of(names.iter().copied()),
        Kind::FlagOrChoice(names) => one_of(["true", "false"].into_iter().chain(names.iter().copied())),
        Kind::Flag => "`true` or `false`".into(),
        Kind::Count(least, most) => format!("a whole number from {least} to {most}"),
        Kind::Amount => "a number, 0 or more".into(),
        Kind::ProjectPath => "a path".into(),
        Kind::Paths | Kind::ProjectPaths | Kind::Texts | Kind::Arguments | Kind::KnownTexts(_) => {
            "a list of strings".into()
        }
        Kind::Variables => "a list of names of environment variables".into(),
        Kind::FlagOrTexts | Kind::FlagOrKnownTexts(_) => "`true`, `false` or a list of strings".into(),
        Kind::Lists => "a table of strings and lists of strings".into(),
        Kind::TextMap | Kind::Headers | Kind::VariableHeaders => "a table of strings".into(),
        Kind::StrictOrFirst([first, ..]) => expected(first.kind),
        Kind::Table(_) | Kind::Strict(_) | Kind::StrictOrFirst([]) => "a table".into(),
        Kind::Named(_) | Kind::Profiles => "a table of tables".into(),
        Kind::Hooks => "a list of tables with `matcher` and `hooks`".into(),
        Kind::Any => "anything".into(),
    }
}

/// A value of the wrong type; with the repair, where that is plain.
pub(crate) fn mismatch(name: &str, kind: Kind, span: Range<usize>, value: &DeValue<'_>) -> Fault {
    let message = format!("`{name}` must be {}, not {}", expected(kind), called(value));
    let hint = match (kind, value) {
        (Kind::Flag, DeValue::String(text)) if matches!(&**text, "true" | "false") => {
            Some(format!("write it without quotes: `{text}`"))
        }
        (Kind::Count(..), DeValue::String(text)) if text.parse::<i64>().is_ok() => {
            Some(format!("write it without quotes: `{text}`"))
        }
        (Kind::Amount, DeValue::String(text)) if text.parse::<f64>().is_ok_and(f64::is_finite) => {
            Some(format!("write it without quotes: `{text}`"))
        }
        (
            Kind::Paths | Kind::ProjectPaths | Kind::Texts | Kind::Arguments | Kind::KnownTexts(_) | Kind::FlagOrTexts,
            DeValue::String(text),
        ) => Some(format!("write it in brackets: `[{:?}]`", &**text)),
        (Kind::Choice(_), DeValue::Table(table)) if table.contains_key("granular") => {
            Some("single kinds of questions cannot be switched off here; `on-request` is the nearest".into())
        }
        (Kind::Text | Kind::Suggested(_) | Kind::Known(_), DeValue::Integer(number)) => {
            let shown = if looks_secret(name) { "…".into() } else { number.to_string() };
            Some(format!("write it in quotes: `\"{shown}\"`"))
        }
        _ => None,
    };
    Fault { span, message, hint }
}

fn called(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// "`a`, `b` or `c`".
fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match names.pop() {
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} or {last}", names.join(", ")),
        None => String::new(),
    }
}

/// A text that may be shown and sent: not empty, no control characters.
fn words<'a>(name: &str, text: &'a str) -> Result<&'a str, String> {
    match text {
        _ if text.trim().is_empty() => Err(format!("`{name}` must not be empty")),
        _ if text.contains(char::is_control) => Err(format!("`{name}` must not contain control characters")),
        _ => Ok(text),
    }
}

/// A path; or with `!` before it, one that goes from the list, or all of them with `!*`.
fn path_or_removal(name: &str, text: &str, dir: &Path, home: Option<&Path>) -> Result<Value, String> {
    let text = match text.strip_prefix(REMOVES) {
        Some("*") => text.to_string(),
        Some(rest) => format!("{REMOVES}{}", path(name, rest, dir, home)?),
        None => path(name, text, dir, home)?,
    };
    Ok(Value::String(text))
}

fn path(name: &str, text: &str, dir: &Path, home: Option<&Path>) -> Result<String, String> {
    let text = words(name, text)?;
    let path: PathBuf = match (text.strip_prefix("~/").or((text == "~").then_some("")), home) {
        (Some(rest), Some(home)) => home.join(rest),
        (Some(_), None) => return Err(format!("`{name}` begins with `~`, but `HOME` is not set")),
        (None, _) => dir.join(text),
    };
    match path.components().collect::<PathBuf>().into_os_string().into_string() {
        Ok(path) => Ok(path),
        Err(_) => Err(format!("`{name}` would lie in a directory whose name is not UTF-8")),
    }
}
