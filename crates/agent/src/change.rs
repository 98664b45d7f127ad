//! Settings that change while a thread is open: a model from the next turn on, walls between turns only.
//!
//! It must never let a command that runs keep walls that the thread does not have any more, nor take what commands have
//! made for what was there before.

use std::sync::Arc;

use codex_permissions::{RuleText, Rules};
use codex_store::StoreError;
use codex_tools::Tool;
use tokio::sync::OwnedMutexGuard;

use crate::{
    Mode, ModelChoice, Thread, ThreadError, ThreadSettings, Workplace,
    thread::{ThreadState, Whence},
};

/// A thread in which no turn runs, and none begins until this is dropped.
#[derive(Debug)]
pub struct Settled<'thread> {
    thread: &'thread Thread,
    pub(crate) state: OwnedMutexGuard<ThreadState>,
}

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        self.thread.running().take();
    }
}

impl Thread {
    /// Takes the thread out of use, so that its walls can be built anew: what commands have made is found before.
    ///
    /// # Errors
    /// When a turn runs, or what was found cannot be recorded.
    pub async fn settle(&self) -> Result<Settled<'_>, ThreadError> {
        if let Some(working) = self.working_agents() {
            return Err(ThreadError::AgentsWork(working));
        }
        let mut settled = self.take().await.ok_or(ThreadError::BusyForWalls)?;
        let state = &mut settled.state;
        state.tell_ended(self.id()).await?;
        if state.processes.list().is_empty() {
            state.disarm_last(self.id()).await?;
        }
        Ok(settled)
    }

    /// Takes the thread out of use, unless a turn runs.
    pub(crate) async fn take(&self) -> Option<Settled<'_>> {
        self.reserve().ok()?;
        // From here on it is given back, whatever happens.
        let state = Arc::clone(&self.state).lock_owned().await;
        Some(Settled { thread: self, state })
    }

    /// Lets `model` be asked, for which there are `tools`: from now on, or from the next turn on if one runs.
    ///
    /// # Errors
    /// When that cannot be recorded.
    pub async fn set_model(&self, model: ModelChoice, tools: Vec<Arc<dyn Tool>>) -> Result<(), ThreadError> {
        match self.take().await {
            Some(settled) => Ok(settled.change(|settings| settings.asking(model, tools))?),
            None => {
                self.standing.show_model(model.clone());
                self.next().model = Some((model, tools));
                Ok(())
            }
        }
    }
}

impl Settled<'_> {
    pub(crate) fn thread_id(&self) -> &str {
        self.thread.id()
    }

    /// How many sub-agents work for the thread, if some do.
    pub(crate) fn working_agents(&self) -> Option<usize> {
        self.thread.working_agents()
    }

    /// Changes the settings, and records that; if it cannot be, all is as it was.
    pub(crate) fn change(mut self, change: impl FnOnce(ThreadSettings) -> ThreadSettings) -> Result<(), StoreError> {
        let state = &mut *self.state;
        let old = state.settings.clone();
        state.settings = change(old.clone());
        let changed = state.record_change();
        if changed.is_err() {
            state.settings = old;
        }
        changed
    }

    /// Lets the thread go on under `settings`. Commands that run on keep their walls, so these cannot change then.
    ///
    /// # Errors
    /// When commands run inside other walls, or the change cannot be recorded; all is as it was then.
    pub fn set(self, settings: ThreadSettings) -> Result<(), ThreadError> {
        let state = &*self.state;
        let running = state.processes.list().len();
        let old = state.settings.clone().in_mode(Mode::Default).workplace;
        let workplace = match running {
            0 => settings.workplace.clone(),
            _ if same_walls(&old, &settings.workplace) => asking_as(&old, &settings.workplace),
            _ => return Err(ThreadError::StillRuns(running)),
        };
        let mode = state.settings.mode();
        // Those that were started stay.
        let agents = state.settings.agents.clone();
        let titles = state.settings.titles;
        let new = ThreadSettings { workplace, agents, titles, ..settings }.with_agent_tools();
        Ok(self.change(|_| new.in_mode(mode))?)
    }
}

impl Settled<'_> {
    /// Takes the rules out of force that `is_gone` says.
    pub fn remove_rules(mut self, is_gone: impl Fn(&RuleText) -> bool) {
        let state = &mut *self.state;
        let policy = Arc::make_mut(&mut state.settings.workplace.policy);
        let texts = policy.rules.texts().iter().filter(|rule| !is_gone(rule)).cloned().collect();
        // Each of them was a rule before.
        if let Ok(rules) = Rules::new(texts) {
            policy.rules = rules;
        }
        state.standing.show(&state.settings);
    }
}

impl ThreadState {
    /// Records the settings that are in force from here on, and tells the model what is new to it.
    pub(crate) fn record_change(&mut self) -> Result<(), StoreError> {
        self.record_epoch(Whence::Midway)?;
        self.record_news()?;
        self.recorder.flush();
        self.standing.show(&self.settings);
        Ok(())
    }
}

/// Whether commands have the same walls in both.
fn same_walls(old: &Workplace, new: &Workplace) -> bool {
    let walls = |workplace: &Workplace| {
        let policy = &workplace.policy;
        (policy.level, policy.network, policy.domains.clone(), policy.writable.clone(), policy.hidden.clone())
    };
    walls(old) == walls(new)
}

/// The workplace `old`, where a person is asked as in `new`.
fn asking_as(old: &Workplace, new: &Workplace) -> Workplace {
    let mut workplace = old.clone();
    let policy = Arc::make_mut(&mut workplace.policy);
    (policy.approval, policy.full_auto) = (new.policy.approval, new.policy.full_auto);
    policy.rules = new.policy.rules.clone();
    workplace
}
