//! What a thread may use at most, and what models cost: settings in, the agent's words out.

use std::{num::NonZeroU32, time::Duration};

use codex_agent::{Limits, ModelChoice, Spent, Thread};
use codex_config::{Origins, PriceSettings, Settings};
use codex_model::{Price, Prices};
use codex_protocol::{ModelUsage, RpcError, ThreadUsage};

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

/// What `thread` has used.
pub(crate) fn usage(thread: &Thread) -> ThreadUsage {
    let budget = thread.budget();
    let model = |(model, spent): (String, Spent)| ModelUsage {
        model,
        usage: codex_agent::tokens(spent.usage),
        cost_usd: spent.cost,
    };
    ThreadUsage {
        models: budget.spent().into_iter().map(model).collect(),
        cost_usd: budget.cost(),
        limit_tokens: budget.limits().tokens,
        limit_cost_usd: budget.limits().cost,
    }
}

/// The prices that are known, with those of the user above.
pub(crate) fn prices(settings: &Settings) -> Prices {
    let price = |it: &PriceSettings| Price::new(it.input, it.cached_input, it.output);
    let own = settings.prices.iter().map(|(id, it)| (id.clone(), price(it)));
    Prices::new(&settings.model_provider, own.collect())
}
