//! A conversation, and the places in it that it can go back to. Pure.

use std::sync::Arc;

use codex_history::{History, Message};
use serde::{Deserialize, Serialize};

use crate::{Pinned, Summaries};

/// The messages of a thread that count, with where each turn of them began.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Conversation {
    /// What the model is told.
    #[serde(skip)]
    pub history: History,
    /// Where each turn began that is part of it, oldest first.
    pub marks: Vec<Mark>,
    /// What is kept word for word when it is summed up.
    #[serde(with = "of_arc")]
    pub pinned: Arc<Pinned>,
    /// What it was before each time it was summed up.
    replaced: Vec<Replaced>,
    /// What it was before it went back, the last at the end. Nothing, once a turn has begun since.
    #[serde(skip)]
    undone: Vec<Past>,
    /// Whether what summaries stand for is not held.
    forgets: bool,
    /// Whether it should have gone back to something that was not held: it is not what it should be.
    #[serde(skip)]
    lacks: bool,
}

/// What a summary stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Replaced {
    /// `None`: it is not held.
    #[serde(skip)]
    history: Option<History>,
    /// How many messages are in its place.
    count: usize,
}

/// What a conversation was.
#[derive(Debug, Clone)]
struct Past {
    history: History,
    marks: Vec<Mark>,
    pinned: Arc<Pinned>,
    replaced: Vec<Replaced>,
}

/// Where a turn began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// How often the conversation had been summed up.
    summaries: usize,
    #[serde(skip)]
    pinned: Arc<Pinned>,
}

impl Conversation {
    /// Nothing yet.
    pub(crate) fn new(summaries: Summaries) -> Self {
        Self { forgets: summaries == Summaries::Stand, ..Self::default() }
    }

    /// Whether it went back to something that was not held, so that it is not what it should be.
    pub(crate) fn lacks_some(&self) -> bool {
        self.lacks
    }

    /// It without what a summary that comes next stands for; `None` if something before it may come back yet.
    ///
    /// Whoever goes back from there to a turn that is in it lacks something, and knows it: what each turn began with is left out.
    pub(crate) fn before_a_summary(&self) -> Option<Self> {
        if self.lacks || !self.undone.is_empty() {
            return None;
        }
        let mark = |mark: &Mark| Mark { pinned: Arc::default(), ..mark.clone() };
        Some(Self {
            history: History::default(),
            marks: self.marks.iter().map(mark).collect(),
            pinned: Arc::clone(&self.pinned),
            replaced: self.replaced.iter().map(|replaced| Replaced { history: None, ..*replaced }).collect(),
            undone: Vec::new(),
            forgets: true,
            lacks: false,
        })
    }

    /// Messages that are held, those that it could go back to included.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        let replaced =
            |all: &[Replaced]| all.iter().flat_map(|replaced| &replaced.history).map(History::len).sum::<usize>();
        let past = |past: &Past| past.history.len() + replaced(&past.replaced);
        self.history.len() + replaced(&self.replaced) + self.undone.iter().map(past).sum::<usize>()
    }

    /// A turn begins here.
    pub(crate) fn begin(&mut self, turn_id: String, seq: u64, at: i64) {
        self.undone.clear();
        let (length, summaries, pinned) = (self.history.len(), self.replaced.len(), Arc::clone(&self.pinned));
        self.marks.push(Mark { turn_id, seq, at, said: String::new(), length, summaries, pinned });
    }

    /// The user said something in the last turn.
    pub(crate) fn said(&mut self, line: impl FnOnce() -> String) {
        if let Some(mark) = self.marks.last_mut().filter(|mark| mark.said.is_empty()) {
            mark.said = line();
        }
    }

    /// Whether it can go back to before the turn with what is held.
    pub fn reaches(&self, before_turn_id: &str) -> bool {
        let mark = self.marks.iter().find(|mark| mark.turn_id == before_turn_id);
        mark.is_none_or(|mark| self.replaced.iter().skip(mark.summaries).all(|replaced| replaced.history.is_some()))
    }

    /// Goes back to how it was when the turn began. Returns the turns that are not part of it any more; `None`, and nothing
    /// happens, if that turn was none of it.
    pub fn revert(&mut self, before_turn_id: &str) -> Option<Vec<Mark>> {
        let at = self.marks.iter().position(|mark| mark.turn_id == before_turn_id)?;
        let (history, marks) = (self.history.clone(), self.marks.clone());
        let (pinned, replaced) = (Arc::clone(&self.pinned), self.replaced.clone());
        self.undone.push(Past { history, marks, pinned, replaced });
        let gone = self.marks.split_off(at);
        while self.replaced.len() > gone[0].summaries
            && let Some(Replaced { history, .. }) = self.replaced.pop()
        {
            self.lacks |= history.is_none();
            self.history = history.unwrap_or_default();
        }
        self.history.truncate(gone[0].length);
        self.pinned = Arc::clone(&gone[0].pinned);
        Some(gone)
    }

    /// Is again what it was before it last went back; false if there is nothing to return to, because it never did or a turn
    /// has begun since.
    pub fn unrevert(&mut self) -> bool {
        let Some(Past { history, marks, pinned, replaced }) = self.undone.pop() else { return false };
        (self.history, self.marks, self.pinned, self.replaced) = (history, marks, pinned, replaced);
        true
    }

    /// A turn that the last going back took out of it.
    pub fn gone(&self, turn_id: &str) -> Option<&Mark> {
        self.undone.last()?.marks.iter().find(|mark| mark.turn_id == turn_id)
    }

    /// It is exactly these messages from here on.
    pub(crate) fn compact(&mut self, messages: Vec<Message>) {
        let compacted: History = messages.into_iter().collect();
        let count = compacted.len();
        let history = std::mem::replace(&mut self.history, compacted);
        self.replaced.push(Replaced { history: (!self.forgets).then_some(history), count });
    }

    /// What the newest summary stands for is back, before what was said since; false if there is none.
    pub fn undo_compaction(&mut self) -> bool {
        let Some(Replaced { history, count }) = self.replaced.pop() else { return false };
        self.lacks |= history.is_none();
        let mut history = history.unwrap_or_default();
        for mark in self.marks.iter_mut().filter(|mark| mark.summaries > self.replaced.len()) {
            mark.summaries = self.replaced.len();
            mark.length = history.len() + mark.length.saturating_sub(count);
        }
        history.extend_from(&self.history, count);
        self.history = history;
        // What went back since would be summed up still.
        self.undone.clear();
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

/// What is shared, as what it is.
mod of_arc {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(shared: &Arc<T>, to: S) -> Result<S::Ok, S::Error> {
        shared.as_ref().serialize(to)
    }

    pub(super) fn deserialize<'from, T: Deserialize<'from>, D: Deserializer<'from>>(
        from: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(from).map(Arc::new)
    }
}
