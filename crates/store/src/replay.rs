//! A journal's lines turned back into a conversation. Pure: lines in, data out.
//!
//! Lines may be missing, at the end because the program was killed, in the middle because they could not be read. Of
//! whatever is left this must make a conversation that a model accepts: every call is answered once, directly after
//! its message, and nothing else is.

use std::{collections::BTreeMap, path::PathBuf};

use codex_history::{AssistantPart, Content, Message, ToolCall, Usage};
use codex_protocol::{CollabAgentState, CollabAgentStatus, ThreadItem};
use serde::{Deserialize, Serialize};

use crate::{Conversation, Epoch, Header, Line, Pinned, Record, States, TurnOutcome, preview};

/// Answer to a call that had begun when the record ends.
const CUT_SHORT: &str = "The program ended while this call ran. What it did is not known: look before you repeat it.";
/// Answer to a call that had not begun when the record ends.
const NEVER_RAN: &str = "The program ended before this call ran. It did nothing.";
/// Answer to a call after which the record goes on without its result. That it does not say that the call had begun
/// means nothing: that line may be lost as well.
const LOST: &str = "The result of this call was lost. What it did is not known: look before you repeat it.";

/// What a journal says.
#[derive(Debug)]
pub struct Replayed {
    /// Its first line.
    pub header: Header,
    /// When it was begun, in milliseconds since the epoch.
    pub started_at: i64,
    /// The conversation so far, repairs included, and the places in it that it can go back to.
    pub conversation: Conversation,
    /// What happened to files.
    pub states: States,
    /// Settings last in force; `None` if the thread was cut off before it had any.
    pub epoch: Option<Epoch>,
    /// Directory the thread last worked in.
    pub cwd: PathBuf,
    /// The first thing the user said, cut to a line; empty if nothing was. In a fork, what was said in it comes first.
    pub preview: String,
    /// What the user calls it.
    pub name: Option<String>,
    /// Tokens of all responses, by model. In a fork, of its own.
    pub usage: BTreeMap<String, Usage>,
    /// How many turns began.
    pub turns: u64,
    /// How many results of tools were left out of the conversation, because the call they answer is not in the file.
    pub orphans: usize,
    /// Whether the last turn was cut off: by the user, by a failure, or with the program.
    pub cut_off: bool,
    /// Whether commands ran on after their call under the last epoch. They have ended, with the program at the latest.
    pub ran_on: bool,
    /// Sub-agents that had not ended, as they stood last, by the ids of their threads. They have, with the program.
    pub agents: BTreeMap<String, CollabAgentState>,
    /// What must be appended before anything else, so that the file says what the conversation says.
    pub repairs: Vec<Record>,
}

/// Replays a journal. `None` if its first line is not a header.
///
/// At the end of the file, a turn that did not end gets an end; text that had arrived without its message becomes a
/// message; a call without a result gets one that says what is known of it. These are [`Replayed::repairs`].
///
/// What is missing before the end cannot be appended any more, because the order of the file is past. A call without
/// a result gets one in the conversation where that went on, and a result without a call is left out of it. No
/// record is made of either: every replay of the same lines does the same, whatever was appended since.
pub fn replay(lines: Vec<Line>) -> Option<Replayed> {
    let mut lines = lines.into_iter();
    let mut replayer = Replayer::begin(lines.next()?, Summaries::CanBeUndone)?;
    lines.for_each(|line| replayer.take(line));
    Some(replayer.end())
}

/// What becomes of what a summary stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summaries {
    /// It is there: the conversation can go back to it.
    CanBeUndone,
    /// It is left out, however long it was: the conversation can only go on.
    Stand,
}

/// A replay that takes a line after another.
pub(crate) struct Replayer {
    header: Header,
    started_at: i64,
    next_seq: u64,
    /// The ordinal of the last line that is another session's as well. That one has paid for it, and has its name.
    shared: u64,
    replay: Replay,
}

