//! What a client has missed, read from the record of a thread.

use std::path::Path;

use codex_protocol::{
    Event, ItemCompleted, Position, RpcError, ServerMessage, ServerNotification, ThreadNameUpdated, ThreadReverted,
    Turn, TurnChanged, TurnError, TurnFailed, TurnPlanUpdated, TurnStatus,
};
use codex_store::{Line, Record, TurnOutcome};

use crate::dispatch::store_error;

/// What was recorded of a thread after the line with the ordinal `after`, as it was told, and the last ordinal.
///
/// # Errors
/// When the record cannot be read.
pub(crate) fn missed(journal: &Path, thread_id: &str, after: u64) -> Result<(Vec<ServerMessage>, u64), RpcError> {
    let (lines, last) = codex_store::lines_after(journal, after).map_err(store_error)?;
    Ok((lines.into_iter().flat_map(|line| told(thread_id, line)).collect(), last))
}

fn told(thread_id: &str, Line { seq, at, record }: Line) -> Vec<ServerMessage> {
    let thread_id = thread_id.to_owned();
    let notifications = match record {
        Record::TurnStarted { turn_id } => {
            vec![ServerNotification::TurnStarted(turn(thread_id, turn_id, TurnStatus::InProgress, None))]
        }
        Record::Item { turn_id, item } => {
            vec![ServerNotification::ItemCompleted(ItemCompleted { thread_id, turn_id, item, completed_at_ms: at })]
        }
        Record::Plan { turn_id, explanation, steps } => {
            vec![ServerNotification::TurnPlanUpdated(TurnPlanUpdated { thread_id, turn_id, explanation, plan: steps })]
        }
        Record::Reverted { .. } | Record::Unreverted {} => {
            vec![ServerNotification::ThreadReverted(ThreadReverted { thread_id })]
        }
        Record::Renamed { name } => {
            vec![ServerNotification::ThreadNameUpdated(ThreadNameUpdated { thread_id, thread_name: name })]
        }
        Record::TurnEnded { turn_id, outcome } => ended(thread_id, turn_id, outcome),
        _ => Vec::new(),
    };
    let position = Position::Recorded { seq };
    notifications.into_iter().map(|notification| ServerMessage::Event(Event { notification, position })).collect()
}

fn ended(thread_id: String, turn_id: String, outcome: TurnOutcome) -> Vec<ServerNotification> {
    let (status, error) = match outcome {
        TurnOutcome::Completed => (TurnStatus::Completed, None),
        TurnOutcome::Interrupted => (TurnStatus::Interrupted, None),
        TurnOutcome::Failed { message } => {
            let error = TurnError { message, codex_error_info: None, additional_details: None };
            (TurnStatus::Failed, Some(error))
        }
    };
    let failed = error.clone().map(|error| {
        let (thread_id, turn_id) = (thread_id.clone(), turn_id.clone());
        ServerNotification::Error(TurnFailed { thread_id, turn_id, error, will_retry: false, wait: None })
    });
    let completed = ServerNotification::TurnCompleted(turn(thread_id, turn_id, status, error));
    failed.into_iter().chain([completed]).collect()
}

fn turn(thread_id: String, id: String, status: TurnStatus, error: Option<TurnError>) -> TurnChanged {
    let (items, started_at, completed_at, duration_ms) = Default::default();
    let items_view = codex_protocol::ItemsView::NotLoaded;
    TurnChanged {
        thread_id,
        turn: Turn { id, items, items_view, status, error, started_at, completed_at, duration_ms },
    }
}
