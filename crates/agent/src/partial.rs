//! What an answer has used that does not come to its end: as its server counted so far, and for the rest by an estimate.

use codex_history::{Usage, text_tokens};
use codex_model::StreamEvent;
use codex_store::StoreError;

use crate::{thread::ThreadState, turn::TurnRun};

/// What has come of an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partial {
    /// Tokens of its request, by an estimate.
    asked: u64,
    /// What its server has counted.
    counted: Option<Usage>,
    /// Tokens of what came since, by their texts.
    since: u64,
}

impl Partial {
    /// Nothing has come of an answer to a request of about `asked` tokens.
    pub(crate) fn of(asked: u64) -> Self {
        Self { asked, ..Self::default() }
    }

    /// Takes an event of the answer.
    pub(crate) fn hear(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::Counted(usage) => *self = Self { counted: Some(*usage), ..Self::of(self.asked) },
            StreamEvent::TextDelta { text, .. }
            | StreamEvent::ReasoningDelta { text, .. }
            | StreamEvent::ArgumentsDelta { text, .. } => self.since += text_tokens(text),
            StreamEvent::Unshown(tokens) => self.since += tokens,
            // Its end says all of it.
            StreamEvent::Completed { .. } => *self = Self::of(self.asked),
            _ => {}
        }
    }

    /// What was used, and whether some of that is estimated; `None`: nothing has come.
    fn usage(&self) -> Option<(Usage, bool)> {
        if self.counted.is_none() && self.since == 0 {
            return None;
        }
        let mut usage = self.counted.unwrap_or(Usage { input_tokens: self.asked, ..Usage::default() });
        usage.output_tokens = usage.output_tokens.saturating_add(self.since);
        Some((usage, self.since > 0))
    }
}

impl TurnRun {
    /// Counts what has come of an answer that will not be whole, once.
    pub(crate) async fn count_partial(&mut self, state: &mut ThreadState) -> Result<(), StoreError> {
        let partial = &mut self.progress.partial;
        // The next attempt is at the same request.
        let begun = Partial::of(partial.asked);
        match std::mem::replace(partial, begun).usage() {
            Some((usage, estimated)) => self.count(state, usage, estimated).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_counted_counts_and_the_rest_is_estimated() {
        let text = |text: &str| StreamEvent::TextDelta { part: 0, text: text.into() };
        let counted = |input, output| {
            StreamEvent::Counted(Usage { input_tokens: input, output_tokens: output, ..Usage::default() })
        };
        let whole = StreamEvent::Completed { content: Vec::new(), usage: None };
        let eight = "x".repeat(32);
        for (events, expected) in [
            (vec![], None),
            (vec![StreamEvent::Paused], None),
            (vec![text(&eight)], Some((100, 8, true))),
            (vec![counted(70, 1), StreamEvent::Unshown(8)], Some((70, 9, true))),
            (vec![counted(70, 1)], Some((70, 1, false))),
            (vec![counted(70, 1), text(&eight)], Some((70, 9, true))),
            (vec![counted(70, 1), text(&eight), counted(70, 5)], Some((70, 5, false))),
            (vec![counted(70, 1), text(&eight), whole], None),
        ] {
            let mut partial = Partial::of(100);
            events.iter().for_each(|event| partial.hear(event));
            let found = partial.usage().map(|(usage, is)| (usage.input_tokens, usage.output_tokens, is));
            assert_eq!(found, expected, "{events:?}");
        }
    }
}
