//! What a server takes and wants in a request, by its host: from the vendors' documentation and their error messages.

use std::net::IpAddr;

use url::{Host, Url};

use crate::HttpConfig;

/// Hosts of OpenAI's models, those in Azure included.
const OPENAI: &[&str] = &["api.openai.com", "openai.azure.com", "services.ai.azure.com", "cognitiveservices.azure.com"];
const MISTRAL: &[&str] = &["mistral.ai"];
const DEEPSEEK: &[&str] = &["api.deepseek.com"];

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    OpenAi,
    Mistral,
    DeepSeek,
    /// In this machine or this network: llama.cpp, Ollama, vLLM, …
    Local,
    /// What is the same everywhere.
    Other,
}

impl Dialect {
    /// Of the server that `config` is about.
    pub(super) fn of(config: &HttpConfig) -> Self {
        let url = Url::parse(config.base_url.trim()).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        let is_of = |hosts: &[&str]| {
            hosts
                .iter()
                .any(|known| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
        };
        match url.as_ref().and_then(Url::host) {
            _ if is_of(OPENAI) => Self::OpenAi,
            _ if is_of(MISTRAL) => Self::Mistral,
            _ if is_of(DEEPSEEK) => Self::DeepSeek,
            Some(host) if config.open_weights || is_near(&host) => Self::Local,
            _ => Self::Other,
        }
    }

    /// For the words of a conversation, which are different in each.
    pub(super) fn number(self) -> u64 {
        self as u64
    }

    /// Whether instructions may stand anywhere, in the role `developer`. Elsewhere there is one message of the role
    /// `system`, at the beginning: templates of open models refuse another.
    pub(super) fn has_developer(self) -> bool {
        self == Self::OpenAi
    }

    /// Whether a message of the user may follow a tool's result at once.
    pub(super) fn lets_user_follow_result(self) -> bool {
        self != Self::Mistral
    }

    /// Whether `stream_options` are taken. Where they are not, usage comes unasked.
    pub(super) fn has_stream_options(self) -> bool {
        self != Self::Mistral
    }

    /// Whether it must be told that it may call several tools at once. Vendors do so by default, and some of their models
    /// refuse the word.
    pub(super) fn asks_for_parallel_calls(self) -> bool {
        self == Self::Local
    }

    /// Whether it can be told where to look for a cached prefix, and to store nothing.
    pub(super) fn has_cache_keys(self) -> bool {
        self == Self::OpenAi
    }

    /// Whether it holds an answer to a JSON Schema; else to JSON of any shape.
    pub(super) fn has_schemas(self) -> bool {
        self != Self::DeepSeek
    }

    /// What the limit of an answer is called.
    pub(super) fn limit_name(self) -> &'static str {
        if self == Self::OpenAi { "max_completion_tokens" } else { "max_tokens" }
    }

    /// Whether `temperature` is refused by models that think.
    pub(super) fn fixes_temperature(self) -> bool {
        self == Self::OpenAi
    }

    /// Whether `reasoning_effort` is taken.
    pub(super) fn has_efforts(self) -> bool {
        self != Self::Mistral
    }

    /// Whether `verbosity` is taken.
    pub(super) fn has_verbosity(self) -> bool {
        self == Self::OpenAi
    }
}

/// Whether `host` is in this machine or this network.
fn is_near(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost") || name.ends_with(".local"),
        Host::Ipv4(address) => address.is_loopback() || address.is_private(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback() || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WireFormat;

    fn dialect(base_url: &str) -> Dialect {
        Dialect::of(&HttpConfig::new(WireFormat::ChatCompletions, base_url))
    }

    #[test]
    fn servers_are_known_by_their_hosts() {
        for (base_url, expected) in [
            ("https://api.openai.com/v1", Dialect::OpenAi),
            ("https://my-resource.openai.azure.com/openai/v1", Dialect::OpenAi),
            ("https://notopenai.azure.com/v1", Dialect::Other),
            ("https://api.openai.com.example.org/v1", Dialect::Other),
            ("https://api.mistral.ai/v1", Dialect::Mistral),
            ("https://api.deepseek.com", Dialect::DeepSeek),
            ("https://openrouter.ai/api/v1", Dialect::Other),
            ("http://localhost:11434/v1", Dialect::Local),
            ("http://127.0.0.1:8080/v1", Dialect::Local),
            ("http://192.168.1.2/v1", Dialect::Local),
            ("http://[::1]:1234/v1", Dialect::Local),
            ("http://8.8.8.8/v1", Dialect::Other),
            ("nonsense", Dialect::Other),
        ] {
            assert_eq!(dialect(base_url), expected, "{base_url}");
        }
        let open =
            HttpConfig { open_weights: true, ..HttpConfig::new(WireFormat::ChatCompletions, "https://far.example/v1") };
        assert_eq!(Dialect::of(&open), Dialect::Local);
    }
}
