//! What keeps a connection: requests and answers, what is told, and beginning again where it was lost.
//!
//! It must never send a request twice that does something, and never wait for who listens.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use codex_protocol::{
    ClientRequest, ClientResponse, ErrorKind, Event, Position, REVISION, RpcError, ServerMessage, ServerNotification,
    ServerRequest, ServerRequestResolved, ThreadResumeParams, Warning,
};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    CONFIRM_EVERY, Endpoint, Refused, Unconfirmed,
    socket::{Dialled, Socket, dial},
};
use crate::{Call, other_revision, thread_of};

/// How often each side says that it is there.
const PULSE: Duration = Duration::from_secs(5);
/// How long nothing may be heard before the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(20);
/// How long a lost connection is tried again.
const PERSISTENCE: Duration = Duration::from_secs(15 * 60);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Requests that may wait to be sent; more wait where they are made.
const MOST_REQUESTS: usize = 256;
/// The id of the request that says who this is.
const INTRODUCTION: u64 = 0;

/// A connection and what is known of it.
pub(super) struct Link {
    endpoint: Endpoint,
    session: String,
    called: mpsc::Receiver<Call>,
    events: mpsc::Sender<ServerMessage>,
    /// What is told and was not taken yet.
    backlog: VecDeque<ServerMessage>,
    sending: Sending,
    /// Texts that came.
    received: u64,
    /// Those of them that the server knows of.
    confirmed: u64,
    /// The threads that are followed.
    followed: BTreeSet<String>,
    /// The last record that was heard of, by thread.
    heard: BTreeMap<String, u64>,
    /// What the server asks and has no answer to, with the thread that it is about.
    questions: BTreeMap<u64, String>,
    /// Why nothing can be asked there: server and client do not understand each other.
    refused: Option<String>,
}

/// What is asked.
#[derive(Default)]
struct Sending {
    texts: Unconfirmed,
    /// Number of the next text to send on this connection.
    next: u64,
    pending: HashMap<u64, Pending>,
    /// How many requests there ever were.
    asked: u64,
}

/// A request that waits for its answer.
struct Pending {
    request: ClientRequest,
    /// `None`: it was asked here, not by the client.
    answer: Option<oneshot::Sender<Result<ClientResponse, RpcError>>>,
}

/// How a connection ended.
enum End {
    /// Nobody needs it any more.
    Done,
    Lost,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    method: Option<&'a str>,
    #[serde(default, borrow)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<RpcError>,
}

impl Link {
    pub(super) fn new(
        endpoint: Endpoint,
        session: String,
        called: mpsc::Receiver<Call>,
        events: mpsc::Sender<ServerMessage>,
    ) -> Self {
        let (backlog, sending, received, confirmed, followed, heard) = Default::default();
        let (questions, refused) = Default::default();
        Self {
            endpoint,
            session,
            called,
            events,
            backlog,
            sending,
            received,
            confirmed,
            followed,
            heard,
            questions,
            refused,
        }
    }

    pub(super) async fn run(mut self, dialled: Dialled) {
        self.introduce();
        let mut socket = dialled.socket;
        while let End::Lost = self.carry(socket).await {
            if let Some(refused) = self.refused.take() {
                return self.refuse(refused).await;
            }
            match self.again().await {
                Ok(found) => socket = found,
                Err(refused) => {
                    self.warn(format!("the connection to {} is lost: {refused}", self.endpoint.address));
                    break;
                }
            }
        }
        while let Some(message) = self.backlog.pop_front() {
            if self.events.send(message).await.is_err() {
                return;
            }
        }
    }

    /// Answers whatever is asked with why it cannot be.
    async fn refuse(mut self, message: String) {
        let error = RpcError::new(ErrorKind::Configuration, message);
        for (_, Pending { answer, .. }) in std::mem::take(&mut self.sending.pending) {
            if let Some(answer) = answer {
                let _ = answer.send(Err(error.clone()));
            }
        }
        while let Some((_, answer)) = self.called.recv().await {
            let _ = answer.send(Err(error.clone()));
        }
    }

