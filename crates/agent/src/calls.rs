//! One step of a turn: runs the tools that the model asked for.
//!
//! Each call passes the same stations: read its arguments, decide, record that it begins, run, record what came of
//! it, tell. Calls that only read run together; all others one after the other, in the order the model gave them. A
//! call that is refused at any station still gets its answer: the conversation never has an open call.

use std::{collections::VecDeque, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use codex_history::{Arguments, Content, ToolCall};
use codex_permissions::{Access, Approval};
use codex_protocol::{
    CollabAgentToolCallStatus, CommandExecutionStatus, DynamicToolCallOutput, DynamicToolCallStatus, McpToolCallError,
    McpToolCallStatus, PatchApplyStatus, Position, ServerNotification, ThreadItem, TurnPlanUpdated,
};
use codex_store::{Record, StoreError};
use codex_tools::{Effect, ForUser, Outcome, Permission, Prepared, Tool, ToolContext, Work, cut};
use futures_util::{FutureExt, StreamExt, stream::FuturesOrdered};
use tokio_util::sync::CancellationToken;

use crate::{
    approvals::Permit,
    checkpoints::Before,
    known_pages::{self, Named},
    mode::{PROPOSE, out_of_place},
    recorder::SharedJournal,
    repetition::{Kind, Repeated, told},
    thread::ThreadState,
    turn::{Finish, Step, TurnRun, turn_error},
    uncovers::uncovers,
};

/// How long a tool may take to stop: longer than the end of a command may take, of which it then tells.
const GRACE: Duration = Duration::from_secs(8);

/// How exactly it is known until when the program was there, if it ends during an action.
const LIFE: Duration = Duration::from_millis(100);

/// Most calls that run together.
const TOGETHER: usize = 8;

const INTERRUPTED: &str = "the turn was interrupted before it was answered";

const NEVER_RAN: &str = "The user interrupted the turn before this call ran. It did nothing.";

/// A call that is under way.
pub(crate) struct UnderWay {
    call: ToolCall,
    /// How it is shown while it runs.
    shown: Option<ThreadItem>,
    pub(crate) ran: Result<Outcome, &'static str>,
    /// What it was, to a model that repeats itself.
    kind: Kind,
}

/// The rest of a call that is under way.
pub(crate) type Running = Pin<Box<dyn Future<Output = UnderWay> + Send>>;

impl TurnRun {
    /// Runs `calls` and asks the model again; ends the turn if it was interrupted or goes in circles.
    pub(crate) async fn run_tools(
        &mut self,
        state: &mut ThreadState,
        calls: Vec<ToolCall>,
    ) -> Result<Step, StoreError> {
        let mut calls = VecDeque::from(calls);
        let mut in_circles = None;
        while let Some(call) = calls.pop_front() {
            if self.cancel.is_cancelled() {
                state.record_message(call.answer(NEVER_RAN))?;
                continue;
            }
            let mut together = FuturesOrdered::new();
            let more = if reads(state, &call) { TOGETHER - 1 } else { 0 };
            together.push_back(self.begin(state, call).await?);
            while together.len() <= more
                && let Some(call) = calls.pop_front_if(|call| more > 0 && reads(state, call))
            {
                together.push_back(self.begin(state, call).await?);
            }
            while let Some(under_way) = together.next().await {
                let is_last = calls.is_empty() && together.is_empty();
                in_circles = self.conclude(state, under_way, is_last).await?.or(in_circles);
            }
        }
        self.repetition.answer_ends();
        state.tell_ended(&self.thread_id).await?;
        // A checkout that lacks files must not go on.
        if state.processes.has_aside() && state.settings.workplace.policy.approval != Approval::Never {
            self.disarm_new(state, true).await?;
        }
        Ok(match in_circles {
            _ if self.cancel.is_cancelled() => Step::Finish(Finish::Interrupted),
            Some(what) => {
                let message = format!("the turn was stopped because the model goes in circles: {what}");
                Step::Finish(Finish::Failed(turn_error(message, "other".into())))
            }
            None if std::mem::take(&mut self.progress.has_plan) => Step::Finish(Finish::Completed),
            None if let Some(why) = self.stopped_by_hook() => {
                let message = format!("a hook stopped the turn: {why}");
                Step::Finish(Finish::Failed(turn_error(message, "other".into())))
            }
            None => Step::Sample,
        })
    }

    /// Takes a call as far as it goes without waiting. One that does not run has its outcome at once, and waits with
    /// it until its turn comes: answers are given in the order of the calls.
    async fn begin(&mut self, state: &mut ThreadState, call: ToolCall) -> Result<Running, StoreError> {
        if tool(state, &call).is_some_and(|tool| tool.effect() == Effect::Runs) && self.look.end(state).await {
            self.ignore_look.deeper(state);
        }
        let ignored = self.ignore_look.end(state).await;
        let mut context = self.tool_context(state);
        if call.name == PROPOSE
            && let Some(begun) = self.progress.plan_item.take()
        {
            context.item_id = begun;
        }
        let (call, denied) = self.before_call(state, call).await;
        let prepared = match ignored {
            Ok(()) => prepare(state, &call, &context).await,
            Err(sentence) => Err(sentence),
        };
        let (outcome, kind) = match prepared {
            Err(sentence) => {
                let item = unreadable(&call, context.item_id, sentence.clone());
                (Outcome::text(sentence, ForUser::Item(item)), kind(state, &call))
            }
            Ok(prepared) => {
                let about = (&prepared.access, prepared.started.as_ref());
                match self.permit_call(state, denied, &call, about).await? {
                    Permit::Run { permission, shown } => {
                        return self.start(state, call, &context, prepared, permission, shown).await;
                    }
                    Permit::Refused { for_model, for_user } => {
                        (refused(prepared.started, for_model, &for_user), Kind::Refused)
                    }
                    Permit::Interrupted => {
                        (refused(prepared.started, NEVER_RAN.to_owned(), INTERRUPTED), Kind::Refused)
                    }
                }
            }
        };
        Ok(Box::pin(std::future::ready(UnderWay { call, kind, shown: None, ran: Ok(outcome) })))
    }

    /// Records and tells that an allowed call begins; what is returned runs it.
    pub(crate) async fn start(
        &mut self,
        state: &mut ThreadState,
        call: ToolCall,
        context: &ToolContext,
        prepared: Prepared,
        permission: Permission,
        is_shown: bool,
    ) -> Result<Running, StoreError> {
        state.nested.touched(&prepared.access, &state.settings.workplace.roots.workspace);
        let before = self.checkpoint_before(state, &context.item_id, &prepared.access, &permission.confinement).await;
        if before == Before::Interrupted {
            let ran = Ok(refused(prepared.started, NEVER_RAN.to_owned(), INTERRUPTED));
            return Ok(Box::pin(std::future::ready(UnderWay { call, kind: Kind::Refused, shown: None, ran })));
        }
        let checkpoint = state.checkpoint_of_action();
        state.note_changes(&self.turn.id, &prepared.access);
        let started = started(&call, &context.item_id, &prepared.access, checkpoint);
        let seq = state.recorder.record(&started)?;
        state.checkpoints_know(seq, &started);
        if changes(&prepared.access) {
            state.recorder.flush();
        }
        if prepared.access.command.is_some() && !state.settings.workplace.policy.thrown_away {
            state.settings.workplace.repositories.expect(&permission.confinement);
        }
        let shown = prepared.started;
        if let Some(item) = shown.clone().filter(|_| !is_shown) {
            state.recorder.send(self.item_started(item), Position::Recorded { seq }).await;
        }
        let host_is_said = prepared.access.fetch.is_some_and(|fetch| fetch.is_said);
        let permission = Permission { host_is_said, ..permission };
        let (work, cancel, kind) = (prepared.run, self.cancel.clone(), kind(state, &call));
        let records = state.records_of_action();
        Ok(Box::pin(async move {
            let ran = tokio::select! {
                ran = run((work)(permission), &cancel) => ran,
                never = show_life(records) => match never {},
            };
            UnderWay { ran, call, kind, shown }
        }))
    }

    /// Runs an allowed command that no model has called for, and waits for it.
    pub(crate) async fn run_unasked(
        &mut self,
        state: &mut ThreadState,
        context: &ToolContext,
        prepared: Prepared,
        permission: Permission,
        is_shown: bool,
    ) -> Result<Result<Outcome, &'static str>, StoreError> {
        let call = ToolCall {
            call_id: context.item_id.clone(),
            name: "exec_command".into(),
            arguments: Arguments::Json("{}".into()),
            opaque: None,
        };
        Ok(self.start(state, call, context, prepared, permission, is_shown).await?.await.ran)
    }

    /// Records and tells what came of a call. Returns what the model repeats, if it does so for good. With the answer to the
    /// last call of a step goes what is wrong with the files that were changed.
    async fn conclude(
        &mut self,
        state: &mut ThreadState,
        under_way: UnderWay,
        is_last: bool,
    ) -> Result<Option<String>, StoreError> {
        let UnderWay { call, kind, shown, ran } = under_way;
        let in_circles = match ran {
            Ok(outcome) => {
                let missed = outcome.missed_network || !outcome.missed_writes.is_empty();
                let outcome = if missed {
                    // What happens while somebody is asked is not the command's.
                    self.checkpoint_after(state).await;
                    self.with_more(state, &call, outcome).await?
                } else {
                    outcome
                };
                let mut outcome = outcome;
                self.after_call(state, &call, &mut outcome).await;
                let Outcome { for_model, pictures, for_user, .. } = outcome;
                let most = state.settings.model.longest_result();
                let mut for_model = if let Some(most) = most { cut(for_model, most) } else { for_model };
                let looked = self.look_at_changes(state, &for_user, is_last).await;
                for_model += &looked.for_model;
                let in_circles = self.answer(state, (&call, kind), &for_model, pictures)?;
                self.show(state, for_user).await?;
                self.show_looked(state, looked.for_user).await?;
                in_circles
            }
            Err(reason) => {
                let sentence = format!("No answer: {reason}. What it did is not known.");
                let in_circles = self.answer(state, (&call, kind), &sentence, Vec::new())?;
                if let Some(item) = shown {
                    self.complete(&mut state.recorder, declined(item, &format!("refused: {reason}"))).await?;
                }
                in_circles
            }
        };
        self.checkpoint_after(state).await;
        Ok(in_circles)
    }

    /// Records the answer to a call, with a word to a model that repeats itself. Returns what it repeats, if it does so
    /// for good.
    fn answer(
        &mut self,
        state: &mut ThreadState,
        (call, kind): (&ToolCall, Kind),
        text: &str,
        pictures: Vec<Content>,
    ) -> Result<Option<String>, StoreError> {
        let repeated = self.repetition.note(call, kind, text);
        let text = match repeated {
            Repeated::Tell(times) => told(text, kind, times),
            Repeated::No | Repeated::Stop(_) => text.to_owned(),
        };
        let content = std::iter::once(Content::Text { text }).chain(pictures).collect();
        state.record_message(call.answer_with(content))?;
        Ok(match repeated {
            Repeated::Stop(times) if kind == Kind::Refused => Some(format!("{} was refused {times} times", call.name)),
            Repeated::Stop(times) => Some(format!("{} was called {times} times with the same result", call.name)),
            Repeated::No | Repeated::Tell(_) => None,
        })
    }

    pub(crate) async fn show(&mut self, state: &mut ThreadState, for_user: ForUser) -> Result<(), StoreError> {
        let turn_id = self.turn.id.clone();
        match for_user {
            ForUser::Item(item) => {
                self.progress.has_plan |= matches!(item, ThreadItem::Plan { .. });
                self.complete(&mut state.recorder, item).await
            }
            ForUser::Nothing => Ok(()),
            ForUser::Plan { explanation, steps } => {
                let thread_id = self.thread_id.clone();
                let (plan, why) = (steps.clone(), explanation.clone());
                let told = TurnPlanUpdated { thread_id, turn_id: turn_id.clone(), explanation: why, plan };
                let record = Record::Plan { turn_id, explanation, steps };
                state.recorder.record_and_tell(&record, ServerNotification::TurnPlanUpdated(told)).await
            }
        }
    }

    pub(crate) fn tool_context(&mut self, state: &ThreadState) -> ToolContext {
        let workplace = &state.settings.workplace;
        let item_id = self.next_item_id();
        ToolContext {
            person: self.person(state, &item_id),
            item_id,
            turn_id: self.turn.id.clone(),
            roots: Arc::clone(&workplace.roots),
            protected: workplace.policy.protected.clone().into(),
            sandbox: Arc::clone(&workplace.sandbox),
            environment: Arc::clone(&workplace.environment),
            processes: Arc::clone(&state.processes),
            live: state.recorder.live(&self.thread_id),
            cancel: self.cancel.child_token(),
        }
    }
}

