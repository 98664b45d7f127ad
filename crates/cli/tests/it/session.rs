//! A client of a server in this process, as the screen will be one: it says something, hears what happens, and answers
//! questions by a script.

use std::path::Path;

use codex_client::{Connection, View};
use codex_config::Environment;
use codex_protocol::{
    ApprovalAnswer, ApprovalDecision, ApprovalPolicy, ApprovalTerms, CommandApprovalParams, Empty, RpcError,
    ServerMessage, ServerNotification, ServerRequest, ServerRequestAnswerParams, SessionSource, ThreadItem,
    ThreadResumeParams, ThreadStartParams, ThreadStatus, Turn, TurnInterruptParams, TurnStartParams, TurnSteerParams,
    TurnSteerResult, UserInput,
};
use codex_server::Server;

use crate::support::Place;

/// A thread on a server in this process.
pub struct Session {
    pub connection: Connection,
    pub thread_id: String,
    /// What a screen would know.
    pub view: View,
}

/// A turn, as it was seen.
#[derive(Debug)]
pub struct Seen {
    pub turn: Turn,
    /// What was asked, in order.
    pub asked: Vec<ServerRequest>,
    /// What happened to items and questions, and how the thread stood, a word each.
    pub told: Vec<String>,
    /// The finished items.
    pub items: Vec<ThreadItem>,
    pub warnings: Vec<String>,
}

impl Session {
    /// A thread that asks as `policy` says.
    pub async fn start(place: &Place, policy: ApprovalPolicy) -> Self {
        Self::with(place, ThreadStartParams { approval_policy: Some(policy), ..Default::default() }).await
    }

    /// A thread in the place's workspace, unless `params` names another.
    pub async fn with(place: &Place, params: ThreadStartParams) -> Self {
        let connection = connection(place);
        let cwd = params.cwd.clone().or_else(|| place.workspace.to_str().map(str::to_owned));
        let opened = connection.client.thread_start(ThreadStartParams { cwd, ..params }).await.unwrap();
        Self { connection, thread_id: opened.thread.id, view: View::default() }
    }

    /// Goes on with the thread on a server of its own.
    pub async fn resumed(self, place: &Place) -> Self {
        let Self { connection, thread_id, .. } = self;
        drop(connection);
        Self::resume(place, thread_id).await
    }

    /// Goes on with a thread.
    pub async fn resume(place: &Place, thread_id: String) -> Self {
        let connection = self::connection(place);
        let params = ThreadResumeParams { thread_id: thread_id.clone(), ..Default::default() };
        connection.client.thread_resume(params).await.unwrap();
        Self { connection, thread_id, view: View::default() }
    }

    /// Says something to the turn that runs.
    pub async fn steer(&self, turn_id: &str, text: &str) -> Result<TurnSteerResult, RpcError> {
        let input = vec![UserInput::Text { text: text.into() }];
        let expected_turn_id = turn_id.to_owned();
        let params = TurnSteerParams { thread_id: self.thread_id.clone(), expected_turn_id, input };
        self.connection.client.turn_steer(params).await
    }

    pub async fn say(&self, text: &str) {
        let input = vec![UserInput::Text { text: text.into() }];
        let params = TurnStartParams { thread_id: self.thread_id.clone(), input, ..TurnStartParams::default() };
        self.connection.client.turn_start(params).await.unwrap();
    }

    pub async fn interrupt(&self) {
        let params = TurnInterruptParams { thread_id: self.thread_id.clone(), turn_id: String::new() };
        self.connection.client.turn_interrupt(params).await.unwrap();
    }

    pub async fn answer(&self, request_id: u64, answer: ApprovalAnswer) -> Result<Empty, RpcError> {
        self.connection.client.answer(ServerRequestAnswerParams { request_id, answer }).await
    }

    pub async fn message(&mut self) -> ServerMessage {
        let message = self.connection.events.recv().await.unwrap();
        self.view.apply(&message);
        message
    }

    /// The next notification that `wanted` takes something of.
    pub async fn next<T>(&mut self, wanted: impl Fn(&ServerNotification) -> Option<T>) -> T {
        loop {
            if let ServerMessage::Event(event) = self.message().await
                && let Some(found) = wanted(&event.notification)
            {
                return found;
            }
        }
    }

