//! What one connection has yet to hear. It never makes whoever tells something wait: text that waits is put together, and
//! a connection that falls too far behind is cut off.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use codex_protocol::{Delta, Event, Position, ReasoningDelta, ServerMessage, ServerNotification};
use tokio::sync::{Notify, mpsc};

/// Messages that may wait for a connection: a thousand turns that begin or end at once are no reason to cut it off.
const MOST: usize = 65_536;
/// Bytes that text which waits is put together to, at most: more begins another message.
const MOST_TEXT: usize = 64 * 1024;
/// Bytes that may wait for a connection, counted as JSON.
const MOST_BYTES: usize = 64 << 20;

/// The messages that wait for a connection.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Each with its size in bytes.
    messages: VecDeque<(ServerMessage, usize)>,
    /// Their sizes together.
    bytes: usize,
    closed: bool,
}

impl Outbox {
    /// Has the connection told, some time.
    pub(crate) fn put(&self, message: ServerMessage) {
        let size = size(&message);
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        if let Some((last, bytes)) = waiting.messages.back_mut()
            && joined(last, &message)
        {
            *bytes += size;
            waiting.bytes += size;
            return;
        }
        if waiting.messages.len() == MOST || waiting.bytes + size > MOST_BYTES {
            *waiting = Waiting { closed: true, ..Waiting::default() };
        } else {
            waiting.messages.push_back((message, size));
            waiting.bytes += size;
        }
        drop(waiting);
        self.changed.notify_one();
    }

