//! What a command costs in a session: `true`, again and again, in a sandbox whose cell stands, beside `true` without one.
//!
//! The two take turns. It must never measure the making of the cell: that is what the cases `sandbox_…` are for.
#![allow(clippy::disallowed_methods, reason = "a benchmark starts the programs that it measures, outside any sandbox")]

use std::{ffi::OsStr, path::Path, time::Instant};

use codex_config::Environment;
use codex_protocol::{SandboxMode, ThreadStartParams};
use codex_sandbox::{Command, Exit, Streams};

use crate::{figures::median, results::Session, stage::Stage};

/// Commands of each kind that count.
const COMMANDS: usize = 300;

/// Commands of each kind that come before.
const WARM_UP: usize = 10;

/// Measures, with the program at `ours` as helper, in the walls that it would give its commands on `stage`.
///
/// # Errors
///
/// What failed, in a sentence.
pub(crate) fn measure(ours: &Path, path: &OsStr, stage: &Stage) -> Result<Session, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
    let home = stage.codex_home();
    let variables = [("HOME", stage.home.as_os_str()), ("CODEX_HOME", home.as_os_str()), ("PATH", path)];
    let params = ThreadStartParams {
        cwd: Some(stage.workspace.display().to_string()),
        sandbox: Some(SandboxMode::WorkspaceWrite),
        ..ThreadStartParams::default()
    };
    let environment = Environment::from_pairs(variables);
    let walls = runtime.block_on(codex_server::walls(&environment, ours, None, params, &[])).map_err(text)?;
    let (mut confined, mut plain) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + COMMANDS {
        let command = Command {
            argv: vec!["/bin/true".into()],
            directory: walls.workspace.clone(),
            environment: walls.environment.clone(),
        };
        let start = Instant::now();
        let exit = runtime
            .block_on(async { walls.sandbox.spawn(&walls.confinement, command, Streams::Merged).await?.wait().await });
        let (exit, took) = (exit.map_err(text)?, start.elapsed());
        if exit != Exit::Code(0) {
            return Err(format!("`true` ended with {} in the sandbox", exit.shell_code()));
        }
        let start = Instant::now();
        std::process::Command::new("/bin/true").env_clear().status().map_err(text)?;
        if number >= WARM_UP {
            confined.push(took.as_secs_f64() * 1e3);
            plain.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    let middle = |values| median(values).ok_or_else(|| "nothing was measured".to_owned());
    Ok(Session { confined: middle(confined)?, plain: middle(plain)? })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
