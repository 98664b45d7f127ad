//! Tools of servers in the loop: which the model is offered, how it finds the others, and what is known of leave to call
//! them.
//!
//! What a server says of its tools is a stranger's: it must never make a call seem to need no leave, nor fill the model's
//! context. What is offered stays the same from request to request unless the servers themselves change.

mod call;
mod index;
mod prompts;
mod required;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use codex_history::{Message, ToolCall, ToolInput, ToolSpec};
use codex_mcp::{McpServers, RemoteTool, digest};
use codex_permissions::{Policy, RemoteCall, SandboxLevel, ToolApproval};
use codex_store::StoreError;
use codex_tools::Tool;
use tokio_util::sync::CancellationToken;

pub(crate) use self::prompts::PROMPT as MCP_PROMPT;
use self::{
    call::ServerTool,
    index::{Index, ToolCallTool, ToolSearch},
};
use crate::{
    context::fill,
    thread::ThreadState,
    turn::{Step, TurnRun, offered},
};

const READY: &str = include_str!("prompts/mcp_ready.md");

/// Most bytes of a description that a model is told.
const DESCRIPTION: usize = 1024;
/// Most that a call waits for servers that are starting.
const LATE: Duration = Duration::from_secs(30);
/// Most names of tools in one piece of news.
const NAMED: usize = 20;

/// The servers of tools of a thread, and what the settings say about them.
#[derive(Debug)]
pub struct McpUse {
    servers: Arc<McpServers>,
    rules: BTreeMap<String, ServerRules>,
    limits: McpLimits,
    leave: Leave,
    known: Mutex<Known>,
}

/// What the settings say about the tools of a server.
#[derive(Debug, Clone, Default)]
pub struct ServerRules {
    /// Whether its tools need leave.
    pub approval: ToolApproval,
    /// Whether single ones do, by the server's names for them.
    pub tools: BTreeMap<String, ToolApproval>,
    /// Whether it is a program behind walls.
    pub is_confined: bool,
    /// Whether it may change files of the workspace.
    pub may_write: bool,
    /// Whether no session begins without it.
    pub is_required: bool,
    /// What it is held to, in a sentence for people.
    pub walls: String,
    /// What it is, and what it is held to, less secrets. Where that differs, a yes to a tool says nothing.
    pub place: String,
}

/// How much of the tools of servers a request holds, and how long the first one waits for them.
#[derive(Debug, Clone, Copy)]
pub struct McpLimits {
    /// Most bytes of names, descriptions and schemas of all together; beyond it they are found by a search.
    pub offered: usize,
    /// Most that the first request of a thread waits for servers that are starting.
    pub grace: Duration,
}

/// A tool that somebody said yes to for always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The server, as the settings call it.
    pub server: String,
    /// The tool, as the server calls it.
    pub tool: String,
    /// Of all that the server said about it, and of [`ServerRules::place`].
    pub digest: String,
    /// The most important part of that.
    pub description: String,
    /// The beginning of [`ServerRules::place`].
    pub place: String,
}

/// Looks up what was said yes to, by server and tool.
pub type Recall = Arc<dyn Fn(&str, &str) -> Option<Remembered> + Send + Sync>;
/// Keeps a yes, or says why not.
pub type Keep = Arc<dyn Fn(&Remembered) -> Result<(), String> + Send + Sync>;

/// The memory of what was said yes to for always.
#[derive(Clone)]
pub struct Leave {
    /// Looks it up.
    pub recall: Recall,
    /// Keeps more of it.
    pub keep: Keep,
}

impl fmt::Debug for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leave")
    }
}

/// What is known of the servers, until they change.
#[derive(Debug, Default)]
struct Known {
    /// The number of the servers' last change that was looked at; `None`: nothing was.
    seen: Option<u64>,
    tools: Arc<[Arc<ServerTool>]>,
    /// Whether the first request has waited.
    has_waited: bool,
    /// Whether a search has waited for all of them.
    has_waited_for_all: bool,
    /// Servers whose tools the model knows of.
    told: BTreeSet<String>,
    /// What was said yes to in this session, by server and tool.
    allowed: BTreeMap<(String, String), Remembered>,
}

impl McpUse {
    /// `rules` by the names of servers; one without any is asked about.
    pub fn new(
        servers: Arc<McpServers>,
        rules: BTreeMap<String, ServerRules>,
        limits: McpLimits,
        leave: Leave,
    ) -> Self {
        Self { servers, rules, limits, leave, known: Mutex::default() }
    }

    /// The servers.
    pub fn servers(&self) -> &Arc<McpServers> {
        &self.servers
    }

