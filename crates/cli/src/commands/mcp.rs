//! `codex mcp`: the servers of tools that are configured, and changes of the user's own file of settings.

mod login;
mod test;

use std::collections::BTreeMap;

use codex_config::{
    ConfigError, Edit, Environment, Loaded, McpApproval, McpNetwork, McpServerSettings, McpTransport, SettingsFile,
    edit, replace_text,
};
use codex_server::{McpAuth, mcp_auth};
use serde_json::{Value, json};

use crate::{
    args::{McpAddArguments, McpCommand, RunOptions, ThreadOptions},
    commands::say,
    exec::ExitStatus,
    resolve, terminal,
};

/// The table of settings.
const TABLE: &str = "mcp_servers";
/// In place of what may be a secret.
const HIDDEN: &str = "…";

/// Runs one of the commands.
///
/// # Errors
/// A sentence for the user when what was typed, or the configuration, is wrong.
pub async fn run(outer: ThreadOptions, command: McpCommand, environment: Environment) -> Result<ExitStatus, String> {
    match command {
        McpCommand::List { thread, json } => list(&load(outer.then(thread), &environment)?, json, &environment),
        McpCommand::Get { thread, name, json } => {
            get(&load(outer.then(thread), &environment)?, &name, json, &environment)
        }
        McpCommand::Test { thread, name, json } => {
            let thread = outer.then(thread);
            let loaded = load(thread.clone(), &environment)?;
            let params = resolve::thread_start(&thread, &RunOptions::default())?;
            test::run(params, &name, json, &environment, missing(&loaded, &name)).await
        }
        McpCommand::Login { thread, name, scopes, no_browser, timeout } => {
            let how = login::How { name, scopes, no_browser, timeout };
            login::run(&load_with(outer.then(thread), &how.name, &environment)?, how, &environment).await
        }
        McpCommand::Logout { thread, name } => {
            let loaded = load(outer.then(thread), &environment)?;
            let missing = missing(&loaded, &name);
            login::forget(&loaded, &name, &environment, missing).await
        }
        McpCommand::Add(arguments) => add(arguments, &environment),
        McpCommand::Remove { name } => remove(&name, &environment),
    }
}

fn load(thread: ThreadOptions, environment: &Environment) -> Result<Loaded, String> {
    let params = resolve::thread_start(&thread, &RunOptions::default())?;
    let found = codex_server::plugins::settings_with_servers(environment, params);
    let (loaded, of_plugins) = found.map_err(|error| error.to_string())?;
    terminal::warn(&loaded.warnings);
    terminal::warn(&of_plugins);
    Ok(loaded)
}

/// The settings, in which there is a server of this name.
fn load_with(thread: ThreadOptions, name: &str, environment: &Environment) -> Result<Loaded, String> {
    let loaded = load(thread, environment)?;
    if loaded.settings.mcp.servers.contains_key(name) { Ok(loaded) } else { Err(missing(&loaded, name)) }
}

/// The names of servers that wait for the user's trust, with their files.
fn held(loaded: &Loaded) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for file in loaded.trust.untrusted() {
        for key in &file.held {
            if let Some(name) = key.key.strip_prefix(TABLE).and_then(|rest| rest.split('.').nth(1)) {
                names.insert(name.to_owned(), file.path.display().to_string());
            }
        }
    }
    names
}

fn list(loaded: &Loaded, as_json: bool, environment: &Environment) -> Result<ExitStatus, String> {
    let servers = &loaded.settings.mcp.servers;
    let held = held(loaded);
    if as_json {
        let mut all: Vec<Value> = servers.iter().map(|(name, server)| object(name, server, environment)).collect();
        let waiting = |(name, file): (&String, &String)| json!({ "name": name, "enabled": false, "held": file });
        all.extend(held.iter().map(waiting));
        return super::write(format!("{}\n", Value::Array(all)).as_bytes());
    }
    if servers.is_empty() && held.is_empty() {
        return say("No servers of tools are configured; `codex mcp add NAME -- COMMAND` adds one.\n");
    }
    let mut text = String::new();
    for (name, server) in servers {
        let state = if server.enabled { "on" } else { "off" };
        let known = match mcp_auth(environment, name, &server.transport) {
            McpAuth::None => "",
            McpAuth::Header => ", with a token of the settings",
            McpAuth::LoggedIn => ", logged in",
            McpAuth::NotLoggedIn => ", not logged in",
        };
        text += &format!("{name}: {}; {state}{known}  ({})\n", what(server), from(server));
        text += &secrets(name, server);
    }
    for (name, file) in &held {
        text += &format!("{name}: held back: the project is not trusted, `codex trust` asks  ({file})\n");
    }
    say(&text)
}

/// Who says what a server is.
fn from(server: &McpServerSettings) -> String {
    match &server.plugin {
        Some(plugin) => format!("plugin {plugin}"),
        None => server.origin.to_string(),
    }
}

