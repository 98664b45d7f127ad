//! A conversation, and the places in it that it can go back to. Pure.

use codex_history::History;

/// The messages of a thread that count, with where each turn of them began.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    /// What the model is told.
    pub history: History,
    /// Where each turn began that is part of it, oldest first.
    pub marks: Vec<Mark>,
    /// What it was before it went back, the last at the end. Nothing, once a turn has begun since.
    undone: Vec<(History, Vec<Mark>)>,
}

/// Where a turn began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Id of the turn.
    pub turn_id: String,
    /// Ordinal of the line that says so.
    pub seq: u64,
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// The first thing the user said in it, cut to a line; empty if nothing was.
    pub said: String,
    /// How many messages there were before it.
    length: usize,
}

impl Conversation {
    /// A turn begins here.
    pub(crate) fn begin(&mut self, turn_id: String, seq: u64, at: i64) {
        self.undone.clear();
        self.marks.push(Mark { turn_id, seq, at, said: String::new(), length: self.history.len() });
    }

    /// The user said something in the last turn.
    pub(crate) fn said(&mut self, line: impl FnOnce() -> String) {
        if let Some(mark) = self.marks.last_mut().filter(|mark| mark.said.is_empty()) {
            mark.said = line();
        }
    }

    /// Goes back to how it was when the turn began. Returns the turns that are not part of it any more; `None`, and nothing
    /// happens, if that turn was none of it.
    pub fn revert(&mut self, before_turn_id: &str) -> Option<Vec<Mark>> {
        let at = self.marks.iter().position(|mark| mark.turn_id == before_turn_id)?;
        self.undone.push((self.history.clone(), self.marks.clone()));
        let gone = self.marks.split_off(at);
        self.history.truncate(gone[0].length);
        Some(gone)
    }

    /// Is again what it was before it last went back; false if there is nothing to return to, because it never did or a turn
    /// has begun since.
    pub fn unrevert(&mut self) -> bool {
        let Some((history, marks)) = self.undone.pop() else { return false };
        (self.history, self.marks) = (history, marks);
        true
    }

    /// The first thing the user said in it, cut to a line; empty if nothing was. What was said after the line `shared` comes
    /// first: all before it is another session's as well.
    pub(crate) fn preview(&self, shared: u64) -> &str {
        let said = |mark: &&Mark| !mark.said.is_empty();
        let own = self.marks.iter().filter(|mark| mark.seq > shared).find(said);
        own.or_else(|| self.marks.iter().find(said)).map(|mark| mark.said.as_str()).unwrap_or_default()
    }
}
