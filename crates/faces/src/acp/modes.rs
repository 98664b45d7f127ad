//! Modes of a session, as editors offer them: what the agent may touch, and when it asks.

use codex_protocol::{ApprovalPolicy, CollaborationMode, ModeKind, SandboxMode, SettingsChange, ThreadOpened};
use serde_json::{Value, json};

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
pub(super) fn all(current: &str) -> Value {
    let mode =
        |(id, name, description): &(&str, &str, &str)| json!({ "id": id, "name": name, "description": description });
    json!({ "currentModeId": current, "availableModes": MODES.iter().map(mode).collect::<Vec<_>>() })
}

/// The mode that a thread is in, or the nearest to it.
pub(super) fn of(opened: &ThreadOpened) -> &'static str {
    match (opened.mode, opened.sandbox["type"].as_str(), opened.approval_policy) {
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
