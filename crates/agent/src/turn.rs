//! The turn: a small machine. Each step is one short function; features attach beside it, never inside.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use codex_history::{Message, ToolCall, ToolSpec};
use codex_log::Level;
use codex_model::FailureKind;
use codex_protocol::{
    ItemCompleted, ItemStarted, Position, RetryWait, ServerNotification, ThreadItem, ThreadStatus, ThreadStatusChanged,
    TokenUsageUpdated, Turn, TurnChanged, TurnError, TurnFailed, TurnStatus,
};
use codex_store::{Record, StoreError, TurnOutcome};
use codex_tools::small;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    ThreadSettings,
    compaction::{Compactions, Reason},
    context, hooks,
    ignored::IgnoreLook,
    mode::is_offered,
    new_repositories::FirstLook,
    partial::Partial,
    recorder::Recorder,
    repetition::Repetition,
    rerouted::Other,
    steers::Steers,
    thread::{Ended, ThreadState},
};

const INTERRUPTED: &str = include_str!("prompts/interrupted.md");

/// What a turn does next.
pub(crate) enum Step {
    /// Ask the model.
    Sample,
    /// Run what it asked for.
    RunTools(Vec<ToolCall>),
    /// Have the conversation summed up.
    Compact(Reason),
    /// End.
    Finish(Finish),
}

/// How a turn ends.
pub(crate) enum Finish {
    /// The model asks for nothing more.
    Completed,
    /// The user stopped it.
    Interrupted,
    /// It cannot go on.
    Failed(TurnError),
}

/// What a turn is held to.
#[derive(Debug, Clone, Default)]
pub struct TurnOptions {
    /// JSON Schema that the final message must satisfy.
    pub output_schema: Option<Arc<Value>>,
    /// Most requests to the model; one that is made again because it failed counts once.
    pub max_requests: Option<NonZeroU32>,
    /// The plan that the user approves with it.
    pub approved_plan: Option<String>,
}

/// What reaches a turn while it runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    pub(crate) cancel: CancellationToken,
    pub(crate) steers: Steers,
    items: Arc<AtomicU32>,
}

impl Reach {
    /// An id that no other item of the turn has; that of what it began with is taken.
    pub(crate) fn next_item_id(&self, turn_id: &str) -> String {
        item_id(turn_id, &self.items)
    }
}

fn item_id(turn_id: &str, items: &AtomicU32) -> String {
    format!("{turn_id}_item_{}", items.fetch_add(1, Ordering::Relaxed) + 1)
}

/// A turn while it runs.
#[derive(Clone)]
pub(crate) struct TurnRun {
    pub(crate) thread_id: String,
    pub(crate) turn: Turn,
    pub(crate) cancel: CancellationToken,
    pub(crate) options: TurnOptions,
    /// What the user says meanwhile.
    pub(crate) steers: Steers,
    pub(crate) repetition: Repetition,
    pub(crate) look: FirstLook,
    pub(crate) ignore_look: IgnoreLook,
    pub(crate) compactions: Compactions,
    pub(crate) progress: Progress,
}

/// How far a turn has come.
#[derive(Clone)]
pub(crate) struct Progress {
    pub(crate) began: Instant,
    /// Requests that were made to the model.
    pub(crate) requests: u32,
    /// When the last of them was made.
    pub(crate) asked: Instant,
    items: Arc<AtomicU32>,
    /// Whether a plan was proposed: then there is nothing more to do.
    pub(crate) has_plan: bool,
    /// The item of a plan that was told while the model wrote it.
    pub(crate) plan_item: Option<String>,
    /// How the request failed that ended it.
    pub(crate) failed: Option<FailureKind>,
    /// The model that answers, if it is not the thread's own.
    pub(crate) answers: Option<Other>,
    /// The one that did last, if it was not: another request may go there too.
    pub(crate) answered: Option<Other>,
    /// What has come of an answer that is not whole.
    pub(crate) partial: Partial,
    /// How many answers in a row were only the beginning of one.
    pauses: u32,
    /// What hooks have said.
    pub(crate) hooks: hooks::OfTurn,
    /// What was last told of what is used.
    pub(crate) told: Option<TokenUsageUpdated>,
}

impl Progress {
    /// Counts an answer: how many in a row were paused, if this one was.
    pub(crate) fn paused(&mut self, is_paused: bool) -> Option<u32> {
        self.pauses = if is_paused { self.pauses + 1 } else { 0 };
        is_paused.then_some(self.pauses)
    }
}

