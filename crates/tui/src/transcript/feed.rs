//! The feed: what the server tells, folded into rows that are printed once, and rows of what is still open.

use std::{collections::VecDeque, path::Path, time::Instant};

use codex_client::hook_lines;
use codex_protocol::{PlanStep, ServerNotification, ThreadItem, Turn, TurnError, TurnStatus};

use super::{
    command, error, file_change, fitting, item, looks, marked, message, narrower, output::tail, plan, reasoning,
    tool_call,
};
use crate::{
    look::Look,
    markdown::{self, Stream},
    picture::{Picture, Protocol},
    text::Row,
    theme::Role,
};

/// What is open, and what is finished and not yet printed.
///
/// A message of the model is printed as it arrives, and holds back what follows it. Anything else is printed when it is
/// complete, in the order of that: a command that runs on holds back nothing.
#[derive(Debug, Default)]
pub struct Feed {
    queue: VecDeque<Entry>,
    running: Vec<Running>,
    /// What was only looked at since something else was printed.
    glances: Vec<looks::Glance>,
    plan: Vec<PlanStep>,
    /// What the model thinks just now: the newest paragraph.
    thought: String,
    /// Whether a turn runs.
    works: bool,
    /// Whether the error of the turn was shown.
    told: bool,
    /// Whether there is something above, so that what comes next stands below an empty row.
    begun: bool,
    /// The trouble that is being overcome: the request is tried again.
    trouble: Option<TurnError>,
    /// Where the session is: paths below it are shown as seen from there.
    directory: String,
    /// The item that a question on the screen is about, which shows it.
    asked: Option<String>,
    /// Whether there is more that is finished than was returned.
    behind: bool,
    /// How the terminal is given pictures, if it is.
    pictures: Option<Protocol>,
    /// How many were drawn since the user last said something, and of how many bytes.
    drawn: (usize, usize),
}

/// Most pictures that are drawn until the user says something more, and most bytes of them: a model may look at very many, and
/// a terminal keeps them all. The others are named like any file.
const PICTURES: (usize, usize) = (8, 4 << 20);

/// About how many rows are returned at once: all of a long answer would take many times the room of its text.
const AT_ONCE: usize = 500;

/// Most of the output of a command that runs, and of a paragraph of thinking, that is kept, in bytes.
const KEPT: usize = 8 << 10;

/// Something to print, in its place in the order.
#[derive(Debug)]
enum Entry {
    Item(ThreadItem),
    Message(Message),
    Plan { plan: Vec<PlanStep>, before: Vec<PlanStep>, explanation: Option<String> },
    Error(TurnError),
    Warning(String),
    End { turn: Box<Turn>, told: bool },
    Notice(Vec<Row>),
}

/// A message that arrives.
#[derive(Debug)]
struct Message {
    id: String,
    text: Stream,
    /// Bytes that have arrived.
    received: usize,
    done: bool,
    /// Whether some of it was printed.
    begun: bool,
}

/// A command or call that runs.
#[derive(Debug)]
struct Running {
    item: ThreadItem,
    since: Instant,
    /// The end of its output so far.
    output: String,
    /// Whether its turn is over.
    aside: bool,
}

