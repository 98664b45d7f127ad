//! What a thread may use at most, and what models cost: settings in, the agent's words out.

use std::{num::NonZeroU32, time::Duration};

use codex_agent::{Limits, ModelChoice};
use codex_config::{Origins, Settings};
use codex_model::{Price, Prices};
use codex_protocol::RpcError;

use crate::build::configuration;

/// The limits of a thread that asks `model`.
///
/// # Errors
/// Money is limited, and what the model costs is not known: the limit could not be kept.
pub(crate) fn limits(settings: &Settings, origins: &Origins, model: &ModelChoice) -> Result<Limits, RpcError> {
    let of = settings.limits;
    if of.cost.is_some() && model.prices.of(&model.id).is_none() {
        let (origin, id) = (origins.get("limits.cost"), &model.id);
        let message = format!(
            "{origin}: a limit of cost cannot be kept, since the price of the model `{id}` is not known; give it, in \
             USD per million tokens: prices.{id:?} = {{ input = …, cached_input = …, output = … }} in a file of \
             settings, or with -c"
        );
        return Err(configuration(&message));
    }
    Ok(Limits {
        tokens: of.tokens,
        cost: of.cost,
        time: of.time.map(Duration::from_secs),
        turns: of.turns.and_then(NonZeroU32::new),
    })
}

/// The prices that are known, with those of the user above.
pub(crate) fn prices(settings: &Settings) -> Prices {
    let own = settings.prices.iter();
    Prices::new(own.map(|(id, it)| (id.clone(), Price::new(it.input, it.cached_input, it.output))).collect())
}
