//! `codex mcp test`: what a server says of itself when it is started as a session would.

use std::path::Path;

use codex_config::Environment;
use codex_protocol::ThreadStartParams;
use codex_server::{McpTest, mcp_test};
use serde_json::json;

use crate::{
    commands::{exec::OWN_PROGRAM, say, write},
    exec::ExitStatus,
    terminal,
};

/// Starts the server, and tells what it says. Fails if it does not answer.
///
/// # Errors
/// A sentence for the user when the configuration is wrong; `missing` if there is no such server.
pub async fn run(
    params: ThreadStartParams,
    name: &str,
    as_json: bool,
    environment: &Environment,
    missing: String,
) -> Result<ExitStatus, String> {
    let tested = mcp_test(environment, Path::new(OWN_PROGRAM), params, name).await;
    let tested = tested.map_err(|error| error.to_string())?.ok_or(missing)?;
    terminal::warn(&tested.warnings);
    if as_json {
        write(format!("{}\n", object(name, &tested)).as_bytes())?;
    } else {
        say(&text(name, &tested))?;
    }
    Ok(if tested.is_ready { ExitStatus::Done } else { ExitStatus::Failed })
}

fn object(name: &str, tested: &McpTest) -> serde_json::Value {
    let tools: Vec<_> = tested.tools.iter().map(|(tool, reads)| json!({ "name": tool, "read_only": reads })).collect();
    json!({
        "name": name,
        "ready": tested.is_ready,
        "needs_login": tested.needs_login,
        "error": tested.error,
        "server": tested.title,
        "seconds": tested.took.as_secs_f64(),
        "with_token": tested.with_token,
        "tools": tools,
        "prompts": tested.prompts,
        "resources": tested.resources,
        "stderr": tested.stderr,
    })
}

fn text(name: &str, tested: &McpTest) -> String {
    let took = tested.took.as_secs_f32();
    let mut text = match (tested.is_ready, tested.needs_login) {
        (true, _) => {
            let title = tested.title.as_deref().unwrap_or("it does not say what it is");
            format!("{name}: ready after {took:.1} s: {title}\n")
        }
        (false, true) => format!("{name}: wants you to log in: `codex mcp login {name}`\n"),
        (false, false) => {
            let why = tested.error.as_deref().unwrap_or("it has not started in time");
            format!("{name}: not ready after {took:.1} s: {why}\n")
        }
    };
    let tools = tested.tools.iter().map(|(tool, reads)| if *reads { format!("{tool} (reads)") } else { tool.clone() });
    for (what, names) in [
        ("tools", tools.collect::<Vec<_>>()),
        ("prompts", tested.prompts.clone()),
        ("resources", tested.resources.clone()),
    ] {
        if !names.is_empty() {
            text += &format!("  {what} ({}): {}\n", names.len(), names.join(", "));
        }
    }
    if !tested.stderr.trim().is_empty() {
        text += "  it wrote to standard error:\n";
        text.extend(tested.stderr.trim_end().lines().map(|line| format!("    {line}\n")));
    }
    text
}
