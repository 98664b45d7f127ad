//! A server of the Model Context Protocol, version 2025-06-18: other agents have this one do a task, and go on with it.
//!
//! Questions go to the client as elicitations, where it takes them; else nothing that would have to be asked about is done.

use std::collections::HashMap;

use codex_client::{Connection, View};
use codex_protocol::{
    ApprovalAnswer, ApprovalDecision, ApprovalPolicy, RpcError, SandboxMode, ServerMessage, ServerNotification,
    ServerRequest, ServerRequestAnswerParams, ThreadResumeParams, ThreadStartParams, TurnInterruptParams,
    TurnStartParams, TurnStatus, UserInput,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::rpc::{self, Failure, Heard, INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, Message, Peer, text};

/// The version of the protocol that is spoken, whatever the client asks for.
const VERSION: &str = "2025-06-18";

/// Serves a client until it says no more. `defaults`: what threads run under as far as the client does not say.
pub async fn serve_mcp(
    connection: Connection,
    defaults: ThreadStartParams,
    mut incoming: mpsc::Receiver<String>,
    outgoing: mpsc::Sender<String>,
) {
    let Connection { client, mut events } = connection;
    let mut server = Tools {
        client,
        defaults,
        peer: Peer(outgoing),
        elicits: false,
        runs: HashMap::new(),
        questions: HashMap::new(),
    };
    while let Some(heard) = rpc::next(&mut incoming, &mut events).await {
        match heard {
            Heard::Line(line) => server.hear(&line).await,
            Heard::Message(message) => server.tell(message).await,
        }
    }
}

struct Tools {
    client: codex_client::Client,
    defaults: ThreadStartParams,
    peer: Peer,
    /// Whether the client can be asked.
    elicits: bool,
    /// Calls that wait for the end of a turn, by the ids of their threads.
    runs: HashMap<String, Run>,
    /// What can be answered to questions that the client has not answered, by their ids.
    questions: HashMap<u64, Vec<ApprovalDecision>>,
}

/// A call of a tool whose turn runs.
struct Run {
    /// The request's id.
    id: Value,
    /// What is known of the thread.
    view: View,
}

impl Tools {
    async fn hear(&mut self, line: &str) {
        match rpc::parse(line) {
            Err(failure) => self.peer.answer(Value::Null, Err(failure)).await,
            Ok(Message::Request { id, method, params }) if method == "tools/call" => {
                if let Err(failure) = self.call(&id, &params).await {
                    // What is wrong with a call is for the model to read.
                    let result = match failure {
                        (INTERNAL_ERROR, message) => Ok(result(&message, None, true)),
                        failure => Err(failure),
                    };
                    self.peer.answer(id, result).await;
                }
            }
            Ok(Message::Request { id, method, params }) => {
                let result = self.asked(&method, &params);
                self.peer.answer(id, result).await;
            }
            Ok(Message::Notification { method, params }) if method == "notifications/cancelled" => {
                let cancelled = self.runs.iter().find(|(_, run)| run.id == params["requestId"]);
                if let Some(thread_id) = cancelled.map(|(thread_id, _)| thread_id.clone()) {
                    let params = TurnInterruptParams { thread_id, turn_id: String::new() };
                    let _ = self.client.turn_interrupt(params).await;
                }
            }
            Ok(Message::Notification { .. }) => {}
            Ok(Message::Answer { id, result }) => self.answered(&id, result.as_ref()).await,
        }
    }

    fn asked(&mut self, method: &str, params: &Value) -> Result<Value, Failure> {
        match method {
            "initialize" => {
                self.elicits = params["capabilities"]["elicitation"].is_object();
                let server = json!({ "name": "codex", "title": "Codex", "version": env!("CARGO_PKG_VERSION") });
                Ok(json!({ "protocolVersion": VERSION, "capabilities": { "tools": {} }, "serverInfo": server }))
            }
            "ping" => Ok(json!({})),
            "tools/list" => Ok(json!({ "tools": tools() })),
            _ => Err((METHOD_NOT_FOUND, format!("there is no method `{method}`"))),
        }
    }

    /// Starts a turn; its end answers the call.
    async fn call(&mut self, id: &Value, params: &Value) -> Result<(), Failure> {
        let arguments = &params["arguments"];
        let prompt = match params["name"].as_str() {
            Some("codex" | "codex-reply") => text(arguments, "prompt")?.to_owned(),
            name => return Err((INVALID_PARAMS, format!("there is no tool `{}`", name.unwrap_or_default()))),
        };
        let thread_id = match params["name"].as_str() {
            Some("codex") => {
                let start = self.start(arguments)?;
                self.client.thread_start(start).await.map_err(failure)?.thread.id
            }
            _ => {
                let named = arguments["threadId"].as_str().or(arguments["conversationId"].as_str());
                let thread_id = named.ok_or((INVALID_PARAMS, "`threadId` is missing".to_owned()))?.to_owned();
                let resume = ThreadResumeParams::under(thread_id, self.defaults.clone());
                self.client.thread_resume(resume).await.map_err(failure)?.thread.id
            }
        };
        if self.runs.contains_key(&thread_id) {
            return Err((INTERNAL_ERROR, "a turn is running in this thread: wait for its end".into()));
        }
        let input = vec![UserInput::Text { text: prompt }];
        let start = TurnStartParams { thread_id: thread_id.clone(), input, ..TurnStartParams::default() };
        self.client.turn_start(start).await.map_err(failure)?;
        self.runs.insert(thread_id, Run { id: id.clone(), view: View::default() });
        Ok(())
    }

    fn start(&self, arguments: &Value) -> Result<ThreadStartParams, Failure> {
        let mut start = self.defaults.clone();
        let said = |name: &str| arguments[name].as_str().map(str::to_owned);
        start.cwd = said("cwd").or(start.cwd);
        start.model = said("model").or(start.model);
        let wrong = |name: &str| (INVALID_PARAMS, format!("`{name}` is none of those that the tool takes"));
        if let Some(level) = arguments.get("sandbox") {
            start.sandbox = Some(match level.as_str() {
                Some("read-only") => SandboxMode::ReadOnly,
                Some("workspace-write") => SandboxMode::WorkspaceWrite,
                Some("danger-full-access") => SandboxMode::DangerFullAccess,
                _ => return Err(wrong("sandbox")),
            });
        }
        start.approval_policy = match arguments.get("approval-policy").map(|policy| policy.as_str()) {
            Some(Some("untrusted")) => Some(ApprovalPolicy::Untrusted),
            Some(Some("on-request")) => Some(ApprovalPolicy::OnRequest),
            Some(Some("never")) => Some(ApprovalPolicy::Never),
            Some(_) => return Err(wrong("approval-policy")),
            // Whoever cannot be asked is not.
            None => start.approval_policy.or((!self.elicits).then_some(ApprovalPolicy::Never)),
        };
        if let Some(config) = arguments.get("config") {
            let config = config.as_object().ok_or_else(|| wrong("config"))?;
            start.config.get_or_insert_default().extend(config.clone());
        }
        Ok(start)
    }

    async fn tell(&mut self, message: ServerMessage) {
        if let ServerMessage::Request { id, request } = &message {
            return self.ask(*id, request).await;
        }
        let ServerMessage::Event(event) = &message else { return };
        if let ServerNotification::ServerRequestResolved(resolved) = &event.notification {
            self.questions.remove(&resolved.request_id);
        }
        let Some(thread_id) = codex_client::thread_of(&event.notification).map(str::to_owned) else { return };
        let Some(run) = self.runs.get_mut(&thread_id) else { return };
        run.view.apply(&message);
        if !matches!(event.notification, ServerNotification::TurnCompleted(_)) {
            return;
        }
        let Some(Run { id, view }) = self.runs.remove(&thread_id) else { return };
        let said = view.last_message.clone().unwrap_or_default();
        let (content, is_error) = match view.ended() {
            Some(TurnStatus::Failed) => {
                (view.error.clone().map_or_else(|| "the turn failed".to_owned(), |error| error.message), true)
            }
            Some(TurnStatus::Interrupted) => ("the turn was interrupted".to_owned(), true),
            _ => (said, false),
        };
        self.peer.answer(id, Ok(result(&content, Some(&thread_id), is_error))).await;
    }

    async fn ask(&mut self, id: u64, request: &ServerRequest) {
        let (message, decisions) = match request {
            ServerRequest::CommandApproval(params) => {
                let why = params.reason.as_deref().unwrap_or_default();
                (format!("May this command run? {why}\n{}", params.command), params.available_decisions.clone())
            }
            ServerRequest::FileChangeApproval(params) => {
                let why = params.reason.as_deref().unwrap_or_default();
                (format!("May these files be changed? {why}"), params.available_decisions.clone())
            }
            // Not asked of who did not say that it answers it.
            ServerRequest::ProjectTrust(_) => return,
            // What another server wants to know is none of this client's affairs.
            ServerRequest::Elicitation(_) => {
                let answer = ApprovalAnswer { decision: ApprovalDecision::Decline, message: None };
                let _ = self.client.answer(ServerRequestAnswerParams { request_id: id, answer }).await;
                return;
            }
        };
        self.questions.insert(id, decisions);
        if !self.elicits {
            return self.answered(&json!(id), None).await;
        }
        let schema = json!({ "type": "object", "properties": {} });
        let params = json!({ "message": message, "requestedSchema": schema });
        self.peer.ask(id, "elicitation/create", params).await;
    }

    /// Passes on what the client answered; what is not understood is a no.
    async fn answered(&mut self, id: &Value, result: Option<&Value>) {
        let Some(request_id) = id.as_u64().filter(|id| self.questions.contains_key(id)) else { return };
        let offered = self.questions.remove(&request_id).unwrap_or_default();
        let wanted = match result.and_then(|result| result["action"].as_str()) {
            Some("accept") => ApprovalDecision::Accept,
            Some("cancel") => ApprovalDecision::Cancel,
            _ => ApprovalDecision::Decline,
        };
        let decision = [wanted, ApprovalDecision::Decline, ApprovalDecision::Cancel];
        let decision = decision.into_iter().find(|decision| offered.contains(decision));
        let answer = ApprovalAnswer { decision: decision.unwrap_or(ApprovalDecision::Cancel), message: None };
        let _ = self.client.answer(ServerRequestAnswerParams { request_id, answer }).await;
    }
}

/// The tools, as they are listed.
fn tools() -> Value {
    let prompt = json!({ "type": "string", "description": "What is to be done" });
    let output = json!({
        "type": "object",
        "properties": { "threadId": { "type": "string" }, "content": { "type": "string" } },
        "required": ["threadId", "content"],
    });
    json!([
        {
            "name": "codex",
            "title": "Codex",
            "description": "Has a coding agent do a task in a directory, and returns what it says at the end. It reads and edits \
                files and runs commands, inside a sandbox.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "prompt": prompt,
                    "cwd": { "type": "string", "description": "Directory to work in" },
                    "model": { "type": "string", "description": "Model to use, in place of the configured one" },
                    "sandbox": { "type": "string", "enum": ["read-only", "workspace-write", "danger-full-access"] },
                    "approval-policy": { "type": "string", "enum": ["untrusted", "on-request", "never"] },
                    "config": { "type": "object", "description": "Settings, by the keys of the configuration" },
                },
                "required": ["prompt"],
            },
            "outputSchema": output,
        },
        {
            "name": "codex-reply",
            "title": "Codex: go on",
            "description": "Says something more in a thread that `codex` has started, and returns the answer.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "prompt": prompt,
                    "threadId": { "type": "string", "description": "As `codex` returned it" },
                    "conversationId": { "type": "string", "description": "The same, by its older name" },
                },
                "required": ["prompt"],
            },
            "outputSchema": output,
        },
    ])
}

/// The result of a call.
fn result(content: &str, thread_id: Option<&str>, is_error: bool) -> Value {
    let mut result = json!({ "content": [{ "type": "text", "text": content }], "isError": is_error });
    if let Some(thread_id) = thread_id {
        result["structuredContent"] = json!({ "threadId": thread_id, "content": content });
    }
    result
}

fn failure(error: RpcError) -> Failure {
    (INTERNAL_ERROR, error.message)
}
