//! Commands that are not built in, as an editor knows them: it is told which there are, and a prompt may use one.

use codex_client::{Client, command_word, own_command};
use codex_protocol::{CommandListParams, OwnCommand, RpcError, UserInput};
use serde_json::{Value, json};

/// The update that tells which commands a session has; `None`: it has none, or they cannot be told.
pub(super) async fn told(client: &Client, thread_id: &str) -> Option<Value> {
    let commands = list(client, thread_id).await.ok().filter(|commands| !commands.is_empty())?;
    let told = |command: &OwnCommand| {
        let input = command.argument_hint.as_ref().map(|hint| json!({ "hint": hint }));
        json!({ "name": command.name, "description": command.description, "input": input })
    };
    let commands: Vec<Value> = commands.iter().map(told).collect();
    Some(json!({ "sessionUpdate": "available_commands_update", "availableCommands": commands }))
}

/// `input`, whose first text may use a command. What is none stays a text.
///
/// # Errors
/// The server's.
pub(super) async fn used(
    client: &Client,
    thread_id: &str,
    mut input: Vec<UserInput>,
) -> Result<Vec<UserInput>, RpcError> {
    if let Some(UserInput::Text { text }) = input.first()
        && command_word(text.trim_start()).is_some()
        && let Some(command) = own_command(text.trim_start(), &list(client, thread_id).await?)
    {
        input[0] = command;
    }
    Ok(input)
}

async fn list(client: &Client, thread_id: &str) -> Result<Vec<OwnCommand>, RpcError> {
    Ok(client.command_list(CommandListParams { thread_id: thread_id.to_owned() }).await?.data)
}