impl Feed {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what the server tells.
    pub fn apply(&mut self, notification: &ServerNotification) {
        if matches!(
            notification,
            ServerNotification::TurnStarted(_)
                | ServerNotification::TurnCompleted(_)
                | ServerNotification::ItemStarted(_)
                | ServerNotification::ItemCompleted(_)
                | ServerNotification::AgentMessageDelta(_)
                | ServerNotification::ReasoningDelta(_)
                | ServerNotification::Error(_)
        ) {
            self.trouble = None;
        }
        match notification {
            ServerNotification::TurnStarted(_) => (self.works, self.told) = (true, false),
            ServerNotification::TurnCompleted(changed) => self.ended(&changed.turn),
            ServerNotification::TurnPlanUpdated(updated) => {
                let before = std::mem::replace(&mut self.plan, updated.plan.clone());
                let (plan, explanation) = (updated.plan.clone(), updated.explanation.clone());
                self.queue.push_back(Entry::Plan { plan, before, explanation });
            }
            ServerNotification::ItemStarted(started) => self.started(&started.item),
            ServerNotification::ItemCompleted(completed) => self.completed(&completed.item),
            ServerNotification::AgentMessageDelta(delta) => {
                let message = self.message(&delta.item_id);
                message.text.push(&delta.delta);
                message.received += delta.delta.len();
                self.thought.clear();
            }
            ServerNotification::CommandOutputDelta(delta) => {
                let running = self.running.iter_mut().find(|running| running.item.id() == delta.item_id);
                running.into_iter().for_each(|running| append(&mut running.output, &delta.delta));
            }
            ServerNotification::McpToolCallProgress(told) => {
                let running = self.running.iter_mut().find(|running| running.item.id() == told.item_id);
                running.into_iter().for_each(|running| append(&mut running.output, &format!("{}\n", told.message)));
            }
            ServerNotification::ReasoningPartAdded(_) => self.thought.clear(),
            // Its first line is what is shown of it.
            ServerNotification::ReasoningDelta(delta) if self.thought.len() < KEPT => {
                self.thought.push_str(&delta.delta);
            }
            ServerNotification::Error(failed) => {
                self.told |= !failed.will_retry;
                match failed.will_retry {
                    // How long it waits is said below.
                    true => {
                        let message = failed.wait.as_ref().map_or(&failed.error.message, |wait| &wait.reason).clone();
                        self.trouble = Some(TurnError { message, ..failed.error.clone() });
                    }
                    false => self.queue.push_back(Entry::Error(failed.error.clone())),
                }
            }
            ServerNotification::HookCompleted(hook) => {
                self.queue.extend(hook_lines(&hook.run).into_iter().map(|line| Entry::Warning(line.text)));
            }
            ServerNotification::Warning(warning) => self.queue.push_back(Entry::Warning(warning.message.clone())),
            _ => {}
        }
    }

    /// The text of this message begins anew: what came of it and was not printed is not said.
    pub fn begins_anew(&mut self, id: &str) {
        self.messages().filter(|message| message.id == id && !message.done).for_each(Message::begin_anew);
    }

    /// The session is left: its end of what is open is not told.
    pub fn leave(&mut self) {
        self.messages().for_each(|message| message.done = true);
        self.running.clear();
        self.thought.clear();
        self.works = false;
    }

    /// Rows of the screen's own, in their place in the order.
    pub fn notice(&mut self, rows: Vec<Row>) {
        self.queue.push_back(Entry::Notice(rows));
    }

    /// The item of this id, if it has begun and is not finished.
    pub fn open_item(&self, id: &str) -> Option<&ThreadItem> {
        self.running.iter().map(|running| &running.item).find(|item| item.id() == id)
    }

    /// Takes in an item of before, to be printed.
    pub fn replay(&mut self, item: ThreadItem) {
        // A message is printed bit by bit, however long it is.
        match item {
            ThreadItem::AgentMessage { id, text } => {
                let mut message = Message::new(&id);
                message.text.push(&text);
                (message.received, message.done) = (text.len(), true);
                self.queue.push_back(Entry::Message(message));
            }
            item => self.queue.push_back(Entry::Item(file_change::seen_from(&self.directory, item))),
        }
    }

    /// Whether there is more that is finished than was returned the last time.
    pub fn is_behind(&self) -> bool {
        self.behind
    }

    /// Whether something was printed.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// The session is in this directory.
    pub fn set_directory(&mut self, directory: &str) {
        directory.clone_into(&mut self.directory);
    }

    /// The terminal is given pictures so, from now on.
    pub fn draws(&mut self, pictures: Option<Protocol>) {
        self.pictures = pictures;
    }

