//! Which models the servers of providers have: all are asked at once, and none is waited for long.
//!
//! Only those are asked that need no key or have one; with `oss`, only those of open-weight models.

use std::{sync::PoisonError, time::Duration};

use codex_config::{Environment, KeySource, Origins, ProviderSettings, Settings, load};
use codex_model::{Cassette, ListedModel, Price, list_models};
use codex_net::HttpClients;
use codex_protocol::{RpcError, ThreadStartParams};
use futures_util::future::join_all;

use crate::{
    Server,
    build::{Wanted, configuration, http_config},
    catalog,
    doctor::without_secrets,
    keys::{ProviderKey, keys},
    limits::prices,
    network, oss,
};

/// How long a server may take whose list was asked for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one may take while somebody waits for other things.
const LITTLE_PATIENCE: Duration = Duration::from_secs(3);

/// A provider, and the models that it has.
#[derive(Debug)]
pub struct ProviderModels {
    /// The provider, and its key.
    pub key: ProviderKey,
    /// Name for people.
    pub name: String,
    /// Its address, less what may be a secret; `None`: it has none.
    pub address: Option<String>,
    /// Whether it is a server, which may lack its address.
    pub has_server: bool,
    /// How to get a key, where it takes one.
    pub instructions: Option<String>,
    /// Whether all its models have open weights.
    pub open_weights: bool,
    /// Its models in the order of its list; or why there are none.
    pub models: Result<Vec<ProviderModel>, NotListed>,
}

/// A model that a provider has.
#[derive(Debug)]
pub struct ProviderModel {
    /// What the provider calls it.
    pub id: String,
    /// Tokens that a request may hold, where that is known.
    pub context_window: Option<u64>,
    /// What it costs, where that is known.
    pub price: Option<Price>,
}

/// Why there is no list of models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotListed {
    /// It was not asked, for it takes a key and has none.
    NoKey,
    /// There is nobody to ask: it has no address, or talks to no server.
    NoServer,
    /// It was asked, and did not answer so; a sentence without a full stop.
    Failed(String),
}

/// The models of all providers, or of the one of this name, and what the user should know about the configuration.
///
/// # Errors
/// When the configuration is wrong, or there is no such provider.
pub async fn provider_models(
    environment: &Environment,
    params: ThreadStartParams,
    only: Option<&str>,
) -> Result<(Vec<ProviderModels>, Vec<String>), RpcError> {
    let codex_home = environment.codex_home().map_err(|error| configuration(&error.to_string()))?;
    let wanted = Wanted::start(params)?;
    let found = load(&wanted.request(environment, &codex_home)).map_err(|error| configuration(&error.to_string()))?;
    let mut settings = found.settings.with_built_in();
    if settings.oss {
        oss::lead_to_ollama(environment, &mut settings, &found.origins);
    }
    let mut providers = keys(&settings, environment);
    if let Some(only) = only {
        if !settings.model_providers.contains_key(only) {
            let known: Vec<&str> = settings.model_providers.keys().map(String::as_str).collect();
            return Err(configuration(&format!("there is no provider `{only}`; known: {}", known.join(", "))));
        }
        if settings.oss && !settings.model_providers[only].open_weights {
            return Err(oss::not_open(&settings, only));
        }
        providers.retain(|provider| provider.id == only);
    }
    let mut clients = network::clients(environment);
    if settings.oss {
        providers.retain(|provider| settings.model_providers.get(&provider.id).is_some_and(|it| it.open_weights));
        clients = clients.only(oss::servers(&settings));
    }
    let asked = providers.into_iter().map(|key| models_of(environment, &clients, &settings, key));
    let models = join_all(asked).await;
    Ok((models, found.warnings.iter().map(ToString::to_string).collect()))
}

