//! Calls of tools that servers have which users plug in: whether one may be made.
//!
//! What a tool does is its server's word. So a person is asked, unless the settings say that it needs nobody's leave, a
//! person has said so of the very same tool, or commands could do as much.

use std::borrow::Cow;

use crate::{Approval, Judgement, Policy, SandboxLevel, access::RemoteCall};

/// What the settings say about calls of a tool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToolApproval {
    /// Nothing: a person is asked.
    #[default]
    Unset,
    /// A person is asked unless the server says that the tool only reads.
    Auto,
    /// A person is asked each time.
    Prompt,
    /// Nobody is asked.
    Approve,
}

/// What is to happen with a call.
pub(crate) fn judge(policy: &Policy, call: &RemoteCall) -> Judgement {
    let walls = policy.confinement_for_our_programs();
    let allow = |why| Judgement::allow(walls.clone(), None, why);
    let setting =
        format!("`mcp_servers.{}.tools.{}.approval_mode = \"approve\"` allows it", key(&call.server), key(&call.tool));
    if call.approval == ToolApproval::Approve {
        return allow("the settings allow it (`approval_mode`)");
    }
    for (rules_out, why) in [
        (policy.is_planning, "plan mode: what a tool of a server does is not known, so that none is called"),
        (policy.thrown_away, "this is a review, which leaves everything as it is"),
        (
            policy.level == SandboxLevel::ReadOnly,
            "the sandbox is read-only, and what a tool of a server does is not known",
        ),
    ] {
        if rules_out {
            return Judgement::refuse(format!("{why}; {setting}"), None);
        }
    }
    if call.is_remembered {
        return allow("the user has allowed it for always");
    }
    if call.approval == ToolApproval::Auto && call.says_it_reads {
        return allow("its server says that it only reads, and the settings take its word (`auto`)");
    }
    if call.approval != ToolApproval::Prompt {
        if policy.level == SandboxLevel::DangerFullAccess && policy.approval != Approval::Untrusted {
            return allow("commands have no walls either");
        }
        if policy.full_auto && call.is_confined {
            return allow("`--full-auto` says yes to what runs behind walls");
        }
    }
    let reason = format!("what the tool `{}` of the server `{}` does is for its server to say", call.tool, call.server);
    match policy.approval {
        Approval::Never => Judgement::refuse(format!("{reason}, and nobody can be asked; {setting}"), None),
        Approval::Untrusted | Approval::OnRequest => Judgement::ask(walls, reason, None, None),
    }
}

/// `name` as TOML has it as a key.
fn key(name: &str) -> Cow<'_, str> {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_bare { name.into() } else { format!("{name:?}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, Verdict, decide};

    #[test]
    fn what_would_allow_it_can_be_written_so() {
        let call = RemoteCall { server: "s".into(), tool: "resources/read".into(), ..RemoteCall::default() };
        let access = Access { remote: Some(call), ..Access::default() };
        let Verdict::Refuse { reason } = decide(&Policy::default(), &access) else { panic!("it is not refused") };
        assert!(reason.contains("`mcp_servers.s.tools.\"resources/read\".approval_mode = \"approve\"`"), "{reason}");
    }

    #[test]
    fn a_call_needs_somebodys_word() {
        use Approval::{Never, OnRequest, Untrusted};
        use SandboxLevel::{DangerFullAccess, ReadOnly, WorkspaceWrite};
        use ToolApproval::{Approve, Auto, Prompt, Unset};
        let base = |level, approval| Policy { level, approval, ..Policy::default() };
        let auto = |level| Policy { full_auto: true, ..base(level, Never) };
        let call = |approval| RemoteCall { server: "s".into(), tool: "t".into(), approval, ..RemoteCall::default() };
        let reads = |approval| RemoteCall { says_it_reads: true, ..call(approval) };
        let walled = |approval| RemoteCall { is_confined: true, ..call(approval) };
        let remembered = |approval| RemoteCall { is_remembered: true, ..call(approval) };
        let review = Policy { thrown_away: true, ..base(WorkspaceWrite, Never) };
        let table = [
            (base(WorkspaceWrite, OnRequest), call(Unset), "ask"),
            (base(WorkspaceWrite, Untrusted), call(Unset), "ask"),
            (base(WorkspaceWrite, Never), call(Unset), "refuse"),
            // The word of a stranger counts where the user says that it does.
            (base(WorkspaceWrite, OnRequest), reads(Unset), "ask"),
            (base(WorkspaceWrite, OnRequest), reads(Prompt), "ask"),
            (base(WorkspaceWrite, OnRequest), reads(Auto), "allow"),
            (base(WorkspaceWrite, Never), reads(Auto), "allow"),
            (base(WorkspaceWrite, OnRequest), call(Auto), "ask"),
            (base(WorkspaceWrite, Never), call(Approve), "allow"),
            (base(WorkspaceWrite, OnRequest), remembered(Unset), "allow"),
            (base(WorkspaceWrite, Never), remembered(Unset), "allow"),
            // Walls are what `--full-auto` counts on.
            (auto(WorkspaceWrite), walled(Unset), "allow"),
            (auto(WorkspaceWrite), walled(Prompt), "refuse"),
            (auto(WorkspaceWrite), call(Unset), "refuse"),
            (auto(ReadOnly), walled(Unset), "refuse"),
            (base(DangerFullAccess, Never), call(Unset), "allow"),
            (base(DangerFullAccess, OnRequest), call(Prompt), "ask"),
            (base(DangerFullAccess, OnRequest), call(Unset), "allow"),
            (base(DangerFullAccess, Untrusted), call(Unset), "ask"),
            (base(ReadOnly, OnRequest), remembered(Auto), "refuse"),
            (base(ReadOnly, OnRequest), call(Approve), "allow"),
            (base(WorkspaceWrite, OnRequest).planning(), reads(Auto), "refuse"),
            (base(WorkspaceWrite, OnRequest).planning(), call(Approve), "allow"),
            (review, walled(Unset), "refuse"),
        ];
        for (policy, call, expected) in table {
            let access = Access { remote: Some(call.clone()), ..Access::default() };
            let found = match decide(&policy, &access) {
                Verdict::Allow(_) => "allow",
                Verdict::Ask(_) => "ask",
                Verdict::Refuse { reason } => {
                    assert!(
                        reason.contains("`mcp_servers.s.tools.t.approval_mode"),
                        "it says what would allow it: {reason}"
                    );
                    "refuse"
                }
            };
            assert_eq!(found, expected, "{policy:?}: {call:?}");
        }
    }
}
