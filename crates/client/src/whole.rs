//! What programs that only pass events on count on, and a server does not tell on its own: that each item begins before it
//! is complete, and that the pieces of a message are the whole of it.

use std::collections::HashMap;

use codex_protocol::{Delta, Event, ItemCompleted, ItemStarted, Position, ServerNotification, ThreadItem};

/// The items that have begun and are not complete, and how many bytes of their text were told.
#[derive(Debug, Default)]
pub struct OpenItems(HashMap<(String, String), usize>);

impl OpenItems {
    /// What is to be told before `event`.
    pub fn before(&mut self, event: &Event) -> Vec<Event> {
        match &event.notification {
            ServerNotification::ItemStarted(started) => {
                self.0.insert(key(&started.thread_id, started.item.id()), text(&started.item).len());
                Vec::new()
            }
            ServerNotification::AgentMessageDelta(delta) => {
                if let Some(told) = self.0.get_mut(&key(&delta.thread_id, &delta.item_id)) {
                    *told += delta.delta.len();
                }
                Vec::new()
            }
            ServerNotification::ItemCompleted(completed) => self.completes(completed),
            _ => Vec::new(),
        }
    }

    fn completes(&mut self, completed: &ItemCompleted) -> Vec<Event> {
        let ItemCompleted { thread_id, turn_id, item, completed_at_ms } = completed;
        let mut missing = Vec::new();
        let told = self.0.remove(&key(thread_id, item.id()));
        if told.is_none() {
            missing.push(ServerNotification::ItemStarted(ItemStarted {
                thread_id: thread_id.clone(),
                turn_id: turn_id.clone(),
                item: begun(item.clone()),
                started_at_ms: *completed_at_ms,
            }));
        }
        if let Some(rest) = text(item).get(told.unwrap_or_default()..).filter(|rest| !rest.is_empty()) {
            missing.push(ServerNotification::AgentMessageDelta(Delta {
                thread_id: thread_id.clone(),
                turn_id: turn_id.clone(),
                item_id: item.id().to_owned(),
                delta: rest.to_owned(),
            }));
        }
        missing.into_iter().map(|notification| Event { notification, position: Position::Transient {} }).collect()
    }
}

fn key(thread_id: &str, item_id: &str) -> (String, String) {
    (thread_id.to_owned(), item_id.to_owned())
}

/// The text that is told in pieces.
fn text(item: &ThreadItem) -> &str {
    if let ThreadItem::AgentMessage { text, .. } = item { text } else { "" }
}

/// The item as it begins.
fn begun(mut item: ThreadItem) -> ThreadItem {
    if let ThreadItem::AgentMessage { text, .. } = &mut item {
        text.clear();
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> ThreadItem {
        ThreadItem::AgentMessage { id: "i".into(), text: text.into() }
    }

    fn event(notification: ServerNotification) -> Event {
        Event { notification, position: Position::Transient {} }
    }

    fn started(text: &str) -> Event {
        let item = message(text);
        event(ServerNotification::ItemStarted(ItemStarted {
            thread_id: "t".into(),
            turn_id: "u".into(),
            item,
            started_at_ms: 1,
        }))
    }

    fn piece(delta: &str) -> Event {
        let (thread_id, turn_id, item_id) = ("t".into(), "u".into(), "i".into());
        event(ServerNotification::AgentMessageDelta(Delta { thread_id, turn_id, item_id, delta: delta.into() }))
    }

    fn completed(text: &str) -> Event {
        let item = message(text);
        event(ServerNotification::ItemCompleted(ItemCompleted {
            thread_id: "t".into(),
            turn_id: "u".into(),
            item,
            completed_at_ms: 2,
        }))
    }

    /// However an item is told, clients hear of its beginning, and pieces that make its text.
    #[test]
    fn each_item_begins_and_its_pieces_are_the_whole() {
        let table = [
            vec![completed("whole")],
            vec![started(""), completed("whole")],
            vec![started(""), piece("who"), completed("whole")],
            vec![started(""), piece("who"), piece("le"), completed("whole")],
            vec![started("who"), piece("le"), completed("whole")],
        ];
        for events in table {
            let mut open = OpenItems::default();
            let all: Vec<Event> =
                events.iter().flat_map(|event| open.before(event).into_iter().chain([event.clone()])).collect();
            let mut text = String::new();
            let mut begun = 0;
            for event in &all {
                match &event.notification {
                    ServerNotification::ItemStarted(started) => {
                        begun += 1;
                        text = super::text(&started.item).to_owned();
                    }
                    ServerNotification::AgentMessageDelta(delta) => text += &delta.delta,
                    _ => assert_eq!((begun, text.as_str()), (1, "whole"), "{events:?}"),
                }
            }
            assert!(matches!(all.last().unwrap().notification, ServerNotification::ItemCompleted(_)));
            assert!(open.0.is_empty());
        }
    }
}
