//! Sub-agents, as far as the screen needs them: which work, and what their questions are about.

use std::collections::{BTreeMap, BTreeSet};

use codex_client::thread_of;
use codex_protocol::{ServerNotification, ThreadItem};

use crate::{
    look::Look,
    text::{Row, truncate},
    theme::Role,
};

/// The threads of sub-agents.
#[derive(Debug, Default)]
pub struct Agents {
    /// Those in which a turn runs.
    working: BTreeSet<String>,
    /// What has begun there and is not finished, by its thread and its id.
    open: BTreeMap<(String, String), ThreadItem>,
}

impl Agents {
    /// Takes in what is told of a thread that is not the session's own.
    pub(super) fn apply(&mut self, notification: &ServerNotification) {
        let Some(thread) = thread_of(notification).map(str::to_owned) else { return };
        match notification {
            ServerNotification::TurnStarted(_) => drop(self.working.insert(thread)),
            ServerNotification::TurnCompleted(_) | ServerNotification::ThreadClosed(_) => {
                self.working.remove(&thread);
                self.open.retain(|(of, _), _| *of != thread);
            }
            ServerNotification::ItemStarted(started) => {
                self.open.insert((thread, started.item.id().to_owned()), started.item.clone());
            }
            ServerNotification::ItemCompleted(done) => drop(self.open.remove(&(thread, done.item.id().to_owned()))),
            _ => {}
        }
    }

    /// The item of a thread, if it has begun and is not finished.
    pub(super) fn open_item(&self, thread: &str, id: &str) -> Option<&ThreadItem> {
        self.open.get(&(thread.to_owned(), id.to_owned()))
    }

    /// How many work.
    pub(super) fn working(&self) -> usize {
        self.working.len()
    }

    /// How many work, in a row; nothing if none does.
    pub(super) fn row(&self, look: &Look) -> Option<Row> {
        let what = match self.working.len() {
            0 => return None,
            1 => "1 sub-agent works".to_owned(),
            many => format!("{many} sub-agents work"),
        };
        let row = Row::new("• ", look.style(Role::Mark)).with(&what, look.style(Role::Strong));
        Some(truncate(&row.with(" · /agents", look.style(Role::Quiet)), look.width))
    }
}
