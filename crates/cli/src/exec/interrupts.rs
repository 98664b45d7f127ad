//! What asks the run to end, signals and its time limit: the first stops the turn, the second ends the program.

use std::{future::pending, io, time::Duration};

use codex_protocol::{ErrorKind, RpcError};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::sleep,
};

use super::ExitStatus;

/// Asks to end, and by what right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// Ctrl-C: the user stops the turn.
    User,
    /// SIGTERM or SIGHUP: whoever started this program wants it gone.
    Terminate,
    /// The run has taken as long as it may.
    TimeOut,
}

impl Interrupt {
    /// How the run ends by it.
    pub fn status(self) -> ExitStatus {
        match self {
            Self::User => ExitStatus::Interrupted,
            Self::Terminate => ExitStatus::Terminated,
            Self::TimeOut => ExitStatus::TimedOut,
        }
    }
}

/// How long a run whose time is up may take to stop: longer than a tool may.
const GRACE: Duration = Duration::from_secs(10);

/// Listens from now on, and gives the first of these, of which one comes after `limit`.
///
/// On a thread of its own: the second must end the program even while its main thread writes to a pipe that nobody
/// reads. Nothing is lost by it: what was shown is recorded, and what runs dies with this process.
///
/// # Errors
/// When the system refuses a thread or a signal handler.
pub fn listen(limit: Option<Duration>) -> Result<mpsc::UnboundedReceiver<Interrupt>, RpcError> {
    let (first, interrupted) = mpsc::unbounded_channel();
    let (ready, listening) = std::sync::mpsc::channel();
    let listen = move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut signals = Signals::new()?;
            let _ = ready.send(());
            let came = signals.next(limit).await;
            let _ = first.send(came);
            let grace = (came == Interrupt::TimeOut).then_some(GRACE);
            std::process::exit(signals.next(grace).await.status() as i32)
        })
    };
    let failed = |error: io::Error| RpcError::new(ErrorKind::Internal, format!("cannot listen for signals: {error}"));
    let thread = std::thread::Builder::new().name("interrupts".into()).spawn(listen).map_err(failed)?;
    match listening.recv() {
        Ok(()) => Ok(interrupted),
        // It ended before it listened: its error says why.
        Err(_) => {
            let ended: Result<io::Result<()>, _> = thread.join();
            Err(failed(ended.ok().and_then(Result::err).unwrap_or_else(|| io::Error::other("the thread ended"))))
        }
    }
}

/// The signals that end a run.
struct Signals {
    user: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            user: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next of them, or the end of `limit`.
    async fn next(&mut self, limit: Option<Duration>) -> Interrupt {
        let time = async {
            match limit {
                Some(limit) => sleep(limit).await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.user.recv() => Interrupt::User,
            _ = self.terminate.recv() => Interrupt::Terminate,
            _ = self.hang_up.recv() => Interrupt::Terminate,
            () = time => Interrupt::TimeOut,
        }
    }
}
