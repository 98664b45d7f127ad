//! What this program and its helper say to each other. Both ends are the same binary, so there are no versions.
//!
//! A request is one datagram on the helper's socket; it carries the descriptor of a private socket on which all
//! replies to that request come back, so replies need no numbers and cannot be mixed up. The parent says one thing on
//! it only, by closing it or its sending half: end the command. This module must never do
//! I/O; [`crate::channel`] does.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    Change, Command, Confined, Confinement, Exit, Network, Noticed, Rung, TerminalSize, aside,
    codec::{Malformed, Reader, Writer},
    rung::RUNGS,
};

/// What the helper is asked to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Put up the walls. Comes first, once. `filter` is a seccomp program, 8 bytes an instruction, without which nothing
    /// is confined; so is `listener`, which has writes told.
    Setup { confinement: Confinement, filter: Option<Vec<u8>>, listener: Option<Vec<u8>>, rung: Rung },
    /// Start a command inside them.
    Launch(Launch),
}

/// A command and what its standard streams are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    pub(crate) command: Command,
    pub(crate) stdio: Stdio,
}

/// What the standard streams of a command are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdio {
    /// The command's ends of pipes, which come with the request: standard output, then, if `separate`, standard error,
    /// then, if `input`, standard input.
    Pipes { separate: bool, input: bool },
    /// A terminal that is made inside the cell. Our end of it comes back with [`Reply::Started`].
    Terminal(TerminalSize),
}

/// What comes back on the private socket of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The walls stand. With [`Network::Proxied`] the listening socket comes along.
    Ready,
    /// `execve(2)` of the command succeeded.
    Started,
    /// The command ended, and with it (confined) everything it had started.
    Exited(Exit, Noticed),
    /// It could not be done; nothing is left running.
    Failed(Failure),
}

/// Which part of the work failed; decides the error and the hint a user sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Creating user and other namespaces.
    Namespaces,
    /// Building the view of the file system.
    Mounts,
    /// Mounting a fresh `/proc`.
    Proc,
    /// What was asked for cannot be held: a root that is missing, a protected symbolic link.
    Policy,
    /// Dropping rights: capabilities, Landlock, seccomp.
    Rights,
    /// Forking, descriptors, signals.
    Process,
    /// Entering the working directory of the command.
    Directory,
    /// `execve(2)` of the command.
    Program,
    /// Mapping the owner of a writable directory who is not the caller.
    Owner,
}

const STAGES: [Stage; 9] = [
    Stage::Namespaces,
    Stage::Mounts,
    Stage::Proc,
    Stage::Policy,
    Stage::Rights,
    Stage::Process,
    Stage::Directory,
    Stage::Program,
    Stage::Owner,
];

const NETWORKS: [Network; 3] = [Network::LoopbackOnly, Network::Proxied, Network::Host];

/// What failed, in words a user can search for, and what the kernel said (`errno(3)`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    pub(crate) step: String,
    pub(crate) errno: i32,
}

/// Longest `step`, in characters: with four bytes each it still fits into a datagram and a pipe. Programs and
/// directories that do not exist can have names of any length.
const LONGEST_STEP: usize = 3000;

impl Failure {
    pub(crate) fn new(stage: Stage, step: impl Into<String>, errno: i32) -> Self {
        let mut step = step.into();
        if let Some((end, _)) = step.char_indices().nth(LONGEST_STEP) {
            step.truncate(end);
        }
        Self { stage, step, errno }
    }
}

/// Turns what the kernel said into a [`Failure`] that says where.
pub(crate) trait OrFailure<T> {
    /// `step` is only built when it is needed.
    fn or_failure<S: Into<String>>(self, stage: Stage, step: impl FnOnce() -> S) -> Result<T, Failure>;
}

impl<T, E: Into<std::io::Error>> OrFailure<T> for Result<T, E> {
    fn or_failure<S: Into<String>>(self, stage: Stage, step: impl FnOnce() -> S) -> Result<T, Failure> {
        self.map_err(|error| {
            let errno = error.into().raw_os_error().unwrap_or(libc::EIO);
            Failure::new(stage, step(), errno)
        })
    }
}

