//! Sessions that two processes want: the one that has a session open can be asked for it, and lets go of it.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use codex_protocol::UnsubscribeStatus;
use codex_store::{Door, Journal, LET_GO, Replayed, StoreError};
use tokio::{
    io::AsyncReadExt,
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::AbortHandle,
};

use crate::Server;

/// How long a session is waited for that another process has open. A client program that stops a turn does not wait
/// for the end of the process that ran it, and may go on with the session at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long, where the other process was asked for it: a command that it runs may take some time to end.
const MORE_PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(20);

/// The doors of the threads that are open here.
#[derive(Debug)]
pub(crate) struct Doors {
    open: Mutex<HashMap<String, Attended>>,
    asks: mpsc::UnboundedSender<Asked>,
    asked: Mutex<Option<mpsc::UnboundedReceiver<Asked>>>,
}

/// Somebody wants a thread that is open here.
#[derive(Debug)]
struct Asked {
    thread_id: String,
    by: Option<i32>,
}

#[derive(Debug)]
struct Attended {
    _door: Door,
    listens: AbortHandle,
}

impl Drop for Attended {
    fn drop(&mut self) {
        self.listens.abort();
    }
}

impl Default for Doors {
    fn default() -> Self {
        let (asks, asked) = mpsc::unbounded_channel();
        Self { open: Mutex::default(), asks, asked: Mutex::new(Some(asked)) }
    }
}

impl Doors {
    /// From now on the thread can be asked for. Where that cannot be, nobody can ask, and that is all.
    pub(crate) fn open(&self, codex_home: &Path, thread_id: &str) {
        let Ok((door, listener)) = Door::open(codex_home, thread_id) else { return };
        let Ok(listener) = UnixListener::from_std(listener) else { return };
        let (asks, id) = (self.asks.clone(), thread_id.to_owned());
        let listens = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Some(asked) = hear(stream, &id).await {
                    let _ = asks.send(asked);
                }
            }
        });
        let attended = Attended { _door: door, listens: listens.abort_handle() };
        self.all().insert(thread_id.to_owned(), attended);
    }

    /// The thread cannot be asked for any more.
    pub(crate) fn close(&self, thread_id: &str) {
        self.all().remove(thread_id);
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<String, Attended>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said at a door, by whom.
async fn hear(mut stream: UnixStream, thread_id: &str) -> Option<Asked> {
    let who = stream.peer_cred().ok()?;
    let mut said = vec![0; LET_GO.len()];
    // Whoever only looks who is there says nothing, and goes.
    let heard = tokio::time::timeout(Duration::from_secs(1), stream.read_exact(&mut said)).await;
    let is_own = who.uid() == rustix::process::geteuid().as_raw();
    let asked = matches!(heard, Ok(Ok(_))) && said == LET_GO && is_own;
    asked.then(|| Asked { thread_id: thread_id.to_owned(), by: who.pid() })
}

impl Server {
    /// Lets go of threads that others ask for, as long as this server is there.
    pub(crate) fn attend(self: &Arc<Self>) {
        let asked = self.doors.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (server, Some(mut asked)) = (Arc::downgrade(self), asked) else { return };
        tokio::spawn(async move {
            while let Some(Asked { thread_id, by }) = asked.recv().await {
                let Some(server) = server.upgrade() else { return };
                let by = by.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
                let message = format!("{by} goes on with this session; it is closed here");
                server.warn(&thread_id, &[message]).await;
                let _: UnsubscribeStatus = server.close(thread_id).await;
            }
        });
    }
}

/// As [`Journal::open`], a little later if the session is being closed elsewhere. `takes_over`: whoever has it open is asked
/// to let it go.
///
/// # Errors
/// As [`Journal::open`]; with who has it open, if that can be told.
pub(crate) async fn open_journal(path: &Path, takes_over: bool) -> Result<(Journal, Replayed, usize), StoreError> {
    let begun = Instant::now();
    let mut asked = false;
    loop {
        let wanted = path.to_owned();
        // It may be long.
        let opened = tokio::task::spawn_blocking(move || Journal::open(&wanted)).await;
        let opened = opened.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let patience = if asked { MORE_PATIENCE } else { PATIENCE };
        match opened {
            Err(StoreError::Locked { .. }) if begun.elapsed() < patience => {
                asked = asked || takes_over && codex_store::ask_for(path).is_ok();
                tokio::time::sleep(GLANCE).await;
            }
            done => return done.map_err(StoreError::with_holder),
        }
    }
}
