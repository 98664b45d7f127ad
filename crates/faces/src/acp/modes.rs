//! Modes of a session, as editors offer them: what the agent may touch, and when it asks.

use agent_client_protocol_schema::v1::{SessionConfigSelectOption, SessionMode, SessionModeState};
use codex_protocol::{ApprovalPolicy, CollaborationMode, ModeKind, SandboxMode, SettingsChange};
use serde_json::Value;

/// Id, name, and what it is.
const MODES: [(&str, &str, &str); 4] = [
    ("read-only", "Read only", "Reads files; runs no command and changes nothing"),
    ("ask", "Ask", "Works in the workspace, and asks where the sandbox or the rules want it"),
    ("full-auto", "Full auto", "Works in the workspace, inside the sandbox, and never asks"),
    ("plan", "Plan", "Reads, and proposes a plan"),
];

pub(super) fn names() -> Vec<&'static str> {
    MODES.iter().map(|(id, ..)| *id).collect()
}

/// All modes, and the one that is in force.
pub(super) fn all(current: &'static str) -> SessionModeState {
    let mode =
        |(id, name, description): &(&'static str, &str, &str)| SessionMode::new(*id, *name).description(*description);
    SessionModeState::new(current, MODES.iter().map(mode).collect())
}

/// All modes, for editors that know options and no modes.
pub(super) fn options() -> Vec<SessionConfigSelectOption> {
    let option = |(id, name, description): &(&'static str, &str, &str)| {
        SessionConfigSelectOption::new(*id, *name).description(*description)
    };
    MODES.iter().map(option).collect()
}

/// The mode that a thread is in, or the nearest to it. `sandbox` is in the wire's spelling of a policy.
pub(super) fn of(kind: ModeKind, sandbox: &Value, approval: ApprovalPolicy) -> &'static str {
    match (kind, sandbox["type"].as_str(), approval) {
        (ModeKind::Plan, ..) => "plan",
        (_, Some("readOnly"), _) => "read-only",
        (.., ApprovalPolicy::Never) => "full-auto",
        _ => "ask",
    }
}

/// What makes a thread work in a mode.
pub(super) fn change(mode: &str) -> Option<(&'static str, SettingsChange)> {
    let id = names().into_iter().find(|id| *id == mode)?;
    let (sandbox, approval_policy, kind) = match id {
        "read-only" => (Some(SandboxMode::ReadOnly), Some(ApprovalPolicy::OnRequest), ModeKind::Default),
        "full-auto" => (Some(SandboxMode::WorkspaceWrite), Some(ApprovalPolicy::Never), ModeKind::Default),
        "plan" => (None, None, ModeKind::Plan),
        _ => (Some(SandboxMode::WorkspaceWrite), Some(ApprovalPolicy::OnRequest), ModeKind::Default),
    };
    let collaboration_mode = Some(CollaborationMode::only(kind));
    Some((id, SettingsChange { sandbox, approval_policy, collaboration_mode, ..SettingsChange::default() }))
}
