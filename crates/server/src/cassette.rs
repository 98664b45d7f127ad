//! A cassette in the place of a model, or between it and a thread: who is asked, and what stands for the places and secrets of this
//! machine.

use std::{path::Path, sync::Arc};

use codex_agent::ModelChoice;
use codex_config::{Settings, api_key};
use codex_model::{Cassette, Facts, Options, Player, Surroundings};
use codex_protocol::RpcError;

use crate::{
    Server,
    build::{Wanted, compact_at, configuration, context_window},
    catalog,
    limits::prices,
    oss,
};

/// Words in names of headers that hold secrets.
const TELLING_NAMES: &[&str] = &["auth", "key", "token", "secret", "cookie"];
/// What is said in the name of a parameter of addresses that is no secret, and a usual word.
const VERSION: &str = "version";

/// `model`, or who is asked in its stead where there is a cassette. A model that a cassette plays is not made.
pub(crate) fn model(
    server: &Server,
    settings: &Settings,
    wanted: &Wanted,
    model: impl FnOnce() -> Result<ModelChoice, RpcError>,
) -> Result<ModelChoice, RpcError> {
    let Some(cassette) = &server.cassette else { return model() };
    let surroundings = surroundings(server, settings, wanted)?;
    let recorder = match cassette {
        Cassette::Recording(recorder) => recorder,
        Cassette::Playing(player) => return Ok(played(player, surroundings, settings, wanted)),
    };
    let model = model()?;
    let facts = Facts {
        provider: model.provider.clone(),
        model: model.id.clone(),
        options: (*model.options[0]).clone(),
        context_window: model.context_window,
        compact_at: model.compact_at,
    };
    Ok(ModelChoice { client: recorder.model(model.client, facts, surroundings), ..model })
}

/// What was asked when it was recorded, but for what flags say.
fn played(player: &Arc<Player>, surroundings: Surroundings, settings: &Settings, wanted: &Wanted) -> ModelChoice {
    let facts = player.facts();
    let id = if wanted.says("model") { settings.model.clone() } else { facts.model.clone() };
    let (is_same, known) = (id == facts.model, catalog::known(settings, &facts.provider, &id));
    let window = if is_same { facts.context_window } else { context_window(settings, known) };
    let reasoning_effort = match wanted.says("model_reasoning_effort") {
        true => settings.model_reasoning_effort.clone(),
        false => facts.options.reasoning_effort.clone(),
    };
    // What was recorded was fitted to the model then. Only what flags say is fitted now.
    let with = |options: &Options, effort: &Option<String>| {
        let reasoning_effort =
            known.fit(&Options { reasoning_effort: effort.clone(), ..Options::default() }).reasoning_effort;
        Options { reasoning_effort, ..options.clone() }
    };
    let recorded = if is_same { facts.options.clone() } else { known.fit(&facts.options) };
    let usual = if wanted.says("model_reasoning_effort") { with(&recorded, &reasoning_effort) } else { recorded };
    let of_plan_mode = &settings.answers.effort_of_plan_mode;
    let planning = if of_plan_mode.is_some() { with(&usual, of_plan_mode) } else { usual.clone() };
    ModelChoice {
        client: player.model(surroundings),
        provider: facts.provider.clone(),
        options: [usual.into(), planning.into()],
        reasoning_effort,
        context_window: window,
        is_small: oss::is_small(settings, window),
        others_differ: false,
        compact_at: if is_same { facts.compact_at } else { compact_at(settings, known) },
        prices: prices(settings),
        id,
    }
}

fn surroundings(server: &Server, settings: &Settings, wanted: &Wanted) -> Result<Surroundings, RpcError> {
    let environment = &server.environment;
    let codex_home = environment.codex_home().map_err(|error| configuration(&error.to_string()))?;
    let places = [("workspace", wanted.cwd.as_path()), ("codex home", &codex_home)];
    let home: Option<(&str, &Path)> = environment.home().map(|home| ("home", home));
    let mut secrets = environment.secrets(&settings.secret_variables);
    secrets.extend(kept_keys(settings, environment));
    secrets.extend(settings.model_providers.values().flat_map(secrets_of));
    Ok(Surroundings::new(places.into_iter().chain(home), secrets))
}

/// The keys of all that may be asked. Whether there is one is not asked here.
fn kept_keys(settings: &Settings, environment: &codex_config::Environment) -> Vec<String> {
    let settings = settings.clone().with_built_in();
    let others = settings.model_fallback.iter().filter_map(|name| name.split_once('/'));
    let mut names: Vec<&str> = others.map(|(provider, _)| provider).collect();
    names.push(&settings.model_provider);
    names.sort_unstable();
    names.dedup();
    let of = |name: &str| Settings { model_provider: name.to_owned(), ..settings.clone() };
    names.into_iter().filter_map(|name| api_key(&of(name), environment).ok()?.value).collect()
}

/// What the configuration holds of a provider that may be secret.
fn secrets_of(provider: &codex_config::ProviderSettings) -> Vec<String> {
    let told = |name: &str| TELLING_NAMES.iter().any(|telling| name.to_ascii_lowercase().contains(telling));
    let headers = provider.http_headers.iter().filter(|(name, _)| told(name));
    let headers = headers.flat_map(|(_, value)| value.split_whitespace()).map(str::to_owned);
    let parameters = provider.query_params.iter().filter(|(name, _)| !name.to_ascii_lowercase().contains(VERSION));
    // In an address they are spelled another way.
    let spelled = |value: &String| url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    headers.chain(parameters.flat_map(|(_, value)| [value.clone(), spelled(value)])).collect()
}
