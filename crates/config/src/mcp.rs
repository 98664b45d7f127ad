//! Servers of tools: `[mcp_servers.NAME]` and the keys `mcp_oauth_…`.
//!
//! A server that cannot be one is left out with a warning, for files serve other programs too; what contradicts itself is an
//! error. Values of variables and headers may be secrets: they are part of no text.

mod additions;

use std::{collections::BTreeMap, fmt, mem::take, path::PathBuf, time::Duration};

use serde::Deserialize;
use toml::Value;

use crate::layer::Leaf;
use crate::merge::Merged;
use crate::origin::dotted;
use crate::shell_environment::has_secret_part;
use crate::{ConfigError, Origin, Warning};

pub use additions::McpAddition;

/// The table.
pub(crate) const TABLE: &str = "mcp_servers";
/// How long a server may take to start.
const STARTUP: Duration = Duration::from_secs(30);
/// How long a call may take.
const CALL: Duration = Duration::from_secs(120);
/// Longest time, in seconds: a year.
const LONGEST: f64 = 365.0 * 86_400.0;
/// Longest name.
const LONGEST_NAME: usize = 64;

/// Servers of tools, how to log in to them, and how much of a request is theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpSettings {
    /// The servers, by name.
    pub servers: BTreeMap<String, McpServerSettings>,
    /// What is said of servers that plugins bring, by name.
    pub additions: BTreeMap<String, McpAddition>,
    /// How to log in.
    pub oauth: McpOauthSettings,
    /// Most bytes that their tools take of a request; beyond it they are found by a search.
    pub offered_bytes: usize,
    /// Most that the first request waits for those that are starting.
    pub startup_wait: Duration,
}

/// A server of tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpServerSettings {
    /// How it is reached.
    pub transport: McpTransport,
    /// Whether it is used.
    pub enabled: bool,
    /// Whether a task without anybody to ask ends if it does not start.
    pub required: bool,
    /// How long it may take to start.
    pub startup_timeout: Duration,
    /// How long a call of a tool may take.
    pub tool_timeout: Duration,
    /// Its tools.
    pub tools: McpToolSettings,
    /// What it may do to this machine, if it runs here.
    pub walls: McpWalls,
    /// Where it was written.
    pub origin: Origin,
    /// Id of the plugin that brings it.
    pub plugin: Option<String>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum McpTransport {
    /// A program that is started here.
    Stdio(McpProgram),
    /// An address.
    Http(McpAddress),
}

/// A program that speaks over its standard input and output.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct McpProgram {
    /// A name that is looked up in `PATH`, or a path.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables that it gets, with their values.
    pub env: BTreeMap<String, String>,
    /// Variables of the user's environment that it gets too.
    pub env_vars: Vec<String>,
    /// Where it starts, absolute; `None`: in the workspace.
    pub cwd: Option<PathBuf>,
}

/// Values of variables may be secrets.
impl fmt::Debug for McpProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpProgram")
            .field("command", &self.command)
            .field("args", &self.args)
            .field("env", &self.env.keys())
            .field("env_vars", &self.env_vars)
            .field("cwd", &self.cwd)
            .finish()
    }
}

/// A server that is reached over HTTP.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct McpAddress {
    /// Where, as it was written.
    pub url: String,
    /// Variable that holds the token for it.
    pub bearer_token_env_var: Option<String>,
    /// Headers of each request.
    pub headers: BTreeMap<String, String>,
    /// Headers whose values are in variables, by the variables' names.
    pub env_headers: BTreeMap<String, String>,
    /// Rights that are asked for; `None`: those that the server proposes.
    pub scopes: Option<Vec<String>>,
    /// What tokens are asked for, if not for `url`.
    pub resource: Option<String>,
    /// What this program is called there; `None`: it has itself registered.
    pub client_id: Option<String>,
    /// Variable that holds the secret that was given with it.
    pub client_secret_env_var: Option<String>,
}

/// Values of headers, and parameters of addresses, may be secrets.
impl fmt::Debug for McpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpAddress")
            .field("url", &self.shown_url())
            .field("bearer_token_env_var", &self.bearer_token_env_var)
            .field("headers", &self.headers.keys())
            .field("env_headers", &self.env_headers)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

impl McpAddress {
    /// The address less what may be a secret in it.
    pub fn shown_url(&self) -> String {
        match crate::hide::has_secret_url(&self.url) {
            true => crate::hide::url_without_secrets(&self.url),
            false => self.url.clone(),
        }
    }
}

/// Which tools of a server are offered, and when they ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpToolSettings {
    /// The only ones that are offered; `None`: all.
    pub only: Option<Vec<String>>,
    /// Those that are not.
    pub not: Vec<String>,
    /// When they ask.
    pub approval: McpApproval,
    /// Whether that was written somewhere.
    pub is_approval_set: bool,
    /// When single ones do, by their names.
    pub approvals: BTreeMap<String, McpApproval>,
}

/// When a tool asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum McpApproval {
    /// As all actions do.
    #[default]
    Auto,
    /// Always.
    Prompt,
    /// Never.
    Approve,
}

