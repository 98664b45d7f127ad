//! The stations at which hooks are asked: what each reads, and what becomes of what it says.
//!
//! A hook can only make things stricter, save that it may answer a question in a person's place, inside the walls. What a
//! hook guards does not happen while nobody knows what the hook says.

mod calls;
mod notify;
mod tell;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Weak,
    time::Duration,
};

use codex_extensions::hooks::{Event, Ground, Hooks, Verdict, run};
use codex_history::{Content, Message};
use codex_permissions::{Approval, SandboxLevel};
use codex_protocol::UserInput;
use codex_store::StoreError;
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) use self::calls::by_hook;
pub use self::notify::Notify;
use self::{calls::Asked, tell::Telling};
use crate::{
    compaction::Reason,
    context::fill,
    spoken::Part,
    thread::ThreadState,
    turn::{Finish, TurnRun, turn_error},
};

pub(crate) const HOOK_CONTEXT: &str = include_str!("prompts/hook_context.md");
const GO_ON: &str = include_str!("prompts/hook_go_on.md");

/// What hooks are told where the user is waited for, as they know it.
const IDLE: &str = "idle_prompt";

/// Most times in a row that hooks keep a turn from ending.
const MOST_IN_A_ROW: u32 = 8;

/// What a thread remembers of its hooks.
#[derive(Debug, Default)]
pub(crate) struct OfThread {
    /// Whether it was told that the session begins.
    has_started: bool,
    /// Whether the session goes on from a record.
    pub(crate) is_resumed: bool,
}

/// What a turn remembers of its hooks.
#[derive(Debug, Clone, Default)]
pub(crate) struct OfTurn {
    /// The call that is decided about, as hooks read it, and what they said.
    asked: Asked,
    /// What the model is told with the answers of calls, by their ids.
    notes: BTreeMap<String, Vec<String>>,
    /// The calls that ran.
    ran: BTreeSet<String>,
    /// Why the turn is to stop.
    stop: Option<String>,
    /// How many times in a row it was kept from ending.
    continued: u32,
    /// What the user said in it, where a program is to be told.
    said: Vec<String>,
}

/// Starts the hooks of a thread. It is its own, so that it may outlive the moment.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    hooks: Hooks,
    ground: Ground,
    /// What all hooks read.
    common: Map<String, Value>,
    telling: Telling,
}

impl Caller {
    /// `None`: there is no hook for `event`.
    fn of(state: &ThreadState, ids: (&str, Option<&str>), cancel: &CancellationToken, event: Event) -> Option<Self> {
        state.settings.plugged.hooks.has(event).then(|| Self::new(state, ids, cancel))
    }

    fn new(state: &ThreadState, (thread_id, turn_id): (&str, Option<&str>), cancel: &CancellationToken) -> Self {
        let (workplace, hooks) = (&state.settings.workplace, state.settings.plugged.hooks.clone());
        let directory = workplace.roots.workspace.clone();
        let ground = Ground {
            sandbox: workplace.sandbox.clone(),
            confinement: workplace.policy.confinement(),
            environment: workplace.environment.clone(),
            directory: directory.clone(),
            project: hooks.project().to_owned(),
            cancel: cancel.clone(),
        };
        let policy = &workplace.policy;
        let mode = match (policy.is_planning, policy.approval, policy.level) {
            (true, ..) => "plan",
            (_, Approval::Never, SandboxLevel::DangerFullAccess) => "bypassPermissions",
            (_, Approval::Never, _) => "dontAsk",
            (_, Approval::OnRequest, _) => "acceptEdits",
            (_, Approval::Untrusted, _) => "default",
        };
        let journal = state.recorder.journal_path();
        let mut common = Map::new();
        common.insert("session_id".into(), thread_id.into());
        common.insert("transcript_path".into(), journal.map(|path| path.display().to_string()).into());
        common.insert("cwd".into(), directory.display().to_string().into());
        common.insert("permission_mode".into(), mode.into());
        common.insert("model".into(), state.settings.model.id.clone().into());
        common.extend(turn_id.map(|id| ("turn_id".to_owned(), Value::from(id))));
        let telling = Telling {
            thread_id: thread_id.to_owned(),
            turn_id: turn_id.map(str::to_owned),
            events: state.recorder.events(),
        };
        Self { hooks, ground, common, telling }
    }

