//! One step of a turn: runs the tools that the model asked for, in order.
//!
//! Each call passes the same stations: read its arguments, decide, record that it begins, run, record what came of
//! it, tell. A call that is refused at any of them still gets its answer: the conversation never has an open call.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use codex_history::ToolCall;
use codex_permissions::{Access, Verdict, decide};
use codex_protocol::{
    CommandExecutionStatus, DynamicToolCallOutput, DynamicToolCallStatus, PatchApplyStatus, Position,
    ServerNotification, ThreadItem, TurnPlanUpdated,
};
use codex_sandbox::Confinement;
use codex_store::{Record, StoreError};
use codex_tools::{ForUser, Outcome, Prepared, ToolContext};
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::{
    thread::ThreadState,
    turn::{Finish, Step, TurnRun},
};

impl TurnRun {
    /// Runs `calls` and asks the model again; ends the turn if it was interrupted.
    pub(crate) async fn run_tools(
        &mut self,
        state: &mut ThreadState,
        calls: Vec<ToolCall>,
    ) -> Result<Step, StoreError> {
        for call in calls {
            if self.cancel.is_cancelled() {
                answer(state, &call, "The user interrupted the turn before this call ran. It did nothing.")?;
            } else {
                self.run_tool(state, &call).await?;
            }
        }
        Ok(if self.cancel.is_cancelled() { Step::Finish(Finish::Interrupted) } else { Step::Sample })
    }

    async fn run_tool(&mut self, state: &mut ThreadState, call: &ToolCall) -> Result<(), StoreError> {
        let context = self.tool_context(state);
        let prepared = match prepare(state, call, &context) {
            Ok(prepared) => prepared,
            Err(sentence) => {
                answer(state, call, &sentence)?;
                return self.complete(&mut state.recorder, unreadable(call, context.item_id, sentence)).await;
            }
        };
        match decide(&state.settings.workplace.policy, &prepared.access) {
            Verdict::Allow(confinement) => self.run_allowed(state, call, &context, prepared, confinement).await,
            Verdict::Refuse { reason } => self.refuse(state, call, prepared, &reason).await,
            Verdict::Ask { reason, .. } => {
                let reason = format!("{reason}, and nobody can be asked");
                self.refuse(state, call, prepared, &reason).await
            }
        }
    }

    async fn run_allowed(
        &mut self,
        state: &mut ThreadState,
        call: &ToolCall,
        context: &ToolContext,
        prepared: Prepared,
        confinement: Confinement,
    ) -> Result<(), StoreError> {
        let seq = state.recorder.record(&started(call, &context.item_id, &prepared.access))?;
        if changes(&prepared.access) {
            state.recorder.flush();
        }
        let shown = prepared.started;
        if let Some(item) = shown.clone() {
            state.recorder.send(self.item_started(item), Position::Recorded { seq }).await;
        }
        // A tool that panics must not take the session with it.
        let work = AssertUnwindSafe((prepared.run)(confinement)).catch_unwind();
        let cancel = self.cancel.clone();
        let ran = tokio::select! {
            ran = work => ran.map_err(|_| "it failed inside this program"),
            () = given_up(&cancel) => Err("it did not stop when it was interrupted"),
        };
        let Outcome { for_model, for_user } = match ran {
            Ok(outcome) => outcome,
            Err(reason) => {
                answer(state, call, &format!("No answer: {reason}. What it did is not known."))?;
                return match shown {
                    Some(item) => self.complete(&mut state.recorder, declined(item, reason)).await,
                    None => Ok(()),
                };
            }
        };
        answer(state, call, &for_model)?;
        self.show(state, for_user).await
    }

    async fn refuse(
        &mut self,
        state: &mut ThreadState,
        call: &ToolCall,
        prepared: Prepared,
        reason: &str,
    ) -> Result<(), StoreError> {
        answer(state, call, &format!("Refused: {reason}."))?;
        match prepared.started {
            Some(item) => self.complete(&mut state.recorder, declined(item, reason)).await,
            None => Ok(()),
        }
    }

