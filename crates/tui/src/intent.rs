//! What a person wants, as keys, commands and overlays say it; [`crate::app`] alone does it.

use codex_protocol::{ApprovalAnswer, ApprovalPolicy, ReviewTarget, RewindTurn, RewindWhat, SandboxMode, UserInput};

use crate::{overlays::Overlay, text::Row};

/// What a person wants.
#[derive(Debug)]
pub enum Intent {
    /// Say this: it starts a turn, or goes into the one that runs.
    Say(Draft),
    /// Say this after the turn that runs.
    Queue(Draft),
    /// Stop the turn.
    Interrupt,
    /// Ask the model now, where a turn waits to ask it again; go on with a turn that was cut off.
    Again,
    /// Leave; where a turn runs on another machine, a question comes first.
    Quit,
    /// Leave, and stop the turn or not.
    Leave {
        /// Whether what runs is stopped.
        stops: bool,
    },
    /// Begin a new session; the visible screen is cleared.
    NewThread,
    /// Go on with this session.
    ResumeThread(String),
    /// Go on with a branch of a session.
    ForkThread(Fork),
    /// Go on with this session, which another process has open and lets go.
    TakeOver(String),
    /// Answer a question of the server.
    Answer {
        /// The question.
        request_id: u64,
        /// The answer.
        answer: ApprovalAnswer,
    },
    /// Have a plan carried out.
    Approve {
        /// Markdown.
        plan: String,
        /// Settings for that.
        change: Change,
    },
    /// Change the plan in the editor.
    EditPlan(String),
    /// Go on planning; what is wrong with the plan is said next.
    RefusePlan,
    /// Ask again what becomes of the plan that was proposed.
    AskAboutPlan,
    /// Change settings of the session.
    Change(Change),
    /// Have a sub-agent do this, beside whatever runs.
    Agent(String),
    /// Have this looked at.
    Review(ReviewTarget),
    /// Run a command of one's own, as the agent's are.
    Shell(String),
    /// Sum the conversation up, and dwell on this.
    Compact(Option<String>),
    /// Bring back what the newest summary stands for.
    UndoCompaction,
    /// Ask the server for something to show.
    Fetch(Fetch),
    /// Go back in the session, or forth again.
    GoBack(GoBack),
    /// Do something to a session, open or not.
    Manage(Manage),
    /// Forget a rule that was remembered.
    Forget(String),
    /// Lay this over the composer.
    Open(Box<dyn Overlay>),
    /// Put this into the transcript, as a notice that the model never sees.
    Print(Vec<Row>),
    /// Put this into the composer in place of what is there.
    Compose(String),
    /// To the clipboard.
    Copy(String),
    /// Open this address in the person's browser.
    Browse(String),
    /// Write the transcript as Markdown to this file; its usual name without.
    Export(Option<String>),
    /// Keep a setting in the user's configuration.
    Keep {
        /// Dotted path.
        key: String,
        /// TOML value.
        value: String,
    },
    /// Make `.codex/config.toml` as `codex init` does.
    Init,
}

/// Going back in the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoBack {
    /// Choose a prompt to go back to.
    List,
    /// See what going back before this turn would do.
    Preview(RewindTurn),
    /// Go back.
    Go {
        /// Before this turn.
        turn_id: String,
        /// What goes back.
        what: RewindWhat,
        /// Conflicts that are taken back all the same.
        overwrite: Vec<String>,
    },
    /// Take back the files of the last turn.
    Undo,
    /// Take back the last going back.
    Redo,
}

/// What is typed and not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// Pastes at full length.
    pub text: String,
    /// Absolute paths of pictures, in order.
    pub pictures: Vec<String>,
}

