//! The sessions on disk: listed, searched, named, laid aside, deleted. All of it happens on the blocking pool.

use std::path::{Path, PathBuf};

use codex_protocol::{
    ClientRequest, ClientResponse, Empty, ErrorKind, RpcError, ServerNotification, Thread as ThreadInfo, ThreadClosed,
    ThreadListParams, ThreadListResult, ThreadNameUpdated, ThreadReadResult, ThreadSearchParams, ThreadSearchResponse,
    ThreadSearchResult, ThreadSetNameParams, ThreadStatus,
};
use codex_store::{Listed, SessionsWanted};

use crate::{
    Server,
    dispatch::{git_info, source_of, store_error, thread_error},
    reading::blocking,
};

/// Sessions of a page unless the client says.
const SESSIONS: usize = 100;

impl Server {
    /// Answers a request about sessions on disk.
    pub(crate) async fn of_the_store(&self, request: ClientRequest) -> Result<ClientResponse, RpcError> {
        Ok(match request {
            ClientRequest::ThreadList(params) => ClientResponse::ThreadList(self.list(params).await?),
            ClientRequest::ThreadSearch(params) => ClientResponse::ThreadSearch(self.search(params).await?),
            ClientRequest::ThreadRead(params) => ClientResponse::ThreadRead(self.read(params.thread_id).await?),
            ClientRequest::ThreadSetName(params) => {
                self.set_name(params).await?;
                ClientResponse::ThreadSetName(Empty {})
            }
            ClientRequest::ThreadArchive(params) => {
                let id = self.archive(&params.thread_id, true).await?;
                self.tell(ServerNotification::ThreadArchived(ThreadClosed { thread_id: id })).await;
                ClientResponse::ThreadArchive(Empty {})
            }
            ClientRequest::ThreadUnarchive(params) => {
                let id = self.archive(&params.thread_id, false).await?;
                self.tell(ServerNotification::ThreadUnarchived(ThreadClosed { thread_id: id.clone() })).await;
                ClientResponse::ThreadUnarchive(self.read(id).await?)
            }
            ClientRequest::ThreadDelete(params) => {
                self.delete(&params.thread_id).await?;
                ClientResponse::ThreadDelete(Empty {})
            }
            other => {
                let message = format!("this is not about sessions on disk: {other:?}");
                return Err(RpcError::new(ErrorKind::Internal, message));
            }
        })
    }

    async fn list(&self, params: ThreadListParams) -> Result<ThreadListResult, RpcError> {
        let home = self.codex_home()?;
        blocking(move || {
            let wanted = SessionsWanted {
                cwd: params.cwd.as_deref().map(Path::new),
                term: params.search_term.as_deref().unwrap_or_default(),
                after: params.cursor.as_deref(),
                limit: params.limit.unwrap_or(SESSIONS),
                archived: params.archived.unwrap_or_default(),
            };
            let (listed, next_cursor) = codex_store::list(&home, &wanted);
            Ok(ThreadListResult { data: listed.into_iter().map(thread).collect(), next_cursor })
        })
        .await
    }

    async fn search(&self, params: ThreadSearchParams) -> Result<ThreadSearchResponse, RpcError> {
        if params.search_term.trim().is_empty() {
            return Err(RpcError::new(ErrorKind::Configuration, "thread/search: `searchTerm` is empty"));
        }
        let home = self.codex_home()?;
        blocking(move || {
            let wanted = SessionsWanted {
                cwd: params.cwd.as_deref().map(Path::new),
                term: &params.search_term,
                after: params.cursor.as_deref(),
                limit: params.limit.unwrap_or(SESSIONS),
                archived: params.archived.unwrap_or_default(),
            };
            let (found, next_cursor) = codex_store::search(&home, &wanted);
            let result =
                |said: codex_store::Said| ThreadSearchResult { snippet: said.snippet, thread: thread(said.session) };
            Ok(ThreadSearchResponse { data: found.into_iter().map(result).collect(), next_cursor })
        })
        .await
    }

    pub(crate) async fn read(&self, thread_id: String) -> Result<ThreadReadResult, RpcError> {
        let listed = self.look(thread_id).await?;
        let git_info = git_info(&listed.header().cwd);
        Ok(ThreadReadResult { thread: ThreadInfo { git_info, ..thread(listed) } })
    }

