//! Hooks around a call of a tool: before it, before a person is asked about it, and after it.

use codex_extensions::hooks::{Decision, Event, Face, Verdict, faces, rewritten};
use codex_history::{Arguments, ToolCall};
use codex_permissions::{Access, Judgement, Policy, Question, RuleKind, RuleText, Verdict as Judged};
use codex_protocol::{CommandExecutionStatus, PatchApplyStatus, ThreadItem};
use codex_store::StoreError;
use codex_tools::{ForUser, Outcome};
use serde_json::{Map, Value, json};

use super::{Caller, added};
use crate::{
    approvals::{Permit, Who, refused},
    thread::ThreadState,
    turn::TurnRun,
};

/// A call that is decided about.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// As hooks read it; empty: it is no call of the model.
    faces: Vec<Face>,
    /// The call's id.
    id: String,
    tool: String,
    /// What hooks said of it.
    said: Option<Decision>,
}

impl Asked {
    fn new(call: &ToolCall, state: &ThreadState) -> Self {
        let workspace = &state.settings.workplace.roots.workspace;
        let faces = faces(&call.name, &call.arguments, workspace);
        Self { faces, id: call.call_id.clone(), tool: call.name.clone(), said: None }
    }

    /// Asks the hooks of `event` about each face. What each of them would make of the call comes with it.
    async fn ask(&self, caller: &Caller, event: Event, more: &Value) -> (Verdict, Vec<(Face, Map<String, Value>)>) {
        let (mut verdict, mut changed) = (Verdict::default(), Vec::new());
        for face in &self.faces {
            let names: Vec<&str> = face.names.iter().map(String::as_str).collect();
            let mut input = json!({
                "tool_name": face.name, "tool_input": face.input, "tool_use_id": self.id, "codex_tool_name": self.tool,
            });
            if let (Some(input), Some(more)) = (input.as_object_mut(), more.as_object()) {
                input.extend(more.clone());
            }
            let mut said = caller.call(event, &names, input).await;
            if let Some(input) = said.input.take().filter(|input| *input != face.input) {
                changed.push((face.clone(), input));
            }
            let Verdict { decision, stop, context, .. } = said;
            verdict.add(codex_extensions::hooks::Answer { decision, stop, ..Default::default() });
            verdict.context.extend(context);
            if verdict.denied().is_some() {
                break;
            }
        }
        (verdict, changed)
    }
}

impl Caller {
    /// Tells hooks that the server of tools `server` asks the person this. Nobody waits for them.
    pub(crate) fn elicitation(&self, server: &str, message: &str) {
        let caller = self.clone();
        let input = json!({
            "message": format!("The MCP server {server} asks: {message}"),
            "title": "Input needed", "notification_type": "elicitation_dialog",
        });
        tokio::spawn(async move { caller.call(Event::Notification, &["elicitation_dialog"], input).await });
    }
}

impl TurnRun {
    /// Before a call: as it is to be, and why it does not run, if so.
    pub(crate) async fn before_call(&mut self, state: &ThreadState, call: ToolCall) -> (ToolCall, Option<Permit>) {
        let hooks = &state.settings.plugged.hooks;
        if hooks.all().is_empty() {
            return (call, None);
        }
        // By its own name, however it is called.
        let call = match &state.settings.plugged.mcp {
            Some(mcp) => mcp.meant(call),
            None => call,
        };
        self.progress.hooks.asked = Asked::new(&call, state);
        let Some(caller) = self.caller(state, Event::PreToolUse) else { return (call, None) };
        let (verdict, changed) = self.progress.hooks.asked.ask(&caller, Event::PreToolUse, &Value::Null).await;
        self.progress.hooks.stop = self.progress.hooks.stop.take().or_else(|| verdict.stop.clone());
        let notes = verdict.context.iter().map(|text| added(text)).collect::<Vec<_>>();
        self.note(&call.call_id, notes);
        if self.cancel.is_cancelled() {
            return (call, Some(Permit::Interrupted));
        }
        if let Some(why) = verdict.denied().or(verdict.stop.as_deref()) {
            let permit = by_hook(why);
            return (call, Some(permit));
        }
        self.progress.hooks.asked.said = verdict.decision;
        let workspace = &state.settings.workplace.roots.workspace;
        let arguments = match &changed[..] {
            [] => return (call, None),
            [(face, input)] => rewritten(&call.name, &call.arguments, workspace, face, input),
            _ => Err("hooks rewrite several files of one patch".to_owned()),
        };
        match arguments {
            Ok(arguments) => {
                let note = format!("A hook changed this call before it ran. It ran as: {}", shown(&arguments));
                self.note(&call.call_id, vec![note]);
                let call = ToolCall { arguments, ..call };
                self.progress.hooks.asked.faces = Asked::new(&call, state).faces;
                (call, None)
            }
            Err(why) => (call, Some(by_hook(&format!("it would rewrite the call, and cannot: {why}")))),
        }
    }

