//! The way out: for requests the proxies that variables name, for commands a sandbox and, if the settings name domains,
//! the proxy that serves it.
//!
//! The latter lives as long as the sandbox. It must never be given more than what the settings name.

use std::path::{Path, PathBuf};

use codex_config::{
    Environment, Origins, Settings,
    variables::{self, Variable},
};
use codex_net::{
    HttpClients, Proxies,
    proxy::{Domains, Proxy, Resolver},
};
use codex_protocol::RpcError;
use codex_sandbox::Sandbox;

use crate::build::configuration;

/// Variables by which programs are told of a proxy.
const PROXIES: [Variable; 6] = [
    variables::HTTPS_PROXY,
    variables::HTTPS_PROXY_LOWER,
    variables::HTTP_PROXY,
    variables::HTTP_PROXY_LOWER,
    variables::ALL_PROXY,
    variables::ALL_PROXY_LOWER,
];

/// Clients for requests of this program's own.
pub(crate) fn clients(environment: &Environment) -> HttpClients {
    let first = |names: &[Variable]| {
        let set = names.iter().find_map(|name| Some((name.name(), environment.get(*name)?.trim().to_owned())));
        set.filter(|(_, value)| !value.is_empty())
    };
    use variables as v;
    let all = [v::ALL_PROXY_LOWER, v::ALL_PROXY];
    HttpClients::through(Proxies {
        http: first(&[v::HTTP_PROXY_LOWER, v::HTTP_PROXY, all[0], all[1]]),
        https: first(&[v::HTTPS_PROXY_LOWER, v::HTTPS_PROXY, all[0], all[1]]),
        except: first(&[v::NO_PROXY_LOWER, v::NO_PROXY]).map(|(_, hosts)| hosts),
    })
}

/// The sandbox of a session. `own` is as for [`Sandbox::remembering`]. Must be called in a tokio runtime.
///
/// # Errors
/// An entry of `sandbox.allow_domains` that names no domain. Checked where there are no walls too: the same settings
/// are in order under every level.
pub(crate) fn sandbox(
    helper: &Path,
    own: PathBuf,
    settings: &Settings,
    origins: &Origins,
) -> Result<Sandbox, RpcError> {
    let entries = &settings.sandbox_details.allow_domains;
    let domains = Domains::new(entries).map_err(|error| {
        let number = entries.iter().position(|entry| *entry == error.entry).unwrap_or_default();
        let origin = origins.get(&format!("sandbox.allow_domains[{number}]"));
        configuration(&format!("{origin}: sandbox.allow_domains: {error}"))
    })?;
    if entries.is_empty() {
        return Ok(Sandbox::new(helper.to_owned()).remembering(own));
    }
    let (sandbox, listeners) = Sandbox::with_listeners(helper.to_owned());
    tokio::spawn(Proxy::new(domains, Resolver::System).serve(listeners));
    Ok(sandbox.remembering(own))
}

/// What the user should know who has a proxy already: ours does not go through it, since it could not check where a
/// name leads.
pub(crate) fn unused_proxy(environment: &Environment, settings: &Settings) -> Option<String> {
    if settings.sandbox_details.allow_domains.is_empty() || settings.sandbox_workspace_write.network_access {
        return None;
    }
    let set = PROXIES.iter().find(|variable| environment.get_os(**variable).is_some())?.name();
    Some(format!("commands reach the domains of sandbox.allow_domains directly, not through the proxy of {set}"))
}
