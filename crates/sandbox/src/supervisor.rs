//! The process above one command: it starts it, waits for it, ends it, and says how it ended.
//!
//! In a confined cell it is PID 1 of the command's own PID namespace, so nothing the command starts can outlive it. In
//! a cell without namespaces it is a subreaper: descendants that called setsid(2) come back to it and are found. It must
//! never run code of the user's, and must notice within one poll(2) that its parent or the helper is gone.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, Signal, WaitOptions, WaitStatus, set_child_subreaper, set_parent_process_death_signal, wait},
};

use crate::{
    Command, Exit, Rung, channel, descendants,
    helper::Walls,
    launch,
    notice::Before,
    process::{self, ChildSignals},
    refused_writes::RefusedWrites,
    setup::{hidden, proc, view},
    terminal,
    wire::{Failure, Launch, OrFailure, Reply, Stage, Stdio},
};

/// Starts the command and sees it through; never returns. `running` is closed when nothing of it is left.
pub(crate) fn run(walls: &Walls, launch: Launch, streams: Vec<OwnedFd>, control: &OwnedFd, running: OwnedFd) -> ! {
    see_to(walls, launch, streams, control, || ());
    // Not before: a helper that waits for its last command ends then, and takes this process along.
    drop(running);
    process::exit(0)
}

/// Starts the command, sees it through and says how it ended. `meanwhile` is done while it runs.
pub(crate) fn see_to(
    walls: &Walls,
    launch: Launch,
    streams: Vec<OwnedFd>,
    control: &OwnedFd,
    meanwhile: impl FnOnce(),
) {
    let reply = see_through(walls, launch, streams, control, meanwhile).unwrap_or_else(Reply::Failed);
    let _ = channel::send(control, &reply.encode(), &[]);
}

fn see_through(
    walls: &Walls,
    mut launch: Launch,
    streams: Vec<OwnedFd>,
    control: &OwnedFd,
    meanwhile: impl FnOnce(),
) -> Result<Reply, Failure> {
    let signals = prepare(walls, &mut launch.command)?;
    let before = Before::look(walls)?;
    let Started { command, terminal, writes } = start(walls, &launch, streams)?;
    tell_started(control, terminal);
    meanwhile();
    let mut running = Running { walls, control, signals, command, writes, status: None, killing: false };
    let exit = running.watch()?;
    let writes = running.writes.map(RefusedWrites::into_found).unwrap_or_default();
    Ok(Reply::Exited(exit, before.compare(walls, writes)))
}

/// Hands over our end of the command's terminal, if it has one.
fn tell_started(control: &OwnedFd, terminal: Option<OwnedFd>) {
    let terminal: Vec<BorrowedFd> = terminal.iter().map(AsFd::as_fd).collect();
    // If nobody listens any more, poll sees that too and ends the command.
    let _ = channel::send(control, &Reply::Started.encode(), &terminal);
}

fn prepare(walls: &Walls, command: &mut Command) -> Result<ChildSignals, Failure> {
    if let Some(plan) = &walls.plan {
        if !walls.is_first {
            // Safe here, other than in the parent: the helper has one thread, so this fires when the helper ends.
            set_parent_process_death_signal(Some(Signal::KILL))
                .or_failure(Stage::Process, || "prctl(2) of pdeathsig")?;
        }
        if walls.rung == Rung::Full {
            proc::mount_fresh()?;
        }
        let hidden = match &walls.view.fresh {
            Some(hidden) => hidden.clone(),
            None => view::protect(plan)?,
        };
        hidden::ignore_in_git(plan, &hidden, command)?;
    } else {
        let this = rustix::process::getpid();
        set_child_subreaper(Some(this)).or_failure(Stage::Process, || "prctl(2) of child_subreaper")?;
    }
    ChildSignals::new().or_failure(Stage::Process, || "signalfd(2)")
}

/// A command that runs.
struct Started {
    command: Pid,
    /// Our end of its terminal, if it has one.
    terminal: Option<OwnedFd>,
    /// What it is told of, if it is.
    writes: Option<RefusedWrites>,
}

