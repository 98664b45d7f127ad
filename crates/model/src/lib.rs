//! Talks to language models. One trait, [`Model`]; one directory per wire; retries in one place above them.
//!
//! A model is asked with a [`Request`] and answers with a stream that always ends in [`StreamEvent::Completed`] or
//! [`StreamEvent::Failed`]. Nothing here runs a tool or knows what a turn is.

mod anthropic;
mod cassette;
mod catalog;
mod chat;
mod fallback;
mod functions;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod http;
mod joined;
mod local;
mod prices;
mod repair;
mod responses;
mod retry;
mod searches;
mod searching;
mod shown;
mod stream;
#[cfg(test)]
mod testing;
mod text_calls;
mod wire;

pub use cassette::{Cassette, Facts, Player, Recorder, Surroundings};
pub use catalog::{Efforts, Known, Said, Takes, Thinking, searches_the_web, takes_grammars};
pub use chat::{Quirk, Quirks};
pub use fallback::{Alternative, Fallback, HOLD};
pub use http::{HttpConfig, HttpModel, IDLE_TIMEOUT, ListedModel, Timeouts, list_models};
pub use local::{LocalModel, LocalServer, ServerKind, Window};
pub use prices::{Long, Price, Prices};
pub use retry::{RetryPolicy, Retrying};
pub use searching::SearchingOtherwise;
pub use stream::{EventStream, Failure, FailureKind, Model, Options, OtherForm, Request, StreamEvent};
pub use text_calls::{Calling, TextCalls};
pub use wire::WireFormat;
