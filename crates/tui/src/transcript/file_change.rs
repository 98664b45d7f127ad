//! Files that were changed, with their diffs.

use codex_protocol::{FileUpdateChange, PatchApplyStatus};

use super::{marked, narrower};
use crate::{
    diff::{Layout, diff_rows},
    look::Look,
    text::Row,
    theme::Role,
};

/// Rows of a file's diff that are shown of a long one.
const ROWS: usize = 40;

/// The files of a patch.
pub fn rows(changes: &[FileUpdateChange], status: PatchApplyStatus, look: &Look, expanded: bool) -> Vec<Row> {
    let layout = Layout { side_by_side: false, most_rows: (!expanded).then_some(ROWS) };
    let inner = narrower(look, 2);
    let mut rows: Vec<Row> = changes.iter().flat_map(|change| diff_rows(change, &inner, layout)).collect();
    let (mark, how) = match status {
        PatchApplyStatus::Completed | PatchApplyStatus::InProgress => (super::message::agent_mark(look), None),
        PatchApplyStatus::Failed => (Row::new("✗ ", look.style(Role::Bad)), Some("failed, nothing was written")),
        PatchApplyStatus::Declined => (Row::new("✗ ", look.style(Role::Bad)), Some("declined, nothing was written")),
    };
    rows.extend(how.map(|how| Row::new(how, look.style(Role::Bad))));
    marked(rows, &mark, &Row::plain("  "), look)
}