    /// The pictures of what is finished.
    fn drawn(&mut self, entry: &Entry, look: &Look) -> Vec<Row> {
        let (Some(protocol), Entry::Item(item)) = (self.pictures, entry) else { return Vec::new() };
        if matches!(item, ThreadItem::UserMessage { .. }) {
            self.drawn = (0, 0);
        }
        let mut rows = Vec::new();
        for file in message::pictures(item) {
            if self.drawn.0 >= PICTURES.0 {
                break;
            }
            let file = Path::new(&self.directory).join(file);
            let Some(picture) = Picture::read(&file, protocol, narrower(look, 2).width) else { continue };
            let (count, bytes) = (self.drawn.0 + 1, self.drawn.1 + picture.size());
            if bytes <= PICTURES.1 {
                self.drawn = (count, bytes);
                rows.extend(Row::picture(picture));
            }
        }
        rows
    }

    /// A question about this item is on the screen: it shows what is to be known of it.
    pub fn asks_about(&mut self, id: &str) {
        self.asked = Some(id.to_owned());
    }

    /// The question was answered; what it was about begins now, if it does.
    pub fn answered(&mut self, now: Instant) {
        let asked = self.asked.take();
        let about = self.running.iter_mut().find(|running| Some(running.item.id()) == asked.as_deref());
        about.into_iter().for_each(|running| running.since = now);
    }

    /// Whether a turn runs.
    pub fn is_working(&self) -> bool {
        self.works
    }

    /// What is finished and was not returned before, in order; also the upper part of a message that needs more than
    /// `live_rows` rows while it arrives. Of much at once only a part, and [that there is more](Self::is_behind).
    pub fn finished(&mut self, look: &Look, live_rows: usize) -> Vec<Row> {
        let mut rows = Vec::new();
        self.behind = false;
        while let Some(mut entry) = self.queue.pop_front() {
            if rows.len() >= AT_ONCE {
                self.queue.push_front(entry);
                self.behind = true;
                return rows;
            }
            let drawn = self.drawn(&entry, look);
            if drawn.is_empty()
                && let Entry::Item(item) = &entry
                && let Some(glances) = looks::glances(item)
            {
                self.glances.extend(glances);
                continue;
            }
            if let Entry::Message(message) = &mut entry {
                if !message.is_silent() {
                    self.release(look, &mut rows);
                }
                self.arrived(message, look, live_rows, &mut rows);
                if message.text.is_behind() {
                    self.queue.push_front(entry);
                    self.behind = true;
                    return rows;
                }
                if !message.done {
                    self.queue.push_front(entry);
                    break;
                }
                continue;
            }
            let mut entry = entry.rows(look);
            entry.extend(drawn);
            if !entry.is_empty() {
                self.release(look, &mut rows);
                self.print(entry, &mut rows);
            }
        }
        if !self.works {
            self.release(look, &mut rows);
        }
        rows
    }

    /// `left` begins with the upper rows of what was [live](Self::live): nothing takes them away any more. Returns those of
    /// the message that arrives: what they say is finished from then on.
    pub fn left_behind(&mut self, mut left: Vec<Row>, look: &Look) -> Vec<Row> {
        let taken = match self.queue.front_mut() {
            Some(Entry::Message(message)) if self.glances.is_empty() => message.left_behind(&left, look),
            _ => 0,
        };
        self.begun |= taken > 0;
        left.truncate(taken);
        left
    }

    /// What is open: the end of a message that arrives, what runs, the step of the plan.
    pub fn live(&self, look: &Look, now: Instant) -> Vec<Row> {
        self.open(look, now, None)
    }

    /// The same above a question, without the item that it is about.
    pub fn live_above_question(&self, look: &Look, now: Instant) -> Vec<Row> {
        self.open(look, now, self.asked.as_deref())
    }

