//! Questions of the server that the client has to answer, and what its answers mean.

use std::collections::BTreeSet;

use codex_protocol::{
    ApprovalAnswer, ApprovalDecision, ClientRequest, ErrorKind, ServerNotification, ServerRequestAnswerParams,
};
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::{Answered, gone};
use crate::Calls;

/// Ids of questions that were asked and are not resolved.
#[derive(Default)]
pub(super) struct OpenQuestions(BTreeSet<u64>);

impl OpenQuestions {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn asked(&mut self, id: u64) {
        self.0.insert(id);
    }

    /// Takes note of what was told: a question may have been answered by another client.
    pub(super) fn heard(&mut self, notification: &ServerNotification) {
        if let ServerNotification::ServerRequestResolved(resolved) = notification {
            self.0.remove(&resolved.request_id);
        }
    }

    /// The question with `id` and what can be tried to answer it, the nearest to what the client said first; `None` if
    /// it is not open.
    pub(super) fn answer(&mut self, id: &RawValue, result: Option<&RawValue>) -> Option<(u64, Vec<ApprovalAnswer>)> {
        let id = id.get().parse().ok()?;
        self.0.remove(&id).then(|| (id, attempts(result)))
    }
}

/// What a result of the client comes to. Where it asks for more than is offered, less is taken; what is not understood
/// is a no.
fn attempts(result: Option<&RawValue>) -> Vec<ApprovalAnswer> {
    let read = result.and_then(|result| serde_json::from_str::<ApprovalAnswer>(result.get()).ok());
    let read = read.unwrap_or(ApprovalAnswer { decision: ApprovalDecision::Decline, message: None });
    let less: &[ApprovalDecision] = match read.decision {
        ApprovalDecision::AcceptForSession | ApprovalDecision::AcceptWithExecpolicyAmendment { .. } => {
            &[ApprovalDecision::Accept, ApprovalDecision::Decline, ApprovalDecision::Cancel]
        }
        ApprovalDecision::Accept | ApprovalDecision::AcceptHunks { .. } => {
            &[ApprovalDecision::Decline, ApprovalDecision::Cancel]
        }
        ApprovalDecision::Decline => &[ApprovalDecision::Cancel],
        ApprovalDecision::Cancel => &[ApprovalDecision::Decline],
    };
    let less = less.iter().map(|decision| ApprovalAnswer { decision: decision.clone(), message: None });
    std::iter::once(read).chain(less).collect()
}

/// Answers the question `request_id` with the first of `attempts` that it takes.
pub(super) async fn settle(calls: Calls, request_id: u64, attempts: Vec<ApprovalAnswer>) -> Answered {
    let mut result = Err(gone());
    for answer in attempts {
        let (asked, waits) = oneshot::channel();
        let params = ServerRequestAnswerParams { request_id, answer };
        if calls.send((ClientRequest::ServerRequestAnswer(params), asked)).await.is_err() {
            break;
        }
        result = waits.await.unwrap_or_else(|_| Err(gone()));
        if !matches!(&result, Err(error) if error.data == Some(ErrorKind::Configuration)) {
            break;
        }
    }
    Answered { id: None, thread: None, begins: false, result }
}
