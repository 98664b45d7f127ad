//! What git tracks of what is hidden.
//!
//! It must never count what git does not say: such a file is hidden all the same, and only looks changed.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use codex_sandbox::{Confinement, Exit, Sandbox, Streams};
use codex_workspace::{find_git, git_command};
use tokio::io::AsyncReadExt;

/// Most files that are kept apart: each is made anew in every cell.
const MOST: usize = 20_000;
/// Longest answer of git that is read, in bytes.
const LONGEST: u64 = 8 << 20;

/// The files that git tracks of `hidden`, real paths, and of what lies in them; of the repositories that hold these.
/// `path` is where programs are found, none of them below `writable`. Sorted.
///
/// # Errors
/// A sentence, if they are too many.
pub async fn tracked(
    sandbox: &Sandbox,
    path: &OsStr,
    writable: &[PathBuf],
    hidden: &[PathBuf],
) -> Result<Vec<PathBuf>, String> {
    let mut tops: BTreeMap<PathBuf, Vec<&Path>> = BTreeMap::new();
    for path in hidden {
        let top = path.ancestors().skip(1).find(|at| at.join(".git").symlink_metadata().is_ok());
        if let Some((top, inner)) = top.and_then(|top| Some((top, path.strip_prefix(top).ok()?))) {
            tops.entry(top.to_owned()).or_default().push(inner);
        }
    }
    let git = if tops.is_empty() { None } else { find_git(path, writable) };
    let Some(git) = git else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for (top, inner) in tops {
        let args = [OsStr::new("-z"), OsStr::new("--")].into_iter().chain(inner.iter().map(|inner| inner.as_os_str()));
        let mut command = git_command(&git, "ls-files", args, &[], &top, path);
        // A name may look like a pattern.
        command.environment.insert("GIT_LITERAL_PATHSPECS".into(), "1".into());
        let answer = answer(sandbox, &Confinement::read_only(std::slice::from_ref(&top)), command).await;
        let names = answer.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        files.extend(names.map(|name| top.join(OsStr::from_bytes(name))));
        if files.len() > MOST {
            return Err(format!(
                "what is kept from the model holds more than {MOST} files that git tracks, which is more than can be kept \
                 unchanged for it: keep less of {} from it",
                top.display()
            ));
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// What git prints; nothing if it fails.
async fn answer(sandbox: &Sandbox, walls: &Confinement, command: codex_sandbox::Command) -> Vec<u8> {
    let Ok(mut child) = sandbox.spawn(walls, command, Streams::Separate).await else { return Vec::new() };
    let mut answer = Vec::new();
    let read = (&mut child.stdout).take(LONGEST).read_to_end(&mut answer).await;
    match (read, child.wait().await) {
        (Ok(_), Ok(Exit::Code(0))) => answer,
        _ => Vec::new(),
    }
}