    fn open(&self, look: &Look, now: Instant, but: Option<&str>) -> Vec<Row> {
        let mut parts = vec![looks::rows(&self.glances, look)];
        let mut joined = false;
        if let Some(Entry::Message(message)) = self.queue.front() {
            let rows = message.live(look);
            // Directly below what was printed of it.
            joined = message.begun && self.glances.is_empty() && !rows.is_empty();
            parts.push(rows);
        }
        parts.push(reasoning::rows(std::slice::from_ref(&self.thought), look, false));
        let aside = self.running.iter().filter(|running| running.aside).count();
        let seen = |running: &&Running| !running.aside && but != Some(running.item.id());
        parts.extend(self.running.iter().filter(seen).map(|running| running.rows(look, now)));
        if self.works {
            parts.push(plan::current(&self.plan, look).into_iter().collect());
        }
        parts.extend(self.trouble.as_ref().map(|trouble| error::error(trouble, true, look)));
        if aside > 0 {
            let what = if aside == 1 { "1 command runs on".to_owned() } else { format!("{aside} commands run on") };
            parts.push(vec![Row::new(&format!("· {what} · /ps"), look.style(Role::Quiet))]);
        }
        parts.retain(|part| !part.is_empty());
        let mut rows = Vec::new();
        for (at, part) in parts.into_iter().enumerate() {
            if at > 0 || (self.begun && !joined) {
                rows.push(Row::empty());
            }
            rows.extend(part);
        }
        fitting(rows, look)
    }

    fn started(&mut self, item: &ThreadItem) {
        match item {
            ThreadItem::AgentMessage { id, .. } => drop(self.message(id)),
            ThreadItem::UserMessage { .. } | ThreadItem::Reasoning { .. } | ThreadItem::Plan { .. } => {}
            _ => {
                let (item, output) = (file_change::seen_from(&self.directory, item.clone()), String::new());
                self.running.push(Running { item, since: Instant::now(), output, aside: false });
            }
        }
    }

    fn completed(&mut self, item: &ThreadItem) {
        self.running.retain(|running| running.item.id() != item.id());
        self.thought.clear();
        match item {
            ThreadItem::AgentMessage { id, text } => {
                let message = self.message(id);
                let rest = text.get(message.received..).unwrap_or_default();
                message.text.push(rest);
                message.received = text.len();
                message.done = true;
            }
            _ => self.queue.push_back(Entry::Item(file_change::seen_from(&self.directory, item.clone()))),
        }
    }

    fn ended(&mut self, turn: &Turn) {
        self.works = false;
        self.asked = None;
        self.thought.clear();
        // Interrupted, or lost on the way.
        self.messages().for_each(|message| message.done = true);
        self.running.retain(|running| matches!(running.item, ThreadItem::CommandExecution { .. }));
        self.running.iter_mut().for_each(|running| running.aside = true);
        if turn.status != TurnStatus::InProgress {
            self.queue.push_back(Entry::End { turn: Box::new(turn.clone()), told: self.told });
        }
    }

    fn messages(&mut self) -> impl Iterator<Item = &mut Message> {
        self.queue.iter_mut().filter_map(|entry| match entry {
            Entry::Message(message) => Some(message),
            _ => None,
        })
    }

    /// The open message with this id; a new one if there is none.
    fn message(&mut self, id: &str) -> &mut Message {
        let open = |entry: &Entry| matches!(entry, Entry::Message(message) if message.id == id && !message.done);
        let at = match self.queue.iter().position(open) {
            Some(at) => at,
            None => {
                self.queue.push_back(Entry::Message(Message::new(id)));
                self.queue.len() - 1
            }
        };
        match &mut self.queue[at] {
            Entry::Message(message) => message,
            _ => unreachable!("it is the message that was found"),
        }
    }

    /// Prints the line of what was looked at: something else follows.
    fn release(&mut self, look: &Look, rows: &mut Vec<Row>) {
        let line = looks::rows(&std::mem::take(&mut self.glances), look);
        self.print(line, rows);
    }

    fn print(&mut self, part: Vec<Row>, rows: &mut Vec<Row>) {
        if part.is_empty() {
            return;
        }
        if self.begun {
            rows.push(Row::empty());
        }
        self.begun = true;
        rows.extend(part);
    }

