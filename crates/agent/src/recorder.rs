//! Writes first, tells second. The only place that appends to the journal and the only one that sends events.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use codex_protocol::{Event, Position, ServerMessage, ServerNotification, ServerRequest, Warning};
use codex_store::{Journal, Pinned, Record, StoreError};
use codex_tools::LiveOutput;
use tokio::{sync::mpsc, task::JoinHandle};

/// The journal of a thread and its listeners. What commands put out while they run is told past it
/// ([`LiveOutput`]), for it is not recorded before they end.
#[derive(Debug)]
pub(crate) struct Recorder {
    journal: SharedJournal,
    events: mpsc::Sender<ServerMessage>,
    /// The newest flush to the device, still running perhaps.
    flush: Option<JoinHandle<std::io::Result<()>>>,
    /// The newest record's ordinal.
    last: u64,
    /// Whether the listener is told what is not recorded before it is whole.
    live: bool,
    /// Whether something of the thread is kept: else the log names nothing of it.
    kept: bool,
    /// What the records say of the work.
    pinned: Arc<Pinned>,
}

/// A journal that what the user says while a turn runs is written to as well.
#[derive(Debug, Clone)]
pub(crate) struct SharedJournal(Arc<Mutex<Journal>>);

impl SharedJournal {
    pub(crate) fn append(&self, record: &Record) -> Result<u64, StoreError> {
        self.lock().append(record)
    }

    /// What opening it has to say is written with the next record.
    pub(crate) fn hold_no_more(&self) {
        self.lock().hold(false);
    }

    /// Shows by its time that the program is there.
    pub(crate) fn touch(&self) {
        self.lock().touch();
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    pub(crate) fn journal(&self) -> SharedJournal {
        self.journal.clone()
    }

    pub(crate) fn new(journal: Journal, events: mpsc::Sender<ServerMessage>, live: bool) -> Self {
        Self {
            kept: journal.path().is_some(),
            journal: SharedJournal(Arc::new(Mutex::new(journal))),
            events,
            flush: None,
            last: 0,
            live,
            pinned: Arc::default(),
        }
    }

    /// Appends a record; returns its ordinal.
    pub(crate) fn record(&mut self, record: &Record) -> Result<u64, StoreError> {
        self.last = self.journal.append(record)?;
        Pinned::note(&mut self.pinned, record);
        Ok(self.last)
    }

    /// What the records say of the work.
    pub(crate) fn pinned(&self) -> &Arc<Pinned> {
        &self.pinned
    }

    /// Goes on from what records of before say of the work.
    pub(crate) fn set_pinned(&mut self, pinned: Arc<Pinned>) {
        self.pinned = pinned;
    }

    /// Where a listener is told what is not recorded before it is whole, if it wants to be.
    pub(crate) fn live(&self, thread_id: &str) -> Option<LiveOutput> {
        self.live.then(|| LiveOutput { thread_id: thread_id.to_owned(), events: self.events.clone() })
    }

    /// Whether the listener is told the model's thinking while it comes.
    pub(crate) fn tells_thinking(&self) -> bool {
        self.live
    }

    /// Tells of text that will be recorded with its item only.
    pub(crate) async fn tell_part(&self, notification: ServerNotification, offset: u64) {
        self.send(notification, Position::Delta { after_seq: self.last, offset }).await;
    }

    /// Appends a record, then tells of it.
    pub(crate) async fn record_and_tell(
        &mut self,
        record: &Record,
        notification: ServerNotification,
    ) -> Result<(), StoreError> {
        let seq = self.record(record)?;
        self.send(notification, Position::Recorded { seq }).await;
        Ok(())
    }

    /// Writes a line into the log. What was said must not stand in it.
    pub(crate) fn log(&self, level: codex_log::Level, text: std::fmt::Arguments<'_>) {
        if self.kept {
            codex_log::write(level, text);
        }
    }

    /// Tells of something that is not recorded.
    pub(crate) async fn tell(&self, notification: ServerNotification) {
        self.send(notification, Position::Transient {}).await;
    }

    /// Tells at a given place in the record. A listener that has gone is not an error: the record stays.
    pub(crate) async fn send(&self, notification: ServerNotification, position: Position) {
        let _ = self.events.send(ServerMessage::Event(Event { notification, position })).await;
    }

    /// Asks a question; false if nobody listens.
    pub(crate) async fn ask(&self, id: u64, request: ServerRequest) -> bool {
        self.events.send(ServerMessage::Request { id, request }).await.is_ok()
    }

    /// Returns when nobody listens any more.
    pub(crate) async fn unheard(&self) {
        self.events.closed().await;
    }

    /// Has the journal flushed to the device (`fdatasync(2)`), on a blocking thread and without waiting.
    pub(crate) fn flush(&mut self) {
        if let Some(file) = self.journal.lock().sync_handle() {
            self.flush = Some(tokio::task::spawn_blocking(move || file.sync_data()));
        }
    }

    /// Waits for the newest flush; a device that refuses is told as a warning.
    pub(crate) async fn flushed(&mut self, thread_id: &str) {
        let Some(flush) = self.flush.take() else { return };
        if let Ok(Err(error)) = flush.await {
            let message = format!("the session may not survive a crash of the machine: fdatasync: {error}");
            self.tell(ServerNotification::Warning(Warning { thread_id: Some(thread_id.to_owned()), message })).await;
        }
    }

    pub(crate) fn journal_path(&self) -> Option<PathBuf> {
        self.journal.lock().path().map(Path::to_owned)
    }

    /// Lets go of the journal: others can open it, and nothing is written any more.
    pub(crate) fn close(&mut self) {
        *self.journal.lock() = Journal::ephemeral();
    }

    pub(crate) fn events(&self) -> mpsc::Sender<ServerMessage> {
        self.events.clone()
    }
}
