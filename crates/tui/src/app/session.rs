//! The session on the screen, as far as the screen needs it.

use std::time::{Duration, Instant};

use codex_client::Cost;
use codex_protocol::{ModeKind, RetryWait, SkillInfo, ThreadOpened, ThreadTokenUsage, UserInput};

use super::{App, Effect, Proposed, agents::Agents, own_commands::OwnCommands, resuming::Tail};
use crate::overlays;

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
    /// Whether its last turn was cut off.
    pub cut_off: bool,
    /// Its sub-agents.
    pub(super) agents: Agents,
    /// How it works.
    pub mode: ModeKind,
    /// The plan that was proposed, until something is decided about it.
    pub plan: Option<Proposed>,
    /// The commands that are not built in.
    pub(super) own: OwnCommands,
    /// The skills in use, as far as they are known.
    pub(super) skills: Vec<SkillInfo>,
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
    /// What it waits for before it asks the model again.
    pub wait: Option<Wait>,
    /// Its hooks that run, the oldest first.
    pub hooks: Vec<HookRuns>,
}

/// A hook that runs.
#[derive(Debug)]
pub struct HookRuns {
    /// The run's id.
    pub id: String,
    /// From when on it is shown.
    pub shown_at: Instant,
    /// What is said of it.
    pub message: String,
}

/// A wait before the model is asked again.
#[derive(Debug)]
pub struct Wait {
    /// When it ends.
    pub until: Instant,
    /// What went wrong, in a few words.
    pub what: String,
    /// Which repetition comes then, and of how many if that is limited.
    pub attempt: (u32, Option<u32>),
}

impl Wait {
    /// Begun now.
    pub fn begun(wait: &RetryWait, now: Instant) -> Self {
        let until = now + Duration::from_millis(wait.delay_ms);
        Self { until, what: wait.what.clone(), attempt: (wait.attempt, wait.of) }
    }

    /// Seconds that are left, of which the last is one until it is over; `None`: it is over.
    pub fn seconds(&self, now: Instant) -> Option<u64> {
        let left = self.until.saturating_duration_since(now);
        (!left.is_zero()).then(|| left.as_millis().div_ceil(1000) as u64)
    }
}

impl Running {
    /// Begun now; its id is told later.
    pub fn begun(now: Instant) -> Self {
        Self { id: String::new(), since: now, stopping: false, unread: Vec::new(), wait: None, hooks: Vec::new() }
    }

    /// When what is shown of its time, or of the time that it waits, is next another.
    fn changes_at(&self, now: Instant) -> Instant {
        let next = self.since + Duration::from_secs(now.saturating_duration_since(self.since).as_secs() + 1);
        let wait = self.wait.as_ref();
        let seconds = wait.and_then(|wait| Some(wait.until - Duration::from_secs(wait.seconds(now)? - 1)));
        let hook = self.hooks.iter().map(|hook| hook.shown_at).filter(|at| *at > now).min();
        [Some(next), seconds, hook].into_iter().flatten().min().unwrap_or(next)
    }
}

impl Session {
    /// Just opened.
    pub fn new(opened: ThreadOpened, now: Instant) -> Self {
        let (usage, agents, own, skills) = Default::default();
        let (mode, cut_off, turn, since) = (opened.mode, opened.cut_off, None, now);
        let (cost, last_message, said, plan) = Default::default();
        Self { opened, usage, cost, turn, since, last_message, said, cut_off, agents, mode, plan, own, skills }
    }

    /// Its id.
    pub fn id(&self) -> String {
        self.opened.thread.id.clone()
    }

    /// This waits for the model no more: it was read, or not taken.
    pub fn not_unread(&mut self, content: &[UserInput]) {
        let Some(turn) = &mut self.turn else { return };
        let said = |text: &String| {
            content.iter().filter_map(UserInput::typed).any(|said| said == text.trim_end() || said == *text)
        };
        if let Some(at) = turn.unread.iter().position(said) {
            turn.unread.remove(at);
        }
    }

    /// When the time that is shown of a turn is next another.
    pub fn next_second(&self, now: Instant) -> Option<Instant> {
        Some(self.turn.as_ref()?.changes_at(now))
    }
}

impl App {
    /// The person leaves. A turn on another machine can go on without this screen, so that is asked first.
    pub(super) fn leave(&mut self) {
        let works = self.session.as_ref().is_some_and(|session| session.turn.is_some());
        match self.setup.whereabouts.machine.clone().filter(|_| works) {
            Some(machine) => self.lay(overlays::leave(&machine)),
            None => self.effects.push(Effect::Quit),
        }
    }

    /// Whether what runs is stopped when the screen ends: here always, for the server ends too; elsewhere if the person says
    /// so, and not because a terminal or a network was lost.
    pub fn stops(&self) -> bool {
        let works = self.session.as_ref().is_some_and(|session| session.turn.is_some());
        self.stops.unwrap_or(!works || self.setup.whereabouts.machine.is_none())
    }

    /// The session to go on with later, if anything of it was kept.
    pub fn kept_session(&self) -> Option<String> {
        let kept = |session: &&Session| session.said && !session.opened.thread.ephemeral;
        self.session.as_ref().filter(kept).map(Session::id)
    }
}
