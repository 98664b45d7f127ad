//! Sessions as they are for clients from elsewhere: those that work where the server lets others work, and no others.

use codex_protocol::{ClientRequest, ClientResponse, RpcError};

use super::Hub;
use crate::Ceiling;

impl Hub {
    /// Refuses a request about a thread that works elsewhere, or whose directory leads elsewhere by now.
    pub(super) async fn hold_thread(&self, ceiling: &Ceiling, request: &ClientRequest) -> Result<(), RpcError> {
        let Some(thread_id) = thread_of(request) else { return Ok(()) };
        let workplace = self.server.workplace_of(thread_id).await?;
        ceiling.recorded(&workplace)
    }

    /// Opens a thread. One that was to go on where it worked last may have worked elsewhere: it is closed again.
    pub(super) async fn open_here(&self, request: ClientRequest) -> Result<ClientResponse, RpcError> {
        let response = self.server.dispatch(request).await?;
        let (Some(ceiling), Some(opened)) = (
            &self.ceiling,
            match &response {
                ClientResponse::ThreadStart(opened)
                | ClientResponse::ThreadResume(opened)
                | ClientResponse::ThreadFork(opened) => Some(opened),
                _ => None,
            },
        ) else {
            return Ok(response);
        };
        if let Err(error) = ceiling.directory(&opened.cwd) {
            self.server.close(opened.thread.id.clone()).await;
            return Err(error);
        }
        Ok(response)
    }

    /// What of a list of sessions a client is shown.
    pub(super) fn shown(&self, mut response: ClientResponse) -> ClientResponse {
        let Some(ceiling) = &self.ceiling else { return response };
        let is_open = |cwd: &str| ceiling.recorded(cwd.as_ref()).is_ok();
        match &mut response {
            ClientResponse::ThreadList(list) => list.data.retain(|thread| is_open(&thread.cwd)),
            ClientResponse::ThreadSearch(found) => found.data.retain(|found| is_open(&found.thread.cwd)),
            _ => {}
        }
        response
    }
}

/// The thread that a request is about.
fn thread_of(request: &ClientRequest) -> Option<&str> {
    Some(match request {
        ClientRequest::ThreadStart(_)
        | ClientRequest::ThreadList(_)
        | ClientRequest::ThreadLoadedList(_)
        | ClientRequest::ThreadSearch(_)
        | ClientRequest::FuzzyFileSearch(_)
        | ClientRequest::SkillsList(_)
        | ClientRequest::SkillsConfigWrite(_)
        | ClientRequest::ModelList(_)
        | ClientRequest::ConfigRead(_)
        // Whoever knows the id of the login has begun it.
        | ClientRequest::McpServerOauthPaste(_)
        | ClientRequest::PermissionProfileList(_)
        | ClientRequest::PluginInstalled(_)
        // These are held to what the connection follows.
        | ClientRequest::ServerRequestAnswer(_)
        | ClientRequest::ThreadUnsubscribe(_) => return None,
        ClientRequest::HooksList(params) => return params.thread_id.as_deref(),
        ClientRequest::ThreadResume(params) => &params.thread_id,
        ClientRequest::ThreadDiff(params) => &params.thread_id,
        ClientRequest::ThreadFork(params) => &params.from.thread_id,
        ClientRequest::ThreadRead(params)
        | ClientRequest::ThreadArchive(params)
        | ClientRequest::ThreadUnarchive(params)
        | ClientRequest::ThreadDelete(params)
        | ClientRequest::ThreadContextRead(params) => &params.thread_id,
        ClientRequest::ThreadItemsList(params) => &params.thread_id,
        ClientRequest::ThreadTurnsList(params) => &params.thread_id,
        ClientRequest::ThreadShellCommand(params) => &params.thread_id,
        ClientRequest::ThreadRevert(params) => &params.thread_id,
        ClientRequest::ThreadRewind(params) | ClientRequest::ThreadRewindPreview(params) => &params.thread_id,
        ClientRequest::ThreadRewindList(params) => &params.thread_id,
        ClientRequest::ThreadRewindRedo(params) => &params.thread_id,
        ClientRequest::ThreadSetName(params) => &params.thread_id,
        ClientRequest::ThreadCompactStart(params) => &params.thread_id,
        ClientRequest::ThreadCompactUndo(params) => &params.thread_id,
        ClientRequest::TerminalsList(params) | ClientRequest::TerminalsClean(params) => &params.thread_id,
        ClientRequest::TerminalTerminate(params) => &params.thread_id,
        ClientRequest::TerminalResize(params) => &params.thread_id,
        ClientRequest::ThreadSettingsUpdate(params) => &params.thread_id,
        ClientRequest::AgentsStart(params) => &params.thread_id,
        ClientRequest::AgentsList(params) => &params.thread_id,
        ClientRequest::McpServerStatusList(params) => return params.thread_id.as_deref(),
        ClientRequest::McpServerOauthLogin(params) => return params.thread_id.as_deref(),
        ClientRequest::McpServerControl(params) => &params.thread_id,
        ClientRequest::PermissionsRead(params) => &params.thread_id,
        ClientRequest::PermissionsForget(params) => &params.thread_id,
        ClientRequest::CommandList(params) => &params.thread_id,
        ClientRequest::PluginsList(params) => &params.thread_id,
        ClientRequest::PluginsSet(params) => &params.thread_id,
        ClientRequest::ThreadUsageRead(params) => &params.thread_id,
        ClientRequest::TurnStart(params) => &params.thread_id,
        ClientRequest::TurnSteer(params) => &params.thread_id,
        ClientRequest::TurnInterrupt(params) => &params.thread_id,
        ClientRequest::TurnRetry(params) => &params.thread_id,
        ClientRequest::ReviewStart(params) => &params.thread_id,
    })
}
