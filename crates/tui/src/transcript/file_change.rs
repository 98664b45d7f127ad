//! Files that were changed, with their diffs.

use std::path::Path;

use codex_protocol::{FileUpdateChange, PatchApplyStatus, PatchChangeKind, ThreadItem};

use super::{marked, narrower};
use crate::{
    diff::{Layout, diff_rows},
    look::Look,
    text::Row,
    theme::Role,
};

/// Rows of a file's diff that are shown of a long one.
const ROWS: usize = 40;

/// The item with paths as seen from `directory`, of files in it.
pub fn seen_from(directory: &str, mut item: ThreadItem) -> ThreadItem {
    let shorten = |path: &mut String| {
        let inner = Path::new(path.as_str()).strip_prefix(directory).ok().and_then(Path::to_str);
        if let Some(inner) = inner.filter(|inner| !inner.is_empty() && !directory.is_empty()) {
            *path = inner.to_owned();
        }
    };
    let changes: Vec<&mut FileUpdateChange> = match &mut item {
        ThreadItem::FileChange { changes, .. } => changes.iter_mut().collect(),
        ThreadItem::CollabAgentToolCall { agents_states, .. } => {
            agents_states.values_mut().flat_map(|state| &mut state.changes).collect()
        }
        _ => Vec::new(),
    };
    for change in changes {
        shorten(&mut change.path);
        if let PatchChangeKind::Update { move_path: Some(to) } = &mut change.kind {
            shorten(to);
        }
    }
    item
}

/// The files of a patch.
pub fn rows(changes: &[FileUpdateChange], status: PatchApplyStatus, look: &Look, expanded: bool) -> Vec<Row> {
    let layout = Layout { side_by_side: false, most_rows: (!expanded).then_some(ROWS) };
    let inner = narrower(look, 2);
    let mut rows = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        let file = diff_rows(change, &inner, layout);
        // Where lines of a file are shown, the next one stands apart.
        if at > 0 && (file.len() > 1 || !changes[at - 1].diff.is_empty()) {
            rows.push(Row::empty());
        }
        rows.extend(file);
    }
    let (mark, how) = match status {
        PatchApplyStatus::Completed | PatchApplyStatus::InProgress => (super::message::agent_mark(look), None),
        PatchApplyStatus::Failed => (Row::new("✗ ", look.style(Role::Bad)), Some("failed, nothing was written")),
        PatchApplyStatus::Declined => (Row::new("✗ ", look.style(Role::Bad)), Some("declined, nothing was written")),
    };
    rows.extend(how.map(|how| Row::new(how, look.style(Role::Bad))));
    marked(rows, &mark, &Row::plain("  "), look)
}
