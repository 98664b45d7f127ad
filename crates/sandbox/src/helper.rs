//! The helper process: this program started again, which holds the walls of one cell and forks commands inside them.
//!
//! One thread, no runtime, no allocator tricks: it must stay small, because every command is a fork of it. It must
//! never outlive its parent: the end of its socket is its end, and that of everything it started.

use std::{
    fs::File,
    io, mem,
    net::{SocketAddr, TcpListener},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{CWD, Mode, OFlags, openat},
    io::fcntl_dupfd_cloexec,
    pipe::{PipeFlags, pipe_with},
    process::{DumpableBehavior, set_dumpable_behavior, setsid},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin},
};
use seccompiler::BpfProgram;

use crate::{
    Confinement, Rung, channel, process,
    process::Forked,
    setup::{
        alone::Alone,
        caches,
        covers::{Roots, Seen},
        identity::Identity,
        limits,
        namespaces::{self, Caller},
        plan::{self, Plan},
        proc, proxy, seccomp,
        stubs::Stubs,
        view::{self, View},
    },
    supervisor,
    wire::{Failure, OrFailure, Reply, Request, Stage},
};

/// The argument that turns this program into its helper.
pub(crate) const ARGUMENT: &str = "--sandbox-helper";

/// If this process was started as a sandbox helper, serves as one and exits; otherwise returns at once.
///
/// It must be the first statement of `main`: the helper may have one thread only and should own little memory.
pub fn run_helper_if_requested() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == ARGUMENT) {
        let outcome = take_socket().and_then(|socket| serve(socket, None));
        process::exit(if outcome.is_ok() { 0 } else { 1 });
    }
}

/// What every command of the cell needs to know.
pub(crate) struct Walls {
    /// `None`: there are none.
    pub(crate) plan: Option<Plan>,
    /// In place of `plan`, where there are no namespaces.
    pub(crate) alone: Option<Alone>,
    /// What commands do not get of the kernel. `None`: they are not confined.
    pub(crate) filter: Option<BpfProgram>,
    /// Has the supervisor told of what a command is about to write.
    pub(crate) listener: Option<BpfProgram>,
    pub(crate) rung: Rung,
    /// Whether root keeps its rights over files; see [`Identity`].
    pub(crate) file_rights: bool,
    pub(crate) view: View,
    /// Where the cell's proxy listens, on the loopback.
    proxy: Option<SocketAddr>,
    /// Closes when the helper ends, however it ends.
    pub(crate) helper_alive: OwnedFd,
    /// Whether the helper is the first process of its PID namespace. Then it sees its one command through by itself.
    pub(crate) is_first: bool,
}

impl Walls {
    /// Whether there are any.
    pub(crate) fn is_confined(&self) -> bool {
        self.plan.is_some() || self.alone.is_some()
    }
}

/// What the parent says.
enum Next {
    Request(Box<Incoming>),
    /// No request will follow.
    Last,
    /// It says nothing any more.
    Gone,
}

/// A request with what came with it.
struct Incoming {
    request: Request,
    reply_to: OwnedFd,
    streams: Vec<OwnedFd>,
}

/// Serves as the helper of a cell with one command in a fork of this program, the first process of new user and PID
/// namespaces, and exits. While the parent reads its configuration, it leaves the host's other namespaces already.
///
/// `gives_way`: see [`limits::give_way`].
pub(crate) fn serve_forked(socket: OwnedFd, caller: Caller, gives_way: bool) -> ! {
    let leave = || {
        if !gives_way {
            // From inside it can be taken back; whoever had to leave this to us is in no position to prevent that.
            limits::give_way();
        }
        Outside::leave(caller)
    };
    let outcome = forget_parent(socket).and_then(|socket| serve(socket, Some(leave())));
    process::exit(if outcome.is_ok() { 0 } else { 1 })
}

/// Lets go of what only the parent is to have: its arguments, environment, streams and terminal.
fn forget_parent(socket: OwnedFd) -> io::Result<OwnedFd> {
    process::forget_arguments();
    dup2_stdin(&socket)?;
    drop(socket);
    let socket = take_socket()?;
    dup2_stdout(stdin())?;
    dup2_stderr(stdin())?;
    // What it had to keep is gone, and it must write its own id maps.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    Ok(socket)
}