/// What a program that is started here may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpWalls {
    /// Whether it runs in the sandbox.
    pub sandbox: bool,
    /// Directories that it may write into, absolute.
    pub writable_roots: Vec<PathBuf>,
    /// What it reaches of the network.
    pub network: McpNetwork,
}

/// What a program reaches of the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum McpNetwork {
    /// Nothing.
    #[default]
    Nothing,
    /// All of it.
    All,
    /// These hosts, as they were written.
    Only(Vec<String>),
}

/// How to log in to servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpOauthSettings {
    /// Whether tokens are kept in the keyring of the system, not in a file.
    pub keyring: bool,
    /// Port of this machine that is led back to; `None`: one that is free.
    pub callback_port: Option<u16>,
    /// Address that is led back to; `None`: the port itself.
    pub callback_url: Option<String>,
}

impl McpServerSettings {
    /// The variables that hold secrets for it alone, which commands never get.
    pub fn secret_variables(&self) -> impl Iterator<Item = &String> {
        let address = match &self.transport {
            McpTransport::Stdio(_) => None,
            McpTransport::Http(address) => Some(address),
        };
        address.into_iter().flat_map(|address| {
            let single = address.bearer_token_env_var.iter().chain(&address.client_secret_env_var);
            single.chain(address.env_headers.values())
        })
    }

    /// Names of its variables and headers whose values seem to be secrets that stand in a file, as paths of keys below it.
    pub fn plain_secrets(&self) -> Vec<String> {
        let (table, values) = match &self.transport {
            McpTransport::Stdio(program) => ("env", &program.env),
            McpTransport::Http(address) => ("http_headers", &address.headers),
        };
        let looks_secret = |name: &str| {
            let name = name.to_ascii_uppercase().replace('-', "_");
            has_secret_part(&name) || name == "AUTHORIZATION"
        };
        let secret = values.iter().filter(|(name, value)| looks_secret(name) && !value.is_empty());
        secret.map(|(name, _)| dotted(&[table.into(), name.clone()])).collect()
    }
}

/// A table of `[mcp_servers]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawServer {
    command: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    env_vars: Vec<String>,
    cwd: Option<PathBuf>,
    url: Option<String>,
    bearer_token_env_var: Option<String>,
    #[serde(default)]
    http_headers: BTreeMap<String, String>,
    #[serde(default)]
    env_http_headers: BTreeMap<String, String>,
    scopes: Option<Vec<String>>,
    oauth_resource: Option<String>,
    #[serde(default)]
    oauth: RawOauth,
    startup_timeout_sec: Option<f64>,
    startup_timeout_ms: Option<f64>,
    tool_timeout_sec: Option<f64>,
    enabled: Option<bool>,
    required: Option<bool>,
    enabled_tools: Option<Vec<String>>,
    #[serde(default)]
    disabled_tools: Vec<String>,
    default_tools_approval_mode: Option<McpApproval>,
    #[serde(default)]
    tools: BTreeMap<String, RawTool>,
    sandbox: Option<bool>,
    #[serde(default)]
    writable_roots: Vec<PathBuf>,
    network: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOauth {
    client_id: Option<String>,
    client_secret_env_var: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTool {
    approval_mode: Option<McpApproval>,
}

impl RawServer {
    /// The variables that hold secrets for the server alone.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &String> {
        let single = self.bearer_token_env_var.iter().chain(&self.oauth.client_secret_env_var);
        single.chain(self.env_http_headers.values())
    }
}

/// What the tables come to.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// The servers.
    pub(crate) servers: BTreeMap<String, McpServerSettings>,
    /// What is said of servers that something else brings.
    pub(crate) additions: BTreeMap<String, McpAddition>,
    /// One for each that cannot be a server.
    pub(crate) warnings: Vec<Warning>,
}

impl Tables {
    /// Leaves out the additions, which nothing can claim, with a warning for each.
    pub(crate) fn without_additions(mut self) -> Self {
        let left_out = take(&mut self.additions).into_iter();
        self.warnings.extend(left_out.filter_map(|(name, addition)| addition.left_out(&name)));
        self
    }
}

/// The servers that the layers come to, and a warning for each that cannot be one.
///
/// # Errors
/// A server has both a command and an address, or a value of it is out of range. The error shows where.
pub(crate) fn servers(raw: BTreeMap<String, RawServer>, merged: &Merged) -> Result<Tables, ConfigError> {
    let mut found = Tables::default();
    for (name, raw) in raw {
        let at = At { merged, name: &name };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_plain) {
            let fault = format!("its name may have letters, digits, `-` and `_`, at most {LONGEST_NAME}");
            let message = format!("the server of tools `{name}` is left out: {fault}");
            let warning =
                at.site().map_or_else(|| Warning::new(Origin::Default, &message), |site| site.warning(&message));
            found.warnings.push(warning);
        } else if raw.command.is_none() && raw.url.is_none() {
            found.additions.insert(name.clone(), McpAddition::new(raw, at)?);
        } else {
            found.servers.insert(name.clone(), resolve(raw, at)?);
        }
    }
    Ok(found)
}

