//! What a journal says of the states of files: between which of them the agent changed something, and what was taken back.
//! Pure.
//!
//! It must never call a change the agent's that may be the user's.

use serde::{Deserialize, Serialize};

use crate::Record;

/// What happened to files between two states, each named as a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The turn that it belongs to.
    pub turn_id: String,
    /// Ordinal of the line that says of the earlier state.
    pub seq: u64,
    /// The earlier state; `None`: it could not be taken, so that nobody knows what the turn changed.
    pub before: Option<String>,
    /// The later state; `None`: none was taken since, it is what there is now.
    pub after: Option<String>,
    /// Who changed what differs.
    pub by: ChangedBy,
    /// Paths of which that is not certain.
    pub late: Vec<String>,
}

/// Who changed what differs between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangedBy {
    /// An action of the agent.
    Agent,
    /// The agent or the user: a command ran on, or nobody looked when an action had ended.
    Somebody,
    /// A rewind, or its redo.
    Rewind,
}

/// The last going back that can be redone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// The turn it went back before.
    pub before_turn_id: String,
    /// States of the files before and after, if they were taken back.
    pub files: Option<(String, String)>,
    /// Whether the conversation went back.
    pub conversation: bool,
    /// Whether files stay as somebody else had changed them, and can be chosen yet.
    pub conflicts: bool,
    /// Whether the conversation is to go back yet: the next line says so.
    awaits: bool,
}

/// What happened to files in a session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct States {
    /// The oldest first.
    pub spans: Vec<Span>,
    /// The last state that was taken.
    pub last: Option<String>,
    /// Where each turn began: its id and the ordinal of that line, turns that are gone included.
    turns: Vec<(String, u64)>,
    /// Turns whose files are as they left them, or were changed since: `/undo` takes back the last.
    standing: Vec<String>,
    /// Those that a rewind took from `standing`, to come back with a redo.
    taken: Vec<Vec<String>>,
    undone: Vec<Undone>,
    newest: Option<Newest>,
    /// Items of actions that began after a state and were not followed by one.
    acting: Vec<String>,
    /// Those of them that are over.
    cut_off: Vec<String>,
    /// Whether one of them is over whose state could not be taken, though the program went on.
    missed: bool,
}

/// The newest state, and whether commands of the agent ran on when it was taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Newest {
    turn_id: String,
    seq: u64,
    snapshot: String,
    runs_on: bool,
}

impl States {
    /// Takes a line in. `seq` is its ordinal; `open_turn` is the turn that runs, if one does.
    pub fn apply(&mut self, seq: u64, record: &Record, open_turn: Option<&str>) {
        match record {
            Record::TurnStarted { turn_id } => {
                self.turns.push((turn_id.clone(), seq));
                self.undone.clear();
                self.taken.clear();
            }
            Record::TurnEnded { turn_id, .. } => self.end(&format!("{turn_id}_item_")),
            // Whatever ran when the program ended has ended too.
            Record::Epoch(epoch) if !epoch.midway => self.end(""),
            Record::Started { checkpoint: Some(_), item_id, .. } if self.newest.is_some() => {
                self.acting.push(item_id.clone());
            }
            Record::Checkpoint { item_id: Some(item_id), snapshot, .. } if snapshot.is_empty() => {
                self.acting.retain(|item| item != item_id);
                self.missed = true;
            }
            Record::Checkpoint { turn_id, item_id, snapshot, runs_on, late, agent } => {
                self.outlive(turn_id, agent.as_deref(), item_id.as_deref());
                let of_turn = open_turn == Some(turn_id) && item_id.is_some();
                self.checkpoint(seq, turn_id, (item_id.as_deref(), of_turn), snapshot);
                if let Some(newest) = &mut self.newest {
                    newest.runs_on = *runs_on;
                }
                if let Some(span) = self.spans.last_mut().filter(|_| !late.is_empty()) {
                    span.late.clone_from(late);
                }
            }
            Record::Restored { before_turn_id, before, after, conversation, redo, conflicts } => {
                self.close(before);
                self.missed = false;
                self.restored(seq, before_turn_id, (before, after), *conversation, *redo);
                if let Some(undone) = self.undone.last_mut().filter(|_| !redo) {
                    undone.conflicts = *conflicts;
                }
            }
            Record::Reverted { before_turn_id } => match self.undone.last_mut().filter(|undone| undone.awaits) {
                Some(undone) => (undone.conversation, undone.awaits) = (true, false),
                None => {
                    let before_turn_id = before_turn_id.clone();
                    let (files, conflicts, awaits) = (None, false, false);
                    self.undone.push(Undone { before_turn_id, files, conversation: true, conflicts, awaits });
                }
            },
            Record::Unreverted {} => {
                if let Some(undone) = self.undone.last_mut() {
                    undone.conversation = false;
                }
                self.undone.pop_if(|undone| undone.files.is_none());
            }
            _ => {}
        }
    }

    /// The last going back, if nothing has happened since.
    pub fn to_redo(&self) -> Option<&Undone> {
        self.undone.last()
    }

    /// The last turn whose files were not taken back.
    pub fn to_undo(&self) -> Option<&str> {
        self.standing.last().map(String::as_str)
    }

    /// What happened to files since the turn began, up to now; `None` if there is no such turn.
    pub fn since(&self, turn_id: &str) -> Option<Vec<Span>> {
        let (_, began) = self.turns.iter().find(|(id, _)| id == turn_id)?;
        let open = self.newest.as_ref().filter(|newest| self.may_change(newest)).map(|newest| Span {
            turn_id: newest.turn_id.clone(),
            seq: newest.seq,
            before: Some(newest.snapshot.clone()),
            after: None,
            by: ChangedBy::Somebody,
            late: Vec::new(),
        });
        Some(self.spans.iter().cloned().chain(open).filter(|span| span.seq >= *began).collect())
    }

