//! Puts the chunks of one answer together.
//!
//! Pure: event texts in, stream events out. The answer is complete when it was said why it ended and the stream has
//! ended too: until then, usage may follow. Where the reason is missing, `[DONE]` stands for it, and a call counts only if
//! its arguments are whole: running half of one could do anything.

use std::{collections::VecDeque, sync::Arc};

use codex_history::{AssistantPart, Opaque, ToolCall, ToolSpec, Usage, Wire};
use serde_json::{Value, json};

use super::{
    calls::Call,
    encode::{DETAILS, EXTRA},
    events::{Chunk, Content, Delta, Fragment},
    tags::{Piece, Tags, opened_before},
};
use crate::{
    Failure, FailureKind, StreamEvent, functions,
    http::{Secrets, VendorError, in_stream, incomplete, plain},
};

/// The last event of a stream.
const DONE: &str = "[DONE]";

/// An answer in the making.
pub(crate) struct Assembler {
    parts: Vec<Part>,
    tags: Tags,
    /// Why the answer ended; empty while it was not said.
    reason: String,
    usage: Option<Usage>,
    /// Its last event is ready.
    has_ended: bool,
    tools: Arc<[ToolSpec]>,
    secrets: Arc<Secrets>,
    ready: VecDeque<StreamEvent>,
}

/// A part that has begun. Its place in the list is its number.
enum Part {
    Text(String),
    Thought(Thought),
    Call(Call),
}

/// Thinking.
#[derive(Default)]
struct Thought {
    text: String,
    /// Whether it came in a field of its own that the server takes back.
    is_named: bool,
    /// What a gateway tells of it, to be sent back as it is.
    details: Vec<Value>,
}

impl Assembler {
    /// Nothing has arrived yet. `tools` are those that were offered, to know which calls are freeform ones in disguise;
    /// `secrets` are kept out of the words of a failure.
    pub(crate) fn new(tools: Arc<[ToolSpec]>, secrets: Arc<Secrets>) -> Self {
        Self {
            parts: Vec::new(),
            tags: Tags::default(),
            reason: String::new(),
            usage: None,
            has_ended: false,
            tools,
            secrets,
            ready: VecDeque::new(),
        }
    }

    /// The next event for the caller.
    pub(crate) fn pop(&mut self) -> Option<StreamEvent> {
        self.ready.pop_front()
    }

    /// Takes the data of one event; `name` is its SSE name.
    pub(crate) fn take(&mut self, name: Option<&str>, data: &str) {
        let data = data.trim();
        if self.has_ended || data.is_empty() {
            return;
        }
        if data == DONE {
            return self.complete();
        }
        match serde_json::from_str(data) {
            Ok(chunk) => self.chunk(chunk, name == Some("error")),
            Err(error) => {
                let error = self.secrets.line(&error.to_string());
                self.give_up(plain(
                    FailureKind::Malformed,
                    format!("an event of the answer was not understood: {error}"),
                ));
            }
        }
    }

    /// The stream has ended in order. Some servers say no more than that.
    pub(crate) fn end(&mut self) {
        if !self.reason.is_empty() {
            self.complete();
        }
    }

