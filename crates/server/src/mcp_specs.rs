//! Servers of tools as `codex_mcp` takes them: from what the settings say, on the ground of a thread.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use codex_agent::Workplace;
use codex_config::{
    Environment, McpAddress, McpNetwork, McpProgram, McpServerSettings, McpSettings, McpTransport, McpWalls,
};
use codex_mcp::{Ground, MakeSandbox, MakeTemp, Pool, Reach, ServerSpec, ToolFilter, Transport, Walls};
use codex_net::{
    HttpClients,
    proxy::{Domains, Proxy, Resolver},
};
use codex_sandbox::Sandbox;
use codex_store::TempDirectory;

use crate::mcp_login;

/// What servers stand on that a thread has: its walls, and for programs a sandbox and a `/tmp` of their own.
pub(crate) fn ground(
    environment: &Environment,
    (codex_home, helper): (&Path, &Path),
    settings: &McpSettings,
    (workplace, workspace): (&Workplace, PathBuf),
    (http, pool): (Arc<HttpClients>, Arc<Pool>),
) -> Ground {
    let tokens = mcp_login::tokens(environment.clone(), settings.oauth.keyring, Arc::clone(&http));
    Ground {
        walls: workplace.policy.confinement(),
        environment: Arc::clone(&workplace.environment),
        workspace,
        sandbox: sandboxes(helper, codex_home.join("run")),
        temp: Some(temps(codex_home)),
        http,
        tokens: Some(tokens),
        pool,
    }
}

/// A sandbox for each program, with a proxy of its own where it reaches some domains.
fn sandboxes(helper: &Path, own: PathBuf) -> MakeSandbox {
    let helper = helper.to_owned();
    Arc::new(move |domains: &[String]| {
        if domains.is_empty() {
            return Ok(Sandbox::new(helper.clone()).remembering(own.clone()));
        }
        let domains = Domains::new(domains).map_err(std::io::Error::other)?;
        let (sandbox, listeners) = Sandbox::with_listeners(helper.clone());
        tokio::spawn(Proxy::new(domains, Resolver::System).serve(listeners));
        Ok(sandbox.remembering(own.clone()))
    })
}

