//! A command that failed because it had no network: asks once whether it may run again with it.
//!
//! It must never give more than the network, nor run a command again that nobody has said yes to.

use codex_history::ToolCall;
use codex_permissions::{Approval, Question, RuleText, Verdict, decide};
use codex_sandbox::{Confinement, Network};
use codex_store::StoreError;
use codex_tools::{ForUser, Outcome};

use crate::{
    approvals::{BY_USER, Consent, Item},
    calls::{UnderWay, declined, prepare},
    thread::ThreadState,
    turn::TurnRun,
};

const GRANTED: &str = include_str!("prompts/network_granted.md");
const REFUSED: &str = include_str!("prompts/network_refused.md");
const REASON: &str =
    "it failed, and the sandbox had kept something in it from the network; it would run once more, with the network";

impl TurnRun {
    /// What `first`, the outcome of a call that missed the network, comes to: where somebody can be asked and says yes,
    /// the call has run a second time, with the network.
    pub(crate) async fn with_network(
        &mut self,
        state: &mut ThreadState,
        call: &ToolCall,
        first: Outcome,
    ) -> Result<Outcome, StoreError> {
        if state.settings.workplace.policy.approval == Approval::Never || self.cancel.is_cancelled() {
            return Ok(first);
        }
        let context = self.tool_context(state);
        let Ok(prepared) = prepare(state, call, &context).await else { return Ok(first) };
        // Judged anew: what is forbidden is not asked about.
        let question = match decide(&state.settings.workplace.policy, &prepared.access) {
            Verdict::Allow(confinement) => question(confinement, None, None),
            Verdict::Ask(asked) => {
                let more = prepared.access.uncovers.is_some().then_some(asked.reason);
                question(asked.confinement, asked.rule, more)
            }
            Verdict::Refuse { .. } => None,
        };
        let Some(question) = question else { return Ok(first) };
        self.show(state, first.for_user).await?;
        let (for_model, item) = (first.for_model, prepared.started.clone());
        let no = |word: &str| {
            let for_user = item.clone().map_or(ForUser::Nothing, |item| ForUser::Item(declined(item, BY_USER)));
            Outcome::text(format!("{for_model}\n\n{word}"), for_user)
        };
        Ok(match self.consent(state, &prepared.access, Item::untold(item.as_ref()), &question).await? {
            Consent::Given { shown } => {
                let permission = question.confinement.into();
                let running = self.start(state, call.clone(), &context, prepared, permission, shown).await?;
                let UnderWay { ran, .. } = running.await;
                let second = ran.unwrap_or_else(|reason| no(&format!("The second time, {reason}.")));
                Outcome { for_model: format!("{}\n{}", GRANTED.trim_end(), second.for_model), ..second }
            }
            Consent::Declined(Some(message)) => no(&format!("{} The user says: {message}", REFUSED.trim_end())),
            Consent::Declined(None) | Consent::Stopped | Consent::Interrupted => no(REFUSED.trim_end()),
            Consent::Unheard => no("Nobody is there to be asked for the network."),
        })
    }
}

/// Whether it may run inside `walls` with the network, and what `more` is to be said of it; nothing, if it has it already.
fn question(walls: Confinement, rule: Option<RuleText>, more: Option<String>) -> Option<Question> {
    let Confinement::Confined(mut walls) = walls else { return None };
    if walls.network == Network::Host {
        return None;
    }
    walls.network = Network::Host;
    let reason = more.map_or_else(|| REASON.to_owned(), |more| format!("{REASON}; and {more}"));
    let confinement = Confinement::Confined(walls);
    Some(Question { confinement, reason, rule, remember: None, not_held: &[] })
}
