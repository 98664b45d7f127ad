//! What a thread has used, by model, and the limits that it is held to. What a sub-agent uses, its parent uses too.
//!
//! Counted as it is used, whoever asks: turns, summaries, reviews, sub-agents. Limits are looked at between the steps of
//! a turn, so one answer may go beyond; nothing is begun after it.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use codex_history::Usage;
use codex_model::{Price, Prices};

/// The most that may be used; `None`: as much as it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Tokens, of requests and responses together, cached ones included, since the thread was opened.
    pub tokens: Option<u64>,
    /// USD since the thread was opened. A model without a price counts as if it cost nothing.
    pub cost: Option<f64>,
    /// Time of one turn.
    pub time: Option<Duration>,
    /// Requests to the model in one turn.
    pub turns: Option<NonZeroU32>,
}

/// A limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Reached {
    /// Tokens.
    #[error("its limit of {most} tokens (limits.tokens, --max-tokens): {used} are used")]
    Tokens {
        /// The limit.
        most: u64,
        /// What is used.
        used: u64,
    },
    /// Money.
    #[error("its limit of ${most} (limits.cost, --max-cost): ${used:.4} are spent")]
    Cost {
        /// The limit, in USD.
        most: f64,
        /// What is spent, in USD.
        used: f64,
    },
    /// Time of the turn.
    #[error("its limit of {} s (limits.time, --max-time)", .0.as_secs())]
    Time(Duration),
    /// Requests to the model in the turn.
    #[error("its limit of requests to the model, {0} (limits.turns, --max-turns)")]
    Turns(NonZeroU32),
}

/// What one model was used for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// The tokens.
    pub usage: Usage,
    /// What they cost in USD; `None` where the price of some of them is not known.
    pub cost: Option<f64>,
}

/// A counter that is shared by all who use what it counts.
#[derive(Debug, Clone, Default)]
pub struct Budget(Arc<Counter>);

#[derive(Debug, Default)]
struct Counter {
    limits: Limits,
    parent: Option<Budget>,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    /// Since the thread was opened.
    tokens: u64,
    /// In USD, since the thread was opened.
    cost: f64,
    /// Since the thread began.
    by_model: BTreeMap<String, Spent>,
}

impl Budget {
    /// Of a thread that has used `before` in earlier sessions, by model, or `provider/model` where that is another provider's;
    /// that does not count towards the limits.
    pub fn new(limits: Limits, before: &BTreeMap<String, Usage>, prices: &Prices) -> Self {
        let spent = |(model, usage): (&String, &Usage)| {
            // Added up over requests: what long ones cost more is not known any more.
            let of_other = || model.split_once('/').and_then(|(provider, model)| prices.at(provider, model));
            let price = prices.of(model).or_else(of_other);
            let cost = price.map(|price| Price { long: None, ..price }.of(usage));
            (model.clone(), Spent { usage: *usage, cost })
        };
        let used = Used { by_model: before.iter().map(spent).collect(), ..Used::default() };
        Self(Arc::new(Counter { limits, parent: None, used: Mutex::new(used) }))
    }

    /// Of a sub-agent: with limits of its own, and within those of this one, which is charged what it is charged.
    pub fn child(&self, limits: Limits) -> Self {
        Self(Arc::new(Counter { limits, parent: Some(self.clone()), used: Mutex::default() }))
    }

    /// Counts a response of `model`, for all that this is a part of. `price` is what it costs, if that is known.
    pub fn charge(&self, model: &str, usage: Usage, price: Option<Price>) {
        let cost = price.map(|price| price.of(&usage));
        let mut charged = Some(self);
        while let Some(budget) = charged {
            budget.used().add(model, usage, cost);
            charged = budget.0.parent.as_ref();
        }
    }

    /// The first limit that is reached, by a turn that has run for `time` and made `requests`, in it or in what it is a
    /// part of. `turns` stands in place of the limit of requests.
    pub fn reached(&self, time: Duration, requests: u32, turns: Option<NonZeroU32>) -> Option<Reached> {
        let limits = self.0.limits;
        let of_turn = turns.or(limits.turns).filter(|most| requests >= most.get()).map(Reached::Turns);
        let of_time = limits.time.filter(|most| time >= *most).map(Reached::Time);
        of_turn.or(of_time).or_else(|| self.used_up())
    }

    /// The first limit of tokens or money that is reached, in it or in what it is a part of.
    pub fn used_up(&self) -> Option<Reached> {
        let own = {
            let (limits, used) = (self.0.limits, self.used());
            let tokens = limits.tokens.filter(|most| used.tokens >= *most);
            let cost = limits.cost.filter(|most| used.cost >= *most);
            let tokens = tokens.map(|most| Reached::Tokens { most, used: used.tokens });
            tokens.or(cost.map(|most| Reached::Cost { most, used: used.cost }))
        };
        own.or_else(|| self.0.parent.as_ref().and_then(Self::used_up))
    }