fn serve(socket: OwnedFd, outside: Option<Result<Outside, Failure>>) -> io::Result<()> {
    process::ignore_children();
    let (helper_alive, own_end) = pipe_with(PipeFlags::CLOEXEC)?;
    let (commands, running) = pipe_with(PipeFlags::CLOEXEC)?;
    let Next::Request(setup) = next(&socket)? else { return Ok(()) };
    let mut stubs = Stubs::default();
    let proxied = setup.request.is_proxied();
    let put_up = put_up(setup.request, outside, helper_alive, &mut stubs)
        .and_then(|walls| Ok((walls, proxied.then(proxy::listen).transpose()?)));
    let (socket, outcome) = match put_up {
        Ok((mut walls, listener)) => {
            let told = tell_ready(&setup.reply_to, listener);
            drop(setup.reply_to);
            match told {
                Ok(proxy) => {
                    walls.proxy = proxy;
                    answer(socket, &mut walls, own_end, running, &commands)
                }
                Err(error) => {
                    drop(running);
                    (socket, Err(error))
                }
            }
        }
        Err(failure) => {
            drop(running);
            (socket, reply(&setup.reply_to, Reply::Failed(failure)))
        }
    };
    // Whatever ended it: first the commands, then what they were not to touch. The socket stays open until then, so
    // that the parent sees when it is done.
    wait_for_end(&commands);
    stubs.release();
    drop(socket);
    outcome
}

/// Says that the walls stand, and hands over the socket of the cell's proxy. What comes back is where that listens.
fn tell_ready(to: &OwnedFd, listener: Option<TcpListener>) -> io::Result<Option<SocketAddr>> {
    let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
    let listening: Vec<BorrowedFd> = listener.iter().map(AsFd::as_fd).collect();
    channel::send(to, &Reply::Ready.encode(), &listening)?;
    // The only copy left is the parent's: commands find nobody there once it is gone.
    Ok(address)
}

/// Starts what it is asked to until there is nobody to ask, or what was said to be the last has ended. At its end
/// `own_end` closes, and with it every command; `running` is open as long as one of them is left, and `commands` is its
/// other end.
fn answer(
    socket: OwnedFd,
    walls: &mut Walls,
    own_end: OwnedFd,
    running: OwnedFd,
    commands: &OwnedFd,
) -> (OwnedFd, io::Result<()>) {
    loop {
        let Incoming { request, reply_to, streams } = match next(&socket) {
            Ok(Next::Request(incoming)) => *incoming,
            Ok(Next::Last) => {
                drop(running);
                let mut ends = [commands, &socket].map(|end| PollFd::new(end, PollFlags::IN));
                let ended = rustix::io::retry_on_intr(|| poll(&mut ends, None));
                return (socket, ended.map(drop).map_err(io::Error::from));
            }
            Ok(Next::Gone) => return (socket, Ok(())),
            Err(error) => return (socket, Err(error)),
        };
        let Request::Launch(mut launch) = request else { return (socket, Err(io::ErrorKind::InvalidData.into())) };
        if let Some(address) = walls.proxy {
            proxy::announce(address, &mut launch.command.environment);
        }
        match (&walls.plan, &walls.alone) {
            (Some(plan), _) => plan.lead(&mut launch.command.environment),
            (None, Some(alone)) => alone.lead(&mut launch.command.environment),
            (None, None) => {}
        }
        caches::lead(&mut launch.command.environment);
        if walls.is_first {
            let mut works = mem::take(&mut walls.view.works);
            supervisor::see_to(walls, launch, streams, &reply_to, || caches::tidy(&mut works));
            return (socket, Ok(()));
        }
        let namespaces = if walls.plan.is_some() { libc::CLONE_NEWPID | libc::CLONE_NEWNS } else { 0 };
        match process::fork(namespaces) {
            Ok(Forked::Child) => {
                // Only the helper may hold these: their closing is how its end is seen.
                drop((socket, own_end));
                supervisor::run(walls, launch, streams, &reply_to, running)
            }
            outcome => {
                if let Err(failure) = outcome.or_failure(Stage::Process, || "clone(2) of a command") {
                    // If this cannot be sent, nobody is waiting for it.
                    let _ = reply(&reply_to, Reply::Failed(failure));
                }
                walls.view.fresh = None;
                caches::tidy(&mut walls.view.works);
            }
        }
    }
}

