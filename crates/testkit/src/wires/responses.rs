//! The Responses API.

use serde_json::{Value, json};

use super::{Function, PIECE, Seen, Worded, elements, filler, pieces, texts};
use crate::{
    events,
    script::{Call, Reasoning, Step},
};

/// What a request says.
pub(super) fn seen(body: &Value) -> Seen<'_> {
    let items = elements(&body["input"]);
    let is_user = |item: &&Value| item["role"] == "user";
    let is_result = |item: &&Value| item["type"].as_str().is_some_and(|kind| kind.ends_with("_call_output"));
    let functions = elements(&body["tools"]).iter().filter(|tool| tool["type"] == "function");
    Seen {
        users: items.iter().filter(is_user).map(|item| texts(&item["content"])).collect(),
        results: items.iter().rev().take_while(|item| !is_user(item)).filter(is_result).count(),
        functions: functions
            .map(|tool| Function { name: tool["name"].as_str().unwrap_or_default(), parameters: &tool["parameters"] })
            .collect(),
        offers_tools: !body["tools"].is_null(),
        conversation: body.get("input"),
        wants_usage: true,
    }
}

/// The events of an answer.
pub(super) fn events(step: &Step, number: usize, seen: &Seen) -> Vec<String> {
    let id = format!("resp_{number}");
    let mut writer = Writer { number, events: vec![events::created(&id)], output: Vec::new() };
    if let Some(reasoning) = &step.reasoning {
        writer.reasoning(reasoning);
    }
    if let Some(text) = &step.text {
        writer.text(pieces(text, step.delta.unwrap_or(PIECE)));
    }
    if let Some(stream) = step.stream {
        let text = filler(stream);
        writer.text(pieces(&text, stream.chunk));
    }
    for call in step.all_calls() {
        writer.call(&call, seen);
    }
    let usage = step.usage.clone().unwrap_or_else(events::default_usage);
    let ends = !step.no_completion && !step.hang && !step.malformed;
    if let Some(failed) = &step.failed {
        writer.events.push(events::failed(&id, &failed.code, &failed.message));
    } else if let Some(reason) = &step.incomplete {
        writer.events.push(events::incomplete(&id, reason));
    } else if ends {
        writer.events.push(events::completed(&id, &writer.output, &usage));
    }
    let mut texts: Vec<String> = writer.events.iter().map(events::sse).collect();
    if step.malformed {
        texts.push("data: {\"type\": \"response.output_text.de\n\n".to_owned());
    }
    texts
}

/// Collects the events of an answer and the items of its `output`.
struct Writer {
    number: usize,
    events: Vec<Value>,
    output: Vec<Value>,
}

impl Writer {
    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}_{}", self.number, self.output.len())
    }

    /// An item between its `added`, in which `emptied` is empty, and its `done`.
    fn item(&mut self, item: Value, emptied: &str, between: Vec<Value>) {
        let index = self.output.len();
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        begun[emptied] = if item[emptied].is_array() { json!([]) } else { json!("") };
        self.events.push(events::item_added(index, &begun));
        self.events.extend(between);
        self.events.push(events::item_done(index, &item));
        self.output.push(item);
    }

    fn text<'a>(&mut self, pieces: impl Iterator<Item = &'a str>) {
        let (id, index) = (self.id("msg"), self.output.len());
        let mut text = String::new();
        let mut deltas = Vec::new();
        for piece in pieces {
            text.push_str(piece);
            deltas.push(events::text_delta(index, &id, piece));
        }
        self.item(events::message(&id, &text), "content", deltas);
    }

    fn reasoning(&mut self, reasoning: &Reasoning) {
        let (id, index) = (self.id("rs"), self.output.len());
        let encrypted = match reasoning {
            Reasoning::Summary(_) => Some(format!("sealed-{id}")),
            Reasoning::Full { encrypted, .. } => encrypted.clone(),
        };
        let summary = reasoning.paragraphs();
        let mut deltas = Vec::new();
        for (number, paragraph) in summary.iter().enumerate() {
            deltas.push(events::paragraph_added(index, &id, number));
            deltas.extend(pieces(paragraph, PIECE).map(|piece| events::reasoning_delta(index, &id, number, piece)));
        }
        self.item(events::reasoning(&id, &summary, encrypted.as_deref()), "summary", deltas);
    }

    fn call(&mut self, call: &Call, seen: &Seen) {
        let (index, call_id) = (self.output.len(), self.id("call"));
        match seen.worded(call) {
            Some(Worded::Freeform(name, input)) => {
                let item = events::custom_tool_call(&self.id("ctc"), &call_id, name, input);
                self.item(item, "input", Vec::new());
            }
            Some(Worded::Function(name, arguments)) => {
                let id = self.id("fc");
                let deltas =
                    pieces(&arguments, PIECE).map(|piece| events::arguments_delta(index, &id, piece)).collect();
                self.item(events::function_call(&id, &call_id, name, &arguments), "arguments", deltas);
            }
            None => {}
        }
    }
}
