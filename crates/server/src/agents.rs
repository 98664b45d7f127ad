//! Builds the threads of sub-agents: like the one they work for, narrowed to what that one may do now.
//!
//! It must never give a sub-agent more than its parent has: what cannot be narrowed is refused.

use std::sync::{Arc, Mutex, PoisonError, Weak, atomic::AtomicU32};

use codex_agent::{AgentOrder, AgentRequest, Agents, AgentsParts, Budget, BuiltAgent, Limits, Standing, Thread};
use codex_config::AgentSettings;
use codex_permissions::{Policy, SandboxLevel};
use codex_protocol::{ErrorKind, RpcError, ServerMessage, ServerNotification, ThreadClosed};
use codex_store::{FORMAT, Header, Journal, TempDirectory};
use codex_workspace::Roots;
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    Kept, Known, Server,
    build::{self, Built, Wanted, configuration},
    dispatch::{source_name, store_error, thread_error},
};

/// Events of a sub-agent that may wait until its parent has seen them.
const EVENTS: usize = 64;

/// Where a thread is in the tree of those that work for one another.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// How many are above it.
    pub(crate) depth: u32,
    limits: AgentSettings,
    /// How many sub-agents work in the whole tree.
    running: Arc<AtomicU32>,
}

impl Place {
    /// That of a thread that works for nobody.
    pub(crate) fn root(built: &Built) -> Self {
        Self { depth: 0, limits: built.agents, running: Arc::default() }
    }

    fn below(&self) -> Self {
        Self { depth: self.depth + 1, ..self.clone() }
    }
}

/// What ties a thread to others.
pub(crate) struct Ties {
    /// Whether it tells what is not whole yet.
    pub(crate) live: bool,
    /// What it may use.
    pub(crate) budget: Budget,
    /// Where it tells what happens.
    pub(crate) events: mpsc::Sender<ServerMessage>,
    pub(crate) place: Place,
}

/// Does what threads ask for, as long as the server is there.
pub(crate) async fn serve(server: Weak<Server>, mut asked: mpsc::Receiver<AgentRequest>) {
    while let Some(request) = asked.recv().await {
        let Some(server) = server.upgrade() else { return };
        match request {
            AgentRequest::Build { parent, order, answer } => {
                tokio::spawn(async move {
                    let built = server.build_agent(&parent, order).await.map_err(|error| error.message);
                    if let Err(Ok(unwanted)) = answer.send(built) {
                        unwanted.thread.close().await;
                        server.agent_closed(unwanted.id).await;
                    }
                });
            }
            AgentRequest::Closed { id } => server.agent_closed(id).await,
        }
    }
}