    /// Says who this is, to a server that does not know.
    fn introduce(&mut self) {
        let client = json!({ "name": "codex", "title": "codex", "version": self.endpoint.version });
        let capabilities = json!({ "experimentalApi": true, "native": true, "revision": REVISION });
        let params = json!({ "clientInfo": client, "capabilities": capabilities });
        self.sending.texts.push(json!({ "id": INTRODUCTION, "method": "initialize", "params": params }).to_string());
        self.sending.texts.push(json!({ "method": "initialized" }).to_string());
    }

    /// Carries what is said over `socket` until it is lost or not needed any more.
    async fn carry(&mut self, socket: Socket) -> End {
        let (sink, mut stream) = socket.split();
        let events = self.events.clone();
        let (writer, written) = mpsc::channel(1);
        // A write may wait for the other side to read, which may wait for this side to read.
        tokio::spawn(write(sink, written));
        let mut pulse = interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let mut is_open = true;
        loop {
            if !is_open && self.sending.pending.is_empty() && self.sending.is_sent() {
                let _ = writer.send(Message::Close(None)).await;
                return End::Done;
            }
            let room = self.sending.texts.size().0 < MOST_REQUESTS;
            tokio::select! {
                permit = writer.reserve(), if !self.sending.is_sent() => match permit {
                    Ok(permit) => permit.send(self.sending.text()),
                    Err(_) => return End::Lost,
                },
                call = self.called.recv(), if is_open && room => match call {
                    Some((request, answer)) => self.sending.ask(request, Some(answer)),
                    None => is_open = false,
                },
                message = stream.next() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => self.hear(&text),
                        Some(Ok(Message::Ping(payload))) => self.sending.confirm(&payload),
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Lost,
                        Some(Ok(_)) => {}
                    }
                    if self.refused.is_some() {
                        return End::Lost;
                    }
                    if self.received - self.confirmed >= CONFIRM_EVERY {
                        self.confirm(&writer);
                    }
                }
                Ok(permit) = events.reserve(), if !self.backlog.is_empty() => {
                    if let Some(message) = self.backlog.pop_front() {
                        permit.send(message);
                    }
                }
                _ = pulse.tick() => {
                    if heard.elapsed() > SILENCE {
                        return End::Lost;
                    }
                    self.confirm(&writer);
                }
            }
        }
    }

    /// Tells the server how many texts came, now or with the next pulse.
    fn confirm(&mut self, writer: &mpsc::Sender<Message>) {
        if writer.try_send(Message::Ping(self.received.to_be_bytes().to_vec().into())).is_ok() {
            self.confirmed = self.received;
        }
    }

    /// Connects again.
    async fn again(&mut self) -> Result<Socket, Refused> {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(50);
        self.warn(format!("the connection to {} is lost; trying again", self.endpoint.address));
        loop {
            self.hand_over().await;
            match dial(&self.endpoint, &self.session, self.received).await {
                Ok(Dialled { socket, received }) => {
                    match received.filter(|received| self.sending.texts.confirm(*received)) {
                        Some(received) => self.sending.next = received,
                        None => self.begin_again(),
                    }
                    self.warn(format!("connected to {} again", self.endpoint.address));
                    return Ok(socket);
                }
                Err(Refused::Unreachable(_)) if begun.elapsed() < PERSISTENCE && !self.is_abandoned() => {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(refused) => return Err(refused),
            }
        }
    }

    /// Whether nobody listens any more.
    fn is_abandoned(&self) -> bool {
        self.events.is_closed() && self.called.is_closed()
    }

    /// Gives what waits to who listens, as far as there is room.
    async fn hand_over(&mut self) {
        while let (Ok(permit), false) = (self.events.try_reserve(), self.backlog.is_empty()) {
            if let Some(message) = self.backlog.pop_front() {
                permit.send(message);
            }
        }
    }

    /// The server knows nothing of this session any more: who this is, which threads are followed, what was asked.
    fn begin_again(&mut self) {
        (self.received, self.confirmed) = (0, 0);
        let Sending { pending, asked, .. } = std::mem::take(&mut self.sending);
        self.sending.asked = asked;
        self.introduce();
        // Another question may have the id of one of these: who still shows one would answer that.
        for (request_id, thread_id) in std::mem::take(&mut self.questions) {
            self.say(ServerNotification::ServerRequestResolved(ServerRequestResolved { thread_id, request_id }));
        }
        for thread_id in &self.followed {
            let live_output = Some(true);
            let params = ThreadResumeParams {
                thread_id: thread_id.clone(),
                after_seq: Some(self.heard.get(thread_id).copied().unwrap_or_default()),
                live_output,
                ..ThreadResumeParams::default()
            };
            self.sending.ask(ClientRequest::ThreadResume(params), None);
        }
        let mut pending: Vec<(u64, Pending)> = pending.into_iter().collect();
        pending.sort_by_key(|(id, _)| *id);
        for (_, Pending { request, answer }) in pending {
            let Some(answer) = answer else { continue };
            if only_asks(&request) {
                self.sending.ask(request, Some(answer));
            } else {
                let message = "the connection was lost before the answer came: it is not known whether it was done";
                let _ = answer.send(Err(RpcError::new(ErrorKind::Internal, message)));
            }
        }
    }

    fn hear(&mut self, text: &str) {
        self.received += 1;
        let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else { return };
        if envelope.method.is_some() {
            // What this version does not know of is nothing that it asked for.
            if let Ok(message) = serde_json::from_str::<ServerMessage>(text) {
                self.note(&message);
                self.backlog.push_back(message);
            }
            return;
        }
        if envelope.id == Some(INTRODUCTION) {
            self.refused = self.not_understood(&envelope);
            return;
        }
        let Some(Pending { request, answer }) = envelope.id.and_then(|id| self.sending.pending.remove(&id)) else {
            return;
        };
        let result = match (envelope.error, envelope.result) {
            (Some(error), _) => Err(error),
            (None, result) => request.reader()(result.map_or("null", RawValue::get)).map_err(|error| {
                let message = format!("the server's answer could not be read: {error}; is it another version?");
                RpcError::new(ErrorKind::Internal, message)
            }),
        };
        self.settle(&request, &result);
        match answer {
            Some(answer) => drop(answer.send(result)),
            None => {
                if let Err(error) = result {
                    self.warn(format!("a session could not be taken up again: {error}"));
                }
            }
        }
    }

    /// Why what the server answers to who this is means that they do not understand each other, if it does.
    fn not_understood(&self, answer: &Envelope<'_>) -> Option<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Introduced {
            server_version: Option<String>,
            #[serde(default = "first")]
            revision: u32,
        }
        /// That of servers that do not say.
        fn first() -> u32 {
            1
        }
        if let Some(error) = &answer.error {
            return Some(error.message.clone());
        }
        let Introduced { server_version, revision } = serde_json::from_str(answer.result?.get()).ok()?;
        let server = server_version.as_deref().unwrap_or("of an unknown version");
        (revision != REVISION).then(|| other_revision((server, revision), (&self.endpoint.version, REVISION)))
    }

    /// Keeps which threads are followed.
    fn settle(&mut self, request: &ClientRequest, result: &Result<ClientResponse, RpcError>) {
        match (request, result) {
            (
                _,
                Ok(
                    ClientResponse::ThreadStart(opened)
                    | ClientResponse::ThreadResume(opened)
                    | ClientResponse::ThreadFork(opened),
                ),
            ) => {
                self.followed.insert(opened.thread.id.clone());
            }
            (ClientRequest::ThreadUnsubscribe(params), Ok(_)) => drop(self.followed.remove(&params.thread_id)),
            _ => {}
        }
    }

    /// Keeps how far each thread was heard of, and what is asked.
    fn note(&mut self, message: &ServerMessage) {
        let Event { notification, position } = match message {
            ServerMessage::Event(event) => event,
            ServerMessage::Request { id, request } => {
                let thread_id = match request {
                    ServerRequest::CommandApproval(params) => &params.thread_id,
                    ServerRequest::FileChangeApproval(params) => &params.thread_id,
                    ServerRequest::ProjectTrust(params) => &params.thread_id,
                    ServerRequest::Elicitation(params) => &params.thread_id,
                };
                self.questions.insert(*id, thread_id.clone());
                return;
            }
        };
        if let ServerNotification::ServerRequestResolved(resolved) = notification {
            self.questions.remove(&resolved.request_id);
        }
        let Some(thread_id) = thread_of(notification) else { return };
        if let ServerNotification::ThreadClosed(_) = notification {
            self.followed.remove(thread_id);
            self.heard.remove(thread_id);
        }
        if let Position::Recorded { seq } = position {
            self.heard.insert(thread_id.to_owned(), *seq);
        }
    }

    fn warn(&mut self, message: String) {
        self.say(ServerNotification::Warning(Warning { thread_id: None, message }));
    }

    /// Tells who listens.
    fn say(&mut self, notification: ServerNotification) {
        self.backlog.push_back(ServerMessage::Event(Event { notification, position: Position::Transient {} }));
    }
}

