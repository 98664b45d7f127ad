//! One step of a turn: asks the model, records the answer as it arrives, and finds out what it asks for.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use codex_history::{AssistantPart, Message, ToolCall, ToolSpec, Usage};
use codex_log::Level;
use codex_model::{Failure, FailureKind, Request, StreamEvent};
use codex_protocol::{
    Delta, Position, RetryWait, ServerNotification, ThreadItem, ThreadTokenUsage, TokenUsage, TokenUsageUpdated,
    TurnError, Warning,
};
use codex_store::{Record, StoreError};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    Budget,
    compaction::Reason,
    mode::PROPOSE,
    partial::Partial,
    recorder::Recorder,
    searches::{Searches, unnamed_sources},
    thinking::Thinking,
    thread::ThreadState,
    turn::{Finish, Progress, Step, TurnRun, turn_error},
    writing_plan::WritingPlan,
};

/// Text that arrives within this time of what was recorded and told before it waits for the end of it.
const COALESCE: Duration = Duration::from_millis(50);

/// Most times in a row that an answer which was paused is asked for again.
const MOST_PAUSES: u32 = 8;

const PICTURE_LEFT_OUT: &str = include_str!("prompts/picture_left_out.md");

/// The texts of an answer that is still arriving. Only the last one is open.
#[derive(Default)]
struct Arriving {
    texts: Vec<ArrivingText>,
    thinking: Thinking,
    plan: WritingPlan,
    searches: Searches,
    /// Items that were begun by an answer that does not count; the next texts take them over.
    begun: VecDeque<String>,
    /// Whether it is only the beginning of one.
    is_paused: bool,
    /// When what is not recorded yet must be.
    due: Option<Instant>,
    /// When something was recorded last.
    flushed: Option<Instant>,
}

struct ArrivingText {
    part: usize,
    item_id: String,
    text: String,
    recorded: usize,
}

impl TurnRun {
    /// Asks the model and waits for the end of its answer.
    pub(crate) async fn sample(
        &mut self,
        state: &mut ThreadState,
        tools: &Arc<[ToolSpec]>,
    ) -> Result<Step, StoreError> {
        if let Some(reached) = self.limit_reached(state) {
            return Ok(Step::Finish(Finish::Failed(reached)));
        }
        self.take_steers(state).await?;
        self.take_reports(state).await?;
        state.tell_nested_instructions().await?;
        if self.lacks_room(state, tools) {
            return Ok(Step::Compact(Reason::NearLimit));
        }
        state.standing.show_filling(state.filling(tools));
        self.progress.requests += 1;
        self.progress.asked = std::time::Instant::now();
        self.progress.answers = None;
        self.progress.partial = Partial::of(state.tokens(tools));
        let mut answer = state.settings.model.client.stream(self.request(state, tools));
        let mut arriving = Arriving::default();
        let cancel = self.cancel.clone();
        let mut ends = state.processes.ends();
        loop {
            let due = arriving.due;
            let event = tokio::select! {
                biased;
                () = cancel.cancelled() => return self.cut_short(state, arriving, Finish::Interrupted).await,
                event = answer.next() => event,
                Ok(()) = ends.changed() => {
                    state.tell_ended(&self.thread_id).await?;
                    continue;
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.flush(&mut state.recorder, &mut arriving).await?;
                    continue;
                }
            };
            if let Some(event) = &event {
                self.progress.partial.hear(event);
            }
            match event {
                // What is said apart is for this program.
                Some(StreamEvent::TextDelta { .. }) if state.apart.is_some() => {}
                Some(StreamEvent::TextDelta { part, text }) => {
                    self.text(&mut state.recorder, &mut arriving, part, &text).await?;
                }
                Some(StreamEvent::ReasoningDelta { part, paragraph, text }) => {
                    if state.recorder.tells_thinking() {
                        self.think(&state.recorder, &mut arriving.thinking, (part, paragraph), &text).await;
                        self.flush_if_due(&mut state.recorder, &mut arriving).await?;
                    }
                }
                Some(StreamEvent::ArgumentsDelta { part, name, text }) => {
                    if state.recorder.tells_thinking() && state.apart.is_none() {
                        self.write_plan(&state.recorder, &mut arriving.plan, (part, &name), &text).await;
                        self.flush_if_due(&mut state.recorder, &mut arriving).await?;
                    }
                }
                Some(StreamEvent::SearchStarted { .. }) => {
                    self.flush(&mut state.recorder, &mut arriving).await?;
                    if let Some(item) = self.search_started(&mut arriving.searches) {
                        state.recorder.tell(self.item_started(item)).await;
                    }
                }
                Some(StreamEvent::Retrying { attempt, of, delay, kind, reason }) => {
                    self.flush(&mut state.recorder, &mut arriving).await?;
                    self.count_partial(state).await?;
                    self.tell_retry(state, (attempt, of), delay, (kind, reason)).await;
                }
                Some(StreamEvent::LeftOut { parameter, reason }) => self.left_out(state, &parameter, &reason).await,
                Some(StreamEvent::Counted(_) | StreamEvent::Unshown(_)) => {}
                Some(StreamEvent::Rerouted { provider, model, why, window }) => {
                    self.flush(&mut state.recorder, &mut arriving).await?;
                    self.count_partial(state).await?;
                    self.rerouted(state, (provider, model, window), why).await;
                }
                Some(StreamEvent::Paused) => arriving.is_paused = true,
                Some(StreamEvent::Discarded) => arriving = discard(&mut state.recorder, arriving)?,
                Some(StreamEvent::Completed { content, usage }) => {
                    // It shares the conversation, which would be copied if it grew now.
                    drop(answer);
                    return self.answered(state, arriving, content, usage).await;
                }
                Some(StreamEvent::Failed(failure)) if self.may_shorten(state, &failure) => {
                    drop(answer);
                    self.cut_short(state, arriving, Finish::Completed).await?;
                    // It is made again, and counts once.
                    self.progress.requests -= 1;
                    return Ok(Step::Compact(Reason::TooLong(failure)));
                }
                Some(StreamEvent::Failed(failure)) => {
                    self.progress.failed = Some(failure.kind);
                    let left_out = leave_out_pictures(state, &failure)?;
                    let still_too_long = self.still_too_long(&failure);
                    let error = turn_error(failure.message.clone() + &left_out + still_too_long, error_info(&failure));
                    return self.cut_short(state, arriving, Finish::Failed(error)).await;
                }
                None => {
                    let error = turn_error("the model's answer ended without an end".into(), "other".into());
                    return self.cut_short(state, arriving, Finish::Failed(error)).await;
                }
            }
        }
    }

