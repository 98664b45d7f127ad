//! With `oss`: which server of open-weight models is asked, and for which of its models.
//!
//! The rule: what is named counts; else what the configuration names, if it is there; else the first server that answers,
//! in the order of [`ORDER`], and of its models [`LocalServer::preferred`]. Nothing is asked of a server that is not marked
//! `open_weights = true`, and what is built here reaches no other.

use std::sync::Arc;

use codex_config::{Environment, Origin, Origins, ProviderSettings, Settings, variables};
use codex_model::{Calling, HttpConfig, LocalModel, LocalServer, ServerKind, Window};
use codex_net::{HttpClients, Servers};
use codex_protocol::RpcError;
use futures_util::future::join_all;
use url::Url;

use crate::build::{configuration, http_config};

/// The built-in providers in the order in which they are preferred, and the command that starts each.
const ORDER: [(&str, &str); 4] = [
    ("ollama", "ollama serve"),
    ("lmstudio", "lms server start"),
    ("llamacpp", "llama-server -m MODEL.gguf --jinja"),
    ("vllm", "vllm serve MODEL"),
];

const OLLAMA: &str = "ollama";
/// Where Ollama listens unless told otherwise.
const OLLAMA_PORT: u16 = 11434;

/// A model of no more tokens is told what it must know in few words, and offered few tools.
const SMALL_WINDOW: u64 = 16_384;
/// What a task needs, about, in tokens.
const COMFORTABLE_WINDOW: u64 = 32_768;

/// What is known of the model that is asked.
#[derive(Debug)]
pub(crate) struct Open {
    /// They reach its server and those of other such providers, and nothing else.
    pub(crate) clients: Arc<HttpClients>,
    /// Name of the provider, and id of the model.
    chosen: (String, String),
    /// How it calls tools, and how if its server refuses that.
    pub(crate) calling: (Calling, Calling),
    /// What the user should know.
    pub(crate) warnings: Vec<String>,
}

/// Whether a model with so many tokens of context has little room.
pub(crate) fn is_small(settings: &Settings, window: Option<u64>) -> bool {
    settings.oss && window.is_some_and(|window| window <= SMALL_WINDOW)
}

impl Open {
    /// Where nothing will be asked: no server can be reached.
    pub(crate) fn unasked(http: &HttpClients) -> Self {
        let clients = Arc::new(http.only(Servers::default()));
        Self { clients, chosen: Default::default(), calling: ServerKind::Other.calling(None), warnings: Vec::new() }
    }

    /// Whether it is the model that `settings` select, and not one that takes over from it.
    pub(crate) fn is_of(&self, settings: &Settings) -> bool {
        self.chosen == (settings.model_provider.clone(), settings.model.clone())
    }
}

/// A provider that may be asked.
struct Candidate {
    name: String,
    config: HttpConfig,
}

/// What the user wants.
struct Wish<'a> {
    provider: Option<&'a str>,
    model: Option<&'a str>,
    /// Whether it is this model or none.
    insists: bool,
}

/// Finds the server and the model, and sets `settings` to them.
///
/// # Errors
/// None answers, what is named is not there, or it is not marked as open.
pub(crate) async fn choose(
    environment: &Environment,
    http: &HttpClients,
    settings: &mut Settings,
    origins: &Origins,
) -> Result<Open, RpcError> {
    *settings = settings.clone().with_built_in();
    lead_to_ollama(environment, settings, origins);
    let wish = wish(settings, origins)?;
    let candidates = candidates(environment, settings, wish.provider)?;
    let asked = candidates.iter().map(|it| it.config.base_url.as_str());
    let urls = asked.chain(others(settings)).filter_map(|url| Url::parse(url).ok());
    let clients = Arc::new(http.only(urls.collect::<Vec<Url>>().iter().collect::<Servers>()));
    let look = async |candidate: &Candidate| {
        LocalServer::find(&candidate.config, ServerKind::named(&candidate.name), &clients).await
    };
    let found = join_all(candidates.iter().map(look)).await;
    let (at, mut server) = pick(&candidates, &found, &wish).map_err(|why| configuration(&why))?;
    let candidate = &candidates[at];
    let named = wish.model.filter(|model| server.models.iter().any(|it| it.is(model)));
    server.look_closer(&candidate.config, named, &clients).await;
    let model = chosen(&candidate.name, &server, named, &wish).map_err(|why| configuration(&why))?;
    let mut warnings = warnings(server.kind, &model);
    warnings.extend(keep_open(environment, settings, &clients).await?);
    let chosen = (candidate.name.clone(), model.id.clone());
    (settings.model_provider, settings.model) = chosen.clone();
    settings.model_context_window = match (settings.model_context_window, model.window) {
        // What the server says outranks what the user says, who may make it smaller; what is assumed does not.
        (Some(said), Some(Window { tokens, is_assumed: false, .. })) => Some(said.min(tokens)),
        (said, window) => said.or(window.map(|window| window.tokens)),
    };
    Ok(Open { clients, chosen, calling: server.kind.calling(model.takes_tools), warnings })
}

