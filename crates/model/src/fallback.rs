//! Other models for when the one that was chosen cannot answer, and asking again would not help.
//!
//! Who takes over answers for [`HOLD`]; then the first is tried again. The same request goes to the next one, whose wire
//! writes it anew; what was said of an answer that broke off does not count.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use codex_net::awake::Stopwatch;
use futures_util::{StreamExt, stream};

use crate::{EventStream, Failure, FailureKind, Model, Request, StreamEvent};

/// How long one that could not answer is not asked.
pub const HOLD: Duration = Duration::from_secs(600);

/// A model that can be asked in place of another.
#[derive(Debug, Clone)]
pub struct Alternative {
    /// Who is asked.
    pub client: Arc<dyn Model>,
    /// Name of the provider.
    pub provider: String,
    /// Model id, as the vendor calls it.
    pub id: String,
}

/// Models of which the first that can answers.
#[derive(Debug)]
pub struct Fallback {
    all: Arc<[Alternative]>,
    /// Since when each could not answer.
    failed: Arc<Mutex<Vec<Option<Stopwatch>>>>,
}

impl Fallback {
    /// The one that was chosen, and those that take over from it, in order.
    pub fn new(chosen: Alternative, others: Vec<Alternative>) -> Self {
        let all: Arc<[Alternative]> = std::iter::once(chosen).chain(others).collect();
        let failed = Arc::new(Mutex::new(vec![None; all.len()]));
        Self { all, failed }
    }
}

impl Model for Fallback {
    fn stream(&self, request: Request) -> EventStream {
        let (all, failed) = (Arc::clone(&self.all), Arc::clone(&self.failed));
        let state = State { all, failed, request, asked: None, is_shown: false, ready: VecDeque::new(), ended: false };
        Box::pin(stream::unfold(state, async |mut state| {
            let event = state.next().await?;
            Some((event, state))
        }))
    }

    fn takes_grammars(&self) -> bool {
        self.all.first().is_some_and(|chosen| chosen.client.takes_grammars())
    }

    fn hurry(&self) {
        self.all.iter().for_each(|one| one.client.hurry());
    }
}

/// A request, and who is asked.
struct State {
    all: Arc<[Alternative]>,
    failed: Arc<Mutex<Vec<Option<Stopwatch>>>>,
    request: Request,
    asked: Option<(usize, EventStream)>,
    /// Whether something of an answer was told that does not count if another one answers.
    is_shown: bool,
    ready: VecDeque<StreamEvent>,
    ended: bool,
}

impl State {
    async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            let Some((at, answer)) = &mut self.asked else {
                self.ask(self.first_that_can(), None);
                continue;
            };
            let at = *at;
            match answer.next().await {
                Some(StreamEvent::Failed(failure)) => self.failed(at, failure),
                Some(StreamEvent::Completed { content, usage }) => {
                    self.ended = true;
                    return Some(StreamEvent::Completed { content, usage });
                }
                Some(event) => {
                    self.is_shown |= shows(&event);
                    return Some(event);
                }
                None => {
                    self.ended = true;
                    return None;
                }
            }
        }
    }

    /// The first that has not failed lately; the one that was chosen, if all have.
    fn first_that_can(&self) -> usize {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let can = |since: &Option<Stopwatch>| since.is_none_or(|since| since.elapsed() >= HOLD);
        failed.iter().position(can).unwrap_or_default()
    }

    /// Asks one; `why` the one before it could not answer, if it has been asked just now.
    fn ask(&mut self, at: usize, why: Option<String>) {
        let one = &self.all[at];
        let request = Request { model: one.id.clone(), ..self.request.clone() };
        self.asked = Some((at, one.client.stream(request)));
        if at > 0 {
            if std::mem::take(&mut self.is_shown) {
                self.ready.push_back(StreamEvent::Discarded);
            }
            let (provider, model) = (one.provider.clone(), one.id.clone());
            self.ready.push_back(StreamEvent::Rerouted { provider, model, why });
        }
    }

    fn failed(&mut self, at: usize, failure: Failure) {
        let next = at + 1;
        if !takes_over(failure.kind) || next >= self.all.len() {
            self.ended = true;
            self.ready.push_back(StreamEvent::Failed(failure));
            return;
        }
        if let Some(since) = self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_mut(at) {
            *since = Some(Stopwatch::start());
        }
        self.ask(next, Some(failure.message));
    }
}

/// Whether another model may answer where one failed so. What is wrong with the conversation, the key or the settings is
/// told instead: it is for the user to put right.
fn takes_over(kind: FailureKind) -> bool {
    // A model that is not there is HTTP 404.
    kind.may_pass() || matches!(kind, FailureKind::QuotaExceeded | FailureKind::BadRequest(404))
}

/// Whether the event is a part of an answer.
fn shows(event: &StreamEvent) -> bool {
    matches!(
        event,
        StreamEvent::TextDelta { .. } | StreamEvent::ReasoningDelta { .. } | StreamEvent::ArgumentsDelta { .. }
    )
}

#[cfg(test)]
#[path = "fallback_tests.rs"]
mod tests;
