//! What happens in a thread, in the words of the Agent Client Protocol.

use agent_client_protocol_schema::v1::{
    ContentChunk, Cost, Diff, Meta, PermissionOption, PermissionOptionKind, Plan, PlanEntry, PlanEntryPriority,
    PlanEntryStatus, SessionInfo, SessionInfoUpdate, SessionUpdate, Terminal, ToolCall, ToolCallContent,
    ToolCallLocation, ToolCallStatus, ToolCallUpdate, ToolCallUpdateFields, ToolKind, UsageUpdate,
};
use codex_protocol::{
    ApprovalDecision, CommandApprovalParams, CommandExecutionStatus, DynamicToolCallStatus, FileUpdateChange,
    McpToolCallStatus, PatchApplyStatus, PatchChangeKind, PlanStepStatus, ServerNotification, Thread, ThreadItem,
    TokenUsageUpdated, UserInput, WebSearchAction,
};
use serde_json::{Value, json};

/// The updates that a notification comes to. `terminals`: the editor draws what commands put out while they run.
pub(super) fn of(notification: &ServerNotification, terminals: bool) -> Vec<SessionUpdate> {
    let update = match notification {
        ServerNotification::AgentMessageDelta(delta) => SessionUpdate::AgentMessageChunk(chunk(&delta.delta)),
        ServerNotification::ReasoningDelta(delta) => SessionUpdate::AgentThoughtChunk(chunk(&delta.delta)),
        ServerNotification::ItemStarted(started) => return call(&started.item, terminals).into_iter().collect(),
        ServerNotification::ItemCompleted(completed) => {
            return completed_call(&completed.item, terminals).into_iter().collect();
        }
        ServerNotification::CommandOutputDelta(delta) if terminals => {
            let meta = of_terminal("terminal_output", &delta.item_id, "data", json!(delta.delta));
            let update = ToolCallUpdate::new(delta.item_id.clone(), ToolCallUpdateFields::new());
            SessionUpdate::ToolCallUpdate(update.meta(meta))
        }
        ServerNotification::TurnPlanUpdated(plan) => {
            let entry = |step: &codex_protocol::PlanStep| {
                PlanEntry::new(step.step.as_str(), PlanEntryPriority::Medium, plan_status(step.status))
            };
            SessionUpdate::Plan(Plan::new(plan.plan.iter().map(entry).collect()))
        }
        ServerNotification::TokenUsageUpdated(usage) => return used(usage).into_iter().collect(),
        ServerNotification::ThreadNameUpdated(named) => {
            SessionUpdate::SessionInfoUpdate(SessionInfoUpdate::new().title(named.thread_name.clone()))
        }
        _ => return Vec::new(),
    };
    vec![update]
}

/// The updates that a finished item of an earlier turn comes to.
pub(super) fn of_the_past(item: &ThreadItem) -> Vec<SessionUpdate> {
    match item {
        ThreadItem::UserMessage { content, .. } => {
            content.iter().map(|input| SessionUpdate::UserMessageChunk(chunk(&said(input)))).collect()
        }
        ThreadItem::AgentMessage { text, .. } => vec![SessionUpdate::AgentMessageChunk(chunk(text))],
        ThreadItem::Reasoning { summary, .. } => {
            summary.iter().map(|part| SessionUpdate::AgentThoughtChunk(chunk(part))).collect()
        }
        item => call(item, false).into_iter().chain(completed_call(item, false)).collect(),
    }
}

/// What a user said once. Of a picture the record that clients are told has no bytes: it is named.
fn said(input: &UserInput) -> String {
    let name = match input {
        UserInput::Image { name, .. } => name.as_deref(),
        UserInput::LocalImage { path } => Some(path.as_str()),
        _ => None,
    };
    match (input.typed(), name) {
        (Some(typed), _) => typed.into_owned(),
        (None, Some(name)) => format!("[picture {name}]"),
        (None, None) => "[picture]".to_owned(),
    }
}

fn chunk(text: &str) -> ContentChunk {
    ContentChunk::new(text.into())
}

