//! Hooks: programs that are started at steps of a session, as `[hooks]` and files of JSON describe them.
//!
//! Both are one shape: for each event a list of groups, each with a matcher and the programs. What is not understood is an
//! error, for it may have been meant to forbid something; only kinds of hooks that the existing programs have and this one
//! does not are passed over, and named.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};
use toml::de::DeValue;

use crate::merge::Merged;
use crate::{Origin, Warning};

/// Longest time that one may take, in seconds: a day.
const LONGEST: f64 = 86_400.0;
/// What a table of a program may say.
const OURS: &[&str] = &[
    "type",
    "command",
    "timeout",
    "timeoutSec",
    "timeout_sec",
    "sandbox",
    "fail",
    "statusMessage",
    "status_message",
    "matcher",
    "hooks",
];
/// What it may say elsewhere, and has no effect here: a hook runs each time, and is waited for.
const THEIRS: &[&str] = &["async", "asyncRewake", "once", "if", "shell", "commandWindows", "additionalContextLimit"];
/// Most programs of one file.
const MOST: usize = 200;

/// When a hook is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookEvent {
    /// Before the first turn of a session, and after a summary.
    SessionStart,
    /// When a session is left.
    SessionEnd,
    /// Before the model reads what the user said.
    UserPromptSubmit,
    /// Before a call of a tool.
    PreToolUse,
    /// Before a person is asked whether a call may run.
    PermissionRequest,
    /// After a call of a tool.
    PostToolUse,
    /// Before the conversation is summed up.
    PreCompact,
    /// Before a turn ends.
    Stop,
    /// Before a sub-agent ends.
    SubagentStop,
    /// When a person is asked something, or waited for.
    Notification,
}

impl HookEvent {
    /// All of them, in the order of a session.
    pub const ALL: [Self; 10] = [
        Self::SessionStart,
        Self::SessionEnd,
        Self::UserPromptSubmit,
        Self::PreToolUse,
        Self::PermissionRequest,
        Self::PostToolUse,
        Self::PreCompact,
        Self::Stop,
        Self::SubagentStop,
        Self::Notification,
    ];

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::SessionStart => "SessionStart",
            Self::SessionEnd => "SessionEnd",
            Self::UserPromptSubmit => "UserPromptSubmit",
            Self::PreToolUse => "PreToolUse",
            Self::PermissionRequest => "PermissionRequest",
            Self::PostToolUse => "PostToolUse",
            Self::PreCompact => "PreCompact",
            Self::Stop => "Stop",
            Self::SubagentStop => "SubagentStop",
            Self::Notification => "Notification",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

/// Who brought a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookSource {
    /// The settings of the machine.
    System,
    /// The user's files.
    User,
    /// A file of a project that is trusted.
    Project,
    /// The command line, or a client.
    Flags,
}

/// A hook.
#[derive(Debug, Clone, PartialEq)]
pub struct HookEntry {
    /// When it is started.
    pub event: HookEvent,
    /// Of what, as it was written; empty: of everything.
    pub matcher: String,
    /// A line for the shell.
    pub command: String,
    /// How long it may take; `None`: as usual.
    pub timeout: Option<Duration>,
    /// Whether it runs inside the session's walls.
    pub sandbox: bool,
    /// Whether any end but 0 refuses what it guards.
    pub fails_closed: bool,
    /// What is shown while it runs.
    pub status_message: Option<String>,
    /// Who brought it.
    pub source: HookSource,
    /// Where it is written.
    pub origin: Origin,
}

/// All that is said of hooks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HookSettings {
    /// Whether any are started, those of plugins too.
    pub enabled: bool,
    /// Those that are started: by the order of files, and within one as they are written.
    pub entries: Vec<HookEntry>,
    /// Program that is told of the end of turns, and its first arguments; empty: none is.
    pub notify: Vec<String>,
    /// How long after a turn the user is taken to be waited for.
    pub idle: Duration,
}

/// What one group of a list says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Group {
    pub(crate) matcher: String,
    pub(crate) handlers: Vec<Handler>,
    /// Kinds of hooks, and what is said of some, that have no effect here.
    pub(crate) passed_over: Vec<String>,
}

