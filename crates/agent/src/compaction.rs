//! Compaction: the model sums the conversation up, and the conversation goes on from its summary and from what is kept word
//! for word. Asked for, in a turn of its own; by itself before a request that would outgrow the model's context, and when the
//! vendor says that one did.
//!
//! It happens between steps, never while a call is open, and until the summary is whole and recorded, nothing has changed.

mod changed_files;
mod request;
mod what_stays;

use std::sync::Arc;

use codex_history::{AssistantPart, History, Message, Sizes, ToolInput, ToolSpec, Usage};
use codex_model::{Failure, FailureKind, OtherForm, Request, StreamEvent};
use codex_protocol::{CompactionReport, ServerNotification, ThreadItem};
use codex_store::{Record, StoreError};
use futures_util::StreamExt;

use self::what_stays::{Stays, SummedUp};
use crate::{
    Thread, ThreadError,
    context::{self, fill},
    mode::Next,
    partial::Partial,
    sample::{error_info, token_usage},
    thread::{Because, Ended, ThreadState},
    turn::{Finish, Step, TurnOptions, TurnRun, offered, offered_in, turn_error, unwritable},
};

const PROMPT: &str = include_str!("prompts/compact.md");
const FOCUS: &str = include_str!("prompts/compact_focus.md");

/// How often the summary is asked for, with ever less of the conversation, if that is too long even so.
const ATTEMPTS: u32 = 5;
/// Most tokens of the user's last messages, and of a summary.
const MOST: u64 = 20_000;
/// They get this part of what may be filled, if that is less.
const PART: u64 = 5;
/// What a summary takes at least, in tokens.
const SUMMARY: u64 = 500;

/// What becomes of what the user has said and the model has not read yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It stays whole, however long it is.
    Stays,
    /// It is cut like all else: the vendor has refused it as it is.
    MayBeCut,
}

/// Why a conversation is summed up.
pub(crate) enum Reason {
    /// The user asked for it, and what the summary shall dwell on.
    Asked(Option<String>),
    /// The next request would come near the model's limit.
    NearLimit,
    /// The vendor refused a request: it was too long.
    TooLong(Failure),
}

/// What a turn knows of its compactions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Compactions {
    /// How many there were since the model answered.
    in_a_row: u32,
    /// There was no summary to be had: it is not asked for again in this turn before it must be.
    gave_up: bool,
}

impl Compactions {
    /// The model answered: there was room.
    pub(crate) fn answered(&mut self) {
        self.in_a_row = 0;
    }
}

/// What came of asking for a summary.
enum Summary {
    Text(String),
    Interrupted,
    TooLong(String),
    Failed(String),
}

impl Thread {
    /// Sums the conversation up, in a turn of its own, and returns as soon as that has begun.
    ///
    /// # Errors
    /// When a turn runs, there is nothing to sum up, or nothing can be recorded.
    pub async fn compact(&self, focus: Option<String>) -> Result<(), ThreadError> {
        let reach = self.reserve().map_err(|_| ThreadError::BusyForCompaction)?;
        let mut state = Arc::clone(&self.state).lock_owned().await;
        let begun = state.begin_compaction(std::mem::take(&mut *self.next()));
        let turn_id = begun.inspect_err(|_| drop(self.running().take()))?;
        let run = self.begin_run(&state, turn_id, reach, TurnOptions::default());
        self.spawn(state, run, Because::Compaction(focus));
        Ok(())
    }

    /// Brings back what the newest summary stands for, before what was said since.
    ///
    /// # Errors
    /// When a turn runs, there is no summary, nothing of the thread is kept, or the record cannot be read or written.
    pub async fn undo_compaction(&self) -> Result<(), ThreadError> {
        let mut settled = self.take().await.ok_or(ThreadError::BusyForCompaction)?;
        let mut conversation = settled.conversation().await?;
        if !conversation.undo_compaction() {
            return Err(ThreadError::NotSummedUp);
        }
        let state = &mut *settled.state;
        state.recorder.record(&Record::CompactionUndone {})?;
        state.recorder.flush();
        state.history = conversation.history;
        state.tell_room(self.id(), "", state.tokens(&offered(state))).await;
        Ok(())
    }
}

impl ThreadState {
    /// Records that the turn of a compaction began; returns its id.
    fn begin_compaction(&mut self, next: Next) -> Result<String, ThreadError> {
        if !self.history.messages().any(|message| matches!(message, Message::Assistant { .. })) {
            return Err(ThreadError::NothingToSumUp);
        }
        self.enter(next)?;
        let turn_id = format!("turn_{}", self.turns);
        self.recorder.record(&Record::TurnStarted { turn_id: turn_id.clone() })?;
        self.turns += 1;
        Ok(turn_id)
    }