/// Where `OLLAMA_HOST` says that Ollama is, unless the configuration says it.
pub(crate) fn lead_to_ollama(environment: &Environment, settings: &mut Settings, origins: &Origins) {
    let said = environment.get(variables::OLLAMA_HOST).and_then(ollama_url);
    let is_configured = *origins.get("model_providers.ollama.base_url") != Origin::Default;
    if let (Some(url), Some(ollama), false) = (said, settings.model_providers.get_mut(OLLAMA), is_configured) {
        ollama.base_url = Some(url);
    }
}

/// The address of the API behind what `OLLAMA_HOST` holds: a host, a port, or a URL. It is also where Ollama listens, which
/// may be all addresses of this machine.
fn ollama_url(text: &str) -> Option<String> {
    let text = text.trim();
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let with_scheme = with_scheme.trim_end_matches('/');
    let has_port = with_scheme
        .rsplit_once("://")?
        .1
        .split('/')
        .next()?
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let mut url = Url::parse(with_scheme).ok()?;
    if !has_port && url.scheme() == "http" {
        url.set_port(Some(OLLAMA_PORT)).ok()?;
    }
    if matches!(url.host_str()?, "0.0.0.0" | "[::]") {
        url.set_host(Some("127.0.0.1")).ok()?;
    }
    Some(format!("{}/v1", url.as_str().trim_end_matches('/')))
}

/// What the settings name. Files may name what is not open: `oss` outranks them, but not what is typed.
fn wish<'a>(settings: &'a Settings, origins: &Origins) -> Result<Wish<'a>, RpcError> {
    let is_typed = |key: &str| matches!(origins.get(key), Origin::Override(_) | Origin::Environment(_));
    let is_set = |key: &str| *origins.get(key) != Origin::Default;
    let is_open = |name: &str| settings.model_providers.get(name).is_some_and(|provider| provider.open_weights);
    let selected = settings.model_provider.as_str();
    if is_typed("model_provider") && !is_open(selected) {
        return Err(not_open(settings, selected));
    }
    if let Some(name) = settings.oss_provider.as_deref().filter(|name| !is_open(name)) {
        return Err(not_open(settings, name));
    }
    let own = Some(selected).filter(|name| is_set("model_provider") && is_open(name));
    let provider = own.filter(|_| is_typed("model_provider")).or(settings.oss_provider.as_deref()).or(own);
    // A model of a provider that is not asked says nothing.
    let of_other = is_set("model_provider") && own.is_none() && !is_typed("model");
    let model = Some(settings.model.as_str()).filter(|model| is_set("model") && !of_other && !model.is_empty());
    Ok(Wish { provider, model, insists: is_typed("model") })
}

/// Why `name` is not asked.
pub(crate) fn not_open(settings: &Settings, name: &str) -> RpcError {
    let open: Vec<&str> = ordered(settings).map(|(name, _)| name).collect();
    let what = if settings.model_providers.contains_key(name) {
        "is not marked `open_weights = true`"
    } else {
        "does not exist"
    };
    configuration(&format!(
        "oss: the provider `{name}` {what}, so nothing is sent to it: name one that is open ({}), or go without `oss`",
        open.join(", ")
    ))
}

/// The servers of all open providers.
pub(crate) fn servers(settings: &Settings) -> Servers {
    let urls = ordered(settings).filter_map(|(_, provider)| Url::parse(provider.base_url.as_deref()?).ok());
    urls.collect::<Vec<_>>().iter().collect()
}

