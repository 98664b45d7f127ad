//! What is known about models by their ids: data, so that a new model is a line.
//!
//! An id that is not here is not an error and not worth a warning: local models have any name. Settings may override
//! every answer.

use url::Url;

/// A family of models, by how their ids begin.
struct Family {
    prefix: &'static str,
    /// Tokens that a request may hold.
    context_window: u64,
    /// Whether it thinks before it answers, and so takes `reasoning` settings.
    reasons: bool,
}

const fn family(prefix: &'static str, context_window: u64, reasons: bool) -> Family {
    Family { prefix, context_window, reasons }
}

/// The first that fits counts, so a longer prefix stands before a shorter one.
///
/// Windows are what a request may hold, which for some models is less than the figure in the headline: the rest of
/// that is kept for the answer.
const FAMILIES: &[Family] = &[
    family("codex-mini", 200_000, true),
    family("gpt-3.5", 16_385, false),
    family("gpt-4-turbo", 128_000, false),
    family("gpt-4.1", 1_047_576, false),
    family("gpt-4o", 128_000, false),
    family("gpt-4", 8_192, false),
    family("gpt-5-chat", 128_000, false),
    family("gpt-5", 272_000, true),
    family("gpt-6", 272_000, true),
    family("gpt-oss", 131_072, true),
    family("o1", 200_000, true),
    family("o3", 200_000, true),
    family("o4-mini", 200_000, true),
];

/// Hosts of OpenAI's own API, the only ones known to hold a tool's input to a grammar.
const GRAMMAR_HOSTS: &[&str] = &["api.openai.com", "chatgpt.com"];

/// The first generation of `gpt-N` that takes grammars.
const FIRST_GENERATION_WITH_GRAMMARS: u32 = 5;

fn find(model: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| plain_id(model).starts_with(family.prefix))
}

/// The id without the vendor that gateways put in front: `openai/gpt-5` is `gpt-5`.
fn plain_id(model: &str) -> &str {
    model.rsplit_once('/').map_or(model, |(_, id)| id)
}

/// Tokens that a request to `model` may hold, if the model is known.
pub fn context_window(model: &str) -> Option<u64> {
    find(model).map(|family| family.context_window)
}

/// Whether `model` takes `reasoning` settings. Unknown models are assumed to: servers ignore what they do not know,
/// while OpenAI refuses the settings for the known models that do not reason.
pub fn reasons(model: &str) -> bool {
    find(model).is_none_or(|family| family.reasons)
}

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
            assert_eq!((context_window(model), reasons(model)), (window, reasoning), "{model}");
        }
    }

    #[test]
    fn no_prefix_hides_a_longer_one() {
        for (place, family) in FAMILIES.iter().enumerate() {
            let hidden = FAMILIES[..place].iter().find(|earlier| family.prefix.starts_with(earlier.prefix));
            assert!(hidden.is_none(), "{} is never reached", family.prefix);
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
