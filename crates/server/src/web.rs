//! What the model may see of the web: the settings become tools, or an error that says what to set.
//!
//! It must never offer a tool that nobody switched on, nor hand a key to another server than its own.

use std::sync::Arc;

use codex_config::{Origins, SearchBackend, SearchMode, SearchProvider, Settings, WireApi, closed_addresses};
use codex_model::{Model, SearchingOtherwise};
use codex_net::{
    HttpClients, Proxies, Servers, Web, WebHosts,
    proxy::{Domains, Resolver},
};
use codex_protocol::RpcError;
use codex_tools::{Backend, BackendKind, Searcher, Tool};
use url::Url;

use crate::{Server, build::configuration};

/// In `search.allow_domains`: every host.
const ALL: &str = "*";

/// All tools of a thread, those that look at the web among them if they are on; sorted by name.
///
/// # Errors
/// The web is to be searched and nothing can, or a list of hosts holds what is none.
pub(crate) fn tools(
    server: &Server,
    settings: &Settings,
    origins: &Origins,
    warnings: &mut Vec<String>,
) -> Result<Vec<Arc<dyn Tool>>, RpcError> {
    let mut tools = codex_tools::all();
    if settings.search.mode == SearchMode::Off {
        return Ok(tools);
    }
    let searcher = match searcher(server, settings)? {
        Some(searcher) => Some(searcher),
        None if settings.search.is_required => return Err(nobody(settings, origins)),
        None => {
            warnings.push(format!("the web is not searched: {}", what_to_set(settings)));
            return Ok(tools);
        }
    };
    // What is kept by a search engine is all that may be looked at.
    let pages = match settings.search.mode {
        SearchMode::Live => Some(pages(settings, origins, server.http.proxies())?),
        SearchMode::Cached | SearchMode::Off => None,
    };
    tools.extend(codex_tools::web(searcher, pages, clients(server, settings)));
    tools.sort_by(|one, other| one.name().cmp(other.name()));
    Ok(tools)
}

/// Who searches; `None` if nobody can.
fn searcher(server: &Server, settings: &Settings) -> Result<Option<Searcher>, RpcError> {
    if is_native(settings) {
        // A model that takes over may need it; what it lacks is no matter as long as none does.
        let otherwise = if settings.model_fallback.is_empty() { None } else { backend(server, settings)? };
        return Ok(Some(Searcher::Vendor { live: settings.search.mode == SearchMode::Live, otherwise }));
    }
    Ok(backend(server, settings)?.map(Searcher::Backend))
}

/// The search engine that this program asks; `None` if there is none.
fn backend(server: &Server, settings: &Settings) -> Result<Option<Backend>, RpcError> {
    let Some(backend) = &settings.search.backend else { return Ok(None) };
    if settings.oss && !backend.open {
        return Err(configuration(&format!(
            "`oss` lets nothing go to the search engine `{}`: set `search.open = true` if it is one that you want asked, or \
             leave out `search`",
            backend.provider.name()
        )));
    }
    let SearchBackend { provider, base_url, api_key_env, max_results, .. } = backend.clone();
    let key = api_key_env.as_deref().and_then(|name| server.environment.get_named(name)).map(str::trim);
    let api_key = key.filter(|key| !key.is_empty()).map(str::to_owned);
    let kind = match provider {
        SearchProvider::Searxng => BackendKind::Searxng,
        SearchProvider::Brave => BackendKind::Brave,
        SearchProvider::Tavily => BackendKind::Tavily,
    };
    if let (None, Some(variable)) = (&api_key, &api_key_env) {
        return Err(configuration(&format!(
            "the search engine `{}` needs an API key, and `{variable}` holds none: export {variable}=…, or leave out \
             `search`",
            provider.name()
        )));
    }
    Ok(Some(Backend { kind, base_url, api_key, key_variable: api_key_env, max_results }))
}

/// What asks the search engine: with `oss`, it reaches nothing else.
fn clients(server: &Server, settings: &Settings) -> Arc<HttpClients> {
    if !settings.oss {
        return Arc::clone(&server.http);
    }
    let url = settings.search.backend.as_ref().and_then(|backend| Url::parse(&backend.base_url).ok());
    Arc::new(server.http.only(url.iter().collect::<Servers>()))
}

/// `model`, which `other` selects, in the place of the one that `chosen` selects and whose tools it is offered: where its
/// vendor searches nothing, it is not told to.
pub(crate) fn in_place(chosen: &Settings, other: &Settings, model: Arc<dyn Model>) -> Arc<dyn Model> {
    if chosen.search.mode == SearchMode::Off || !is_native(chosen) || is_native(other) {
        return model;
    }
    let instead = chosen.search.backend.as_ref().map(|_| codex_tools::search_spec());
    Arc::new(SearchingOtherwise::new(model, instead))
}

/// Whether the vendor of the model searches itself.
pub(crate) fn is_native(settings: &Settings) -> bool {
    let Some(provider) = settings.model_providers.get(&settings.model_provider) else { return false };
    let base_url = provider.base_url.as_deref().unwrap_or_default();
    match provider.wire_api {
        WireApi::Responses | WireApi::Anthropic => {
            provider.web_search.unwrap_or_else(|| codex_model::searches_the_web(base_url))
        }
        WireApi::Chat => false,
    }
}

fn nobody(settings: &Settings, origins: &Origins) -> RpcError {
    configuration(&format!("{}: nothing can search the web: {}", origins.get("search.enabled"), what_to_set(settings)))
}

fn what_to_set(settings: &Settings) -> String {
    format!(
        "the provider `{}` does not do so itself, and there is no search engine. Set `search.provider` to `searxng` (with \
         `search.base_url`), `brave` or `tavily` (each with its key)",
        settings.model_provider
    )
}

fn pages(settings: &Settings, origins: &Origins, proxies: &Proxies) -> Result<Web, RpcError> {
    let search = &settings.search;
    let read = |name: &str, entries: &[String]| {
        Domains::new(entries).map_err(|error| {
            configuration(&format!("{}: search.{name}: {error}", origins.get(&format!("search.{name}"))))
        })
    };
    let allowed: Vec<String> = search.allow_domains.iter().filter(|entry| *entry != ALL).cloned().collect();
    let hosts = WebHosts {
        allow_all: allowed.len() < search.allow_domains.len(),
        allow: read("allow_domains", &allowed)?,
        deny: read("deny_domains", &search.deny_domains)?,
        private: read("private_hosts", &search.private_hosts)?,
        closed: if settings.oss { closed(settings)? } else { Domains::default() },
    };
    let agent = format!("codex/{}", env!("CARGO_PKG_VERSION"));
    Ok(Web::new(hosts, Resolver::System, &agent).through(proxies.clone()))
}

/// The servers of models that are not open, of which `oss` asks nothing.
fn closed(settings: &Settings) -> Result<Domains, RpcError> {
    let configured = settings.model_providers.values().filter(|provider| !provider.open_weights);
    let configured = configured.filter_map(|provider| provider.base_url.clone());
    let host = |address: String| {
        let url = Url::parse(&address).ok()?;
        Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
    };
    // The usual address of one whose address was changed is no less its own.
    let hosts: Vec<String> = configured.chain(closed_addresses()).filter_map(host).collect();
    Domains::new(&hosts).map_err(|error| configuration(&format!("`base_url` of a provider: {error}")))
}
