//! What clients read besides events: the items of a thread, the names of files.
//!
//! Files are read on the blocking pool, and no question waits for an answer to these (`in_process`).

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use codex_protocol::{
    ClientRequest, ErrorKind, FoundFile, FuzzyFileSearchParams, FuzzyFileSearchResult, RpcError, SortDirection,
    ThreadItemEntry, ThreadItemsListParams, ThreadItemsListResult, ThreadLoadedListParams, ThreadLoadedListResult,
};
use codex_store::{ItemsWanted, StoredItem};
use codex_tools::{FileIndex, Names, Wanted};
use codex_workspace::{Ignored, Roots};

use crate::{Server, dispatch::store_error};

/// Most items of a page, and how many it has unless the client says.
const MOST_ITEMS: usize = 1000;
const ITEMS: usize = 100;
/// Most files that a search finds, over all its roots.
const MOST_FOUND: usize = 50;
/// Most directories that are searched at once.
const MOST_ROOTS: usize = 16;
/// Most directories whose names of files are held.
const MOST_INDEXES: usize = 4;

/// Whether a request only reads, so that its answer needs not wait for those before it; or asks a server elsewhere for
/// leave to come in, for which none of the others needs to wait.
pub(crate) fn only_reads(request: &ClientRequest) -> bool {
    matches!(
        request,
        ClientRequest::ThreadItemsList(_)
            | ClientRequest::CommandList(_)
            | ClientRequest::SkillsList(_)
            | ClientRequest::FuzzyFileSearch(_)
            | ClientRequest::AgentsList(_)
            | ClientRequest::ConfigRead(_)
            | ClientRequest::HooksList(_)
            | ClientRequest::McpServerOauthLogin(_)
            | ClientRequest::McpServerOauthPaste(_)
            | ClientRequest::ModelList(_)
            | ClientRequest::PermissionProfileList(_)
            | ClientRequest::PluginInstalled(_)
            | ClientRequest::ThreadDiff(_)
            | ClientRequest::ThreadList(_)
            | ClientRequest::ThreadLoadedList(_)
            | ClientRequest::ThreadRead(_)
            | ClientRequest::ThreadSearch(_)
            | ClientRequest::ThreadTurnsList(_)
    )
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

    /// The threads that are open here.
    pub(crate) fn loaded(&self, params: &ThreadLoadedListParams) -> ThreadLoadedListResult {
        let mut data = self.open_threads();
        // Ids begin with the time.
        data.sort();
        data.truncate(params.limit.unwrap_or(usize::MAX));
        ThreadLoadedListResult { data, next_cursor: None }
    }

    /// Files and directories below the roots that fit the query.
    pub(crate) async fn find_files(&self, params: FuzzyFileSearchParams) -> Result<FuzzyFileSearchResult, RpcError> {
        if params.roots.len() > MOST_ROOTS {
            let message = format!("fuzzyFileSearch: at most {MOST_ROOTS} `roots` are searched at once");
            return Err(RpcError::new(ErrorKind::Configuration, message));
        }
        let (hidden, ignored) = self.hidden()?;
        let mut searches = Vec::new();
        for root in params.roots {
            let index = self.files.of(&root, &hidden, &ignored)?;
            let query = params.query.clone();
            let wanted = match (params.refresh, params.partial) {
                (Some(true), _) => Wanted::Anew,
                (_, Some(true)) => Wanted::Soon,
                _ => Wanted::All,
            };
            searches.push(blocking(move || {
                let (found, names) = index.find(&query, &root, wanted);
                Ok((found, names, index))
            }));
        }
        let (mut files, mut partial) = (Vec::new(), false);
        for search in searches {
            let (found, names, index) = search.await?;
            files.extend(found);
            partial |= names == Names::Some;
            if names == Names::Old {
                // The next search has it.
                tokio::task::spawn_blocking(move || index.refresh());
            }
        }
        files.sort_by_key(|file: &FoundFile| std::cmp::Reverse(file.score));
        files.truncate(MOST_FOUND);
        Ok(FuzzyFileSearchResult { files, partial })
    }

    /// What the threads that are open do not look into, which is what nobody is told the names of.
    fn hidden(&self) -> Result<(Vec<PathBuf>, Vec<Ignored>), RpcError> {
        let threads = self.all_threads();
        if threads.is_empty() {
            let message = "no thread is open, so that nobody can say which files are to stay hidden: open one first";
            return Err(RpcError::new(ErrorKind::NotFound, message));
        }
        let roots: Vec<_> = threads.iter().map(|thread| thread.standing().roots).collect();
        let mut hidden: Vec<PathBuf> = roots.iter().flat_map(|roots| roots.hidden.clone()).collect();
        hidden.sort();
        hidden.dedup();
        Ok((hidden, roots.iter().map(|roots| roots.ignored.clone()).collect()))
    }

    /// Where a thread is recorded.
    pub(crate) fn journal(&self, thread_id: &str) -> Result<PathBuf, RpcError> {
        let Ok(thread) = self.thread(thread_id) else {
            return codex_store::find_journal(&self.codex_home()?, thread_id).map_err(store_error);
        };
        let unkept = || RpcError::new(ErrorKind::NotFound, "the thread is ephemeral: nothing of it can be read again");
        thread.journal().map(Path::to_owned).ok_or_else(unkept)
    }
}

/// The names of files below the directories that were searched last.
#[derive(Debug, Default)]
pub(crate) struct FileIndexes(Mutex<Vec<Known>>);

#[derive(Debug)]
struct Known {
    root: PathBuf,
    hidden: Vec<PathBuf>,
    ignored: Ignored,
    index: Arc<FileIndex>,
}

impl FileIndexes {
    fn of(&self, root: &str, hidden: &[PathBuf], ignored: &[Ignored]) -> Result<Arc<FileIndex>, RpcError> {
        let refused = |why: &dyn std::fmt::Display| {
            RpcError::new(ErrorKind::Configuration, format!("fuzzyFileSearch: the root `{root}`: {why}"))
        };
        if !Path::new(root).is_absolute() {
            return Err(refused(&"it is not absolute"));
        }
        let real = Path::new(root).canonicalize().map_err(|error| refused(&error))?;
        // Threads in one project have the same ignore files.
        let ignored = ignored.iter().find(|ignored| ignored.counts_in(&real)).cloned().unwrap_or_default();
        let mut indexes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) =
            indexes.iter().find(|known| known.root == real && known.hidden == hidden && known.ignored == ignored)
        {
            return Ok(Arc::clone(&known.index));
        }
        indexes.retain(|known| known.root != real);
        if indexes.len() == MOST_INDEXES {
            indexes.remove(0);
        }
        let (workspace, hidden) = (real.clone(), hidden.to_vec());
        let roots =
            Roots { workspace, writable: Vec::new(), hidden: hidden.clone(), ignored: ignored.clone(), temp: None };
        let index = Arc::new(FileIndex::new(real.clone(), &roots));
        indexes.push(Known { root: real, hidden, ignored, index: Arc::clone(&index) });
        Ok(index)
    }
}

fn entry(StoredItem { turn_id, item, at }: StoredItem) -> ThreadItemEntry {
    ThreadItemEntry { turn_id, item, started_at_ms: None, completed_at_ms: Some(at) }
}

/// Does `work` on the blocking pool.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
) -> Result<T, RpcError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(RpcError::new(ErrorKind::Internal, format!("the server broke down: {error}"))))
}