impl Sending {
    fn ask(&mut self, request: ClientRequest, answer: Option<oneshot::Sender<Result<ClientResponse, RpcError>>>) {
        self.asked += 1;
        #[derive(serde::Serialize)]
        struct Asked<'a> {
            id: u64,
            #[serde(flatten)]
            request: &'a ClientRequest,
        }
        match serde_json::to_string(&Asked { id: self.asked, request: &request }) {
            Ok(text) => {
                self.texts.push(text);
                self.pending.insert(self.asked, Pending { request, answer });
            }
            Err(error) => {
                let refused = RpcError::new(ErrorKind::Configuration, format!("the request cannot be sent: {error}"));
                if let Some(answer) = answer {
                    let _ = answer.send(Err(refused));
                }
            }
        }
    }

    fn is_sent(&self) -> bool {
        self.texts.get(self.next).is_none()
    }

    /// The next text to send.
    fn text(&mut self) -> Message {
        let text = self.texts.get(self.next).cloned().unwrap_or_default();
        self.next += 1;
        Message::Text(text)
    }

    fn confirm(&mut self, payload: &[u8]) {
        if let Ok(count) = payload.try_into().map(u64::from_be_bytes) {
            self.texts.confirm(count);
        }
    }
}

async fn write(mut sink: SplitSink<Socket, Message>, mut written: mpsc::Receiver<Message>) {
    while let Some(message) = written.recv().await {
        if sink.send(message).await.is_err() {
            return;
        }
    }
    let _ = sink.close().await;
}

