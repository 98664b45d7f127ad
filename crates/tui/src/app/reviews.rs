//! A review that a person wants.

use std::time::Instant;

use codex_protocol::{ClientRequest, ReviewStartParams, ReviewTarget};

use super::{App, Purpose, session::Running};
use crate::{intent::Draft, overlays};

impl App {
    /// Begins it, if nothing runs; what was typed is not lost if it cannot begin.
    pub(super) fn review(&mut self, target: ReviewTarget) {
        let Some(session) = self.session.as_mut().filter(|session| session.turn.is_none()) else {
            return self.complain("a review begins when the session is open and nothing runs in it");
        };
        let draft = Draft { text: overlays::review_typed(&target), pictures: Vec::new() };
        session.turn = Some(Running::begun(Instant::now()));
        let params = ReviewStartParams { thread_id: session.id(), target, delivery: None };
        self.call(ClientRequest::ReviewStart(params), Purpose::Say(draft));
    }
}