/// The open providers, the preferred first.
fn ordered(settings: &Settings) -> impl Iterator<Item = (&str, &ProviderSettings)> {
    let rank = |name: &str| ORDER.iter().position(|(known, _)| *known == name).unwrap_or(ORDER.len());
    let open = settings.model_providers.iter().filter(|(_, provider)| provider.open_weights);
    let mut open: Vec<_> = open.map(|(name, provider)| (name.as_str(), provider)).collect();
    open.sort_by_key(|(name, _)| rank(name));
    open.into_iter()
}

/// Those that are asked for their models: the one that is named, or all.
fn candidates(environment: &Environment, settings: &Settings, only: Option<&str>) -> Result<Vec<Candidate>, RpcError> {
    let meant = ordered(settings).filter(|(name, _)| only.is_none_or(|only| only == *name));
    let candidate = |(name, provider): (&str, &ProviderSettings)| {
        // The key is looked up for the provider that is selected.
        let selected = Settings { model_provider: name.to_owned(), ..settings.clone() };
        Ok(Candidate { name: name.to_owned(), config: http_config(environment, &selected, provider, only.is_some())? })
    };
    meant.filter(|(_, provider)| provider.base_url.is_some()).map(candidate).collect()
}

/// The addresses of the open providers that may take over from the one that is asked.
fn others(settings: &Settings) -> impl Iterator<Item = &str> {
    let names = settings.model_fallback.iter().filter_map(|name| name.split_once('/'));
    let open =
        names.filter_map(|(name, _)| settings.model_providers.get(name)).filter(|provider| provider.open_weights);
    open.filter_map(|provider| provider.base_url.as_deref())
}

/// Leaves out of `model_fallback` whose server does not say where it runs, and says so.
///
/// # Errors
/// One runs elsewhere.
async fn keep_open(
    environment: &Environment,
    settings: &mut Settings,
    clients: &HttpClients,
) -> Result<Vec<String>, RpcError> {
    let mut warnings = Vec::new();
    for name in std::mem::take(&mut settings.model_fallback) {
        let asked =
            name.split_once('/').map(|(provider, model)| (candidates(environment, settings, Some(provider)), model));
        let (candidate, model) = match asked {
            Some((candidates, model)) => (candidates?.pop(), model),
            None => (None, ""),
        };
        // What is wrong with the others is told where they are built.
        if let Some(Candidate { name: provider, config }) = candidate {
            let mut found = LocalServer::find(&config, ServerKind::named(&provider), clients).await;
            if let Ok(server) = &mut found {
                server.look_closer(&config, Some(model), clients).await;
            }
            // One that is not in its list may run anywhere.
            let listed = found.and_then(|server| {
                server.models.into_iter().find(|it| it.is(model)).ok_or_else(|| "it has no such model".to_owned())
            });
            match listed {
                Ok(LocalModel { id, runs_at: Some(host), .. }) => {
                    return Err(configuration(&runs_elsewhere(&provider, &id, &host)));
                }
                Ok(LocalModel { window, .. }) => {
                    let own = &mut settings.models.entry(name.clone()).or_default().context_window;
                    *own = own.or(window.map(|window| window.tokens));
                }
                Err(why) => {
                    warnings.push(format!("model_fallback: `{name}` is left out: {}: {why}", config.base_url));
                    continue;
                }
            }
        }
        settings.model_fallback.push(name);
    }
    Ok(warnings)
}

fn runs_elsewhere(provider: &str, id: &str, host: &str) -> String {
    format!("oss: `{id}` of {provider} runs at {host}, and not on your machine: nothing is sent to it")
}

/// The place of the server to ask in the list, and what it says.
fn pick(
    candidates: &[Candidate],
    found: &[Result<LocalServer, String>],
    wish: &Wish<'_>,
) -> Result<(usize, LocalServer), String> {
    let servers = || found.iter().enumerate().filter_map(|(at, found)| Some((at, found.as_ref().ok()?)));
    let has = |server: &LocalServer| wish.model.is_some_and(|model| server.models.iter().any(|it| it.is(model)));
    let named = servers().find(|(_, server)| has(server));
    let any = || servers().find(|(_, server)| server.preferred().is_some());
    match (named, wish) {
        (Some((at, server)), _) => Ok((at, server.clone())),
        (None, Wish { model: Some(model), insists: true, .. }) => Err(no_such_model(candidates, found, model)),
        _ => any().map(|(at, server)| (at, server.clone())).ok_or_else(|| nothing_found(candidates, found)),
    }
}

