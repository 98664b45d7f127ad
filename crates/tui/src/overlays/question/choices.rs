//! The answers to a question: each one key, and all of them a list.

use codex_protocol::ApprovalDecision;

use crate::{
    key::Key,
    keymap::Action,
    look::Look,
    overlays::{keys::Keys, list::Chosen},
    text::{Live, Row, Span, truncate},
    theme::Role,
};

/// An answer that a question offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Yes, this once.
    Yes,
    /// Yes, and the same again while the session lasts.
    ForSession,
    /// Yes, and a rule is saved, which is shown first.
    Always,
    /// No.
    No,
    /// No, and a word to the model, which is typed first.
    Message,
    /// No, and the turn ends.
    Stop,
}

impl Answer {
    /// What gives it.
    const fn action(self) -> Action {
        match self {
            Self::Yes => Action::Yes,
            Self::ForSession => Action::YesForSession,
            Self::Always => Action::YesAlways,
            Self::No => Action::No,
            Self::Message => Action::NoWithMessage,
            Self::Stop => Action::Close,
        }
    }

    /// The usual key that gives it.
    const fn key(self) -> &'static str {
        match self {
            Self::Yes => "y",
            Self::ForSession => "s",
            Self::Always => "a",
            Self::No => "n",
            Self::Message => "m",
            Self::Stop => "esc",
        }
    }
}

/// The answers that `offered` comes to, in the order in which they are shown. Servers that say nothing take yes, no and
/// stop.
pub(super) fn answers(offered: &[ApprovalDecision]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let is_offered = |wanted: fn(&ApprovalDecision) -> bool| offered.is_empty() || offered.iter().any(wanted);
    if is_offered(|decision| *decision == ApprovalDecision::Accept) {
        answers.push(Answer::Yes);
    }
    for decision in offered {
        match decision {
            ApprovalDecision::AcceptForSession => answers.push(Answer::ForSession),
            ApprovalDecision::AcceptAlways => answers.push(Answer::Always),
            ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment } => {
                answers.extend((!execpolicy_amendment.is_empty()).then_some(Answer::Always));
            }
            _ => {}
        }
    }
    if is_offered(|decision| *decision == ApprovalDecision::Decline) {
        answers.extend([Answer::No, Answer::Message]);
    }
    if is_offered(|decision| *decision == ApprovalDecision::Cancel) {
        answers.push(Answer::Stop);
    }
    answers
}

/// The list of answers, and the one that enter gives.
#[derive(Debug)]
pub(super) struct Choices {
    /// Each with its words.
    pub(super) answers: Vec<(Answer, String)>,
    chosen: Chosen,
}

impl Choices {
    /// With `first` chosen, or the first one.
    pub(super) fn new(answers: Vec<(Answer, String)>, first: Answer) -> Self {
        let at = answers.iter().position(|(answer, _)| *answer == first).unwrap_or_default();
        Self { answers, chosen: Chosen::at(at) }
    }

    /// Says `words` of `answer` from now on.
    pub(super) fn say(&mut self, answer: Answer, words: &str) {
        let said = self.answers.iter_mut().filter(|(offered, _)| *offered == answer);
        said.for_each(|(_, said)| words.clone_into(said));
    }

    fn offered(&self, answer: Answer) -> Option<Answer> {
        self.answers.iter().any(|(offered, _)| *offered == answer).then_some(answer)
    }

    /// Takes a key: the answer that it gives, or none. Only what is offered is given.
    pub(super) fn key(&mut self, key: Key) -> Option<Answer> {
        match key.to_string().as_str() {
            "esc" => self.offered(Answer::Stop),
            "enter" => self.answers.get(self.chosen.index(self.answers.len())).map(|(answer, _)| *answer),
            // Capitals too: where they are locked, a no must be a no.
            typed => match self.answers.iter().find(|(answer, _)| typed.eq_ignore_ascii_case(answer.key())) {
                Some((answer, _)) => Some(*answer),
                None => {
                    if !key.to_string().starts_with("page") && !["home", "end"].contains(&typed) {
                        self.chosen.key(key, self.answers.len());
                    }
                    None
                }
            },
        }
    }

    /// Row by row; in one where there is `little` room.
    pub(super) fn live(&self, little: bool, keys: &Keys, look: &Look) -> Live {
        let widest = self.answers.iter().map(|(answer, _)| keys.shown(answer.action()).len()).max().unwrap_or_default();
        let at = self.chosen.index(self.answers.len());
        let mut rows = Vec::new();
        let mut all = Row::empty();
        for (index, (answer, about)) in self.answers.iter().enumerate() {
            let (mark, role) = if index == at { ("› ", Role::Selected) } else { ("  ", Role::Plain) };
            let key = keys.shown(answer.action());
            let mut row = Row::empty();
            row.push(look.span(mark, Role::Strong));
            row.push(look.span(&format!("{key:>widest$}"), Role::Strong));
            row.push(look.span("  ", Role::Plain));
            row.push(look.span(about, role));
            rows.push(truncate(&row, look.width));
            let separator = if index == 0 { "" } else { " · " };
            let short = about.split([',', ':']).next().unwrap_or_default();
            let role = if index == at { Role::Selected } else { Role::Quiet };
            let pieces: [Span; 3] = [
                look.span(separator, Role::Quiet),
                look.span(&key, Role::Strong),
                look.span(&format!(" {short}"), role),
            ];
            pieces.into_iter().for_each(|piece| all.push(piece));
        }
        let rows = if little { crate::text::wrap(&all, look.width, &Row::empty()) } else { rows };
        Live { rows, cursor: None }
    }
}
