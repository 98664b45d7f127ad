//! The transport of a client in this process: typed values over channels, no JSON.

use std::{path::PathBuf, sync::Arc};

use codex_config::Environment;
use codex_protocol::{ClientRequest, ClientResponse, RpcError, ServerMessage, SessionSource};
use tokio::sync::{mpsc, oneshot};

use crate::{Server, agents, reading::only_reads};

/// Where a client puts its requests, each with the place for its answer.
pub type Calls = mpsc::Sender<(ClientRequest, oneshot::Sender<Result<ClientResponse, RpcError>>)>;

impl Server {
    /// Starts a server on the current runtime. It ends when the sender is dropped.
    ///
    /// `helper` is this program's own file.
    pub fn in_process(
        environment: Environment,
        helper: PathBuf,
        source: SessionSource,
    ) -> (Calls, mpsc::Receiver<ServerMessage>) {
        let (server, told, asked) = Self::with_events(environment, helper, source);
        let server = Arc::new(server);
        tokio::spawn(agents::serve(Arc::downgrade(&server), asked));
        server.attend();
        let (calls, mut called) = mpsc::channel::<(ClientRequest, oneshot::Sender<_>)>(16);
        // In order: a turn must not start before the thread it belongs to.
        let (ordered, mut in_order) = mpsc::unbounded_channel::<(ClientRequest, oneshot::Sender<_>)>();
        let worker = Arc::clone(&server);
        tokio::spawn(async move {
            while let Some((request, answer)) = in_order.recv().await {
                let _ = answer.send(worker.dispatch(request).await);
            }
        });
        tokio::spawn(async move {
            while let Some((request, answer)) = called.recv().await {
                // But for answers: a request that came before may wait for one.
                if matches!(request, ClientRequest::ServerRequestAnswer(_)) {
                    let _ = answer.send(server.dispatch(request).await);
                } else if only_reads(&request) {
                    let reader = Arc::clone(&server);
                    tokio::spawn(async move { answer.send(reader.dispatch(request).await) });
                } else if ordered.send((request, answer)).is_err() {
                    break;
                }
            }
        });
        (calls, told)
    }
}
