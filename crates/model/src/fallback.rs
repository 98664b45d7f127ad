//! Other models for when the one that was chosen cannot answer, and asking again would not help.
//!
//! Who takes over answers for [`HOLD`]; then the first is tried again. The same request goes to the next one, without what
//! that one does not take, and its wire writes it anew; what was said of an answer that broke off does not count.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use codex_history::{Content, History, Message, ToolInput};
use codex_net::awake::Stopwatch;
use futures_util::{StreamExt, stream};

use crate::{EventStream, Failure, FailureKind, Known, Model, OtherForm, Request, StreamEvent};

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
    /// What is known of it.
    pub known: Known,
    /// Whether its vendor itself searches the web for it.
    pub searches: bool,
    /// Whether it has little room where the chosen one has much, or the other way round.
    pub other_form: bool,
}

impl Alternative {
    /// Why it cannot be asked: the conversation, as far as it is known how long that is, does not fit into its context.
    fn too_long(&self, asked: &Request) -> Option<Failure> {
        let window = self.known.context_window?;
        let history = &asked.history;
        let tokens = history.counted().unwrap_or_else(|| history.sizes().total());
        let message = || {
            format!(
                "the conversation, of some {tokens} tokens, is too long for {}/{}, which holds {window}",
                self.provider, self.id
            )
        };
        (tokens > window).then(|| Failure { kind: FailureKind::ContextTooLong, message: message(), retry_after: None })
    }

    /// What the chosen one would be asked, without what this one does not take.
    fn fit(&self, asked: &Request) -> Request {
        let mut request = Request { model: self.id.clone(), ..asked.clone() };
        request.options = self.known.fit(&asked.options).into();
        if let Some(form) = asked.other_form.as_ref().filter(|_| self.other_form) {
            request.history = in_form(&asked.history, form);
            request.tools = Arc::clone(&form.tools);
        }
        let is_search = |input: &ToolInput| matches!(input, ToolInput::WebSearch { .. });
        if !self.searches && request.tools.iter().any(|tool| is_search(&tool.input)) {
            request.tools = request.tools.iter().filter(|tool| !is_search(&tool.input)).cloned().collect();
        }
        request
    }
}

/// The conversation as a model of the other form is told it.
fn in_form(history: &History, form: &OtherForm) -> History {
    let is_of_use = |piece: &Content| !matches!(piece, Content::Text { text } if Some(text) == form.without.as_ref());
    let told = |(at, message): (usize, &Message)| match message {
        Message::Developer { .. } if at == 0 => Message::Developer { text: form.opening.clone() },
        Message::User { content } => {
            Message::User { content: content.iter().filter(|it| is_of_use(it)).cloned().collect() }
        }
        other => other.clone(),
    };
    let is_empty = |message: &Message| matches!(message, Message::User { content } if content.is_empty());
    history.messages().enumerate().map(told).filter(|message| !is_empty(message)).collect()
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
        let state = State {
            all,
            failed,
            request,
            asked: None,
            answers: 0,
            reasons: Vec::new(),
            failure: None,
            is_shown: false,
            ready: VecDeque::new(),
            ended: false,
        };
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
    /// Who was last told to answer.
    answers: usize,
    /// Why those could not that were asked since.
    reasons: Vec<String>,
    /// How the last of those failed that could be asked at all.
    failure: Option<Failure>,
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
                self.ask(self.first_that_can());
                continue;
            };
            let at = *at;
            match answer.next().await {
                Some(StreamEvent::Failed(failure)) => self.failed(at, failure),
                // It has not answered yet.
                Some(waits @ (StreamEvent::Retrying { .. } | StreamEvent::LeftOut { .. })) => return Some(waits),
                Some(event) => {
                    self.announce(at);
                    self.is_shown |= shows(&event);
                    self.ended = matches!(event, StreamEvent::Completed { .. });
                    self.ready.push_back(event);
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

    fn ask(&mut self, at: usize) {
        let one = &self.all[at];
        // The request is made for the one that was chosen.
        let answer = match at {
            0 => one.client.stream(self.request.clone()),
            _ => {
                let request = one.fit(&self.request);
                match one.too_long(&request) {
                    // Some servers would cut it without a word.
                    Some(failure) => Box::pin(stream::iter([StreamEvent::Failed(failure)])),
                    None => one.client.stream(request),
                }
            }
        };
        self.asked = Some((at, answer));
    }

    /// Tells, once, that another one answers than before.
    fn announce(&mut self, at: usize) {
        if at == self.answers {
            return;
        }
        self.answers = at;
        if std::mem::take(&mut self.is_shown) {
            self.ready.push_back(StreamEvent::Discarded);
        }
        let reasons = std::mem::take(&mut self.reasons);
        let why = (!reasons.is_empty()).then(|| reasons.join(". "));
        let Alternative { provider, id, known, .. } = &self.all[at];
        let window = known.context_window;
        self.ready.push_back(StreamEvent::Rerouted { provider: provider.clone(), model: id.clone(), why, window });
    }

    fn failed(&mut self, at: usize, failure: Failure) {
        let kind = failure.kind;
        let message = failure.message.trim_end_matches('.');
        self.reasons.push(match at {
            0 => message.to_owned(),
            _ => format!("{}/{}: {message}", self.all[at].provider, self.all[at].id),
        });
        // That one has no key is not why there is no answer, if another one failed before.
        if !cannot_be_asked(kind) || self.failure.is_none() {
            self.failure = Some(failure);
        }
        let is_passed_on = takes_over(kind) || at > 0 && cannot_be_asked(kind);
        if is_passed_on && let Some(since) = self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_mut(at) {
            *since = Some(Stopwatch::start());
        }
        // The next one may hold more; that one answers again once the conversation is shorter.
        let is_too_small = at > 0 && kind == FailureKind::ContextTooLong;
        if (is_passed_on || is_too_small) && at + 1 < self.all.len() {
            return self.ask(at + 1);
        }
        self.ended = true;
        let Some(failure) = self.failure.take() else { return };
        let message = if self.reasons.len() > 1 { self.reasons.join(". ") } else { failure.message };
        self.ready.push_back(StreamEvent::Failed(Failure { message, ..failure }));
    }
}

/// Whether another model may answer where one failed so. What is wrong with the conversation, or with the key or the settings
/// of the one that was chosen, is told instead: it is for the user to put right.
fn takes_over(kind: FailureKind) -> bool {
    // A model that is not there is HTTP 404.
    kind.may_pass() || matches!(kind, FailureKind::QuotaExceeded | FailureKind::BadRequest(404))
}

/// Whether one has no key, or settings that are wrong: of those that take over, the next one may be better set up.
fn cannot_be_asked(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Unauthorized | FailureKind::Configuration)
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