impl TurnRun {
    pub(crate) fn new(thread_id: String, turn: Turn, reach: Reach, options: TurnOptions) -> Self {
        let (repetition, look, compactions) = (Repetition::default(), FirstLook::default(), Compactions::default());
        let now = Instant::now();
        let Reach { cancel, steers, items } = reach;
        let (plan_item, failed, answers) = (None, None, None);
        let (began, asked, requests, pauses) = (now, now, 0, 0);
        let progress = Progress {
            began,
            requests,
            asked,
            items,
            has_plan: false,
            plan_item,
            failed,
            answers,
            answered: None,
            partial: Partial::default(),
            pauses,
            hooks: hooks::OfTurn::default(),
            told: None,
        };
        let ignore_look = IgnoreLook::default();
        Self { thread_id, turn, cancel, options, steers, repetition, look, ignore_look, compactions, progress }
    }

    /// Tells that the turn began.
    pub(crate) async fn announce(&self, recorder: &Recorder) {
        let status = ThreadStatus::Active { active_flags: Vec::new() };
        recorder.tell(status_changed(&self.thread_id, status)).await;
        let changed = TurnChanged { thread_id: self.thread_id.clone(), turn: self.turn.clone() };
        recorder.tell(ServerNotification::TurnStarted(changed)).await;
    }

    /// Whether a turn that the model is done with may end. If not, it goes on with what was said meanwhile.
    async fn is_over(&mut self, state: &mut ThreadState) -> bool {
        // What cannot be recorded of it has been done all the same.
        let _ = self.disarm_new(state, true).await;
        if self.waits_for_agents(state).await || self.goes_on(state).await {
            return false;
        }
        self.cancel.is_cancelled() || self.steers.close_if_empty()
    }

    /// Runs the turn to its end, and records that.
    pub(crate) async fn run(mut self, state: &mut ThreadState) -> Ended {
        let mut tools = offered(state);
        self.look.begin(state);
        self.ignore_look.begin(state);
        self.diff_begins(state);
        let mut step = Step::Sample;
        let finish = loop {
            let next = match step {
                Step::Sample => self.sample_with_servers(state, &mut tools).await,
                Step::RunTools(calls) => self.run_tools(state, calls).await,
                Step::Compact(reason) => self.make_room(state, &tools, reason).await,
                Step::Finish(Finish::Completed) if !self.is_over(state).await => Ok(Step::Sample),
                Step::Finish(finish) => break finish,
            };
            step = next.unwrap_or_else(|error| Step::Finish(Finish::Failed(unwritable(&error))));
        };
        self.finish(state, finish).await
    }

    /// The end of a turn whose run panicked: nobody may wait for it for ever.
    pub(crate) async fn broken(self, state: &mut ThreadState) -> Ended {
        let message = "the turn failed inside this program; the session is kept, and a new turn may work".to_owned();
        self.finish(state, Finish::Failed(turn_error(message, "other".into()))).await
    }

    pub(crate) async fn finish(mut self, state: &mut ThreadState, finish: Finish) -> Ended {
        state.come_back();
        if !matches!(finish, Finish::Completed) {
            // What cannot be recorded of it has been done all the same.
            let _ = self.disarm_new(state, false).await;
        }
        let finish = match finish {
            Finish::Completed if self.cancel.is_cancelled() => Finish::Interrupted,
            finish => finish,
        };
        let (status, outcome) = match finish {
            Finish::Completed => (TurnStatus::Completed, TurnOutcome::Completed),
            Finish::Interrupted => (TurnStatus::Interrupted, TurnOutcome::Interrupted),
            Finish::Failed(error) => {
                let message = error.message.clone();
                self.turn.error = Some(error);
                (TurnStatus::Failed, TurnOutcome::Failed { message })
            }
        };
        state.close_calls();
        self.end_agents(state, status == TurnStatus::Completed).await;
        self.tell_spent(state).await;
        // Of commands that run on: their end is told by whoever holds the thread.
        let _ = state.tell_ended(&self.thread_id).await;
        self.checkpoint_end(state).await;
        self.close_steers(state).await;
        // A journal that cannot be written has already failed the turn; its end is told all the same.
        if status == TurnStatus::Interrupted {
            let _ = state.record_message(Message::Developer { text: INTERRUPTED.trim_end().to_owned() });
        }
        let ended = state.recorder.record(&Record::TurnEnded { turn_id: self.turn.id.clone(), outcome });
        state.recorder.flush();
        let position = ended.map_or(Position::Transient {}, |seq| Position::Recorded { seq });
        if let Some(error) = self.turn.error.clone() {
            state.recorder.send(self.error(error, None), position).await;
        }
        state.recorder.flushed(&self.thread_id).await;
        self.turn.status = status;
        self.turn.completed_at = Some(context::now_ms() / 1000);
        self.turn.duration_ms = Some(self.progress.began.elapsed().as_millis() as u64);
        self.notify(state).await;
        self.log_end(state);
        Ended { thread_id: self.thread_id, turn: self.turn, position }
    }

