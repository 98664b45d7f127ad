//! A local server that speaks each wire as a script says.
//!
//! It has its own thread and runtime, so that tests of the binary are plain synchronous code. It binds to the loopback
//! address only and stops when it is dropped.
#![allow(clippy::expect_used, reason = "a test server that cannot start is a failed test")]

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri},
    response::Response,
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    answer::{self, Answer, Ending},
    script::{Script, Step},
    wires::Wire,
};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// Path and query.
    pub uri: String,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as JSON; null if it is not JSON.
    pub body: Value,
    /// The body's bytes.
    pub raw: Bytes,
}

impl RecordedRequest {
    /// A header's value; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// When a request and its answer passed. For whoever measures; no test may depend on it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The whole request was here.
    pub arrived: Instant,
    /// The answer was ready, and given to the connection to be sent. `None` while it is put together.
    pub answered: Option<Instant>,
    /// Bytes of the request's body.
    pub request_bytes: usize,
}

#[derive(Default)]
struct Kept {
    requests: Vec<RecordedRequest>,
    lists: Vec<RecordedRequest>,
    exchanges: Vec<Exchange>,
    /// How many requests each session has made; that without a name is all that have no answers of their own.
    asked: HashMap<String, usize>,
}

#[derive(Default)]
struct Shared {
    script: Script,
    is_forgetful: bool,
    kept: Mutex<Kept>,
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running server.
#[derive(Debug)]
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl ModelServer {
    /// Starts a server that answers as `script` says. When this returns, it accepts connections.
    ///
    /// # Panics
    ///
    /// If no local port can be had.
    pub fn start(script: impl Into<Script>) -> Self {
        Self::with(Shared { script: script.into(), ..Shared::default() })
    }

    /// As [`ModelServer::start`], but the requests are not kept: for so many or so large ones that they would fill the
    /// memory.
    ///
    /// # Panics
    ///
    /// As [`ModelServer::start`].
    pub fn start_forgetful(script: impl Into<Script>) -> Self {
        Self::with(Shared { script: script.into(), is_forgetful: true, ..Shared::default() })
    }

    fn with(shared: Shared) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a local port");
        let address = listener.local_addr().expect("the port's number");
        listener.set_nonblocking(true).expect("a listener for the runtime");
        let shared = Arc::new(shared);
        let (stop, stopped) = oneshot::channel();
        let state = Arc::clone(&shared);
        let thread = thread::spawn(move || serve(listener, state, stopped));
        Self { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// A server from JSON: a script, or only its steps.
    ///
    /// # Panics
    ///
    /// If this is not a script, or no local port can be had.
    pub fn from_json(script: Value) -> Self {
        Self::start(Script::from_value(script).expect("a script"))
    }

    /// The API's root, to be configured as the provider's base URL.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests for answers so far, in the order they arrived. A forgetful server has none.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.kept().requests.clone()
    }

    /// What the server was asked of itself so far, the list of models first of all, in the order it arrived.
    pub fn lists(&self) -> Vec<RecordedRequest> {
        self.shared.kept().lists.clone()
    }

    /// When the requests so far and their answers passed, in the order they arrived.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.kept().exchanges.clone()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the thread has ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: std::net::TcpListener, state: Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let routes = Wire::ALL.iter().fold(Router::new().route("/v1/models", get(models)), |routes, &wire| {
            let answer = move |state, uri, headers, raw| respond(wire, state, uri, headers, raw);
            routes.route(wire.path(), post(answer))
        });
        let app = routes.fallback(page).layer(DefaultBodyLimit::disable()).with_state(state);
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        // Not a graceful end: an answer that hangs would hold it up for ever.
        tokio::select! {
            _ = axum::serve(listener, app) => {}
            _ = stopped => {}
        }
    });
}

