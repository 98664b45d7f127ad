//! The models that take over from the one that was chosen: `model_fallback`.

use std::sync::Arc;

use codex_config::Settings;
use codex_model::{Alternative, Fallback, Known, Model};
use codex_protocol::RpcError;

use crate::{
    build::{configuration, context_window},
    catalog,
    limits::prices,
    oss, web,
};

/// Tokens that a request to each of those may hold that take over, where known.
pub(crate) fn windows(settings: &Settings) -> impl Iterator<Item = Option<u64>> {
    let names = settings.model_fallback.iter().filter_map(|name| name.split_once('/'));
    names.map(|(provider, model)| catalog::known(settings, provider, model).context_window)
}

fn known_of(settings: &Settings) -> Known {
    catalog::known(settings, &settings.model_provider, &settings.model)
}

/// Who is asked: the model that is selected, and those that take over from it. `build` builds one for settings that select it,
/// and is told whether others come after it.
pub(crate) fn client(
    settings: &Settings,
    build: impl Fn(&Settings, bool) -> Result<Arc<dyn Model>, RpcError>,
) -> Result<Arc<dyn Model>, RpcError> {
    let names = &settings.model_fallback;
    if names.is_empty() {
        return build(settings, false);
    }
    let chosen = settings;
    let is_small = oss::is_small(chosen, context_window(chosen, known_of(chosen)));
    let alternative = |settings: &Settings, others| {
        let (provider, id) = (settings.model_provider.clone(), settings.model.clone());
        let known = known_of(settings);
        let other_form = oss::is_small(settings, known.context_window) != is_small;
        let client = build(settings, others).map(|client| web::in_place(chosen, settings, client));
        // What was put in its place needs no leaving out.
        let searches = web::is_native(settings) || web::is_native(chosen);
        client.map(|client| Alternative { client, provider, id, known, searches, other_form })
    };
    let mut others = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let wrong = |why: &str| configuration(&format!("model_fallback: `{name}`: {why}"));
        let (provider, model) = name.split_once('/').ok_or_else(|| wrong("write it as `provider/model`"))?;
        let selected = Settings { model_provider: provider.to_owned(), model: model.to_owned(), ..settings.clone() };
        let selected = selected.with_built_in();
        if settings.oss && selected.model_providers.get(provider).is_none_or(|provider| !provider.open_weights) {
            return Err(wrong("with `oss` nobody is asked but providers of open-weight models"));
        }
        if settings.limits.cost.is_some() && prices(&selected).of(model).is_none() {
            return Err(wrong("`limits.cost` needs its price: add it to `[prices]`, by that name"));
        }
        others.push(alternative(&selected, at + 1 < names.len()).map_err(|error| wrong(&error.message))?);
    }
    Ok(Arc::new(Fallback::new(alternative(settings, true)?, others)))
}
