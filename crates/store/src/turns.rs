//! The turns of a journal, each with its finished items. Turns that the conversation went back before are none of it.

use std::path::Path;

use codex_protocol::ThreadItem;

use crate::{Line, Record, StoreError, TurnOutcome, lines_after};

/// A turn.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTurn {
    /// Its id.
    pub id: String,
    /// Its finished items, in the order in which they were recorded.
    pub items: Vec<ThreadItem>,
    /// How it ended; `None`: it runs, or nobody was there to record its end.
    pub outcome: Option<TurnOutcome>,
    /// When it began, in milliseconds since the epoch.
    pub started_at: i64,
    /// When it ended, likewise.
    pub ended_at: Option<i64>,
}

/// Reads the turns of the journal `path` and of those that it goes on from, the oldest first.
///
/// # Errors
/// When they cannot be read.
pub fn turns(path: &Path) -> Result<Vec<StoredTurn>, StoreError> {
    lines_after(path, 0).map(|(lines, _)| turns_of(lines))
}

fn turns_of(lines: Vec<Line>) -> Vec<StoredTurn> {
    let mut turns: Vec<StoredTurn> = Vec::new();
    let mut gone: Vec<Vec<StoredTurn>> = Vec::new();
    for Line { at, record, .. } in lines {
        match record {
            Record::TurnStarted { turn_id } => {
                let (items, outcome, ended_at) = (Vec::new(), None, None);
                turns.push(StoredTurn { id: turn_id, items, outcome, started_at: at, ended_at });
            }
            // Commands that run on end in later turns.
            Record::Item { turn_id, item } => {
                if let Some(turn) = turns.iter_mut().rfind(|turn| turn.id == turn_id) {
                    turn.items.push(item);
                }
            }
            Record::TurnEnded { turn_id, outcome } => {
                if let Some(turn) = turns.iter_mut().rfind(|turn| turn.id == turn_id) {
                    (turn.outcome, turn.ended_at) = (Some(outcome), Some(at));
                }
            }
            Record::Reverted { before_turn_id } => {
                let from = turns.iter().position(|turn| turn.id == before_turn_id).unwrap_or(turns.len());
                gone.push(turns.split_off(from));
            }
            Record::Unreverted {} => turns.extend(gone.pop().unwrap_or_default()),
            _ => {}
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_have_their_items_and_those_that_were_gone_back_before_are_not_there() {
        let started = |id: &str| Record::TurnStarted { turn_id: id.into() };
        let item = |turn: &str, id: &str| {
            let item = ThreadItem::AgentMessage { id: id.into(), text: String::new() };
            Record::Item { turn_id: turn.into(), item }
        };
        let ended = |id: &str| Record::TurnEnded { turn_id: id.into(), outcome: TurnOutcome::Completed };
        let back = |id: &str| Record::Reverted { before_turn_id: id.into() };
        let records = [
            started("turn_0"),
            item("turn_0", "a"),
            ended("turn_0"),
            started("turn_1"),
            item("turn_0", "of a command that ran on"),
            item("turn_1", "b"),
            back("turn_1"),
            Record::Unreverted {},
            back("turn_1"),
            started("turn_2"),
            item("turn_2", "c"),
        ];
        let lines = records.into_iter().zip(0..).map(|(record, seq)| Line { seq, at: 100 + seq as i64, record });
        let turns = turns_of(lines.collect());
        let ids = |turn: &StoredTurn| turn.items.iter().map(|item| item.id().to_owned()).collect::<Vec<_>>();
        let seen: Vec<_> = turns.iter().map(|turn| (turn.id.as_str(), ids(turn), turn.ended_at)).collect();
        let first = vec!["a".to_owned(), "of a command that ran on".to_owned()];
        assert_eq!(seen, [("turn_0", first, Some(102)), ("turn_2", vec!["c".to_owned()], None)]);
        assert_eq!((turns[0].started_at, turns[1].outcome.clone()), (100, None));
    }
}
