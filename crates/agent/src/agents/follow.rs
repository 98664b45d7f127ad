//! What a sub-agent tells goes on to whoever listens to its thread's server, and is taken down on the way.

use std::sync::{Arc, Weak};

use codex_history::Usage;
use codex_protocol::{
    CollabAgentStatus, ServerMessage, ServerNotification, ServerRequest, ThreadItem, ThreadStatus, TokenUsage,
    TurnStatus,
};
use tokio::sync::mpsc;

use super::{Agent, Agents};

/// Follows the sub-agent `name` until its thread is gone.
pub(super) fn follow(agents: &Arc<Agents>, name: &str, id: String, mut events: mpsc::Receiver<ServerMessage>) {
    let (outside, agents, name) = (agents.events.clone(), Arc::downgrade(agents), name.to_owned());
    tokio::spawn(async move {
        let mut turn = Turn::default();
        while let Some(mut message) = events.recv().await {
            name_it(&mut message, &name);
            let ended = turn.apply(&message, &id, &agents, &name);
            // Its end is seen before anything that follows from it.
            let _ = outside.send(message).await;
            if let (Some((status, said)), Some(agents)) = (ended, agents.upgrade()) {
                agents.look_at_changes(&name).await;
                agents.ended(&name, status, said);
            }
        }
    });
}

/// The turn of a sub-agent, as far as its parent needs it.
#[derive(Default)]
struct Turn {
    said: Option<String>,
    error: Option<String>,
}

impl Turn {
    /// Takes a message in; how the turn ended, if it did.
    fn apply(
        &mut self,
        message: &ServerMessage,
        id: &str,
        agents: &Weak<Agents>,
        name: &str,
    ) -> Option<(CollabAgentStatus, Option<String>)> {
        let ServerMessage::Event(event) = message else { return None };
        match &event.notification {
            ServerNotification::TurnStarted(changed) if changed.thread_id == id => *self = Self::default(),
            ServerNotification::ItemCompleted(done) if done.thread_id == id => {
                if let ThreadItem::AgentMessage { text, .. } = &done.item {
                    self.said = Some(text.clone());
                }
            }
            ServerNotification::Error(failed) if failed.thread_id == id && !failed.will_retry => {
                self.error = Some(failed.error.message.clone());
            }
            ServerNotification::ThreadStatusChanged(changed) if changed.thread_id == id => {
                let waits =
                    matches!(&changed.status, ThreadStatus::Active { active_flags } if !active_flags.is_empty());
                agents.upgrade()?.update(name, |agent| agent.state.waits = waits);
            }
            ServerNotification::TokenUsageUpdated(updated) if updated.thread_id == id => {
                let agents = agents.upgrade()?;
                agents.update(name, |agent| agent.used(usage(updated.token_usage.total)));
            }
            ServerNotification::TurnCompleted(changed) if changed.thread_id == id => {
                let said = self.said.take();
                return Some(match changed.turn.status {
                    TurnStatus::Completed => (CollabAgentStatus::Completed, said),
                    TurnStatus::Failed => (CollabAgentStatus::Errored, self.error.take()),
                    TurnStatus::Interrupted | TurnStatus::InProgress => (CollabAgentStatus::Interrupted, None),
                });
            }
            _ => {}
        }
        None
    }
}

impl Agent {
    /// So much it has used by now.
    fn used(&mut self, total: Usage) {
        let before = std::mem::replace(&mut self.state.total, total);
        self.state.uncounted += minus(total, before);
    }
}

/// A question says whose it is.
fn name_it(message: &mut ServerMessage, name: &str) {
    let ServerMessage::Request { request, .. } = message else { return };
    let agent = match request {
        ServerRequest::CommandApproval(params) => &mut params.terms.agent,
        ServerRequest::FileChangeApproval(params) => &mut params.terms.agent,
        ServerRequest::Elicitation(params) => &mut params.agent,
        ServerRequest::ProjectTrust(_) => return,
    };
    *agent = Some(match agent.take() {
        // Of one that it has started itself.
        Some(other) => format!("{name}/{other}"),
        None => name.to_owned(),
    });
}

fn usage(tokens: TokenUsage) -> Usage {
    Usage {
        input_tokens: tokens.input_tokens,
        cached_input_tokens: tokens.cached_input_tokens,
        cache_write_input_tokens: tokens.cache_write_input_tokens,
        output_tokens: tokens.output_tokens,
        reasoning_output_tokens: tokens.reasoning_output_tokens,
    }
}

fn minus(one: Usage, other: Usage) -> Usage {
    Usage {
        input_tokens: one.input_tokens.saturating_sub(other.input_tokens),
        cached_input_tokens: one.cached_input_tokens.saturating_sub(other.cached_input_tokens),
        cache_write_input_tokens: one.cache_write_input_tokens.saturating_sub(other.cache_write_input_tokens),
        output_tokens: one.output_tokens.saturating_sub(other.output_tokens),
        reasoning_output_tokens: one.reasoning_output_tokens.saturating_sub(other.reasoning_output_tokens),
    }
}
