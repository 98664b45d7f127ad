//! Puts the events of one message together into an answer.
//!
//! Pure: event texts in, stream events out. A tool call of which it is not known that it is whole is not a call: running
//! half of one could do anything.

use std::{collections::VecDeque, sync::Arc};

use codex_history::{AssistantPart, ToolCall, ToolSpec};
use serde_json::Value;

use super::{
    encode,
    events::{
        Block, BlockDelta, BlockStart, BlockStop, Delta, Envelope, ErrorEvent, MessageDelta, Start, StopDetails,
        WireUsage,
    },
    search,
};
use crate::{
    Failure, FailureKind, StreamEvent, functions,
    http::{Secrets, in_stream, incomplete, plain},
    searches::name_sources,
};

const BLOCK_DELTA: &str = "content_block_delta";

/// An answer in the making.
pub(crate) struct Assembler {
    slots: Vec<Slot>,
    tools: Arc<[ToolSpec]>,
    secrets: Arc<Secrets>,
    usage: Option<WireUsage>,
    stop: Option<Stop>,
    ready: VecDeque<StreamEvent>,
}

/// Why the answer ends.
struct Stop {
    reason: String,
    explanation: Option<String>,
}

/// A block that has begun. Its place in the list is its part number.
struct Slot {
    kind: Kind,
    index: Option<u64>,
    /// Of a call.
    id: Option<String>,
    /// What a call calls.
    name: String,
    /// What was said, thought or written as arguments.
    text: String,
    /// Of thoughts; or, of those that nobody can read, all of them.
    seal: String,
    /// What a text cites.
    citations: Vec<Value>,
    /// What a search has found.
    found: Option<Value>,
    /// The number of the part that it is a piece of.
    part: usize,
    is_over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Redacted,
    Call,
    Search,
    Found,
}

impl Kind {
    /// The kind of a block, if it is one we know.
    fn of_block(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "thinking" => Some(Self::Thinking),
            "redacted_thinking" => Some(Self::Redacted),
            "tool_use" => Some(Self::Call),
            "server_tool_use" => Some(Self::Search),
            "web_search_tool_result" => Some(Self::Found),
            _ => None,
        }
    }
}

type Read<T> = Result<T, serde_json::Error>;

impl Assembler {
    /// Nothing has arrived yet. `tools` are those that were offered, to know which calls are freeform ones in disguise;
    /// `secrets` are kept out of the words of a failure.
    pub(crate) fn new(tools: Arc<[ToolSpec]>, secrets: Arc<Secrets>) -> Self {
        Self { slots: Vec::new(), tools, secrets, usage: None, stop: None, ready: VecDeque::new() }
    }

    /// The next event for the caller.
    pub(crate) fn pop(&mut self) -> Option<StreamEvent> {
        self.ready.pop_front()
    }

    /// Takes the data of one event; `name` is its SSE name, used when the data does not say its type.
    pub(crate) fn take(&mut self, name: Option<&str>, data: &str) {
        if let Err(error) = self.read(name, data) {
            let error = self.secrets.line(&error.to_string());
            let message = format!("an event of the answer was not understood: {error}");
            self.ready.push_back(plain(FailureKind::Malformed, message));
        }
    }

    /// The server has closed the stream. Where it said before why the answer ends, the answer is complete.
    pub(crate) fn end(&mut self) {
        if self.stop.is_some() {
            self.finish();
        }
    }

    fn read(&mut self, name: Option<&str>, data: &str) -> Read<()> {
        // A leftover of another API that some servers send at the end.
        if data == "[DONE]" {
            return Ok(());
        }
        // Nearly all events are this one, so where the SSE name announces it, it is read in one go.
        if name == Some(BLOCK_DELTA)
            && let Ok(event) = serde_json::from_str::<BlockDelta>(data)
            && event.kind == BLOCK_DELTA
        {
            self.block_delta(event);
            return Ok(());
        }
        let envelope: Envelope = serde_json::from_str(data)?;
        let kind = if envelope.kind.is_empty() { name.unwrap_or_default() } else { &envelope.kind };
        match kind {
            BLOCK_DELTA => self.block_delta(serde_json::from_str(data)?),
            "content_block_start" => self.block_start(serde_json::from_str(data)?),
            "content_block_stop" => {
                let event: BlockStop = serde_json::from_str(data)?;
                if let Some(part) = self.slot(event.index, None) {
                    self.slots[part].is_over = true;
                }
            }
            "message_start" => {
                let event: Start = serde_json::from_str(data)?;
                self.count(event.message.usage);
                self.tell_count();
            }
            "message_delta" => self.message_delta(serde_json::from_str(data)?),
            "message_stop" => self.finish(),
            "error" => {
                let event: ErrorEvent = serde_json::from_str(data)?;
                self.fail(in_stream(&event.error, &self.secrets));
            }
            _ => {}
        }
        Ok(())
    }

