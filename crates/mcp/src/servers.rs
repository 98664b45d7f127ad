//! The servers of one thread: which there are, what they offer together, and how to ask one.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::{
    CallContext, CallError, CallOutcome, Ground, PromptMessage, RemotePrompt, RemoteResource, RemoteTool, ResourceText,
    ServerSpec, ServerState, Status,
};

/// The servers of one thread and its sub-agents. Dropped, those end that no other thread uses.
#[derive(Debug)]
pub struct McpServers {
    specs: Vec<ServerSpec>,
    changes: watch::Sender<u64>,
}

impl McpServers {
    /// Those of `specs`, of which a later one takes the place of one of the same name. Nothing is started.
    pub fn new(specs: Vec<ServerSpec>, _ground: Ground) -> Self {
        Self { specs, changes: watch::Sender::new(0) }
    }

    /// Starts all that are enabled, at once and in the background. Does nothing where that was done. Must be called in a
    /// tokio runtime.
    pub fn start(&self) {}

    /// Waits until no server is starting any more, or for `grace`.
    pub async fn ready(&self, grace: Duration) {
        let _ = grace;
    }

    /// How each server is, in the order of the settings.
    pub fn states(&self) -> Vec<ServerState> {
        let of = |spec: &ServerSpec| ServerState {
            name: spec.name.clone(),
            plugin: spec.plugin.clone(),
            status: Status::NotStarted,
            error: None,
            stderr: String::new(),
            title: None,
            tools: Vec::new(),
            prompts: Vec::new(),
            resources: Vec::new(),
            auth: crate::Auth::default(),
        };
        self.specs.iter().map(of).collect()
    }

    /// The tools of all servers that are ready.
    pub fn tools(&self) -> Vec<RemoteTool> {
        Vec::new()
    }

    /// The prompts of all servers that are ready.
    pub fn prompts(&self) -> Vec<RemotePrompt> {
        Vec::new()
    }

    /// The resources of all servers that are ready.
    pub fn resources(&self) -> Vec<RemoteResource> {
        Vec::new()
    }

    /// Calls `tool`, as the server calls it. A server that was not started is started, and one on its way waited for.
    ///
    /// # Errors
    /// Why nothing came of it. That a tool failed is an outcome.
    pub async fn call(
        &self,
        server: &str,
        _tool: &str,
        _arguments: Map<String, Value>,
        _context: CallContext,
    ) -> Result<CallOutcome, CallError> {
        Err(CallError::Unknown(server.to_owned()))
    }

    /// What a prompt comes to.
    ///
    /// # Errors
    /// Why nothing came of it.
    pub async fn get_prompt(
        &self,
        server: &str,
        _name: &str,
        _arguments: BTreeMap<String, String>,
    ) -> Result<Vec<PromptMessage>, CallError> {
        Err(CallError::Unknown(server.to_owned()))
    }

    /// What a resource holds.
    ///
    /// # Errors
    /// Why nothing came of it.
    pub async fn read_resource(&self, server: &str, _uri: &str) -> Result<Vec<ResourceText>, CallError> {
        Err(CallError::Unknown(server.to_owned()))
    }

    /// Ends the server, if it runs, and starts it: for all threads that share it.
    ///
    /// # Errors
    /// [`CallError::Unknown`]; [`CallError::NotReady`] if it is switched off.
    pub fn restart(&self, server: &str) -> Result<(), CallError> {
        Err(CallError::Unknown(server.to_owned()))
    }

    /// Switches the server on or off for this thread, until its end. One that was switched on is started.
    ///
    /// # Errors
    /// [`CallError::Unknown`].
    pub fn set_enabled(&self, server: &str, _enabled: bool) -> Result<(), CallError> {
        Err(CallError::Unknown(server.to_owned()))
    }

    /// A number that grows with each change of a state or of what is offered.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
