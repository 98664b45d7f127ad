//! What models cost: the table of `prices.txt`, and what the user says instead. Read when it is asked for.

use std::{collections::BTreeMap, sync::Arc};

use codex_history::Usage;

const TABLE: &str = include_str!("prices.txt");
/// How a long request's input and output cost more.
const LONG: (f64, f64) = (2.0, 1.5);

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
    /// Tokens of a request above which it costs more: input twice as much, output one and a half times.
    pub long: Option<u64>,
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
        let is_long = self.long.is_some_and(|long| usage.input_tokens > long);
        let (of_input, of_output) = if is_long { LONG } else { (1.0, 1.0) };
        input * of_input + cost(usage.output_tokens, self.output) * of_output
    }
}

/// The prices of all models that are known.
#[derive(Debug, Clone, Default)]
pub struct Prices {
    own: Arc<BTreeMap<String, Price>>,
}

impl Prices {
    /// Those of the table, but for the models that `own` names, each by its whole id.
    pub fn new(own: BTreeMap<String, Price>) -> Self {
        Self { own: Arc::new(own) }
    }

    /// What `model` costs, if that is known.
    pub fn of(&self, model: &str) -> Option<Price> {
        self.own.get(model).copied().or_else(|| in_table(model))
    }
}

/// As the table has it, whichever gateway stands in front: `openai/gpt-5` is `gpt-5`.
fn in_table(model: &str) -> Option<Price> {
    let id = model.rsplit_once('/').map_or(model, |(_, id)| id);
    let id = undated(id);
    rows().find(|(known, _)| *known == id).map(|(_, price)| price)
}

/// The id without the date of a snapshot.
fn undated(id: &str) -> &str {
    let is_date = |date: &[u8]| {
        date.iter().enumerate().all(|(at, byte)| match at {
            0 | 5 | 8 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    };
    match id.as_bytes().split_last_chunk::<11>() {
        Some((name, date)) if is_date(date) => &id[..name.len()],
        _ => id,
    }
}

fn rows() -> impl Iterator<Item = (&'static str, Price)> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(row)
}

fn row(line: &'static str) -> Option<(&'static str, Price)> {
    let mut columns = line.split_whitespace();
    let id = columns.next()?;
    let input: f64 = columns.next()?.parse().ok()?;
    let mut or_input = || match columns.next()? {
        "-" => Some(input),
        price => price.parse().ok(),
    };
    let (cached_input, cache_write) = (or_input()?, or_input()?);
    let output = columns.next()?.parse().ok()?;
    let long = columns.next()?.parse().ok();
    Some((id, Price { input, cached_input, cache_write, output, long }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_of_the_table_is_read_and_sensible() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        let rows: Vec<_> = rows().collect();
        assert_eq!(rows.len(), lines);
        assert_eq!(rows.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len(), lines, "an id stands there twice");
        for (id, price) in rows {
            assert!(price.cached_input <= price.input && price.input < price.output, "{id}: {price:?}");
            assert!(price.cached_input > 0.0 && price.cache_write >= price.input, "{id}: {price:?}");
        }
    }

    #[test]
    fn a_model_is_found_by_its_id_its_snapshot_and_through_a_gateway() {
        let own = [("local".to_owned(), Price::new(0.0, None, 0.0)), ("gpt-5".to_owned(), Price::new(3.0, None, 4.0))];
        let prices = Prices::new(own.into());
        let table = [
            ("gpt-5.1", Some(1.25)),
            ("gpt-5.1-2025-11-13", Some(1.25)),
            ("openai/gpt-5.1", Some(1.25)),
            ("gpt-5", Some(3.0)),
            ("openai/gpt-5", Some(1.25)),
            ("local", Some(0.0)),
            ("gpt-5.1-of-mine", None),
            ("gpt-5.1-2025-11-1x", None),
            ("-2025-11-13", None),
            ("é-2025-11-13", None),
            ("", None),
        ];
        for (model, input) in table {
            assert_eq!(prices.of(model).map(|price| price.input), input, "{model}");
        }
    }

    #[test]
    fn a_response_costs_what_its_parts_cost() {
        let price = Price { input: 2.0, cached_input: 0.5, cache_write: 4.0, output: 10.0, long: Some(1_000_000) };
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
