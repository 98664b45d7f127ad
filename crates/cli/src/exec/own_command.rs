//! A prompt that uses a command that is not built in: it is said as that.

use codex_client::{Client, command_word, own_command};
use codex_protocol::{CommandListParams, RpcError, UserInput};

use crate::terminal;

/// What the prompt says. The server is asked which commands there are only where one may be meant; what is none of them stays a
/// text.
///
/// # Errors
/// The server's.
pub async fn input(client: &Client, thread_id: &str, prompt: String) -> Result<UserInput, RpcError> {
    let text = prompt.trim_start();
    let Some((name, arguments)) = command_word(text) else { return Ok(UserInput::Text { text: prompt }) };
    if name.starts_with("mcp__") {
        // A prompt of a server, which may be on its way yet: who uses it waits for it.
        return Ok(UserInput::Command { name: name.to_owned(), arguments: arguments.to_owned() });
    }
    let found = client.command_list(CommandListParams { thread_id: thread_id.to_owned(), no_wait: true }).await?;
    found.warnings.iter().for_each(|warning| terminal::complain(&format!("warning: {warning}")));
    Ok(own_command(text, &found.data).unwrap_or(UserInput::Text { text: prompt }))
}