/// Starts the command and waits until `execve(2)` has succeeded or something before it has failed.
fn start(walls: &Walls, launch: &Launch, mut streams: Vec<OwnedFd>) -> Result<Started, Failure> {
    let mut terminal = None;
    if let Stdio::Terminal(size) = launch.stdio {
        let (ours, theirs) = terminal::open(size).or_failure(Stage::Process, || "opening a terminal (pty(7))")?;
        terminal = Some(ours);
        streams = vec![theirs];
    }
    let (heard, teller) = match walls.listener {
        Some(_) => Some(channel::pair().or_failure(Stage::Process, || "socketpair(2) of a listener")?).unzip(),
        None => (None, None),
    };
    let become_command = || launch::become_command(walls, launch, &streams, teller.as_ref());
    match process::fork_to_execute(become_command).or_failure(Stage::Process, || "clone(2) of a command")? {
        (_, Some(failure)) => Err(failure),
        (command, None) => {
            // Here somebody else may be told of its end.
            drop((streams, teller));
            Ok(Started { command, terminal, writes: listen(walls, heard)? })
        }
    }
}

/// The listener that the command sent before it began, if the kernel gave it one.
fn listen(walls: &Walls, heard: Option<OwnedFd>) -> Result<Option<RefusedWrites>, Failure> {
    let Some(heard) = heard else { return Ok(None) };
    let received = channel::receive(&heard).or_failure(Stage::Process, || "receiving a listener")?;
    let listener = received.and_then(|(_, mut descriptors)| descriptors.pop());
    Ok(listener.map(|listener| RefusedWrites::new(listener, walls)))
}

struct Running<'cell> {
    walls: &'cell Walls,
    control: &'cell OwnedFd,
    signals: ChildSignals,
    command: Pid,
    writes: Option<RefusedWrites>,
    status: Option<Exit>,
    killing: bool,
}

impl Running<'_> {
    /// Waits until the command has ended and, if it is confined or was killed, everything it started as well.
    fn watch(&mut self) -> Result<Exit, Failure> {
        loop {
            if self.killing {
                self.kill_everything();
            }
            self.signals.drain();
            let anybody_left = self.reap();
            match self.status {
                Some(exit) if !anybody_left => return Ok(exit),
                Some(exit) if !self.walls.is_confined() && !self.killing => return Ok(exit),
                Some(_) if !self.killing => self.killing = true,
                _ => self.wait_for_news()?,
            }
        }
    }

    fn kill_everything(&self) {
        if self.walls.plan.is_some() {
            process::kill_namespace();
        } else {
            descendants::kill(self.command);
        }
    }

    /// Takes note of all that ended; false if no child is left.
    fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.command => self.status = exit_of(status).or(self.status),
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Sleeps until a child ends, or until the command is to be killed: asked to, or parent or helper gone. Meanwhile
    /// it answers what it is told of.
    fn wait_for_news(&mut self) -> Result<(), Failure> {
        loop {
            let nobody = PollFlags::empty();
            let [child, asked, told] = self.poll().or_failure(Stage::Process, || "poll(2)")?;
            if asked != nobody {
                self.killing = true;
            }
            if let Some(writes) = &mut self.writes {
                writes.hear(told);
            }
            if child != nobody || asked != nobody {
                return Ok(());
            }
        }
    }

    /// What has come: of children, of whoever may ask to kill, and of writes.
    fn poll(&self) -> rustix::io::Result<[PollFlags; 3]> {
        let mut sources = vec![PollFd::new(&self.signals, PollFlags::IN)];
        let listener = self.writes.as_ref().and_then(RefusedWrites::listener);
        sources.extend(listener.map(|listener| PollFd::from_borrowed_fd(listener, PollFlags::IN)));
        let asked_from = sources.len();
        if !self.killing {
            sources.push(PollFd::from_borrowed_fd(self.control.as_fd(), PollFlags::IN));
            sources.push(PollFd::from_borrowed_fd(self.walls.helper_alive.as_fd(), PollFlags::IN));
        }
        rustix::io::retry_on_intr(|| poll(&mut sources, None))?;
        let of = |sources: &[PollFd]| sources.iter().fold(PollFlags::empty(), |all, source| all | source.revents());
        Ok([of(&sources[..1]), of(&sources[asked_from..]), of(&sources[1..asked_from])])
    }
}

fn exit_of(status: WaitStatus) -> Option<Exit> {
    let code = status.exit_status().map(Exit::Code);
    code.or_else(|| status.terminating_signal().map(Exit::Signal))
}
