//! What waits for a model that cannot be asked just now.

use std::{iter::successors, time::Duration};

use codex_config::{ProviderSettings, Settings};
use codex_model::RetryPolicy;
use codex_protocol::{Empty, RpcError, TurnInterruptParams};

use crate::{Server, dispatch::thread_error};

/// The longest wait that a vendor may ask for where another model can answer instead.
const SHORT: Duration = Duration::from_secs(60);

/// What is waited out; `others`: another model can take over.
pub(crate) fn policy(settings: &Settings, provider: &ProviderSettings, others: bool) -> RetryPolicy {
    let network_wait = Duration::from_secs(settings.network_wait);
    let (retries, request_retries) = (provider.stream_max_retries, provider.request_max_retries);
    let usual = RetryPolicy { retries, request_retries, network_wait, ..RetryPolicy::default() };
    match others {
        true => RetryPolicy { longest_asked_delay: SHORT, ..usual },
        false => usual,
    }
}

impl Server {
    /// Stops a turn, whatever it waits for.
    pub(crate) fn interrupt(&self, params: &TurnInterruptParams) -> Result<Empty, RpcError> {
        self.thread(&params.thread_id)?.interrupt(&params.turn_id).map_err(thread_error)?;
        Ok(Empty {})
    }

    /// Has a turn, and the sub-agents that work for its thread, wait no longer before they ask the model again.
    pub(crate) fn hurry(&self, params: &TurnInterruptParams) -> Result<Empty, RpcError> {
        let TurnInterruptParams { thread_id, turn_id } = params;
        self.thread(thread_id)?.hurry(turn_id).map_err(thread_error)?;
        for id in self.open_threads() {
            if successors(self.works_for(&id), |above| self.works_for(above)).any(|above| above == *thread_id) {
                // It may have ended just now, or have nothing to do.
                let _ = self.thread(&id).map(|agent| agent.hurry(""));
            }
        }
        Ok(Empty {})
    }
}
