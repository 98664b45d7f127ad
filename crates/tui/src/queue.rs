//! What was said and waits for its turn. It survives an interrupt: then it waits until a person lets it go.

use std::collections::VecDeque;

use crate::{
    intent::Draft,
    look::Look,
    text::{Row, truncate},
    theme::Role,
};

/// Rows that the queue takes at most.
const SHOWN: usize = 4;

/// What was said and waits for its turn.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Draft>,
    /// Whether it waits for a person, since the turn before did not end by itself.
    held: bool,
}

impl Queue {
    /// To its end.
    pub fn push(&mut self, draft: Draft) {
        self.waiting.push_back(draft);
    }

    /// All of these, to its end.
    pub fn extend(&mut self, drafts: impl IntoIterator<Item = Draft>) {
        self.waiting.extend(drafts);
    }

    /// To its beginning: it was said before all that waits.
    pub fn push_front(&mut self, draft: Draft) {
        self.waiting.push_front(draft);
    }

    /// Keeps it until [`Self::release`].
    pub fn hold(&mut self) {
        self.held = !self.waiting.is_empty();
    }

    /// Lets it go on.
    pub fn release(&mut self) {
        self.held = false;
    }

    /// What is said next, if it may be.
    pub fn next(&mut self) -> Option<Draft> {
        if self.held { None } else { self.waiting.pop_front() }
    }

    /// The newest, to be edited.
    pub fn take_last(&mut self) -> Option<Draft> {
        let last = self.waiting.pop_back();
        self.held &= !self.waiting.is_empty();
        last
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What waits, a row each, the newest last.
    pub fn rows(&self, look: &Look) -> Vec<Row> {
        let hidden = self.waiting.len().saturating_sub(SHOWN);
        let mut rows = Vec::new();
        if hidden > 0 {
            rows.push(Row::new(&format!("  {hidden} more before"), look.style(Role::Quiet)));
        }
        for draft in self.waiting.iter().skip(hidden) {
            let first = draft.text.lines().next().unwrap_or_default();
            let pictures = if draft.pictures.is_empty() { "" } else { " [image]" };
            let row =
                Row::new("  ↳ ", look.style(Role::Mark)).with(&format!("{first}{pictures}"), look.style(Role::Quiet));
            rows.push(truncate(&row, look.width));
        }
        if self.held {
            let hint = "  held after the interrupt: enter sends the first, alt+up edits the last";
            rows.push(truncate(&Row::new(hint, look.style(Role::Quiet)), look.width));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str) -> Draft {
        Draft { text: text.into(), pictures: Vec::new() }
    }

    #[test]
    fn an_interrupt_holds_what_waits() {
        let mut queue = Queue::default();
        queue.hold();
        queue.push(draft("one"));
        assert_eq!(queue.next(), Some(draft("one")), "an empty queue cannot be held");
        queue.push(draft("two"));
        queue.push(draft("three"));
        queue.hold();
        assert_eq!(queue.next(), None);
        assert_eq!(queue.take_last(), Some(draft("three")));
        queue.release();
        assert_eq!(queue.next(), Some(draft("two")));
        assert!(queue.is_empty());
    }
}
