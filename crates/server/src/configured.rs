//! What is configured, as clients ask for it before there is a thread.

use std::collections::BTreeMap;

use codex_config::{SandboxMode, Settings};
use codex_protocol::{
    ClientRequest, ClientResponse, ConfigReadParams, ConfigReadResult, ErrorKind, PermissionProfile,
    PermissionProfileListResult, RpcError, ThreadStartParams,
};
use serde_json::{Value, json};

use crate::{Server, build, dispatch::approval_policy, policy::approval};

/// The levels of the sandbox, the strictest first, and what commands may do in each.
const LEVELS: [(SandboxMode, &str, &str); 3] = [
    (SandboxMode::ReadOnly, "read-only", "Files are read; nothing is written and no command runs"),
    (SandboxMode::WorkspaceWrite, "workspace-write", "Commands run, and write in the workspace only; no network"),
    (SandboxMode::DangerFullAccess, "danger-full-access", "No walls"),
];

impl Server {
    /// Answers what is asked of the settings, whichever thread is open.
    pub(crate) async fn of_the_settings(&self, request: ClientRequest) -> Result<ClientResponse, RpcError> {
        Ok(match request {
            ClientRequest::ConfigRead(params) => ClientResponse::ConfigRead(self.read_config(&params)?),
            ClientRequest::HooksList(params) => ClientResponse::HooksList(self.list_hooks(params)?),
            ClientRequest::ModelList(params) => ClientResponse::ModelList(self.models(&params).await?),
            ClientRequest::PermissionProfileList(params) => {
                ClientResponse::PermissionProfileList(self.permission_profiles(&params)?)
            }
            other => {
                let message = format!("this is not about settings: {other:?}");
                return Err(RpcError::new(ErrorKind::Internal, message));
            }
        })
    }

    /// What is in force in a directory: never a key, an address or a header.
    fn read_config(&self, params: &ConfigReadParams) -> Result<ConfigReadResult, RpcError> {
        let settings = self.configured(params)?;
        let level = settings.sandbox.min(self.most());
        let level = LEVELS.iter().find(|(known, ..)| *known == level).map(|(_, name, _)| *name);
        let all = [
            ("model", json!(settings.model)),
            ("model_provider", json!(settings.model_provider)),
            ("model_reasoning_effort", json!(settings.model_reasoning_effort)),
            ("model_context_window", json!(settings.model_context_window)),
            ("model_auto_compact_token_limit", json!(settings.model_auto_compact_token_limit)),
            ("approval_policy", json!(approval_policy(approval(settings.ask_for_approval)))),
            ("sandbox_mode", json!(level)),
        ];
        let config = all.into_iter().filter(|(_, value)| !value.is_null());
        let config: BTreeMap<String, Value> = config.map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(ConfigReadResult { config, origins: BTreeMap::new() })
    }

    /// The levels of the sandbox, and which of them a thread may have.
    fn permission_profiles(&self, params: &ConfigReadParams) -> Result<PermissionProfileListResult, RpcError> {
        self.configured(params)?;
        let most = self.most();
        let data = LEVELS.iter().map(|(level, id, description)| PermissionProfile {
            id: (*id).to_owned(),
            description: (*description).to_owned(),
            allowed: *level <= most,
        });
        Ok(PermissionProfileListResult { data: data.collect(), next_cursor: None })
    }

    /// The loosest level that a thread may have here.
    fn most(&self) -> SandboxMode {
        use codex_protocol::SandboxMode::{DangerFullAccess, ReadOnly, WorkspaceWrite};
        match self.ceiling {
            Some(ReadOnly) => SandboxMode::ReadOnly,
            Some(WorkspaceWrite) => SandboxMode::WorkspaceWrite,
            Some(DangerFullAccess) | None => SandboxMode::DangerFullAccess,
        }
    }

    fn configured(&self, params: &ConfigReadParams) -> Result<Settings, RpcError> {
        let home = self.codex_home()?.display().to_string();
        let start = ThreadStartParams { cwd: params.cwd.clone().or(Some(home)), ..ThreadStartParams::default() };
        Ok(build::settings(&self.environment, start)?.settings)
    }
}
