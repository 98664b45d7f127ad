//! What must hold of any journal, for tests and for `fuzz/`.

use std::collections::HashSet;

use codex_history::{AssistantPart, Message};

use crate::{Line, journal, replay};

/// Replays `input` as the lines of a journal.
///
/// # Panics
/// If a line that was read is written as another one, or if the conversation has a result without its call, or a call without a result.
pub fn journal(input: &[u8]) {
    let (lines, _) = journal::parse(input);
    for Line { seq, at, record } in &lines {
        let written = journal::line(*seq, *at, record).unwrap_or_default();
        let (again, unreadable) = journal::parse(&written);
        assert!(unreadable == 0 && again.first().is_some_and(|line| line.record == *record), "{record:?}");
    }
    let Some(replayed) = replay(lines) else { return };
    let mut open: HashSet<&str> = HashSet::new();
    for message in replayed.conversation.history.messages() {
        match message {
            Message::ToolResult { call_id, .. } => {
                assert!(open.remove(call_id.as_str()), "a result without its call: {call_id}")
            }
            Message::Assistant { content, .. } => {
                let calls = content.iter().filter_map(|part| match part {
                    AssistantPart::Call(call) => Some(call.call_id.as_str()),
                    _ => None,
                });
                open.extend(calls);
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "without a result: {open:?}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_journal_comes_to_a_conversation_that_can_be_sent() {
        codex_testkit::fuzzing::each_input("journal", super::journal);
    }
}