/// How full the context is, where it is known how much fits.
fn used(usage: &TokenUsageUpdated) -> Option<SessionUpdate> {
    let counts = &usage.token_usage;
    let update = UsageUpdate::new(counts.last.total_tokens, counts.model_context_window?);
    Some(SessionUpdate::UsageUpdate(update.cost(usage.cost_usd.map(|amount| Cost::new(amount, "USD")))))
}

/// A call that begins, if the item is one.
fn call(item: &ThreadItem, terminals: bool) -> Option<SessionUpdate> {
    let (kind, title, content) = match item {
        ThreadItem::CommandExecution { id, command, .. } => {
            let terminal = terminals.then(|| ToolCallContent::Terminal(Terminal::new(id.clone())));
            (ToolKind::Execute, command.clone(), terminal.into_iter().collect())
        }
        ThreadItem::FileChange { changes, .. } => (ToolKind::Edit, files(changes), changes.iter().map(diff).collect()),
        ThreadItem::DynamicToolCall { tool, .. } => (ToolKind::Other, tool.clone(), Vec::new()),
        ThreadItem::McpToolCall { server, tool, .. } => (ToolKind::Other, format!("{server}: {tool}"), Vec::new()),
        ThreadItem::CollabAgentToolCall { prompt, .. } => {
            (ToolKind::Other, prompt.clone().unwrap_or_else(|| "sub-agent".into()), Vec::new())
        }
        ThreadItem::WebSearch { query, action, .. } => (web_kind(action.as_ref()), query.clone(), Vec::new()),
        _ => return None,
    };
    let call = ToolCall::new(item.id().to_owned(), title).kind(kind).status(ToolCallStatus::InProgress);
    Some(SessionUpdate::ToolCall(match item {
        ThreadItem::CommandExecution { id, cwd, .. } => {
            let call = call.content(content).locations(Vec::new());
            if terminals { call.meta(of_terminal("terminal_info", id, "cwd", json!(cwd))) } else { call }
        }
        ThreadItem::FileChange { changes, .. } => {
            let locations = changes.iter().map(|change| ToolCallLocation::new(&change.path));
            call.content(content).locations(locations.collect())
        }
        _ => call,
    }))
}

/// A call that has ended; or an item that was not told in pieces.
fn completed_call(item: &ThreadItem, terminals: bool) -> Option<SessionUpdate> {
    let (ok, content) = match item {
        ThreadItem::CommandExecution { id, status, aggregated_output, exit_code, .. } => {
            let ok = *status == CommandExecutionStatus::Completed;
            if terminals {
                // What it put out is in the terminal, which stays what the call shows.
                let fields = ToolCallUpdateFields::new().status(status_of(ok));
                let ended = of_terminal("terminal_exit", id, "exit_code", json!(exit_code));
                return Some(SessionUpdate::ToolCallUpdate(ToolCallUpdate::new(id.clone(), fields).meta(ended)));
            }
            let output = aggregated_output.as_deref().filter(|output| !output.is_empty());
            (ok, output.map(text_content).into_iter().collect())
        }
        ThreadItem::FileChange { status, changes, .. } => {
            (*status == PatchApplyStatus::Completed, changes.iter().map(diff).collect())
        }
        ThreadItem::DynamicToolCall { status, .. } => (*status == DynamicToolCallStatus::Completed, Vec::new()),
        ThreadItem::McpToolCall { status, result, error, .. } => {
            let said = result.iter().map(|result| result.text()).chain(error.iter().map(|error| error.message.clone()));
            let said = said.filter(|text| !text.is_empty()).map(|text| text_content(&text)).collect();
            (*status == McpToolCallStatus::Completed, said)
        }
        ThreadItem::CollabAgentToolCall { .. } => (true, Vec::new()),
        ThreadItem::WebSearch { results, failure, .. } => {
            let sources = results.iter().flatten().map(|source| format!("{} {}", source.title, source.url));
            let lines: Vec<String> = sources.chain(failure.clone()).collect();
            let text = Some(lines.join("\n")).filter(|text| !text.is_empty());
            (failure.is_none(), text.as_deref().map(text_content).into_iter().collect())
        }
        ThreadItem::Plan { text, .. } => return Some(SessionUpdate::AgentMessageChunk(chunk(text))),
        ThreadItem::ExitedReviewMode { review, .. } => return Some(SessionUpdate::AgentMessageChunk(chunk(review))),
        _ => return None,
    };
    let fields = ToolCallUpdateFields::new().status(status_of(ok)).content(content);
    Some(SessionUpdate::ToolCallUpdate(ToolCallUpdate::new(item.id().to_owned(), fields)))
}

