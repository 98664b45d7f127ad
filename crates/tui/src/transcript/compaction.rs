//! A conversation that was summed up.

use codex_protocol::CompactionReport;

use super::{marked, narrower};
use crate::{
    look::Look,
    status_line::thousands,
    text::{Row, wrap},
    theme::Role,
};

/// What came of it; it is under way without a report.
pub fn rows(report: Option<&CompactionReport>, look: &Look) -> Vec<Row> {
    let quiet = look.style(Role::Quiet);
    let Some(report) = report else { return vec![Row::new("· Summing up the conversation", quiet)] };
    if let Some(why) = &report.failure {
        return super::error::warning(&format!("The conversation was not summed up, and is as it was: {why}"), look);
    }
    let CompactionReport { tokens_before, tokens_after, kept, dropped, .. } = report;
    let mut rows = vec![Row::new("Summed up", look.style(Role::Strong)).with(
        &format!(" · about {} tokens before, {} after", thousands(*tokens_before), thousands(*tokens_after)),
        quiet,
    )];
    let mut line = |text: String| rows.extend(wrap(&Row::new(&text, quiet), narrower(look, 2).width, &Row::empty()));
    line(format!("kept word for word: {}", kept.join(", ")));
    if !dropped.is_empty() {
        line(format!("in the summary only: {}", dropped.join(", ")));
    }
    line("All of it stays on disk: ctrl+t shows it, /compact undo brings it back.".to_owned());
    marked(rows, &Row::new("· ", quiet), &Row::plain("  "), look)
}
