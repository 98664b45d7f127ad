//! What sub-agents have come to, made part of the conversation of the thread that they work for, once each.

use std::{collections::BTreeMap, sync::Weak};

use codex_history::Message;
use codex_protocol::{CollabAgentState, CollabAgentStatus, CollabAgentTool, CollabAgentToolCallStatus, ThreadItem};
use codex_store::{Record, StoreError};

use super::{AgentChanges, AgentInfo, Agents};
use crate::{
    context::fill,
    thread::ThreadState,
    turn::{TurnRun, complete},
};

const CHANGES: &str = include_str!("../prompts/agent_changes.md");
const LOST: &str = include_str!("../prompts/agents_lost.md");
const REPORT: &str = include_str!("../prompts/agent_report.md");

/// Most of a result that goes into the conversation or an item, in bytes. The whole of it is in the sub-agent's session.
const MOST: usize = 24 << 10;

/// What a sub-agent has come to.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) info: AgentInfo,
    /// Whether the user has started it, of which the model knows nothing yet.
    pub(crate) by_user: bool,
}

impl Report {
    /// As the model is told it.
    pub(crate) fn text(&self) -> String {
        let AgentInfo { name, status, message, task, worktree, changes, .. } = &self.info;
        let said = message.as_deref().map_or_else(|| "It said nothing.".to_owned(), cut);
        let of = if self.by_user { format!("The user gave it this task: {}\n\n", cut(task)) } else { String::new() };
        let where_to = match (worktree, changes) {
            (Some(_), Some(AgentChanges { files, patch, .. })) => {
                let files = cut(&files.join(", "));
                fill(CHANGES, &[("files", &files), ("patch", &patch.display().to_string())])
            }
            (Some(_), None) => "\n\nIt changed nothing in its worktree.".to_owned(),
            (None, _) => String::new(),
        };
        let values = [
            ("name", name.as_str()),
            ("how", in_words(*status)),
            ("task", of.as_str()),
            ("said", said.trim_end()),
            ("where", where_to.as_str()),
        ];
        fill(REPORT.trim_end(), &values)
    }
}

/// How it ended, in a word.
fn in_words(status: CollabAgentStatus) -> &'static str {
    match status {
        CollabAgentStatus::Running => "running",
        CollabAgentStatus::Completed => "done",
        CollabAgentStatus::Errored => "failed",
        CollabAgentStatus::Interrupted => "stopped",
    }
}

/// `text`, cut to size.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= MOST {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(MOST);
    format!("{}\n[cut here: {} bytes more are in its session]", &text[..end], text.len() - end)
}

impl TurnRun {
    /// Makes what sub-agents have come to part of the conversation, before the model is asked.
    pub(crate) async fn take_reports(&mut self, state: &mut ThreadState) -> Result<(), StoreError> {
        let Some(agents) = state.settings.agents.clone() else { return Ok(()) };
        count(state, &agents)?;
        for report in agents.take_reports() {
            let id = self.next_item_id();
            report_to(state, &agents, &self.thread_id, &self.turn.id, report, id).await?;
        }
        Ok(())
    }

    /// Waits, where the model is done, for those that this turn has started. Whether the turn goes on, with what they have
    /// come to or with what the user says meanwhile.
    pub(crate) async fn waits_for_agents(&self, state: &ThreadState) -> bool {
        let Some(agents) = &state.settings.agents else { return false };
        let mut changes = agents.changes();
        loop {
            if self.cancel.is_cancelled() {
                return false;
            }
            if agents.has_reports() {
                return true;
            }
            if !agents.work_for(&self.turn.id) {
                return false;
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return false },
                () = self.cancel.cancelled() => return false,
                () = self.steers.wait() => return true,
            }
        }
    }

    /// The turn ends: those that work for the thread are stopped with it, unless it is done. Nothing stays of those that
    /// have ended but how they stand.
    pub(crate) async fn end_agents(&mut self, state: &mut ThreadState, is_done: bool) {
        let Some(agents) = state.settings.agents.clone() else { return };
        if is_done {
            agents.close_ended().await;
        } else {
            agents.stop_all().await;
        }
        agents.settle().await;
        // A journal that cannot be written has failed the turn.
        let _ = self.take_reports(state).await;
    }
}

/// Records what they have used as the thread's own; its budget was charged at once.
fn count(state: &mut ThreadState, agents: &Agents) -> Result<(), StoreError> {
    for (model, usage) in agents.take_usage() {
        let model = Some(model).filter(|model| *model != state.settings.model.id);
        state.recorder.record(&Record::Usage { usage, model, estimated: false })?;
    }
    Ok(())
}

async fn report_to(
    state: &mut ThreadState,
    agents: &Agents,
    thread_id: &str,
    turn_id: &str,
    report: Report,
    item_id: String,
) -> Result<(), StoreError> {
    state.record_message(Message::user(report.text()))?;
    let (tool, status) = (CollabAgentTool::Wait, CollabAgentToolCallStatus::Completed);
    let item = agents.item(item_id, tool, status, None, std::slice::from_ref(&report.info));
    complete(&mut state.recorder, thread_id, turn_id, item).await
}

impl ThreadState {
    /// Tells, once, of sub-agents that ended with the program, or were killed with it.
    pub(crate) fn record_lost_agents(
        &mut self,
        thread_id: &str,
        lost: BTreeMap<String, CollabAgentState>,
    ) -> Result<(), StoreError> {
        if lost.is_empty() {
            return Ok(());
        }
        let named: Vec<String> = lost.iter().map(|(id, state)| format!("`{}` (session {id})", state.name)).collect();
        let text = fill(LOST.trim_end(), &[("agents", &named.join(", "))]);
        self.record_message(Message::Developer { text })?;
        let turn_id = format!("turn_{}", self.turns.saturating_sub(1));
        let message = Some("the program ended before it was done".to_owned());
        let ended = |(id, state)| {
            (id, CollabAgentState { status: CollabAgentStatus::Interrupted, message: message.clone(), ..state })
        };
        let item = ThreadItem::CollabAgentToolCall {
            id: format!("{turn_id}_lost_agents_{}", self.history.messages().count()),
            tool: CollabAgentTool::Wait,
            status: CollabAgentToolCallStatus::Completed,
            sender_thread_id: thread_id.to_owned(),
            receiver_thread_ids: lost.keys().cloned().collect(),
            prompt: None,
            model: None,
            agents_states: lost.into_iter().map(ended).collect(),
        };
        self.recorder.record(&Record::Item { turn_id, item }).map(drop)
    }
}

/// Takes what they have come to between turns, as long as the thread is there.
pub(crate) async fn take_between_turns(
    thread_id: String,
    state: Weak<tokio::sync::Mutex<ThreadState>>,
    agents: Weak<Agents>,
) {
    let Some(mut changes) = agents.upgrade().map(|agents| agents.changes()) else { return };
    while changes.changed().await.is_ok() {
        let (Some(state), Some(agents)) = (state.upgrade(), agents.upgrade()) else { return };
        if !agents.has_reports() {
            continue;
        }
        let mut state = state.lock().await;
        // If it cannot be recorded, the next turn fails of the same, and says so.
        let _ = count(&mut state, &agents);
        for report in agents.take_reports() {
            let turn_id = format!("turn_{}", state.turns.saturating_sub(1));
            let item_id = format!("{turn_id}_{}_report_{}", report.info.name, report.info.tokens);
            let _ = report_to(&mut state, &agents, &thread_id, &turn_id, report, item_id).await;
        }
        agents.close_ended().await;
        agents.settle().await;
    }
}
