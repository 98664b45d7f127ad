//! One command under way: a task reads its output into bounded memory and types its input, whoever waits for it.
//!
//! It must never leave a confined process behind, hold more output than it was told to keep, or let a command that
//! does not read hold up anybody but itself.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use codex_sandbox::{
    Command, Confinement, Exit, Noticed, Process, Sandbox, SandboxError, Streams as PipeStreams, TerminalSize,
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{live::Live, streams::Streams};
use crate::output::{Capture, whole_characters};

/// Read at once, in bytes.
const BUFFER: usize = 256 << 10;

/// How long a killed command may take to be gone before it is given up.
pub(crate) const LONGEST_DEATH: Duration = Duration::from_secs(5);

/// Pieces of input that wait for a command to read them. More is refused, not queued.
const QUEUE: usize = 16;

/// What a command in a terminal sees of its size, in character cells: wide enough for most tables.
const TERMINAL: TerminalSize = TerminalSize { rows: 40, columns: 120 };

/// How a command came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, or by a signal of somebody else.
    Exited(Exit),
    /// It took longer than this, which it might, and was killed.
    TimedOut(Duration),
    /// It was killed because somebody wanted it: an interrupt, a stop, the end of the thread.
    Stopped,
    /// The sandbox lost it.
    Lost(String),
}

/// A command that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) end: End,
    /// Wall time from its start.
    pub(crate) duration: Duration,
    /// What its walls noticed.
    pub(crate) noticed: Noticed,
    /// Whether it reached named domains through a proxy.
    pub(crate) proxied: bool,
}

impl Ended {
    /// Whether it ended otherwise than with status 0.
    pub(crate) fn failed(&self) -> bool {
        !matches!(self.end, End::Exited(exit) if exit.shell_code() == 0)
    }

    /// An end of which the walls say nothing.
    pub(crate) fn unnoticed(end: End, duration: Duration) -> Self {
        Self { end, duration, noticed: Noticed::default(), proxied: false }
    }
}

/// Why a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The command has ended.
    Ended,
    /// The time is up; the command runs on.
    TimeUp,
    /// The wait was cancelled; the command runs on.
    Cancelled,
}

/// What to start, and how much of its output is kept.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) command: Command,
    /// In a terminal of its own; otherwise its input is empty.
    pub(crate) terminal: bool,
    /// It is killed when it takes longer.
    pub(crate) timeout: Option<Duration>,
    /// Bytes kept of its whole output, and of what has not been taken yet.
    pub(crate) keep: [usize; 2],
    /// Who is told of its output while it runs.
    pub(crate) live: Option<Live>,
}

/// A command under way. Dropping it kills the command.
#[derive(Debug)]
pub(crate) struct Running {
    output: Arc<Mutex<Output>>,
    ended: watch::Receiver<Option<Ended>>,
    input: Option<mpsc::Sender<Vec<u8>>>,
    resized: watch::Sender<TerminalSize>,
    stop: CancellationToken,
    started: Instant,
    _kill_on_drop: DropGuard,
}

#[derive(Debug)]
struct Output {
    whole: Capture,
    unread: Capture,
    /// The beginning of a character whose rest has not come yet; not part of `unread`.
    begun: Vec<u8>,
    keep_unread: usize,
}

/// Why input was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputRefused {
    /// It was started without a terminal.
    NoInput,
    /// It does not read what it was sent before.
    Full,
    /// It has ended.
    Ended,
}

impl Running {
    /// Starts a command behind `confinement`. `ends` is counted up when it has ended.
    ///
    /// # Errors
    /// Those of [`Sandbox::spawn`]: the command did not run then.
    pub(crate) async fn start(
        sandbox: &Sandbox,
        confinement: &Confinement,
        start: Start,
        ends: watch::Sender<u64>,
    ) -> Result<Self, SandboxError> {
        let Start { command, terminal, timeout, keep: [keep_whole, keep_unread], live } = start;
        let started = Instant::now();
        let (streams, process) = if terminal {
            let child = sandbox.spawn_in_terminal(confinement, command, TERMINAL).await?;
            (Streams::terminal(child.terminal), child.process)
        } else {
            let child = sandbox.spawn(confinement, command, PipeStreams::Merged).await?;
            (Streams::pipe(child.stdout), child.process)
        };
        let proxied =
            matches!(confinement, Confinement::Confined(walls) if walls.network == codex_sandbox::Network::Proxied);
        let output = Arc::new(Mutex::new(Output::new(keep_whole, keep_unread)));
        let (tell_end, ended) = watch::channel(None);
        let (typed, input) = mpsc::channel(QUEUE);
        let (resized, size) = watch::channel(TERMINAL);
        let stop = CancellationToken::new();
        let follower = Follower {
            streams,
            process,
            input,
            size,
            output: Arc::clone(&output),
            live,
            stop: stop.clone(),
            limit: timeout.map(|timeout| (timeout, started + timeout)),
        };
        tokio::spawn(async move {
            let (end, noticed) = follower.follow().await;
            tell_end.send_replace(Some(Ended { end, duration: started.elapsed(), noticed, proxied }));
            ends.send_modify(|ends| *ends += 1);
        });
        let input = terminal.then_some(typed);
        Ok(Self { output, ended, input, resized, stop: stop.clone(), started, _kill_on_drop: stop.drop_guard() })
    }

