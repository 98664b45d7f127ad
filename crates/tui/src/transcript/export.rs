//! A transcript as Markdown, for a file.

use std::fmt::Write as _;

use codex_protocol::{DynamicToolCallOutput, ThreadItem, UserInput};

/// `items`, the oldest first, as one document.
pub fn export<'a>(items: impl Iterator<Item = &'a ThreadItem>) -> String {
    let mut text = String::from("# Session\n");
    items.for_each(|item| push(item, &mut text));
    text
}

fn push(item: &ThreadItem, text: &mut String) {
    // Writing to a string does not fail.
    let _ = match item {
        ThreadItem::UserMessage { content, .. } => {
            text.push_str("\n## User\n");
            content.iter().try_for_each(|input| match input {
                UserInput::LocalImage { path } => writeln!(text, "\n![]({path})"),
                UserInput::Image { name, .. } => writeln!(text, "\n![]({})", name.as_deref().unwrap_or_default()),
                said => writeln!(text, "\n{}", said.typed().unwrap_or_default()),
            })
        }
        ThreadItem::AgentMessage { text: said, .. } => writeln!(text, "\n## Agent\n\n{said}"),
        ThreadItem::Plan { text: plan, .. } => writeln!(text, "\n## Proposed plan\n\n{plan}"),
        ThreadItem::Reasoning { summary, .. } => {
            summary.iter().try_for_each(|paragraph| writeln!(text, "\n> {}", paragraph.replace('\n', "\n> ")))
        }
        ThreadItem::CommandExecution { command, aggregated_output, exit_code, .. } => {
            let output = aggregated_output.as_deref().unwrap_or_default().trim_end();
            let code = exit_code.map(|code| format!("exit code {code}\n")).unwrap_or_default();
            writeln!(text, "\n{}", fenced("console", &format!("$ {command}\n{output}\n{code}")))
        }
        ThreadItem::FileChange { changes, .. } => {
            let change = |change: &codex_protocol::FileUpdateChange| format!("--- {}\n{}\n", change.path, change.diff);
            writeln!(text, "\n{}", fenced("diff", &changes.iter().map(change).collect::<String>()))
        }
        ThreadItem::ContextCompaction { report: Some(report), .. } if report.failure.is_none() => {
            let (before, after) = (report.tokens_before, report.tokens_after);
            writeln!(text, "\n*Here the conversation was summed up: about {before} tokens before, {after} after.*")
        }
        ThreadItem::ContextCompaction { .. } => Ok(()),
        ThreadItem::DynamicToolCall { tool, arguments, content_items, .. } => {
            let output = content_items.iter().flatten().map(|output| match output {
                DynamicToolCallOutput::InputText { text } => text.as_str(),
            });
            writeln!(text, "\n{}", fenced("", &format!("{tool} {arguments}\n{}", output.collect::<String>())))
        }
        ThreadItem::McpToolCall { server, tool, arguments, result, error, .. } => {
            let said = result.iter().map(|result| result.text()).chain(error.iter().map(|error| error.message.clone()));
            let said = said.collect::<Vec<_>>().join("\n");
            writeln!(text, "\n{}", fenced("", &format!("{server}.{tool} {arguments}\n{said}")))
        }
        ThreadItem::WebSearch { query, results, failure, .. } => {
            let sources = results.iter().flatten().map(|source| format!("{} {}", source.url, source.title));
            let lines: Vec<String> = std::iter::once(query.clone()).chain(sources).chain(failure.clone()).collect();
            writeln!(text, "\n{}", fenced("", &lines.join("\n")))
        }
        ThreadItem::CollabAgentToolCall { .. } => codex_client::agent_lines(item).iter().try_for_each(|line| {
            let more = line.more.trim_end().replace('\n', "\n> ");
            writeln!(text, "\n*{}*\n\n> {more}", line.said)
        }),
        ThreadItem::EnteredReviewMode { review, .. } => writeln!(text, "\n## Review of {review}"),
        // What it has come to is said by the agent.
        ThreadItem::ExitedReviewMode { result: Some(_), .. } => Ok(()),
        ThreadItem::ExitedReviewMode { review, .. } => writeln!(text, "\n{review}"),
    };
}

/// A block of code, with a fence that the code does not hold.
fn fenced(language: &str, code: &str) -> String {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", code.trim_end())
}

#[cfg(test)]
mod tests {
    use codex_protocol::CommandExecutionStatus;

    use super::*;

    #[test]
    fn a_transcript_is_a_document() {
        let items = [
            ThreadItem::UserMessage { id: "1".into(), content: vec![UserInput::Text { text: "why?".into() }] },
            ThreadItem::CommandExecution {
                id: "2".into(),
                command: "cat a.md".into(),
                cwd: "/w".into(),
                source: codex_protocol::CommandExecutionSource::default(),
                status: CommandExecutionStatus::Failed,
                command_actions: Vec::new(),
                aggregated_output: Some("```\ncode\n```\n".into()),
                exit_code: Some(1),
                duration_ms: None,
            },
            ThreadItem::AgentMessage { id: "3".into(), text: "Because.".into() },
        ];
        let expected = "# Session\n\n## User\n\nwhy?\n\n````console\n$ cat a.md\n```\ncode\n```\nexit code 1\n````\n\n\
            ## Agent\n\nBecause.\n";
        assert_eq!(export(items.iter()), expected);
    }
}
