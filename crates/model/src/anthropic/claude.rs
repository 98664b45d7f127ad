//! What models take that are spoken to in this format, by the version in their names.
//!
//! All of it is about the format itself: which form of thinking a model takes, and what else it refuses. An id that has no
//! such version is another vendor's, and gets what nobody refuses.

/// The version in a model's name, such as 406 for 4.6.
type Version = u32;

/// The first that thinks, with a budget.
const FIRST_WITH_BUDGET: Version = 307;
/// The first that may think between calls, if it is told so.
const FIRST_INTERLEAVED: Version = 400;
/// The first whose answer can be held to a JSON Schema.
const FIRST_WITH_SCHEMAS: Version = 405;
/// The first that decides by itself how much to think. It thinks between calls, too.
const FIRST_ADAPTIVE: Version = 406;
/// The first that takes the effort `xhigh`, and refuses a temperature.
const FIRST_WITH_XHIGH: Version = 407;
/// The first that refuses what it thought after another beginning, unless it is told to leave it out.
const FIRST_BOUND: Version = 501;

const INTERLEAVED_THINKING: &str = "interleaved-thinking-2025-05-14";
const THINKING_BINDING: &str = "thinking-binding-controls-2026-08-01";

/// Tokens of thinking by effort, for models that take a budget.
const BUDGETS: &[(&str, u64)] =
    &[("minimal", 1_024), ("low", 4_096), ("medium", 10_240), ("high", 24_576), ("xhigh", 32_000), ("max", 32_000)];
/// The budget if no effort is set, or one that is not known.
const BUDGET: u64 = 10_240;
/// Tokens that an answer may have if nothing else is known: what other vendors' servers take.
const OUTPUT: u64 = 32_000;
/// The effort that is none at all.
const NONE: &str = "none";

/// What is known of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claude {
    version: Option<Version>,
    is_opus: bool,
}

/// How a model is to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking<'a> {
    /// It is not asked to.
    Unasked,
    /// With so many tokens.
    Budget(u64),
    /// As much as it finds right.
    Adaptive {
        /// What to leave out is told, since the model would refuse the request for it.
        is_bound: bool,
    },
    /// As little as it does by itself, with this effort.
    Least(&'a str),
}

/// The features that `model` has to be told to switch on: the header `anthropic-beta`.
pub(crate) fn betas(model: &str) -> Option<&'static str> {
    match Claude::of(model).version? {
        FIRST_BOUND.. => Some(THINKING_BINDING),
        FIRST_INTERLEAVED..FIRST_ADAPTIVE => Some(INTERLEAVED_THINKING),
        _ => None,
    }
}

impl Claude {
    /// `claude-3-7-sonnet-20250219`, `anthropic/claude-opus-4.6`, `us.anthropic.claude-sonnet-5-v1:0`.
    pub(super) fn of(model: &str) -> Self {
        let name = model.to_ascii_lowercase();
        let Some((_, name)) = name.split_once("claude-") else { return Self { version: None, is_opus: false } };
        let mut words = name.split(['-', '.', '@', ':', '_', '[']);
        let number = |word: &str| word.parse::<u32>().ok().filter(|_| word.len() <= 2);
        let major = words.by_ref().find_map(number);
        let minor = words.next().and_then(number).unwrap_or_default();
        Self { version: major.map(|major| 100 * major + minor), is_opus: name.contains("opus") }
    }

    /// Tokens that an answer may have at most.
    pub(super) fn output_limit(self) -> u64 {
        match self.version {
            None => OUTPUT,
            Some(..305) => 4_096,
            Some(..FIRST_WITH_BUDGET) => 8_192,
            Some(FIRST_INTERLEAVED..FIRST_WITH_SCHEMAS) if self.is_opus => 32_000,
            Some(_) => 64_000,
        }
    }

    /// Whether an answer can be held to a JSON Schema; else the model is told to.
    pub(super) fn takes_schemas(self) -> bool {
        self.version >= Some(FIRST_WITH_SCHEMAS)
    }

    /// Whether it takes a temperature, as long as it is not asked to think.
    pub(super) fn takes_temperature(self) -> bool {
        self.version < Some(FIRST_WITH_XHIGH)
    }