impl Draft {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && self.pictures.is_empty()
    }

    /// As the protocol has it.
    pub fn input(self) -> Vec<UserInput> {
        let pictures = self.pictures.into_iter().map(|path| UserInput::LocalImage { path }).collect();
        with_text(self.text, pictures)
    }

    /// As it goes to another machine: with the bytes of its pictures.
    ///
    /// # Errors
    /// A sentence: a picture cannot be read, or is too large.
    pub fn input_for_elsewhere(self) -> Result<Vec<UserInput>, String> {
        Ok(with_text(self.text, codex_client::pictures(&self.pictures)?))
    }
}

fn with_text(text: String, pictures: Vec<UserInput>) -> Vec<UserInput> {
    let text = (!text.is_empty()).then_some(UserInput::Text { text });
    text.into_iter().chain(pictures).collect()
}

/// Where a session branches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fork {
    /// Which session; this one if none is named.
    pub thread_id: Option<String>,
    /// The last turn that is shared; all of them if none is named.
    pub last_turn_id: Option<String>,
    /// What was said then, to be said in another way.
    pub prompt: Option<String>,
}

/// Something that is done to a session, by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manage {
    /// It gets another name; an empty one takes it away.
    Rename {
        /// Its id.
        id: String,
        /// The name.
        name: String,
    },
    /// It is laid aside.
    Archive(String),
    /// It is deleted.
    Delete(String),
}

/// A setting of the session to change. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// Whether it plans.
    pub plans: Option<bool>,
    /// Model id, or `provider/model`.
    pub model: Option<String>,
    /// How long it thinks.
    pub effort: Option<String>,
    /// Level of the sandbox.
    pub sandbox: Option<SandboxMode>,
    /// When the user is asked.
    pub approval: Option<ApprovalPolicy>,
    /// Whether the model is told what linters and language servers find.
    pub diagnostics: Option<bool>,
    /// Look of this screen.
    pub theme: Option<String>,
    /// Keys of vi.
    pub vim: Option<bool>,
}

/// Something of the server's to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetch {
    /// Sessions to choose from.
    Sessions {
        /// Of all directories.
        all: bool,
    },
    /// Sessions to choose one from that is branched.
    SessionsToFork {
        /// Of all directories.
        all: bool,
    },
    /// All that the agent changed.
    Diff,
    /// Places where this session can branch.
    ForkPoints,
    /// Sessions in which something was said.
    Said {
        /// What.
        term: String,
        /// Of all directories.
        all: bool,
    },
    /// Models to choose from.
    Models,
    /// Rules, roots, decisions.
    Permissions,
    /// Rules that are remembered, to choose from.
    Rules,
    /// How the session stands.
    Status,
    /// What the context is filled with.
    Context,
    /// What it has cost.
    Cost,
    /// Programs that are started at its steps.
    Hooks,
    /// Commands that run on.
    Terminals,
    /// End these commands; all without an id.
    StopTerminals(Option<String>),
    /// Servers of tools.
    McpServers,
    /// Log in to the server of this name.
    McpLogin(String),
    /// Go on with a login to a server of tools.
    McpPasted {
        /// Its id.
        login_id: String,
        /// What was pasted: a code, or an address.
        text: String,
    },
    /// Do this with the server of this name.
    McpServer(String, codex_protocol::McpServerAction),
    /// Sub-agents.
    Agents,
    /// Plugins.
    Plugins,
    /// Switch a plugin on or off.
    SetPlugin {
        /// Its id.
        id: String,
        /// Whether it is in use.
        enabled: bool,
    },
    /// The skills of the session's directory.
    Skills,
    /// Take a skill out of use, or back into it.
    SwitchSkill {
        /// Its name.
        name: String,
        /// Whether it is to be used.
        enabled: bool,
    },
    /// What the sub-agent of this thread said and did, in the pager.
    AgentTranscript(String),
    /// Stop the sub-agent of this thread.
    StopAgent(String),
    /// The newest part of the transcript, in the pager.
    Transcript,
    /// What comes before it, from this place on.
    Earlier(String),
    /// Files whose name is like this, for the composer.
    Files(String),
}
