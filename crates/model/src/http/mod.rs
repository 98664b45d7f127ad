//! One exchange over HTTP and server-sent events, whichever the wire: asks, tells failures apart, reads the answer.
//!
//! Every request carries the whole conversation and asks the vendor to store nothing. Nothing is repeated here:
//! `retry` does that for all wires.

#[cfg(test)]
mod bounds_tests;
mod config;
mod endpoint;
mod failure;
mod kinds;
mod left_out;
mod listing;
#[cfg(test)]
mod open_weights_tests;
mod questions;
mod retry_after;
mod secrets;
pub(crate) mod sse;
mod vendor_error;
#[cfg(test)]
mod whole_tests;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use codex_history::AssistantPart;
use codex_net::{
    Cut, HttpClients,
    awake::{self, Silence},
    causes,
};
use futures_util::stream;
use reqwest::{
    Response,
    header::{CONTENT_TYPE, HeaderValue},
};
use url::Url;

use self::{endpoint::Endpoint, left_out::LeftOut, sse::Events};
use crate::{
    EventStream, Failure, FailureKind, Model, Request, StreamEvent,
    repair::{repaired, sign},
    wire::Assembler,
};

pub use self::{
    config::{HttpConfig, IDLE_TIMEOUT, Timeouts},
    listing::{ListedModel, list_models},
};
pub(crate) use self::{
    failure::{in_stream, incomplete, plain},
    questions::Questions,
    secrets::Secrets,
    vendor_error::VendorError,
};

/// A model behind a server of one of the [`crate::WireFormat`]s.
pub struct HttpModel {
    config: HttpConfig,
    endpoint: Result<Arc<Endpoint>, Failure>,
    clients: Arc<HttpClients>,
    /// What the server was found not to take.
    left_out: Arc<Mutex<LeftOut>>,
}

impl HttpModel {
    /// Nothing is connected yet; settings that cannot work show in the first answer.
    pub fn new(config: HttpConfig, clients: Arc<HttpClients>) -> Self {
        let endpoint = Endpoint::new(&config).map(Arc::new);
        Self { config, endpoint, clients, left_out: Arc::default() }
    }

    fn ask(&self, request: &Request) -> Result<Ask, Failure> {
        let endpoint = Arc::clone(self.endpoint.as_ref().map_err(Clone::clone)?);
        if let Some(missing) = endpoint.key.missing() {
            return Err(missing);
        }
        let wrong = |message| Failure { kind: FailureKind::Configuration, message, retry_after: None };
        // Not only where the settings are read: whatever comes to ask this server, nothing leaves for it.
        if self.clients.are_restricted() && !self.config.open_weights {
            return Err(wrong(format!(
                "nothing is sent to {}: with `oss`, only providers with `open_weights = true` are asked",
                endpoint.shown
            )));
        }
        let thread_id = HeaderValue::try_from(&request.thread_id)
            .map_err(|_| wrong(format!("the thread id `{}` cannot be sent", request.thread_id.escape_debug())))?;
        let format = self.config.format;
        let vendor = vendor(&endpoint.url, &request.model);
        let history = repaired(&request.history, &format.needs(&request.model, &vendor, &self.config.known));
        let request = &Request { history, ..request.clone() };
        let body = format
            .body(request, &self.config)
            .map_err(|error| wrong(format!("the request cannot be written as JSON: {error}")))?;
        let body = left_out::without(body, &self.left_out.lock().unwrap_or_else(PoisonError::into_inner));
        let client = self.clients.client_within(&endpoint.url, self.config.timeouts.connect);
        let client = client.map_err(|error| wrong(error.to_string()))?;
        let secrets = Arc::clone(&endpoint.secrets);
        Ok(Ask {
            client,
            endpoint,
            thread_id,
            model: request.model.clone(),
            model_header: format.model_header(&request.model),
            vendor,
            body,
            left_out: Arc::clone(&self.left_out),
            tried: LeftOut::new(),
            first_byte: self.config.timeouts.first_byte.unwrap_or(self.config.timeouts.idle),
            idle: self.config.timeouts.idle,
            assembler: format.assembler(request, &self.config, secrets),
        })
    }
}

impl fmt::Debug for HttpModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpModel").field(&self.config).finish()
    }
}

impl Model for HttpModel {
    fn stream(&self, request: Request) -> EventStream {
        let state = match self.ask(&request) {
            Ok(ask) => State::Ask(Box::new(ask)),
            Err(failure) => State::Fail(failure),
        };
        Box::pin(stream::unfold(state, step))
    }

    fn takes_grammars(&self) -> bool {
        self.config.takes_grammars && self.config.format.has_grammars()
    }
}

