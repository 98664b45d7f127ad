//! A conversation as a server takes it, whichever model and wire it was had with before.
//!
//! Pure, and in one place for all wires. Nothing is repaired that a server takes as it is: then the conversation is the
//! same one, with the words that it has already. What was repaired before is repaired in the same way when there is more
//! behind it, so that the prefix of a request stays the same.

use std::{
    borrow::Cow,
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use codex_history::{AssistantPart, Content, History, Message, Opaque, ToolCall, Wire};

/// What a server wants of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    /// In what words it is spoken to.
    pub(crate) wire: Wire,
    /// Whose sealed parts it can open: no other's of the same wire are sent.
    pub(crate) vendor: Arc<str>,
    /// Which ids of calls it takes.
    pub(crate) ids: Ids,
    /// Whether it sees pictures.
    pub(crate) pictures: bool,
    /// Whether it insists on an order: the user has the first word, and results stand right behind their calls.
    pub(crate) is_strict: bool,
}

/// Which ids of calls a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ids {
    /// Any that are not too long; the same one again, too.
    Any,
    /// Letters, digits, `_` and `-`, each one once.
    Words,
    /// Nine letters and digits, each one once.
    Nine,
}

/// The longest id, and the longest name of a tool.
const LONGEST_ID: usize = 64;
/// The part of an id or a name that is kept when it is made to fit.
const KEPT: usize = 48;
const NINE: usize = 9;

/// What stands for a picture that is not seen.
const NO_PICTURE: &str = "[A picture was here. You cannot see pictures; if it matters, say so.]";
/// What stands for the result of a call that has none.
const NO_RESULT: &str = "There is no result: the call was cut off.";
/// What stands for the user's first word if there is none.
const NO_USER: &str = "Go on.";

/// How ids of models begin that take calls with ids of nine letters and digits only.
const NINERS: &[&str] = &[
    "mistral",
    "ministral",
    "codestral",
    "devstral",
    "magistral",
    "pixtral",
    "open-mistral",
    "open-mixtral",
    "voxtral",
];

impl Ids {
    /// Those that `model` takes in the words of `wire`.
    pub(crate) fn of(wire: Wire, model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        match wire {
            Wire::AnthropicMessages => Self::Words,
            Wire::ChatCompletions if NINERS.iter().any(|start| name.starts_with(start)) => Self::Nine,
            _ => Self::Any,
        }
    }

    fn fit(self, id: &str) -> bool {
        let is_of = |odd: fn(u8) -> bool| !id.is_empty() && !id.bytes().any(odd);
        match self {
            Self::Any => !id.is_empty() && id.len() <= LONGEST_ID,
            Self::Words => is_of(is_odd) && id.len() <= LONGEST_ID,
            Self::Nine => is_of(|byte| !byte.is_ascii_alphanumeric()) && id.len() == NINE,
        }
    }

    /// An id that fits, made of `id`; another one for each `attempt`.
    fn made_of(self, id: &str, attempt: usize) -> String {
        if self == Self::Nine {
            let mut hasher = DefaultHasher::new();
            (id, attempt).hash(&mut hasher);
            let mut rest = hasher.finish();
            let digit = |_| {
                let digit = u32::try_from(rest % 36).ok().and_then(|digit| char::from_digit(digit, 36));
                rest /= 36;
                digit.unwrap_or('0')
            };
            return (0..NINE).map(digit).collect();
        }
        format!("{}_{attempt}", word_of(id, "call"))
    }
}

/// Letters, digits, `_` and `-` in the place of what is not; `empty` in the place of nothing.
fn word_of(text: &str, empty: &str) -> String {
    let letter = |byte| if is_odd(byte) { '_' } else { char::from(byte) };
    if text.is_empty() { empty.to_owned() } else { text.bytes().take(KEPT).map(letter).collect() }
}

/// Whether all servers take this for the name of a tool.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST_ID && !name.bytes().any(is_odd)
}

fn is_odd(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'-'
}

/// `history` as a server with these needs takes it: each call with one result, no result without a call, ids, names and pictures
/// as it wants them, and nothing that another vendor has sealed.
pub(crate) fn repaired(history: &History, needs: &Needs) -> History {
    let messages = history.shared();
    let mut repair = Repair { needs, used: HashSet::new(), out: Vec::with_capacity(messages.len()) };
    let is_answer = |message: &&Arc<Message>| matches!(&***message, Message::Assistant { .. });
    let mut rest = messages;
    while let Some((message, behind)) = rest.split_first() {
        let length =
            if is_answer(&message) { behind.iter().take_while(|message| !is_answer(message)).count() } else { 0 };
        let (following, behind) = behind.split_at(length);
        match **message {
            Message::Assistant { .. } => repair.answer(message, following),
            _ => repair.other(message),
        }
        rest = behind;
    }
    let out = repair.out;
    if out.len() == messages.len() && out.iter().zip(messages).all(|(one, other)| Arc::ptr_eq(one, other)) {
        return history.clone();
    }
    let mut repaired: History = out.into_iter().collect();
    if let Some(tokens) = history.counted() {
        repaired.count_is(tokens);
    }
    repaired
}

struct Repair<'a> {
    needs: &'a Needs,
    /// The ids so far, where each may be there only once.
    used: HashSet<Cow<'a, str>>,
    out: Vec<Arc<Message>>,
}

