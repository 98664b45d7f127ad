//! Tools for models, or servers of them, that have no calls: the tools are described in the instructions, and calls are read
//! out of the text of answers.
//!
//! Where the server can hold an answer to a JSON Schema, it is asked to; else the model is told a format, which is read
//! leniently (`find`). It stands below the repetitions: every attempt is read by itself.

mod find;
mod lenient;
mod quoted;
#[cfg(test)]
mod tests;
mod words;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use codex_history::{AssistantPart, ToolCall, ToolSpec};
use futures_util::{StreamExt, stream};
use serde_json::Value;

use self::{find::Piece, quoted::Results};
use crate::{EventStream, Failure, Model, Request, StreamEvent, functions::made_up_id, http::too_many_calls};

/// How a model calls tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calling {
    /// With the calls of its wire.
    Native,
    /// With answers that the server holds to a JSON Schema.
    Constrained,
    /// With text in a format that it is told.
    Text,
}

/// What servers say that cannot offer tools, or whose model has none: of Ollama, llama.cpp, vLLM and gateways.
const REFUSALS: &[&str] = &[
    "does not support tools",
    "does not support tool",
    "does not support function calling",
    "tools param requires --jinja",
    "enable-auto-tool-choice",
    "no endpoints found that support tool use",
];

/// A model that is asked for calls in its text.
#[derive(Debug)]
pub struct TextCalls {
    inner: Arc<dyn Model>,
    first: Calling,
    /// When the server refuses the calls of its wire.
    otherwise: Calling,
    is_refused: Arc<AtomicBool>,
}

impl TextCalls {
    /// Asks `inner` as `first` says. If that is [`Calling::Native`] and the server refuses tools, it is asked as
    /// `otherwise` says, from then on.
    pub fn new(inner: Arc<dyn Model>, first: Calling, otherwise: Calling) -> Self {
        Self { inner, first, otherwise, is_refused: Arc::default() }
    }

    fn calling(&self) -> Calling {
        if self.is_refused.load(Ordering::Relaxed) { self.otherwise } else { self.first }
    }
}

impl Model for TextCalls {
    fn stream(&self, request: Request) -> EventStream {
        let answer = Answer {
            inner: Arc::clone(&self.inner),
            otherwise: self.otherwise,
            is_refused: Arc::clone(&self.is_refused),
            asked: None,
            texts: BTreeMap::new(),
            ready: VecDeque::new(),
        };
        let state = (answer, Some((request, self.calling())));
        Box::pin(stream::unfold(state, async |(mut answer, ask)| {
            if let Some((request, calling)) = ask {
                answer.ask(request, calling);
            }
            let event = answer.next().await?;
            Some((event, (answer, None)))
        }))
    }

    fn takes_grammars(&self) -> bool {
        self.calling() == Calling::Native && self.inner.takes_grammars()
    }
}

/// An answer that is arriving.
struct Answer {
    inner: Arc<dyn Model>,
    otherwise: Calling,
    is_refused: Arc<AtomicBool>,
    asked: Option<Asked>,
    texts: BTreeMap<usize, Held>,
    ready: VecDeque<StreamEvent>,
}

struct Asked {
    /// As it came, to be asked once more.
    request: Request,
    calling: Calling,
    events: EventStream,
}

/// The text of a part.
#[derive(Default)]
struct Held {
    text: String,
    /// How much of it was shown, in bytes.
    shown: usize,
    scan: find::Scan,
}

impl Answer {
    fn ask(&mut self, request: Request, calling: Calling) {
        let events = match calling {
            Calling::Native => self.inner.stream(request.clone()),
            other => self.inner.stream(words::in_words(&request, other)),
        };
        self.asked = Some(Asked { request, calling, events });
    }

