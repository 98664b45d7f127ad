//! Sessions that the Codex CLI kept, in files of its own below `sessions/`: listed, and taken over into a journal of ours when one is
//! gone on with. The files stay as they are.
//!
//! A line has `timestamp`, `type` and `payload`. What the model was told and said is in lines of the type `response_item`, in the form
//! of the Responses API; what this reads of it and of the header, `session_meta`, is all that is known here. Newer files say everything
//! a second time, as items, which is passed over.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use codex_history::{Arguments, AssistantPart, Content, Message, ToolCall};
use codex_protocol::{DynamicToolCallOutput, DynamicToolCallStatus, ThreadItem, UserInput};
use serde::Deserialize;
use serde_json::Value;

use crate::{FORMAT, Facts, Header, Record, StoreError, TurnOutcome, journal, name, preview};

/// A line.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    timestamp: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    payload: Value,
}

impl Line {
    /// When it was written, in milliseconds since the epoch.
    fn at(&self) -> Option<i64> {
        self.timestamp.parse().ok().map(jiff::Timestamp::as_millisecond)
    }
}

/// What user messages begin with that the program said, not the user.
const NOT_SAID: [&str; 6] = [
    "<environment_context>",
    "<user_instructions>",
    "<permissions instructions>",
    "<skills_instructions>",
    "<turn_aborted>",
    "# AGENTS.md instructions",
];

/// What a line is of that says that turns were undone, and how long such a line may be, in bytes.
const ROLLED_BACK: &str = "thread_rolled_back";
const ROLLED_BACK_LINE: u64 = 512;

/// What the file `path` says of its session; `None` if it is none of these.
pub(crate) fn describe(path: &Path) -> Option<Facts> {
    let mut lines = lines(path).ok()?;
    let (header, created_at_ms) = header(path, &lines.next()?.ok()?)?;
    let mut facts = Facts { header, created_at_ms, preview: String::new(), name: None, title: None, begun: false };
    let user = |said: &Said| match said {
        Said::User(content) => Some(preview::line(content)),
        _ => None,
    };
    for line in lines.by_ref() {
        if let Some(first) = said(&line.ok()?).as_ref().and_then(user) {
            facts.begun = true;
            facts.preview = first;
            break;
        }
    }
    // Few are: the others need not be read whole.
    if facts.begun && is_rolled_back(path).ok()? {
        facts.preview = standing(path, user).ok()?.into_iter().flatten().next().unwrap_or_default();
    }
    Some(facts)
}

/// Whether turns of it were undone.
fn is_rolled_back(path: &Path) -> io::Result<bool> {
    let mut reader = BufReader::with_capacity(256 << 10, File::open(path)?);
    let mut head = Vec::new();
    loop {
        head.clear();
        if reader.by_ref().take(ROLLED_BACK_LINE).read_until(b'\n', &mut head)? == 0 {
            return Ok(false);
        }
        if head.windows(ROLLED_BACK.len()).any(|window| window == ROLLED_BACK.as_bytes()) {
            return Ok(true);
        }
        if head.last() != Some(&b'\n') {
            reader.skip_until(b'\n')?;
        }
    }
}

/// The last that `of` finds in each turn that was not undone; before them, that of what was said before the first turn.
fn standing<T>(path: &Path, of: impl Fn(&Said) -> Option<T>) -> io::Result<Vec<Option<T>>> {
    let mut turns = vec![None];
    for line in lines(path)? {
        let Some(said) = said(&line?) else { continue };
        match said {
            Said::RolledBack(count) => turns.truncate(turns.len().saturating_sub(count).max(1)),
            Said::User(_) => turns.push(None),
            _ => {}
        }
        if let (Some(last), Some(found)) = (turns.last_mut(), of(&said)) {
            *last = Some(found);
        }
    }
    Ok(turns)
}

/// Where `term`, in lower case, was said last in the file `path`, as `snippet` finds it, in turns that were not undone.
pub(crate) fn said_last(path: &Path, snippet: impl Fn(&str) -> Option<String>) -> io::Result<Option<String>> {
    let turns = standing(path, |said| match said {
        Said::User(content) => texts(content).find_map(&snippet),
        Said::Agent(text) => snippet(text),
        _ => None,
    })?;
    Ok(turns.into_iter().rev().flatten().next())
}

