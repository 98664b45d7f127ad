//! Sessions that are not to be kept any longer, where the configuration says so: once a day, while the first turn of a session is
//! waited for.

use std::time::Duration;

use codex_config::SessionSettings;
use codex_protocol::{Event, Position, ServerMessage, ServerNotification, Warning};
use codex_store::{Removed, Retention};

use crate::Server;

const DAY: Duration = Duration::from_hours(24);

impl Server {
    /// Looks through the sessions on the blocking pool, if it is time to, and says in the thread what was removed.
    pub(crate) fn retain(&self, thread_id: &str, settings: &SessionSettings) {
        let SessionSettings { keep_days, max_total_mb, .. } = *settings;
        if keep_days.is_none() && max_total_mb.is_none() {
            return;
        }
        let Ok(home) = self.codex_home() else { return };
        let retention = Retention {
            newer_than: keep_days.map(|days| DAY * days),
            most: max_total_mb.map(|megabytes| megabytes.saturating_mul(1_000_000)),
        };
        let (events, thread_id) = (self.events.clone(), thread_id.to_owned());
        tokio::spawn(async move {
            let looked = move || codex_store::retention_due(&home).then(|| codex_store::retain(&home, &retention));
            let Ok(Some(Removed { sessions: sessions @ 1.., bytes })) = tokio::task::spawn_blocking(looked).await
            else {
                return;
            };
            let message = format!(
                "earlier sessions were deleted, as `[sessions]` of the configuration says: {sessions}, {:.1} MB; named and \
                 archived ones stay",
                bytes as f64 / 1e6
            );
            let notification = ServerNotification::Warning(Warning { thread_id: Some(thread_id), message });
            let _ = events.send(ServerMessage::Event(Event { notification, position: Position::Transient {} })).await;
        });
    }
}
