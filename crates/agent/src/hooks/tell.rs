//! Tells that a hook runs, and what came of it.

use codex_extensions::hooks::{Decision, Done, Ended, Hook, Source};
use codex_protocol::{
    Event as Told, HookOutputEntry, HookOutputEntryKind as Kind, HookRun, HookRunStatus, HookRunSummary, HookSource,
    Position, ServerMessage, ServerNotification, Warning,
};
use tokio::sync::mpsc;

use crate::context::now_ms;

/// Where it is told.
#[derive(Debug, Clone)]
pub(super) struct Telling {
    pub(super) thread_id: String,
    pub(super) turn_id: Option<String>,
    pub(super) events: mpsc::Sender<ServerMessage>,
}

impl Telling {
    /// Tells that the hook runs that is at this place among all.
    pub(super) async fn started(&self, at: usize, hook: &Hook) -> HookRunSummary {
        let run = HookRunSummary {
            id: format!("hook_{}", uuid()),
            event_name: hook.event,
            handler_type: "command".into(),
            execution_mode: "sync".into(),
            scope: if self.turn_id.is_some() { "turn" } else { "thread" }.into(),
            source_path: hook.path.display().to_string(),
            source: source(&hook.source),
            display_order: at as i64,
            status: HookRunStatus::Running,
            status_message: hook.status_message.clone(),
            started_at: now_ms() / 1000,
            completed_at: None,
            duration_ms: None,
            entries: Vec::new(),
            command: hook.command.clone(),
        };
        self.tell(ServerNotification::HookStarted(self.run(run.clone()))).await;
        run
    }

    /// Tells what came of it.
    pub(super) async fn completed(&self, begun: HookRunSummary, done: &Done) {
        let status = match done.ended() {
            Ended::Well => HookRunStatus::Completed,
            Ended::Failed => HookRunStatus::Failed,
            Ended::Blocked => HookRunStatus::Blocked,
            Ended::Stopped => HookRunStatus::Stopped,
        };
        let run = HookRunSummary {
            status,
            completed_at: Some(now_ms() / 1000),
            duration_ms: Some(done.duration.as_millis() as i64),
            entries: entries(done),
            ..begun
        };
        self.tell(ServerNotification::HookCompleted(self.run(run))).await;
    }

    pub(super) async fn warn(&self, message: String) {
        let thread_id = Some(self.thread_id.clone());
        self.tell(ServerNotification::Warning(Warning { thread_id, message })).await;
    }

    fn run(&self, run: HookRunSummary) -> HookRun {
        HookRun { thread_id: self.thread_id.clone(), turn_id: self.turn_id.clone(), run }
    }

    async fn tell(&self, notification: ServerNotification) {
        let told = Told { notification, position: Position::Transient {} };
        let _ = self.events.send(ServerMessage::Event(told)).await;
    }
}

fn entries(done: &Done) -> Vec<HookOutputEntry> {
    let answer = &done.answer;
    let decided = match &answer.decision {
        // That it failed is said already.
        Some(Decision::Deny(why)) if answer.failure.is_none() => Some(why),
        _ => None,
    };
    let all = [
        (Kind::Error, answer.failure.as_ref()),
        (Kind::Feedback, decided),
        (Kind::Stop, answer.stop.as_ref()),
        (Kind::Context, answer.context.as_ref()),
        (Kind::Warning, answer.message.as_ref()),
    ];
    all.into_iter().filter_map(|(kind, text)| Some(HookOutputEntry { kind, text: text?.clone() })).collect()
}

/// A word that no other run has.
fn uuid() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static RUNS: AtomicU64 = AtomicU64::new(0);
    RUNS.fetch_add(1, Ordering::Relaxed) + 1
}

fn source(source: &Source) -> HookSource {
    match source {
        Source::System => HookSource::System,
        Source::User => HookSource::User,
        Source::Project => HookSource::Project,
        Source::Flags => HookSource::SessionFlags,
        Source::Plugin(_) => HookSource::Plugin,
    }
}
