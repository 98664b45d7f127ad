//! Pages of the web: whether one may be asked for.
//!
//! An address tells its server whatever is written into it. So it needs somebody's word, unless it was not the model that
//! made it up, or what the model knows could leave in other ways too.

use crate::{Approval, Judgement, Policy, SandboxLevel, access::Fetch};

/// What is to happen with a request for a page.
pub(crate) fn judge(policy: &Policy, fetch: &Fetch) -> Judgement {
    let walls = policy.confinement_for_our_programs();
    let allow = |why| Judgement::allow(walls.clone(), None, why);
    let is_open = policy.level == SandboxLevel::DangerFullAccess;
    if fetch.is_listed {
        return allow("`search.allow_domains` names its host");
    }
    if fetch.is_known {
        return allow("the user or a search has named it");
    }
    if is_open || policy.network && policy.level == SandboxLevel::WorkspaceWrite {
        return allow("commands reach the network too");
    }
    let reason =
        format!("neither the user nor a search has named this address, which tells {} what it holds", fetch.host);
    if policy.is_planning {
        return Judgement::refuse(format!("plan mode asks nobody, and {reason}"), None);
    }
    if policy.full_auto && policy.level == SandboxLevel::WorkspaceWrite {
        return allow("`--full-auto` says yes to it");
    }
    match policy.approval {
        Approval::Never => {
            let instead = "Ask for one that was named, or say what you could not read";
            Judgement::refuse(format!("{reason}, and nobody can be asked. {instead}"), None)
        }
        Approval::Untrusted | Approval::OnRequest => Judgement::ask(walls, reason, None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, Verdict, decide};

    #[test]
    fn an_address_needs_somebodys_word() {
        use Approval::{Never, OnRequest, Untrusted};
        use SandboxLevel::{DangerFullAccess, ReadOnly, WorkspaceWrite};
        let plain = Fetch { url: "https://a.example/?x=secret".into(), host: "a.example".into(), ..Fetch::default() };
        let known = Fetch { is_known: true, ..plain.clone() };
        let listed = Fetch { is_listed: true, ..plain.clone() };
        let base = |level, approval| Policy { level, approval, ..Policy::default() };
        let networked = Policy { network: true, ..base(WorkspaceWrite, OnRequest) };
        let table = [
            (base(WorkspaceWrite, OnRequest), &plain, "ask"),
            (base(WorkspaceWrite, Untrusted), &plain, "ask"),
            (base(ReadOnly, OnRequest), &plain, "ask"),
            (base(WorkspaceWrite, Never), &plain, "refuse"),
            (base(WorkspaceWrite, OnRequest).planning(), &plain, "refuse"),
            (networked.clone(), &plain, "allow"),
            // Where no command runs, none reaches the network.
            (Policy { level: ReadOnly, ..networked }, &plain, "ask"),
            (base(DangerFullAccess, Never), &plain, "allow"),
            (Policy { full_auto: true, ..base(WorkspaceWrite, Never) }, &plain, "allow"),
            (Policy { full_auto: true, ..base(ReadOnly, Never) }, &plain, "refuse"),
            (Policy { full_auto: true, ..base(WorkspaceWrite, Never) }.planning(), &plain, "refuse"),
            (base(WorkspaceWrite, Never), &known, "allow"),
            (base(ReadOnly, Untrusted), &known, "allow"),
            (base(WorkspaceWrite, OnRequest).planning(), &known, "allow"),
            (base(WorkspaceWrite, Never), &listed, "allow"),
        ];
        for (policy, fetch, expected) in table {
            let access = Access { fetch: Some(fetch.clone()), ..Access::default() };
            let found = match decide(&policy, &access) {
                Verdict::Allow(_) => "allow",
                Verdict::Ask(question) => {
                    assert!(question.reason.contains("a.example"), "{}", question.reason);
                    "ask"
                }
                Verdict::Refuse { .. } => "refuse",
            };
            assert_eq!(found, expected, "{policy:?}: {fetch:?}");
        }
    }
}
