//! The threads of a hub with their followers, and the connections. Whatever changes here is done at once: nothing waits.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use codex_client::thread_of;
use codex_protocol::{
    ErrorKind, Event, Position, RpcError, ServerMessage, ServerNotification, ServerRequest, ThreadOpened, ThreadStatus,
    TurnStatus, UnsubscribeStatus, Warning,
};

use super::{heard::Heard, now::Now, outbox::Outbox};

/// Messages of a thread that is being opened, and that nobody follows yet, that are kept for whoever opens it.
const EARLY: usize = 256;

/// The threads, and who hears of them.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    /// No turn begins any more.
    pub(crate) is_closing: bool,
    /// The connections that open threads, once for each.
    pub(crate) opening: Vec<u64>,
    connections: HashMap<u64, Arc<Outbox>>,
    /// How many connections there ever were.
    joined: u64,
    all: HashMap<String, Followed>,
    /// Sub-agents, each with the thread at the top that it works for.
    agents: HashMap<String, String>,
    /// One passes at a time, by thread.
    turnstiles: HashMap<String, Weak<tokio::sync::Mutex<()>>>,
}

/// A thread and its followers.
#[derive(Debug)]
struct Followed {
    /// `None`: it is being opened.
    opened: Option<ThreadOpened>,
    followers: BTreeMap<u64, Follower>,
    early: Vec<ServerMessage>,
    now: Now,
    /// When something was last heard of it.
    heard: Instant,
}

#[derive(Debug)]
struct Follower {
    /// Whether it is told what is not whole yet.
    live: bool,
    /// What was told since it came, while what it missed before is still read.
    held: Option<Vec<ServerMessage>>,
    /// What it was told from the record.
    heard: Heard,
}

impl Threads {
    /// A connection is there. Returns its number.
    pub(crate) fn join(&mut self, outbox: Arc<Outbox>) -> u64 {
        self.joined += 1;
        self.connections.insert(self.joined, outbox);
        self.joined
    }

    /// A connection has ended.
    pub(crate) fn leave(&mut self, connection: u64) {
        if let Some(outbox) = self.connections.remove(&connection) {
            outbox.close();
        }
        for followed in self.all.values_mut() {
            followed.followers.remove(&connection);
        }
    }

    /// Nothing more is told to anybody.
    pub(crate) fn hang_up(&self) {
        self.connections.values().for_each(|outbox| outbox.close());
    }

    /// Tells one connection what it should know.
    pub(crate) fn warn(&self, connection: u64, messages: Vec<String>) {
        let Some(outbox) = self.connections.get(&connection) else { return };
        for message in messages {
            let notification = ServerNotification::Warning(Warning { thread_id: None, message });
            outbox.put(ServerMessage::Event(Event { notification, position: Position::Transient {} }));
        }
    }

    /// The id of the open thread that is meant, if it is one.
    pub(crate) fn find(&self, id: &str) -> Option<String> {
        self.all.get(id).filter(|followed| followed.opened.is_some()).map(|_| id.to_owned())
    }

    /// The ids of all open threads.
    pub(crate) fn open(&self) -> Vec<String> {
        self.all.keys().cloned().collect()
    }

