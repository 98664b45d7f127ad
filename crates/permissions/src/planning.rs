//! Plan mode: a policy under which nothing changes. What is known to only read runs, inside walls that let nothing be
//! written; everything else is refused, and nobody is asked.

use std::sync::Arc;

use crate::{Access, Judgement, Policy, SandboxLevel, unasked::unasked};

const COMMANDS: &str = "plan mode: only commands that are known to only read run, in plain words (`ls`, `rg`, `git log`); \
    put what has to be run into the plan";
const CHANGES: &str = "plan mode: nothing is changed yet; put it into the plan";

impl Policy {
    /// This policy for plan mode.
    #[must_use]
    pub fn planning(&self) -> Self {
        Self { level: SandboxLevel::ReadOnly, is_planning: true, ..self.clone() }
    }

    /// The policy `base` again, after plan mode; the rules are those of now.
    #[must_use]
    pub fn after_planning(&self, base: &Self) -> Arc<Self> {
        Arc::new(Self { rules: self.rules.clone(), ..base.clone() })
    }
}

/// What is to happen with an action that no rule denies. `always_asks`: a person would have to be asked about it.
pub(crate) fn judge(policy: &Policy, access: &Access, always_asks: bool) -> Result<Judgement, String> {
    let walls = policy.confinement_for_our_programs();
    if access.read_only_program {
        return Ok(Judgement::allow(walls, None, "it is git, which only reads here"));
    }
    if access.command.is_none() {
        return Ok(match access.writes.is_empty() {
            true => Judgement::allow(walls, None, "it only reads"),
            false => Judgement::refuse(CHANGES.to_owned(), None),
        });
    }
    // What is typed goes to a program that may have other walls.
    let is_plain = !access.typed && access.outside_sandbox.is_none() && access.writes.is_empty() && !always_asks;
    Ok(match unasked(policy, access)?.filter(|found| found.reads_only && is_plain) {
        Some(found) => Judgement::allow(walls, Some(found.rule), "it is on the list of what only reads"),
        None => Judgement::refuse(COMMANDS.to_owned(), None),
    })
}

#[cfg(test)]
mod tests {
    use codex_sandbox::Confinement;

    use super::*;
    use crate::{Approval, RuleKind, RuleText, Rules, Verdict, decide};

    fn policy(level: SandboxLevel, rules: &[(RuleKind, &str)]) -> Policy {
        let rule = |(kind, text): &(RuleKind, &str)| RuleText { kind: *kind, text: (*text).into(), origin: "o".into() };
        Policy {
            level,
            approval: Approval::OnRequest,
            rules: Rules::new(rules.iter().map(rule).collect()).unwrap(),
            writable: vec!["/w".into()],
            temp: "/t".into(),
            ..Policy::default()
        }
    }

    fn command(text: &str) -> Access {
        let programs = ["ls", "cat", "git", "make", "sed", "rm"];
        let programs = programs.map(|name| (name.to_owned(), format!("/usr/bin/{name}").into()));
        Access {
            command: Some(text.into()),
            directory: Some("/w".into()),
            programs: programs.into(),
            ..Access::default()
        }
    }

    #[test]
    fn only_what_reads_runs_whatever_the_level_and_nothing_can_be_written_there() {
        use RuleKind::{Allow, Ask, Deny};
        type Written = &'static [(RuleKind, &'static str)];
        let table: [(&str, Written, bool); 13] = [
            ("ls -l", &[], true),
            ("git log --oneline | cat", &[], true),
            ("git log", &[(Allow, "git log")], true),
            ("make", &[], false),
            // Leave that was given does not make it one that only reads.
            ("make", &[(Allow, "make")], false),
            ("ls > out", &[], false),
            ("sed -i s/a/b/ x", &[], false),
            ("rm x", &[], false),
            ("cat $(make)", &[], false),
            ("git log --output=x", &[], false),
            ("ls", &[(Deny, "ls")], false),
            ("ls", &[(Ask, "ls")], false),
            ("unknown-program", &[], false),
        ];
        for level in [SandboxLevel::WorkspaceWrite, SandboxLevel::DangerFullAccess] {
            for (text, rules, runs) in table {
                let planning = policy(level, rules).planning();
                match decide(&planning, &command(text)) {
                    Verdict::Allow(Confinement::Confined(walls)) => assert!(runs && walls.is_read_only(), "{text}"),
                    Verdict::Refuse { .. } => assert!(!runs, "{text} is refused"),
                    other => panic!("{text}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn files_are_read_and_not_written_and_nothing_leaves_the_walls() {
        let planning = policy(SandboxLevel::WorkspaceWrite, &[]).planning();
        let runs = |access: Access| matches!(decide(&planning, &access), Verdict::Allow(_));
        assert!(runs(Access { reads: vec!["/w/a".into()], ..Access::default() }));
        assert!(!runs(Access { writes: vec!["/w/a".into()], ..Access::default() }));
        assert!(!runs(Access { outside_sandbox: Some("because".into()), ..command("ls") }));
        assert!(!runs(Access { typed: true, ..command("ls") }));
        let after = planning.after_planning(&policy(SandboxLevel::WorkspaceWrite, &[]));
        assert_eq!(*after, policy(SandboxLevel::WorkspaceWrite, &[]));
    }
}
