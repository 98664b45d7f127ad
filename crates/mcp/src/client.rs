//! What a server may ask of us: which directory we work in, and questions to a person. Everything else is refused.

use std::{path::PathBuf, sync::Arc};

use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{ClientConfig, ElicitRequestParams, ElicitResult, ProgressNotificationParam},
    service::{NotificationContext, RequestContext},
};
use serde_json::json;
use tokio::sync::Notify;

use crate::{Progressed, calls::Calls, elicitation, limits};

/// Our end of a connection.
pub(crate) struct Client {
    pub(crate) server: String,
    /// Where it may work: the workspace, and what its settings let it write besides.
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) calls: Calls,
    /// Told when the server says that it offers something else.
    pub(crate) relist: Arc<Notify>,
}

/// What we tell of ourselves. The version is the last one that begins with a handshake, which all servers know.
pub(crate) fn config() -> ClientConfig {
    let said = json!({
        "protocolVersion": rmcp::model::ProtocolVersion::LATEST_WITH_INITIALIZE,
        "capabilities": {"roots": {}, "elicitation": {"form": {}, "url": {}}},
        "clientInfo": {"name": "codex", "version": env!("CARGO_PKG_VERSION")},
    });
    serde_json::from_value(said).unwrap_or_default()
}

#[allow(deprecated, reason = "servers ask for roots, whatever a later version of the protocol says")]
impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        config()
    }

    async fn list_roots(
        &self,
        _context: RequestContext<RoleClient>,
    ) -> Result<rmcp::model::ListRootsResult, ErrorData> {
        let root = |path| Some(rmcp::model::Root::new(url::Url::from_file_path(path).ok()?.as_str()));
        Ok(rmcp::model::ListRootsResult::new(self.roots.iter().filter_map(root).collect()))
    }

    async fn create_elicitation(
        &self,
        params: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let Some(question) = elicitation::question(&self.server, &params) else { return Ok(elicitation::declined()) };
        let Some((elicit, _asking)) = self.calls.ask() else { return Ok(elicitation::declined()) };
        let asked = question.asked.clone();
        tokio::select! {
            elicited = elicit(question) => Ok(elicitation::answer(&asked, elicited)),
            () = context.ct.cancelled() => Ok(elicitation::declined()),
        }
    }

    async fn on_progress(&self, params: ProgressNotificationParam, _context: NotificationContext<RoleClient>) {
        let message = params.message.map(|message| limits::line(&message, limits::SENTENCE));
        let progressed = Progressed { done: params.progress, total: params.total, message };
        self.calls.progressed(&params.progress_token, progressed);
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.relist.notify_one();
    }

    async fn on_prompt_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.relist.notify_one();
    }

    async fn on_resource_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.relist.notify_one();
    }
}
