//! What users have plugged into a thread, for the stations of its turns to ask.

use std::{sync::Arc, time::Duration};

use codex_extensions::checkers::Checkers;
use codex_extensions::hooks::Hooks;
use codex_tools::Tool;

use crate::{McpUse, hooks::Notify};
use codex_extensions::skills::Skills;
use codex_workspace::InstructionRules;

/// All of it. The default is nothing, and costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Plugged {
    /// What looks at files after they were changed.
    pub checkers: Option<Arc<Checkers>>,
    /// Servers of tools.
    pub mcp: Option<Arc<McpUse>>,
    /// Programs that are started at steps of a session.
    pub hooks: Hooks,
    /// How long after a turn hooks are told that the user is waited for.
    pub idle: Duration,
    /// The program that is told of the end of turns.
    pub notify: Option<Arc<Notify>>,
    /// The skills that there are, in use or not.
    pub skills: Option<Arc<Skills>>,
    /// How instructions of directories below the workspace are looked for; `None`: they are not.
    pub instructions: Option<Arc<InstructionRules>>,
}

impl Plugged {
    /// The tools that come with it, for any model.
    pub fn tools(&self) -> Vec<Arc<dyn Tool>> {
        self.checkers.iter().flat_map(|checkers| checkers.tools.clone()).collect()
    }
}
