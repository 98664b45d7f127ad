//! A journal's lines turned back into a conversation. Pure: lines in, data out.

use std::path::PathBuf;

use codex_history::{AssistantPart, Content, History, Message, Usage};

use crate::{Header, Line, Record, TurnOutcome};

/// What a journal says.
#[derive(Debug)]
pub struct Replayed {
    /// Its first line.
    pub header: Header,
    /// The conversation so far, repairs included.
    pub history: History,
    /// Directory the thread last worked in.
    pub cwd: PathBuf,
    /// Tokens of all responses.
    pub usage: Usage,
    /// How many turns began.
    pub turns: u64,
    /// What must be appended before anything else, so that the file says what `history` says.
    pub repairs: Vec<Record>,
}

/// Replays a journal. `None` if its first line is not a header.
///
/// A turn that did not end gets an end; text that had arrived without its message becomes a message; a call without
/// a result gets one that says what is known of it.
pub fn replay(lines: Vec<Line>) -> Option<Replayed> {
    let mut records = lines.into_iter().map(|line| line.record);
    let Some(Record::Header(header)) = records.next() else { return None };
    let mut replay = Replay::default();
    let mut cwd = header.cwd.clone();
    for record in records {
        if let Record::Epoch { cwd: now, .. } = &record {
            cwd.clone_from(now);
        }
        replay.apply(record);
    }
    let repairs = replay.repairs();
    for repair in &repairs {
        if let Record::Message { message } = repair {
            replay.history.push(message.clone());
        }
    }
    Some(Replayed { header, history: replay.history, cwd, usage: replay.usage, turns: replay.turns, repairs })
}

#[derive(Default)]
struct Replay {
    history: History,
    usage: Usage,
    turns: u64,
    open_turn: Option<String>,
    /// Item and text of an answer whose message has not come yet.
    partial: Option<(String, String)>,
    /// Calls of the last answer without a result: id, freeform, whether it had begun.
    open_calls: Vec<(String, bool, bool)>,
}

impl Replay {
    fn apply(&mut self, record: Record) {
        match record {
            Record::Header(_) | Record::Epoch { .. } | Record::Item { .. } | Record::Plan { .. } => {}
            Record::TurnStarted { turn_id } => {
                self.turns += 1;
                self.open_turn = Some(turn_id);
            }
            Record::Message { message } => self.message(message),
            Record::Partial { item_id, offset, text } => self.partial(item_id, offset, &text),
            Record::Started { call_id, .. } => {
                if let Some(call) = self.open_calls.iter_mut().find(|(id, ..)| *id == call_id) {
                    call.2 = true;
                }
            }
            Record::Usage { usage } => self.usage += usage,
            Record::TurnEnded { .. } => {
                self.open_turn = None;
                self.partial = None;
            }
        }
    }

    fn message(&mut self, message: Message) {
        match &message {
            Message::Assistant { .. } => {
                self.partial = None;
                self.open_calls =
                    message.calls().map(|call| (call.call_id.clone(), call.arguments.is_freeform(), false)).collect();
            }
            Message::ToolResult { call_id, .. } => {
                // Vendors repeat ids: one result answers one call.
                if let Some(at) = self.open_calls.iter().position(|(id, ..)| id == call_id) {
                    self.open_calls.remove(at);
                }
            }
            _ => {}
        }
        self.history.push(message);
    }

    fn partial(&mut self, item_id: String, offset: u64, text: &str) {
        let (kept_for, kept) = self.partial.get_or_insert_with(|| (item_id.clone(), String::new()));
        if *kept_for != item_id {
            *kept_for = item_id;
            kept.clear();
        }
        let keep = usize::try_from(offset).unwrap_or(usize::MAX).min(kept.len());
        if kept.is_char_boundary(keep) {
            kept.truncate(keep);
        }
        kept.push_str(text);
    }

    fn repairs(&self) -> Vec<Record> {
        let mut repairs = Vec::new();
        if let Some((_, text)) = self.partial.as_ref().filter(|(_, text)| !text.is_empty()) {
            let content = vec![AssistantPart::Text { text: text.clone(), opaque: None }];
            repairs.push(Record::Message { message: Message::Assistant { content } });
        }
        for (call_id, freeform, begun) in &self.open_calls {
            let text = if *begun {
                "The program ended while this call ran. What it did is not known: look before you repeat it."
            } else {
                "The program ended before this call ran. It did nothing."
            };
            let content = vec![Content::Text { text: text.into() }];
            let message = Message::ToolResult { call_id: call_id.clone(), freeform: *freeform, content };
            repairs.push(Record::Message { message });
        }
        if let Some(turn_id) = &self.open_turn {
            repairs.push(Record::TurnEnded { turn_id: turn_id.clone(), outcome: TurnOutcome::Interrupted });
        }
        repairs
    }
}

