//! The life of one server: started when it is first needed, listed, started again when it was lost, ended when nobody uses it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use rmcp::{
    RoleClient,
    service::{Peer, RunningService},
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Auth, Ground, RemotePrompt, RemoteResource, RemoteTool, ServerSpec, ServerState, Status,
    calls::Calls,
    client::Client,
    connect::{self, Connected, NotConnected},
    limits,
    spec::Walls,
    stdio::{Broken, Tail},
};

/// How often in a row a server is started again.
const ATTEMPTS: u32 = 5;
/// A server that answered for so long begins a new row.
const STEADY: Duration = Duration::from_secs(30);
/// How long a connection may take to be closed.
const CLOSING: Duration = Duration::from_secs(1);
/// Lists are asked for again once in so long at most.
const RELIST: Duration = Duration::from_millis(500);

/// What a server offers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Offers {
    pub(crate) tools: Vec<RemoteTool>,
    pub(crate) prompts: Vec<RemotePrompt>,
    pub(crate) resources: Vec<RemoteResource>,
    /// What is wrong with the lists, in a sentence.
    pub(crate) trouble: Option<String>,
}

/// A server that threads use. When the last one lets go of it, it ends.
pub(crate) struct Server(pub(crate) Arc<Life>);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.stop.cancel();
    }
}

/// What there is of a server, whether it runs or not.
pub(crate) struct Life {
    pub(crate) spec: ServerSpec,
    pub(crate) ground: Ground,
    now: Mutex<Now>,
    pub(crate) tail: Tail,
    pub(crate) calls: Calls,
    pub(crate) relist: Arc<Notify>,
    /// Told when it is to be started anew.
    again: Notify,
    /// Told when it refused a request for want of a login.
    refused: Notify,
    stop: CancellationToken,
    changes: watch::Sender<()>,
    listeners: Mutex<Vec<Weak<watch::Sender<u64>>>>,
}

struct Now {
    status: Status,
    error: Option<String>,
    title: Option<String>,
    auth: Auth,
    offers: Arc<Offers>,
    peer: Option<Peer<RoleClient>>,
}

/// How a connection ended.
enum End {
    Stopped,
    Again,
    Refused,
    NotStarted(String),
    Lost(String),
}

impl Server {
    pub(crate) fn new(spec: ServerSpec, ground: Ground) -> Self {
        let now = Now {
            status: Status::NotStarted,
            error: None,
            title: None,
            auth: Auth::default(),
            offers: Arc::default(),
            peer: None,
        };
        Self(Arc::new(Life {
            spec,
            ground,
            now: Mutex::new(now),
            tail: Tail::default(),
            calls: Calls::default(),
            relist: Arc::default(),
            again: Notify::new(),
            refused: Notify::new(),
            stop: CancellationToken::new(),
            changes: watch::Sender::new(()),
            listeners: Mutex::default(),
        }))
    }

    /// Starts it if that was not done.
    pub(crate) fn start(&self) {
        let is_first = self.0.set(|now| {
            let is_first = now.status == Status::NotStarted;
            if is_first {
                now.status = Status::Starting;
            }
            is_first
        });
        if is_first {
            tokio::spawn(live(Arc::clone(&self.0)));
        }
    }

    /// Ends it and starts it.
    pub(crate) fn restart(&self) {
        if self.0.with(|now| now.status == Status::NotStarted) {
            return self.start();
        }
        self.0.set(|now| (now.status, now.error) = (Status::Starting, None));
        self.0.again.notify_one();
    }
}

impl Life {
    /// Where it may work, the workspace first.
    pub(crate) fn roots(&self) -> Vec<PathBuf> {
        let mut roots = vec![self.ground.workspace.clone()];
        if let Walls::Confined { extra_roots, .. } = &self.spec.walls {
            roots.extend(extra_roots.iter().cloned());
        }
        roots
    }