    /// What those who want to open a thread pass, one after the other.
    pub(crate) fn turnstile(&mut self, id: &str) -> Arc<tokio::sync::Mutex<()>> {
        self.turnstiles.retain(|_, turnstile| turnstile.strong_count() > 0);
        let known = self.turnstiles.get(id).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let turnstile = Arc::default();
            self.turnstiles.insert(id.to_owned(), Arc::downgrade(&turnstile));
            turnstile
        })
    }

    /// A thread is open.
    pub(crate) fn opened(&mut self, opened: &ThreadOpened) {
        self.entry(&opened.thread.id).opened = Some(opened.clone());
    }

    /// From now on the connection is told what happens in the thread, and what was told since it was opened.
    pub(crate) fn follow(&mut self, connection: u64, id: &str, live: bool) {
        let Some(outbox) = self.connections.get(&connection).map(Arc::clone) else { return };
        let followed = self.entry(id);
        let early = std::mem::take(&mut followed.early);
        early.into_iter().filter(|message| live || !is_live(message)).for_each(|message| outbox.put(message));
        followed.followers.insert(connection, Follower { live, held: None, heard: Heard::default() });
    }

    /// The thread as it stands; what happens from now on is held for the connection until it has caught up.
    pub(crate) fn attach(&mut self, connection: u64, id: &str, live: bool) -> Result<ThreadOpened, RpcError> {
        let found = self.all.get_mut(id).filter(|_| self.connections.contains_key(&connection));
        let gone = || RpcError::new(ErrorKind::NotFound, format!("thread not found: {id}"));
        let followed = found.ok_or_else(gone)?;
        let mut opened = followed.opened.clone().ok_or_else(gone)?;
        let held = Some(std::mem::take(&mut followed.early));
        followed.followers.insert(connection, Follower { live, held, heard: Heard::default() });
        if followed.now.status().is_some() {
            opened.thread.status = ThreadStatus::Active { active_flags: Vec::new() };
            opened.cut_off = false;
        }
        Ok(opened)
    }

    /// Tells a connection what it missed of a thread, then how the thread stands. `whole`: it knows of no turn that runs.
    pub(crate) fn catch_up(&mut self, connection: u64, id: &str, missed: (Vec<ServerMessage>, u64), whole: bool) {
        let Some(outbox) = self.connections.get(&connection) else { return };
        let Some(followed) = self.all.get_mut(id) else { return };
        let Some(follower) = followed.followers.get_mut(&connection) else { return };
        let (missed, last) = missed;
        let held = follower.held.take().unwrap_or_default();
        follower.heard = Heard::of(id, &missed, last);
        // A turn that has ended meanwhile is told with the tokens that it used.
        followed.now.usage().into_iter().for_each(|message| outbox.put(message));
        missed.into_iter().for_each(|message| outbox.put(message));
        let held = held.into_iter().filter(|message| is_news(message, whole));
        let stands = followed.now.messages(whole);
        held.chain(stands).filter(|message| !follower.heard.has(message)).for_each(|message| outbox.put(message));
    }

    /// A connection lets go of a thread: what that came to, or nothing if it alone followed it, and it is to be closed.
    pub(crate) fn unfollow(&mut self, connection: u64, id: &str) -> Option<UnsubscribeStatus> {
        let Some(followed) = self.all.get_mut(id).filter(|followed| followed.opened.is_some()) else {
            return Some(UnsubscribeStatus::NotLoaded);
        };
        let follows = followed.followers.contains_key(&connection);
        match (follows, followed.followers.len()) {
            (false, _) => Some(UnsubscribeStatus::NotSubscribed),
            (true, 1) => None,
            (true, _) => {
                followed.followers.remove(&connection);
                Some(UnsubscribeStatus::Unsubscribed)
            }
        }
    }

    /// A connection opens a thread no more.
    pub(crate) fn has_opened(&mut self, connection: u64) {
        if let Some(at) = self.opening.iter().position(|opens| *opens == connection) {
            self.opening.swap_remove(at);
        }
    }

    /// Tells whoever opens threads what is asked before one of them is open, and that it was answered.
    fn tell_openers(&self, message: &ServerMessage) {
        let opens = self.connections.iter().filter(|(connection, _)| self.opening.contains(connection));
        opens.for_each(|(_, outbox)| outbox.put(message.clone()));
    }

    /// The questions of threads that are being opened, if nobody is there any more who opens one.
    pub(crate) fn unheard(&self) -> Vec<u64> {
        if self.opening.iter().any(|opens| self.connections.contains_key(opens)) {
            return Vec::new();
        }
        self.all
            .values()
            .filter(|followed| followed.opened.is_none())
            .flat_map(|followed| followed.now.asked())
            .collect()
    }

    /// Whether the question waits in a thread that the connection follows, or opens.
    pub(crate) fn asks(&self, connection: u64, question: u64) -> bool {
        let opens = self.opening.contains(&connection);
        let hears = |it: &Followed| (opens && it.opened.is_none()) || it.followers.contains_key(&connection);
        self.all.values().any(|followed| followed.now.asks(question) && hears(followed))
    }

    /// Whether a turn runs.
    pub(crate) fn works(&self) -> bool {
        self.all.values().any(|followed| followed.now.status().is_some())
    }

    /// Threads that nobody follows, and that have done nothing for so long.
    pub(crate) fn idle(&self, longer_than: Duration) -> Vec<String> {
        let idle = |followed: &Followed| {
            followed.opened.is_some()
                && followed.followers.is_empty()
                && !followed.now.is_busy()
                && followed.heard.elapsed() >= longer_than
        };
        self.all.iter().filter(|(_, followed)| idle(followed)).map(|(id, _)| id.clone()).collect()
    }

    /// Has everyone told whom it concerns. `works_for` knows for whom a sub-agent works.
    ///
    /// What is asked while a thread is being opened concerns whoever opens it, and not only once it is open: the question may
    /// be whether it is to be.
    pub(crate) fn tell(&mut self, message: ServerMessage, works_for: impl Fn(&str) -> Option<String>) {
        let Some(of) = thread_id(&message).filter(|_| !is_for_all(&message)).map(str::to_owned) else {
            self.connections.values().for_each(|outbox| outbox.put(message.clone()));
            return;
        };
        let root = self.root(&of, works_for);
        let closed =
            matches!(&message, ServerMessage::Event(Event { notification: ServerNotification::ThreadClosed(_), .. }));
        if !self.all.contains_key(&root) && self.opening.is_empty() {
            return;
        }
        let connections = &self.connections;
        let followed = self.all.entry(root.clone()).or_insert_with(Followed::new);
        followed.take_in(&root, &message);
        for (connection, follower) in &mut followed.followers {
            if (!follower.live && is_live(&message)) || follower.heard.has(&message) {
                continue;
            }
            match (&mut follower.held, connections.get(connection)) {
                (Some(held), _) => held.push(message.clone()),
                (None, Some(outbox)) => outbox.put(message.clone()),
                (None, None) => {}
            }
        }
        if followed.followers.is_empty() && followed.opened.is_none() {
            if is_question(&message) {
                self.tell_openers(&message);
            } else if followed.early.len() < EARLY {
                followed.early.push(message);
            }
        }
        if closed {
            self.agents.remove(&of);
            if of == root {
                self.all.remove(&root);
                self.agents.retain(|_, top| *top != root);
            }
        }
        if self.opening.is_empty() {
            // What was told of those that could not be opened after all.
            self.all.retain(|_, followed| followed.opened.is_some());
        }
    }

    /// The thread at the top that a thread works for; itself, if it works for none.
    fn root(&mut self, id: &str, works_for: impl Fn(&str) -> Option<String>) -> String {
        if self.all.contains_key(id) {
            return id.to_owned();
        }
        if let Some(root) = self.agents.get(id) {
            return root.clone();
        }
        let mut root = id.to_owned();
        while let Some(above) = works_for(&root) {
            root = above;
        }
        if root != id {
            self.agents.insert(id.to_owned(), root.clone());
        }
        root
    }

    fn entry(&mut self, id: &str) -> &mut Followed {
        self.all.entry(id.to_owned()).or_insert_with(Followed::new)
    }
}

