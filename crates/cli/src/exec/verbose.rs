//! What `--verbose` says on stderr, also beside JSON lines: where settings come from, what walls there are, and how
//! each request to the model went. Nothing of what is said in the session.

use codex_client::hook_name;
use codex_protocol::{Event, HookRun, ServerNotification, ThreadOpened, TokenUsageUpdated};
use serde_json::Value;

use crate::terminal::{Progress, Style};

/// Says more of one run.
#[derive(Debug)]
pub struct Verbose {
    progress: Progress,
    /// Requests that were answered.
    answered: u32,
}

impl Verbose {
    pub fn new(progress: Progress) -> Self {
        Self { progress, answered: 0 }
    }

    pub fn opened(&self, opened: &ThreadOpened) {
        let sources = match &opened.config_sources[..] {
            [] => "no files".to_owned(),
            sources => sources.join(", "),
        };
        self.line(&format!("settings: {sources} · each with its origin: codex config explain"));
        if !opened.instruction_sources.is_empty() {
            self.line(&format!("instructions: {}", opened.instruction_sources.join(", ")));
        }
        self.line(&format!("sandbox: {} · {}", walls(&opened.sandbox), opened.held_by));
        let kept = opened.thread.path.as_deref().unwrap_or("nowhere (--ephemeral)");
        self.line(&format!("journal: {kept}"));
    }

    pub fn event(&mut self, event: &Event) {
        // One without a time tells what a session that goes on has used before.
        if let ServerNotification::TokenUsageUpdated(updated) = &event.notification
            && let Some(duration_ms) = updated.duration_ms
        {
            self.answered += 1;
            self.line(&request(self.answered, updated, duration_ms));
        }
        if let ServerNotification::HookCompleted(HookRun { run, .. }) = &event.notification {
            let status = serde_json::to_value(run.status).unwrap_or_default();
            let status = status.as_str().unwrap_or_default();
            self.line(&format!("{}: {status} · {} ms", hook_name(run), run.duration_ms.unwrap_or_default()));
        }
    }

    fn line(&self, text: &str) {
        self.progress.line(Style::Dim, text);
    }
}

fn request(number: u32, updated: &TokenUsageUpdated, duration_ms: u64) -> String {
    let last = &updated.token_usage.last;
    let window = updated.token_usage.model_context_window.filter(|window| *window > 0);
    let filled = window.map(|window| format!(" · context {} % full", last.total_tokens.saturating_mul(100) / window));
    format!(
        "request {number}: {} in ({} cached), {} out ({} reasoning) · {:.1} s{}",
        last.input_tokens,
        last.cached_input_tokens,
        last.output_tokens,
        last.reasoning_output_tokens,
        duration_ms as f64 / 1000.0,
        filled.unwrap_or_default(),
    )
}

/// The walls that a policy, in the wire's spelling, stands for.
fn walls(policy: &Value) -> String {
    let roots = policy["writableRoots"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let network = if policy["networkAccess"] == true { "with the network" } else { "no network" };
    match policy["type"].as_str() {
        Some("dangerFullAccess") => "none".to_owned(),
        Some("workspaceWrite") => {
            format!("writes in {}; {network}", roots.collect::<Vec<_>>().join(", "))
        }
        _ => format!("writes nothing; {network}"),
    }
}
