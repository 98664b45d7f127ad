//! A connection that speaks JSON: one message a string, shaped like JSON-RPC 2.0 without its `jsonrpc` member. Pure: where
//! the strings come from and go to is the transport's.
//!
//! What stands in the table of `protocol` is asked of the server behind the connection. The rest of what clients of this
//! protocol ask when they begin is answered from data (`compat/`), and all else is refused.

mod defaults;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod ids;
mod incoming;
mod initialize;
mod looks;
mod questions;
mod sentences;
mod stubs;
mod turns;

use std::time::{SystemTime, UNIX_EPOCH};

use codex_client::OpenItems;
use codex_protocol::{ClientRequest, ClientResponse, Event, RpcError, ServerMessage, ThreadStartParams};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use self::{incoming::Incoming, initialize::Client, questions::OpenQuestions};
use crate::Calls;

/// What a connection is told of the server and its threads.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Absolute `$CODEX_HOME` of the server.
    pub codex_home: String,
    /// What threads run under as far as the client does not say.
    pub defaults: ThreadStartParams,
}

/// Events that wait for the answer to a request that came before them. More do not wait.
const HELD: usize = 1024;

/// Requests that may wait for their answers, which are held until the client has read what came before. More are not read.
const WAITING: usize = 16;
/// As many may while a question is open: its answer may be what they wait for.
const WAITING_FOR_ONE: usize = 96;

/// Speaks for a client until it has no more to say and all that it asked is answered, or until it does not listen any
/// more, or the server tells it nothing more. Threads that it has opened stay open: who has the other end of `pair` decides about them.
///
/// `incoming` has a message a string, of any content; `outgoing` gets one, without a line break in it.
pub async fn serve_json(
    pair: (Calls, mpsc::Receiver<ServerMessage>),
    facts: Facts,
    mut incoming: mpsc::Receiver<String>,
    outgoing: mpsc::Sender<String>,
) {
    let (calls, mut told) = pair;
    let mut face = Face {
        calls,
        facts,
        outgoing,
        client: None,
        answers: JoinSet::new(),
        beginning: 0,
        held: Vec::new(),
        questions: OpenQuestions::default(),
        items: OpenItems::default(),
    };
    let mut speaks = true;
    // A question that nobody is there to answer would keep the request that it came of for ever.
    while speaks || (!face.answers.is_empty() && face.questions.is_empty()) {
        let listens = tokio::select! {
            Some(answered) = face.answers.join_next() => match answered {
                Ok(answered) => face.answered(answered).await,
                // A task that broke down has no answer.
                Err(_) => true,
            },
            message = told.recv() => match message {
                Some(message) => face.tell(message).await,
                // It has fallen too far behind, or the server ends: who has missed something must not think it has not.
                None => false,
            },
            line = incoming.recv(), if speaks && face.takes_more() => match line {
                Some(line) => face.read(&line).await,
                None => { speaks = false; true }
            },
        };
        if !listens {
            return;
        }
    }
}

/// The connection's state.
struct Face {
    calls: Calls,
    facts: Facts,
    outgoing: mpsc::Sender<String>,
    /// Whoever has introduced itself.
    client: Option<Client>,
    /// Requests that wait for their answers.
    answers: JoinSet<Answered>,
    /// How many of them begin something, of which is told after they are answered.
    beginning: usize,
    held: Vec<Event>,
    questions: OpenQuestions,
    items: OpenItems,
}

/// A request and its answer.
struct Answered {
    /// As the client wrote it; absent where it does not wait for one.
    id: Option<Box<RawValue>>,
    /// The thread that the request is about, if it names one.
    thread: Option<String>,
    begins: bool,
    result: Result<ClientResponse, RpcError>,
}

#[derive(Serialize)]
struct Success<'a, T: Serialize> {
    id: &'a RawValue,
    result: T,
}

#[derive(Serialize)]
struct Failure<'a> {
    /// Null where a message could not be read.
    id: Option<&'a RawValue>,
    error: &'a RpcError,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    #[serde(flatten)]
    event: &'a Event,
    /// Milliseconds since the epoch.
    emitted_at_ms: u64,
}

impl Face {
    /// Whether there is room for the answer to one more request.
    fn takes_more(&self) -> bool {
        self.answers.len() < if self.questions.is_empty() { WAITING } else { WAITING_FOR_ONE }
    }
}

// Each of these returns whether the client still listens.
impl Face {
    /// Does what a message of the client says.
    async fn read(&mut self, line: &str) -> bool {
        match incoming::parse(line) {
            Err(unreadable) => self.refuse(unreadable.id.as_deref(), &unreadable.error).await,
            Ok(Incoming::Answer { id, result }) => {
                if let Some((question, attempts)) = self.questions.answer(id, result) {
                    self.answers.spawn(questions::settle(self.calls.clone(), question, attempts));
                }
                true
            }
            // There is one, `initialized`, and nothing waits for it.
            Ok(Incoming::Notification) => true,
            Ok(Incoming::Request { id, method, params }) => match self.asked(id, &method, params).await {
                Ok(listens) => listens,
                Err(error) => self.refuse(Some(id), &error).await,
            },
        }
    }

