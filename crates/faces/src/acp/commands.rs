//! Commands that are not built in, as an editor knows them: it is told which there are, and a prompt may use one.
//!
//! Which there are is asked without servers of tools being started or waited for: they start when a session says its first
//! word, and the editor is told again when one is there.

use std::collections::HashMap;

use agent_client_protocol_schema::v1::{
    AvailableCommand, AvailableCommandInput, AvailableCommandsUpdate, SessionNotification, SessionUpdate,
    UnstructuredCommandInput,
};
use codex_client::{Client, command_word, own_command};
use codex_protocol::{CommandListParams, OwnCommand, RpcError, UserInput};
use tokio::sync::mpsc;

use super::prompt::Prompt;
use crate::rpc::Peer;

/// What there is to be told.
#[derive(Debug)]
pub(super) enum News {
    /// The editor has opened the session of this id, and knows of no command of it.
    Opened(String),
    /// Something has changed that may have commands.
    Changed(String),
}

/// Tells the editor which commands sessions have, beside whatever else it is told, one list after the other. Ends when nobody
/// has news any more.
pub(super) fn teller(client: Client, peer: Peer) -> mpsc::UnboundedSender<News> {
    let (tell, mut news) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut told: HashMap<String, Vec<OwnCommand>> = HashMap::new();
        while let Some(news) = news.recv().await {
            let thread_id = match news {
                News::Opened(id) => {
                    told.remove(&id);
                    id
                }
                News::Changed(id) => id,
            };
            let Ok(commands) = list(&client, &thread_id).await else { continue };
            let before = told.entry(thread_id.clone()).or_default();
            if *before != commands {
                peer.notify("session/update", SessionNotification::new(thread_id, update(&commands))).await;
                *before = commands;
            }
        }
    });
    tell
}

/// The update that tells which commands a session has.
fn update(commands: &[OwnCommand]) -> SessionUpdate {
    let told = |command: &OwnCommand| {
        let input = command
            .argument_hint
            .as_ref()
            .map(|hint| AvailableCommandInput::Unstructured(UnstructuredCommandInput::new(hint)));
        AvailableCommand::new(&command.name, &command.description).input(input)
    };
    SessionUpdate::AvailableCommandsUpdate(AvailableCommandsUpdate::new(commands.iter().map(told).collect()))
}

/// A prompt as a turn's input. What is no command stays a text.
///
/// # Errors
/// The server's.
pub(super) async fn used(client: &Client, thread_id: &str, prompt: Prompt) -> Result<Vec<UserInput>, RpcError> {
    let Prompt { command, mut input } = prompt;
    let Some(text) = command else { return Ok(input) };
    let found = own_command(&text, &list(client, thread_id).await?);
    // A prompt of a server may be on its way yet: who uses it waits for it.
    let of_server = || {
        let (name, arguments) = command_word(&text).filter(|(name, _)| name.starts_with("mcp__"))?;
        Some(UserInput::Command { name: name.to_owned(), arguments: arguments.to_owned() })
    };
    match (found.or_else(of_server), input.first_mut()) {
        (Some(command), _) => input.insert(0, command),
        (None, Some(UserInput::Text { text: rest })) => rest.insert_str(0, &text),
        (None, _) => input.insert(0, UserInput::Text { text }),
    }
    Ok(input)
}

async fn list(client: &Client, thread_id: &str) -> Result<Vec<OwnCommand>, RpcError> {
    Ok(client.command_list(CommandListParams { thread_id: thread_id.to_owned(), no_wait: true }).await?.data)
}
