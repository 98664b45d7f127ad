//! The one place where requests are repeated.
//!
//! A failure that may pass is waited out and asked again; every other one goes through at once. A repetition is
//! announced before the wait, shows no text twice, and is not made when the vendor asks for a longer wait than a
//! person would sit through.
//!
//! A network that is lost comes back by itself, but later than a server that is overloaded. A server that has answered
//! before and cannot be connected to any more is therefore waited for by the clock, and not by a number of attempts. One
//! that has never answered is not: most often its address is wrong, or it was not started.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use codex_history::text_tokens;
use codex_net::awake::{self, Stopwatch};
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use crate::{
    EventStream, Failure, FailureKind, Model, Request, StreamEvent,
    shown::{Shown, Verdict},
};

/// How often and after what waits a request is repeated.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// How many repetitions there may be after the first attempt, where an answer breaks off or makes no sense.
    pub retries: u32,
    /// The same where there is no answer: no connection, too many requests, trouble of the server. With 0 no connection is waited
    /// for either.
    pub request_retries: u32,
    /// The wait before the first repetition; doubled for each further one.
    pub initial_delay: Duration,
    /// The longest wait of our own choosing.
    pub longest_delay: Duration,
    /// The longest wait that a vendor may ask for; a longer one ends the request instead.
    pub longest_asked_delay: Duration,
    /// For how long a server is waited for that has answered before and cannot be connected to any more. Attempts made
    /// meanwhile are none of `retries`.
    pub network_wait: Duration,
    /// The longest pause between those attempts.
    pub longest_network_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 5,
            request_retries: 5,
            initial_delay: Duration::from_millis(200),
            longest_delay: Duration::from_secs(30),
            longest_asked_delay: Duration::from_secs(600),
            network_wait: Duration::from_secs(600),
            longest_network_delay: Duration::from_secs(15),
        }
    }
}

