//! A started command, as its caller holds it.

use tokio::net::unix::pipe;

use crate::{Exit, Noticed, SandboxError, cell::Control, hint, wire::Reply};

/// A running command: its streams and its life. Dropping it (more exactly: its `process`) kills the command.
///
/// The fields are apart so that a caller can read `stdout` and wait for `process` at the same time.
pub struct Child {
    /// What it writes to standard output; with [`crate::Streams::Merged`] to standard error as well.
    pub stdout: pipe::Receiver,
    /// What it writes to standard error, with [`crate::Streams::Separate`].
    pub stderr: Option<pipe::Receiver>,
    /// Its standard input, if asked for by [`crate::Sandbox::spawn_with_input`]. Dropping it is end of file.
    pub stdin: Option<pipe::Sender>,
    /// Its life.
    pub process: Process,
}

impl Child {
    /// See [`Process::wait`].
    ///
    /// # Errors
    /// Those of [`Process::wait`].
    pub async fn wait(&mut self) -> Result<Exit, SandboxError> {
        self.process.wait().await
    }

    /// See [`Process::kill`].
    pub fn kill(&self) {
        self.process.kill();
    }
}

/// The life of a command. Dropping it kills the command and everything it started.
pub struct Process {
    control: Control,
    exit: Option<Exit>,
    noticed: Noticed,
}

impl Process {
    pub(crate) fn new(control: Control) -> Self {
        Self { control, exit: None, noticed: Noticed::default() }
    }

    /// Waits until the command has ended; confined, or after [`Process::kill`], also all that it started. Once it has,
    /// the answer stays the same. May be dropped while it waits.
    ///
    /// What the command wrote may still be in the pipes. An unconfined command may leave processes behind which hold
    /// them open, so do not wait for their end for ever.
    ///
    /// # Errors
    /// [`SandboxError::Lost`] if the command was ended together with its cell.
    pub async fn wait(&mut self) -> Result<Exit, SandboxError> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        match self.control.reply().await? {
            Reply::Exited(exit, noticed) => {
                self.noticed = Noticed { refused: self.control.take_refusals(), ..noticed };
                Ok(*self.exit.insert(exit))
            }
            Reply::Failed(failure) => Err(hint::explain(failure)),
            _ => Err(Control::unexpected()),
        }
    }

    /// What was noticed while it ran. Nothing, until [`Process::wait`] has told its end.
    pub fn noticed(&self) -> &Noticed {
        &self.noticed
    }

    /// Kills the command and everything it started (`SIGKILL`), whatever sessions they made. Returns at once;
    /// [`Process::wait`] tells when it is done. After the end it does nothing.
    pub fn kill(&self) {
        if self.exit.is_none() {
            self.control.kill();
        }
    }
}
