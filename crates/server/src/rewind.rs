//! Going back in a thread.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use codex_agent::{Keeping, Rewind};
use codex_checkpoints::Checkpoints;
use codex_protocol::{
    RewindPreview, RpcError, Thread as ThreadInfo, ThreadReadResult, ThreadRevertParams, ThreadRewindListResult,
    ThreadRewindParams, ThreadRewindRedoParams, ThreadRewound, ThreadStatus,
};

use crate::{Server, dispatch::thread_error};

impl Server {
    /// Where the states of files are kept, and for how many days; `None` where that cannot be.
    pub(crate) fn keeping(&self, days: u32) -> Option<Keeping> {
        Some(Keeping { store: self.states()?, codex_home: self.codex_home().ok()?, days })
    }

    /// The states of files that are kept.
    pub(crate) fn states(&self) -> Option<Arc<Checkpoints>> {
        self.checkpoints(&self.codex_home().ok()?).as_ref().ok().cloned()
    }

    /// A warning where no states of files can be kept.
    pub(crate) fn check_keeping(&self, codex_home: &Path, warnings: &mut Vec<String>) {
        if let Err(error) = self.checkpoints(codex_home) {
            warnings.push(format!("no states of files are kept, so that /rewind cannot restore any: {error}"));
        }
    }

    fn checkpoints(&self, codex_home: &Path) -> &Result<Arc<Checkpoints>, String> {
        let open = || Checkpoints::open(&codex_home.join("checkpoints")).map(Arc::new);
        self.checkpoints.get_or_init(|| open().map_err(|error| error.to_string()))
    }

    /// Takes a thread back.
    pub(crate) async fn rewind(&self, params: ThreadRewindParams) -> Result<ThreadRewound, RpcError> {
        let thread = self.thread(&params.thread_id)?;
        let rewind = Rewind { what: params.what, overwrite: paths(params.overwrite) };
        thread.rewind(&params.before_turn_id, rewind).await.map_err(thread_error)
    }

    /// The turns that a thread can go back to.
    pub(crate) async fn rewind_list(&self, thread_id: &str) -> Result<ThreadRewindListResult, RpcError> {
        self.thread(thread_id)?.rewind_list().await.map_err(thread_error)
    }

    /// What going back would do to files.
    pub(crate) async fn rewind_preview(&self, params: &ThreadRewindParams) -> Result<RewindPreview, RpcError> {
        self.thread(&params.thread_id)?.rewind_preview(&params.before_turn_id).await.map_err(thread_error)
    }

    /// Takes back the last rewind.
    pub(crate) async fn rewind_redo(&self, params: ThreadRewindRedoParams) -> Result<ThreadRewound, RpcError> {
        self.thread(&params.thread_id)?.rewind_redo(paths(params.overwrite)).await.map_err(thread_error)
    }

    /// Takes the conversation of a thread back; says what is known of it then.
    pub(crate) async fn revert(&self, params: &ThreadRevertParams) -> Result<ThreadReadResult, RpcError> {
        let thread = self.thread(&params.thread_id)?;
        thread.revert(&params.before_turn_id).await.map_err(thread_error)?;
        let ThreadReadResult { thread } = self.read(params.thread_id.clone()).await?;
        Ok(ThreadReadResult { thread: ThreadInfo { status: ThreadStatus::Idle, ..thread } })
    }
}

fn paths(paths: Vec<String>) -> BTreeSet<PathBuf> {
    paths.into_iter().map(PathBuf::from).collect()
}
