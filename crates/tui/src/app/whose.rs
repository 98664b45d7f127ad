//! Whose message it is: what still comes from a session that was left is not shown in the next.

use codex_protocol::ServerNotification::{self, *};

use super::App;

impl App {
    /// Whether `notification` comes from a session that was left.
    pub(super) fn is_of_before(&self, notification: &ServerNotification) -> bool {
        let Some(thread) = thread(notification) else { return false };
        match &self.session {
            Some(session) => thread != session.opened.thread.id,
            None => self.before.left.as_deref() == Some(thread),
        }
    }
}

/// The session that it is about. A question is done, whoever asked.
fn thread(notification: &ServerNotification) -> Option<&str> {
    match notification {
        ThreadStarted(it) => Some(&it.thread.id),
        ThreadStatusChanged(it) => Some(&it.thread_id),
        ThreadReverted(it) => Some(&it.thread_id),
        ThreadClosed(it) | ThreadArchived(it) | ThreadUnarchived(it) | ThreadDeleted(it) => Some(&it.thread_id),
        ThreadNameUpdated(it) => Some(&it.thread_id),
        ThreadSettingsUpdated(it) => Some(&it.thread_id),
        TokenUsageUpdated(it) => Some(&it.thread_id),
        TurnStarted(it) | TurnCompleted(it) => Some(&it.thread_id),
        TurnPlanUpdated(it) => Some(&it.thread_id),
        ItemStarted(it) => Some(&it.thread_id),
        ItemCompleted(it) => Some(&it.thread_id),
        AgentMessageDelta(it) | CommandOutputDelta(it) => Some(&it.thread_id),
        ReasoningDelta(it) => Some(&it.thread_id),
        ReasoningPartAdded(it) => Some(&it.thread_id),
        Error(it) => Some(&it.thread_id),
        Warning(it) => it.thread_id.as_deref(),
        ServerRequestResolved(_) => None,
    }
}
