//! Whose notification it is: a server has several threads, and a client may have only one in sight.

use codex_protocol::ServerNotification::{self, *};

/// Id of the thread that it is about; `None` where it is about none: a question is done, whoever asked.
pub fn thread_of(notification: &ServerNotification) -> Option<&str> {
    match notification {
        ThreadStarted(it) => Some(&it.thread.id),
        ThreadStatusChanged(it) => Some(&it.thread_id),
        ThreadReverted(it) => Some(&it.thread_id),
        ThreadClosed(it) | ThreadArchived(it) | ThreadUnarchived(it) | ThreadDeleted(it) => Some(&it.thread_id),
        ThreadNameUpdated(it) => Some(&it.thread_id),
        ThreadSettingsUpdated(it) => Some(&it.thread_id),
        TokenUsageUpdated(it) => Some(&it.thread_id),
        TurnStarted(it) | TurnCompleted(it) => Some(&it.thread_id),
        TurnDiffUpdated(it) => Some(&it.thread_id),
        HookStarted(it) | HookCompleted(it) => Some(&it.thread_id),
        TurnPlanUpdated(it) => Some(&it.thread_id),
        ItemStarted(it) => Some(&it.thread_id),
        ItemCompleted(it) => Some(&it.thread_id),
        AgentMessageDelta(it) | PlanDelta(it) | CommandOutputDelta(it) => Some(&it.thread_id),
        McpServerOauthLoginCompleted(it) => it.thread_id.as_deref(),
        McpServerStarted(it) => it.thread_id.as_deref(),
        McpToolCallProgress(it) => Some(&it.thread_id),
        ReasoningDelta(it) => Some(&it.thread_id),
        ReasoningPartAdded(it) => Some(&it.thread_id),
        Error(it) => Some(&it.thread_id),
        Warning(it) => it.thread_id.as_deref(),
        ServerRequestResolved(_) => None,
    }
}