    /// How the turn ended, for the log: the kind of failure alone. Its message may have the vendor's words, which may repeat what was
    /// said.
    fn log_end(&self, state: &ThreadState) {
        let (thread, turn, requests) = (&self.thread_id, &self.turn.id, self.progress.requests);
        let milliseconds = self.turn.duration_ms.unwrap_or_default();
        let how = match self.turn.status {
            TurnStatus::Interrupted => "interrupted",
            TurnStatus::Failed => "failed",
            TurnStatus::Completed | TurnStatus::InProgress => "completed",
        };
        let (level, why) = match &self.turn.error {
            Some(error) => (Level::Error, format!(": {}", self.kind_of(error))),
            None => (Level::Info, String::new()),
        };
        let text = format_args!("{thread} {turn}: {how} after {milliseconds} ms and {requests} requests{why}");
        state.recorder.log(level, text);
    }

    fn kind_of(&self, error: &TurnError) -> String {
        match (self.progress.failed, &error.codex_error_info) {
            (Some(kind), _) => kind.to_string(),
            (None, Some(Value::Object(class))) => class.keys().cloned().collect(),
            (None, class) => class.as_ref().and_then(Value::as_str).unwrap_or("other").to_owned(),
        }
    }

    /// An id that no other item of the thread has.
    pub(crate) fn next_item_id(&mut self) -> String {
        item_id(&self.turn.id, &self.progress.items)
    }

    pub(crate) fn item_started(&self, item: ThreadItem) -> ServerNotification {
        ServerNotification::ItemStarted(ItemStarted {
            thread_id: self.thread_id.clone(),
            turn_id: self.turn.id.clone(),
            item,
            started_at_ms: context::now_ms(),
        })
    }

    pub(crate) fn item_completed(&self, item: ThreadItem) -> ServerNotification {
        item_completed(&self.thread_id, &self.turn.id, item)
    }

    /// Tells what went wrong; with a wait, the turn goes on after it.
    pub(crate) fn error(&self, error: TurnError, wait: Option<RetryWait>) -> ServerNotification {
        let (thread_id, turn_id) = (self.thread_id.clone(), self.turn.id.clone());
        ServerNotification::Error(TurnFailed { thread_id, turn_id, error, will_retry: wait.is_some(), wait })
    }

    /// Records a finished item, then tells of it.
    pub(crate) async fn complete(&self, recorder: &mut Recorder, item: ThreadItem) -> Result<(), StoreError> {
        complete(recorder, &self.thread_id, &self.turn.id, item).await
    }
}

/// Records a finished item of any turn, then tells of it.
pub(crate) async fn complete(
    recorder: &mut Recorder,
    thread_id: &str,
    turn_id: &str,
    item: ThreadItem,
) -> Result<(), StoreError> {
    let record = Record::Item { turn_id: turn_id.to_owned(), item: item.clone() };
    recorder.record_and_tell(&record, item_completed(thread_id, turn_id, item)).await
}

pub(crate) fn item_completed(thread_id: &str, turn_id: &str, item: ThreadItem) -> ServerNotification {
    ServerNotification::ItemCompleted(ItemCompleted {
        thread_id: thread_id.to_owned(),
        turn_id: turn_id.to_owned(),
        item,
        completed_at_ms: context::now_ms(),
    })
}

pub(crate) fn status_changed(thread_id: &str, status: ThreadStatus) -> ServerNotification {
    ServerNotification::ThreadStatusChanged(ThreadStatusChanged { thread_id: thread_id.to_owned(), status })
}

/// The tools the model is offered: under read-only, those that only read; where it has little room, few.
pub(crate) fn offered(state: &ThreadState) -> Arc<[ToolSpec]> {
    offered_in(state, state.settings.model.is_small)
}

/// As [`offered`], to a model that has little room, or not.
pub(crate) fn offered_in(state: &ThreadState, is_small: bool) -> Arc<[ToolSpec]> {
    let ThreadSettings { tools, workplace, plugged, .. } = &state.settings;
    let offered = tools.iter().filter(|tool| is_offered(&***tool, &workplace.policy)).map(|tool| tool.spec());
    let mut offered: Vec<ToolSpec> = if is_small { offered.filter_map(small).collect() } else { offered.collect() };
    // Behind the others, which stay as they are.
    let servers = plugged.mcp.iter().filter(|_| state.apart.is_none());
    offered.extend(servers.flat_map(|mcp| mcp.offer(&workplace.policy, is_small)));
    offered.into()
}

pub(crate) fn unwritable(error: &StoreError) -> TurnError {
    turn_error(format!("the session cannot be recorded, so nothing more is done: {error}"), "other".into())
}

/// Why a turn fails, with its class in the words of the schema's `CodexErrorInfo`.
pub(crate) fn turn_error(message: String, info: Value) -> TurnError {
    TurnError { message, codex_error_info: Some(info), additional_details: None }
}
