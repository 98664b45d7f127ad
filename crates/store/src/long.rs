//! The lines of a journal as going on with it needs them, with no more of it in memory than these: it may be as long as a disk has
//! room for.

use std::{
    io::{BufRead, BufReader, Read},
    ops::Range,
    path::Path,
};

use codex_protocol::ThreadItem;
use serde::Deserialize;

use crate::{Line, Record, StoreError};

/// How much is read at once, in bytes.
const BLOCK: usize = 256 << 10;
/// How far into a line it says what it records, at most, in bytes.
const NEAR: usize = 96;
/// What a line of an item has there.
const ITEM: &[u8] = br#""type":"item""#;

/// How a file was read.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// How many lines could not be read.
    pub(crate) unreadable: usize,
    /// Where the last whole line ends, in bytes.
    pub(crate) whole: u64,
    /// How long the file is, in bytes.
    pub(crate) length: u64,
}

/// An item without what it shows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemLine {
    seq: u64,
    at: i64,
    turn_id: String,
    item: Id,
}

#[derive(Deserialize)]
struct Id {
    id: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Kinds of items of which going on needs the id alone: those that can be long, and say nothing that messages do not. Sorted.
const ONLY_SHOWN: &[&str] = &["agentMessage", "commandExecution", "dynamicToolCall", "reasoning", "userMessage"];

/// Gives `take` the readable lines of a journal, each with where it lies. `journal` is what is in it from the byte `from` on.
///
/// # Errors
/// What `take` says, and when the journal, which is the file `path`, cannot be read.
pub(crate) fn each(
    journal: impl Read,
    path: &Path,
    from: u64,
    mut take: impl FnMut(Line, Range<u64>) -> Result<(), StoreError>,
) -> Result<Ends, StoreError> {
    let mut reader = BufReader::with_capacity(BLOCK, journal);
    let mut ends = Ends { whole: from, length: from, unreadable: 0 };
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let length = reader.read_until(b'\n', &mut bytes).map_err(StoreError::io("read", path))?;
        ends.length += length as u64;
        if bytes.pop_if(|last| *last == b'\n').is_none() {
            return Ok(ends);
        }
        let begin = std::mem::replace(&mut ends.whole, ends.length);
        match line(&bytes) {
            Some(line) => take(line, begin..ends.whole)?,
            None => ends.unreadable += usize::from(!bytes.is_empty()),
        }
        // One long line must not be paid for to the end.
        bytes.shrink_to(BLOCK);
    }
}

fn line(bytes: &[u8]) -> Option<Line> {
    let near = bytes.get(..NEAR).unwrap_or(bytes);
    if !near.windows(ITEM.len()).any(|window| window == ITEM) {
        return serde_json::from_slice(bytes).ok();
    }
    let ItemLine { seq, at, turn_id, item } = serde_json::from_slice(bytes).ok()?;
    if ONLY_SHOWN.binary_search(&item.kind.as_str()).is_err() {
        return serde_json::from_slice(bytes).ok();
    }
    let item = ThreadItem::AgentMessage { id: item.id, text: String::new() };
    Some(Line { seq, at, record: Record::Item { turn_id, item } })
}

#[cfg(test)]
mod tests {
    use codex_history::Message;
    use codex_protocol::{FileUpdateChange, PatchApplyStatus, PatchChangeKind};

    use super::*;
    use crate::{journal::parse, replay, testing::header};

    #[test]
    fn what_is_left_out_changes_nothing_of_the_conversation() {
        let user = |text: &str| Record::Message { message: Message::user(text) };
        let item = |id: &str| {
            let item = ThreadItem::AgentMessage { id: id.into(), text: "x".repeat(1000) };
            Record::Item { turn_id: "1".into(), item }
        };
        let changed = || {
            let kind = PatchChangeKind::Add;
            let changes = vec![FileUpdateChange { path: "/w/a".into(), kind, diff: "+x".into() }];
            let item = ThreadItem::FileChange { id: "c".into(), changes, status: PatchApplyStatus::Completed };
            Record::Item { turn_id: "1".into(), item }
        };
        let partial = |text: &str| Record::Partial { item_id: "a".into(), offset: 0, text: text.into() };
        let assistant = || Record::Message { message: Message::Assistant { content: Vec::new() } };
        let records = vec![
            Record::Header(header("t", "/w")),
            Record::TurnStarted { turn_id: "1".into() },
            user("go"),
            changed(),
            partial("he"),
            partial("hello"),
            assistant(),
            item("a"),
            user("\"type\":\"item\""),
            partial("cut off"),
        ];
        let text: String = (0..)
            .zip(records)
            .map(|(seq, record)| serde_json::to_string(&Line { seq, at: 1, record }).unwrap() + "\n")
            .collect();
        let torn = "{\"seq\":";
        let journal = format!("{text}\nnot JSON\n{torn}");
        let mut lines = Vec::new();
        let take = |line, _| {
            lines.push(line);
            Ok(())
        };
        let Ends { unreadable, whole, length } = each(journal.as_bytes(), Path::new("/j"), 0, take).unwrap();
        assert_eq!((unreadable, length - whole), (1, torn.len() as u64));
        let shown = |line: &Line| matches!(&line.record, Record::Item { item: ThreadItem::AgentMessage { text, .. }, .. } if text.is_empty());
        assert_eq!((lines.len(), lines.iter().filter(|line| shown(line)).count()), (10, 1));
        let (whole, _) = parse(text.as_bytes());
        let (short, whole) = (replay(lines).unwrap(), replay(whole).unwrap());
        let messages =
            |replayed: &crate::Replayed| replayed.conversation.history.messages().cloned().collect::<Vec<_>>();
        assert_eq!(messages(&short), messages(&whole));
        assert_eq!(short.conversation.pinned, whole.conversation.pinned);
        assert_eq!(short.conversation.pinned.changed_files.len(), 1);
        assert_eq!((&short.repairs, short.ran_on), (&whole.repairs, whole.ran_on));
    }
}