    async fn show(&mut self, state: &mut ThreadState, for_user: ForUser) -> Result<(), StoreError> {
        let turn_id = self.turn.id.clone();
        match for_user {
            ForUser::Item(item) => self.complete(&mut state.recorder, item).await,
            ForUser::Plan { explanation, steps } => {
                let thread_id = self.thread_id.clone();
                let (plan, why) = (steps.clone(), explanation.clone());
                let told = TurnPlanUpdated { thread_id, turn_id: turn_id.clone(), explanation: why, plan };
                let record = Record::Plan { turn_id, explanation, steps };
                state.recorder.record_and_tell(&record, ServerNotification::TurnPlanUpdated(told)).await
            }
        }
    }

    fn tool_context(&mut self, state: &ThreadState) -> ToolContext {
        let workplace = &state.settings.workplace;
        ToolContext {
            item_id: self.next_item_id(),
            roots: Arc::clone(&workplace.roots),
            protected: workplace.policy.protected.clone().into(),
            sandbox: Arc::clone(&workplace.sandbox),
            environment: Arc::clone(&workplace.environment),
            cancel: self.cancel.child_token(),
        }
    }
}

/// How long a tool may take to stop.
const GRACE: Duration = Duration::from_secs(3);

/// Returns some time after `cancel`: the user does not wait for a tool that hangs.
async fn given_up(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// Reads the call's arguments, or says what is wrong with it in a sentence for the model.
fn prepare(state: &ThreadState, call: &ToolCall, context: &ToolContext) -> Result<Prepared, String> {
    let tools = &state.settings.tools;
    let Some(tool) = tools.iter().find(|tool| tool.name() == call.name) else {
        let known: Vec<&str> = tools.iter().map(|tool| tool.name()).collect();
        return Err(format!("There is no tool `{}`. The tools are: {}.", call.name, known.join(", ")));
    };
    tool.prepare(&call.arguments, context).map_err(|error| error.to_string())
}

/// Records the answer to a call.
fn answer(state: &mut ThreadState, call: &ToolCall, text: &str) -> Result<(), StoreError> {
    state.record_message(call.answer(text)).map(drop)
}

fn started(call: &ToolCall, item_id: &str, access: &Access) -> Record {
    Record::Started {
        call_id: call.call_id.clone(),
        item_id: item_id.to_owned(),
        access: serde_json::to_value(access).unwrap_or_default(),
        checkpoint: None,
    }
}

fn changes(access: &Access) -> bool {
    !access.writes.is_empty() || access.command.is_some()
}

/// A call that could not be read, as it is shown.
fn unreadable(call: &ToolCall, id: String, sentence: String) -> ThreadItem {
    let text = call.arguments.text();
    ThreadItem::DynamicToolCall {
        id,
        tool: call.name.clone(),
        arguments: serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        status: DynamicToolCallStatus::Failed,
        content_items: Some(vec![DynamicToolCallOutput::InputText { text: sentence }]),
        success: Some(false),
        duration_ms: None,
    }
}

/// The item as it is shown when it was not allowed.
fn declined(mut item: ThreadItem, reason: &str) -> ThreadItem {
    match &mut item {
        ThreadItem::CommandExecution { status, aggregated_output, .. } => {
            *status = CommandExecutionStatus::Declined;
            *aggregated_output = Some(format!("refused: {reason}"));
        }
        ThreadItem::FileChange { status, .. } => *status = PatchApplyStatus::Declined,
        ThreadItem::DynamicToolCall { status, success, .. } => {
            *status = DynamicToolCallStatus::Failed;
            *success = Some(false);
        }
        ThreadItem::UserMessage { .. } | ThreadItem::AgentMessage { .. } | ThreadItem::Reasoning { .. } => {}
    }
    item
}