    fn chunk(&mut self, chunk: Chunk, is_error: bool) {
        if let Some(error) = chunk.error(is_error) {
            return self.fail(in_stream(&error, &self.secrets));
        }
        // With each chunk or with the last one: the last that was said is the sum.
        if let Some(usage) = chunk.usage() {
            self.usage = Some(usage);
            // Where the answer is over, its end says it.
            if self.reason.is_empty() && chunk.choices.iter().all(|choice| choice.finish_reason.is_none()) {
                self.ready.push_back(StreamEvent::Counted(usage));
            }
        }
        for choice in chunk.choices.into_iter().filter(|choice| choice.index.unwrap_or(0) == 0) {
            for delta in [choice.delta, choice.message].into_iter().flatten() {
                self.delta(delta);
            }
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                self.reason = reason.into_owned();
            }
        }
    }

    fn delta(&mut self, delta: Delta) {
        self.details(delta.reasoning_details.as_array().map_or(&[][..], Vec::as_slice), delta.reasoning.is_null());
        // Some servers tell the same under both names.
        let thoughts = [(&delta.reasoning_content, true), (&delta.reasoning, false)];
        let thought = thoughts.iter().find_map(|(value, is_named)| Some((said(value)?, *is_named)));
        if let Some((text, is_named)) = thought {
            self.think(text, is_named);
        }
        match delta.content {
            Some(Content::Text(text)) => self.content(&text),
            Some(Content::Parts(parts)) => self.pieces(&parts),
            None => {}
        }
        if let Some(text) = said(&delta.refusal) {
            self.text(text.to_owned());
        }
        for fragment in delta.tool_calls.into_iter().chain(delta.function_call.map(Fragment::of_only)) {
            self.fragment(fragment);
        }
    }

    /// Content as a list of parts; those that are lists themselves are thinking.
    fn pieces(&mut self, parts: &Value) {
        for part in parts.as_array().map_or(std::slice::from_ref(parts), Vec::as_slice) {
            match &part["thinking"] {
                Value::Null => self.content(said(part).or_else(|| said(&part["text"])).unwrap_or_default()),
                Value::Array(thoughts) => {
                    thoughts.iter().filter_map(|piece| said(&piece["text"])).for_each(|text| self.think(text, false));
                }
                text => self.think(said(text).unwrap_or_default(), false),
            }
        }
    }

    fn content(&mut self, text: &str) {
        for piece in self.tags.take(text) {
            self.piece(piece);
        }
    }

    fn piece(&mut self, piece: Piece) {
        match piece {
            Piece::Thought(text) => self.think(&text, false),
            Piece::Text(text) => self.text(text),
        }
    }

    fn text(&mut self, text: String) {
        if text.is_empty() {
            return;
        }
        match self.parts.last_mut() {
            Some(Part::Text(said)) => said.push_str(&text),
            _ => self.parts.push(Part::Text(text.clone())),
        }
        self.ready.push_back(StreamEvent::TextDelta { part: self.parts.len() - 1, text });
    }

    /// Changes the thinking that goes on, which is begun now if something else came last, and gives its number.
    fn thought(&mut self, change: impl FnOnce(&mut Thought)) -> usize {
        if let Some(Part::Thought(thought)) = self.parts.last_mut() {
            change(thought);
        } else {
            let mut thought = Thought::default();
            change(&mut thought);
            self.parts.push(Part::Thought(thought));
        }
        self.parts.len() - 1
    }

    fn think(&mut self, text: &str, is_named: bool) {
        if text.is_empty() {
            return;
        }
        let part = self.thought(|thought| {
            thought.text.push_str(text);
            thought.is_named |= is_named;
        });
        self.ready.push_back(StreamEvent::ReasoningDelta { part, paragraph: 0, text: text.to_owned() });
    }

    /// Keeps what is to be sent back, and shows it if `is_all`: nothing else tells it.
    fn details(&mut self, details: &[Value], is_all: bool) {
        for detail in details {
            let text = ["text", "summary"].iter().find_map(|name| said(&detail[*name])).unwrap_or_default();
            if is_all {
                self.think(text, false);
            }
            self.thought(|thought| thought.keep(detail));
        }
    }

    fn fragment(&mut self, fragment: Fragment) {
        let calls = self.parts.iter().enumerate().filter_map(|(part, begun)| match begun {
            Part::Call(call) => Some((part, call)),
            _ => None,
        });
        let last = calls.clone().next_back().map(|(part, _)| part);
        let fitting = calls.rev().find(|(part, call)| call.takes(&fragment, Some(*part) == last));
        let part = fitting.map_or(self.parts.len(), |(part, _)| part);
        if part == self.parts.len() {
            self.parts.push(Part::Call(Call::default()));
        }
        if let Part::Call(call) = &mut self.parts[part] {
            let text = call.add(fragment);
            let name = call.name.clone();
            if !text.is_empty() && !name.is_empty() {
                self.ready.push_back(StreamEvent::ArgumentsDelta { part, name, text });
            }
        }
    }

    fn give_up(&mut self, end: StreamEvent) {
        self.ready.push_back(end);
        self.has_ended = true;
    }

    fn fail(&mut self, failure: Failure) {
        self.ready.extend(self.usage.map(StreamEvent::Counted));
        self.give_up(StreamEvent::Failed(failure));
    }

    /// The answer is whole, unless the reason for its end says otherwise.
    fn complete(&mut self) {
        if let Some(piece) = self.tags.end() {
            self.piece(piece);
        }
        if let Some(failure) = cut_short(&self.reason, &self.secrets) {
            return self.fail(failure);
        }
        self.split_at_closing_tag();
        match self.content_of_parts() {
            Ok(content) => self.give_up(StreamEvent::Completed { content, usage: self.usage }),
            Err(failure) => self.give_up(failure),
        }
    }

    /// Finds the thinking of a model whose opening tag was a part of what it was asked.
    fn split_at_closing_tag(&mut self) {
        let Some(Part::Text(text)) = self.parts.first() else { return };
        let Some((thought, said)) = opened_before(text) else { return };
        let (text, said) = (thought.to_owned(), Part::Text(said.to_owned()));
        self.parts.splice(..1, [Part::Thought(Thought { text, ..Thought::default() }), said]);
    }

    fn content_of_parts(&mut self) -> Result<Vec<AssistantPart>, StreamEvent> {
        let sealed = |name: &str, value: Value| Some(Opaque::new(Wire::ChatCompletions, json!({ name: value })));
        let (mut content, mut ids) = (Vec::new(), Vec::new());
        for part in self.parts.drain(..) {
            match part {
                Part::Text(text) if text.is_empty() => {}
                Part::Text(text) => content.push(AssistantPart::Text { text, opaque: None }),
                Part::Thought(Thought { text, is_named, details }) => {
                    let text = text.trim();
                    let summary = if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
                    let opaque = match (details.is_empty(), is_named) {
                        (false, _) => sealed(DETAILS, details.into()),
                        (true, true) => sealed("reasoning_content", true.into()),
                        (true, false) => None,
                    };
                    content.push(AssistantPart::Reasoning { summary, opaque });
                }
                // No reason was given for the end: this is half of it, and to be asked for again.
                Part::Call(call) if self.reason.is_empty() && !call.has_whole_arguments() => {
                    let message = "the answer ended in the middle of a tool call".to_owned();
                    return Err(plain(FailureKind::Disconnected, message));
                }
                Part::Call(call) if call.name.is_empty() => {
                    let message = "the answer has a tool call without the name of a tool".to_owned();
                    return Err(plain(FailureKind::Malformed, message));
                }
                Part::Call(Call { mut id, name, arguments, extra, .. }) => {
                    // Results are matched to calls by them.
                    if id.is_empty() || ids.contains(&id) {
                        id = functions::made_up_id();
                    }
                    ids.push(id.clone());
                    let arguments = functions::arguments(&self.tools, &name, arguments);
                    let opaque = if extra.is_null() { None } else { sealed(EXTRA, extra) };
                    content.push(AssistantPart::Call(ToolCall { call_id: id, name, arguments, opaque }));
                }
            }
        }
        Ok(content)
    }
}

