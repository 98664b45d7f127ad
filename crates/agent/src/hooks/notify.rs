//! The program of the user's that is told of the end of turns, as the existing CLI tells it: one argument of JSON.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use codex_protocol::TurnStatus;
use codex_sandbox::{Command, start_detached};
use serde_json::json;

use super::{last_message, tell::Telling};
use crate::{thread::ThreadState, turn::TurnRun};

/// The program.
#[derive(Debug)]
pub struct Notify {
    /// It and its first arguments.
    pub argv: Vec<String>,
    /// Where it starts: not where the model writes.
    pub directory: PathBuf,
    /// Its whole environment.
    pub environment: BTreeMap<OsString, OsString>,
}

impl TurnRun {
    /// Starts the program at the end of a turn that was completed, and does not wait for it. That it cannot be started is told.
    pub(crate) async fn notify(&self, state: &ThreadState) {
        let Some(notify) = state.settings.plugged.notify.as_deref() else { return };
        if self.turn.status != TurnStatus::Completed || state.settings.agent_kind.is_some() {
            return;
        }
        let told = json!({
            "type": "agent-turn-complete",
            "thread-id": self.thread_id,
            "turn-id": self.turn.id,
            "cwd": state.settings.workplace.roots.workspace.display().to_string(),
            "input-messages": self.progress.hooks.said,
            "last-assistant-message": last_message(state),
        });
        let argv = notify.argv.iter().cloned().chain([told.to_string()]).map(OsString::from).collect();
        let command = Command { argv, directory: notify.directory.clone(), environment: notify.environment.clone() };
        if let Err(error) = start_detached(command) {
            let (thread_id, events) = (self.thread_id.clone(), state.recorder.events());
            let message = format!("the program of `notify`, `{}`, was not started: {error}", notify.argv[0]);
            Telling { thread_id, turn_id: None, events }.warn(message).await;
        }
    }
}
