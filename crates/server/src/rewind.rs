//! Going back in a thread.

use codex_protocol::{RpcError, Thread as ThreadInfo, ThreadReadResult, ThreadRevertParams, ThreadStatus};

use crate::{Server, dispatch::thread_error};

impl Server {
    /// Takes the conversation of a thread back; says what is known of it then.
    pub(crate) async fn revert(&self, params: &ThreadRevertParams) -> Result<ThreadReadResult, RpcError> {
        let thread = self.thread(&params.thread_id)?;
        thread.revert(&params.before_turn_id).await.map_err(thread_error)?;
        let ThreadReadResult { thread } = self.read(params.thread_id.clone()).await?;
        Ok(ThreadReadResult { thread: ThreadInfo { status: ThreadStatus::Idle, ..thread } })
    }
}
