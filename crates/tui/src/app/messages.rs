//! What the server tells.

use std::time::Instant;

use codex_protocol::{
    ClientRequest, Event, Position, ServerMessage, ServerNotification, ThreadItem, ThreadReadParams, ThreadSettings,
    TurnStatus,
};

use super::{App, Proposed, Purpose, session::Running};
use crate::{notify, status_line};

impl App {
    pub(super) fn message(&mut self, message: ServerMessage, now: Instant) {
        match message {
            ServerMessage::Request { id, request } => self.questions.push(id, request),
            ServerMessage::Event(event) => self.notification(&event, now),
        }
    }

    fn notification(&mut self, event: &Event, now: Instant) {
        let Event { notification, position } = event;
        if self.is_of_before(notification) {
            if let Some(session) = &mut self.session {
                session.agents.apply(notification);
            }
            return;
        }
        // After a connection broke, an answer goes on where it was, or begins once more.
        if let (ServerNotification::AgentMessageDelta(delta), Position::Delta { offset: 0, .. }) =
            (notification, position)
        {
            self.feed.begins_anew(&delta.item_id);
        }
        self.feed.apply(notification);
        self.note_wait(notification, now);
        self.note_hook(notification, now);
        match notification {
            ServerNotification::TurnStarted(changed) => self.turn_began(&changed.turn.id, now),
            ServerNotification::TurnCompleted(changed) => self.turn_ended(changed.turn.status),
            ServerNotification::TokenUsageUpdated(updated) => {
                // That of an earlier session is told before it has opened.
                let (usage, cost) = match &mut self.session {
                    Some(session) => (&mut session.usage, &mut session.cost),
                    None => (&mut self.before.usage, &mut self.before.cost),
                };
                usage.clone_from(&updated.token_usage);
                cost.total = updated.cost_usd;
            }
            ServerNotification::ItemCompleted(completed) => {
                let Some(session) = &mut self.session else { return };
                match &completed.item {
                    ThreadItem::AgentMessage { text, .. } => session.last_message = Some(text.clone()),
                    ThreadItem::Plan { text, .. } => {
                        session.last_message = Some(text.clone());
                        session.plan = Some(Proposed::new(text));
                    }
                    ThreadItem::UserMessage { content, .. } => {
                        session.said = true;
                        // What is said now is about the plan that was there.
                        session.plan = None;
                        session.not_unread(content);
                    }
                    _ => {}
                }
            }
            ServerNotification::ThreadSettingsUpdated(updated) => self.settings_changed(&updated.thread_settings),
            ServerNotification::ThreadNameUpdated(updated) => {
                self.renamed(&updated.thread_id, updated.thread_name.as_deref());
            }
            ServerNotification::McpServerStarted(_) => self.servers_changed(),
            ServerNotification::McpServerOauthLoginCompleted(completed) => self.logged_in(completed),
            ServerNotification::ThreadClosed(closed) => self.closed_elsewhere(&closed.thread_id),
            ServerNotification::ServerRequestResolved(resolved) => self.resolved(resolved.request_id, now),
            _ => {}
        }
    }

    fn turn_began(&mut self, id: &str, now: Instant) {
        let Some(session) = &mut self.session else { return };
        session.cost.turn_begins();
        session.cut_off = false;
        let before = session.turn.replace(Running { id: id.to_owned(), ..Running::begun(now) });
        if before.is_some_and(|turn| turn.id.is_empty() && turn.stopping) {
            // It was told to stop before there was anything to stop.
            self.interrupt();
        }
    }

    fn turn_ended(&mut self, status: TurnStatus) {
        if let Some(session) = &mut self.session {
            session.turn = None;
            session.cut_off = status != TurnStatus::Completed;
        }
        if status != TurnStatus::Completed {
            self.queue.hold();
            self.turn_cut_off();
        }
        if !self.focus.focused && status != TurnStatus::Interrupted {
            self.notify(notify::Event::TurnEnded);
        }
        self.ask_branch();
        self.say_next();
        if status == TurnStatus::Completed {
            self.planned();
        }
    }

    /// The turn may have changed the branch.
    fn ask_branch(&mut self) {
        let Some(session) = self.session.as_ref().filter(|session| !session.opened.thread.ephemeral) else { return };
        let params = ThreadReadParams { thread_id: session.id() };
        self.call(ClientRequest::ThreadRead(params), Purpose::Branch);
    }

    /// Says what is different from now on.
    fn settings_changed(&mut self, settings: &ThreadSettings) {
        let Some(session) = &mut self.session else { return };
        let opened = &mut session.opened;
        let mut changes = Vec::new();
        if (&opened.model, &opened.model_provider) != (&settings.model, &settings.model_provider) {
            changes.push(format!("model {} ({})", settings.model, settings.model_provider));
        }
        opened.model.clone_from(&settings.model);
        opened.model_provider.clone_from(&settings.model_provider);
        if opened.approval_policy != settings.approval_policy {
            opened.approval_policy = settings.approval_policy;
            changes.push(format!("approval {}", status_line::approval(settings.approval_policy)));
        }
        if opened.sandbox != settings.sandbox_policy {
            opened.sandbox.clone_from(&settings.sandbox_policy);
            changes.push(format!("sandbox {}", status_line::level(opened)));
        }
        // It was said when it was chosen.
        session.mode = settings.collaboration_mode.mode;
        if opened.reasoning_effort != settings.effort {
            opened.reasoning_effort.clone_from(&settings.effort);
            changes
                .push(format!("reasoning effort {}", settings.effort.as_deref().unwrap_or("as the provider has it")));
        }
        if changes.is_empty() {
            return;
        }
        self.say(&format!("from the next turn on: {}", changes.join(", ")));
    }
}
