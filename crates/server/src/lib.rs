//! The server: threads, and the one place where settings become a running agent.
//!
//! [`build`](mod@build) is the only wiring place; [`dispatch`](mod@dispatch) maps each method to one call, a line
//! each. A server never decides what is shown, and never trusts a client with more than its own configuration gives.

mod agents;
mod apply;
pub mod auth;
mod build;
mod cassette;
mod catalog;
mod ceiling;
mod change;
mod commands;
mod configured;
mod diff;
mod dispatch;
mod doctor;
mod explain;
mod fallback;
mod fork;
mod holding;
mod hooks;
mod hub;
mod ignored;
mod in_process;
mod json;
#[cfg(any(test, feature = "fuzzing"))]
pub use json::fuzzing;
mod keys;
mod limits;
mod linters;
mod listing;
mod log;
mod mcp;
mod mcp_login;
mod mcp_logins;
mod mcp_specs;
mod mcp_status;
mod mcp_test;
mod models;
mod network;
mod oss;
mod outage;
mod permissions;
mod plugged_in;
pub mod plugins;
mod policy;
mod reading;
mod retention;
mod review;
mod rewind;
mod sessions;
mod skills;
mod terminals;
pub mod transports;
mod trust;
mod turns;
mod web;
mod worktrees;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use codex_agent::{AgentRequest, Questions, Thread};
use codex_checkpoints::Checkpoints;
use codex_config::Environment;
pub use codex_model::Cassette;
use codex_model::ListedModel;
use codex_net::HttpClients;
use codex_protocol::{ErrorKind, RpcError, SandboxMode, ServerMessage, SessionSource, SettingsChange};
use tokio::sync::mpsc;

pub use apply::{Applied, Apply, apply};
pub use build::{Walls, settings, walls};
pub use ceiling::Ceiling;
pub use doctor::{Check, Status, diagnose};
pub use explain::{Explained, Rule, RulesInForce, class, explain_command, rules_in_force};
pub use hub::Hub;
pub use in_process::Calls;
pub use json::{Facts, serve_json};
pub use keys::{ProviderKey, ProviderKeys, key_words, provider_keys};
pub use listing::{NotListed, ProviderModel, ProviderModels, provider_models};
pub use mcp_login::{LOGIN_TIME, McpAuth, McpLogin, mcp_auth, mcp_logout};
pub use mcp_test::{McpTest, mcp_test};

/// A server with its threads. Process-wide parts are shared, settings are per thread.
#[derive(Debug)]
pub struct Server {
    environment: Environment,
    /// This program's own file, started again as sandbox helper.
    helper: PathBuf,
    source: SessionSource,
    /// The loosest sandbox that a thread may have.
    ceiling: Option<SandboxMode>,
    http: Arc<HttpClients>,
    /// The servers of tools that threads have.
    mcp: Arc<codex_mcp::Pool>,
    /// Logins to them that wait for a person.
    logins: mcp_logins::Logins,
    /// The models that servers have listed, by their addresses.
    lists: Mutex<HashMap<String, Vec<ListedModel>>>,
    /// Where exchanges with models are written down, or what answers in their place.
    cassette: Option<Cassette>,
    /// Gone before the threads are: what cannot be let go of any more is not asked for.
    doors: holding::Doors,
    threads: Mutex<HashMap<String, Arc<Kept>>>,
    questions: Arc<Questions>,
    files: reading::FileIndexes,
    /// Opened when the first thread is.
    checkpoints: OnceLock<Result<Arc<Checkpoints>, String>>,
    events: mpsc::Sender<ServerMessage>,
    /// Where threads ask for sub-agents.
    agents: mpsc::Sender<AgentRequest>,
    /// Where each thread is among those that work for one another.
    places: Mutex<HashMap<String, agents::Place>>,
}

/// A thread, and what its settings were built from.
#[derive(Debug)]
struct Kept {
    thread: Arc<Thread>,
    /// What its commands see as `/tmp`.
    temp: PathBuf,
    known: Mutex<Known>,
}

/// What changes with a thread's settings.
#[derive(Debug)]
struct Known {
    /// What a client wants of them.
    wanted: build::Wanted,
    /// As in [`codex_protocol::ThreadOpened`].
    held_by: String,
    /// The warnings that it was told.
    told: Vec<String>,
    /// What is asked again in the next turn, where a command had another model asked in the last one.
    model_before: Option<SettingsChange>,
}

/// Where a test of the built program wants it to end: in the middle of a write, `journal:N` or `states:N`.
#[cfg(debug_assertions)]
fn end_where_wanted(environment: &Environment) {
    let wanted = environment.end_at_write().and_then(|at| at.split_once(':'));
    match wanted.map(|(which, number)| (which, number.parse())) {
        Some(("journal", Ok(number))) => codex_store::faults::end_at_write(number),
        Some(("states", Ok(number))) => codex_checkpoints::faults::end_at_write(number),
        _ => {}
    }
}

/// Events that may wait for a slow client before the agent waits too.
const EVENTS: usize = 1024;

impl Server {
    /// A server without threads, and what it will tell.
    fn with_events(
        environment: Environment,
        helper: PathBuf,
        source: SessionSource,
    ) -> (Self, mpsc::Receiver<ServerMessage>, mpsc::Receiver<AgentRequest>) {
        #[cfg(debug_assertions)]
        end_where_wanted(&environment);
        let (events, told) = mpsc::channel(EVENTS);
        let (agents, asked) = mpsc::channel(1);
        let http = Arc::new(network::clients(&environment));
        let (lists, doors, threads, questions, files, checkpoints, places) = Default::default();
        let server = Self {
            environment,
            helper,
            source,
            ceiling: None,
            http,
            mcp: Arc::default(),
            logins: mcp_logins::Logins::default(),
            lists,
            cassette: None,
            doors,
            threads,
            questions,
            files,
            checkpoints,
            events,
            agents,
            places,
        };
        (server, told, asked)
    }

    fn thread(&self, id: &str) -> Result<Arc<Thread>, RpcError> {
        self.kept(id).map(|kept| Arc::clone(&kept.thread))
    }

    fn open_threads(&self) -> Vec<String> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    fn all_threads(&self) -> Vec<Arc<Thread>> {
        self.all_kept().iter().map(|kept| Arc::clone(&kept.thread)).collect()
    }

    fn all_kept(&self) -> Vec<Arc<Kept>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect()
    }

    fn kept(&self, id: &str) -> Result<Arc<Kept>, RpcError> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let found = threads.get(id).map(Arc::clone);
        found.ok_or_else(|| RpcError::new(ErrorKind::NotFound, format!("thread not found: {id}")))
    }

    /// Whether the journal is one of a thread of this server: nobody waits for himself.
    fn has_open(&self, journal: &Path) -> bool {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.values().any(|kept| kept.thread.journal() == Some(journal))
    }

    /// The thread, which nobody finds here any more.
    fn release(&self, id: &str) -> Option<Arc<Kept>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.doors.close(id);
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }

    fn keep(&self, id: String, kept: Kept) {
        if let (Some(_), Ok(home)) = (kept.thread.journal(), self.codex_home()) {
            self.doors.open(&home, &id);
        }
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::new(kept));
    }
}
