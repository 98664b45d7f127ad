//! What happens in a thread, in the words of the Agent Client Protocol.

use codex_protocol::{
    ApprovalDecision, CommandApprovalParams, CommandExecutionStatus, DynamicToolCallStatus, FileUpdateChange,
    McpToolCallStatus, ModeKind, PatchApplyStatus, PatchChangeKind, PlanStepStatus, ServerNotification, Thread,
    ThreadItem, UserInput, WebSearchAction,
};
use serde_json::{Value, json};

/// The updates that a notification comes to.
pub(super) fn of(notification: &ServerNotification) -> Vec<Value> {
    let update = match notification {
        ServerNotification::AgentMessageDelta(delta) => chunk("agent_message_chunk", &delta.delta),
        ServerNotification::ReasoningDelta(delta) => chunk("agent_thought_chunk", &delta.delta),
        ServerNotification::ItemStarted(started) => return call(&started.item).into_iter().collect(),
        ServerNotification::ItemCompleted(completed) => return completed_call(&completed.item).into_iter().collect(),
        ServerNotification::TurnPlanUpdated(plan) => {
            let entry = |step: &codex_protocol::PlanStep| json!({ "content": step.step, "priority": "medium", "status": plan_status(step.status) });
            json!({ "sessionUpdate": "plan", "entries": plan.plan.iter().map(entry).collect::<Vec<_>>() })
        }
        ServerNotification::ThreadSettingsUpdated(updated)
            if updated.thread_settings.collaboration_mode.mode == ModeKind::Plan =>
        {
            json!({ "sessionUpdate": "current_mode_update", "currentModeId": "plan" })
        }
        ServerNotification::ThreadNameUpdated(named) => {
            json!({ "sessionUpdate": "session_info_update", "title": named.thread_name })
        }
        _ => return Vec::new(),
    };
    vec![update]
}

/// The updates that a finished item of an earlier turn comes to.
pub(super) fn of_the_past(item: &ThreadItem) -> Vec<Value> {
    match item {
        ThreadItem::UserMessage { content, .. } => {
            content.iter().filter_map(UserInput::typed).map(|said| chunk("user_message_chunk", &said)).collect()
        }
        ThreadItem::AgentMessage { text, .. } => vec![chunk("agent_message_chunk", text)],
        ThreadItem::Reasoning { summary, .. } => {
            summary.iter().map(|part| chunk("agent_thought_chunk", part)).collect()
        }
        item => call(item).into_iter().chain(completed_call(item)).collect(),
    }
}

fn chunk(kind: &str, text: &str) -> Value {
    json!({ "sessionUpdate": kind, "content": { "type": "text", "text": text } })
}

/// A call that begins, if the item is one.
fn call(item: &ThreadItem) -> Option<Value> {
    let (kind, title, content) = match item {
        ThreadItem::CommandExecution { command, .. } => ("execute", command.clone(), Vec::new()),
        ThreadItem::FileChange { changes, .. } => ("edit", files(changes), changes.iter().map(diff).collect()),
        ThreadItem::DynamicToolCall { tool, .. } => ("other", tool.clone(), Vec::new()),
        ThreadItem::McpToolCall { server, tool, .. } => ("other", format!("{server}: {tool}"), Vec::new()),
        ThreadItem::CollabAgentToolCall { prompt, .. } => {
            ("other", prompt.clone().unwrap_or_else(|| "sub-agent".into()), Vec::new())
        }
        ThreadItem::WebSearch { query, action, .. } => (web_kind(action.as_ref()), query.clone(), Vec::new()),
        _ => return None,
    };
    let locations: Vec<Value> = match item {
        ThreadItem::FileChange { changes, .. } => changes.iter().map(|change| json!({ "path": change.path })).collect(),
        _ => Vec::new(),
    };
    Some(json!({
        "sessionUpdate": "tool_call", "toolCallId": item.id(), "title": title, "kind": kind, "status": "in_progress",
        "content": content, "locations": locations,
    }))
}

