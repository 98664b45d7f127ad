//! The Agent Client Protocol, version 1, as an agent: an editor opens sessions, prompts, and is asked for permission. A
//! session is a thread, a prompt a turn. The messages are those of the protocol's own crate.

mod commands;
mod modes;
mod options;
mod prompt;
mod servers;
mod updates;

use std::{collections::HashMap, path::PathBuf};

use agent_client_protocol_schema::{
    ProtocolVersion,
    v1::{
        AgentCapabilities, CancelNotification, CloseSessionRequest, ConfigOptionUpdate, CurrentModeUpdate,
        Implementation, InitializeRequest, InitializeResponse, ListSessionsRequest, ListSessionsResponse,
        LoadSessionResponse, McpCapabilities, NewSessionRequest, NewSessionResponse, PromptCapabilities, PromptRequest,
        PromptResponse, RequestPermissionOutcome, RequestPermissionRequest, RequestPermissionResponse,
        ResumeSessionRequest, SessionCapabilities, SessionCloseCapabilities, SessionConfigOptionValue, SessionId,
        SessionListCapabilities, SessionNotification, SessionResumeCapabilities, SessionUpdate,
        SetSessionConfigOptionRequest, SetSessionConfigOptionResponse, SetSessionModeRequest, SetSessionModeResponse,
        StopReason, ToolCallUpdate, ToolCallUpdateFields,
    },
};
use codex_client::{Client, Connection, OpenItems, thread_of};
use codex_protocol::{
    ApprovalAnswer, ApprovalDecision, Model, ModelListParams, RpcError, ServerMessage, ServerNotification,
    ServerRequest, ServerRequestAnswerParams, SortDirection, ThreadItemsListParams, ThreadListParams, ThreadOpened,
    ThreadResumeParams, ThreadSettingsUpdateParams, ThreadStartParams, ThreadUnsubscribeParams, Turn,
    TurnInterruptParams, TurnStartParams, TurnStatus,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::{commands::News, options::Chosen};
use crate::rpc::{self, Failure, Heard, INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, Message, Peer};

/// Serves an editor until it says no more. `defaults`: what sessions run under as far as the editor does not say.
pub async fn serve_acp(
    connection: Connection,
    defaults: ThreadStartParams,
    mut incoming: mpsc::Receiver<String>,
    outgoing: mpsc::Sender<String>,
) {
    let Connection { client, mut events } = connection;
    let peer = Peer(outgoing);
    let commands = commands::teller(client.clone(), peer.clone());
    let (done, mut beside) = mpsc::unbounded_channel();
    let (sessions, questions, items, models) = Default::default();
    let mut agent =
        Agent { client, defaults, peer, commands, done, sessions, questions, items, models, terminals: false };
    loop {
        tokio::select! {
            heard = rpc::next(&mut incoming, &mut events) => match heard {
                Some(Heard::Line(line)) => agent.hear(&line).await,
                Some(Heard::Message(message)) => agent.tell(message).await,
                None => return,
            },
            Some(done) = beside.recv() => agent.done(done).await,
        }
    }
}

/// What was done while the editor was listened to.
enum Done {
    /// A prompt has begun its turn, or not.
    Prompted { thread_id: String, begun: Result<Turn, Failure> },
    /// Which models there are.
    Listed(Vec<Model>),
}

struct Agent {
    client: Client,
    defaults: ThreadStartParams,
    peer: Peer,
    /// Tells the editor which commands there are.
    commands: mpsc::UnboundedSender<News>,
    done: mpsc::UnboundedSender<Done>,
    /// By the ids of their threads.
    sessions: HashMap<String, Session>,
    /// What can be answered to questions that the editor has not answered, by their ids.
    questions: HashMap<u64, Vec<ApprovalDecision>>,
    items: OpenItems,
    /// Those that are known.
    models: Vec<Model>,
    /// Whether the editor draws what commands put out while they run.
    terminals: bool,
}

/// An open session.
struct Session {
    prompt: Option<Prompted>,
    chosen: Chosen,
}

/// A prompt that is not answered yet.
struct Prompted {
    /// The request that waits for the end of the turn.
    id: Value,
    /// Its turn, once it has begun.
    turn: Option<String>,
    /// Whether the editor wanted it to end before it had begun.
    cancelled: bool,
    /// A turn that ended before it was known to be this one's.
    ended: Option<Turn>,
}

impl Agent {
    /// Does what the editor says.
    async fn hear(&mut self, line: &str) {
        match rpc::parse(line) {
            Err(failure) => self.peer.answer(Value::Null, Err(failure)).await,
            Ok(Message::Request { id, method, params }) if method == "session/prompt" => {
                if let Err(failure) = self.prompt(&id, params) {
                    self.peer.answer(id, Err(failure)).await;
                }
            }
            Ok(Message::Request { id, method, params }) => {
                let opens = matches!(&*method, "session/new" | "session/load" | "session/resume");
                let known = params["sessionId"].as_str().map(str::to_owned);
                let result = self.asked(&method, params).await;
                let new = result.as_ref().ok().and_then(|opened| opened["sessionId"].as_str()).map(str::to_owned);
                let session = new.or(known).filter(|_| opens && result.is_ok());
                self.peer.answer(id, result).await;
                // Of a session that the editor knows by now.
                if let Some(thread_id) = session {
                    self.news(News::Opened(thread_id));
                    self.list_models();
                }
            }
            Ok(Message::Notification { method, params }) if method == "session/cancel" => {
                if let Ok(CancelNotification { session_id, .. }) = read(params) {
                    self.cancel(&session_id);
                }
            }
            Ok(Message::Notification { .. }) => {}
            Ok(Message::Answer { id, result }) => self.answered(&id, result).await,
        }
    }

    async fn asked(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        match method {
            "initialize" => {
                let InitializeRequest { client_capabilities, .. } = read(params)?;
                let meta = client_capabilities.meta.unwrap_or_default();
                self.terminals = meta.get("terminal_output") == Some(&Value::Bool(true));
                told(introduction())
            }
            "authenticate" => Ok(json!({})),
            "session/new" => self.start(read(params)?).await,
            // One asks for nothing that the other does not.
            "session/load" | "session/resume" => self.load(read(params)?, method == "session/load").await,
            "session/list" => self.list(read(params)?).await,
            "session/set_mode" => {
                let SetSessionModeRequest { session_id, mode_id, .. } = read(params)?;
                let mode = SessionConfigOptionValue::value_id(mode_id.0);
                self.choose(&session_id, "mode", &mode).await?;
                told(SetSessionModeResponse::new())
            }
            "session/set_config_option" => {
                let SetSessionConfigOptionRequest { session_id, config_id, value, .. } = read(params)?;
                let chosen = self.choose(&session_id, &config_id.0, &value).await?;
                told(SetSessionConfigOptionResponse::new(chosen.options(&self.models)))
            }
            "session/close" => {
                let CloseSessionRequest { session_id, .. } = read(params)?;
                let thread_id = session_id.to_string();
                if let Some(prompt) = self.sessions.remove(&thread_id).and_then(|session| session.prompt) {
                    self.interrupt(thread_id.clone());
                    self.peer.answer(prompt.id, stopped(StopReason::Cancelled)).await;
                }
                self.client.thread_unsubscribe(ThreadUnsubscribeParams { thread_id }).await.map_err(failure)?;
                Ok(json!({}))
            }
            _ => Err((METHOD_NOT_FOUND, format!("there is no method `{method}`"))),
        }
    }

    async fn start(&mut self, asked: NewSessionRequest) -> Result<Value, Failure> {
        let mut start = self.defaults.clone();
        start.cwd = Some(directory(asked.cwd)?);
        start.live_output = Some(true);
        start.thread_source.get_or_insert_with(|| "acp".to_owned());
        servers::add(&mut start.config, asked.mcp_servers)?;
        let opened = self.client.thread_start(start).await.map_err(failure)?;
        let chosen = self.opened(&opened);
        let answer = NewSessionResponse::new(opened.thread.id).modes(modes::all(chosen.mode));
        told(answer.config_options(chosen.options(&self.models)))
    }

    /// Goes on with a session; `replay`: the editor is told what was said in it.
    async fn load(&mut self, asked: ResumeSessionRequest, replay: bool) -> Result<Value, Failure> {
        let mut start = self.defaults.clone();
        start.live_output = Some(true);
        servers::add(&mut start.config, asked.mcp_servers)?;
        let under = ThreadResumeParams::under(asked.session_id.to_string(), start);
        let params = ThreadResumeParams { cwd: Some(directory(asked.cwd)?), ..under };
        let opened = self.client.thread_resume(params).await.map_err(failure)?;
        if replay {
            self.replay(&opened.thread.id).await?;
        }
        let chosen = self.opened(&opened);
        let answer = LoadSessionResponse::new().modes(modes::all(chosen.mode));
        told(answer.config_options(chosen.options(&self.models)))
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

    fn opened(&mut self, opened: &ThreadOpened) -> Chosen {
        let chosen = Chosen::from(opened);
        self.sessions.insert(opened.thread.id.clone(), Session { prompt: None, chosen: chosen.clone() });
        chosen
    }

    async fn list(&self, asked: ListSessionsRequest) -> Result<Value, Failure> {
        let (cwd, cursor) = (asked.cwd.map(directory).transpose()?, asked.cursor);
        let params = ThreadListParams { cwd, cursor, limit: Some(50), ..Default::default() };
        let listed = self.client.thread_list(params).await.map_err(failure)?;
        let sessions = listed.data.iter().map(updates::session).collect();
        told(ListSessionsResponse::new(sessions).next_cursor(listed.next_cursor))
    }

    /// Sets an option of a session, and returns what is chosen then.
    async fn choose(
        &mut self,
        session: &SessionId,
        option: &str,
        value: &SessionConfigOptionValue,
    ) -> Result<Chosen, Failure> {
        let thread_id = session.to_string();
        let session = self.sessions.get_mut(&thread_id).ok_or_else(|| unknown(&thread_id))?;
        let (chosen, change) = session.chosen.with(option, value, &self.models)?;
        let params = ThreadSettingsUpdateParams { thread_id, change };
        self.client.thread_settings_update(params).await.map_err(failure)?;
        session.chosen = chosen.clone();
        Ok(chosen)
    }

    /// Starts a turn, whose end answers the request. What is said may wait for a server of tools to come up: the editor is
    /// listened to meanwhile.
    fn prompt(&mut self, id: &Value, params: Value) -> Result<(), Failure> {
        let PromptRequest { session_id, prompt, .. } = read(params)?;
        let (thread_id, said) = (session_id.to_string(), prompt::read(&prompt)?);
        let session = self.sessions.get_mut(&thread_id).ok_or_else(|| unknown(&thread_id))?;
        if session.prompt.is_some() {
            return Err((INVALID_PARAMS, "a turn is running in this session: cancel it first".into()));
        }
        session.prompt = Some(Prompted { id: id.clone(), turn: None, cancelled: false, ended: None });
        let (client, done) = (self.client.clone(), self.done.clone());
        tokio::spawn(async move {
            let begin = async {
                let input = commands::used(&client, &thread_id, said).await?;
                let params = TurnStartParams { thread_id: thread_id.clone(), input, ..TurnStartParams::default() };
                client.turn_start(params).await
            };
            let begun = begin.await.map(|begun| begun.turn).map_err(failure);
            let _ = done.send(Done::Prompted { thread_id, begun });
        });
        Ok(())
    }

    /// Ends the turn of a session, or has it end when it begins.
    fn cancel(&mut self, session: &SessionId) {
        let thread_id = session.to_string();
        match self.sessions.get_mut(&thread_id).and_then(|session| session.prompt.as_mut()) {
            Some(prompt @ Prompted { turn: None, .. }) => prompt.cancelled = true,
            _ => self.interrupt(thread_id),
        }
    }

    fn interrupt(&self, thread_id: String) {
        let client = self.client.clone();
        tokio::spawn(async move {
            // No turn runs: there is nothing to cancel.
            let _ = client.turn_interrupt(TurnInterruptParams { thread_id, turn_id: String::new() }).await;
        });
    }

    /// Asks which models there are, which may take until servers of models have answered.
    fn list_models(&self) {
        let (client, done) = (self.client.clone(), self.done.clone());
        tokio::spawn(async move {
            if let Ok(listed) = client.model_list(ModelListParams::default()).await {
                let _ = done.send(Done::Listed(listed.data));
            }
        });
    }

    async fn done(&mut self, done: Done) {
        match done {
            Done::Prompted { thread_id, begun } => {
                let Some(session) = self.sessions.get_mut(&thread_id) else { return };
                let Some(prompt) = &mut session.prompt else { return };
                match begun {
                    Ok(turn) => {
                        let (cancelled, ended) = (prompt.cancelled, prompt.ended.take());
                        prompt.turn = Some(turn.id.clone());
                        match ended.filter(|ended| ended.id == turn.id) {
                            Some(ended) => self.ended(&thread_id, &ended).await,
                            None if cancelled => self.interrupt(thread_id),
                            None => {}
                        }
                    }
                    Err(failure) => {
                        let Some(Prompted { id, cancelled, .. }) = session.prompt.take() else { return };
                        let result = if cancelled { stopped(StopReason::Cancelled) } else { Err(failure) };
                        self.peer.answer(id, result).await;
                    }
                }
            }
            Done::Listed(models) if models != self.models => {
                self.models = models;
                for (thread_id, session) in &self.sessions {
                    let options = session.chosen.options(&self.models);
                    self.update(thread_id, SessionUpdate::ConfigOptionUpdate(ConfigOptionUpdate::new(options))).await;
                }
            }
            Done::Listed(_) => {}
        }
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
                ServerNotification::ThreadSettingsUpdated(updated) => {
                    self.changed(&updated.thread_id, (&updated.thread_settings).into()).await;
                }
                notification => {
                    let Some(thread_id) = thread_of(notification).map(str::to_owned) else { return };
                    if self.sessions.contains_key(&thread_id) {
                        if matches!(notification, ServerNotification::McpServerStarted(_)) {
                            self.news(News::Changed(thread_id.clone()));
                        }
                        let before = self.items.before(&event);
                        let all = before.iter().map(|event| &event.notification).chain([notification]);
                        for update in all.flat_map(|notification| updates::of(notification, self.terminals)) {
                            self.update(&thread_id, update).await;
                        }
                    }
                }
            },
        }
    }

    /// Settings of a session are others now than the editor knows.
    async fn changed(&mut self, thread_id: &str, chosen: Chosen) {
        let Some(session) = self.sessions.get_mut(thread_id) else { return };
        if session.chosen == chosen {
            return;
        }
        let mode = (session.chosen.mode != chosen.mode).then_some(chosen.mode);
        let options = ConfigOptionUpdate::new(chosen.options(&self.models));
        session.chosen = chosen;
        if let Some(mode) = mode {
            self.update(thread_id, SessionUpdate::CurrentModeUpdate(CurrentModeUpdate::new(mode))).await;
        }
        self.update(thread_id, SessionUpdate::ConfigOptionUpdate(options)).await;
    }

    async fn ended(&mut self, thread_id: &str, turn: &Turn) {
        let Some(session) = self.sessions.get_mut(thread_id) else { return };
        match &mut session.prompt {
            Some(prompt) if prompt.turn.is_none() => {
                prompt.ended = Some(turn.clone());
                return;
            }
            Some(prompt) if prompt.turn.as_ref() == Some(&turn.id) => {}
            _ => return,
        }
        let Some(Prompted { id, cancelled, .. }) = session.prompt.take() else { return };
        let result = match turn.status {
            TurnStatus::Interrupted => stopped(StopReason::Cancelled),
            // It was over before it could be interrupted.
            TurnStatus::Completed if cancelled => stopped(StopReason::Cancelled),
            TurnStatus::Failed => {
                let message = turn.error.as_ref().map_or("the turn failed", |error| error.message.as_str());
                Err((INTERNAL_ERROR, message.to_owned()))
            }
            TurnStatus::Completed | TurnStatus::InProgress => stopped(StopReason::EndTurn),
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
                let fields = ToolCallUpdateFields::new().title(params.reason.clone());
                let call = ToolCallUpdate::new(params.item_id.clone(), fields);
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
        let params = RequestPermissionRequest::new(thread_id.clone(), call, options.collect());
        self.questions.insert(id, decisions.clone());
        self.peer.ask(id, "session/request_permission", params).await;
    }

    /// Passes on what the editor answered; what is not understood is a no.
    async fn answered(&mut self, id: &Value, result: Option<Value>) {
        let Some(request_id) = id.as_u64() else { return };
        let Some(decisions) = self.questions.remove(&request_id) else { return };
        let answer = result.and_then(|result| serde_json::from_value::<RequestPermissionResponse>(result).ok());
        let chosen = match answer.map(|answer| answer.outcome) {
            Some(RequestPermissionOutcome::Selected(selected)) => {
                let at = selected.option_id.0.parse::<usize>().ok();
                at.and_then(|at| decisions.get(at)).cloned()
            }
            Some(RequestPermissionOutcome::Cancelled) => Some(ApprovalDecision::Cancel),
            _ => None,
        };
        let answer = |decision| {
            let answer = ApprovalAnswer { decision, message: None };
            self.client.answer(ServerRequestAnswerParams { request_id, answer })
        };
        if answer(chosen.unwrap_or(ApprovalDecision::Decline)).await.is_err() {
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

    async fn update(&self, thread_id: &str, update: SessionUpdate) {
        self.peer.notify("session/update", SessionNotification::new(thread_id.to_owned(), update)).await;
    }
}

fn introduction() -> InitializeResponse {
    let prompts = PromptCapabilities::new().image(true).embedded_context(true);
    let sessions = SessionCapabilities::new()
        .list(SessionListCapabilities::new())
        .resume(SessionResumeCapabilities::new())
        .close(SessionCloseCapabilities::new());
    let capabilities = AgentCapabilities::new()
        .load_session(true)
        .prompt_capabilities(prompts)
        .mcp_capabilities(McpCapabilities::new().http(true))
        .session_capabilities(sessions);
    InitializeResponse::new(ProtocolVersion::V1)
        .agent_capabilities(capabilities)
        .agent_info(Implementation::new("codex", env!("CARGO_PKG_VERSION")).title("Codex"))
}

fn stopped(why: StopReason) -> Result<Value, Failure> {
    told(PromptResponse::new(why))
}

/// Parameters, as the protocol has them.
fn read<T: DeserializeOwned>(params: Value) -> Result<T, Failure> {
    // Some methods have none that must be there.
    let params = if params.is_null() { json!({}) } else { params };
    serde_json::from_value(params).map_err(|error| (INVALID_PARAMS, format!("the parameters: {error}")))
}

/// An answer, as it is sent.
fn told(answer: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(answer).map_err(|error| (INTERNAL_ERROR, error.to_string()))
}

fn directory(path: PathBuf) -> Result<String, Failure> {
    path.into_os_string().into_string().map_err(|_| (INVALID_PARAMS, "`cwd` is not UTF-8".to_owned()))
}

fn unknown(thread_id: &str) -> Failure {
    (INVALID_PARAMS, format!("no session `{thread_id}` is open: `session/load` opens it"))
}

fn failure(error: RpcError) -> Failure {
    (INTERNAL_ERROR, error.message)
}
