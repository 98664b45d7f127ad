//! One language server while it runs: its process, the messages both ways, and what it has said of files so far.
//!
//! It belongs to nobody but this program: it goes with the last that holds it, and whatever is wrong with it (it hangs, floods,
//! writes nonsense, ends) ends it and nothing else.

use std::{
    collections::{BTreeSet, HashMap},
    convert::Infallible,
    future::pending,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use codex_sandbox::{Child, Command, Exit, Streams};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::unix::pipe,
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Site,
    text::{self, address},
    wire,
};
use crate::diagnostics::{Diagnostic, KEPT};

/// How long it may take until it takes requests.
const STARTING: Duration = Duration::from_secs(120);
/// It is ended if nothing was asked of it for so long.
const IDLE: Duration = Duration::from_secs(600);
/// Why it ended then.
pub(super) const UNUSED: &str = "it was not needed any more";
/// How long it may take to end, and what it said then to come.
const ENDING: Duration = Duration::from_millis(200);
/// Messages that may wait to be read by it.
const WAITING: usize = 256;
/// Most messages, and most bytes of them, that it may write without being told anything.
const FLOOD: (u32, usize) = (20_000, 64 << 20);
/// Most files of which it is kept what is wrong with them.
const MOST_FILES: usize = 2_000;
/// The kind of a message to people that tells of an error.
const ERROR: u8 = 1;
/// Most characters of what it says of itself.
const COMPLAINT: usize = 400;
/// How much of its standard error is kept: the first bytes.
const STDERR: usize = 2 << 10;

/// A language server that was started.
#[derive(Debug)]
pub(super) struct Server {
    outgoing: mpsc::Sender<Value>,
    state: Arc<Mutex<State>>,
    changed: watch::Receiver<()>,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        // With it goes the process.
        self.task.abort();
    }
}

/// How far a server has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// It does not take requests yet.
    #[default]
    Starting,
    /// It does.
    Ready,
    /// It has ended, and why.
    Ended(String),
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Whether it can be asked what is wrong with a file.
    answers_diagnostics: bool,
    /// Whether it wants to be asked that again: it knows more than when it answered.
    knows_more: bool,
    /// Whether it has said once what is wrong with files: what it does first, it does in many steps.
    has_looked: bool,
    documents: HashMap<PathBuf, Document>,
    pending: HashMap<u64, oneshot::Sender<Result<Value, String>>>,
    last_id: u64,
    /// What it works on, by the tokens that it tells of it with.
    working: BTreeSet<String>,
    /// What it said last of itself, if it does not see all that it should.
    complaint: Option<String>,
    /// Since it was told something: messages and bytes.
    heard: (u32, usize),
    used: Option<Instant>,
    stderr: Vec<u8>,
}

/// A file that it was told of.
#[derive(Debug, Default)]
struct Document {
    version: u32,
    text: String,
    is_open: bool,
    /// What it said by itself, and whether that was after the file was changed last.
    pushed: (Vec<Value>, bool),
    /// What it answered.
    pulled: Vec<Value>,
}

/// What a server says of files.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) found: Vec<Diagnostic>,
    /// Whether it works on nothing any more that could find more.
    pub(super) is_all: bool,
}

impl Server {
    /// Starts it at `site` in the background.
    pub(super) fn start(site: Site) -> Arc<Self> {
        let (outgoing, incoming) = mpsc::channel(WAITING);
        let (told, changed) = watch::channel(());
        let state = Arc::new(Mutex::new(State { used: Some(Instant::now()), ..State::default() }));
        let shared = Shared { state: Arc::clone(&state), told, outgoing: outgoing.downgrade() };
        let task = tokio::spawn(async move {
            let why = shared.live(&site, incoming).await;
            shared.end(&why);
        });
        Arc::new(Self { outgoing, state, changed, task: task.abort_handle() })
    }

    pub(super) fn phase(&self) -> Phase {
        lock(&self.state).phase.clone()
    }

    /// Waits until it takes requests; false if it does not by `deadline`.
    pub(super) async fn ready(&self, deadline: Instant) -> bool {
        let mut changed = self.changed.clone();
        loop {
            match self.phase() {
                Phase::Ready => return true,
                Phase::Ended(_) => return false,
                Phase::Starting => {}
            }
            tokio::select! {
                told = changed.changed() => if told.is_err() { return false },
                () = sleep_until(deadline) => return false,
            }
        }
    }