/// The keys of one server.
#[derive(Clone, Copy)]
struct At<'a> {
    merged: &'a Merged,
    name: &'a str,
}

impl<'a> At<'a> {
    fn path(self, keys: &[&str]) -> String {
        let keys = keys.iter().map(|key| (*key).to_owned());
        dotted(&[TABLE.to_owned(), self.name.to_owned()].into_iter().chain(keys).collect::<Vec<_>>())
    }

    /// Where what it is was written, or else anything of it.
    fn site(self) -> Option<&'a crate::source::Site> {
        let main = ["command", "url"].iter().find_map(|key| self.merged.get(&self.path(&[key])));
        main.or_else(|| self.leaves().next().map(|(_, leaf)| leaf))?.site.as_ref()
    }

    /// What is said of it, by path below it.
    fn leaves(self) -> impl Iterator<Item = (&'a str, &'a Leaf)> {
        let prefix = format!("{}.", self.path(&[]));
        self.merged.leaves().filter_map(move |(path, leaf)| Some((path.strip_prefix(&prefix)?, leaf)))
    }

    /// The keys that are said of it.
    fn keys(self) -> Vec<String> {
        let mut keys: Vec<_> =
            self.leaves().map(|(path, _)| path.split('.').next().unwrap_or(path).to_owned()).collect();
        keys.dedup();
        keys
    }

    fn error(self, keys: &[&str], message: &str) -> ConfigError {
        self.merged.error(&self.path(keys), format!("{message} (server of tools `{}`)", self.name))
    }

    /// How long it may take to start, and a call of a tool of it.
    fn times(self, raw: &RawServer) -> Result<(Option<Duration>, Option<Duration>), ConfigError> {
        let startup = [
            ("startup_timeout_sec", raw.startup_timeout_sec, 1.0),
            ("startup_timeout_ms", raw.startup_timeout_ms, 0.001),
        ];
        Ok((self.time(&startup)?, self.time(&[("tool_timeout_sec", raw.tool_timeout_sec, 1.0)])?))
    }

    /// A time in seconds that is written in one of these keys.
    fn time(self, found: &[(&str, Option<f64>, f64)]) -> Result<Option<Duration>, ConfigError> {
        let Some((key, seconds)) = found.iter().find_map(|(key, value, unit)| Some((*key, (*value)? * unit))) else {
            return Ok(None);
        };
        match seconds {
            0.001..=LONGEST => Ok(Some(Duration::from_secs_f64(seconds))),
            _ => Err(self.error(&[key], &format!("`{key}` must be from a millisecond to a year"))),
        }
    }
}

/// What is said of its tools.
fn tools(raw: &mut RawServer) -> McpToolSettings {
    let approvals = take(&mut raw.tools).into_iter().filter_map(|(name, tool)| Some((name, tool.approval_mode?)));
    McpToolSettings {
        only: raw.enabled_tools.take(),
        not: take(&mut raw.disabled_tools),
        approval: raw.default_tools_approval_mode.unwrap_or_default(),
        is_approval_set: raw.default_tools_approval_mode.is_some(),
        approvals: approvals.collect(),
    }
}

fn resolve(mut raw: RawServer, at: At<'_>) -> Result<McpServerSettings, ConfigError> {
    let (startup_timeout, tool_timeout) = at.times(&raw)?;
    if raw.command.is_some() && raw.url.is_some() {
        return Err(
            at.error(&["url"], "`command` and `url` exclude each other: a server is started here, or is elsewhere")
        );
    }
    for (name, value) in &raw.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(at.error(&["env", name], "`env`: no program can get this variable"));
        }
    }
    let tools = tools(&mut raw);
    let walls = McpWalls {
        sandbox: raw.sandbox.unwrap_or(true),
        writable_roots: raw.writable_roots,
        network: match raw.network {
            Some(Value::Boolean(true)) => McpNetwork::All,
            Some(Value::Array(hosts)) => {
                McpNetwork::Only(hosts.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            _ => McpNetwork::Nothing,
        },
    };
    let transport = match (raw.command, raw.url) {
        (_, Some(url)) => McpTransport::Http(McpAddress {
            url,
            bearer_token_env_var: raw.bearer_token_env_var,
            headers: raw.http_headers,
            env_headers: raw.env_http_headers,
            scopes: raw.scopes,
            resource: raw.oauth_resource,
            client_id: raw.oauth.client_id,
            client_secret_env_var: raw.oauth.client_secret_env_var,
        }),
        (command, None) => McpTransport::Stdio(McpProgram {
            command: command.unwrap_or_default(),
            args: raw.args,
            env: raw.env,
            env_vars: raw.env_vars,
            cwd: raw.cwd,
        }),
    };
    Ok(McpServerSettings {
        plugin: None,
        transport,
        enabled: raw.enabled.unwrap_or(true),
        required: raw.required.unwrap_or(false),
        startup_timeout: startup_timeout.unwrap_or(STARTUP),
        tool_timeout: tool_timeout.unwrap_or(CALL),
        tools,
        walls,
        origin: at.site().map_or(Origin::Default, |site| site.origin()),
    })
}
