//! What a thread runs under, kept where it can be looked at while a turn runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codex_permissions::Policy;
use codex_sandbox::Sandbox;
use codex_workspace::Roots;

use crate::{Decisions, Mode, ModelChoice, Plugged, ThreadSettings, filling::Filling};

/// What a thread runs under.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Who is asked; from the next turn on, if it was changed while one runs.
    pub model: ModelChoice,
    /// Its directories.
    pub roots: Arc<Roots>,
    /// What is allowed; in plan mode, what will be after it.
    pub policy: Arc<Policy>,
    /// How it works; from the next turn on, if that was changed while one runs.
    pub mode: Mode,
    /// Whether it plans now.
    pub plans_now: bool,
    /// Starts its commands.
    pub sandbox: Arc<Sandbox>,
    /// What users have plugged in.
    pub plugged: Plugged,
}

/// A [`Standing`] that the thread keeps up to date.
#[derive(Debug, Clone)]
pub(crate) struct SharedStanding(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    standing: Standing,
    decisions: Decisions,
    /// What the last request was made of.
    filling: Filling,
}

impl SharedStanding {
    pub(crate) fn new(settings: &ThreadSettings) -> Self {
        Self(Arc::new(Mutex::new(Shared {
            standing: standing(settings),
            decisions: Decisions::default(),
            filling: Filling::default(),
        })))
    }

    /// Shows what is in force now.
    pub(crate) fn show(&self, settings: &ThreadSettings) {
        self.lock().standing = standing(settings);
    }

    /// Shows how it works from the next turn on.
    pub(crate) fn show_mode(&self, mode: Mode) {
        self.lock().standing.mode = mode;
    }

    pub(crate) fn now(&self) -> Standing {
        self.lock().standing.clone()
    }

    /// Shows who is asked from the next turn on.
    pub(crate) fn show_model(&self, model: ModelChoice) {
        self.lock().standing.model = model;
    }

    /// Shows what a request is made of.
    pub(crate) fn show_filling(&self, filling: Filling) {
        self.lock().filling = filling;
    }

    pub(crate) fn filling(&self) -> Filling {
        self.lock().filling.clone()
    }

    pub(crate) fn decisions(&self) -> Decisions {
        self.lock().decisions.clone()
    }

    /// Lets `work` take in what was decided.
    pub(crate) fn note(&self, work: impl FnOnce(&mut Decisions)) {
        work(&mut self.lock().decisions);
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn standing(settings: &ThreadSettings) -> Standing {
    let workplace = &settings.workplace;
    Standing {
        model: settings.model.clone(),
        roots: Arc::clone(&workplace.roots),
        policy: settings.policy_of_default(),
        mode: settings.mode(),
        plans_now: settings.mode() == Mode::Plan,
        sandbox: Arc::clone(&workplace.sandbox),
        plugged: settings.plugged.clone(),
    }
}