impl Server {
    /// Where a thread is.
    pub(crate) fn place(&self, id: &str) -> Result<Place, RpcError> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(id).cloned().ok_or_else(|| RpcError::new(ErrorKind::NotFound, format!("thread not found: {id}")))
    }

    /// A thread is here.
    pub(crate) fn put(&self, id: &str, place: Place) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), place);
    }

    /// What the sub-agents of a thread are kept in; `None`: it may have none.
    pub(crate) fn agents_of(&self, id: &str, Ties { events, place, .. }: &Ties) -> Option<Arc<Agents>> {
        let parts = || AgentsParts {
            parent: id.to_owned(),
            most: place.limits.max_parallel,
            running: Arc::clone(&place.running),
            requests: self.agents.clone(),
            events: events.clone(),
            kinds: Vec::new(),
        };
        (place.depth < place.limits.max_depth).then(|| Arc::new(Agents::new(parts())))
    }

    async fn agent_closed(&self, thread_id: String) {
        self.release(&thread_id);
        self.tell(ServerNotification::ThreadClosed(ThreadClosed { thread_id })).await;
    }

    async fn build_agent(&self, parent: &str, _order: AgentOrder) -> Result<BuiltAgent, RpcError> {
        let kept = self.kept(parent)?;
        let standing = kept.thread.standing();
        let mut wanted = kept.wanted().of_agent(None);
        narrow_wishes(&mut wanted, &standing, standing.policy.level)?;
        let id = uuid::Uuid::now_v7().to_string();
        let codex_home = self.codex_home()?;
        let temp = TempDirectory::create(&codex_home, &id).map_err(store_error)?;
        let mut built = build::thread(self, &id, &codex_home, &mut wanted, temp.path()).await?;
        narrow(&mut built, &standing)?;
        let held_by = build::held_by(&mut built).await.to_owned();
        self.warn(parent, &kept.untold(std::mem::take(&mut built.warnings))).await;
        let journal = match kept.thread.journal() {
            None => Journal::ephemeral(),
            Some(_) => {
                let header = Header {
                    format: FORMAT,
                    thread_id: id.clone(),
                    program_version: env!("CARGO_PKG_VERSION").to_owned(),
                    cwd: built.settings.workplace.roots.workspace.clone(),
                    source: source_name(self.source).to_owned(),
                    thread_source: Some("subAgent".to_owned()),
                    forked_from: None,
                    parent: Some(parent.to_owned()),
                };
                Journal::create(&codex_home, header).map_err(store_error)?
            }
        };
        let (events, told) = mpsc::channel(EVENTS);
        let (place, model) = (self.place(parent)?.below(), built.settings.model.id.clone());
        let own = Limits { tokens: None, cost: None, ..built.limits };
        let ties = Ties { live: false, budget: kept.thread.budget().child(own), events, place };
        let (parts, temp) = self.parts_at(&id, built, journal, temp, ties);
        let thread = Arc::new(Thread::start(parts).map_err(thread_error)?);
        let known = Mutex::new(Known { wanted, held_by, told: Vec::new() });
        self.keep(id.clone(), Kept { thread: Arc::clone(&thread), temp, known });
        let (kind, worktree) = ("agent".to_owned(), None);
        Ok(BuiltAgent { thread, id, events: told, kind, model, worktree })
    }
}

/// Sets as flags what holds in the parent now, whatever its own flags were.
fn narrow_wishes(wanted: &mut Wanted, parent: &Standing, level: SandboxLevel) -> Result<(), RpcError> {
    let Standing { model, policy, .. } = parent;
    wanted.set("model_provider", &json!(model.provider))?;
    wanted.set("model", &json!(model.id))?;
    if let Some(effort) = &model.reasoning_effort {
        wanted.set("model_reasoning_effort", &json!(effort))?;
    }
    wanted.set("sandbox", &json!(level))?;
    if level == SandboxLevel::WorkspaceWrite {
        wanted.set("sandbox_workspace_write.network_access", &json!(policy.network))?;
    }
    Ok(())
}

/// Takes from what was built all that the parent may not do.
fn narrow(built: &mut Built, parent: &Standing) -> Result<(), RpcError> {
    let workplace = &mut built.settings.workplace;
    let narrowed = workplace.policy.within(&parent.policy, None);
    // The proxy serves what the configuration says now.
    if !same_domains(&narrowed, &workplace.policy) {
        return Err(configuration(
            "the hosts that commands reach have changed in the configuration since the session was opened: open it anew \
             to have sub-agents",
        ));
    }
    let roots = &workplace.roots;
    let writable = match narrowed.level {
        SandboxLevel::DangerFullAccess => roots.writable.clone(),
        _ => narrowed.writable.clone(),
    };
    let hidden = narrowed.hidden.clone();
    workplace.roots =
        Arc::new(Roots { workspace: roots.workspace.clone(), writable, hidden, temp: roots.temp.clone() });
    workplace.policy = Arc::new(narrowed);
    Ok(())
}

fn same_domains(one: &Policy, other: &Policy) -> bool {
    one.level == SandboxLevel::DangerFullAccess || one.domains == other.domains
}