    /// Starts the hooks of `event` that are about one of `names`, all together, and hears them. `input` is what they read
    /// besides what all read.
    pub(crate) async fn call(&self, event: Event, names: &[&str], input: Value) -> Verdict {
        let hooks = self.hooks.of(event, names);
        let mut verdict = Verdict::default();
        if hooks.is_empty() {
            return verdict;
        }
        let mut read = self.common.clone();
        read.insert("hook_event_name".into(), event.name().into());
        if let Value::Object(input) = input {
            read.extend(input);
        }
        let read = Value::Object(read);
        let all = hooks.iter().map(|(at, hook)| async {
            let begun = self.telling.started(*at, hook).await;
            let done = run(hook, &read, &self.ground).await;
            self.telling.completed(begun, &done).await;
            done
        });
        for done in join_all(all).await {
            verdict.add(done.answer);
        }
        verdict
    }

    /// What the user says, before it is part of anything: what hooks add, or why it is not to be.
    pub(crate) async fn prompt(&self, prompt: String) -> Result<Vec<Content>, String> {
        let verdict = self.call(Event::UserPromptSubmit, &[], json!({ "prompt": prompt })).await;
        match verdict.denied().or(verdict.stop.as_deref()) {
            Some(why) => Err(why.to_owned()),
            None => Ok(verdict.context.iter().map(|text| Content::Text { text: added(text) }).collect()),
        }
    }
}

/// What the user has written.
fn words(input: &[UserInput]) -> String {
    let texts: Vec<_> = input.iter().filter_map(UserInput::typed).collect();
    texts.join("\n")
}

/// What hooks read of a prompt: what was written, and what the model reads where that is something else.
pub(crate) fn prompt(input: &[UserInput], content: &[Content]) -> String {
    let is_other = |input: &UserInput| matches!(input, UserInput::Command { .. } | UserInput::Skill { .. });
    if !input.iter().any(is_other) {
        return words(input);
    }
    let texts = content.iter().filter_map(|content| match content {
        Content::Text { text } => Some(text.as_str()),
        Content::Image { .. } => None,
    });
    std::iter::once(words(input).as_str()).chain(texts).collect::<Vec<_>>().join("\n\n")
}

/// What a hook adds, as the model reads it.
fn added(text: &str) -> String {
    fill(HOOK_CONTEXT.trim_end(), &[("text", text)])
}

impl ThreadState {
    /// Who is asked about what the user says; `None`: nobody.
    pub(crate) fn prompt_hooks(&self, ids: (&str, Option<&str>), cancel: &CancellationToken) -> Option<Caller> {
        // A sub-agent's prompt is its parent's.
        if self.settings.agent_kind.is_some() {
            return None;
        }
        Caller::of(self, ids, cancel, Event::UserPromptSubmit)
    }

    /// Tells hooks that the session is left.
    pub(crate) async fn session_ends(&mut self, thread_id: &str) {
        if self.settings.agent_kind.is_some() || !std::mem::take(&mut self.hooks.has_started) {
            return;
        }
        let cancel = CancellationToken::new();
        if let Some(caller) = Caller::of(self, (thread_id, None), &cancel, Event::SessionEnd) {
            caller.call(Event::SessionEnd, &["other"], json!({ "reason": "other" })).await;
        }
    }
}

/// After a turn: when hooks are to be told that the user is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idle {
    after: Duration,
    /// How many turns there were.
    turns: u64,
}

impl ThreadState {
    /// `None`: there is nobody to be told.
    pub(crate) fn idle(&self) -> Option<Idle> {
        let plugged = &self.settings.plugged;
        let is_of_use = self.settings.agent_kind.is_none() && plugged.hooks.has(Event::Notification);
        is_of_use.then_some(Idle { after: plugged.idle, turns: self.turns })
    }
}

impl Idle {
    /// Waits, and tells them unless something was done since in the thread, which this does not keep: `is_busy` says whether
    /// something is being done.
    pub(crate) async fn tell(
        self,
        thread_id: &str,
        state: Weak<tokio::sync::Mutex<ThreadState>>,
        is_busy: impl Fn() -> bool,
    ) {
        tokio::time::sleep(self.after).await;
        let caller = state.upgrade().and_then(|state| {
            let state = state.try_lock().ok().filter(|state| state.turns == self.turns && !is_busy())?;
            Caller::of(&state, (thread_id, None), &CancellationToken::new(), Event::Notification)
        });
        let Some(caller) = caller else { return };
        let input = json!({
            "message": "Codex is waiting for your input", "title": "Your turn", "notification_type": IDLE,
        });
        caller.call(Event::Notification, &[IDLE], input).await;
    }
}

impl TurnRun {
    fn caller(&self, state: &ThreadState, event: Event) -> Option<Caller> {
        Caller::of(state, (&self.thread_id, Some(&self.turn.id)), &self.cancel, event)
    }

