//! A machine without namespaces: asks once a session whether commands that write may run behind weaker walls.
//!
//! It must never let one run behind them that nobody has said yes to, and never ask again after a no.

use std::sync::Arc;

use codex_permissions::{Access, Approval, Question, Verdict, decide};
use codex_protocol::ThreadItem;
use codex_sandbox::{Confined, Confinement, NOT_HELD_ALONE, Network, SandboxError};
use codex_store::StoreError;

use crate::{
    approvals::{Consent, Item, Permit, STOPPED, declined, refused},
    context::fill,
    thread::ThreadState,
    turn::TurnRun,
};

const DECLINED: &str = include_str!("prompts/weaker_walls_declined.md");

impl TurnRun {
    /// Before a command starts whose walls this machine cannot hold without the user's consent: asks for it, where
    /// somebody can be asked. After a yes the thread's policy has it.
    ///
    /// What comes back is what becomes of the call, if it must not go on.
    ///
    /// # Errors
    /// When the answer cannot be recorded.
    pub(crate) async fn weaker_walls<'call>(
        &mut self,
        state: &mut ThreadState,
        access: &Access,
        item: Option<&'call ThreadItem>,
    ) -> Result<Result<Item<'call>, Permit>, StoreError> {
        let untold = Item::untold(item);
        let Some(walls) = lacking(state, access).await else { return Ok(Ok(untold)) };
        if state.granted.weaker_walls_declined {
            return Ok(Err(declined(&fill(DECLINED, &[("message", "")]))));
        }
        let question =
            Question { confinement: walls, reason: reason(), rule: None, remember: None, not_held: &NOT_HELD_ALONE };
        let message = match self.consent(state, access, untold, &question).await? {
            Consent::Given { shown, .. } => {
                Arc::make_mut(&mut state.settings.workplace.policy).weak = true;
                return Ok(Ok(Item { item, shown }));
            }
            Consent::Interrupted => return Ok(Err(Permit::Interrupted)),
            Consent::Unheard => {
                return Ok(Err(refused(&format!("{}, and nobody is there to be asked", question.reason))));
            }
            Consent::Stopped => {
                state.granted.weaker_walls_declined = true;
                return Ok(Err(declined(STOPPED)));
            }
            Consent::Hook(why) => Some(why),
            Consent::Declined(message) => message,
        };
        state.granted.weaker_walls_declined = true;
        let message = message.map(|message| format!(" The user says: {}", message.trim())).unwrap_or_default();
        Ok(Err(declined(&fill(DECLINED, &[("message", &message)]))))
    }
}

/// The walls that `access` would run inside after a yes, if one is lacking and somebody may be asked for it.
async fn lacking(state: &ThreadState, access: &Access) -> Option<Confinement> {
    let workplace = &state.settings.workplace;
    // What is typed to a command starts none.
    if workplace.policy.approval == Approval::Never || access.command.is_none() || access.directory.is_none() {
        return None;
    }
    let confinement = match decide(&workplace.policy, access) {
        Verdict::Allow(confinement) => confinement,
        Verdict::Ask(question) => question.confinement,
        Verdict::Refuse { .. } => return None,
    };
    let lacks = matches!(workplace.sandbox.line(&confinement).await, Err(SandboxError::Weak { .. }));
    match confinement {
        // Domains are refused there whatever the answer is.
        Confinement::Confined(walls) if lacks && walls.network != Network::Proxied => {
            Some(Confinement::Confined(Confined { weak: true, ..walls }))
        }
        _ => None,
    }
}

fn reason() -> String {
    format!(
        "this machine can hold commands by Landlock and seccomp only, and this one may write. What is not \
         held then: {}. A yes lets the session go on so; `sandbox.allow_weak = true` in your own configuration does for \
         good",
        NOT_HELD_ALONE.join("; ")
    )
}
