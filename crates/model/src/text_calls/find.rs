//! Finds the calls of tools in what a model writes.
//!
//! Pure. A call stands in a tag, in a fence, or by itself at the beginning of a line. Outside of a tag it is one only if it
//! names a tool that was offered: an object that a model shows as an example stays text. A call that breaks off within a
//! string is none: running half of one could do anything.

use codex_history::{Arguments, ToolInput, ToolSpec};
use serde_json::{Map, Value, json};

use super::lenient;

/// What begins a call, whatever follows. The ends of tags are skipped where they are, and not missed where they are not.
const TAGS: &[&str] = &[
    "<tool_call>",
    "<tool_calls>",
    "<function_call>",
    "<|tool_call|>",
    "<|tool_call_start|>",
    "<|python_tag|>",
    "[TOOL_CALLS]",
    FUNCTION,
];

/// A tag that names the tool, as in `<function=list_dir>`; in it a JSON object, or a tag for each argument.
const FUNCTION: &str = "<function=";
const END_OF_FUNCTION: &str = "</function>";
const PARAMETER: &str = "<parameter=";
const END_OF_PARAMETER: &str = "</parameter>";

const FENCE: &str = "```";
/// Languages of fences that calls stand in.
const LANGUAGES: &[&str] = &["", "json", "tool_call", "tool_calls", "tool", "function_call"];

/// Keys that hold the tool's name.
const NAMES: &[&str] = &["name", "tool", "tool_name", "function"];
/// Keys that hold its arguments.
const ARGUMENTS: &[&str] = &["arguments", "parameters", "args", "input"];

/// A call as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Arguments,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// For the user; never empty.
    Text(String),
    Call(Call),
}

/// The answer `text` in pieces, in their order.
pub(super) fn find(text: &str, tools: &[ToolSpec]) -> Vec<Piece> {
    let (mut pieces, mut told, mut from) = (Vec::new(), 0, 0);
    while let Some(opening) = opening(text, from) {
        let Some((calls, end)) = opening.calls(text, tools) else {
            from = opening.after(text);
            continue;
        };
        push_text(&mut pieces, &text[told..opening.at]);
        pieces.extend(calls.into_iter().map(Piece::Call));
        (told, from) = (end, end);
    }
    push_text(&mut pieces, &text[told..]);
    pieces
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.trim().is_empty() {
        pieces.push(Piece::Text(text.trim_end().to_owned()));
    }
}

/// How much of an answer that is still arriving is surely text, in bytes: up to what may become a call.
pub(super) fn surely_text(text: &str) -> usize {
    let certain = opening(text, 0).map_or(text.len(), |opening| opening.at);
    // The end may be the beginning of a tag, or of a line that holds nothing yet.
    let line = text.rfind('\n').map_or(0, |end| end + 1);
    let begun = text[line..].trim_start();
    if FENCE.starts_with(begun) && begun.len() < FENCE.len() {
        return certain.min(line);
    }
    let longest = TAGS.iter().map(|tag| tag.len()).max().unwrap_or_default();
    let partial = (1..longest).rev().find_map(|length| {
        let at = text.len().checked_sub(length).filter(|at| text.is_char_boundary(*at))?;
        TAGS.iter().any(|tag| tag.len() > length && tag.starts_with(&text[at..])).then_some(at)
    });
    certain.min(partial.unwrap_or(text.len()))
}

/// A place where a call may begin.
#[derive(Debug, Clone, Copy)]
struct Opening {
    /// Where the text before it ends.
    at: usize,
    /// Where the call itself begins.
    inner: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tag,
    Fence,
    Line,
}

/// The first place from `from` on where a call may begin. Fences of other languages are passed over.
fn opening(text: &str, from: usize) -> Option<Opening> {
    let mut at = from;
    while at < text.len() {
        let end = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
        let line = &text[at..end];
        let is_line_start = at == 0 || text[..at].ends_with('\n');
        let begun = at + line.len() - line.trim_start().len();
        if is_line_start && let Some(info) = text[begun..end].strip_prefix(FENCE) {
            let is_whole = info.ends_with('\n');
            let info = info.trim();
            if LANGUAGES.contains(&info) || (!is_whole && LANGUAGES.iter().any(|name| name.starts_with(info))) {
                return Some(Opening { at: begun, inner: end, kind: Kind::Fence });
            }
            at = end_of_fence(text, end);
            continue;
        }
        if is_line_start && text[begun..end].starts_with(['{', '[']) && !text[begun..].starts_with("[TOOL_CALLS]") {
            return Some(Opening { at: begun, inner: begun, kind: Kind::Line });
        }
        let tags = TAGS.iter().filter_map(|tag| Some((line.find(tag)?, *tag)));
        if let Some((place, tag)) = tags.min_by_key(|(place, _)| *place) {
            // The tag that names the tool is read with it.
            let inner = if tag == FUNCTION { at + place } else { at + place + tag.len() };
            return Some(Opening { at: at + place, inner, kind: Kind::Tag });
        }
        at = end;
    }
    None
}