    /// Waits until it has ended, `time` has passed or `cancel` says so.
    pub(crate) async fn wait(&self, time: Duration, cancel: &CancellationToken) -> Waited {
        let mut ended = self.ended.clone();
        tokio::select! {
            biased;
            // An error means that its task broke down, and the command with it.
            _ = ended.wait_for(Option::is_some) => Waited::Ended,
            () = cancel.cancelled() => Waited::Cancelled,
            () = tokio::time::sleep(time) => Waited::TimeUp,
        }
    }

    /// Has it killed with everything it started, without waiting.
    pub(crate) fn kill(&self) {
        self.stop.cancel();
    }

    /// Kills it with everything it started, and waits until that is done.
    pub(crate) async fn stop(&self) {
        self.kill();
        let _ = self.ended.clone().wait_for(Option::is_some).await;
    }

    /// How it ended, once it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        let ended = self.ended.borrow().clone();
        let broken = || Ended::unnoticed(End::Lost("its task broke down".into()), self.started.elapsed());
        ended.or_else(|| self.ended.has_changed().is_err().then(broken))
    }

    /// How it ended. To be asked after its end.
    fn end(&self) -> Ended {
        let lost = || Ended::unnoticed(End::Lost("it did not end".into()), self.started.elapsed());
        self.ended().unwrap_or_else(lost)
    }

    /// Wall time so far.
    pub(crate) fn running_for(&self) -> Duration {
        self.started.elapsed()
    }

    /// Queues `bytes` to be typed; never waits.
    ///
    /// # Errors
    /// When they cannot be taken; none of them was then.
    pub(crate) fn input(&self, bytes: Vec<u8>) -> Result<(), InputRefused> {
        let input = self.input.as_ref().ok_or(InputRefused::NoInput)?;
        input.try_send(bytes).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => InputRefused::Full,
            mpsc::error::TrySendError::Closed(_) => InputRefused::Ended,
        })
    }

    /// Changes the size of its terminal, if it has one.
    pub(crate) fn resize(&self, size: TerminalSize) {
        self.resized.send_replace(size);
    }

    /// How it ended, if it has, and at most about `most` bytes of what it has put out since the last look.
    pub(crate) fn look(&self, most: usize) -> (Option<Ended>, String) {
        // In this order: of a command that has ended, all output is there.
        let ended = self.ended();
        let unread = lock(&self.output).take_unread();
        (ended, unread.text(most))
    }

    /// All it has put out, at most about `most` bytes of it.
    pub(crate) fn text(&self, most: usize) -> String {
        lock(&self.output).whole.text(most)
    }
}

/// Runs a command without a terminal to its end, or to that of `cancel`; gives the end and the output.
///
/// # Errors
/// Those of [`Sandbox::spawn`]: the command did not run then.
pub(crate) async fn run_to_end(
    sandbox: &Sandbox,
    confinement: &Confinement,
    command: Command,
    timeout: Duration,
    keep: usize,
    cancel: &CancellationToken,
) -> Result<(Ended, String), SandboxError> {
    let start = Start { command, terminal: false, timeout: Some(timeout), keep: [keep, 0], live: None };
    let running = tokio::select! {
        biased;
        () = cancel.cancelled() => {
            return Ok((Ended::unnoticed(End::Stopped, Duration::ZERO), String::new()));
        }
        running = Running::start(sandbox, confinement, start, watch::Sender::default()) => running?,
    };
    // It ends at its own limit before that.
    if running.wait(timeout + 2 * LONGEST_DEATH, cancel).await != Waited::Ended {
        running.stop().await;
    }
    Ok((running.end(), running.text(keep)))
}