    /// Before the model reads what the user said, which `unread` is the part of that it has not: what hooks add, or why the
    /// turn ends here.
    pub(crate) async fn prompted(
        &mut self,
        state: &mut ThreadState,
        unread: &[Vec<Part>],
        input: &[UserInput],
    ) -> Result<Result<Vec<Content>, Finish>, StoreError> {
        if state.settings.plugged.notify.is_some() {
            self.progress.hooks.said.push(words(input));
        }
        if state.settings.agent_kind.is_none() && !std::mem::replace(&mut state.hooks.has_started, true) {
            let source = if state.hooks.is_resumed { "resume" } else { "startup" };
            self.session_starts(state, source).await?;
        }
        let caller = state.prompt_hooks((&self.thread_id, Some(&self.turn.id)), &self.cancel);
        let Some(caller) = caller.filter(|_| !unread.is_empty()) else { return Ok(Ok(Vec::new())) };
        let contents = unread.iter().flatten().filter_map(|part| match part {
            Part::Content(content) => Some(content.clone()),
            Part::Apart(text) => Some(Content::Text { text: text.clone() }),
            Part::Output(_) => None,
        });
        let contents: Vec<Content> = contents.collect();
        Ok(match caller.prompt(prompt(input, &contents)).await {
            Ok(more) => Ok(more),
            Err(_) if self.cancel.is_cancelled() => Err(Finish::Interrupted),
            Err(why) => {
                let message = format!("a hook refused the prompt, and the model has not read it: {why}");
                Err(Finish::Failed(turn_error(message, "other".into())))
            }
        })
    }

    /// Tells hooks that the session begins, or goes on from a summary, and the model what they add.
    pub(crate) async fn session_starts(&self, state: &mut ThreadState, source: &str) -> Result<(), StoreError> {
        let Some(caller) = self.caller(state, Event::SessionStart) else { return Ok(()) };
        let verdict = caller.call(Event::SessionStart, &[source], json!({ "source": source })).await;
        for text in &verdict.context {
            state.record_message(Message::Developer { text: added(text) })?;
        }
        Ok(())
    }

    /// Before the conversation is summed up.
    pub(crate) async fn before_compaction(&self, state: &ThreadState, reason: &Reason) {
        let Some(caller) = self.caller(state, Event::PreCompact) else { return };
        let (trigger, focus) = match reason {
            Reason::Asked(focus) => ("manual", focus.as_deref().unwrap_or_default()),
            Reason::NearLimit | Reason::TooLong(_) => ("auto", ""),
        };
        let input = json!({ "trigger": trigger, "custom_instructions": focus });
        caller.call(Event::PreCompact, &[trigger], input).await;
    }

    /// Whether hooks keep the turn, with which the model is done, from ending. The model reads why.
    pub(crate) async fn goes_on(&mut self, state: &mut ThreadState) -> bool {
        let kind = state.settings.agent_kind.as_deref();
        let event = if kind.is_some() { Event::SubagentStop } else { Event::Stop };
        if self.cancel.is_cancelled() || self.progress.hooks.stop.is_some() || self.progress.has_plan {
            return false;
        }
        let Some(caller) = self.caller(state, event) else { return false };
        let input = json!({
            "stop_hook_active": self.progress.hooks.continued > 0,
            "last_assistant_message": last_message(state),
            "agent_id": kind.map(|_| &self.thread_id),
            "agent_type": kind,
        });
        let verdict = caller.call(event, &[], input).await;
        let Some(why) = verdict.denied().filter(|_| verdict.stop.is_none() && !self.cancel.is_cancelled()) else {
            return false;
        };
        if self.progress.hooks.continued >= MOST_IN_A_ROW {
            let message = format!("a hook kept this turn from ending {MOST_IN_A_ROW} times in a row: it ends now");
            caller.telling.warn(message).await;
            return false;
        }
        self.progress.hooks.continued += 1;
        let text = fill(GO_ON.trim_end(), &[("why", why)]);
        // What cannot be recorded fails with the next request.
        state.record_message(Message::Developer { text }).is_ok()
    }

    /// Why hooks want the turn to stop, if they do.
    pub(crate) fn stopped_by_hook(&mut self) -> Option<String> {
        self.progress.hooks.stop.take()
    }
}

/// What the model said last.
fn last_message(state: &ThreadState) -> Option<String> {
    use codex_history::AssistantPart;
    state.history.messages().rev().find_map(|message| match message {
        Message::Assistant { content, .. } => {
            let texts = content.iter().filter_map(|part| match part {
                AssistantPart::Text { text, .. } => Some(text.as_str()),
                _ => None,
            });
            Some(texts.collect::<Vec<_>>().join("\n\n"))
        }
        _ => None,
    })
}
