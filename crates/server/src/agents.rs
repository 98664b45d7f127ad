//! Builds the threads of sub-agents: like the one they work for, narrowed to what that one may do now.
//!
//! It must never give a sub-agent more than its parent has: what cannot be narrowed is refused.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::AtomicU32},
};

use codex_agent::{
    AgentChanges, AgentInfo, AgentOrder, AgentRequest, Agents, AgentsParts, Budget, BuiltAgent, Limits, Mode, Plugged,
    Standing, Thread, file_diffs,
};
use codex_config::{AgentFile, AgentSettings, SandboxMode};
use codex_extensions::skills::TOOL;
use codex_permissions::{Policy, SandboxLevel};
use codex_protocol::{
    AgentListResult, AgentStartParams, AgentStarted, ErrorKind, FileDiff, FileUpdateChange, PatchChangeKind, RpcError,
    ServerMessage, ServerNotification, SubAgent, ThreadClosed,
};
use codex_store::{FORMAT, Header, Journal, TempDirectory};
use codex_workspace::{Instruction, Roots};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    Kept, Known, Server,
    build::{self, Built, Wanted, configuration},
    diff,
    dispatch::{source_name, store_error, thread_error},
    linters,
    reading::blocking,
    worktrees::Worktree,
};

/// Events of a sub-agent that may wait until its parent has seen them.
const EVENTS: usize = 64;

/// Most of all diffs of a sub-agent together that its report has, in bytes.
const MOST_SHOWN: usize = 64 << 10;

/// Where a thread is in the tree of those that work for one another.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// How many are above it.
    pub(crate) depth: u32,
    /// Id of the one that it works for.
    parent: Option<String>,
    limits: AgentSettings,
    /// How many sub-agents work in the whole tree.
    running: Arc<AtomicU32>,
    /// The descriptions that it may make some by.
    kinds: Arc<Vec<AgentFile>>,
    /// The worktrees of its own sub-agents that are there.
    worktrees: Arc<Mutex<Vec<Worktree>>>,
}

impl Place {
    /// That of a thread that works for nobody.
    pub(crate) fn root(built: &Built) -> Self {
        let kinds = Arc::new(built.agent_files.clone());
        Self { depth: 0, parent: None, limits: built.agents, running: Arc::default(), kinds, worktrees: Arc::default() }
    }

    fn below(&self, parent: &str) -> Self {
        Self { depth: self.depth + 1, parent: Some(parent.to_owned()), worktrees: Arc::default(), ..self.clone() }
    }

    fn kind(&self, name: &str) -> Option<&AgentFile> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    fn worktrees(&self) -> MutexGuard<'_, Vec<Worktree>> {
        self.worktrees.lock().unwrap_or_else(PoisonError::into_inner)
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
        if let AgentRequest::Closed { id } = &request {
            // What is asked next counts on it.
            server.release(id);
        }
        // A thread may wait for one while it is asked for another.
        tokio::spawn(async move {
            match request {
                AgentRequest::Build { parent, order, answer } => {
                    let built = server.build_agent(&parent, order).await.map_err(|error| error.message);
                    if let Err(Ok(unwanted)) = answer.send(built) {
                        unwanted.thread.close().await;
                        server.agent_closed(unwanted.id).await;
                    }
                }
                AgentRequest::Changes { parent, worktree, name, answer } => {
                    let _ = answer.send(server.changes(&parent, &worktree, &name).await);
                }
                AgentRequest::Settle { parent, answer } => {
                    server.settle(&parent).await;
                    let _ = answer.send(());
                }
                AgentRequest::Closed { id } => server.agent_closed(id).await,
            }
        });
    }
}

