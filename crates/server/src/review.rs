//! `review/start`: a turn that looks at changes.

use codex_agent::Review;
use codex_protocol::{ErrorKind, ReviewStartParams, ReviewStartResult, RpcError};

use crate::{Server, dispatch::thread_error};

impl Server {
    /// Starts a review in a thread.
    pub(crate) async fn review(&self, params: ReviewStartParams) -> Result<ReviewStartResult, RpcError> {
        let ReviewStartParams { thread_id, target, delivery } = params;
        if let Some(other) = delivery.filter(|delivery| delivery != "inline") {
            let message =
                format!("review/start: `delivery` is `{other}`: a review takes place in its thread, `inline`");
            return Err(RpcError::new(ErrorKind::Configuration, message));
        }
        let turn = self.thread(&thread_id)?.start_review(Review { target }).await.map_err(thread_error)?;
        Ok(ReviewStartResult { turn, review_thread_id: thread_id })
    }
}
