//! Where requests go and with what headers, made once from the settings.
//!
//! The key is in here and nowhere else; it must not reach a message, a log or `Debug`.

use std::sync::Arc;

use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use url::Url;

use super::{
    HttpConfig,
    secrets::{self, Secrets},
};
use crate::{Failure, FailureKind};

/// A ready address.
pub(super) struct Endpoint {
    pub(super) url: Url,
    /// The address as messages show it: without the user and the query, which may hold a key.
    pub(super) shown: String,
    pub(super) headers: HeaderMap,
    pub(super) key: Key,
    pub(super) secrets: Arc<Secrets>,
}

/// What is known about the key, for messages.
pub(super) struct Key {
    variable: Option<String>,
    is_set: bool,
    instructions: Option<String>,
    /// Headers that lack their variable, and the variable.
    unset: Vec<(String, String)>,
}

impl Endpoint {
    /// Settings that cannot work are a failure of every request, not of starting the program.
    pub(super) fn new(config: &HttpConfig) -> Result<Self, Failure> {
        Self::at(config, config.format.path())
    }

    /// The same server at another path.
    pub(super) fn at(config: &HttpConfig, path: &str) -> Result<Self, Failure> {
        let url = address(config, path)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("codex/", env!("CARGO_PKG_VERSION"))));
        set(&mut headers, "originator", &config.originator)?;
        for (name, value) in config.format.headers() {
            set(&mut headers, name, value)?;
        }
        // Keys that were read from files end in newlines, and an empty one is none.
        let key = config.api_key.as_deref().map(str::trim).filter(|key| !key.is_empty());
        let secrets = Arc::new(Secrets::new(key, &config.http_headers, &url));
        if let Some(key) = key {
            let (name, value) = match &config.key_header {
                Some(own) if own.eq_ignore_ascii_case("authorization") => (own.as_str(), format!("Bearer {key}")),
                Some(own) => (own.as_str(), key.to_owned()),
                None => config.format.key_header(key),
            };
            let name = HeaderName::try_from(name)
                .map_err(|_| wrong(format!("`{}` is not the name of a header", name.escape_debug())))?;
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| wrong("the API key holds characters that no header may hold".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        for (name, value) in &config.http_headers {
            set(&mut headers, name, value)?;
        }
        let key = Key {
            variable: config.key_variable.clone(),
            is_set: config
                .format
                .key_headers()
                .iter()
                .copied()
                .chain(config.key_header.as_deref())
                .any(|name| headers.contains_key(name)),
            instructions: config.env_key_instructions.as_deref().map(|text| secrets.line(text)),
            unset: config.header_variables.clone(),
        };
        Ok(Self { shown: secrets::shown(url.as_str()), url, headers, key, secrets })
    }
}

/// The base URL with a path at its end and the parameters at the end of its query.
fn address(config: &HttpConfig, path: &str) -> Result<Url, Failure> {
    let mut url = Url::parse(config.base_url.trim()).map_err(|error| {
        wrong(format!("the base URL `{}` is not a URL: {error}", secrets::shown(config.base_url.trim())))
    })?;
    let path = format!("{}/{}", url.path().trim_end_matches('/'), path);
    url.set_path(&path);
    url.set_fragment(None);
    if !config.query_params.is_empty() {
        url.query_pairs_mut().extend_pairs(&config.query_params);
    }
    Ok(url)
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Failure> {
    let bad = || wrong(format!("the HTTP header `{name}` is not one that can be sent"));
    let mut header = HeaderValue::try_from(value).map_err(|_| bad())?;
    header.set_sensitive(true);
    headers.insert(HeaderName::try_from(name).map_err(|_| bad())?, header);
    Ok(())
}

fn wrong(message: String) -> Failure {
    Failure { kind: FailureKind::Configuration, message, retry_after: None }
}

impl Key {
    /// A failure if a key is to come from a variable that is not set: asking without one would only say less.
    pub(super) fn missing(&self) -> Option<Failure> {
        let variable = self.variable.as_deref().filter(|_| !self.is_set)?;
        let mut message = match secrets::variable(variable) {
            Some(variable) => format!("no key: set {variable}"),
            None => "no key: the configured env_key is not the name of a variable".to_owned(),
        };
        if let Some(instructions) = self.instructions.as_deref().filter(|text| !text.is_empty()) {
            message = format!("{message} ({instructions})");
        }
        Some(Failure { kind: FailureKind::Unauthorized, message, retry_after: None })
    }

    /// What to tell about HTTP 401 or 403.
    pub(super) fn refused(&self, status: u16, said: &str) -> String {
        let refused = match (self.variable.as_deref().and_then(secrets::variable), self.is_set) {
            (Some(variable), true) => format!("the key in {variable} was refused: {said} (HTTP {status})"),
            (None, true) => format!("the API key was refused: {said} (HTTP {status})"),
            // The key is to come in a header of its own.
            (_, false) if !self.unset.is_empty() => format!("the server wants a key: {said} (HTTP {status})"),
            (_, false) => {
                format!(
                    "the server wants a key, and none is configured: {said} (HTTP {status}); name its variable with `env_key`"
                )
            }
        };
        self.unset.iter().fold(refused, |message, (header, variable)| match secrets::variable(variable) {
            Some(variable) => format!("{message}; the header `{header}` was not sent: {variable} is not set"),
            None => format!("{message}; the header `{header}` was not sent: it has no name of a variable"),
        })
    }
}
