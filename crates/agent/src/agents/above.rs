//! What a sub-agent does to files in the directories of the thread that it works for: it is in that thread's record too,
//! as far as `/rewind` and `/diff` need it. Those with a worktree of their own work elsewhere.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use codex_store::Record;

use super::Agents;
use crate::{Thread, recorder::SharedJournal, turn_diff::TurnDiff};

/// The record of a thread above a sub-agent.
#[derive(Debug, Clone)]
pub(crate) struct Above {
    journal: SharedJournal,
    now: Arc<Mutex<Now>>,
    /// Id of the sub-agent's thread: no two items may have the same name.
    agent: String,
}

/// What a thread does now.
#[derive(Debug, Default)]
struct Now {
    /// The turn that runs, or ran last.
    turn: String,
    /// What tells the changes of the turn that runs, if somebody wants to know of them.
    diff: Option<TurnDiff>,
}

/// The records of a thread and of those above it.
#[derive(Debug, Default)]
pub(super) struct Records {
    own: OnceLock<Above>,
    above: OnceLock<Vec<Above>>,
}

impl Records {
    /// Those that the sub-agent of this id is to write in.
    fn of(&self, agent: &str) -> Vec<Above> {
        let all = self.above.get().into_iter().flatten().chain(self.own.get());
        all.map(|above| Above { agent: agent.to_owned(), ..above.clone() }).collect()
    }
}

impl Above {
    /// A state of files, before or after an action of the sub-agent, or that such an action begins.
    pub(crate) fn append(&self, record: &Record) {
        let item = |item: &String| format!("{}_{item}", self.agent);
        let record = match record {
            Record::Checkpoint { item_id, snapshot, runs_on, .. } => Record::Checkpoint {
                turn_id: self.now().turn.clone(),
                item_id: item_id.as_ref().map(item),
                snapshot: snapshot.clone(),
                runs_on: *runs_on,
                late: Vec::new(),
                agent: Some(self.agent.clone()),
            },
            Record::Started { item_id, checkpoint: Some(checkpoint), .. } => Record::Started {
                // It is no call of that thread's model.
                call_id: String::new(),
                item_id: item(item_id),
                access: serde_json::Value::Null,
                checkpoint: Some(checkpoint.clone()),
            },
            _ => return,
        };
        // If it cannot be written, that thread's own next record fails, and says so.
        let Ok(seq) = self.journal.append(&record) else { return };
        let diff = self.now().diff.clone();
        if let Some(diff) = diff {
            diff.note(seq, &record);
        }
    }

    /// Where that record is.
    pub(crate) fn journal(&self) -> SharedJournal {
        self.journal.clone()
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Agents {
    /// The record of the thread that they work for.
    pub(crate) fn record_in(&self, journal: SharedJournal) {
        let _ = self.records.own.set(Above { journal, now: Arc::default(), agent: String::new() });
    }

    /// The turn that runs from now on.
    pub(crate) fn turn_is(&self, turn_id: &str) {
        if let Some(own) = self.records.own.get() {
            turn_id.clone_into(&mut own.now().turn);
        }
    }

    /// What tells the changes of that turn, as long as there is something.
    pub(crate) fn diff_is(&self, diff: Option<TurnDiff>) {
        if let Some(own) = self.records.own.get() {
            own.now().diff = diff;
        }
    }

    /// Has the new sub-agent of this id write what it does to files in the records above it.
    pub(super) async fn tie(&self, thread: &Thread, id: &str) {
        let above = self.records.of(id);
        if let Some(agents) = thread.own_agents() {
            let _ = agents.records.above.set(above.clone());
        }
        thread.state.lock().await.checkpoints.others.above = above;
    }
}
