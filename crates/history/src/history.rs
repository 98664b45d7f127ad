//! An append-only conversation whose messages are put into a wire's words once.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::{Content, Message, ToolCall, Wire};

/// A message and its bytes on the wire that first asked for them.
///
/// Requests resend the whole conversation; with the bytes kept, a long one costs a copy and not a serialisation, and
/// the prefix of every request is the same bytes as before, which is what vendors' caches match on.
#[derive(Debug)]
pub struct Entry {
    message: Message,
    encoded: OnceLock<(Wire, Bytes)>,
}

impl Entry {
    /// The message.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The message in the words of `wire`, made by `encode` the first time.
    pub fn encoded(&self, wire: Wire, encode: impl Fn(&Message) -> Bytes) -> Bytes {
        let (kept_for, bytes) = self.encoded.get_or_init(|| (wire, encode(&self.message)));
        if *kept_for == wire { bytes.clone() } else { encode(&self.message) }
    }
}

/// The messages of a conversation. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct History {
    entries: Vec<Arc<Entry>>,
}

impl History {
    /// Adds a message at the end.
    pub fn push(&mut self, message: Message) {
        self.entries.push(Arc::new(Entry { message, encoded: OnceLock::new() }));
    }

    /// Puts `instead` in the place of each picture that was said since the last answer, and returns how many there were.
    /// Those before it were taken by the vendor; one of these may be why it refuses the conversation.
    pub fn leave_out_new_pictures(&mut self, instead: &str) -> usize {
        let mut count = 0;
        for entry in self.entries.iter_mut().rev() {
            let mut message = entry.message.clone();
            let content = match &mut message {
                Message::Assistant { .. } => break,
                Message::User { content } | Message::ToolResult { content, .. } => content,
                Message::Developer { .. } => continue,
            };
            let pictures = content.iter_mut().filter(|content| matches!(content, Content::Image { .. }));
            let found = pictures.map(|picture| *picture = Content::Text { text: instead.to_owned() }).count();
            if found > 0 {
                *entry = Arc::new(Entry { message, encoded: OnceLock::new() });
            }
            count += found;
        }
        count
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// All messages, oldest first.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.entries.iter().map(|entry| &entry.message)
    }

    /// The calls of the last answer that have no result yet, in order. A model refuses a conversation that goes on
    /// without. Vendors repeat ids: one result answers one call.
    pub fn open_calls(&self) -> Vec<&ToolCall> {
        let mut answered = Vec::new();
        for message in self.messages().rev() {
            match message {
                Message::ToolResult { call_id, .. } => answered.push(call_id),
                other => {
                    return other
                        .calls()
                        .filter(|call| match answered.iter().position(|id| **id == call.call_id) {
                            Some(at) => {
                                answered.swap_remove(at);
                                false
                            }
                            None => true,
                        })
                        .collect();
                }
            }
        }
        Vec::new()
    }
}

impl FromIterator<Message> for History {
    fn from_iter<I: IntoIterator<Item = Message>>(messages: I) -> Self {
        let mut history = Self::default();
        messages.into_iter().for_each(|message| history.push(message));
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arguments, AssistantPart};

    #[test]
    fn a_message_is_encoded_once_per_wire_that_asked_first() {
        let history: History = [Message::user("hello")].into_iter().collect();
        let count = std::cell::Cell::new(0);
        let encode = |_: &Message| {
            count.set(count.get() + 1);
            Bytes::from_static(b"{}")
        };
        for _ in 0..3 {
            history.clone().entries()[0].encoded(Wire::Responses, encode);
        }
        assert_eq!(count.get(), 1);
        history.entries()[0].encoded(Wire::Scripted, encode);
        assert_eq!(count.get(), 2, "another wire must not get the first one's words");
    }

    #[test]
    fn pictures_are_left_out_back_to_the_last_answer() {
        let picture = || Content::Image { media_type: "image/png".into(), data: "AA==".into() };
        let text = |text: &str| Content::Text { text: text.into() };
        let user = |content| Message::User { content };
        let result = |content| Message::ToolResult { call_id: "1".into(), freeform: false, content };
        let answer = || Message::Assistant { content: vec![] };
        let old = [user(vec![picture()]), answer()];
        let new = [result(vec![text("a"), picture()]), user(vec![picture(), text("b"), picture()])];
        let mut history: History = old.iter().chain(&new).cloned().collect();
        assert_eq!(history.leave_out_new_pictures("none"), 3);
        let none = || text("none");
        let left = [result(vec![text("a"), none()]), user(vec![none(), text("b"), none()])];
        assert!(history.messages().eq(old.iter().chain(&left)));
        assert_eq!(history.leave_out_new_pictures("none"), 0);
    }

    #[test]
    fn one_result_answers_one_call() {
        let calls = |ids: &[&str]| Message::Assistant {
            content: ids
                .iter()
                .map(|id| {
                    let arguments = Arguments::Json("{}".into());
                    let (call_id, name) = ((*id).into(), "tool".into());
                    AssistantPart::Call(ToolCall { call_id, name, arguments, opaque: None })
                })
                .collect(),
        };
        let result = |id: &str| Message::ToolResult { call_id: id.into(), freeform: false, content: vec![] };
        let table: [(Vec<Message>, &[&str]); 6] = [
            (vec![], &[]),
            (vec![calls(&["1", "2"])], &["1", "2"]),
            (vec![calls(&["1", "2"]), result("2")], &["1"]),
            (vec![calls(&["1", "1"]), result("1")], &["1"]),
            (vec![calls(&["1"]), Message::user("hello")], &[]),
            (vec![calls(&["1"]), result("1"), calls(&["1"])], &["1"]),
        ];
        for (messages, expected) in table {
            let history: History = messages.clone().into_iter().collect();
            let open: Vec<_> = history.open_calls().iter().map(|call| call.call_id.as_str()).collect();
            assert_eq!(open, expected, "{messages:?}");
        }
    }
}
