//! The parent's side of a cell: starting the helper and sending it requests.
//!
//! Nothing here blocks for longer than starting a process takes, and nothing is tied to one runtime: a cell may be
//! used from any of the program's.

use std::{
    io, mem,
    net::TcpListener,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, ioctl_fionbio},
    net::{Shutdown, shutdown},
    process::{Pid, Signal, WaitOptions, kill_process, waitpid},
};
use tokio::io::{Interest, unix::AsyncFd};

use crate::{
    Confined, Confinement, Network, Refusals, Rung, SandboxError, channel, helper, hint,
    memory::{self, Group},
    process::{self, Forked},
    setup::{
        identity::Identity,
        limits::GivingWay,
        listener,
        namespaces::Caller,
        seccomp::{self, Calls, LocalSockets},
    },
    wire::{Reply, Request},
};

/// How long a helper has to end its commands and clean up; a process that hangs in the kernel can keep it waiting.
const PATIENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

/// One helper process. Dropping it ends the helper, and with it everything that runs in the cell.
#[derive(Debug)]
pub(crate) struct Cell {
    socket: OwnedFd,
    /// Not waited for yet, so this number is nobody else's.
    helper: Pid,
    /// Whether it has something to clean up at its end.
    tidies: bool,
    lost: AtomicBool,
    refusals: Refusals,
    group: Option<Group>,
}

impl Cell {
    /// Starts a helper that waits to be told which walls to put up. Returns before it runs.
    pub(crate) fn start(helper: &Path) -> Result<Self, SandboxError> {
        let (socket, theirs) = channel::pair()?;
        ioctl_fionbio(&socket, true).map_err(io::Error::from)?;
        Ok(Self::with(socket, start_helper(helper, theirs)?))
    }

    /// Has the helper moved into a control group of its own, some time later and if it may be.
    pub(crate) fn limit_memory(&mut self) {
        self.group = Group::begin(self.helper);
    }

    /// As [`Cell::start`] for a cell with a network of its own and one command, by forking this process, which must have
    /// one thread.
    pub(crate) fn fork() -> Result<Self, SandboxError> {
        let (socket, theirs) = channel::pair()?;
        let caller = Caller::now();
        let giving_way = GivingWay::begin();
        let forked = process::fork(libc::CLONE_NEWUSER | libc::CLONE_NEWPID);
        match forked {
            Ok(Forked::Child) => {
                drop(socket);
                helper::serve_forked(theirs, caller, giving_way.is_real())
            }
            Err(error) => {
                giving_way.end();
                Err(error.into())
            }
            Ok(Forked::Parent(helper)) => {
                giving_way.end();
                ioctl_fionbio(&socket, true).map_err(io::Error::from)?;
                Ok(Self::with(socket, helper))
            }
        }
    }

    fn with(socket: OwnedFd, helper: Pid) -> Self {
        let lost = AtomicBool::new(false);
        Self { socket, helper, tidies: false, lost, refusals: Refusals::default(), group: None }
    }

    /// Tells the helper which, and what to start behind them, and waits until they stand. With
    /// [`crate::Network::Proxied`] comes the socket, inside them, that the cell's proxy is to listen on. `notices_writes`: see
    /// [`crate::Noticed::writes`].
    pub(crate) async fn put_up(
        mut self,
        confinement: &Confinement,
        rung: Rung,
        notices_writes: bool,
        (payload, streams): (&[u8], &[BorrowedFd<'_>]),
    ) -> Result<(Self, Control, Option<TcpListener>), SandboxError> {
        let filter = match confinement {
            Confinement::Unconfined => None,
            Confinement::Confined(confined) => Some(seccomp::program(calls(confined, rung)).map_err(io::Error::other)?),
        };
        self.tidies = matches!(confinement, Confinement::Confined(confined) if !confined.is_read_only());
        let tells = notices_writes && filter.is_some();
        let listener = tells.then(listener::program).transpose().map_err(io::Error::other)?;
        let setup = Request::Setup { confinement: confinement.clone(), filter, listener, rung }.encode();
        let control = self.request(&setup, &[]).await?.ok_or_else(Control::lost)?;
        // Before the answer, so that the helper need not wait for us. It starts nothing if its walls do not stand.
        let first = self.request(payload, streams).await?;
        match (control.reply_with_descriptors().await?, first) {
            ((Reply::Ready, mut descriptors), Some(first)) => {
                Ok((self, first, descriptors.pop().map(TcpListener::from)))
            }
            ((Reply::Ready, _), None) => Err(Control::lost()),
            ((Reply::Failed(failure), _), _) => Err(hint::explain(failure)),
            _ => Err(Control::confused()),
        }
    }

    /// Sends a request with the descriptors that belong to it; replies come on what is returned. `None` if the helper
    /// is gone: nothing was started.
    pub(crate) async fn request(
        &self,
        payload: &[u8],
        streams: &[BorrowedFd<'_>],
    ) -> Result<Option<Control>, SandboxError> {
        let payload = channel::seal(payload)?;
        let (ours, theirs) = channel::pair()?;
        let descriptors: Vec<BorrowedFd> =
            [payload.as_fd(), theirs.as_fd()].into_iter().chain(streams.iter().copied()).collect();
        loop {
            match channel::send(&self.socket, channel::REQUEST, &descriptors) {
                Ok(()) => return Ok(Some(Control::new(ours, &self.refusals)?)),
                Err(Errno::AGAIN) => self.wait_for_room().await?,
                Err(Errno::PIPE | Errno::CONNRESET | Errno::CONNREFUSED | Errno::NOTCONN) => {
                    self.lost.store(true, Ordering::Relaxed);
                    return Ok(None);
                }
                Err(error) => return Err(SandboxError::Helper(error.into())),
            }
        }
    }

    /// The queue of a local socket is short (net.unix.max_dgram_qlen). A copy of the descriptor is registered, because
    /// a registration belongs to one runtime and the cell does not.
    async fn wait_for_room(&self) -> io::Result<()> {
        let copy = register(self.socket.try_clone()?, Interest::WRITABLE)?;
        copy.writable().await.map(drop)
    }

    /// Tells the helper that no request will follow: when its commands have ended it cleans up, without being asked to.
    pub(crate) fn close(&self) {
        // If it cannot be said, it is asked.
        let _ = channel::send(&self.socket, channel::LAST, &[]);
    }

    /// What the cell's proxy refuses is to be put there.
    pub(crate) fn refusals(&self) -> Refusals {
        Arc::clone(&self.refusals)
    }

    /// Whether the helper was seen to be gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        // The end of what it is asked is the helper's end: it then ends its commands, cleans up and closes its own end.
        let _ = shutdown(&self.socket, Shutdown::Write);
        let closed = || poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&PATIENCE));
        if !self.tidies || !rustix::io::retry_on_intr(closed).is_ok_and(|count| count > 0) {
            let _ = kill_process(self.helper, Signal::KILL);
        }
        if self.group.as_ref().is_none_or(Group::end) {
            reap_later(self.helper);
        }
    }
}