/// Makes a journal of the file `path` beside it, if there is none yet, and returns where that lies. It is there whole or not at all.
///
/// # Errors
/// When the file is none of these, or the journal cannot be written; there is none then.
pub(crate) fn take_over(path: &Path) -> Result<PathBuf, StoreError> {
    let made = name::journal_of(path).ok_or_else(|| StoreError::NotFound(path.display().to_string()))?;
    if made.exists() {
        return Ok(made);
    }
    let unreadable = || StoreError::Unreadable { path: path.to_owned(), reason: "it is no session of any kind".into() };
    let failed = || StoreError::io("read", path);
    let mut lines = lines(path).map_err(failed())?;
    let first = lines.next().ok_or_else(unreadable)?.map_err(failed())?;
    let (header, at) = header(path, &first).ok_or_else(unreadable)?;
    let written = File::open(path).and_then(|file| file.metadata()?.modified()).map_err(failed())?;
    let mut copy = Copy::new(&made)?;
    copy.write(at, &Record::Header(header))?;
    let mut taken = Taken::default();
    for line in lines {
        let line = line.map_err(failed())?;
        if let Some(said) = said(&line) {
            taken.at = line.at().unwrap_or(at);
            taken.take(said);
            taken.records.drain(..).try_for_each(|(at, record)| copy.write(at, &record))?;
        }
    }
    taken.end().iter().try_for_each(|(at, record)| copy.write(*at, record))?;
    copy.keep(written)?;
    Ok(made)
}

/// A journal that is being made.
struct Copy {
    file: BufWriter<tempfile::NamedTempFile>,
    path: PathBuf,
    seq: u64,
}

impl Copy {
    fn new(path: &Path) -> Result<Self, StoreError> {
        let directory = path.parent().unwrap_or(path);
        let file = tempfile::NamedTempFile::new_in(directory).map_err(StoreError::io("make", path))?;
        Ok(Self { file: BufWriter::new(file), path: path.to_owned(), seq: 0 })
    }

    fn write(&mut self, at: i64, record: &Record) -> Result<(), StoreError> {
        let line = journal::line(self.seq, at, record).map_err(StoreError::io("write", &self.path))?;
        self.seq += 1;
        self.file.write_all(&line).map_err(StoreError::io("write", &self.path))
    }

    /// Puts it in its place. It was last written at `written`: nothing was said in it since.
    fn keep(self, written: SystemTime) -> Result<(), StoreError> {
        let failed = || StoreError::io("write", &self.path);
        let file = self.file.into_inner().map_err(|error| failed()(error.into_error()))?;
        file.as_file().set_modified(written).and_then(|()| file.as_file().sync_all()).map_err(failed())?;
        match file.persist_noclobber(&self.path) {
            // Another process made it meanwhile.
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            kept => kept.map(drop).map_err(|error| failed()(error.error)),
        }
    }
}

/// The readable lines.
fn lines(path: &Path) -> io::Result<impl Iterator<Item = io::Result<Line>>> {
    let lines = BufReader::new(File::open(path)?).split(b'\n');
    Ok(lines.filter_map(|line| line.map(|line| serde_json::from_slice(&line).ok()).transpose()))
}

/// The header of our own, and when the session was begun, in milliseconds since the epoch.
fn header(path: &Path, line: &Line) -> Option<(Header, i64)> {
    let text = |member: &str| line.payload.get(member).and_then(Value::as_str);
    let id = text("id").or_else(|| text("session_id"))?;
    if line.kind != "session_meta" || name::id_of(path) != Some(id) {
        return None;
    }
    let source = match text("source") {
        Some("exec") => "exec",
        Some("cli") => "cli",
        _ => "appServer",
    };
    let header = Header {
        format: FORMAT,
        thread_id: id.to_owned(),
        program_version: text("cli_version").unwrap_or_default().to_owned(),
        cwd: text("cwd")?.into(),
        source: source.to_owned(),
        thread_source: None,
        forked_from: None,
        parent: None,
    };
    let at = text("timestamp").and_then(|at| at.parse().ok()).map(jiff::Timestamp::as_millisecond);
    Some((header, at.or_else(|| line.at()).unwrap_or_default()))
}

