//! Plan mode: the plan that was proposed, and what the person makes of it.

use std::time::Instant;

use codex_protocol::{ClientRequest, CollaborationMode, ModeKind, SettingsChange, TurnStartParams, UserInput};

use super::{App, Effect, Purpose, session::Running};
use crate::{intent::Change, overlays};

/// What is said with a plan that is approved.
const APPROVED: &str = "Carry out the plan.";
const APPROVED_CHANGED: &str = "Carry out the plan, as I have changed it.";

/// A plan that was proposed, and not decided about yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// Markdown.
    pub text: String,
    /// Whether the person has changed it.
    pub is_edited: bool,
    /// Whether it is in the editor.
    in_editor: bool,
}

impl Proposed {
    /// As the model proposes it.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), is_edited: false, in_editor: false }
    }
}

impl App {
    /// The session that is opened first begins in plan mode.
    pub fn plan_first(&mut self) {
        self.before.plans = true;
    }

    /// Enters plan mode, once, if that was wanted.
    pub(super) fn plan_if_wanted(&mut self) {
        if std::mem::take(&mut self.before.plans) && !self.is_planning() {
            self.change_session(Change { plans: Some(true), ..Change::default() });
        }
    }

    pub(super) fn is_planning(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.mode == ModeKind::Plan)
    }

    /// Shows that it plans, or does not any more, as it does from the next turn on.
    pub(super) fn enter_mode(&mut self, plans: bool) -> ModeKind {
        let (mode, said) = match plans {
            true => (ModeKind::Plan, "plan mode: nothing is changed until you approve a plan"),
            false => (ModeKind::Default, "plan mode is over"),
        };
        if let Some(session) = &mut self.session {
            session.mode = mode;
        }
        self.focus.hint = Some(said.into());
        mode
    }

    /// Asks what becomes of the plan, if there is one to decide about and nothing waits to be said.
    pub(super) fn ask_about_plan(&mut self) {
        let plan = self.session.as_ref().filter(|session| session.turn.is_none()).and_then(|it| it.plan.as_ref());
        let overlay = plan.map(|plan| overlays::plan(&plan.text, plan.is_edited));
        let waits = self.queue.drafts().next().is_some();
        if let Some(overlay) = overlay.filter(|_| !waits) {
            self.lay(overlay);
        }
    }

    /// Not every model proposes a plan with the tool for that: its last answer is one, if the person says so.
    pub(super) fn take_answer_for_plan(&mut self) {
        if let Some(session) = &mut self.session
            && session.plan.is_none()
        {
            session.plan = session.last_message.as_deref().map(Proposed::new);
        }
    }

    /// A turn of plan mode has ended.
    pub(super) fn planned(&mut self) {
        self.ask_about_plan();
        let Some(session) = self.session.as_ref().filter(|session| session.mode == ModeKind::Plan) else { return };
        if session.plan.is_none() && session.last_message.is_some() {
            self.focus.hint = Some("still plan mode: /plan takes the answer as the plan, /plan off leaves it".into());
        }
    }

    /// Has the plan carried out.
    pub(super) fn approve(&mut self, plan: String, change: Change) {
        let Some(session) = self.session.as_mut().filter(|session| session.turn.is_none()) else {
            return self.complain("the plan can be carried out when the turn has ended; /plan asks again");
        };
        session.mode = ModeKind::Default;
        let is_edited = session.plan.take().is_some_and(|plan| plan.is_edited);
        session.turn = Some(Running::begun(Instant::now()));
        let change = SettingsChange {
            sandbox: change.sandbox,
            approval_policy: change.approval,
            collaboration_mode: Some(CollaborationMode::only(ModeKind::Default)),
            ..SettingsChange::default()
        };
        let text = if is_edited { APPROVED_CHANGED } else { APPROVED }.to_owned();
        let params = TurnStartParams {
            thread_id: session.id(),
            input: vec![UserInput::Text { text }],
            change,
            approved_plan: Some(plan.clone()),
            ..TurnStartParams::default()
        };
        self.call(ClientRequest::TurnStart(params), Purpose::Approve(Proposed { is_edited, ..Proposed::new(&plan) }));
    }

    /// It could not be: it is not lost.
    pub(super) fn not_approved(&mut self, plan: Proposed, why: &str) {
        self.complain(why);
        if let Some(session) = &mut self.session {
            session.turn.take_if(|turn| turn.id.is_empty());
            (session.plan, session.mode) = (Some(plan), ModeKind::Plan);
        }
        self.ask_about_plan();
    }

    /// Lets the person change the plan.
    pub(super) fn edit_plan(&mut self, text: String) {
        if let Some(session) = &mut self.session {
            session.plan = Some(Proposed { in_editor: true, ..Proposed::new(&text) });
        }
        self.effects.push(Effect::Edit(text));
    }

    /// The editor was closed. `true`: the plan was in it.
    pub(super) fn plan_edited(&mut self, text: &str) -> bool {
        let plan = self.session.as_mut().and_then(|session| session.plan.as_mut());
        let Some(plan) = plan.filter(|plan| plan.in_editor) else { return false };
        plan.in_editor = false;
        // One that was emptied says nothing.
        if !text.trim().is_empty() && text.trim() != plan.text.trim() {
            (plan.text, plan.is_edited) = (text.to_owned(), true);
        }
        self.ask_about_plan();
        true
    }

    /// Something is said instead: it is about the plan that was proposed.
    pub(super) fn refuse_plan(&mut self) {
        self.focus.hint = Some("say what is wrong with the plan; /plan asks again".into());
    }
}
