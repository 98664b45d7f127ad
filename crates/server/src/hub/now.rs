//! How a thread stands: its turn, what is not whole yet of it, and what is asked. Pure; what a connection that comes in
//! the middle has to hear.

use std::collections::BTreeMap;

use codex_protocol::{
    Delta, Event, ItemStarted, Position, ServerMessage, ServerNotification, ServerRequest, ThreadItem,
    TokenUsageUpdated, TurnChanged, TurnStatus,
};

/// How a thread stands.
#[derive(Debug, Default)]
pub(crate) struct Now {
    /// The turn that runs.
    turn: Option<TurnChanged>,
    /// The items that have begun and not ended, with their text so far.
    items: Vec<(ItemStarted, String)>,
    /// The questions that wait for an answer.
    questions: BTreeMap<u64, ServerRequest>,
    usage: Option<TokenUsageUpdated>,
}

impl Now {
    /// Whether a turn runs, or something is asked.
    pub(crate) fn is_busy(&self) -> bool {
        self.turn.is_some() || !self.questions.is_empty()
    }

    /// Whether this question waits.
    pub(crate) fn asks(&self, id: u64) -> bool {
        self.questions.contains_key(&id)
    }

    /// Takes in what `thread_id` or a sub-agent of it tells.
    pub(crate) fn apply(&mut self, thread_id: &str, message: &ServerMessage) {
        let event = match message {
            ServerMessage::Request { id, request } => {
                self.questions.insert(*id, request.clone());
                return;
            }
            ServerMessage::Event(event) => event,
        };
        match &event.notification {
            ServerNotification::ServerRequestResolved(resolved) => drop(self.questions.remove(&resolved.request_id)),
            ServerNotification::TurnStarted(changed) if changed.thread_id == thread_id => {
                self.turn = Some(changed.clone());
            }
            ServerNotification::TurnCompleted(changed) => {
                self.items.retain(|(started, _)| started.thread_id != changed.thread_id);
                if changed.thread_id == thread_id {
                    self.turn = None;
                }
            }
            ServerNotification::ItemStarted(started) => self.items.push((started.clone(), String::new())),
            ServerNotification::ItemCompleted(completed) => {
                let of = (completed.thread_id.as_str(), completed.item.id());
                self.items.retain(|(started, _)| (started.thread_id.as_str(), started.item.id()) != of);
            }
            ServerNotification::AgentMessageDelta(delta) => self.append(delta, event.position),
            ServerNotification::TokenUsageUpdated(usage) if usage.thread_id == thread_id => {
                self.usage = Some(usage.clone());
            }
            _ => {}
        }
    }

    fn append(&mut self, delta: &Delta, position: Position) {
        let of = (delta.thread_id.as_str(), delta.item_id.as_str());
        let open = self.items.iter_mut().find(|(started, _)| (started.thread_id.as_str(), started.item.id()) == of);
        let Some((_, text)) = open else { return };
        // An answer that is asked for again starts anew.
        if let Position::Delta { offset: 0, .. } = position {
            text.clear();
        }
        text.push_str(&delta.delta);
    }

    /// The tokens that were used, as they were told last.
    pub(crate) fn usage(&self) -> Option<ServerMessage> {
        self.usage.clone().map(|usage| transient(ServerNotification::TokenUsageUpdated(usage)))
    }

    /// What is under way. `whole`: the turn that runs too.
    pub(crate) fn messages(&self, whole: bool) -> Vec<ServerMessage> {
        let turn = self.turn.clone().filter(|_| whole).map(ServerNotification::TurnStarted);
        let mut messages: Vec<ServerMessage> = turn.into_iter().map(transient).collect();
        for (started, text) in &self.items {
            messages.push(transient(ServerNotification::ItemStarted(started.clone())));
            if text.is_empty() || !matches!(started.item, ThreadItem::AgentMessage { .. }) {
                continue;
            }
            let (thread_id, turn_id) = (started.thread_id.clone(), started.turn_id.clone());
            let delta = Delta { thread_id, turn_id, item_id: started.item.id().to_owned(), delta: text.clone() };
            let notification = ServerNotification::AgentMessageDelta(delta);
            messages.push(ServerMessage::Event(Event {
                notification,
                position: Position::Delta { after_seq: 0, offset: 0 },
            }));
        }
        let asked = self.questions.iter();
        messages.extend(asked.map(|(id, request)| ServerMessage::Request { id: *id, request: request.clone() }));
        messages
    }

    /// The turn that runs.
    pub(crate) fn status(&self) -> Option<TurnStatus> {
        self.turn.as_ref().map(|changed| changed.turn.status)
    }
}

fn transient(notification: ServerNotification) -> ServerMessage {
    ServerMessage::Event(Event { notification, position: Position::Transient {} })
}