/// Waits until nobody holds the other end of a pipe.
fn wait_for_end(pipe: &OwnedFd) {
    // Nobody writes to it. Other than by wait(2), this does not last until the kernel has taken namespaces apart.
    while rustix::io::read(pipe, &mut [0]) == Err(rustix::io::Errno::INTR) {}
}

/// Moves the socket away from descriptor 0, which forked processes would otherwise hand on to commands.
fn take_socket() -> io::Result<OwnedFd> {
    process::close_from_3(false)?;
    // Off the terminal: a signal typed there is for the parent, which then decides.
    setsid()?;
    let socket = fcntl_dupfd_cloexec(stdin(), 3)?;
    let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    dup2_stdin(&null)?;
    Ok(socket)
}

/// Waits for what the parent says.
fn next(socket: &OwnedFd) -> io::Result<Next> {
    let Some((message, descriptors)) = channel::receive(socket)? else { return Ok(Next::Gone) };
    if message == channel::LAST {
        return Ok(Next::Last);
    }
    let mut descriptors = descriptors.into_iter();
    let (Some(payload), Some(reply_to)) = (descriptors.next(), descriptors.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let request = Request::decode(&channel::unseal(payload)?).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Next::Request(Box::new(Incoming { request, reply_to, streams: descriptors.collect() })))
}

fn reply(to: &OwnedFd, reply: Reply) -> io::Result<()> {
    Ok(channel::send(to, &reply.encode(), &[])?)
}

/// What there is to see of the host, and whether it was left.
struct Outside {
    sockets: File,
    /// Whether this process is in namespaces of its own, with its own network, for its own user.
    left: bool,
}

impl Outside {
    fn look() -> Result<Self, Failure> {
        Ok(Self { sockets: plan::sockets()?, left: false })
    }

    /// Looks, then leaves what was not left by the fork.
    fn leave(caller: Caller) -> Result<Self, Failure> {
        let outside = Self::look()?;
        namespaces::enter_as_first(caller)?;
        Ok(Self { left: true, ..outside })
    }
}

fn put_up(
    request: Request,
    outside: Option<Result<Outside, Failure>>,
    helper_alive: OwnedFd,
    stubs: &mut Stubs,
) -> Result<Walls, Failure> {
    let malformed = || Failure::new(Stage::Process, "reading the first request", libc::EPROTO);
    let Request::Setup { confinement, filter, listener, rung } = request else { return Err(malformed()) };
    let program = |bytes: Option<Vec<u8>>| bytes.map(|bytes| seccomp::from_bytes(&bytes)).transpose();
    let (Ok(filter), Ok(listener)) = (program(filter), program(listener)) else { return Err(malformed()) };
    if filter.is_none() && confinement != Confinement::Unconfined {
        return Err(malformed());
    }
    let mut walls = Walls {
        plan: None,
        alone: None,
        filter,
        listener,
        rung,
        file_rights: false,
        view: View::default(),
        proxy: None,
        helper_alive,
        is_first: outside.is_some(),
    };
    let Confinement::Confined(confined) = confinement else { return Ok(walls) };
    let outside = outside.unwrap_or_else(Outside::look)?;
    let (roots, mut seen) = (Roots::resolve(&confined.writable, &confined.real)?, Seen::default());
    if rung != Rung::LandlockOnly {
        // Without a cover a stub keeps nobody out; there, what is protected is compared and put back.
        *stubs = Stubs::hold(&confined, &roots, &mut seen)?;
    }
    let mut plan = Plan::new(&confined, roots, seen, outside.sockets)?;
    plan.stubs = stubs.places();
    if !outside.left {
        limits::give_way();
    }
    if rung == Rung::LandlockOnly {
        walls.alone = Some(Alone::new(&confined, &plan)?);
    } else {
        let identity = Identity::of(&plan.roots)?;
        if !outside.left {
            namespaces::enter(confined.network, &identity)?;
        }
        walls.view = view::enter(&plan)?;
        plan.caches.retain(|cache| !walls.view.read_only_caches.contains(cache));
        if rung == Rung::WithoutFreshProc {
            proc::keep_outer()?;
        }
        walls.file_rights = identity.is_shared();
        walls.plan = Some(plan);
    }
    // From here on no command can look into this process or those it forks through /proc or ptrace(2). Not earlier:
    // it also takes the user's own right to write uid_map.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).or_failure(Stage::Process, || "prctl(2) of dumpable")?;
    Ok(walls)
}
