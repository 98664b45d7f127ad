//! `codex sandbox -- COMMAND`: runs a command inside the walls that the agent's commands would have here.

mod refused;
mod signals;

use std::{
    io::{self, Write},
    os::fd::AsFd,
};

use codex_config::Environment;
use codex_sandbox::{Change, Child, Command, Confinement, Exit, Helper, Process, Rung, Streams, shown};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::unix::pipe,
    task::yield_now,
};

use self::signals::Signals;
use crate::{
    args::{RunOptions, SandboxArguments, ThreadOptions},
    commands::exec::OWN_PROGRAM,
    exec::ExitStatus,
    resolve, stdin, terminal,
};

/// Runs the command; the program ends with its status. `ahead` was made at the very start.
///
/// # Errors
/// A sentence for the user when the configuration is wrong, or the walls cannot be set up.
pub async fn run(
    thread: ThreadOptions,
    arguments: SandboxArguments,
    environment: Environment,
    ahead: Option<Helper>,
) -> Result<ExitStatus, String> {
    let mut params = resolve::thread_start(&thread.then(arguments.thread), &RunOptions::default())?;
    if arguments.allow_network {
        let config = params.config.get_or_insert_default();
        config.insert("sandbox_workspace_write.network_access".into(), true.into());
    }
    let walls = codex_server::walls(&environment, OWN_PROGRAM.as_ref(), ahead, params, &arguments.command).await;
    let walls = walls.map_err(|error| error.to_string())?;
    walls.warnings.iter().for_each(|warning| terminal::complain(&format!("warning: {warning}")));
    let command =
        Command { argv: arguments.command, directory: walls.workspace.clone(), environment: walls.environment.clone() };
    if walls.confinement != Confinement::Unconfined {
        let rung = walls.sandbox.rung().await.map_err(|error| error.to_string())?;
        if rung != Rung::Full {
            terminal::complain(&format!("sandbox: {}", rung.line()));
        }
    }
    let child = match stdin::is_null() {
        // Commands have a null device of their own.
        true => walls.sandbox.spawn(&walls.confinement, command, Streams::Separate).await,
        false => walls.sandbox.spawn_with_input(&walls.confinement, command, Streams::Separate).await,
    };
    let child = child.map_err(|error| error.to_string())?;
    // What the walls needed is cleaned up while the command's last words are passed on.
    walls.sandbox.close();
    let Child { stdout, stderr, stdin, mut process } = child;
    if let Some(stdin) = stdin {
        tokio::spawn(feed(stdin));
    }
    let mut signals = Signals::default();
    let (exit, signal) = tokio::select! {
        // Whoever listens is late for a command that has ended.
        biased;
        exit = forward(&mut process, stdout, stderr) => (exit, None),
        signal = signals.next() => (end(&mut process, &mut signals).await, Some(signal)),
    };
    // However it ended, what it made is looked at.
    walls.disarm_new().iter().for_each(|sentence| terminal::complain(sentence));
    let code = match signal {
        Some(signal) => 128 + signal,
        None => exit?.shell_code(),
    };
    if code != 0 && signal.is_none() {
        let told = refused::sentences(&walls.confinement, process.noticed());
        told.iter().for_each(|sentence| terminal::complain(sentence));
    }
    walls.end();
    std::process::exit(code)
}

/// Ends the command and all that it started. Another signal ends the wait for that.
async fn end(process: &mut Process, signals: &mut Signals) -> Result<Exit, String> {
    process.kill();
    let exit = tokio::select! {
        exit = process.wait() => exit.map_err(|error| error.to_string()),
        signal = signals.next() => Ok(Exit::Signal(signal)),
    };
    tell_changes(process);
    exit
}

