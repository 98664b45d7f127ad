//! A run of a hook in words, for whoever shows it.

use codex_protocol::{HookOutputEntryKind as Kind, HookRunStatus, HookRunSummary};

/// A line about a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookLine {
    /// What is said.
    pub text: String,
    /// Whether it is something that did not happen or did not work.
    pub is_bad: bool,
}

/// What is to be said of a run that has ended, where it was not as usual: it failed, refused or stopped something, or has a word for
/// the user.
pub fn hook_lines(run: &HookRunSummary) -> Vec<HookLine> {
    let name = hook_name(run);
    let text = |kinds: &[Kind]| {
        let entries = run.entries.iter().filter(|entry| kinds.contains(&entry.kind));
        entries.map(|entry| entry.text.trim()).collect::<Vec<_>>().join("; ")
    };
    let mut lines = Vec::new();
    let mut bad = |text: String| lines.push(HookLine { text, is_bad: true });
    match run.status {
        HookRunStatus::Failed => bad(format!("{name} failed: {}", text(&[Kind::Error]))),
        HookRunStatus::Blocked => bad(format!("{name} says no: {}", text(&[Kind::Feedback]))),
        HookRunStatus::Stopped => bad(format!("{name} stops the turn: {}", text(&[Kind::Stop]))),
        HookRunStatus::Running | HookRunStatus::Completed => {}
    }
    let message = text(&[Kind::Warning]);
    if !message.is_empty() {
        lines.push(HookLine { text: format!("{name}: {message}"), is_bad: false });
    }
    lines
}

/// What a hook is called where it is spoken of: its event and its command, on one line.
pub fn hook_name(run: &HookRunSummary) -> String {
    let event = serde_json::to_value(run.event_name).ok();
    let event = event.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    let first = event.chars().next().map(|c| c.to_ascii_uppercase()).into_iter();
    let event: String = first.chain(event.chars().skip(1)).collect();
    let line = run.command.lines().next().unwrap_or_default();
    let short: String = line.chars().filter(|c| !c.is_control()).take(60).collect();
    let more = if short.len() < run.command.trim_end().len() { "…" } else { "" };
    format!("hook {event} `{short}{more}`")
}
