//! The run as JSON lines: the eight events that existing client programs read. Nothing else goes to stdout.

use std::{collections::HashMap, io};

use codex_client::{View, hook_lines};
use codex_protocol::{
    CollabAgentState, CollabAgentStatus, CollabAgentTool, CollabAgentToolCallStatus, CommandExecutionStatus,
    DynamicToolCallOutput, DynamicToolCallStatus, Event, McpToolCallStatus, PatchApplyStatus, PatchChangeKind,
    PlanStepStatus, ServerNotification, ThreadItem, ThreadOpened, TurnStatus, Warning, WebSearchAction, WebSource,
};
use serde_json::{Map, Value, json};

use crate::terminal;

/// Writes the events of one run.
#[derive(Debug, Default)]
pub struct Jsonl {
    /// Ids given out, by the thread's own.
    ids: HashMap<String, usize>,
    /// The plan's id, once there is one.
    plan: Option<String>,
    /// What interrupts the turn is its time limit.
    pub time_is_up: bool,
}

impl Jsonl {
    pub fn opened(&mut self, opened: &ThreadOpened) -> io::Result<()> {
        emit(&json!({ "type": "thread.started", "thread_id": opened.thread.id }))
    }

    pub fn event(&mut self, event: &Event, view: &View) -> io::Result<()> {
        match &event.notification {
            ServerNotification::TurnStarted(_) => emit(&json!({ "type": "turn.started" })),
            ServerNotification::ItemStarted(started) => match &started.item {
                // These have no started event.
                ThreadItem::AgentMessage { .. } | ThreadItem::Reasoning { .. } | ThreadItem::Plan { .. } => Ok(()),
                item => self.item("item.started", item),
            },
            ServerNotification::ItemCompleted(completed) => self.item("item.completed", &completed.item),
            ServerNotification::TurnPlanUpdated(_) => self.plan(view),
            // Of the connection, not of the session.
            ServerNotification::Warning(Warning { thread_id: None, message }) => {
                terminal::complain(&format!("warning: {message}"));
                Ok(())
            }
            ServerNotification::Warning(warning) => self.warning(&warning.message),
            ServerNotification::HookCompleted(hook) => {
                hook_lines(&hook.run).iter().try_for_each(|line| self.warning(&line.text))
            }
            ServerNotification::Error(failed) => emit(&json!({ "type": "error", "message": failed.error.message })),
            ServerNotification::TurnCompleted(_) => self.turn_completed(view),
            _ => Ok(()),
        }
    }

    fn warning(&mut self, message: &str) -> io::Result<()> {
        let id = self.id("warning", true);
        let item = json!({ "id": id, "type": "error", "message": message });
        emit(&json!({ "type": "item.completed", "item": item }))
    }

    fn item(&mut self, event: &str, item: &ThreadItem) -> io::Result<()> {
        let Some(item) = self.shape(item) else { return Ok(()) };
        emit(&json!({ "type": event, "item": item }))
    }

    fn turn_completed(&mut self, view: &View) -> io::Result<()> {
        if let Some(id) = &self.plan {
            emit(&json!({ "type": "item.completed", "item": todo_list(id, view) }))?;
        }
        let message = match view.ended() {
            Some(TurnStatus::Completed) => {
                let total = &view.usage.total;
                let mut completed = json!({ "type": "turn.completed", "usage": {
                    "input_tokens": total.input_tokens,
                    "cached_input_tokens": total.cached_input_tokens,
                    "cache_write_input_tokens": total.cache_write_input_tokens,
                    "output_tokens": total.output_tokens,
                    "reasoning_output_tokens": total.reasoning_output_tokens,
                }});
                // Ours; of the session, as the tokens are.
                if let Some(cost) = view.cost.total {
                    completed["cost_usd"] = json!(cost);
                }
                return emit(&completed);
            }
            Some(TurnStatus::Interrupted) if self.time_is_up => "the turn was stopped: the time of --timeout is up",
            Some(TurnStatus::Interrupted) => "the turn was interrupted",
            _ => view.error.as_ref().map_or("the turn failed", |error| error.message.as_str()),
        };
        emit(&json!({ "type": "turn.failed", "error": { "message": message } }))
    }

