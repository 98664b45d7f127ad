//! The line at the bottom: how the session stands. Which items it has, and in which order, is configured.

use std::time::Duration;

use codex_client::Cost;
use codex_protocol::{ApprovalPolicy, ThreadOpened, ThreadTokenUsage};

use crate::{
    look::Look,
    text::{Row, graphemes, truncate},
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
    /// What they cost, where prices are known.
    Cost,
    /// Time since the session was opened.
    Elapsed,
    /// The session's id, cut to 8 characters.
    Session,
    /// What the user calls the session.
    Name,
    /// How many sub-agents work, if some do.
    Agents,
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
    ("cost", Item::Cost),
    ("elapsed", Item::Elapsed),
    ("session", Item::Session),
    ("name", Item::Name),
    ("agents", Item::Agents),
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
    Item::Cost,
    Item::Elapsed,
    Item::Name,
];

/// The items of these names; those that are known are checked where the configuration is read.
pub fn items(names: Option<&[String]>) -> Vec<Item> {
    let Some(names) = names else { return USUAL.to_vec() };
    let known = |name: &String| ITEMS.iter().find(|(known, _)| known == name).map(|(_, item)| *item);
    names.iter().filter_map(known).collect()
}

/// Where directories are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// The user's home, for `~`.
    pub home: Option<String>,
    /// The address of another machine, whose directories they are.
    pub machine: Option<String>,
}

/// What the line tells.
#[derive(Debug)]
pub struct Told<'a> {
    /// The session.
    pub opened: &'a ThreadOpened,
    /// Its tokens.
    pub usage: &'a ThreadTokenUsage,
    /// Where directories are.
    pub whereabouts: &'a Whereabouts,
    /// Since the session was opened.
    pub elapsed: Duration,
    /// Whether it plans.
    pub is_planning: bool,
    /// What it cost.
    pub cost: Cost,
    /// Whether what would have to ask runs too.
    pub full_auto: bool,
    /// How many sub-agents work.
    pub agents: usize,
}

/// What goes first where there is no room for all, and the directory is as short as it can be. The rest is cut last.
const SPARED: &[Item] = &[
    Item::Session,
    Item::Agents,
    Item::Elapsed,
    Item::Name,
    Item::Tokens,
    Item::Cost,
    Item::Branch,
    Item::Directory,
    Item::Sandbox,
];
/// Columns that the directory keeps at least.
const DIRECTORY: usize = 12;

/// The line, in one row.
pub fn row(items: &[Item], told: &Told<'_>, look: &Look) -> Row {
    let said = |item: &Item| text(*item, told).map(|(text, role)| (*item, text, role));
    let mut texts: Vec<(Item, String, Role)> = items.iter().filter_map(said).collect();
    for spared in SPARED {
        if width(&texts, DIRECTORY) > look.width {
            // A warning is no less important where it is narrow.
            texts.retain(|(item, _, role)| item != spared || *role == Role::Warning);
        }
    }
    shorten_directory(&mut texts, look.width);
    let mut row = Row::empty();
    for (_, text, role) in texts {
        row = if row.is_empty() {
            row.with("  ", look.style(Role::Quiet))
        } else {
            row.with(" · ", look.style(Role::Quiet))
        };
        row.push(look.span(&text, role));
    }
    truncate(&row, look.width)
}

/// Columns of the line with a directory of at most so many: each item has a separator, the first an indent.
fn width(texts: &[(Item, String, Role)], directory: usize) -> usize {
    let widths = texts.iter().map(|(item, text, _)| {
        let width = Row::plain(text).width();
        if *item == Item::Directory { width.min(directory) } else { width }
    });
    widths.map(|width| width + 3).sum::<usize>().saturating_sub(1)
}

/// Cuts the directory in its middle, if the line is too wide: its end says most, then its beginning.
fn shorten_directory(texts: &mut [(Item, String, Role)], columns: usize) {
    let over = width(texts, usize::MAX).saturating_sub(columns);
    let Some((_, path, _)) = texts.iter_mut().find(|(item, ..)| *item == Item::Directory) else { return };
    let all = Row::plain(path).width();
    if over > 0 && all > DIRECTORY {
        *path = without_middle(path, all.saturating_sub(over).max(DIRECTORY));
    }
}