    fn fail(&mut self, failure: Failure) {
        self.tell_count();
        self.ready.push_back(StreamEvent::Failed(failure));
    }

    /// Tells what was used so far, which nobody else says of an answer that is not whole.
    fn tell_count(&mut self) {
        self.ready.extend(self.usage.map(|usage| StreamEvent::Counted(usage.into())));
    }

    fn count(&mut self, usage: Option<WireUsage>) {
        if let Some(usage) = usage {
            self.usage = Some(self.usage.unwrap_or_default().and(usage));
        }
    }

    /// The part that an event means: by its index, or, without one, the last that is not over. `None` if it is of a block
    /// that is none of ours, or of another kind.
    fn slot(&self, index: Option<u64>, kind: Option<Kind>) -> Option<usize> {
        let is_meant = |slot: &Slot| match index {
            Some(_) => slot.index == index,
            None => !slot.is_over,
        };
        let part = self.slots.iter().rposition(is_meant)?;
        kind.is_none_or(|kind| self.slots[part].kind == kind).then_some(part)
    }

    fn begin(&mut self, kind: Kind, index: Option<u64>) -> usize {
        // Texts that follow each other are one: the vendor cuts them where citations begin and end.
        let goes_on = self.slots.last().filter(|last| last.kind == Kind::Text && kind == Kind::Text);
        let part = goes_on.map_or(self.slots.len(), |last| last.part);
        let (name, text, seal, citations) = Default::default();
        self.slots.push(Slot { kind, index, id: None, name, text, seal, citations, found: None, part, is_over: false });
        self.slots.len() - 1
    }

    fn block_start(&mut self, event: BlockStart) {
        let BlockStart { index, content_block: block } = event;
        let Some(kind) = Kind::of_block(&block.kind) else { return };
        let part = self.begin(kind, index);
        let Block { id, name, text, thinking, signature, data, input, tool_use_id, content, .. } = block;
        let slot = &mut self.slots[part];
        slot.id = id.or(tool_use_id).filter(|id| !id.is_empty());
        slot.found = content;
        slot.name = name.unwrap_or_default();
        slot.seal = signature.or(data).unwrap_or_default();
        match kind {
            Kind::Text => self.show(part, &text.unwrap_or_default()),
            Kind::Thinking => self.show(part, &thinking.unwrap_or_default()),
            Kind::Redacted | Kind::Found => {}
            Kind::Search => {
                self.ready.push_back(StreamEvent::SearchStarted { part });
                let whole = input.filter(|input| input.as_object().is_some_and(|object| !object.is_empty()));
                self.slots[part].text = whole.map(|input| input.to_string()).unwrap_or_default();
            }
            // Some servers have the whole of it here, and no deltas; the vendor has an empty object here.
            Kind::Call => {
                let whole = input.filter(|input| input.as_object().is_some_and(|object| !object.is_empty()));
                self.show(part, &whole.map(|input| input.to_string()).unwrap_or_default());
            }
        }
    }

    fn block_delta(&mut self, event: BlockDelta) {
        let (kind, text) = match &event.delta {
            Delta::Text { text } => (Kind::Text, text),
            Delta::Thinking { thinking } => (Kind::Thinking, thinking),
            Delta::Arguments { partial_json } => (Kind::Call, partial_json),
            Delta::Signature { signature } => {
                if let Some(part) = self.slot(event.index, Some(Kind::Thinking)) {
                    self.slots[part].seal.push_str(signature);
                }
                return;
            }
            Delta::Citation { citation } => {
                if let Some(part) = self.slot(event.index, Some(Kind::Text)) {
                    self.slots[part].citations.push(citation.clone());
                }
                return;
            }
            Delta::Other => return,
        };
        if let (Kind::Call, Some(part)) = (kind, self.slot(event.index, Some(Kind::Search))) {
            self.slots[part].text.push_str(text);
            return;
        }
        let part = match self.slot(event.index, Some(kind)) {
            Some(part) => part,
            // Nothing said that it begins. What it calls would not be known of a call.
            None if kind != Kind::Call && self.slot(event.index, None).is_none() => self.begin(kind, event.index),
            None => return,
        };
        self.show(part, text);
    }