/// Whether asking twice is no more than asking once.
fn only_asks(request: &ClientRequest) -> bool {
    matches!(
        request,
        ClientRequest::ThreadItemsList(_)
            | ClientRequest::ThreadRead(_)
            | ClientRequest::ThreadList(_)
            | ClientRequest::ThreadSearch(_)
            | ClientRequest::ThreadDiff(_)
            | ClientRequest::ThreadContextRead(_)
            | ClientRequest::ThreadUsageRead(_)
            | ClientRequest::ThreadRewindList(_)
            | ClientRequest::ThreadRewindPreview(_)
            | ClientRequest::TerminalsList(_)
            | ClientRequest::TerminalsClean(_)
            | ClientRequest::AgentsList(_)
            | ClientRequest::PermissionsRead(_)
            | ClientRequest::CommandList(_)
            | ClientRequest::PluginInstalled(_)
            | ClientRequest::PluginsList(_)
            | ClientRequest::PluginsSet(_)
            | ClientRequest::SkillsList(_)
            | ClientRequest::FuzzyFileSearch(_)
            | ClientRequest::HooksList(_)
            | ClientRequest::ModelList(_)
            | ClientRequest::ConfigRead(_)
            | ClientRequest::PermissionProfileList(_)
            | ClientRequest::TurnInterrupt(_)
            | ClientRequest::TurnRetry(_)
            | ClientRequest::ThreadUnsubscribe(_)
    )
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
