//! A tool of a server as one of the loop's: its call, and what came of it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use codex_history::{Arguments, Content, ToolInput, ToolSpec};
use codex_mcp::{
    CallContext, CallError, CallOutcome, Content as Part, Elicit, Elicitation, Elicited, McpServers, Progress,
    Progressed, RemoteTool,
};
use codex_permissions::{Access, RemoteCall};
use codex_protocol::{
    ApprovalDecision, Event, McpToolCallError, McpToolCallProgress, McpToolCallResult, McpToolCallStatus, Position,
    ServerMessage, ServerNotification, ThreadItem,
};
use codex_tools::{Asking, Effect, ForUser, Outcome, Prepared, Tool, ToolContext, ToolError, cut};
use codex_workspace::picture_in_url;
use serde_json::{Map, Value, json};

use super::{DESCRIPTION, Recall, beginning};
use crate::context::fill;

const ANSWER: &str = include_str!("../prompts/mcp_answer.md");
/// The word of the mark around an answer.
const MARK: &str = "mcp_answer";

/// Most of an answer that the model is told, in bytes.
pub(super) const FOR_MODEL: usize = 40_000;
/// Most of one text, and of the data, that an item keeps, in bytes.
const ITEM_BYTES: usize = 16 << 10;
/// Most pictures of one answer.
const PICTURES: usize = 4;
/// How often a client is told how far a call is, at most.
const PROGRESS: Duration = Duration::from_millis(100);
/// Most of what a server says of how far it is, in bytes.
const PROGRESS_BYTES: usize = 200;

/// A tool of a server.
#[derive(Clone)]
pub(super) struct ServerTool {
    pub(super) remote: RemoteTool,
    /// What a call of it touches.
    pub(super) access: RemoteCall,
    pub(super) servers: Arc<McpServers>,
    pub(super) recall: Recall,
}

impl std::fmt::Debug for ServerTool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTool").field("remote", &self.remote).finish_non_exhaustive()
    }
}

impl Tool for ServerTool {
    fn name(&self) -> &str {
        self.remote.called.as_str()
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.remote.called.clone().into(),
            description: beginning(&self.remote.description, DESCRIPTION),
            input: ToolInput::Json { schema: self.remote.schema.clone() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Writes
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let text = if arguments.text().trim().is_empty() { "{}" } else { arguments.text() };
        let arguments: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| ToolError(format!("the arguments are not a JSON object: {error}. Nothing was called")))?;
        let item = item(self, &arguments, &context.item_id);
        let (server, tool, servers) = (self.remote.server.clone(), self.remote.name.clone(), Arc::clone(&self.servers));
        let mut remote = self.access.clone();
        let kept = (self.recall)(&remote.server, &remote.tool);
        remote.is_remembered = kept.is_some_and(|kept| kept.digest == remote.digest);
        let access = Access { remote: Some(remote), ..Access::default() };
        let call =
            CallContext { cancel: context.cancel.clone(), progress: progress(context), elicit: Some(elicit(context)) };
        let started = Some(item.clone());
        let run = Box::new(move |_| {
            Box::pin(async move {
                let begun = Instant::now();
                let answered = servers.call(&server, &tool, arguments, call).await;
                outcome(&server, item, answered, begun.elapsed())
            }) as _
        });
        Ok(Prepared { access, started, run })
    }
}

fn item(tool: &ServerTool, arguments: &Map<String, Value>, id: &str) -> ThreadItem {
    ThreadItem::McpToolCall {
        id: id.to_owned(),
        server: tool.remote.server.clone(),
        tool: tool.remote.name.clone(),
        arguments: Value::Object(arguments.clone()),
        status: McpToolCallStatus::InProgress,
        result: None,
        error: None,
        duration_ms: None,
    }
}

/// Asks the person what the server wants to know.
fn elicit(context: &ToolContext) -> Elicit {
    let person = context.person.clone();
    Arc::new(move |Elicitation { server, message, asked }| {
        let deciding = person.ask(Asking { server, message, asked });
        Box::pin(async move {
            match deciding.await {
                ApprovalDecision::Accept => Elicited::Accepted(Map::new()),
                ApprovalDecision::AcceptWithContent { content } => Elicited::Accepted(content),
                ApprovalDecision::Cancel => Elicited::Cancelled,
                _ => Elicited::Declined,
            }
        })
    })
}

/// Tells a client how far the call is, if it wants to know.
fn progress(context: &ToolContext) -> Option<Progress> {
    let live = context.live.clone()?;
    let (turn_id, item_id) = (context.turn_id.clone(), context.item_id.clone());
    let last: Mutex<Option<Instant>> = Mutex::default();
    Some(Arc::new(move |progressed: Progressed| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < PROGRESS) {
            return;
        }
        *last = Some(Instant::now());
        let notification = ServerNotification::McpToolCallProgress(McpToolCallProgress {
            thread_id: live.thread_id.clone(),
            turn_id: turn_id.clone(),
            item_id: item_id.clone(),
            message: how_far(&progressed),
        });
        // Where there is no room, it is told the next time.
        let _ = live.events.try_send(ServerMessage::Event(Event { notification, position: Position::Transient {} }));
    }))
}

