//! Finds the calls of tools in what a model writes.
//!
//! Pure. A call stands in a tag, in a fence, or by itself at the beginning of a line. Outside of a tag it is one only if it
//! names a tool that was offered and nothing but calls follows: an object that a model shows as an example stays text, as
//! does what it only quotes. A call that breaks off is none: running half of one could do anything.

use codex_history::{Arguments, ToolInput, ToolSpec};
use serde_json::{Map, Value, json};

use super::lenient::{self, Read};

/// Bytes that are read in search of calls; what comes after that is text. Only made-up answers need as many.
const MOST_READ: usize = 4 << 20;

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

/// Calls that stand next to each other, and where.
struct Span {
    at: usize,
    end: usize,
    calls: Vec<Call>,
    kind: Kind,
}

/// The answer `text` in pieces, in their order. What `is_quoted` says of the text of a call that the model has only read
/// it somewhere, is none.
pub(super) fn find(text: &str, tools: &[ToolSpec], is_quoted: &dyn Fn(&str) -> bool) -> Vec<Piece> {
    let (mut spans, mut from, mut read) = (Vec::new(), 0, 0);
    while read < MOST_READ
        && let Some(opening) = opening(text, from)
    {
        match opening.calls(text, tools, is_quoted, &mut read) {
            Some(span) => {
                from = span.end;
                spans.push(span);
            }
            None => from = opening.after(text),
        }
    }
    let (mut pieces, mut told) = (Vec::new(), 0);
    for Span { at, end, calls, .. } in that_end_the_answer(spans, text) {
        push_text(&mut pieces, &text[told..at]);
        pieces.extend(calls.into_iter().map(Piece::Call));
        told = end;
    }
    push_text(&mut pieces, &text[told..]);
    pieces
}

/// `spans` without those that text follows, unless they stand in tags.
fn that_end_the_answer(spans: Vec<Span>, text: &str) -> Vec<Span> {
    let (mut next, mut text_follows) = (text.len(), false);
    let mut kept: Vec<Span> = Vec::new();
    for span in spans.into_iter().rev() {
        text_follows |= !text[span.end..next].trim().is_empty();
        next = span.at;
        if span.kind == Kind::Tag || !text_follows {
            kept.push(span);
        }
    }
    kept.reverse();
    kept
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.trim().is_empty() {
        pieces.push(Piece::Text(text.trim_end().to_owned()));
    }
}

/// How far an answer that is still arriving was looked through. No byte of it is looked at twice, but for the last few.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// All before is text: it is the beginning of a line, or stands in one.
    at: usize,
    is_within_line: bool,
    /// `at` is in a fence of a language that no calls stand in.
    is_in_fence: bool,
    /// From `at` to here there are blanks only, or in a fence no end of a line.
    looked: usize,
    opening: Option<usize>,
}

impl Scan {
    /// How much of `text` is surely text, in bytes: up to what may become a call. It is what it was the last time, with
    /// more at its end.
    pub(super) fn surely_text(&mut self, text: &str) -> usize {
        loop {
            if let Some(at) = self.opening {
                return at;
            }
            let held = match (self.is_in_fence, self.is_within_line) {
                (true, _) => self.in_fence(text),
                (false, true) => self.within_line(text),
                (false, false) => self.line(text),
            };
            if let Some(until) = held {
                return until;
            }
        }
    }

    fn go_on(&mut self, at: usize, is_within_line: bool) {
        (self.at, self.looked, self.is_within_line) = (at, at, is_within_line);
    }

    /// At the beginning of a line. `None`: look on.
    fn line(&mut self, text: &str) -> Option<usize> {
        let rest = &text[self.looked..];
        self.looked = text.len() - trim_line_start(rest).len();
        let begun = &text[self.looked..];
        match begins(begun) {
            Begins::Fence { may_hold_calls: true, inner } => {
                self.opening = inner.map(|_| self.looked);
                inner.is_none().then_some(self.looked)
            }
            Begins::Fence { may_hold_calls: false, .. } => {
                self.go_on(self.looked, false);
                self.is_in_fence = true;
                None
            }
            Begins::Value => {
                self.opening = Some(self.looked);
                None
            }
            // The end may be the beginning of a fence, or of a line that holds nothing yet.
            Begins::Text if FENCE.starts_with(begun) => Some(self.at),
            Begins::Text => {
                self.go_on(self.looked, true);
                None
            }
        }
    }

    fn within_line(&mut self, text: &str) -> Option<usize> {
        let Some(length) = text[self.at..].find(MARKS) else {
            self.go_on(text.len(), true);
            return Some(text.len());
        };
        let (mark, rest) = (self.at + length, &text[self.at + length..]);
        if TAGS.iter().any(|tag| rest.starts_with(tag)) {
            self.opening = Some(mark);
        } else if TAGS.iter().any(|tag| tag.starts_with(rest)) {
            self.go_on(mark, true);
            return Some(mark);
        } else {
            self.go_on(mark + 1, !rest.starts_with('\n'));
        }
        None
    }

