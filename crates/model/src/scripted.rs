//! A model that reads its lines from a script: for the demo and for trying things without a network.
//!
//! It keeps no state: which step is next is the number of assistant messages since the last user message, so one
//! script serves any number of threads, resumed ones included, and begins again with every prompt. It never fails
//! and never asks a network.
//!
//! A script is JSON:
//!
//! ```json
//! {
//!   "pace_ms": 20,
//!   "steps": [
//!     {"think": "First I look around.", "say": "Let me see.", "call": {"tool": "shell", "arguments": {"command": "ls"}}},
//!     {"expect": "Cargo.toml", "otherwise": "This is no Rust project.",
//!      "calls": [{"tool": "apply_patch", "input": "*** Begin Patch\n…"}]},
//!     {"say": "Done."}
//!   ],
//!   "end": "That was all."
//! }
//! ```
//!
//! * `say`: text for the user, before any calls. `think`: a reasoning summary, before the text.
//! * `call`, or several as `calls`: tool calls, with `arguments` (an object) or `input` (freeform text).
//! * `expect`: text that the last tool result must contain; if it does not, the step is `otherwise` alone, without
//!   calls, and so the turn ends.
//! * `end`: said once the steps are used up. `pace_ms`: the wait between pieces of text, 0 if absent.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use codex_history::{Arguments, AssistantPart, Content, History, Message, ToolCall};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{EventStream, Model, Request, StreamEvent};

/// Bytes of text per delta, about.
const PIECE: usize = 12;

/// Why a script cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("cannot read the script {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The text is not a script.
    #[error("not a script: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// A model that says what a script says.
#[derive(Debug)]
pub struct Scripted {
    script: Arc<Script>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(default)]
    pace_ms: u64,
    steps: Vec<Step>,
    #[serde(default = "default_end")]
    end: String,
}

