//! The output of a command under way, told to a client as it comes: not more often than people can read it, and no more
//! at once than a screen shows.
//!
//! It must never hold up the command, whatever the client does.

use std::time::Duration;

use codex_protocol::{Delta, Event, Position, ServerMessage, ServerNotification};
use tokio::{sync::mpsc, time::Instant};

use crate::output::whole_characters;

/// Output is told at most this much later, and so together with what came meanwhile.
const COALESCE: Duration = Duration::from_millis(50);

/// Most that is told at once, in bytes; of more, the end.
const MOST: usize = 8 << 10;

/// Where a client is told what commands put out while they run.
#[derive(Debug, Clone)]
pub struct LiveOutput {
    /// Of the thread.
    pub thread_id: String,
    /// What the client hears. If there is no room, it is told a little later.
    pub events: mpsc::Sender<ServerMessage>,
}

/// What a command has put out that was not told yet.
#[derive(Debug)]
pub(crate) struct Live {
    to: LiveOutput,
    turn_id: String,
    item_id: String,
    untold: Vec<u8>,
    /// Bytes before `untold` that will not be told.
    left_out: u64,
    /// When `untold` is to be told.
    due: Option<Instant>,
}

impl Live {
    pub(crate) fn new(to: LiveOutput, turn_id: String, item_id: String) -> Self {
        Self { to, turn_id, item_id, untold: Vec::new(), left_out: 0, due: None }
    }

    /// When something is to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes the next piece of the output.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.untold.extend(&piece[piece.len().saturating_sub(MOST)..]);
        let surplus = self.untold.len().saturating_sub(MOST);
        self.untold.drain(..surplus);
        self.left_out += (piece.len().saturating_sub(MOST) + surplus) as u64;
        self.due.get_or_insert_with(|| Instant::now() + COALESCE);
    }

    /// Tells what is there.
    pub(super) fn tell(&mut self) {
        self.due = None;
        let Ok(room) = self.to.events.try_reserve() else {
            self.due = Some(Instant::now() + COALESCE);
            return;
        };
        // A delta must not split a character.
        let whole = whole_characters(&self.untold);
        if whole.is_empty() {
            return;
        }
        let mut text = String::from_utf8_lossy(whole).into_owned();
        let told = whole.len();
        self.untold.drain(..told);
        if self.left_out > 0 {
            text = format!("[... {} bytes left out here ...]\n{text}", std::mem::take(&mut self.left_out));
        }
        let notification = ServerNotification::CommandOutputDelta(Delta {
            thread_id: self.to.thread_id.clone(),
            turn_id: self.turn_id.clone(),
            item_id: self.item_id.clone(),
            delta: text,
        });
        room.send(ServerMessage::Event(Event { notification, position: Position::Transient {} }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(room: usize) -> (Live, mpsc::Receiver<ServerMessage>) {
        let (events, told) = mpsc::channel(room);
        (Live::new(LiveOutput { thread_id: "t".into(), events }, "turn".into(), "item".into()), told)
    }

    fn next(told: &mut mpsc::Receiver<ServerMessage>) -> Option<String> {
        match told.try_recv().ok()? {
            ServerMessage::Event(Event { notification: ServerNotification::CommandOutputDelta(delta), .. }) => {
                Some(delta.delta)
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_came_is_told_together_and_no_character_is_split() {
        let (mut live, mut told) = live(9);
        assert_eq!(live.due(), None);
        live.push("aé".as_bytes());
        let due = live.due();
        live.push(&"€".as_bytes()[..2]);
        assert!(due.is_some() && live.due() == due, "the first piece sets the time");
        live.tell();
        assert_eq!((next(&mut told), live.due()), (Some("aé".into()), None));
        live.tell();
        assert_eq!(next(&mut told), None);
        live.push(&"€".as_bytes()[2..]);
        live.tell();
        assert_eq!(next(&mut told), Some("€".into()));
    }

    #[tokio::test]
    async fn of_much_output_the_end_is_told_and_how_much_was_before() {
        for piece in [MOST / 8, MOST, 5 * MOST] {
            let (mut live, mut told) = live(1);
            let all: Vec<u8> = (0..10 * MOST).map(|at| b'a' + (at % 26) as u8).collect();
            all.chunks(piece).for_each(|piece| live.push(piece));
            live.tell();
            let end = String::from_utf8(all[9 * MOST..].to_vec()).unwrap();
            let expected = format!("[... {} bytes left out here ...]\n{end}", 9 * MOST);
            assert_eq!(next(&mut told), Some(expected), "pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn a_client_that_does_not_listen_is_told_later() {
        let (mut live, mut told) = live(1);
        live.push(b"one ");
        live.tell();
        live.push(b"two ");
        live.tell();
        assert!(live.due().is_some());
        live.push(b"three");
        assert_eq!(next(&mut told), Some("one ".into()));
        live.tell();
        assert_eq!(next(&mut told), Some("two three".into()));
        drop(told);
        live.push(b"four");
        live.tell();
    }
}
