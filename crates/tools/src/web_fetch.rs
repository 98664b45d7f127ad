//! `web_fetch`: a page of the web as text.
//!
//! It runs in this process, not in the sandbox: what leaves is the address, and nothing that comes back is run.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_net::{Found, NamedBy, Page, Web, WebLimits, web_address};
use codex_permissions::{Access, Fetch};
use codex_protocol::WebSource;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::{
    Effect, Prepared, Tool, ToolContext, ToolError, arguments,
    web::{Looked, WebCall, text_of, untrusted},
};

/// What is read of a page at most.
const LIMITS: WebLimits = WebLimits { bytes: 5 << 20, time: Duration::from_secs(60) };

/// Held while a page becomes text, which may take all of a core and much memory.
static READING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Most characters that one call returns.
const MOST: usize = 40_000;

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    /// Begins with `https://` or `http://`.
    url: String,
    /// Character to start from, counted from 0.
    start: Option<usize>,
}

/// The page at the address `text`, if it is one; nothing speaks for it yet.
pub fn page(text: &str) -> Option<Fetch> {
    web_address(text).ok().map(|url| fetch(&url))
}

fn fetch(url: &Url) -> Fetch {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_owned();
    Fetch { url: url.to_string(), host, ..Fetch::default() }
}

/// Reads pages.
#[derive(Debug)]
pub(crate) struct WebFetch {
    web: Arc<Web>,
    /// The page that was read last: its parts are asked for one after the other.
    last: Arc<Mutex<Option<Text>>>,
}

/// A page as text.
#[derive(Debug, Clone)]
struct Text {
    asked: Url,
    /// Where it was in the end.
    url: Url,
    text: Arc<str>,
    /// What is to be said of it.
    notes: String,
}

impl WebFetch {
    pub(crate) fn new(web: Web) -> Self {
        Self { web: Arc::new(web), last: Arc::default() }
    }
}

impl Tool for WebFetch {
    fn name(&self) -> &str {
        "web_fetch"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
            description: include_str!("web_fetch.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Args>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let Args { url: asked, start } = arguments::parse(arguments)?;
        let cannot = |reason: String| ToolError(format!("cannot read {asked}: {reason}. Nothing was asked for"));
        let url = web_address(&asked).map_err(cannot)?;
        self.web.check(&url).map_err(|error| cannot(error.to_string()))?;
        let fetch = Fetch { is_listed: self.web.is_listed(&url), ..fetch(&url) };
        let access = Access { fetch: Some(fetch), ..Access::default() };
        let (web, last, start) = (Arc::clone(&self.web), Arc::clone(&self.last), start.unwrap_or_default());
        Ok(WebCall::page(url.as_str(), context).looking(access, context.cancel.clone(), move |permission| async move {
            let by = if permission.host_is_said { NamedBy::User } else { NamedBy::Other };
            let kept = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let text = match kept.filter(|kept| start > 0 && kept.asked == url) {
                Some(kept) => kept,
                None => match read(&web, &url, by).await? {
                    Read::Text(text) => text,
                    Read::Elsewhere(sentence) => return Ok((sentence, Vec::new())),
                },
            };
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.clone());
            part(&text, start)
        }))
    }
}

/// What an address led to.
enum Read {
    Text(Text),
    /// To another site: a sentence that says so.
    Elsewhere(String),
}

async fn read(web: &Web, url: &Url, by: NamedBy) -> Result<Read, String> {
    let cannot = |reason: &str| format!("cannot read {url}: {reason}");
    let page = match web.get(url, by, LIMITS).await.map_err(|error| cannot(&error.to_string()))? {
        Found::Page(page) => page,
        Found::Elsewhere(to) => {
            let sentence = format!("{url} leads to another site. To read on there, ask for this address:");
            return Ok(Read::Elsewhere(format!("{sentence}\n{}", untrusted(url.as_str(), to.as_str()))));
        }
    };
    let Page { url: at, status, content_type, body, is_whole } = page;
    let alone = READING.lock().await;
    let convert = move || {
        // An interrupt ends the waiting for it, and not the work.
        let _alone = alone;
        text_of(content_type.as_deref(), &body)
    };
    let converted = tokio::task::spawn_blocking(convert).await;
    let text = converted.map_err(|error| cannot(&error.to_string()))?.map_err(|reason| cannot(&reason))?;
    let mut notes = String::new();
    if !(200..300).contains(&status) {
        notes.push_str(&format!("The server says that it failed (HTTP {status}). "));
    }
    if at != *url {
        notes.push_str(&format!("It is at {at} now. "));
    }
    if !is_whole {
        notes.push_str(&format!("Only its first {} MB were read. ", LIMITS.bytes >> 20));
    }
    Ok(Read::Text(Text { asked: url.clone(), url: at, text: text.into(), notes }))
}

/// The part of a page that begins at its character `start`.
fn part(page: &Text, start: usize) -> Looked {
    let Text { url, text, notes, .. } = page;
    let of = text.chars().count();
    if start > 0 && start >= of {
        return Err(format!("{url} has {of} characters: there is nothing from {start} on").into());
    }
    let shown: String = text.chars().skip(start).take(MOST).collect();
    let to = start + shown.chars().count();
    let mut said = notes.clone();
    if start > 0 || to < of {
        said.push_str(&format!("Characters {start} to {to} of {of}. "));
    }
    if to < of {
        said.push_str(&format!("For more, call again with `start` {to}. "));
    }
    let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default().trim();
    let source = WebSource { title: title.chars().take(200).collect(), url: url.to_string() };
    let shown = if shown.trim().is_empty() { "(there is no text)" } else { &shown };
    let said = said.trim_end();
    let space = if said.is_empty() { "" } else { "\n" };
    Ok((format!("{said}{space}{}", untrusted(url.as_str(), shown)), vec![source]))
}

#[cfg(test)]
#[path = "web_fetch_tests.rs"]
mod tests;
