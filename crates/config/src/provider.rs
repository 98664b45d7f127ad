//! Providers of models as they are configured, and where the key of the selected one is found.
//!
//! A key belongs to one provider: it is never offered to another because that one has none.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use crate::hide::has_secret_url;
use crate::origin::dotted;
use crate::{ConfigError, Environment, Loaded, Settings, variables};

/// Name of the built-in provider.
pub const OPENAI: &str = "openai";

/// The language of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WireApi {
    /// OpenAI's Responses over server-sent events.
    #[default]
    Responses,
    /// No server: answers from a file, for demonstrations and tests.
    Scripted,
}

/// One provider.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderSettings {
    /// Name for people; the key of its table if it has no other.
    pub name: String,
    /// Address that request paths are appended to, without a slash at its end. Set unless the wire is `Scripted`.
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
    /// How long a stream may be silent, in milliseconds.
    pub stream_idle_timeout_ms: u64,
    /// How often a failed request is repeated. Always the default: the setting has no effect in this version.
    pub request_max_retries: u32,
    /// How often a broken stream is taken up again.
    pub stream_max_retries: u32,
    /// Whether the server takes tools with a grammar; `None`: to be found out.
    pub grammars: Option<bool>,
    /// File of answers, absolute. Set if the wire is `Scripted`.
    pub script: Option<PathBuf>,
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
            .field("stream_idle_timeout_ms", &self.stream_idle_timeout_ms)
            .field("request_max_retries", &self.request_max_retries)
            .field("stream_max_retries", &self.stream_max_retries)
            .field("grammars", &self.grammars)
            .field("script", &self.script)
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
    pub(crate) wire_api: Option<String>,
    #[serde(default)]
    http_headers: BTreeMap<String, String>,
    #[serde(default)]
    env_http_headers: BTreeMap<String, String>,
    #[serde(default)]
    query_params: BTreeMap<String, String>,
    stream_idle_timeout_ms: Option<u64>,
    stream_max_retries: Option<u32>,
    grammars: Option<bool>,
    script: Option<PathBuf>,
}

impl RawProvider {
    /// The built-in provider, less what its own table says: that one outranks the top-level keys.
    pub(crate) fn into_openai(mut self, base_url: String, env_key: String) -> Self {
        self.name.get_or_insert_with(|| "OpenAI".into());
        self.base_url.get_or_insert(base_url);
        self.env_key.get_or_insert(env_key);
        self
    }

    /// The variables that hold its key and values of its headers.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &String> {
        self.env_key.iter().chain(self.env_http_headers.values())
    }

    /// The language, if this version speaks it; else its name.
    pub(crate) fn wire(&self) -> Result<WireApi, &str> {
        match self.wire_api.as_deref() {
            None | Some("responses") => Ok(WireApi::Responses),
            Some("scripted") => Ok(WireApi::Scripted),
            Some(other) => Err(other),
        }
    }

    /// With everything filled in.
    pub(crate) fn resolve(self, id: &str, wire_api: WireApi) -> ProviderSettings {
        ProviderSettings {
            name: self.name.unwrap_or_else(|| id.into()),
            base_url: self.base_url,
            env_key: self.env_key,
            env_key_instructions: self.env_key_instructions,
            wire_api,
            http_headers: self.http_headers,
            env_http_headers: self.env_http_headers,
            query_params: self.query_params,
            stream_idle_timeout_ms: self.stream_idle_timeout_ms.unwrap_or(300_000),
            request_max_retries: 4,
            stream_max_retries: self.stream_max_retries.unwrap_or(5),
            grammars: self.grammars,
            script: self.script,
        }
    }
}

/// The API key of the selected provider.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The key; `None` if the variable is unset or empty, or the provider takes none.
    pub value: Option<String>,
    /// The variable that holds it, or should; empty if the provider takes none.
    pub variable: String,
}

/// The value is a secret.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey(${}, {})", self.variable, if self.value.is_some() { "set" } else { "not set" })
    }
}

/// Looks up the key of the selected provider. For `openai`, `CODEX_API_KEY` outranks the configured variable.
pub fn api_key(settings: &Settings, environment: &Environment) -> ApiKey {
    let lookup = |variable: &str| environment.get_named(variable).map(str::trim).filter(|value| !value.is_empty());
    let configured = settings.model_providers.get(&settings.model_provider).and_then(|it| it.env_key.as_deref());
    let general = (settings.model_provider == OPENAI).then_some(variables::CODEX_API_KEY.name());
    let variable = general.filter(|name| lookup(name).is_some()).or(configured).unwrap_or_default();
    ApiKey { value: lookup(variable).map(String::from), variable: variable.into() }
}

impl Loaded {
    /// Checks that the selected provider has the key that it takes: what [`api_key`] finds counts, wherever it is from.
    ///
    /// # Errors
    /// It has none. The error shows where the variable was named.
    pub fn require_api_key(&self, environment: &Environment) -> Result<(), ConfigError> {
        let id = &self.settings.model_provider;
        let key = api_key(&self.settings, environment);
        let Some(provider) = self.settings.model_providers.get(id) else { return Ok(()) };
        if key.value.is_some() || key.variable.is_empty() || provider.wire_api == WireApi::Scripted {
            return Ok(());
        }
        let own = dotted(&["model_providers".into(), id.clone(), "env_key".into()]);
        let path = if self.merged.get(&own).is_some() { &own } else { "api_key_env" };
        let state = if environment.get_named(&key.variable).is_some() { "holds none" } else { "is not set" };
        // What is not spelled as names of variables are may be the key itself.
        let spelled = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let is_word = key.variable.contains('_') || !key.variable.contains(|c: char| c.is_ascii_digit());
        let usual = key.variable.chars().all(spelled) && is_word;
        let (named, export) = match usual {
            true => (format!("`{}`", key.variable), format!("export {}=…", key.variable)),
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