    /// Why the turn may not ask the model any more.
    fn limit_reached(&self, state: &ThreadState) -> Option<TurnError> {
        let Progress { began, requests, .. } = self.progress;
        let reached = state.budget.reached(began.elapsed(), requests, self.options.max_requests)?;
        let message = format!("the turn was stopped at {reached}; the session is kept, with all that was done");
        Some(turn_error(message, "sessionBudgetExceeded".into()))
    }

    fn request(&self, state: &ThreadState, tools: &Arc<[ToolSpec]>) -> Request {
        Request {
            model: state.settings.model.id.clone(),
            history: state.history.clone(),
            tools: Arc::clone(tools),
            thread_id: self.thread_id.clone(),
            options: state.settings.options(),
            output_schema: self.options.output_schema.clone(),
            other_form: state.other_form(),
        }
    }

    async fn text(
        &mut self,
        recorder: &mut Recorder,
        arriving: &mut Arriving,
        part: usize,
        text: &str,
    ) -> Result<(), StoreError> {
        if arriving.texts.last().is_none_or(|open| open.part != part) {
            self.flush(recorder, arriving).await?;
            let item_id = match arriving.begun.pop_front() {
                Some(begun) => begun,
                None => {
                    let id = self.next_item_id();
                    let item = ThreadItem::AgentMessage { id: id.clone(), text: String::new() };
                    recorder.tell(self.item_started(item)).await;
                    id
                }
            };
            arriving.texts.push(ArrivingText { part, item_id, text: String::new(), recorded: 0 });
        }
        if let Some(open) = arriving.texts.last_mut() {
            open.text.push_str(text);
        }
        self.flush_if_due(recorder, arriving).await
    }

    /// What arrives soon after something else waits a little for what comes next.
    async fn flush_if_due(&self, recorder: &mut Recorder, arriving: &mut Arriving) -> Result<(), StoreError> {
        let earliest = arriving.flushed.map(|flushed| flushed + COALESCE);
        let due = *arriving.due.get_or_insert_with(|| earliest.unwrap_or_else(Instant::now));
        if Instant::now() >= due {
            self.flush(recorder, arriving).await?;
        }
        Ok(())
    }