impl<'a> Repair<'a> {
    /// Puts an answer down, the results of its calls, and what else was said before the next answer.
    fn answer(&mut self, message: &'a Arc<Message>, following: &'a [Arc<Message>]) {
        if self.needs.is_strict && !self.out.iter().any(|message| matches!(**message, Message::User { .. })) {
            self.out.push(Arc::new(Message::user(NO_USER)));
        }
        let calls: Vec<(&ToolCall, Cow<str>)> = message.calls().map(|call| (call, self.id(&call.call_id))).collect();
        let ids: Vec<&str> = calls.iter().map(|(_, id)| id.as_ref()).collect();
        let answer = self.with_parts(message, &ids);
        self.out.push(answer);
        let mut open = calls;
        let (mut results, mut behind) = (Vec::new(), Vec::new());
        for message in following {
            let seen = self.with_pictures(message);
            let Message::ToolResult { call_id, .. } = &**message else {
                behind.push(seen);
                continue;
            };
            // A result without a call answers nothing.
            let Some(at) = open.iter().position(|(call, _)| call.call_id == *call_id) else { continue };
            let result = with_id(seen, &open.remove(at).1);
            if self.needs.is_strict { &mut results } else { &mut behind }.push(result);
        }
        self.out.extend(open.into_iter().map(|(call, id)| with_id(Arc::new(call.answer(NO_RESULT)), &id)));
        self.out.extend(results);
        self.out.extend(behind);
    }

    /// Puts down what was said before any answer. A result answers nothing there.
    fn other(&mut self, message: &Arc<Message>) {
        if !matches!(**message, Message::ToolResult { .. }) {
            let message = self.with_pictures(message);
            self.out.push(message);
        }
    }

    /// `id`, or one that stands for it.
    fn id(&mut self, id: &'a str) -> Cow<'a, str> {
        let ids = self.needs.ids;
        if ids.fit(id) && (ids == Ids::Any || self.used.insert(Cow::Borrowed(id))) {
            return Cow::Borrowed(id);
        }
        let mut made = (0..).map(|attempt| ids.made_of(id, attempt));
        loop {
            let id = made.next().unwrap_or_default();
            if ids == Ids::Any || self.used.insert(Cow::Owned(id.clone())) {
                return Cow::Owned(id);
            }
        }
    }

    /// An answer whose calls have these ids, and names that are taken, without what others have sealed.
    fn with_parts(&self, message: &Arc<Message>, ids: &[&str]) -> Arc<Message> {
        let Message::Assistant { content } = &**message else { return Arc::clone(message) };
        let is_foreign = |opaque: &Opaque| opaque.is_of_another(self.needs.wire, &self.needs.vendor);
        let is_kept = content.iter().all(|part| !opaque(part).is_some_and(is_foreign))
            && message.calls().all(|call| is_name(&call.name))
            && message.calls().map(|call| call.call_id.as_str()).eq(ids.iter().copied());
        if is_kept {
            return Arc::clone(message);
        }
        let mut content = content.clone();
        let mut ids = ids.iter();
        for part in &mut content {
            if opaque(part).is_some_and(is_foreign) {
                *opaque_mut(part) = None;
            }
            if let AssistantPart::Call(call) = part
                && let Some(id) = ids.next()
            {
                call.call_id = (*id).to_owned();
                if !is_name(&call.name) {
                    call.name = word_of(&call.name, "unnamed");
                }
            }
        }
        Arc::new(Message::Assistant { content })
    }

    fn with_pictures(&self, message: &Arc<Message>) -> Arc<Message> {
        let (Message::User { content } | Message::ToolResult { content, .. }) = &**message else {
            return Arc::clone(message);
        };
        let is_picture = |content: &Content| matches!(content, Content::Image { .. });
        if self.needs.pictures || !content.iter().any(is_picture) {
            return Arc::clone(message);
        }
        let mut seen = Message::clone(message);
        if let Message::User { content } | Message::ToolResult { content, .. } = &mut seen {
            let pictures = content.iter_mut().filter(|content| is_picture(content));
            pictures.for_each(|picture| *picture = Content::Text { text: NO_PICTURE.to_owned() });
        }
        Arc::new(seen)
    }
}

/// The result with this id.
fn with_id(result: Arc<Message>, id: &str) -> Arc<Message> {
    match &*result {
        Message::ToolResult { call_id, freeform, content } if call_id != id => {
            Arc::new(Message::ToolResult { call_id: id.to_owned(), freeform: *freeform, content: content.clone() })
        }
        _ => result,
    }
}

fn opaque(part: &AssistantPart) -> Option<&Opaque> {
    match part {
        AssistantPart::Text { opaque, .. }
        | AssistantPart::Reasoning { opaque, .. }
        | AssistantPart::Search { opaque, .. }
        | AssistantPart::Call(ToolCall { opaque, .. }) => opaque.as_ref(),
    }
}

fn opaque_mut(part: &mut AssistantPart) -> &mut Option<Opaque> {
    match part {
        AssistantPart::Text { opaque, .. }
        | AssistantPart::Reasoning { opaque, .. }
        | AssistantPart::Search { opaque, .. }
        | AssistantPart::Call(ToolCall { opaque, .. }) => opaque,
    }
}

/// Notes whose the sealed parts of an answer are.
pub(crate) fn sign(content: &mut [AssistantPart], vendor: &Arc<str>) {
    for opaque in content.iter_mut().filter_map(|part| opaque_mut(part).as_mut()) {
        opaque.sign(Arc::clone(vendor));
    }
}

#[cfg(test)]
#[path = "repair_tests.rs"]
mod tests;
