//! Questions of the server that wait to be shown. None comes up under fingers that are typing.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use codex_protocol::ServerRequest;

use super::App;
use crate::{notify, overlays};

/// How long no key must have been pressed before a question comes up.
pub const REST: Duration = Duration::from_millis(500);

/// Questions that wait to be shown, the oldest first.
#[derive(Debug, Default)]
pub struct Questions {
    waiting: VecDeque<(u64, ServerRequest)>,
    /// Shown, or answered, as long as the server has not said that it is done.
    open: Vec<(u64, ServerRequest)>,
    raised: Option<Instant>,
    /// The one that was shown last, until it is answered.
    shown: Option<u64>,
}

impl Questions {
    /// Takes one in.
    pub fn push(&mut self, id: u64, request: ServerRequest) {
        self.waiting.push_back((id, request));
    }

    /// It was answered, or is not asked any more.
    pub fn remove(&mut self, id: u64) {
        self.waiting.retain(|(waiting, _)| *waiting != id);
        self.open.retain(|(open, _)| *open != id);
    }

    /// Its answer was not taken, and it is still asked.
    pub fn put_again(&mut self, id: u64) {
        if let Some(at) = self.open.iter().position(|(open, _)| *open == id) {
            self.waiting.push_front(self.open.swap_remove(at));
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether one came up within `time` before `now`.
    pub fn just_raised(&self, now: Instant, time: Duration) -> bool {
        self.raised.is_some_and(|at| now.saturating_duration_since(at) < time)
    }

    /// The person has seen it: what is typed from now on is for it.
    pub fn seen(&mut self) {
        self.raised = None;
    }

    /// When the next comes up, if one waits.
    pub fn raised_at(&self, last_key: Option<Instant>) -> Option<Instant> {
        if self.waiting.is_empty() { None } else { last_key.map(|at| at + REST) }
    }
}

impl App {
    /// Whether a question is up.
    pub(crate) fn is_asking(&self) -> bool {
        self.overlays.iter().any(|overlay| overlay.question().is_some())
    }

    /// Shows the next question, if no other is up and the keys have rested.
    pub(super) fn raise_question(&mut self, now: Instant) {
        let rests = self.focus.last_key.is_none_or(|at| now.saturating_duration_since(at) >= REST);
        if self.is_asking() || !rests {
            return;
        }
        let Some((id, request)) = self.questions.waiting.pop_front() else { return };
        let about = match &request {
            ServerRequest::CommandApproval(params) => Some((&params.thread_id, &params.item_id)),
            ServerRequest::FileChangeApproval(params) => Some((&params.thread_id, &params.item_id)),
            ServerRequest::Elicitation(params) => Some((&params.thread_id, &params.item_id)),
            ServerRequest::ProjectTrust(_) => None,
        };
        let is_own = |thread: &str| self.session.as_ref().is_none_or(|session| session.opened.thread.id == thread);
        let item = about.and_then(|(thread, item)| match is_own(thread) {
            true => self.feed.open_item(item),
            false => self.session.as_ref().and_then(|session| session.agents.open_item(thread, item)),
        });
        let overlay = overlays::question(id, &request, item);
        if let Some((_, item_id)) = about.filter(|(thread, _)| is_own(thread)) {
            self.feed.asks_about(item_id);
        }
        self.lay(overlay);
        self.questions.open.push((id, request));
        self.questions.raised = Some(now);
        self.questions.shown = Some(id);
        if !self.focus.focused {
            self.notify(notify::Event::Question);
        }
    }

    /// The question was answered, here or elsewhere.
    pub(super) fn resolved(&mut self, id: u64, now: Instant) {
        self.questions.remove(id);
        if self.questions.shown == Some(id) {
            self.questions.shown = None;
            self.feed.answered(now);
        }
        self.overlays.retain(|overlay| overlay.question() != Some(id));
    }
}