/// A request that is ready to be sent.
struct Ask {
    client: reqwest::Client,
    endpoint: Arc<Endpoint>,
    thread_id: HeaderValue,
    /// For messages.
    model: String,
    model_header: Option<(&'static str, &'static str)>,
    vendor: Arc<str>,
    body: Bytes,
    left_out: Arc<Mutex<LeftOut>>,
    /// What this request does without, beside that.
    tried: LeftOut,
    first_byte: Duration,
    idle: Duration,
    assembler: Assembler,
}

/// How far a request is.
enum State {
    Ask(Box<Ask>),
    Read(Box<Reader>),
    Fail(Failure),
    End,
}

/// One event, and what comes after it.
async fn step(state: State) -> Option<(StreamEvent, State)> {
    let mut reader = match state {
        State::Ask(ask) => match ask.send().await {
            Ok(Sent::Answered(reader)) => reader,
            Ok(Sent::Refused { parameter, reason, less }) => {
                let parameter = parameter.to_owned();
                return Some((StreamEvent::LeftOut { parameter, reason }, State::Ask(less)));
            }
            Err(failure) => return Some((StreamEvent::Failed(failure), State::End)),
        },
        State::Read(reader) => reader,
        State::Fail(failure) => return Some((StreamEvent::Failed(failure), State::End)),
        State::End => return None,
    };
    let event = reader.next().await;
    let ends = matches!(event, StreamEvent::Completed { .. } | StreamEvent::Failed(_));
    Some((event, if ends { State::End } else { State::Read(reader) }))
}

/// What came of a request.
enum Sent {
    Answered(Box<Reader>),
    /// The server does not take a parameter: what it says, and the same without it.
    Refused {
        parameter: &'static str,
        reason: String,
        less: Box<Ask>,
    },
}

impl Ask {
    async fn send(self: Box<Self>) -> Result<Sent, Failure> {
        let mut request = self
            .client
            .post(self.endpoint.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("session-id", self.thread_id.clone())
            .header("thread-id", self.thread_id.clone());
        if let Some((name, value)) = self.model_header {
            request = request.header(name, value);
        }
        // Last, since it replaces what is there by the same name.
        let request = request.headers(self.endpoint.headers.clone()).body(self.body.clone());
        let response = match awake::within(self.first_byte, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(failure::unsent(&error, &self.endpoint)),
            Err(silence) => return Err(silent(&self.endpoint, silence)),
        };
        // An error's text may take as long as an answer's.
        let late = |silence| silent(&self.endpoint, silence);
        if response.status().as_u16() != 200 {
            let status = response.status().as_u16();
            let refused = failure::refused(response, &self.endpoint, &self.model);
            let (failure, said) = awake::within(self.idle, refused).await.map_err(late)?;
            return match left_out::refused(status, &said, &self.body) {
                Some(parameter) => Ok(self.without(parameter, failure.message)),
                None => Err(failure),
            };
        }
        // Taken without them: so is what follows.
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner).extend(&self.tried);
        if let Some(other) = not_a_stream(&response) {
            return self.read_whole(response, other).await;
        }
        let events = Some(Events::new(response, self.idle));
        Ok(Sent::Answered(Box::new(Reader::new(events, self.assembler, self.vendor))))
    }

    /// Asks without `parameter`.
    fn without(mut self: Box<Self>, parameter: &'static str, reason: String) -> Sent {
        self.tried.insert(parameter);
        self.body = left_out::without(self.body, &LeftOut::from([parameter]));
        Sent::Refused { parameter, reason, less: self }
    }

    /// Reads what came in the place of a stream, of type `other`: all of an answer, or what is wrong.
    async fn read_whole(mut self: Box<Self>, response: Response, other: &str) -> Result<Sent, Failure> {
        let headers = response.headers().clone();
        let failed = |kind, message| Failure { kind, message, retry_after: None };
        let read = awake::within(self.idle, codex_net::whole(response, LONGEST_WHOLE)).await;
        let body = match read.map_err(|silence| silent(&self.endpoint, silence))? {
            Ok(body) => body,
            Err(Cut::Broke(error)) => return Err(failed(FailureKind::Disconnected, broke(&error))),
            Err(Cut::TooLong) => return Err(failed(FailureKind::Malformed, TOO_LONG.to_owned())),
        };
        match serde_json::from_slice(&body) {
            Ok(answer) if self.assembler.take_whole(&answer) => {
                return Ok(Sent::Answered(Box::new(Reader::new(None, self.assembler, self.vendor))));
            }
            Err(error) if error.is_eof() && !body.is_empty() => {
                return Err(failed(FailureKind::Disconnected, UNFINISHED.to_owned()));
            }
            _ => {}
        }
        Err(failure::not_a_stream(&headers, &body, other, &self.endpoint))
    }
}

