//! A response's body as server-sent events, awaited no longer than a server may be silent.
//!
//! The first error is the last word: nothing is read after it, and half an event is never taken for a whole one.

mod parser;

use std::time::Duration;

use codex_net::awake::{self, Silence};
use reqwest::Response;
use tokio::time::Instant;

pub(super) use self::parser::Event;
use self::parser::Parser;

/// How long there may be no event while something comes, in times that a server may be silent.
const WITHOUT_EVENT: u32 = 3;

/// Events as they arrive.
pub(super) struct Events {
    response: Response,
    idle: Duration,
    parser: Parser,
    /// The body has ended, perhaps with an error; what was parsed before still counts.
    end: Option<Option<Error>>,
}

/// Why there are no further events.
pub(super) enum Error {
    /// The connection broke.
    Read(reqwest::Error),
    /// Nothing came for this long. Any byte counts: a server that sends comments while the model thinks is alive.
    Silent(Silence),
    /// No event came for this long, but comments did: nobody thinks for so long.
    NoEvent(Duration),
    /// These are no events.
    Format(&'static str),
}

impl Events {
    /// The events of `response`, whose every piece is awaited for `idle` at most, and every event a few times as long.
    pub(super) fn new(response: Response, idle: Duration) -> Self {
        Self { response, idle, parser: Parser::default(), end: None }
    }

    /// The next event; `None` when the body has ended.
    pub(super) async fn next(&mut self) -> Option<Result<Event, Error>> {
        let (since, most) = (Instant::now(), self.idle.saturating_mul(WITHOUT_EVENT));
        loop {
            if let Some(event) = self.parser.pop() {
                return Some(Ok(event));
            }
            if let Some(end) = &mut self.end {
                return end.take().map(Err);
            }
            let left = most.saturating_sub(since.elapsed());
            self.end = match awake::within(self.idle.min(left), self.response.chunk()).await {
                Ok(Ok(Some(bytes))) => self.parser.feed(&bytes).err().map(|what| Some(Error::Format(what))),
                Ok(Ok(None)) => Some(self.parser.finish().err().map(Error::Format)),
                Ok(Err(error)) => {
                    // The break is what there is to tell, unless the answer was whole but for its last empty line.
                    let _ = self.parser.finish();
                    Some(Some(Error::Read(error)))
                }
                Err(silence) if left < self.idle && !silence.slept => Some(Some(Error::NoEvent(most))),
                Err(silence) => Some(Some(Error::Silent(silence))),
            };
        }
    }
}

/// The names and data of the events of a body that comes in `pieces`, and whether it was sound to its end.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn of_pieces<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<(Option<String>, String)>, bool) {
    let mut parser = Parser::default();
    let is_whole = pieces.all(|piece| parser.feed(piece).is_ok()) && parser.finish().is_ok();
    let events = std::iter::from_fn(|| parser.pop()).map(|event| (event.name, event.data));
    (events.collect(), is_whole)
}