    /// What the conversation and `tools` take of the model's context, in tokens: what the vendor counted, and an estimate of the
    /// rest.
    pub(crate) fn tokens(&self, tools: &[ToolSpec]) -> u64 {
        let estimate = self.history.sizes().total();
        match self.history.counted() {
            // Whoever counts next to nothing does not count.
            Some(tokens) => tokens.max(estimate / 4),
            None => estimate + tools.iter().map(tool_tokens).sum::<u64>(),
        }
    }

    /// What is kept word for word when the conversation is summed up.
    fn stays(&self, is_second: bool, unread: Unread) -> Stays {
        let budget = match self.settings.model.compact_at {
            Some(limit) => MOST.min(limit / PART),
            None => MOST,
        };
        let running = self.processes.list().into_iter();
        Stays {
            opening: self.opening(),
            pinned: Arc::clone(self.recorder.pinned()),
            rules: self.rules(),
            running: running.map(|process| format!("session {}: {}", process.id, process.command)).collect(),
            budget: match (is_second, unread) {
                // The first time was not enough.
                (true, _) => budget / 4,
                (false, Unread::Stays) => budget.max(what_stays::unread(&self.history)),
                (false, Unread::MayBeCut) => budget,
            },
            pictures: !is_second,
            skills: what_stays::skills_read(&self.history),
        }
    }

    /// What the user has allowed or denied, beyond what is built in.
    fn rules(&self) -> Vec<String> {
        let rules = self.settings.workplace.policy.rules.texts().iter();
        let rules = rules.filter(|rule| rule.origin != "built-in").map(|rule| format!("{}: {}", rule.kind, rule.text));
        rules.chain(self.granted.in_words()).collect()
    }

    /// Tells how full the context is, where no answer of the model says so.
    async fn tell_room(&self, thread_id: &str, turn_id: &str, tokens: u64) {
        let last = Usage { input_tokens: tokens, ..Usage::default() };
        let told = token_usage(thread_id, turn_id, &self.budget, last, self.settings.model.context_window);
        self.recorder.tell(ServerNotification::TokenUsageUpdated(told)).await;
    }
}

impl TurnRun {
    /// The turn of a compaction that the user asked for.
    pub(crate) async fn run_compaction(mut self, state: &mut ThreadState, focus: Option<String>) -> Ended {
        // There is no request that could take what is said meanwhile.
        self.steers.close_if_empty();
        let tools = offered(state);
        let finish = match self.make_room(state, &tools, Reason::Asked(focus)).await {
            Ok(Step::Finish(finish)) => finish,
            Ok(_) => Finish::Completed,
            Err(error) => Finish::Failed(unwritable(&error)),
        };
        self.finish(state, finish).await
    }

    /// Whether the next request would come near the limit, and a summary would change that.
    pub(crate) fn lacks_room(&self, state: &ThreadState, tools: &[ToolSpec]) -> bool {
        let Some(limit) = state.settings.model.compact_at else { return false };
        // Who answered last in the place of the thread's model may be asked again, and may hold less.
        let other = self.progress.answered.as_ref().and_then(|other| other.window);
        let limit = other.map_or(limit, |window| limit.min(window / 10 * 9));
        if state.tokens(tools) <= limit || self.compactions.gave_up || self.compactions.in_a_row > 0 {
            return false;
        }
        let (now, then) = self.sizes(state, Unread::Stays);
        then <= now / 5 * 4
    }

    /// Whether a summary may help where a request failed.
    pub(crate) fn may_shorten(&self, state: &ThreadState, failure: &Failure) -> bool {
        let (now, then) = self.sizes(state, Unread::MayBeCut);
        failure.kind == FailureKind::ContextTooLong
            && state.settings.model.compact_at.is_some()
            && self.compactions.in_a_row < 2
            && then < now
    }

