//! `codex sandbox -- COMMAND`: runs a command inside the walls that the agent's commands would have here.

use codex_config::Environment;
use codex_sandbox::{Child, Command, Exit, Sandbox, Streams};
use tokio::{io::AsyncReadExt, net::unix::pipe};

use crate::{
    args::{RunOptions, SandboxArguments, ThreadOptions},
    commands::exec::OWN_PROGRAM,
    exec::ExitStatus,
    resolve, terminal,
};

/// Runs the command; the program ends with its status.
///
/// # Errors
/// A sentence for the user when the configuration is wrong, or the walls cannot be set up.
pub async fn run(
    thread: ThreadOptions,
    arguments: SandboxArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let params = resolve::thread_start(&thread.then(arguments.thread), &RunOptions::default())?;
    let walls = codex_server::walls(&environment, params).map_err(|error| error.to_string())?;
    walls.warnings.iter().for_each(|warning| terminal::complain(&format!("warning: {warning}")));
    let command =
        Command { argv: arguments.command, directory: walls.workspace.clone(), environment: walls.environment.clone() };
    let sandbox = Sandbox::new(OWN_PROGRAM.into());
    let child = sandbox.spawn(&walls.confinement, command, Streams::Separate).await;
    let exit = forward(child.map_err(|error| error.to_string())?).await?;
    drop(walls);
    match exit.shell_code() {
        0 => Ok(ExitStatus::Done),
        code => std::process::exit(code),
    }
}

/// Passes on what the command writes, until it ends. What it left running, without walls, is not waited for.
async fn forward(mut child: Child) -> Result<Exit, String> {
    let output = async {
        tokio::join!(copy(&mut child.stdout, |bytes| terminal::write(bytes).is_ok()), async {
            if let Some(stderr) = &mut child.stderr {
                copy(stderr, |bytes| std::io::Write::write_all(&mut std::io::stderr(), bytes).is_ok()).await;
            }
        })
    };
    let exit = tokio::select! {
        exit = child.process.wait() => exit,
        _ = output => child.process.wait().await,
    };
    let exit = exit.map_err(|error| error.to_string())?;
    // What it had written when it ended is in the pipes.
    drain(&child.stdout, |bytes| terminal::write(bytes).is_ok());
    if let Some(stderr) = &child.stderr {
        drain(stderr, |bytes| std::io::Write::write_all(&mut std::io::stderr(), bytes).is_ok());
    }
    Ok(exit)
}

async fn copy(from: &mut pipe::Receiver, mut to: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if !to(&buffer[..count]) {
            break;
        }
    }
}

/// Reads without the runtime, which may not have noticed yet that there is something.
fn drain(from: &pipe::Receiver, mut to: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = rustix::io::read(from, &mut buffer) {
        if !to(&buffer[..count]) {
            break;
        }
    }
}
