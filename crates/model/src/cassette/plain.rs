//! Requests and answers in the words of a cassette.

use codex_history::{AssistantPart, Message};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::format::{Terms, unseal};
use crate::{Request, StreamEvent};

/// Bytes of a digest that are written.
const DIGEST: usize = 8;

/// A message as a cassette has it: without what is sealed, and with a digest in the place of each picture.
pub(super) fn message(message: &Message) -> Value {
    let mut value = serde_json::to_value(message).unwrap_or_default();
    unseal(&mut value);
    let content = value.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten();
    for picture in content.filter(|piece| piece["type"] == "image") {
        let data = picture["data"].as_str().unwrap_or_default();
        picture["data"] = format!("{}, {} bytes of base64", digest(data), data.len()).into();
    }
    value
}

/// What `request` says besides the conversation.
pub(super) fn terms(request: &Request) -> Terms {
    let tools = request.tools.iter().map(|tool| {
        let said = format!("{}\n{:?}", tool.description, tool.input);
        (tool.name.clone().into_owned(), digest(&said))
    });
    let schema = request.output_schema.as_deref().cloned();
    Terms {
        model: Some(request.model.clone()),
        options: serde_json::to_value(&*request.options).ok(),
        tools: Some(tools.collect()),
        output_schema: Some(schema.unwrap_or(Value::Bool(false))),
    }
}

/// What comes before the end of an answer with this content if it comes in whole pieces, but for what is freeform: each wire words
/// that otherwise.
pub(super) fn implied(content: &[AssistantPart]) -> Vec<StreamEvent> {
    let mut events = Vec::new();
    for (part, piece) in content.iter().enumerate() {
        match piece {
            AssistantPart::Text { text, .. } if !text.is_empty() => {
                events.push(StreamEvent::TextDelta { part, text: text.clone() });
            }
            AssistantPart::Reasoning { summary, .. } => {
                let paragraphs = (0..).zip(summary).filter(|(_, text)| !text.is_empty());
                events.extend(paragraphs.map(|(paragraph, text)| StreamEvent::ReasoningDelta {
                    part,
                    paragraph,
                    text: text.clone(),
                }));
            }
            AssistantPart::Call(call) if !call.arguments.text().is_empty() && !call.arguments.is_freeform() => {
                let (name, text) = (call.name.clone(), call.arguments.text().to_owned());
                events.push(StreamEvent::ArgumentsDelta { part, name, text });
            }
            _ => {}
        }
    }
    events
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(DIGEST).map(|byte| format!("{byte:02x}")).collect()
}
