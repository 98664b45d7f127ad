//! What is known about models by their ids: the table of `catalog.txt`, so that a new model is a line.
//!
//! An id that is not there is not an error and not worth a warning: local models have any name. Settings may override
//! every answer. It is looked up when a model is chosen, in a few microseconds; nothing is read before.

mod efforts;
mod table;

use url::Url;

use crate::{Options, Price};

pub use self::efforts::Efforts;

/// What is known of a model; `None`: nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Known {
    /// Tokens that a request may hold.
    pub context_window: Option<u64>,
    /// Tokens that an answer may have, thinking included.
    pub max_output_tokens: Option<u64>,
    /// Whether and how it thinks.
    pub thinking: Thinking,
    /// What else it takes.
    pub takes: Option<Takes>,
    /// The queues that its provider takes as a service tier, separated by commas.
    pub service_tiers: Option<&'static str>,
    /// What it costs there.
    pub price: Option<Price>,
    /// What the user says that it takes.
    pub said: Said,
}

/// What the user says that a model takes: it is sent whatever is usual for its server and its version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    /// A temperature.
    pub temperature: bool,
    /// How much to write.
    pub verbosity: bool,
    /// How much to think, in words.
    pub efforts: bool,
}

/// Whether and how a model thinks before it answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Thinking {
    /// Nobody knows: what is set is sent, and nothing else.
    #[default]
    Unknown,
    /// It does not, and takes no settings for it.
    No,
    /// As long as it likes: it takes no settings either.
    Fixed,
    /// As many tokens as it is given.
    Budget,
    /// As one of these efforts says.
    Efforts(Efforts),
    /// As it decides, within one of these efforts.
    Adaptive(Efforts),
}

/// What a model takes besides text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Takes {
    /// Images in messages.
    pub images: bool,
    /// A temperature.
    pub temperature: bool,
    /// How much to write.
    pub verbosity: bool,
}

impl Known {
    /// What is known of `model` as `provider` has it.
    pub fn of(provider: &str, model: &str) -> Self {
        table::find(provider, model)
    }

    /// The efforts that can be asked for; `None`: nobody knows.
    pub fn efforts(&self) -> Option<Efforts> {
        match self.thinking {
            Thinking::Unknown => None,
            Thinking::No | Thinking::Fixed => Some(Efforts::default()),
            // It takes none, but what they are is told in tokens.
            Thinking::Budget => Some(Efforts::new(["none", "low", "medium", "high", "xhigh", "max"])),
            Thinking::Efforts(efforts) | Thinking::Adaptive(efforts) => Some(efforts),
        }
    }

    /// Whether it may think, as far as anybody knows: servers ignore settings that they do not know, while OpenAI refuses
    /// those for thinking for its models that do not.
    pub fn may_think(&self) -> bool {
        self.thinking != Thinking::No
    }

    /// `wanted` without what it does not take, and with the nearest effort that it does.
    pub fn fit(&self, wanted: &Options) -> Options {
        let takes = self.takes.unwrap_or(Takes { images: true, temperature: true, verbosity: true });
        let effort = wanted.reasoning_effort.as_deref();
        let effort = effort.and_then(|effort| self.efforts().map_or(Some(effort), |efforts| efforts.nearest(effort)));
        let has_tier = |tier: &String| self.service_tiers.is_none_or(|tiers| tiers.split(',').any(|it| it == tier));
        Options {
            reasoning_effort: effort.map(str::to_owned),
            reasoning_summary: wanted.reasoning_summary.clone().filter(|_| self.may_think()),
            verbosity: wanted.verbosity.clone().filter(|_| takes.verbosity),
            service_tier: wanted.service_tier.clone().filter(has_tier),
            temperature: wanted.temperature.filter(|_| takes.temperature),
            max_output_tokens: wanted.max_output_tokens.map(|most| most.min(self.max_output_tokens.unwrap_or(most))),
        }
    }
}

/// Hosts of OpenAI's own API, the only ones known to hold a tool's input to a grammar.
const GRAMMAR_HOSTS: &[&str] = &["api.openai.com", "chatgpt.com"];

