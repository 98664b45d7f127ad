//! The servers of tools of a thread as clients see them, and what they do of them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Weak},
};

use codex_agent::McpUse;
use codex_mcp::{Auth, McpServers, ServerState, Status};
use codex_protocol::{
    Event, ListMcpServerStatusParams, ListMcpServerStatusResponse, McpAuthStatus, McpConnection, McpServerAction,
    McpServerControlParams, McpServerStarted, McpServerStatus, McpStartup, Position, RpcError, ServerMessage,
    ServerNotification, Warning,
};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{Server, build::configuration};

/// Has clients told how the servers of the thread `id` come up.
pub(crate) fn follow(server: &Server, id: &str, mcp: Option<&Arc<McpUse>>) {
    let Some(servers) = mcp.map(|mcp| mcp.servers()) else { return };
    tokio::spawn(tell(id.to_owned(), Arc::downgrade(servers), servers.changed(), server.events.clone()));
}

impl Server {
    /// How the servers of a thread are. Those that nobody has needed yet are started: somebody wants to know.
    pub(crate) fn mcp_status(
        &self,
        params: &ListMcpServerStatusParams,
    ) -> Result<ListMcpServerStatusResponse, RpcError> {
        let Some(thread) = &params.thread_id else { return Ok(ListMcpServerStatusResponse::default()) };
        let Some(mcp) = self.kept(thread)?.thread.standing().plugged.mcp else {
            return Ok(ListMcpServerStatusResponse::default());
        };
        mcp.servers().start();
        let offered = mcp.servers().tools();
        let wanted = |state: &ServerState| params.server_name.as_ref().is_none_or(|name| *name == state.name);
        let status = |state: ServerState| {
            let tools = offered.iter().filter(|tool| tool.server == state.name);
            let tool = |tool: &codex_mcp::RemoteTool| {
                let about = json!({
                    "name": tool.name, "title": tool.title, "description": tool.description, "inputSchema": tool.schema,
                    "annotations": { "readOnlyHint": tool.read_only_hint },
                });
                (tool.name.clone(), about)
            };
            let tools: BTreeMap<_, _> = tools.map(tool).collect();
            shown(state, tools)
        };
        let data = mcp.servers().states().into_iter().filter(wanted).map(status).collect();
        Ok(ListMcpServerStatusResponse { data, next_cursor: None })
    }

    /// Switches a server of a thread on or off, or starts it again.
    pub(crate) fn mcp_control(&self, params: &McpServerControlParams) -> Result<(), RpcError> {
        let mcp = self.kept(&params.thread_id)?.thread.standing().plugged.mcp;
        let Some(mcp) = mcp else {
            return Err(configuration("there are no MCP servers here: `codex mcp add` adds one"));
        };
        let done = match params.action {
            McpServerAction::Enable => mcp.servers().set_enabled(&params.name, true),
            McpServerAction::Disable => mcp.servers().set_enabled(&params.name, false),
            McpServerAction::Restart => mcp.servers().restart(&params.name),
        };
        done.map_err(|error| configuration(&error.to_string()))
    }
}

/// A server as clients see it.
fn shown(state: ServerState, tools: BTreeMap<String, serde_json::Value>) -> McpServerStatus {
    let ServerState { name, plugin, status, error, stderr, title, prompts, resources, auth, .. } = state;
    McpServerStatus {
        auth_status: match auth {
            Auth::Unsupported => McpAuthStatus::Unsupported,
            Auth::NotLoggedIn => McpAuthStatus::NotLoggedIn,
            Auth::Token => McpAuthStatus::BearerToken,
        },
        runtime_status: Some(match status {
            Status::Disabled => McpConnection::Disabled,
            Status::NotStarted => McpConnection::NotStarted,
            Status::Starting | Status::Restarting => McpConnection::Starting,
            Status::Ready => McpConnection::Connected,
            Status::NeedsLogin => McpConnection::AuthenticationRequired,
            Status::Failed => McpConnection::Failed,
        }),
        name,
        plugin_id: plugin,
        server_info: title.map(|title| json!({ "name": title, "version": "" })),
        tools,
        resources: resources.into_iter().map(|uri| json!({ "name": uri, "uri": uri })).collect(),
        resource_templates: Vec::new(),
        error,
        stderr,
        prompts,
    }
}

/// Tells clients how the servers of a thread come up, as long as there are any.
async fn tell(
    thread_id: String,
    servers: Weak<McpServers>,
    mut changes: tokio::sync::watch::Receiver<u64>,
    events: mpsc::Sender<ServerMessage>,
) {
    let mut before: HashMap<String, Status> = HashMap::new();
    while changes.changed().await.is_ok() {
        let Some(states) = servers.upgrade().map(|servers| servers.states()) else { return };
        for ServerState { name, status, error, .. } in states {
            if before.insert(name.clone(), status) == Some(status) {
                continue;
            }
            let startup = match status {
                Status::Starting | Status::Restarting => McpStartup::Starting,
                Status::Ready => McpStartup::Ready,
                Status::NeedsLogin | Status::Failed => McpStartup::Failed,
                Status::Disabled | Status::NotStarted => continue,
            };
            let why =
                error.clone().filter(|_| matches!(status, Status::Failed | Status::NeedsLogin | Status::Restarting));
            let told = McpServerStarted {
                thread_id: Some(thread_id.clone()),
                name: name.clone(),
                status: startup,
                error,
                failure_reason: (status == Status::NeedsLogin).then(|| "reauthenticationRequired".to_owned()),
            };
            let warning = why.map(|why| {
                let message = match status {
                    Status::NeedsLogin => {
                        format!("the MCP server `{name}` wants a login: `/mcp`, or `codex mcp login {name}`")
                    }
                    _ => format!("the MCP server `{name}`: {why}"),
                };
                ServerNotification::Warning(Warning { thread_id: Some(thread_id.clone()), message })
            });
            for notification in [Some(ServerNotification::McpServerStarted(told)), warning].into_iter().flatten() {
                let event = Event { notification, position: Position::Transient {} };
                if events.send(ServerMessage::Event(event)).await.is_err() {
                    return;
                }
            }
        }
    }
}
