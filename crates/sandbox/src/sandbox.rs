//! The entrance: keeps a session's cells and starts commands in them.

use std::{
    collections::HashMap,
    ffi::OsStr,
    io,
    net::TcpListener,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use tokio::{
    net::unix::pipe,
    sync::{OnceCell, mpsc},
};

use crate::{
    Child, Command, Confinement, Process, Refusals, Rung, SandboxError, Terminal, TerminalChild, TerminalSize,
    cell::{self, Cell, Control},
    hint,
    rung::{self, Found},
    wire::{Launch, Reply, Request, Stdio},
};

/// Wished capacity of a command's pipes, in bytes: few wake-ups when it writes much. The kernel's usual limit for
/// users is 1 MiB (pipe(7), `/proc/sys/fs/pipe-max-size`).
const PIPE_SIZE: usize = 1 << 20;

/// What becomes of a command's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// Standard output and standard error in one pipe, in the order they were written.
    Merged,
    /// A pipe for each.
    Separate,
}

/// Starts commands. One per session: its cells, one for each [`Confinement`] and the
/// directories it named when it was used, live as long as it does.
pub struct Sandbox {
    helper: PathBuf,
    cells: Mutex<HashMap<Ground, Arc<Slot>>>,
    /// A helper that has no walls yet.
    ready: Mutex<Option<Cell>>,
    /// Where the listening sockets of proxied cells go; `None`: nobody serves any.
    listeners: Option<mpsc::UnboundedSender<(TcpListener, Refusals)>>,
    /// Directory of this program's own, to remember things in.
    own: Option<PathBuf>,
    notices_writes: bool,
    limits_memory: AtomicBool,
    found: OnceCell<Found>,
}

/// A helper for one command that was made before anybody knows which, of a fork of this program: while this one reads
/// its configuration, that one leaves the host's namespaces. Dropped, it ends.
#[derive(Debug)]
pub struct Helper(Cell);

impl Helper {
    /// Makes one. It is no matter if that fails: the sandbox starts its own, or says why it cannot.
    ///
    /// Must be called while this program has one thread, and knows nothing that commands may not have in their memory
    /// before `execve(2)`.
    pub fn fork() -> Option<Self> {
        Cell::fork().ok().map(Self)
    }
}

/// A confinement, and the directories that its paths name now, each by its device and inode.
///
/// A cell keeps the directories it was made of. One that was deleted, or has another in its place, is not where a
/// command is to run any more; what runs there already may go on.
#[derive(PartialEq, Eq, Hash)]
struct Ground {
    confinement: Confinement,
    directories: Vec<Option<(u64, u64)>>,
}

impl Ground {
    fn now(confinement: &Confinement) -> Self {
        let directories = match confinement {
            Confinement::Unconfined => Vec::new(),
            Confinement::Confined(confined) => {
                let paths = confined.writable.iter().chain(&confined.temp);
                paths.map(|path| path.metadata().ok().map(|found| (found.dev(), found.ino()))).collect()
            }
        };
        Self { confinement: confinement.clone(), directories }
    }
}

/// The cell of one confinement; locked while it is being started, so that it is started once.
type Slot = tokio::sync::Mutex<Option<Arc<Cell>>>;

impl Sandbox {
    /// `helper` is this program's own file; its `main` must begin with [`crate::run_helper_if_requested`]. Nothing is
    /// started yet.
    ///
    /// Best is `/proc/self/exe`: it is this program as it runs (proc_pid_exe(5)), even if its file was replaced or
    /// removed meanwhile. A path from [`std::env::current_exe`] is then missing, or is another program, which does not
    /// speak like this one and may not be ours.
    pub fn new(helper: PathBuf) -> Self {
        Self {
            helper,
            cells: Mutex::default(),
            ready: Mutex::default(),
            listeners: None,
            own: None,
            notices_writes: false,
            limits_memory: AtomicBool::new(false),
            found: OnceCell::new(),
        }
    }

