//! Runs a program that was plugged in, to its end: what it gets, what it says, and how long it may take.

use std::{collections::BTreeMap, ffi::OsString, io::ErrorKind, path::PathBuf, pin::pin, time::Duration};

use codex_sandbox::{Child, Command, Confinement, Exit, Sandbox, SandboxError, Streams};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::unix::pipe,
};
use tokio_util::sync::CancellationToken;

/// How long output is read on after the program's end: an unconfined one may leave something behind that holds it open.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// A program, and what it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Program and arguments; looked up in `PATH` of `environment` if it has no slash.
    pub argv: Vec<OsString>,
    /// Absolute directory to start in.
    pub directory: PathBuf,
    /// Its whole environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// What it reads.
    pub input: Vec<u8>,
    /// It is killed after so long.
    pub timeout: Duration,
    /// Most bytes that are kept of each of its streams: the first ones.
    pub most_output: usize,
}

impl Program {
    /// `line` for the shell.
    pub fn shell(line: &str, directory: PathBuf, environment: BTreeMap<OsString, OsString>) -> Self {
        Self {
            argv: vec!["/bin/sh".into(), "-c".into(), line.into()],
            directory,
            environment,
            input: Vec::new(),
            timeout: Duration::from_secs(60),
            most_output: 64 << 10,
        }
    }
}

/// What came of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// What it wrote to standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// What it wrote to standard error, likewise.
    pub stderr: String,
    /// Whether either was longer than what is kept.
    pub is_cut: bool,
}

/// How a program ended. It and what it started in its walls are gone then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, or by a signal.
    Exited(Exit),
    /// It took too long, and was killed.
    TimedOut,
    /// Nobody wanted its end any more, and it was killed.
    Cancelled,
}

impl Ran {
    /// Whether it ended by itself with status 0.
    pub fn succeeded(&self) -> bool {
        self.end == End::Exited(Exit::Code(0))
    }
}

/// Runs `program` inside `confinement` until it ends, takes too long or `cancel` says so.
///
/// # Errors
/// Those of [`Sandbox::spawn`]: then it did not run.
pub async fn run(
    sandbox: &Sandbox,
    confinement: &Confinement,
    program: Program,
    cancel: &CancellationToken,
) -> Result<Ran, SandboxError> {
    let Program { argv, directory, environment, input, timeout, most_output } = program;
    let command = Command { argv, directory, environment };
    let child = sandbox.spawn_with_input(confinement, command, Streams::Separate).await?;
    let Child { mut stdout, mut stderr, stdin, mut process } = child;
    let (mut out, mut err) = (Kept::new(most_output), Kept::new(most_output));
    let end = {
        let mut streams = pin!(async {
            tokio::join!(feed(stdin, &input), out.fill(Some(&mut stdout)), err.fill(stderr.as_mut()));
        });
        let (mut are_closed, mut expired) = (false, pin!(tokio::time::sleep(timeout)));
        let end = loop {
            tokio::select! {
                exit = process.wait() => break End::Exited(exit?),
                () = &mut expired => break End::TimedOut,
                () = cancel.cancelled() => break End::Cancelled,
                () = &mut streams, if !are_closed => are_closed = true,
            }
        };
        if !matches!(end, End::Exited(_)) {
            process.kill();
            process.wait().await?;
        }
        if !are_closed {
            let _ = tokio::time::timeout(AFTERWARDS, streams).await;
        }
        end
    };
    let is_cut = out.is_cut || err.is_cut;
    Ok(Ran { end, stdout: out.text(), stderr: err.text(), is_cut })
}

/// Writes `input`, of which a program may read what it likes, and closes the stream.
async fn feed(stdin: Option<pipe::Sender>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input).await;
    }
}

/// The first bytes of a stream.
struct Kept {
    bytes: Vec<u8>,
    most: usize,
    is_cut: bool,
}

impl Kept {
    fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most, is_cut: false }
    }

    /// Reads to the end of the stream, whatever is kept of it: a full pipe would hold the program up.
    async fn fill(&mut self, stream: Option<&mut pipe::Receiver>) {
        let Some(stream) = stream else { return };
        let mut buffer = vec![0; 16 << 10];
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => return,
                Ok(read) => {
                    let room = (self.most - self.bytes.len()).min(read);
                    self.bytes.extend_from_slice(&buffer[..room]);
                    self.is_cut |= room < read;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}
