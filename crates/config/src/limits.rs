//! What a session may use at most, and what models cost: `[limits]` and `[prices]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::merge::Merged;
use crate::origin::dotted;
use crate::{ConfigError, Warning};

/// The most that may be used; `None`: as much as it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// Requests to the model in one turn.
    pub turns: Option<u32>,
    /// Tokens since the session was opened, of requests and responses together.
    pub tokens: Option<u64>,
    /// USD since the session was opened.
    pub cost: Option<f64>,
    /// Seconds of one turn.
    pub time: Option<u64>,
}

/// What a model costs, in USD per million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PriceSettings {
    /// Tokens of a request.
    pub input: f64,
    /// Those of them that the provider had cached; `None`: as much as others.
    pub cached_input: Option<f64>,
    /// Tokens of a response.
    pub output: f64,
}

/// A table of `[prices]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPrice {
    input: Option<f64>,
    cached_input: Option<f64>,
    output: Option<f64>,
}

/// The prices that are whole, and a warning for each that is not.
pub(crate) fn prices(
    raw: BTreeMap<String, RawPrice>,
    merged: &Merged,
) -> (BTreeMap<String, PriceSettings>, Vec<Warning>) {
    let mut warnings = Vec::new();
    let mut whole = BTreeMap::new();
    for (model, price) in raw {
        let RawPrice { input, cached_input, output } = price;
        if let (Some(input), Some(output)) = (input, output) {
            whole.insert(model, PriceSettings { input, cached_input, output });
            continue;
        }
        let missing = if input.is_none() { "input" } else { "output" };
        let message = format!("this price is not used, since `{missing}` is missing: USD per million tokens");
        let names = ["input", "cached_input", "output"];
        let written = names.map(|name| dotted(&["prices".into(), model.clone(), name.into()]));
        let site = written.iter().find_map(|path| merged.get(path)?.site.as_ref());
        warnings.extend(site.map(|site| site.warning(message)));
    }
    (whole, warnings)
}

/// A limit that allows nothing is a mistake.
pub(crate) fn check(limits: LimitSettings, merged: &Merged) -> Result<LimitSettings, ConfigError> {
    match limits.cost {
        Some(0.0) => Err(merged.error("limits.cost", "`limits.cost` must be more than 0: nothing could be asked")),
        _ => Ok(limits),
    }
}