    /// Where a session works, or worked when it began, open or on disk: a sub-agent where the session at the top does.
    pub(crate) async fn workplace_of(&self, thread_id: &str) -> Result<PathBuf, RpcError> {
        let mut id = thread_id.to_owned();
        while let Some(above) = self.works_for(&id) {
            id = above;
        }
        if let Ok(thread) = self.thread(&id) {
            return Ok(thread.standing().roots.workspace.clone());
        }
        let mut session = self.look(id).await?;
        while let Some(above) = session.facts.header.parent.clone() {
            session = self.look(above).await?;
        }
        Ok(session.facts.header.cwd)
    }

    /// What is known of the session that `wanted` says: its id, its name, or the beginning of its id.
    async fn look(&self, wanted: String) -> Result<Listed, RpcError> {
        let home = self.codex_home()?;
        blocking(move || {
            let path = codex_store::find(&home, &wanted).map_err(store_error)?;
            let unreadable = || RpcError::new(ErrorKind::Internal, format!("{} has no header", path.display()));
            codex_store::look(&home, &path).ok_or_else(unreadable)
        })
        .await
    }

    async fn set_name(&self, params: ThreadSetNameParams) -> Result<(), RpcError> {
        let name = codex_store::session_name(&params.name).map_err(store_error)?;
        let thread_id = match self.thread(&params.thread_id) {
            Ok(thread) => {
                thread.rename(name.clone()).map_err(thread_error)?;
                params.thread_id
            }
            Err(_) => {
                let Listed { path, facts, .. } = self.look(params.thread_id).await?;
                let id = facts.header.thread_id;
                match self.thread(&id) {
                    Ok(thread) => thread.rename(name.clone()).map_err(thread_error)?,
                    Err(_) => {
                        let name = name.clone();
                        blocking(move || codex_store::rename(&path, name).map_err(store_error)).await?;
                    }
                }
                id
            }
        };
        let updated = ThreadNameUpdated { thread_id, thread_name: name };
        self.tell(ServerNotification::ThreadNameUpdated(updated)).await;
        Ok(())
    }

    /// Lays a session aside, or brings it back; returns its id. One that is open here is closed first.
    async fn archive(&self, wanted: &str, aside: bool) -> Result<String, RpcError> {
        let (home, path, id) = self.let_go(wanted).await?;
        blocking(move || codex_store::archive(&home, &path, aside).map_err(store_error)).await?;
        Ok(id)
    }

    async fn delete(&self, wanted: &str) -> Result<(), RpcError> {
        let (home, path, thread_id) = self.let_go(wanted).await?;
        blocking(move || codex_store::delete(&home, &path).map_err(store_error)).await?;
        self.tell(ServerNotification::ThreadDeleted(ThreadClosed { thread_id })).await;
        Ok(())
    }

    /// The home, the journal of a session, and its id; nobody here has it open any more.
    async fn let_go(&self, wanted: &str) -> Result<(PathBuf, PathBuf, String), RpcError> {
        let home = self.codex_home()?;
        let listed = self.look(wanted.to_owned()).await?;
        let id = listed.id().to_owned();
        self.close(id.clone()).await;
        Ok((home, listed.path, id))
    }
}

fn thread(listed: Listed) -> ThreadInfo {
    let Listed { path, updated_at, facts, .. } = listed;
    let seconds = updated_at.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    ThreadInfo {
        id: facts.header.thread_id.clone(),
        session_id: facts.header.thread_id,
        cli_version: facts.header.program_version,
        created_at: facts.created_at_ms / 1000,
        updated_at: seconds,
        cwd: facts.header.cwd.display().to_string(),
        git_info: None,
        ephemeral: false,
        forked_from_id: facts.header.forked_from.map(|from| from.thread_id),
        model_provider: String::new(),
        name: facts.name,
        path: Some(path.display().to_string()),
        preview: facts.title.unwrap_or(facts.preview),
        project_id: None,
        source: source_of(&facts.header.source),
        status: ThreadStatus::NotLoaded,
        turns: Vec::new(),
    }
}
