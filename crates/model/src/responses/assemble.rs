//! Puts the events of one response together into an answer.
//!
//! Pure: event texts in, stream events out. An item's `done` event is what counts; deltas only show it earlier. A tool
//! call whose `done` never came is not a call: running half of one could do anything.

use std::{borrow::Cow, collections::VecDeque, sync::Arc};

use codex_history::{Arguments, AssistantPart, Opaque, Source, ToolCall, ToolSpec, Wire};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::events::{
    Annotation, CallItem, Delta, End, Envelope, ErrorEvent, ItemEvent, ItemHead, MessageItem, Place, ReasoningItem,
    SearchItem,
};
use crate::{
    Failure, FailureKind, StreamEvent, functions,
    http::{Secrets, in_stream, incomplete, plain},
    searches::name_sources,
};

const TEXT_DELTA: &str = "response.output_text.delta";

/// An answer in the making.
pub(crate) struct Assembler {
    slots: Vec<Slot>,
    tools: Arc<[ToolSpec]>,
    grammars: bool,
    secrets: Arc<Secrets>,
    ready: VecDeque<StreamEvent>,
    /// The pages that the text names as where something is from, each once.
    sources: Vec<Source>,
}

/// An item that has begun. Its place in the list is its part number.
#[derive(Debug)]
struct Slot {
    kind: Kind,
    index: Option<u64>,
    /// As it is written in JSON.
    id: Option<String>,
    /// What a call calls.
    name: Option<String>,
    /// Text that deltas brought: one element for a message, one per paragraph of a reasoning summary.
    streamed: Vec<String>,
    done: Option<AssistantPart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
    Call,
    Search,
}

impl Kind {
    /// The kind of an item, if it is one we know. Items of tools that run at the vendor's are none of ours.
    fn of_item(name: &str) -> Option<Self> {
        match name {
            "message" => Some(Self::Text),
            "reasoning" => Some(Self::Reasoning),
            "function_call" | "custom_tool_call" => Some(Self::Call),
            "web_search_call" => Some(Self::Search),
            _ => None,
        }
    }
}

type Read<T> = Result<T, serde_json::Error>;