impl Server {
    /// Where a thread is.
    pub(crate) fn place(&self, id: &str) -> Result<Place, RpcError> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(id).cloned().ok_or_else(|| RpcError::new(ErrorKind::NotFound, format!("thread not found: {id}")))
    }

    /// Id of the thread that a sub-agent works for.
    pub(crate) fn works_for(&self, id: &str) -> Option<String> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).get(id)?.parent.clone()
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
            kinds: place.kinds.iter().map(|kind| (kind.name.clone(), kind.description.clone())).collect(),
        };
        (place.depth < place.limits.max_depth).then(|| Arc::new(Agents::new(parts())))
    }

    pub(crate) async fn start_agent(&self, params: AgentStartParams) -> Result<AgentStarted, RpcError> {
        let kept = self.kept(&params.thread_id)?;
        let AgentStartParams { task, worktree, .. } = params;
        let place = self.place(&params.thread_id)?;
        let named = task.split_once(':').and_then(|(name, rest)| Some((place.kind(name.trim())?, rest.trim())));
        let order = match named {
            Some((kind, rest)) => AgentOrder { task: rest.to_owned(), kind: Some(kind.name.clone()), worktree },
            None => AgentOrder { task, kind: None, worktree },
        };
        let agent = kept.thread.start_agent(order).await.map_err(thread_error)?;
        Ok(AgentStarted { agent: sub_agent(agent) })
    }

    pub(crate) fn list_agents(&self, thread_id: &str) -> Result<AgentListResult, RpcError> {
        let agents = self.thread(thread_id)?.agents();
        Ok(AgentListResult { data: agents.into_iter().map(sub_agent).collect() })
    }

    async fn agent_closed(&self, thread_id: String) {
        self.release(&thread_id);
        self.tell(ServerNotification::ThreadClosed(ThreadClosed { thread_id })).await;
    }

    async fn build_agent(&self, parent: &str, order: AgentOrder) -> Result<BuiltAgent, RpcError> {
        let kept = self.kept(parent)?;
        let above = self.place(parent)?;
        let kind = above.wanted(&order)?;
        let standing = kept.thread.standing();
        let id = uuid::Uuid::now_v7().to_string();
        let codex_home = self.codex_home()?;
        let worktree = match order.worktree.unwrap_or_else(|| kind.as_ref().is_some_and(|kind| kind.worktree)) {
            true => {
                let path = self.environment.path().unwrap_or_default();
                let made = Worktree::add(&codex_home, &id, &standing, path).await;
                Some(made.map_err(|message| configuration(&message))?)
            }
            false => None,
        };
        let built = self.build_like(&kept, &id, kind.as_ref(), worktree.as_ref(), parent).await;
        if let (Err(_), Some(mut unused)) = (&built, worktree.clone()) {
            unused.remove_if_taken(&codex_home.join("worktrees").join(format!("{id}.patch"))).await;
        }
        let (thread, events, model) = built?;
        let path = worktree.as_ref().map(|worktree| worktree.path.clone());
        above.worktrees().extend(worktree);
        let kind = name_of(kind.as_ref()).to_owned();
        Ok(BuiltAgent { thread, id, events, kind, model, worktree: path })
    }

    /// A thread with the settings of another, less what the description says and what that one may not do.
    async fn build_like(
        &self,
        kept: &Kept,
        id: &str,
        kind: Option<&AgentFile>,
        worktree: Option<&Worktree>,
        parent: &str,
    ) -> Result<(Arc<Thread>, mpsc::Receiver<ServerMessage>, String), RpcError> {
        let codex_home = self.codex_home()?;
        let standing = kept.thread.standing();
        let mut wanted = kept.wanted().of_agent(worktree.map(|worktree| worktree.workspace.clone()));
        self.wish(&mut wanted, &standing, kind, &codex_home)?;
        let temp = TempDirectory::create(&codex_home, id).map_err(store_error)?;
        let mut built = build::thread(self, id, &codex_home, &mut wanted, temp.path()).await?;
        built.settings.agent_kind = Some(name_of(kind).to_owned());
        narrow(&mut built, &standing, worktree.map(|worktree| worktree.path.as_path()))?;
        linters::share(&mut built.settings, &standing);
        if let Some(kind) = kind {
            let AgentFile { path, instructions, tools, .. } = kind.clone();
            built.settings.instructions.push(Instruction { path, text: instructions });
            if let Some(tools) = tools {
                built.settings.tools.retain(|tool| tools.iter().any(|name| name == tool.name()));
                built.settings.plugged.skills.take_if(|_| !tools.iter().any(|name| name == TOOL));
                // Those of servers are none of the tools that it is to have.
                built.settings.plugged.mcp = None;
            }
        }
        let held_by = build::held_by(&mut built).await.to_owned();
        if worktree.is_none() {
            self.warn(parent, &kept.untold(std::mem::take(&mut built.warnings))).await;
        }
        let journal = match kept.thread.journal() {
            None => Journal::ephemeral(),
            Some(_) => {
                let header = Header {
                    format: FORMAT,
                    thread_id: id.to_owned(),
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
        let (place, model) = (self.place(parent)?.below(parent), built.settings.model.id.clone());
        let turns = kind.and_then(|kind| kind.max_turns).or(built.limits.turns);
        let own = Limits { tokens: kind.and_then(|kind| kind.budget), cost: None, turns, ..built.limits };
        let ties = Ties { live: false, budget: kept.thread.budget().child(own), events, place };
        let (parts, temp) = self.parts_at(id, built, journal, temp, ties);
        let thread = Arc::new(Thread::start(parts).map_err(thread_error)?);
        let known = Mutex::new(Known { wanted, held_by, told: Vec::new(), model_before: None });
        self.keep(id.to_owned(), Kept { thread: Arc::clone(&thread), temp, known });
        Ok((thread, told, model))
    }

    /// Sets as flags what holds in the parent now, whatever its own flags were, and what the description says.
    fn wish(
        &self,
        wanted: &mut Wanted,
        parent: &Standing,
        kind: Option<&AgentFile>,
        codex_home: &Path,
    ) -> Result<(), RpcError> {
        let Standing { model, policy, .. } = parent;
        let own = kind.and_then(|kind| kind.model.as_deref());
        let (provider, id) = match own.and_then(|own| own.split_once('/')) {
            Some((first, rest)) if build::knows_provider(self, codex_home, wanted, first)? => (first, rest),
            _ => (model.provider.as_str(), own.unwrap_or(&model.id)),
        };
        wanted.set("model_provider", &json!(provider))?;
        wanted.set("model", &json!(id))?;
        if let Some(effort) = model.reasoning_effort.as_ref().filter(|_| own.is_none()) {
            wanted.set("model_reasoning_effort", &json!(effort))?;
        }
        let level = match kind.and_then(|kind| kind.sandbox) {
            Some(own) => policy.level.strictest(level(own)),
            None => policy.level,
        };
        wanted.set("sandbox", &json!(level))?;
        if level == SandboxLevel::WorkspaceWrite && policy.level == level {
            wanted.set("sandbox_workspace_write.network_access", &json!(policy.network))?;
        }
        Ok(())
    }

    /// What was changed in the worktree, as a patch that the parent's commands can read; the files that it changes.
    async fn changes(&self, parent: &str, worktree: &Path, name: &str) -> Result<Option<AgentChanges>, String> {
        let kept = self.kept(parent).map_err(|error| error.message)?;
        let place = self.place(parent).map_err(|error| error.message)?;
        let found = place.worktrees().iter().find(|it| it.path == worktree).cloned();
        let mut found = found.ok_or("the worktree is not there any more")?;
        let file = format!("{name}.patch");
        let (into, shown) = match &kept.thread.standing().roots.temp {
            Some(temp) => (temp.join(&file), Path::new("/tmp").join(&file)),
            None => {
                let into = found.path.with_extension("patch");
                (into.clone(), into)
            }
        };
        let files = found.changes(&into).await?;
        if files.is_empty() {
            self.settle(parent).await;
            return Ok(None);
        }
        let changes = self.changes_to_show(&found.workspace, &kept.thread.standing().roots.workspace).await;
        Ok(Some(AgentChanges { files, patch: shown, shown: changes }))
    }

    /// What a sub-agent has changed in the worktree `from`, as it would be in `to`, from the states of its files. What they do not
    /// tell is not shown.
    async fn changes_to_show(&self, from: &Path, to: &Path) -> Vec<FileUpdateChange> {
        let threads = self.all_threads();
        let thread = threads.iter().find(|thread| thread.standing().roots.workspace == from);
        let journal = thread.and_then(|thread| thread.journal().map(Path::to_owned));
        let (Some(store), Some(journal), from) = (self.states(), journal, from.to_owned()) else { return Vec::new() };
        let (worktree, to) = (from.clone(), to.to_owned());
        let diffs = blocking(move || {
            let diff = diff::changes(&store, &diff::replayed(&journal)?, None)?;
            file_diffs(&store, &diff, &from).map_err(diff::unreadable)
        });
        let mut room = MOST_SHOWN;
        let there = |path: &mut String| {
            if let Ok(inner) = Path::new(path.as_str()).strip_prefix(&worktree) {
                *path = to.join(inner).display().to_string();
            }
        };
        let shown = diffs.await.unwrap_or_default().into_iter().map(|FileDiff { mut change, .. }| {
            there(&mut change.path);
            if let PatchChangeKind::Update { move_path: Some(to) } = &mut change.kind {
                there(to);
            }
            match room.checked_sub(change.diff.len()) {
                Some(left) => room = left,
                None => change.diff.clear(),
            }
            change
        });
        shown.collect()
    }

    /// Removes the worktrees of the thread's sub-agents that have ended, where nothing is lost by that.
    async fn settle(&self, parent: &str) {
        let Ok(place) = self.place(parent) else { return };
        let all = std::mem::take(&mut *place.worktrees());
        for mut worktree in all {
            let used = self.all_threads().iter().any(|thread| thread.standing().roots.workspace == worktree.workspace);
            // Not the file that the parent was told of.
            let patch = worktree.path.with_extension("check");
            let gone = !used && worktree.remove_if_taken(&patch).await;
            let _ = std::fs::remove_file(&patch);
            if !gone {
                place.worktrees().push(worktree);
            }
        }
    }
}

impl Place {
    /// The description that is asked for, by its name or before the task.
    fn wanted(&self, order: &AgentOrder) -> Result<Option<AgentFile>, RpcError> {
        let Some(name) = &order.kind else { return Ok(None) };
        if let Some(kind) = self.kind(name) {
            return Ok(Some(kind.clone()));
        }
        let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name.as_str()).collect();
        let known =
            if names.is_empty() { "there are none".to_owned() } else { format!("there is {}", names.join(", ")) };
        Err(configuration(&format!("there is no kind of sub-agent `{name}`; {known}")))
    }
}

/// Takes from what was built all that the parent may not do.
fn narrow(built: &mut Built, parent: &Standing, own: Option<&Path>) -> Result<(), RpcError> {
    // A worktree is another project, which might bring fewer that guard. What looks at files is of the agent's own directory.
    let Plugged { hooks, notify, mcp, .. } = parent.plugged.clone();
    built.settings.plugged = Plugged { hooks, notify, mcp, ..std::mem::take(&mut built.settings.plugged) };
    let workplace = &mut built.settings.workplace;
    let narrowed = workplace.policy.within(&parent.policy, own);
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
    workplace.roots = Arc::new(Roots { writable, hidden, ..Roots::clone(roots) });
    workplace.policy = Arc::new(narrowed);
    let (policy, workspace) = (&workplace.policy, &workplace.roots.workspace);
    let mcp = built.settings.plugged.mcp.take();
    built.settings.plugged.mcp = mcp.map(|mcp| Arc::new(mcp.within(policy, workspace)));
    if parent.plans_now || parent.mode == Mode::Plan {
        built.settings = built.settings.clone().in_mode(Mode::Plan);
    }
    Ok(())
}

/// A warning for each tool that a description names and that there is not.
pub(crate) fn unknown_tools(files: &[AgentFile]) -> Vec<String> {
    let named = files.iter().flat_map(|file| file.tools.iter().flatten().map(move |tool| (file, tool)));
    let mut warnings = Vec::new();
    // Only where there is one: the tools are made for this.
    let mut known: Vec<String> = Vec::new();
    for (file, tool) in named {
        if known.is_empty() {
            known = codex_tools::all().iter().map(|tool| tool.name().to_owned()).collect();
            known.extend(codex_tools::WEB_TOOLS.map(str::to_owned));
            known.push(TOOL.to_owned());
            known.sort_unstable();
        }
        if !known.contains(tool) && !tool.ends_with("_agent") {
            let place = format!("{}:{}", file.path.display(), file.tools_line);
            warnings.push(format!("{place}: `tools`: there is no tool `{tool}`; there is {}", known.join(", ")));
        }
    }
    warnings
}

fn sub_agent(info: AgentInfo) -> SubAgent {
    SubAgent {
        message: info.state().message,
        patch: info.changes.map(|changes| changes.patch.display().to_string()),
        name: info.name,
        thread_id: info.id,
        task: info.task,
        status: info.status,
        waits: info.waits,
        tokens: info.tokens,
        duration_ms: info.duration_ms,
    }
}

fn same_domains(one: &Policy, other: &Policy) -> bool {
    one.level == SandboxLevel::DangerFullAccess || one.domains == other.domains
}

fn level(mode: SandboxMode) -> SandboxLevel {
    match mode {
        SandboxMode::ReadOnly => SandboxLevel::ReadOnly,
        SandboxMode::WorkspaceWrite => SandboxLevel::WorkspaceWrite,
        SandboxMode::DangerFullAccess => SandboxLevel::DangerFullAccess,
    }
}

/// What a sub-agent of this kind is called.
fn name_of(kind: Option<&AgentFile>) -> &str {
    kind.map_or("agent", |kind| kind.name.as_str())
}