    fn arrived(&mut self, message: &mut Message, look: &Look, live_rows: usize, rows: &mut Vec<Row>) {
        let inner = narrower(look, 2);
        let mut part = message.text.take(&inner, live_rows);
        while message.text.is_behind() && rows.len() + part.len() < AT_ONCE {
            part.extend(message.text.take(&inner, live_rows));
        }
        if message.done && !message.text.is_behind() {
            part.extend(message.text.finish(&inner));
        }
        let part = message.mark(part, look);
        if message.begun {
            rows.extend(part);
        } else if !part.is_empty() {
            message.begun = true;
            self.print(part, rows);
        }
    }
}

impl Message {
    fn new(id: &str) -> Self {
        Self { id: id.to_owned(), text: Stream::new(), received: 0, done: false, begun: false }
    }

    fn begin_anew(&mut self) {
        (self.text, self.received) = (Stream::new(), 0);
    }

    fn is_silent(&self) -> bool {
        self.received == 0
    }

    /// How many of the rows that stay where they are seen are its own: those that it begins with.
    fn left_behind(&mut self, left: &[Row], look: &Look) -> usize {
        let text: String = left.iter().flat_map(markdown::seen).collect();
        let mark = message::agent_mark(look).text();
        // A narrow screen has no marks.
        let mark = if !self.begun && text.starts_with(mark.trim()) { mark.trim().len() } else { 0 };
        let (found, _) = markdown::found(&text[mark..], &self.text.live(&narrower(look, 2)));
        let mut bytes = mark + found;
        let (mut taken, mut end) = (0, 0);
        for (at, row) in left.iter().enumerate() {
            let length: usize = markdown::seen(row).map(char::len_utf8).sum();
            if length > bytes {
                break;
            }
            bytes -= length;
            if length > 0 {
                (taken, end) = (at + 1, end + length);
            }
        }
        if end <= mark {
            return 0;
        }
        self.text.leave(&text[mark..end]);
        self.begun = true;
        taken
    }

    fn live(&self, look: &Look) -> Vec<Row> {
        self.mark(self.text.live(&narrower(look, 2)), look)
    }

    fn mark(&self, rows: Vec<Row>, look: &Look) -> Vec<Row> {
        let rest = Row::plain("  ");
        let first = if self.begun { rest.clone() } else { message::agent_mark(look) };
        match self.begun && rows.first().is_some_and(Row::is_empty) {
            // An empty row between two blocks stays empty.
            true => marked(rows, &Row::empty(), &rest, look),
            false => marked(rows, &first, &rest, look),
        }
    }
}

impl Running {
    fn rows(&self, look: &Look, now: Instant) -> Vec<Row> {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        match &self.item {
            ThreadItem::CommandExecution { command, .. } => command::running(command, &self.output, seconds, look),
            ThreadItem::DynamicToolCall { tool, arguments, .. } => tool_call::running(tool, arguments, look),
            ThreadItem::McpToolCall { server, tool, arguments, .. } => {
                let mut rows = tool_call::running(&tool_call::of_server(server, tool), arguments, look);
                // How far it is, as its server says.
                rows.extend(command::tail(&self.output, look));
                rows
            }
            other => {
                let mut rows = item(other, look, false);
                rows.truncate(1);
                rows
            }
        }
    }
}

/// Appends to the end of an output, of which no more than is shown is kept.
fn append(output: &mut String, text: &str) {
    output.push_str(text);
    if output.len() > 2 * KEPT {
        *output = tail(output, KEPT).to_owned();
    }
}

impl Entry {
    /// Not of a message, which arrives bit by bit.
    fn rows(&self, look: &Look) -> Vec<Row> {
        let rows = match self {
            Self::Item(it) => item(it, look, false),
            Self::Message(_) => Vec::new(),
            Self::Plan { plan, before, explanation } => plan::rows(plan, before, explanation.as_deref(), look),
            Self::Error(error) => error::error(error, false, look),
            Self::Warning(message) => error::warning(message, look),
            Self::End { turn, told } => error::end(turn, *told, look),
            Self::Notice(rows) => rows.clone(),
        };
        fitting(rows, look)
    }
}
