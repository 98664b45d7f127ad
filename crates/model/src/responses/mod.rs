//! OpenAI's Responses API over HTTP and server-sent events.
//!
//! Every request carries the whole conversation and asks the vendor to store nothing. Nothing is repeated here:
//! `retry` does that for all wires.

mod assemble;
mod body;
mod encode;
mod endpoint;
mod events;
mod failure;
mod kinds;
mod retry_after;
mod secrets;
mod sse;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use codex_history::ToolSpec;
use codex_net::{HttpClients, causes};
use futures_util::stream;
use reqwest::{
    Response,
    header::{CONTENT_TYPE, HeaderValue},
};

use self::{assemble::Assembler, endpoint::Endpoint, sse::Events};
use crate::{EventStream, Failure, FailureKind, Model, Request, StreamEvent};

/// How long a server may stay silent unless the settings say otherwise.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Where a Responses API is and how to speak to it.
#[derive(Clone)]
pub struct ResponsesConfig {
    /// The API's root, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// The key, sent as a bearer token.
    pub api_key: Option<String>,
    /// The environment variable that the key comes from, for messages. If it is given, `api_key` is not and no
    /// `Authorization` header is configured, requests fail without being sent.
    pub key_variable: Option<String>,
    /// How to come by a key, for the message that it is missing.
    pub env_key_instructions: Option<String>,
    /// Further headers, by name; they replace our own of the same name.
    pub http_headers: Vec<(String, String)>,
    /// Headers that are not sent since the variable they are to come from is not set: header name and variable, for
    /// messages.
    pub header_variables: Vec<(String, String)>,
    /// Added to the URL.
    pub query_params: Vec<(String, String)>,
    /// How long the server may stay silent, before its answer and within it: [`IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
    /// Who asks: the header `originator`.
    pub originator: String,
    /// Whether tools can be held to a grammar; else they are offered as functions.
    pub takes_grammars: bool,
}

impl ResponsesConfig {
    /// The API at `base_url`, without a key and without grammars.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            api_key: None,
            key_variable: None,
            env_key_instructions: None,
            http_headers: Vec::new(),
            header_variables: Vec::new(),
            query_params: Vec::new(),
            idle_timeout: IDLE_TIMEOUT,
            originator: "codex".to_owned(),
            takes_grammars: false,
        }
    }
}

// Written by hand: the key, headers and query may be secrets.
impl fmt::Debug for ResponsesConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponsesConfig")
            .field("base_url", &secrets::shown(&self.base_url))
            .field("key_variable", &self.key_variable.as_deref().and_then(secrets::variable))
            .field("idle_timeout", &self.idle_timeout)
            .field("originator", &self.originator)
            .field("takes_grammars", &self.takes_grammars)
            .finish_non_exhaustive()
    }
}

/// A model behind a Responses API.
pub struct Responses {
    config: ResponsesConfig,
    endpoint: Result<Arc<Endpoint>, Failure>,
    clients: Arc<HttpClients>,
}

impl Responses {
    /// Nothing is connected yet; settings that cannot work show in the first answer.
    pub fn new(config: ResponsesConfig, clients: Arc<HttpClients>) -> Self {
        let endpoint = Endpoint::new(&config).map(Arc::new);
        Self { config, endpoint, clients }
    }

    fn ask(&self, request: &Request) -> Result<Ask, Failure> {
        let endpoint = Arc::clone(self.endpoint.as_ref().map_err(Clone::clone)?);
        if let Some(missing) = endpoint.key.missing() {
            return Err(missing);
        }
        let wrong = |message| Failure { kind: FailureKind::Configuration, message, retry_after: None };
        let thread_id = HeaderValue::try_from(&request.thread_id)
            .map_err(|_| wrong(format!("the thread id `{}` cannot be sent", request.thread_id.escape_debug())))?;
        let body = body::body(request, self.config.takes_grammars)
            .map_err(|error| wrong(format!("the request cannot be written as JSON: {error}")))?;
        let client = self.clients.client_for(&endpoint.url).map_err(|error| wrong(error.to_string()))?;
        Ok(Ask {
            client,
            endpoint,
            thread_id,
            model: request.model.clone(),
            body,
            idle: self.config.idle_timeout,
            tools: Arc::clone(&request.tools),
            grammars: self.config.takes_grammars,
        })
    }
}

