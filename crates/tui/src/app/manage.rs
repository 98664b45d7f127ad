//! What a person does to sessions, open or not; and sessions that another process has open.

use codex_protocol::{ClientRequest, ThreadReadParams, ThreadSearchParams, ThreadSetNameParams};

use super::{App, Opening, Purpose};
use crate::{intent::Manage, overlays};

/// Sessions that are shown of those in which something was said.
const FOUND: usize = 50;

impl App {
    /// Asks the server to do it.
    pub(super) fn manage(&mut self, manage: Manage) {
        let of = |thread_id: &String| ThreadReadParams { thread_id: thread_id.clone() };
        let request = match &manage {
            Manage::Archive(id) | Manage::Delete(id) if self.thread_id().as_ref() == Some(id) => {
                return self.complain("this is the session that is open: /clear begins another one first");
            }
            Manage::Rename { id, name } => {
                ClientRequest::ThreadSetName(ThreadSetNameParams { thread_id: id.clone(), name: name.clone() })
            }
            Manage::Archive(id) => ClientRequest::ThreadArchive(of(id)),
            Manage::Delete(id) => ClientRequest::ThreadDelete(of(id)),
        };
        self.call(request, Purpose::Manage(manage));
    }

    /// It was done.
    pub(super) fn managed(&mut self, done: &Manage) {
        self.overlays.iter_mut().for_each(|overlay| overlay.managed(done));
        match done {
            // That is told.
            Manage::Rename { .. } => {}
            Manage::Archive(id) => self.say(&format!("laid aside: codex sessions unarchive {id} brings it back")),
            Manage::Delete(id) => self.say(&format!("deleted: {id}")),
        }
    }

    /// A session has another name.
    pub(super) fn renamed(&mut self, thread_id: &str, name: Option<&str>) {
        let Some(session) = self.session.as_mut().filter(|session| session.opened.thread.id == thread_id) else {
            return;
        };
        session.opened.thread.name = name.map(str::to_owned);
        self.say(
            &name.map_or("the session has no name any more".into(), |name| format!("the session is called {name}")),
        );
    }

    /// Asks in which sessions `term` was said.
    pub(super) fn search_said(&mut self, term: String, all: bool) {
        let params = ThreadSearchParams {
            search_term: term.clone(),
            limit: Some(FOUND),
            cwd: if all { None } else { self.setup.start.cwd.clone() },
            ..ThreadSearchParams::default()
        };
        self.call(ClientRequest::ThreadSearch(params), Purpose::Said(term));
    }

    /// The session that was asked for is open in another process: what now?
    pub(super) fn open_elsewhere(&mut self, message: &str) {
        let Some(id) = self.before.wanted.clone() else { return self.complain(message) };
        self.lay(overlays::elsewhere(message, &id));
    }

    /// Goes on with a session that another process has open, which lets it go.
    pub(super) fn take_over(&mut self, id: String) {
        let mut params = self.setup.resume.clone();
        (params.thread_id, params.take_over) = (id, Some(true));
        self.leave_thread();
        self.open(Opening::Resume(params));
    }

    /// The session was closed, and not by this screen: another process has it.
    pub(super) fn closed_elsewhere(&mut self, thread_id: &str) {
        if self.session.take_if(|session| session.opened.thread.id == thread_id).is_none() {
            return;
        }
        self.before.left = Some(thread_id.to_owned());
        self.before.is_opening = false;
        self.feed.leave();
        self.queue.hold();
        self.focus.hint = None;
    }
}
