//! What one client says and hears, whatever carries it: numbered texts, kept until the other side has them. It outlives
//! connections.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use codex_client::remote::Unconfirmed;
use codex_protocol::ServerMessage;
use tokio::{
    sync::{
        Notify,
        mpsc::{self, OwnedPermit},
    },
    time::Instant,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{Calls, Facts, Hub, serve_json};

/// Texts, and bytes of them, that may be unconfirmed; then what is told waits, and is put together (`hub::outbox`).
const MOST: (usize, usize) = (1024, 8 * 1024 * 1024);
/// How long a session is kept without a connection.
pub(crate) const KEPT: Duration = Duration::from_secs(10 * 60);

/// What one client says and hears.
#[derive(Debug)]
pub(crate) struct Session {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// Where what the client says goes; `None` when nothing of it is wanted any more.
    said: Option<mpsc::Sender<String>>,
    texts: Unconfirmed,
    /// Texts of the client that came.
    received: u64,
    /// Number of the connection that carries it; every new one takes it over.
    carrier: u64,
    /// Since when no connection carries it.
    left: Option<Instant>,
    /// No text comes any more.
    ended: bool,
}

impl Session {
    /// A session of its own on the hub.
    pub(crate) fn begin(hub: &Arc<Hub>, facts: Facts) -> Arc<Self> {
        let (said, incoming) = mpsc::channel(16);
        let (outgoing, told) = mpsc::channel(16);
        let (texts, received, carrier, left, ended) = Default::default();
        let state = Mutex::new(State { said: Some(said), texts, received, carrier, left, ended });
        let session = Arc::new(Self { state, changed: Notify::new() });
        let (calls, events) = hub.connect();
        // Without it the end of what is told would not be noticed.
        let (forward, forwarded) = mpsc::channel(1);
        tokio::spawn(forward_events(events, forward, Arc::downgrade(&session)));
        tokio::spawn(speak((calls, forwarded), facts, incoming, outgoing));
        tokio::spawn(keep(Arc::downgrade(&session), told));
        session
    }

    /// A connection carries it from now on, and no other. `received`: how many texts the client has. Returns the
    /// connection's number, and how many of the client's texts came; `None` if they cannot be joined.
    pub(crate) fn take_over(&self, received: u64) -> Option<(u64, u64)> {
        let mut state = self.lock();
        if state.ended || !state.texts.confirm(received) {
            return None;
        }
        state.carrier += 1;
        state.left = None;
        let carrier = (state.carrier, state.received);
        drop(state);
        self.changed.notify_waiters();
        Some(carrier)
    }

    /// The connection has ended.
    pub(crate) fn leave(&self, carrier: u64) {
        let mut state = self.lock();
        if state.carrier == carrier {
            state.left = Some(Instant::now());
        }
    }

    /// Whether nobody will take it up again.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.lock();
        state.ended || state.left.is_some_and(|left| left.elapsed() > KEPT)
    }

    /// The text with this number, when it is there; `None` when the connection is not the one that carries it any more.
    pub(crate) async fn text(&self, carrier: u64, number: u64) -> Option<Utf8Bytes> {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.lock();
                if state.carrier != carrier {
                    return None;
                }
                match state.texts.get(number) {
                    Some(text) => return Some(text.clone()),
                    None if state.ended => return None,
                    None => {}
                }
            }
            changed.await;
        }
    }

    /// Room for what the client says next; `None` when nothing of it is wanted any more.
    pub(crate) async fn room(&self) -> Option<OwnedPermit<String>> {
        let said = self.lock().said.clone()?;
        said.reserve_owned().await.ok()
    }

    /// The client says something; false when it is nobody's business any more. Counted when there is room for it, and in
    /// one step: whoever takes over knows how many came.
    pub(crate) fn say(&self, carrier: u64, room: OwnedPermit<String>, text: String) -> bool {
        let mut state = self.lock();
        let carries = state.carrier == carrier;
        if carries {
            state.received += 1;
            room.send(text);
        }
        carries
    }

    /// The client has so many texts.
    pub(crate) fn confirm(&self, count: u64) {
        self.lock().texts.confirm(count);
        self.changed.notify_waiters();
    }

    /// How many texts of the client came.
    pub(crate) fn received(&self) -> u64 {
        self.lock().received
    }

    /// Nothing more is heard: what is under way is answered, and that is all.
    pub(crate) fn close(&self) {
        self.lock().said = None;
    }

    /// Nothing more is heard or told.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        (state.said, state.ended) = (None, true);
        drop(state);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Session {
    /// A session on nothing, and what its client says.
    pub(crate) fn bare() -> (Arc<Self>, mpsc::Receiver<String>) {
        let (said, incoming) = mpsc::channel(1);
        let (texts, received, carrier, left, ended) = Default::default();
        let state = Mutex::new(State { said: Some(said), texts, received, carrier, left, ended });
        (Arc::new(Self { state, changed: Notify::new() }), incoming)
    }

    /// The client is told something.
    pub(crate) fn tell(&self, text: &str) {
        self.lock().texts.push(text.to_owned());
        self.changed.notify_waiters();
    }

    /// Waits until the client has everything.
    pub(crate) async fn all_confirmed(&self) {
        loop {
            let changed = self.changed.notified();
            if self.lock().texts.size().0 == 0 {
                return;
            }
            changed.await;
        }
    }
}

async fn speak(
    pair: (Calls, mpsc::Receiver<ServerMessage>),
    facts: Facts,
    incoming: mpsc::Receiver<String>,
    outgoing: mpsc::Sender<String>,
) {
    serve_json(pair, facts, incoming, outgoing).await;
}

/// Passes on what is told, and closes the session where that ends: the client fell too far behind, or the server is stopped.
async fn forward_events(
    mut events: mpsc::Receiver<ServerMessage>,
    forward: mpsc::Sender<ServerMessage>,
    session: std::sync::Weak<Session>,
) {
    while let Some(message) = events.recv().await {
        if forward.send(message).await.is_err() {
            break;
        }
    }
    if let Some(session) = session.upgrade() {
        session.close();
    }
}

/// Keeps what is told until the client has it. Where much is unconfirmed, it waits.
async fn keep(session: std::sync::Weak<Session>, mut told: mpsc::Receiver<String>) {
    while let Some(text) = told.recv().await {
        let Some(session) = session.upgrade() else { return };
        session.lock().texts.push(text);
        session.changed.notify_waiters();
        loop {
            let changed = session.changed.notified();
            {
                let state = session.lock();
                let (texts, bytes) = state.texts.size();
                if state.ended || (texts < MOST.0 && bytes < MOST.1) {
                    break;
                }
            }
            changed.await;
        }
    }
    if let Some(session) = session.upgrade() {
        session.end();
    }
}