impl fmt::Debug for Responses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Responses").field(&self.config).finish()
    }
}

impl Model for Responses {
    fn stream(&self, request: Request) -> EventStream {
        let state = match self.ask(&request) {
            Ok(ask) => State::Ask(Box::new(ask)),
            Err(failure) => State::Fail(failure),
        };
        Box::pin(stream::unfold(state, step))
    }

    fn takes_grammars(&self) -> bool {
        self.config.takes_grammars
    }
}

/// A request that is ready to be sent.
struct Ask {
    client: reqwest::Client,
    endpoint: Arc<Endpoint>,
    thread_id: HeaderValue,
    /// For messages.
    model: String,
    body: Bytes,
    idle: Duration,
    tools: Arc<[ToolSpec]>,
    grammars: bool,
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
            Ok(reader) => reader,
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

impl Ask {
    async fn send(self) -> Result<Box<Reader>, Failure> {
        let request = self
            .client
            .post(self.endpoint.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("session-id", self.thread_id.clone())
            .header("thread-id", self.thread_id)
            // Last, since it replaces what is there by the same name.
            .headers(self.endpoint.headers.clone())
            .body(self.body);
        let response = match tokio::time::timeout(self.idle, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(failure::unsent(&error, &self.endpoint)),
            Err(_) => return Err(silent(&self.endpoint, self.idle)),
        };
        // An error's text may take as long as an answer's.
        let late = silent(&self.endpoint, self.idle);
        if response.status().as_u16() != 200 {
            let refused = failure::refused(response, &self.endpoint, &self.model);
            return Err(tokio::time::timeout(self.idle, refused).await.unwrap_or(late));
        }
        if let Some(other) = not_a_stream(&response) {
            let told = failure::not_a_stream(response, other, &self.endpoint);
            return Err(tokio::time::timeout(self.idle, told).await.unwrap_or(late));
        }
        let events = Events::new(response, self.idle);
        Ok(Box::new(Reader {
            events,
            assembler: Assembler::new(self.tools, self.grammars, Arc::clone(&self.endpoint.secrets)),
        }))
    }
}

fn silent(endpoint: &Endpoint, idle: Duration) -> Failure {
    let message = format!("{} did not answer for {} s", endpoint.shown, idle.as_secs_f32());
    Failure { kind: FailureKind::Disconnected, message, retry_after: None }
}

/// The type of an answer that surely is no event stream. A missing or odd type is given the benefit of the doubt.
fn not_a_stream(response: &Response) -> Option<&'static str> {
    let kind = response.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    ["text/html", "application/json"].into_iter().find(|other| kind.starts_with(other))
}

/// An answer that is arriving.
struct Reader {
    events: Events,
    assembler: Assembler,
}

impl Reader {
    async fn next(&mut self) -> StreamEvent {
        use FailureKind::{Disconnected, Malformed};
        loop {
            if let Some(event) = self.assembler.pop() {
                return event;
            }
            match self.events.next().await {
                Some(Ok(event)) => self.assembler.take(event.name.as_deref(), &event.data),
                Some(Err(sse::Error::Read(error))) => {
                    let message = format!("the connection broke within the answer: {}", causes(&error));
                    return failure::plain(Disconnected, message);
                }
                Some(Err(sse::Error::Silent(idle))) => {
                    let message = format!("the server sent nothing for {} s", idle.as_secs_f32());
                    return failure::plain(Disconnected, message);
                }
                Some(Err(sse::Error::Format(what))) => {
                    return failure::plain(Malformed, format!("the answer is not an event stream: {what}"));
                }
                None => return failure::plain(Disconnected, "the answer ended before it was complete".to_owned()),
            }
        }
    }
}