/// What a server is, on one line.
fn what(server: &McpServerSettings) -> String {
    match &server.transport {
        McpTransport::Stdio(program) => {
            let words = std::iter::once(&program.command).chain(&program.args);
            words.map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
        }
        McpTransport::Http(address) => address.shown_url(),
    }
}

/// A word as a shell has it, so that it is seen where each begins and ends.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("{word:?}") }
}

/// What there is to say of secrets that stand in a file.
fn secrets(name: &str, server: &McpServerSettings) -> String {
    let keys = server.plain_secrets();
    if keys.is_empty() {
        return String::new();
    }
    let better = match server.transport {
        McpTransport::Stdio(_) => "`env_vars`",
        McpTransport::Http(_) => "`bearer_token_env_var` or `env_http_headers`",
    };
    let keys: Vec<String> = keys.iter().map(|key| format!("`{TABLE}.{name}.{key}`")).collect();
    format!("    a secret stands in the file itself, where {better} would name a variable: {}\n", keys.join(", "))
}

fn get(loaded: &Loaded, name: &str, as_json: bool, environment: &Environment) -> Result<ExitStatus, String> {
    let Some(server) = loaded.settings.mcp.servers.get(name) else {
        return Err(missing(loaded, name));
    };
    if as_json {
        return super::write(format!("{}\n", object(name, server, environment)).as_bytes());
    }
    let mut text = format!("{name}\n");
    for (key, value) in lines(server) {
        text += &format!("  {key}: {value}\n");
    }
    say(&(text + &secrets(name, server)))
}

/// Why there is no such server.
fn missing(loaded: &Loaded, name: &str) -> String {
    if let Some(file) = held(loaded).get(name) {
        return format!(
            "the server of tools `{name}` is held back until the project is trusted ({file}): `codex trust` asks"
        );
    }
    let known: Vec<&str> = loaded.settings.mcp.servers.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "none is configured".to_owned() } else { format!("known: {}", known.join(", ")) };
    format!("there is no server of tools `{name}`; {known}")
}

/// What is configured, for people.
fn lines(server: &McpServerSettings) -> Vec<(&'static str, String)> {
    let mut lines = vec![("from", from(server)), ("enabled", server.enabled.to_string())];
    let names =
        |names: Vec<&String>| names.into_iter().map(|name| format!("{name}={HIDDEN}")).collect::<Vec<_>>().join(" ");
    match &server.transport {
        McpTransport::Stdio(program) => {
            lines.push(("command", what(server)));
            lines.push(("env", names(program.env.keys().collect())));
            lines.push(("env_vars", program.env_vars.join(" ")));
            lines.push(("cwd", program.cwd.as_ref().map(|cwd| cwd.display().to_string()).unwrap_or_default()));
            let walls = &server.walls;
            lines.push(("sandbox", walls.sandbox.to_string()));
            if walls.sandbox {
                let roots = walls.writable_roots.iter().map(|root| root.display().to_string());
                lines.push(("writable_roots", roots.collect::<Vec<_>>().join(" ")));
                lines.push(("network", network(&walls.network)));
            }
        }
        McpTransport::Http(address) => {
            lines.push(("url", address.shown_url()));
            lines.push(("bearer_token_env_var", address.bearer_token_env_var.clone().unwrap_or_default()));
            lines.push(("http_headers", names(address.headers.keys().collect())));
            let variables = address.env_headers.iter().map(|(name, variable)| format!("{name}=${variable}"));
            lines.push(("env_http_headers", variables.collect::<Vec<_>>().join(" ")));
        }
    }
    let tools = &server.tools;
    lines.push(("enabled_tools", tools.only.as_ref().map(|only| only.join(" ")).unwrap_or_default()));
    lines.push(("disabled_tools", tools.not.join(" ")));
    lines.push(("default_tools_approval_mode", approval(tools.approval).to_owned()));
    let single = tools.approvals.iter().map(|(name, mode)| format!("{name}={}", approval(*mode)));
    lines.push(("tools", single.collect::<Vec<_>>().join(" ")));
    lines.push(("startup_timeout_sec", server.startup_timeout.as_secs_f64().to_string()));
    lines.push(("tool_timeout_sec", server.tool_timeout.as_secs_f64().to_string()));
    lines.retain(|(_, value)| !value.is_empty());
    lines
}

fn network(network: &McpNetwork) -> String {
    match network {
        McpNetwork::Nothing => "false".into(),
        McpNetwork::All => "true".into(),
        McpNetwork::Only(hosts) => hosts.join(" "),
    }
}

fn approval(mode: McpApproval) -> &'static str {
    match mode {
        McpApproval::Auto => "auto",
        McpApproval::Prompt => "prompt",
        McpApproval::Approve => "approve",
    }
}