    /// The same for a thread that works in `workspace` under `policy`, which is narrower. Nothing is started for it.
    #[must_use]
    pub fn within(&self, policy: &Policy, workspace: &Path) -> Self {
        let reads = policy.level == SandboxLevel::ReadOnly;
        let narrowed = |rules: &ServerRules| ServerRules {
            may_write: rules.may_write && !(reads && rules.is_confined),
            ..rules.clone()
        };
        let rules = self.rules.iter().map(|(name, rules)| (name.clone(), narrowed(rules))).collect();
        let servers = self.servers.behind(policy.confinement(), workspace.to_owned());
        Self::new(Arc::new(servers), rules, self.limits, self.leave.clone())
    }

    /// What a server is held to, in a sentence for people.
    pub(crate) fn walls(&self, server: &str) -> &str {
        self.rules.get(server).map_or("", |rules| rules.walls.as_str())
    }

    /// What a server is, and what it is held to: the beginning of it.
    pub(crate) fn place(&self, server: &str) -> String {
        self.rules.get(server).map_or_else(String::new, |rules| beginning(&rules.place, DESCRIPTION))
    }

    /// A tool as a yes to it is kept.
    pub(crate) fn remembered(&self, now: RemoteTool) -> Remembered {
        let place = self.place(&now.server);
        Remembered { server: now.server, tool: now.name, digest: now.digest, description: now.description, place }
    }

    /// The tool that calls name `name`: one of a server, or one of those that find them.
    pub(crate) fn tool(self: &Arc<Self>, name: &str) -> Option<Arc<dyn Tool>> {
        match name {
            index::SEARCH => Some(Arc::new(ToolSearch::new(self.index()))),
            index::CALL => Some(Arc::new(ToolCallTool::new(self.index()))),
            _ => self.tools().iter().find(|tool| tool.name() == name).map(|tool| Arc::clone(tool) as _),
        }
    }

    /// The call that `call` makes by `tool_call`, as if it were made by its name; `call` itself, if it is another. What is not
    /// known now stays unknown, so that what is decided about is what runs.
    pub(crate) fn meant(self: &Arc<Self>, call: ToolCall) -> ToolCall {
        if call.name != index::CALL {
            return call;
        }
        let Ok((name, arguments)) = index::parts(&call.arguments) else { return call };
        let known = self.index().called(&name);
        let other = || if name.starts_with("mcp__") { name.clone() } else { format!("mcp__{name}") };
        ToolCall { name: known.unwrap_or_else(other), arguments, ..call }
    }

    /// The tool `name` of `server` as the server describes it now.
    pub(crate) fn described(self: &Arc<Self>, server: &str, name: &str) -> Option<RemoteTool> {
        let tools = self.tools();
        let is_it = |tool: &&Arc<ServerTool>| tool.remote.server == server && tool.remote.name == name;
        tools.iter().find(is_it).map(|tool| tool.remote.clone())
    }

    /// What a tool of this name was when it was said yes to last, in this session or for always.
    pub(crate) fn said_before(&self, server: &str, tool: &str) -> Option<Remembered> {
        let here = self.known().allowed.get(&(server.to_owned(), tool.to_owned())).cloned();
        here.or_else(|| (self.leave.recall)(server, tool))
    }

    /// Takes note of a yes to the tool as it is now.
    pub(crate) fn allowed(self: &Arc<Self>, server: &str, tool: &str) {
        let Some(now) = self.described(server, tool) else { return };
        let yes = self.remembered(now);
        self.known().allowed.insert((yes.server.clone(), yes.tool.clone()), yes);
    }

    pub(crate) fn keep(&self) -> Keep {
        Arc::clone(&self.leave.keep)
    }

    /// What the model is offered of them under `policy`: all, where they are small, or a search.
    pub(crate) fn offer(self: &Arc<Self>, policy: &Policy, is_small: bool) -> Vec<ToolSpec> {
        offer_of(&self.tools(), policy, is_small, self.limits.offered)
    }

    fn index(self: &Arc<Self>) -> Index {
        Index::new(self.tools().iter().map(Arc::clone).collect())
    }

    /// All tools of all servers that are ready, sorted by what calls name them.
    fn tools(self: &Arc<Self>) -> Arc<[Arc<ServerTool>]> {
        let now = *self.servers.changed().borrow();
        let mut known = self.known();
        if known.seen != Some(now) {
            let mut tools: Vec<Arc<ServerTool>> =
                self.servers.tools().into_iter().map(|remote| Arc::new(self.server_tool(remote))).collect();
            tools.sort_by(|one, other| one.remote.called.cmp(&other.remote.called));
            (known.seen, known.tools) = (Some(now), tools.into());
        }
        Arc::clone(&known.tools)
    }

