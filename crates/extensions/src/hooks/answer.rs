//! What a hook says: the status that it ended with, and what it put out.

use codex_sandbox::Exit;
use serde_json::{Map, Value};

use super::{Event, adds_text, can_block, guards};
use crate::program::{End, Ran};

/// Longest text of a hook that the model or a person is told, in bytes.
const LONGEST: usize = 10 << 10;
/// Most bytes of one stream that are kept.
pub(super) const MOST_OUTPUT: usize = 64 << 10;

/// What is to happen with what was about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nobody has to be asked.
    Allow(String),
    /// A person is asked.
    Ask(String),
    /// It does not happen.
    Deny(String),
}

/// What one hook says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// What it decides, and why.
    pub decision: Option<Decision>,
    /// The work is to stop here, and why.
    pub stop: Option<String>,
    /// What the input is to be.
    pub input: Option<Map<String, Value>>,
    /// For the model.
    pub context: Option<String>,
    /// For the user.
    pub message: Option<String>,
    /// It did not go as it should.
    pub failure: Option<String>,
}

/// What all hooks of one event say together: the strictest counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// What is decided, and why; of several of a kind all reasons.
    pub decision: Option<Decision>,
    /// The work is to stop here, and why.
    pub stop: Option<String>,
    /// What the input is to be.
    pub input: Option<Map<String, Value>>,
    /// For the model, a text of each.
    pub context: Vec<String>,
}

impl Verdict {
    /// Takes in what one more says.
    pub fn add(&mut self, answer: Answer) {
        let Answer { decision, stop, input, context, .. } = answer;
        self.stop = self.stop.take().or(stop);
        self.context.extend(context);
        self.decision = stricter(self.decision.take(), decision);
        match (&self.input, input) {
            (Some(known), Some(other)) if *known != other => {
                let why = "two hooks rewrite the call, and not alike".to_owned();
                self.decision = stricter(self.decision.take(), Some(Decision::Deny(why)));
            }
            (None, Some(other)) => self.input = Some(other),
            _ => {}
        }
    }

    /// Why it does not happen, if so.
    pub fn denied(&self) -> Option<&str> {
        match &self.decision {
            Some(Decision::Deny(why)) => Some(why),
            _ => None,
        }
    }
}

fn stricter(one: Option<Decision>, other: Option<Decision>) -> Option<Decision> {
    let rank = |decision: &Decision| match decision {
        Decision::Allow(_) => 0,
        Decision::Ask(_) => 1,
        Decision::Deny(_) => 2,
    };
    match (one, other) {
        (Some(Decision::Deny(one)), Some(Decision::Deny(other))) => Some(Decision::Deny(format!("{one}\n{other}"))),
        (Some(one), Some(other)) if rank(&other) > rank(&one) => Some(other),
        (one, other) => one.or(other),
    }
}

impl Answer {
    /// That a hook failed: with `closed`, that is a no.
    pub(super) fn failed(why: String, closed: bool) -> Self {
        let decision = closed.then(|| Decision::Deny(format!("the hook did not go as it should: {why}")));
        Self { decision, failure: Some(why), ..Self::default() }
    }

    /// What `ran` says; `closed`: whether any end but 0 is a no.
    pub(super) fn of(event: Event, ran: &Ran, closed: bool) -> Self {
        let stderr = || short(ran.stderr.trim());
        let status = match ran.end {
            End::Exited(Exit::Code(status)) => status,
            End::Exited(Exit::Signal(signal)) => {
                return Self::failed(format!("it was ended by signal {signal}"), guards(event));
            }
            End::TimedOut => return Self::failed("it took too long, and was killed".into(), guards(event)),
            End::Cancelled => return Self::failed("it was interrupted".into(), guards(event)),
        };
        match status {
            0 => Self::told(event, ran),
            2 if can_block(event) => {
                let why = if stderr().is_empty() { "a hook refused it, and gave no reason".into() } else { stderr() };
                Self { decision: Some(Decision::Deny(why)), ..Self::default() }
            }
            status => {
                let said = if stderr().is_empty() { String::new() } else { format!(": {}", stderr()) };
                // The shell has not found, or could not start, what the line names: nobody has looked.
                let closed = closed || matches!(status, 126 | 127);
                Self::failed(format!("it ended with status {status}{said}"), closed && guards(event))
            }
        }
    }

    /// What it put out.
    fn told(event: Event, ran: &Ran) -> Self {
        let text = ran.stdout.trim();
        if !text.starts_with('{') || (event == Event::SessionStart && serde_json::from_str::<Value>(text).is_err()) {
            let context = (adds_text(event) && !text.is_empty()).then(|| short(text));
            return Self { context, ..Self::default() };
        }
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(said)) => Self::said(event, &said).unwrap_or_else(|why| Self::failed(why, guards(event))),
            _ if ran.is_cut => Self::failed(format!("it put out more than {} KiB", MOST_OUTPUT >> 10), guards(event)),
            _ => Self::failed("what it put out begins like JSON, and is none".into(), guards(event)),
        }
    }

    /// What its JSON says.
    fn said(event: Event, said: &Map<String, Value>) -> Result<Self, String> {
        let text = |table: &Map<String, Value>, name: &str| table.get(name).and_then(Value::as_str).map(short);
        let own = said.get("hookSpecificOutput").and_then(Value::as_object).cloned().unwrap_or_default();
        let reason = text(said, "reason").or_else(|| text(said, "stopReason"));
        let mut answer = Self {
            message: text(said, "systemMessage"),
            context: text(&own, "additionalContext").or_else(|| text(said, "additionalContext")),
            ..Self::default()
        };
        if said.get("continue").and_then(Value::as_bool) == Some(false) {
            answer.stop = Some(text(said, "stopReason").unwrap_or_else(|| "a hook stopped it".into()));
        }
        let why = |reason: Option<String>| reason.unwrap_or_else(|| "a hook decided so, and gave no reason".into());
        let decided = |word: &str, reason: Option<String>| match word {
            "allow" | "approve" => Ok(Decision::Allow(why(reason))),
            "ask" => Ok(Decision::Ask(why(reason))),
            "deny" | "block" => Ok(Decision::Deny(why(reason))),
            other => Err(format!("it decides `{}`, which means nothing here", short(other))),
        };
        if let Some(word) = said.get("decision").and_then(Value::as_str) {
            answer.decision = Some(decided(word, reason)?);
        }
        if let Some(word) = own.get("permissionDecision").and_then(Value::as_str) {
            let reason = text(&own, "permissionDecisionReason");
            answer.decision = stricter(answer.decision, Some(decided(word, reason)?));
        }
        if let Some(decision) = own.get("decision").and_then(Value::as_object) {
            let word = decision.get("behavior").and_then(Value::as_str).unwrap_or_default();
            answer.decision = stricter(answer.decision, Some(decided(word, text(decision, "message"))?));
            answer.input = decision.get("updatedInput").and_then(Value::as_object).cloned();
        }
        answer.input = answer.input.or_else(|| own.get("updatedInput").and_then(Value::as_object).cloned());
        if event == Event::UserPromptSubmit || !guards(event) {
            // There is nothing to ask about.
            answer.decision = answer.decision.filter(|decision| matches!(decision, Decision::Deny(_)));
        }
        Ok(answer)
    }
}

/// `text`, cut where it is long, with no control characters but line breaks.
fn short(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    codex_tools::cut(text, LONGEST)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
