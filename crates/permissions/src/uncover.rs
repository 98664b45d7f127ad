//! Commands that let git change what commands may not write: a checkout of a branch that has another `AGENTS.md`.
//!
//! Such a command runs whole or not at all. Only a person's yes takes covers away, for that one command, and none but
//! those that it needs; `--full-auto` says yes to what a patch may change too.

use std::path::{Path, PathBuf};

use codex_sandbox::shown;

use crate::{Access, Approval, Policy, RuleKind, RuleText, SandboxLevel, Uncovers, decide::instructs};

/// Most changed files that are named one by one. What is uncovered is named in full.
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
    let is_open = policy.level != SandboxLevel::WorkspaceWrite || policy.thrown_away;
    if is_open || access.outside_sandbox.is_some() {
        return Uncovering::No;
    }
    let what = what(policy, found);
    // Whoever could write there could do anything at the next start.
    if let Some(path) = found.paths.iter().find(|path| policy.state.starts_with(path) || is_ours(policy, path)) {
        let path = shown(path);
        return Uncovering::Never(format!(
            "{what}; {path} holds settings of this program: a person has to run it{}",
            fetches(found)
        ));
    }
    if policy.approval != Approval::Never {
        let covers = covers(policy, found).join(", ");
        let reason = format!(
            "{what}, which commands may not change; a yes lets everything in this command write {covers}; later commands \
             cannot"
        );
        let rule = RuleText { kind: RuleKind::Ask, text: "protected files".into(), origin: "built-in".into() };
        return Uncovering::Ask(found.clone(), reason, rule);
    }
    if policy.full_auto && found.paths.iter().all(|path| instructs(path)) {
        return Uncovering::Yes(found.clone());
    }
    Uncovering::Never(format!(
        "{what}, which commands may not change, and nobody can be asked. git would leave it half done; a person can run \
         it{}",
        fetches(found)
    ))
}

/// What may help where git could not tell.
fn fetches(found: &Uncovers) -> &'static str {
    if found.perhaps {
        ". What it brings is not known before it runs: where it fetches, or takes names from elsewhere, do that first in a \
         command of its own"
    } else {
        ""
    }
}

/// Whether `path` holds settings of this program that a project has.
fn is_ours(policy: &Policy, path: &Path) -> bool {
    name(policy, path).components().any(|part| part.as_os_str().eq_ignore_ascii_case(".codex"))
}

/// Why a command that runs where nobody can be asked is refused, if it lets git change what commands may not write.
pub fn refusal(policy: &Policy, access: &Access) -> Option<String> {
    let policy = Policy { approval: Approval::Never, full_auto: false, ..policy.clone() };
    match uncovering(&policy, access) {
        Uncovering::Never(reason) => Some(reason),
        Uncovering::No | Uncovering::Yes(_) | Uncovering::Ask(..) => None,
    }
}

/// `path`, relative to the writable directory that it lies in.
fn name<'path>(policy: &Policy, path: &'path Path) -> &'path Path {
    let root = policy.writable.iter().filter(|root| path.starts_with(root)).max();
    root.and_then(|root| path.strip_prefix(root).ok()).unwrap_or(path)
}

/// All that is uncovered, by name; a directory is so as a whole.
fn covers(policy: &Policy, found: &Uncovers) -> Vec<String> {
    let is_directory = |path: &Path| found.files.iter().any(|file| file != path && file.starts_with(path));
    let name = |path: &PathBuf| {
        let end = if is_directory(path) { "/" } else { "" };
        format!("{}{end}", shown(name(policy, path)))
    };
    found.paths.iter().map(name).collect()
}

fn what(policy: &Policy, found: &Uncovers) -> String {
    let name = |path: &PathBuf| shown(name(policy, path));
    let mut names: Vec<String> = found.files.iter().take(MOST_NAMED).map(name).collect();
    match found.files.len().saturating_sub(MOST_NAMED) {
        0 => {}
        more => names.push(format!("{more} more")),
    }
    let would = if found.perhaps { "may" } else { "would" };
    format!("`{}` {would} change {}", found.line, names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a command that changes `files` below `/w`, and uncovers `paths` for that.
    fn said(files: &[&str], paths: &[&str]) -> (bool, String) {
        let below = |names: &[&str]| names.iter().map(|name| Path::new("/w").join(name)).collect();
        let policy = Policy {
            level: SandboxLevel::WorkspaceWrite,
            approval: Approval::OnRequest,
            writable: vec!["/w".into()],
            state: "/home/.codex/run".into(),
            ..Policy::default()
        };
        let uncovers = Uncovers { line: "git x".into(), files: below(files), paths: below(paths), perhaps: false };
        match uncovering(&policy, &Access { uncovers: Some(uncovers), ..Access::default() }) {
            Uncovering::Ask(_, reason, _) => (true, reason),
            Uncovering::Never(reason) => (false, reason),
            Uncovering::No | Uncovering::Yes(_) => panic!("nothing is said of {files:?}"),
        }
    }

    #[test]
    fn all_that_is_uncovered_is_named_and_settings_of_ours_never_are() {
        let many =
            [".claude/1", ".claude/2", ".claude/3", ".claude/4", ".claude/5", ".husky/x", ".vscode/x", "AGENTS.md"];
        let table: [(&[&str], &[&str], bool, &str); 5] = [
            (&["AGENTS.md"], &["AGENTS.md"], true, "in this command write AGENTS.md; later commands cannot"),
            (
                &many,
                &[".claude", ".husky", ".vscode", "AGENTS.md"],
                true,
                "write .claude/, .husky/, .vscode/, AGENTS.md;",
            ),
            (&[".codex/config.toml"], &[".codex"], false, "/w/.codex holds settings of this program"),
            (&["AGENTS.md", "sub/.codex/x"], &["AGENTS.md", "sub/.codex"], false, "/w/sub/.codex holds settings"),
            (&[".codexrc"], &[".codexrc"], true, "write .codexrc;"),
        ];
        for (files, paths, asks, part) in table {
            let (asked, reason) = said(files, paths);
            assert!(asked == asks && reason.contains(part), "{files:?}: {reason}");
        }
    }
}
