//! What servers of tools want to know of a person: asked while their call runs, and answered or not.
//!
//! It must never ask under a policy that asks nobody; that it would have asked is told.

use std::sync::Arc;

use codex_mcp::Form;
use codex_permissions::Approval;
use codex_protocol::{
    ApprovalDecision, Asked, ElicitationParams, Event, Position, ServerMessage, ServerNotification, ServerRequest,
    ServerRequestResolved, ThreadStatus, Warning,
};
use codex_tools::{Asking, Person};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    Questions,
    hooks::Caller,
    questions::Answer,
    thread::ThreadState,
    turn::{TurnRun, status_changed},
};

/// Most characters of a message that a warning repeats.
const QUOTED: usize = 200;

/// Asks for the call of an item.
#[derive(Clone)]
struct Asker {
    events: mpsc::Sender<ServerMessage>,
    questions: Arc<Questions>,
    thread_id: String,
    turn_id: String,
    item_id: String,
    is_anybody_asked: bool,
    cancel: CancellationToken,
    notifier: Option<Caller>,
}

impl TurnRun {
    /// Whom the call of the item `item_id` asks.
    pub(crate) fn person(&self, state: &ThreadState, item_id: &str) -> Person {
        let asker = Asker {
            events: state.recorder.events(),
            questions: Arc::clone(&state.questions),
            thread_id: self.thread_id.clone(),
            turn_id: self.turn.id.clone(),
            item_id: item_id.to_owned(),
            is_anybody_asked: state.settings.workplace.policy.approval != Approval::Never,
            cancel: self.cancel.clone(),
            notifier: self.notifier(state),
        };
        Person::new(move |asking| {
            let (asker, given_up) = (asker.clone(), asker.cancel.child_token());
            Box::pin(async move {
                // Dropped, the task goes on until the question is taken back.
                let _given_up_with_this = given_up.clone().drop_guard();
                let asked = tokio::spawn(async move { asker.ask(asking, &given_up).await });
                asked.await.unwrap_or(ApprovalDecision::Decline)
            })
        })
    }
}

impl Asker {
    async fn ask(&self, asking: Asking, given_up: &CancellationToken) -> ApprovalDecision {
        let Asking { server, message, asked } = asking;
        if !self.is_anybody_asked {
            let said: String = message.chars().take(QUOTED).collect();
            let message =
                format!("the MCP server `{server}` asked “{said}”: nobody can be asked here, so it was told no");
            let thread_id = Some(self.thread_id.clone());
            self.tell(ServerNotification::Warning(Warning { thread_id, message })).await;
            return ApprovalDecision::Decline;
        }
        let form = match &asked {
            Asked::Form { requested_schema } => match Form::read(requested_schema) {
                Ok(form) => form,
                Err(_) => return ApprovalDecision::Decline,
            },
            Asked::Url { .. } => Form::default(),
        };
        if let Some(notifier) = &self.notifier {
            notifier.elicitation(&server, &message);
        }
        let params = ElicitationParams {
            thread_id: self.thread_id.clone(),
            turn_id: Some(self.turn_id.clone()),
            item_id: self.item_id.clone(),
            server_name: server,
            message,
            asked,
            meta: None,
            agent: None,
        };
        self.stands(&["waitingOnUserInput"]).await;
        let (id, answered) = self.questions.put_form(form);
        let request = ServerRequest::Elicitation(params);
        let heard = self.events.send(ServerMessage::Request { id, request }).await.is_ok();
        let answer = tokio::select! {
            answer = answered, if heard => answer.ok(),
            () = given_up.cancelled() => None,
            () = self.events.closed() => None,
        };
        self.questions.withdraw(id);
        let resolved = ServerRequestResolved { thread_id: self.thread_id.clone(), request_id: id };
        self.tell(ServerNotification::ServerRequestResolved(resolved)).await;
        self.stands(&[]).await;
        match answer {
            Some(Answer::Yes) => ApprovalDecision::Accept,
            Some(Answer::Content(content)) => ApprovalDecision::AcceptWithContent { content },
            Some(Answer::No(_)) => ApprovalDecision::Decline,
            // It was closed, or nobody is there any more.
            _ => ApprovalDecision::Cancel,
        }
    }

    /// Says what the thread waits for.
    async fn stands(&self, flags: &[&str]) {
        let active_flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        self.tell(status_changed(&self.thread_id, ThreadStatus::Active { active_flags })).await;
    }

    async fn tell(&self, notification: ServerNotification) {
        let _ = self.events.send(ServerMessage::Event(Event { notification, position: Position::Transient {} })).await;
    }
}