    /// Records and tells the text that has arrived since the last time.
    async fn flush(&self, recorder: &mut Recorder, arriving: &mut Arriving) -> Result<(), StoreError> {
        arriving.due = None;
        arriving.flushed = Some(Instant::now());
        self.tell_thinking(recorder, &mut arriving.thinking).await;
        self.tell_plan(recorder, &mut arriving.plan).await;
        let Some(open) = arriving.texts.last_mut().filter(|open| open.recorded < open.text.len()) else {
            return Ok(());
        };
        let offset = open.recorded as u64;
        let delta = open.text[open.recorded..].to_owned();
        open.recorded = open.text.len();
        let item_id = open.item_id.clone();
        let record = Record::Partial { item_id: item_id.clone(), offset, text: delta.clone() };
        let after_seq = recorder.record(&record)?;
        let (thread_id, turn_id) = (self.thread_id.clone(), self.turn.id.clone());
        let notification = ServerNotification::AgentMessageDelta(Delta { thread_id, turn_id, item_id, delta });
        recorder.send(notification, Position::Delta { after_seq, offset }).await;
        Ok(())
    }

    /// The answer is whole: records it and goes on with what it asks for.
    async fn answered(
        &mut self,
        state: &mut ThreadState,
        mut arriving: Arriving,
        content: Vec<AssistantPart>,
        usage: Option<Usage>,
    ) -> Result<Step, StoreError> {
        self.tell_plan(&state.recorder, &mut arriving.plan).await;
        let sources = self.name_sources(state, &mut arriving, &content).await?;
        let mut item_ids = std::mem::take(&mut arriving.texts).into_iter().map(|text| text.item_id);
        let mut thoughts = std::mem::take(&mut arriving.thinking).ids();
        let mut items = Vec::new();
        for part in &content {
            match part {
                AssistantPart::Text { text, .. } if !text.is_empty() && state.apart.is_none() => {
                    let id = item_ids.next().unwrap_or_else(|| self.next_item_id());
                    items.push(ThreadItem::AgentMessage { id, text: text.clone() });
                }
                AssistantPart::Reasoning { summary, .. } if !summary.is_empty() => {
                    let id = thoughts.next().unwrap_or_else(|| self.next_item_id());
                    items.push(ThreadItem::Reasoning { id, summary: summary.clone() });
                }
                AssistantPart::Search { .. } => items.extend(self.searched(part, &mut arriving.searches)),
                _ => {}
            }
        }
        items.extend(std::mem::take(&mut arriving.searches).cut_short());
        if let Some(ThreadItem::AgentMessage { text, .. }) =
            items.iter_mut().rev().find(|item| matches!(item, ThreadItem::AgentMessage { .. }))
        {
            text.push_str(&sources);
        }
        let message = Message::Assistant { content };
        let calls: Vec<ToolCall> = message.calls().cloned().collect();
        state.record_message(message)?;
        for item in items {
            self.complete(&mut state.recorder, item).await?;
        }
        if calls.iter().all(|call| call.name != PROPOSE) {
            self.end_plan(&mut state.recorder, &arriving.plan).await?;
        }
        self.compactions.answered();
        self.progress.answered.clone_from(&self.progress.answers);
        if let Some(usage) = usage {
            state.history.count_is(usage.total());
            self.count(state, usage, false).await?;
        }
        Ok(match self.progress.paused(arriving.is_paused) {
            _ if !calls.is_empty() => Step::RunTools(calls),
            None => Step::Finish(Finish::Completed),
            Some(pauses) if pauses <= MOST_PAUSES => Step::Sample,
            Some(_) => {
                let message =
                    format!("the vendor paused its answer {MOST_PAUSES} times and more: \"go on\" asks for the rest");
                Step::Finish(Finish::Failed(turn_error(message, "other".into())))
            }
        })
    }

    /// Tells the pages that the answer rests on and does not name, as the end of its last text. Returns what was told.
    async fn name_sources(
        &mut self,
        state: &mut ThreadState,
        arriving: &mut Arriving,
        content: &[AssistantPart],
    ) -> Result<String, StoreError> {
        // Where the text is data for somebody, or for this program, nothing is added to it.
        if self.options.output_schema.is_some() || state.apart.is_some() {
            return Ok(String::new());
        }
        let Some(sources) = unnamed_sources(content) else { return Ok(String::new()) };
        if let Some(part) = arriving.texts.last().map(|open| open.part) {
            self.text(&mut state.recorder, arriving, part, &sources).await?;
            self.flush(&mut state.recorder, arriving).await?;
        }
        Ok(sources)
    }