fn status_of(ok: bool) -> ToolCallStatus {
    if ok { ToolCallStatus::Completed } else { ToolCallStatus::Failed }
}

/// What is told beside an update of the terminal that shows what the command `id` puts out. The protocol has no word for a
/// terminal of the agent's; these are those that editors know.
fn of_terminal(what: &str, id: &str, member: &str, value: Value) -> Meta {
    Meta::from_iter([(what.to_owned(), json!({ "terminal_id": id, member: value }))])
}

/// What the protocol calls a look at the web.
fn web_kind(action: Option<&WebSearchAction>) -> ToolKind {
    if matches!(action, Some(WebSearchAction::OpenPage { .. })) { ToolKind::Fetch } else { ToolKind::Search }
}

fn text_content(text: &str) -> ToolCallContent {
    ToolCallContent::from(text)
}

fn files(changes: &[FileUpdateChange]) -> String {
    let names: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    format!("Edit {}", names.join(", "))
}

/// A change of a file: what its hunks take out, and what they put in its place.
fn diff(change: &FileUpdateChange) -> ToolCallContent {
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
    ToolCallContent::Diff(Diff::new(&change.path, new).old_text((!is_new).then_some(old)))
}

fn plan_status(status: PlanStepStatus) -> PlanEntryStatus {
    match status {
        PlanStepStatus::Pending => PlanEntryStatus::Pending,
        PlanStepStatus::InProgress => PlanEntryStatus::InProgress,
        PlanStepStatus::Completed => PlanEntryStatus::Completed,
    }
}

/// The call that a question about a command is about.
pub(super) fn command_question(params: &CommandApprovalParams) -> ToolCallUpdate {
    let fields = ToolCallUpdateFields::new().title(&params.command).kind(ToolKind::Execute);
    let why = params.reason.as_deref().map(text_content);
    // Where there is nothing to be said of it, what the call shows stays.
    let fields = fields.status(ToolCallStatus::Pending).content(why.map(|why| vec![why]));
    ToolCallUpdate::new(params.item_id.clone(), fields)
}

/// What an editor offers for a decision; `None` for what it has no words for.
pub(super) fn option(at: usize, decision: &ApprovalDecision) -> Option<PermissionOption> {
    let (name, kind) = match decision {
        ApprovalDecision::Accept => ("Yes, this once".to_owned(), PermissionOptionKind::AllowOnce),
        ApprovalDecision::AcceptForSession => ("Yes, in this session".to_owned(), PermissionOptionKind::AllowAlways),
        ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment } => {
            let name = format!("Yes, always what begins with `{}`", execpolicy_amendment.join(" "));
            (name, PermissionOptionKind::AllowAlways)
        }
        ApprovalDecision::AcceptAlways => ("Yes, always this tool".to_owned(), PermissionOptionKind::AllowAlways),
        ApprovalDecision::Decline => ("No".to_owned(), PermissionOptionKind::RejectOnce),
        ApprovalDecision::Cancel => ("No, and stop".to_owned(), PermissionOptionKind::RejectOnce),
        _ => return None,
    };
    Some(PermissionOption::new(at.to_string(), name, kind))
}

/// A session on disk.
pub(super) fn session(thread: &Thread) -> SessionInfo {
    let title = thread.name.as_ref().unwrap_or(&thread.preview);
    SessionInfo::new(thread.id.clone(), &thread.cwd).title(title)
}
