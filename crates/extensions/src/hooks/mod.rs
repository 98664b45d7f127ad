//! Hooks: programs of the user that are started at steps of a session, and may refuse, rewrite, add to or go on with what
//! happens there.
//!
//! What they read, and what their answers mean, is as Claude Code documents it, so that scripts written for it work. Where a
//! hook guards, whatever does not go as it should refuses what it guards.

mod answer;
mod calls;
mod matcher;
mod run;

use std::{path::PathBuf, sync::Arc, time::Duration};

pub use answer::{Answer, Decision, Verdict};
pub use calls::{Face, faces, rewritten};
/// When a hook is started.
pub use codex_protocol::HookEventName as Event;
pub use matcher::{Matcher, NoMatcher};
pub use run::{Done, Ended, Ground, run};

/// How long a hook may take unless it says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The same at the end of a session, for which somebody waits who wants to leave.
const TIMEOUT_AT_END: Duration = Duration::from_secs(5);

/// Whether something happens only if no hook is against it: then one that fails is.
fn guards(event: Event) -> bool {
    matches!(event, Event::UserPromptSubmit | Event::PreToolUse | Event::PermissionRequest)
}

/// Whether the status 2 means more than that it failed.
fn can_block(event: Event) -> bool {
    guards(event) || matches!(event, Event::PostToolUse | Event::Stop | Event::SubagentStop)
}

/// Whether what it puts out as plain text is for the model.
fn adds_text(event: Event) -> bool {
    matches!(event, Event::UserPromptSubmit | Event::SessionStart)
}

/// Who brought a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The settings of the machine.
    System,
    /// The user's files.
    User,
    /// A file of a project that is trusted.
    Project,
    /// The command line, or a client.
    Flags,
    /// A plugin of this name.
    Plugin(String),
}

/// A hook.
#[derive(Debug, Clone)]
pub struct Hook {
    /// When it is started.
    pub event: Event,
    /// Of what.
    pub matcher: Matcher,
    /// A line for the shell.
    pub command: String,
    /// How long it may take; `None`: as usual.
    pub timeout: Option<Duration>,
    /// Whether it runs inside the session's walls.
    pub sandbox: bool,
    /// Whether any end but 0 refuses what it guards.
    pub fails_closed: bool,
    /// What is shown while it runs.
    pub status_message: Option<String>,
    /// Who brought it.
    pub source: Source,
    /// The file it is written in; empty where there is none.
    pub path: PathBuf,
    /// The root of its plugin, if it is of one.
    pub plugin_root: Option<PathBuf>,
}

impl Hook {
    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        let usual = if self.event == Event::SessionEnd { TIMEOUT_AT_END } else { TIMEOUT };
        self.timeout.unwrap_or(usual)
    }
}

/// All hooks of a thread, in the order they are written. The default is none, and costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Hooks {
    all: Arc<[Arc<Hook>]>,
    /// The root of the project that the thread works in.
    project: PathBuf,
}

impl Hooks {
    /// `project` is the root of the project, absolute.
    pub fn new(hooks: Vec<Hook>, project: PathBuf) -> Self {
        Self { all: hooks.into_iter().map(Arc::new).collect(), project }
    }

    /// All of them.
    pub fn all(&self) -> &[Arc<Hook>] {
        &self.all
    }

    /// The root of the project.
    pub fn project(&self) -> &std::path::Path {
        &self.project
    }

    /// Whether there is one for `event`.
    pub fn has(&self, event: Event) -> bool {
        self.all.iter().any(|hook| hook.event == event)
    }

    /// Those for `event` that are about one of `names`, each with its place among all.
    pub fn of(&self, event: Event, names: &[&str]) -> Vec<(usize, Arc<Hook>)> {
        let is_meant = |hook: &Hook| hook.event == event && hook.matcher.matches(names);
        self.all
            .iter()
            .enumerate()
            .filter(|(_, hook)| is_meant(hook))
            .map(|(at, hook)| (at, Arc::clone(hook)))
            .collect()
    }
}