/// Passes on what the command writes, until it ends. What it left running, without walls, is not waited for.
async fn forward(
    process: &mut Process,
    stdout: pipe::Receiver,
    mut stderr: Option<pipe::Receiver>,
) -> Result<Exit, String> {
    let mut stdout = Some(stdout);
    let exit = tokio::select! {
        exit = process.wait() => Some(exit),
        _ = async { tokio::join!(copy(&mut stdout, to_stdout), copy(&mut stderr, to_stderr)) } => None,
    };
    let exit = match exit {
        Some(exit) => exit,
        None => process.wait().await,
    };
    let exit = exit.map_err(|error| error.to_string())?;
    tell_changes(process);
    // What it had written when it ended is in the pipes.
    drain(stdout, to_stdout).await;
    drain(stderr, to_stderr).await;
    for sentence in &process.noticed().refused {
        terminal::complain(&format!("sandbox: the proxy refused: {sentence}"));
    }
    if exit != Exit::Code(0) {
        for cache in &process.noticed().read_only_caches {
            terminal::complain(&format!("sandbox: {} is read-only: no overlay can lie on it", shown(cache)));
        }
    }
    Ok(exit)
}

fn tell_changes(process: &Process) {
    for Change { path, undone } in &process.noticed().changes {
        let now = if *undone { "it is as it was again" } else { "it could not be put back" };
        terminal::complain(&format!("{} is protected and was changed: {now}", shown(path)));
    }
}

async fn to_stdout(bytes: &[u8]) -> bool {
    pass(io::stdout(), bytes, terminal::write).await
}

async fn to_stderr(bytes: &[u8]) -> bool {
    pass(io::stderr(), bytes, |piece| io::stderr().write_all(piece)).await
}

/// Writes in pieces, and each only when there is room for it: while nobody reads, signals are still listened to.
async fn pass(to: impl AsFd, bytes: &[u8], write: impl Fn(&[u8]) -> io::Result<()>) -> bool {
    /// What a pipe that is ready for writing takes without blocking, in bytes (`PIPE_BUF` in pipe(7)).
    const PIECE: usize = 4096;
    const GLANCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    for piece in bytes.chunks(PIECE) {
        while let Ok(0) | Err(rustix::io::Errno::INTR) = poll(&mut [PollFd::new(&to, PollFlags::OUT)], Some(&GLANCE)) {
            yield_now().await;
        }
        if write(piece).is_err() {
            return false;
        }
    }
    true
}

/// Gives the command what comes in on our standard input; one that cannot be read has ended.
async fn feed(mut to: pipe::Sender) {
    let input = io::stdin().as_fd().try_clone_to_owned();
    let Ok(mut pieces) = input.and_then(stdin::pieces) else { return };
    while let Some(Ok(piece)) = pieces.recv().await {
        if to.write_all(&piece).await.is_err() {
            break;
        }
    }
}

/// Most that is taken at once of what a command writes, in bytes; and how much at first: most commands write little, and
/// memory that is not touched costs nothing.
const MOST: usize = 64 * 1024;
const FIRST: usize = 1024;

/// Passes on what comes until there is no more. If nobody takes it, the pipe is closed, so that the command is told.
async fn copy(from: &mut Option<pipe::Receiver>, to: impl AsyncFn(&[u8]) -> bool) {
    let mut buffer = vec![0; FIRST];
    while let Some(pipe) = from
        && let Ok(count @ 1..) = pipe.read(&mut buffer).await
    {
        if !to(&buffer[..count]).await {
            *from = None;
        }
        if count == buffer.len() {
            buffer.resize(MOST, 0);
        }
    }
}

/// Reads without the runtime, which may not have noticed yet that there is something.
async fn drain(from: Option<pipe::Receiver>, to: impl AsyncFn(&[u8]) -> bool) {
    let Some(from) = from else { return };
    let mut buffer = vec![0; FIRST];
    while let Ok(count @ 1..) = rustix::io::read(&from, &mut buffer) {
        if !to(&buffer[..count]).await {
            break;
        }
        if count == buffer.len() {
            buffer.resize(MOST, 0);
        }
    }
}
