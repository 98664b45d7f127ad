//! A connection that ends when a server says too much of its own accord.

use std::{sync::PoisonError, time::Instant};

use rmcp::{
    RoleClient,
    model::JsonRpcMessage,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};

use crate::{limits::Flood, stdio::Broken};

/// The connection, and what is left to the server.
pub(crate) struct Guarded<T> {
    pub(crate) transport: T,
    pub(crate) flood: Flood,
    pub(crate) broken: Broken,
}

impl<T> Guarded<T> {
    pub(crate) fn new(transport: T, broken: Broken) -> Self {
        Self { transport, flood: Flood::new(Instant::now()), broken }
    }
}

impl<T: Transport<RoleClient> + 'static> Transport<RoleClient> for Guarded<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.transport.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let message = self.transport.receive().await?;
        let is_asked = matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_));
        if is_asked || self.flood.takes(Instant::now()) {
            return Some(message);
        }
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        *broken = Some("sent more messages than anybody asked for".to_owned());
        None
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.transport.close()
    }
}
