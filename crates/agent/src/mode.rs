//! Plan mode: the model reads and proposes a plan, and changes nothing. It is held by the policy, whose walls let nothing
//! be written, and by the tools that are offered; what the model is told about it only saves it the attempts.
//!
//! It must never let what was allowed before, or what runs on, stand for leave to change something.

use std::sync::Arc;

use codex_history::{Content, ToolCall};
use codex_model::Options;
use codex_permissions::Policy;
use codex_store::StoreError;
use codex_tools::{Effect, Tool};

use crate::{ModelChoice, Thread, ThreadError, ThreadSettings, context::fill, thread::ThreadState};

const APPROVED: &str = include_str!("prompts/approved_plan.md");

/// The tool that proposes a plan.
pub(crate) const PROPOSE: &str = "propose_plan";
/// The tool that reaches a sub-agent, which may have begun before and then has other walls.
const MESSAGE: &str = "message_agent";
/// The tool whose commands are looked at one by one.
const COMMANDS: &str = "exec_command";

/// How a thread works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// It does what it is told.
    #[default]
    Default,
    /// It plans, and changes nothing.
    Plan,
}

impl Mode {
    /// As journals and clients spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Plan => "plan",
        }
    }

    /// The mode that is spelled so.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Default, Self::Plan].into_iter().find(|mode| mode.name() == name)
    }
}

/// Who is asked, and all tools that there are for it but those of sub-agents.
type ModelWithTools = (ModelChoice, Vec<Arc<dyn Tool>>);

/// What is in force from the next turn on.
#[derive(Debug, Default)]
pub(crate) struct Next {
    pub(crate) model: Option<ModelWithTools>,
    pub(crate) mode: Option<Mode>,
}

impl ThreadState {
    /// Takes in what was kept for the turn that begins.
    pub(crate) fn enter(&mut self, Next { model, mode }: Next) -> Result<(), StoreError> {
        if model.is_none() && mode.is_none() {
            return Ok(());
        }
        let mode = mode.unwrap_or(self.settings.mode());
        let settings = self.settings.clone();
        let settings = match model {
            Some((model, tools)) => settings.asking(model, tools),
            None => settings,
        };
        self.settings = settings.in_mode(mode);
        self.record_change()
    }
}

impl ThreadSettings {
    /// The mode they are for.
    pub fn mode(&self) -> Mode {
        if self.after_planning.is_some() { Mode::Plan } else { Mode::Default }
    }

    /// How the model is to answer.
    pub(crate) fn options(&self) -> Arc<Options> {
        let [usual, planning] = &self.model.options;
        Arc::clone(if self.mode() == Mode::Plan { planning } else { usual })
    }

    /// These settings for another mode.
    #[must_use]
    pub fn in_mode(mut self, mode: Mode) -> Self {
        let now = &self.workplace.policy;
        match (mode, self.after_planning.take()) {
            (Mode::Plan, None) => {
                let planning = Arc::new(now.planning());
                self.after_planning = Some(std::mem::replace(&mut self.workplace.policy, planning));
            }
            (Mode::Default, Some(base)) => self.workplace.policy = now.after_planning(&base),
            (_, as_it_is) => self.after_planning = as_it_is,
        }
        self
    }

    /// The policy that holds outside of plan mode.
    pub(crate) fn policy_of_default(&self) -> Arc<Policy> {
        match &self.after_planning {
            Some(base) => self.workplace.policy.after_planning(base),
            None => Arc::clone(&self.workplace.policy),
        }
    }
}

impl Thread {
    /// Lets the thread work in `mode`: from now on, or from the next turn on if one runs. Commands that run on do so still.
    ///
    /// # Errors
    /// When that cannot be recorded.
    pub async fn set_mode(&self, mode: Mode) -> Result<(), ThreadError> {
        match self.take().await {
            Some(settled) => Ok(settled.change(|settings| settings.in_mode(mode))?),
            None => {
                self.standing.show_mode(mode);
                self.next().mode = Some(mode);
                Ok(())
            }
        }
    }
}

/// Whether the model is offered `tool` under `settings`.
pub(crate) fn is_offered(tool: &dyn Tool, policy: &Policy) -> bool {
    use codex_permissions::SandboxLevel::ReadOnly;
    match (policy.is_planning, tool.name()) {
        (planning, PROPOSE) => planning,
        (true, COMMANDS) => true,
        (true, MESSAGE) => false,
        _ => policy.level != ReadOnly || tool.effect() == Effect::Reads,
    }
}

/// Why `call` makes no sense in the mode of `policy`, in a sentence for the model.
pub(crate) fn out_of_place(call: &ToolCall, policy: &Policy) -> Option<String> {
    let sentence = match (policy.is_planning, call.name.as_str()) {
        (false, PROPOSE) => "This is not plan mode: do what was asked, and use update_plan for your steps.",
        (true, MESSAGE) => "This is plan mode: sub-agents that run already are not given more to do.",
        _ => return None,
    };
    Some(sentence.to_owned())
}

/// What the model is told of a plan that the user approved. It begins with a mark that stays the same.
pub(crate) fn approved(plan: &str) -> Content {
    Content::Text { text: fill(APPROVED.trim_end(), &[("plan", plan.trim())]) }
}

#[cfg(test)]
mod tests {
    use codex_permissions::{Approval, RuleKind, RuleText, Rules, SandboxLevel};

    use super::*;

    #[test]
    fn the_tools_of_plan_mode_read_or_are_looked_at_call_by_call() {
        let policy = Policy { level: SandboxLevel::WorkspaceWrite, ..Policy::default() };
        let tools = codex_tools::all();
        let offered = |policy: &Policy| -> Vec<&str> {
            tools.iter().filter(|tool| is_offered(&***tool, policy)).map(|tool| tool.name()).collect()
        };
        let planning = offered(&policy.planning());
        for name in [PROPOSE, COMMANDS, "read_file", "search_files"] {
            assert!(planning.contains(&name), "{name}: {planning:?}");
        }
        for name in ["apply_patch", "write_stdin", "manage_processes"] {
            assert!(!planning.contains(&name), "{name}: {planning:?}");
        }
        assert!(!offered(&policy).contains(&PROPOSE));
        assert!(!offered(&Policy::default()).contains(&COMMANDS), "read-only runs nothing");
    }

    #[test]
    fn what_was_allowed_meanwhile_is_kept_and_the_walls_come_back() {
        let base = Policy {
            level: SandboxLevel::DangerFullAccess,
            approval: Approval::OnRequest,
            writable: vec!["/w".into()],
            ..Policy::default()
        };
        let mut policy = Arc::new(base.planning());
        let rule = RuleText { kind: RuleKind::Allow, text: "make".into(), origin: "o".into() };
        Arc::make_mut(&mut policy).rules = Rules::new(vec![rule]).unwrap();
        let after = policy.after_planning(&base);
        assert_eq!((after.level, after.is_planning), (SandboxLevel::DangerFullAccess, false));
        assert_eq!(after.rules.texts().len(), 1);
    }
}
