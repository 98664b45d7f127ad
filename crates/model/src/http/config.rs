//! The settings of a server that models are behind.

use std::{fmt, time::Duration};

use codex_net::CONNECT_TIMEOUT;

use super::secrets;
use crate::{Known, Quirks, wire::WireFormat};

/// How long a server may stay silent unless the settings say otherwise.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Where a model is and how to speak to it.
#[derive(Clone)]
pub struct HttpConfig {
    /// What is spoken there.
    pub format: WireFormat,
    /// The API's root, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// The key, sent as the format wants it.
    pub api_key: Option<String>,
    /// The header that it is sent in, by itself; `None`: that of the format.
    pub key_header: Option<String>,
    /// The environment variable that the key comes from, for messages. If it is given, `api_key` is not and no
    /// header for a key is configured, requests fail without being sent.
    pub key_variable: Option<String>,
    /// How to come by a key, for the message that it is missing.
    pub env_key_instructions: Option<String>,
    /// Further headers, by name; they replace our own of the same name.
    pub http_headers: Vec<(String, String)>,
    /// Headers that are not sent since the variable they are to come from is not set: header name and variable, for
    /// messages.
    pub header_variables: Vec<(String, String)>,
    /// Added to the URL.
    pub query_params: Vec<(String, String)>,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// Who asks: the header `originator`.
    pub originator: String,
    /// Whether tools can be held to a grammar; else they are offered as functions.
    pub takes_grammars: bool,
    /// What is known of the model that is asked.
    pub known: Known,
    /// Whether nothing but open-weight models is behind it.
    pub open_weights: bool,
    /// How a server of Chat Completions differs from others.
    pub quirks: Quirks,
}

/// How long a server may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To be connected to.
    pub connect: Duration,
    /// Until an answer begins; `None`: as long as it may stay silent.
    pub first_byte: Option<Duration>,
    /// How long it may stay silent within an answer: [`IDLE_TIMEOUT`].
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: CONNECT_TIMEOUT, first_byte: None, idle: IDLE_TIMEOUT }
    }
}

impl HttpConfig {
    /// The API at `base_url`, without a key and without grammars.
    pub fn new(format: WireFormat, base_url: impl Into<String>) -> Self {
        Self {
            format,
            base_url: base_url.into(),
            api_key: None,
            key_variable: None,
            env_key_instructions: None,
            http_headers: Vec::new(),
            header_variables: Vec::new(),
            query_params: Vec::new(),
            key_header: None,
            timeouts: Timeouts::default(),
            originator: "codex".to_owned(),
            takes_grammars: false,
            known: Known::default(),
            open_weights: false,
            quirks: Quirks::default(),
        }
    }
}

// Written by hand: the key, headers and query may be secrets.
impl fmt::Debug for HttpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConfig")
            .field("format", &self.format)
            .field("base_url", &secrets::shown(&self.base_url))
            .field("key_variable", &self.key_variable.as_deref().and_then(secrets::variable))
            .field("timeouts", &self.timeouts)
            .field("originator", &self.originator)
            .field("takes_grammars", &self.takes_grammars)
            .finish_non_exhaustive()
    }
}