impl Assembler {
    /// Nothing has arrived yet. `tools` are those that were offered, to know which calls are freeform ones in disguise;
    /// `secrets` are kept out of the words of a failure.
    pub(crate) fn new(tools: Arc<[ToolSpec]>, grammars: bool, secrets: Arc<Secrets>) -> Self {
        Self { slots: Vec::new(), tools, grammars, secrets, ready: VecDeque::new(), sources: Vec::new() }
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

    fn read(&mut self, name: Option<&str>, data: &str) -> Read<()> {
        // A leftover of another API that some servers send at the end.
        if data == "[DONE]" {
            return Ok(());
        }
        // Nearly all events are this one, so where the SSE name announces it, it is read in one go.
        if name == Some(TEXT_DELTA)
            && let Ok(delta) = serde_json::from_str::<Delta>(data)
            && delta.kind == TEXT_DELTA
        {
            self.text(&delta);
            return Ok(());
        }
        let envelope: Envelope = serde_json::from_str(data)?;
        let kind = if envelope.kind.is_empty() { name.unwrap_or_default() } else { &envelope.kind };
        match kind {
            TEXT_DELTA | "response.refusal.delta" => self.text(&serde_json::from_str(data)?),
            "response.reasoning_summary_text.delta" => self.reasoning(&serde_json::from_str(data)?),
            "response.function_call_arguments.delta" => self.arguments_delta(&serde_json::from_str(data)?),
            "response.reasoning_summary_part.added" => self.paragraph(data)?,
            "response.output_item.added" => self.item_added(&serde_json::from_str(data)?)?,
            "response.output_item.done" => {
                let event: ItemEvent = serde_json::from_str(data)?;
                self.item_done(event.output_index, event.item)?;
            }
            "response.completed" => self.completed(serde_json::from_str(data)?)?,
            "response.failed" => {
                let end: End = serde_json::from_str(data)?;
                self.ready.extend(end.response.usage.map(|usage| StreamEvent::Counted(usage.into())));
                self.fail(in_stream(&end.response.error.unwrap_or_default(), &self.secrets));
            }
            "response.incomplete" => {
                let end: End = serde_json::from_str(data)?;
                self.ready.extend(end.response.usage.map(|usage| StreamEvent::Counted(usage.into())));
                let reason = end.response.incomplete_details.and_then(|details| details.reason);
                self.fail(incomplete(reason.as_deref(), &self.secrets));
            }
            "error" => {
                let event: ErrorEvent = serde_json::from_str(data)?;
                self.fail(in_stream(&event.error.unwrap_or(event.own), &self.secrets));
            }
            _ => {}
        }
        Ok(())
    }

    fn fail(&mut self, failure: Failure) {
        self.ready.push_back(StreamEvent::Failed(failure));
    }

    /// The part that `place` means, begun now if it is new.
    fn slot(&mut self, kind: Kind, place: Place) -> usize {
        let fits = |slot: &Slot| {
            slot.kind == kind
                && match (place.index, slot.index, place.id, slot.id.as_deref()) {
                    (Some(asked), Some(own), ..) => asked == own,
                    (.., Some(asked), Some(own)) => asked == own,
                    // Nothing to tell items apart by: it is the one that is not done yet.
                    _ => slot.done.is_none(),
                }
        };
        self.slots.iter().rposition(fits).unwrap_or_else(|| {
            let id = place.id.map(str::to_owned);
            self.slots.push(Slot { kind, index: place.index, id, name: None, streamed: Vec::new(), done: None });
            self.slots.len() - 1
        })
    }

    fn text(&mut self, delta: &Delta) {
        let part = self.slot(Kind::Text, delta.place());
        self.show(part, 0, &delta.delta);
    }

    fn reasoning(&mut self, delta: &Delta) {
        let part = self.slot(Kind::Reasoning, delta.place());
        let begun = self.slots[part].streamed.len();
        // A number beyond the next one is no reason to make room for all between.
        let paragraph = delta.summary_index.map_or(begun.saturating_sub(1), |index| (index as usize).min(begun));
        self.show(part, paragraph, &delta.delta);
    }

    /// Shows what is known of a call before it is whole.
    fn arguments_delta(&mut self, delta: &Delta) {
        let part = self.slot(Kind::Call, delta.place());
        if let (Some(name), false) = (self.slots[part].name.clone(), delta.delta.is_empty()) {
            let text = delta.delta.clone().into_owned();
            self.ready.push_back(StreamEvent::ArgumentsDelta { part, name, text });
        }
    }

    fn paragraph(&mut self, data: &str) -> Read<()> {
        #[derive(Deserialize)]
        struct Added<'a> {
            output_index: Option<u64>,
            #[serde(borrow)]
            item_id: Option<&'a RawValue>,
            summary_index: Option<u32>,
        }
        let added: Added = serde_json::from_str(data)?;
        let place = Place { index: added.output_index, id: added.item_id.map(RawValue::get) };
        let part = self.slot(Kind::Reasoning, place);
        let streamed = &mut self.slots[part].streamed;
        if added.summary_index.is_none_or(|index| index as usize >= streamed.len()) {
            streamed.push(String::new());
        }
        Ok(())
    }

    /// Shows `text` as the continuation of a paragraph of `part`.
    fn show(&mut self, part: usize, paragraph: usize, text: &str) {
        if text.is_empty() {
            return;
        }
        let slot = &mut self.slots[part];
        if slot.streamed.len() <= paragraph {
            slot.streamed.resize(paragraph + 1, String::new());
        }
        slot.streamed[paragraph].push_str(text);
        let text = text.to_owned();
        self.ready.push_back(match slot.kind {
            Kind::Reasoning => {
                let paragraph = u32::try_from(paragraph).unwrap_or(u32::MAX);
                StreamEvent::ReasoningDelta { part, paragraph, text }
            }
            Kind::Text | Kind::Call | Kind::Search => StreamEvent::TextDelta { part, text },
        });
    }

    fn item_added(&mut self, event: &ItemEvent) -> Read<()> {
        let head: ItemHead = serde_json::from_str(event.item.get())?;
        if let Some(kind) = Kind::of_item(&head.kind) {
            let part = self.slot(kind, Place { index: event.output_index, id: head.id.map(RawValue::get) });
            self.slots[part].name = head.name.map(Cow::into_owned);
            if kind == Kind::Search {
                self.ready.push_back(StreamEvent::SearchStarted { part });
            }
        }
        Ok(())
    }

    fn item_done(&mut self, index: Option<u64>, item: &RawValue) -> Read<()> {
        let head: ItemHead = serde_json::from_str(item.get())?;
        let Some(kind) = Kind::of_item(&head.kind) else { return Ok(()) };
        let part = self.slot(kind, Place { index, id: head.id.map(RawValue::get) });
        let done = match kind {
            Kind::Text => self.message_done(part, serde_json::from_str(item.get())?),
            Kind::Reasoning => self.reasoning_done(part, serde_json::from_str(item.get())?),
            Kind::Call => AssistantPart::Call(self.call(serde_json::from_str(item.get())?)),
            Kind::Search => match search(serde_json::from_str(item.get())?) {
                Some(search) => search,
                // It does not say what it was.
                None => return Ok(()),
            },
        };
        self.slots[part].done = Some(done);
        Ok(())
    }