impl Request {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match self {
            Self::Setup { confinement, filter, listener, rung } => {
                writer.byte(0);
                writer.byte(*rung as u8);
                encode_confinement(&mut writer, confinement);
                for program in [filter, listener] {
                    writer.flag(program.is_some());
                    program.iter().for_each(|program| writer.bytes(program));
                }
            }
            Self::Launch(launch) => {
                writer.byte(1);
                encode_stdio(&mut writer, launch.stdio);
                writer.text(&launch.command.directory);
                writer.texts(launch.command.argv.iter());
                writer.texts(launch.command.environment.keys());
                writer.texts(launch.command.environment.values());
            }
        }
        writer.finish()
    }

    pub(crate) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        let request = match reader.byte()? {
            0 => Self::decode_setup(&mut reader)?,
            1 => Self::Launch(Launch::decode(&mut reader)?),
            _ => return Err(Malformed),
        };
        reader.finish()?;
        Ok(request)
    }

    /// Whether this asks for a cell with a proxy.
    pub(crate) fn is_proxied(&self) -> bool {
        let Self::Setup { confinement: Confinement::Confined(confined), .. } = self else { return false };
        confined.network == Network::Proxied
    }

    fn decode_setup(reader: &mut Reader) -> Result<Self, Malformed> {
        let rung = *RUNGS.get(usize::from(reader.byte()?)).ok_or(Malformed)?;
        let confinement = decode_confinement(reader)?;
        let (filter, listener) = (program(reader)?, program(reader)?);
        Ok(Self::Setup { confinement, filter, listener, rung })
    }
}

impl Launch {
    fn decode(reader: &mut Reader) -> Result<Self, Malformed> {
        let stdio = decode_stdio(reader)?;
        let directory = PathBuf::from(reader.text()?);
        let argv = reader.list(Reader::text)?;
        let names = reader.list(Reader::text)?;
        let values = reader.list(Reader::text)?;
        if names.len() != values.len() {
            return Err(Malformed);
        }
        let environment: BTreeMap<OsString, OsString> = names.into_iter().zip(values).collect();
        Ok(Self { command: Command { argv, directory, environment }, stdio })
    }
}

fn encode_stdio(writer: &mut Writer, stdio: Stdio) {
    match stdio {
        Stdio::Pipes { separate, input } => {
            writer.byte(0);
            writer.flag(separate);
            writer.flag(input);
        }
        Stdio::Terminal(TerminalSize { rows, columns }) => {
            writer.byte(1);
            writer.integer(rows.into());
            writer.integer(columns.into());
        }
    }
}

fn decode_stdio(reader: &mut Reader) -> Result<Stdio, Malformed> {
    let cells = |reader: &mut Reader| u16::try_from(reader.integer()?).map_err(|_| Malformed);
    match reader.byte()? {
        0 => Ok(Stdio::Pipes { separate: reader.flag()?, input: reader.flag()? }),
        1 => Ok(Stdio::Terminal(TerminalSize { rows: cells(reader)?, columns: cells(reader)? })),
        _ => Err(Malformed),
    }
}

fn encode_confinement(writer: &mut Writer, confinement: &Confinement) {
    let Confinement::Confined(confined) = confinement else {
        return writer.flag(false);
    };
    writer.flag(true);
    writer.texts(confined.writable.iter());
    writer.texts(confined.real.iter());
    writer.texts(confined.protected.iter());
    writer.texts(confined.hidden.iter());
    writer.texts(confined.in_git.iter());
    writer.texts(confined.denied_programs.iter());
    writer.texts(confined.caches.iter());
    writer.texts(confined.temp.as_slice().iter());
    writer.texts(confined.state.as_slice().iter());
    writer.byte(confined.network as u8);
    writer.flag(confined.weak);
}

fn decode_confinement(reader: &mut Reader) -> Result<Confinement, Malformed> {
    if !reader.flag()? {
        return Ok(Confinement::Unconfined);
    }
    let writable = reader.list(path)?;
    let real = reader.list(path)?;
    let protected = reader.list(path)?;
    let hidden = reader.list(path)?;
    let in_git = reader.list(path)?;
    let denied_programs = reader.list(path)?;
    let caches = reader.list(path)?;
    let temp = reader.list(path)?.pop();
    let state = reader.list(path)?.pop();
    let network = *NETWORKS.get(usize::from(reader.byte()?)).ok_or(Malformed)?;
    let weak = reader.flag()?;
    let places =
        Confined { writable, real, protected, hidden, in_git, denied_programs, caches, temp, state, network, weak };
    Ok(Confinement::Confined(places))
}

fn program(reader: &mut Reader) -> Result<Option<Vec<u8>>, Malformed> {
    reader.flag()?.then(|| reader.bytes().map(<[u8]>::to_vec)).transpose()
}

