//! The servers of one thread: which there are, what they offer together, and how to ask one.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use codex_sandbox::Confinement;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::{
    Auth, CallContext, CallError, CallOutcome, Elicitation, Elicited, Ground, PromptMessage, RemotePrompt,
    RemoteResource, RemoteTool, ResourceText, ServerSpec, ServerState, Status, answers, connect, resources,
    server::{Offers, Server},
};

/// The servers of one thread and its sub-agents. Dropped, those end that no other thread uses.
pub struct McpServers {
    ground: Ground,
    slots: Mutex<Vec<Slot>>,
    changes: Arc<watch::Sender<u64>>,
}

/// One of them.
struct Slot {
    spec: ServerSpec,
    /// Whether it is switched on.
    enabled: bool,
    /// The server, once somebody has needed it.
    server: Option<Arc<Server>>,
}

impl fmt::Debug for McpServers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states = self.states().into_iter().map(|state| (state.name, state.status));
        formatter.debug_map().entries(states).finish()
    }
}

impl McpServers {
    /// Those of `specs`, of which a later one takes the place of one of the same name. Nothing is started.
    pub fn new(specs: Vec<ServerSpec>, ground: Ground) -> Self {
        let mut slots: Vec<Slot> = Vec::new();
        for spec in specs {
            let slot = Slot { enabled: spec.enabled, spec, server: None };
            match slots.iter_mut().find(|other| other.spec.name == slot.spec.name) {
                Some(other) => *other = slot,
                None => slots.push(slot),
            }
        }
        Self { ground, slots: Mutex::new(slots), changes: Arc::new(watch::Sender::new(0)) }
    }

