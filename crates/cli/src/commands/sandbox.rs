//! `codex sandbox -- COMMAND`: runs a command inside the walls that the agent's commands would have.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use codex_config::Environment;
use codex_sandbox::{Command, Confined, Confinement, Network, Sandbox, Streams};
use tokio::io::AsyncReadExt;

use crate::{
    args::{SandboxArguments, SandboxLevel, ThreadOptions},
    exec::ExitStatus,
    resolve, terminal,
};

/// Runs the command; the program ends with its status.
///
/// # Errors
/// A sentence for the user when a directory is missing, or the walls cannot be set up.
pub async fn run(
    thread: ThreadOptions,
    arguments: SandboxArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let thread = thread.then(arguments.thread);
    let cwd = resolve::directory("--cd", thread.cd.as_deref().unwrap_or(Path::new(".")))?;
    let confinement = confinement(&thread, &cwd)?;
    let private_temp = (confinement != Confinement::Unconfined).then_some(Path::new("/tmp"));
    let command =
        Command { argv: arguments.command, directory: cwd, environment: environment.for_commands(&[], private_temp) };
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program's own file: {error}"))?;
    let sandbox = Sandbox::new(program);
    let mut child = sandbox.spawn(&confinement, command, Streams::Merged).await.map_err(|error| error.to_string())?;
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = child.stdout.read(&mut buffer).await {
        if std::io::stdout().write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = std::io::stdout().flush();
    let exit = child.wait().await.map_err(|error| error.to_string())?;
    if exit.shell_code() == 0 {
        return Ok(ExitStatus::Done);
    }
    terminal::complain(&format!("the command ended with status {}", exit.shell_code()));
    std::process::exit(exit.shell_code());
}

fn confinement(thread: &ThreadOptions, cwd: &Path) -> Result<Confinement, String> {
    Ok(match thread.sandbox.unwrap_or(SandboxLevel::WorkspaceWrite) {
        SandboxLevel::ReadOnly => Confinement::read_only(&[cwd.to_owned()]),
        SandboxLevel::DangerFullAccess => Confinement::Unconfined,
        SandboxLevel::WorkspaceWrite => {
            let added = thread.add_dir.iter().map(|path| resolve::directory("--add-dir", &cwd.join(path)));
            let mut writable = vec![cwd.to_owned()];
            writable.extend(added.collect::<Result<Vec<PathBuf>, _>>()?);
            let protected = writable.iter().flat_map(|root| codex_workspace::protected_paths(root)).collect();
            Confinement::Confined(Confined { writable, protected, temp: None, network: Network::LoopbackOnly })
        }
    })
}
