//! What a thread runs with. Immutable while a turn runs.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, sync::Arc};

use codex_extensions::skills::SkillTool;
use codex_model::{Model, Options, Prices};
use codex_permissions::Policy;
use codex_sandbox::Sandbox;
use codex_tools::Tool;
use codex_workspace::{Instruction, Roots};

use crate::{Agents, IgnoreFiles, KnownRepositories, Plugged, agents::agent_tools};

/// Everything a thread runs with.
#[derive(Debug, Clone)]
pub struct ThreadSettings {
    /// Who is asked.
    pub model: ModelChoice,
    /// Where and inside which walls it works.
    pub workplace: Workplace,
    /// All tools there are; which are offered follows from the policy.
    pub tools: Vec<Arc<dyn Tool>>,
    /// Instruction files in force, the most general first.
    pub instructions: Vec<Instruction>,
    /// What is said in the place of the program's own instructions, and behind them.
    pub own_words: OwnWords,
    /// What users have plugged in.
    pub plugged: Plugged,
    /// Its sub-agents; `None`: it may have none.
    pub agents: Option<Arc<Agents>>,
    /// What a review runs as the project's tests.
    pub tests: ProjectTests,
    /// The kind of sub-agent that it is: another thread's model says what it is to do. `None`: it works for the user.
    pub agent_kind: Option<String>,
    /// Whether its model is to be asked for a title of the session.
    pub titles: bool,
    /// In plan mode: the policy that is in force again after it.
    pub after_planning: Option<Arc<Policy>>,
}

impl ThreadSettings {
    /// The same where `model` is asked, for which there are `tools`.
    pub(crate) fn asking(self, model: ModelChoice, mut tools: Vec<Arc<dyn Tool>>) -> Self {
        // Those that are plugged in are for any model.
        let plugged = self.plugged.tools();
        tools.extend(plugged.into_iter().filter(|it| self.tools.iter().any(|own| own.name() == it.name())));
        tools.sort_by(|one, other| one.name().cmp(other.name()));
        Self { model, tools, ..self }.with_agent_tools()
    }

    /// All tools that there are for it.
    pub(crate) fn with_agent_tools(mut self) -> Self {
        let before = self.tools.len();
        self.tools.extend(self.plugged.skills.as_ref().and_then(SkillTool::of));
        if let Some(agents) = &self.agents {
            self.tools.extend(agent_tools(agents));
        }
        if self.tools.len() > before {
            self.tools.sort_by(|one, other| one.name().cmp(other.name()));
        }
        self
    }
}

/// What the user has said to the model before all else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnWords {
    /// In the place of the program's own instructions, for models with little room too.
    pub instead: Option<String>,
    /// Behind them.
    pub behind: Option<String>,
}

impl OwnWords {
    /// The first message, where the program's own instructions are `base`.
    pub(crate) fn with(&self, base: &str) -> String {
        let first = self.instead.as_deref().unwrap_or(base).trim_end();
        self.behind.iter().fold(first.to_owned(), |text, behind| format!("{text}\n\n{}", behind.trim()))
    }
}

/// What the tests of a project are run with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ProjectTests {
    /// What the files of the project say.
    #[default]
    Found,
    /// This command line.
    Command(String),
    /// Nothing: they are not run.
    Off,
}

/// A model and how it is asked.
#[derive(Debug, Clone)]
pub struct ModelChoice {
    /// Speaks to it.
    pub client: Arc<dyn Model>,
    /// Name of the provider.
    pub provider: String,
    /// Model id, as the provider calls it.
    pub id: String,
    /// `low`, `medium`, `high`, … as it is wanted; `options` has what the model takes of it.
    pub reasoning_effort: Option<String>,
    /// How it is to answer, and how in plan mode.
    pub options: [Arc<Options>; 2],
    /// Tokens that fit into one request, where known.
    pub context_window: Option<u64>,
    /// Whether it has little room: it is told what it must know in few words, and offered few tools.
    pub is_small: bool,
    /// Whether one that may take over has little room where this one has much, or the other way round.
    pub others_differ: bool,
    /// A conversation of more tokens is summed up by itself; `None`: none is.
    pub compact_at: Option<u64>,
    /// What models cost.
    pub prices: Prices,
}

/// The part of its context that a model with little room is told of what came of one call: one in so many.
const RESULTS: u64 = 4;

impl ModelChoice {
    /// Most that it is told of what came of a call, in bytes; `None`: as much as the tool gives.
    pub(crate) fn longest_result(&self) -> Option<usize> {
        let window = self.context_window.filter(|_| self.is_small)?;
        // Four bytes make a token, about.
        usize::try_from(window / RESULTS * 4).ok()
    }
}

/// Of the user's own environment.
#[derive(Debug, Clone, Default)]
pub struct Users {
    /// `HOME`, if it is absolute.
    pub home: Option<PathBuf>,
    /// `PATH`.
    pub path: OsString,
}

/// Where a thread works and inside which walls.
#[derive(Debug, Clone)]
pub struct Workplace {
    /// Its directories.
    pub roots: Arc<Roots>,
    /// What is allowed.
    pub policy: Arc<Policy>,
    /// Starts processes.
    pub sandbox: Arc<Sandbox>,
    /// The repositories that no command has made unseen.
    pub repositories: KnownRepositories,
    /// Where ignore files are looked for.
    pub ignore_files: Arc<IgnoreFiles>,
    /// Environment of commands, secrets removed.
    pub environment: Arc<BTreeMap<OsString, OsString>>,
    /// What the user's programs are found and set up by, whatever commands see.
    pub users: Users,
}
