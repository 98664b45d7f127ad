//! The line at the bottom: how the session stands. Which items it has, and in which order, is configured.

use std::time::Duration;

use codex_protocol::{ApprovalPolicy, ThreadOpened, ThreadTokenUsage};

use crate::{
    look::Look,
    text::{Row, truncate},
    theme::Role,
};

/// An item of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// Model id.
    Model,
    /// Directory, with `~` for the home.
    Directory,
    /// Branch of git.
    Branch,
    /// Level of the sandbox.
    Sandbox,
    /// When a person is asked.
    Approval,
    /// How much of the model's context is left, where its size is known.
    Context,
    /// Tokens so far.
    Tokens,
    /// Time since the session was opened.
    Elapsed,
    /// The session's id, cut to 8 characters.
    Session,
}

/// The items with their names in the configuration.
pub const ITEMS: &[(&str, Item)] = &[
    ("model", Item::Model),
    ("directory", Item::Directory),
    ("branch", Item::Branch),
    ("sandbox", Item::Sandbox),
    ("approval", Item::Approval),
    ("context", Item::Context),
    ("tokens", Item::Tokens),
    ("elapsed", Item::Elapsed),
    ("session", Item::Session),
];

/// Those that are shown unless the configuration says otherwise.
pub const USUAL: &[Item] = &[
    Item::Model,
    Item::Directory,
    Item::Branch,
    Item::Sandbox,
    Item::Approval,
    Item::Context,
    Item::Tokens,
    Item::Elapsed,
];

/// The items of these names; those that are known are checked where the configuration is read.
pub fn items(names: Option<&[String]>) -> Vec<Item> {
    let Some(names) = names else { return USUAL.to_vec() };
    let known = |name: &String| ITEMS.iter().find(|(known, _)| known == name).map(|(_, item)| *item);
    names.iter().filter_map(known).collect()
}

/// What the line tells.
#[derive(Debug)]
pub struct Told<'a> {
    /// The session.
    pub opened: &'a ThreadOpened,
    /// Its tokens.
    pub usage: &'a ThreadTokenUsage,
    /// The user's home, for `~`.
    pub home: Option<&'a str>,
    /// Since the session was opened.
    pub elapsed: Duration,
    /// Whether what would have to ask runs too.
    pub full_auto: bool,
}

/// The line, in one row.
pub fn row(items: &[Item], told: &Told<'_>, look: &Look) -> Row {
    let mut row = Row::empty();
    for item in items {
        let Some((text, role)) = text(*item, told) else { continue };
        row = if row.is_empty() {
            row.with("  ", look.style(Role::Quiet))
        } else {
            row.with(" · ", look.style(Role::Quiet))
        };
        row.push(look.span(&text, role));
    }
    truncate(&row, look.width)
}

fn text(item: Item, told: &Told<'_>) -> Option<(String, Role)> {
    let opened = told.opened;
    let quiet = |text: String| Some((text, Role::Quiet));
    match item {
        Item::Model => quiet(opened.model.clone()),
        Item::Directory => quiet(directory(&opened.cwd, told.home)),
        Item::Branch => quiet(opened.thread.git_info.as_ref()?.branch.clone()?),
        Item::Sandbox => match level(opened) {
            "danger-full-access" => Some(("no sandbox".into(), Role::Warning)),
            level => quiet(level.into()),
        },
        Item::Approval if told.full_auto => Some(("FULL AUTO".into(), Role::Warning)),
        Item::Approval => quiet(approval(opened.approval_policy).into()),
        Item::Context => {
            let window = told.usage.model_context_window.filter(|window| *window > 0)?;
            let used = told.usage.last.total_tokens.min(window) * 100 / window;
            Some((format!("{}% context left", 100 - used), if used >= 85 { Role::Warning } else { Role::Quiet }))
        }
        Item::Tokens => {
            let total = told.usage.total.total_tokens;
            if total == 0 { None } else { quiet(format!("{} tokens", thousands(total))) }
        }
        Item::Elapsed => quiet(duration(told.elapsed)),
        Item::Session => quiet(opened.thread.id.chars().take(8).collect()),
    }
}

/// Level of the sandbox as it is typed.
pub fn level(opened: &ThreadOpened) -> &'static str {
    match opened.sandbox.get("type").and_then(|kind| kind.as_str()) {
        Some("readOnly") => "read-only",
        Some("dangerFullAccess") => "danger-full-access",
        _ => "workspace-write",
    }
}

/// When a person is asked, as it is typed.
pub fn approval(policy: ApprovalPolicy) -> &'static str {
    match policy {
        ApprovalPolicy::Untrusted => "untrusted",
        ApprovalPolicy::OnRequest => "on-request",
        ApprovalPolicy::Never => "never asks",
    }
}

/// `path` as people write it.
pub fn directory(path: &str, home: Option<&str>) -> String {
    match home.and_then(|home| path.strip_prefix(home)) {
        Some("") => "~".into(),
        Some(rest) if rest.starts_with('/') => format!("~{rest}"),
        _ => path.to_owned(),
    }
}

/// A count of tokens: `950`, `12.3k`, `1.2M`.
pub fn thousands(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}.{}k", count / 1_000, count % 1_000 / 100),
        _ => format!("{}.{}M", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// A time in words: `42s`, `3m 05s`, `2h 10m`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let counts = [(0, "0"), (999, "999"), (1_000, "1.0k"), (12_345, "12.3k"), (1_250_000, "1.2M")];
        for (count, expected) in counts {
            assert_eq!(thousands(count), expected);
        }
        let times = [(5, "5s"), (65, "1m 05s"), (7_805, "2h 10m")];
        for (seconds, expected) in times {
            assert_eq!(duration(Duration::from_secs(seconds)), expected);
        }
        let paths = [("/home/u", "~"), ("/home/u/a", "~/a"), ("/home/user2", "/home/user2"), ("/etc", "/etc")];
        for (path, expected) in paths {
            assert_eq!(directory(path, Some("/home/u")), expected);
        }
    }
}