    /// Decides on a call of the model, unless hooks have.
    pub(crate) async fn permit_call(
        &mut self,
        state: &mut ThreadState,
        denied: Option<Permit>,
        call: &ToolCall,
        (access, item): (&Access, Option<&ThreadItem>),
    ) -> Result<Permit, StoreError> {
        let permit = match denied {
            Some(permit) => permit,
            None => self.permit(state, Who::Model, access, item).await?,
        };
        self.progress.hooks.asked.said = None;
        if matches!(permit, Permit::Run { .. }) && state.settings.plugged.hooks.has(Event::PostToolUse) {
            self.progress.hooks.ran.insert(call.call_id.clone());
        }
        Ok(permit)
    }

    /// What is decided, with what hooks said of the call: one may ask where nobody would be asked, or answer what a person
    /// would be asked, where it stays inside the walls and no rule asks.
    pub(crate) fn judged(&self, judged: Judgement, policy: &Policy, access: &Access) -> Judgement {
        match (&self.progress.hooks.asked.said, judged.verdict) {
            (Some(Decision::Ask(why)), Judged::Allow(confinement)) => {
                let reason = format!("a hook wants you to be asked: {why}");
                let rule = RuleText {
                    kind: RuleKind::Ask,
                    text: self.progress.hooks.asked.tool.clone(),
                    origin: "a hook".into(),
                };
                let (asked, rule) = (reason.clone(), Some(rule));
                let question =
                    Question { confinement, reason: asked, rule: rule.clone(), remember: None, not_held: &[] };
                Judgement { verdict: Judged::Ask(Box::new(question)), rule, reason }
            }
            (Some(Decision::Allow(why)), Judged::Ask(question)) if may_answer(&question, policy, access) => {
                let reason = format!("a hook allowed it: {why}");
                Judgement { verdict: Judged::Allow(question.confinement), rule: None, reason }
            }
            (_, verdict) => Judgement { verdict, ..judged },
        }
    }

    /// Before a person is asked about a call: the answer, if hooks give one. `Err`: no, and why.
    pub(crate) async fn permission_asked(
        &mut self,
        state: &ThreadState,
        access: &Access,
        question: &Question,
    ) -> Option<Result<(), String>> {
        if self.progress.hooks.asked.faces.is_empty() || !question.not_held.is_empty() {
            return None;
        }
        let caller = self.caller(state, Event::PermissionRequest)?;
        let more = json!({ "reason": question.reason });
        let (verdict, changed) = self.progress.hooks.asked.ask(&caller, Event::PermissionRequest, &more).await;
        self.progress.hooks.stop = self.progress.hooks.stop.take().or_else(|| verdict.stop.clone());
        if let Some(why) = verdict.denied().or(verdict.stop.as_deref()) {
            return Some(Err(why.to_owned()));
        }
        let allows = matches!(verdict.decision, Some(Decision::Allow(_)));
        if allows && !changed.is_empty() {
            return Some(Err("a hook rewrites the call, which only one before it (PreToolUse) can".into()));
        }
        (allows && may_answer(question, &state.settings.workplace.policy, access)).then_some(Ok(()))
    }