    /// The same servers, as they are switched, for a thread that works elsewhere or behind other walls: a sub-agent. Nothing is started;
    /// those that run in the same walls are shared.
    #[must_use]
    pub fn behind(&self, walls: Confinement, workspace: PathBuf) -> Self {
        let slot = |slot: &Slot| Slot { spec: slot.spec.clone(), enabled: slot.enabled, server: None };
        let slots = self.with(|slots| slots.iter().map(slot).collect());
        let ground = Ground { walls, workspace, ..self.ground.clone() };
        Self { ground, slots: Mutex::new(slots), changes: Arc::new(watch::Sender::new(0)) }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<Slot>) -> T) -> T {
        work(&mut self.slots.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts all that are enabled, at once and in the background. Does nothing where that was done. Must be called in a
    /// tokio runtime.
    pub fn start(&self) {
        self.with(|slots| {
            slots.iter_mut().filter(|slot| slot.enabled).for_each(|slot| self.started(slot).start());
        });
    }

    /// The server of `slot`, which may be another thread's already.
    fn started<'a>(&self, slot: &'a mut Slot) -> &'a Arc<Server> {
        slot.server.get_or_insert_with(|| {
            let server = self.ground.pool.server(&slot.spec, &self.ground);
            server.0.tell(&self.changes);
            server
        })
    }

    /// Waits until no server is starting any more, or for `grace`.
    pub async fn ready(&self, grace: Duration) {
        self.ready_of(grace, |_| true).await;
    }

    /// As [`McpServers::ready`], of those whose name is `one`.
    pub async fn ready_of(&self, grace: Duration, one: impl Fn(&str) -> bool) {
        let all: Vec<Arc<Server>> = self.with(|slots| {
            let these = slots.iter().filter(|slot| one(&slot.spec.name));
            these.filter_map(|slot| slot.server.clone()).collect()
        });
        let settled = async {
            for server in all {
                server.0.settled().await;
            }
        };
        let _ = tokio::time::timeout(grace, settled).await;
    }

    /// How each server is, in the order of the settings.
    pub fn states(&self) -> Vec<ServerState> {
        let of = |slot: &Slot| match (&slot.server, slot.enabled) {
            (Some(server), true) => server.0.state(),
            (_, enabled) => ServerState {
                name: slot.spec.name.clone(),
                plugin: slot.spec.plugin.clone(),
                status: if enabled { Status::NotStarted } else { Status::Disabled },
                error: None,
                stderr: String::new(),
                title: None,
                tools: Vec::new(),
                prompts: Vec::new(),
                resources: Vec::new(),
                auth: Auth::default(),
            },
        };
        self.with(|slots| slots.iter().map(of).collect())
    }

    fn offers<T: Clone>(&self, which: impl Fn(&Offers) -> &Vec<T>) -> Vec<T> {
        let offers: Vec<Arc<Offers>> = self.with(|slots| {
            let servers = slots.iter().filter(|slot| slot.enabled).filter_map(|slot| slot.server.as_ref());
            servers.map(|server| server.0.offers()).collect()
        });
        offers.iter().flat_map(|offers| which(offers).clone()).collect()
    }

    /// The tools of all servers that are ready.
    pub fn tools(&self) -> Vec<RemoteTool> {
        let mut tools = self.offers(|offers| &offers.tools);
        crate::names::tell_apart(&mut tools);
        tools
    }

    /// The prompts of all servers that are ready.
    pub fn prompts(&self) -> Vec<RemotePrompt> {
        self.offers(|offers| &offers.prompts)
    }

    /// The resources of all servers that are ready.
    pub fn resources(&self) -> Vec<RemoteResource> {
        self.offers(|offers| &offers.resources)
    }

    /// Calls `tool`, as the server calls it. A server that was not started is started, and one on its way waited for.
    ///
    /// # Errors
    /// Why nothing came of it. That a tool failed is an outcome.
    pub async fn call(
        &self,
        server: &str,
        tool: &str,
        arguments: Map<String, Value>,
        context: CallContext,
    ) -> Result<CallOutcome, CallError> {
        let server = self.enabled(server)?;
        let peer = connect::peer(&server.0, &context).await?;
        if tool == resources::TOOL {
            return resources::call(&server.0, &peer, &arguments, &context).await;
        }
        let params = json!({"name": tool, "arguments": arguments});
        let limit = server.0.spec.tool_timeout;
        match connect::ask(&server.0, &peer, "tools/call", params, &context, limit).await {
            Ok(answer) => Ok(answers::outcome(&answer)),
            Err(CallError::PagesFirst { server, message, pages }) => {
                let message = format!("{message}. {}", sent_to(&context, pages).await);
                Err(CallError::Refused { server, message })
            }
            Err(error) => Err(error),
        }
    }

    /// What a prompt comes to.
    ///
    /// # Errors
    /// Why nothing came of it.
    pub async fn get_prompt(
        &self,
        server: &str,
        name: &str,
        arguments: BTreeMap<String, String>,
    ) -> Result<Vec<PromptMessage>, CallError> {
        let params = json!({"name": name, "arguments": arguments});
        Ok(answers::messages(&self.ask(server, "prompts/get", params, &CallContext::default()).await?))
    }

    /// What a resource holds.
    ///
    /// # Errors
    /// Why nothing came of it.
    pub async fn read_resource(&self, server: &str, uri: &str) -> Result<Vec<ResourceText>, CallError> {
        let params = json!({"uri": uri});
        Ok(answers::contents(&self.ask(server, "resources/read", params, &CallContext::default()).await?))
    }

    async fn ask(&self, name: &str, method: &str, params: Value, context: &CallContext) -> Result<Value, CallError> {
        let server = self.enabled(name)?;
        let peer = connect::peer(&server.0, context).await?;
        connect::ask(&server.0, &peer, method, params, context, server.0.spec.tool_timeout).await
    }

    /// The server `name`, which is started if it was not.
    fn enabled(&self, name: &str) -> Result<Arc<Server>, CallError> {
        self.with(|slots| {
            let slot = slots.iter_mut().find(|slot| slot.spec.name == name);
            let slot = slot.ok_or_else(|| CallError::Unknown(name.to_owned()))?;
            if !slot.enabled {
                return Err(CallError::NotReady { server: name.to_owned(), why: "is switched off".to_owned() });
            }
            let server = self.started(slot);
            server.start();
            Ok(Arc::clone(server))
        })
    }

    /// Ends the server, if it runs, and starts it: for all threads that share it. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// [`CallError::Unknown`]; [`CallError::NotReady`] if it is switched off.
    pub fn restart(&self, server: &str) -> Result<(), CallError> {
        self.enabled(server)?.restart();
        Ok(())
    }

    /// Switches the server on or off for this thread, until its end. One that was switched on is started. Must be called in
    /// a tokio runtime.
    ///
    /// # Errors
    /// [`CallError::Unknown`].
    pub fn set_enabled(&self, server: &str, enabled: bool) -> Result<(), CallError> {
        self.with(|slots| {
            let slot = slots.iter_mut().find(|slot| slot.spec.name == server);
            let slot = slot.ok_or_else(|| CallError::Unknown(server.to_owned()))?;
            slot.enabled = enabled;
            if !enabled {
                slot.server = None;
            }
            Ok(())
        })?;
        if enabled {
            self.enabled(server)?;
        }
        self.changes.send_modify(|number| *number += 1);
        Ok(())
    }

    /// Switches on and off what was switched so in `before`, which the same thread had until its walls changed. Nothing is started.
    pub fn switch_as_in(&self, before: &Self) {
        let switched: BTreeMap<String, bool> = before.with(|slots| {
            let switched = slots.iter().filter(|slot| slot.enabled != slot.spec.enabled);
            switched.map(|slot| (slot.spec.name.clone(), slot.enabled)).collect()
        });
        self.with(|slots| {
            for slot in slots {
                slot.enabled = switched.get(&slot.spec.name).copied().unwrap_or(slot.enabled);
            }
        });
    }

    /// A number that grows with each change of a state or of what is offered.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// Sends a person to `pages`, for which a call has to wait: what came of it, in a sentence without a full stop.
async fn sent_to(context: &CallContext, pages: Vec<Elicitation>) -> &'static str {
    const NOT_GONE: &str = "The user did not go to the page that it wants to be opened first";
    let Some(elicit) = context.elicit.as_ref().filter(|_| !pages.is_empty()) else { return NOT_GONE };
    for page in pages {
        if !matches!(elicit(page).await, Elicited::Accepted(_)) {
            return NOT_GONE;
        }
    }
    "The user was sent to the page that it wants to be opened first: the call may be made again when the user is done there"
}