    fn in_fence(&mut self, text: &str) -> Option<usize> {
        let Some(length) = text[self.looked..].find('\n') else {
            self.looked = text.len();
            return Some(text.len());
        };
        let end = self.looked + length + 1;
        self.is_in_fence = text[self.at..end].trim() != FENCE;
        self.go_on(end, false);
        None
    }
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

/// What a line begins with, after blanks.
enum Begins {
    /// With the place where its inside begins, once its first line is whole.
    Fence {
        may_hold_calls: bool,
        inner: Option<usize>,
    },
    Value,
    Text,
}

/// What tags begin with, and the ends of lines.
const MARKS: [char; 3] = ['<', '[', '\n'];

fn trim_line_start(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() && c != '\n')
}

fn begins(text: &str) -> Begins {
    if let Some(rest) = text.strip_prefix(FENCE) {
        let end = rest.find('\n');
        let info = rest[..end.unwrap_or(rest.len())].trim();
        let may_hold_calls = match end {
            Some(_) => LANGUAGES.contains(&info),
            None => LANGUAGES.iter().any(|name| name.starts_with(info)),
        };
        return Begins::Fence { may_hold_calls, inner: end.map(|end| FENCE.len() + end + 1) };
    }
    if text.starts_with(['{', '[']) && !text.starts_with("[TOOL_CALLS]") { Begins::Value } else { Begins::Text }
}

/// The first place from `from` on where a call may begin. Fences of other languages are passed over.
fn opening(text: &str, from: usize) -> Option<Opening> {
    let mut at = from;
    let mut is_line_start = at == 0 || text[..at].ends_with('\n');
    loop {
        if is_line_start {
            at = text.len() - trim_line_start(&text[at..]).len();
            match begins(&text[at..]) {
                Begins::Fence { may_hold_calls, inner } => {
                    let inner = inner.map_or(text.len(), |inner| at + inner);
                    if may_hold_calls {
                        return Some(Opening { at, inner, kind: Kind::Fence });
                    }
                    at = end_of_fence(text, inner);
                    continue;
                }
                Begins::Value => return Some(Opening { at, inner: at, kind: Kind::Line }),
                Begins::Text => {}
            }
        }
        at += text[at..].find(MARKS)?;
        let rest = &text[at..];
        if let Some(tag) = TAGS.iter().find(|tag| rest.starts_with(**tag)) {
            // The tag that names the tool is read with it.
            let inner = if *tag == FUNCTION { at } else { at + tag.len() };
            return Some(Opening { at, inner, kind: Kind::Tag });
        }
        is_line_start = rest.starts_with('\n');
        at += 1;
    }
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

    /// The calls that begin here. What was looked at for that is added to `read`, in bytes.
    fn calls(self, text: &str, tools: &[ToolSpec], is_quoted: &dyn Fn(&str) -> bool, read: &mut usize) -> Option<Span> {
        let (mut calls, mut at) = (Vec::new(), self.inner);
        loop {
            let rest = &text[at..];
            let begun = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            at += rest.len() - begun.len();
            let found = match values(begun, tools) {
                Ok(found) => found,
                Err(looked) => {
                    *read += looked;
                    break;
                }
            };
            *read += found.end;
            let (said, rest) = (&begun[found.begins..found.end], &begun[found.end..]);
            // Where brackets were left open, more may have been meant, unless the model went on behind them.
            let is_whole = found.is_whole || self.is_closed(rest);
            let is_call = self.kind == Kind::Tag || found.calls.iter().all(|call| is_known(&call.name, tools));
            if !is_whole || !is_call || is_quoted(said) {
                // In tags, those before it are calls nevertheless.
                if self.kind == Kind::Tag {
                    break;
                }
                return None;
            }
            calls.extend(found.calls);
            at += found.end;
            if self.kind == Kind::Tag {
                at += end_of_tag(rest);
            }
        }
        let end = match self.kind {
            _ if calls.is_empty() => return None,
            Kind::Fence => match text[at..].trim_start() {
                "" => text.len(),
                rest => text.len() - rest.strip_prefix(FENCE)?.len(),
            },
            // The tag before it may not have come: some servers take it for a sign of their own.
            Kind::Tag | Kind::Line => at + end_of_tag(&text[at..]),
        };
        Some(Span { at: self.at, end, calls, kind: self.kind })
    }

    /// Whether `rest` begins with an end of this.
    fn is_closed(self, rest: &str) -> bool {
        match self.kind {
            Kind::Fence => rest.trim_start().starts_with(FENCE),
            Kind::Tag | Kind::Line => end_of_tag(rest) > 0,
        }
    }
}

