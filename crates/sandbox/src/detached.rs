//! A program of the user's own that nobody waits for: without walls, streams or an end that anybody hears of.

use std::{io, os::unix::process::CommandExt, process::Stdio, thread};

use crate::Command;

/// Starts a program without walls, with nothing as its standard streams, in a process group of its own: it may outlive this
/// program. Only for what the user has named for it.
///
/// # Errors
/// When it cannot be started.
#[allow(clippy::disallowed_methods, reason = "it is the user's own program, and runs without walls")]
pub fn start_detached(command: Command) -> io::Result<()> {
    let Command { argv, directory, environment } = command;
    let [program, arguments @ ..] = &argv[..] else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it has no name"));
    };
    let mut command = std::process::Command::new(program);
    command.args(arguments).current_dir(directory).env_clear().envs(environment).process_group(0);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // A process that nobody waits for stays as a zombie.
    thread::Builder::new().name("reaper".into()).stack_size(64 << 10).spawn(move || child.wait())?;
    Ok(())
}
