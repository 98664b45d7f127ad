//! Summing the conversation up, as a person asks for it.

use std::time::Instant;

use codex_protocol::{ClientRequest, ThreadCompactStartParams, ThreadCompactUndoParams};

use super::{App, Purpose, session::Running};

impl App {
    pub(super) fn compact(&mut self, focus: Option<String>) {
        let Some(session) = &mut self.session else { return self.complain("the session is not open yet") };
        let thread_id = session.id();
        // What is said from now on waits.
        session.turn.get_or_insert_with(|| Running::begun(Instant::now()));
        self.call(ClientRequest::ThreadCompactStart(ThreadCompactStartParams { thread_id, focus }), Purpose::Compact);
    }

    pub(super) fn undo_compaction(&mut self) {
        let Some(session) = &self.session else { return self.complain("the session is not open yet") };
        let params = ThreadCompactUndoParams { thread_id: session.id() };
        self.call(ClientRequest::ThreadCompactUndo(params), Purpose::UndoCompaction);
    }
}
