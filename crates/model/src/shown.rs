//! What has been shown of an answer, so that a repeated request shows nothing twice.
//!
//! Pure: text in, a decision out. It knows nothing of requests, waiting or failures.

use crate::StreamEvent;

/// What to do with a piece of text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Shown already.
    Swallow,
    /// New from this byte of the piece on.
    Forward(usize),
    /// This attempt says something else than was shown: say so, then show what [`Shown::restart`] gives.
    Diverged,
}

/// The text shown of each part, and how far the current attempt has repeated it.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    runs: Vec<Run>,
}

/// Text that belongs together: a part's text, or one paragraph of a reasoning part.
#[derive(Debug)]
struct Run {
    part: usize,
    paragraph: Option<u32>,
    text: String,
    /// How many bytes of `text` the current attempt has said.
    said: usize,
}

impl Run {
    fn is_caught_up(&self) -> bool {
        self.said == self.text.len()
    }
}

impl Shown {
    /// A new attempt begins: nothing of what is shown has been repeated yet.
    pub(crate) fn rewind(&mut self) {
        self.runs.iter_mut().for_each(|run| run.said = 0);
    }

    /// Nothing is shown any more.
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
    }

    /// Takes a piece of the current attempt.
    pub(crate) fn say(&mut self, part: usize, paragraph: Option<u32>, piece: &str) -> Verdict {
        let other_kind = |run: &Run| run.part == part && run.paragraph.is_some() != paragraph.is_some();
        let diverged = self.runs.iter().any(|run| other_kind(run) && !run.is_caught_up());
        // Text nearly always goes on where the last piece stopped, so the search starts at the end.
        let found = self.runs.iter_mut().rev().find(|run| run.part == part && run.paragraph == paragraph);
        let Some(run) = found else {
            self.runs.push(Run { part, paragraph, text: piece.to_owned(), said: piece.len() });
            return if diverged { Verdict::Diverged } else { Verdict::Forward(0) };
        };
        let rest = &run.text[run.said..];
        if !diverged && rest.starts_with(piece) {
            run.said += piece.len();
            return Verdict::Swallow;
        }
        let known = rest.len();
        let goes_on = piece.starts_with(rest);
        if !goes_on {
            run.text.truncate(run.said);
        }
        run.text.push_str(if goes_on { &piece[known..] } else { piece });
        run.said = run.text.len();
        if diverged || !goes_on { Verdict::Diverged } else { Verdict::Forward(known) }
    }

    /// Whether the current attempt, now complete, said everything that is shown.
    pub(crate) fn is_repeated_in_full(&self) -> bool {
        self.runs.iter().all(Run::is_caught_up)
    }

    /// Forgets what the current attempt did not say, and returns what it did say, to be shown afresh.
    pub(crate) fn restart(&mut self) -> Vec<StreamEvent> {
        self.runs.iter_mut().for_each(|run| run.text.truncate(run.said));
        self.runs.retain(|run| !run.text.is_empty());
        self.runs.iter().map(Run::event).collect()
    }
}

impl Run {
    fn event(&self) -> StreamEvent {
        let (part, text) = (self.part, self.text.clone());
        match self.paragraph {
            None => StreamEvent::TextDelta { part, text },
            Some(paragraph) => StreamEvent::ReasoningDelta { part, paragraph, text },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(part: usize, text: &str) -> StreamEvent {
        StreamEvent::TextDelta { part, text: text.into() }
    }

    #[test]
    fn a_repetition_is_swallowed_and_its_continuation_forwarded() {
        let mut shown = Shown::default();
        assert_eq!(shown.say(0, None, "Hällo wo"), Verdict::Forward(0));
        shown.rewind();
        assert_eq!(shown.say(0, None, "Hä"), Verdict::Swallow);
        assert_eq!(shown.say(0, None, "llo world"), Verdict::Forward("llo wo".len()));
        assert!(shown.is_repeated_in_full());
        assert_eq!(shown.say(0, None, "!"), Verdict::Forward(0));
    }

    #[test]
    fn another_text_diverges_and_restarts_with_what_this_attempt_said() {
        let mut shown = Shown::default();
        shown.say(0, Some(0), "thinking");
        shown.say(1, None, "Hello world");
        shown.rewind();
        assert_eq!(shown.say(0, Some(0), "think"), Verdict::Swallow);
        assert_eq!(shown.say(1, None, "Hello "), Verdict::Swallow);
        assert_eq!(shown.say(1, None, "there"), Verdict::Diverged);
        let thought = StreamEvent::ReasoningDelta { part: 0, paragraph: 0, text: "think".into() };
        assert_eq!(shown.restart(), [thought, text(1, "Hello there")]);
        assert!(shown.is_repeated_in_full());
    }

    #[test]
    fn a_shorter_repetition_is_not_a_full_one() {
        let mut shown = Shown::default();
        shown.say(0, None, "Hello world");
        shown.rewind();
        shown.say(0, None, "Hello");
        assert!(!shown.is_repeated_in_full());
        assert_eq!(shown.restart(), [text(0, "Hello")]);
        assert!(shown.is_repeated_in_full());
    }

    #[test]
    fn a_part_that_becomes_another_kind_diverges() {
        let mut shown = Shown::default();
        shown.say(0, Some(0), "thinking");
        shown.rewind();
        assert_eq!(shown.say(0, None, "Hi"), Verdict::Diverged);
        assert_eq!(shown.restart(), [text(0, "Hi")]);
    }

    #[test]
    fn pieces_that_agree_only_up_to_inside_a_character_diverge() {
        let mut shown = Shown::default();
        shown.say(0, None, "ä"); // C3 A4
        shown.rewind();
        assert_eq!(shown.say(0, None, "ã"), Verdict::Diverged); // C3 A3
        assert_eq!(shown.restart(), [text(0, "ã")]);
    }
}