impl Thought {
    /// Adds a detail, to the one before if it goes on with that.
    fn keep(&mut self, detail: &Value) {
        let same = |one: &Value, name: &str| one[name] == detail[name];
        match self.details.last_mut() {
            Some(last) if same(last, "type") && same(last, "index") && !detail["index"].is_null() => {
                let Some(members) = detail.as_object() else { return };
                for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                    match (&mut last[name], value) {
                        (Value::String(begun), Value::String(more))
                            if ["text", "summary", "data"].contains(&name.as_str()) =>
                        {
                            begun.push_str(more);
                        }
                        (place, value) => *place = value.clone(),
                    }
                }
            }
            _ => self.details.push(detail.clone()),
        }
    }
}

/// A text that is not empty.
fn said(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// Why an answer that ended for `reason` is none. A reason that nobody knows is as good as any.
fn cut_short(reason: &str, secrets: &Secrets) -> Option<Failure> {
    let told = |code: &str, message: &str| {
        let error = VendorError { code: code.into(), message: Some(message.to_owned()), ..VendorError::default() };
        Some(in_stream(&error, secrets))
    };
    match reason.to_ascii_lowercase().as_str() {
        "length" | "max_tokens" | "max_output_tokens" => Some(incomplete(Some("max_output_tokens"), secrets)),
        "content_filter" | "sensitive" | "safety" | "recitation" | "prohibited_content" => {
            Some(incomplete(Some("content_filter"), secrets))
        }
        "error" | "network_error" | "abort" => told("", "no reason given"),
        "insufficient_system_resource" => told("503", "it has not enough resources"),
        reason if reason.contains("malformed_function_call") => {
            let message = "the vendor could not read the call that the model wrote".to_owned();
            Some(Failure { kind: FailureKind::Malformed, message, retry_after: None })
        }
        _ => None,
    }
}
