//! Providers of models as they are configured, and where the key of the selected one is found.
//!
//! A key belongs to one provider: it is never offered to another because that one has none.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::built_in;
use crate::credentials::{Keeper, keeper, kept};
use crate::hide::has_secret_url;
use crate::keys::{KEYS, find};
use crate::origin::dotted;
use crate::{ConfigError, Environment, Loaded, Settings, variables};

/// Name of the provider unless the settings name another.
pub const OPENAI: &str = "openai";
/// Headers that carry keys.
const KEY_HEADERS: [&str; 3] = ["authorization", "x-api-key", "api-key"];
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a server may be silent.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// How often what failed is asked again.
const RETRIES: u32 = 5;

/// The language of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WireApi {
    /// OpenAI's Responses over server-sent events.
    #[default]
    Responses,
    /// Chat Completions over server-sent events, as most servers speak it.
    #[serde(alias = "chat_completions")]
    Chat,
    /// Anthropic's Messages over server-sent events.
    Anthropic,
}

/// One provider.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderSettings {
    /// Name for people; the key of its table if it has no other.
    pub name: String,
    /// Address that request paths are appended to, without a slash at its end.
    pub base_url: Option<String>,
    /// Environment variable that holds the API key. `None`: the provider takes none.
    pub env_key: Option<String>,
    /// How to get an API key, to show when there is none.
    pub env_key_instructions: Option<String>,
    /// Language of the server.
    pub wire_api: WireApi,
    /// Headers of each request. Values may be secrets.
    pub http_headers: BTreeMap<String, String>,
    /// Headers of each request: name of the header to name of the environment variable that holds its value.
    pub env_http_headers: BTreeMap<String, String>,
    /// Parameters appended to the address. Values may be secrets.
    pub query_params: BTreeMap<String, String>,
    /// Header that carries the API key; `None`: the usual one of the language.
    pub key_header: Option<String>,
    /// Whether all its models have open weights.
    pub open_weights: bool,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// How often a request is repeated that is not answered.
    pub request_max_retries: u32,
    /// How often an answer is asked for again that broke off.
    pub stream_max_retries: u32,
    /// Whether the server takes tools with a grammar; `None`: to be found out.
    pub grammars: Option<bool>,
    /// Whether the server searches the web for its models; `None`: where that is known.
    pub web_search: Option<bool>,
    /// How it differs from other servers of Chat Completions: the names of [`QUIRKS`](crate::keys::QUIRKS), and whether each
    /// holds; of what is not here, the usual does.
    pub quirks: BTreeMap<String, bool>,
}

/// How long a server may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To be connected to, TLS included.
    pub connect: Duration,
    /// For an answer to begin.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
}

/// Values of headers and parameters may be secrets: only their names are shown; so may be parts of an address.
impl fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSettings")
            .field("name", &self.name)
            .field("base_url", &self.base_url.as_deref().map(|url| if has_secret_url(url) { "…" } else { url }))
            .field("env_key", &self.env_key)
            .field("wire_api", &self.wire_api)
            .field("http_headers", &self.http_headers.keys())
            .field("env_http_headers", &self.env_http_headers)
            .field("query_params", &self.query_params.keys())
            .field("key_header", &self.key_header)
            .field("open_weights", &self.open_weights)
            .field("timeouts", &self.timeouts)
            .field("request_max_retries", &self.request_max_retries)
            .field("stream_max_retries", &self.stream_max_retries)
            .field("grammars", &self.grammars)
            .finish_non_exhaustive()
    }
}

/// A table of `[model_providers]` as it is written: values were checked, but nothing is filled in.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawProvider {
    name: Option<String>,
    base_url: Option<String>,
    env_key: Option<String>,
    env_key_instructions: Option<String>,
    #[serde(default)]
    pub(crate) wire_api: WireApi,
    #[serde(default)]
    http_headers: BTreeMap<String, String>,
    #[serde(default)]
    env_http_headers: BTreeMap<String, String>,
    #[serde(default)]
    query_params: BTreeMap<String, String>,
    key_header: Option<String>,
    #[serde(default)]
    open_weights: bool,
    connect_timeout_ms: Option<u64>,
    first_byte_timeout_ms: Option<u64>,
    stream_idle_timeout_ms: Option<u64>,
    request_max_retries: Option<u32>,
    stream_max_retries: Option<u32>,
    grammars: Option<bool>,
    web_search: Option<bool>,
    #[serde(default)]
    quirks: BTreeMap<String, bool>,
}

impl RawProvider {
    /// The built-in provider, less what its own table says: that one outranks the top-level keys.
    pub(crate) fn into_openai(mut self, base_url: String, env_key: String) -> Self {
        self.name.get_or_insert_with(|| "OpenAI".into());
        self.base_url.get_or_insert(base_url);
        self.env_key.get_or_insert(env_key);
        self.env_key_instructions.get_or_insert_with(|| "keys are made at https://platform.openai.com/api-keys".into());
        self
    }