fn default_end() -> String {
    "Done.".to_owned()
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Step {
    think: Option<String>,
    say: Option<String>,
    call: Option<Call>,
    calls: Vec<Call>,
    expect: Option<String>,
    otherwise: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    tool: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    input: Option<String>,
}

impl Scripted {
    /// The script in the file at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not a script.
    pub fn from_file(path: &Path) -> Result<Self, ScriptError> {
        let json = fs::read_to_string(path)
            .map_err(|source| ScriptError::Unreadable { path: path.display().to_string(), source })?;
        Self::from_json(&json)
    }

    /// The script in `json`.
    ///
    /// # Errors
    ///
    /// The text is not JSON, or not a script; unknown keys count, since they are misspelt ones.
    pub fn from_json(json: &str) -> Result<Self, ScriptError> {
        Ok(Self { script: Arc::new(serde_json::from_str(json)?) })
    }
}

impl Model for Scripted {
    fn stream(&self, request: Request) -> EventStream {
        let content = self.script.answer(&request.history);
        let mut events: Vec<StreamEvent> = content.iter().enumerate().flat_map(deltas).collect();
        events.push(StreamEvent::Completed { content, usage: None });
        let pace = Duration::from_millis(self.script.pace_ms);
        Box::pin(stream::iter(events).then(move |event| async move {
            if !pace.is_zero() {
                tokio::time::sleep(pace).await;
            }
            event
        }))
    }

    fn takes_grammars(&self) -> bool {
        true
    }
}

impl Script {
    fn answer(&self, history: &History) -> Vec<AssistantPart> {
        let text = |text: &str| AssistantPart::Text { text: text.to_owned(), opaque: None };
        let Some(step) = self.steps.get(steps_taken(history)) else { return vec![text(&self.end)] };
        let met = step.expect.as_deref().is_none_or(|expected| last_result(history).contains(expected));
        if !met {
            return vec![text(step.otherwise.as_deref().unwrap_or(&self.end))];
        }
        let thought =
            step.think.iter().map(|thought| AssistantPart::Reasoning { summary: vec![thought.clone()], opaque: None });
        let said = step.say.iter().map(|said| text(said));
        // Ids are numbered through the whole conversation, so that no two calls share one.
        let first = history.messages().map(|message| message.calls().count()).sum::<usize>();
        let calls = step.call.iter().chain(&step.calls).zip(first..).map(|(call, number)| call.part(number));
        thought.chain(said).chain(calls).collect()
    }
}

impl Call {
    fn part(&self, number: usize) -> AssistantPart {
        let arguments = match &self.input {
            Some(input) => Arguments::Freeform(input.clone()),
            None => Arguments::Json(Value::Object(self.arguments.clone()).to_string()),
        };
        AssistantPart::Call(ToolCall {
            call_id: format!("call_{number}"),
            name: self.tool.clone(),
            arguments,
            opaque: None,
        })
    }
}

fn steps_taken(history: &History) -> usize {
    let since_user = history.messages().rev().take_while(|message| !matches!(message, Message::User { .. }));
    since_user.filter(|message| matches!(message, Message::Assistant { .. })).count()
}

fn last_result(history: &History) -> String {
    let results = history.messages().rev().filter_map(|message| match message {
        Message::ToolResult { content, .. } => Some(content),
        _ => None,
    });
    let texts = results.take(1).flatten().filter_map(|content| match content {
        Content::Text { text } => Some(text.as_str()),
        Content::Image { .. } => None,
    });
    texts.collect()
}

fn deltas((part, content): (usize, &AssistantPart)) -> Vec<StreamEvent> {
    match content {
        AssistantPart::Text { text, .. } => {
            pieces(text).map(|text| StreamEvent::TextDelta { part, text: text.to_owned() }).collect()
        }
        AssistantPart::Reasoning { summary, .. } => {
            let paragraphs = (0..).zip(summary);
            let delta = |paragraph, text: &str| StreamEvent::ReasoningDelta { part, paragraph, text: text.to_owned() };
            paragraphs.flat_map(|(number, text)| pieces(text).map(move |piece| delta(number, piece))).collect()
        }
        AssistantPart::Call(_) | AssistantPart::Search { .. } => Vec::new(),
    }
}

/// `text` in small pieces, cut between characters.
fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (piece, rest) = text.split_at(text.ceil_char_boundary(PIECE.min(text.len())));
        text = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"{"steps": [
        {"think": "hm", "say": "Let me look äöü around.", "call": {"tool": "shell", "arguments": {"command": "ls"}}},
        {"expect": "a.txt", "otherwise": "No file.",
         "calls": [{"tool": "apply_patch", "input": "patch"}, {"tool": "shell"}]},
        {"say": "Fine."}
    ]}"#;

    fn request(history: History) -> Request {
        Request {
            model: "scripted".into(),
            history,
            tools: Arc::new([]),
            thread_id: "t".into(),
            options: Arc::default(),
            output_schema: None,
        }
    }

    /// Plays a turn whose tools answer `result`; returns the assistant's messages in short.
    async fn turn(history: &mut History, result: &str) -> Vec<String> {
        let model = Scripted::from_json(SCRIPT).unwrap();
        let mut said = Vec::new();
        history.push(Message::user("go"));
        loop {
            let events: Vec<_> = model.stream(request(history.clone())).collect().await;
            let Some(StreamEvent::Completed { content, .. }) = events.last() else { panic!("{events:?}") };
            let message = Message::Assistant { content: content.clone() };
            let calls: Vec<ToolCall> = message.calls().cloned().collect();
            let streamed: String = events
                .iter()
                .filter_map(|event| match event {
                    StreamEvent::TextDelta { text, .. } => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            let named = calls.iter().map(|call| format!(" {}={}({})", call.call_id, call.name, call.arguments.text()));
            said.push(streamed + &named.collect::<String>());
            history.push(message);
            if calls.is_empty() {
                return said;
            }
            for call in calls {
                let (call_id, freeform) = (call.call_id, call.arguments.is_freeform());
                let content = vec![Content::Text { text: result.into() }];
                history.push(Message::ToolResult { call_id, freeform, content });
            }
        }
    }

    #[tokio::test]
    async fn the_steps_are_played_and_begin_again_with_the_next_prompt() {
        let mut history = History::default();
        let first = [r#"Let me look äöü around. call_0=shell({"command":"ls"})"#];
        assert_eq!(turn(&mut history, "nothing").await, [first[0], "No file."]);
        let second = turn(&mut history, "a.txt").await;
        assert_eq!(second[0], first[0].replace("call_0", "call_1"));
        assert_eq!(second[1..], [" call_2=apply_patch(patch) call_3=shell({})", "Fine."]);
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        for script in [r#"{"steps":[{"says":"x"}]}"#, r#"{"stepps":[]}"#, "", "[]"] {
            assert!(Scripted::from_json(script).is_err(), "{script}");
        }
        let error = Scripted::from_file(Path::new("/nonexistent/script.json")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/script.json"), "{error}");
    }
}