    fn with<T>(&self, work: impl FnOnce(&mut Now) -> T) -> T {
        work(&mut self.now.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes how it is, and says so.
    fn set<T>(&self, work: impl FnOnce(&mut Now) -> T) -> T {
        let done = self.with(work);
        self.changes.send_replace(());
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).retain(|listener| match listener.upgrade() {
            Some(listener) => {
                listener.send_modify(|number| *number += 1);
                true
            }
            None => false,
        });
        done
    }

    fn not(&self, status: Status, error: Option<String>) {
        self.set(|now| {
            (now.status, now.error, now.peer, now.offers) = (status, error, None, Arc::default());
            if status == Status::NeedsLogin {
                now.auth = Auth::NotLoggedIn;
            }
        });
    }

    /// Lets `listener` hear of each change.
    pub(crate) fn tell(&self, listener: &Arc<watch::Sender<u64>>) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(listener));
    }

    pub(crate) fn status(&self) -> Status {
        self.with(|now| now.status)
    }

    pub(crate) fn error(&self) -> Option<String> {
        self.with(|now| now.error.clone())
    }

    pub(crate) fn offers(&self) -> Arc<Offers> {
        self.with(|now| Arc::clone(&now.offers))
    }

    pub(crate) fn peer(&self) -> Option<Peer<RoleClient>> {
        self.with(|now| now.peer.clone())
    }

    pub(crate) fn needs_login(&self) {
        self.refused.notify_one();
    }

    /// Waits until it is not on its way any more.
    pub(crate) async fn settled(&self) -> Status {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            let status = self.status();
            if !status.is_on_its_way() || changes.changed().await.is_err() {
                return status;
            }
        }
    }

    pub(crate) fn state(&self) -> ServerState {
        let stderr = self.tail.text();
        self.with(|now| ServerState {
            name: self.spec.name.clone(),
            plugin: self.spec.plugin.clone(),
            status: now.status,
            error: now.error.clone().or_else(|| now.offers.trouble.clone()),
            stderr,
            title: now.title.clone(),
            tools: now.offers.tools.iter().map(|tool| tool.name.clone()).collect(),
            prompts: now.offers.prompts.iter().map(|prompt| prompt.name.clone()).collect(),
            resources: now.offers.resources.iter().map(|resource| resource.uri.clone()).collect(),
            auth: now.auth,
        })
    }

    /// One connection, from its beginning to its end.
    async fn connection(&self) -> End {
        self.set(|now| (now.status, now.error) = (Status::Starting, None));
        let broken = Broken::default();
        let startup = async {
            let connected = connect::connect(self, &broken).await?;
            let offers = connect::offers(self, connected.service.peer()).await;
            Ok((connected, offers))
        };
        let started = tokio::select! {
            started = tokio::time::timeout(self.spec.startup_timeout, startup) => started,
            () = self.stop.cancelled() => return End::Stopped,
            () = self.again.notified() => return End::Again,
        };
        let (connected, offers) = match started {
            Ok(Ok(started)) => started,
            Ok(Err(NotConnected::Refused)) => return End::Refused,
            Ok(Err(NotConnected::Because(why))) => return End::NotStarted(why),
            Err(_) => {
                return End::NotStarted(format!("did not start within {:?}", self.spec.startup_timeout));
            }
        };
        let Connected { service, mut program, shown } = connected;
        let peer = service.peer().clone();
        self.set(|now| {
            let auth = if shown.is_shown() { Auth::Token } else { Auth::Unsupported };
            (now.status, now.error, now.auth) = (Status::Ready, None, auth);
            (now.title, now.peer, now.offers) = (connect::title(&peer), Some(peer.clone()), Arc::new(offers));
        });
        let end = self.until_its_end(&peer, service, &broken).await;
        self.set(|now| now.peer = None);
        let end = match (end, &mut program) {
            (End::Lost(why), Some(program)) if why.is_empty() => {
                End::Lost(program.end_at_once().await.unwrap_or_else(|| "closed its output".to_owned()))
            }
            (End::Lost(why), None) if why.is_empty() => End::Lost("closed the connection".to_owned()),
            (end, _) => end,
        };
        if let Some(program) = program {
            program.close().await;
        }
        end
    }

    /// Looks after a connection that works. An empty reason is not known yet.
    async fn until_its_end(
        &self,
        peer: &Peer<RoleClient>,
        service: RunningService<RoleClient, Client>,
        broken: &Broken,
    ) -> End {
        let ending = service.cancellation_token();
        let mut ended = std::pin::pin!(service.waiting());
        let mut next_list = Instant::now();
        let end = loop {
            let changed = async {
                tokio::time::sleep_until(next_list).await;
                self.relist.notified().await;
            };
            tokio::select! {
                _ = &mut ended => {
                    let why = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
                    return End::Lost(why.unwrap_or_default());
                }
                () = self.stop.cancelled() => break End::Stopped,
                () = self.again.notified() => break End::Again,
                () = self.refused.notified() => break End::Refused,
                () = changed => {
                    next_list = Instant::now() + RELIST;
                    tokio::select! {
                        offers = connect::offers(self, peer) => self.set(|now| now.offers = Arc::new(offers)),
                        () = self.stop.cancelled() => break End::Stopped,
                        _ = &mut ended => return End::Lost(String::new()),
                    }
                }
            }
        };
        ending.cancel();
        let _ = tokio::time::timeout(CLOSING, ended).await;
        end
    }
}

/// All connections of a server, one after the other.
async fn live(life: Arc<Life>) {
    let mut attempt = 0;
    loop {
        let since = Instant::now();
        let end = life.connection().await;
        let is_new_row = since.elapsed() >= STEADY;
        let wait = match end {
            End::Stopped => return life.not(Status::NotStarted, None),
            End::Again => {
                attempt = 0;
                continue;
            }
            End::Refused => {
                life.not(Status::NeedsLogin, Some("wants a login".to_owned()));
                None
            }
            // What never answered will not do so the next time.
            End::NotStarted(why) if attempt == 0 => {
                life.not(Status::Failed, Some(why));
                None
            }
            End::NotStarted(why) | End::Lost(why) => {
                attempt = if is_new_row { 1 } else { attempt + 1 };
                if attempt > ATTEMPTS {
                    life.not(Status::Failed, Some(format!("{why}, and was started again {ATTEMPTS} times in vain")));
                    None
                } else {
                    life.not(Status::Restarting, Some(why));
                    Some(limits::backoff(life.spec.first_wait, attempt))
                }
            }
        };
        let waiting = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = waiting => {}
            () = life.again.notified() => attempt = 0,
            () = life.stop.cancelled() => return life.not(Status::NotStarted, None),
        }
    }
}