fn path(reader: &mut Reader) -> Result<PathBuf, Malformed> {
    Ok(PathBuf::from(reader.text()?))
}

impl Reply {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match self {
            Self::Ready => writer.byte(0),
            Self::Started => writer.byte(1),
            Self::Exited(exit, noticed) => {
                let (kind, number) = match exit {
                    Exit::Code(code) => (2, code),
                    Exit::Signal(number) => (3, number),
                };
                writer.byte(kind);
                writer.integer(*number);
                encode_noticed(&mut writer, noticed);
            }
            Self::Failed(failure) => {
                writer.byte(4);
                writer.byte(failure.stage as u8);
                writer.integer(failure.errno);
                writer.text(&failure.step);
            }
        }
        writer.finish()
    }

    pub(crate) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        let reply = match reader.byte()? {
            0 => Self::Ready,
            1 => Self::Started,
            2 => Self::Exited(Exit::Code(reader.integer()?), decode_noticed(&mut reader)?),
            3 => Self::Exited(Exit::Signal(reader.integer()?), decode_noticed(&mut reader)?),
            4 => {
                let stage = *STAGES.get(usize::from(reader.byte()?)).ok_or(Malformed)?;
                let errno = reader.integer()?;
                let step = reader.text()?.to_string_lossy().into_owned();
                Self::Failed(Failure { stage, step, errno })
            }
            _ => return Err(Malformed),
        };
        reader.finish()?;
        Ok(reply)
    }
}

/// Most paths of a list that are told, and most bytes they take together, so that a reply fits into a datagram with all
/// lists full. Half a path would be another one: what does not fit is left out.
struct Room(usize, usize);

const WRITES: Room = Room(10, 3000);
const CHANGES: Room = Room(20, 8000);
const CACHES: Room = Room(20, 4000);

