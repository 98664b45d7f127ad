//! The wires that the server speaks: each turns a step into its own events, and a request into what a script looks at.

mod anthropic;
mod chat;
mod responses;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::script::{Call, Filler, Reasoning, Step};

/// Bytes of text per delta, if the step does not say.
const PIECE: usize = 24;

/// Names of shell tools, in the order in which they are looked for among those a request offers. The first is the
/// product's own, and is called when none is offered.
const SHELL_TOOLS: &[&str] = &["exec_command", "shell_command", "bash"];

/// Names that the command line has among a shell tool's parameters, the product's own first.
const COMMAND_PARAMETERS: &[&str] = &["cmd", "command"];

/// A format of requests and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// OpenAI's Responses API.
    Responses,
    /// Chat Completions.
    Chat,
    /// Anthropic's Messages API.
    Anthropic,
}

impl Wire {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Responses, Self::Chat, Self::Anthropic];

    /// As `wire_api` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Responses => "responses",
            Self::Chat => "chat",
            Self::Anthropic => "anthropic",
        }
    }

    /// The bytes of the answer `step`, for servers that send what they are told.
    pub fn answer(self, step: &Step) -> String {
        self.events(step, 0, &Seen::default()).concat()
    }

    /// Where its requests go.
    pub fn path(self) -> &'static str {
        match self {
            Self::Responses => "/v1/responses",
            Self::Chat => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }

    /// What the request with `body` says.
    pub(crate) fn seen(self, body: &Value) -> Seen<'_> {
        match self {
            Self::Responses => responses::seen(body),
            Self::Chat => chat::seen(body),
            Self::Anthropic => anthropic::seen(body),
        }
    }

    /// What a vendor would refuse about the request with `body`, in its words.
    pub(crate) fn complaint(self, body: &Value) -> Option<String> {
        match self {
            Self::Responses => None,
            Self::Chat => chat::complaint(body),
            Self::Anthropic => anthropic::complaint(body),
        }
    }

    /// The events of the answer `step` to request number `number`, each as it stands in the stream.
    pub(crate) fn events(self, step: &Step, number: usize, seen: &Seen) -> Vec<String> {
        match self {
            Self::Responses => responses::events(step, number, seen),
            Self::Chat => chat::events(step, number, seen),
            Self::Anthropic => anthropic::events(step, number, seen),
        }
    }
}

/// What a script looks at in a request, whichever the wire.
#[derive(Debug, Default)]
pub(crate) struct Seen<'a> {
    /// The texts of each message of the user, in order.
    pub(crate) users: Vec<Vec<&'a str>>,
    /// How many tool results follow the last of them.
    pub(crate) results: usize,
    /// The functions on offer.
    pub(crate) functions: Vec<Function<'a>>,
    /// Whether tools of any kind are on offer.
    pub(crate) offers_tools: bool,
    /// The member of the body that holds the conversation.
    pub(crate) conversation: Option<&'a Value>,
    /// Whether the answer is to say what it cost. Not every wire says it unasked.
    pub(crate) wants_usage: bool,
}

/// A function that a request offers.
#[derive(Debug)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// A JSON Schema.
    pub(crate) parameters: &'a Value,
}

impl Seen<'_> {
    /// What a script with a window counts of the request.
    pub(crate) fn tokens(&self) -> usize {
        self.conversation.map_or(0, |conversation| conversation.to_string().len() / 4)
    }

    fn function(&self, name: &str) -> Option<&Function<'_>> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// `call` as it is worded for the tools on offer; `None` if it calls nothing.
    fn worded<'c>(&self, call: &'c Call) -> Option<Worded<'c>> {
        let input = call.input.as_deref().unwrap_or_default();
        Some(match (&call.shell, &call.custom, &call.tool) {
            (Some(command), ..) => {
                let (name, arguments) = self.shell_call(command);
                Worded::Function(name, arguments)
            }
            (_, Some(name), _) if self.function(name).is_some() => Worded::function_of_text(name, input),
            (_, Some(name), _) => Worded::Freeform(name, input),
            (.., Some(name)) => Worded::Function(name, as_text(call.arguments.as_ref())),
            (None, None, None) => return None,
        })
    }

    /// Name and arguments of the call that runs `command` in the shell tool that the request offers.
    fn shell_call(&self, command: &str) -> (&'static str, String) {
        let offered = SHELL_TOOLS.iter().find_map(|&name| Some((name, self.function(name)?.parameters)));
        let (name, parameters) = offered.unwrap_or((SHELL_TOOLS[0], &Value::Null));
        let properties = &parameters["properties"];
        let parameter = COMMAND_PARAMETERS.iter().find(|parameter| properties[**parameter].is_object());
        let mut arguments = json!({ *parameter.unwrap_or(&COMMAND_PARAMETERS[0]): command });
        // Some tools want it said what a command is for.
        if properties["description"].is_object() {
            arguments["description"] = "a step of the script".into();
        }
        (name, arguments.to_string())
    }
}

/// What a conversation has of a request with `body`, in bytes of JSON by four: what a script with a window counts.
pub fn input_tokens(body: &Value) -> usize {
    let conversation = ["input", "messages"].iter().find_map(|name| body.get(name));
    conversation.map_or(0, |conversation| conversation.to_string().len() / 4)
}

/// A call in the form that the tools on offer want.
enum Worded<'a> {
    /// Name and arguments.
    Function(&'a str, String),
    /// Name and input.
    Freeform(&'a str, &'a str),
}

impl<'a> Worded<'a> {
    /// A call of a freeform tool that is offered as a function of one text.
    fn function_of_text(name: &'a str, input: &str) -> Self {
        Self::Function(name, json!({ "input": input }).to_string())
    }
}

fn as_text(arguments: Option<&Value>) -> String {
    match arguments {
        None => "{}".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// What an answer says that it cost.
struct Counts {
    input: u64,
    cached: u64,
    output: u64,
    reasoning: u64,
}

impl Counts {
    /// Of `step`, which gives them in the words of the Responses API.
    fn of(step: &Step) -> Self {
        let usage = step.usage.clone().unwrap_or_else(crate::events::default_usage);
        let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        Self {
            input: count("/input_tokens"),
            cached: count("/input_tokens_details/cached_tokens"),
            output: count("/output_tokens"),
            reasoning: count("/output_tokens_details/reasoning_tokens"),
        }
    }
}

impl Reasoning {
    /// Its paragraphs.
    fn paragraphs(&self) -> Vec<String> {
        match self {
            Self::Summary(text) => vec![text.clone()],
            Self::Full { summary, .. } => summary.clone(),
        }
    }
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

/// The elements of an array; none of anything else.
fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The texts of a message's content, which is a text or an array of parts.
fn texts(content: &Value) -> Vec<&str> {
    match content {
        Value::String(text) => vec![text],
        parts => elements(parts).iter().filter_map(|part| part["text"].as_str()).collect(),
    }
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
            let own: Value = elements(&tools)
                .iter()
                .map(|tool| json!({"name": tool["name"], "input_schema": tool["parameters"]}))
                .collect();
            let nested: Value =
                elements(&tools).iter().map(|tool| json!({"type": "function", "function": tool})).collect();
            for (wire, tools) in [(Wire::Responses, tools), (Wire::Chat, nested), (Wire::Anthropic, own)] {
                let body = json!({ "tools": tools });
                let (name, arguments) = wire.seen(&body).shell_call("true");
                assert_eq!((name, arguments.as_str()), expected, "{body}");
            }
        }
    }
}
