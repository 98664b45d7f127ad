//! Which provider has a key, and from where: what `codex login` asks. It hands out no key.

use std::path::Path;

use codex_config::{Environment, KeySource, Settings, is_usual_variable, key_source, load};
use codex_protocol::{RpcError, ThreadStartParams};

use crate::build::{Wanted, configuration};

/// A provider of models, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderKey {
    /// Its name in the configuration.
    pub id: String,
    /// Whether it is the one that a thread would use.
    pub selected: bool,
    /// Whether the configuration speaks of it; else it is built in.
    pub configured: bool,
    /// The address that a key is given for; `None`: it talks to no server.
    pub base_url: Option<String>,
    /// The variable that may hold its key, if one is configured.
    pub variable: Option<String>,
    /// Where its key comes from, or why that cannot be told.
    pub source: Result<KeySource, String>,
}

/// All providers of a directory, and what the user should know about the configuration.
#[derive(Debug)]
pub struct ProviderKeys {
    /// By name.
    pub providers: Vec<ProviderKey>,
    /// Of the configuration.
    pub warnings: Vec<String>,
}

/// The providers that a thread started with `params` could use, the built-in ones too.
///
/// # Errors
/// When the configuration is wrong.
pub fn provider_keys(environment: &Environment, params: ThreadStartParams) -> Result<ProviderKeys, RpcError> {
    let codex_home = environment.codex_home().map_err(|error| configuration(&error.to_string()))?;
    let wanted = Wanted::start(params)?;
    let found = load(&wanted.request(environment, &codex_home)).map_err(|error| configuration(&error.to_string()))?;
    let configured: Vec<String> = found.settings.model_providers.keys().cloned().collect();
    let mut providers = keys(&found.settings.with_built_in(), environment);
    providers.iter_mut().for_each(|provider| provider.configured = configured.contains(&provider.id));
    Ok(ProviderKeys { providers, warnings: found.warnings.iter().map(ToString::to_string).collect() })
}

pub(crate) fn keys(settings: &Settings, environment: &Environment) -> Vec<ProviderKey> {
    let of = |(id, provider): (&String, &codex_config::ProviderSettings)| ProviderKey {
        id: id.clone(),
        selected: *id == settings.model_provider,
        configured: true,
        base_url: provider.base_url.clone(),
        variable: provider.env_key.clone().filter(|name| is_usual_variable(name)),
        source: key_source(settings, id, environment).map_err(|error| error.to_string()),
    };
    settings.model_providers.iter().map(of).collect()
}

/// Where a key comes from, in words for people that follow "key".
pub fn key_words(source: &KeySource, codex_home: &Path) -> String {
    match source {
        KeySource::NotNeeded => "not needed".into(),
        KeySource::Missing => "missing".into(),
        KeySource::Variable(name) => format!("from ${name}"),
        KeySource::File => format!("kept in {}", codex_config::credentials_file(codex_home).display()),
        KeySource::Keyring => "kept in the keyring".into(),
    }
}
