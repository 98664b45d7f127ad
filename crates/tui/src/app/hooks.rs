//! Hooks that run: what is said of them while they do.

use std::time::{Duration, Instant};

use codex_protocol::{HookRunSummary, ServerNotification};

use super::{App, session::HookRuns};

/// Those that are over sooner are not shown.
const SOON: Duration = Duration::from_millis(200);

impl App {
    /// A hook of the turn begins, or is over.
    pub(super) fn note_hook(&mut self, notification: &ServerNotification, now: Instant) {
        let Some(turn) = self.session.as_mut().and_then(|session| session.turn.as_mut()) else { return };
        match notification {
            ServerNotification::HookStarted(hook) => {
                let (id, message) = (hook.run.id.clone(), message(&hook.run));
                turn.hooks.push(HookRuns { id, shown_at: now + SOON, message });
            }
            ServerNotification::HookCompleted(hook) => turn.hooks.retain(|runs| runs.id != hook.run.id),
            _ => {}
        }
    }

    /// What is said of the hook that runs longest; nothing if none runs for long.
    pub(super) fn hook_runs(&self, now: Instant) -> Option<&str> {
        let turn = self.session.as_ref()?.turn.as_ref()?;
        turn.hooks.iter().find(|hook| hook.shown_at <= now).map(|hook| hook.message.as_str())
    }
}

/// In the words of its settings, or which it is.
fn message(run: &HookRunSummary) -> String {
    let said = run
        .status_message
        .as_deref()
        .and_then(|said| said.lines().next())
        .map(str::trim)
        .filter(|said| !said.is_empty());
    said.map_or_else(|| format!("A hook runs: {}", run.command), str::to_owned)
}
