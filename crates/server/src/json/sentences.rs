//! Sentences by which clients of the protocol tell errors apart.

use codex_protocol::{ErrorKind, RpcError};

use super::ids;

/// The error of a request about `thread` in words that clients know, before this program's own.
pub(super) fn known(error: RpcError, thread: &str) -> RpcError {
    let message = ids::outward_words(&error.message, thread);
    let is_missing = error.data == Some(ErrorKind::NotFound) && message.starts_with("no session has");
    let message = if is_missing { format!("no rollout found for thread id {thread}: {message}") } else { message };
    RpcError { message, ..error }
}
