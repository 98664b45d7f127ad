//! The Agent Client Protocol, version 1, as an agent: an editor opens sessions, prompts, and is asked for permission. A
//! session is a thread, a prompt a turn.

mod commands;
mod modes;
mod prompt;
mod updates;

use std::collections::HashMap;

use codex_client::{Client, Connection, OpenItems, thread_of};
use codex_protocol::{
    ApprovalAnswer, ApprovalDecision, RpcError, ServerMessage, ServerNotification, ServerRequest,
    ServerRequestAnswerParams, SettingsChange, SortDirection, ThreadItemsListParams, ThreadListParams, ThreadOpened,
    ThreadResumeParams, ThreadSettingsUpdateParams, ThreadStartParams, ThreadUnsubscribeParams, Turn,
    TurnInterruptParams, TurnStartParams, TurnStatus,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::commands::News;
use crate::rpc::{self, Failure, Heard, INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, Message, Peer, text};

/// Serves an editor until it says no more. `defaults`: what sessions run under as far as the editor does not say.
pub async fn serve_acp(
    connection: Connection,
    defaults: ThreadStartParams,
    mut incoming: mpsc::Receiver<String>,
    outgoing: mpsc::Sender<String>,
) {
    let Connection { client, mut events } = connection;
    let (sessions, questions, items) = Default::default();
    let peer = Peer(outgoing);
    let commands = commands::teller(client.clone(), peer.clone());
    let mut agent = Agent { client, defaults, peer, commands, sessions, questions, items };
    while let Some(heard) = rpc::next(&mut incoming, &mut events).await {
        match heard {
            Heard::Line(line) => agent.hear(&line).await,
            Heard::Message(message) => agent.tell(message).await,
        }
    }
}

struct Agent {
    client: Client,
    defaults: ThreadStartParams,
    peer: Peer,
    /// Tells the editor which commands there are.
    commands: mpsc::UnboundedSender<News>,
    /// By the ids of their threads.
    sessions: HashMap<String, Session>,
    /// What can be answered to questions that the editor has not answered, by their ids.
    questions: HashMap<u64, Vec<ApprovalDecision>>,
    items: OpenItems,
}

/// An open session.
#[derive(Default)]
struct Session {
    /// The request that waits for the end of the turn.
    prompt: Option<Value>,
    mode: &'static str,
}

impl Agent {
    /// Does what the editor says.
    async fn hear(&mut self, line: &str) {
        match rpc::parse(line) {
            Err(failure) => self.peer.answer(Value::Null, Err(failure)).await,
            Ok(Message::Request { id, method, params }) if method == "session/prompt" => {
                if let Err(failure) = self.prompt(&id, &params).await {
                    self.peer.answer(id, Err(failure)).await;
                }
            }
            Ok(Message::Request { id, method, params }) => {
                let result = self.asked(&method, &params).await;
                let session = match (&result, &*method) {
                    (Ok(opened), "session/new") => opened["sessionId"].as_str().map(str::to_owned),
                    (Ok(_), "session/load" | "session/resume") => params["sessionId"].as_str().map(str::to_owned),
                    _ => None,
                };
                self.peer.answer(id, result).await;
                // Of a session that the editor knows by now.
                if let Some(thread_id) = session {
                    self.news(News::Opened(thread_id));
                }
            }
            Ok(Message::Notification { method, params }) if method == "session/cancel" => {
                let thread_id = params["sessionId"].as_str().unwrap_or_default().to_owned();
                // No turn runs: there is nothing to cancel.
                let _ = self.client.turn_interrupt(TurnInterruptParams { thread_id, turn_id: String::new() }).await;
            }
            Ok(Message::Notification { .. }) => {}
            Ok(Message::Answer { id, result }) => self.answered(&id, result.as_ref()).await,
        }
    }

    async fn asked(&mut self, method: &str, params: &Value) -> Result<Value, Failure> {
        match method {
            "initialize" => Ok(introduction()),
            "authenticate" => Ok(json!({})),
            "session/new" => self.start(params).await,
            "session/load" | "session/resume" => self.load(params, method == "session/load").await,
            "session/list" => self.list(params).await,
            "session/set_mode" => self.set_mode(text(params, "sessionId")?, text(params, "modeId")?).await,
            "session/close" => {
                let thread_id = text(params, "sessionId")?.to_owned();
                self.sessions.remove(&thread_id);
                self.client.thread_unsubscribe(ThreadUnsubscribeParams { thread_id }).await.map_err(failure)?;
                Ok(json!({}))
            }
            _ => Err((METHOD_NOT_FOUND, format!("there is no method `{method}`"))),
        }
    }

    async fn start(&mut self, params: &Value) -> Result<Value, Failure> {
        let mut start = self.defaults.clone();
        start.cwd = Some(text(params, "cwd")?.to_owned());
        start.live_output = Some(true);
        start.thread_source.get_or_insert_with(|| "acp".to_owned());
        let opened = self.client.thread_start(start).await.map_err(failure)?;
        Ok(self.opened(&opened, true))
    }

    /// Goes on with a session; `replay`: the editor is told what was said in it.
    async fn load(&mut self, params: &Value, replay: bool) -> Result<Value, Failure> {
        let params = ThreadResumeParams {
            thread_id: text(params, "sessionId")?.to_owned(),
            cwd: params["cwd"].as_str().map(str::to_owned),
            live_output: Some(true),
            ..ThreadResumeParams::default()
        };
        let opened = self.client.thread_resume(params).await.map_err(failure)?;
        if replay {
            self.replay(&opened.thread.id).await?;
        }
        Ok(self.opened(&opened, false))
    }

    async fn replay(&self, thread_id: &str) -> Result<(), Failure> {
        let mut cursor = None;
        loop {
            let sort_direction = Some(SortDirection::Asc);
            let (thread_id, rest) = (thread_id.to_owned(), ThreadItemsListParams::default());
            let params = ThreadItemsListParams { thread_id: thread_id.clone(), cursor, sort_direction, ..rest };
            let page = self.client.thread_items_list(params).await.map_err(failure)?;
            for entry in &page.data {
                for update in updates::of_the_past(&entry.item) {
                    self.update(&thread_id, update).await;
                }
            }
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    fn opened(&mut self, opened: &ThreadOpened, is_new: bool) -> Value {
        let mode = modes::of(opened);
        let id = opened.thread.id.clone();
        self.sessions.insert(id.clone(), Session { prompt: None, mode });
        match is_new {
            true => json!({ "sessionId": id, "modes": modes::all(mode) }),
            false => json!({ "modes": modes::all(mode) }),
        }
    }

    async fn list(&self, params: &Value) -> Result<Value, Failure> {
        let said = |name: &str| params[name].as_str().map(str::to_owned);
        let params =
            ThreadListParams { cwd: said("cwd"), cursor: said("cursor"), limit: Some(50), ..Default::default() };
        let listed = self.client.thread_list(params).await.map_err(failure)?;
        let sessions: Vec<Value> = listed.data.iter().map(updates::session).collect();
        Ok(json!({ "sessions": sessions, "nextCursor": listed.next_cursor }))
    }

    async fn set_mode(&mut self, thread_id: &str, mode: &str) -> Result<Value, Failure> {
        let session = self.sessions.get_mut(thread_id).ok_or_else(|| unknown(thread_id))?;
        let (mode, change) = modes::change(mode)
            .ok_or_else(|| (INVALID_PARAMS, format!("there is no mode `{mode}`: {}", modes::names().join(", "))))?;
        let params = ThreadSettingsUpdateParams { thread_id: thread_id.to_owned(), change };
        self.client.thread_settings_update(params).await.map_err(failure)?;
        session.mode = mode;
        Ok(json!({}))
    }

    /// Starts a turn; its end answers the request.
    async fn prompt(&mut self, id: &Value, params: &Value) -> Result<(), Failure> {
        let thread_id = text(params, "sessionId")?.to_owned();
        let said = prompt::read(&params["prompt"])?;
        let session = self.sessions.get_mut(&thread_id).ok_or_else(|| unknown(&thread_id))?;
        if session.prompt.is_some() {
            return Err((INVALID_PARAMS, "a turn is running in this session: cancel it first".into()));
        }
        let input = commands::used(&self.client, &thread_id, said).await.map_err(failure)?;
        let (thread, rest) = (thread_id.clone(), SettingsChange::default());
        let params = TurnStartParams { thread_id: thread, input, change: rest, ..TurnStartParams::default() };
        self.client.turn_start(params).await.map_err(failure)?;
        session.prompt = Some(id.clone());
        Ok(())
    }

    /// Passes on what the server says.
    async fn tell(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Request { id, request } => self.ask(id, &request).await,
            ServerMessage::Event(event) => match &event.notification {
                ServerNotification::TurnCompleted(completed) => {
                    self.ended(&completed.thread_id, &completed.turn).await;
                }
                ServerNotification::ServerRequestResolved(resolved) => {
                    self.questions.remove(&resolved.request_id);
                }
                notification => {
                    let Some(thread_id) = thread_of(notification).map(str::to_owned) else { return };
                    if self.sessions.contains_key(&thread_id) {
                        if matches!(notification, ServerNotification::McpServerStarted(_)) {
                            self.news(News::Changed(thread_id.clone()));
                        }
                        let before = self.items.before(&event);
                        let all = before.iter().map(|event| &event.notification).chain([notification]);
                        for update in all.flat_map(updates::of) {
                            self.update(&thread_id, update).await;
                        }
                    }
                }
            },
        }
    }

    async fn ended(&mut self, thread_id: &str, turn: &Turn) {
        let Some(id) = self.sessions.get_mut(thread_id).and_then(|session| session.prompt.take()) else { return };
        let result = match turn.status {
            TurnStatus::Interrupted => Ok(json!({ "stopReason": "cancelled" })),
            TurnStatus::Failed => {
                let message = turn.error.as_ref().map_or("the turn failed", |error| error.message.as_str());
                Err((INTERNAL_ERROR, message.to_owned()))
            }
            TurnStatus::Completed | TurnStatus::InProgress => Ok(json!({ "stopReason": "end_turn" })),
        };
        self.peer.answer(id, result).await;
    }

    /// Asks the editor what the server asks.
    async fn ask(&mut self, id: u64, request: &ServerRequest) {
        let (thread_id, call, decisions) = match request {
            ServerRequest::CommandApproval(params) => {
                let call = updates::command_question(params);
                (&params.thread_id, call, &params.available_decisions)
            }
            ServerRequest::FileChangeApproval(params) => {
                let call = json!({ "toolCallId": params.item_id, "title": params.reason });
                (&params.thread_id, call, &params.available_decisions)
            }
            // Not asked of who did not say that it answers it.
            ServerRequest::ProjectTrust(_) => return,
            // Editors have no way to ask it.
            ServerRequest::Elicitation(_) => {
                let answer = ApprovalAnswer { decision: ApprovalDecision::Decline, message: None };
                let _ = self.client.answer(ServerRequestAnswerParams { request_id: id, answer }).await;
                return;
            }
        };
        let options = decisions.iter().enumerate().filter_map(|(at, decision)| updates::option(at, decision));
        let options: Vec<Value> = options.collect();
        self.questions.insert(id, decisions.clone());
        let params = json!({ "sessionId": thread_id, "toolCall": call, "options": options });
        self.peer.ask(id, "session/request_permission", params).await;
    }

    /// Passes on what the editor answered; what is not understood is a no.
    async fn answered(&mut self, id: &Value, result: Option<&Value>) {
        let Some(request_id) = id.as_u64() else { return };
        let Some(decisions) = self.questions.remove(&request_id) else { return };
        let outcome = result.map(|result| &result["outcome"]);
        let chosen = outcome.and_then(|outcome| outcome["optionId"].as_str()?.parse::<usize>().ok());
        let cancelled = outcome.is_some_and(|outcome| outcome["outcome"] == "cancelled");
        let decision = match chosen.and_then(|at| decisions.get(at)) {
            Some(decision) => decision.clone(),
            None if cancelled => ApprovalDecision::Cancel,
            None => ApprovalDecision::Decline,
        };
        let answer = |decision| {
            let answer = ApprovalAnswer { decision, message: None };
            self.client.answer(ServerRequestAnswerParams { request_id, answer })
        };
        if answer(decision).await.is_err() {
            // It was not offered; a no always is, in one of its forms.
            if answer(ApprovalDecision::Decline).await.is_err() {
                let _ = answer(ApprovalDecision::Cancel).await;
            }
        }
    }

    fn news(&self, news: News) {
        // Where nobody is told any more, nobody listens.
        let _ = self.commands.send(news);
    }

    async fn update(&self, thread_id: &str, update: Value) {
        self.peer.notify("session/update", json!({ "sessionId": thread_id, "update": update })).await;
    }
}

fn introduction() -> Value {
    json!({
        "protocolVersion": 1,
        "agentCapabilities": {
            "loadSession": true,
            "promptCapabilities": { "image": true, "audio": false, "embeddedContext": true },
            "sessionCapabilities": { "list": {}, "resume": {}, "close": {} },
        },
        "agentInfo": { "name": "codex", "title": "Codex", "version": env!("CARGO_PKG_VERSION") },
        "authMethods": [],
    })
}

fn unknown(thread_id: &str) -> Failure {
    (INVALID_PARAMS, format!("no session `{thread_id}` is open: `session/load` opens it"))
}

fn failure(error: RpcError) -> Failure {
    (INTERNAL_ERROR, error.message)
}