impl RetryPolicy {
    /// The wait before repetition `attempt` (from 1), or none if there is to be no repetition.
    fn delay(&self, attempt: u32, failure: &Failure) -> Option<Duration> {
        if !failure.kind.may_pass() || attempt > self.most(failure.kind) {
            return None;
        }
        let own = self.pause(attempt, self.longest_delay);
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

    /// A pause of our own choosing.
    fn pause(&self, attempt: u32, longest: Duration) -> Duration {
        let doubled = self.initial_delay.saturating_mul(2_u32.saturating_pow(attempt - 1));
        doubled.min(longest).mul_f64(jitter())
    }

    fn waits_for_network(&self) -> bool {
        self.request_retries > 0 && !self.network_wait.is_zero()
    }

    /// The wait before the `attempt`th attempt (from 1) to connect again after `lost`, or none if that was long enough.
    fn network_delay(&self, attempt: u32, lost: Duration) -> Option<Duration> {
        let left = self.network_wait.checked_sub(lost).filter(|left| !left.is_zero())?;
        Some(self.pause(attempt, self.longest_network_delay).min(left))
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
    /// Whether the server has ever answered.
    answered: Arc<AtomicBool>,
    /// Told when nobody wants to wait any more.
    hurry: watch::Sender<()>,
}

impl Retrying {
    /// Repeats what `inner` fails at, as `policy` says.
    pub fn new(inner: Arc<dyn Model>, policy: RetryPolicy) -> Self {
        Self { inner, policy, answered: Arc::default(), hurry: watch::Sender::new(()) }
    }
}

impl Model for Retrying {
    fn stream(&self, request: Request) -> EventStream {
        let attempts = Attempts {
            current: self.inner.stream(request.clone()),
            inner: Arc::clone(&self.inner),
            request,
            policy: self.policy,
            answered: Arc::clone(&self.answered),
            hurry: self.hurry.subscribe(),
            repetition: 0,
            lost: None,
            is_repeated: false,
            wait: None,
            shown: Shown::default(),
            unshown: 0,
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

    fn hurry(&self) {
        self.hurry.send_replace(());
    }
}

/// A request and its repetitions.
struct Attempts {
    inner: Arc<dyn Model>,
    request: Request,
    policy: RetryPolicy,
    answered: Arc<AtomicBool>,
    hurry: watch::Receiver<()>,
    current: EventStream,
    /// Repetitions made so far, without those of a lost connection.
    repetition: u32,
    /// The connection is lost: since when, and how many attempts there were to have it back.
    lost: Option<(Stopwatch, u32)>,
    /// Whether this is not the first attempt.
    is_repeated: bool,
    /// Announced, but not waited out yet.
    wait: Option<Duration>,
    shown: Shown,
    /// Tokens of what came again and was not shown.
    unshown: u64,
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
                tokio::select! {
                    () = awake::wait(delay) => {}
                    // The model is gone from its settings, and nobody can hurry any more.
                    Ok(()) = self.hurry.changed() => {}
                }
                self.shown.rewind();
                self.is_repeated = true;
                self.current = self.inner.stream(self.request.clone());
            }
            let event = self.current.next().await.unwrap_or_else(broke_off);
            if is_answer(&event) {
                self.answered.store(true, Ordering::Relaxed);
                self.lost = None;
            }
            match event {
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
                delta @ StreamEvent::ArgumentsDelta { .. } if !self.is_repeated => return Some(delta),
                started @ StreamEvent::SearchStarted { .. } if !self.is_repeated => return Some(started),
                StreamEvent::ArgumentsDelta { text, .. } => self.unshown += text_tokens(&text),
                StreamEvent::SearchStarted { .. } => {}
                StreamEvent::Discarded => {
                    self.shown.clear();
                    return Some(StreamEvent::Discarded);
                }
                StreamEvent::Failed(failure) => {
                    let failed = self.failed(failure);
                    let unshown = std::mem::take(&mut self.unshown);
                    if unshown == 0 {
                        return Some(failed);
                    }
                    self.ready.push_back(failed);
                    return Some(StreamEvent::Unshown(unshown));
                }
                completed @ StreamEvent::Completed { .. } => self.completed(completed),
                announced @ (StreamEvent::Retrying { .. }
                | StreamEvent::Rerouted { .. }
                | StreamEvent::LeftOut { .. }
                | StreamEvent::Counted(_)
                | StreamEvent::Unshown(_)
                | StreamEvent::Paused) => return Some(announced),
            }
        }
    }

    /// What of `text` has not been shown. On a divergence the events that put it right are made ready instead.
    fn new_text(&mut self, part: usize, paragraph: Option<u32>, mut text: String) -> Option<String> {
        match self.shown.say(part, paragraph, &text) {
            Verdict::Swallow => {
                self.unshown += text_tokens(&text);
                None
            }
            Verdict::Forward(0) => Some(text),
            Verdict::Forward(from) => {
                let more = text.split_off(from);
                self.unshown += text_tokens(&text);
                Some(more)
            }
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

    fn failed(&mut self, failure: Failure) -> StreamEvent {
        let is_lost = failure.kind == FailureKind::Connection && self.answered.load(Ordering::Relaxed);
        if is_lost && self.policy.waits_for_network() {
            return self.cannot_connect(failure);
        }
        let Some(delay) = self.policy.delay(self.repetition + 1, &failure) else {
            // Else it would look as if nobody had thought of asking again.
            let why = match failure.retry_after.filter(|_| self.policy.asks_too_much(&failure)) {
                Some(asked) => Some(format!("it asks to wait {}", in_brief(asked))),
                None if failure.kind.may_pass() && self.repetition > 0 => {
                    Some(format!("given up after {} attempts", self.repetition + 1))
                }
                None => None,
            };
            return self.give_up(failure, why);
        };
        self.repetition += 1;
        self.again(self.repetition, Some(self.policy.most(failure.kind)), delay, failure)
    }

    /// A server that has answered before cannot be connected to.
    fn cannot_connect(&mut self, failure: Failure) -> StreamEvent {
        let (since, attempts) = self.lost.get_or_insert_with(|| (Stopwatch::start(), 0));
        *attempts += 1;
        let (lost, attempt) = (since.elapsed(), *attempts);
        match self.policy.network_delay(attempt, lost) {
            Some(delay) => self.again(attempt, None, delay, failure),
            None => self.give_up(failure, Some(format!("given up after {} without a connection", in_brief(lost)))),
        }
    }

    fn again(&mut self, attempt: u32, of: Option<u32>, delay: Duration, failure: Failure) -> StreamEvent {
        self.wait = Some(delay);
        // Who hurried until now did not know of this wait.
        self.hurry.mark_unchanged();
        StreamEvent::Retrying { attempt, of, delay, kind: failure.kind, reason: failure.message }
    }

    fn give_up(&mut self, mut failure: Failure, why: Option<String>) -> StreamEvent {
        self.ended = true;
        if let Some(why) = why {
            failure.message = format!("{}; {why}", failure.message.trim_end_matches('.'));
        }
        StreamEvent::Failed(failure)
    }
}

/// Whether the server has said something. These failures are found here.
fn is_answer(event: &StreamEvent) -> bool {
    use FailureKind::{Configuration, Connection, Unauthorized};
    !matches!(event, StreamEvent::Failed(failure) if matches!(failure.kind, Connection | Configuration | Unauthorized))
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
