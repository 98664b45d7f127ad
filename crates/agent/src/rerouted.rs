//! Another model answers than the thread's own: that is told, and counted as its own.

use codex_log::Level;
use codex_model::HOLD;
use codex_protocol::{ServerNotification, Warning};

use crate::{ModelChoice, thread::ThreadState, turn::TurnRun};

/// A model that answers in place of the thread's own.
#[derive(Debug, Clone)]
pub(crate) struct Other {
    /// Name of its provider.
    pub(crate) provider: String,
    pub(crate) id: String,
    /// Tokens that a request to it may hold, where known.
    pub(crate) window: Option<u64>,
}

impl Other {
    /// What it is counted as: its id, with its provider where that is not the one of `own`.
    pub(crate) fn name(&self, own: &ModelChoice) -> String {
        let Self { provider, id, .. } = self;
        if *provider == own.provider { id.clone() } else { format!("{provider}/{id}") }
    }
}

impl TurnRun {
    /// What comes from here on is from `model`; `why` the one before could not answer, where that is news.
    pub(crate) async fn rerouted(
        &mut self,
        state: &ThreadState,
        (provider, model, window): (String, String, Option<u64>),
        why: Option<String>,
    ) {
        if let Some(why) = why {
            let own = &state.settings.model;
            let minutes = HOLD.as_secs() / 60;
            let message = format!(
                "{why}. {provider}/{model} answers now (`model_fallback`); {}/{} is tried again in {minutes} minutes",
                own.provider, own.id,
            );
            let (thread, turn) = (&self.thread_id, &self.turn.id);
            state.recorder.log(Level::Warn, format_args!("{thread} {turn}: another model answers: {provider}/{model}"));
            let thread_id = Some(self.thread_id.clone());
            state.recorder.tell(ServerNotification::Warning(Warning { thread_id, message })).await;
        }
        self.progress.answers = Some(Other { provider, id: model, window });
        self.progress.answered = self.progress.answers.clone();
    }
}