/// `text` in `columns`, with `…` in place of its middle.
fn without_middle(text: &str, columns: usize) -> String {
    let room = columns.saturating_sub(1);
    let (mut begin, mut used) = (0, 0);
    for (grapheme, width) in graphemes(text) {
        if used + width > room / 3 {
            break;
        }
        (begin, used) = (begin + grapheme.len(), used + width);
    }
    let (first, mut last) = text.split_at(begin);
    while used + Row::plain(last).width() > room {
        let Some((grapheme, _)) = graphemes(last).next() else { break };
        last = last.get(grapheme.len()..).unwrap_or_default();
    }
    format!("{first}…{last}")
}

fn text(item: Item, told: &Told<'_>) -> Option<(String, Role)> {
    let opened = told.opened;
    let quiet = |text: String| Some((text, Role::Quiet));
    match item {
        Item::Model => quiet(opened.model.clone()),
        Item::Directory => quiet(directory(&opened.cwd, told.whereabouts)),
        Item::Branch => quiet(opened.thread.git_info.as_ref()?.branch.clone()?),
        Item::Sandbox => match level(opened) {
            "danger-full-access" => Some(("no sandbox".into(), Role::Warning)),
            level => quiet(level.into()),
        },
        Item::Approval if told.full_auto => Some(("FULL AUTO".into(), Role::Warning)),
        Item::Approval if told.is_planning => Some(("plan mode".into(), Role::Strong)),
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
        Item::Cost => {
            told.cost.total?;
            quiet(told.cost.to_string())
        }
        Item::Elapsed => quiet(duration(told.elapsed)),
        Item::Session => quiet(opened.thread.id.chars().take(8).collect()),
        Item::Name => quiet(opened.thread.name.clone()?),
        Item::Agents => match told.agents {
            0 => None,
            1 => quiet("1 sub-agent".into()),
            many => quiet(format!("{many} sub-agents")),
        },
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
pub fn directory(path: &str, whereabouts: &Whereabouts) -> String {
    if let Some(machine) = &whereabouts.machine {
        return format!("{machine} {path}");
    }
    match whereabouts.home.as_deref().and_then(|home| path.strip_prefix(home)) {
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
            assert_eq!(directory(path, &Whereabouts { home: Some("/home/u".into()), machine: None }), expected);
        }
    }

    #[test]
    fn what_matters_most_stays_where_it_is_narrow() {
        let opened = serde_json::from_value::<ThreadOpened>(serde_json::json!({
            "thread": {
                "id": "0123456789", "sessionId": "t", "cliVersion": "1", "createdAt": 0, "updatedAt": 0, "cwd": "/",
                "gitInfo": { "branch": "main" }, "ephemeral": false, "modelProvider": "p", "preview": "",
                "projectId": null, "source": "cli", "status": { "type": "idle" }, "turns": [],
            },
            "cwd": "/home/u/work/deep/er/項目", "model": "m-1", "modelProvider": "p", "approvalPolicy": "never",
            "approvalsReviewer": "user", "sandbox": { "type": "workspaceWrite" },
        }))
        .unwrap();
        let mut usage = ThreadTokenUsage { model_context_window: Some(100), ..ThreadTokenUsage::default() };
        (usage.last.total_tokens, usage.total.total_tokens) = (50, 1234);
        let told = Told {
            opened: &opened,
            usage: &usage,
            whereabouts: &Whereabouts::default(),
            elapsed: Duration::from_secs(5),
            is_planning: false,
            cost: Cost { total: Some(0.5), before: None },
            full_auto: false,
            agents: 2,
        };
        let all: Vec<Item> = ITEMS.iter().map(|(_, item)| *item).collect();
        let mut text = String::new();
        for width in [200, 107, 100, 90, 80, 70, 60, 50, 40, 20, 1] {
            let line = row(&all, &told, &Look { width, theme: crate::theme::Theme::Ansi });
            assert!(line.width() <= width, "{width}");
            text += &format!("{width:>3}{}\n", line.text());
        }
        crate::tests::golden("src/status_line/widths.txt", &text);
    }
}