    async fn asked(&mut self, id: &RawValue, method: &str, params: Option<&RawValue>) -> Result<bool, RpcError> {
        if method == "initialize" {
            if self.client.is_some() {
                return Err(incoming::invalid("Already initialized"));
            }
            let (client, introduced) = initialize::introduce(params, &self.facts)?;
            self.client = Some(client);
            return Ok(self.say(&Success { id, result: introduced }).await);
        }
        if self.client.is_none() {
            return Err(incoming::invalid("Not initialized"));
        }
        if let Some(result) = stubs::answer(method) {
            return Ok(self.say(&Success { id, result }).await);
        }
        let asked = incoming::request(method, params)?;
        let thread = asked.thread;
        let request = defaults::fill(asked.request, &self.facts.defaults);
        let (begins, turns) = (begins(&request), asked.turns);
        let (answer, waits) = oneshot::channel();
        // Here, not in the task: requests arrive in the order in which they were made.
        if self.calls.send((request, answer)).await.is_err() {
            return Err(gone());
        }
        self.beginning += usize::from(begins);
        let (id, calls) = (Some(id.to_owned()), self.calls.clone());
        self.answers.spawn(async move {
            let mut result = waits.await.unwrap_or_else(|_| Err(gone()));
            if turns && let Ok(response) = &mut result {
                turns::fill(&calls, response).await;
            }
            Answered { id, thread, begins, result }
        });
        Ok(true)
    }

    async fn answered(&mut self, answered: Answered) -> bool {
        let Answered { id, thread, begins, result } = answered;
        let listens = match (&id, result) {
            (Some(id), Ok(result)) => self.succeed(id, thread.as_deref(), &result).await,
            (Some(id), Err(error)) => {
                let error = match thread.filter(|_| !self.is_native()) {
                    Some(thread) => sentences::known(error, &thread),
                    None => error,
                };
                self.refuse(Some(id), &error).await
            }
            (None, _) => true,
        };
        self.beginning -= usize::from(begins);
        listens && (self.beginning > 0 || self.release().await)
    }

    /// Tells the client what the server says. What happens in a turn comes after the answer that names the turn.
    async fn tell(&mut self, message: ServerMessage) -> bool {
        match message {
            ServerMessage::Event(event) => {
                self.held.push(event);
                (self.beginning > 0 && self.held.len() < HELD) || self.release().await
            }
            // Not held: what it is asked for may be what the answer waits for.
            ServerMessage::Request { id, request } => {
                if !self.release().await {
                    return false;
                }
                self.questions.asked(id, &request);
                self.pass_on(&ServerMessage::Request { id, request }).await
            }
        }
    }

    /// Tells what was held back.
    async fn release(&mut self) -> bool {
        for event in std::mem::take(&mut self.held) {
            self.questions.heard(&event.notification);
            let before = if self.is_native() { Vec::new() } else { self.items.before(&event) };
            for event in before.iter().chain([&event]) {
                if self.wants(event) && !self.pass_on(&Told { event, emitted_at_ms: now_ms() }).await {
                    return false;
                }
            }
        }
        true
    }

    fn wants(&self, event: &Event) -> bool {
        self.client.as_ref().is_some_and(|client| client.wants(event.notification.method()))
    }

    /// Whether the client is one of this program's own, which takes everything as it is.
    fn is_native(&self) -> bool {
        self.client.as_ref().is_some_and(|client| client.native)
    }

    async fn succeed(&self, id: &RawValue, thread: Option<&str>, result: &ClientResponse) -> bool {
        if self.is_native() {
            return self.say(&Success { id, result }).await;
        }
        let Ok(mut result) = serde_json::to_value(result) else { return true };
        ids::outward(&mut result, thread.unwrap_or_default());
        looks::outward(&mut result);
        self.say(&Success { id, result }).await
    }

    /// Says what the server says of its own accord.
    async fn pass_on(&self, message: &impl Serialize) -> bool {
        if self.is_native() {
            return self.say(message).await;
        }
        let Ok(mut message) = serde_json::to_value(message) else { return true };
        questions::word_for_others(&mut message);
        if let Some(params) = message.get_mut("params") {
            let thread = params["threadId"].as_str().unwrap_or_default().to_owned();
            ids::outward(params, &thread);
            looks::outward(params);
        }
        self.say(&message).await
    }

    async fn refuse(&self, id: Option<&RawValue>, error: &RpcError) -> bool {
        self.say(&Failure { id, error }).await
    }

    async fn say(&self, message: &impl Serialize) -> bool {
        match serde_json::to_string(message) {
            Ok(text) => self.outgoing.send(text).await.is_ok(),
            // Nothing that is told has a shape that JSON has not.
            Err(_) => true,
        }
    }
}

/// Whether what is told of a request's work follows its answer.
fn begins(request: &ClientRequest) -> bool {
    matches!(
        request,
        ClientRequest::ThreadStart(_)
            | ClientRequest::ThreadFork(_)
            | ClientRequest::ThreadResume(_)
            | ClientRequest::ThreadCompactStart(_)
            | ClientRequest::ThreadShellCommand(_)
            | ClientRequest::TurnStart(_)
            | ClientRequest::ReviewStart(_)
    )
}

fn gone() -> RpcError {
    RpcError::new(codex_protocol::ErrorKind::Internal, "the server is gone")
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