/// Where the text goes on after the fence whose inside begins at `from`.
fn end_of_fence(text: &str, from: usize) -> usize {
    let mut at = from;
    for line in text[from..].split_inclusive('\n') {
        at += line.len();
        if line.trim() == FENCE {
            break;
        }
    }
    at
}

impl Opening {
    /// Where to look on if it begins no call.
    fn after(self, text: &str) -> usize {
        match self.kind {
            Kind::Fence => end_of_fence(text, self.inner),
            Kind::Tag | Kind::Line => self.inner.max(self.at + 1),
        }
    }

    /// The calls that begin here, and where the text goes on after them.
    fn calls(self, text: &str, tools: &[ToolSpec]) -> Option<(Vec<Call>, usize)> {
        let (mut calls, mut at) = (Vec::new(), self.inner);
        loop {
            let rest = &text[at..];
            let begun = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            at += rest.len() - begun.len();
            let Some((mut more, length)) = values(begun, tools) else { break };
            if self.kind != Kind::Tag && !more.iter().all(|call| is_known(&call.name, tools)) {
                return None;
            }
            calls.append(&mut more);
            at += length;
            if self.kind == Kind::Tag {
                at += end_of_tag(&text[at..]);
            }
        }
        match self.kind {
            _ if calls.is_empty() => None,
            Kind::Fence => match text[at..].trim_start() {
                "" => Some((calls, text.len())),
                rest => rest.strip_prefix(FENCE).map(|rest| (calls, text.len() - rest.len())),
            },
            Kind::Tag => Some((calls, at + end_of_tag(&text[at..]))),
            Kind::Line => Some((calls, at)),
        }
    }
}

/// The length of the closing tag that `text` begins with, blanks before it included; 0 if there is none. Another opening
/// tag after it is left.
fn end_of_tag(text: &str) -> usize {
    let begun = text.trim_start();
    let is_end =
        |tag: &str| tag.starts_with("</") || tag.starts_with("[/") || (tag.starts_with("<|") && tag.contains("end"));
    let length = begun.find(['>', ']']).map(|length| length + 1).filter(|length| is_end(&begun[..*length]));
    length.map_or(0, |length| text.len() - begun.len() + length)
}

/// The calls in the value that `text` begins with, and its length.
fn values(text: &str, tools: &[ToolSpec]) -> Option<(Vec<Call>, usize)> {
    // Another tag within, or after, the first.
    if let Some(tag) = TAGS.iter().find(|tag| **tag != FUNCTION && text.starts_with(**tag)) {
        let inner = text[tag.len()..].trim_start();
        let (calls, length) = values(inner, tools)?;
        return Some((calls, text.len() - inner.len() + length));
    }
    if text.starts_with(FUNCTION) {
        return named(text, tools);
    }
    if text.starts_with(['{', '[']) {
        let read = lenient::read(text)?;
        return Some((calls_of(read.value, tools)?, read.end));
    }
    // `list_dir[ARGS]{…}` and `list_dir{…}`.
    let length = text.find(|c: char| !c.is_alphanumeric() && c != '_').filter(|length| *length > 0)?;
    let (name, rest) = text.split_at(length);
    let inner = rest.strip_prefix("[ARGS]").unwrap_or(rest).trim_start();
    if !inner.starts_with('{') || !is_known(name, tools) {
        return None;
    }
    let read = lenient::read(inner)?;
    Some((vec![call(name, read.value, tools)], text.len() - inner.len() + read.end))
}

/// A call in a tag that names its tool.
fn named(text: &str, tools: &[ToolSpec]) -> Option<(Vec<Call>, usize)> {
    let (name, rest) = text.strip_prefix(FUNCTION)?.split_once('>')?;
    let mut inner = rest.trim_start();
    let arguments = if inner.starts_with('{') {
        let read = lenient::read(inner)?;
        inner = &inner[read.end..];
        read.value
    } else {
        let mut object = Map::new();
        while let Some(parameter) = inner.strip_prefix(PARAMETER) {
            let (key, rest) = parameter.split_once('>')?;
            let (value, rest) = rest.split_once(END_OF_PARAMETER)?;
            let value = value.strip_prefix('\n').unwrap_or(value);
            object.insert(
                key.trim().to_owned(),
                typed(key.trim(), value.strip_suffix('\n').unwrap_or(value), name, tools),
            );
            inner = rest.trim_start();
        }
        Value::Object(object)
    };
    let rest = inner.trim_start();
    inner = rest.strip_prefix(END_OF_FUNCTION).unwrap_or(inner);
    Some((vec![call(name.trim().trim_matches('"'), arguments, tools)], text.len() - inner.len()))
}