    /// The turn and the item of an action that the end of the program cut off, if nobody has looked since what it did.
    pub fn cut_off(&self) -> Option<(String, String)> {
        let item = self.acting.last().or(self.cut_off.last())?;
        self.newest.as_ref().map(|newest| (newest.turn_id.clone(), item.clone()))
    }

    /// Actions whose items begin so are over.
    fn end(&mut self, items: &str) {
        self.cut_off.extend(self.acting.extract_if(.., |item| item.starts_with(items)));
    }

    /// Whoever takes a state does nothing else: an older item of the same agent, or of the thread if there is none, whose state
    /// is not there was over before, and nobody knows since when.
    fn outlive(&mut self, turn_id: &str, agent: Option<&str>, item_id: Option<&str>) {
        let turns = self.turns.iter().map(|(turn, _)| turn.as_str()).chain([turn_id]);
        let owners: Vec<String> = match agent {
            Some(agent) => vec![format!("{agent}_")],
            None => turns.map(|turn| format!("{turn}_item_")).collect(),
        };
        let is_older = |item: &mut String| {
            Some(item.as_str()) != item_id && owners.iter().any(|owner| item.starts_with(owner.as_str()))
        };
        self.missed |= self.acting.extract_if(.., is_older).count() > 0;
    }

    fn may_change(&self, newest: &Newest) -> bool {
        newest.runs_on || self.missed || !self.acting.is_empty() || !self.cut_off.is_empty()
    }

    /// A state was taken: before an action; after one, of the turn that runs or another; or between turns.
    fn checkpoint(&mut self, seq: u64, turn_id: &str, (item_id, of_turn): (Option<&str>, bool), snapshot: &str) {
        if snapshot.is_empty() {
            let (turn_id, by) = (turn_id.to_owned(), ChangedBy::Agent);
            self.standing.push(turn_id.clone());
            self.spans.push(Span { turn_id, seq, before: None, after: None, by, late: Vec::new() });
            self.newest = None;
            return;
        }
        let of_action = item_id.is_some_and(|item| self.acting.iter().chain(&self.cut_off).any(|other| other == item));
        if (of_turn || of_action) && !self.missed {
            self.span(snapshot, ChangedBy::Agent);
        } else {
            self.close(snapshot);
        }
        self.acting.retain(|item| Some(item.as_str()) != item_id);
        self.cut_off.clear();
        self.missed = false;
        self.last = Some(snapshot.to_owned());
        // Between turns it stays that turn's.
        let newest = Newest { turn_id: turn_id.to_owned(), seq, snapshot: snapshot.to_owned(), runs_on: false };
        let keeps_place = item_id.is_some() && !of_turn;
        match self.newest.as_mut().filter(|_| keeps_place) {
            Some(old) => (old.snapshot, old.runs_on) = (newest.snapshot, false),
            None => self.newest = Some(newest),
        }
    }

    /// What differs from the newest state is the user's, unless the agent may have changed something. While it acts, it
    /// is the agent's: two of its actions may overlap.
    fn close(&mut self, snapshot: &str) {
        if !self.acting.is_empty() && !self.missed {
            self.span(snapshot, ChangedBy::Agent);
        } else if self.newest.as_ref().is_some_and(|newest| self.may_change(newest)) {
            self.span(snapshot, ChangedBy::Somebody);
        }
    }

    fn span(&mut self, after: &str, by: ChangedBy) {
        let Some(newest) = &self.newest else { return };
        let span = Span {
            turn_id: newest.turn_id.clone(),
            seq: newest.seq,
            before: Some(newest.snapshot.clone()),
            after: Some(after.to_owned()),
            by,
            late: Vec::new(),
        };
        if newest.snapshot != after {
            if self.standing.last() != Some(&span.turn_id) {
                self.standing.push(span.turn_id.clone());
            }
            self.spans.push(span);
        }
    }

    fn restored(&mut self, seq: u64, turn_id: &str, (before, after): (&str, &str), both: bool, redo: bool) {
        self.spans.push(Span {
            turn_id: turn_id.to_owned(),
            seq,
            before: Some(before.to_owned()),
            after: Some(after.to_owned()),
            by: ChangedBy::Rewind,
            late: Vec::new(),
        });
        self.last = Some(after.to_owned());
        let (owner, snapshot) = (turn_id.to_owned(), after.to_owned());
        self.newest = Some(Newest { turn_id: owner, seq, snapshot, runs_on: false });
        if redo {
            self.standing.extend(self.taken.pop().unwrap_or_default());
            if let Some(undone) = self.undone.last_mut() {
                undone.files = None;
            }
            self.undone.pop_if(|undone| !undone.conversation);
            return;
        }
        let number = |id: &str| self.turns.iter().position(|(turn, _)| turn == id);
        let from = number(turn_id);
        let at = self.standing.iter().position(|turn| number(turn) >= from).unwrap_or(self.standing.len());
        self.taken.push(self.standing.split_off(at));
        let files = Some((before.to_owned(), after.to_owned()));
        let before_turn_id = turn_id.to_owned();
        self.undone.push(Undone { before_turn_id, files, conversation: false, conflicts: false, awaits: both });
    }
}

#[cfg(test)]
#[path = "states_tests.rs"]
mod tests;
