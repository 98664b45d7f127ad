//! What becomes of a plan that the model proposes: the plan itself stands in the transcript above.

use codex_protocol::{ApprovalPolicy, SandboxMode};

use super::{
    Outcome, Overlay,
    picker::{Entry, Picker},
};
use crate::intent::{Change, Intent};

/// What a person may do with a plan.
#[derive(Debug, Clone)]
enum Choice {
    /// Have it carried out, with these settings.
    Approve(Box<Change>),
    /// Change it in the editor.
    Edit,
    /// Say what is wrong with it.
    Refuse,
}

/// The choices for the plan `text`; `is_edited`: the person has changed it.
pub fn plan(text: &str, is_edited: bool) -> Box<dyn Overlay> {
    let ask = (SandboxMode::WorkspaceWrite, ApprovalPolicy::Untrusted);
    let auto = (SandboxMode::WorkspaceWrite, ApprovalPolicy::OnRequest);
    let approve = |(sandbox, approval)| {
        Choice::Approve(Box::new(Change { sandbox: Some(sandbox), approval: Some(approval), ..Change::default() }))
    };
    let choices = [
        (
            "carry it out, asking",
            "asks before every edit and every command that is not allowed by a rule",
            approve(ask),
        ),
        ("carry it out, auto", "asks for what needs more than the sandbox gives", approve(auto)),
        ("carry it out", "with the settings as they are", Choice::Approve(Box::default())),
        ("change it", "in your editor; then you are asked again", Choice::Edit),
        ("go on planning", "say what is wrong with it; nothing is changed", Choice::Refuse),
    ];
    let entries = choices.into_iter().map(|(name, about, choice)| Entry {
        name: name.to_owned(),
        about: about.to_owned(),
        is_on: None,
        value: (choice, text.to_owned()),
    });
    let enter = |entry: &mut Entry<(Choice, String)>| {
        let (choice, plan) = entry.value.clone();
        match choice {
            Choice::Approve(change) => Outcome::done(Intent::Approve { plan, change: *change }),
            Choice::Edit => Outcome::done(Intent::EditPlan(plan)),
            Choice::Refuse => Outcome::done(Intent::RefusePlan),
        }
    };
    let title = if is_edited { "The plan, as you have changed it" } else { "The plan" };
    Box::new(Picker::new(title, entries.collect(), enter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlays::testing::{SIZES, press, said, screen};

    #[test]
    fn a_plan_is_carried_out_changed_or_refused() {
        let table = [
            (
                "enter",
                "closes Approve { plan: \"P\", change: Change { plans: None, model: None, effort: None, sandbox: Some(WorkspaceWrite), approval: Some(Untrusted)",
            ),
            ("down enter", "sandbox: Some(WorkspaceWrite), approval: Some(OnRequest)"),
            (
                "down down enter",
                "closes Approve { plan: \"P\", change: Change { plans: None, model: None, effort: None, sandbox: None, approval: None",
            ),
            ("down down down enter", "closes EditPlan(\"P\")"),
            ("up enter", "closes RefusePlan"),
            ("esc", "closes "),
        ];
        for (keys, expected) in table {
            let said = said(&press(&mut *plan("P", false), keys));
            assert!(said.contains(expected), "{keys}: {said}");
        }
        for is_edited in [false, true] {
            SIZES.iter().for_each(|size| drop(screen(&*plan("P", is_edited), *size)));
        }
    }
}
