//! What a table says of a server that a plugin brings: when its tools ask, which of them are offered, whether it is used and
//! how long it may take. What the server is and may do stays the plugin's to say, as the user agreed to it.

use std::time::Duration;

use super::{At, McpServerSettings, McpToolSettings, RawServer, tools};
use crate::source::Site;
use crate::{ConfigError, Origin, Warning};

/// The keys that count for a server that something else brings.
const KEYS: &[&str] = &[
    "default_tools_approval_mode",
    "disabled_tools",
    "enabled",
    "enabled_tools",
    "required",
    "startup_timeout_ms",
    "startup_timeout_sec",
    "tool_timeout_sec",
    "tools",
];

/// A table that says of a server neither `command` nor `url`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpAddition {
    enabled: Option<bool>,
    required: Option<bool>,
    startup_timeout: Option<Duration>,
    tool_timeout: Option<Duration>,
    tools: McpToolSettings,
    /// Those of its keys that count for none.
    idle: Vec<String>,
    site: Option<Site>,
}

impl McpAddition {
    /// What `raw` comes to.
    ///
    /// # Errors
    /// A value is out of range.
    pub(super) fn new(mut raw: RawServer, at: At<'_>) -> Result<Self, ConfigError> {
        let (startup_timeout, tool_timeout) = at.times(&raw)?;
        let mut idle = at.keys();
        idle.retain(|key| !KEYS.contains(&key.as_str()));
        Ok(Self {
            enabled: raw.enabled,
            required: raw.required,
            startup_timeout,
            tool_timeout,
            tools: tools(&mut raw),
            idle,
            site: at.site().cloned(),
        })
    }

    /// Has `server`, called `name`, be as the table says. Lists of tools can only leave more of them out. What counts for none
    /// is in the warning.
    pub fn add_to(self, name: &str, server: &mut McpServerSettings) -> Option<Warning> {
        let told = (!self.idle.is_empty()).then(|| {
            let keys = self.idle.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            let why = "what a server of a plugin is and may do is for the plugin to say";
            self.warning(&format!(
                "the server of tools `{name}` is a plugin's, and {keys} of this table is not used: {why}"
            ))
        });
        let McpToolSettings { only, not, approval, is_approval_set, approvals } = self.tools;
        let tools = &mut server.tools;
        tools.only = match (tools.only.take(), only) {
            (Some(its), Some(mine)) => Some(its.into_iter().filter(|tool| mine.contains(tool)).collect()),
            (its, mine) => mine.or(its),
        };
        tools.not.extend(not);
        if is_approval_set {
            (tools.approval, tools.is_approval_set) = (approval, true);
        }
        tools.approvals.extend(approvals);
        server.enabled = self.enabled.unwrap_or(server.enabled);
        server.required = self.required.unwrap_or(server.required);
        server.startup_timeout = self.startup_timeout.unwrap_or(server.startup_timeout);
        server.tool_timeout = self.tool_timeout.unwrap_or(server.tool_timeout);
        told
    }

    /// That nothing is called `name` which it could be added to. What is only switched off need not be anything else.
    pub fn left_out(&self, name: &str) -> Option<Warning> {
        if self.enabled == Some(false) {
            return None;
        }
        let why = "it has neither a `command` nor a `url`, and no plugin that is in use brings a server of this name";
        Some(self.warning(&format!("the server of tools `{name}` is left out: {why}")))
    }

    fn warning(&self, message: &str) -> Warning {
        self.site.as_ref().map_or_else(|| Warning::new(Origin::Default, message), |site| site.warning(message))
    }
}
