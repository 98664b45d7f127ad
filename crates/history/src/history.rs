//! An append-only conversation that is put into a wire's words piece by piece, once.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{Content, Message, Sizes, ToolCall, Wire};

/// The messages of a conversation. Cloning shares them, and costs the same however many there are.
#[derive(Debug, Clone, Default)]
pub struct History {
    messages: Arc<Vec<Arc<Message>>>,
    encoded: Arc<Mutex<Encoded>>,
    sizes: Sizes,
    counted: Option<Counted>,
}

/// What a vendor counted.
#[derive(Debug, Clone, Copy)]
struct Counted {
    tokens: u64,
    /// The estimate for the same.
    estimate: u64,
}

/// How a conversation is put into words: in those of a wire, and for models that take grammars or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wording {
    /// Whose words.
    pub wire: Wire,
    /// Whether tools may be held to a grammar.
    pub grammars: bool,
    /// In which of its ways the wire is spoken; what the number means, the wire alone knows. 0 where there is one way.
    pub dialect: u64,
}

/// The words of the first messages of a conversation.
#[derive(Debug, Default)]
struct Encoded {
    wording: Option<Wording>,
    bytes: Vec<u8>,
    count: usize,
    /// The last of those messages: of two conversations that went apart, only one is in these words.
    last: Option<Arc<Message>>,
}

impl History {
    /// Adds a message at the end.
    pub fn push(&mut self, message: Message) {
        self.sizes += Sizes::of(&message);
        Arc::make_mut(&mut self.messages).push(Arc::new(message));
    }

    /// Goes back to the first `length` messages; nothing happens if there are no more than that.
    pub fn truncate(&mut self, length: usize) {
        if length < self.messages.len() {
            self.messages[length..].iter().for_each(|message| self.sizes = self.sizes - Sizes::of(message));
            self.counted = None;
            Arc::make_mut(&mut self.messages).truncate(length);
        }
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How much of a model's context they take.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Takes in what the vendor counted for all of it: the request and its answer, in tokens.
    pub fn count_is(&mut self, tokens: u64) {
        self.counted = Some(Counted { tokens, estimate: self.sizes.total() });
    }

    /// What the vendor counted last, and an estimate of what was added since, in tokens. `None` if it counted nothing.
    pub fn counted(&self) -> Option<u64> {
        let Counted { tokens, estimate } = self.counted?;
        Some(tokens.saturating_add(self.sizes.total().saturating_sub(estimate)))
    }

    /// Adds the messages of `other` from the one numbered `from` on, shared with it.
    pub fn extend_from(&mut self, other: &Self, from: usize) {
        let others = other.messages.get(from..).unwrap_or_default();
        self.counted = None;
        others.iter().for_each(|message| self.sizes += Sizes::of(message));
        Arc::make_mut(&mut self.messages).extend(others.iter().cloned());
    }

    /// All messages, oldest first, as they are shared.
    pub fn shared(&self) -> &[Arc<Message>] {
        &self.messages
    }

    /// All messages, oldest first.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.messages.iter().map(AsRef::as_ref)
    }

    /// Gives `read` the whole conversation in the given words, which `append` adds message by message, each only once.
    ///
    /// Requests resend the whole conversation; so a long one costs a copy and not a serialisation, and the prefix of
    /// every request is the same bytes as before, which is what vendors' caches match on. `append` gets a message and
    /// all that were before it, and must depend on nothing but these, the wording and whether there are words before.
    pub fn encoded<T>(
        &self,
        wording: Wording,
        append: impl Fn(&Message, &[Arc<Message>], &mut Vec<u8>),
        read: impl FnOnce(&[u8]) -> T,
    ) -> T {
        let mut encoded = self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        if !encoded.begins(self, wording) {
            *encoded = Encoded { wording: Some(wording), ..Encoded::default() };
        }
        for (place, message) in self.messages.iter().enumerate().skip(encoded.count) {
            append(message, &self.messages[..place], &mut encoded.bytes);
        }
        encoded.count = self.messages.len();
        encoded.last = self.messages.last().cloned();
        read(&encoded.bytes)
    }

