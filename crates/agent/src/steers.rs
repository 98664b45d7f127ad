//! What the user says while a turn runs: it waits until the model is asked next, and becomes part of the turn there.
//!
//! Nothing that was taken may be lost: it is recorded at once, the turn ends only when nothing waits, and what waits where
//! it cannot go on is kept for the next one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codex_history::{Content, Message};
use codex_protocol::{Position, ThreadItem};
use codex_store::{Record, StoreError};
use tokio::sync::Notify;

use crate::{recorder::SharedJournal, thread::ThreadState, turn::TurnRun};

/// What the user said, as the model gets it and as it is shown.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) content: Vec<Content>,
    pub(crate) item: ThreadItem,
}

/// What was said since the model was asked last, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steers {
    waiting: Arc<Mutex<Waiting>>,
    put: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Waiting {
    said: Vec<Said>,
    /// The turn takes nothing more.
    is_closed: bool,
}

impl Steers {
    /// Records `said` and puts it behind what waits; false if the turn takes nothing more.
    pub(crate) fn put(&self, said: Said, turn_id: &str, journal: &SharedJournal) -> Result<bool, StoreError> {
        let mut waiting = self.waiting();
        if waiting.is_closed {
            return Ok(false);
        }
        let (content, item) = (said.content.clone(), said.item.clone());
        journal.append(&Record::Steered { turn_id: turn_id.to_owned(), content, item })?;
        waiting.said.push(said);
        self.put.notify_one();
        Ok(true)
    }

    /// Returns when something waits, at once if it does already.
    pub(crate) async fn wait(&self) {
        while self.waiting().said.is_empty() {
            self.put.notified().await;
        }
    }

    /// Takes nothing more from here on, unless something waits; whether it is closed.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut waiting = self.waiting();
        waiting.is_closed |= waiting.said.is_empty();
        waiting.is_closed
    }

    fn take(&self) -> Vec<Said> {
        std::mem::take(&mut self.waiting().said)
    }

    fn close(&self) -> Vec<Said> {
        let mut waiting = self.waiting();
        waiting.is_closed = true;
        std::mem::take(&mut waiting.said)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TurnRun {
    /// Makes what was said meanwhile part of the conversation, before the model is asked.
    pub(crate) async fn take_steers(&mut self, state: &mut ThreadState) -> Result<(), StoreError> {
        let said = self.steers.take();
        self.say(state, said).await
    }

    /// The turn takes nothing more. What waits was said: the model reads it in the next turn.
    pub(crate) async fn close_steers(&mut self, state: &mut ThreadState) {
        let said = self.steers.close();
        // A journal that cannot be written has failed the turn.
        let _ = self.say(state, said).await;
    }

    /// Records and tells what the user said. All of it is told and part of the conversation, recorded or not.
    async fn say(&mut self, state: &mut ThreadState, said: Vec<Said>) -> Result<(), StoreError> {
        let mut all = Ok(());
        for Said { content, item } in said {
            let message = Message::User { content };
            let recorded = state.record_message(message.clone());
            if recorded.is_err() {
                state.history.push(message);
            }
            let record = Record::Item { turn_id: self.turn.id.clone(), item: item.clone() };
            let recorded = recorded.and_then(|_| state.recorder.record(&record));
            state.recorder.flush();
            let position = recorded.as_ref().map_or(Position::Transient {}, |seq| Position::Recorded { seq: *seq });
            state.recorder.tell(self.item_started(item.clone())).await;
            state.recorder.send(self.item_completed(item), position).await;
            all = all.and(recorded.map(drop));
        }
        all
    }
}
