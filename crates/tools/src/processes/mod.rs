//! The commands of a thread that run on after their call was answered, and those of them that ended unread.
//!
//! It must never start one: a call does, under the walls of its own verdict.

mod live;
mod running;
mod streams;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use codex_protocol::ThreadItem;
use codex_sandbox::Confinement;
pub use codex_sandbox::TerminalSize;
use tokio::sync::watch;

pub(crate) use self::live::Live;
pub use self::live::LiveOutput;
pub(crate) use self::running::{End, Ended, InputRefused, LONGEST_DEATH, Running, Start, Waited, run_to_end};
use crate::exec_command::Shown;

/// Most commands of a thread that run on at once.
const MOST_RUNNING: usize = 32;

/// Most ended commands that are kept for the model to read the end of; the oldest go first.
const MOST_ENDED: usize = 32;

/// The commands of one thread that run on. Dropping it kills them.
#[derive(Debug)]
pub struct Processes {
    table: Mutex<Table>,
    /// How many have ended, or may have.
    ends: watch::Sender<u64>,
    /// What was moved aside, by its path, and where it is.
    aside: Mutex<Vec<(PathBuf, PathBuf)>>,
}

#[derive(Debug)]
struct Table {
    next: u64,
    kept: BTreeMap<u64, Arc<Kept>>,
}

/// Most bytes of an unfinished line that was typed to a command: more than a shell reads as one.
const MOST_LINE: usize = 64 << 10;

/// A command that runs on.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) shown: Shown,
    pub(crate) running: Running,
    /// The walls that it runs behind.
    pub(crate) confinement: Confinement,
    /// What was typed since the last new line, at most [`MOST_LINE`] bytes of it.
    line: Mutex<String>,
    /// Whether its end was told.
    told: AtomicBool,
}

/// A command that runs on, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessInfo {
    /// What calls name it by; unique within a thread.
    pub id: u64,
    /// Id of the item that it is shown as.
    pub item_id: String,
    /// The command line.
    pub command: String,
    /// Absolute directory it was started in.
    pub directory: PathBuf,
    /// Wall time so far.
    pub running_for: Duration,
}

/// A command that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedProcess {
    /// What calls named it by.
    pub id: u64,
    /// Id of the turn that it was started in.
    pub turn_id: String,
    /// The finished item.
    pub item: ThreadItem,
}

impl Processes {
    /// `first` is the id of the first one. A thread that goes on gives other ids than before: the model may still
    /// speak of commands that ended with the thread.
    pub fn new(first: u64) -> Self {
        Self {
            table: Mutex::new(Table { next: first, kept: BTreeMap::new() }),
            ends: watch::Sender::default(),
            aside: Mutex::default(),
        }
    }

    /// Those that still run, the oldest first.
    pub fn list(&self) -> Vec<ProcessInfo> {
        let info = |id: &u64, kept: &Kept| ProcessInfo {
            id: *id,
            item_id: kept.shown.id.clone(),
            command: kept.shown.command.clone(),
            directory: kept.shown.directory.clone(),
            running_for: kept.running.running_for(),
        };
        let table = self.table();
        let running = table.kept.iter().filter(|(_, kept)| kept.running.ended().is_none());
        running.map(|(id, kept)| info(id, kept)).collect()
    }

    /// Kills one with everything it started and waits until that is done; false if none of that id runs.
    pub async fn stop(&self, id: u64) -> bool {
        let kept = self.get(id).filter(|kept| kept.running.ended().is_none());
        match kept {
            Some(kept) => {
                kept.running.stop().await;
                true
            }
            None => false,
        }
    }

    /// Kills all of them.
    pub async fn stop_all(&self) {
        let all: Vec<Arc<Kept>> = self.table().kept.values().cloned().collect();
        all.iter().for_each(|kept| kept.running.kill());
        for kept in all {
            kept.running.stop().await;
        }
    }

    /// Changes the size of a command's terminal; false if none of that id runs.
    pub fn resize(&self, id: u64, size: TerminalSize) -> bool {
        let kept = self.get(id).filter(|kept| kept.running.ended().is_none());
        kept.map(|kept| kept.running.resize(size)).is_some()
    }

    /// One that has ended and whose end was not told yet.
    pub fn next_ended(&self) -> Option<EndedProcess> {
        let table = self.table();
        let mut untold = table.kept.iter().filter(|(_, kept)| !kept.is_told());
        untold.find_map(|(id, kept)| {
            let ended = kept.running.ended()?;
            let item = kept.shown.ended(&kept.running, &ended);
            Some(EndedProcess { id: *id, turn_id: kept.shown.turn_id.clone(), item })
        })
    }

    /// Takes note that the end of one was recorded and told.
    pub fn told(&self, id: u64) {
        if let Some(kept) = self.get(id) {
            kept.told.store(true, Ordering::Relaxed);
            kept.running.ended().iter().for_each(|ended| self.note_aside(ended));
        }
    }

    /// Takes note of what a command had made that was moved aside when it ended.
    pub(crate) fn note_aside(&self, ended: &Ended) {
        let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        aside.extend(ended.noticed.aside.iter().cloned());
    }

    /// Whether [`Processes::take_aside`] has something.
    pub fn has_aside(&self) -> bool {
        !self.aside.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// What commands have made where nothing may be, and where it was moved to, since this was asked last.
    pub fn take_aside(&self) -> Vec<(PathBuf, PathBuf)> {
        std::mem::take(&mut self.aside.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes whenever [`Processes::next_ended`] may have something.
    pub fn ends(&self) -> watch::Receiver<u64> {
        self.ends.subscribe()
    }

    /// What a command is to count up when it ends.
    pub(crate) fn count_ends(&self) -> watch::Sender<u64> {
        self.ends.clone()
    }

    /// Whether one more may run on.
    pub(crate) fn has_room(&self) -> bool {
        self.list().len() < MOST_RUNNING
    }

    /// Keeps a command that runs on; returns its id.
    pub(crate) fn keep(&self, kept: Kept) -> u64 {
        let mut table = self.table();
        let id = table.next;
        table.next += 1;
        table.kept.insert(id, Arc::new(kept));
        let ended: Vec<u64> = table.kept.iter().filter(|(_, kept)| kept.is_told()).map(|(id, _)| *id).collect();
        for id in ended.iter().take(ended.len().saturating_sub(MOST_ENDED)) {
            table.kept.remove(id);
        }
        // It may have ended just before it was kept, when nobody could find it.
        self.ends.send_modify(|ends| *ends += 1);
        id
    }

    /// One that runs, or has ended and was not forgotten.
    pub(crate) fn get(&self, id: u64) -> Option<Arc<Kept>> {
        self.table().kept.get(&id).cloned()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    pub(crate) fn new(shown: Shown, running: Running, confinement: Confinement) -> Self {
        Self { shown, running, confinement, line: Mutex::default(), told: AtomicBool::new(false) }
    }

    /// What was typed since the last new line.
    pub(crate) fn line(&self) -> String {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that `text` was typed.
    pub(crate) fn typed(&self, text: &str) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        match text.rfind('\n') {
            Some(at) => *line = text[at + 1..].to_owned(),
            None => line.push_str(text),
        }
        let mut from = line.len().saturating_sub(MOST_LINE);
        while !line.is_char_boundary(from) {
            from += 1;
        }
        line.drain(..from);
    }

    fn is_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }
}