    /// Tells it what is in a file now; `None`: the file is gone. It must be ready.
    pub(super) fn tell(&self, path: &PathBuf, content: Option<String>) {
        let uri = address(path);
        let mut messages = Vec::new();
        {
            let mut state = lock(&self.state);
            let watched = |kind: u8| json!({ "changes": [{ "uri": uri, "type": kind }] });
            let Some(content) = content else {
                if state.documents.remove(path).is_some_and(|document| document.is_open) {
                    messages.push(note("textDocument/didClose", json!({ "textDocument": { "uri": uri } })));
                }
                messages.push(note("workspace/didChangeWatchedFiles", watched(3)));
                return self.send_all(messages, state);
            };
            let document = state.documents.entry(path.clone()).or_default();
            if document.is_open && document.text == content {
                return;
            }
            document.version += 1;
            document.pushed.1 = false;
            let (version, was_open) = (document.version, std::mem::replace(&mut document.is_open, true));
            document.text.clone_from(&content);
            let id = json!({ "uri": uri, "version": version });
            if was_open {
                let changes = json!([{ "text": content }]);
                messages.push(note("textDocument/didChange", json!({ "textDocument": id, "contentChanges": changes })));
                messages.push(note("workspace/didChangeWatchedFiles", watched(2)));
            } else {
                let language = text::language(path);
                let item = json!({ "uri": uri, "version": version, "languageId": language, "text": content });
                messages.push(note("textDocument/didOpen", json!({ "textDocument": item })));
                messages.push(note("workspace/didChangeWatchedFiles", watched(1)));
            }
            messages.push(note("textDocument/didSave", json!({ "textDocument": { "uri": uri } })));
            self.send_all(messages, state);
        }
    }

    /// What is wrong with `files`, which it was told of: as soon as it has looked at all of them and works on nothing, at
    /// `deadline` at the latest. `None`: it has not looked at them yet.
    pub(super) async fn diagnostics(&self, files: &[PathBuf], deadline: Instant) -> Option<Looked> {
        let pulls = lock(&self.state).answers_diagnostics;
        if pulls {
            self.pull(files, deadline).await?;
        }
        let mut changed = self.changed.clone();
        let settled = if lock(&self.state).has_looked { SETTLED } else { SETTLED_FIRST };
        // A server begins to work on what it was told only after a moment, and says so then.
        let mut quiet = Instant::now() + settled;
        loop {
            let (is_looked_at, is_idle) = {
                let state = lock(&self.state);
                let looked = |path: &PathBuf| state.documents.get(path).is_some_and(|document| document.pushed.1);
                (pulls || files.iter().all(looked), state.working.is_empty())
            };
            let until = if is_looked_at && is_idle { quiet.min(deadline) } else { deadline };
            tokio::select! {
                told = changed.changed() => {
                    if told.is_err() || matches!(self.phase(), Phase::Ended(_)) {
                        return None;
                    }
                    quiet = Instant::now() + settled;
                }
                () = sleep_until(until) => {
                    if pulls && until < deadline && std::mem::take(&mut lock(&self.state).knows_more) {
                        // What it has said before still counts where it does not say more in time.
                        let _ = self.pull(files, deadline).await;
                        quiet = Instant::now() + settled;
                        continue;
                    }
                    lock(&self.state).has_looked |= is_looked_at && is_idle;
                    return is_looked_at.then(|| Looked { found: self.known(files), is_all: is_idle });
                }
            }
        }
    }

    /// Asks what is wrong with `files`; `None`: it does not answer.
    async fn pull(&self, files: &[PathBuf], deadline: Instant) -> Option<()> {
        lock(&self.state).knows_more = false;
        for path in files {
            let asked = json!({ "textDocument": { "uri": address(path) } });
            let answer = self.request("textDocument/diagnostic", asked, deadline).await.ok()?;
            let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(document) = lock(&self.state).documents.get_mut(path) {
                document.pulled = items.iter().take(KEPT).cloned().collect();
            }
        }
        Some(())
    }