    /// How it is to think when `effort` is set, in an answer of at most `limit` tokens.
    pub(super) fn thinking(self, effort: Option<&str>, limit: u64) -> Thinking<'_> {
        match (self.version, effort) {
            (Some(FIRST_ADAPTIVE..), Some(NONE)) => Thinking::Least("low"),
            (Some(version @ FIRST_ADAPTIVE..), _) => Thinking::Adaptive { is_bound: version >= FIRST_BOUND },
            (_, Some(NONE)) | (None, None) | (Some(..FIRST_WITH_BUDGET), _) => Thinking::Unasked,
            (_, effort) => {
                let budget =
                    BUDGETS.iter().find(|(name, _)| Some(*name) == effort).map_or(BUDGET, |(_, budget)| *budget);
                // The answer itself needs room, too; and there is a smallest budget.
                match budget.min(limit / 4 * 3) {
                    ..1_024 => Thinking::Unasked,
                    budget => Thinking::Budget(budget),
                }
            }
        }
    }

    /// `effort` in this model's words, if it takes one.
    pub(super) fn effort(self, effort: &str) -> Option<&str> {
        let version = self.version.filter(|version| *version >= FIRST_ADAPTIVE)?;
        Some(match effort {
            NONE | "minimal" => "low",
            "xhigh" if version < FIRST_WITH_XHIGH => "high",
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_names() {
        for (model, version) in [
            ("claude-3-opus-20240229", Some(300)),
            ("claude-3-7-sonnet-20250219", Some(307)),
            ("claude-opus-4-20250514", Some(400)),
            ("claude-haiku-4-5-20251001", Some(405)),
            ("anthropic/claude-opus-4.6", Some(406)),
            ("us.anthropic.claude-opus-4-6-v1:0", Some(406)),
            ("claude-sonnet-5", Some(500)),
            ("claude-fable-5-1", Some(501)),
            ("claude-sonnet-4-6[1m]", Some(406)),
            ("claude-next", None),
            ("deepseek-v4", None),
            ("", None),
        ] {
            assert_eq!(Claude::of(model).version, version, "{model}");
        }
    }

    #[test]
    fn thinking_as_each_generation_takes_it() {
        use Thinking::{Adaptive, Budget, Least, Unasked};
        let free = Adaptive { is_bound: false };
        for (model, effort, expected) in [
            ("claude-3-5-haiku-latest", Some("high"), Unasked),
            ("claude-3-7-sonnet-20250219", Some("low"), Budget(4_096)),
            ("claude-opus-4-1", None, Budget(10_240)),
            ("claude-opus-4-1", Some("max"), Budget(24_000)),
            ("claude-haiku-4-5", Some("none"), Unasked),
            ("claude-opus-4-6", None, free),
            ("claude-opus-4-6", Some("none"), Least("low")),
            ("claude-sonnet-5", Some("high"), free),
            ("claude-opus-5-5", None, Adaptive { is_bound: true }),
            ("kimi-k2", None, Unasked),
            ("kimi-k2", Some("high"), Budget(24_000)),
        ] {
            let claude = Claude::of(model);
            assert_eq!(claude.thinking(effort, claude.output_limit()), expected, "{model} {effort:?}");
        }
        assert_eq!(Claude::of("claude-opus-4-1").thinking(Some("high"), 1_000), Unasked);
    }

    #[test]
    fn what_else_a_generation_takes() {
        for (model, output, schemas, temperature, xhigh, betas) in [
            ("claude-3-opus-20240229", 4_096, false, true, None, None),
            ("claude-3-5-haiku-latest", 8_192, false, true, None, None),
            ("claude-opus-4-1", 32_000, false, true, None, Some(INTERLEAVED_THINKING)),
            ("claude-sonnet-4-5", 64_000, true, true, None, Some(INTERLEAVED_THINKING)),
            ("claude-opus-4-6", 64_000, true, true, Some("high"), None),
            ("claude-opus-4-7", 64_000, true, false, Some("xhigh"), None),
            ("claude-fable-5-1", 64_000, true, false, Some("xhigh"), Some(THINKING_BINDING)),
            ("minimax-m2", 32_000, false, true, None, None),
        ] {
            let claude = Claude::of(model);
            let found = (claude.output_limit(), claude.takes_schemas(), claude.takes_temperature());
            assert_eq!(found, (output, schemas, temperature), "{model}");
            assert_eq!((claude.effort("xhigh"), super::betas(model)), (xhigh, betas), "{model}");
        }
    }
}
