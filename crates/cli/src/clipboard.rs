//! The picture in the person's clipboard, as a file. Terminals pass on text alone, so a tool of the desktop is asked.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use codex_config::{
    Environment,
    variables::{self, Variable},
};
use codex_sandbox::{Child, Exit, SandboxError};
use tokio::io::AsyncReadExt as _;

use crate::desktop::{self, Tool};

/// Largest picture that is taken, in bytes.
const MOST: u64 = 20 << 20;

/// How long a tool may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a picture is kept.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What a PNG begins with.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Who gives what is in the clipboard: where this variable is set, this command, of this package.
const TOOLS: &[(Variable, &[&str], &str)] = &[
    (variables::WAYLAND_DISPLAY, &["wl-paste", "--type", "image/png"], "wl-clipboard"),
    (variables::DISPLAY, &["xclip", "-selection", "clipboard", "-target", "image/png", "-out"], "xclip"),
];

/// Puts the picture that is in the clipboard into a file below `codex_home`, and says where it is.
///
/// # Errors
/// A sentence for the user: there is no picture, or nobody who gives it.
pub async fn picture(environment: Environment, codex_home: PathBuf) -> Result<String, String> {
    let mut missing = Vec::new();
    for (variable, command, package) in TOOLS {
        if environment.get_os(*variable).is_none() {
            continue;
        }
        let given = tokio::time::timeout(PATIENCE, ask(&environment, command)).await;
        match given {
            Ok(Err(SandboxError::Program { program, .. })) => missing.push(format!("`{program}` (package {package})")),
            Ok(Err(error)) => return Err(format!("the clipboard cannot be read: {error}")),
            Err(_) => return Err(format!("the clipboard cannot be read: `{}` did not end", command[0])),
            Ok(Ok(bytes)) if !bytes.starts_with(PNG) => {
                return Err("there is no picture in the clipboard; a file's path can be pasted, too".into());
            }
            Ok(Ok(bytes)) if bytes.len() as u64 > MOST => {
                return Err(format!("the picture in the clipboard has more than {} MiB", MOST >> 20));
            }
            Ok(Ok(bytes)) => {
                let kept = keep(&codex_home.join("pictures"), &bytes);
                return kept.map_err(|error| format!("the picture cannot be written to a file: {error}"));
            }
        }
    }
    Err(match missing.is_empty() {
        true => {
            "no clipboard can be reached from here; drop the picture's file on the terminal, or paste its path".into()
        }
        false => format!("to take a picture of the clipboard, install {}", missing.join(" or ")),
    })
}

/// What `command` says; a little more than is taken at most.
async fn ask(environment: &Environment, command: &[&str]) -> Result<Vec<u8>, SandboxError> {
    let Tool { child, sandbox: _held } = desktop::start(environment, command).await?;
    let Child { stdout, stderr, stdin: _, mut process } = child;
    let mut bytes = Vec::new();
    // What it says besides is of no use: there is no picture, or no clipboard.
    drop(stderr);
    stdout.take(MOST + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > MOST {
        process.kill();
    }
    Ok(if process.wait().await? == Exit::Code(0) || bytes.len() as u64 > MOST { bytes } else { Vec::new() })
}

/// Puts `bytes` into a new file in `directory`, and takes old ones away.
fn keep(directory: &Path, bytes: &[u8]) -> io::Result<String> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    forget_old(directory);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let path = directory.join(format!("clipboard-{}.png", now.as_millis()));
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(bytes)?;
    path.into_os_string().into_string().map_err(|_| io::Error::other("the path is not UTF-8"))
}

fn forget_old(directory: &Path) {
    let now = SystemTime::now();
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let is_old = |file: &std::fs::DirEntry| {
        let age = file.metadata().and_then(|file| file.modified()).ok().and_then(|at| now.duration_since(at).ok());
        age.is_some_and(|age| age > KEPT)
    };
    files.filter(is_old).for_each(|file| drop(std::fs::remove_file(file.path())));
}
