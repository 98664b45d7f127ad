//! `thread/fork`: a new thread that goes on from what another has recorded. That one is only read: it may be open here or
//! in another process, and stays as it is.

use std::sync::{Arc, Mutex};

use codex_agent::Thread;
use codex_protocol::{RpcError, ServerNotification, ThreadForkParams, ThreadOpened, ThreadStarted};
use codex_store::{FORMAT, Header, Journal, TempDirectory};

use crate::{
    Kept, Known, Server,
    build::{self, Wanted},
    dispatch::{Begun, budget, mode_of, now, opened, source_name, store_error, thread_error},
    log, mcp,
    reading::blocking,
};

impl Server {
    /// Starts a thread that goes on from another.
    pub(crate) async fn start_fork(&self, params: ThreadForkParams) -> Result<ThreadOpened, RpcError> {
        let ThreadForkParams { from, last_turn_id, ephemeral, thread_source } = params;
        let (codex_home, path) = (self.codex_home()?, self.journal(&from.thread_id)?);
        let parent = path.clone();
        let id = uuid::Uuid::now_v7().to_string();
        let (thread_id, source) = (id.clone(), source_name(self.source).to_owned());
        let fork = blocking(move || {
            let shared = codex_store::fork_at(&parent, last_turn_id.as_deref()).map_err(store_error)?;
            let header = Header {
                format: FORMAT,
                thread_id,
                program_version: env!("CARGO_PKG_VERSION").to_owned(),
                // Known when its settings are built.
                cwd: std::path::PathBuf::new(),
                source,
                thread_source,
                forked_from: Some(shared),
                parent: None,
            };
            codex_store::forked(&parent, header).map_err(store_error)
        });
        let (replayed, unreadable) = fork.await?;
        let header = replayed.header.clone();
        let shared_with = header.forked_from.as_ref().map(|from| from.thread_id.clone());
        let live = from.live_output.unwrap_or_default();
        let mut wanted = Wanted::resume(from, replayed.epoch.clone(), &replayed.cwd)?.under(self.ceiling);
        let temp = TempDirectory::create(&codex_home, &id).map_err(store_error)?;
        let mut built = build::thread(self, &id, &codex_home, &mut wanted, temp.path()).await?;
        let held_by = build::held_by(&mut built).await;
        mcp::require(&built).await?;
        self.check_keeping(&codex_home, &mut built.warnings);
        if unreadable > 0 {
            built.warnings.push(format!("{unreadable} lines of {} could not be read and are left out", path.display()));
        }
        let journal = if ephemeral.unwrap_or_default() {
            Journal::ephemeral()
        } else {
            let cwd = built.settings.workplace.roots.workspace.clone();
            Journal::create(&codex_home, Header { cwd, ..header }).map_err(store_error)?
        };
        let begun = Begun {
            at: now(),
            source: self.source,
            version: None,
            preview: replayed.preview.clone(),
            name: None,
            forked_from: shared_with,
        };
        let opened = opened(&id, &built, held_by, journal.path(), begun);
        let opened = ThreadOpened { mode: mode_of(&replayed), cut_off: replayed.cut_off, ..opened };
        log::opened("forked", self.source, &codex_home, &built.log_level, &opened);
        self.tell(ServerNotification::ThreadStarted(ThreadStarted { thread: opened.thread.clone() })).await;
        self.warn(&id, &built.warnings).await;
        let known = Known { wanted, held_by: held_by.to_owned(), told: built.warnings.clone(), model_before: None };
        let budget = budget(&built, &replayed.usage);
        self.retain(&id, &built.sessions);
        let (parts, temp) = self.parts(&id, built, journal, temp, (live, budget));
        let thread = Arc::new(Thread::resume_forked(parts, replayed).map_err(thread_error)?);
        self.keep(id, Kept { thread, temp, known: Mutex::new(known) });
        Ok(opened)
    }
}
