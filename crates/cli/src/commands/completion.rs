//! `codex completion`: what a shell needs to know of the commands and flags. Made of their declarations.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::{args::Arguments, exec::ExitStatus};

/// Prints the script for `shell`.
///
/// # Errors
/// When standard output is closed or full.
pub fn run(shell: Shell) -> Result<ExitStatus, String> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "codex", &mut script);
    super::write(&script)
}
