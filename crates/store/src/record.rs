//! The lines of a journal. The format is documented in `docs/journal.md`; a change to it changes [`FORMAT`].

use std::path::PathBuf;

use codex_history::{Content, Message, Usage};
use codex_protocol::{PlanStep, ThreadItem};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the format, in every header. Readers refuse higher ones.
pub const FORMAT: u32 = 1;

/// One line: a record and its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Ordinal of the line, from 0. Events carry it as their `seq`.
    pub seq: u64,
    /// Milliseconds since the epoch. May go back when the clock does; only `seq` orders.
    pub at: i64,
    /// What is recorded.
    #[serde(flatten)]
    pub record: Record,
}

/// What can be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Record {
    /// The first line.
    Header(Header),
    /// Settings in force from here on; a request's prefix is byte-stable between two of these.
    Epoch(Epoch),
    /// A turn began.
    TurnStarted {
        /// Id of the turn.
        turn_id: String,
    },
    /// A message of the conversation, as the model gets it.
    Message {
        /// The message.
        message: Message,
    },
    /// A message of a conversation apart, as a review has one. Nothing of the thread's.
    Aside {
        /// The message.
        message: Message,
    },
    /// What the user said while a turn ran, and the model has not read yet; superseded by the message.
    Steered {
        /// Id of the turn.
        turn_id: String,
        /// What the message will be.
        content: Vec<Content>,
        /// How it will be shown.
        item: ThreadItem,
    },
    /// Text of a model's answer that has arrived so far; superseded by the message.
    Partial {
        /// Id of the item it belongs to.
        item_id: String,
        /// Where in the item's text it goes, in bytes; 0 starts it anew. Beyond what is known of the item, a line was
        /// lost, and the text goes at the end.
        offset: u64,
        /// The text.
        text: String,
    },
    /// What was streamed of these items does not count: a repeated request went another way.
    Discarded {
        /// Ids of the items.
        item_ids: Vec<String>,
    },
    /// The pictures said since the last answer are not sent any more: the vendor refused the conversation with them.
    PicturesLeftOut {
        /// What stands in their places.
        instead: String,
    },
    /// The conversation is exactly these messages from here on: it was summed up. What was said before stays in the file.
    Compacted {
        /// The conversation.
        messages: Vec<Message>,
    },
    /// The newest compaction that still counts does so no more: what it stands for is back, before what was said since.
    CompactionUndone {},
    /// A call is about to run. Without a later result for it, the call was cut short.
    Started {
        /// Vendor's id of the call.
        call_id: String,
        /// Id of the item that shows it.
        item_id: String,
        /// What it declared to touch.
        access: Value,
        /// The newest state of the writable roots before it, if one will be taken after it.
        checkpoint: Option<String>,
    },
    /// Whether a call may run was asked, and what came of it. Nothing of the conversation.
    Asked {
        /// Id of the turn.
        turn_id: String,
        /// Id of the item that shows the call.
        item_id: String,
        /// What the call declared to touch.
        access: Value,
        /// Why it was asked.
        reason: String,
        /// The answer.
        answer: Answered,
        /// Who gave it.
        by: Answerer,
        /// The rule that the answer added.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
    },
    /// A finished item, as it is shown.
    Item {
        /// Id of the turn.
        turn_id: String,
        /// The item.
        item: ThreadItem,
    },
    /// The plan, as it is shown.
    Plan {
        /// Id of the turn.
        turn_id: String,
        /// Why it changed.
        explanation: Option<String>,
        /// All its steps.
        steps: Vec<PlanStep>,
    },
    /// The state of the writable roots in a turn.
    Checkpoint {
        /// Id of the turn.
        turn_id: String,
        /// Id of the item whose action left it so; none: it is the state before the turn's first action.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item_id: Option<String>,
        /// Id of the snapshot; empty: it could not be taken, so that nobody knows what the action of the item, or else the
        /// turn, changes.
        snapshot: String,
        /// Whether commands run on, so that what is changed next may be theirs.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        runs_on: bool,
        /// Paths that may have changed after the action had ended, where the program ended during it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        late: Vec<String>,
        /// Id of the sub-agent's thread whose state it is; none: this thread's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
    },
    /// Files were taken back to how they were when a turn began, or brought forth again.
    Restored {
        /// Id of that turn.
        before_turn_id: String,
        /// Id of the snapshot right before it.
        before: String,
        /// Id of the snapshot right after it.
        after: String,
        /// Whether the conversation goes the same way: the next line says so.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        conversation: bool,
        /// Whether they were brought forth again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        redo: bool,
        /// Whether some stay as somebody else had changed them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        conflicts: bool,
    },
    /// The conversation goes back to how it was when a turn began: that turn and later ones are not part of it any more.
    Reverted {
        /// Id of that turn.
        before_turn_id: String,
    },
    /// The last `Reverted` does not count. No turn has begun since.
    Unreverted {},
    /// The user calls the session so from here on. Nothing of the conversation.
    Renamed {
        /// One line; `None`: it has no name any more.
        name: Option<String>,
    },
    /// What the model was asked to call the session. Nothing of the conversation.
    Titled {
        /// One line; `None`: it gave none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// What that cost, where the vendor said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<Usage>,
        /// As in `Usage`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// What a response cost.
    Usage {
        /// The tokens.
        usage: Usage,
        /// The model, where it is another than the settings name: that of a sub-agent, or one that took over, as
        /// `provider/model` where that is another provider's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Whether some of it is estimated: the answer did not come to its end.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        estimated: bool,
    },
    /// A turn ended.
    TurnEnded {
        /// Id of the turn.
        turn_id: String,
        /// How.
        outcome: TurnOutcome,
    },
}

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answered {
    /// Yes, this once.
    Accept,
    /// Yes to some hunks of the changes.
    AcceptHunks,
    /// Yes, and the same again as long as the thread is open.
    AcceptForSession,
    /// Yes, and by a rule from now on.
    AcceptAlways,
    /// No; the turn goes on.
    Decline,
    /// No, and the turn ends.
    Cancel,
    /// There was none.
    Nothing,
}

