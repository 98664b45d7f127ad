//! Items of a transcript in the pager: as rows, and as the text that is copied.

use codex_protocol::{DynamicToolCallOutput, ThreadItem, UserInput};

use crate::{
    look::Look,
    text::{Row, wrap},
    theme::Role,
};

/// Lines of an output that are shown where it is not expanded.
const LINES: usize = 5;

/// The rows of `item`.
pub(super) fn rows(item: &ThreadItem, look: &Look, expanded: bool) -> Vec<Row> {
    let mut lines: Vec<Row> = Vec::new();
    let (head, role, body) = match item {
        ThreadItem::UserMessage { .. } => ("› ", Role::User, text(item)),
        ThreadItem::AgentMessage { text, .. } => ("• ", Role::Plain, text.clone()),
        ThreadItem::Reasoning { summary, .. } => ("· ", Role::Quiet, summary.join("\n")),
        ThreadItem::CommandExecution { .. } => ("$ ", Role::Command, text(item)),
        ThreadItem::FileChange { .. } | ThreadItem::DynamicToolCall { .. } => ("• ", Role::Plain, text(item)),
    };
    let shown = if expanded { usize::MAX } else { LINES };
    for (index, line) in body.lines().take(shown).enumerate() {
        let (mark, role) = if index == 0 { (head, role) } else { ("  ", Role::Plain) };
        let mut row = Row::new(mark, look.style(Role::Mark));
        row.push(look.span(line, role));
        lines.extend(wrap(&row, look.width, &Row::plain("  ")));
    }
    let more = body.lines().count().saturating_sub(shown);
    if more > 0 {
        lines.push(Row::new(&format!("  … {more} more lines"), look.style(Role::Quiet)));
    }
    lines
}

/// What is copied of `item`.
pub(super) fn text(item: &ThreadItem) -> String {
    match item {
        ThreadItem::UserMessage { content, .. } => {
            let parts = content.iter().map(|part| match part {
                UserInput::Text { text } => text.clone(),
                UserInput::LocalImage { path } => format!("[{path}]"),
            });
            parts.collect::<Vec<_>>().join("\n")
        }
        ThreadItem::AgentMessage { text, .. } => text.clone(),
        ThreadItem::Reasoning { summary, .. } => summary.join("\n\n"),
        ThreadItem::CommandExecution { command, aggregated_output, .. } => {
            format!("{command}\n{}", aggregated_output.as_deref().unwrap_or_default())
        }
        ThreadItem::FileChange { changes, .. } => {
            changes.iter().map(|change| format!("{}\n{}", change.path, change.diff)).collect::<Vec<_>>().join("\n")
        }
        ThreadItem::DynamicToolCall { tool, arguments, content_items, .. } => {
            let returned =
                content_items.iter().flatten().map(|DynamicToolCallOutput::InputText { text }| text.as_str());
            format!("{tool} {arguments}\n{}", returned.collect::<Vec<_>>().join("\n"))
        }
    }
}
