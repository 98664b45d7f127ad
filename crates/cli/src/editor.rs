//! The user's own editor, on a file of ours. It is started without walls: it is the user's, and acts for the user alone.
//!
//! Only this file and `sandbox` start processes.

use std::{path::Path, process::Command};

use codex_config::{Environment, variables};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Opens `file` in `$VISUAL`, `$EDITOR` or vi, and waits until that has ended.
///
/// # Errors
/// A sentence for the user when there is none, or when it failed.
#[allow(clippy::disallowed_methods, reason = "the user's own editor is no command of the model's")]
pub fn open(environment: &Environment, file: &Path) -> Result<(), String> {
    let editor = environment.get(variables::VISUAL).or_else(|| environment.get(variables::EDITOR)).unwrap_or("vi");
    // Keys that would end this program are for the editor. Whoever is started has the system's behaviour again.
    let _kept: Vec<Signal> =
        [SignalKind::interrupt(), SignalKind::quit()].into_iter().filter_map(|kind| signal(kind).ok()).collect();
    // It may have arguments, or be a line for the shell, as git has it too.
    let line = format!("{editor} \"$@\"");
    let status = Command::new("/bin/sh").args(["-c", &line, editor]).arg(file).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the editor `{editor}` failed: {status}")),
        Err(error) => Err(format!("the editor `{editor}` cannot be started: {error}")),
    }
}
