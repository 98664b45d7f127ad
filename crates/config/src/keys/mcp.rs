//! The keys of servers of tools: `[mcp_servers.NAME]`.

use super::{Key, Kind, YEAR_S, ignored, key};

/// When a tool of a server asks.
const APPROVAL: &[&str] = &["auto", "prompt", "approve"];

/// Those of the keys below that forbid something: a misspelt one would not.
pub(crate) const FORBIDS_TOOLS: &[&str] = &[
    "enabled",
    "enabled_tools",
    "disabled_tools",
    "default_tools_approval_mode",
    "approval_mode",
    "sandbox",
    "network",
];

/// The keys of a table of `[mcp_servers]`.
pub(super) const MCP_SERVER: &[Key] = &[
    key("command", Kind::Text, "Program to start, which speaks over its standard input and output"),
    key("args", Kind::Arguments, "Its arguments"),
    key("env", Kind::TextMap, "Variables that it gets"),
    key("env_vars", Kind::Variables, "Variables of your environment that it gets too"),
    key("cwd", Kind::ProjectPath, "Directory that it starts in; the workspace if not set"),
    key("url", Kind::Endpoint, "Address of a server that is reached over HTTP"),
    key("bearer_token_env_var", Kind::Variable, "Environment variable that holds the token for it"),
    key("http_headers", Kind::Headers, "Headers of each request, by name"),
    key("env_http_headers", Kind::VariableHeaders, "Headers of each request whose values are in environment variables"),
    key("scopes", Kind::Texts, "Rights that are asked for by `codex mcp login`; what the server proposes if not set"),
    key("oauth_resource", Kind::Text, "What tokens are asked for, if that is not the address itself"),
    key("oauth", Kind::Table(OAUTH), "What `codex mcp login` needs to know"),
    key("startup_timeout_sec", Kind::Amount, "Seconds that it may take to start; 30 if not set"),
    key("startup_timeout_ms", Kind::Count(1, YEAR_S * 1000), "The same in milliseconds, an older name"),
    key("tool_timeout_sec", Kind::Amount, "Seconds that a call of a tool may take; 120 if not set"),
    key("enabled", Kind::Flag, "Whether it is used; it is if not set"),
    key("required", Kind::Flag, "Whether `exec` ends if it does not start"),
    key("enabled_tools", Kind::Texts, "The only tools of it that are offered"),
    key("disabled_tools", Kind::Texts, "Tools of it that are not offered"),
    key(
        "default_tools_approval_mode",
        Kind::Choice(APPROVAL),
        "When its tools ask: as all actions do, always, or never; `auto` if not set",
    ),
    key("tools", Kind::Named(TOOL), "Single tools of it"),
    key("sandbox", Kind::Flag, "Whether it runs inside the sandbox; it does if not set"),
    key("writable_roots", Kind::ProjectPaths, "Directories that it may write into, if it runs in the sandbox"),
    key(
        "network",
        Kind::FlagOrTexts,
        "Whether it reaches the network, or only these hosts, if it runs in the sandbox; it does not if not set",
    ),
    ignored("environment_id", "Servers of tools are started on this machine"),
    ignored("experimental_environment", "Servers of tools are started on this machine"),
    ignored("supports_parallel_tool_calls", "Tools that only read run together"),
];

/// The keys of a single tool.
const TOOL: &[Key] = &[key("approval_mode", Kind::Choice(APPROVAL), "When it asks")];

/// The keys of `[mcp_servers.NAME.oauth]`.
const OAUTH: &[Key] = &[
    key("client_id", Kind::Text, "Name that the server's owner has registered this program by"),
    key("client_secret_env_var", Kind::Variable, "Environment variable that holds the secret given with it"),
];
