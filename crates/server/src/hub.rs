//! Several connections to one server: which threads each follows, and what each has yet to hear.
//!
//! It must never wait for a connection, and threads live on without one. `docs/design/0013-remote-sessions.md` says how.

mod heard;
mod held;
mod missed;
mod now;
mod outbox;
mod threads;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use codex_agent::AnswerError;
use codex_config::Environment;
use codex_protocol::{
    ClientRequest, ClientResponse, ErrorKind, RpcError, ServerMessage, SessionSource, ThreadOpened, ThreadReadParams,
    ThreadResumeParams, ThreadUnsubscribed,
};
use tokio::sync::{Notify, mpsc};

use self::{missed::missed, outbox::Outbox, threads::Threads};
use crate::{
    Calls, Cassette, Ceiling, Server,
    in_process::{Answered, in_order},
    reading::blocking,
};

/// How long a thread that nobody follows and that does nothing stays in memory.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// How long what was told last may be on its way to the outboxes.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often it is looked for those.
const ROUND: Duration = Duration::from_secs(60);

/// A server with several connections.
#[derive(Debug)]
pub struct Hub {
    server: Arc<Server>,
    /// The most that clients get; without it, what they ask for.
    ceiling: Option<Ceiling>,
    threads: Arc<Mutex<Threads>>,
    /// Something ended.
    changed: Notify,
}

impl Hub {
    /// Starts a server on the current runtime. It ends when nobody has it any more and all connections have ended.
    ///
    /// `helper` is this program's own file; `cassette` is as for [`Server::in_process`].
    pub fn start(
        environment: Environment,
        helper: PathBuf,
        source: SessionSource,
        ceiling: Option<Ceiling>,
        cassette: Option<Cassette>,
    ) -> Arc<Self> {
        let level = ceiling.as_ref().map(|ceiling| ceiling.sandbox);
        let (server, told) = Server::begin(environment, helper, source, level, cassette);
        let (threads, changed) = Default::default();
        let hub = Arc::new(Self { server, ceiling, threads, changed });
        tokio::spawn(listen(Arc::downgrade(&hub), told));
        tokio::spawn(unload(Arc::downgrade(&hub)));
        hub
    }

    /// Another connection. It ends when the sender is dropped; what it is told ends when it falls too far behind.
    pub fn connect(self: &Arc<Self>) -> (Calls, mpsc::Receiver<ServerMessage>) {
        let outbox = Arc::new(Outbox::default());
        let connection = Connected { id: self.lock().join(Arc::clone(&outbox)), hub: Arc::clone(self) };
        let (listener, hears) = mpsc::channel(16);
        let (hub, id) = (Arc::downgrade(self), connection.id);
        tokio::spawn(async move {
            outbox.tell(listener).await;
            // What it asked for may still be under way, and wait for an answer of it.
            if let Some(hub) = hub.upgrade() {
                hub.left(id);
            }
        });
        let connection = Arc::new(connection);
        let calls = in_order(move |request| {
            let connection = Arc::clone(&connection);
            async move { connection.hub.answer(connection.id, request).await }
        });
        (calls, hears)
    }

    /// Ends: no turn begins any more, those that run have `grace`, and then all threads are closed.
    pub async fn drain(&self, grace: Duration) {
        self.lock().is_closing = true;
        self.until(grace, |threads| !threads.works()).await;
        let open = self.lock().open();
        for id in open {
            self.server.close(id).await;
        }
        // That they are is on its way here.
        self.until(LAST_WORDS, |threads| threads.open().is_empty()).await;
        self.lock().hang_up();
    }

