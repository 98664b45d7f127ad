//! What a client knows of a thread, folded from its events. Pure: one event in, a new view out.

use std::collections::{BTreeMap, VecDeque};

use codex_protocol::{
    Event, PlanStep, ServerMessage, ServerNotification, ServerRequest, ThreadItem, ThreadTokenUsage, Turn, TurnError,
    TurnStatus,
};

use crate::Cost;

/// How many finished items a view keeps; the rest can be asked for.
const WINDOW: usize = 500;

/// What a client knows of a thread.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// The turn that runs, or ran last.
    pub turn: Option<Turn>,
    /// The newest finished items of this turn, oldest first.
    pub items: VecDeque<ThreadItem>,
    /// The newest plan.
    pub plan: Vec<PlanStep>,
    /// Tokens so far.
    pub usage: ThreadTokenUsage,
    /// What they cost.
    pub cost: Cost,
    /// The last finished message of the model in this turn.
    pub last_message: Option<String>,
    /// The last error that ended a turn.
    pub error: Option<TurnError>,
    /// The questions that wait for an answer, by their ids.
    pub questions: BTreeMap<u64, ServerRequest>,
}

impl View {
    /// Takes a message in.
    pub fn apply(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::Event(event) => self.event(event),
            ServerMessage::Request { id, request } => drop(self.questions.insert(*id, request.clone())),
        }
    }

    fn event(&mut self, event: &Event) {
        match &event.notification {
            ServerNotification::TurnStarted(changed) => {
                *self = Self { usage: std::mem::take(&mut self.usage), cost: self.cost, ..Self::default() };
                self.cost.turn_begins();
                self.turn = Some(changed.turn.clone());
            }
            ServerNotification::ThreadReverted(_) => {
                *self = Self { usage: std::mem::take(&mut self.usage), cost: self.cost, ..Self::default() };
            }
            ServerNotification::TurnCompleted(changed) => self.turn = Some(changed.turn.clone()),
            ServerNotification::TurnPlanUpdated(updated) => self.plan.clone_from(&updated.plan),
            ServerNotification::TokenUsageUpdated(updated) => {
                self.usage.clone_from(&updated.token_usage);
                self.cost.total = updated.cost_usd;
            }
            ServerNotification::ItemCompleted(completed) => {
                if let ThreadItem::AgentMessage { text, .. } | ThreadItem::Plan { text, .. } = &completed.item {
                    self.last_message = Some(text.clone());
                }
                if self.items.len() == WINDOW {
                    self.items.pop_front();
                }
                self.items.push_back(completed.item.clone());
            }
            ServerNotification::ServerRequestResolved(resolved) => {
                self.questions.remove(&resolved.request_id);
            }
            ServerNotification::Error(failed) if !failed.will_retry => self.error = Some(failed.error.clone()),
            _ => {}
        }
    }

    /// Whether the last turn has ended.
    pub fn ended(&self) -> Option<TurnStatus> {
        self.turn.as_ref().map(|turn| turn.status).filter(|status| *status != TurnStatus::InProgress)
    }
}

#[cfg(test)]
mod tests {
    use codex_protocol::{
        ApprovalTerms, FileChangeApprovalParams, ItemCompleted, ItemsView, Position, ServerRequestResolved, TurnChanged,
    };

    use super::*;

    fn turn(status: TurnStatus) -> TurnChanged {
        let turn = Turn {
            id: "1".into(),
            items: vec![],
            items_view: ItemsView::NotLoaded,
            status,
            error: None,
            started_at: None,
            completed_at: None,
            duration_ms: None,
        };
        TurnChanged { thread_id: "t".into(), turn }
    }

    #[test]
    fn a_turn_folds_into_its_last_message_and_end() {
        let item = |text: &str| {
            ServerNotification::ItemCompleted(ItemCompleted {
                thread_id: "t".into(),
                turn_id: "1".into(),
                item: ThreadItem::AgentMessage { id: "i".into(), text: text.into() },
                completed_at_ms: 0,
            })
        };
        let mut view = View::default();
        let mut seen = Vec::new();
        for notification in [
            ServerNotification::TurnStarted(turn(TurnStatus::InProgress)),
            item("first"),
            item("second"),
            ServerNotification::TurnCompleted(turn(TurnStatus::Completed)),
            ServerNotification::TurnStarted(turn(TurnStatus::InProgress)),
        ] {
            view.apply(&ServerMessage::Event(Event { notification, position: Position::Transient {} }));
            seen.push((view.last_message.clone(), view.ended()));
        }
        let message = |text: &str| Some(text.to_owned());
        assert_eq!(
            seen,
            [
                (None, None),
                (message("first"), None),
                (message("second"), None),
                (message("second"), Some(TurnStatus::Completed)),
                (None, None),
            ]
        );
    }

    #[test]
    fn a_question_is_open_until_it_is_resolved() {
        let mut view = View::default();
        for id in [0, 1] {
            let request = ServerRequest::FileChangeApproval(FileChangeApprovalParams {
                thread_id: "t".into(),
                turn_id: "1".into(),
                item_id: "i".into(),
                started_at_ms: 0,
                reason: None,
                grant_root: None,
                available_decisions: vec![],
                terms: ApprovalTerms::default(),
            });
            view.apply(&ServerMessage::Request { id, request });
        }
        let resolved = ServerRequestResolved { thread_id: "t".into(), request_id: 0 };
        let notification = ServerNotification::ServerRequestResolved(resolved);
        view.apply(&ServerMessage::Event(Event { notification, position: Position::Transient {} }));
        assert_eq!(view.questions.keys().collect::<Vec<_>>(), [&1]);
    }
}