    /// The next question.
    pub async fn question(&mut self) -> (u64, ServerRequest) {
        loop {
            match self.message().await {
                ServerMessage::Request { id, request } => return (id, request),
                ServerMessage::Event(event) => {
                    let ended = matches!(event.notification, ServerNotification::TurnCompleted(_));
                    assert!(!ended, "the turn ended without a question: {:?}", self.view.items);
                }
            }
        }
    }

    pub async fn turn_ended(&mut self) {
        self.next(|told| matches!(told, ServerNotification::TurnCompleted(_)).then_some(())).await;
    }

    /// A whole turn whose questions are answered in order. No other may be asked, and each must be.
    pub async fn turn(&mut self, answers: &[ApprovalAnswer]) -> Seen {
        self.say("go").await;
        self.rest_of_turn(answers).await
    }

    /// As [`Session::turn`], of a turn that has begun.
    pub async fn rest_of_turn(&mut self, answers: &[ApprovalAnswer]) -> Seen {
        let (mut asked, mut told, mut items, mut warnings) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        loop {
            let event = match self.message().await {
                ServerMessage::Event(event) => event,
                ServerMessage::Request { id, request } => {
                    told.push("asked".to_owned());
                    let answer = answers.get(asked.len());
                    let answer = answer.unwrap_or_else(|| panic!("nobody thought of this question: {request:?}"));
                    asked.push(request);
                    self.answer(id, answer.clone()).await.unwrap();
                    continue;
                }
            };
            told.extend(word(&event.notification));
            match event.notification {
                ServerNotification::ItemCompleted(completed) => items.push(completed.item),
                ServerNotification::Warning(warning) => warnings.push(warning.message),
                ServerNotification::TurnCompleted(changed) => {
                    assert_eq!(asked.len(), answers.len(), "{asked:?}");
                    assert!(self.view.questions.is_empty(), "a question stays open: {:?}", self.view.questions);
                    return Seen { turn: changed.turn, asked, told, items, warnings };
                }
                _ => {}
            }
        }
    }
}

/// A server of its own in this process.
pub fn connection(place: &Place) -> Connection {
    let helper = env!("CARGO_BIN_EXE_codex").into();
    let (calls, events) = Server::in_process(environment(place), helper, SessionSource::Cli, None);
    Connection::new(calls, events)
}

/// What a server of the place knows of its surroundings.
pub fn environment(place: &Place) -> Environment {
    let variables = [("CODEX_HOME", place.home.as_path()), ("HOME", &place.home), ("PATH", Path::new(PATH))];
    let variables = variables.map(|(name, value): (&str, &Path)| (name, value.as_os_str()));
    Environment::from_pairs(variables)
}

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

fn word(notification: &ServerNotification) -> Option<String> {
    Some(match notification {
        ServerNotification::ItemStarted(_) => "item started".into(),
        ServerNotification::ItemCompleted(_) => "item completed".into(),
        ServerNotification::ServerRequestResolved(_) => "resolved".into(),
        ServerNotification::ThreadStatusChanged(changed) => match &changed.status {
            ThreadStatus::Active { active_flags } => format!("active {active_flags:?}"),
            status => format!("{status:?}").to_lowercase(),
        },
        _ => return None,
    })
}

pub fn answer(decision: ApprovalDecision) -> ApprovalAnswer {
    ApprovalAnswer { decision, message: None }
}

pub fn yes() -> ApprovalAnswer {
    answer(ApprovalDecision::Accept)
}

pub fn no() -> ApprovalAnswer {
    answer(ApprovalDecision::Decline)
}

/// A question about a command.
pub fn command(request: &ServerRequest) -> &CommandApprovalParams {
    match request {
        ServerRequest::CommandApproval(params) => params,
        other => panic!("another question: {other:?}"),
    }
}

/// What a yes to the question would mean.
pub fn terms(request: &ServerRequest) -> &ApprovalTerms {
    match request {
        ServerRequest::CommandApproval(params) => &params.terms,
        ServerRequest::FileChangeApproval(params) => &params.terms,
        ServerRequest::ProjectTrust(params) => panic!("a question about trust: {params:?}"),
        ServerRequest::Elicitation(params) => panic!("a question of a server: {params:?}"),
    }
}