/// A call that has ended; or an item that was not told in pieces.
fn completed_call(item: &ThreadItem) -> Option<Value> {
    let (ok, content) = match item {
        ThreadItem::CommandExecution { status, aggregated_output, .. } => {
            let output = aggregated_output.as_deref().filter(|output| !output.is_empty());
            (*status == CommandExecutionStatus::Completed, output.map(text_content).into_iter().collect())
        }
        ThreadItem::FileChange { status, changes, .. } => {
            (*status == PatchApplyStatus::Completed, changes.iter().map(diff).collect())
        }
        ThreadItem::DynamicToolCall { status, .. } => (*status == DynamicToolCallStatus::Completed, Vec::new()),
        ThreadItem::McpToolCall { status, result, error, .. } => {
            let said = result.iter().map(|result| result.text()).chain(error.iter().map(|error| error.message.clone()));
            let said: Vec<Value> = said.filter(|text| !text.is_empty()).map(|text| text_content(&text)).collect();
            (*status == McpToolCallStatus::Completed, said)
        }
        ThreadItem::CollabAgentToolCall { .. } => (true, Vec::<Value>::new()),
        ThreadItem::WebSearch { results, failure, .. } => {
            let sources = results.iter().flatten().map(|source| format!("{} {}", source.title, source.url));
            let lines: Vec<String> = sources.chain(failure.clone()).collect();
            let text = Some(lines.join("\n")).filter(|text| !text.is_empty());
            (failure.is_none(), text.as_deref().map(text_content).into_iter().collect())
        }
        ThreadItem::Plan { text, .. } => return Some(chunk("agent_message_chunk", text)),
        ThreadItem::ExitedReviewMode { review, .. } => return Some(chunk("agent_message_chunk", review)),
        _ => return None,
    };
    let status = if ok { "completed" } else { "failed" };
    Some(json!({
        "sessionUpdate": "tool_call_update", "toolCallId": item.id(), "status": status, "content": content,
    }))
}

/// What the protocol calls a look at the web.
fn web_kind(action: Option<&WebSearchAction>) -> &'static str {
    if matches!(action, Some(WebSearchAction::OpenPage { .. })) { "fetch" } else { "search" }
}

fn text_content(text: &str) -> Value {
    json!({ "type": "content", "content": { "type": "text", "text": text } })
}

fn files(changes: &[FileUpdateChange]) -> String {
    let names: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    format!("Edit {}", names.join(", "))
}

/// A change of a file: what its hunks take out, and what they put in its place.
fn diff(change: &FileUpdateChange) -> Value {
    let (mut old, mut new) = (String::new(), String::new());
    for line in change.diff.lines() {
        match line.split_at_checked(1) {
            Some(("-", rest)) => old += &format!("{rest}\n"),
            Some(("+", rest)) => new += &format!("{rest}\n"),
            Some((" ", rest)) => {
                old += &format!("{rest}\n");
                new += &format!("{rest}\n");
            }
            _ => {}
        }
    }
    let is_new = change.kind == PatchChangeKind::Add;
    json!({ "type": "diff", "path": change.path, "oldText": (!is_new).then_some(old), "newText": new })
}

fn plan_status(status: PlanStepStatus) -> &'static str {
    match status {
        PlanStepStatus::Pending => "pending",
        PlanStepStatus::InProgress => "in_progress",
        PlanStepStatus::Completed => "completed",
    }
}

/// The call that a question about a command is about.
pub(super) fn command_question(params: &CommandApprovalParams) -> Value {
    let why = params.reason.as_deref().map(text_content);
    json!({
        "toolCallId": params.item_id, "title": params.command, "kind": "execute", "status": "pending",
        "content": why.into_iter().collect::<Vec<_>>(),
    })
}

/// What an editor offers for a decision; `None` for what it has no words for.
pub(super) fn option(at: usize, decision: &ApprovalDecision) -> Option<Value> {
    let (name, kind) = match decision {
        ApprovalDecision::Accept => ("Yes, this once".to_owned(), "allow_once"),
        ApprovalDecision::AcceptForSession => ("Yes, in this session".to_owned(), "allow_always"),
        ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment } => {
            (format!("Yes, always what begins with `{}`", execpolicy_amendment.join(" ")), "allow_always")
        }
        ApprovalDecision::AcceptAlways => ("Yes, always this tool".to_owned(), "allow_always"),
        ApprovalDecision::Decline => ("No".to_owned(), "reject_once"),
        ApprovalDecision::Cancel => ("No, and stop".to_owned(), "reject_once"),
        _ => return None,
    };
    Some(json!({ "optionId": at.to_string(), "name": name, "kind": kind }))
}

/// A session on disk.
pub(super) fn session(thread: &Thread) -> Value {
    json!({
        "sessionId": thread.id,
        "cwd": thread.cwd,
        "title": thread.name.clone().unwrap_or_else(|| thread.preview.clone()),
    })
}
