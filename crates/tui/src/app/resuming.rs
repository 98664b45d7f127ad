//! An earlier session: what it said last is shown while it is opened, which takes longer the more there is of it.

use codex_protocol::{ClientRequest, SortDirection, ThreadItemEntry, ThreadItemsListParams};

use super::{App, Purpose};
use crate::text::Row;

/// Items of an earlier session that are shown when it is gone on with.
const TAIL: usize = 30;

/// What a session said last, on its way to the screen.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// The session whose it is, as it was asked for.
    of: Option<String>,
    /// Whether it is there, or cannot be had.
    is_here: bool,
    /// What is said below it of the session, which is open and waits for it.
    header: Option<Vec<Row>>,
}

impl Tail {
    /// Whether it is that of this session.
    pub(super) fn is_of(&self, thread_id: &str) -> bool {
        self.of.as_deref() == Some(thread_id)
    }

    /// Whether it is on the screen.
    pub(super) fn is_here(&self) -> bool {
        self.is_here
    }

    /// Whether the session is open and waits for it.
    pub(super) fn is_awaited(&self) -> bool {
        self.header.is_some()
    }
}

impl App {
    /// Asks for what the session said last, unless that was done.
    pub(super) fn ask_tail(&mut self, thread_id: &str) {
        if self.before.tail.is_of(thread_id) {
            return;
        }
        self.before.tail = Tail { of: Some(thread_id.to_owned()), ..Tail::default() };
        if let Some(cwd) = self.setup.start.cwd.clone().filter(|_| self.session.is_none()) {
            // Whether it is the session's is not known yet.
            self.feed.set_directory(&cwd);
        }
        let params = ThreadItemsListParams {
            thread_id: thread_id.to_owned(),
            limit: Some(TAIL),
            sort_direction: Some(SortDirection::Desc),
            ..ThreadItemsListParams::default()
        };
        self.call(ClientRequest::ThreadItemsList(params), Purpose::Tail(thread_id.to_owned()));
    }

    /// It came, the newest first, or cannot be had.
    pub(super) fn tail_came(&mut self, of: &str, items: Vec<ThreadItemEntry>) {
        if !self.before.tail.is_of(of) {
            return;
        }
        items.into_iter().rev().for_each(|entry| self.feed.replay(entry.item));
        self.before.tail.is_here = true;
        if let Some(header) = self.before.tail.header.take() {
            self.begin(header);
        }
    }

    /// The session is open: it begins below what it said last.
    pub(super) fn begin_below_tail(&mut self, header: Vec<Row>) {
        if self.before.tail.of.is_none()
            && let Some(id) = self.thread_id()
        {
            self.ask_tail(&id);
        }
        match self.before.tail.is_here {
            true => self.begin(header),
            false => self.before.tail.header = Some(header),
        }
    }

    /// The session begins: what waits for it is said in it.
    pub(super) fn begin(&mut self, header: Vec<Row>) {
        self.before.tail = Tail::default();
        self.feed.notice(header.into_iter().chain(self.cut_off_row()).collect());
        self.plan_if_wanted();
        // A file's name may be half typed.
        self.renew_popup();
        self.say_next();
    }
}
