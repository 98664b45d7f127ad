//! Layers of TOML turned into plain typed data, each value with its origin; and the process environment, read once.
//!
//! Files are changed when the user asks for it alone: a rule is remembered or forgotten ([`remember`], [`forget`]), a
//! setting written ([`edit()`]), a project trusted or not any more ([`trust`], [`revoke`]). Keys of providers have a
//! file of their own, or the keyring ([`keep_key`]).
//!
//! Three rules hold here and nowhere else. The environment is read by [`Environment`] alone. A `.env` file is never
//! read, from anywhere. A project's file cannot raise its own privileges: until the user trusts it, only what cannot
//! loosen anything is taken from it ([`load`]).
//!
//! A file is checked against one table, [`keys::KEYS`], before it is merged: wrong types and unknown values are errors
//! that show the line, unknown keys are warnings unless they seem to forbid something, and what is known but not
//! finished is refused or named, never dropped in silence.

mod agent_files;
mod built_in;
mod command_files;
mod credentials;
mod edit;
mod environment;
mod error;
mod explain;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod hide;
mod hook_files;
mod hooks;
mod ignore;
mod init;
mod keyring;
pub mod keys;
mod layer;
mod limits;
mod linters;
mod load;
mod mcp;
mod mcp_json;
mod mcp_tokens;
mod mcp_tools;
mod merge;
mod models;
mod origin;
mod overrides;
mod plugins;
mod project_trust;
mod provider;
mod resolve;
mod review;
mod rules;
mod schema;
mod search;
mod settings;
mod shell_environment;
mod source;
mod suggest;
mod trust;
mod trust_store;
mod value;
pub mod variables;
mod walls;

#[cfg(test)]
mod tests;

pub use agent_files::{AgentFile, plugin_agents};
pub use built_in::is_built_in;
pub use command_files::{command_directories, project_directories};
pub use credentials::{Keeper, check_key, credentials_file, forget_keys, is_open_to_others, keep_key};
pub use edit::{
    CanonicalKey, Change, Edit, SettingsFile, canonical, check, edit, forget, keep_trust, remember, replace_text,
};
pub use environment::Environment;
pub use error::{ConfigError, Warning};
pub use explain::{Effective, Placed};
pub use files::{FileKind, Place, project_root, settings_files};
pub use hooks::{HookEntry, HookEvent, HookSettings, HookSource, hooks_of_json};
pub use init::init;
pub use limits::{LimitSettings, PriceSettings};
pub use linters::{CheckSettings, CheckerCommand, CheckerSettings, LanguageServerSettings};
pub use load::{LoadRequest, Loaded, load, project_trust};
pub use mcp::{
    McpAddition, McpAddress, McpApproval, McpNetwork, McpOauthSettings, McpProgram, McpServerSettings, McpSettings,
    McpToolSettings, McpTransport, McpWalls,
};
pub use mcp_tokens::{
    forget_mcp_tokens, has_mcp_tokens, keep_mcp_tokens, mcp_tokens, mcp_tokens_file, renewing_mcp_tokens,
};
pub use mcp_tools::{AllowedTool, AllowedTools, allow_tool};
pub use models::{AnswerSettings, ModelSettings, ReasoningSettings};
pub use origin::{Origin, Origins};
pub use overrides::Override;
pub use plugins::{PluginSettings, plugin_servers};
pub use project_trust::{Held, ProjectFile, ProjectTrust};
pub use provider::{
    ApiKey, KeySource, OPENAI, ProviderSettings, Timeouts, WireApi, api_key, closed_addresses, is_usual_variable,
    key_source,
};
pub use review::TestCommand;
pub use rules::{PermissionEntry, PermissionKind};
pub use schema::schema;
pub use search::{SearchBackend, SearchMode, SearchProvider, SearchSettings};
pub use settings::{
    AgentSettings, ApprovalMode, Notifications, SandboxDetails, SandboxMode, ScreenSettings, SessionSettings, Settings,
    Titles, WorkspaceWrite,
};
pub use shell_environment::{EnvironmentPolicy, Inherit, Patterns};
pub use trust_store::{Hash, TrustStore, TrustedProject, Verdict, revoke, trust};