fn lock(output: &Mutex<Output>) -> MutexGuard<'_, Output> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the task of a command works with.
struct Follower {
    streams: Streams,
    process: Process,
    input: mpsc::Receiver<Vec<u8>>,
    size: watch::Receiver<TerminalSize>,
    output: Arc<Mutex<Output>>,
    live: Option<Live>,
    stop: CancellationToken,
    /// How long it may take, and when that is over.
    limit: Option<(Duration, Instant)>,
}

impl Follower {
    /// Reads and types until the command has ended or must end; also gives what its walls noticed.
    async fn follow(mut self) -> (End, Noticed) {
        let (limit, deadline) = self.limit.unwrap_or_else(|| (Duration::ZERO, Instant::now()));
        let deadline = tokio::time::sleep_until(deadline);
        let tell = tokio::time::sleep_until(Instant::now());
        tokio::pin!(deadline, tell);
        let mut buffer = vec![0; BUFFER];
        let mut typed = Vec::new();
        let mut open = true;
        let end = loop {
            let due = self.live.as_ref().and_then(Live::due);
            if let Some(due) = due.filter(|due| *due != tell.deadline()) {
                tell.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break End::Stopped,
                () = &mut deadline, if self.limit.is_some() => break End::TimedOut(limit),
                exit = self.process.wait() => {
                    break exit.map_or_else(|error| End::Lost(error.to_string()), End::Exited);
                }
                () = &mut tell, if due.is_some() => self.live.iter_mut().for_each(Live::tell),
                Ok(()) = self.size.changed() => self.streams.resize(*self.size.borrow_and_update()),
                Some(bytes) = self.input.recv(), if typed.is_empty() => typed = bytes,
                written = self.streams.write(&typed), if !typed.is_empty() => match written {
                    Ok(count) => drop(typed.drain(..count)),
                    // Nobody will read it.
                    Err(_) => typed.clear(),
                },
                count = self.streams.read(&mut buffer), if open => match count {
                    Ok(count) if count > 0 => {
                        let piece = self.streams.plain(&buffer[..count]);
                        if let Some(live) = &mut self.live {
                            live.push(&piece);
                        }
                        keep(&self.output, piece);
                    }
                    // Closed or broken: the command may still run, with its output elsewhere.
                    _ => open = false,
                },
            }
        };
        if matches!(end, End::Stopped | End::TimedOut(_)) {
            self.process.kill();
            let _ = tokio::time::timeout(LONGEST_DEATH, self.process.wait()).await;
        }
        if open {
            let output = &self.output;
            self.streams.drain(&mut buffer, |piece| keep(output, piece));
        }
        lock(&self.output).end();
        (end, self.process.noticed().clone())
    }
}

fn keep(output: &Mutex<Output>, piece: impl AsRef<[u8]>) {
    lock(output).push(piece.as_ref());
}

impl Output {
    fn new(keep_whole: usize, keep_unread: usize) -> Self {
        let (whole, unread) = (Capture::new(keep_whole), Capture::new(keep_unread));
        Self { whole, unread, begun: Vec::new(), keep_unread }
    }

    fn push(&mut self, piece: &[u8]) {
        self.whole.push(piece);
        // A look must not split a character.
        let begun = std::mem::take(&mut self.begun);
        let joined = if begun.is_empty() { Cow::Borrowed(piece) } else { [&begun, piece].concat().into() };
        let whole = whole_characters(&joined);
        self.unread.push(whole);
        self.begun = joined[whole.len()..].to_vec();
    }

    /// No more will come.
    fn end(&mut self) {
        self.unread.push(&std::mem::take(&mut self.begun));
    }

    fn take_unread(&mut self) -> Capture {
        std::mem::replace(&mut self.unread, Capture::new(self.keep_unread))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_does_not_split_a_character() {
        let text = "aé€𝄞".as_bytes();
        for cut in 0..=text.len() {
            let mut output = Output::new(100, 100);
            output.push(&text[..cut]);
            let first = output.take_unread().text(100);
            output.push(&text[cut..]);
            output.end();
            assert_eq!(first + &output.take_unread().text(100), "aé€𝄞", "cut at {cut}");
            assert_eq!(output.whole.text(100), "aé€𝄞");
        }
        let mut output = Output::new(100, 100);
        output.push(b"a\xc3");
        output.end();
        assert_eq!(output.take_unread().text(100), "a\u{fffd}", "at the end nothing is held back");
    }
}