    /// What is to be said of a request that was too long in spite of its conversation having been summed up.
    pub(crate) fn still_too_long(&self, failure: &Failure) -> &'static str {
        match self.compactions.in_a_row {
            0 => "",
            _ if failure.kind != FailureKind::ContextTooLong => "",
            1 => ". The conversation was summed up, and is still too long",
            _ => ". The conversation was summed up twice, and is still too long",
        }
    }

    /// Estimated tokens of the conversation now, and with a short summary.
    fn sizes(&self, state: &ThreadState, unread: Unread) -> (u64, u64) {
        let stays = state.stays(self.compactions.in_a_row > 0, unread);
        let then: History = what_stays::summed_up(&state.history, &stays, "").messages.into_iter().collect();
        (state.history.sizes().total(), then.sizes().total() + SUMMARY)
    }

    /// Sums the conversation up and goes on. If there is no summary, nothing changes, and the turn goes on if it can.
    pub(crate) async fn make_room(
        &mut self,
        state: &mut ThreadState,
        tools: &Arc<[ToolSpec]>,
        reason: Reason,
    ) -> Result<Step, StoreError> {
        let failed = |message: String, failure: &Failure| {
            Ok(Step::Finish(Finish::Failed(turn_error(message, error_info(failure)))))
        };
        self.before_compaction(state, &reason).await;
        let item_id = self.next_item_id();
        let item = |report| ThreadItem::ContextCompaction { id: item_id.clone(), report };
        state.recorder.tell(self.item_started(item(None))).await;
        let tokens_before = state.tokens(tools);
        let mut report = CompactionReport {
            automatic: !matches!(reason, Reason::Asked(_)),
            tokens_before,
            tokens_after: tokens_before,
            ..CompactionReport::default()
        };
        let failure = match self.summary(state, &reason).await? {
            Summary::Text(summary) => {
                let unread = match reason {
                    Reason::TooLong(_) => Unread::MayBeCut,
                    Reason::NearLimit | Reason::Asked(_) => Unread::Stays,
                };
                let mut stays = state.stays(self.compactions.in_a_row > 0, unread);
                Arc::make_mut(&mut stays.pinned).changed_files = state.changed_files(&self.thread_id).await;
                let SummedUp { messages, kept, dropped } = what_stays::summed_up(&state.history, &stays, &summary);
                state.replace_history(messages)?;
                self.session_starts(state, "compact").await?;
                self.compactions.in_a_row += 1;
                (report.tokens_after, report.kept, report.dropped) = (state.tokens(tools), kept, dropped);
                None
            }
            Summary::Interrupted => Some("it was interrupted".to_owned()),
            Summary::TooLong(message) | Summary::Failed(message) => Some(message),
        };
        report.failure.clone_from(&failure);
        let tokens_after = report.tokens_after;
        self.complete(&mut state.recorder, item(Some(report))).await?;
        let Some(why) = failure else {
            state.tell_room(&self.thread_id, &self.turn.id, tokens_after).await;
            return Ok(Step::Sample);
        };
        self.compactions.gave_up = true;
        match reason {
            _ if self.cancel.is_cancelled() => Ok(Step::Finish(Finish::Interrupted)),
            Reason::NearLimit => Ok(Step::Sample),
            Reason::TooLong(failure) => {
                let message = failure.message.trim_end_matches('.');
                failed(format!("{message}. It could not be summed up either: {why}"), &failure)
            }
            Reason::Asked(_) => {
                let message = format!("the conversation could not be summed up, and is as it was: {why}");
                Ok(Step::Finish(Finish::Failed(turn_error(message, "other".into()))))
            }
        }
    }

    /// Asks for a summary; with ever less of the conversation if it is too long even for that.
    async fn summary(&mut self, state: &mut ThreadState, reason: &Reason) -> Result<Summary, StoreError> {
        let focus = match reason {
            Reason::Asked(Some(focus)) => format!("\n\n{}", fill(FOCUS.trim_end(), &[("focus", focus)])),
            _ => String::new(),
        };
        let prompt = Message::user(fill(PROMPT.trim_end(), &[("focus", &focus)]));
        let mut room = state.room_for_summary();
        let mut last = Summary::Failed("the conversation is too long even to be summed up".into());
        for _ in 0..ATTEMPTS {
            let history = request::fitting(&state.history, room, &prompt);
            room = history.sizes().total() / 2;
            match self.ask_for_summary(state, history).await? {
                Summary::TooLong(message) => last = Summary::TooLong(message),
                summary => return Ok(summary),
            }
        }
        Ok(last)
    }

    async fn ask_for_summary(&mut self, state: &mut ThreadState, history: History) -> Result<Summary, StoreError> {
        self.progress.partial = Partial::of(history.sizes().total());
        let request = Request {
            model: state.settings.model.id.clone(),
            history,
            tools: Arc::default(),
            thread_id: self.thread_id.clone(),
            options: state.settings.options(),
            output_schema: None,
            other_form: None,
        };
        self.progress.asked = std::time::Instant::now();
        self.progress.answers = None;
        let mut answer = state.settings.model.client.stream(request);
        let cancel = self.cancel.clone();
        let mut ends = state.processes.ends();
        loop {
            let event = tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    self.count_partial(state).await?;
                    return Ok(Summary::Interrupted);
                }
                event = answer.next() => event,
                Ok(()) = ends.changed() => {
                    state.tell_ended(&self.thread_id).await?;
                    continue;
                }
            };
            if let Some(event) = &event {
                self.progress.partial.hear(event);
            }
            match event {
                Some(StreamEvent::Completed { content, usage }) => {
                    if let Some(usage) = usage {
                        self.count(state, usage, false).await?;
                    }
                    return Ok(text_of(&content));
                }
                Some(StreamEvent::Failed(failure)) if failure.kind == FailureKind::ContextTooLong => {
                    self.count_partial(state).await?;
                    return Ok(Summary::TooLong(failure.message));
                }
                Some(StreamEvent::Failed(failure)) => {
                    self.count_partial(state).await?;
                    return Ok(Summary::Failed(failure.message));
                }
                Some(StreamEvent::LeftOut { parameter, reason }) => self.left_out(state, &parameter, &reason).await,
                Some(StreamEvent::Retrying { attempt, of, delay, kind, reason }) => {
                    self.count_partial(state).await?;
                    self.tell_retry(state, (attempt, of), delay, (kind, reason)).await;
                }
                Some(StreamEvent::Rerouted { provider, model, why, window }) => {
                    self.count_partial(state).await?;
                    self.rerouted(state, (provider, model, window), why).await;
                }
                Some(_) => {}
                None => {
                    self.count_partial(state).await?;
                    return Ok(Summary::Failed("the model's answer ended without an end".into()));
                }
            }
        }
    }
}