impl Followed {
    fn new() -> Self {
        let (opened, followers, early, now) = Default::default();
        Self { opened, followers, early, now, heard: Instant::now() }
    }

    /// Keeps what whoever comes later has to know.
    fn take_in(&mut self, id: &str, message: &ServerMessage) {
        self.heard = Instant::now();
        self.now.apply(id, message);
        let (ServerMessage::Event(event), Some(opened)) = (message, &mut self.opened) else { return };
        match &event.notification {
            ServerNotification::ThreadSettingsUpdated(updated) if updated.thread_id == id => {
                let settings = updated.thread_settings.clone();
                opened.model = settings.model;
                opened.model_provider = settings.model_provider;
                opened.reasoning_effort = settings.effort;
                opened.approval_policy = settings.approval_policy;
                opened.sandbox = settings.sandbox_policy;
                opened.mode = settings.collaboration_mode.mode;
                opened.held_by = settings.held_by;
            }
            ServerNotification::TurnCompleted(ended) if ended.thread_id == id => {
                opened.cut_off = ended.turn.status != TurnStatus::Completed;
            }
            ServerNotification::ThreadNameUpdated(updated) => opened.thread.name.clone_from(&updated.thread_name),
            _ => {}
        }
    }
}

fn thread_id(message: &ServerMessage) -> Option<&str> {
    match message {
        ServerMessage::Event(Event { notification: ServerNotification::ServerRequestResolved(it), .. }) => {
            Some(&it.thread_id)
        }
        ServerMessage::Event(event) => thread_of(&event.notification),
        ServerMessage::Request { request, .. } => Some(match request {
            ServerRequest::CommandApproval(it) => &it.thread_id,
            ServerRequest::FileChangeApproval(it) => &it.thread_id,
            ServerRequest::ProjectTrust(it) => &it.thread_id,
            ServerRequest::Elicitation(it) => &it.thread_id,
        }),
    }
}

/// Whether it concerns lists of threads, which everyone may have.
fn is_for_all(message: &ServerMessage) -> bool {
    let ServerMessage::Event(event) = message else { return false };
    matches!(
        event.notification,
        ServerNotification::ThreadArchived(_)
            | ServerNotification::ThreadUnarchived(_)
            | ServerNotification::ThreadDeleted(_)
    )
}

/// Whether it is a question, or says that one is not open any more.
fn is_question(message: &ServerMessage) -> bool {
    match message {
        ServerMessage::Request { .. } => true,
        ServerMessage::Event(event) => matches!(event.notification, ServerNotification::ServerRequestResolved(_)),
    }
}

/// Whether only a client that asked for it is told.
fn is_live(message: &ServerMessage) -> bool {
    let ServerMessage::Event(event) = message else { return false };
    matches!(
        event.notification,
        ServerNotification::CommandOutputDelta(_)
            | ServerNotification::McpToolCallProgress(_)
            | ServerNotification::ReasoningDelta(_)
            | ServerNotification::ReasoningPartAdded(_)
    )
}

/// Whether what was held is not in how the thread stands.
fn is_news(message: &ServerMessage, whole: bool) -> bool {
    let ServerMessage::Event(event) = message else { return false };
    match (event.position, &event.notification) {
        (_, ServerNotification::ItemStarted(_)) | (Position::Delta { .. }, _) => false,
        (_, ServerNotification::TurnStarted(_)) if whole => false,
        (Position::Recorded { .. } | Position::Transient {}, _) => true,
    }
}
