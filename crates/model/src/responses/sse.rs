//! A response's body as server-sent events (WHATWG HTML, section "Server-sent events").
//!
//! The first error is the last word: after it the parser may have lost part of an event, and half an event must not
//! be taken for a whole one.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use reqwest::Response;
use sse_stream::{Sse, SseStream};

/// Events as they arrive.
pub(super) type Events = Pin<Box<dyn Stream<Item = Result<Sse, sse_stream::Error>> + Send>>;

/// Why there are no further events.
pub(super) enum Error {
    /// The connection broke.
    Read(reqwest::Error),
    /// Nothing came for this long. Any byte counts: a server that sends comments while the model thinks is alive.
    Silent(Duration),
    /// These are no events.
    Format(String),
}

/// The two ways in which bytes can fail to arrive.
#[derive(Debug, thiserror::Error)]
enum BytesError {
    #[error("{0}")]
    Read(reqwest::Error),
    #[error("nothing came for {0:?}")]
    Silent(Duration),
}

/// The events of `response`, each awaited for `idle` at most.
pub(super) fn events(response: Response, idle: Duration) -> Events {
    Box::pin(SseStream::from_bytes_stream(Box::pin(unless_silent(response.bytes_stream(), idle))))
}

fn unless_silent(
    body: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
    idle: Duration,
) -> impl Stream<Item = Result<Bytes, BytesError>> + Send {
    stream::unfold(Box::pin(body), move |mut body| async move {
        let bytes = match tokio::time::timeout(idle, body.next()).await {
            Ok(bytes) => bytes?.map_err(BytesError::Read),
            Err(_) => Err(BytesError::Silent(idle)),
        };
        Some((bytes, body))
    })
}

/// The next event; `None` when the body has ended.
pub(super) async fn next(events: &mut Events) -> Option<Result<Sse, Error>> {
    Some(events.next().await?.map_err(|error| match error {
        sse_stream::Error::Body(error) => match error.downcast::<BytesError>() {
            Ok(error) => match *error {
                BytesError::Read(error) => Error::Read(error),
                BytesError::Silent(idle) => Error::Silent(idle),
            },
            Err(other) => Error::Format(other.to_string()),
        },
        other => Error::Format(other.to_string()),
    }))
}
