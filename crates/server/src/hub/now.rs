//! How a thread stands: its turn, what is not whole yet of it, and what is asked. Pure; what a connection that comes in
//! the middle has to hear.

use std::{collections::BTreeMap, time::Instant};

use codex_protocol::{
    Delta, Event, ItemStarted, Position, ServerMessage, ServerNotification, ServerRequest, ThreadItem,
    TokenUsageUpdated, TurnChanged, TurnFailed, TurnStatus,
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
    /// What the turn waits for before it asks the model again, and since when.
    wait: Option<(TurnFailed, Instant)>,
}

impl Now {
    /// Whether a turn runs, or something is asked.
    pub(crate) fn is_busy(&self) -> bool {
        self.turn.is_some() || !self.questions.is_empty()
    }

    /// The questions that wait.
    pub(crate) fn asked(&self) -> Vec<u64> {
        self.questions.keys().copied().collect()
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
        if is_of_turn(&event.notification, thread_id) {
            self.wait = None;
        }
        match &event.notification {
            ServerNotification::Error(failed) if failed.thread_id == thread_id && failed.wait.is_some() => {
                self.wait = Some((failed.clone(), Instant::now()));
            }
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
        messages.extend(self.wait.clone().map(|(mut failed, since)| {
            let gone = since.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
            failed.wait.iter_mut().for_each(|wait| wait.delay_ms = wait.delay_ms.saturating_sub(gone));
            transient(ServerNotification::Error(failed))
        }));
        let asked = self.questions.iter();
        messages.extend(asked.map(|(id, request)| ServerMessage::Request { id: *id, request: request.clone() }));
        messages
    }

    /// The turn that runs.
    pub(crate) fn status(&self) -> Option<TurnStatus> {
        self.turn.as_ref().map(|changed| changed.turn.status)
    }
}

/// Whether it says that the turn goes on, or has ended.
fn is_of_turn(notification: &ServerNotification, thread_id: &str) -> bool {
    match notification {
        ServerNotification::ItemStarted(it) => it.thread_id == thread_id,
        ServerNotification::ItemCompleted(it) => it.thread_id == thread_id,
        ServerNotification::AgentMessageDelta(it) => it.thread_id == thread_id,
        ServerNotification::ReasoningDelta(it) => it.thread_id == thread_id,
        ServerNotification::Error(it) => it.thread_id == thread_id,
        ServerNotification::TurnCompleted(it) => it.thread_id == thread_id,
        _ => false,
    }
}

fn transient(notification: ServerNotification) -> ServerMessage {
    ServerMessage::Event(Event { notification, position: Position::Transient {} })
}

#[cfg(test)]
mod tests {
    use codex_protocol::{RetryWait, TurnError};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_turn_waits_until_it_goes_on() {
        let told = |notification| transient(notification);
        let wait = RetryWait { delay_ms: 60_000, attempt: 1, of: Some(5), what: String::new(), reason: String::new() };
        let error = TurnError { message: String::new(), codex_error_info: None, additional_details: None };
        let waits = |thread: &str| {
            let (thread_id, turn_id, wait) = (thread.to_owned(), "1".to_owned(), Some(wait.clone()));
            let failed = TurnFailed { thread_id, turn_id, error: error.clone(), will_retry: true, wait };
            told(ServerNotification::Error(failed))
        };
        let started = json!({ "method": "item/started", "params": { "threadId": "t", "turnId": "1", "startedAtMs": 0,
            "item": { "type": "agentMessage", "id": "a", "text": "" } } });
        let mut now = Now::default();
        now.apply("t", &waits("a sub-agent"));
        assert_eq!(now.messages(true), []);
        now.apply("t", &waits("t"));
        let [ServerMessage::Event(Event { notification: ServerNotification::Error(failed), .. })] =
            &now.messages(true)[..]
        else {
            panic!("{:?}", now.messages(true))
        };
        assert!(failed.wait.as_ref().is_some_and(|left| (50_000..=60_000).contains(&left.delay_ms)), "{failed:?}");
        now.apply("t", &told(serde_json::from_value(started).unwrap()));
        assert!(!now.messages(true).contains(&waits("t")) && now.wait.is_none());
    }
}