    /// The answer will not be whole: what arrived of it stays in the conversation.
    async fn cut_short(
        &mut self,
        state: &mut ThreadState,
        mut arriving: Arriving,
        finish: Finish,
    ) -> Result<Step, StoreError> {
        // Before what is kept of it: that is no part of the request.
        self.count_partial(state).await?;
        self.flush(&mut state.recorder, &mut arriving).await?;
        for item in std::mem::take(&mut arriving.thinking).items() {
            self.complete(&mut state.recorder, item).await?;
        }
        for item in std::mem::take(&mut arriving.searches).cut_short() {
            self.complete(&mut state.recorder, item).await?;
        }
        let texts: Vec<ArrivingText> = arriving.texts.into_iter().filter(|text| !text.text.is_empty()).collect();
        if !texts.is_empty() {
            let part = |text: &ArrivingText| AssistantPart::Text { text: text.text.clone(), opaque: None };
            state.record_message(Message::Assistant { content: texts.iter().map(part).collect() })?;
        }
        for text in texts {
            let item = ThreadItem::AgentMessage { id: text.item_id, text: text.text };
            self.complete(&mut state.recorder, item).await?;
        }
        self.end_plan(&mut state.recorder, &arriving.plan).await?;
        Ok(Step::Finish(finish))
    }

    /// Tells that a request is made again. The log gets the kind alone: the reason may repeat what was said.
    pub(crate) async fn tell_retry(
        &self,
        state: &ThreadState,
        (attempt, of): (u32, Option<u32>),
        delay: Duration,
        (kind, reason): (FailureKind, String),
    ) {
        let count = of.map_or_else(|| attempt.to_string(), |of| format!("{attempt}/{of}"));
        let message = format!("Reconnecting... {count} ({reason}; in {:.1} s)", delay.as_secs_f32());
        let (thread, turn) = (&self.thread_id, &self.turn.id);
        state.recorder.log(Level::Warn, format_args!("{thread} {turn}: request again, {count}: {kind}"));
        let delay_ms = delay.as_millis().try_into().unwrap_or(u64::MAX);
        let wait = RetryWait { delay_ms, attempt, of, what: in_short(kind).to_owned(), reason };
        state.recorder.tell(self.error(turn_error(message, "other".into()), Some(wait))).await;
    }

    /// Tells that the server is asked without a parameter that it refused.
    pub(crate) async fn left_out(&self, state: &ThreadState, parameter: &str, reason: &str) {
        let reason = reason.trim_end_matches('.');
        let message = format!("{reason}. It is asked again without `{parameter}`, and from then on if it takes that");
        let (thread, turn) = (&self.thread_id, &self.turn.id);
        state.recorder.log(Level::Warn, format_args!("{thread} {turn}: asked without `{parameter}`"));
        let thread_id = Some(self.thread_id.clone());
        state.recorder.tell(ServerNotification::Warning(Warning { thread_id, message })).await;
    }

    /// Counts what an answer has used; `estimated` says whether some of that is.
    pub(crate) async fn count(
        &mut self,
        state: &mut ThreadState,
        usage: Usage,
        estimated: bool,
    ) -> Result<(), StoreError> {
        let model = &state.settings.model;
        let other = self.progress.answers.as_ref();
        let price =
            other.map_or_else(|| model.prices.of(&model.id), |other| model.prices.at(&other.provider, &other.id));
        let other = other.map(|other| other.name(model));
        state.budget.charge(other.as_ref().unwrap_or(&model.id), usage, price);
        let window = self.progress.answers.as_ref().map_or(model.context_window, |other| other.window);
        let duration_ms = Some(self.progress.asked.elapsed().as_millis() as u64);
        let told = token_usage(&self.thread_id, &self.turn.id, &state.budget, usage, window);
        let told = TokenUsageUpdated { duration_ms, estimated, ..told };
        self.progress.told = Some(told.clone());
        let told = ServerNotification::TokenUsageUpdated(told);
        state.recorder.record_and_tell(&Record::Usage { usage, model: other, estimated }, told).await
    }

