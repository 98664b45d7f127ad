//! Branching a session. The one that is branched is left when the branch is there, and not before.

use std::time::Instant;

use codex_protocol::{ClientRequest, Thread, ThreadForkParams, ThreadListParams, ThreadOpened, ThreadResumeParams};

use super::{App, Opening, Purpose};
use crate::intent::{Draft, Fork};

/// Sessions that are offered.
const OFFERED: usize = 500;

impl App {
    /// Branches a session; this one, unless another is named.
    pub(super) fn branch(&mut self, fork: Fork) {
        let Some(thread_id) = fork.thread_id.or_else(|| self.thread_id()) else {
            return self.complain("the session is not open yet");
        };
        if !self.before.tail.is_of(&thread_id) {
            self.before.tail = Default::default();
        }
        let from = ThreadResumeParams { thread_id, ..self.setup.resume.clone() };
        self.before.is_branching = true;
        let params = ThreadForkParams { from, last_turn_id: fork.last_turn_id, ..ThreadForkParams::default() };
        self.call(ClientRequest::ThreadFork(params), Purpose::Fork { prompt: fork.prompt });
    }

    /// Asks for the sessions to choose from.
    pub(super) fn sessions_to_fork(&mut self, all: bool) {
        let cwd = if all { None } else { self.setup.start.cwd.clone() };
        let params = ThreadListParams { limit: Some(OFFERED), cwd, ..ThreadListParams::default() };
        self.call(ClientRequest::ThreadList(params), Purpose::ForkPick { all });
    }

    /// Branches the newest of `sessions`.
    pub(super) fn fork_newest(&mut self, mut params: ThreadForkParams, sessions: Vec<Thread>) {
        match sessions.into_iter().next() {
            Some(newest) => {
                params.from.thread_id = newest.id;
                self.open(Opening::Fork(Box::new(params)));
            }
            None => {
                self.complain("there is no earlier session here; this is a new one");
                self.open(Opening::Start(self.setup.start.clone()));
            }
        }
    }

    /// The branch is there; what was said where it branches can be said in another way.
    pub(super) fn forked(&mut self, opened: ThreadOpened, prompt: Option<String>, now: Instant) {
        self.before.is_branching = false;
        let before = self.thread_id();
        // What is on the screen already is not shown once more.
        let is_shown = (before.is_some() || self.before.tail.is_here()) && prompt.is_none();
        let was_held = self.queue.is_held();
        self.leave_thread();
        if !was_held {
            // What waits was said after that.
            self.queue.release();
        }
        if let Some(id) = before {
            self.say(&format!("branched; the session before: codex --resume {id}"));
        }
        self.opened(opened, now, !is_shown);
        if let Some(session) = &mut self.session {
            session.said = true;
        }
        if let Some(text) = prompt {
            self.composer.set(Draft { text, pictures: Vec::new() });
        }
    }
}