    /// Waits as long as it works on something; false if it does not.
    pub(super) async fn worked(&self, deadline: Instant) -> bool {
        let mut changed = self.changed.clone();
        let mut has_worked = false;
        while !lock(&self.state).working.is_empty() {
            has_worked = true;
            tokio::select! {
                told = changed.changed() => if told.is_err() { return false },
                () = sleep_until(deadline) => return false,
            }
        }
        has_worked
    }

    /// What it said of `files`.
    pub(super) fn known(&self, files: &[PathBuf]) -> Vec<Diagnostic> {
        let state = lock(&self.state);
        let mut all: Vec<Diagnostic> = Vec::new();
        for path in files {
            let Some(document) = state.documents.get(path) else { continue };
            for found in document.pulled.iter().chain(&document.pushed.0) {
                let found = text::diagnostic(path, &document.text, found);
                // What it finds itself and what its compiler finds may be the same.
                all.extend(found.filter(|found| !all.contains(found)));
            }
        }
        all
    }

    /// What it said last of itself, on one line, if it does not see all that it should.
    pub(super) fn complaint(&self) -> Option<String> {
        let said = lock(&self.state).complaint.clone()?;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(said.chars().filter(|c| !c.is_control()).take(COMPLAINT).collect())
    }

    /// Asks it something.
    ///
    /// # Errors
    /// A sentence: it refuses, has ended, or does not answer by `deadline`.
    pub(super) async fn request(&self, method: &str, params: Value, deadline: Instant) -> Result<Value, String> {
        let (answer, answered) = oneshot::channel();
        let id = {
            let mut state = lock(&self.state);
            if let Phase::Ended(why) = &state.phase {
                return Err(why.clone());
            }
            state.last_id += 1;
            let id = state.last_id;
            state.pending.insert(id, answer);
            self.send_all(vec![json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })], state);
            id
        };
        match tokio::time::timeout_at(deadline, answered).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err("the language server has ended".into())),
            Err(_) => {
                lock(&self.state).pending.remove(&id);
                let _ = self.outgoing.try_send(note("$/cancelRequest", json!({ "id": id })));
                Err(self.not_in_time())
            }
        }
    }

    /// Why it has said nothing in time, and what to do then.
    pub(super) fn not_in_time(&self) -> String {
        let state = lock(&self.state);
        let later =
            "nothing is known yet, neither good nor bad. Go on with something else, and ask again in a minute or two";
        match &state.phase {
            Phase::Ended(why) => format!("the language server does not work: {why}"),
            Phase::Starting => format!("the language server is still starting: {later}"),
            Phase::Ready if !state.working.is_empty() => {
                format!("the language server still looks through the project: {later}")
            }
            Phase::Ready => {
                "the language server did not answer in time: nothing is known, neither good nor bad. Ask again \
                             later, or have the project's own build tell"
                    .into()
            }
        }
    }

    fn send_all(&self, messages: Vec<Value>, mut state: MutexGuard<'_, State>) {
        state.heard = (0, 0);
        state.used = Some(Instant::now());
        for message in messages {
            if self.outgoing.try_send(message).is_err() && !matches!(state.phase, Phase::Ended(_)) {
                state.phase = Phase::Ended("it does not read what it is told".into());
                self.task.abort();
            }
        }
    }
}

/// How long nothing must have happened until a server is taken to have said all.
const SETTLED: Duration = Duration::from_millis(250);
/// The same of one that has looked at nothing yet.
const SETTLED_FIRST: Duration = Duration::from_secs(1);

