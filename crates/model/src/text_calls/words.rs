//! A request in words alone: the tools become a part of the instructions, calls and their results become messages.
//!
//! Pure. Messages of the user that follow each other become one: chat templates of many models want a user and an assistant
//! in turns.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use codex_history::{Arguments, AssistantPart, Content, History, Message, ToolCall, ToolSpec};
use serde_json::{Value, json};

use super::Calling;
use crate::{
    Request,
    functions::{self, Function},
};

const TEXT: &str = include_str!("text.md");
const CONSTRAINED: &str = include_str!("constrained.md");

/// The keys of an answer that is held to a schema.
pub(super) const TOOL: &str = "tool";
pub(super) const ARGUMENTS: &str = "arguments";
pub(super) const ANSWER: &str = "answer";

/// `request` for a model that calls tools in its text.
pub(super) fn in_words(request: &Request, calling: Calling) -> Request {
    let is_constrained = calling == Calling::Constrained && !request.tools.is_empty();
    let schema = is_constrained.then(|| Arc::new(schema(&request.tools, request.output_schema.as_deref())));
    Request {
        history: history(request, calling),
        tools: Arc::default(),
        output_schema: schema.or_else(|| request.output_schema.clone()),
        ..request.clone()
    }
}

fn history(request: &Request, calling: Calling) -> History {
    let mut told = (!request.tools.is_empty()).then(|| tools(&request.tools, calling));
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut messages: Vec<Message> = Vec::new();
    for message in request.history.messages() {
        names.extend(message.calls().map(|call| (call.call_id.as_str(), call.name.as_str())));
        let message = match message {
            Message::Developer { text } => Message::Developer {
                text: match told.take() {
                    Some(tools) => format!("{text}\n\n{tools}"),
                    None => text.clone(),
                },
            },
            Message::User { content } => Message::User { content: content.clone() },
            Message::Assistant { content } => Message::Assistant { content: said(content, calling) },
            Message::ToolResult { call_id, content, .. } => {
                let name = names.get(call_id.as_str()).copied().unwrap_or("a tool");
                let head = Content::Text { text: format!("Result of {name}:") };
                Message::User { content: [vec![head], content.clone()].concat() }
            }
        };
        match (messages.last_mut(), message) {
            (Some(Message::User { content }), Message::User { content: more }) => content.extend(more),
            (_, message) => messages.push(message),
        }
    }
    if let Some(text) = told {
        messages.insert(0, Message::Developer { text });
    }
    messages.into_iter().collect()
}

/// What the model said, with its calls in words, as one text.
fn said(content: &[AssistantPart], calling: Calling) -> Vec<AssistantPart> {
    let (mut parts, mut words) = (Vec::new(), Vec::new());
    let has_calls = content.iter().any(|part| matches!(part, AssistantPart::Call(_)));
    for part in content {
        match part {
            AssistantPart::Text { text, .. } if calling == Calling::Constrained && !has_calls => {
                words.push(json!({ ANSWER: text }).to_string());
            }
            AssistantPart::Text { text, .. } => words.push(text.clone()),
            AssistantPart::Call(call) => words.push(called(call, calling)),
            other => parts.push(other.clone()),
        }
    }
    if !words.is_empty() {
        parts.push(AssistantPart::Text { text: words.join("\n"), opaque: None });
    }
    parts
}

fn called(call: &ToolCall, calling: Calling) -> String {
    let arguments = match &call.arguments {
        Arguments::Freeform(input) => Cow::Owned(functions::of_text(input)),
        Arguments::Json(text) => Cow::Borrowed(text.as_str()),
    };
    let arguments = serde_json::from_str(&arguments).unwrap_or_else(|_| Value::String(arguments.into_owned()));
    match calling {
        Calling::Constrained => json!({ TOOL: call.name, ARGUMENTS: arguments }).to_string(),
        _ => format!("<tool_call>\n{}\n</tool_call>", json!({ "name": call.name, ARGUMENTS: arguments })),
    }
}

/// What the model is told of tools.
fn tools(tools: &[ToolSpec], calling: Calling) -> String {
    let format = if calling == Calling::Constrained { CONSTRAINED } else { TEXT };
    let mut text = format.trim_end().to_owned();
    for Function { name, description, parameters } in tools.iter().filter_map(Function::of) {
        text.push_str(&format!("\n\n## {name}\n{description}\nArguments: {parameters}"));
    }
    text
}

/// What an answer is held to: a call of one of the tools, or text; in place of the text what the user wants it to be.
fn schema(tools: &[ToolSpec], output: Option<&Value>) -> Value {
    let one = |properties: Value, required: &[&str]| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    let calls = tools.iter().filter_map(Function::of).map(|Function { name, parameters, .. }| {
        one(json!({TOOL: {"const": name}, ARGUMENTS: parameters}), &[TOOL, ARGUMENTS])
    });
    let answer = output.cloned().unwrap_or_else(|| json!({"type": "string"}));
    let answer = one(json!({ ANSWER: answer }), &[ANSWER]);
    json!({ "anyOf": calls.chain([answer]).collect::<Vec<_>>() })
}
