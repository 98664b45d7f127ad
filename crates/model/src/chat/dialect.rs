//! What a server takes and wants in a request, by its host: from the vendors' documentation and their error messages.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
    net::IpAddr,
};

use url::{Host, Url};

use crate::HttpConfig;

/// Hosts of OpenAI's models, those in Azure included.
const OPENAI: &[&str] = &["api.openai.com", "openai.azure.com", "services.ai.azure.com", "cognitiveservices.azure.com"];
const MISTRAL: &[&str] = &["mistral.ai"];
const DEEPSEEK: &[&str] = &["api.deepseek.com"];

/// Characters of an id of a call at Mistral's, which takes no others.
const MISTRAL_ID: usize = 9;

/// How a model is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Dialect {
    server: Server,
    /// Host and model: what they have sealed, they alone get back.
    origin: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Server {
    OpenAi,
    Mistral,
    DeepSeek,
    /// In this machine or this network: llama.cpp, Ollama, vLLM, …
    Local,
    /// What is the same everywhere.
    Other,
}

impl Dialect {
    /// Of `model` at the server that `config` is about.
    pub(crate) fn of(config: &HttpConfig, model: &str) -> Self {
        let url = Url::parse(config.base_url.trim()).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        let is_of = |hosts: &[&str]| {
            hosts
                .iter()
                .any(|known| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
        };
        let server = match url.as_ref().and_then(Url::host) {
            _ if is_of(OPENAI) => Server::OpenAi,
            _ if is_of(MISTRAL) => Server::Mistral,
            _ if is_of(DEEPSEEK) => Server::DeepSeek,
            Some(host) if config.open_weights || is_near(&host) => Server::Local,
            _ => Server::Other,
        };
        Self { server, origin: format!("{host} {model}") }
    }

    /// For the words of a conversation, which are different in each.
    pub(super) fn number(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// Who seals, and opens.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether instructions may stand anywhere, in the role `developer`. Elsewhere there is one message of the role
    /// `system`, at the beginning: templates of open models refuse another.
    pub(super) fn has_developer(&self) -> bool {
        self.server == Server::OpenAi
    }

    /// Whether a message of the user may follow a tool's result at once.
    pub(super) fn lets_user_follow_result(&self) -> bool {
        self.server != Server::Mistral
    }

    /// Whether `stream_options` are taken. Where they are not, usage comes unasked.
    pub(super) fn has_stream_options(&self) -> bool {
        self.server != Server::Mistral
    }

    /// Whether it must be told that it may call several tools at once. Vendors do so by default, and some of their models
    /// refuse the word.
    pub(super) fn asks_for_parallel_calls(&self) -> bool {
        self.server == Server::Local
    }

    /// Whether it can be told where to look for a cached prefix, and to store nothing.
    pub(super) fn has_cache_keys(&self) -> bool {
        self.server == Server::OpenAi
    }

    /// Whether it holds an answer to a JSON Schema; else to JSON of any shape.
    pub(super) fn has_schemas(&self) -> bool {
        self.server != Server::DeepSeek
    }

    /// What the limit of an answer is called.
    pub(super) fn limit_name(&self) -> &'static str {
        if self.server == Server::OpenAi { "max_completion_tokens" } else { "max_tokens" }
    }

    /// Whether `temperature` is refused by models that think.
    pub(super) fn fixes_temperature(&self) -> bool {
        self.server == Server::OpenAi
    }

    /// Whether `reasoning_effort` is taken.
    pub(super) fn has_efforts(&self) -> bool {
        self.server != Server::Mistral
    }

    /// Whether `verbosity` is taken.
    pub(super) fn has_verbosity(&self) -> bool {
        self.server == Server::OpenAi
    }

    /// The id of a call as the server takes it, always the same for the same id.
    pub(super) fn call_id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        let fits = id.len() == MISTRAL_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if self.server != Server::Mistral || fits {
            return Cow::Borrowed(id);
        }
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        Cow::Owned(format!("{:016x}", hasher.finish())[..MISTRAL_ID].to_owned())
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
        Dialect::of(&HttpConfig::new(WireFormat::ChatCompletions, base_url), "m")
    }

    #[test]
    fn servers_are_known_by_their_hosts() {
        for (base_url, expected) in [
            ("https://api.openai.com/v1", Server::OpenAi),
            ("https://my-resource.openai.azure.com/openai/v1", Server::OpenAi),
            ("https://notopenai.azure.com/v1", Server::Other),
            ("https://api.openai.com.example.org/v1", Server::Other),
            ("https://api.mistral.ai/v1", Server::Mistral),
            ("https://api.deepseek.com", Server::DeepSeek),
            ("https://openrouter.ai/api/v1", Server::Other),
            ("http://localhost:11434/v1", Server::Local),
            ("http://127.0.0.1:8080/v1", Server::Local),
            ("http://192.168.1.2/v1", Server::Local),
            ("http://[::1]:1234/v1", Server::Local),
            ("http://8.8.8.8/v1", Server::Other),
            ("nonsense", Server::Other),
        ] {
            assert_eq!(dialect(base_url).server, expected, "{base_url}");
        }
        let open =
            HttpConfig { open_weights: true, ..HttpConfig::new(WireFormat::ChatCompletions, "https://far.example/v1") };
        assert_eq!(Dialect::of(&open, "m").server, Server::Local);
    }

    #[test]
    fn ids_of_calls_fit_where_only_some_do() {
        let (mistral, other) = (dialect("https://api.mistral.ai/v1"), dialect("https://api.openai.com/v1"));
        for (id, kept) in
            [("abcDEF123", true), ("call_1", false), ("abc-ef123", false), ("call_0123456789abcdef", false)]
        {
            let fitting = mistral.call_id(id);
            assert_eq!((fitting == id, fitting.len(), fitting.is_ascii()), (kept, 9, true), "{id}");
            assert_eq!((mistral.call_id(id), other.call_id(id)), (fitting, id.into()));
        }
        assert_ne!(mistral.call_id("call_1"), mistral.call_id("call_2"));
    }
}
