//! Runs a command to its end and keeps the ends of its output.
//!
//! It must never leave a confined process behind, nor hold more output than it was told to keep.

use std::{
    fs::File,
    io::Read,
    time::{Duration, Instant},
};

use codex_sandbox::{Child, Command, Confinement, Exit, Sandbox, SandboxError, Streams};
use tokio::{io::AsyncReadExt, net::unix::pipe};
use tokio_util::sync::CancellationToken;

use crate::output::Capture;

/// Read from the pipe at once, in bytes.
const BUFFER: usize = 256 << 10;

/// Most that is read after the command has ended, in bytes: the capacity of its pipe. What survives an unconfined
/// command may go on writing for ever.
const LEFT_IN_PIPE: usize = 1 << 20;

/// How long a killed command may take to be gone before it is given up.
const DEATH: Duration = Duration::from_secs(5);

/// How a command came to its end.
#[derive(Debug)]
pub(crate) enum End {
    /// By itself, or by a signal of somebody else.
    Exited(Exit),
    /// It took longer than it might and was killed.
    TimedOut,
    /// The user interrupted it and it was killed.
    Cancelled,
    /// The sandbox lost it.
    Lost(SandboxError),
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) end: End,
    /// Standard output and standard error, in the order they were written.
    pub(crate) output: Capture,
    /// Wall time.
    pub(crate) duration: Duration,
}

/// Runs `command` behind `confinement` until it ends, `timeout` passes or `cancel` says so; keeps at most about `keep`
/// bytes of its output.
///
/// # Errors
/// Those of [`Sandbox::spawn`]: the command did not run then.
pub(crate) async fn run(
    sandbox: &Sandbox,
    confinement: &Confinement,
    command: Command,
    timeout: Duration,
    keep: usize,
    cancel: &CancellationToken,
) -> Result<Finished, SandboxError> {
    let begun = Instant::now();
    let spawned = tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        child = sandbox.spawn(confinement, command, Streams::Merged) => Some(child?),
    };
    let mut output = Capture::new(keep);
    let end = match spawned {
        Some(child) => follow(child, timeout, &mut output, cancel).await,
        None => End::Cancelled,
    };
    Ok(Finished { end, output, duration: begun.elapsed() })
}

async fn follow(child: Child, timeout: Duration, output: &mut Capture, cancel: &CancellationToken) -> End {
    let Child { mut stdout, mut process, .. } = child;
    let deadline = tokio::time::sleep(timeout);
    tokio::pin!(deadline);
    let mut buffer = vec![0; BUFFER];
    let mut open = true;
    let end = loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => break End::Cancelled,
            () = &mut deadline => break End::TimedOut,
            exit = process.wait() => break exit.map_or_else(End::Lost, End::Exited),
            count = stdout.read(&mut buffer), if open => match count {
                Ok(count) if count > 0 => output.push(&buffer[..count]),
                // Closed or broken: the command may still run, with its output elsewhere.
                _ => open = false,
            },
        }
    };
    if matches!(end, End::Cancelled | End::TimedOut) {
        process.kill();
        let _ = tokio::time::timeout(DEATH, process.wait()).await;
    }
    if open {
        drain(stdout, &mut buffer, output);
    }
    end
}

/// Reads what is in the pipe without waiting for more. Past tokio, which may not know yet that there is something.
fn drain(pipe: pipe::Receiver, buffer: &mut [u8], output: &mut Capture) {
    let Ok(descriptor) = pipe.into_nonblocking_fd() else { return };
    let mut pipe = File::from(descriptor);
    let mut left = LEFT_IN_PIPE;
    while left > 0 {
        let most = left.min(buffer.len());
        match pipe.read(&mut buffer[..most]) {
            Ok(count) if count > 0 => {
                output.push(&buffer[..count]);
                left -= count;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn what_is_in_the_pipe_is_read_and_no_more_is_waited_for() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut kept_open = writer.try_clone().unwrap();
        kept_open.write_all(b"last words").unwrap();
        let receiver = pipe::Receiver::from_owned_fd(reader.into()).unwrap();
        let mut output = Capture::new(100);
        drain(receiver, &mut [0; 4], &mut output);
        assert_eq!(output.text(100), "last words");
    }
}
