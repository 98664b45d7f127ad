//! The trait every tool implements, and what passes through it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
};

use codex_history::{Arguments, Content, ToolSpec};
use codex_permissions::Access;
use codex_protocol::{ApprovalDecision, Asked, PlanStep, ThreadItem};
use codex_sandbox::Confinement;
use codex_workspace::Roots;
use tokio_util::sync::CancellationToken;

use crate::{LiveOutput, Processes};

/// Something the model can do.
pub trait Tool: Send + Sync + fmt::Debug {
    /// What calls name it by.
    fn name(&self) -> &str;

    /// What the model is told about it. The same text every time: it is part of the cached prefix.
    fn spec(&self) -> ToolSpec;

    /// The most that any call of it does. Tools that change nothing are offered when nothing may be changed.
    fn effect(&self) -> Effect;

    /// Reads the arguments once: what the call will touch, how it is shown, and the work itself, not yet begun.
    ///
    /// # Errors
    /// A sentence for the model when the arguments are not what the tool takes. Nothing was done then.
    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError>;
}

/// What a tool does to the world, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It changes nothing outside the conversation.
    Reads,
    /// It changes files.
    Writes,
    /// It runs commands of the model's choosing.
    Runs,
}

/// What a call runs in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ToolContext {
    /// The item's id: what is shown of the call carries it.
    pub item_id: String,
    /// Id of the turn that the call is made in.
    pub turn_id: String,
    /// The thread's directories.
    pub roots: Arc<Roots>,
    /// Paths below the writable roots that stay read-only.
    pub protected: Arc<[PathBuf]>,
    /// Starts processes.
    pub sandbox: Arc<codex_sandbox::Sandbox>,
    /// The environment of commands, already stripped of secrets.
    pub environment: Arc<BTreeMap<OsString, OsString>>,
    /// The commands that run on after their call.
    pub processes: Arc<Processes>,
    /// Where a client is told what commands put out while they run, if it wants to be.
    pub live: Option<LiveOutput>,
    /// Asks a person what somebody else than the model wants to know.
    pub person: Person,
    /// Ends the call: what it started must be gone when its future returns.
    pub cancel: CancellationToken,
}

/// What somebody else than the model wants to know of a person. All words are a stranger's.
#[derive(Debug, Clone, PartialEq)]
pub struct Asking {
    /// Who asks: a server of tools, as the settings call it.
    pub server: String,
    /// What it says.
    pub message: String,
    /// How it is answered.
    pub asked: Asked,
}

/// A decision on its way: yes, yes with something, no, or no answer.
pub type Deciding = Pin<Box<dyn Future<Output = ApprovalDecision> + Send>>;

/// Asks a person. The default has nobody to ask: it says no.
#[derive(Clone, Default)]
pub struct Person(Option<Arc<dyn Fn(Asking) -> Deciding + Send + Sync>>);

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person")
    }
}

impl Person {
    /// One that is asked by `ask`.
    pub fn new(ask: impl Fn(Asking) -> Deciding + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(ask)))
    }

    /// Asks it, and waits for the answer. Dropped, the question is taken back.
    pub fn ask(&self, asking: Asking) -> Deciding {
        match &self.0 {
            Some(ask) => ask(asking),
            None => Box::pin(std::future::ready(ApprovalDecision::Decline)),
        }
    }
}

/// A call whose arguments were read.
pub struct Prepared {
    /// What it will touch.
    pub access: Access,
    /// How it is shown while it runs; `None` for calls that are shown only by their outcome.
    pub started: Option<ThreadItem>,
    /// The work, run inside the walls of the verdict. Must not panic; must return soon after `cancel`.
    pub run: Box<dyn FnOnce(Permission) -> Work + Send>,
}

/// What the work of a call was permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The walls that it runs inside.
    pub confinement: Confinement,
    /// Whether git in it is to run nothing that a repository names: nobody looked at this command.
    pub disarm_git: bool,
    /// The hunks of the changes that are shown, counted from 0 through all files, if not all of them are to be made.
    pub hunks: Option<BTreeSet<usize>>,
    /// Whether the user has named the host of the page that it asks for.
    pub host_is_said: bool,
}

impl From<Confinement> for Permission {
    fn from(confinement: Confinement) -> Self {
        Self { confinement, disarm_git: false, hunks: None, host_is_said: false }
    }
}

/// The work of a call, under way.
pub type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("access", &self.access).field("started", &self.started).finish_non_exhaustive()
    }
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What the model is told, already cut to size.
    pub for_model: String,
    /// Pictures that the model is shown with it.
    pub pictures: Vec<Content>,
    /// What the user is shown.
    pub for_user: ForUser,
    /// A command failed, and something in it had tried to reach what its walls do not let it.
    pub missed_network: bool,
    /// A command failed, and something in it was about to write these, which its walls keep as they are.
    pub missed_writes: Vec<PathBuf>,
}

impl Outcome {
    /// An outcome without pictures.
    pub fn text(for_model: impl Into<String>, for_user: ForUser) -> Self {
        Self {
            for_model: for_model.into(),
            pictures: Vec::new(),
            for_user,
            missed_network: false,
            missed_writes: Vec::new(),
        }
    }
}

/// What the user is shown of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum ForUser {
    /// A finished item.
    Item(ThreadItem),
    /// A new plan.
    Plan {
        /// Why it changed.
        explanation: Option<String>,
        /// All its steps.
        steps: Vec<PlanStep>,
    },
    /// Nothing: it has no item, or its item ends later, when [`Processes::next_ended`] gives it.
    Nothing,
}

/// Arguments that are not what a tool takes, in a sentence for the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ToolError(pub String);