fn note(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The side of the process.
struct Shared {
    state: Arc<Mutex<State>>,
    told: watch::Sender<()>,
    outgoing: mpsc::WeakSender<Value>,
}

impl Shared {
    /// Runs it to its end; returns why it ended.
    async fn live(&self, site: &Site, mut outgoing: mpsc::Receiver<Value>) -> String {
        let command =
            Command { argv: site.argv.clone(), directory: site.root.clone(), environment: site.environment() };
        let started = site.ground.sandbox.spawn_with_input(&site.ground.walls, command, Streams::Separate).await;
        let Child { stdout, mut stderr, stdin, mut process } = match started {
            Ok(child) => child,
            Err(error) => return format!("it cannot be started: {error}"),
        };
        let Some(stdin) = stdin else { return "it cannot be told anything".into() };
        let mut stdout = BufReader::new(stdout);
        let work = async {
            let (sender, mut first) = mpsc::channel(1);
            let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": site.initialize() });
            let _ = sender.send(initialize).await;
            let writing = async {
                let mut stdin = stdin;
                // Nothing else before it has answered the first.
                if let Some(message) = first.recv().await {
                    stdin.write_all(&wire::written(&message)).await?;
                }
                let mut phase = self.told.subscribe();
                while lock(&self.state).phase == Phase::Starting {
                    let _ = phase.changed().await;
                }
                while let Some(message) = outgoing.recv().await {
                    stdin.write_all(&wire::written(&message)).await?;
                }
                std::io::Result::Ok(())
            };
            let reading = async {
                let answer = timeout(STARTING, self.hear(&mut stdout, true)).await;
                match answer {
                    Err(_) => "it did not begin to work in 120 seconds".to_owned(),
                    Ok(Some(why)) => why,
                    Ok(None) => self.hear(&mut stdout, false).await.unwrap_or_default(),
                }
            };
            tokio::select! {
                why = reading => why,
                written = writing => written.err().map_or_else(String::new, |error| format!("it cannot be told: {error}")),
                () = self.idle() => UNUSED.into(),
            }
        };
        let why = tokio::select! {
            why = work => why,
            never = async { self.complain(&mut stderr).await; pending::<Infallible>().await } => match never {},
        };
        let why = if why.is_empty() { "it ended".to_owned() } else { why };
        // It may just be ending: then how says more.
        let exit = timeout(ENDING, process.wait()).await;
        let _ = timeout(ENDING, self.complain(&mut stderr)).await;
        let said =
            String::from_utf8_lossy(&lock(&self.state).stderr).trim().lines().next().unwrap_or_default().to_owned();
        match exit {
            Ok(Ok(exit)) if exit != Exit::Code(0) => format!("{why} with status {}: {said}", exit.shell_code()),
            _ => why,
        }
    }

    /// Reads messages to the end of the stream; with `until_ready` to the answer to the first request. Returns why it ended.
    async fn hear(&self, from: &mut BufReader<pipe::Receiver>, until_ready: bool) -> Option<String> {
        loop {
            let message = match wire::read(from).await {
                Ok(Some(message)) => message,
                Ok(None) => return Some("it ended".into()),
                Err(error) => return Some(error.to_string()),
            };
            if until_ready && message["id"] == 0 && message.get("method").is_none() {
                return self.began(&message);
            }
            if let Some(why) = self.take(message) {
                return Some(why);
            }
        }
    }

    /// Takes the answer to the first request; returns why it cannot work.
    fn began(&self, answer: &Value) -> Option<String> {
        if let Some(error) = answer.get("error") {
            return Some(format!("it refuses to work: {}", error["message"].as_str().unwrap_or_default()));
        }
        let provider = &answer["result"]["capabilities"]["diagnosticProvider"];
        let outgoing = self.outgoing.upgrade()?;
        let _ = outgoing.try_send(note("initialized", json!({})));
        let mut state = lock(&self.state);
        state.answers_diagnostics = !provider.is_null() && *provider != Value::Bool(false);
        state.phase = Phase::Ready;
        drop(state);
        self.told.send_replace(());
        None
    }

    /// Takes a message in; returns why no more is read.
    fn take(&self, message: Value) -> Option<String> {
        let mut state = lock(&self.state);
        let (messages, bytes) = &mut state.heard;
        *messages += 1;
        *bytes += message.to_string().len();
        if *messages > FLOOD.0 || *bytes > FLOOD.1 {
            return Some("it writes without end".into());
        }
        let params = &message["params"];
        match (message["method"].as_str(), message.get("id")) {
            (Some(method), Some(id)) => {
                let mut answer = answer(method, params);
                state.knows_more |= method == "workspace/diagnostic/refresh";
                drop(state);
                answer["jsonrpc"] = "2.0".into();
                answer["id"] = id.clone();
                let _ = self.outgoing.upgrade()?.try_send(answer);
                return None;
            }
            (Some("textDocument/publishDiagnostics"), None) => state.published(params),
            (Some("$/progress"), None) => state.progressed(params),
            (Some("experimental/serverStatus"), None) => {
                let is_well = params["health"] == "ok";
                state.complaint = params["message"].as_str().filter(|_| !is_well).map(str::to_owned);
            }
            (Some("window/showMessage"), None) if params["type"] == ERROR => {
                state.complaint = params["message"].as_str().map(str::to_owned);
            }
            (Some(_), None) => return None,
            (None, Some(id)) => {
                let pending = id.as_u64().and_then(|id| state.pending.remove(&id));
                let answer = match message.get("error") {
                    Some(error) => Err(error["message"].as_str().unwrap_or("it says no").to_owned()),
                    None => Ok(message["result"].clone()),
                };
                pending.into_iter().for_each(|pending| drop(pending.send(answer.clone())));
            }
            (None, None) => return None,
        }
        drop(state);
        self.told.send_replace(());
        None
    }

    /// Keeps the first of what it writes to standard error, and reads to its end; then there is none any more.
    async fn complain(&self, stderr: &mut Option<pipe::Receiver>) {
        let Some(pipe) = stderr else { return };
        let mut buffer = vec![0; 4 << 10];
        while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
            let mut state = lock(&self.state);
            let room = STDERR.saturating_sub(state.stderr.len()).min(read);
            state.stderr.extend_from_slice(&buffer[..room]);
        }
        *stderr = None;
    }

    /// Returns when nothing was asked of it for long.
    async fn idle(&self) {
        loop {
            let until = lock(&self.state).used.map_or_else(Instant::now, |used| used + IDLE);
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }

    fn end(&self, why: &str) {
        let mut state = lock(&self.state);
        state.phase = Phase::Ended(why.to_owned());
        state.pending.clear();
        drop(state);
        self.told.send_replace(());
    }
}

impl State {
    fn published(&mut self, params: &Value) {
        let Some(path) = params["uri"].as_str().and_then(text::file) else { return };
        let items = params["diagnostics"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !self.documents.contains_key(&path) && (items.is_empty() || self.documents.len() >= MOST_FILES) {
            return;
        }
        let document = self.documents.entry(path).or_default();
        // Of an older text of it.
        if params["version"].as_u64().is_some_and(|version| version < u64::from(document.version)) {
            return;
        }
        document.pushed = (items.iter().take(KEPT).cloned().collect(), true);
    }

    fn progressed(&mut self, params: &Value) {
        let token = params["token"].to_string();
        match params["value"]["kind"].as_str() {
            Some("end") => drop(self.working.remove(&token)),
            Some(_) if self.working.len() < WAITING => drop(self.working.insert(token)),
            _ => {}
        }
    }
}

/// The answer to what a server asks.
fn answer(method: &str, params: &Value) -> Value {
    match method {
        "workspace/configuration" => {
            let count = params["items"].as_array().map_or(0, Vec::len).min(WAITING);
            json!({ "result": vec![Value::Null; count] })
        }
        "window/workDoneProgress/create"
        | "client/registerCapability"
        | "client/unregisterCapability"
        | "workspace/diagnostic/refresh"
        | "window/showMessageRequest" => json!({ "result": null }),
        "workspace/applyEdit" => json!({ "result": { "applied": false } }),
        _ => json!({ "error": { "code": -32601, "message": "not supported" } }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn why_nothing_was_said_in_time_is_said_with_what_to_do() {
        let working = BTreeSet::from(["indexing".to_owned()]);
        let table = [
            (Phase::Starting, BTreeSet::new(), "is still starting: nothing is known yet", "ask again in a minute"),
            (Phase::Ready, working, "still looks through the project: nothing is known yet", "ask again in a minute"),
            (Phase::Ready, BTreeSet::new(), "did not answer in time: nothing is known", "Ask again later"),
            (Phase::Ended("gone".into()), BTreeSet::new(), "does not work: gone", ""),
        ];
        for (phase, working, why, advice) in table {
            let ends = matches!(phase, Phase::Ended(_));
            let (outgoing, _incoming) = mpsc::channel(WAITING);
            let (_told, changed) = watch::channel(());
            let state = Arc::new(Mutex::new(State { phase, working, ..State::default() }));
            let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
            let server = Server { outgoing, state, changed, task };
            let answers = [server.not_in_time(), server.request("asked", json!({}), Instant::now()).await.unwrap_err()];
            assert!(server.diagnostics(&["/a".into()], Instant::now()).await.is_none());
            for answer in answers {
                assert!(ends || answer.contains(why) && answer.contains(advice), "{answer}");
            }
        }
    }
}
