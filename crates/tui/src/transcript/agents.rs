//! What was asked of sub-agents, and what came of it: a sentence, and the first lines of a task or a result.

use codex_client::agent_lines;
use codex_protocol::{PatchApplyStatus, ThreadItem};

use super::{file_change, marked, narrower, output};
use crate::{
    look::Look,
    text::{Row, wrap},
    theme::Role,
};

/// First lines of a task or a result.
const LINES: usize = 6;

/// A call that has ended, or that runs.
pub fn rows(item: &ThreadItem, look: &Look, expanded: bool) -> Vec<Row> {
    let quiet = look.style(Role::Quiet);
    let mut rows = Vec::new();
    for line in agent_lines(item) {
        let mark = if line.is_bad { Row::new("✗ ", look.style(Role::Bad)) } else { super::message::agent_mark(look) };
        let title = Row::new(&line.said, look.style(Role::Strong));
        rows.extend(marked(wrap(&title, narrower(look, 2).width, &Row::empty()), &mark, &Row::plain("  "), look));
        let mut below =
            output::all(if expanded { &line.more } else { output::head(&line.more, 16 << 10) }, &narrower(look, 4));
        if !expanded && below.len() > LINES + 1 {
            let more = below.len() - LINES;
            below.truncate(LINES);
            below.push(Row::new(&format!("… {more} more lines (ctrl+t)"), quiet));
        }
        rows.extend(marked(below, &Row::new("  └ ", quiet), &Row::plain("    "), look));
        if !line.changes.is_empty() {
            let hint = format!("not here yet; /agents, or `{}`, takes it over:", line.takes_over);
            rows.extend(marked(vec![Row::new(&hint, quiet)], &Row::new("  └ ", quiet), &Row::plain("    "), look));
            let status = PatchApplyStatus::InProgress;
            let changes = file_change::rows(&line.changes, status, &narrower(look, 4), expanded);
            rows.extend(marked(changes, &Row::plain("    "), &Row::plain("    "), look));
        }
    }
    rows
}
