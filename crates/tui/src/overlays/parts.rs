//! What is copied of the items of a transcript.

use codex_protocol::{DynamicToolCallOutput, ThreadItem, UserInput};

/// What is copied of `item`.
pub(super) fn text(item: &ThreadItem) -> String {
    match item {
        ThreadItem::UserMessage { content, .. } => {
            let parts = content.iter().map(|part| match part {
                UserInput::LocalImage { path } => format!("[{path}]"),
                UserInput::Image { name, .. } => format!("[{}]", name.as_deref().unwrap_or("image")),
                said => said.typed().unwrap_or_default().into_owned(),
            });
            parts.collect::<Vec<_>>().join("\n")
        }
        ThreadItem::AgentMessage { text, .. } | ThreadItem::Plan { text, .. } => text.clone(),
        ThreadItem::Reasoning { summary, .. } => summary.join("\n\n"),
        ThreadItem::CommandExecution { command, aggregated_output, .. } => {
            format!("{command}\n{}", aggregated_output.as_deref().unwrap_or_default())
        }
        ThreadItem::FileChange { changes, .. } => {
            changes.iter().map(|change| format!("{}\n{}", change.path, change.diff)).collect::<Vec<_>>().join("\n")
        }
        ThreadItem::ContextCompaction { report, .. } => report
            .iter()
            .flat_map(|report| report.kept.iter().chain(&report.dropped))
            .cloned()
            .collect::<Vec<_>>()
            .join("\n"),
        ThreadItem::DynamicToolCall { tool, arguments, content_items, .. } => {
            let returned =
                content_items.iter().flatten().map(|DynamicToolCallOutput::InputText { text }| text.as_str());
            format!("{tool} {arguments}\n{}", returned.collect::<Vec<_>>().join("\n"))
        }
        ThreadItem::McpToolCall { server, tool, arguments, result, error, .. } => {
            let said = result.iter().map(|result| result.text()).chain(error.iter().map(|error| error.message.clone()));
            format!("{server}.{tool} {arguments}\n{}", said.collect::<Vec<_>>().join("\n"))
        }
        ThreadItem::WebSearch { query, results, failure, .. } => {
            let sources = results.iter().flatten().map(|source| format!("{} {}", source.url, source.title));
            std::iter::once(query.clone()).chain(sources).chain(failure.clone()).collect::<Vec<_>>().join("\n")
        }
        ThreadItem::CollabAgentToolCall { .. } => {
            let lines = codex_client::agent_lines(item).into_iter().map(|line| format!("{}\n{}", line.said, line.more));
            lines.collect::<Vec<_>>().join("\n")
        }
        ThreadItem::EnteredReviewMode { review, .. } | ThreadItem::ExitedReviewMode { review, .. } => review.clone(),
    }
}
