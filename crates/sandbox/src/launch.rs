//! The last steps of a forked process before it becomes the command. It still runs in the memory of the supervisor
//! ([`crate::process::fork_to_execute`]), and must leave all that is there as it was.
//!
//! Any step that fails is reported and the command does not run: it must never run with fewer walls.

use std::{
    ffi::{CString, OsStr, OsString},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::Path,
};

use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    process::{Signal, chdir, ioctl_tiocsctty, set_parent_process_death_signal, setsid},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
};

use crate::{
    Command, channel,
    helper::Walls,
    process,
    setup::{listener, rights},
    wire::{Failure, Launch, OrFailure, Stage, Stdio},
};

/// Turns this process into the command. Returns only what failed.
///
/// `teller`: where the listener goes that has the supervisor told of writes, if walls have one.
pub(crate) fn become_command(walls: &Walls, launch: &Launch, streams: &[OwnedFd], teller: Option<&OwnedFd>) -> Failure {
    if let Err(failure) = get_ready(walls, launch, streams, teller) {
        return failure;
    }
    let error = execute(&launch.command);
    let program = launch.command.argv.first().map(|program| program.to_string_lossy().into_owned());
    Failure::new(Stage::Program, program.unwrap_or_default(), error.raw_os_error().unwrap_or(libc::EINVAL))
}

fn get_ready(walls: &Walls, launch: &Launch, streams: &[OwnedFd], teller: Option<&OwnedFd>) -> Result<(), Failure> {
    let command = &launch.command;
    setsid().or_failure(Stage::Process, || "setsid(2)")?;
    process::reset_signals();
    connect(launch.stdio, streams)?;
    chdir(&command.directory).or_failure(Stage::Directory, || command.directory.to_string_lossy())?;
    if walls.plan.is_none() {
        // Otherwise the kernel does this: the supervisor is the first process of the command's namespace.
        set_parent_process_death_signal(Some(Signal::KILL)).or_failure(Stage::Process, || "prctl(2) of pdeathsig")?;
    }
    if walls.is_confined() {
        rights::drop_all(walls)?;
    }
    if let (Some(program), Some(teller)) = (&walls.listener, teller)
        && let Ok(listener) = listener::install(program)
    {
        // From here on somebody must listen, or calls fail.
        channel::send(teller, b"L", &[listener.as_fd()]).or_failure(Stage::Process, || "handing over a listener")?;
    }
    process::close_from_3(true).or_failure(Stage::Process, || "close_range(2)")
}

/// Puts the streams on descriptors 0 to 2: a terminal's one end, or pipes in the order that [`Stdio`] says.
fn connect(stdio: Stdio, streams: &[OwnedFd]) -> Result<(), Failure> {
    let missing = || Failure::new(Stage::Process, "a stream of the command is missing", libc::EPROTO);
    let step = || "dup2(2) of a stream";
    let mut streams = streams.iter();
    let output = streams.next().ok_or_else(missing)?;
    dup2_stdout(output).or_failure(Stage::Process, step)?;
    let Stdio::Pipes { separate, input } = stdio else {
        dup2_stderr(output).and_then(|()| dup2_stdin(output)).or_failure(Stage::Process, step)?;
        return ioctl_tiocsctty(output).or_failure(Stage::Process, || "ioctl(2) of TIOCSCTTY");
    };
    let errors = if separate { streams.next().ok_or_else(missing)? } else { output };
    dup2_stderr(errors).or_failure(Stage::Process, step)?;
    if input {
        let input = streams.next().ok_or_else(missing)?;
        return dup2_stdin(input).or_failure(Stage::Process, step);
    }
    openat(CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(dup2_stdin)
        .or_failure(Stage::Process, || "opening /dev/null")
}

/// execve(2) of the first candidate that is there.
fn execute(command: &Command) -> io::Error {
    let strings = |values: Vec<Vec<u8>>| values.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>();
    let argv = strings(command.argv.iter().map(|word| word.as_bytes().to_vec()).collect());
    let environment = strings(command.environment.iter().map(|(name, value)| assignment(name, value)).collect());
    // The parent has refused NUL bytes already.
    let (Ok(argv), Ok(environment)) = (argv, environment) else { return io::ErrorKind::InvalidInput.into() };
    let mut worst = io::Error::from_raw_os_error(libc::ENOENT);
    for candidate in candidates(command) {
        let Ok(candidate) = CString::new(candidate.into_vec()) else { continue };
        let error = process::execute(&candidate, &argv, &environment);
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => {}
            // As a shell does: look on, but if nothing else is found this is the reason.
            Some(libc::EACCES) => worst = error,
            _ => return error,
        }
    }
    worst
}

fn assignment(name: &OsStr, value: &OsStr) -> Vec<u8> {
    [name.as_bytes(), b"=", value.as_bytes()].concat()
}

/// Where the program may be. Relative and empty parts of `PATH` are skipped: they would make what runs depend on the
/// directory, which the command's author may not control.
fn candidates(command: &Command) -> Vec<OsString> {
    let Some(program) = command.argv.first().filter(|program| !program.is_empty()) else { return Vec::new() };
    if program.as_bytes().contains(&b'/') {
        return vec![program.clone()];
    }
    let path = command.environment.get(OsStr::new("PATH")).map(OsString::as_os_str).unwrap_or_default();
    let directories = path.as_bytes().split(|byte| *byte == b':').map(|part| Path::new(OsStr::from_bytes(part)));
    directories.filter(|directory| directory.is_absolute()).map(|directory| directory.join(program).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_up_in_the_given_path_only() {
        let cases: &[(&str, Option<&str>, &[&str])] = &[
            ("sh", Some("/usr/bin:/bin"), &["/usr/bin/sh", "/bin/sh"]),
            ("sh", Some(":.:bin:/bin:"), &["/bin/sh"]),
            ("./sh", Some("/bin"), &["./sh"]),
            ("/bin/sh", None, &["/bin/sh"]),
            ("sh", None, &[]),
            ("", Some("/bin"), &[]),
        ];
        for (program, path, expected) in cases {
            let environment = path.map(|path| ("PATH".into(), path.into())).into_iter().collect();
            let command = Command { argv: vec![program.into()], directory: "/".into(), environment };
            assert_eq!(candidates(&command), *expected, "{program} in {path:?}");
        }
    }

    #[test]
    fn an_assignment_keeps_every_byte() {
        assert_eq!(assignment(OsStr::new("A"), OsStr::from_bytes(b"\xff=b")), b"A=\xff=b");
    }
}