/// What was said in a line.
enum Said {
    /// The conversation was summed up, and is this from there on.
    Compacted(Vec<Message>),
    /// The user has undone so many turns.
    RolledBack(usize),
    User(Vec<Content>),
    Agent(String),
    Call(ToolCall),
    Result {
        call_id: String,
        freeform: bool,
        content: Vec<Content>,
    },
}

fn said(line: &Line) -> Option<Said> {
    match line.kind.as_str() {
        "response_item" => said_in(&line.payload),
        "compacted" => compacted(&line.payload),
        "event_msg" => rolled_back(&line.payload),
        _ => None,
    }
}

fn rolled_back(payload: &Value) -> Option<Said> {
    let count = payload.get("num_turns").and_then(Value::as_u64)?;
    let is_it = payload.get("type").and_then(Value::as_str) == Some(ROLLED_BACK);
    is_it.then(|| Said::RolledBack(usize::try_from(count).unwrap_or(usize::MAX)))
}

fn compacted(payload: &Value) -> Option<Said> {
    let message = |item| match said_in(item)? {
        Said::User(content) => Some(Message::User { content }),
        Said::Agent(text) if !text.is_empty() => {
            Some(Message::Assistant { content: vec![AssistantPart::Text { text, opaque: None }] })
        }
        _ => None,
    };
    let kept = payload.get("replacement_history").and_then(Value::as_array);
    let mut messages: Vec<Message> = kept.into_iter().flatten().filter_map(message).collect();
    if messages.is_empty() {
        // Older files have the summary alone.
        messages.push(Message::user(payload.get("message").and_then(Value::as_str)?));
    }
    Some(Said::Compacted(messages))
}

/// What an item of the Responses API says.
fn said_in(item: &Value) -> Option<Said> {
    let text = |member: &str| item.get(member).and_then(Value::as_str).map(str::to_owned);
    let kind = item.get("type")?.as_str()?;
    match (kind, item.get("role").and_then(Value::as_str)) {
        ("message", Some("user")) => {
            let content = content(item.get("content")?);
            let is_told = |text: &str| NOT_SAID.iter().any(|start| text.trim_start().starts_with(start));
            (!content.is_empty() && !texts(&content).any(is_told)).then_some(Said::User(content))
        }
        ("message", Some("assistant")) => Some(Said::Agent(joined(&content(item.get("content")?)))),
        ("function_call", _) => {
            let arguments = Arguments::Json(text("arguments").unwrap_or_default());
            Some(Said::Call(ToolCall { call_id: text("call_id")?, name: text("name")?, arguments, opaque: None }))
        }
        ("custom_tool_call", _) => {
            let arguments = Arguments::Freeform(text("input").unwrap_or_default());
            Some(Said::Call(ToolCall { call_id: text("call_id")?, name: text("name")?, arguments, opaque: None }))
        }
        ("function_call_output" | "custom_tool_call_output", _) => {
            let output = item.get("output")?;
            let content = content(output.get("content").unwrap_or(output));
            Some(Said::Result { call_id: text("call_id")?, freeform: kind != "function_call_output", content })
        }
        _ => None,
    }
}

