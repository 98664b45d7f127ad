//! Talks to language models. One trait, [`Model`]; one file per wire; retries in one place above them.
//!
//! A model is asked with a [`Request`] and answers with a stream that always ends in [`StreamEvent::Completed`] or
//! [`StreamEvent::Failed`]. Nothing here runs a tool or knows what a turn is.

mod stream;

pub use stream::{EventStream, Failure, FailureKind, Model, Request, StreamEvent};
