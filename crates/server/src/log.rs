//! What the log says of sessions and of requests that were refused. What was said stands nowhere in it.

use std::path::Path;

use codex_log::Level;
use codex_protocol::{RpcError, SessionSource, ThreadOpened};

use crate::dispatch::source_name;

/// Below the home of sessions and settings.
pub(crate) const DIRECTORY: &str = "log";

/// A session was opened, as `how` says: from here on the log is written as its settings say. One that leaves no trace is not
/// named, and begins none. `by` is what opened it.
pub(crate) fn opened(how: &str, by: SessionSource, codex_home: &Path, level: &str, opened: &ThreadOpened) {
    let ThreadOpened { thread, cwd, model, model_provider, held_by, .. } = opened;
    if thread.ephemeral {
        return;
    }
    codex_log::start(codex_home.join(DIRECTORY), Level::named(level));
    codex_log::info!(
        "{}: {how} by codex {} ({}) in {cwd}, model {model} of {model_provider}, sandbox {}, approval {:?}",
        thread.id,
        env!("CARGO_PKG_VERSION"),
        source_name(by),
        if held_by.is_empty() { "unconfined" } else { held_by },
        opened.approval_policy,
    );
}

/// A request was refused.
pub(crate) fn refused(method: &str, error: &RpcError) {
    codex_log::warn!("{method} was refused: {}", error.message);
}
