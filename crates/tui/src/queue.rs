//! What was said and waits for its turn. It survives an interrupt: then it waits until a person lets it go.

use std::collections::VecDeque;

use crate::{
    intent::Draft,
    keymap::{Action, Keymap},
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
    /// How many at its beginning were sent and came back.
    back: usize,
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

    /// It was sent and not taken: before all that waits, behind what came back earlier.
    pub fn put_back(&mut self, draft: Draft) {
        self.waiting.insert(self.back, draft);
        self.back += 1;
    }

    /// Whether what waits is not sent by itself.
    pub fn is_held(&self) -> bool {
        self.held
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
        if self.held {
            return None;
        }
        self.back = self.back.saturating_sub(1);
        self.waiting.pop_front()
    }

    /// The newest, to be edited.
    pub fn take_last(&mut self) -> Option<Draft> {
        let last = self.waiting.pop_back();
        self.held &= !self.waiting.is_empty();
        self.back = self.back.min(self.waiting.len());
        last
    }

    /// What waits, the oldest first.
    pub fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.waiting.iter()
    }

    /// What waits, a row each, the newest last.
    pub fn rows(&self, look: &Look, keymap: &Keymap) -> Vec<Row> {
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
            let [first, last] = [Action::Submit, Action::EditQueued].map(|action| keymap.shown(action));
            let hint = format!("  held · {first} sends · {last} edits");
            rows.push(truncate(&Row::new(&hint, look.style(Role::Quiet)), look.width));
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
        assert_eq!(queue.drafts().count(), 0);
    }

    #[test]
    fn what_comes_back_keeps_its_order() {
        let mut queue = Queue::default();
        queue.push(draft("three"));
        queue.put_back(draft("one"));
        queue.put_back(draft("two"));
        assert_eq!(queue.next(), Some(draft("one")));
        queue.put_back(draft("again"));
        let texts: Vec<&str> = queue.drafts().map(|draft| draft.text.as_str()).collect();
        assert_eq!(texts, ["two", "again", "three"]);
        while queue.take_last().is_some() {}
        queue.put_back(draft("one"));
    }
}
