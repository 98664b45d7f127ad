//! `codex models`: providers of models, whether each has a key, and the models that their servers list.

use std::path::Path;

use codex_config::{Environment, KeySource};
use codex_server::{NotListed, ProviderModel, ProviderModels, key_words, provider_models};
use serde_json::{Value, json};

use crate::{
    args::{ModelsArguments, RunOptions, ThreadOptions},
    commands::say,
    exec::ExitStatus,
    resolve, terminal,
};

/// Widest column of ids.
const WIDEST: usize = 60;

/// Asks, and prints what was answered.
///
/// # Errors
/// A sentence for the user when the configuration is wrong, or there is no such provider.
pub async fn run(
    thread: ThreadOptions,
    arguments: ModelsArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let params = resolve::thread_start(&thread.then(arguments.thread), &RunOptions::default())?;
    let only = arguments.provider.as_deref();
    let (providers, warnings) = provider_models(&environment, params, only).await.map_err(|error| error.to_string())?;
    terminal::warn(&warnings);
    let home = environment.codex_home().map_err(|error| error.to_string())?;
    if arguments.json {
        let all: Vec<Value> = providers.iter().map(object).collect();
        super::write(format!("{}\n", json!({ "providers": all })).as_bytes())?;
    } else {
        say(&providers.iter().map(|provider| lines(provider, &home)).collect::<String>())?;
    }
    // Whoever names one wants its list.
    let failed = only.is_some() && providers.iter().any(|provider| provider.models.is_err());
    Ok(if failed { ExitStatus::Failed } else { ExitStatus::Done })
}

fn object(provider: &ProviderModels) -> Value {
    let (source, problem) = match &provider.key.source {
        Ok(source) => (source.word(), None),
        Err(problem) => ("error", Some(problem.clone())),
    };
    let model = |model: &ProviderModel| {
        json!({
            "id": model.id,
            "context_window": model.context_window,
            "price": model.price.map(|price| {
                json!({ "input": price.input, "cached_input": price.cached_input, "output": price.output })
            }),
        })
    };
    let (models, problem) = match &provider.models {
        Ok(models) => (Some(models.iter().map(model).collect::<Vec<_>>()), problem),
        Err(NotListed::Failed(why)) => (None, problem.or_else(|| Some(why.clone()))),
        Err(_) => (None, problem),
    };
    json!({
        "id": provider.key.id,
        "name": provider.name,
        "selected": provider.key.selected,
        "address": provider.address,
        "source": source,
        "variable": provider.key.variable,
        "open_weights": provider.open_weights,
        "models": models,
        "error": problem,
    })
}

/// A provider on one line, and its models below it.
fn lines(provider: &ProviderModels, home: &Path) -> String {
    let key = &provider.key;
    let selected = if key.selected { " (selected)" } else { "" };
    let mut text = format!("{}{selected}: {}", key.id, provider.name);
    if let Some(address) = &provider.address {
        text += &format!(", {address}");
    }
    text += &format!("; {}\n", state(provider, home));
    let models = provider.models.as_deref().unwrap_or_default();
    let width = models.iter().map(|model| model.id.chars().count()).max().unwrap_or_default().min(WIDEST);
    for model in models {
        let about = [model.context_window.map(tokens), model.price.map(|it| price(it.input, it.output))];
        let about: Vec<String> = about.into_iter().flatten().collect();
        text += format!("  {:width$}  {}", model.id, about.join(", ")).trim_end();
        text.push('\n');
    }
    text
}

/// How it stands with a provider, in words.
fn state(provider: &ProviderModels, home: &Path) -> String {
    let key = &provider.key;
    let id = &key.id;
    match (&provider.models, &key.source) {
        (Err(NotListed::NoKey), _) => {
            let set = key.variable.as_ref().map(|name| format!("set {name}, or ")).unwrap_or_default();
            let get = provider.instructions.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
            format!("no key: {set}keep one with `codex login --provider {id}`{get}")
        }
        (_, Err(problem)) => problem.clone(),
        (Err(NotListed::NoServer), Ok(_)) if provider.has_server => {
            format!("no address: set `base_url` in [model_providers.{id}]")
        }
        (Err(NotListed::NoServer), Ok(_)) => "talks to no server".into(),
        (Err(NotListed::Failed(why)), Ok(_)) => format!("no list of models: {why}"),
        (Ok(_), Ok(KeySource::NotNeeded)) => "no key needed".into(),
        (Ok(_), Ok(source)) => format!("key {}", key_words(source, home)),
    }
}

/// A number of tokens, roughly.
fn tokens(window: u64) -> String {
    match window {
        0..1000 => format!("{window} tokens"),
        1000..1_000_000 => format!("{}k tokens", window / 1000),
        _ => format!("{:.1}M tokens", window as f64 / 1e6),
    }
}

fn price(input: f64, output: f64) -> String {
    format!("${input} in, ${output} out per million")
}
