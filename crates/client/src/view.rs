//! What a client knows of a thread, folded from its events. Pure: one event in, a new view out.

use std::collections::VecDeque;

use codex_protocol::{Event, PlanStep, ServerNotification, ThreadItem, ThreadTokenUsage, Turn, TurnError, TurnStatus};

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
    /// The last finished message of the model in this turn.
    pub last_message: Option<String>,
    /// The last error that ended a turn.
    pub error: Option<TurnError>,
}

impl View {
    /// Takes an event in.
    pub fn apply(&mut self, event: &Event) {
        match &event.notification {
            ServerNotification::TurnStarted(changed) => {
                *self = Self { usage: std::mem::take(&mut self.usage), ..Self::default() };
                self.turn = Some(changed.turn.clone());
            }
            ServerNotification::TurnCompleted(changed) => self.turn = Some(changed.turn.clone()),
            ServerNotification::TurnPlanUpdated(updated) => self.plan.clone_from(&updated.plan),
            ServerNotification::TokenUsageUpdated(updated) => self.usage.clone_from(&updated.token_usage),
            ServerNotification::ItemCompleted(completed) => {
                if let ThreadItem::AgentMessage { text, .. } = &completed.item {
                    self.last_message = Some(text.clone());
                }
                if self.items.len() == WINDOW {
                    self.items.pop_front();
                }
                self.items.push_back(completed.item.clone());
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
    use codex_protocol::{ItemCompleted, Position, TurnChanged};

    use super::*;

    fn turn(status: TurnStatus) -> TurnChanged {
        let turn = Turn {
            id: "1".into(),
            items: vec![],
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
            view.apply(&Event { notification, position: Position::Transient {} });
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
}