/// What is left of a helper is the kernel's work on its namespaces, for which nobody has to wait: it is reaped when the
/// next one ends, or when this program does.
pub(crate) fn reap_later(helper: Pid) {
    static ENDED: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
    let mut ended = ENDED.lock().unwrap_or_else(PoisonError::into_inner);
    ended.push(helper);
    ended.retain(|helper| matches!(waitpid(Some(*helper), WaitOptions::NOHANG), Ok(None)));
    memory::remove_groups();
}

/// Whether a helper that was forked ahead can put these walls up; see [`helper::serve_forked`].
pub(crate) fn is_usual(confinement: &Confinement, rung: Rung) -> bool {
    let Confinement::Confined(confined) = confinement else { return false };
    let own = Identity::of(&confined.writable).is_ok_and(|identity| !identity.is_shared());
    own && confined.network != Network::Host && rung != Rung::LandlockOnly
}

/// Where nothing is written, nobody needs local sockets, and no name of one leads out.
fn calls(confined: &Confined, rung: Rung) -> Calls {
    let alone = rung == Rung::LandlockOnly;
    let local = if alone || confined.is_read_only() { LocalSockets::Pairs } else { LocalSockets::Streams };
    Calls {
        local,
        // With a network of its own a command may do there what it likes.
        internet: !alone || confined.network == Network::Host,
        alone,
        metadata: !alone || !confined.is_read_only(),
    }
}

/// Makes a socket or a terminal known to the runtime that is running now.
pub(crate) fn register(socket: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` keeps its descriptor open, and the same, until it is dropped with the registration.
    Ok(unsafe { AsyncFd::register_with_interest(socket, interest) }?)
}

/// No `pre_exec`: it would turn the quick posix_spawn(3) into a fork of this whole program. No death signal: it fires
/// when the *thread* ends that started the helper.
#[allow(clippy::disallowed_methods, reason = "the one place that starts a process; all others are forked by it")]
fn start_helper(helper: &Path, socket: OwnedFd) -> io::Result<Pid> {
    let helper = std::process::Command::new(helper)
        .arg(helper::ARGUMENT)
        .env_clear()
        .stdin(socket)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(Pid::from_child(&helper))
}

/// The private socket of one request. Closing it ends the command it belongs to.
pub(crate) struct Control {
    socket: AsyncFd<OwnedFd>,
    refusals: Refusals,
}

impl Control {
    fn new(socket: OwnedFd, refusals: &Refusals) -> io::Result<Self> {
        ioctl_fionbio(&socket, true)?;
        Ok(Self { socket: register(socket, Interest::READABLE)?, refusals: Arc::clone(refusals) })
    }

    /// The next reply. May be dropped while it waits; nothing is lost.
    pub(crate) async fn reply(&self) -> Result<Reply, SandboxError> {
        self.reply_with_descriptors().await.map(|(reply, _)| reply)
    }

    /// As [`Control::reply`], with the descriptors that came with it.
    pub(crate) async fn reply_with_descriptors(&self) -> Result<(Reply, Vec<OwnedFd>), SandboxError> {
        let receive = |socket: &OwnedFd| Ok(channel::receive(socket)?);
        let message = self.socket.async_io(Interest::READABLE, receive).await;
        let (message, descriptors) =
            message.map_err(|error| SandboxError::Lost(error.to_string()))?.ok_or_else(Self::lost)?;
        Ok((Reply::decode(&message).map_err(|_| Self::confused())?, descriptors))
    }

    /// Asks the supervisor to end the command, by closing the sending half. A message would not do: unread when the
    /// supervisor ends, it would make the kernel throw away the reply (unix(7), `ECONNRESET`).
    pub(crate) fn kill(&self) {
        // An error means that the supervisor is gone, and with it the command.
        let _ = shutdown(self.socket.get_ref(), Shutdown::Write);
    }

    /// Takes what the cell's proxy refused.
    pub(crate) fn take_refusals(&self) -> Vec<String> {
        mem::take(&mut *self.refusals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lost() -> SandboxError {
        SandboxError::Lost("it ended without a word: it was killed, or memory ran out".to_owned())
    }

    fn confused() -> SandboxError {
        SandboxError::Lost("it does not speak like this program".to_owned())
    }

    /// For a reply that cannot come at this point.
    pub(crate) fn unexpected() -> SandboxError {
        Self::confused()
    }
}
