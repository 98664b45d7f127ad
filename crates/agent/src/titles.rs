//! A title of the session that its model is asked for, where the settings say so: once, after the first turn that ended as it
//! should, in a small request beside the conversation.
//!
//! It must never keep a turn from ending or beginning, and where it fails nothing is said: a session without a title is
//! called by what was said first.

use std::{sync::Arc, time::Duration};

use codex_history::{AssistantPart, History, Message, Usage};
use codex_model::{Options, Request, StreamEvent};
use codex_protocol::{ThreadItem, Turn, TurnStatus};
use codex_store::Record;
use futures_util::StreamExt;

use crate::{
    Budget, ModelChoice,
    context::fill,
    recorder::SharedJournal,
    rerouted::Other,
    thread::{Because, ThreadState},
};

const PROMPT: &str = include_str!("prompts/title.md");

/// Most bytes of what was asked for, and of what was answered.
const MOST: usize = 2_000;
/// Most characters of a title.
const LONGEST: usize = 120;
/// How long it may take, waits between attempts included.
const TIME: Duration = Duration::from_secs(30);

/// A title that is to be asked for.
pub(crate) struct Titling {
    request: Request,
    model: ModelChoice,
    budget: Budget,
    record: SharedJournal,
}

impl ThreadState {
    /// What the user begins a turn with, if a title is to be asked for after it.
    pub(crate) fn untitled(&self, because: &Because) -> Option<String> {
        let Because::Said { item: ThreadItem::UserMessage { content, .. }, .. } = because else { return None };
        let typed = || content.iter().filter_map(|piece| piece.typed()).collect::<Vec<_>>().join("\n");
        self.settings.titles.then(typed)
    }

    /// The title to be asked for after `turn`, which was begun with `asked`; from then on there is none.
    pub(crate) fn titling(&mut self, turn: &Turn, asked: &str, thread_id: &str) -> Option<Titling> {
        if turn.status != TurnStatus::Completed || self.budget.used_up().is_some() {
            return None;
        }
        self.settings.titles = false;
        let answered = self.history.messages().rev().find_map(text).unwrap_or_default();
        let values = [("asked", beginning(asked)), ("answered", beginning(&answered))];
        let mut history = History::default();
        history.push(Message::user(fill(PROMPT.trim_end(), &values)));
        let model = self.settings.model.clone();
        // It need not think about it.
        let options =
            Options { reasoning_effort: None, reasoning_summary: None, ..Options::clone(&self.settings.options()) };
        let request = Request {
            model: model.id.clone(),
            history,
            tools: Arc::default(),
            thread_id: thread_id.to_owned(),
            options: options.into(),
            output_schema: None,
            other_form: None,
        };
        Some(Titling { request, model, budget: self.budget.clone(), record: self.recorder.journal() })
    }
}

impl Titling {
    /// Asks, and records what came of it.
    pub(crate) async fn run(self) {
        let Self { request, model, budget, record } = self;
        let (mut other, mut answer) = (None, model.client.stream(request));
        let whole = async {
            while let Some(event) = answer.next().await {
                match event {
                    StreamEvent::Rerouted { provider, model, window, .. } => {
                        other = Some(Other { provider, id: model, window });
                    }
                    StreamEvent::Completed { content, usage } => return Some((content, usage)),
                    StreamEvent::Failed(_) => return None,
                    _ => {}
                }
            }
            None
        };
        let Ok(Some((content, usage))) = tokio::time::timeout(TIME, whole).await else { return };
        let who = other.as_ref().map(|other| other.name(&model));
        charge(&budget, &model, other.as_ref(), usage.unwrap_or_default());
        let title = text(&Message::Assistant { content }).and_then(|text| title(&text));
        // A session that cannot be written says so in its next turn.
        let _ = record.append(&Record::Titled { title, usage, model: who });
    }
}

fn charge(budget: &Budget, model: &ModelChoice, other: Option<&Other>, usage: Usage) {
    match other {
        None => budget.charge(&model.id, usage, model.prices.of(&model.id)),
        Some(other) => budget.charge(&other.name(model), usage, model.prices.at(&other.provider, &other.id)),
    }
}

/// The last text of an answer.
fn text(message: &Message) -> Option<String> {
    let Message::Assistant { content } = message else { return None };
    content.iter().rev().find_map(|part| match part {
        AssistantPart::Text { text, .. } if !text.trim().is_empty() => Some(text.trim().to_owned()),
        _ => None,
    })
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST)]
}

/// The title in an answer: its first line, without what titles are dressed in; cut where it is no title any more.
fn title(answer: &str) -> Option<String> {
    let line = answer.lines().map(str::trim).find(|line| !line.is_empty())?;
    let line = line.strip_prefix("Title:").unwrap_or(line);
    let plain = line.trim_matches(|c: char| c.is_whitespace() || "\"'`*#“”„«»".contains(c)).trim_end_matches('.');
    let title: String = plain.chars().filter(|c| !c.is_control() && !codex_mcp::is_hidden(*c)).take(LONGEST).collect();
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_without_its_dress() {
        let long = "x".repeat(500);
        for (answer, expected) in [
            ("Mend the parser", Some("Mend the parser")),
            ("\n  **\"Mend the parser.\"**\n\nIt says what was asked.", Some("Mend the parser")),
            ("Title: `Mend` the parser.", Some("Mend` the parser")),
            ("# „Den Parser reparieren“", Some("Den Parser reparieren")),
            ("a\u{1b}[2Jb", Some("a[2Jb")),
            ("a\u{202e}b\u{200b}c\u{2066}", Some("abc")),
            (&*long, Some(&long[..LONGEST])),
            (" \n\"\"\n", None),
            ("", None),
        ] {
            assert_eq!(title(answer).as_deref(), expected, "{answer}");
        }
    }
}
