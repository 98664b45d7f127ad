//! The line that tells a session from others: the first thing the user said in it. Pure.

use codex_history::{Content, Message};

use crate::Record;

/// How long a preview may be, in characters.
const LONGEST: usize = 120;

/// The first message of the user in a turn that is part of the conversation, as far as records have said it. What is said
/// between turns is context that this program gives, not what the user said.
#[derive(Debug, Default)]
pub(crate) struct Preview {
    in_turn: bool,
    /// The turns up to the one in which something was said, each with that.
    turns: Vec<(String, String)>,
    /// What `turns` was before the conversation went back, the last at the end.
    undone: Vec<Vec<(String, String)>>,
}

impl Preview {
    /// Takes the next record.
    pub(crate) fn take(&mut self, record: &Record) {
        let is_known = self.is_known();
        match record {
            Record::TurnStarted { turn_id } => {
                self.in_turn = true;
                self.undone.clear();
                if !is_known {
                    self.turns.push((turn_id.clone(), String::new()));
                }
            }
            Record::TurnEnded { .. } => self.in_turn = false,
            Record::Message { message: Message::User { content } } if self.in_turn && !is_known => {
                if let Some((_, said)) = self.turns.last_mut() {
                    *said = line(content);
                }
            }
            Record::Reverted { before_turn_id } => {
                self.undone.push(self.turns.clone());
                let at = self.turns.iter().position(|(turn, _)| turn == before_turn_id);
                self.turns.truncate(at.unwrap_or(self.turns.len()));
            }
            Record::Unreverted {} => {
                if let Some(turns) = self.undone.pop() {
                    self.turns = turns;
                }
            }
            _ => {}
        }
    }

    /// Whether more messages change nothing.
    pub(crate) fn is_known(&self) -> bool {
        self.turns.last().is_some_and(|(_, said)| !said.is_empty())
    }

    /// It, cut to a line; empty if nothing was said.
    pub(crate) fn text(mut self) -> String {
        self.turns.pop().map(|(_, said)| said).unwrap_or_default()
    }
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
    fn it_is_the_first_thing_said_in_a_turn_that_counts() {
        let user = |text: &str| Record::Message { message: Message::user(text) };
        let turn = |id: &str| Record::TurnStarted { turn_id: id.into() };
        let ended = || Record::TurnEnded { turn_id: "1".into(), outcome: TurnOutcome::Interrupted };
        let back = |id: &str| Record::Reverted { before_turn_id: id.into() };
        let forth = || Record::Unreverted {};
        let (long, cut) = ("ä".repeat(200), "ä".repeat(120));
        let two = || vec![turn("1"), user("one"), ended(), turn("2"), user("two"), ended()];
        let table = [
            (vec![], ""),
            (vec![user("context")], ""),
            (vec![user("context"), turn("1"), user(" one\n  two "), user("three")], "one two"),
            (vec![turn("1"), user(&long)], &cut),
            (vec![turn("1"), ended(), user("context"), turn("2"), user("one")], "one"),
            ([two(), vec![back("2")]].concat(), "one"),
            ([two(), vec![back("1")]].concat(), ""),
            ([two(), vec![back("2"), back("1"), forth()]].concat(), "one"),
            ([two(), vec![back("1"), turn("3"), user("three")]].concat(), "three"),
            ([two(), vec![back("1"), turn("3"), ended(), forth(), turn("4"), user("four")]].concat(), "four"),
        ];
        for (records, expected) in table {
            let mut preview = Preview::default();
            records.iter().for_each(|record| preview.take(record));
            assert_eq!(preview.text(), expected, "{records:?}");
        }
    }
}