    fn message_done(&mut self, part: usize, item: MessageItem) -> AssistantPart {
        let named = item.content.iter().flat_map(|piece| &piece.annotations);
        for Annotation { url, title, .. } in named.filter(|named| named.kind == "url_citation" && !named.url.is_empty())
        {
            if self.sources.iter().all(|known| known.url != *url) {
                self.sources.push(Source { title: title.clone(), url: url.clone() });
            }
        }
        let text: String = item.content.into_iter().map(|piece| piece.text).collect();
        self.show_rest(part, 0, &text);
        let opaque = item.phase.map(|phase| Opaque::new(Wire::Responses, json!({ "phase": phase })));
        AssistantPart::Text { text, opaque }
    }

    fn reasoning_done(&mut self, part: usize, item: ReasoningItem) -> AssistantPart {
        let summary: Vec<String> = item.summary.into_iter().map(|piece| piece.text).collect();
        for (paragraph, text) in summary.iter().enumerate() {
            self.show_rest(part, paragraph, text);
        }
        let opaque = item.encrypted_content.map(|sealed| {
            let mut value = serde_json::Map::new();
            value.extend(item.id.map(|id| ("id".to_owned(), Value::String(id))));
            value.insert("encrypted_content".to_owned(), Value::String(sealed));
            Opaque::new(Wire::Responses, Value::Object(value))
        });
        AssistantPart::Reasoning { summary, opaque }
    }

    /// Shows what the deltas did not bring; some servers send none.
    fn show_rest(&mut self, part: usize, paragraph: usize, text: &str) {
        let streamed = self.slots[part].streamed.get(paragraph).map_or("", String::as_str);
        if let Some(rest) = text.strip_prefix(streamed) {
            self.show(part, paragraph, rest);
        }
    }

    fn call(&self, item: CallItem) -> ToolCall {
        let arguments = match (item.input, item.arguments) {
            (Some(input), _) => Arguments::Freeform(input),
            (None, Some(Value::String(text))) => self.arguments(&item.name, text),
            (None, Some(value)) => self.arguments(&item.name, value.to_string()),
            (None, None) => Arguments::Json(String::new()),
        };
        let call_id = item.call_id.or(item.id).filter(|id| !id.is_empty()).unwrap_or_else(functions::made_up_id);
        ToolCall { call_id, name: item.name, arguments, opaque: None }
    }

    /// The arguments of a function call; the text itself if the function stands for a freeform tool.
    fn arguments(&self, name: &str, text: String) -> Arguments {
        if self.grammars { Arguments::Json(text) } else { functions::arguments(&self.tools, name, text) }
    }

    fn completed(&mut self, end: End) -> Read<()> {
        if self.slots.iter().all(|slot| slot.done.is_none()) {
            for (index, item) in (0..).zip(end.response.output) {
                self.item_done(Some(index), item)?;
            }
        }
        let mut content: Vec<AssistantPart> = self.slots.drain(..).filter_map(Slot::finish).collect();
        name_sources(&mut content, std::mem::take(&mut self.sources));
        let usage = end.response.usage.map(Into::into);
        self.ready.push_back(StreamEvent::Completed { content, usage });
        Ok(())
    }
}

impl Slot {
    /// The finished part. Text that was shown stays even if nothing said that it was done.
    fn finish(mut self) -> Option<AssistantPart> {
        if self.done.is_some() || self.streamed.is_empty() {
            return self.done;
        }
        match self.kind {
            Kind::Text => Some(AssistantPart::Text { text: self.streamed.swap_remove(0), opaque: None }),
            Kind::Reasoning => Some(AssistantPart::Reasoning { summary: self.streamed, opaque: None }),
            Kind::Call | Kind::Search => None,
        }
    }
}

/// A search that the vendor made.
fn search(SearchItem { action }: SearchItem) -> Option<AssistantPart> {
    let one = action.get("query").and_then(Value::as_str).into_iter();
    let all = action.get("queries").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let page = action.get("url").and_then(Value::as_str).into_iter();
    let mut queries: Vec<String> = Vec::new();
    for query in all.chain(one).chain(page).filter(|query| !query.is_empty()) {
        if queries.iter().all(|known| known != query) {
            queries.push(query.to_owned());
        }
    }
    let opaque = action.is_object().then(|| Opaque::new(Wire::Responses, json!({ "action": action })))?;
    Some(AssistantPart::Search { queries, sources: Vec::new(), opaque: Some(opaque) })
}