/// A program of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Handler {
    command: String,
    timeout: Option<Duration>,
    sandbox: bool,
    fails_closed: bool,
    status_message: Option<String>,
}

/// What a list says of an event, as plain JSON.
pub(crate) fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(&digits, number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => number.as_str().replace('_', "").parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Array(items) => items.iter().map(|item| plain(item.get_ref())).collect(),
        DeValue::Table(table) => {
            let entries = table.iter().map(|(name, value)| (name.get_ref().to_string(), plain(value.get_ref())));
            Value::Object(entries.collect())
        }
    }
}

/// Reads a group. One that is a program itself is a group of one.
///
/// # Errors
/// What is wrong, in a sentence.
pub(crate) fn group(value: &Value) -> Result<Group, String> {
    let Value::Object(table) = value else {
        return Err("each of the list is a table with `matcher` and `hooks`".into());
    };
    let matcher = match table.get("matcher") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return Err("`matcher` is a string: names of tools, or a regular expression".into()),
    };
    let mut group = Group { matcher, ..Group::default() };
    let own = table.contains_key("command").then(|| vec![value.clone()]);
    let listed = match table.get("hooks") {
        Some(Value::Array(list)) => list.clone(),
        Some(_) => return Err("`hooks` is a list of tables with `command`".into()),
        None => Vec::new(),
    };
    let all: Vec<Value> = own.unwrap_or_default().into_iter().chain(listed).collect();
    if all.is_empty() && !table.contains_key("hooks") {
        return Err("`hooks` is missing: the list of the programs, each a table with `command`".into());
    }
    for handler in &all {
        let Value::Object(handler) = handler else { return Err("each of `hooks` is a table with `command`".into()) };
        match handler.get("type").map(|kind| kind.as_str().unwrap_or("?")) {
            None | Some("command") => {
                group.handlers.push(self::handler(handler)?);
                let theirs = handler.keys().filter(|name| THEIRS.contains(&name.as_str()));
                group.passed_over.extend(theirs.map(|name| format!("`{name}`")));
            }
            Some(other) => group.passed_over.push(format!("hooks of the type `{other}`")),
        }
    }
    Ok(group)
}

fn handler(table: &Map<String, Value>) -> Result<Handler, String> {
    let unknown = |name: &&String| !OURS.contains(&name.as_str()) && !THEIRS.contains(&name.as_str());
    if let Some(unknown) = table.keys().find(unknown) {
        return Err(format!(
            "there is no `{unknown}` of a hook; there is command, timeout, sandbox, fail, statusMessage"
        ));
    }
    let command = match table.get("command").and_then(Value::as_str) {
        Some(command) if !command.trim().is_empty() => command.to_owned(),
        _ => return Err("`command` is a line for the shell, and not empty".into()),
    };
    let either = |names: [&str; 2]| names.into_iter().find_map(|name| table.get(name));
    let timeout = match table.get("timeout").or_else(|| either(["timeoutSec", "timeout_sec"])) {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_f64() {
            Some(seconds) if seconds > 0.0 && seconds <= LONGEST => Some(Duration::from_secs_f64(seconds)),
            _ => return Err(format!("`timeout` is a number of seconds, more than 0 and at most {LONGEST}")),
        },
    };
    let flag = |name: &str, usual: bool| match table.get(name) {
        None | Some(Value::Null) => Ok(usual),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("`{name}` is `true` or `false`")),
    };
    let fails_closed = match table.get("fail").map(|value| value.as_str().unwrap_or_default()) {
        None => false,
        Some("closed") => true,
        Some(_) => return Err("`fail` is `\"closed\"`, or not there".into()),
    };
    let status_message = either(["statusMessage", "status_message"]).and_then(Value::as_str).map(str::to_owned);
    Ok(Handler { command, timeout, sandbox: flag("sandbox", true)?, fails_closed, status_message })
}

