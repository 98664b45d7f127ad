//! What clients read besides events: the items of a thread.
//!
//! Files are read on the blocking pool, and no question waits for an answer to these (`in_process`).

use std::path::PathBuf;

use codex_protocol::{
    ClientRequest, ErrorKind, RpcError, SortDirection, ThreadItemEntry, ThreadItemsListParams, ThreadItemsListResult,
};
use codex_store::{ItemsWanted, StoredItem};

use crate::{Server, dispatch::store_error};

/// Most items of a page, and how many it has unless the client says.
const MOST_ITEMS: usize = 1000;
const ITEMS: usize = 100;

/// Whether a request only reads, so that its answer needs not wait for those before it.
pub(crate) fn only_reads(request: &ClientRequest) -> bool {
    matches!(request, ClientRequest::ThreadItemsList(_) | ClientRequest::ThreadList(_) | ClientRequest::ThreadRead(_))
}

impl Server {
    /// The items of a thread that is open or on disk.
    pub(crate) async fn items(&self, params: ThreadItemsListParams) -> Result<ThreadItemsListResult, RpcError> {
        let path = self.journal(&params.thread_id)?;
        let page = blocking(move || {
            let cursor = params.cursor.as_deref().map(str::parse);
            let from = cursor.transpose().map_err(|_| {
                RpcError::new(ErrorKind::Configuration, "thread/items/list: the cursor is none that was given out")
            })?;
            let wanted = ItemsWanted {
                from,
                limit: params.limit.unwrap_or(ITEMS).clamp(1, MOST_ITEMS),
                newest_first: params.sort_direction == Some(SortDirection::Desc),
                turn_id: params.turn_id.as_deref(),
            };
            codex_store::items(&path, &wanted).map_err(store_error)
        })
        .await?;
        Ok(ThreadItemsListResult {
            data: page.items.into_iter().map(entry).collect(),
            next_cursor: page.next.map(|next| next.to_string()),
            backwards_cursor: Some(page.began.to_string()),
        })
    }

    /// Where a thread is recorded.
    fn journal(&self, thread_id: &str) -> Result<PathBuf, RpcError> {
        let Ok(thread) = self.thread(thread_id) else {
            return codex_store::find(&self.codex_home()?, thread_id).map_err(store_error);
        };
        let unkept = || RpcError::new(ErrorKind::NotFound, "the thread is ephemeral: nothing of it can be read again");
        thread.journal().map(std::path::Path::to_owned).ok_or_else(unkept)
    }
}

fn entry(StoredItem { turn_id, item, at }: StoredItem) -> ThreadItemEntry {
    ThreadItemEntry { turn_id, item, started_at_ms: None, completed_at_ms: Some(at) }
}

/// Does `work` on the blocking pool.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
) -> Result<T, RpcError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(RpcError::new(ErrorKind::Internal, format!("the server broke down: {error}"))))
}