async fn models_of(
    environment: &Environment,
    clients: &HttpClients,
    settings: &Settings,
    key: ProviderKey,
) -> ProviderModels {
    let provider = settings.model_providers.get(&key.id);
    let listed = match provider {
        Some(_) if key.source == Ok(KeySource::Missing) => Err(NotListed::NoKey),
        Some(provider) => ask(environment, clients, settings, (&key.id, provider), PATIENCE).await,
        None => Err(NotListed::NoServer),
    };
    let prices = prices(&Settings { model_provider: key.id.clone(), ..settings.clone() });
    let model = |ListedModel { id, context_window }| ProviderModel {
        context_window: catalog::window(settings, &key.id, &id, context_window),
        price: prices.of(&id),
        id,
    };
    ProviderModels {
        name: provider.map(|provider| provider.name.clone()).unwrap_or_default(),
        address: key.base_url.as_deref().and_then(shown),
        has_server: provider.is_some(),
        instructions: provider.and_then(|provider| provider.env_key_instructions.clone()),
        open_weights: provider.is_some_and(|provider| provider.open_weights),
        models: listed.map(|models| models.into_iter().map(model).collect()),
        key,
    }
}

/// An address as it may be shown.
fn shown(base_url: &str) -> Option<String> {
    Some(without_secrets(base_url.parse().ok()?).to_string())
}

/// Asks the server of a provider.
async fn ask(
    environment: &Environment,
    clients: &HttpClients,
    settings: &Settings,
    (id, provider): (&str, &ProviderSettings),
    limit: Duration,
) -> Result<Vec<ListedModel>, NotListed> {
    if provider.base_url.is_none() {
        return Err(NotListed::NoServer);
    }
    // A key is looked up for the provider that is selected.
    let settings = Settings { model_provider: id.to_owned(), ..settings.clone() };
    let failed = |message: String| NotListed::Failed(message.trim_end_matches('.').to_owned());
    let config = http_config(environment, &settings, provider, true).map_err(|error| failed(error.message))?;
    list_models(&config, clients, limit).await.map_err(failed)
}

impl Server {
    /// The models of the selected provider, of those that have a key and of those without that `settings` name, each with the
    /// name of its provider. Who has answered once is not asked again; who does not answer is left out.
    pub(crate) async fn listed(&self, settings: &Settings, origins: &Origins) -> Vec<(String, ListedModel)> {
        // Where a cassette answers, nobody is asked.
        if self.cassette.as_ref().is_some_and(Cassette::is_played) {
            return Vec::new();
        }
        let mut all = settings.clone().with_built_in();
        if all.oss {
            oss::lead_to_ollama(&self.environment, &mut all, origins);
        }
        let has_key = |source: &Result<KeySource, String>| {
            matches!(source, Ok(KeySource::Variable(_) | KeySource::File | KeySource::Keyring))
        };
        let of_interest = |key: &ProviderKey| {
            let open = all.model_providers.get(&key.id).is_some_and(|provider| provider.open_weights);
            let selected = key.selected && key.source != Ok(KeySource::Missing);
            let named = key.source == Ok(KeySource::NotNeeded) && settings.model_providers.contains_key(&key.id);
            (selected || named || has_key(&key.source)) && (open || !settings.oss)
        };
        let providers = keys(&all, &self.environment).into_iter().filter(of_interest);
        let lists = join_all(providers.map(|key| self.models_listed(&all, key.id))).await;
        lists.into_iter().flatten().collect()
    }

    async fn models_listed(&self, settings: &Settings, id: String) -> Vec<(String, ListedModel)> {
        let Some(provider) = settings.model_providers.get(&id) else { return Vec::new() };
        let address = provider.base_url.clone().unwrap_or_default();
        let known = self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(&address).cloned();
        let models = match known {
            Some(models) => models,
            None => {
                let asked = ask(&self.environment, &self.http, settings, (&id, provider), LITTLE_PATIENCE).await;
                let Ok(models) = asked else { return Vec::new() };
                self.lists.lock().unwrap_or_else(PoisonError::into_inner).insert(address, models.clone());
                models
            }
        };
        models.into_iter().map(|model| (id.clone(), model)).collect()
    }
}