    /// Tells what sub-agents have used since an answer was last counted.
    pub(crate) async fn tell_spent(&self, state: &ThreadState) {
        let Some(mut told) = self.progress.told.clone() else { return };
        let total = tokens(state.budget.total());
        if told.token_usage.total != total {
            (told.token_usage.total, told.cost_usd, told.duration_ms) = (total, state.budget.cost(), None);
            state.recorder.tell(ServerNotification::TokenUsageUpdated(told)).await;
        }
    }
}

/// What was used, as clients are told it: by the thread, and by its last response. `window` is the model's, in tokens.
pub fn token_usage(
    thread_id: &str,
    turn_id: &str,
    budget: &Budget,
    last: Usage,
    window: Option<u64>,
) -> TokenUsageUpdated {
    let total = tokens(budget.total());
    let token_usage = ThreadTokenUsage { total, last: tokens(last), model_context_window: window };
    let (thread_id, turn_id, cost_usd) = (thread_id.to_owned(), turn_id.to_owned(), budget.cost());
    TokenUsageUpdated { thread_id, turn_id, token_usage, duration_ms: None, cost_usd, estimated: false }
}

/// If the vendor refuses the conversation, pictures that came since its last answer may be why: without them, the
/// conversation can go on. Returns a sentence for the user, empty if there are none.
fn leave_out_pictures(state: &mut ThreadState, failure: &Failure) -> Result<String, StoreError> {
    if !matches!(failure.kind, FailureKind::BadRequest(_) | FailureKind::ContextTooLong) {
        return Ok(String::new());
    }
    let instead = PICTURE_LEFT_OUT.trim_end();
    let count = state.history.leave_out_new_pictures(instead);
    if count == 0 {
        return Ok(String::new());
    }
    state.recorder.record(&Record::PicturesLeftOut { instead: instead.to_owned() })?;
    Ok(format!(". Pictures of the last request ({count}) may be why: the session goes on without them"))
}

/// Forgets what has arrived of an answer that does not count. A delta at offset 0 then starts its item anew.
fn discard(recorder: &mut Recorder, arriving: Arriving) -> Result<Arriving, StoreError> {
    let item_ids: Vec<String> = arriving.texts.into_iter().map(|text| text.item_id).collect();
    recorder.record(&Record::Discarded { item_ids: item_ids.clone() })?;
    let begun = item_ids.into_iter().chain(arriving.begun).collect();
    Ok(Arriving {
        begun,
        thinking: arriving.thinking.discard(),
        plan: arriving.plan.discard(),
        searches: arriving.searches.discard(),
        ..Arriving::default()
    })
}

/// Tokens as the wire spells them.
pub fn tokens(usage: Usage) -> TokenUsage {
    TokenUsage {
        total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
        input_tokens: usage.input_tokens,
        cached_input_tokens: usage.cached_input_tokens,
        cache_write_input_tokens: usage.cache_write_input_tokens,
        output_tokens: usage.output_tokens,
        reasoning_output_tokens: usage.reasoning_output_tokens,
    }
}

/// What is waited out, in a few words.
fn in_short(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Connection => "no connection",
        FailureKind::Disconnected => "the connection broke",
        FailureKind::RateLimited => "rate limited",
        FailureKind::Server(503 | 529) => "the server is overloaded",
        FailureKind::Malformed => "the answer was not understood",
        _ => "the server has trouble",
    }
}

/// The failure's class in the words of the schema's `CodexErrorInfo`.
pub(crate) fn error_info(failure: &Failure) -> Value {
    match failure.kind {
        FailureKind::Connection => json!({ "httpConnectionFailed": { "httpStatusCode": null } }),
        FailureKind::Disconnected => json!({ "responseStreamDisconnected": { "httpStatusCode": null } }),
        FailureKind::Server(503) => "serverOverloaded".into(),
        FailureKind::Server(status) => json!({ "responseTooManyFailedAttempts": { "httpStatusCode": status } }),
        FailureKind::RateLimited => "rateLimitExceeded".into(),
        FailureKind::Unauthorized => "unauthorized".into(),
        FailureKind::BadRequest(_) => "badRequest".into(),
        FailureKind::ContextTooLong => "contextWindowExceeded".into(),
        FailureKind::ContentRefused => "cyberPolicy".into(),
        FailureKind::QuotaExceeded => "usageLimitExceeded".into(),
        FailureKind::Malformed | FailureKind::Incomplete | FailureKind::Configuration => "other".into(),
    }
}
