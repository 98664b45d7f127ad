//! The transport of a client in this process: typed values over channels, no JSON. And the order of requests, which is that
//! of every connection.

use std::{path::PathBuf, sync::Arc};

use codex_config::Environment;
use codex_model::Cassette;
use codex_protocol::{ClientRequest, ClientResponse, ErrorKind, RpcError, SandboxMode, ServerMessage, SessionSource};
use tokio::sync::{mpsc, oneshot};

use crate::{Server, agents, reading::only_reads};

/// Requests of one client that may wait for those before them.
const ORDERED: usize = 128;

/// Where a client puts its requests, each with the place for its answer.
pub type Calls = mpsc::Sender<(ClientRequest, oneshot::Sender<Result<ClientResponse, RpcError>>)>;

/// An answer, and what is to be done when it was given.
pub(crate) struct Answered {
    pub(crate) result: Result<ClientResponse, RpcError>,
    pub(crate) then: Option<Box<dyn FnOnce() + Send>>,
}

impl From<Result<ClientResponse, RpcError>> for Answered {
    fn from(result: Result<ClientResponse, RpcError>) -> Self {
        Self { result, then: None }
    }
}

impl Server {
    /// Starts a server on the current runtime. It ends when the sender is dropped.
    ///
    /// `helper` is this program's own file; `cassette` has what all models of all threads are asked and answer.
    pub fn in_process(
        environment: Environment,
        helper: PathBuf,
        source: SessionSource,
        cassette: Option<Cassette>,
    ) -> (Calls, mpsc::Receiver<ServerMessage>) {
        let (server, told) = Self::begin(environment, helper, source, None, cassette);
        let calls = in_order(move |request| {
            let server = Arc::clone(&server);
            async move { server.dispatch(request).await.into() }
        });
        (calls, told)
    }

    /// A server on the current runtime, no thread of which has a looser sandbox than `ceiling`, and what it tells. It ends when nobody has it any more.
    pub(crate) fn begin(
        environment: Environment,
        helper: PathBuf,
        source: SessionSource,
        ceiling: Option<SandboxMode>,
        cassette: Option<Cassette>,
    ) -> (Arc<Self>, mpsc::Receiver<ServerMessage>) {
        let (server, told, asked) = Self::with_events(environment, helper, source);
        let server = Arc::new(Self { ceiling, cassette, ..server });
        tokio::spawn(agents::serve(Arc::downgrade(&server), asked));
        server.attend();
        (server, told)
    }
}

/// Has `handle` answer the requests of one client, until the sender is dropped and all are answered.
pub(crate) fn in_order<F>(handle: impl Fn(ClientRequest) -> F + Send + Sync + 'static) -> Calls
where
    F: Future<Output = Answered> + Send + 'static,
{
    let (calls, mut called) = mpsc::channel::<(ClientRequest, oneshot::Sender<_>)>(16);
    // A turn must not start before the thread it belongs to.
    let (ordered, mut in_order) = mpsc::channel::<(ClientRequest, oneshot::Sender<_>)>(ORDERED);
    let handle = Arc::new(handle);
    let worker = Arc::clone(&handle);
    tokio::spawn(async move {
        while let Some((request, answer)) = in_order.recv().await {
            give(answer, worker(request).await);
        }
    });
    tokio::spawn(async move {
        while let Some((request, answer)) = called.recv().await {
            // But for answers: a request that came before may wait for one.
            if matches!(request, ClientRequest::ServerRequestAnswer(_)) {
                give(answer, handle(request).await);
            } else if only_reads(&request) {
                let reading = handle(request);
                tokio::spawn(async move { give(answer, reading.await) });
            } else if let Err(refused) = ordered.try_send((request, answer)) {
                // Never waited for here: an answer that comes next may be what they all wait for.
                let mpsc::error::TrySendError::Full((_, answer)) = refused else { break };
                let message = "too many requests wait for those before them: ask again when some are answered";
                give(answer, Err(RpcError::new(ErrorKind::Internal, message)).into());
            }
        }
    });
    calls
}

fn give(to: oneshot::Sender<Result<ClientResponse, RpcError>>, answered: Answered) {
    let _ = to.send(answered.result);
    if let Some(then) = answered.then {
        then();
    }
}

#[cfg(test)]
mod tests {
    use codex_protocol::{ApprovalAnswer, ApprovalDecision, Empty, ServerRequestAnswerParams, ThreadSetNameParams};

    use super::*;

    #[tokio::test]
    async fn a_bounded_number_of_requests_waits_and_answers_pass_them() {
        let (answered, waits) = tokio::sync::watch::channel(false);
        let calls = in_order(move |request| {
            let (answered, mut waits) = (answered.clone(), waits.clone());
            async move {
                if matches!(request, ClientRequest::ServerRequestAnswer(_)) {
                    let _ = answered.send(true);
                } else {
                    let _ = waits.wait_for(|is| *is).await;
                }
                Ok(ClientResponse::ThreadSetName(Empty {})).into()
            }
        });
        let mut results = Vec::new();
        for _ in 0..ORDERED + 10 {
            let (answer, result) = oneshot::channel();
            let params = ThreadSetNameParams::default();
            calls.send((ClientRequest::ThreadSetName(params), answer)).await.unwrap();
            results.push(result);
        }
        let (answer, result) = oneshot::channel();
        let yes = ApprovalAnswer { decision: ApprovalDecision::Accept, message: None };
        let yes = ServerRequestAnswerParams { request_id: 0, answer: yes };
        calls.send((ClientRequest::ServerRequestAnswer(yes), answer)).await.unwrap();
        assert!(result.await.unwrap().is_ok());
        let mut done = 0;
        for result in results {
            done += usize::from(result.await.unwrap().is_ok());
        }
        assert!((ORDERED..ORDERED + 10).contains(&done), "{done}");
    }
}
