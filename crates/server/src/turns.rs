//! The turns of a thread with their items: `thread/turns/list`, and what `thread/read` and `thread/resume` tell of them.

use codex_protocol::{
    ErrorKind, ItemsView, RpcError, SortDirection, ThreadItem, ThreadTurnsListParams, ThreadTurnsListResult, Turn,
    TurnError, TurnStatus,
};
use codex_store::{StoredTurn, TurnOutcome};

use crate::{Server, dispatch::store_error, reading::blocking};

/// Most turns of a page, and how many it has unless the client says.
const MOST_TURNS: usize = 1000;
const TURNS: usize = 25;

impl Server {
    /// A page of the turns of a thread that is open or on disk.
    pub(crate) async fn turns(&self, params: ThreadTurnsListParams) -> Result<ThreadTurnsListResult, RpcError> {
        let view = params.items_view.unwrap_or(ItemsView::Summary);
        let mut turns = self.all_turns(&params.thread_id, view).await?;
        // Like that of other servers, the list begins with the newest unless the client says otherwise.
        let newest_first = params.sort_direction != Some(SortDirection::Asc);
        if newest_first {
            turns.reverse();
        }
        let from = match &params.cursor {
            None => 0,
            Some(cursor) => turns.iter().position(|turn| turn.id == *cursor).ok_or_else(|| {
                let message = "thread/turns/list: the cursor is none that was given out";
                RpcError::new(ErrorKind::Configuration, message)
            })?,
        };
        let to = from.saturating_add(params.limit.unwrap_or(TURNS).clamp(1, MOST_TURNS)).min(turns.len());
        let id_at = |at: usize| turns.get(at).map(|turn| turn.id.clone());
        let (next_cursor, backwards_cursor) = (id_at(to), id_at(from));
        Ok(ThreadTurnsListResult { data: turns.drain(from..to).collect(), next_cursor, backwards_cursor })
    }

    /// All turns of a thread, the oldest first. One that is open and ephemeral has none that could be read.
    pub(crate) async fn all_turns(&self, thread_id: &str, view: ItemsView) -> Result<Vec<Turn>, RpcError> {
        let open = self.thread(thread_id).ok();
        if open.as_ref().is_some_and(|thread| thread.journal().is_none()) {
            return Ok(Vec::new());
        }
        let path = self.journal(thread_id)?;
        let stored = blocking(move || codex_store::turns(&path).map_err(store_error)).await?;
        let is_open = open.is_some();
        let last = stored.len().saturating_sub(1);
        Ok(stored.into_iter().enumerate().map(|(at, turn)| told(turn, is_open && at == last, view)).collect())
    }
}

fn told(stored: StoredTurn, may_run: bool, view: ItemsView) -> Turn {
    let StoredTurn { id, items, outcome, started_at, ended_at } = stored;
    let (status, error) = match outcome {
        None if may_run => (TurnStatus::InProgress, None),
        Some(TurnOutcome::Completed) => (TurnStatus::Completed, None),
        // Nobody recorded its end: the program broke off.
        None | Some(TurnOutcome::Interrupted) => (TurnStatus::Interrupted, None),
        Some(TurnOutcome::Failed { message }) => {
            let error = TurnError { message, codex_error_info: Some("other".into()), additional_details: None };
            (TurnStatus::Failed, Some(error))
        }
    };
    Turn {
        id,
        items: match view {
            ItemsView::Full => items,
            ItemsView::Summary => summary(items),
            ItemsView::NotLoaded => Vec::new(),
        },
        items_view: view,
        status,
        error,
        started_at: Some(started_at / 1000),
        completed_at: ended_at.map(|at| at / 1000),
        duration_ms: ended_at.map(|at| at.saturating_sub(started_at).max(0) as u64),
    }
}

/// What was asked, and what came of it.
fn summary(items: Vec<ThreadItem>) -> Vec<ThreadItem> {
    let last = items.iter().rposition(|item| matches!(item, ThreadItem::AgentMessage { .. }));
    let is_kept = |(at, item): (usize, ThreadItem)| {
        (matches!(item, ThreadItem::UserMessage { .. }) || Some(at) == last).then_some(item)
    };
    items.into_iter().enumerate().filter_map(is_kept).collect()
}
