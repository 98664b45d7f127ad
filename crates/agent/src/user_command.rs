//! A command that the user typed: a turn of its own, in which the model is not asked. It is told with the next one.
//!
//! It must never run behind other walls than a command of the model, nor against a rule that denies.

use std::sync::Arc;

use codex_history::Message;
use codex_permissions::SandboxLevel;
use codex_protocol::{ThreadItem, UserInput};
use codex_store::{Record, StoreError};
use codex_tools::{ForUser, Outcome, user_command};

use crate::{
    Mode, Part, Thread, ThreadError,
    approvals::{Permit, Who},
    calls::declined,
    context::fill,
    spoken::joined,
    thread::{Because, Ended, ThreadState},
    turn::{Finish, TurnOptions, TurnRun, unwritable},
    uncovers::uncovers,
};

const NOTE: &str = include_str!("prompts/user_command.md");
/// Output of so many bytes is told as it is.
const SHORT: usize = 16 << 10;
/// How long a command may take whose output is a part of what the user says, in milliseconds.
const LONGEST: u64 = 60_000;
const INTERRUPTED: &str = "it was interrupted before it ran";

/// What the user typed.
#[derive(Debug)]
pub struct UserCommand {
    /// The command line.
    pub command: String,
    /// It is killed when it takes longer, in milliseconds.
    pub timeout: Option<u64>,
}

/// What came of a command.
struct Ran {
    /// As the model is told.
    told: String,
    /// What it put out, if it succeeded and that is short.
    output: Option<String>,
}

fn output(shown: &ForUser) -> Option<String> {
    match shown {
        ForUser::Item(ThreadItem::CommandExecution { exit_code: Some(0), aggregated_output: Some(output), .. }) => {
            Some(output.trim_end().to_owned()).filter(|output| output.len() <= SHORT)
        }
        _ => None,
    }
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
        let told = self.typed(state, &typed).await;
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
        if let Ok(Ok(Ran { told: outcome, .. })) = told {
            let note = fill(NOTE.trim_end(), &[("command", typed.command.trim()), ("outcome", &outcome)]);
            let _ = state.record_message(Message::user(note));
        }
        ended
    }

    /// Runs what is to be run before the model can read what the user said, makes that part of the conversation, and runs the
    /// turn.
    pub(crate) async fn run_said(
        mut self,
        state: &mut ThreadState,
        unread: Vec<Vec<Part>>,
        input: &[UserInput],
    ) -> Ended {
        match self.said(state, unread, input).await {
            Ok(None) => self.run(state).await,
            Ok(Some(finish)) => self.finish(state, finish).await,
            Err(error) => self.finish(state, Finish::Failed(unwritable(&error))).await,
        }
    }

    /// Asks hooks, and runs what is to be run, before the model reads what the user said. Why the turn ends here, if it does.
    async fn said(
        &mut self,
        state: &mut ThreadState,
        unread: Vec<Vec<Part>>,
        input: &[UserInput],
    ) -> Result<Option<Finish>, StoreError> {
        let more = match self.prompted(state, &unread, input).await? {
            Ok(more) => more,
            Err(finish) => return Ok(Some(finish)),
        };
        if unread.is_empty() {
            return Ok(None);
        }
        let mut content = Vec::new();
        for parts in unread {
            content.extend(joined(self.outputs(state, parts).await?));
        }
        content.extend(more);
        state.record_message(Message::User { content })?;
        Ok(self.cancel.is_cancelled().then_some(Finish::Interrupted))
    }

    /// The parts, with what commands put out in their places.
    async fn outputs(&mut self, state: &mut ThreadState, parts: Vec<Part>) -> Result<Vec<Part>, StoreError> {
        let mut read = Vec::with_capacity(parts.len());
        for part in parts {
            read.push(match part {
                Part::Output(command) => Part::text(self.output(state, command).await?),
                part => part,
            });
        }
        Ok(read)
    }

    /// What a command put out, or why it did not run.
    async fn output(&mut self, state: &mut ThreadState, command: String) -> Result<String, StoreError> {
        let policy = &state.settings.workplace.policy;
        let not_run = |why: &str| format!("[`{command}` was not run: {why}]");
        if self.cancel.is_cancelled() {
            return Ok(not_run(INTERRUPTED));
        }
        if policy.is_planning || policy.level == SandboxLevel::ReadOnly {
            let error = if policy.is_planning { ThreadError::Planning } else { ThreadError::ReadOnly };
            return Ok(not_run(&error.to_string()));
        }
        let ran = self.typed(state, &UserCommand { command: command.clone(), timeout: Some(LONGEST) }).await?;
        Ok(ran.map_or_else(|why| not_run(&why), |ran| ran.output.unwrap_or(ran.told)))
    }

    /// Runs the command; returns what the model is told of what came of it, or why it did not run.
    async fn typed(&mut self, state: &mut ThreadState, typed: &UserCommand) -> Result<Result<Ran, String>, StoreError> {
        self.look.begin(state);
        self.look.end(state).await;
        self.no_call();
        let context = self.tool_context(state);
        let mut prepared = user_command(typed.command.clone(), typed.timeout, &context);
        prepared.access.uncovers = tokio::select! {
            found = uncovers(&state.settings.workplace, &prepared.access) => found,
            () = self.cancel.cancelled() => return Ok(Err(INTERRUPTED.into())),
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
                let ran = Ran { told: for_model.trim_end().to_owned(), output: output(&for_user) };
                self.show(state, for_user).await?;
                Ok(Ok(ran))
            }
            Err(reason) => self.refused(state, item, &format!("lost: {reason}")).await,
        }
    }

    async fn refused(
        &mut self,
        state: &mut ThreadState,
        item: Option<ThreadItem>,
        why: &str,
    ) -> Result<Result<Ran, String>, StoreError> {
        let item = item.map_or(ForUser::Nothing, |item| ForUser::Item(declined(item, why)));
        self.show(state, item).await?;
        Ok(Err(why.to_owned()))
    }
}
