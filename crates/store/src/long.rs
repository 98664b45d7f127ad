//! The lines of a journal as going on with it needs them, with no more of it in memory than these: it may be as long as a disk has
//! room for.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

use codex_history::Message;
use codex_protocol::ThreadItem;
use serde::Deserialize;

use crate::{Line, Record};

/// How much is read at once, in bytes.
const BLOCK: usize = 256 << 10;
/// How far into a line it says what it records, at most, in bytes.
const NEAR: usize = 96;
/// What a line of an item has there.
const ITEM: &[u8] = br#""type":"item""#;

/// What was read.
#[derive(Debug)]
pub(crate) struct Read {
    /// The readable lines.
    pub(crate) lines: Vec<Line>,
    /// How many others there are.
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

/// Reads the file from its beginning.
pub(crate) fn read(file: &File) -> io::Result<Read> {
    let mut reader = BufReader::with_capacity(BLOCK, file);
    let mut read = Read { lines: Vec::new(), unreadable: 0, whole: 0, length: 0 };
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let length = reader.read_until(b'\n', &mut bytes)?;
        read.length += length as u64;
        if bytes.pop_if(|last| *last == b'\n').is_none() {
            return Ok(read);
        }
        read.whole = read.length;
        match line(&bytes) {
            Some(line) => keep(line, &mut read.lines),
            None => read.unreadable += usize::from(!bytes.is_empty()),
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

/// What an answer's message repeats is not kept beside it.
fn keep(line: Line, lines: &mut Vec<Line>) {
    if matches!(line.record, Record::Message { message: Message::Assistant { .. } }) {
        while lines.pop_if(|last| matches!(last.record, Record::Partial { .. })).is_some() {}
    }
    lines.push(line);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

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
        let mut file = tempfile::tempfile().unwrap();
        let torn = "{\"seq\":";
        file.write_all(format!("{text}\nnot JSON\n{torn}").as_bytes()).unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let Read { lines, unreadable, whole, length } = read(&file).unwrap();
        assert_eq!((unreadable, length - whole), (1, torn.len() as u64));
        let seqs: Vec<u64> = lines.iter().map(|line| line.seq).collect();
        assert_eq!(seqs, [0, 1, 2, 3, 6, 7, 8, 9]);
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
