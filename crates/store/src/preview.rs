//! The line that tells a session from others: the first thing the user said in it. Pure.

use std::borrow::Borrow;

use codex_history::{Content, Message};

use crate::Record;

/// How long a preview may be, in characters.
const LONGEST: usize = 120;

/// The first message of the user in a turn, cut to a line; empty if there is none. What is said between turns is
/// context that this program gives, not what the user said.
pub(crate) fn preview<R: Borrow<Record>>(records: impl IntoIterator<Item = R>) -> String {
    let mut in_turn = false;
    for record in records {
        match record.borrow() {
            Record::TurnStarted { .. } => in_turn = true,
            Record::TurnEnded { .. } => in_turn = false,
            Record::Message { message: Message::User { content } } if in_turn => return line(content),
            _ => {}
        }
    }
    String::new()
}

/// The first text of `content`, cut to a line.
pub(crate) fn line(content: &[Content]) -> String {
    let text = content.iter().find_map(|content| match content {
        Content::Text { text } => Some(text.as_str()),
        Content::Image { .. } => None,
    });
    let line = text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TurnOutcome;

    #[test]
    fn it_is_the_first_thing_said_in_a_turn() {
        let user = |text: &str| Record::Message { message: Message::user(text) };
        let turn = || Record::TurnStarted { turn_id: "1".into() };
        let ended = || Record::TurnEnded { turn_id: "1".into(), outcome: TurnOutcome::Interrupted };
        let (long, cut) = ("ä".repeat(200), "ä".repeat(120));
        let table = [
            (vec![], ""),
            (vec![user("context")], ""),
            (vec![user("context"), turn(), user(" one\n  two "), user("three")], "one two"),
            (vec![turn(), user(&long)], &cut),
            (vec![turn(), ended(), user("context"), turn(), user("one")], "one"),
        ];
        for (records, expected) in table {
            assert_eq!(preview(&records), expected, "{records:?}");
        }
    }
}
