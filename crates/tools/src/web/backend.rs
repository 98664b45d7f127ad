//! Search engines that this program asks: how each is asked, and what its answer means.
//!
//! It must never follow a redirect: the key, and the query, are for the configured server.

use std::time::Duration;

use codex_net::{HttpClients, Question};
use codex_protocol::WebSource;
use serde_json::{Value, json};
use url::Url;

use super::Failure;

/// Longest answer that is read, in bytes.
const MOST_BYTES: usize = 4 << 20;

/// How long an answer may take.
const LONGEST: Duration = Duration::from_secs(30);

/// Most of what a server says of a failure that is repeated, in characters.
const MOST_WORDS: usize = 200;

/// Most characters of a result's text.
const SNIPPET: usize = 1000;

/// How a search engine is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendKind {
    /// A SearXNG server (Search API: `GET /search?format=json`).
    Searxng,
    /// Brave Search (Web Search API: `GET /web/search`).
    Brave,
    /// Tavily (`POST /search`).
    Tavily,
}

/// A search engine.
#[derive(Clone)]
pub struct Backend {
    /// How it is spoken to.
    pub kind: BackendKind,
    /// Address that request paths are appended to.
    pub base_url: String,
    /// Its key.
    pub api_key: Option<String>,
    /// The variable that the key is from, or would be.
    pub key_variable: Option<String>,
    /// Most results of a search.
    pub max_results: usize,
}

/// The key is a secret.
impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend")
            .field("kind", &self.kind)
            .field("base_url", &self.base_url)
            .field("key_variable", &self.key_variable)
            .field("max_results", &self.max_results)
            .finish_non_exhaustive()
    }
}

/// A result of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) source: WebSource,
    /// What the search engine shows of the page.
    pub(crate) snippet: String,
}

impl Backend {
    /// Searches for `query`: at most `most` results, best first.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub(crate) async fn search(&self, http: &HttpClients, query: &str, most: usize) -> Result<Vec<Hit>, Failure> {
        let failed = |reason: String| Failure::from(format!("the search engine {} {reason}", self.host()));
        let (status, body) = self.question(http, query, most)?.ask().await.map_err(failed)?;
        if status != 200 {
            return Err(Failure { said: self.words(&body), ..failed(self.refusal(status)) });
        }
        let answer: Value = serde_json::from_slice(&body).map_err(|_| {
            failed(format!("did not answer with JSON; is `search.base_url` right?{}", self.json_hint()))
        })?;
        let hits = self.hits(&answer).ok_or_else(|| failed("answered with something else than results".into()))?;
        Ok(hits.into_iter().take(most).collect())
    }

    /// The host that is asked, for people.
    fn host(&self) -> String {
        Url::parse(&self.base_url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }

    fn question<'a>(&self, clients: &'a HttpClients, query: &str, most: usize) -> Result<Question<'a>, String> {
        let path = match self.kind {
            BackendKind::Searxng | BackendKind::Tavily => "search",
            BackendKind::Brave => "web/search",
        };
        let mut url = Url::parse(&format!("{}/{path}", self.base_url.trim_end_matches('/')))
            .map_err(|error| format!("`search.base_url` is no address: {error}"))?;
        let count = most.to_string();
        let mut headers = vec![("accept", "application/json".to_owned())];
        let mut body = None;
        match self.kind {
            BackendKind::Searxng => {
                url.query_pairs_mut().extend_pairs([("q", query), ("format", "json")]);
            }
            BackendKind::Brave => {
                let pairs = [("q", query), ("count", &count), ("text_decorations", "false")];
                url.query_pairs_mut().extend_pairs(pairs);
            }
            BackendKind::Tavily => {
                headers.push(("content-type", "application/json".to_owned()));
                body = Some(json!({ "query": query, "max_results": most }).to_string());
            }
        }
        headers.extend(self.api_key.as_ref().map(|key| match self.kind {
            BackendKind::Brave => ("x-subscription-token", key.clone()),
            BackendKind::Searxng | BackendKind::Tavily => ("authorization", format!("Bearer {key}")),
        }));
        Ok(Question { url, headers, body, most: MOST_BYTES, limit: LONGEST, clients })
    }

    fn hits(&self, answer: &Value) -> Option<Vec<Hit>> {
        let (list, text) = match self.kind {
            BackendKind::Searxng | BackendKind::Tavily => ("/results", "content"),
            // Without results there is no `web` either.
            BackendKind::Brave if answer.get("type").is_some() && answer.get("web").is_none() => {
                return Some(Vec::new());
            }
            BackendKind::Brave => ("/web/results", "description"),
        };
        let hit = |result: &Value| {
            let word = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or_default();
            let url = codex_net::web_address(word("url")).ok()?;
            let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let snippet = line(word(text)).chars().take(SNIPPET).collect();
            Some(Hit { source: WebSource { title: line(word("title")), url: url.into() }, snippet })
        };
        Some(answer.pointer(list)?.as_array()?.iter().filter_map(hit).collect())
    }

    /// Why a search came to nothing.
    fn refusal(&self, status: u16) -> String {
        let variable = self.key_variable.as_deref().unwrap_or_default();
        match status {
            300..=399 => "redirects, which is not followed: write its real address into `search.base_url`".into(),
            401 | 403 if self.kind == BackendKind::Searxng => {
                format!("refused the search (HTTP {status}){}", self.json_hint())
            }
            401 | 403 => format!("did not take the key of `{variable}` (HTTP {status})"),
            429 => "has had too many searches (HTTP 429): wait, or search less".into(),
            code => format!("failed (HTTP {code})"),
        }
    }

    fn json_hint(&self) -> &'static str {
        match self.kind {
            BackendKind::Searxng => ". Its `settings.yml` must list `json` in `search.formats`",
            BackendKind::Brave | BackendKind::Tavily => "",
        }
    }

    /// The beginning of what a server says, without the key.
    fn words(&self, body: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(&body[..body.len().min(MOST_BYTES)]);
        let text = match &self.api_key {
            Some(key) if !key.is_empty() => text.replace(key.as_str(), "…"),
            _ => text.into_owned(),
        };
        // It may repeat the query: an address in that was not found.
        let text = text.replace("://", ": //");
        let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST_WORDS).collect();
        (!line.is_empty() && !line.starts_with('<')).then_some(line)
    }
}

#[cfg(test)]
#[path = "backend_tests.rs"]
mod tests;
