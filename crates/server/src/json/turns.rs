//! The turns that clients of the protocol expect inside of a thread; this program's own page through them.

use codex_protocol::{
    ClientRequest, ClientResponse, ItemsView, SortDirection, Thread, ThreadOpened, ThreadReadResult,
    ThreadTurnsListParams, Turn,
};
use tokio::sync::oneshot;

use crate::Calls;

/// At most so many, the newest.
const TURNS: usize = 1000;

/// Puts the thread's turns into a response that has a thread. Where they cannot be read there are none.
pub(super) async fn fill(calls: &Calls, response: &mut ClientResponse) {
    let (ClientResponse::ThreadRead(ThreadReadResult { thread })
    | ClientResponse::ThreadResume(ThreadOpened { thread, .. })
    | ClientResponse::ThreadFork(ThreadOpened { thread, .. })) = response
    else {
        return;
    };
    thread.turns = read(calls, thread).await.unwrap_or_default();
}

async fn read(calls: &Calls, thread: &Thread) -> Option<Vec<Turn>> {
    let params = ThreadTurnsListParams {
        thread_id: thread.id.clone(),
        cursor: None,
        limit: Some(TURNS),
        sort_direction: Some(SortDirection::Desc),
        items_view: Some(ItemsView::Full),
    };
    let (asked, waits) = oneshot::channel();
    calls.send((ClientRequest::ThreadTurnsList(params), asked)).await.ok()?;
    let Ok(Ok(ClientResponse::ThreadTurnsList(mut listed))) = waits.await else { return None };
    listed.data.reverse();
    Some(listed.data)
}
