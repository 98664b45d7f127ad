//! What is asked of a model and what comes back.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use codex_history::{AssistantPart, History, ToolSpec, Usage};
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A model that can be asked.
pub trait Model: Send + Sync + fmt::Debug {
    /// Asks. Dropping the stream ends the request.
    ///
    /// The stream must end with exactly one `Completed` or `Failed`, must not panic, and reports every error in
    /// itself.
    fn stream(&self, request: Request) -> EventStream;

    /// Whether tools held to a grammar can be offered; else they are offered as functions.
    fn takes_grammars(&self) -> bool;

    /// Requests that wait to be made again are made now. What does not wait for anything has nothing to do.
    fn hurry(&self) {}
}

/// A model's answer as it arrives.
pub type EventStream = Pin<Box<dyn Stream<Item = StreamEvent> + Send>>;

/// One question: the whole conversation, and what the model may use.
#[derive(Debug, Clone)]
pub struct Request {
    /// Model id, as the vendor calls it.
    pub model: String,
    /// The whole conversation; shared, not copied.
    pub history: History,
    /// The tools on offer; the same within a settings epoch.
    pub tools: Arc<[ToolSpec]>,
    /// The thread's id: requests with the same one share a cached prefix.
    pub thread_id: String,
    /// How it is to be answered; shared, not copied.
    pub options: Arc<Options>,
    /// JSON Schema that the answer's text must satisfy.
    pub output_schema: Option<Arc<Value>>,
    /// What changes for a model of the other form, where one may take over.
    pub other_form: Option<Arc<OtherForm>>,
}

/// What differs between the same request to a model that has little room, and to one that has much.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherForm {
    /// What stands in the place of the first message.
    pub opening: String,
    /// A text beside what the user says that is of no use to it.
    pub without: Option<String>,
    /// The tools on offer.
    pub tools: Arc<[ToolSpec]>,
}

/// How a model is to answer. What the model or its wire does not take is left out of a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Options {
    /// `low`, `medium`, `high`, …: sent as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<String>,
    /// How what it thinks is told: `auto`, `concise`, `detailed` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_summary: Option<String>,
    /// How much it writes: `low`, `medium` or `high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<String>,
    /// The vendor's queue: `default`, `flex`, `priority`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// 0 to 2; higher is more random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Tokens that the answer may have, thinking included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum StreamEvent {
    /// Text for the user was appended to part `part` of the answer.
    TextDelta {
        /// Index of the part, counting from 0 in the order they began.
        part: usize,
        /// The text.
        text: String,
    },
    /// Text was appended to a paragraph of a reasoning summary.
    ReasoningDelta {
        /// Index of the part.
        part: usize,
        /// Index of the paragraph.
        paragraph: u32,
        /// The text.
        text: String,
    },
    /// Text was appended to the arguments of a call, as the vendor writes them. Of the first attempt only: what a repeated
    /// request says is known when it is whole.
    ArgumentsDelta {
        /// Index of the part.
        part: usize,
        /// What is called.
        name: String,
        /// The text.
        text: String,
    },
    /// A search of the web began, which the vendor makes. Of the first attempt only, as [`StreamEvent::ArgumentsDelta`].
    SearchStarted {
        /// Index of the part that will tell of it.
        part: usize,
    },
    /// The request is being made again after a failure that may pass.
    Retrying {
        /// Which repetition this is, from 1.
        attempt: u32,
        /// How many there may be; without a number as many as it takes, for a time.
        of: Option<u32>,
        /// How long it waits before.
        delay: Duration,
        /// What kind of failure.
        kind: FailureKind,
        /// What failed.
        reason: String,
    },
    /// Another model answers than the one that was asked. What comes from here on is its.
    Rerouted {
        /// Name of its provider.
        provider: String,
        /// Its id.
        model: String,
        /// Why the one before could not answer, where that is news.
        why: Option<String>,
        /// Tokens that a request to it may hold, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<u64>,
    },
    /// The server refused a parameter, and is asked again without it; where it takes that, from then on.
    LeftOut {
        /// Its name in the body of requests.
        parameter: String,
        /// In the server's words.
        reason: String,
    },
    /// What the answer has used so far, where its server says so before the end. The last one counts, and not beside what
    /// [`StreamEvent::Completed`] has.
    Counted(Usage),
    /// Of an answer that broke off, about as many tokens had come as an attempt before had brought already.
    Unshown(u64),
    /// What was streamed so far does not count: a repeated request went another way. Parts start again from 0.
    Discarded,
    /// The vendor has paused, as it does where it searches for long: the answer that ends next is the beginning of one, which
    /// goes on if it is asked for again.
    Paused,
    /// The answer is complete.
    Completed {
        /// All of it, in order.
        content: Vec<AssistantPart>,
        /// What it cost, where the vendor says.
        usage: Option<Usage>,
    },
    /// There will be no answer.
    Failed(Failure),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// What happened and what to do about it, in a sentence or two.
    pub message: String,
    /// How long the vendor asks to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
}

/// Kinds of failure; the first group may pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureKind {
    /// No connection: refused, reset, timed out, name not found.
    Connection,
    /// The stream broke off, or fell silent.
    Disconnected,
    /// HTTP 5xx, or the vendor said it is overloaded.
    Server(u16),
    /// HTTP 429.
    RateLimited,
    /// The answer was not understood.
    Malformed,

    /// HTTP 401 or 403, or no key.
    Unauthorized,
    /// HTTP 400 or another 4xx: the request itself is wrong.
    BadRequest(u16),
    /// The conversation is longer than the model's window.
    ContextTooLong,
    /// The vendor refused the content.
    ContentRefused,
    /// The account has no budget left.
    QuotaExceeded,
    /// The answer was cut off by the vendor's output limit.
    Incomplete,
    /// Configuration that only shows when asking, such as a bad URL.
    Configuration,
}

impl std::fmt::Display for FailureKind {
    /// For a log: nothing of what the vendor said, which may repeat what was said to it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Server(status) => return write!(f, "server failed (HTTP {status})"),
            Self::BadRequest(status) => return write!(f, "bad request (HTTP {status})"),
            Self::Connection => "no connection",
            Self::Disconnected => "stream broke off",
            Self::RateLimited => "rate limited (HTTP 429)",
            Self::Malformed => "answer not understood",
            Self::Unauthorized => "unauthorized",
            Self::ContextTooLong => "context too long",
            Self::ContentRefused => "content refused",
            Self::QuotaExceeded => "quota exceeded",
            Self::Incomplete => "answer cut off",
            Self::Configuration => "configuration",
        })
    }
}

impl FailureKind {
    /// Whether asking again may help.
    pub fn may_pass(self) -> bool {
        use FailureKind::*;
        matches!(self, Connection | Disconnected | Server(_) | RateLimited | Malformed)
    }
}
