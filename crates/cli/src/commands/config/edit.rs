//! `codex config edit`: a copy of a file in the user's editor. The file itself is replaced only by what loads.

use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use codex_config::{Environment, SettingsFile};
use rustix::event::{PollFd, PollFlags, poll};

use crate::{commands::say, editor, exec::ExitStatus, terminal};

/// What to do with a text that does not load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Again,
    Keep,
    ThrowAway,
}

/// Opens the editor, and again as long as the user wants to repair what does not load.
///
/// # Errors
/// A sentence for the user when there is no editor, or a file cannot be read or written.
pub fn run(file: &SettingsFile, environment: &Environment) -> Result<ExitStatus, String> {
    let before = file.read().map_err(|error| error.to_string())?;
    let path = file.path().display();
    let failed = |error: io::Error| format!("cannot make a copy of {path} to edit: {error}");
    let directory =
        tempfile::Builder::new().prefix("codex-config-").tempdir_in(environment.temp_dir()).map_err(failed)?;
    let copy = directory.path().join(file.path().file_name().unwrap_or_default());
    write_new(&copy, before.as_deref().unwrap_or_default().as_bytes()).map_err(failed)?;
    loop {
        let ended = editor::open(environment, &copy);
        let text = fs::read(&copy).map_err(|error| format!("{}: {error}", copy.display()))?;
        if text == before.as_deref().unwrap_or_default().as_bytes() {
            ended?;
            return say(&format!("{path} was not changed\n"));
        }
        let done = ended.and_then(|()| {
            let text = str::from_utf8(&text).map_err(|_| format!("{path}: what you wrote is not UTF-8 text"))?;
            codex_config::replace_text(file, before.as_deref(), text).map_err(|error| error.to_string())
        });
        let error = match done {
            Ok(change) => {
                super::tell(file, &change);
                return say(&format!("changed {path}\n"));
            }
            Err(error) => error,
        };
        terminal::complain(&error);
        match choice() {
            Choice::Again => {}
            Choice::ThrowAway => return say(&format!("{path} was not changed\n")),
            Choice::Keep => {
                let draft = keep(file.path(), &text).map_err(|error| format!("the draft cannot be kept: {error}"))?;
                terminal::complain(&format!("{path} was not changed; what you wrote is in {}", draft.display()));
                return Ok(ExitStatus::Usage);
            }
        }
    }
}

/// Asks on a terminal; elsewhere nothing is lost.
fn choice() -> Choice {
    if !io::stdin().is_terminal() {
        return Choice::Keep;
    }
    let mut answer = [0; 256];
    loop {
        let _ = write!(io::stderr(), "(e)dit again, (k)eep as a draft, or (t)hrow away? ");
        // An end of the input, or a signal, ends the question: nothing is lost.
        let input = io::stdin();
        if poll(&mut [PollFd::new(&input, PollFlags::IN)], None).is_err() {
            return Choice::Keep;
        }
        let Ok(count @ 1..) = rustix::io::read(&input, &mut answer) else { return Choice::Keep };
        match String::from_utf8_lossy(&answer[..count]).trim().to_ascii_lowercase().as_str() {
            "e" | "edit" => return Choice::Again,
            "k" | "keep" => return Choice::Keep,
            "t" | "throw" => return Choice::ThrowAway,
            _ => {}
        }
    }
}

/// Writes a draft beside the file, under a name that is free.
fn keep(path: &Path, text: &[u8]) -> io::Result<PathBuf> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    for number in 0u32.. {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(if number == 0 { ".draft".to_owned() } else { format!(".draft{number}") });
        let draft = path.with_file_name(name);
        match write_new(&draft, text) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done.map(|()| draft),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// A new file for the user alone.
fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text)
}