fn no_such_model(candidates: &[Candidate], found: &[Result<LocalServer, String>], model: &str) -> String {
    if found.iter().all(Result::is_err) {
        return nothing_found(candidates, found);
    }
    let mut text = format!("oss: no server has the model `{model}`");
    for (candidate, found) in candidates.iter().zip(found) {
        if let Ok(server) = found {
            let ids: Vec<&str> = server.models.iter().map(|model| model.id.as_str()).collect();
            let ids = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
            text.push_str(&format!("\n  {}: {ids}", candidate.name));
        }
    }
    let has_ollama = candidates.iter().zip(found).any(|(it, found)| it.name == OLLAMA && found.is_ok());
    text + &if has_ollama { format!("\n`ollama pull {model}` gets it") } else { String::new() }
}

/// Which servers were asked and what came of it, and the one command that would start one.
fn nothing_found(candidates: &[Candidate], found: &[Result<LocalServer, String>]) -> String {
    let mut text = "oss: no server of open-weight models is there. Asked:".to_owned();
    for (candidate, found) in candidates.iter().zip(found) {
        let why = match found {
            Ok(_) => "has no model",
            Err(why) => why,
        };
        text.push_str(&format!("\n  {}  {}  {why}", candidate.name, candidate.config.base_url));
    }
    let is_empty =
        |(candidate, found): (&Candidate, &Result<LocalServer, String>)| candidate.name == OLLAMA && found.is_ok();
    let start = ORDER.iter().find(|(name, _)| candidates.iter().any(|candidate| candidate.name == *name));
    let next = if candidates.iter().zip(found).any(is_empty) {
        "`ollama pull qwen3:8b` gets a model".to_owned()
    } else if let Some((_, command)) = start {
        format!("`{command}` starts one")
    } else {
        "see that it runs, and that its `base_url` is right".to_owned()
    };
    format!("{text}\n{next}")
}

/// The model to ask for.
fn chosen(name: &str, server: &LocalServer, named: Option<&str>, wish: &Wish<'_>) -> Result<LocalModel, String> {
    let model = match named {
        Some(named) => server.models.iter().find(|model| model.is(named)),
        None => server.preferred(),
    };
    match model {
        Some(LocalModel { id, runs_at: Some(host), .. }) => Err(runs_elsewhere(name, id, host)),
        Some(model) => Ok(model.clone()),
        None => Err(format!(
            "oss: {name} has no model that answers{}",
            wish.model.map(|model| format!(" ({model})")).unwrap_or_default()
        )),
    }
}

/// What the user should know of the model's room.
fn warnings(kind: ServerKind, model: &LocalModel) -> Vec<String> {
    let Some(Window { tokens, is_assumed, most }) = model.window else { return Vec::new() };
    let id = &model.id;
    let wanted = most.unwrap_or(COMFORTABLE_WINDOW).min(COMFORTABLE_WINDOW);
    let unless = if is_assumed { " unless told otherwise" } else { "" };
    let more = most.filter(|most| *most > tokens);
    let more = more.map(|most| format!(", of {most} that it was made for")).unwrap_or_default();
    let command = match kind {
        ServerKind::Ollama => Some(("Ollama", format!("OLLAMA_CONTEXT_LENGTH={wanted} ollama serve"))),
        ServerKind::LmStudio => Some(("LM Studio", format!("lms load {id} --context-length {wanted}"))),
        _ => None,
    };
    match command {
        Some((server, command)) if tokens < wanted => vec![format!(
            "{server} gives `{id}` {tokens} tokens of context{unless}{more}; what is longer is cut without a word. For more: \
             `{command}`"
        )],
        _ if tokens <= SMALL_WINDOW => {
            vec![format!(
                "`{id}` has {tokens} tokens of context{more}: it is offered few tools, and long files do not fit"
            )]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[path = "oss_tests.rs"]
mod tests;