    async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let asked = self.asked.as_mut()?;
            let event = asked.events.next().await?;
            match (asked.calling, event) {
                (Calling::Native, StreamEvent::Failed(failure)) if refuses_tools(&failure, &asked.request) => {
                    self.is_refused.store(true, Ordering::Relaxed);
                    let request = asked.request.clone();
                    self.ask(request, self.otherwise);
                }
                (Calling::Native, event) => return Some(event),
                (calling, StreamEvent::TextDelta { part, text }) => self.text(part, &text, calling),
                (calling, StreamEvent::Completed { content, usage }) => {
                    let request = asked.request.clone();
                    let content = self.whole(content, &request, calling);
                    let too_many = too_many_calls(&content);
                    self.ready.push_back(too_many.unwrap_or(StreamEvent::Completed { content, usage }));
                }
                (_, StreamEvent::Failed(failure)) => {
                    // What was held back is all that there will be.
                    for (part, held) in std::mem::take(&mut self.texts) {
                        self.show(part, &held.text[held.shown..]);
                    }
                    self.ready.push_back(StreamEvent::Failed(failure));
                }
                (_, event) => return Some(event),
            }
        }
    }

    /// Shows what of a part is text whatever comes.
    fn text(&mut self, part: usize, more: &str, calling: Calling) {
        let held = self.texts.entry(part).or_default();
        held.text.push_str(more);
        // An answer that is held to a schema is an object, and whole or nothing.
        if calling == Calling::Text {
            let until = held.scan.surely_text(&held.text).max(held.shown);
            let text = held.text[held.shown..until].to_owned();
            held.shown = until;
            self.show(part, &text);
        }
    }

    fn show(&mut self, part: usize, text: &str) {
        if !text.is_empty() {
            self.ready.push_back(StreamEvent::TextDelta { part, text: text.to_owned() });
        }
    }

    /// The answer with the calls that are in its texts; what of these was not shown yet is.
    fn whole(&mut self, content: Vec<AssistantPart>, request: &Request, calling: Calling) -> Vec<AssistantPart> {
        let (tools, results) = (&request.tools[..], Results::of(&request.history));
        let mut whole = Vec::new();
        let texts = std::mem::take(&mut self.texts);
        let mut numbers = texts.keys().copied();
        for (place, said) in content.into_iter().enumerate() {
            let AssistantPart::Text { text, opaque } = said else {
                whole.push(said);
                continue;
            };
            let part = numbers.next().unwrap_or(place);
            let pieces = match calling {
                Calling::Constrained if !tools.is_empty() => constrained(&text, tools, &results),
                _ if tools.is_empty() => vec![Piece::Text(text)],
                _ => find::find(&text, tools, &|said| results.hold(said)),
            };
            let shown = texts.get(&part).map_or(0, |held| held.shown);
            for (number, piece) in pieces.into_iter().enumerate() {
                whole.push(match piece {
                    Piece::Text(text) => {
                        let from = if number == 0 { shown } else { 0 };
                        self.show(part, text.get(from..).unwrap_or_default());
                        AssistantPart::Text { text, opaque: opaque.clone() }
                    }
                    Piece::Call(find::Call { name, arguments }) => {
                        AssistantPart::Call(ToolCall { call_id: made_up_id(), name, arguments, opaque: None })
                    }
                });
            }
        }
        whole
    }
}

/// The answer that was held to the schema of [`words::in_words`]; a server that did not hold it is forgiven.
fn constrained(text: &str, tools: &[ToolSpec], results: &Results<'_>) -> Vec<Piece> {
    let answer = lenient::read(text).ok().and_then(|mut read| Some(read.value.get_mut(words::ANSWER)?.take()));
    match answer {
        Some(Value::String(text)) => vec![Piece::Text(text)],
        Some(other) => vec![Piece::Text(other.to_string())],
        None => find::find(text, tools, &|said| results.hold(said)),
    }
}

/// Whether a server failed because it, or its model, has no tools.
fn refuses_tools(failure: &Failure, request: &Request) -> bool {
    let message = failure.message.to_lowercase();
    !request.tools.is_empty() && REFUSALS.iter().any(|refusal| message.contains(refusal))
}
