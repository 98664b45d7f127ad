//! `codex mcp test`: a server of tools is started as a session would, and what it says of itself is told.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use codex_config::Environment;
use codex_mcp::{Auth, McpServers, Pool, ServerState, Status};
use codex_protocol::{RpcError, ThreadStartParams};

use crate::{
    build::{Bare, bare, configuration},
    mcp_specs, network, plugins,
};

/// Longer than a server's own time to start: it says itself that it came too late.
const SLACK: Duration = Duration::from_secs(5);

/// What a server said.
#[derive(Debug)]
pub struct McpTest {
    /// Whether it answers.
    pub is_ready: bool,
    /// Whether it wants somebody to log in.
    pub needs_login: bool,
    /// Why it does not answer.
    pub error: Option<String>,
    /// What it calls itself, with its version.
    pub title: Option<String>,
    /// Its tools: names, and whether each says that it only reads.
    pub tools: Vec<(String, bool)>,
    /// Names of its prompts.
    pub prompts: Vec<String>,
    /// Addresses of its resources.
    pub resources: Vec<String>,
    /// Whether a token was shown to it.
    pub with_token: bool,
    /// The end of what it wrote to standard error.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
    /// What the user should know besides.
    pub warnings: Vec<String>,
}

/// Starts the server `name` as a thread of `params` would, enabled or not, and ends it. `None`: there is none of this name.
///
/// # Errors
/// When the configuration is wrong, or the walls cannot be made.
pub async fn mcp_test(
    environment: &Environment,
    helper: &Path,
    params: ThreadStartParams,
    name: &str,
) -> Result<Option<McpTest>, RpcError> {
    let codex_home = environment.codex_home().map_err(|error| configuration(&error.to_string()))?;
    let (loaded, _) = plugins::settings_with_servers(environment, params.clone())?;
    let mut mcp = loaded.settings.mcp;
    mcp.servers.retain(|known, _| known == name);
    let Some(server) = mcp.servers.get_mut(name) else { return Ok(None) };
    server.enabled = true;
    let limit = server.startup_timeout + SLACK;
    let Some(workspace) = params.cwd.clone() else { return Err(configuration("`cwd` is missing")) };
    let Bare { workplace, temp: _temp, .. } = bare(environment, helper, params).await?;
    let (specs, warnings) = mcp_specs::specs(environment, &mcp);
    let shared = (Arc::new(network::clients(environment)), Arc::new(Pool::default()));
    let ground = mcp_specs::ground(environment, (&codex_home, helper), &mcp, (&workplace, workspace.into()), shared);
    let servers = McpServers::new(specs, ground);
    let started = Instant::now();
    servers.start();
    let _ = tokio::time::timeout(limit, until_known(&servers)).await;
    let took = started.elapsed();
    let read_only = servers.tools();
    let is_read_only = |tool: &str| read_only.iter().any(|known| known.name == tool && known.read_only_hint);
    let Some(state) = servers.states().into_iter().next() else { return Ok(None) };
    let ServerState { status, error, stderr, title, tools, prompts, resources, auth, .. } = state;
    Ok(Some(McpTest {
        is_ready: status == Status::Ready,
        needs_login: status == Status::NeedsLogin,
        error,
        title,
        tools: tools.into_iter().map(|tool| (is_read_only(&tool), tool)).map(|(reads, tool)| (tool, reads)).collect(),
        prompts,
        resources,
        with_token: auth == Auth::Token,
        stderr,
        took,
        warnings,
    }))
}

/// Waits until the first attempt to start has come to something.
async fn until_known(servers: &McpServers) {
    let mut changes = servers.changed();
    loop {
        let settled = |state: &ServerState| !matches!(state.status, Status::NotStarted | Status::Starting);
        if servers.states().iter().all(settled) || changes.changed().await.is_err() {
            return;
        }
    }
}
