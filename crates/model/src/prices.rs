//! What models cost: what is known of them, and what the user says instead. Looked up when it is asked for.

use std::{collections::BTreeMap, sync::Arc};

use codex_history::Usage;

use crate::catalog::Known;

/// What a model costs, in USD per million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// Tokens of a request.
    pub input: f64,
    /// Those of them that the vendor had cached.
    pub cached_input: f64,
    /// Those of them that the vendor put into its cache.
    pub cache_write: f64,
    /// Tokens of a response, reasoning included.
    pub output: f64,
    /// What a long request costs more.
    pub long: Option<Long>,
}

/// What long requests cost more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Long {
    /// Tokens of a request above which all of it does.
    pub tokens: u64,
    /// How many times as much for input.
    pub input: f64,
    /// How many times as much for output.
    pub output: f64,
}

impl Price {
    /// A price without long requests, where what is put into the cache costs as other input does.
    pub fn new(input: f64, cached_input: Option<f64>, output: f64) -> Self {
        Self { input, cached_input: cached_input.unwrap_or(input), cache_write: input, output, long: None }
    }

    /// What one response cost, in USD.
    pub fn of(&self, usage: &Usage) -> f64 {
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        let written = usage.cache_write_input_tokens.min(usage.input_tokens - cached);
        let plain = usage.input_tokens - cached - written;
        let cost = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
        let input = cost(plain, self.input) + cost(cached, self.cached_input) + cost(written, self.cache_write);
        let long = self.long.filter(|long| usage.input_tokens > long.tokens);
        let (of_input, of_output) = long.map_or((1.0, 1.0), |long| (long.input, long.output));
        input * of_input + cost(usage.output_tokens, self.output) * of_output
    }
}

/// The prices of a provider's models, as far as they are known.
#[derive(Debug, Clone, Default)]
pub struct Prices {
    provider: Arc<str>,
    own: Arc<BTreeMap<String, Price>>,
}

impl Prices {
    /// Those of the catalog, but for the models that `own` names: each by its whole id, or as `provider/model`, which counts
    /// more.
    pub fn new(provider: &str, own: BTreeMap<String, Price>) -> Self {
        Self { provider: provider.into(), own: Arc::new(own) }
    }

    /// What `model` costs, if that is known.
    pub fn of(&self, model: &str) -> Option<Price> {
        self.at(&self.provider, model)
    }

    /// What `model` of `provider` costs, if that is known.
    pub fn at(&self, provider: &str, model: &str) -> Option<Price> {
        let own = self.own.get(&format!("{provider}/{model}")).or_else(|| self.own.get(model));
        own.copied().or_else(|| Known::of(provider, model).price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_says_of_a_model_counts() {
        let own = [("local".to_owned(), Price::new(0.0, None, 0.0)), ("gpt-5".to_owned(), Price::new(3.0, None, 4.0))];
        let prices = Prices::new("openai", own.into());
        let table = [
            ("gpt-5.1", Some(1.25)),
            ("gpt-5", Some(3.0)),
            ("openai/gpt-5", Some(1.25)),
            ("local", Some(0.0)),
            ("unheard-of", None),
        ];
        for (model, input) in table {
            assert_eq!(prices.of(model).map(|price| price.input), input, "{model}");
        }
    }

    #[test]
    fn a_model_costs_what_its_provider_takes() {
        let price = |input| Price::new(input, None, 4.0);
        let own = [("mine/m", price(1.0)), ("other/m", price(2.0)), ("n", price(3.0)), ("openai/gpt-5.1", price(9.0))];
        let prices = Prices::new("mine", own.map(|(id, price)| (id.to_owned(), price)).into());
        let table = [
            ("mine", "m", Some(1.0)),
            ("other", "m", Some(2.0)),
            ("third", "m", None),
            ("third", "n", Some(3.0)),
            ("openai", "gpt-5.1", Some(9.0)),
            ("azure", "gpt-5.1", Some(1.25)),
            ("openai", "gpt-4.1", Some(2.0)),
        ];
        for (provider, model, input) in table {
            assert_eq!(prices.at(provider, model).map(|price| price.input), input, "{provider}/{model}");
        }
        assert_eq!(prices.of("m"), prices.at("mine", "m"));
    }

    #[test]
    fn a_response_costs_what_its_parts_cost() {
        let long = Some(Long { tokens: 1_000_000, input: 2.0, output: 1.5 });
        let price = Price { input: 2.0, cached_input: 0.5, cache_write: 4.0, output: 10.0, long };
        let usage = |input, cached, written, output| Usage {
            input_tokens: input,
            cached_input_tokens: cached,
            cache_write_input_tokens: written,
            output_tokens: output,
            reasoning_output_tokens: output,
        };
        let table = [
            (usage(0, 0, 0, 0), 0.0),
            (usage(1_000_000, 0, 0, 0), 2.0),
            (usage(1_000_000, 1_000_000, 0, 0), 0.5),
            (usage(1_000_000, 500_000, 250_000, 100_000), 0.25 + 1.0 + 0.5 + 1.0),
            (usage(2_000_000, 0, 0, 1_000_000), 8.0 + 15.0),
            // A vendor's nonsense: more cached than sent.
            (usage(1_000_000, 5_000_000, 5_000_000, 0), 0.5),
        ];
        for (usage, expected) in table {
            assert_eq!(price.of(&usage), expected, "{usage:?}");
        }
    }
}