#[cfg(test)]
mod tests {
    use codex_history::{Arguments, ToolCall};
    use serde_json::Value;

    use super::*;
    use crate::FORMAT;

    fn lines(records: Vec<Record>) -> Vec<Line> {
        let header = Record::Header(Header {
            format: FORMAT,
            thread_id: "t".into(),
            program_version: "0".into(),
            cwd: "/w".into(),
            source: "exec".into(),
            thread_source: None,
            forked_from: None,
        });
        let all = std::iter::once(header).chain(records);
        all.zip(0..).map(|(record, seq)| Line { seq, at: 0, record }).collect()
    }

    fn calls(ids: &[&str]) -> Record {
        let call = |id: &&str| {
            AssistantPart::Call(ToolCall {
                call_id: (*id).into(),
                name: "exec_command".into(),
                arguments: Arguments::Json("{}".into()),
                opaque: None,
            })
        };
        Record::Message { message: Message::Assistant { content: ids.iter().map(call).collect() } }
    }

    fn result(id: &str) -> Record {
        let content = vec![Content::Text { text: "ok".into() }];
        Record::Message { message: Message::ToolResult { call_id: id.into(), freeform: false, content } }
    }

    fn started(id: &str) -> Record {
        Record::Started { call_id: id.into(), item_id: "i".into(), access: Value::Null, checkpoint: None }
    }

    fn partial(item: &str, offset: u64, text: &str) -> Record {
        Record::Partial { item_id: item.into(), offset, text: text.into() }
    }

    fn turn() -> Record {
        Record::TurnStarted { turn_id: "1".into() }
    }

    fn ended() -> Record {
        Record::TurnEnded { turn_id: "1".into(), outcome: TurnOutcome::Completed }
    }

    /// What the repairs say, in a word each.
    fn repairs(records: Vec<Record>) -> Vec<String> {
        let replayed = replay(lines(records)).unwrap();
        let word = |record: &Record| match record {
            Record::Message { message: Message::Assistant { content } } => format!("said {content:?}"),
            Record::Message { message: Message::ToolResult { call_id, content, .. } } => {
                let cut = format!("{content:?}").contains("not known");
                format!("{call_id} {}", if cut { "cut short" } else { "never ran" })
            }
            Record::TurnEnded { .. } => "ended".into(),
            other => format!("{other:?}"),
        };
        replayed.repairs.iter().map(word).collect()
    }

    #[test]
    fn a_journal_cut_anywhere_is_repaired() {
        let said = |text: &str| {
            let content = vec![AssistantPart::Text { text: text.into(), opaque: None }];
            format!("said {content:?}")
        };
        let table: Vec<(Vec<Record>, Vec<String>)> = vec![
            (vec![], vec![]),
            (vec![turn(), ended()], vec![]),
            (vec![turn()], vec!["ended".into()]),
            (vec![turn(), partial("a", 0, "he"), partial("a", 2, "llo")], vec![said("hello"), "ended".into()]),
            (vec![turn(), partial("a", 0, "he"), partial("b", 0, "bye")], vec![said("bye"), "ended".into()]),
            (vec![turn(), partial("a", 0, "he"), partial("a", 0, "bye")], vec![said("bye"), "ended".into()]),
            (vec![turn(), partial("a", 0, "he"), ended()], vec![]),
            (vec![turn(), partial("a", 0, "x"), calls(&["1"]), result("1"), ended()], vec![]),
            (
                vec![turn(), calls(&["1", "2"]), started("1")],
                vec!["1 cut short".into(), "2 never ran".into(), "ended".into()],
            ),
            (vec![turn(), calls(&["1", "2"]), started("1"), result("1")], vec!["2 never ran".into(), "ended".into()]),
            (vec![turn(), calls(&["1", "1"]), result("1")], vec!["1 never ran".into(), "ended".into()]),
        ];
        for (records, expected) in table {
            assert_eq!(repairs(records.clone()), expected, "{records:?}");
        }
    }

    #[test]
    fn a_repaired_journal_needs_no_more_repair() {
        let mut records = vec![turn(), calls(&["1"]), started("1")];
        let first = replay(lines(records.clone())).unwrap();
        records.extend(first.repairs);
        let second = replay(lines(records)).unwrap();
        assert_eq!(second.repairs, []);
        let messages = |history: &History| history.messages().cloned().collect::<Vec<_>>();
        assert_eq!(messages(&first.history), messages(&second.history));
    }
}
