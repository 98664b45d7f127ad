//! What clients ask of what users plug in: own commands, skills, servers of tools, plugins.

use codex_protocol::{ClientRequest, ClientResponse, Empty, ErrorKind, RpcError};

use crate::Server;

impl Server {
    /// Answers what is asked of it.
    pub(crate) async fn of_what_is_plugged_in(&self, request: ClientRequest) -> Result<ClientResponse, RpcError> {
        Ok(match request {
            ClientRequest::CommandList(params) => ClientResponse::CommandList(self.list_commands(&params).await?),
            ClientRequest::SkillsList(params) => ClientResponse::SkillsList(self.list_skills(params).await?),
            ClientRequest::SkillsConfigWrite(params) => {
                ClientResponse::SkillsConfigWrite(self.write_skill(params).await?)
            }
            ClientRequest::McpServerStatusList(params) => {
                ClientResponse::McpServerStatusList(self.mcp_status(&params)?)
            }
            ClientRequest::McpServerControl(params) => {
                self.mcp_control(&params)?;
                ClientResponse::McpServerControl(Empty {})
            }
            ClientRequest::McpServerOauthLogin(params) => {
                ClientResponse::McpServerOauthLogin(self.mcp_login(params).await?)
            }
            ClientRequest::McpServerOauthPaste(params) => {
                self.mcp_pasted(params).await?;
                ClientResponse::McpServerOauthPaste(Empty {})
            }
            ClientRequest::PluginInstalled(params) => ClientResponse::PluginInstalled(self.installed_plugins(&params)?),
            ClientRequest::PluginsList(params) => ClientResponse::PluginsList(self.list_plugins(&params.thread_id)?),
            ClientRequest::PluginsSet(params) => {
                self.set_plugin(params).await?;
                ClientResponse::PluginsSet(Empty {})
            }
            other => {
                let message = format!("this is not about what is plugged in: {other:?}");
                return Err(RpcError::new(ErrorKind::Internal, message));
            }
        })
    }
}
