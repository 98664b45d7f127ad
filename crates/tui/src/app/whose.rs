//! Whose message it is: what still comes from a session that was left is not shown in the next.

use codex_client::thread_of;
use codex_protocol::ServerNotification;

use super::App;

impl App {
    /// Whether `notification` comes from a session that was left.
    pub(super) fn is_of_before(&self, notification: &ServerNotification) -> bool {
        let Some(thread) = thread_of(notification) else { return false };
        match &self.session {
            Some(session) => thread != session.opened.thread.id,
            None => self.before.left.as_deref() == Some(thread),
        }
    }
}