    fn server_tool(&self, mut remote: RemoteTool) -> ServerTool {
        let rules = self.rules.get(&remote.server).cloned().unwrap_or_default();
        // The same words of another program, or of one behind other walls, are another tool.
        remote.digest = digest(&[&remote.digest, &rules.place]);
        let access = RemoteCall {
            server: remote.server.clone(),
            tool: remote.name.clone(),
            digest: remote.digest.clone(),
            approval: rules.tools.get(&remote.name).copied().unwrap_or(rules.approval),
            says_it_reads: remote.read_only_hint,
            is_confined: rules.is_confined,
            may_write: rules.may_write,
            is_remembered: false,
        };
        ServerTool { remote, access, servers: Arc::clone(&self.servers), recall: Arc::clone(&self.leave.recall) }
    }

    /// Starts the servers, and waits for them a little, the first time.
    async fn begin(&self) {
        self.servers.start();
        let has_waited = std::mem::replace(&mut self.known().has_waited, true);
        if !has_waited {
            self.servers.ready(self.limits.grace).await;
        }
    }

    /// Waits until what the call `name` means is there, where it may still come: servers are on their way.
    pub(crate) async fn wait_for(self: &Arc<Self>, name: &str, cancel: &CancellationToken) {
        let is_search = name == index::SEARCH || name == index::CALL;
        let waits = match is_search {
            // Of all that there are; a server that does not come is waited for once.
            true => !std::mem::replace(&mut self.known().has_waited_for_all, true),
            false => name.starts_with("mcp__") && self.tool(name).is_none(),
        };
        if waits {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = self.servers.ready(LATE) => {}
            }
        }
    }

    /// What the model is told of servers that have become ready since it was told last; nothing of those that were there
    /// from the start.
    fn news(self: &Arc<Self>, is_first: bool) -> Option<String> {
        let tools = self.tools();
        let mut known = self.known();
        let mut new: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for tool in tools.iter().filter(|tool| !known.told.contains(&tool.remote.server)) {
            new.entry(&tool.remote.server).or_default().push(tool.name());
        }
        known.told.extend(new.keys().map(|server| (*server).to_owned()));
        if is_first || new.is_empty() {
            return None;
        }
        let list = |(server, names): (&&str, &Vec<&str>)| {
            let more = names.len().saturating_sub(NAMED);
            let names = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{server} ({names}{more})")
        };
        let tools = new.iter().map(list).collect::<Vec<_>>().join("; ");
        Some(fill(READY.trim_end(), &[("tools", &tools)]))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is offered of `tools`: all, where they come to at most `most` bytes, or a search for them.
fn offer_of(tools: &[Arc<ServerTool>], policy: &Policy, is_small: bool, most: usize) -> Vec<ToolSpec> {
    let is_open = policy.level != SandboxLevel::ReadOnly && !policy.thrown_away;
    let usable: Vec<&Arc<ServerTool>> =
        tools.iter().filter(|tool| is_open || tool.access.approval == ToolApproval::Approve).collect();
    if usable.is_empty() {
        return Vec::new();
    }
    if !is_small {
        let specs: Vec<ToolSpec> = usable.iter().map(|tool| tool.spec()).collect();
        if specs.iter().map(bytes).sum::<usize>() <= most {
            return specs;
        }
    }
    let index = Index::new(usable.into_iter().map(Arc::clone).collect());
    vec![ToolCallTool::new(index.clone()).spec(), ToolSearch::new(index).spec()]
}

/// What a tool takes of a request.
fn bytes(spec: &ToolSpec) -> usize {
    let schema = match &spec.input {
        ToolInput::Json { schema } => schema.to_string().len(),
        ToolInput::Freeform { lark_grammar } => lark_grammar.len(),
        ToolInput::WebSearch { .. } => 0,
    };
    spec.name.len() + spec.description.len() + schema
}

/// The beginning of `text`, at most `most` bytes of it.
fn beginning(text: &str, most: usize) -> String {
    match text.len() > most {
        true => format!("{}…", &text[..text.floor_char_boundary(most)]),
        false => text.to_owned(),
    }
}

impl TurnRun {
    /// Asks the model with the tools that there are now.
    pub(crate) async fn sample_with_servers(
        &mut self,
        state: &mut ThreadState,
        tools: &mut Arc<[ToolSpec]>,
    ) -> Result<Step, StoreError> {
        self.take_servers(state, tools).await?;
        self.sample(state, tools).await
    }

    /// Has `tools` be what is offered now, and tells the model of servers that have become ready. The first request of a
    /// thread waits a little for those that are starting.
    async fn take_servers(&mut self, state: &mut ThreadState, tools: &mut Arc<[ToolSpec]>) -> Result<(), StoreError> {
        let Some(mcp) = state.settings.plugged.mcp.clone().filter(|_| state.apart.is_none()) else { return Ok(()) };
        let is_first = !mcp.known().has_waited;
        tokio::select! {
            () = self.cancel.cancelled() => return Ok(()),
            () = mcp.begin() => {}
        }
        let now = offered(state);
        if now != *tools {
            *tools = now;
        }
        if let Some(text) = mcp.news(is_first) {
            state.record_message(Message::Developer { text })?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "mcp_tools/tests.rs"]
mod tests;
