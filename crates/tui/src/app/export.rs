//! The transcript in a file. It is read from the beginning, page by page.

use codex_protocol::{ClientRequest, SortDirection, ThreadItem, ThreadItemsListParams, ThreadItemsListResult};

use super::{App, Effect, Purpose};
use crate::transcript;

/// Items that are read at once.
const PAGE: usize = 1000;

/// What is being written.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    thread_id: String,
    /// Where it goes; a usual name without.
    path: Option<String>,
    /// What has been read of it.
    items: Vec<ThreadItem>,
}

impl App {
    /// Writes the transcript to a file: as a page for a browser where its name says so, else as Markdown.
    pub(super) fn export(&mut self, path: Option<String>) {
        let Some(thread_id) = self.thread_id() else { return self.complain("the session is not open yet") };
        self.export_from(None, Export { thread_id, path, items: Vec::new() });
    }

    fn export_from(&mut self, cursor: Option<String>, export: Export) {
        let params = ThreadItemsListParams {
            thread_id: export.thread_id.clone(),
            cursor,
            limit: Some(PAGE),
            sort_direction: Some(SortDirection::Asc),
            ..ThreadItemsListParams::default()
        };
        self.call(ClientRequest::ThreadItemsList(params), Purpose::Export(export));
    }

    /// More of it has been read.
    pub(super) fn exported(&mut self, mut export: Export, list: ThreadItemsListResult) {
        export.items.extend(list.data.into_iter().map(|entry| entry.item));
        if list.next_cursor.is_some() {
            return self.export_from(list.next_cursor, export);
        }
        let Export { thread_id, path, items } = export;
        let name = self.session.as_ref().filter(|session| session.opened.thread.id == thread_id);
        let name = name.and_then(|session| session.opened.thread.name.as_deref());
        let text = match path.as_deref().is_some_and(transcript::is_html) {
            true => transcript::html(name, items.iter()),
            false => transcript::export(items.iter()),
        };
        self.effects.push(Effect::Write { path, text });
    }
}
