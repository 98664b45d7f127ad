//! The last decisions of a thread, and what a person has said yes to for the session: for people to look at, and for
//! nothing else.

use std::collections::VecDeque;

use codex_permissions::{Access, RuleText};
use codex_sandbox::shown;
use codex_store::{Answered, Answerer};

use crate::context;

/// How many are kept.
const KEPT: usize = 20;
/// Longest text of an action, in characters.
const LONGEST: usize = 500;

/// What was decided about an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    /// The command, or the files that it is about.
    pub action: String,
    /// Whether it may run.
    pub allowed: bool,
    /// The answer, and whose it is, if it was asked.
    pub answer: Option<(Answered, Answerer)>,
    /// The rule that decided, or because of which it was asked.
    pub rule: Option<RuleText>,
    /// Why, in a sentence without its full stop.
    pub reason: String,
}

/// What is known of the decisions of a thread.
#[derive(Debug, Clone, Default)]
pub struct Decisions {
    /// The newest, oldest first.
    pub last: VecDeque<Decision>,
    /// What runs again without a question as long as the thread is open.
    pub granted: Vec<String>,
}

impl Decisions {
    /// Takes one in. What only reads and may is of no interest.
    pub(crate) fn note(
        &mut self,
        access: &Access,
        allowed: bool,
        answer: Option<(Answered, Answerer)>,
        rule: Option<RuleText>,
        reason: &str,
    ) {
        let is_quiet = access.command.is_none() && access.fetch.is_none() && access.remote.is_none();
        if allowed && is_quiet && access.writes.is_empty() {
            return;
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        let (at_ms, action, reason) = (context::now_ms(), action(access), reason.to_owned());
        self.last.push_back(Decision { at_ms, action, allowed, answer, rule, reason });
    }

    /// The same will run again without a question.
    pub(crate) fn grant(&mut self, access: &Access) {
        self.granted.push(action(access));
    }
}

/// What it is about, as text for people.
fn action(access: &Access) -> String {
    let paths = || {
        let paths = if access.writes.is_empty() { &access.reads } else { &access.writes };
        paths.iter().map(|path| shown(path)).collect::<Vec<_>>().join(", ")
    };
    let page = || access.fetch.as_ref().map(|fetch| fetch.url.clone());
    let remote = || access.remote.as_ref().map(|remote| format!("{}.{}", remote.server, remote.tool));
    let text = access.command.clone().or_else(page).or_else(remote).unwrap_or_else(paths);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_no_reads() {
        let mut decisions = Decisions::default();
        let command = |text: &str| Access { command: Some(text.into()), ..Access::default() };
        let reads = Access { reads: vec!["/a".into()], ..Access::default() };
        for number in 0..KEPT + 5 {
            decisions.note(&command(&number.to_string()), true, None, None, "why");
            decisions.note(&reads, true, None, None, "why");
        }
        let kept: Vec<String> = decisions.last.iter().map(|decision| decision.action.clone()).collect();
        assert_eq!(kept, (5..KEPT + 5).map(|number| number.to_string()).collect::<Vec<_>>());
        decisions.note(&reads, false, None, None, "hidden");
        decisions.note(&command(&"ä".repeat(LONGEST + 1)), true, None, None, "why");
        let last: Vec<_> =
            decisions.last.iter().rev().take(2).map(|decision| decision.action.chars().count()).collect();
        assert_eq!(last, [LONGEST + 1, "/a".len()]);
    }
}