/// Runs a call's work to its end, or gives it up.
async fn run(work: Work, cancel: &CancellationToken) -> Result<Outcome, &'static str> {
    // A tool that panics must not take the session with it.
    let work = AssertUnwindSafe(work).catch_unwind();
    tokio::select! {
        ran = work => ran.map_err(|_| "it failed inside this program"),
        () = given_up(cancel) => Err("it did not stop when it was interrupted"),
    }
}

/// Shows in the records, as long as it is waited for, that the program is there.
async fn show_life(records: Vec<SharedJournal>) -> std::convert::Infallible {
    if records.is_empty() {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(LIFE).await;
        records.iter().for_each(SharedJournal::touch);
    }
}

/// Returns some time after `cancel`: the user does not wait for a tool that hangs.
async fn given_up(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// Whether the call only reads, whatever its arguments are.
fn reads(state: &ThreadState, call: &ToolCall) -> bool {
    tool(state, call).is_some_and(|tool| tool.effect() == Effect::Reads)
}

/// What comes of the call if it runs.
fn kind(state: &ThreadState, call: &ToolCall) -> Kind {
    if reads(state, call) { Kind::Read } else { Kind::Done }
}

/// The tool that the call names, if there is one.
fn tool(state: &ThreadState, call: &ToolCall) -> Option<Arc<dyn Tool>> {
    let own = state.settings.tools.iter().find(|tool| tool.name() == call.name).map(Arc::clone);
    own.or_else(|| state.settings.plugged.mcp.as_ref()?.tool(&call.name))
}

/// Reads the call's arguments, or says what is wrong with it in a sentence for the model.
pub(crate) async fn prepare(state: &ThreadState, call: &ToolCall, context: &ToolContext) -> Result<Prepared, String> {
    if let Some(mcp) = &state.settings.plugged.mcp {
        mcp.wait_for(&call.name, &context.cancel).await;
    }
    let Some(tool) = tool(state, call) else {
        let known: Vec<&str> = state.settings.tools.iter().map(|tool| tool.name()).collect();
        return Err(format!("There is no tool `{}`. The tools are: {}.", call.name, known.join(", ")));
    };
    if let Some(sentence) = out_of_place(call, &state.settings.workplace.policy) {
        return Err(sentence);
    }
    if tool.effect() == Effect::Reads {
        let mut prepared = tool.prepare(&call.arguments, context).map_err(|error| error.to_string())?;
        if let Some(fetch) = &mut prepared.access.fetch {
            let named = known_pages::named(&state.history, fetch, state.settings.agent_kind.is_some());
            (fetch.is_said, fetch.is_known) = (named == Named::User, named != Named::Nobody);
        }
        return Ok(prepared);
    }
    // Finding the lines of a patch may take long. Here an interrupt would have to wait for it.
    let cancel = context.cancel.clone();
    let (arguments, context) = (call.arguments.clone(), context.clone());
    let prepared = tokio::task::spawn_blocking(move || tool.prepare(&arguments, &context)).await;
    let Ok(prepared) = prepared else {
        return Err("The call failed inside this program before it began. It did nothing.".into());
    };
    let mut prepared = prepared.map_err(|error| error.to_string())?;
    prepared.access.uncovers = tokio::select! {
        found = uncovers(&state.settings.workplace, &prepared.access) => found,
        () = cancel.cancelled() => return Err(NEVER_RAN.to_owned()),
    };
    Ok(prepared)
}

/// The record that a call begins.
fn started(call: &ToolCall, item_id: &str, access: &Access, checkpoint: Option<String>) -> Record {
    Record::Started {
        call_id: call.call_id.clone(),
        item_id: item_id.to_owned(),
        access: serde_json::to_value(access).unwrap_or_default(),
        checkpoint,
    }
}

fn changes(access: &Access) -> bool {
    let remote = access.remote.as_ref();
    !access.writes.is_empty() || access.command.is_some() || remote.is_some_and(|remote| remote.may_write)
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

/// The outcome of a call that did not run.
fn refused(item: Option<ThreadItem>, for_model: String, for_user: &str) -> Outcome {
    Outcome::text(for_model, item.map_or(ForUser::Nothing, |item| ForUser::Item(declined(item, for_user))))
}

/// The item as it is shown when it was not allowed.
pub(crate) fn declined(mut item: ThreadItem, why: &str) -> ThreadItem {
    match &mut item {
        ThreadItem::CommandExecution { status, aggregated_output, .. } => {
            *status = CommandExecutionStatus::Declined;
            *aggregated_output = Some(why.to_owned());
        }
        ThreadItem::FileChange { status, .. } => *status = PatchApplyStatus::Declined,
        ThreadItem::DynamicToolCall { status, success, .. } => {
            *status = DynamicToolCallStatus::Failed;
            *success = Some(false);
        }
        ThreadItem::McpToolCall { status, error, .. } => {
            *status = McpToolCallStatus::Failed;
            *error = Some(McpToolCallError { message: why.to_owned() });
        }
        ThreadItem::CollabAgentToolCall { status, .. } => *status = CollabAgentToolCallStatus::Failed,
        ThreadItem::WebSearch { failure, .. } => *failure = Some(why.to_owned()),
        ThreadItem::UserMessage { .. }
        | ThreadItem::AgentMessage { .. }
        | ThreadItem::Plan { .. }
        | ThreadItem::Reasoning { .. }
        | ThreadItem::EnteredReviewMode { .. }
        | ThreadItem::ExitedReviewMode { .. }
        | ThreadItem::ContextCompaction { .. } => {}
    }
    item
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
