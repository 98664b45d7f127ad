//! What a client was told of a thread from its record: it may be on its way here as news still, and is not told twice.

use std::collections::HashSet;

use codex_client::thread_of;
use codex_protocol::{Event, Position, ServerMessage, ServerNotification};

/// What was told from the record of one thread.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    thread_id: String,
    /// The ordinal of the last record; 0 where nothing was read.
    last: u64,
    /// The items that were told whole.
    items: HashSet<String>,
}

impl Heard {
    /// `told` was read from the record of the thread, up to `last`.
    pub(crate) fn of(thread_id: &str, told: &[ServerMessage], last: u64) -> Self {
        let item = |message: &ServerMessage| match message {
            ServerMessage::Event(Event { notification: ServerNotification::ItemCompleted(completed), .. }) => {
                Some(completed.item.id().to_owned())
            }
            _ => None,
        };
        Self { thread_id: thread_id.to_owned(), last, items: told.iter().filter_map(item).collect() }
    }

    /// Whether this was told. Sub-agents have records and ordinals of their own, which were not read.
    pub(crate) fn has(&mut self, message: &ServerMessage) -> bool {
        let ServerMessage::Event(event) = message else { return false };
        if self.last == 0 || thread_of(&event.notification) != Some(self.thread_id.as_str()) {
            return false;
        }
        match event.position {
            Position::Recorded { seq } if seq <= self.last => return true,
            // What happened before has all gone by.
            Position::Recorded { .. } => *self = Self::default(),
            Position::Delta { .. } | Position::Transient {} => {}
        }
        item_of(&event.notification).is_some_and(|item| self.items.contains(item))
    }
}

/// The item of which this is a part that the whole has too.
fn item_of(notification: &ServerNotification) -> Option<&str> {
    match notification {
        ServerNotification::ItemStarted(started) => Some(started.item.id()),
        ServerNotification::AgentMessageDelta(delta)
        | ServerNotification::PlanDelta(delta)
        | ServerNotification::CommandOutputDelta(delta) => Some(&delta.item_id),
        ServerNotification::McpToolCallProgress(told) => Some(&told.item_id),
        ServerNotification::ReasoningDelta(delta) => Some(&delta.item_id),
        ServerNotification::ReasoningPartAdded(added) => Some(&added.item_id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use codex_protocol::{Delta, ItemCompleted, ItemStarted, ThreadItem, ThreadOpened};
    use serde_json::json;
    use tokio::sync::mpsc;

    use super::super::{outbox::Outbox, threads::Threads};
    use super::*;

    fn event(notification: ServerNotification, position: Position) -> ServerMessage {
        ServerMessage::Event(Event { notification, position })
    }

    fn item(id: &str) -> ThreadItem {
        serde_json::from_value(json!({ "type": "agentMessage", "id": id, "text": id })).unwrap()
    }

    fn begun(thread: &str, id: &str) -> ServerMessage {
        let (thread_id, turn_id) = (thread.to_owned(), "1".to_owned());
        let started = ItemStarted { thread_id, turn_id, item: item(id), started_at_ms: 0 };
        event(ServerNotification::ItemStarted(started), Position::Transient {})
    }

    fn text(thread: &str, id: &str, after_seq: u64) -> ServerMessage {
        let delta = Delta { thread_id: thread.into(), turn_id: "1".into(), item_id: id.into(), delta: id.into() };
        event(ServerNotification::AgentMessageDelta(delta), Position::Delta { after_seq, offset: 0 })
    }

    fn whole(thread: &str, id: &str, seq: u64) -> ServerMessage {
        let (thread_id, turn_id) = (thread.to_owned(), "1".to_owned());
        let completed = ItemCompleted { thread_id, turn_id, item: item(id), completed_at_ms: 0 };
        event(ServerNotification::ItemCompleted(completed), Position::Recorded { seq })
    }

    fn opened(id: &str) -> ThreadOpened {
        let thread = json!({
            "id": id, "sessionId": id, "cliVersion": "0", "createdAt": 0, "updatedAt": 0, "cwd": "/w", "gitInfo": null,
            "ephemeral": false, "forkedFromId": null, "modelProvider": "m", "name": null, "path": null, "preview": "",
            "projectId": null, "source": "appServer", "status": { "type": "idle" }, "turns": [],
        });
        let opened = json!({
            "thread": thread, "cwd": "/w", "model": "m", "modelProvider": "m", "approvalPolicy": "never",
            "approvalsReviewer": "user", "sandbox": {}, "reasoningEffort": null, "heldBy": "", "mode": "default",
            "configSources": [], "instructionSources": [],
        });
        serde_json::from_value(opened).unwrap()
    }

    /// The record is ahead of what was told: all of it is told once, and what sub-agents tell is no part of it.
    #[tokio::test]
    async fn what_is_still_on_its_way_is_not_told_again_after_the_record() {
        let works_for = |id: &str| (id == "agent").then(|| "top".to_owned());
        let outbox = Arc::new(Outbox::default());
        let mut threads = Threads::default();
        let connection = threads.join(Arc::clone(&outbox));
        threads.opened(&opened("top"));
        // These two were told to everyone, the rest is on its way.
        threads.tell(begun("top", "a"), works_for);
        threads.tell(text("top", "a", 4), works_for);
        threads.attach(connection, "top", true).unwrap();
        let of_agent = whole("agent", "x", 2);
        threads.tell(of_agent.clone(), works_for);
        let record = vec![whole("top", "a", 5), whole("top", "b", 6)];
        threads.catch_up(connection, "top", (record.clone(), 6), false);
        let late = [whole("top", "a", 5), begun("top", "b"), text("top", "b", 5), whole("top", "b", 6)];
        late.into_iter().for_each(|message| threads.tell(message, works_for));
        let of_agent_again = whole("agent", "y", 3);
        let news = [of_agent_again, begun("top", "c"), text("top", "c", 6), whole("top", "c", 7)];
        news.iter().for_each(|message| threads.tell(message.clone(), works_for));
        threads.leave(connection);
        let (listener, mut hears) = mpsc::channel(1);
        tokio::spawn(async move { outbox.tell(listener).await });
        let mut told = Vec::new();
        while let Some(message) = hears.recv().await {
            told.push(message);
        }
        assert_eq!(told, [&record[..], &[of_agent], &news].concat());
    }
}
