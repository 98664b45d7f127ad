//! The one place where requests are repeated.
//!
//! A failure that may pass is waited out and asked again; every other one goes through at once. A repetition is
//! announced before the wait, shows no text twice, and is not made when the vendor asks for a longer wait than a
//! person would sit through.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream};

use crate::{
    EventStream, Failure, FailureKind, Model, Request, StreamEvent,
    shown::{Shown, Verdict},
};

/// How often and after what waits a request is repeated.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// How many repetitions there may be after the first attempt, where an answer breaks off or makes no sense.
    pub retries: u32,
    /// The same where there is no answer: no connection, too many requests, trouble of the server.
    pub request_retries: u32,
    /// The wait before the first repetition; doubled for each further one.
    pub initial_delay: Duration,
    /// The longest wait of our own choosing.
    pub longest_delay: Duration,
    /// The longest wait that a vendor may ask for; a longer one ends the request instead.
    pub longest_asked_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 5,
            request_retries: 5,
            initial_delay: Duration::from_millis(200),
            longest_delay: Duration::from_secs(30),
            longest_asked_delay: Duration::from_secs(600),
        }
    }
}

impl RetryPolicy {
    /// The wait before repetition `attempt` (from 1), or none if there is to be no repetition.
    fn delay(&self, attempt: u32, failure: &Failure) -> Option<Duration> {
        if !failure.kind.may_pass() || attempt > self.most(failure.kind) {
            return None;
        }
        let doubled = self.initial_delay.saturating_mul(2_u32.saturating_pow(attempt - 1));
        let own = doubled.min(self.longest_delay).mul_f64(jitter());
        match failure.retry_after {
            Some(_) if self.asks_too_much(failure) => None,
            Some(asked) => Some(asked.max(own)),
            None => Some(own),
        }
    }

    /// How many repetitions there may be after a failure of this kind.
    fn most(&self, kind: FailureKind) -> u32 {
        match kind {
            FailureKind::Connection | FailureKind::Server(_) | FailureKind::RateLimited => self.request_retries,
            _ => self.retries,
        }
    }

    fn asks_too_much(&self, failure: &Failure) -> bool {
        failure.kind.may_pass() && failure.retry_after.is_some_and(|asked| asked > self.longest_asked_delay)
    }
}

/// A wait in words that suit its length: "350 ms", "90 s", "60 min", "26 h". Never less than it is.
fn in_brief(wait: Duration) -> String {
    let seconds = wait.as_millis().div_ceil(1000);
    match seconds {
        _ if wait < Duration::from_secs(1) => format!("{} ms", wait.as_millis()),
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    }
}

/// A factor between 0.8 and 1.2, so that many clients cut off at once do not come back at once. The standard library's
/// hasher is seeded at random, which is random enough.
fn jitter() -> f64 {
    const STEPS: u32 = 1000;
    let step = u32::try_from(RandomState::new().hash_one(()) % u64::from(STEPS)).unwrap_or_default();
    0.8 + 0.4 * f64::from(step) / f64::from(STEPS)
}

/// A model whose passing failures are waited out.
#[derive(Debug)]
pub struct Retrying {
    inner: Arc<dyn Model>,
    policy: RetryPolicy,
}

impl Retrying {
    /// Repeats what `inner` fails at, as `policy` says.
    pub fn new(inner: Arc<dyn Model>, policy: RetryPolicy) -> Self {
        Self { inner, policy }
    }
}

impl Model for Retrying {
    fn stream(&self, request: Request) -> EventStream {
        let attempts = Attempts {
            current: self.inner.stream(request.clone()),
            inner: Arc::clone(&self.inner),
            request,
            policy: self.policy,
            repetition: 0,
            wait: None,
            shown: Shown::default(),
            ready: VecDeque::new(),
            ended: false,
        };
        Box::pin(stream::unfold(attempts, async |mut attempts| {
            let event = attempts.next().await?;
            Some((event, attempts))
        }))
    }

