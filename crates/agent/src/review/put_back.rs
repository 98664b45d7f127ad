//! The project's tests where nothing that they write can be thrown away: they run in the project itself, and what they change
//! there is put back. What they do is an action of the turn like others, so that it can be taken back if this program ends
//! meanwhile.
//!
//! It must never run them where something could not be put back.

use codex_checkpoints::SnapshotId;
use codex_protocol::{ReviewTests, ServerNotification, Warning};
use codex_sandbox::shown;
use codex_store::{Record, StoreError};

use super::{Apart, not_run};
use crate::{Workplace, rewind::blocking, thread::ThreadState, turn::TurnRun};

/// Most paths that are named one by one.
const MOST_NAMED: usize = 5;

impl TurnRun {
    /// Runs the tests in `workplace`; `why` nothing can be thrown away.
    pub(super) async fn tests_put_back(
        &mut self,
        state: &mut ThreadState,
        workplace: Workplace,
        (command, why): (String, &str),
    ) -> Result<(ReviewTests, String), StoreError> {
        let of_review = std::mem::replace(&mut state.settings.workplace, workplace);
        let done = match self.known_before(state).await {
            Ok(before) => {
                let tests = self.run_tests(state, command).await;
                state.processes.stop_all().await;
                self.checkpoint_after(state).await;
                let is_known = state.checkpoint_taken(&self.thread_id).await;
                self.put_back(state, before, is_known).await.and(tests)
            }
            Err(reason) => Ok(not_run(Some(command), &format!("{why}; nor could it be put back: {reason}"))),
        };
        state.settings.workplace = of_review;
        done
    }

    /// The state that is put back, of all that the tests may change; or why there is none.
    async fn known_before(&self, state: &mut ThreadState) -> Result<SnapshotId, String> {
        if let Some(others) = state.apart.as_ref().and_then(Apart::others_at_work) {
            return Err(others.into());
        }
        let is_known = self.files_are_known(state).await;
        match (state.checkpoints.last.filter(|_| is_known), state.checkpoints.omitted.first()) {
            (None, _) => Err("no state of the files is kept".into()),
            (Some(_), Some(omitted)) => Err(format!("{} is not kept ({})", shown(&omitted.path), omitted.why)),
            (Some(before), None) => Ok(before),
        }
    }

    /// Puts back what differs from the state `before`. Whatever was there is in the state that was taken after the tests.
    async fn put_back(&self, state: &mut ThreadState, before: SnapshotId, is_known: bool) -> Result<(), StoreError> {
        let (keeping, scope) = (state.checkpoints.keeping.clone(), state.checkpoints.scope(&state.settings.workplace));
        let (Some(after), Some(keeping), Some(scope)) = (state.checkpoints.last.filter(|_| is_known), keeping, scope)
        else {
            self.warn_of_tests(state, "what the tests changed is not known, and stays as it is".into()).await;
            return Ok(());
        };
        if after == before {
            return Ok(());
        }
        let done = blocking(move || {
            let changes = keeping.store.changes(&before, &after)?;
            let restored = keeping.store.restore(&scope, &changes)?;
            Ok((restored, keeping.store.capture(&scope)?.id))
        });
        let (restored, now) = match done.await {
            Ok(done) => done,
            Err(error) => {
                let message = format!("what the tests changed stays as it is: {error}; /undo takes it back");
                self.warn_of_tests(state, message).await;
                return Ok(());
            }
        };
        state.checkpoints.last = Some(now);
        state.recorder.record(&Record::Restored {
            before_turn_id: self.turn.id.clone(),
            before: after.to_string(),
            after: now.to_string(),
            conversation: false,
            redo: false,
            conflicts: false,
        })?;
        state.recorder.flush();
        let named: Vec<String> = restored.restored.iter().take(MOST_NAMED).map(|path| shown(path)).collect();
        let more = restored.restored.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message =
            format!("the tests ran in the project itself; what they changed was put back: {}{more}", named.join(", "));
        self.warn_of_tests(state, message).await;
        for (path, why) in &restored.failed {
            self.warn_of_tests(state, format!("not put back after the tests: {}: {why}", shown(path))).await;
        }
        Ok(())
    }

    async fn warn_of_tests(&self, state: &ThreadState, message: String) {
        let warning = Warning { thread_id: Some(self.thread_id.clone()), message };
        state.recorder.tell(ServerNotification::Warning(warning)).await;
    }
}