    /// Nothing more is told.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Tells all that is put here, until it is closed or nobody listens.
    pub(crate) async fn tell(&self, listener: mpsc::Sender<ServerMessage>) {
        loop {
            let (next, closed) = {
                let mut waiting = self.lock();
                let next = waiting.messages.pop_front();
                waiting.bytes -= next.as_ref().map_or(0, |(_, size)| *size);
                (next, waiting.closed)
            };
            match next {
                Some((message, _)) => {
                    if listener.send(message).await.is_err() {
                        return;
                    }
                }
                None if closed => return,
                None => tokio::select! {
                    () = self.changed.notified() => {}
                    () = listener.closed() => return,
                },
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a message is as JSON.
fn size(message: &ServerMessage) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // All that is told has a shape that JSON has.
    let _ = serde_json::to_writer(&mut count, message);
    count.0
}

/// Whether `next` is text that goes on where `last` ends, and is part of `last` now.
fn joined(last: &mut ServerMessage, next: &ServerMessage) -> bool {
    let (ServerMessage::Event(last), ServerMessage::Event(next)) = (last, next) else { return false };
    let goes_on = goes_on(last, next);
    match (&mut last.notification, &next.notification) {
        (ServerNotification::AgentMessageDelta(one), ServerNotification::AgentMessageDelta(other))
        | (ServerNotification::CommandOutputDelta(one), ServerNotification::CommandOutputDelta(other)) => {
            let same = goes_on && (&one.item_id, &one.thread_id) == (&other.item_id, &other.thread_id);
            same && append(&mut one.delta, &other.delta)
        }
        (ServerNotification::ReasoningDelta(one), ServerNotification::ReasoningDelta(other)) => {
            let place = |it: &ReasoningDelta| (it.item_id.clone(), it.thread_id.clone(), it.summary_index);
            goes_on && place(one) == place(other) && append(&mut one.delta, &other.delta)
        }
        _ => false,
    }
}

/// Whether the place of `next` is right behind `last`.
fn goes_on(last: &Event, next: &Event) -> bool {
    let text = |event: &Event| match &event.notification {
        ServerNotification::AgentMessageDelta(Delta { delta, .. })
        | ServerNotification::CommandOutputDelta(Delta { delta, .. }) => delta.len(),
        ServerNotification::ReasoningDelta(ReasoningDelta { delta, .. }) => delta.len(),
        _ => 0,
    };
    match (last.position, next.position) {
        (Position::Delta { offset, .. }, Position::Delta { offset: then, .. }) => offset + text(last) as u64 == then,
        (Position::Transient {}, Position::Transient {}) => true,
        _ => false,
    }
}

fn append(text: &mut String, more: &str) -> bool {
    let fits = text.len() + more.len() <= MOST_TEXT;
    if fits {
        text.push_str(more);
    }
    fits
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use codex_protocol::Warning;

    use super::*;

    fn delta(item: &str, offset: u64, text: &str) -> ServerMessage {
        let delta = Delta { thread_id: "t".into(), turn_id: "1".into(), item_id: item.into(), delta: text.into() };
        let position = Position::Delta { after_seq: 3, offset };
        ServerMessage::Event(Event { notification: ServerNotification::AgentMessageDelta(delta), position })
    }

    fn warning(number: usize) -> ServerMessage {
        let notification = ServerNotification::Warning(Warning { thread_id: None, message: number.to_string() });
        ServerMessage::Event(Event { notification, position: Position::Transient {} })
    }

    async fn told(outbox: &Arc<Outbox>) -> Vec<ServerMessage> {
        let (listener, mut hears) = mpsc::channel(1);
        let telling = Arc::clone(outbox);
        tokio::spawn(async move { telling.tell(listener).await });
        let mut told = Vec::new();
        while let Some(message) = hears.recv().await {
            told.push(message);
        }
        told
    }

    #[tokio::test]
    async fn text_that_waits_is_put_together_where_it_goes_on_and_nothing_else_is_touched() {
        let outbox = Arc::new(Outbox::default());
        let put = [
            delta("a", 0, "one "),
            delta("a", 4, "two"),
            delta("b", 0, "x"),
            delta("b", 2, "a part is missing before"),
            warning(1),
            warning(1),
        ];
        put.into_iter().for_each(|message| outbox.put(message));
        outbox.close();
        let expected = [
            delta("a", 0, "one two"),
            delta("b", 0, "x"),
            delta("b", 2, "a part is missing before"),
            warning(1),
            warning(1),
        ];
        assert_eq!(told(&outbox).await, expected);
    }

    #[tokio::test]
    async fn who_falls_too_far_behind_hears_nothing_more() {
        let outbox = Arc::new(Outbox::default());
        (0..MOST).for_each(|number| outbox.put(warning(number)));
        outbox.put(delta("a", 0, "the one too many"));
        outbox.put(warning(0));
        assert_eq!(told(&outbox).await, [], "in order, or not at all");
    }

    #[tokio::test]
    async fn who_lets_too_much_wait_hears_nothing_more() {
        let long = |number: usize| {
            let message = format!("{number} {}", "x".repeat(MOST_BYTES / 8));
            let notification = ServerNotification::Warning(Warning { thread_id: None, message });
            ServerMessage::Event(Event { notification, position: Position::Transient {} })
        };
        let outbox = Arc::new(Outbox::default());
        (0..7).for_each(|number| outbox.put(long(number)));
        assert_eq!(outbox.lock().messages.len(), 7);
        outbox.put(long(7));
        assert!(outbox.lock().closed && outbox.lock().messages.is_empty());
        assert!(told(&outbox).await.is_empty());
        // What was told has room again.
        let outbox = Arc::new(Outbox::default());
        let (listener, mut hears) = mpsc::channel(1);
        let telling = Arc::clone(&outbox);
        tokio::spawn(async move { telling.tell(listener).await });
        for number in 0..9 {
            outbox.put(long(number));
            assert!(hears.recv().await.is_some());
        }
    }

    #[tokio::test]
    async fn text_without_end_takes_a_bounded_place() {
        let outbox = Arc::new(Outbox::default());
        let piece = "x".repeat(MOST_TEXT);
        outbox.put(delta("a", 0, &piece));
        outbox.put(delta("a", MOST_TEXT as u64, "y"));
        outbox.close();
        assert_eq!(told(&outbox).await.len(), 2);
    }
}
