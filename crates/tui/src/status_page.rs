//! How the session stands: the pages of `/status` and `/context`.

use std::time::Instant;

use codex_protocol::{ThreadContext, ThreadOpened, ThreadPermissions, TokenUsage};

use crate::{
    app::Session,
    look::Look,
    overlays::{Overlay, Pager, PagerEntry},
    status_line::{approval, duration, level, thousands},
    text::Row,
    theme::Role,
};

/// Said in place of what is not known.
const UNKNOWN: &str = "not known: nothing was used yet, or a model has no price; [prices] in the settings gives it one";

/// How the session stands.
pub fn page(session: &Session, permissions: &ThreadPermissions, now: Instant, look: &Look) -> Box<dyn Overlay> {
    let opened = &session.opened;
    let page = Page { look };
    let mut rows = vec![
        page.line("Model", &format!("{} ({})", opened.model, opened.model_provider)),
        page.line("Directory", &opened.cwd),
        page.line("Session", &called(opened)),
        page.line("Open for", &duration(now.saturating_duration_since(session.since))),
        page.line("Sandbox", &format!("{} ({})", level(opened), permissions.held_by)),
        page.line("Approval", approval(opened.approval_policy)),
    ];
    if let Some(branch) = opened.thread.git_info.as_ref().and_then(|git| git.branch.as_ref()) {
        rows.insert(2, page.line("Branch", branch));
    }
    let usage = &session.usage;
    rows.push(page.line("Context", &context(usage.last.total_tokens, usage.model_context_window)));
    rows.push(page.line("Tokens", &tokens(&usage.total)));
    let cost = session.cost.to_string();
    rows.push(page.line("Money", if cost.is_empty() { UNKNOWN } else { &cost }));
    rows.extend(page.list("Settings from", &opened.config_sources));
    let notes =
        if opened.instruction_notes.is_empty() { &opened.instruction_sources } else { &opened.instruction_notes };
    rows.extend(page.list("Instructions from", notes));
    if !permissions.language_servers.is_empty() {
        rows.extend(page.list("Language servers", &permissions.language_servers));
    }
    if !permissions.ignore_files.is_empty() {
        rows.extend(page.list("Kept from the model by", &permissions.ignore_files));
    }
    Box::new(Pager::new("Status", vec![PagerEntry::rows(rows)]))
}

/// The session's id, and its name behind it.
fn called(opened: &ThreadOpened) -> String {
    let name = opened.thread.name.as_ref().map(|name| format!(" ({name})"));
    opened.thread.id.clone() + &name.unwrap_or_default()
}

/// What the context is filled with.
pub fn context_page(filled: &ThreadContext, look: &Look) -> Box<dyn Overlay> {
    let page = Page { look };
    let how = match filled.counted {
        true => "counted by the provider, and what came since estimated",
        false => "estimated: a quarter of the bytes",
    };
    let mut rows = vec![page.line("Context", &context(filled.tokens, filled.window)), page.line("", how)];
    rows.push(match filled.compact_at {
        Some(limit) => {
            page.line("Summed up", &format!("by itself from {} tokens on, or by /compact", thousands(limit)))
        }
        None => page.line("Summed up", "by /compact only: `auto_compact` is false"),
    });
    let all: u64 = filled.parts.iter().map(|part| part.tokens).sum();
    rows.push(Row::new("Of it, estimated", look.style(Role::Quiet)));
    let part = |part: &codex_protocol::ContextPart| {
        let (tokens, share) = (thousands(part.tokens), part.tokens * 100 / all.max(1));
        Row::new(&format!("  {tokens:>7} {share:>3}%  "), look.style(Role::Plain))
            .with(&part.name, look.style(Role::Quiet))
    };
    rows.extend(filled.parts.iter().map(part));
    Box::new(Pager::new("Context", vec![PagerEntry::rows(rows)]))
}

fn context(used: u64, window: Option<u64>) -> String {
    match window.filter(|window| *window > 0) {
        Some(window) => {
            format!("{} of {} tokens ({}%)", thousands(used), thousands(window), used.min(window) * 100 / window)
        }
        None => format!("{} tokens; how many fit is not known", thousands(used)),
    }
}

fn tokens(total: &TokenUsage) -> String {
    format!(
        "{} in ({} of them cached), {} out ({} of them reasoning)",
        thousands(total.input_tokens),
        thousands(total.cached_input_tokens),
        thousands(total.output_tokens),
        thousands(total.reasoning_output_tokens)
    )
}

struct Page<'a> {
    look: &'a Look,
}

impl Page<'_> {
    fn line(&self, name: &str, value: &str) -> Row {
        Row::new(&format!("{name:<12} "), self.look.style(Role::Quiet)).with(value, self.look.style(Role::Plain))
    }

    fn list(&self, name: &str, values: &[String]) -> Vec<Row> {
        let mut rows = vec![Row::new(name, self.look.style(Role::Quiet))];
        rows.extend(values.iter().map(|value| Row::new(&format!("  {value}"), self.look.style(Role::Path))));
        if values.is_empty() {
            rows.push(Row::new("  none", self.look.style(Role::Quiet)));
        }
        rows
    }
}