    /// The variables that hold its key and values of its headers.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &String> {
        self.env_key.iter().chain(self.env_http_headers.values())
    }

    /// How to get what it needs, for people.
    pub(crate) fn instructions(&self) -> Option<String> {
        self.env_key_instructions.clone()
    }

    /// What is said of its quirks.
    pub(crate) fn into_quirks(self) -> BTreeMap<String, bool> {
        self.quirks
    }

    /// All its quirks: what its own table says, over what is known of its server.
    fn all_quirks(&self, id: &str) -> BTreeMap<String, bool> {
        if self.wire_api != WireApi::Chat {
            return BTreeMap::new();
        }
        let mut quirks = built_in::quirks(id, self.base_url.as_deref().unwrap_or_default());
        if self.open_weights {
            quirks.entry("parallel_tool_calls".into()).or_insert(true);
        }
        quirks.extend(self.quirks.clone());
        quirks
    }

    /// Whether a header that carries a key is configured.
    fn brings_its_key(&self) -> bool {
        let names = self.http_headers.keys().chain(self.env_http_headers.keys());
        let own = self.key_header.as_deref();
        names.into_iter().any(|name| KEY_HEADERS.iter().copied().chain(own).any(|it| name.eq_ignore_ascii_case(it)))
    }

    /// With everything filled in. A variable for the key that nobody configured, `is_built_in`, counts only where no header
    /// brings one.
    pub(crate) fn resolve(self, id: &str, is_built_in: bool) -> ProviderSettings {
        let env_key = self.env_key.clone().filter(|_| !(is_built_in && id != OPENAI && self.brings_its_key()));
        let time = |limit: Option<u64>, usual| limit.map_or(usual, Duration::from_millis);
        let idle = time(self.stream_idle_timeout_ms, IDLE_TIMEOUT);
        let stream_max_retries = self.stream_max_retries.unwrap_or(RETRIES);
        let quirks = self.all_quirks(id);
        ProviderSettings {
            name: self.name.unwrap_or_else(|| id.into()),
            base_url: self.base_url,
            env_key,
            env_key_instructions: self.env_key_instructions,
            wire_api: self.wire_api,
            http_headers: self.http_headers,
            env_http_headers: self.env_http_headers,
            query_params: self.query_params,
            key_header: self.key_header,
            open_weights: self.open_weights,
            timeouts: Timeouts {
                connect: time(self.connect_timeout_ms, CONNECT_TIMEOUT),
                first_byte: time(self.first_byte_timeout_ms, idle),
                idle,
            },
            request_max_retries: self.request_max_retries.unwrap_or(stream_max_retries),
            stream_max_retries,
            grammars: self.grammars,
            web_search: self.web_search,
            quirks,
        }
    }
}

impl Settings {
    /// With all built-in providers among the others.
    #[must_use]
    pub fn with_built_in(mut self) -> Self {
        for (id, provider) in built_in::all() {
            self.model_providers.entry(id).or_insert_with_key(|id| provider.resolve(id, true));
        }
        self
    }
}

/// The usual addresses of vendors whose models are not open, whatever the settings say of them.
pub fn closed_addresses() -> Vec<String> {
    let openai = find(KEYS, "openai_base_url").map(|key| key.default.trim_matches('"').to_owned());
    let built_in = built_in::all().into_iter().map(|(id, provider)| provider.resolve(&id, true));
    let others = built_in.filter(|provider| !provider.open_weights).filter_map(|provider| provider.base_url);
    openai.into_iter().chain(others).collect()
}

/// Where the key of a provider comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The provider takes none.
    NotNeeded,
    /// It takes one, and there is none.
    Missing,
    /// An environment variable.
    Variable(String),
    /// `credentials.toml`, where `codex login` keeps it.
    File,
    /// The keyring of the system.
    Keyring,
}

impl KeySource {
    /// In one word, for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotNeeded => "none",
            Self::Missing => "missing",
            Self::Variable(_) => "variable",
            Self::File => "file",
            Self::Keyring => "keyring",
        }
    }
}

impl From<Keeper> for KeySource {
    fn from(keeper: Keeper) -> Self {
        match keeper {
            Keeper::File => Self::File,
            Keeper::Keyring => Self::Keyring,
        }
    }
}

/// The API key of the selected provider.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The key; `None` if there is none, or the provider takes none.
    pub value: Option<String>,
    /// The variable that holds it, or should; empty if none is configured, or another place holds it.
    pub variable: String,
    /// Where it comes from.
    pub source: KeySource,
}

/// The value is a secret.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey(${}, {})", self.variable, if self.value.is_some() { "set" } else { "not set" })
    }
}

/// Looks up the key of the selected provider: in its variable (for `openai`, `CODEX_API_KEY` first), then in what
/// `codex login` keeps. An empty variable is as good as none.
///
/// # Errors
/// A key is kept and cannot be had, or was given for another server.
pub fn api_key(settings: &Settings, environment: &Environment) -> Result<ApiKey, ConfigError> {
    let id = &settings.model_provider;
    let found = Found::of(settings, id, environment);
    if let Some((variable, value)) = found.set {
        let source = KeySource::Variable(variable.into());
        return Ok(ApiKey { value: Some(value.into()), variable: variable.into(), source });
    }
    let kept = found.server.map(|server| kept(environment, id, server)).transpose()?.flatten();
    Ok(match kept {
        Some((key, keeper)) => ApiKey { value: Some(key), variable: String::new(), source: keeper.into() },
        None => {
            let variable = found.configured.unwrap_or_default();
            ApiKey { value: None, variable: variable.into(), source: found.without() }
        }
    })
}