/// Who answers a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answerer {
    /// A person, now.
    User,
    /// A person, by an earlier answer for the session.
    Session,
    /// `--full-auto`.
    FullAuto,
    /// A hook of the user's.
    Hook,
    /// Nobody: the turn was interrupted before, or nobody listened.
    Nobody,
}

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Version of the format: [`FORMAT`].
    pub format: u32,
    /// The thread's id: a UUID, version 7.
    pub thread_id: String,
    /// Version of the program that made it.
    pub program_version: String,
    /// Directory the thread began in.
    pub cwd: PathBuf,
    /// What started it: `cli`, `exec`, `appServer`.
    pub source: String,
    /// Where the starter says it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_source: Option<String>,
    /// What it goes on from, for a fork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<ForkedFrom>,
    /// The thread that it works for, for a sub-agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// What a fork goes on from. Its own lines are numbered on from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForkedFrom {
    /// The thread whose journal has the last line that is shared.
    pub thread_id: String,
    /// Ordinal of that line.
    pub seq: u64,
    /// Where that line ends in its journal, in bytes.
    pub bytes: u64,
}

/// Settings of a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Epoch {
    /// Name of the model provider.
    pub provider: String,
    /// Model id.
    pub model: String,
    /// Level of the sandbox.
    pub sandbox: String,
    /// Directory the thread works in.
    pub cwd: PathBuf,
    /// How long the model thinks, if that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// How the thread works: `plan`, or absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Whether the session was open already: commands that ran on do so still.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub midway: bool,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum TurnOutcome {
    /// The model said it was done.
    Completed,
    /// The user stopped it.
    Interrupted,
    /// It could not go on.
    Failed {
        /// Why.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_written_as_documented() {
        let epoch = Epoch {
            provider: "p".into(),
            model: "m".into(),
            sandbox: "read-only".into(),
            cwd: "/w".into(),
            effort: None,
            mode: None,
            midway: false,
        };
        let midway = Epoch { effort: Some("low".into()), mode: Some("plan".into()), midway: true, ..epoch.clone() };
        let table = [
            (
                Record::Epoch(midway),
                r#"{"seq":1,"at":2,"type":"epoch","provider":"p","model":"m","sandbox":"read-only","cwd":"/w","effort":"low","mode":"plan","midway":true}"#,
            ),
            (
                Record::Epoch(epoch),
                r#"{"seq":1,"at":2,"type":"epoch","provider":"p","model":"m","sandbox":"read-only","cwd":"/w"}"#,
            ),
            (
                Record::Discarded { item_ids: vec!["a".into(), "b".into()] },
                r#"{"seq":1,"at":2,"type":"discarded","itemIds":["a","b"]}"#,
            ),
            (
                Record::Asked {
                    turn_id: "t".into(),
                    item_id: "a".into(),
                    access: Value::Null,
                    reason: "why".into(),
                    answer: Answered::AcceptAlways,
                    by: Answerer::User,
                    rule: Some("make".into()),
                },
                r#"{"seq":1,"at":2,"type":"asked","turnId":"t","itemId":"a","access":null,"reason":"why","answer":"acceptAlways","by":"user","rule":"make"}"#,
            ),
            (Record::Renamed { name: Some("x".into()) }, r#"{"seq":1,"at":2,"type":"renamed","name":"x"}"#),
            (
                Record::Titled { title: Some("x".into()), usage: None, model: None },
                r#"{"seq":1,"at":2,"type":"titled","title":"x"}"#,
            ),
            (
                Record::Checkpoint {
                    turn_id: "t".into(),
                    item_id: None,
                    snapshot: "00ff".into(),
                    runs_on: false,
                    late: vec![],
                    agent: None,
                },
                r#"{"seq":1,"at":2,"type":"checkpoint","turnId":"t","snapshot":"00ff"}"#,
            ),
            (
                Record::Reverted { before_turn_id: "t".into() },
                r#"{"seq":1,"at":2,"type":"reverted","beforeTurnId":"t"}"#,
            ),
            (Record::Unreverted {}, r#"{"seq":1,"at":2,"type":"unreverted"}"#),
            (
                Record::Compacted { messages: vec![Message::Developer { text: "x".into() }] },
                r#"{"seq":1,"at":2,"type":"compacted","messages":[{"role":"developer","text":"x"}]}"#,
            ),
            (Record::CompactionUndone {}, r#"{"seq":1,"at":2,"type":"compactionUndone"}"#),
            (
                Record::Partial { item_id: "a".into(), offset: 3, text: "x".into() },
                r#"{"seq":1,"at":2,"type":"partial","itemId":"a","offset":3,"text":"x"}"#,
            ),
        ];
        for (record, text) in table {
            let line = Line { seq: 1, at: 2, record };
            assert_eq!(serde_json::to_string(&line).unwrap(), text);
            assert_eq!(serde_json::from_str::<Line>(text).unwrap(), line);
        }
    }
}
