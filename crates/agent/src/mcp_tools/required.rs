//! Servers without which no session begins.

use std::time::Duration;

use codex_mcp::{ServerState, Status};

use super::McpUse;

/// Most that they are waited for. Each has a limit of its own, after which it has failed.
const LONGEST: Duration = Duration::from_secs(600);

impl McpUse {
    /// Starts the servers and waits for them, if one of them must be there.
    ///
    /// # Errors
    /// A sentence without a full stop for those that must be there and are not.
    pub async fn required(&self) -> Result<(), String> {
        let is_required = |name: &str| self.rules.get(name).is_some_and(|rules| rules.is_required);
        if !self.rules.values().any(|rules| rules.is_required) {
            return Ok(());
        }
        self.servers.start();
        self.servers.ready_of(LONGEST, is_required).await;
        let states = self.servers.states().into_iter();
        let missing = states.filter(|state| is_required(&state.name) && state.status != Status::Ready);
        let why = |ServerState { name, error, .. }: ServerState| {
            let why = error.unwrap_or_else(|| "it does not answer".to_owned());
            format!("the MCP server `{name}` is `required`, and cannot be used: {why}")
        };
        let missing: Vec<String> = missing.map(why).collect();
        if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
    }
}