impl Replayer {
    /// The first line is a header, or nothing comes of it.
    pub(crate) fn begin(first: Line, summaries: Summaries) -> Option<Self> {
        let Line { at: started_at, record: Record::Header(header), .. } = first else { return None };
        let shared = header.forked_from.as_ref().map_or(0, |from| from.seq);
        let replay = Replay { conversation: Conversation::new(summaries), ..Replay::default() };
        Some(Self { header, started_at, next_seq: 1, shared, replay })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Ordinal of the line after those that were taken.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    pub(crate) fn take(&mut self, line: Line) {
        self.next_seq = line.seq + 1;
        if line.seq > self.shared
            || !matches!(line.record, Record::Usage { .. } | Record::Renamed { .. } | Record::Titled { .. })
        {
            self.replay.apply(line);
        }
    }

    /// What the lines come to that were taken, if the next one sums the conversation up; `None` if going on from there needs more
    /// than what is kept.
    pub(crate) fn resumable(&self) -> Option<Resumable> {
        let conversation = self.replay.conversation.before_a_summary()?;
        // A summary gives open calls their answers.
        let replay = Replay { conversation, open_calls: Vec::new(), ..self.replay.clone() };
        Some(Resumable { next_seq: self.next_seq, replay })
    }

    /// Goes on from what lines of this session come to, or of one that it goes on from.
    pub(crate) fn go_on_from(&mut self, before: Resumable) {
        let Resumable { next_seq, mut replay } = before;
        if next_seq <= self.shared {
            (replay.usage, replay.name) = (BTreeMap::new(), None);
        }
        (self.next_seq, self.replay) = (next_seq, replay);
    }

    pub(crate) fn end(mut self) -> Replayed {
        let repairs = self.replay.repairs();
        for repair in &repairs {
            if let Record::Message { message } = repair {
                self.replay.conversation.history.push(message.clone());
            }
        }
        let Self { header, started_at, shared, replay, .. } = self;
        let Replay { conversation, states, epoch, name, usage, turns, orphans, cut_off, ran_on, agents, .. } = replay;
        let cwd = epoch.as_ref().map_or(&header.cwd, |epoch| &epoch.cwd).clone();
        let preview = conversation.preview(shared).to_owned();
        Replayed {
            header,
            started_at,
            conversation,
            states,
            epoch,
            cwd,
            preview,
            name,
            usage,
            turns,
            orphans,
            cut_off,
            ran_on,
            agents,
            repairs,
        }
    }
}

/// What lines come to that are before a summary, for a replay to go on from.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Resumable {
    next_seq: u64,
    replay: Replay,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Replay {
    conversation: Conversation,
    states: States,
    epoch: Option<Epoch>,
    name: Option<String>,
    usage: BTreeMap<String, Usage>,
    turns: u64,
    orphans: usize,
    open_turn: Option<String>,
    cut_off: bool,
    /// Items and texts of an answer whose message has not come yet, in the order they appeared.
    partials: Vec<(String, String)>,
    /// Calls of the last answer without a result.
    #[serde(skip)]
    open_calls: Vec<OpenCall>,
    /// Id of the item of a command whose call was answered just now: if the item does not come next, it runs on.
    answered_command: Option<String>,
    ran_on: bool,
    agents: BTreeMap<String, CollabAgentState>,
    /// What the user said that is no message yet.
    steered: Vec<Steered>,
    /// Whether the next usage is that of the last answer.
    is_answered: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Steered {
    turn_id: String,
    content: Vec<Content>,
    item: ThreadItem,
}

#[derive(Debug, Clone)]
struct OpenCall {
    call: ToolCall,
    begun: bool,
    /// Id of the item that shows it, once it has begun, if it runs a command.
    command: Option<String>,
}

impl Replay {
    fn apply(&mut self, Line { seq, at, record }: Line) {
        match record {
            // These may come between any two others: a sub-agent acts, or the session is given a name.
            Record::Checkpoint { .. } => return self.states.apply(seq, &record, self.open_turn.as_deref()),
            Record::Started { ref call_id, .. } if call_id.is_empty() => {
                return self.states.apply(seq, &record, self.open_turn.as_deref());
            }
            Record::Renamed { name } => {
                self.name = name;
                return;
            }
            Record::Titled { usage, model, .. } => return self.count(usage.unwrap_or_default(), model),
            _ => {}
        }
        if let Some(answered) = self.answered_command.take() {
            self.ran_on |= !matches!(&record, Record::Item { item, .. } if *item.id() == *answered);
        }
        Pinned::note(&mut self.conversation.pinned, &record);
        self.states.apply(seq, &record, self.open_turn.as_deref());
        match record {
            Record::Header(_)
            | Record::Asked { .. }
            | Record::Aside { .. }
            | Record::Plan { .. }
            | Record::Checkpoint { .. }
            | Record::Renamed { .. }
            | Record::Titled { .. }
            | Record::Restored { .. } => {}
            Record::Item { item, .. } => self.agents(item),
            Record::Epoch(epoch) => {
                self.ran_on &= epoch.midway;
                self.epoch = Some(epoch);
            }
            Record::TurnStarted { turn_id } => {
                self.turns += 1;
                self.answer_lost_calls();
                self.conversation.begin(turn_id.clone(), seq, at);
                self.open_turn = Some(turn_id);
                // Until its end says otherwise.
                self.cut_off = true;
                self.partials.clear();
            }
            Record::Steered { turn_id, content, item } => self.steered.push(Steered { turn_id, content, item }),
            Record::Message { message } => self.message(message),
            Record::Partial { item_id, offset, text } => self.partial(item_id, offset, &text),
            Record::Discarded { item_ids } => self.partials.retain(|(id, _)| !item_ids.contains(id)),
            Record::PicturesLeftOut { instead } => {
                self.conversation.history.leave_out_new_pictures(&instead);
            }
            Record::Compacted { messages } => {
                self.answer_lost_calls();
                self.conversation.compact(messages);
            }
            Record::CompactionUndone {} => drop(self.conversation.undo_compaction()),
            Record::Started { call_id, item_id, access, .. } => {
                if let Some(call) = self.open_calls.iter_mut().find(|open| open.call.call_id == call_id) {
                    call.begun = true;
                    call.command = (!access["command"].is_null()).then_some(item_id);
                }
            }
            Record::Usage { usage, model, .. } => {
                // Others ask models as well: whoever sums up, and second agents.
                if std::mem::take(&mut self.is_answered) {
                    self.conversation.history.count_is(usage.total());
                }
                self.count(usage, model);
            }
            Record::Reverted { before_turn_id } => self.revert(&before_turn_id),
            Record::Unreverted {} => {
                self.cut_off = false;
                self.conversation.unrevert();
            }
            Record::TurnEnded { outcome, .. } => {
                self.open_turn = None;
                self.cut_off = !matches!(outcome, TurnOutcome::Completed);
                self.partials.clear();
            }
        }
    }

    /// Counts what `model` was used for; `None`: the one that the settings name.
    fn count(&mut self, usage: Usage, model: Option<String>) {
        let model = model.or_else(|| self.epoch.as_ref().map(|epoch| epoch.model.clone()));
        *self.usage.entry(model.unwrap_or_default()).or_default() += usage;
    }

    /// Sub-agents stand as the last item about them says.
    fn agents(&mut self, item: ThreadItem) {
        let ThreadItem::CollabAgentToolCall { agents_states, .. } = item else { return };
        for (id, state) in agents_states {
            match state.status {
                CollabAgentStatus::Running => drop(self.agents.insert(id, state)),
                _ => drop(self.agents.remove(&id)),
            }
        }
    }

    /// What is left open belongs to what is not there any more: nothing is begun when a turn begins.
    fn revert(&mut self, before_turn_id: &str) {
        let Some(from) = self.conversation.revert(before_turn_id) else { return };
        self.cut_off = false;
        let is_gone = |turn_id: &String| from.iter().any(|mark| mark.turn_id == *turn_id);
        self.open_turn = self.open_turn.take().filter(|turn| !is_gone(turn));
        self.steered.retain(|steered| !is_gone(&steered.turn_id));
        self.open_calls.clear();
        self.partials.clear();
    }

    /// Answers the calls whose results did not come before the conversation went on.
    fn answer_lost_calls(&mut self) {
        for open in self.open_calls.drain(..) {
            self.conversation.history.push(open.call.answer(LOST));
        }
    }

    fn message(&mut self, message: Message) {
        if let Message::ToolResult { call_id, .. } = &message {
            // Vendors repeat ids: one result answers one call.
            match self.open_calls.iter().position(|open| open.call.call_id == *call_id) {
                Some(at) => {
                    self.answered_command = self.open_calls.remove(at).command;
                    self.conversation.history.push(message);
                }
                None => self.orphans += 1,
            }
            return;
        }
        self.answer_lost_calls();
        if let Message::User { content } = &message {
            if let Some(at) = self.steered.iter().position(|steered| steered.content == *content) {
                self.steered.remove(at);
            }
            if self.open_turn.is_some() {
                self.conversation.said(|| preview::line(content));
            }
        }
        if let Message::Assistant { .. } = &message {
            self.partials.clear();
            self.is_answered = true;
            self.open_calls =
                message.calls().map(|call| OpenCall { call: call.clone(), begun: false, command: None }).collect();
        }
        self.conversation.history.push(message);
    }

    fn partial(&mut self, item_id: String, offset: u64, text: &str) {
        let Some((_, kept)) = self.partials.iter_mut().find(|(id, _)| *id == item_id) else {
            self.partials.push((item_id, text.to_owned()));
            return;
        };
        let keep = usize::try_from(offset).unwrap_or(usize::MAX);
        if keep < kept.len() && kept.is_char_boundary(keep) {
            kept.truncate(keep);
        }
        kept.push_str(text);
    }

    fn repairs(&self) -> Vec<Record> {
        let answer = |open: &OpenCall| open.call.answer(if open.begun { CUT_SHORT } else { NEVER_RAN });
        // Text that has no message yet came after the last message, and with it after the open calls.
        let messages = self.open_calls.iter().map(answer).chain(self.arrived());
        let mut repairs: Vec<Record> = messages.map(|message| Record::Message { message }).collect();
        if let Some(turn_id) = &self.open_turn {
            // It was shown, so whoever reads the items again finds it.
            let shown = self.partials.iter().filter(|(_, text)| !text.is_empty()).map(|(id, text)| {
                let item = ThreadItem::AgentMessage { id: id.clone(), text: text.clone() };
                Record::Item { turn_id: turn_id.clone(), item }
            });
            repairs.extend(shown);
        }
        for Steered { turn_id, content, item } in &self.steered {
            let (content, turn_id, item) = (content.clone(), turn_id.clone(), item.clone());
            repairs.extend([Record::Message { message: Message::User { content } }, Record::Item { turn_id, item }]);
        }
        if let Some(turn_id) = &self.open_turn {
            repairs.push(Record::TurnEnded { turn_id: turn_id.clone(), outcome: TurnOutcome::Interrupted });
        }
        repairs
    }

    /// What the model had said of the answer that was cut off.
    fn arrived(&self) -> Option<Message> {
        let texts = self.partials.iter().filter(|(_, text)| !text.is_empty());
        let content: Vec<AssistantPart> =
            texts.map(|(_, text)| AssistantPart::Text { text: text.clone(), opaque: None }).collect();
        (!content.is_empty()).then_some(Message::Assistant { content })
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