    /// Its own limits.
    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// What each model was used for since the thread began, sub-agents included.
    pub fn spent(&self) -> BTreeMap<String, Spent> {
        self.used().by_model.clone()
    }

    /// All tokens since the thread began, sub-agents included.
    pub fn total(&self) -> Usage {
        self.used().by_model.values().fold(Usage::default(), |mut total, spent| {
            total += spent.usage;
            total
        })
    }

    /// What all of it cost in USD; `None` where the price of some of it is not known, or nothing is used.
    pub fn cost(&self) -> Option<f64> {
        let used = self.used();
        let costs = used.by_model.values().map(|spent| spent.cost);
        if used.by_model.is_empty() { None } else { costs.sum::<Option<f64>>() }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    fn add(&mut self, model: &str, usage: Usage, cost: Option<f64>) {
        self.tokens = self.tokens.saturating_add(usage.input_tokens).saturating_add(usage.output_tokens);
        self.cost += cost.unwrap_or_default();
        let none = Spent { usage: Usage::default(), cost: Some(0.0) };
        let spent = self.by_model.entry(model.to_owned()).or_insert(none);
        spent.usage += usage;
        spent.cost = spent.cost.zip(cost).map(|(before, now)| before + now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Limits = Limits { tokens: None, cost: None, time: None, turns: None };

    fn prices() -> Prices {
        Prices::new("", [("a".to_owned(), Price::new(1.0, None, 1.0))].into())
    }

    fn usage(tokens: u64) -> Usage {
        Usage { input_tokens: tokens / 2, output_tokens: tokens - tokens / 2, ..Usage::default() }
    }

    #[test]
    fn a_limit_is_reached_when_it_is_used_up_and_not_before() {
        let turns = NonZeroU32::new(2);
        let table = [
            (NONE, 5_000_000, 9, 9, None),
            (Limits { tokens: Some(101), ..NONE }, 100, 0, 0, None),
            (Limits { tokens: Some(100), ..NONE }, 100, 0, 0, Some("100 tokens")),
            (Limits { cost: Some(1.0), ..NONE }, 999_999, 0, 0, None),
            (Limits { cost: Some(1.0), ..NONE }, 1_000_000, 0, 0, Some("$1 ")),
            (Limits { time: Some(Duration::from_secs(3)), ..NONE }, 0, 2, 0, None),
            (Limits { time: Some(Duration::from_secs(3)), ..NONE }, 0, 3, 0, Some("3 s")),
            (Limits { turns, ..NONE }, 0, 0, 1, None),
            (Limits { turns, ..NONE }, 0, 0, 2, Some("model, 2")),
        ];
        for (limits, tokens, seconds, requests, expected) in table {
            let budget = Budget::new(limits, &BTreeMap::new(), &prices());
            budget.charge("a", usage(tokens), prices().of("a"));
            let reached = budget.reached(Duration::from_secs(seconds), requests, None);
            let said = reached.map(|reached| reached.to_string()).unwrap_or_default();
            assert_eq!(reached.is_some(), expected.is_some(), "{limits:?}: {said}");
            assert!(said.contains(expected.unwrap_or_default()), "{limits:?}: {said}");
        }
        let budget = Budget::new(Limits { turns, ..NONE }, &BTreeMap::new(), &prices());
        assert_eq!(budget.reached(Duration::ZERO, 2, NonZeroU32::new(3)), None, "the turn's own limit stands above");
    }

    #[test]
    fn what_a_child_uses_its_parents_use() {
        let root = Budget::new(Limits { tokens: Some(100), ..NONE }, &BTreeMap::new(), &prices());
        let child = root.child(Limits { tokens: Some(1_000), ..NONE });
        let grandchild = child.child(Limits { tokens: Some(10), ..NONE });
        grandchild.charge("a", usage(10), None);
        assert_eq!(grandchild.used_up(), Some(Reached::Tokens { most: 10, used: 10 }));
        assert_eq!((child.used_up(), root.used_up()), (None, None), "its own limit is its own");
        child.charge("b", usage(90), None);
        let of_root = Some(Reached::Tokens { most: 100, used: 100 });
        assert_eq!((child.used_up(), root.used_up()), (of_root, of_root), "a parent's limit holds its children");
        assert_eq!(root.spent().keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_was_used_before_is_told_and_does_not_count() {
        let before = BTreeMap::from([("a".to_owned(), usage(1_000_000))]);
        let budget = Budget::new(Limits { cost: Some(0.5), ..NONE }, &before, &prices());
        assert_eq!((budget.cost(), budget.used_up()), (Some(1.0), None));
        budget.charge("a", usage(500_000), prices().of("a"));
        assert_eq!(budget.cost(), Some(1.5));
        assert_eq!(budget.used_up(), Some(Reached::Cost { most: 0.5, used: 0.5 }));
        budget.charge("unknown", usage(1), prices().of("unknown"));
        assert_eq!(budget.cost(), None, "what is not known is not guessed");
        assert_eq!(Budget::default().cost(), None);
    }
}