    /// Tells hooks that a person is asked. Nobody waits for them.
    pub(crate) fn person_is_asked(&self, state: &ThreadState, question: &Question) {
        let Some(caller) = self.caller(state, Event::Notification) else { return };
        let name = self.progress.hooks.asked.faces.first().map_or("this", |face| &face.name);
        let input = json!({
            "message": format!("Codex needs your permission to use {name}: {}", question.reason),
            "title": "Permission needed", "notification_type": "permission_prompt",
        });
        tokio::spawn(async move { caller.call(Event::Notification, &["permission_prompt"], input).await });
    }

    /// Who tells hooks what servers of tools want to know of a person; `None`: no hook wants to hear it.
    pub(crate) fn notifier(&self, state: &ThreadState) -> Option<Caller> {
        self.caller(state, Event::Notification)
    }

    /// After a call: what the model is told besides is added to its outcome.
    pub(crate) async fn after_call(&mut self, state: &ThreadState, call: &ToolCall, outcome: &mut Outcome) {
        if state.settings.plugged.hooks.all().is_empty() {
            return;
        }
        let mut notes = self.progress.hooks.notes.remove(&call.call_id).unwrap_or_default();
        if self.progress.hooks.ran.remove(&call.call_id)
            && let Some(caller) = self.caller(state, Event::PostToolUse)
        {
            let asked = Asked::new(call, state);
            let more = json!({ "tool_response": response(outcome) });
            let (verdict, _) = asked.ask(&caller, Event::PostToolUse, &more).await;
            notes.extend(verdict.denied().map(|why| format!("A hook says of what this call did: {why}")));
            notes.extend(verdict.context.iter().map(|text| added(text)));
            self.progress.hooks.stop = self.progress.hooks.stop.take().or(verdict.stop);
        }
        for note in notes {
            outcome.for_model = format!("{}\n\n{note}", outcome.for_model.trim_end());
        }
    }

    /// Questions from here on are about this call.
    pub(crate) fn is_about(&mut self, state: &ThreadState, call: &ToolCall) {
        if !state.settings.plugged.hooks.all().is_empty() {
            self.progress.hooks.asked = Asked::new(call, state);
        }
    }

    /// The call that questions are about from here on is none of the model's.
    pub(crate) fn no_call(&mut self) {
        self.progress.hooks.asked = Asked::default();
    }

    fn note(&mut self, call_id: &str, notes: Vec<String>) {
        if !notes.is_empty() {
            self.progress.hooks.notes.entry(call_id.to_owned()).or_default().extend(notes);
        }
    }
}

/// A call that hooks refuse.
pub(crate) fn by_hook(why: &str) -> Permit {
    refused(&format!("a hook does not let it run: {}", why.trim().trim_end_matches('.')))
}

/// Whether a hook may say yes in a person's place: nothing but the walls that hold anyway is asked for, and nobody has a rule
/// that asks.
fn may_answer(question: &Question, policy: &Policy, access: &Access) -> bool {
    question.confinement == policy.confinement()
        && question.rule.is_none()
        && question.not_held.is_empty()
        && access.outside_sandbox.is_none()
        && access.uncovers.is_none()
        && !policy.is_planning
}

fn shown(arguments: &Arguments) -> String {
    codex_tools::cut(arguments.text().to_owned(), 2000)
}

/// What came of a call, as scripts read it.
fn response(outcome: &Outcome) -> Value {
    let text = &outcome.for_model;
    match &outcome.for_user {
        ForUser::Item(ThreadItem::CommandExecution { aggregated_output, exit_code, status, .. }) => json!({
            "stdout": aggregated_output, "stderr": "", "exit_code": exit_code, "interrupted": false, "isImage": false,
            "success": *status == CommandExecutionStatus::Completed,
        }),
        ForUser::Item(ThreadItem::FileChange { changes, status, .. }) => json!({
            "filePath": changes.first().map(|change| &change.path),
            "success": *status == PatchApplyStatus::Completed, "content": text,
        }),
        _ => json!({ "content": text }),
    }
}