/// A text, or pieces of content; blank texts are left out, and pictures that are not in the file itself.
fn content(value: &Value) -> Vec<Content> {
    let text = |text: &str| (!text.trim().is_empty()).then(|| Content::Text { text: text.to_owned() });
    let picture = |url: &str| {
        let (media_type, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
        Some(Content::Image { media_type: media_type.to_owned(), data: data.to_owned() })
    };
    let piece = |piece: &Value| {
        let member = |name: &str| piece.get(name).and_then(Value::as_str);
        member("text").and_then(text).or_else(|| member("image_url").and_then(picture))
    };
    match value {
        Value::String(value) => text(value).into_iter().collect(),
        Value::Array(pieces) => pieces.iter().filter_map(piece).collect(),
        _ => Vec::new(),
    }
}

fn texts(content: &[Content]) -> impl Iterator<Item = &str> {
    content.iter().filter_map(|content| match content {
        Content::Text { text } => Some(text.as_str()),
        Content::Image { .. } => None,
    })
}

/// The texts, a line each.
fn joined(content: &[Content]) -> String {
    texts(content).collect::<Vec<_>>().join("\n")
}

/// The records of what was taken so far.
#[derive(Default)]
struct Taken {
    records: Vec<(i64, Record)>,
    /// When what is taken was said, in milliseconds since the epoch.
    at: i64,
    turns: u64,
    /// Whether the last of them goes on.
    in_turn: bool,
    /// Those that were not undone, by their ids.
    standing: Vec<String>,
    items: u64,
    /// What the agent says that is no message yet.
    answer: Vec<AssistantPart>,
    /// Calls without a result.
    open: Vec<ToolCall>,
}

impl Taken {
    fn take(&mut self, said: Said) {
        match said {
            Said::User(content) => {
                self.end_turn();
                self.turns += 1;
                self.items = 0;
                self.in_turn = true;
                let turn_id = self.turn_id();
                self.standing.push(turn_id.clone());
                self.record(Record::TurnStarted { turn_id });
                let input = texts(&content).map(|text| UserInput::Text { text: text.to_owned() }).collect();
                let item = ThreadItem::UserMessage { id: self.item_id(), content: input };
                self.record(Record::Message { message: Message::User { content } });
                self.item(item);
            }
            Said::Compacted(messages) => {
                self.end_answer();
                self.open.clear();
                self.record(Record::Compacted { messages });
            }
            Said::RolledBack(count) => self.roll_back(count),
            // Outside of turns nothing was said.
            _ if !self.in_turn => {}
            Said::Agent(text) if text.is_empty() => {}
            Said::Agent(text) => self.answer.push(AssistantPart::Text { text, opaque: None }),
            Said::Call(call) => self.answer.push(AssistantPart::Call(call)),
            Said::Result { call_id, freeform, content } => self.result(call_id, freeform, content),
        }
    }

    fn record(&mut self, record: Record) {
        self.records.push((self.at, record));
    }

    fn roll_back(&mut self, count: usize) {
        self.end_turn();
        self.open.clear();
        let at = self.standing.len().saturating_sub(count);
        let undone = self.standing.split_off(at);
        if let Some(before_turn_id) = undone.into_iter().next() {
            self.record(Record::Reverted { before_turn_id });
        }
    }

    fn result(&mut self, call_id: String, freeform: bool, content: Vec<Content>) {
        self.end_answer();
        let Some(at) = self.open.iter().position(|call| call.call_id == call_id) else { return };
        let call = self.open.remove(at);
        let text = joined(&content);
        self.record(Record::Message { message: Message::ToolResult { call_id, freeform, content } });
        let arguments = call.arguments.text();
        let item = ThreadItem::DynamicToolCall {
            id: self.item_id(),
            tool: call.name.clone(),
            arguments: serde_json::from_str(arguments).unwrap_or_else(|_| arguments.into()),
            status: DynamicToolCallStatus::Completed,
            content_items: Some(vec![DynamicToolCallOutput::InputText { text }]),
            success: None,
            duration_ms: None,
        };
        self.item(item);
    }

    /// What the agent has said becomes a message.
    fn end_answer(&mut self) {
        if self.answer.is_empty() {
            return;
        }
        let content = std::mem::take(&mut self.answer);
        let texts: Vec<String> = content
            .iter()
            .filter_map(|part| match part {
                AssistantPart::Text { text, .. } => Some(text.clone()),
                _ => None,
            })
            .collect();
        let message = Message::Assistant { content };
        self.open = message.calls().cloned().collect();
        self.record(Record::Message { message });
        for text in texts {
            let item = ThreadItem::AgentMessage { id: self.item_id(), text };
            self.item(item);
        }
    }

    fn end_turn(&mut self) {
        self.end_answer();
        if std::mem::take(&mut self.in_turn) {
            let turn_id = self.turn_id();
            self.record(Record::TurnEnded { turn_id, outcome: TurnOutcome::Completed });
        }
    }

    fn end(mut self) -> Vec<(i64, Record)> {
        self.end_turn();
        self.records
    }

    fn turn_id(&self) -> String {
        format!("turn_{}", self.turns.saturating_sub(1))
    }

    fn item_id(&mut self) -> String {
        let id = format!("{}_item_{}", self.turn_id(), self.items);
        self.items += 1;
        id
    }

    fn item(&mut self, item: ThreadItem) {
        self.record(Record::Item { turn_id: self.turn_id(), item });
    }
}

#[cfg(test)]
#[path = "rollout_tests.rs"]
mod tests;
