//! What is known of models and how they are to answer: `[models]` and the keys of answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use toml::Value;

use crate::merge::Merged;
use crate::origin::dotted;
use crate::{PriceSettings, Warning};

/// How a model is to answer, but for how long it thinks; `None`: as it likes. What a model does not take is left out of
/// requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AnswerSettings {
    /// How what it thinks is told: `auto`, `concise`, `detailed` or `none`.
    pub reasoning_summary: Option<String>,
    /// How much it writes.
    pub verbosity: Option<String>,
    /// The provider's queue.
    pub service_tier: Option<String>,
    /// 0 to 2; higher is more random.
    pub temperature: Option<f64>,
    /// Tokens that an answer may have.
    pub max_output_tokens: Option<u64>,
    /// How long it thinks in plan mode; `None`: as long as otherwise.
    pub effort_of_plan_mode: Option<String>,
}

/// What the user says of a model; `None`: nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelSettings {
    /// Tokens that a request may hold.
    pub context_window: Option<u64>,
    /// Tokens that an answer may have.
    pub max_output_tokens: Option<u64>,
    /// Whether messages may hold images.
    pub images: Option<bool>,
    /// Whether it takes a temperature.
    pub temperature: Option<bool>,
    /// Whether it can be told how much to write.
    pub verbosity: Option<bool>,
    /// Whether it thinks, or how much it can be told to.
    pub reasoning: Option<ReasoningSettings>,
}

/// Whether a model thinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReasoningSettings {
    /// Whether it does.
    Thinks(bool),
    /// As one of these efforts says.
    Efforts(Vec<String>),
}

impl<'de> Deserialize<'de> for ReasoningSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Array(efforts) => {
                Self::Efforts(efforts.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            other => Self::Thinks(other.as_bool() == Some(true)),
        })
    }
}

/// A table of `[models]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawModel {
    context_window: Option<u64>,
    max_output_tokens: Option<u64>,
    images: Option<bool>,
    temperature: Option<bool>,
    verbosity: Option<bool>,
    reasoning: Option<ReasoningSettings>,
    input_price: Option<f64>,
    cached_input_price: Option<f64>,
    output_price: Option<f64>,
}

/// What is said of each model, and what those cost of which it is said; a warning for each price that is not whole.
pub(crate) fn models(
    raw: BTreeMap<String, RawModel>,
    merged: &Merged,
) -> (BTreeMap<String, ModelSettings>, BTreeMap<String, PriceSettings>, Vec<Warning>) {
    let (mut models, mut prices, mut warnings) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for (id, model) in raw {
        match (model.input_price, model.output_price, model.cached_input_price) {
            (Some(input), Some(output), cached_input) => {
                prices.insert(id.clone(), PriceSettings { input, cached_input, output });
            }
            (None, None, None) => {}
            (input, ..) => {
                let missing = if input.is_none() { "input_price" } else { "output_price" };
                let message = format!("this price is not used, since `{missing}` is missing: USD per million tokens");
                let names = ["input_price", "cached_input_price", "output_price"];
                let written = names.map(|name| dotted(&["models".into(), id.clone(), name.into()]));
                let site = written.iter().find_map(|path| merged.get(path)?.site.as_ref());
                warnings.extend(site.map(|site| site.warning(message)));
            }
        }
        let RawModel { context_window, max_output_tokens, images, temperature, verbosity, reasoning, .. } = model;
        let said = ModelSettings { context_window, max_output_tokens, images, temperature, verbosity, reasoning };
        models.insert(id, said);
    }
    (models, prices, warnings)
}
