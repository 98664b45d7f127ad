//! The rule that "always" would save, as it would be written. It is shown before it is saved, and can be made to hold for
//! more commands by taking words off its end.

use codex_protocol::{ApprovalDecision, CommandApprovalParams};

use crate::{
    look::Look,
    overlays::panel::{labelled, paragraph},
    text::Row,
    theme::Role,
};

/// A rule that may be saved.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// The command's words.
    words: Vec<String>,
    /// The rule for all of them, as the server would write it.
    exact: String,
    /// How many of the words it has.
    kept: usize,
}

impl Rule {
    /// The rule that is offered, if one is.
    pub(super) fn offered(params: &CommandApprovalParams) -> Option<Self> {
        let offered = params.available_decisions.iter().find_map(|decision| match decision {
            ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment } => Some(execpolicy_amendment),
            _ => None,
        });
        let words = offered.filter(|words| !words.is_empty())?.clone();
        let exact = match &params.terms.remember {
            Some(rule) => rule.clone(),
            // Servers of others save the words.
            None => shlex::try_join(words.iter().map(String::as_str)).ok()?,
        };
        Some(Self { kept: words.len(), words, exact })
    }

    /// As it would be written.
    pub(super) fn text(&self) -> String {
        if self.kept == self.words.len() {
            return self.exact.clone();
        }
        shlex::try_join(self.words.iter().take(self.kept).map(String::as_str)).unwrap_or_default()
    }

    /// Takes a word off, or puts it back.
    pub(super) fn change(&mut self, shorter: bool) {
        let kept = if shorter { self.kept.saturating_sub(1) } else { self.kept + 1 };
        self.kept = kept.clamp(1, self.words.len());
    }

    /// The answer that saves it.
    pub(super) fn decision(&self) -> ApprovalDecision {
        let execpolicy_amendment = self.words.iter().take(self.kept).cloned().collect();
        ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment }
    }

    /// What it says, and what it means.
    pub(super) fn rows(&self, look: &Look) -> Vec<Row> {
        let mut rows = labelled("Rule", &self.text(), Role::Command, look);
        let is_exact = self.kept == self.words.len() && self.exact.starts_with('=');
        let means = match is_exact {
            true => "exactly this command",
            false => "every command that begins with these words, whatever follows them",
        };
        rows.extend(labelled("Allows", means, if is_exact { Role::Plain } else { Role::Warning }, look));
        rows.push(Row::empty());
        let said =
            "It is saved in your own configuration, and holds from now on without a question. /permissions shows it.";
        rows.extend(paragraph(said, Role::Quiet, 2, look));
        rows
    }

    /// Whether there is something to shorten.
    pub(super) fn has_words(&self) -> bool {
        self.words.len() > 1
    }
}