impl ThreadState {
    /// Goes on from these messages.
    fn replace_history(&mut self, messages: Vec<Message>) -> Result<(), StoreError> {
        let record = Record::Compacted { messages };
        self.recorder.record(&record)?;
        self.recorder.flush();
        if let Record::Compacted { messages } = record {
            self.history = messages.into_iter().collect();
        }
        Ok(())
    }

    /// Most that is sent to be summed up, in estimated tokens: what the model's context holds, as far as that is known.
    fn room_for_summary(&self) -> u64 {
        let Some(window) = self.settings.model.context_window.or(self.settings.model.compact_at) else {
            return u64::MAX;
        };
        let estimate = self.history.sizes().total();
        // The vendor counts otherwise than we estimate.
        let counted = self.history.counted().unwrap_or(estimate).max(estimate / 4).max(1);
        let window = u128::from(window) * u128::from(estimate) / u128::from(counted) * 9 / 10;
        u64::try_from(window).unwrap_or(u64::MAX)
    }

    /// The first messages of the conversation as they are now.
    pub(crate) fn opening(&self) -> Vec<Message> {
        let workplace = &self.settings.workplace;
        let base = self.settings.own_words.with(context::base(self.settings.model.is_small));
        let instructions = &self.settings.instructions;
        let date = context::today();
        let opening = context::opening(base, instructions, &workplace.roots, &workplace.policy, &date);
        context::with_skills(opening, self.offered_skills())
    }

    /// What changes for a model of the other form that takes over. What is said apart is for one model alone.
    pub(crate) fn other_form(&self) -> Option<Arc<OtherForm>> {
        let model = &self.settings.model;
        if !model.others_differ || self.apart.is_some() {
            return None;
        }
        let is_small = !model.is_small;
        let opening = self.settings.own_words.with(context::base(is_small));
        let without = self.offered_skills().map(|skills| skills.trim_end().to_owned());
        Some(Arc::new(OtherForm { opening, without, tools: offered_in(self, is_small) }))
    }

    /// What the model is told of skills. One with little room has no tool to read them.
    pub(crate) fn offered_skills(&self) -> Option<String> {
        let skills = self.settings.plugged.skills.as_ref().filter(|_| !self.settings.model.is_small)?;
        skills.offered()
    }
}

/// The text of an answer.
fn text_of(content: &[AssistantPart]) -> Summary {
    let texts = content.iter().filter_map(|part| match part {
        AssistantPart::Text { text, .. } => Some(text.trim()),
        _ => None,
    });
    let text = texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n");
    if text.is_empty() { Summary::Failed("the model's summary is empty".into()) } else { Summary::Text(text) }
}

/// Estimated tokens of a tool on offer.
pub(crate) fn tool_tokens(tool: &ToolSpec) -> u64 {
    let input = match &tool.input {
        ToolInput::Json { schema } => schema.to_string(),
        ToolInput::Freeform { lark_grammar } => (*lark_grammar).to_owned(),
        ToolInput::WebSearch { .. } => String::new(),
    };
    Sizes::of(&Message::user(format!("{}{}{input}", tool.name, tool.description))).total()
}
