//! A call of a tool: what it is given to say on its way, and what comes of it.

use std::sync::Arc;

use codex_protocol::Asked;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

/// What a call may say on its way, and how it is ended.
#[derive(Clone, Default)]
pub struct CallContext {
    /// Cancelled, the server is told, and the call ends with [`CallError::Cancelled`].
    pub cancel: CancellationToken,
    /// Hears how far it is.
    pub progress: Option<Progress>,
    /// Asks a person for the server; `None`: what the server asks is declined.
    pub elicit: Option<Elicit>,
}

/// Hears how far a call is.
pub type Progress = Arc<dyn Fn(Progressed) + Send + Sync>;

/// Asks a person something for a server.
pub type Elicit = Arc<dyn Fn(Elicitation) -> BoxFuture<'static, Elicited> + Send + Sync>;

/// How far a call is, in the server's words.
#[derive(Debug, Clone, PartialEq)]
pub struct Progressed {
    /// How much is done.
    pub done: f64,
    /// Of how much.
    pub total: Option<f64>,
    /// What it is doing.
    pub message: Option<String>,
}

/// What a server asks a person, in its own words.
#[derive(Debug, Clone, PartialEq)]
pub struct Elicitation {
    /// The server, as the user calls it.
    pub server: String,
    /// What it says.
    pub message: String,
    /// What it wants: a form whose schema is a [`crate::Form`], or a page to be opened.
    pub asked: Asked,
}

/// What a person says to that.
#[derive(Debug, Clone, PartialEq)]
pub enum Elicited {
    /// This, which is held to the form.
    Accepted(Map<String, Value>),
    /// No.
    Declined,
    /// Nothing: the question was closed.
    Cancelled,
}

/// What came of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallOutcome {
    /// What it says.
    pub content: Vec<Content>,
    /// The same as data, if the server has it so.
    pub structured: Option<Value>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// A part of what a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text(String),
    /// A picture.
    Image {
        /// Base64.
        data: String,
        /// Its media type.
        mime: String,
    },
    /// Sound.
    Audio {
        /// Base64.
        data: String,
        /// Its media type.
        mime: String,
    },
    /// The address of a resource.
    Link {
        /// The address.
        uri: String,
        /// What it is called.
        name: String,
    },
    /// A resource that is text.
    Resource(crate::ResourceText),
}

/// Why nothing came of a call, or of a question to a server. Sentences without a full stop, for the model and for people.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// There is no such server.
    #[error("there is no MCP server `{0}`")]
    Unknown(String),
    /// The server does not answer now.
    #[error("the MCP server `{server}` {why}")]
    NotReady {
        /// The server.
        server: String,
        /// What it does instead.
        why: String,
    },
    /// The server wants to know who we are.
    #[error("the MCP server `{0}` wants a login: `codex mcp login {0}`")]
    NeedsLogin(String),
    /// The server was lost meanwhile. What it did is not known.
    #[error("the MCP server `{server}` was lost during the call: {why}")]
    Lost {
        /// The server.
        server: String,
        /// What happened.
        why: String,
    },
    /// It took too long; the server was told to give up.
    #[error("the MCP server `{server}` did not answer within {seconds} s")]
    TimedOut {
        /// The server.
        server: String,
        /// The limit.
        seconds: u64,
    },
    /// Nobody wanted it any more; the server was told to give up.
    #[error("cancelled")]
    Cancelled,
    /// The server wants a person to go to pages of the web before the call is made again.
    #[error("the MCP server `{server}` refused: {message}")]
    PagesFirst {
        /// The server.
        server: String,
        /// What it says.
        message: String,
        /// The pages.
        pages: Vec<Elicitation>,
    },
    /// The server refused it, in its own words.
    #[error("the MCP server `{server}` refused: {message}")]
    Refused {
        /// The server.
        server: String,
        /// What it says.
        message: String,
    },
}