fn how_far(Progressed { done, total, message }: &Progressed) -> String {
    let number = match total {
        Some(total) => format!("{done} of {total}"),
        None => done.to_string(),
    };
    match message.as_deref().map(str::trim).filter(|message| !message.is_empty()) {
        Some(message) => format!("{number}: {}", beginning(message, PROGRESS_BYTES)),
        None => number,
    }
}

/// What the model is told, and the user is shown, of a call that took `duration`.
pub(super) fn outcome(
    server: &str,
    mut item: ThreadItem,
    answered: Result<CallOutcome, CallError>,
    duration: Duration,
) -> Outcome {
    let ThreadItem::McpToolCall { status, result, error, duration_ms, .. } = &mut item else {
        return Outcome::text("", ForUser::Nothing);
    };
    *duration_ms = Some(duration.as_millis() as u64);
    let CallOutcome { content, structured, is_error } = match answered {
        Ok(answered) => answered,
        Err(why) => {
            *status = McpToolCallStatus::Failed;
            *error = Some(McpToolCallError { message: why.to_string() });
            let said = match &why {
                CallError::Refused { .. } => marked(server, &why.to_string()),
                _ => format!("Failed: {why}."),
            };
            return Outcome::text(said, ForUser::Item(item));
        }
    };
    *status = if is_error { McpToolCallStatus::Failed } else { McpToolCallStatus::Completed };
    let whole = McpToolCallResult { content: content.iter().map(shown).collect(), structured_content: structured };
    let mut text = cut(whole.text(), FOR_MODEL);
    let pictures = pictures(&content, &mut text);
    *result = Some(Box::new(small(whole)));
    if text.trim().is_empty() {
        text = "(it says nothing)".to_owned();
    }
    let failed = if is_error { "The tool failed. " } else { "" };
    Outcome { pictures, ..Outcome::text(format!("{failed}{}", marked(server, &text)), ForUser::Item(item)) }
}

/// The text of parts.
pub(super) fn said(content: &[Part]) -> String {
    McpToolCallResult { content: content.iter().map(shown).collect(), structured_content: None }.text()
}

/// A part of an answer, as the protocol spells it; without the bytes of what is no text.
fn shown(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({ "type": "text", "text": text }),
        Part::Image { mime, .. } => json!({ "type": "image", "mimeType": mime }),
        Part::Audio { mime, .. } => json!({ "type": "audio", "mimeType": mime }),
        Part::Link { uri, name } => json!({ "type": "resource_link", "uri": uri, "name": name }),
        Part::Resource(resource) => json!({
            "type": "resource",
            "resource": { "uri": resource.uri, "mimeType": resource.mime, "text": resource.text },
        }),
    }
}

/// The pictures that a model can be shown; of others a line of `text` says why not.
pub(super) fn pictures(content: &[Part], text: &mut String) -> Vec<Content> {
    let mut pictures = Vec::new();
    for part in content {
        let Part::Image { data, mime } = part else { continue };
        if pictures.len() == PICTURES {
            text.push_str("\n[more pictures are left out]");
            break;
        }
        match picture_in_url(&format!("data:{mime};base64,{data}")) {
            Ok(picture) => {
                pictures.push(Content::Image { media_type: picture.media_type.to_owned(), data: picture.data });
            }
            Err(sentence) => text.push_str(&format!("\n[a picture cannot be shown: {sentence}]")),
        }
    }
    pictures
}

/// The answer as it is kept for people to look at.
fn small(whole: McpToolCallResult) -> McpToolCallResult {
    let mut room = 4 * ITEM_BYTES;
    let mut content = Vec::new();
    for mut part in whole.content {
        shorten(&mut part, ITEM_BYTES.min(room));
        let size = part.to_string().len();
        if size > room + 256 {
            break;
        }
        room = room.saturating_sub(size);
        content.push(part);
    }
    let structured_content = whole.structured_content.filter(|data| data.to_string().len() <= ITEM_BYTES);
    McpToolCallResult { content, structured_content }
}

/// Cuts the texts of a part.
fn shorten(value: &mut Value, most: usize) {
    match value {
        Value::String(text) => *text = cut(std::mem::take(text), most),
        Value::Object(members) => members.values_mut().for_each(|member| shorten(member, most)),
        _ => {}
    }
}

/// `text`, which a server wrote, as the model is given it.
pub(super) fn marked(server: &str, text: &str) -> String {
    // The same letters, no longer the same word.
    let text = text.replace(MARK, "mcp answer");
    fill(ANSWER.trim_end(), &[("server", server), ("text", &text)])
}