/// What is configured, for programs: with the names that the existing CLI has for it, and ours beside them.
fn object(name: &str, server: &McpServerSettings, environment: &Environment) -> Value {
    let hidden =
        |map: &BTreeMap<String, String>| map.keys().map(|name| (name.clone(), json!(HIDDEN))).collect::<Value>();
    let transport = match &server.transport {
        McpTransport::Stdio(program) => json!({
            "type": "stdio",
            "command": program.command,
            "args": program.args,
            "env": hidden(&program.env),
            "env_vars": program.env_vars,
            "cwd": program.cwd,
        }),
        McpTransport::Http(address) => json!({
            "type": "streamable_http",
            "url": address.shown_url(),
            "bearer_token_env_var": address.bearer_token_env_var,
            "http_headers": hidden(&address.headers),
            "env_http_headers": address.env_headers,
        }),
    };
    let walls = &server.walls;
    json!({
        "name": name,
        "enabled": server.enabled,
        "required": server.required,
        "transport": transport,
        "startup_timeout_sec": server.startup_timeout.as_secs_f64(),
        "tool_timeout_sec": server.tool_timeout.as_secs_f64(),
        "enabled_tools": server.tools.only,
        "disabled_tools": server.tools.not,
        "default_tools_approval_mode": approval(server.tools.approval),
        "sandbox": walls.sandbox,
        "writable_roots": walls.writable_roots,
        "network": match &walls.network {
            McpNetwork::Nothing => json!(false),
            McpNetwork::All => json!(true),
            McpNetwork::Only(hosts) => json!(hosts),
        },
        "auth_status": mcp_auth(environment, name, &server.transport).word(),
        "plain_secrets": server.plain_secrets(),
        "origin": server.origin.to_string(),
        "plugin": server.plugin,
    })
}

/// The user's own file.
fn file(environment: &Environment) -> Result<SettingsFile, String> {
    let codex_home = environment.codex_home().map_err(|error| error.to_string())?;
    Ok(SettingsFile::user(&codex_home, environment.home()))
}

/// The table of a server, if its name can be one.
fn key(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !name.is_empty() && name.len() <= 64 && name.chars().all(plain) {
        true => Ok(format!("{TABLE}.{name}")),
        false => Err("the name of a server may have letters, digits, `-` and `_`, at most 64".into()),
    }
}

fn add(arguments: McpAddArguments, environment: &Environment) -> Result<ExitStatus, String> {
    let McpAddArguments { name, env, url, bearer_token_env_var, command } = arguments;
    let (key, file) = (key(&name)?, file(environment)?);
    if url.is_none() && command.is_empty() {
        let forms = format!("`codex mcp add {name} -- COMMAND …` or `codex mcp add {name} --url ADDRESS`");
        return Err(format!("what is the server of tools `{name}`? {forms}"));
    }
    let mut keys = Vec::new();
    if let Some((program, rest)) = command.split_first() {
        keys.push(format!("command = {}", json!(program)));
        if !rest.is_empty() {
            keys.push(format!("args = {}", json!(rest)));
        }
    }
    keys.extend(url.map(|url| format!("url = {}", json!(url))));
    keys.extend(bearer_token_env_var.map(|variable| format!("bearer_token_env_var = {}", json!(variable))));
    let mut pairs = Vec::new();
    for pair in &env {
        let Some((variable, value)) = pair.split_once('=').filter(|(variable, _)| !variable.is_empty()) else {
            return Err("--env takes NAME=VALUE".into());
        };
        pairs.push(format!("{} = {}", json!(variable), json!(value)));
    }
    if !pairs.is_empty() {
        keys.push(format!("env = {{ {} }}", pairs.join(", ")));
    }
    let value = format!("{{ {} }}", keys.join(", "));
    let before = file.read().map_err(|error| error.to_string())?;
    let replaced = match edit(&file, &Edit { profile: None, key: &key, value: None }) {
        Ok(old) => old.is_some(),
        Err(error) => return failed(&error),
    };
    if let Err(error) = edit(&file, &Edit { profile: None, key: &key, value: Some(&value) }) {
        if let (true, Some(before), Ok(now)) = (replaced, &before, file.read()) {
            replace_text(&file, now.as_deref(), before).map_err(|error| error.to_string())?;
        }
        return failed(&error);
    }
    let verb = if replaced { "replaced" } else { "added" };
    let path = file.path().display();
    say(&format!("The server of tools `{name}` is {verb} in {path}; `codex mcp get {name}` shows it.\n"))
}

fn remove(name: &str, environment: &Environment) -> Result<ExitStatus, String> {
    let (key, file) = (key(name)?, file(environment)?);
    match edit(&file, &Edit { profile: None, key: &key, value: None }) {
        Ok(Some(_)) => say(&format!("The server of tools `{name}` is removed from {}.\n", file.path().display())),
        Ok(None) => {
            terminal::complain(&format!("there is no server of tools `{name}` in {}", file.path().display()));
            Ok(ExitStatus::Failed)
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &ConfigError) -> Result<ExitStatus, String> {
    terminal::complain(&error.to_string());
    Ok(ExitStatus::Failed)
}
