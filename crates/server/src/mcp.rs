//! The servers of tools that a thread has, and what the settings say about calling them.

mod place;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use codex_agent::{Leave, McpLimits, McpUse, Remembered, ServerRules, Workplace};
use codex_config::{AllowedTool, AllowedTools, McpApproval, McpServerSettings, McpTransport, Settings, allow_tool};
use codex_mcp::{McpServers, PromptArgument, RemotePrompt};
use codex_permissions::{SandboxLevel, ToolApproval};
use codex_protocol::{OwnCommand, RpcError};

use crate::{
    Server,
    build::{Built, configuration},
    mcp_specs,
};

/// Most characters of what is said of a prompt in a list.
const DESCRIPTION: usize = 200;

/// Those of the settings, on the ground of a thread; `None`: there are none. Nothing is started. What could not be as the
/// settings say is put into `warnings`.
pub(crate) fn tools(
    server: &Server,
    codex_home: &Path,
    settings: &Settings,
    workplace: &Workplace,
    warnings: &mut Vec<String>,
) -> Option<Arc<McpUse>> {
    if settings.mcp.servers.is_empty() {
        return None;
    }
    let (specs, untold) = mcp_specs::specs(&server.environment, &settings.mcp);
    warnings.extend(untold);
    warnings.extend(place::rewritable(settings, workplace));
    let place = (workplace, workplace.roots.workspace.clone());
    let shared = (Arc::clone(&server.http), Arc::clone(&server.mcp));
    let ground = mcp_specs::ground(&server.environment, (codex_home, &server.helper), &settings.mcp, place, shared);
    let servers = Arc::new(McpServers::new(specs, ground));
    let rule = |(name, server): (&String, &McpServerSettings)| (name.clone(), rules(server, workplace));
    let rules = settings.mcp.servers.iter().map(rule).collect();
    let limits = McpLimits { offered: settings.mcp.offered_bytes, grace: settings.mcp.startup_wait };
    Some(Arc::new(McpUse::new(servers, rules, limits, leave(codex_home, server.ceiling.is_some()))))
}

/// The prompts of servers that are ready, as commands.
pub(crate) fn commands(mcp: &McpUse) -> Vec<OwnCommand> {
    let command = |prompt: RemotePrompt| OwnCommand {
        name: prompt.called,
        description: prompt.description.lines().next().unwrap_or_default().chars().take(DESCRIPTION).collect(),
        argument_hint: Some(hint(&prompt.arguments)).filter(|hint| !hint.is_empty()),
        source: prompt.server,
    };
    mcp.prompts().into_iter().map(command).collect()
}

/// What a prompt takes, as help writes it.
fn hint(arguments: &[PromptArgument]) -> String {
    let one = |argument: &PromptArgument| match argument.required {
        true => argument.name.clone(),
        false => format!("[{}]", argument.name),
    };
    arguments.iter().map(one).collect::<Vec<_>>().join(" ").chars().take(DESCRIPTION).collect()
}

/// Waits for the servers that must be there.
///
/// # Errors
/// One of them cannot be used.
pub(crate) async fn require(built: &Built) -> Result<(), RpcError> {
    let Some(mcp) = &built.settings.plugged.mcp else { return Ok(()) };
    mcp.required().await.map_err(|why| configuration(&why))
}

fn rules(server: &McpServerSettings, workplace: &Workplace) -> ServerRules {
    let policy = &workplace.policy;
    let approval = |it: McpApproval| match it {
        McpApproval::Auto => ToolApproval::Auto,
        McpApproval::Prompt => ToolApproval::Prompt,
        McpApproval::Approve => ToolApproval::Approve,
    };
    let tools: BTreeMap<_, _> = server.tools.approvals.iter().map(|(name, it)| (name.clone(), approval(*it))).collect();
    let is_program = matches!(server.transport, McpTransport::Stdio(_));
    let is_confined = is_program && server.walls.sandbox && policy.level != SandboxLevel::DangerFullAccess;
    ServerRules {
        approval: if server.tools.is_approval_set { approval(server.tools.approval) } else { ToolApproval::Unset },
        tools,
        is_confined,
        is_required: server.enabled && server.required,
        may_write: is_program && !(is_confined && policy.level == SandboxLevel::ReadOnly),
        walls: walls(server, is_confined),
        place: place::place(server, is_confined, &workplace.roots.workspace),
    }
}

/// What a server is held to, in a sentence for people.
fn walls(server: &McpServerSettings, is_confined: bool) -> String {
    match &server.transport {
        McpTransport::Http(address) => format!("It is elsewhere: {}.", address.shown_url()),
        McpTransport::Stdio(_) if is_confined => "It is a program behind the walls of commands.".to_owned(),
        McpTransport::Stdio(_) => "It is a program without walls: it may do what you may.".to_owned(),
    }
}

/// What the user has allowed for always. A yes `from_elsewhere` holds for the session and no longer.
fn leave(codex_home: &Path, from_elsewhere: bool) -> Leave {
    let (home, kept) = (codex_home.to_owned(), codex_home.to_owned());
    Leave {
        recall: Arc::new(move |server, tool| {
            let all = AllowedTools::read(&home).ok()?;
            let AllowedTool { digest, description, place } = all.get(server, tool)?.clone();
            Some(Remembered { server: server.to_owned(), tool: tool.to_owned(), digest, description, place })
        }),
        keep: Arc::new(move |yes| {
            if from_elsewhere {
                return Ok(());
            }
            let (digest, description) = (yes.digest.clone(), yes.description.clone());
            let now = AllowedTool { digest, description, place: yes.place.clone() };
            allow_tool(&kept, &yes.server, &yes.tool, now).map_err(|error| error.to_string())
        }),
    }
}