    /// Waits until this is so, or for so long.
    async fn until(&self, most: Duration, is_so: impl Fn(&Threads) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if is_so(&self.lock()) {
                    return;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(most, wait).await;
    }

    /// Whether it ends: no turn begins any more.
    pub fn is_closing(&self) -> bool {
        self.lock().is_closing
    }

    /// Closes threads that nobody follows, and that have done nothing for so long.
    pub async fn unload_idle(&self, longer_than: Duration) {
        let idle = self.lock().idle(longer_than);
        for id in idle {
            let runs_on = self.server.thread(&id).is_ok_and(|thread| !thread.processes().is_empty());
            if !runs_on {
                self.server.close(id).await;
            }
        }
    }

    async fn answer(&self, connection: u64, mut request: ClientRequest) -> Answered {
        if let Some(ceiling) = &self.ceiling {
            match ceiling.hold(&mut request) {
                Ok(left_out) => self.lock().warn(connection, left_out),
                Err(error) => return Err(error).into(),
            }
            if let Err(error) = self.hold_thread(ceiling, &request).await {
                return Err(error).into();
            }
        }
        let live = live_output(&request);
        match request {
            ClientRequest::ThreadStart(_) | ClientRequest::ThreadFork(_) => self.open(connection, live, request).await,
            ClientRequest::ThreadResume(params) => match self.resume(connection, live, params).await {
                Ok((opened, then)) => Answered { result: Ok(ClientResponse::ThreadResume(opened)), then: Some(then) },
                Err(error) => Err(error).into(),
            },
            ClientRequest::ThreadUnsubscribe(params) => {
                let let_go = self.lock().unfollow(connection, &params.thread_id);
                let status = match let_go {
                    Some(status) => status,
                    None => self.server.close(params.thread_id).await,
                };
                Ok(ClientResponse::ThreadUnsubscribe(ThreadUnsubscribed { status })).into()
            }
            ClientRequest::ServerRequestAnswer(ref params) if !self.lock().asks(connection, params.request_id) => {
                let message = AnswerError::NotOpen(params.request_id).to_string();
                Err(RpcError::new(ErrorKind::NotFound, message)).into()
            }
            ClientRequest::AgentsStart(_)
            | ClientRequest::TurnStart(_)
            | ClientRequest::ReviewStart(_)
            | ClientRequest::ThreadShellCommand(_)
            | ClientRequest::ThreadCompactStart(_)
                if self.lock().is_closing =>
            {
                let message = "the server is being stopped: no turn begins any more";
                Err(RpcError::new(ErrorKind::Internal, message)).into()
            }
            request => self.server.dispatch(request).await.map(|response| self.shown(response)).into(),
        }
    }

    /// Opens a new thread, which the connection follows then.
    async fn open(&self, connection: u64, live: bool, mut request: ClientRequest) -> Answered {
        // Others may follow it that want more.
        match &mut request {
            ClientRequest::ThreadStart(params) => params.live_output = Some(true),
            ClientRequest::ThreadFork(params) => params.from.live_output = Some(true),
            _ => {}
        }
        self.lock().opening.push(connection);
        let result = self.open_here(request).await;
        let mut threads = self.lock();
        threads.has_opened(connection);
        if let Ok(ClientResponse::ThreadStart(opened) | ClientResponse::ThreadFork(opened)) = &result {
            threads.opened(opened);
            threads.follow(connection, &opened.thread.id, live);
        }
        result.into()
    }

    /// Goes on with a thread, which may be open here, and what is to be done when that was said.
    async fn resume(
        &self,
        connection: u64,
        live: bool,
        params: ThreadResumeParams,
    ) -> Result<(ThreadOpened, Box<dyn FnOnce() + Send>), RpcError> {
        let open = self.lock().find(&params.thread_id);
        let id = match open {
            Some(id) => id,
            None => self.locate(&params.thread_id).await?,
        };
        // Of two that want it, one opens it and the other follows.
        let turnstile = self.lock().turnstile(&id);
        let _passed = turnstile.lock().await;
        let after = params.after_seq;
        let open = self.lock().find(&id);
        if open.is_none() {
            let params =
                ThreadResumeParams { thread_id: id.clone(), live_output: Some(true), after_seq: None, ..params };
            self.lock().opening.push(connection);
            let opened = self.open_here(ClientRequest::ThreadResume(params)).await;
            let mut threads = self.lock();
            threads.has_opened(connection);
            if let ClientResponse::ThreadResume(opened) = opened? {
                threads.opened(&opened);
            }
        }
        let opened = self.lock().attach(connection, &id, live)?;
        let missed = match (after, self.server.thread(&id).ok().and_then(|thread| thread.journal().map(PathBuf::from)))
        {
            (Some(after), Some(journal)) => {
                let id = id.clone();
                blocking(move || missed(&journal, &id, after)).await?
            }
            _ => (Vec::new(), 0),
        };
        let (threads, whole) = (Arc::clone(&self.threads), after.is_none());
        let then = move || lock(&threads).catch_up(connection, &id, missed, whole);
        Ok((opened, Box::new(then)))
    }

    /// The whole id of a thread on disk.
    async fn locate(&self, thread_id: &str) -> Result<String, RpcError> {
        let wanted = ThreadReadParams { thread_id: thread_id.to_owned() };
        match self.server.dispatch(ClientRequest::ThreadRead(wanted)).await? {
            ClientResponse::ThreadRead(read) => Ok(read.thread.id),
            _ => Ok(thread_id.to_owned()),
        }
    }

    /// Nobody is at the other end of a connection any more.
    fn left(&self, connection: u64) {
        self.lock().leave(connection);
        self.withdraw_unheard();
    }

    /// Questions that nobody can answer are answered with no.
    fn withdraw_unheard(&self) {
        let unheard = self.lock().unheard();
        unheard.into_iter().for_each(|question| self.server.questions.withdraw(question));
    }

    fn lock(&self) -> MutexGuard<'_, Threads> {
        lock(&self.threads)
    }
}

fn lock(threads: &Mutex<Threads>) -> MutexGuard<'_, Threads> {
    threads.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that has begun and not ended.
struct Connected {
    hub: Arc<Hub>,
    id: u64,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.hub.left(self.id);
    }
}

/// Has followers told what happens, as long as there is a hub.
async fn listen(hub: Weak<Hub>, mut told: mpsc::Receiver<ServerMessage>) {
    while let Some(message) = told.recv().await {
        let Some(hub) = hub.upgrade() else { return };
        let is_question = matches!(message, ServerMessage::Request { .. });
        hub.lock().tell(message, |thread| hub.server.works_for(thread));
        if is_question {
            hub.withdraw_unheard();
        }
        hub.changed.notify_waiters();
    }
}

/// Has idle threads closed, as long as there is a hub.
async fn unload(hub: Weak<Hub>) {
    loop {
        tokio::time::sleep(ROUND).await;
        let Some(hub) = hub.upgrade() else { return };
        hub.unload_idle(IDLE).await;
    }
}

/// Whether the client wants to be told what is not whole yet.
fn live_output(request: &ClientRequest) -> bool {
    let wanted = match request {
        ClientRequest::ThreadStart(params) => params.live_output,
        ClientRequest::ThreadResume(params) => params.live_output,
        ClientRequest::ThreadFork(params) => params.from.live_output,
        _ => None,
    };
    wanted.unwrap_or_default()
}