    fn takes_grammars(&self) -> bool {
        self.inner.takes_grammars()
    }
}

/// A request and its repetitions.
struct Attempts {
    inner: Arc<dyn Model>,
    request: Request,
    policy: RetryPolicy,
    current: EventStream,
    /// Repetitions made so far.
    repetition: u32,
    /// Announced, but not waited out yet.
    wait: Option<Duration>,
    shown: Shown,
    ready: VecDeque<StreamEvent>,
    ended: bool,
}

impl Attempts {
    async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            if let Some(delay) = self.wait.take() {
                tokio::time::sleep(delay).await;
                self.shown.rewind();
                self.current = self.inner.stream(self.request.clone());
            }
            match self.current.next().await.unwrap_or_else(broke_off) {
                StreamEvent::TextDelta { part, text } => {
                    if let Some(text) = self.new_text(part, None, text) {
                        return Some(StreamEvent::TextDelta { part, text });
                    }
                }
                StreamEvent::ReasoningDelta { part, paragraph, text } => {
                    if let Some(text) = self.new_text(part, Some(paragraph), text) {
                        return Some(StreamEvent::ReasoningDelta { part, paragraph, text });
                    }
                }
                delta @ StreamEvent::ArgumentsDelta { .. } if self.repetition == 0 => return Some(delta),
                StreamEvent::ArgumentsDelta { .. } => {}
                StreamEvent::Discarded => {
                    self.shown.clear();
                    return Some(StreamEvent::Discarded);
                }
                StreamEvent::Failed(failure) => return Some(self.failed(failure)),
                completed @ StreamEvent::Completed { .. } => self.completed(completed),
                announced @ StreamEvent::Retrying { .. } => return Some(announced),
            }
        }
    }

    /// What of `text` has not been shown. On a divergence the events that put it right are made ready instead.
    fn new_text(&mut self, part: usize, paragraph: Option<u32>, mut text: String) -> Option<String> {
        match self.shown.say(part, paragraph, &text) {
            Verdict::Swallow => None,
            Verdict::Forward(0) => Some(text),
            Verdict::Forward(from) => Some(text.split_off(from)),
            Verdict::Diverged => {
                self.start_afresh();
                None
            }
        }
    }

    fn start_afresh(&mut self) {
        self.ready.push_back(StreamEvent::Discarded);
        self.ready.extend(self.shown.restart());
    }

    fn completed(&mut self, completed: StreamEvent) {
        self.ended = true;
        if !self.shown.is_repeated_in_full() {
            self.start_afresh();
        }
        self.ready.push_back(completed);
    }

    fn failed(&mut self, mut failure: Failure) -> StreamEvent {
        let Some(delay) = self.policy.delay(self.repetition + 1, &failure) else {
            self.ended = true;
            // Else it would look as if nobody had thought of asking again.
            let why = match failure.retry_after.filter(|_| self.policy.asks_too_much(&failure)) {
                Some(asked) => Some(format!("it asks to wait {}", in_brief(asked))),
                None if failure.kind.may_pass() && self.repetition > 0 => {
                    Some(format!("given up after {} attempts", self.repetition + 1))
                }
                None => None,
            };
            if let Some(why) = why {
                failure.message = format!("{}; {why}", failure.message.trim_end_matches('.'));
            }
            return StreamEvent::Failed(failure);
        };
        self.repetition += 1;
        self.wait = Some(delay);
        let (attempt, of) = (self.repetition, self.policy.most(failure.kind));
        StreamEvent::Retrying { attempt, of, delay, kind: failure.kind, reason: failure.message }
    }
}

/// A stream that just ends breaks its contract; the turn must not wait for ever because of it.
fn broke_off() -> StreamEvent {
    StreamEvent::Failed(Failure {
        kind: FailureKind::Disconnected,
        message: "the answer ended before it was complete".to_owned(),
        retry_after: None,
    })
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