/// Where [`api_key`] would find the key of the provider `id`. The keyring is not asked whether it still has it.
///
/// # Errors
/// As [`api_key`].
pub fn key_source(settings: &Settings, id: &str, environment: &Environment) -> Result<KeySource, ConfigError> {
    let found = Found::of(settings, id, environment);
    if let Some((variable, _)) = found.set {
        return Ok(KeySource::Variable(variable.into()));
    }
    let kept = found.server.map(|server| keeper(environment, id, server)).transpose()?.flatten();
    Ok(kept.map_or_else(|| found.without(), KeySource::from))
}

/// What the settings and the environment say of a provider's key.
struct Found<'a> {
    /// The variable that is to hold it.
    configured: Option<&'a str>,
    /// The variable that does, and the key.
    set: Option<(&'a str, &'a str)>,
    /// The address that a key that is kept must have been given for.
    server: Option<&'a str>,
}

impl<'a> Found<'a> {
    fn of(settings: &'a Settings, id: &str, environment: &'a Environment) -> Self {
        let provider = settings.model_providers.get(id);
        let configured = provider.and_then(|provider| provider.env_key.as_deref());
        let lookup = |variable: &'a str| {
            let value = environment.get_named(variable).map(str::trim).filter(|value| !value.is_empty())?;
            Some((variable, value))
        };
        let general = (id == OPENAI).then_some(variables::CODEX_API_KEY.name());
        let set = general.and_then(lookup).or_else(|| configured.and_then(lookup));
        Self { configured, set, server: provider.and_then(|provider| provider.base_url.as_deref()) }
    }

    /// Where nothing is kept either.
    fn without(&self) -> KeySource {
        if self.configured.is_some() { KeySource::Missing } else { KeySource::NotNeeded }
    }
}

/// Whether a name is spelled as names of variables are. One that is not may be the key itself, and is not shown.
pub fn is_usual_variable(name: &str) -> bool {
    let spelled = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_word = name.contains('_') || !name.contains(|c: char| c.is_ascii_digit());
    name.chars().all(spelled) && is_word
}

impl Loaded {
    /// Checks that a model is named where a provider is in its place, and where the one that is asked otherwise, OpenAI's, is
    /// surely not there. With `oss` the servers say which there are.
    ///
    /// # Errors
    /// None is. The error shows where the provider was named.
    pub fn require_model(&self) -> Result<(), ConfigError> {
        let id = &self.settings.model_provider;
        let is_named = self.merged.get("model").is_some_and(|leaf| leaf.site.is_some());
        let is_empty = self.settings.model.is_empty();
        let is_usual = is_named || id == OPENAI || !built_in::is_built_in(id);
        if self.settings.oss || (is_usual && !is_empty) {
            return Ok(());
        }
        let message = format!("no model of the provider `{id}` is named");
        let hint = format!("`codex models {id}` lists its models; `-m {id}/MODEL` names one");
        Err(self.merged.error("model_provider", message).hint(Some(hint)).after(self.warnings.clone()))
    }

    /// Checks that the selected provider has the key that it takes: what [`api_key`] finds counts, wherever it is from.
    ///
    /// # Errors
    /// It has none. The error shows where the variable was named.
    pub fn require_api_key(&self, environment: &Environment) -> Result<(), ConfigError> {
        let id = &self.settings.model_provider;
        let Some(provider) = self.settings.model_providers.get(id) else { return Ok(()) };
        let Some(variable) = provider.env_key.as_deref() else { return Ok(()) };
        if key_source(&self.settings, id, environment)? != KeySource::Missing {
            return Ok(());
        }
        let own = dotted(&["model_providers".into(), id.clone(), "env_key".into()]);
        // Where nobody wrote of the key, the provider that needs it is shown.
        let is_written = |path: &&str| self.merged.get(path).is_some_and(|leaf| leaf.site.is_some());
        let general = if id == OPENAI { "api_key_env" } else { &own };
        let path = [&own, general, "model_provider"].into_iter().find(is_written).unwrap_or(general);
        let state = if environment.get_named(variable).is_some() { "holds none" } else { "is not set" };
        let (named, export) = match is_usual_variable(variable) {
            true => (format!("`{variable}`"), format!("export {variable}=…")),
            false => ("the variable named here".into(), "export it".into()),
        };
        let login = if id == OPENAI { String::new() } else { format!(" --provider {id}") };
        let mut hint = format!("{export}, or store a key with `codex login{login}`");
        if let Some(instructions) = &provider.env_key_instructions {
            hint = format!("{hint}; {instructions}");
        }
        let message = format!("the provider `{id}` needs an API key, and {named} {state}");
        Err(self.merged.error(path, message).hint(Some(hint)).after(self.warnings.clone()))
    }
}
