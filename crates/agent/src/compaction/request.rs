//! The conversation as it is sent to be summed up. Pure. What does not fit is left out of the request only: the oldest
//! outputs of tools first.

use codex_history::{Arguments, AssistantPart, Content, History, Message, Sizes};

use super::what_stays::cut;
use crate::context::is_of_program;

const OUTPUT_LEFT_OUT: &str = include_str!("../prompts/output_left_out.md");

/// Bytes that a text keeps which is cut.
const SHORT: usize = 2_000;

/// `history` and then `prompt`, in about `room` estimated tokens.
pub(crate) fn fitting(history: &History, room: u64, prompt: &Message) -> History {
    let room = room.saturating_sub(Sizes::of(prompt).total());
    let mut fitting =
        if history.sizes().total() <= room { history.clone() } else { shortened(history, room).into_iter().collect() };
    fitting.push(prompt.clone());
    fitting
}

fn shortened(history: &History, room: u64) -> Vec<Message> {
    let mut messages: Vec<Message> = history.messages().cloned().collect();
    let mut size = history.sizes().total();
    for shorten in [leave_out_output, shorten_texts] {
        for message in &mut messages {
            if size <= room {
                return messages;
            }
            let before = Sizes::of(message).total();
            shorten(message);
            size = size - before + Sizes::of(message).total();
        }
    }
    let mut goes = false;
    messages.retain(|message| {
        // Results go with the answer that asked for them.
        if !matches!(message, Message::ToolResult { .. }) {
            goes = size > room && !is_of_ours(message);
        }
        if goes {
            size -= Sizes::of(message).total();
        }
        !goes
    });
    messages
}

/// Instructions, surroundings, an earlier summary.
fn is_of_ours(message: &Message) -> bool {
    match message {
        Message::Developer { .. } => true,
        Message::User { content } => is_of_program(content),
        _ => false,
    }
}

fn leave_out_output(message: &mut Message) {
    if let Message::ToolResult { content, .. } = message {
        let left = Content::Text { text: OUTPUT_LEFT_OUT.trim_end().to_owned() };
        let is_shorter = match content.as_slice() {
            [Content::Text { text }] => text.len() <= OUTPUT_LEFT_OUT.len(),
            _ => false,
        };
        if !is_shorter {
            *content = vec![left];
        }
    }
}

fn shorten_texts(message: &mut Message) {
    match message {
        Message::Developer { .. } | Message::ToolResult { .. } => {}
        Message::User { content } if is_of_program(content) => {}
        Message::User { content } => {
            content.retain(|piece| matches!(piece, Content::Text { .. }));
            for piece in content {
                if let Content::Text { text } = piece {
                    *text = cut(text, SHORT);
                }
            }
        }
        Message::Assistant { content } => {
            content.retain(|part| !matches!(part, AssistantPart::Reasoning { .. }));
            content.iter_mut().for_each(shorten_part);
        }
    }
}

fn shorten_part(part: &mut AssistantPart) {
    match part {
        AssistantPart::Text { text, .. } => *text = cut(text, SHORT),
        // What is cut is no JSON any more, and some servers read it.
        AssistantPart::Call(call) => match &mut call.arguments {
            Arguments::Json(text) if text.len() > SHORT => "{}".clone_into(text),
            Arguments::Freeform(text) => *text = cut(text, SHORT),
            Arguments::Json(_) => {}
        },
        AssistantPart::Reasoning { .. } | AssistantPart::Search { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use codex_history::ToolCall;

    use super::*;

    fn call(id: &str, arguments: &str) -> Message {
        let arguments = Arguments::Json(arguments.into());
        let call = ToolCall { call_id: id.into(), name: "shell".into(), arguments, opaque: None };
        let text = AssistantPart::Text { text: "t".repeat(6_000), opaque: None };
        Message::Assistant { content: vec![text, AssistantPart::Call(call)] }
    }

    fn result(id: &str) -> Message {
        let content = vec![Content::Text { text: "o".repeat(4_000) }];
        Message::ToolResult { call_id: id.into(), freeform: false, content }
    }

    /// Opening, then four exchanges of a question, a call and its result: about 2,500 tokens each.
    fn history() -> History {
        let opening = [Message::Developer { text: "Be kind.".into() }, Message::user("<environment>\n</environment>")];
        let exchange = |id| [Message::user(format!("question {id}")), call(id, "{}"), result(id)];
        opening.into_iter().chain(["1", "2", "3", "4"].into_iter().flat_map(exchange)).collect()
    }

    /// What is left of it, a word a message.
    fn words(history: &History) -> Vec<&'static str> {
        let word = |message: &Message| match message {
            Message::Developer { .. } => "instructions",
            Message::User { content } if is_of_program(content) => "surroundings",
            Message::User { .. } => "user",
            Message::Assistant { .. } if Sizes::of(message).total() < 1_000 => "short",
            Message::Assistant { .. } => "answer",
            Message::ToolResult { .. } if Sizes::of(message).total() < 100 => "left out",
            Message::ToolResult { .. } => "result",
        };
        history.messages().map(word).collect()
    }

    #[test]
    fn the_oldest_output_goes_first_then_texts_are_cut_then_the_oldest_messages_go() {
        let whole = ["user", "answer", "result"];
        let no_output = ["user", "answer", "left out"];
        let short = ["user", "short", "left out"];
        let opening = ["instructions", "surroundings"];
        let table: [(u64, Vec<[&str; 3]>); 5] = [
            (20_000, vec![whole, whole, whole, whole]),
            (9_000, vec![no_output, no_output, whole, whole]),
            (6_400, vec![no_output, no_output, no_output, no_output]),
            (4_000, vec![short, short, short, no_output]),
            (1_200, vec![short, short]),
        ];
        for (room, expected) in table {
            let prompt = Message::user("Sum up.");
            let fitting = fitting(&history(), room, &prompt);
            let expected: Vec<&str> = opening.into_iter().chain(expected.concat()).chain(["user"]).collect();
            assert_eq!(words(&fitting), expected, "{room}");
            assert!(fitting.sizes().total() <= room, "{room}: {}", fitting.sizes().total());
            assert_eq!(fitting.messages().last(), Some(&prompt));
        }
        assert_eq!(words(&fitting(&history(), 0, &Message::user("Sum up."))), ["instructions", "surroundings", "user"]);
    }

    #[test]
    fn long_arguments_stay_json() {
        let long = format!("{{\"x\":\"{}\"}}", "y".repeat(5_000));
        let mut history: History = history().messages().cloned().collect();
        history.push(call("5", &long));
        let fitting = fitting(&history, 1_500, &Message::user("Sum up."));
        let arguments: Vec<&str> =
            fitting.messages().flat_map(Message::calls).map(|call| call.arguments.text()).collect();
        assert!(!arguments.is_empty() && arguments.iter().all(|text| *text == "{}"), "{arguments:?}");
    }
}