    /// Takes over a helper for its first cell, if there is none for that yet. Only where one command is started from here
    /// on: that cell ends with it.
    pub fn adopt(&self, helper: Helper) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(helper.0);
    }

    /// As [`Sandbox::new`], for confinements with [`Network::Proxied`]: each of their cells puts a listening TCP socket
    /// into what is returned, which lies in the cell's own network. Whoever serves them decides what the commands
    /// reach, and says what they do not. There are no more when the sandbox is gone.
    ///
    /// [`Network::Proxied`]: crate::Network::Proxied
    pub fn with_listeners(helper: PathBuf) -> (Self, mpsc::UnboundedReceiver<(TcpListener, Refusals)>) {
        let (listeners, served) = mpsc::unbounded_channel();
        (Self { listeners: Some(listeners), ..Self::new(helper) }, served)
    }

    /// Lets it remember in `own`, a directory of this program's own that no command may write, which walls hold here.
    #[must_use]
    pub fn remembering(self, own: PathBuf) -> Self {
        Self { own: Some(own), ..self }
    }

    /// Lets it notice what commands are about to write where they may not ([`crate::Noticed::writes`]). Each call that
    /// makes, opens for writing or removes a path then takes some microseconds more.
    #[must_use]
    pub fn noticing_writes(self) -> Self {
        Self { notices_writes: true, ..self }
    }

    /// Limits how much memory the commands of each cell take together, where this program may make control groups: from
    /// a moment after the cell was made on, so that it is of no use for a single command. Without walls nothing is
    /// limited. [`crate::remove_groups`] belongs to it.
    pub fn limit_memory(&self) {
        self.limits_memory.store(true, Ordering::Relaxed);
    }

    /// Starts `command` behind the walls of `confinement`, with `/dev/null` as its standard input. When this returns
    /// the program runs. Must be called in a tokio runtime that drives I/O.
    ///
    /// # Errors
    /// [`SandboxError::Unsupported`] if the walls cannot be put up, [`SandboxError::Program`] and
    /// [`SandboxError::Directory`] if the program or its directory is not as it should be, [`SandboxError::Helper`]
    /// and [`SandboxError::Lost`] if there is trouble with the helper. In all cases nothing is left running.
    pub async fn spawn(
        &self,
        confinement: &Confinement,
        command: Command,
        streams: Streams,
    ) -> Result<Child, SandboxError> {
        self.start_with_pipes(confinement, command, streams, false).await
    }

    /// As [`Sandbox::spawn`], with a pipe as standard input whose other end is [`Child::stdin`].
    ///
    /// # Errors
    /// Those of [`Sandbox::spawn`].
    pub async fn spawn_with_input(
        &self,
        confinement: &Confinement,
        command: Command,
        streams: Streams,
    ) -> Result<Child, SandboxError> {
        self.start_with_pipes(confinement, command, streams, true).await
    }

    /// As [`Sandbox::spawn`], with a terminal of its own (pty(7)) as its standard streams and controlling terminal. It
    /// is made inside the cell: with walls, no name of it leads out.
    ///
    /// # Errors
    /// Those of [`Sandbox::spawn`].
    pub async fn spawn_in_terminal(
        &self,
        confinement: &Confinement,
        command: Command,
        size: TerminalSize,
    ) -> Result<TerminalChild, SandboxError> {
        let launch = Launch { command, stdio: Stdio::Terminal(size) };
        let (control, mut descriptors) = self.start(confinement, launch, &[]).await?;
        let terminal = descriptors.pop().ok_or_else(Control::unexpected)?;
        Ok(TerminalChild { terminal: Terminal::new(terminal)?, process: Process::new(control) })
    }

    /// Says that no command will be started any more: its cells end as soon as those that run have. May be left out.
    pub fn close(&self) {
        let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is just being started is ended as usual.
        cells.values().filter_map(|slot| slot.try_lock().ok()).for_each(|slot| {
            if let Some(cell) = slot.as_ref() {
                cell.close();
            }
        });
    }

    /// Lets go of what was made for `confinement`: its commands end, and so do the views that it was given of caches. For
    /// a confinement that is not used again; the next command in it finds all as it was at first.
    pub async fn forget(&self, confinement: &Confinement) {
        let slot = {
            let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
            cells.remove(&Ground::now(confinement))
        };
        let Some(slot) = slot else { return };
        let cell = slot.lock().await.take();
        // It waits for the helper's end.
        let _ = tokio::task::spawn_blocking(move || drop(cell)).await;
    }

    /// What confined commands are held with here. Found out once, by trying; costs nothing if it is remembered.
    ///
    /// # Errors
    /// [`SandboxError::Impossible`] if no confined command can run here, [`SandboxError::Helper`] and
    /// [`SandboxError::Lost`] if there is trouble with the helper.
    pub async fn rung(&self) -> Result<Rung, SandboxError> {
        Ok(self.found().await?.rung)
    }

    /// What commands under `confinement` are held with here, in words for people, without a full stop.
    ///
    /// # Errors
    /// Why they are refused; see [`Sandbox::spawn`].
    pub async fn line(&self, confinement: &Confinement) -> Result<&'static str, SandboxError> {
        match confinement {
            Confinement::Unconfined => Ok("no walls"),
            Confinement::Confined(_) => Ok(self.rung_for(confinement).await?.line()),
        }
    }

    async fn found(&self) -> Result<&Found, SandboxError> {
        self.found.get_or_try_init(|| rung::find(&self.helper, self.own.as_deref())).await
    }

    /// What a cell is started with. Where the kernel holds little, writing needs the user's consent, unless an outer
    /// sandbox of ours holds the rest.
    async fn rung_for(&self, confinement: &Confinement) -> Result<Rung, SandboxError> {
        let Confinement::Confined(confined) = confinement else { return Ok(Rung::Full) };
        let Found { rung, why } = self.found().await?;
        let consent = || confined.weak || confined.is_read_only() || rung::is_inside_another();
        match rung {
            Rung::LandlockOnly if !consent() => Err(SandboxError::Weak { why: why.clone().unwrap_or_default() }),
            rung => Ok(*rung),
        }
    }

    async fn start_with_pipes(
        &self,
        confinement: &Confinement,
        command: Command,
        streams: Streams,
        input: bool,
    ) -> Result<Child, SandboxError> {
        let separate = streams == Streams::Separate;
        let pipes = Pipes::new(separate, input)?;
        let launch = Launch { command, stdio: Stdio::Pipes { separate, input } };
        let (control, _) = self.start(confinement, launch, &pipes.theirs()).await?;
        Ok(pipes.into_child(Process::new(control))?)
    }

    /// Starts a command; `streams` are the descriptors that its [`Stdio`] names. What comes back are those that the
    /// start itself made.
    async fn start(
        &self,
        confinement: &Confinement,
        launch: Launch,
        streams: &[BorrowedFd<'_>],
    ) -> Result<(Control, Vec<OwnedFd>), SandboxError> {
        refuse_nul(&launch.command)?;
        let control = self.request(confinement, &Request::Launch(launch).encode(), streams).await?;
        match control.reply_with_descriptors().await? {
            (Reply::Started, descriptors) => Ok((control, descriptors)),
            (Reply::Failed(failure), _) => Err(hint::explain(failure)),
            _ => Err(Control::unexpected()),
        }
    }

    /// Sends a request to the cell, and to a new one if the first turns out to be gone.
    async fn request(
        &self,
        confinement: &Confinement,
        payload: &[u8],
        streams: &[BorrowedFd<'_>],
    ) -> Result<Control, SandboxError> {
        let slot = {
            let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(cells.entry(Ground::now(confinement)).or_default())
        };
        let mut slot = slot.lock().await;
        let there = slot.as_ref().filter(|cell| !cell.is_lost()).cloned();
        if let Some(cell) = there
            && let Some(control) = cell.request(payload, streams).await?
        {
            return Ok(control);
        }
        let (cell, control) = self.put_up(confinement, (payload, streams)).await?;
        *slot = Some(Arc::new(cell));
        Ok(control)
    }

    /// A new cell, and what was to be started in it.
    async fn put_up(
        &self,
        confinement: &Confinement,
        first: (&[u8], &[BorrowedFd<'_>]),
    ) -> Result<(Cell, Control), SandboxError> {
        let rung = self.rung_for(confinement).await?;
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        // What it cannot do from where it is already, one that starts outside may.
        let started = match ready.filter(|_| cell::is_usual(confinement, rung)) {
            Some(ready) => ready.put_up(confinement, rung, self.notices_writes, first).await.ok(),
            None => None,
        };
        let started = match started {
            Some(started) => Ok(started),
            None => Cell::start(&self.helper)?.put_up(confinement, rung, self.notices_writes, first).await,
        };
        if started.is_err() && rung == Rung::Full {
            // What was remembered may be wrong: the next start looks again. This one does not: the user was told.
            rung::forget(self.own.as_deref());
        }
        let (mut cell, control, listener) = started?;
        if self.limits_memory.load(Ordering::Relaxed) && *confinement != Confinement::Unconfined {
            cell.limit_memory();
        }
        if let Some(listener) = listener {
            self.hand_out(listener, cell.refusals())?;
        }
        Ok((cell, control))
    }

    /// A cell whose commands would wait for a proxy that nobody serves is not used.
    fn hand_out(&self, listener: TcpListener, refusals: Refusals) -> io::Result<()> {
        let sent = self.listeners.as_ref().is_some_and(|listeners| listeners.send((listener, refusals)).is_ok());
        if sent { Ok(()) } else { Err(io::Error::other("nobody serves the proxy of its network")) }
    }
}

/// The kernel takes C strings, so a NUL byte would silently cut a word short.
fn refuse_nul(command: &Command) -> Result<(), SandboxError> {
    let words = command.argv.iter().chain(command.environment.iter().flat_map(|(name, value)| [name, value]));
    let mut words = words.map(|word| word.as_os_str()).chain([command.directory.as_os_str()]);
    let program = || command.argv.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
    let unnamed = command.environment.keys().any(|name| name.is_empty() || name.as_bytes().contains(&b'='));
    if words.any(|word: &OsStr| word.as_bytes().contains(&0)) || unnamed {
        return Err(SandboxError::Program { program: program(), source: io::ErrorKind::InvalidInput.into() });
    }
    Ok(())
}

/// Both ends of a command's streams, until it has started.
struct Pipes {
    output: (OwnedFd, OwnedFd),
    errors: Option<(OwnedFd, OwnedFd)>,
    input: Option<(OwnedFd, OwnedFd)>,
}

impl Pipes {
    fn new(separate: bool, input: bool) -> io::Result<Self> {
        Ok(Self {
            output: large_pipe()?,
            errors: separate.then(large_pipe).transpose()?,
            input: input.then(large_pipe).transpose()?,
        })
    }

    /// The command's ends, in the order that [`Stdio`] says.
    fn theirs(&self) -> Vec<BorrowedFd<'_>> {
        let writers = [Some(&self.output), self.errors.as_ref()].into_iter().flatten().map(|(_, writer)| writer);
        writers.chain(self.input.as_ref().map(|(reader, _)| reader)).map(AsFd::as_fd).collect()
    }

    /// Closes the command's ends here, so that ours see when it has closed its own.
    fn into_child(self, process: Process) -> io::Result<Child> {
        let receiver = |(reader, _)| pipe::Receiver::from_owned_fd(reader);
        Ok(Child {
            stdout: receiver(self.output)?,
            stderr: self.errors.map(receiver).transpose()?,
            stdin: self.input.map(|(_, writer)| pipe::Sender::from_owned_fd(writer)).transpose()?,
            process,
        })
    }
}

/// A pipe as large as we may have it; the usual 64 KiB do as well.
fn large_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    let _ = fcntl_setpipe_size(&writer, PIPE_SIZE);
    Ok((reader, writer))
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("helper", &self.helper).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_the_kernel_would_cut_are_refused() {
        let command = |word: &str, name: &str, directory: &str| Command {
            argv: vec!["a".into(), word.into()],
            directory: directory.into(),
            environment: [(name.into(), "value".into())].into(),
        };
        assert!(refuse_nul(&command("b\n", "NAME", "/")).is_ok());
        for (word, name, directory) in
            [("b\0", "N", "/"), ("b", "N\0", "/"), ("b", "N", "/\0"), ("b", "N=", "/"), ("b", "", "/")]
        {
            assert!(refuse_nul(&command(word, name, directory)).is_err(), "{word:?} {name:?} {directory:?}");
        }
    }

    #[test]
    fn starting_may_move_between_threads() {
        fn is_send<T: Send>(_: &T) {}
        let sandbox = Sandbox::new("/nowhere".into());
        let command = Command { argv: vec![], directory: "/".into(), environment: [].into() };
        is_send(&sandbox.spawn(&Confinement::Unconfined, command, Streams::Merged));
    }
}