fn temps(codex_home: &Path) -> MakeTemp {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let codex_home = codex_home.to_owned();
    Arc::new(move || {
        // One that another server has too would go with that.
        let name = format!("mcp-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let temp = TempDirectory::create(&codex_home, &name).map_err(std::io::Error::other)?;
        Ok((temp.path().to_owned(), Box::new(temp)))
    })
}

/// The servers of the settings, and a sentence for each thing that could not be as they say.
pub(crate) fn specs(environment: &Environment, settings: &McpSettings) -> (Vec<ServerSpec>, Vec<String>) {
    let mut warnings = Vec::new();
    let mut specs = Vec::new();
    for (name, server) in &settings.servers {
        let mut warn = |what: String| {
            if server.enabled {
                warnings.push(format!("the server of tools `{name}` ({}): {what}", server.origin));
            }
        };
        specs.push(spec(environment, name, server, &mut warn));
    }
    (specs, warnings)
}

fn spec(environment: &Environment, name: &str, server: &McpServerSettings, warn: &mut dyn FnMut(String)) -> ServerSpec {
    let transport = match &server.transport {
        McpTransport::Stdio(program) => stdio(environment, program, warn),
        McpTransport::Http(address) => {
            Transport::Http { url: address.url.clone(), headers: headers(environment, address, warn) }
        }
    };
    let is_program = matches!(transport, Transport::Stdio { .. });
    ServerSpec {
        walls: if is_program { walls(&server.walls, warn) } else { Walls::default() },
        startup_timeout: server.startup_timeout,
        tool_timeout: server.tool_timeout,
        enabled: server.enabled,
        plugin: server.plugin.clone(),
        tools: ToolFilter {
            only: server.tools.only.as_ref().map(|only| only.iter().cloned().collect()),
            not: server.tools.not.iter().cloned().collect(),
        },
        ..ServerSpec::new(name, transport)
    }
}

fn stdio(environment: &Environment, program: &McpProgram, warn: &mut dyn FnMut(String)) -> Transport {
    let argv = std::iter::once(&program.command).chain(&program.args).map(OsString::from).collect();
    let mut env: BTreeMap<OsString, OsString> = BTreeMap::new();
    for name in &program.env_vars {
        match environment.get_named(name) {
            Some(value) => drop(env.insert(name.into(), value.into())),
            None => warn(format!("the variable `{name}` of its `env_vars` is not set")),
        }
    }
    env.extend(program.env.iter().map(|(name, value)| (name.into(), value.into())));
    Transport::Stdio { argv, env, cwd: program.cwd.clone() }
}

/// The headers of each request. What cannot be one is left out.
fn headers(environment: &Environment, address: &McpAddress, warn: &mut dyn FnMut(String)) -> BTreeMap<String, String> {
    let mut headers = address.headers.clone();
    let mut put = |header: &str, variable: &str, before: &str| match environment.get_named(variable).map(str::trim) {
        Some(value) if value.is_empty() || value.chars().any(|c| c.is_control()) => {
            warn(format!("the variable `{variable}` holds nothing that a header can carry"));
        }
        Some(value) => {
            headers.retain(|name, _| !name.eq_ignore_ascii_case(header));
            headers.insert(header.to_owned(), format!("{before}{value}"));
        }
        None => warn(format!("the variable `{variable}` is not set, so its header `{header}` is not sent")),
    };
    for (header, variable) in &address.env_headers {
        put(header, variable, "");
    }
    if let Some(variable) = &address.bearer_token_env_var {
        put("Authorization", variable, "Bearer ");
    }
    headers
}

fn walls(walls: &McpWalls, warn: &mut dyn FnMut(String)) -> Walls {
    if !walls.sandbox {
        return Walls::None;
    }
    let mut extra_roots = Vec::new();
    for root in &walls.writable_roots {
        match root.canonicalize() {
            Ok(real) if real.is_dir() => extra_roots.push(real),
            _ => warn(format!("`{}` of its `writable_roots` is no directory", root.display())),
        }
    }
    let network = match &walls.network {
        McpNetwork::Nothing => Reach::Nothing,
        McpNetwork::All => Reach::Everything,
        McpNetwork::Only(hosts) => match Domains::new(hosts) {
            Ok(_) => Reach::Domains(hosts.clone()),
            Err(error) => {
                warn(format!("`network`: {error}; it reaches nothing"));
                Reach::Nothing
            }
        },
    };
    Walls::Confined { extra_roots, network }
}

#[cfg(test)]
mod tests {
    use codex_config::LoadRequest;

    use super::*;

    /// The servers that a file and an environment come to.
    fn from(text: &str, variables: &[(&str, &str)]) -> (Vec<ServerSpec>, Vec<String>) {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("config.toml"), text).unwrap();
        let home = ("HOME", temp.path().to_str().unwrap());
        let environment = Environment::from_pairs(variables.iter().copied().chain([home]));
        let loaded = codex_config::load(&LoadRequest::new(&environment, temp.path(), temp.path())).unwrap();
        let (specs, warnings) = specs(&environment, &loaded.settings.mcp);
        let short = |warning: String| warning.split_once("): ").map_or(String::new(), |(_, rest)| rest.to_owned());
        (specs, warnings.into_iter().map(short).collect())
    }

    #[test]
    fn variables_become_what_they_hold_and_what_is_missing_is_said() {
        let text = r#"
            [mcp_servers.a]
            command = "x"
            args = ["y"]
            env = { A = "1" }
            env_vars = ["A", "B", "C"]
            writable_roots = ["/", "/nowhere/at/all"]
            network = ["docs.rs"]
            disabled_tools = ["t"]
            [mcp_servers.b]
            url = "http://h/mcp/"
            bearer_token_env_var = "B"
            http_headers = { authorization = "old", X = "1" }
            env_http_headers = { Y = "D", Z = "E" }
            [mcp_servers.c]
            command = "x"
            sandbox = false
            enabled = false
            env_vars = ["C"]
        "#;
        let (specs, warnings) = from(text, &[("A", "0"), ("B", "2"), ("D", "a\nb")]);
        let Transport::Stdio { argv, env, cwd: None } = &specs[0].transport else { panic!("{specs:?}") };
        assert_eq!(argv[..], ["x", "y"]);
        assert_eq!(
            env.iter().map(|(name, value)| format!("{name:?}={value:?}")).collect::<Vec<_>>(),
            ["\"A\"=\"1\"", "\"B\"=\"2\""]
        );
        let network = Reach::Domains(vec!["docs.rs".into()]);
        assert_eq!(specs[0].walls, Walls::Confined { extra_roots: vec!["/".into()], network });
        assert!(specs[0].tools.passes("s") && !specs[0].tools.passes("t"));
        let Transport::Http { url, headers } = &specs[1].transport else { panic!("{specs:?}") };
        assert_eq!(url, "http://h/mcp/");
        assert_eq!(format!("{headers:?}"), r#"{"Authorization": "Bearer 2", "X": "1"}"#);
        assert_eq!((&specs[2].walls, specs[2].enabled), (&Walls::None, false));
        assert_eq!(
            warnings,
            [
                "the variable `C` of its `env_vars` is not set",
                "`/nowhere/at/all` of its `writable_roots` is no directory",
                "the variable `D` holds nothing that a header can carry",
                "the variable `E` is not set, so its header `Z` is not sent",
            ]
        );
    }
}