/// An argument that was written without quotes: text where the tool takes text, else what it reads as.
fn typed(key: &str, value: &str, name: &str, tools: &[ToolSpec]) -> Value {
    let schema = tools.iter().find(|tool| tool.name == name).and_then(|tool| match &tool.input {
        ToolInput::Json { schema } => schema.get("properties")?.get(key),
        _ => None,
    });
    let takes_text = schema.and_then(|schema| schema.get("type")).is_none_or(|kind| kind == "string");
    let text = || Value::String(value.to_owned());
    if takes_text { text() } else { lenient::read(value).map_or_else(text, |read| read.value) }
}

/// The calls that a value stands for: one object, or a list of them.
fn calls_of(value: Value, tools: &[ToolSpec]) -> Option<Vec<Call>> {
    match value {
        Value::Array(values) if !values.is_empty() => {
            let calls: Option<Vec<Vec<Call>>> = values.into_iter().map(|value| calls_of(value, tools)).collect();
            Some(calls?.into_iter().flatten().collect())
        }
        Value::Object(mut object) => {
            let is_inner = |key: &&str| object.get(*key).is_some_and(|inner| inner.is_object() || inner.is_array());
            match ["tool_calls", "function"].into_iter().find(is_inner).and_then(|key| object.shift_remove(key)) {
                Some(inner) => calls_of(inner, tools),
                None => object_call(object, tools).map(|call| vec![call]),
            }
        }
        _ => None,
    }
}

fn object_call(mut object: Map<String, Value>, tools: &[ToolSpec]) -> Option<Call> {
    let key = NAMES.iter().find(|key| object.get(**key).is_some_and(Value::is_string))?;
    let name = object.shift_remove(*key).and_then(|name| name.as_str().map(str::to_owned))?;
    let arguments = match ARGUMENTS.iter().find(|key| object.contains_key(**key)) {
        Some(key) => object.shift_remove(*key).unwrap_or_default(),
        // Without a key for them, they stand beside the name; a name alone is only known as a call by the tool.
        None if is_known(&name, tools) => {
            object.retain(|key, _| key != "id" && key != "type");
            Value::Object(object)
        }
        None => return None,
    };
    Some(call(&name, arguments, tools))
}

fn call(name: &str, arguments: Value, tools: &[ToolSpec]) -> Call {
    let spec = spec(name, tools);
    let name = spec.map_or(name, |spec| spec.name).to_owned();
    let arguments = match (spec.map(|spec| &spec.input), arguments) {
        (Some(ToolInput::Freeform { .. }), arguments) => freeform(arguments),
        // Arguments as the text of an object.
        (_, Value::String(text)) => match lenient::read(&text).map(|read| read.value) {
            Some(object @ Value::Object(_)) => Arguments::Json(object.to_string()),
            _ => Arguments::Json(match only_text(spec) {
                Some(key) => json!({ key: text }).to_string(),
                None => Value::String(text).to_string(),
            }),
        },
        (_, Value::Null) => Arguments::Json("{}".to_owned()),
        (_, arguments) => Arguments::Json(arguments.to_string()),
    };
    Call { name, arguments }
}

/// The text of a call of a tool that takes text: by itself, or as the only text of an object.
fn freeform(arguments: Value) -> Arguments {
    let mut texts = match &arguments {
        Value::String(text) => return Arguments::Freeform(text.clone()),
        Value::Object(object) => object.values().filter_map(Value::as_str),
        _ => return Arguments::Json(arguments.to_string()),
    };
    match (texts.next(), texts.next()) {
        (Some(text), None) => Arguments::Freeform(text.to_owned()),
        _ => Arguments::Json(arguments.to_string()),
    }
}

/// The key of the only argument that a tool must have, if it is text.
fn only_text(spec: Option<&ToolSpec>) -> Option<String> {
    let ToolInput::Json { schema } = &spec?.input else { return None };
    let [key] = schema.get("required")?.as_array()?.as_slice() else { return None };
    let key = key.as_str()?;
    (schema.get("properties")?.get(key)?.get("type")? == "string").then(|| key.to_owned())
}

fn is_known(name: &str, tools: &[ToolSpec]) -> bool {
    spec(name, tools).is_some()
}

/// The tool that is meant: some models write the namespace of a vendor before the name.
fn spec<'a>(name: &str, tools: &'a [ToolSpec]) -> Option<&'a ToolSpec> {
    let plain = name.rsplit_once('.').map_or(name, |(_, plain)| plain);
    tools.iter().find(|tool| tool.name.eq_ignore_ascii_case(plain))
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
