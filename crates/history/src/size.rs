//! How much of a model's context messages take. Estimates: whose tokens they are is not known here, so that text counts by
//! its bytes.

use std::ops::{AddAssign, Sub};

use serde_json::Value;

use crate::{AssistantPart, Content, Message, ToolCall};

/// Bytes of UTF-8 that make a token of English or of source code, about.
const BYTES_PER_TOKEN: usize = 4;
/// Tokens of a picture of ordinary size, about.
const PICTURE: u64 = 1_500;
/// Tokens that a message takes besides its text, about.
const FRAME: u64 = 4;

/// Estimated tokens of `text`.
pub fn text_tokens(text: &str) -> u64 {
    bytes(text.len())
}

/// Estimated tokens of messages, by what they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// What this program told the model above anything the user says.
    pub instructions: u64,
    /// What the user said, or this program on the user's behalf.
    pub user: u64,
    /// What the model said.
    pub answers: u64,
    /// What the model thought, sealed or not.
    pub reasoning: u64,
    /// What the model asked tools for.
    pub calls: u64,
    /// What tools returned.
    pub results: u64,
    /// Pictures, of whomever.
    pub pictures: u64,
}

impl Sizes {
    /// Of one message.
    pub fn of(message: &Message) -> Self {
        let mut sizes = Self::default();
        match message {
            Message::Developer { text } => sizes.instructions += FRAME + text_tokens(text),
            Message::User { content } => sizes.user += FRAME + sizes.content(content),
            Message::ToolResult { content, .. } => sizes.results += FRAME + sizes.content(content),
            Message::Assistant { content } => content.iter().for_each(|part| sizes.part(part)),
        }
        sizes
    }

    /// All together.
    pub fn total(&self) -> u64 {
        let Self { instructions, user, answers, reasoning, calls, results, pictures } = self;
        instructions + user + answers + reasoning + calls + results + pictures
    }

    /// Counts the pictures of `content`, and returns the tokens of its text.
    fn content(&mut self, content: &[Content]) -> u64 {
        let mut text = 0;
        for piece in content {
            match piece {
                Content::Text { text: said } => text += text_tokens(said),
                Content::Image { .. } => self.pictures += PICTURE,
            }
        }
        text
    }

    fn part(&mut self, part: &AssistantPart) {
        match part {
            AssistantPart::Text { text, .. } => self.answers += FRAME + text_tokens(text),
            AssistantPart::Reasoning { summary, opaque } => {
                let sealed = opaque.as_ref().map_or(0, |opaque| text_bytes(opaque.sealed()));
                self.reasoning += FRAME + bytes(sealed + summary.iter().map(String::len).sum::<usize>());
            }
            AssistantPart::Call(ToolCall { name, arguments, .. }) => {
                self.calls += FRAME + text_tokens(name) + text_tokens(arguments.text());
            }
            AssistantPart::Search { queries, opaque, .. } => {
                let sealed = opaque.as_ref().map_or(0, |opaque| text_bytes(opaque.sealed()));
                self.results += FRAME + bytes(sealed + queries.iter().map(String::len).sum::<usize>());
            }
        }
    }
}

impl AddAssign for Sizes {
    fn add_assign(&mut self, other: Self) {
        self.instructions += other.instructions;
        self.user += other.user;
        self.answers += other.answers;
        self.reasoning += other.reasoning;
        self.calls += other.calls;
        self.results += other.results;
        self.pictures += other.pictures;
    }
}

/// What is more in one than in the other.
impl Sub for Sizes {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            instructions: self.instructions.saturating_sub(other.instructions),
            user: self.user.saturating_sub(other.user),
            answers: self.answers.saturating_sub(other.answers),
            reasoning: self.reasoning.saturating_sub(other.reasoning),
            calls: self.calls.saturating_sub(other.calls),
            results: self.results.saturating_sub(other.results),
            pictures: self.pictures.saturating_sub(other.pictures),
        }
    }
}

fn bytes(count: usize) -> u64 {
    count.div_ceil(BYTES_PER_TOKEN) as u64
}

/// Bytes of all texts in `value`.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(text_bytes).sum(),
        Value::Object(members) => members.values().map(text_bytes).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Arguments, Opaque, Wire};

    #[test]
    fn each_message_counts_as_what_it_is() {
        let text = |bytes: usize| Content::Text { text: "x".repeat(bytes) };
        let picture = Content::Image { media_type: "image/png".into(), data: "A".repeat(1_000_000) };
        let result = Message::ToolResult { call_id: "1".into(), freeform: false, content: vec![text(9), picture] };
        let call = ToolCall {
            call_id: "1".into(),
            name: "name".into(),
            arguments: Arguments::Json("x".repeat(40)),
            opaque: None,
        };
        let sealed = Opaque::new(Wire::Responses, json!({ "id": "", "encrypted_content": "x".repeat(400) }));
        let answer = vec![
            AssistantPart::Text { text: "x".repeat(400), opaque: None },
            AssistantPart::Reasoning { summary: vec!["x".repeat(40)], opaque: Some(sealed) },
            AssistantPart::Call(call),
        ];
        let nothing = Sizes::default();
        let table = [
            (Message::Developer { text: "x".repeat(40) }, Sizes { instructions: 14, ..nothing }),
            (Message::User { content: vec![text(40), text(4)] }, Sizes { user: 15, ..nothing }),
            (result, Sizes { results: 7, pictures: 1_500, ..nothing }),
            (Message::Assistant { content: answer }, Sizes { answers: 104, reasoning: 114, calls: 15, ..nothing }),
        ];
        let mut all = nothing;
        for (message, expected) in table {
            assert_eq!(Sizes::of(&message), expected, "{message:?}");
            all += expected;
        }
        assert_eq!(all.total(), 14 + 15 + 7 + 1_500 + 104 + 114 + 15);
        assert_eq!((all - Sizes { user: 20, calls: 5, ..nothing }).total(), all.total() - 15 - 5);
    }
}
