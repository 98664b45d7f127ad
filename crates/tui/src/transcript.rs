//! What was said and done, as rows: a [`Feed`] folds what the server tells; [`item`] shows one finished item. One file
//! a kind.

mod agents;
mod command;
mod compaction;
mod error;
mod export;
mod feed;
mod file_change;
mod html;
mod looks;
mod message;
mod output;
mod plan;
mod reasoning;
mod review;
mod tool_call;
mod web;

use codex_protocol::ThreadItem;

pub use command::command_rows;
pub use error::complaint;
pub use export::export;
pub use feed::Feed;
pub use file_change::seen_from;
pub use html::{html, is_html};

pub use crate::{
    diff::{Hunk, Layout, diff_rows, hunk_rows, hunks},
    markdown::markdown,
};
use crate::{
    look::Look,
    text::{Row, wrap},
};

/// One finished item. Where it is `expanded` all of it: the whole output, the whole diff, what the model thought.
pub fn item(item: &ThreadItem, look: &Look, expanded: bool) -> Vec<Row> {
    let rows = match item {
        ThreadItem::UserMessage { content, .. } => message::user(content, look, expanded),
        ThreadItem::AgentMessage { text, .. } => message::agent(text, look),
        ThreadItem::Plan { text, .. } => message::plan(text, look),
        ThreadItem::Reasoning { summary, .. } => reasoning::rows(summary, look, expanded),
        ThreadItem::CommandExecution { .. } => command::rows(item, look, expanded),
        ThreadItem::FileChange { changes, status, .. } => file_change::rows(changes, *status, look, expanded),
        ThreadItem::DynamicToolCall { .. } | ThreadItem::McpToolCall { .. } => tool_call::rows(item, look, expanded),
        ThreadItem::WebSearch { .. } => web::rows(item, look, expanded),
        ThreadItem::CollabAgentToolCall { .. } => agents::rows(item, look, expanded),
        ThreadItem::EnteredReviewMode { review, .. } => review::entered(review, look),
        ThreadItem::ExitedReviewMode { review, result, .. } => review::exited(review, result.is_some(), look, expanded),
        ThreadItem::ContextCompaction { report, .. } => compaction::rows(report.as_ref(), look),
    };
    fitting(rows, look)
}

/// `rows`, where one is too wide wrapped: on a very narrow screen.
fn fitting(mut rows: Vec<Row>, look: &Look) -> Vec<Row> {
    if rows.iter().any(|row| row.width() > look.width) {
        rows = rows.iter().flat_map(|row| wrap(row, look.width, &Row::empty())).collect();
    }
    rows
}

/// On a screen of fewer columns nothing stands before a row.
const NARROW: usize = 16;

/// `rows` with `first` before the first of them and `rest` before the others, where there is room for that.
fn marked(rows: Vec<Row>, first: &Row, rest: &Row, look: &Look) -> Vec<Row> {
    if look.width < NARROW {
        return rows;
    }
    let mark = |(at, mut row): (usize, Row)| {
        // No blanks at the end of an empty row.
        if at > 0 && row.is_empty() {
            return row;
        }
        let mark = if at == 0 { first } else { rest };
        row.spans.splice(0..0, mark.spans.iter().cloned());
        row
    };
    rows.into_iter().enumerate().map(mark).collect()
}

/// The same look with room for what stands before each row, at most [`NARROW`] columns.
fn narrower(look: &Look, by: usize) -> Look {
    Look { width: if look.width < NARROW { look.width } else { look.width - by }, ..*look }
}

/// A duration as a person says it.
fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 if milliseconds < 100 => format!("{milliseconds} ms"),
        0..10 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests;
