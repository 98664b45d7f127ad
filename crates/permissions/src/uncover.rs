//! Commands that let git change what commands may not write: a checkout of a branch that has another `AGENTS.md`.
//!
//! Such a command runs whole or not at all. Only a person's yes takes covers away, for that one command, and none but
//! those that it needs; `--full-auto` says yes to what a patch may change too.

use std::path::{Path, PathBuf};

use codex_sandbox::shown;

use crate::{Access, Approval, Policy, RuleKind, RuleText, SandboxLevel, Uncovers, decide::instructs};

/// Most files that are named one by one.
const MOST_NAMED: usize = 5;

/// What is to be said of such a command.
pub(crate) enum Uncovering {
    /// It is none.
    No,
    /// It runs with these not covered.
    Yes(Uncovers),
    /// A person decides whether it does: why, by which rule.
    Ask(Uncovers, String, RuleText),
    /// It does not run: why.
    Never(String),
}

/// What `policy` says of what `access` would change.
pub(crate) fn uncovering(policy: &Policy, access: &Access) -> Uncovering {
    let Some(found) = access.uncovers.as_ref().filter(|found| !found.paths.is_empty()) else { return Uncovering::No };
    if policy.level != SandboxLevel::WorkspaceWrite || access.outside_sandbox.is_some() {
        return Uncovering::No;
    }
    let what = what(policy, found);
    // Whoever could write there could do anything at the next start.
    if let Some(path) = found.paths.iter().find(|path| policy.state.starts_with(path)) {
        let path = shown(path);
        return Uncovering::Never(format!("{what}; {path} holds settings of this program: a person has to run it"));
    }
    if policy.approval != Approval::Never {
        let names = names(policy, &found.paths);
        let reason = format!(
            "{what}, which commands may not change; a yes lets everything in this command write {names}; later commands \
             cannot"
        );
        let rule = RuleText { kind: RuleKind::Ask, text: "protected files".into(), origin: "built-in".into() };
        return Uncovering::Ask(found.clone(), reason, rule);
    }
    if policy.full_auto && found.paths.iter().all(|path| instructs(path)) {
        return Uncovering::Yes(found.clone());
    }
    let fetches = if found.perhaps {
        ". What it brings is not known before it runs: where it fetches, or takes names from elsewhere, do that first in a \
         command of its own"
    } else {
        ""
    };
    Uncovering::Never(format!(
        "{what}, which commands may not change, and nobody can be asked. git would leave it half done; a person can run \
         it{fetches}"
    ))
}

/// Why a command that runs where nobody can be asked is refused, if it lets git change what commands may not write.
pub fn refusal(policy: &Policy, access: &Access) -> Option<String> {
    let policy = Policy { approval: Approval::Never, full_auto: false, ..policy.clone() };
    match uncovering(&policy, access) {
        Uncovering::Never(reason) => Some(reason),
        Uncovering::No | Uncovering::Yes(_) | Uncovering::Ask(..) => None,
    }
}

fn what(policy: &Policy, found: &Uncovers) -> String {
    let would = if found.perhaps { "may" } else { "would" };
    format!("`{}` {would} change {}", found.line, names(policy, &found.files))
}

/// Short names of `paths`, as many as are named.
fn names(policy: &Policy, paths: &[PathBuf]) -> String {
    let root = |path: &Path| policy.writable.iter().filter(|root| path.starts_with(root)).max().cloned();
    let name = |path: &Path| match root(path) {
        Some(root) => shown(path.strip_prefix(root).unwrap_or(path)),
        None => shown(path),
    };
    let mut names: Vec<String> = paths.iter().take(MOST_NAMED).map(|path| name(path)).collect();
    match paths.len().saturating_sub(MOST_NAMED) {
        0 => {}
        more => names.push(format!("{more} more")),
    }
    names.join(", ")
}
