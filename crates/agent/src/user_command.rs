//! A command that the user typed: a turn of its own, in which the model is not asked. It is told with the next one.
//!
//! It must never run behind other walls than a command of the model, nor against a rule that denies.

use std::sync::Arc;

use codex_history::Message;
use codex_permissions::SandboxLevel;
use codex_store::{Record, StoreError};
use codex_tools::{ForUser, Outcome, user_command};

use crate::{
    Mode, Thread, ThreadError,
    approvals::{Permit, Who},
    calls::declined,
    context::fill,
    thread::{Because, Ended, ThreadState},
    turn::{Finish, TurnOptions, TurnRun, unwritable},
    uncovers::uncovers,
};

const NOTE: &str = include_str!("prompts/user_command.md");
const INTERRUPTED: &str = "it was interrupted before it ran";

/// What the user typed.
#[derive(Debug)]
pub struct UserCommand {
    /// The command line.
    pub command: String,
    /// It is killed when it takes longer, in milliseconds.
    pub timeout: Option<u64>,
}

impl Thread {
    /// Runs what the user typed and returns as soon as that is recorded. What comes of it arrives as events of a turn.
    ///
    /// # Errors
    /// When nothing was typed, no command may run in the thread, a turn runs, or nothing can be recorded.
    pub async fn run_command(&self, typed: UserCommand) -> Result<(), ThreadError> {
        if typed.command.trim().is_empty() {
            return Err(ThreadError::EmptyCommand);
        }
        if self.standing().mode == Mode::Plan {
            return Err(ThreadError::Planning);
        }
        if self.standing().policy.level == SandboxLevel::ReadOnly {
            return Err(ThreadError::ReadOnly);
        }
        let reach = self.reserve().map_err(|_| ThreadError::BusyForCommands)?;
        let mut state = Arc::clone(&self.state).lock_owned().await;
        let turn_id = format!("turn_{}", state.turns);
        let recorded = state.recorder.record(&Record::TurnStarted { turn_id: turn_id.clone() });
        recorded.inspect_err(|_| drop(self.running().take()))?;
        state.turns += 1;
        let run = self.begin_run(&state, turn_id, reach, TurnOptions::default());
        self.spawn(state, run, Because::Typed(typed));
        Ok(())
    }
}

impl TurnRun {
    pub(crate) async fn run_typed(mut self, state: &mut ThreadState, typed: UserCommand) -> Ended {
        // There is no request that could take what is said meanwhile.
        self.steers.close_if_empty();
        let told = self.typed(state, typed).await;
        let finish = match &told {
            Err(error) => Finish::Failed(unwritable(error)),
            Ok(_) if self.cancel.is_cancelled() => Finish::Interrupted,
            Ok(_) => {
                // What cannot be recorded of it has been done all the same.
                let _ = self.disarm_new(state, true).await;
                Finish::Completed
            }
        };
        let ended = self.finish(state, finish).await;
        // After the turn: it is nothing that the user said in it.
        if let Ok(Some(note)) = told {
            let _ = state.record_message(Message::user(note));
        }
        ended
    }

    /// Runs the command; returns what the model is told of it, if it ran.
    async fn typed(&mut self, state: &mut ThreadState, typed: UserCommand) -> Result<Option<String>, StoreError> {
        self.look.begin(state);
        self.look.end(state).await;
        let context = self.tool_context(state);
        let mut prepared = user_command(typed.command.clone(), typed.timeout, &context);
        prepared.access.uncovers = tokio::select! {
            found = uncovers(&state.settings.workplace, &prepared.access) => found,
            () = self.cancel.cancelled() => return Ok(None),
        };
        let item = prepared.started.clone();
        let (permission, shown) = match self.permit(state, Who::User, &prepared.access, item.as_ref()).await? {
            Permit::Run { permission, shown } => (permission, shown),
            Permit::Refused { for_user, .. } => return self.refused(state, item, &for_user).await,
            Permit::Interrupted => return self.refused(state, item, INTERRUPTED).await,
        };
        let ran = self.run_unasked(state, &context, prepared, permission, shown).await?;
        self.checkpoint_after(state).await;
        match ran {
            Ok(Outcome { for_model, for_user, .. }) => {
                self.show(state, for_user).await?;
                let values = [("command", typed.command.trim()), ("outcome", for_model.trim_end())];
                Ok(Some(fill(NOTE.trim_end(), &values)))
            }
            Err(reason) => self.refused(state, item, &format!("lost: {reason}")).await,
        }
    }

    async fn refused(
        &mut self,
        state: &mut ThreadState,
        item: Option<codex_protocol::ThreadItem>,
        why: &str,
    ) -> Result<Option<String>, StoreError> {
        let item = item.map_or(ForUser::Nothing, |item| ForUser::Item(declined(item, why)));
        self.show(state, item).await?;
        Ok(None)
    }
}