/// Who seals what a model thinks: whoever is there, or whose model it is that is passed on there.
fn vendor(url: &Url, model: &str) -> Arc<str> {
    let host = url.host_str().unwrap_or_default();
    match model.rsplit_once('/') {
        Some((owner, _)) => format!("{host}/{owner}").into(),
        None => host.into(),
    }
}

fn silent(endpoint: &Endpoint, silence: Silence) -> Failure {
    let message = format!("{} did not answer for {silence}", endpoint.shown);
    Failure { kind: FailureKind::Disconnected, message, retry_after: None }
}

fn broke(error: &reqwest::Error) -> String {
    format!("the connection broke within the answer: {}", causes(error))
}

/// The type of an answer that surely is no event stream. A missing or odd type is given the benefit of the doubt.
fn not_a_stream(response: &Response) -> Option<&'static str> {
    let kind = response.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    ["text/html", "application/json"].into_iter().find(|other| kind.starts_with(other))
}

/// What `response` answers, put together by `assembler`.
#[cfg(test)]
pub(crate) fn reading(response: Response, idle: Duration, assembler: Assembler) -> EventStream {
    let reader = Reader::new(Some(Events::new(response, idle)), assembler, "".into());
    Box::pin(stream::unfold(State::Read(Box::new(reader)), step))
}

/// Most bytes of an answer's events. The longest that models give are some 130,000 tokens, each an event of 300 bytes.
const LONGEST_ANSWER: usize = 64 << 20;
/// Most bytes of an answer that comes whole: read, it takes many times its length of memory.
const LONGEST_WHOLE: usize = 4 << 20;
const TOO_LONG: &str = "the answer is longer than 64 MiB";
const UNFINISHED: &str = "the answer ended before it was complete";
/// Most calls of tools in an answer.
const MOST_CALLS: usize = 128;

/// The failure that an answer is whose calls nobody can have meant. None of them is made.
pub(crate) fn too_many_calls(content: &[AssistantPart]) -> Option<StreamEvent> {
    let calls = content.iter().filter(|part| matches!(part, AssistantPart::Call(_))).count();
    let message = || format!("the answer calls tools {calls} times, and {MOST_CALLS} is the most; none was called");
    (calls > MOST_CALLS).then(|| failure::plain(FailureKind::Malformed, message()))
}

/// An answer that is arriving.
struct Reader {
    /// `None`: all of it is in the assembler.
    events: Option<Events>,
    assembler: Assembler,
    vendor: Arc<str>,
    /// Of its events so far, in bytes.
    length: usize,
    /// The server has closed the stream.
    is_over: bool,
}

impl Reader {
    fn new(events: Option<Events>, assembler: Assembler, vendor: Arc<str>) -> Self {
        Self { events, assembler, vendor, length: 0, is_over: false }
    }

    async fn next(&mut self) -> StreamEvent {
        use FailureKind::{Disconnected, Malformed};
        loop {
            if let Some(mut event) = self.assembler.pop() {
                if let StreamEvent::Completed { content, .. } = &mut event {
                    if let Some(failed) = too_many_calls(content) {
                        return failed;
                    }
                    sign(content, &self.vendor);
                }
                return event;
            }
            let event = match &mut self.events {
                Some(events) => events.next().await,
                None => None,
            };
            match event {
                Some(Ok(event)) => {
                    self.length += event.data.len();
                    if self.length > LONGEST_ANSWER {
                        return failure::plain(Malformed, TOO_LONG.to_owned());
                    }
                    self.assembler.take(event.name.as_deref(), &event.data);
                }
                Some(Err(sse::Error::Read(error))) => {
                    return failure::plain(Disconnected, broke(&error));
                }
                Some(Err(sse::Error::Silent(silence))) => {
                    let message = format!("the server sent nothing for {silence}");
                    return failure::plain(Disconnected, message);
                }
                Some(Err(sse::Error::NoEvent(most))) => {
                    let message = format!("the server sent no part of the answer for {} s", most.as_secs_f32());
                    return failure::plain(Disconnected, message);
                }
                Some(Err(sse::Error::Format(what))) => {
                    return failure::plain(Malformed, format!("the answer is not an event stream: {what}"));
                }
                None if self.is_over => {
                    return failure::plain(Disconnected, UNFINISHED.to_owned());
                }
                None => {
                    self.is_over = true;
                    self.assembler.end();
                }
            }
        }
    }
}
