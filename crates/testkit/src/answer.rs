//! Turns a step into the bytes of an answer and the way it ends.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    events,
    script::{Call, Cut, Filler, Reasoning, Step},
};

/// Bytes of text per delta, if the step does not say.
const PIECE: usize = 24;

/// Names of shell tools, in the order in which they are looked for among those a request offers. The first is the
/// product's own, and is called when none is offered.
const SHELL_TOOLS: &[&str] = &["exec_command", "shell_command"];

/// Names that the command line has among a shell tool's parameters, the product's own first.
const COMMAND_PARAMETERS: &[&str] = &["cmd", "command"];

/// An answer, ready to be sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
    pub(crate) ending: Ending,
}

/// How an answer ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As it should.
    Proper,
    /// The connection breaks.
    Broken,
    /// Nothing more comes, and the connection stays.
    Silent,
}

/// The answer to request number `number`, whose body is `request`.
pub(crate) fn answer(step: &Step, number: usize, request: &Value) -> Answer {
    if let Some(status) = step.http {
        let default = json!({"error": {"message": "a scripted error", "type": "server_error"}}).to_string();
        let body = step.body.clone().unwrap_or(default).into();
        return Answer { status, content_type: "application/json", body, ending: Ending::Proper };
    }
    let mut answer = Answer {
        status: 200,
        content_type: "text/event-stream",
        body: Bytes::new(),
        ending: if step.hang { Ending::Silent } else { Ending::Proper },
    };
    answer.body = match &step.raw {
        Some(raw) => raw.clone(),
        None => {
            let mut events = all_events(step, number, request);
            if let Some(Cut::AfterEvents(count)) = step.drop {
                events.truncate(count);
            }
            events.concat().into()
        }
    };
    if let Some(Cut::AtByte(count)) = step.drop {
        answer.body.truncate(count);
    }
    if step.drop.is_some() {
        answer.ending = Ending::Broken;
    }
    answer
}

impl Step {
    /// This step with its events written out beforehand, as the `raw` bytes that every request gets: for answers so
    /// large that putting them together would be felt. Only for steps whose answer does not depend on the request: no
    /// `shell`, no `custom`, no `drop` after a number of events.
    #[must_use]
    pub fn rendered(self) -> Self {
        let raw = all_events(&self, 0, &Value::Null).concat();
        Self { raw: Some(raw.into()), ..self }
    }
}

fn all_events(step: &Step, number: usize, request: &Value) -> Vec<String> {
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
        writer.call(&call, request);
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
        let made_up = format!("sealed-{id}");
        let (summary, encrypted) = match reasoning {
            Reasoning::Summary(text) => (vec![text.clone()], Some(made_up)),
            Reasoning::Full { summary, encrypted } => (summary.clone(), encrypted.clone()),
        };
        let mut deltas = Vec::new();
        for (number, paragraph) in summary.iter().enumerate() {
            deltas.push(events::paragraph_added(index, &id, number));
            deltas.extend(pieces(paragraph, PIECE).map(|piece| events::reasoning_delta(index, &id, number, piece)));
        }
        self.item(events::reasoning(&id, &summary, encrypted.as_deref()), "summary", deltas);
    }

    fn call(&mut self, call: &Call, request: &Value) {
        let (index, call_id) = (self.output.len(), self.id("call"));
        let input = call.input.clone().unwrap_or_default();
        let (name, arguments) = match (&call.shell, &call.custom, &call.tool) {
            (Some(command), ..) => shell_call(command, request),
            (_, Some(name), _) if offered_function(name, request).is_some() => {
                (name.as_str(), json!({ "input": input }).to_string())
            }
            (_, Some(name), _) => {
                let item = events::custom_tool_call(&self.id("ctc"), &call_id, name, &input);
                return self.item(item, "input", Vec::new());
            }
            (.., Some(name)) => (name.as_str(), as_text(call.arguments.as_ref())),
            (None, None, None) => return,
        };
        let id = self.id("fc");
        let deltas = pieces(&arguments, PIECE).map(|piece| events::arguments_delta(index, &id, piece)).collect();
        self.item(events::function_call(&id, &call_id, name, &arguments), "arguments", deltas);
    }
}

fn as_text(arguments: Option<&Value>) -> String {
    match arguments {
        None => "{}".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// The function of this name that the request offers.
fn offered_function<'a>(name: &str, request: &'a Value) -> Option<&'a Value> {
    let tools = request["tools"].as_array().map_or(&[][..], Vec::as_slice);
    tools.iter().find(|tool| tool["type"] == "function" && tool["name"] == name)
}

/// Name and arguments of the call that runs `command` in the shell tool that the request offers.
fn shell_call(command: &str, request: &Value) -> (&'static str, String) {
    let offered = SHELL_TOOLS.iter().find_map(|&name| Some((name, offered_function(name, request)?)));
    let (name, tool) = offered.unwrap_or((SHELL_TOOLS[0], &Value::Null));
    let parameters = &tool["parameters"]["properties"];
    let parameter = COMMAND_PARAMETERS.iter().find(|parameter| parameters[**parameter].is_object());
    (name, json!({ *parameter.unwrap_or(&COMMAND_PARAMETERS[0]): command }).to_string())
}

/// Text with a newline every 80 bytes, so that screens wrap and highlight as with real answers.
fn filler(stream: Filler) -> String {
    const WORDS: &[u8] = b"The quick brown fox jumps over the lazy dog. ";
    let letter = |at: usize| if at % 80 == 79 { '\n' } else { char::from(WORDS[at % WORDS.len()]) };
    (0..stream.bytes).map(letter).collect()
}

/// `text` in pieces of about `size` bytes, cut between characters.
fn pieces(mut text: &str, size: usize) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (piece, rest) = text.split_at(text.ceil_char_boundary(size.max(1).min(text.len())));
        text = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_call_is_worded_for_the_tool_that_is_offered() {
        let tool = |name: &str, parameter: &str| {
            let properties = json!({ parameter: {"type": "string"} });
            json!({"type": "function", "name": name, "parameters": {"properties": properties}})
        };
        for (tools, expected) in [
            (json!([]), ("exec_command", r#"{"cmd":"true"}"#)),
            (json!([tool("exec_command", "cmd")]), ("exec_command", r#"{"cmd":"true"}"#)),
            (
                json!([tool("other", "cmd"), tool("shell_command", "command")]),
                ("shell_command", r#"{"command":"true"}"#),
            ),
        ] {
            let (name, arguments) = shell_call("true", &json!({ "tools": tools }));
            assert_eq!((name, arguments.as_str()), expected, "{tools}");
        }
    }

    #[test]
    fn a_rendered_step_answers_as_before() {
        let step = Step { stream: Some(Filler { bytes: 500, chunk: 20 }), ..Step::default() };
        let written_anew = answer(&step, 0, &Value::Null).body;
        let rendered = step.rendered();
        for number in [0, 7] {
            assert_eq!(answer(&rendered, number, &Value::Null).body, written_anew);
        }
        assert_eq!(written_anew.windows(17).filter(|window| window == b"output_text.delta").count(), 2 * 25);
    }
}