    fn plan(&mut self, view: &View) -> io::Result<()> {
        let event = if self.plan.is_some() { "item.updated" } else { "item.started" };
        let id = self.id("plan", false);
        let item = todo_list(&id, view);
        self.plan = Some(id);
        emit(&json!({ "type": event, "item": item }))
    }

    /// The run's own id for the thread's `id`; a `fresh` one is not remembered.
    fn id(&mut self, id: &str, fresh: bool) -> String {
        let next = self.ids.len();
        let key = if fresh { format!("{id} {next}") } else { id.to_owned() };
        format!("item_{}", self.ids.entry(key).or_insert(next))
    }

    /// The item as these events spell it; `None` for items they do not have.
    fn shape(&mut self, item: &ThreadItem) -> Option<Value> {
        if let ThreadItem::ContextCompaction { id, report } = item {
            let why = report.as_ref()?.failure.as_ref()?;
            let message = format!("the conversation was not summed up, and is as it was: {why}");
            return Some(json!({ "id": self.id(id, false), "type": "error", "message": message }));
        }
        if !has_shape(item) {
            return None;
        }
        let id = self.id(item.id(), false);
        Some(match item {
            ThreadItem::UserMessage { .. }
            | ThreadItem::ContextCompaction { .. }
            | ThreadItem::EnteredReviewMode { .. }
            | ThreadItem::ExitedReviewMode { .. } => return None,
            ThreadItem::AgentMessage { text, .. } | ThreadItem::Plan { text, .. } => {
                json!({ "id": id, "type": "agent_message", "text": text })
            }
            ThreadItem::Reasoning { summary, .. } => {
                json!({ "id": id, "type": "reasoning", "text": summary.join("\n\n") })
            }
            ThreadItem::CommandExecution { command, aggregated_output, exit_code, status, .. } => json!({
                "id": id, "type": "command_execution", "command": command,
                "aggregated_output": aggregated_output.as_deref().unwrap_or_default(),
                "exit_code": exit_code, "status": command_status(*status),
            }),
            ThreadItem::FileChange { changes, status, .. } => {
                let changes: Vec<Value> = changes
                    .iter()
                    .map(|change| json!({ "path": change.path, "kind": change_kind(&change.kind) }))
                    .collect();
                json!({ "id": id, "type": "file_change", "changes": changes, "status": patch_status(*status) })
            }
            ThreadItem::DynamicToolCall { tool, arguments, content_items, status, .. } => {
                let text = content_items.as_deref().map(texts);
                let failed = *status == DynamicToolCallStatus::Failed;
                json!({
                    "id": id, "type": "mcp_tool_call", "server": "codex", "tool": tool, "arguments": arguments,
                    "result": text.as_ref().filter(|_| !failed).map(|text| json!({
                        "content": [{ "type": "text", "text": text }], "structured_content": null,
                    })),
                    "error": failed.then(|| json!({ "message": text.unwrap_or_default() })),
                    "status": tool_status(*status),
                })
            }
            ThreadItem::McpToolCall { server, tool, arguments, status, result, error, .. } => json!({
                "id": id, "type": "mcp_tool_call", "server": server, "tool": tool, "arguments": arguments,
                "result": result.as_ref().map(|result| json!({
                    "content": result.content, "structured_content": result.structured_content,
                })),
                "error": error, "status": mcp_status(*status),
            }),
            ThreadItem::CollabAgentToolCall { .. } => collab(&id, item),
            ThreadItem::WebSearch { query, action, results, failure, .. } => {
                web_search(&id, query, action, results, failure)
            }
        })
    }
}

/// A look at the web. Where its results are from, and why there are none, are ours.
fn web_search(
    id: &str,
    query: &str,
    action: &Option<WebSearchAction>,
    results: &Option<Vec<WebSource>>,
    failure: &Option<String>,
) -> Value {
    let action = match action {
        Some(WebSearchAction::Search { query, queries }) => {
            json!({ "type": "search", "query": query, "queries": queries })
        }
        Some(WebSearchAction::OpenPage { url }) => json!({ "type": "open_page", "url": url }),
        None => json!({ "type": "other" }),
    };
    json!({
        "id": id, "type": "web_search", "query": query, "action": action, "results": results, "error": failure,
    })
}