impl Room {
    /// What is told of `all`.
    fn fill<T>(self, all: &[T], path: impl Fn(&T) -> &Path) -> Vec<&T> {
        // Its length and what is said of it.
        const BESIDE: usize = 16;
        let Self(most, mut left) = self;
        let fits = |told: &&T| {
            let rest = left.checked_sub(path(told).as_os_str().len() + BESIDE);
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        all.iter().filter(fits).take(most).collect()
    }
}

fn encode_noticed(writer: &mut Writer, noticed: &Noticed) {
    let changes = CHANGES.fill(&noticed.changes, |change| &change.path);
    writer.flag(noticed.network);
    writer.texts(WRITES.fill(&noticed.writes, |path| path).into_iter());
    writer.texts(changes.iter().map(|change| &change.path));
    for change in changes {
        let moved = noticed.aside.iter().find(|(path, _)| *path == change.path);
        let number = moved.and_then(|(_, aside)| aside::number(aside.file_name()?));
        writer.flag(change.undone);
        writer.integer(number.unwrap_or(0));
    }
    writer.texts(CACHES.fill(&noticed.read_only_caches, |path| path).into_iter());
}

fn decode_noticed(reader: &mut Reader) -> Result<Noticed, Malformed> {
    let network = reader.flag()?;
    let writes = reader.list(path)?;
    let paths = reader.list(path)?;
    let (mut changes, mut moved) = (Vec::new(), Vec::new());
    for path in paths {
        let (undone, number) = (reader.flag()?, reader.integer()?);
        let name = path.file_name().filter(|_| number > 0);
        moved.extend(name.map(|name| (path.clone(), path.with_file_name(aside::named(name, number)))));
        changes.push(Change { path, undone });
    }
    let read_only_caches = reader.list(path)?;
    // The proxy is on this side of the walls.
    Ok(Noticed { network, writes, changes, aside: moved, refused: Vec::new(), read_only_caches })
}

/// A path between back quotes, for the sentence of a failure.
pub(crate) fn quoted(path: &Path) -> String {
    format!("`{}`", crate::shown(path))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    fn requests() -> Vec<Request> {
        let odd = PathBuf::from(OsStr::from_bytes(b"/odd/\xff\xfe"));
        let confined = Confined {
            writable: vec!["/a".into(), odd.clone()],
            real: vec![odd.clone()],
            protected: vec!["/a/.git".into()],
            hidden: vec![odd.clone()],
            in_git: vec!["/a/b".into(), odd.clone()],
            denied_programs: vec!["/usr/bin/su".into(), odd.clone()],
            caches: vec!["/c".into(), odd.clone()],
            temp: Some(odd.clone()),
            state: Some("/s".into()),
            network: Network::Host,
            weak: true,
        };
        let launch = Launch {
            command: Command {
                argv: vec!["sh".into(), "-c".into(), String::new().into(), odd.clone().into()],
                directory: odd,
                environment: [("A".into(), "1=2\n3".into()), ("B".into(), OsString::new())].into(),
            },
            stdio: Stdio::Pipes { separate: true, input: false },
        };
        let in_terminal =
            Launch { stdio: Stdio::Terminal(TerminalSize { rows: 0, columns: 65_535 }), ..launch.clone() };
        vec![
            Request::Setup { confinement: Confinement::Unconfined, filter: None, listener: None, rung: Rung::Full },
            Request::Setup {
                confinement: Confinement::read_only(&[]),
                filter: Some(vec![1; 8]),
                listener: None,
                rung: Rung::LandlockOnly,
            },
            Request::Setup {
                confinement: Confinement::Confined(Confined { network: Network::Proxied, ..confined.clone() }),
                filter: None,
                listener: Some(vec![2; 8]),
                rung: Rung::WithoutFreshProc,
            },
            Request::Setup {
                confinement: Confinement::Confined(confined),
                filter: None,
                listener: None,
                rung: Rung::Full,
            },
            Request::Launch(launch),
            Request::Launch(in_terminal),
        ]
    }

    #[test]
    fn requests_survive_the_wire() {
        for request in requests() {
            assert_eq!(Request::decode(&request.encode()).as_ref(), Ok(&request));
        }
    }

    #[test]
    fn a_cut_request_is_malformed() {
        for request in requests() {
            let message = request.encode();
            for end in 0..message.len() {
                assert_eq!(Request::decode(&message[..end]), Err(Malformed), "cut at {end}");
            }
        }
    }

    #[test]
    fn replies_survive_the_wire() {
        let failures = STAGES.map(|stage| Reply::Failed(Failure::new(stage, "unshare(2)", libc::EPERM)));
        let change = |path: String, undone| Change { path: path.into(), undone };
        let noticed = Noticed {
            network: true,
            writes: vec!["/w".into()],
            changes: vec![change("/a".into(), true), change("/b".into(), false)],
            aside: vec![("/a".into(), "/a.undone-12".into())],
            read_only_caches: vec!["/c".into()],
            ..Noticed::default()
        };
        let replies = [
            Reply::Ready,
            Reply::Started,
            Reply::Exited(Exit::Code(255), Noticed::default()),
            Reply::Exited(Exit::Signal(9), noticed),
        ];
        for reply in replies.into_iter().chain(failures) {
            assert_eq!(Reply::decode(&reply.encode()).as_ref(), Ok(&reply));
        }
        let long = Failure::new(Stage::Program, "\u{1f980}".repeat(100_000), libc::ENAMETOOLONG);
        assert!(Reply::Failed(long).encode().len() < 16 << 10);
        assert_eq!(Reply::decode(&[]), Err(Malformed));
        assert_eq!(Reply::decode(&[9]), Err(Malformed));
    }

    /// A cut path would be another place: the directory of it wider than what was meant.
    #[test]
    fn the_fullest_reply_fits_and_holds_whole_paths_only() {
        for length in [1, 100, 300, 499, 501, 1000, 2900, 4095] {
            let path = |number: usize| PathBuf::from(format!("/{number:03}/{}", "x/".repeat(length / 2)));
            let paths: Vec<PathBuf> = (0..100).map(path).collect();
            let noticed = Noticed {
                network: true,
                writes: paths.clone(),
                changes: paths.iter().map(|path| Change { path: path.clone(), undone: true }).collect(),
                read_only_caches: [vec!["x".repeat(5000).into()], paths.clone()].concat(),
                ..Noticed::default()
            };
            let reply = Reply::Exited(Exit::Code(0), noticed).encode();
            assert!(reply.len() < 16 << 10, "{length}: {}", reply.len());
            let Ok(Reply::Exited(_, told)) = Reply::decode(&reply) else { panic!("{length}") };
            let changed: Vec<PathBuf> = told.changes.into_iter().map(|change| change.path).collect();
            for (told, most) in [(told.writes, 10), (changed, 20), (told.read_only_caches, 20)] {
                assert_eq!(told, paths[..told.len()], "{length}");
                assert!(told.len() == most || length > 100, "{length}: {}", told.len());
            }
        }
    }
}
