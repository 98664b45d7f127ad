//! What `/permissions` and `/status` show of a thread, and the rules that a user forgets there.

use std::path::Path;

use codex_agent::{Decision, Decisions, Standing};
use codex_permissions::{Policy, RuleKind, RuleText, SandboxLevel};
use codex_protocol::{
    ApprovalRule, ErrorKind, NetworkReach, PermissionDecision, PermissionRule, RpcError, SandboxMode, ThreadPermissions,
};
use serde_json::json;

use crate::{
    Server,
    build::{self, spelled},
    dispatch::{approval_policy, thread_error},
    explain::all_rules,
};

impl Server {
    /// What commands of a thread may do, and what was decided last.
    pub(crate) fn permissions(&self, thread_id: &str) -> Result<ThreadPermissions, RpcError> {
        let kept = self.kept(thread_id)?;
        let own = self.codex_home()?.join("config.toml");
        let Standing { roots, policy, plugged, .. } = kept.thread.standing();
        let servers = plugged.checkers.as_ref().and_then(|checkers| checkers.servers.as_ref());
        let Decisions { last, granted } = kept.thread.decisions();
        let rule = |text: RuleText| PermissionRule { remembered: is_remembered(&text, &own), rule: rule(text) };
        Ok(ThreadPermissions {
            sandbox: mode(policy.level),
            held_by: kept.held_by(),
            approval_policy: approval_policy(policy.approval),
            full_auto: policy.full_auto,
            writable: match policy.level {
                SandboxLevel::ReadOnly => Vec::new(),
                _ => roots.writable.iter().map(|path| path.display().to_string()).collect(),
            },
            temp: roots.temp.as_ref().map(|path| path.display().to_string()),
            ignore_files: roots.ignored.files().map(|path| path.display().to_string()).collect(),
            language_servers: servers.map(|servers| servers.states()).unwrap_or_default(),
            network: network(&policy),
            rules: all_rules(&policy).into_iter().map(rule).collect(),
            granted,
            decisions: last.into_iter().rev().map(decision).collect(),
        })
    }

    /// Makes a rule that was remembered one no more.
    pub(crate) async fn forget(&self, thread_id: &str, text: &str) -> Result<(), RpcError> {
        let kept = self.kept(thread_id)?;
        // Before anything is written: a rule that stays in force until the turn ends is not forgotten.
        let settled = kept.thread.settle().await.map_err(thread_error)?;
        let home = self.codex_home()?;
        let project = build::project(&self.environment, &kept.thread.standing().roots.workspace);
        // A rule from elsewhere was never saved.
        let in_session = |rule: &RuleText| rule.text == text && rule.origin == codex_agent::THIS_SESSION;
        let removed = match &self.ceiling {
            Some(_) => Ok(kept.thread.standing().policy.rules.texts().iter().any(in_session)),
            None => codex_config::forget(&home, &project, text),
        };
        if !removed.map_err(|error| build::configuration(&error.to_string()))? {
            let message = format!("`{text}` is not remembered for this project; rules in files are changed there");
            return Err(RpcError::new(ErrorKind::NotFound, message));
        }
        let own = home.join("config.toml");
        let saved = self.ceiling.is_none();
        settled.remove_rules(|rule| in_session(rule) || (saved && rule.text == text && is_remembered(rule, &own)));
        Ok(())
    }
}

/// Whether an answer could have saved it: then it is forgotten as easily.
fn is_remembered(rule: &RuleText, own: &Path) -> bool {
    let in_own = || rule.origin.strip_prefix(&*own.to_string_lossy()).is_some_and(|rest| rest.starts_with(':'));
    rule.kind == RuleKind::Allow && (rule.origin == codex_agent::THIS_SESSION || in_own())
}

fn rule(RuleText { kind, text, origin }: RuleText) -> ApprovalRule {
    ApprovalRule { kind: kind.to_string(), text, origin }
}

fn decision(decision: Decision) -> PermissionDecision {
    let Decision { at_ms, action, allowed, answer, rule: by_rule, reason } = decision;
    let (answer, by) = answer.map(|(answer, by)| (spelled(json!(answer)), spelled(json!(by)))).unzip();
    PermissionDecision { at_ms, action, allowed, answer, by, rule: by_rule.map(rule), reason }
}

fn mode(level: SandboxLevel) -> SandboxMode {
    match level {
        SandboxLevel::ReadOnly => SandboxMode::ReadOnly,
        SandboxLevel::WorkspaceWrite => SandboxMode::WorkspaceWrite,
        SandboxLevel::DangerFullAccess => SandboxMode::DangerFullAccess,
    }
}

fn network(policy: &Policy) -> NetworkReach {
    match policy.level {
        SandboxLevel::DangerFullAccess => NetworkReach::On,
        SandboxLevel::ReadOnly => NetworkReach::Off,
        SandboxLevel::WorkspaceWrite if policy.network => NetworkReach::On,
        SandboxLevel::WorkspaceWrite if policy.domains.is_empty() => NetworkReach::Off,
        SandboxLevel::WorkspaceWrite => NetworkReach::Domains { domains: policy.domains.clone() },
    }
}