/// A call about sub-agents.
fn collab(id: &str, item: &ThreadItem) -> Value {
    let ThreadItem::CollabAgentToolCall {
        tool,
        status,
        sender_thread_id,
        receiver_thread_ids,
        prompt,
        agents_states,
        ..
    } = item
    else {
        return Value::Null;
    };
    let state = |(id, state): (&String, &CollabAgentState)| {
        (id.clone(), json!({ "status": agent_status(state.status), "message": state.message }))
    };
    json!({
        "id": id, "type": "collab_tool_call",
        "tool": match tool {
            CollabAgentTool::SpawnAgent => "spawn_agent",
            CollabAgentTool::SendMessage => "send_input",
            CollabAgentTool::Wait => "wait",
            CollabAgentTool::CloseAgent => "close_agent",
        },
        "sender_thread_id": sender_thread_id, "receiver_thread_ids": receiver_thread_ids, "prompt": prompt,
        "agents_states": agents_states.iter().map(state).collect::<Map<String, Value>>(),
        "status": match status {
            CollabAgentToolCallStatus::InProgress => "in_progress",
            CollabAgentToolCallStatus::Completed => "completed",
            CollabAgentToolCallStatus::Failed | CollabAgentToolCallStatus::Interrupted => "failed",
        },
    })
}

fn agent_status(status: CollabAgentStatus) -> &'static str {
    match status {
        CollabAgentStatus::Running => "running",
        CollabAgentStatus::Completed => "completed",
        CollabAgentStatus::Errored => "errored",
        CollabAgentStatus::Interrupted => "interrupted",
    }
}

/// Whether these events have such an item.
fn has_shape(item: &ThreadItem) -> bool {
    !matches!(
        item,
        ThreadItem::UserMessage { .. } | ThreadItem::EnteredReviewMode { .. } | ThreadItem::ExitedReviewMode { .. }
    )
}

fn todo_list(id: &str, view: &View) -> Value {
    let item = |step: &codex_protocol::PlanStep| json!({ "text": step.step, "completed": step.status == PlanStepStatus::Completed });
    json!({ "id": id, "type": "todo_list", "items": view.plan.iter().map(item).collect::<Vec<_>>() })
}

fn texts(content: &[DynamicToolCallOutput]) -> String {
    content.iter().map(|DynamicToolCallOutput::InputText { text }| text.as_str()).collect::<Vec<_>>().join("\n")
}

fn command_status(status: CommandExecutionStatus) -> &'static str {
    match status {
        CommandExecutionStatus::InProgress => "in_progress",
        CommandExecutionStatus::Completed => "completed",
        CommandExecutionStatus::Failed => "failed",
        CommandExecutionStatus::Declined => "declined",
    }
}

fn patch_status(status: PatchApplyStatus) -> &'static str {
    match status {
        PatchApplyStatus::InProgress => "in_progress",
        PatchApplyStatus::Completed => "completed",
        PatchApplyStatus::Failed | PatchApplyStatus::Declined => "failed",
    }
}

fn tool_status(status: DynamicToolCallStatus) -> &'static str {
    match status {
        DynamicToolCallStatus::InProgress => "in_progress",
        DynamicToolCallStatus::Completed => "completed",
        DynamicToolCallStatus::Failed => "failed",
    }
}

fn mcp_status(status: McpToolCallStatus) -> &'static str {
    match status {
        McpToolCallStatus::InProgress => "in_progress",
        McpToolCallStatus::Completed => "completed",
        McpToolCallStatus::Failed => "failed",
    }
}

fn change_kind(kind: &PatchChangeKind) -> &'static str {
    match kind {
        PatchChangeKind::Add => "add",
        PatchChangeKind::Delete => "delete",
        PatchChangeKind::Update { .. } => "update",
    }
}

fn emit(event: &Value) -> io::Result<()> {
    terminal::print(&format!("{event}\n"))
}
