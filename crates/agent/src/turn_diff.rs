//! What the turn that runs has changed so far, as one diff: told after each action that changed something, to a client that
//! wants it. It is made on the blocking pool, while the model thinks.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use codex_checkpoints::{CheckpointError, Checkpoints};
use codex_protocol::{Event, Position, ServerMessage, ServerNotification, TurnDiffUpdated};
use codex_store::{Record, States};
use codex_tools::LiveOutput;
use codex_workspace::Roots;
use tokio::{runtime::Handle, task::JoinHandle};

use crate::diff::{Bounds, session_diff, turn_patch};

/// Much less than of a session's: it is made again after each action.
const BOUNDS: Bounds = Bounds { patience: Duration::from_millis(200), bytes: 1 << 20 };

/// Tells what a turn has changed.
#[derive(Debug, Clone)]
pub(crate) struct TurnDiff(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    live: LiveOutput,
    turn_id: String,
    /// Of the turn: paths are relative to the workspace, and what is ignored is left out.
    roots: Arc<Roots>,
    store: Arc<Checkpoints>,
    seen: Mutex<Seen>,
    /// What was told last. Held by who makes the next.
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Seen {
    states: States,
    /// The newest job, running still perhaps.
    telling: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Told {
    /// Spans that were looked at.
    spans: usize,
    diff: String,
}

impl TurnDiff {
    /// Of a turn that has changed nothing yet.
    pub(crate) fn new(live: LiveOutput, turn_id: &str, roots: Arc<Roots>, store: Arc<Checkpoints>) -> Self {
        let turn_id = turn_id.to_owned();
        let (mut seen, told) = (Seen::default(), Mutex::default());
        seen.states.apply(0, &Record::TurnStarted { turn_id: turn_id.clone() }, None);
        Self(Arc::new(Shared { live, turn_id, roots, store, seen: Mutex::new(seen), told }))
    }

    /// Takes in the record of a state, and has told what follows. To be called where it may block.
    pub(crate) fn note(&self, seq: u64, record: &Record) {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.states.spans.len();
        seen.states.apply(seq, record, Some(&self.0.turn_id));
        if seen.states.spans.len() > before {
            let shared = Arc::clone(&self.0);
            seen.telling = Some(Handle::current().spawn_blocking(move || shared.tell()));
        }
    }

    /// Waits until all was told.
    pub(crate) async fn finish(self) {
        let telling = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).telling.take();
        if let Some(telling) = telling {
            let _ = telling.await;
        }
    }
}

impl Shared {
    /// Makes the diff of what is known by now, and tells it if it is another.
    fn tell(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let spans = self.seen.lock().unwrap_or_else(PoisonError::into_inner).states.spans.clone();
        if told.spans == spans.len() {
            return;
        }
        told.spans = spans.len();
        let made = || -> Result<String, CheckpointError> {
            let diff = session_diff(&self.store, &spans)?.without(&self.roots.ignored);
            turn_patch(&self.store, &diff, &self.roots.workspace, BOUNDS)
        };
        // What cannot be read is said when somebody asks for it.
        let Ok(diff) = made() else { return };
        if diff == told.diff {
            return;
        }
        told.diff.clone_from(&diff);
        let (thread_id, turn_id) = (self.live.thread_id.clone(), self.turn_id.clone());
        let notification = ServerNotification::TurnDiffUpdated(TurnDiffUpdated { thread_id, turn_id, diff });
        let event = Event { notification, position: Position::Transient {} };
        let _ = self.live.events.blocking_send(ServerMessage::Event(event));
    }
}
