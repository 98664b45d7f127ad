//! Signals that ask the run to end: the first stops the turn, the second ends the program.

use codex_protocol::{ErrorKind, RpcError};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::ExitStatus;

/// Asks to end, and by what right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// Ctrl-C: the user stops the turn.
    User,
    /// SIGTERM or SIGHUP: whoever started this program wants it gone.
    Terminate,
}

impl Interrupt {
    /// How the run ends by it.
    pub fn status(self) -> ExitStatus {
        match self {
            Self::User => ExitStatus::Interrupted,
            Self::Terminate => ExitStatus::Terminated,
        }
    }
}

/// Listens from now on, and gives the first of these signals.
///
/// On a thread of its own: the second must end the program even while its main thread writes to a pipe that nobody
/// reads. Nothing is lost by it: what was shown is recorded, and what runs dies with this process.
///
/// # Errors
/// When the system refuses a thread or a signal handler.
pub fn listen() -> Result<mpsc::UnboundedReceiver<Interrupt>, RpcError> {
    let (first, interrupted) = mpsc::unbounded_channel();
    let (ready, listening) = std::sync::mpsc::channel();
    let listen = move || {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(async {
            let mut user = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            let mut hang_up = signal(SignalKind::hangup())?;
            let _ = ready.send(());
            let mut next = async || {
                tokio::select! {
                    _ = user.recv() => Interrupt::User,
                    _ = terminate.recv() => Interrupt::Terminate,
                    _ = hang_up.recv() => Interrupt::Terminate,
                }
            };
            let _ = first.send(next().await);
            std::process::exit(next().await.status() as i32)
        })
    };
    let failed =
        |error: std::io::Error| RpcError::new(ErrorKind::Internal, format!("cannot listen for signals: {error}"));
    let thread = std::thread::Builder::new().name("interrupts".into()).spawn(listen).map_err(failed)?;
    match listening.recv() {
        Ok(()) => Ok(interrupted),
        // It ended before it listened: its error says why.
        Err(_) => {
            let ended: Result<std::io::Result<()>, _> = thread.join();
            Err(failed(ended.ok().and_then(Result::err).unwrap_or_else(|| std::io::Error::other("the thread ended"))))
        }
    }
}
