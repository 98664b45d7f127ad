//! Answers as the journal keeps them: to each question about a call, whose they are, and what they were.

use codex_permissions::{Access, Approval, Policy, Question, Verdict, decide};
use codex_protocol::ThreadItem;
use codex_store::{Answered, Answerer, Record, StoreError};

use crate::{questions::Answer, thread::ThreadState, turn::TurnRun};

/// An answer, as it is recorded.
pub(crate) struct Given {
    answer: Answered,
    by: Answerer,
    rule: Option<String>,
}

impl Given {
    /// By an earlier yes for the session.
    pub(crate) const EARLIER: Self = Self { answer: Answered::Accept, by: Answerer::Session, rule: None };

    /// By `--full-auto`, which asks nobody.
    pub(crate) const FULL_AUTO: Self = Self { answer: Answered::Accept, by: Answerer::FullAuto, rule: None };

    /// By a hook, in a person's place.
    pub(crate) const HOOK: Self = Self { answer: Answered::Accept, by: Answerer::Hook, rule: None };

    /// By a hook that is against it.
    pub(crate) const HOOK_REFUSED: Self = Self { answer: Answered::Decline, by: Answerer::Hook, rule: None };

    /// A person's, if one came.
    pub(crate) fn of(answer: Option<&Answer>) -> Self {
        let (answer, rule) = match answer {
            Some(Answer::Yes) => (Answered::Accept, None),
            Some(Answer::Hunks(_)) => (Answered::AcceptHunks, None),
            Some(Answer::Kept) => (Answered::AcceptAlways, None),
            Some(Answer::ForSession) => (Answered::AcceptForSession, None),
            Some(Answer::Always(rules)) => (Answered::AcceptAlways, rules.texts().last().map(|rule| rule.text.clone())),
            Some(Answer::No(_)) => (Answered::Decline, None),
            Some(Answer::Stop) => (Answered::Cancel, None),
            None | Some(Answer::Content(_)) => {
                return Self { answer: Answered::Nothing, by: Answerer::Nobody, rule: None };
            }
        };
        Self { answer, by: Answerer::User, rule }
    }
}

/// What would be asked about an allowed action if `--full-auto` did not answer it.
pub(crate) fn answered_by_full_auto(policy: &Policy, access: &Access) -> Option<Question> {
    if !policy.full_auto {
        return None;
    }
    let asking = Policy { full_auto: false, approval: Approval::OnRequest, ..policy.clone() };
    match decide(&asking, access) {
        Verdict::Ask(question) => Some(*question),
        Verdict::Allow(_) | Verdict::Refuse { .. } => None,
    }
}

impl TurnRun {
    /// Records the answer to `question`, which was about a call that is shown as `item`.
    pub(crate) fn record_answer(
        &self,
        state: &mut ThreadState,
        access: &Access,
        item: Option<&ThreadItem>,
        question: &Question,
        Given { answer, by, rule }: Given,
    ) -> Result<(), StoreError> {
        let allowed = matches!(
            answer,
            Answered::Accept | Answered::AcceptHunks | Answered::AcceptForSession | Answered::AcceptAlways
        );
        state.standing.note(|decisions| {
            decisions.note(access, allowed, Some((answer, by)), question.rule.clone(), &question.reason);
            if answer == Answered::AcceptForSession {
                decisions.grant(access);
            }
        });
        let record = Record::Asked {
            turn_id: self.turn.id.clone(),
            item_id: item.map(ThreadItem::id).unwrap_or_default().to_owned(),
            access: serde_json::to_value(access).unwrap_or_default(),
            reason: question.reason.clone(),
            answer,
            by,
            rule,
        };
        state.recorder.record(&record).map(drop)
    }
}
