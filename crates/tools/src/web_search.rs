//! `web_search`: asks a search engine, or has the vendor of the model ask one.
//!
//! What leaves is the query, and it goes to the configured server alone.

use std::sync::Arc;

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_net::HttpClients;
use codex_permissions::Access;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Effect, Prepared, Searcher, Tool, ToolContext, ToolError, arguments,
    web::{WebCall, untrusted},
};

const NAME: &str = "web_search";

/// Longest query, in characters.
const LONGEST: usize = 400;

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    query: String,
    max_results: Option<usize>,
}

/// The JSON Schema of a call's arguments.
pub(crate) fn schema() -> serde_json::Value {
    arguments::schema::<Args>()
}

/// Searches the web.
#[derive(Debug)]
pub(crate) struct WebSearch {
    searcher: Arc<Searcher>,
    http: Arc<HttpClients>,
}

impl WebSearch {
    pub(crate) fn new(searcher: Searcher, http: Arc<HttpClients>) -> Self {
        Self { searcher: Arc::new(searcher), http }
    }

    pub(crate) fn spec_of(input: ToolInput) -> ToolSpec {
        ToolSpec { name: NAME.into(), description: include_str!("web_search.md").trim().to_owned(), input }
    }
}

impl Tool for WebSearch {
    fn name(&self) -> &str {
        NAME
    }

    fn spec(&self) -> ToolSpec {
        let input = match &*self.searcher {
            Searcher::Vendor { live, .. } => ToolInput::WebSearch { live: *live },
            Searcher::Backend(_) => ToolInput::Json { schema: schema() },
        };
        Self::spec_of(input)
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        if self.searcher.backend().is_none() {
            return Err(ToolError("the search is not called: it is made while you answer. Nothing was done".into()));
        }
        let Args { query, max_results } = arguments::parse(arguments)?;
        let query = query.trim().to_owned();
        if query.is_empty() || query.chars().count() > LONGEST {
            return Err(ToolError(format!("`query` must have 1 to {LONGEST} characters. Nothing was done")));
        }
        let call = WebCall::search(&query, context);
        let (searcher, http) = (Arc::clone(&self.searcher), Arc::clone(&self.http));
        Ok(call.looking(Access::default(), context.cancel.clone(), move |_| async move {
            let Some(backend) = searcher.backend() else { return Err("nothing searches".into()) };
            let most = max_results.unwrap_or(backend.max_results).clamp(1, backend.max_results);
            let hits = backend.search(&http, &query, most).await?;
            if hits.is_empty() {
                return Ok(("Nothing was found.".into(), Vec::new()));
            }
            let lines = hits.iter().enumerate().map(|(at, hit)| {
                format!("{}. {}\n   {}\n   {}", at + 1, hit.source.title, hit.source.url, hit.snippet)
            });
            let text = lines.collect::<Vec<_>>().join("\n");
            Ok((untrusted("a search engine", &text), hits.into_iter().map(|hit| hit.source).collect()))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Backend, BackendKind,
        testing::{context, json},
    };

    fn tool(searcher: Searcher) -> WebSearch {
        WebSearch::new(searcher, Arc::default())
    }

    #[test]
    fn a_search_that_is_none_is_refused() {
        let scene = context();
        let own = tool(Searcher::Backend(Backend {
            kind: BackendKind::Searxng,
            base_url: "http://127.0.0.1:1".into(),
            api_key: None,
            key_variable: None,
            max_results: 5,
        }));
        let long = format!(r#"{{"query":"{}"}}"#, "x".repeat(401));
        for call in ["{}", r#"{"query":" "}"#, &long] {
            assert!(own.prepare(&json(call), &scene.context).is_err(), "{call}");
        }
        assert!(own.prepare(&json(r#"{"query":"x"}"#), &scene.context).is_ok());
        assert!(matches!(own.spec().input, ToolInput::Json { .. }));
        let vendor = tool(Searcher::Vendor { live: false, otherwise: None });
        assert_eq!(vendor.spec().input, ToolInput::WebSearch { live: false });
        assert!(vendor.prepare(&json(r#"{"query":"x"}"#), &scene.context).is_err());
    }
}
