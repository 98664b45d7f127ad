//! Starts one hook, and hears what it says.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use codex_sandbox::{Confinement, Sandbox};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Answer, Hook, answer::MOST_OUTPUT, guards};
use crate::program::{self, Program};

/// What hooks run on.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Starts processes.
    pub sandbox: Arc<Sandbox>,
    /// The session's walls.
    pub confinement: Confinement,
    /// The environment of commands.
    pub environment: Arc<BTreeMap<OsString, OsString>>,
    /// Absolute directory to start in.
    pub directory: std::path::PathBuf,
    /// Absolute root of the project.
    pub project: std::path::PathBuf,
    /// Ends it.
    pub cancel: CancellationToken,
}

/// How a hook ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As it should.
    Well,
    /// It did not.
    Failed,
    /// It is against what was about to happen.
    Blocked,
    /// It wants the work to stop.
    Stopped,
}

/// What came of a hook.
#[derive(Debug, Clone)]
pub struct Done {
    /// What it says.
    pub answer: Answer,
    /// How long it took.
    pub duration: Duration,
}

impl Done {
    /// How it ended.
    pub fn ended(&self) -> Ended {
        let is_no = matches!(self.answer.decision, Some(super::Decision::Deny(_)));
        match () {
            () if self.answer.failure.is_some() => Ended::Failed,
            () if self.answer.stop.is_some() => Ended::Stopped,
            () if is_no => Ended::Blocked,
            () => Ended::Well,
        }
    }
}

/// Runs a hook, which reads `input`, to its end.
pub async fn run(hook: &Hook, input: &Value, ground: &Ground) -> Done {
    let began = Instant::now();
    let mut environment = BTreeMap::clone(&ground.environment);
    let mut set = |name: &str, path: &Path| environment.insert(name.into(), path.as_os_str().to_owned());
    set("CLAUDE_PROJECT_DIR", &ground.project);
    set("CODEX_PROJECT_DIR", &ground.project);
    if let Some(root) = &hook.plugin_root {
        set("CLAUDE_PLUGIN_ROOT", root);
        set("CODEX_PLUGIN_ROOT", root);
    }
    let program = Program {
        input: input.to_string().into_bytes(),
        timeout: hook.timeout(),
        most_output: MOST_OUTPUT,
        ..Program::shell(&hook.command, ground.directory.clone(), environment)
    };
    let walls = if hook.sandbox { &ground.confinement } else { &Confinement::Unconfined };
    let answer = match program::run(&ground.sandbox, walls, program, &ground.cancel).await {
        Ok(ran) => Answer::of(hook.event, &ran, hook.fails_closed),
        Err(error) => Answer::failed(format!("it was not started: {error}"), guards(hook.event)),
    };
    Done { answer, duration: began.elapsed() }
}