/// The longest closing tag, in bytes.
const LONGEST_END: usize = 64;

/// The length of the closing tag that `text` begins with, blanks before it included; 0 if there is none. Another opening
/// tag after it is left.
fn end_of_tag(text: &str) -> usize {
    let begun = text.trim_start();
    let is_end =
        |tag: &str| tag.starts_with("</") || tag.starts_with("[/") || (tag.starts_with("<|") && tag.contains("end"));
    let length = begun[..begun.floor_char_boundary(LONGEST_END)].find(['>', ']']).map(|length| length + 1);
    length.filter(|length| is_end(&begun[..*length])).map_or(0, |length| text.len() - begun.len() + length)
}

/// Calls that were read.
struct Found {
    calls: Vec<Call>,
    /// Where they begin, after further tags.
    begins: usize,
    /// Where they end, in bytes.
    end: usize,
    /// Whether they were closed where they were written.
    is_whole: bool,
}

/// The calls in the value that `text` begins with.
///
/// # Errors
/// There are none: how many bytes were looked at.
fn values(text: &str, tools: &[ToolSpec]) -> Result<Found, usize> {
    let mut inner = text;
    // Another tag within, or after, the first.
    while let Some(tag) = TAGS.iter().find(|tag| **tag != FUNCTION && inner.starts_with(**tag)) {
        inner = inner[tag.len()..].trim_start();
    }
    let before = text.len() - inner.len();
    let found = value(inner, tools).map_err(|looked| before + looked)?;
    Ok(Found { begins: before, end: before + found.end, ..found })
}

fn value(text: &str, tools: &[ToolSpec]) -> Result<Found, usize> {
    if text.starts_with(FUNCTION) {
        return named(text, tools).ok_or(text.len());
    }
    if text.starts_with(['{', '[']) {
        let Read { value, end, is_whole } = lenient::read(text)?;
        return Ok(Found { calls: calls_of(value, tools).ok_or(end)?, begins: 0, end, is_whole });
    }
    // `list_dir[ARGS]{…}` and `list_dir{…}`.
    let length = text.find(|c: char| !c.is_alphanumeric() && c != '_').filter(|length| *length > 0).ok_or(0_usize)?;
    let (name, rest) = text.split_at(length);
    let inner = rest.strip_prefix("[ARGS]").unwrap_or(rest).trim_start();
    if !inner.starts_with('{') || !is_known(name, tools) {
        return Err(length);
    }
    let Read { value, end, is_whole } = lenient::read(inner)?;
    let calls = vec![call(name, value, tools)];
    Ok(Found { calls, begins: 0, end: text.len() - inner.len() + end, is_whole })
}

/// A call in a tag that names its tool.
fn named(text: &str, tools: &[ToolSpec]) -> Option<Found> {
    let (name, rest) = text.strip_prefix(FUNCTION)?.split_once('>')?;
    let mut inner = rest.trim_start();
    let mut is_whole = false;
    let arguments = if inner.starts_with('{') {
        let read = lenient::read(inner).ok()?;
        inner = &inner[read.end..];
        is_whole = read.is_whole;
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
    if let Some(rest) = inner.trim_start().strip_prefix(END_OF_FUNCTION) {
        (inner, is_whole) = (rest, true);
    }
    let calls = vec![call(name.trim().trim_matches('"'), arguments, tools)];
    Some(Found { calls, begins: 0, end: text.len() - inner.len(), is_whole })
}

/// An argument that was written without quotes: text where the tool takes text, else what it reads as.
fn typed(key: &str, value: &str, name: &str, tools: &[ToolSpec]) -> Value {
    let schema = tools.iter().find(|tool| tool.name == name).and_then(|tool| match &tool.input {
        ToolInput::Json { schema } => schema.get("properties")?.get(key),
        _ => None,
    });
    let takes_text = schema.and_then(|schema| schema.get("type")).is_none_or(|kind| kind == "string");
    let text = || Value::String(value.to_owned());
    if takes_text { text() } else { lenient::read(value).map_or_else(|_| text(), |read| read.value) }
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
    let name = spec.map_or(name, |spec| &*spec.name).to_owned();
    let arguments = match (spec.map(|spec| &spec.input), arguments) {
        (Some(ToolInput::Freeform { .. }), arguments) => freeform(arguments),
        // Arguments as the text of an object.
        (_, Value::String(text)) => match lenient::read(&text).map(|read| read.value) {
            Ok(object @ Value::Object(_)) => Arguments::Json(object.to_string()),
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