    /// Puts `instead` in the place of each picture that was said since the last answer, and returns how many there were.
    /// Those before it were taken by the vendor; one of these may be why it refuses the conversation.
    pub fn leave_out_new_pictures(&mut self, instead: &str) -> usize {
        let mut count = 0;
        for message in Arc::make_mut(&mut self.messages).iter_mut().rev() {
            let mut changed = Message::clone(message);
            let content = match &mut changed {
                Message::Assistant { .. } => break,
                Message::User { content } | Message::ToolResult { content, .. } => content,
                Message::Developer { .. } => continue,
            };
            let pictures = content.iter_mut().filter(|content| matches!(content, Content::Image { .. }));
            let found = pictures.map(|picture| *picture = Content::Text { text: instead.to_owned() }).count();
            if found > 0 {
                *message = Arc::new(changed);
            }
            count += found;
        }
        if count > 0 {
            self.encoded = Arc::default();
            self.counted = None;
            self.sizes = Sizes::default();
            self.messages.iter().for_each(|message| self.sizes += Sizes::of(message));
        }
        count
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

impl Encoded {
    /// Whether these are the words of the beginning of `history`.
    fn begins(&self, history: &History, wording: Wording) -> bool {
        let last = self.count.checked_sub(1).map(|last| history.messages.get(last));
        let same = match (&self.last, last) {
            (Some(encoded), Some(Some(found))) => Arc::ptr_eq(encoded, found),
            (None, None) => true,
            _ => false,
        };
        same && self.wording == Some(wording)
    }
}

impl FromIterator<Arc<Message>> for History {
    fn from_iter<I: IntoIterator<Item = Arc<Message>>>(messages: I) -> Self {
        let messages: Vec<_> = messages.into_iter().collect();
        let mut sizes = Sizes::default();
        messages.iter().for_each(|message| sizes += Sizes::of(message));
        Self { messages: Arc::new(messages), sizes, ..Self::default() }
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

    const WORDING: Wording = Wording { wire: Wire::Responses, grammars: true, dialect: 0 };

    /// The words of `history`, and how many messages were put into them for it.
    fn words(history: &History, wording: Wording) -> (String, usize) {
        let count = std::cell::Cell::new(0);
        let append = |message: &Message, earlier: &[Arc<Message>], bytes: &mut Vec<u8>| {
            assert!(earlier.iter().map(AsRef::as_ref).eq(history.messages().take(earlier.len())));
            assert!(std::ptr::eq(message, history.shared()[earlier.len()].as_ref()));
            count.set(count.get() + 1);
            bytes.extend(format!("{message:?};{}\n", wording.grammars).as_bytes());
        };
        let words = history.encoded(wording, append, |bytes| String::from_utf8(bytes.to_vec()).unwrap());
        (words, count.get())
    }

    #[test]
    fn a_message_is_put_into_words_once() {
        let mut history = History::default();
        let mut before = String::new();
        for message in 0..3 {
            history.push(Message::user(format!("{message}")));
            for expected in [1, 0] {
                let (now, put) = words(&history.clone(), WORDING);
                assert!(now.starts_with(&before) && put == expected, "{now}: {put}");
                before = now;
            }
        }
        for other in [Wording { grammars: false, ..WORDING }, Wording { dialect: 1, ..WORDING }] {
            assert_eq!(words(&history, other).1, 3, "other words are not the first ones");
        }
        assert_eq!(words(&history, WORDING), (before, 3));
    }

    #[test]
    fn conversations_that_went_apart_keep_their_words() {
        let mut one = History::default();
        one.push(Message::user("both"));
        words(&one, WORDING);
        let mut other = one.clone();
        one.push(Message::user("one"));
        other.push(Message::user("other"));
        for _ in 0..2 {
            assert!(words(&one, WORDING).0.contains("\"one\""));
            assert!(words(&other, WORDING).0.contains("\"other\""));
        }
        assert_eq!((one.messages().count(), History::default().messages().count()), (2, 0));
    }

    #[test]
    fn a_conversation_that_went_back_is_put_into_words_anew() {
        let mut history: History = ["a", "b", "c"].map(Message::user).into_iter().collect();
        let before = history.clone();
        words(&history, WORDING);
        for (length, left) in [(4, 3), (3, 3), (1, 1), (0, 0)] {
            history.truncate(length);
            assert_eq!((history.len(), history.is_empty()), (left, left == 0));
            assert_eq!(history.sizes().total(), 5 * left as u64);
            assert!(history.messages().eq(before.messages().take(left)));
            assert_eq!(words(&history, WORDING).0.lines().count(), left);
        }
        assert_eq!(before.len(), 3);
    }

    #[test]
    fn what_was_counted_is_gone_on_from() {
        let mut history = History::default();
        history.push(Message::user("x".repeat(400)));
        assert_eq!(history.counted(), None);
        history.count_is(5_000);
        assert_eq!(history.counted(), Some(5_000));
        history.push(Message::user("x".repeat(400)));
        assert_eq!(history.counted(), Some(5_104));
        history.extend_from(&history.clone(), 1);
        assert_eq!((history.len(), history.counted()), (3, None));
    }

    #[test]
    fn a_conversation_goes_on_with_the_end_of_another() {
        let of = |texts: &[&str]| texts.iter().map(|text| Message::user(*text)).collect::<History>();
        for (from, expected) in
            [(0, &["a", "b", "c", "d"][..]), (1, &["a", "b", "d"]), (2, &["a", "b"]), (9, &["a", "b"])]
        {
            let mut history = of(&["a", "b"]);
            history.extend_from(&of(&["c", "d"]), from);
            assert!(history.messages().eq(of(expected).messages()), "{from}: {history:?}");
            assert_eq!((history.len(), history.sizes()), (expected.len(), of(expected).sizes()));
        }
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
        words(&history, WORDING);
        assert_eq!(history.leave_out_new_pictures("none"), 3);
        assert!(!words(&history, WORDING).0[words(&old.iter().cloned().collect(), WORDING).0.len()..].contains("AA=="));
        let none = || text("none");
        let left = [result(vec![text("a"), none()]), user(vec![none(), text("b"), none()])];
        assert!(history.messages().eq(old.iter().chain(&left)));
        assert_eq!(history.sizes().pictures, Sizes::of(&old[0]).pictures);
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