    /// Shows `text` as the continuation of `part`.
    fn show(&mut self, part: usize, text: &str) {
        if text.is_empty() {
            return;
        }
        let slot = &mut self.slots[part];
        slot.text.push_str(text);
        let (text, part) = (text.to_owned(), slot.part);
        self.ready.push_back(match slot.kind {
            Kind::Text => StreamEvent::TextDelta { part, text },
            Kind::Thinking | Kind::Redacted | Kind::Search | Kind::Found => {
                StreamEvent::ReasoningDelta { part, paragraph: 0, text }
            }
            Kind::Call => StreamEvent::ArgumentsDelta { part, name: slot.name.clone(), text },
        });
    }

    fn message_delta(&mut self, event: MessageDelta) {
        self.count(event.usage);
        if let Some(reason) = event.delta.stop_reason {
            let explanation = event.delta.stop_details.and_then(|StopDetails { explanation }| explanation);
            self.stop = Some(Stop { reason, explanation });
        }
    }

    fn finish(&mut self) {
        let Stop { reason, explanation } =
            self.stop.take().unwrap_or_else(|| Stop { reason: String::new(), explanation: None });
        match reason.as_str() {
            "max_tokens" => self.fail(incomplete(Some("max_output_tokens"), &self.secrets)),
            "model_context_window_exceeded" => {
                let message = "the conversation is too long for the model: its answer filled the context window; \
                               begin a new session";
                self.tell_count();
                self.ready.push_back(plain(FailureKind::ContextTooLong, message.to_owned()));
            }
            "refusal" => {
                let said = explanation.map(|said| format!(": {}", self.secrets.line(&said))).unwrap_or_default();
                let message = format!("the vendor refused the content{said}");
                self.tell_count();
                self.ready.push_back(plain(FailureKind::ContentRefused, message));
            }
            reason => {
                if reason == "pause_turn" {
                    self.ready.push_back(StreamEvent::Paused);
                }
                let content = self.content();
                let usage = self.usage.map(Into::into);
                self.ready.push_back(StreamEvent::Completed { content, usage });
            }
        }
    }

    /// All finished parts.
    fn content(&mut self) -> Vec<AssistantPart> {
        let (mut content, mut sources, mut before) = (Vec::new(), Vec::new(), None);
        for slot in std::mem::take(&mut self.slots) {
            let goes_on = before == Some(slot.part);
            before = Some(slot.part);
            match slot.kind {
                Kind::Text => {
                    search::cited(&slot.citations, &mut sources);
                    search::text(&mut content, slot.text, slot.citations, goes_on);
                }
                Kind::Found => {
                    let (id, found) = (slot.id.unwrap_or_default(), slot.found.unwrap_or_default());
                    search::found(&mut content, &id, found);
                }
                _ => content.extend(self.part(slot)),
            }
        }
        name_sources(&mut content, sources);
        content
    }

    /// The finished part, if it is whole.
    fn part(&self, slot: Slot) -> Option<AssistantPart> {
        let Slot { kind, id, name, text, seal, is_over, .. } = slot;
        match kind {
            // See `content`.
            Kind::Text | Kind::Found => None,
            Kind::Search => Some(search::begun(&id.unwrap_or_default(), &name, &text)),
            Kind::Thinking => {
                let opaque = (!seal.is_empty()).then(|| encode::signed(seal));
                let summary = Some(text).filter(|text| !text.is_empty()).into_iter().collect();
                Some(AssistantPart::Reasoning { summary, opaque })
            }
            Kind::Redacted => {
                Some(AssistantPart::Reasoning { summary: Vec::new(), opaque: Some(encode::redacted(seal)) })
            }
            Kind::Call => {
                let is_whole = is_over || serde_json::from_str::<Value>(&text).is_ok_and(|value| value.is_object());
                let text = if text.is_empty() { "{}".to_owned() } else { text };
                (is_whole && !name.is_empty()).then(|| {
                    let arguments = functions::arguments(&self.tools, &name, text);
                    let call_id = id.unwrap_or_else(functions::made_up_id);
                    AssistantPart::Call(ToolCall { call_id, name, arguments, opaque: None })
                })
            }
        }
    }
}