async fn models(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> axum::Json<Value> {
    let page = shared.script.pages.get(uri.path()).cloned();
    let request = RecordedRequest { uri: uri.to_string(), headers, body: Value::Null, raw: Bytes::new() };
    shared.kept().lists.push(request);
    let list = || json!({"object": "list", "data": [{"id": "mock", "object": "model", "owned_by": "mock"}]});
    axum::Json(page.unwrap_or_else(list))
}

/// What the script has at a path.
async fn page(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, raw: Bytes) -> Response {
    let page = shared.script.pages.get(uri.path()).map(Value::to_string);
    let body = serde_json::from_slice(&raw).unwrap_or_default();
    shared.kept().lists.push(RecordedRequest { uri: uri.to_string(), headers, body, raw });
    let status = if page.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(page.unwrap_or_default().into()).expect("a response")
}

async fn respond(wire: Wire, State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, raw: Bytes) -> Response {
    let arrived = Instant::now();
    let body: Value = serde_json::from_slice(&raw).unwrap_or_default();
    let seen = wire.seen(&body);
    let (step, number) = {
        let mut kept = shared.kept();
        let number = kept.exchanges.len();
        kept.exchanges.push(Exchange { arrived, answered: None, request_bytes: raw.len() });
        if !shared.is_forgetful {
            kept.requests.push(RecordedRequest { uri: uri.to_string(), headers, body: body.clone(), raw });
        }
        let session = shared.script.session_of(&seen);
        let asked = kept.asked.entry(session.to_owned()).or_default();
        let earlier = std::mem::replace(asked, *asked + 1);
        let refusal = wire.complaint(&body).map(|complaint| Step::refusal("invalid_request_error", &complaint));
        (refusal.unwrap_or_else(|| shared.script.step(session, earlier, &seen)), number)
    };
    let answer = answer::answer(&step, number, wire, &seen);
    let mut response = Response::builder()
        .status(StatusCode::from_u16(answer.status).expect("an HTTP status"))
        .header("content-type", answer.content_type);
    if let Some(headers) = response.headers_mut() {
        for (name, value) in &step.headers {
            let name = HeaderName::try_from(name).expect("a header's name");
            headers.insert(name, HeaderValue::try_from(value).expect("a header's value"));
        }
    }
    // Not at the end of this function: taking a long request apart would count as the client's time.
    drop(body);
    shared.kept().exchanges[number].answered = Some(Instant::now());
    response.body(stream_of(answer, step.chunk, step.pause_ms.map(Duration::from_millis))).expect("a response")
}

/// The body in chunks, then its ending. Chunks are what makes the connection's break visible to the client.
fn stream_of(answer: Answer, chunk: Option<usize>, pause: Option<Duration>) -> Body {
    let Answer { body, ending, .. } = answer;
    if ending == Ending::Proper && chunk.is_none() {
        return Body::from(body);
    }
    let size = chunk.unwrap_or(body.len()).max(1);
    let starts = (0..body.len()).step_by(size);
    let mut chunks: Vec<io::Result<Bytes>> =
        starts.map(|start| Ok(body.slice(start..body.len().min(start + size)))).collect();
    if ending == Ending::Broken {
        chunks.push(Err(io::Error::other("a scripted break")));
    }
    // Yielding in between sends each chunk by itself, and all of them before the connection breaks.
    let chunks = stream::iter(chunks).then(move |chunk| async move {
        match pause {
            // A model's pace, for benchmarks: nothing waits for something to happen here.
            Some(pause) => drop(tokio::time::timeout(pause, std::future::pending::<()>()).await),
            None => tokio::task::yield_now().await,
        }
        chunk
    });
    match ending {
        Ending::Proper | Ending::Broken => Body::from_stream(chunks),
        Ending::Silent => Body::from_stream(chunks.chain(stream::pending())),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    use super::*;

    /// Sends a request over a connection of its own, and gives back all of the answer.
    fn ask(server: &ModelServer, wire: Wire, body: &str) -> String {
        let mut connection = TcpStream::connect(server.address).unwrap();
        let (path, length) = (wire.path(), body.len());
        write!(
            connection,
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_forgetful_server_answers_in_order_and_keeps_sizes_only() {
        let script = Script::from_value(json!([{"text": "one"}, {"text": "two"}])).unwrap();
        for (server, kept) in [(ModelServer::start(script.clone()), 2), (ModelServer::start_forgetful(script), 0)] {
            assert!(ask(&server, Wire::Responses, "{}").contains("one"));
            assert!(ask(&server, Wire::Responses, "{\"input\":[]}").contains("two"));
            assert_eq!(server.requests().len(), kept);
            let seen: Vec<_> = server.exchanges().iter().map(|e| (e.answered.is_some(), e.request_bytes)).collect();
            assert_eq!(seen, [(true, 2), (true, 12)]);
        }
    }

    /// What the Messages API wants of each request.
    const DUE: &str = r#"{"max_tokens":1,"messages":[{"role":"user","content":"go"}]}"#;

    #[test]
    fn one_script_answers_in_the_words_of_the_path_that_is_asked() {
        let usage = r#"{"stream_options":{"include_usage":true}}"#;
        let table = [
            (Wire::Responses, "{}", vec!["event: response.completed", "\"input_tokens\":100"], "[DONE]"),
            (Wire::Chat, "{}", vec!["\"finish_reason\":\"tool_calls\"", "data: [DONE]"], "\"usage\""),
            (Wire::Chat, usage, vec!["\"prompt_tokens\":100", "call_0_0"], "response."),
            (Wire::Chat, r#"{"messages":[{"role":"tool"}]}"#, vec!["HTTP/1.1 400", "no preceding"], "data:"),
            (Wire::Anthropic, DUE, vec!["event: message_stop", "\"stop_reason\":\"tool_use\""], "[DONE]"),
            (Wire::Anthropic, "{}", vec!["HTTP/1.1 400", "max_tokens"], "data:"),
        ];
        for (wire, body, expected, absent) in table {
            let server = ModelServer::from_json(json!([{ "text": "one", "shell": "true" }]));
            let answer = ask(&server, wire, body);
            for words in expected {
                assert!(answer.contains(words), "{wire:?} {body}: {words} is not in {answer}");
            }
            assert!(!answer.contains(absent), "{wire:?} {body}: {absent} is in {answer}");
        }
    }
}
