//! Starts the program of a server behind its walls, and ends it.

use std::{
    any::Any,
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::Path,
    time::Duration,
};

use codex_sandbox::{Child, Command, Confinement, Exit, Network, Process, Sandbox, Streams};
use codex_workspace::find_program;
use tokio::{net::unix::pipe, task::JoinHandle};

use crate::{Ground, Reach, ServerSpec, Transport, Walls, stdio::Tail};

/// How long a program may take to end by itself, when nobody speaks to it any more.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long standard error is read on after the program's end: an unconfined one may leave something behind that holds it
/// open.
const AFTERWARDS: Duration = Duration::from_millis(300);

/// A program that runs. Dropped, it is killed with all that it started.
pub(crate) struct Program {
    process: Process,
    /// Reads its standard error.
    stderr: Option<JoinHandle<()>>,
    _cell: Cell,
    /// Kept for its `Drop`: the program's `/tmp` goes with it.
    _temp: Option<Box<dyn Any + Send + Sync>>,
}

/// Its streams.
pub(crate) struct Pipe {
    pub(crate) stdin: pipe::Sender,
    pub(crate) stdout: pipe::Receiver,
}

/// A sandbox of one program's own. Letting go of one waits for its helper, which must not hold up others.
struct Cell(Option<Sandbox>);

impl Drop for Cell {
    fn drop(&mut self) {
        let sandbox = self.0.take();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(sandbox));
        }
    }
}

/// The walls of a server's program, but for its `/tmp`.
pub(crate) fn walls(ground: &Ground, walls: &Walls) -> Confinement {
    let (Walls::Confined { extra_roots, network }, Confinement::Confined(commands)) = (walls, &ground.walls) else {
        return Confinement::Unconfined;
    };
    let mut walls = commands.clone();
    let is_read_only = walls.is_read_only();
    for root in extra_roots {
        if !walls.writable.contains(root) {
            walls.writable.push(root.clone());
            walls.real.push(root.clone());
        }
        // In sight, and no more.
        if is_read_only && !walls.protected.contains(root) {
            walls.protected.push(root.clone());
        }
    }
    walls.temp = None;
    walls.network = match network {
        Reach::Nothing => Network::LoopbackOnly,
        Reach::Domains(_) => Network::Proxied,
        Reach::Everything => Network::Host,
    };
    Confinement::Confined(walls)
}

/// Starts the program of `spec`; its standard error goes into `tail`.
///
/// # Errors
/// Why it does not run, in words that follow the server's name.
pub(crate) async fn start(ground: &Ground, spec: &ServerSpec, tail: &Tail) -> Result<(Program, Pipe), String> {
    let Transport::Stdio { argv, env, cwd } = &spec.transport else { return Err("is no program".to_owned()) };
    let mut walls = walls(ground, &spec.walls);
    let mut domains: &[String] = &[];
    if let Walls::Confined { extra_roots, network } = &spec.walls {
        let is_missing = |root: &&std::path::PathBuf| !root.is_dir();
        if let Some(root) = extra_roots.iter().find(is_missing) {
            return Err(format!("is to write in {}, which is no directory", codex_sandbox::shown(root)));
        }
        if let (Reach::Domains(reached), Confinement::Confined(_)) = (network, &walls) {
            domains = reached;
        }
    }
    let mut environment = (*ground.environment).clone();
    environment.extend(env.iter().map(|(name, value)| (name.clone(), value.clone())));
    let directory = cwd.as_deref().unwrap_or(Path::new(&ground.workspace)).to_owned();
    // Before walls are put up for it, which takes longer than to look.
    if let Some(why) = is_missing(argv.first(), &environment, &directory) {
        return Err(why);
    }
    let cannot = |error: std::io::Error| format!("cannot be started: {error}");
    let temp = temp(ground, &mut walls).map_err(cannot)?;
    let sandbox = (ground.sandbox)(domains).map_err(cannot)?;
    let command = Command { argv: argv.clone(), directory, environment };
    let started = sandbox.spawn_with_input(&walls, command, Streams::Separate).await;
    let cell = Cell(Some(sandbox));
    let Child { stdout, stderr, stdin, process } = started.map_err(|error| format!("was not started: {error}"))?;
    let stderr = stderr.map(|stderr| tokio::spawn(tail.clone().fill(stderr)));
    let stdin = stdin.ok_or("was not started: there is no way to speak to it")?;
    Ok((Program { process, stderr, _cell: cell, _temp: temp }, Pipe { stdin, stdout }))
}

/// Why there is nothing to start: a name that is nowhere in `PATH`, or a path at which no program lies.
fn is_missing(
    program: Option<&OsString>,
    environment: &BTreeMap<OsString, OsString>,
    directory: &Path,
) -> Option<String> {
    let name = program?.to_str()?;
    let is_path = name.contains('/');
    let path = if is_path { OsStr::new("") } else { environment.get(OsStr::new("PATH"))? };
    if find_program(name, path, directory).is_some() {
        return None;
    }
    let shown = codex_sandbox::shown(Path::new(name));
    let why = if is_path { "no program lies there" } else { "no directory of PATH has it" };
    Some(format!("was not started: cannot run `{shown}`: {why}"))
}

/// A `/tmp` of the program's own, where it may write at all.
fn temp(ground: &Ground, walls: &mut Confinement) -> std::io::Result<Option<Box<dyn Any + Send + Sync>>> {
    let (Confinement::Confined(walls), Some(make)) = (walls, &ground.temp) else { return Ok(None) };
    if walls.is_read_only() {
        return Ok(None);
    }
    let (path, guard) = make()?;
    walls.temp = Some(path);
    Ok(Some(guard))
}

impl Program {
    /// Waits for its end, which nobody may ever see.
    pub(crate) async fn ended(&mut self) -> String {
        let end = self.process.wait().await;
        if let Some(stderr) = self.stderr.take() {
            let _ = tokio::time::timeout(AFTERWARDS, stderr).await;
        }
        match end {
            Ok(Exit::Code(code)) => format!("ended with status {code}"),
            Ok(Exit::Signal(number)) => format!("was ended by signal {number}"),
            Err(error) => format!("was lost: {error}"),
        }
    }

    /// Its end, if that has come or comes at once.
    pub(crate) async fn end_at_once(&mut self) -> Option<String> {
        tokio::time::timeout(Duration::from_secs(1), self.ended()).await.ok()
    }

    /// Ends it: it may do so by itself, now that its standard input is closed.
    pub(crate) async fn close(mut self) {
        if tokio::time::timeout(PATIENCE, self.process.wait()).await.is_err() {
            self.process.kill();
            let _ = self.process.wait().await;
        }
    }
}