/// The hooks of a group.
pub(crate) fn entries(
    event: HookEvent,
    group: &Group,
    source: HookSource,
    origin: &dyn Fn(&str) -> Origin,
) -> Vec<HookEntry> {
    let entry = |handler: &Handler| {
        let Handler { command, timeout, sandbox, fails_closed, status_message } = handler.clone();
        let (origin, matcher) = (origin(&command), group.matcher.clone());
        HookEntry { event, matcher, command, timeout, sandbox, fails_closed, status_message, source, origin }
    };
    group.handlers.iter().map(entry).collect()
}

/// How long after a turn the user is taken to be waited for.
pub(crate) fn idle(merged: &Merged) -> Duration {
    let milliseconds = merged.get("hooks.idle_ms").and_then(|leaf| leaf.value.as_integer());
    Duration::from_millis(milliseconds.and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
}

/// Whether hooks are started, and the user's of another program too.
pub(crate) fn switches(merged: &Merged) -> [bool; 2] {
    ["hooks.enabled", "hooks.claude_user_settings"]
        .map(|path| merged.get(path).and_then(|leaf| leaf.value.as_bool()) == Some(true))
}

/// The hooks of the layers, whose files are of `source`.
pub(crate) fn of_layers(
    merged: &Merged,
    source: impl Fn(&Origin) -> HookSource,
    warnings: &mut Vec<Warning>,
) -> Vec<HookEntry> {
    let mut found = Vec::new();
    if !switches(merged)[0] {
        return found;
    }
    for event in HookEvent::ALL {
        let Some(leaf) = merged.get(&format!("hooks.{}", event.name())) else { continue };
        for (value, site) in leaf.value.as_array().into_iter().flatten().zip(&leaf.items) {
            // It was checked when it was read.
            let Ok(group) = serde_json::to_value(value).map_err(|error| error.to_string()).and_then(|it| group(&it))
            else {
                continue;
            };
            let origin = site.origin();
            warnings.extend(passed_over(event, &group).map(|message| Warning::new(origin.clone(), message)));
            found.extend(entries(event, &group, source(&origin), &|_| origin.clone()));
        }
    }
    found
}

/// What is said of what has no effect.
pub(crate) fn passed_over(event: HookEvent, group: &Group) -> Option<String> {
    let what = &group.passed_over;
    (!what.is_empty()).then(|| format!("without effect here, in hooks of {}: {}", event.name(), what.join(", ")))
}

/// The hooks that a text of JSON brings, and what was passed over. Where they are written is told by `origin`, which gets the
/// number of the line; without a member `hooks` the whole is taken as one.
///
/// # Errors
/// What is wrong, in a sentence.
pub fn hooks_of_json(text: &str, source: HookSource, path: &Path) -> Result<(Vec<HookEntry>, Vec<String>), String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("this is not JSON: {error}"))?;
    let table = match value.get("hooks").unwrap_or(&value) {
        Value::Object(table) => table.clone(),
        _ => return Err("`hooks` is a table of events".into()),
    };
    let is_all = value.get("hooks").is_none();
    let line = |command: &str| {
        let written = Value::from(command).to_string();
        let before = text.find(&written).map_or("", |at| &text[..at]);
        Origin::File { path: path.to_owned(), line: before.matches('\n').count() as u32 + 1, column: 1 }
    };
    let (mut found, mut said) = (Vec::new(), Vec::new());
    for (name, groups) in table {
        let Some(event) = HookEvent::named(&name) else {
            if !(is_all && matches!(name.as_str(), "description" | "$schema")) {
                said.push(format!("there is no event `{name}` here, so its hooks are passed over"));
            }
            continue;
        };
        let Value::Array(groups) = groups else { return Err(format!("`{name}` is a list of tables")) };
        for value in &groups {
            let group = group(value).map_err(|message| format!("`{name}`: {message}"))?;
            said.extend(passed_over(event, &group));
            found.extend(entries(event, &group, source, &line));
        }
    }
    if found.len() > MOST {
        return Err(format!("it has more than {MOST} hooks"));
    }
    Ok((found, said))
}

#[cfg(test)]
#[path = "tests/hooks.rs"]
mod tests;
