//! The decision itself.

use std::path::Path;

use codex_sandbox::Confinement;

use crate::{Access, Approval, Policy, RuleText, SandboxLevel};

/// What is to happen with an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It runs, inside these walls.
    Allow(Confinement),
    /// A person decides.
    Ask(Box<Question>),
    /// It does not run.
    Refuse {
        /// Why, in a sentence the model can act on.
        reason: String,
    },
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The walls that it runs inside if the answer is yes.
    pub confinement: Confinement,
    /// Why a person has to decide, in a sentence without its full stop.
    pub reason: String,
    /// The rule because of which it asks, if it is one.
    pub rule: Option<RuleText>,
    /// The rule that an answer "yes, always" would add: the exact command (`=…`). `None`: it cannot be remembered.
    pub remember: Option<String>,
}

impl Verdict {
    fn ask(confinement: Confinement, reason: &str) -> Self {
        Self::Ask(Box::new(Question { confinement, reason: reason.to_owned(), rule: None, remember: None }))
    }
}

/// Decides on an action. Whatever no rule speaks of is refused or asked about, never allowed.
pub fn decide(policy: &Policy, access: &Access) -> Verdict {
    if let Some(reason) = beyond_level(policy, access) {
        return Verdict::Refuse { reason };
    }
    if access.read_only_program {
        return Verdict::Allow(Confinement::read_only(&policy.writable));
    }
    let confinement = policy.confinement();
    if access.outside_sandbox.is_some() && policy.level != SandboxLevel::DangerFullAccess {
        return match policy.approval {
            Approval::Never => Verdict::Refuse {
                reason: "leaving the sandbox was not allowed: nobody can be asked. Do it inside the sandbox, or say what you could not do".into(),
            },
            Approval::Untrusted | Approval::OnRequest => {
                Verdict::ask(Confinement::Unconfined, "it asks to leave the sandbox")
            }
        };
    }
    let changes = !access.writes.is_empty() || access.command.is_some();
    match policy.approval {
        Approval::Untrusted if changes => {
            Verdict::ask(confinement, "it is not on the list of what runs without asking")
        }
        _ => Verdict::Allow(confinement),
    }
}

/// Why the level of the sandbox rules the action out, if it does.
fn beyond_level(policy: &Policy, access: &Access) -> Option<String> {
    match policy.level {
        SandboxLevel::DangerFullAccess => None,
        SandboxLevel::ReadOnly if access.command.is_some() => {
            Some("the sandbox is read-only: no commands run. Use the reading tools".into())
        }
        SandboxLevel::ReadOnly if !access.writes.is_empty() => {
            Some("the sandbox is read-only: nothing can be written".into())
        }
        SandboxLevel::ReadOnly => None,
        SandboxLevel::WorkspaceWrite => access.writes.iter().find_map(|path| unwritable(policy, path)),
    }
}

fn unwritable(policy: &Policy, path: &Path) -> Option<String> {
    let writable = policy.writable.iter().chain([&policy.temp]);
    if !writable.into_iter().any(|root| path.starts_with(root)) {
        return Some(format!("{} is outside the directories that may be written", path.display()));
    }
    // The session's own `/tmp` lies in our home, which is protected where it lies in a workspace.
    (!path.starts_with(&policy.temp) && policy.protected.iter().any(|protected| path.starts_with(protected)))
        .then(|| format!("{} is protected: it stays read-only", path.display()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn policy(level: SandboxLevel, approval: Approval) -> Policy {
        Policy {
            level,
            approval,
            writable: vec!["/w".into(), "/added".into()],
            protected: vec!["/w/.git/hooks".into(), "/w/home".into()],
            temp: "/w/home/temp".into(),
            ..Policy::default()
        }
    }

    fn writes(path: &str) -> Access {
        Access { writes: vec![PathBuf::from(path)], ..Access::default() }
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Allow(Confinement::Unconfined) => "allow unconfined",
            Verdict::Allow(_) => "allow",
            Verdict::Ask(_) => "ask",
            Verdict::Refuse { .. } => "refuse",
        }
    }

    #[test]
    fn verdicts() {
        use Approval::{Never, OnRequest, Untrusted};
        use SandboxLevel::{DangerFullAccess, ReadOnly, WorkspaceWrite};
        let run = Access { command: Some("true".into()), ..Access::default() };
        let leave = Access { outside_sandbox: Some("npm install".into()), ..run.clone() };
        let read = Access { reads: vec!["/etc/passwd".into()], ..Access::default() };
        let git = Access { read_only_program: true, ..Access::default() };
        let table: &[(SandboxLevel, Approval, &Access, &str)] = &[
            (WorkspaceWrite, Never, &run, "allow"),
            (WorkspaceWrite, OnRequest, &run, "allow"),
            (WorkspaceWrite, Untrusted, &run, "ask"),
            (WorkspaceWrite, Untrusted, &read, "allow"),
            (WorkspaceWrite, Never, &leave, "refuse"),
            (WorkspaceWrite, OnRequest, &leave, "ask"),
            (WorkspaceWrite, Never, &writes("/w/a"), "allow"),
            (WorkspaceWrite, Never, &writes("/added/a"), "allow"),
            (WorkspaceWrite, Never, &writes("/w/home/temp/a"), "allow"),
            (WorkspaceWrite, Never, &writes("/w/home/b"), "refuse"),
            (WorkspaceWrite, Never, &writes("/w-evil/a"), "refuse"),
            (WorkspaceWrite, Untrusted, &writes("/etc/passwd"), "refuse"),
            (WorkspaceWrite, Never, &writes("/w/.git/hooks/pre-commit"), "refuse"),
            (ReadOnly, Never, &run, "refuse"),
            (ReadOnly, Untrusted, &writes("/w/a"), "refuse"),
            (ReadOnly, Never, &read, "allow"),
            (ReadOnly, Never, &git, "allow"),
            (DangerFullAccess, Never, &run, "allow unconfined"),
            (DangerFullAccess, Never, &leave, "allow unconfined"),
            (DangerFullAccess, Never, &writes("/etc/passwd"), "allow unconfined"),
        ];
        for (level, approval, access, expected) in table {
            let verdict = decide(&policy(*level, *approval), access);
            assert_eq!(word(&verdict), *expected, "{level:?} {approval:?} {access:?}: {verdict:?}");
        }
    }

    #[test]
    fn our_own_git_stays_read_only_without_walls() {
        let git = Access { read_only_program: true, ..Access::default() };
        let policy = policy(SandboxLevel::DangerFullAccess, Approval::Never);
        assert_eq!(decide(&policy, &git), Verdict::Allow(Confinement::read_only(&policy.writable)));
    }
}
