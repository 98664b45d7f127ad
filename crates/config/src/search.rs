//! Web search: `[search]`, and `web_search` as the existing CLI names it.

use serde::Deserialize;
use toml::Value;

use crate::ConfigError;
use crate::merge::Merged;

/// Whether the model may look at the web.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SearchMode {
    /// Not at all.
    #[default]
    Off,
    /// At what a search engine has kept; no page is asked for.
    Cached,
    /// At the web as it is.
    Live,
}

/// Search engines that are asked where the provider of the model searches nothing itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchProvider {
    /// A SearXNG server of the user's choice; it takes no key.
    Searxng,
    /// Brave Search.
    Brave,
    /// Tavily.
    Tavily,
}

impl SearchProvider {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Searxng => "searxng",
            Self::Brave => "brave",
            Self::Tavily => "tavily",
        }
    }

    /// Its usual address.
    fn base_url(self) -> Option<&'static str> {
        match self {
            Self::Searxng => None,
            Self::Brave => Some("https://api.search.brave.com/res/v1"),
            Self::Tavily => Some("https://api.tavily.com"),
        }
    }

    /// The environment variable that usually holds its key.
    fn variable(self) -> Option<&'static str> {
        match self {
            Self::Searxng => None,
            Self::Brave => Some("BRAVE_API_KEY"),
            Self::Tavily => Some("TAVILY_API_KEY"),
        }
    }
}

/// A search engine, ready to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchBackend {
    /// How it is spoken to.
    pub provider: SearchProvider,
    /// Address that request paths are appended to, without a slash at its end.
    pub base_url: String,
    /// Environment variable that holds its key. `None`: it takes none.
    pub api_key_env: Option<String>,
    /// Most results of a search.
    pub max_results: usize,
    /// Whether it may be asked where only open-weight models are.
    pub open: bool,
}

/// What the model may see of the web.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchSettings {
    /// Whether it may.
    pub mode: SearchMode,
    /// Whether that was said by `search`: then it is an error if nothing can search. `web_search` stands in files of the
    /// existing CLI, whose providers all can.
    pub is_required: bool,
    /// Who searches where the provider of the model does not.
    pub backend: Option<SearchBackend>,
    /// If there are some, only pages of these hosts and of those below them, as they were written; `*`: of all.
    pub allow_domains: Vec<String>,
    /// No pages of these hosts, nor of those below them.
    pub deny_domains: Vec<String>,
    /// Hosts whose pages may be read though their addresses are not public.
    pub private_hosts: Vec<String>,
}

/// The table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSearch {
    enabled: bool,
    provider: Option<SearchProvider>,
    base_url: Option<String>,
    api_key_env: Option<String>,
    max_results: usize,
    open: bool,
    #[serde(default)]
    allow_domains: Vec<String>,
    #[serde(default)]
    deny_domains: Vec<String>,
    #[serde(default)]
    private_hosts: Vec<String>,
}

impl RawSearch {
    /// The variable that holds the key of the search engine, whether or not it is used.
    pub(crate) fn variable(&self) -> Option<&str> {
        self.api_key_env.as_deref().or_else(|| self.provider?.variable())
    }

    /// With everything filled in.
    ///
    /// # Errors
    /// A search engine without an address, where it would be asked.
    pub(crate) fn resolve(self, other: Option<&Value>, merged: &Merged) -> Result<SearchSettings, ConfigError> {
        let mode = match other {
            _ if self.enabled && other.and_then(Value::as_str) != Some("cached") => SearchMode::Live,
            _ if self.enabled => SearchMode::Cached,
            Some(Value::Boolean(true)) => SearchMode::Live,
            Some(Value::String(word)) if word == "live" => SearchMode::Live,
            Some(Value::String(word)) if word == "cached" || word == "indexed" => SearchMode::Cached,
            _ => SearchMode::Off,
        };
        let api_key_env = self.variable().map(str::to_owned);
        let address = |provider: SearchProvider| {
            let base_url = self.base_url.clone().or_else(|| provider.base_url().map(str::to_owned));
            base_url.ok_or_else(|| {
                let message = format!("the search engine `{}` has no `search.base_url`", provider.name());
                merged.error("search.provider", message)
            })
        };
        let backend = match self.provider {
            Some(provider) if mode != SearchMode::Off => Some(SearchBackend {
                provider,
                base_url: address(provider)?.trim_end_matches('/').to_owned(),
                api_key_env,
                max_results: self.max_results,
                open: self.open,
            }),
            _ => None,
        };
        Ok(SearchSettings {
            mode,
            is_required: self.enabled,
            backend,
            allow_domains: self.allow_domains,
            deny_domains: self.deny_domains,
            private_hosts: self.private_hosts,
        })
    }
}