/// Hosts of vendors that search the web for their models.
const SEARCH_HOSTS: &[&str] = &["api.anthropic.com", "api.openai.com", "chatgpt.com"];

/// Whether the server at `base_url` is known to search the web for its models.
pub fn searches_the_web(base_url: &str) -> bool {
    let host = Url::parse(base_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| SEARCH_HOSTS.contains(&host.as_str()))
}

/// The first generation of `gpt-N` that takes grammars.
const FIRST_GENERATION_WITH_GRAMMARS: u32 = 5;

/// Whether `model` at `base_url` can be offered tools that are held to a grammar.
///
/// Only what is known to work: elsewhere a freeform tool is offered as a function, which works everywhere.
pub fn takes_grammars(base_url: &str, model: &str) -> bool {
    let host = Url::parse(base_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let generation = model.strip_prefix("gpt-").and_then(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse::<u32>().ok()
    });
    host.is_some_and(|host| GRAMMAR_HOSTS.contains(&host.as_str()))
        && generation.is_some_and(|generation| generation >= FIRST_GENERATION_WITH_GRAMMARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_reasoning() {
        for (model, window, reasoning) in [
            ("gpt-5.5", Some(272_000), true),
            ("gpt-6.1-sol", Some(272_000), true),
            ("openai/gpt-5-mini", Some(272_000), true),
            ("gpt-4.1-mini", Some(1_047_576), false),
            ("gpt-4o", Some(128_000), false),
            ("o4-mini", Some(200_000), true),
            ("gpt-oss:20b", Some(131_072), true),
            ("mock", None, true),
            ("", None, true),
        ] {
            let known = Known::of("", model);
            assert_eq!((known.context_window, known.may_think()), (window, reasoning), "{model}");
        }
    }

    #[test]
    fn what_a_model_does_not_take_is_left_out() {
        let wanted = Options {
            reasoning_effort: Some("max".into()),
            reasoning_summary: Some("detailed".into()),
            verbosity: Some("low".into()),
            service_tier: Some("flex".into()),
            temperature: Some(0.5),
            max_output_tokens: Some(100_000),
        };
        let nothing = Options::default();
        let table = [
            ("mine", "whatever", wanted.clone()),
            (
                "openai",
                "gpt-5.1",
                Options { temperature: None, reasoning_effort: Some("high".into()), ..wanted.clone() },
            ),
            (
                "openai",
                "gpt-4.1",
                Options {
                    max_output_tokens: Some(32_768),
                    temperature: Some(0.5),
                    service_tier: Some("flex".into()),
                    ..nothing.clone()
                },
            ),
            (
                "anthropic",
                "claude-sonnet-4-5",
                Options { verbosity: None, service_tier: None, max_output_tokens: Some(64_000), ..wanted.clone() },
            ),
            (
                "ollama",
                "llama3.1:8b",
                Options {
                    temperature: Some(0.5),
                    service_tier: Some("flex".into()),
                    max_output_tokens: Some(100_000),
                    ..nothing
                },
            ),
        ];
        for (provider, model, expected) in table {
            assert_eq!(Known::of(provider, model).fit(&wanted), expected, "{provider}/{model}");
        }
    }

    #[test]
    fn grammars_only_where_they_are_known_to_work() {
        const OPENAI: &str = "https://api.openai.com/v1";
        for (base_url, model, expected) in [
            (OPENAI, "gpt-5.5", true),
            (OPENAI, "gpt-6.1-sol", true),
            (OPENAI, "gpt-10", true),
            (OPENAI, "gpt-4.1", false),
            (OPENAI, "gpt-oss-120b", false),
            (OPENAI, "o4-mini", false),
            ("http://127.0.0.1:11434/v1", "gpt-5.5", false),
            ("https://api.openai.com.example.org/v1", "gpt-5.5", false),
            ("not a url", "gpt-5.5", false),
        ] {
            assert_eq!(takes_grammars(base_url, model), expected, "{model} at {base_url}");
        }
    }
}
