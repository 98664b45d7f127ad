//! The session on the screen, as far as the screen needs it.

use std::time::{Duration, Instant};

use codex_client::Cost;
use codex_protocol::{ModeKind, ThreadOpened, ThreadTokenUsage, UserInput};

use super::{App, Proposed, agents::Agents, resuming::Tail};

/// The session on the screen.
#[derive(Debug)]
pub struct Session {
    /// Its settings.
    pub opened: ThreadOpened,
    /// Its tokens.
    pub usage: ThreadTokenUsage,
    /// What they cost.
    pub cost: Cost,
    /// The turn that runs.
    pub turn: Option<Running>,
    /// When it was opened.
    pub since: Instant,
    /// The model's last message, for `/copy`.
    pub last_message: Option<String>,
    /// Whether anything was said in it.
    pub said: bool,
    /// Its sub-agents.
    pub(super) agents: Agents,
    /// How it works.
    pub mode: ModeKind,
    /// The plan that was proposed, until something is decided about it.
    pub plan: Option<Proposed>,
}

/// What is known while there is no session.
#[derive(Debug, Default)]
pub struct Before {
    /// The one that was left.
    pub left: Option<String>,
    /// The one that was asked for last.
    pub wanted: Option<String>,
    /// Whether one is on its way.
    pub is_opening: bool,
    /// Whether a branch of this one is on its way: what is said waits for it.
    pub is_branching: bool,
    /// What the one that is on its way said last.
    pub(super) tail: Tail,
    /// Whether the first one begins in plan mode.
    pub plans: bool,
    /// Tokens of the one that is on its way.
    pub usage: ThreadTokenUsage,
    /// What they cost.
    pub cost: Cost,
}

/// A turn that runs.
#[derive(Debug)]
pub struct Running {
    /// Its id; empty until the server has told it.
    pub id: String,
    /// When it began.
    pub since: Instant,
    /// Whether it was told to stop.
    pub stopping: bool,
    /// What was said to it that the model has not read yet.
    pub unread: Vec<String>,
}

impl Running {
    /// Begun now; its id is told later.
    pub fn begun(now: Instant) -> Self {
        Self { id: String::new(), since: now, stopping: false, unread: Vec::new() }
    }
}

impl Session {
    /// Just opened.
    pub fn new(opened: ThreadOpened, now: Instant) -> Self {
        let (usage, agents) = Default::default();
        let (mode, turn, since) = (opened.mode, None, now);
        let (cost, last_message, said, plan) = Default::default();
        Self { opened, usage, cost, turn, since, last_message, said, agents, mode, plan }
    }

    /// Its id.
    pub fn id(&self) -> String {
        self.opened.thread.id.clone()
    }

    /// This waits for the model no more: it was read, or not taken.
    pub fn not_unread(&mut self, content: &[UserInput]) {
        let Some(turn) = &mut self.turn else { return };
        let said =
            |text: &String| content.iter().any(|input| matches!(input, UserInput::Text { text: said } if said == text));
        if let Some(at) = turn.unread.iter().position(said) {
            turn.unread.remove(at);
        }
    }

    /// When the time that a turn has taken is next a second more.
    pub fn next_second(&self, now: Instant) -> Option<Instant> {
        let running = self.turn.as_ref()?;
        let whole = now.saturating_duration_since(running.since).as_secs() + 1;
        Some(running.since + Duration::from_secs(whole))
    }
}

impl App {
    /// The session to go on with later, if anything of it was kept.
    pub fn kept_session(&self) -> Option<String> {
        let kept = |session: &&Session| session.said && !session.opened.thread.ephemeral;
        self.session.as_ref().filter(kept).map(Session::id)
    }
}
