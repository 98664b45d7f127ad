//! What the scripted server is to answer, as data.
//!
//! A script is a list of steps; each request is answered by one. Unknown keys are errors: a misspelt one would make a
//! test pass for the wrong reason.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::wires::{Seen, Wire};

/// The answers of a server.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// How the step for a request is found.
    pub pick: Pick,
    /// Served first, once each, however the others are picked: troubles on the way to the steps.
    pub faults: Vec<Step>,
    /// The answers. When they are used up, the answer is the text `Done.`
    pub steps: Vec<Step>,
    /// Answers of their own, in order, to the requests in which a message of the user is exactly this: sessions that run
    /// beside the others.
    pub sessions: BTreeMap<String, Vec<Step>>,
    /// The answer to each request that offers no tools: one to sum the conversation up.
    pub summary: Option<Box<Step>>,
    /// Tokens that the input of a request may have; a longer one is refused in the vendor's words. A token is four bytes
    /// of JSON here, and the usage of each answer says so.
    pub window: Option<usize>,
    /// What the server says of itself, by path, such as `/props`: JSON, whoever asks and with whatever method.
    pub pages: BTreeMap<String, Value>,
}

/// How the step for a request is found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pick {
    /// The next step for each request.
    #[default]
    Request,
    /// By how many tool results follow the last user message in the request. The server keeps no state then, so one
    /// script serves many sessions, and resumed ones. A step with several calls takes as many results.
    Results,
    /// By how many user messages the request has, over and over: no two turns of a session that follow one another are
    /// answered alike, and the server keeps no state.
    Users,
}

/// One answer. Text, reasoning and calls may be combined; they come in the order reasoning, text, calls.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// A message with this text.
    pub text: Option<String>,
    /// Bytes of `text` per delta.
    pub delta: Option<usize>,
    /// A reasoning item before it.
    pub reasoning: Option<Reasoning>,
    /// A call of this function, with `arguments`.
    pub tool: Option<String>,
    /// The arguments of `tool`: an object, or a string that is sent as it is.
    pub arguments: Option<Value>,
    /// A call of this freeform tool, with `input`. Worded as a function call if the request offers it as one.
    pub custom: Option<String>,
    /// The input of `custom`.
    pub input: Option<String>,
    /// A call of the shell tool that the request offers, with this command line: for scripts that drive more than one
    /// agent.
    pub shell: Option<String>,
    /// Several calls in one answer.
    pub calls: Vec<Call>,
    /// A message of filler text, in deltas of a given size.
    pub stream: Option<Filler>,
    /// An answer with this HTTP status, `headers` and `body`, and no events.
    pub http: Option<u16>,
    /// Headers of any answer.
    pub headers: BTreeMap<String, String>,
    /// The body of an `http` answer; by default an error object.
    pub body: Option<String>,
    /// Breaks the connection within the answer.
    pub drop: Option<Cut>,
    /// Begins an answer and then says nothing until the client goes away.
    pub hang: bool,
    /// Sent instead of events, as it is, on whichever wire. Shared, not copied, by all answers.
    pub raw: Option<Bytes>,
    /// The events as each wire words them, written out beforehand; see [`Step::rendered`].
    #[serde(skip)]
    pub written: BTreeMap<Wire, Bytes>,
    /// Ends the events with one that is not JSON.
    pub malformed: bool,
    /// Leaves out the event that says that the answer is complete, ending it early but properly.
    pub no_completion: bool,
    /// Ends with an error.
    pub failed: Option<Failed>,
    /// Ends cut short, for this reason in the words of the Responses API.
    pub incomplete: Option<String>,
    /// What the answer cost: `usage` in the words of the Responses API.
    pub usage: Option<Value>,
    /// Sends the answer in pieces of this many bytes.
    pub chunk: Option<usize>,
    /// Waits so many milliseconds after each of these pieces. For whoever measures; no test may depend on it.
    pub pause_ms: Option<u64>,
}

/// A reasoning item: its summary as one text, or in full.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Reasoning {
    /// One paragraph, and sealed content made up by the server.
    Summary(String),
    /// Everything.
    Full {
        /// Paragraphs.
        summary: Vec<String>,
        /// The sealed content.
        encrypted: Option<String>,
    },
}

/// A tool call among several.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Call {
    /// As in [`Step`].
    pub tool: Option<String>,
    /// As in [`Step`].
    pub arguments: Option<Value>,
    /// As in [`Step`].
    pub custom: Option<String>,
    /// As in [`Step`].
    pub input: Option<String>,
    /// As in [`Step`].
    pub shell: Option<String>,
}

/// Filler text.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filler {
    /// How much text.
    pub bytes: usize,
    /// Bytes per delta.
    pub chunk: usize,
}

/// Where the connection breaks.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// After this many events.
    AfterEvents(usize),
    /// After this many bytes of the body.
    AtByte(usize),
}

/// An error in the vendor's words.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// Such as `rate_limit_exceeded`.
    pub code: String,
    /// For people.
    pub message: String,
}

impl From<Vec<Step>> for Script {
    fn from(steps: Vec<Step>) -> Self {
        Self { steps, ..Self::default() }
    }
}

impl Script {
    /// A script from JSON, as tests write it with `json!`: a script, or only its list of steps.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn from_value(value: Value) -> Result<Self, String> {
        let script = if value.is_array() {
            serde_json::from_value::<Vec<Step>>(value).map(Self::from)
        } else {
            serde_json::from_value(value)
        };
        script.map_err(|error| format!("not a script: {error}"))
    }

    /// The session with answers of its own that a request belongs to; empty if it is none.
    pub(crate) fn session_of(&self, seen: &Seen) -> &str {
        let said = |name: &&String| seen.users.iter().flatten().any(|text| *text == name.as_str());
        self.sessions.keys().find(said).map_or("", String::as_str)
    }

    /// The step for a request of `session`, of whose requests `earlier` were answered before.
    pub(crate) fn step(&self, session: &str, earlier: usize, seen: &Seen) -> Step {
        if let Some(steps) = self.sessions.get(session) {
            return steps.get(earlier).cloned().unwrap_or_else(done);
        }
        if let Some(fault) = self.faults.get(earlier) {
            return fault.clone();
        }
        let Some(window) = self.window else { return self.picked(earlier, seen) };
        let tokens = seen.tokens();
        if tokens > window {
            let message = format!("This model's maximum context length is {window} tokens, and you sent {tokens}.");
            return Step::refusal("context_length_exceeded", &message);
        }
        let picked = self.picked(earlier, seen);
        let said = picked.text.as_ref().map_or(0, String::len) + picked.stream.map_or(0, |filler| filler.bytes);
        let output = 10 + said / 4;
        let usage = json!({ "input_tokens": tokens, "output_tokens": output, "total_tokens": tokens + output });
        Step { usage: Some(usage), ..picked }
    }

    /// The step by the order of requests, or by what the request says.
    fn picked(&self, earlier: usize, seen: &Seen) -> Step {
        if let Some(summary) = self.summary.as_ref().filter(|_| !seen.offers_tools) {
            return Step::clone(summary);
        }
        let step = match self.pick {
            Pick::Request => self.steps.get(earlier - self.faults.len()),
            Pick::Results => self.step_by_results(seen.results),
            Pick::Users => self.steps.get(seen.users.len() % self.steps.len().max(1)),
        };
        step.cloned().unwrap_or_else(done)
    }

    fn step_by_results(&self, results: usize) -> Option<&Step> {
        let mut seen = 0;
        self.steps.iter().find(|step| {
            let fits = seen == results;
            seen += step.all_calls().count();
            fits
        })
    }
}

impl Step {
    /// A request that is wrong, in the vendor's words.
    pub(crate) fn refusal(code: &str, message: &str) -> Self {
        let error = json!({ "error": { "code": code, "message": message } });
        Self { http: Some(400), body: Some(error.to_string()), ..Self::default() }
    }

    /// The calls, whichever way they were written.
    pub(crate) fn all_calls(&self) -> impl Iterator<Item = Call> {
        let own = Call {
            tool: self.tool.clone(),
            arguments: self.arguments.clone(),
            custom: self.custom.clone(),
            input: self.input.clone(),
            shell: self.shell.clone(),
        };
        let own = (own.tool.is_some() || own.custom.is_some() || own.shell.is_some()).then_some(own);
        own.into_iter().chain(self.calls.iter().cloned())
    }
}

fn done() -> Step {
    Step { text: Some("Done.".into()), ..Step::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wires::Wire;

    fn seen(body: &Value) -> Seen<'_> {
        Wire::Responses.seen(body)
    }

    fn script(value: Value) -> Script {
        Script::from_value(value).unwrap()
    }

    #[test]
    fn steps_by_users_come_again() {
        let script = script(json!({"pick": "users", "steps": [{"text": "zero"}, {"text": "one"}]}));
        for (users, expected) in [(0, "zero"), (1, "one"), (2, "zero"), (3, "one")] {
            let items = vec![json!({"role": "user"}); users];
            assert_eq!(
                script.step("", 9, &seen(&json!({ "input": items }))).text.as_deref(),
                Some(expected),
                "{users}"
            );
        }
    }

    #[test]
    fn steps_by_request_and_faults_first() {
        let script = script(json!({"faults": [{"http": 500}], "steps": [{"text": "one"}]}));
        assert_eq!(script.step("", 0, &Seen::default()).http, Some(500));
        assert_eq!(script.step("", 1, &Seen::default()).text.unwrap(), "one");
        assert_eq!(script.step("", 2, &Seen::default()).text.unwrap(), "Done.");
    }

    #[test]
    fn steps_by_results_survive_a_new_session() {
        let script = script(json!({"pick": "results", "steps": [
            {"calls": [{"tool": "a"}, {"tool": "b"}]}, {"custom": "c", "input": "x"}, {"text": "end"},
        ]}));
        let result = json!({"type": "function_call_output"});
        let user = json!({"type": "message", "role": "user"});
        let developer = json!({"type": "message", "role": "developer"});
        for (input, expected) in [
            (vec![&user], "calls"),
            (vec![&user, &result, &result], "custom"),
            (vec![&user, &result, &result, &developer, &result], "end"),
            (vec![&user, &result, &result, &result, &user], "calls"),
        ] {
            let step = script.step("", 7, &seen(&json!({"input": input})));
            let found = match &step {
                Step { custom: Some(_), .. } => "custom",
                Step { text: Some(text), .. } => text,
                _ => "calls",
            };
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn sessions_have_answers_of_their_own() {
        let script = script(json!({"steps": [{"text": "main"}], "sessions": {"task": [{"text": "own"}]}}));
        let said = |text: &str| json!({"input": [{"role": "user", "content": [{"text": "x"}, {"text": text}]}]});
        let answer =
            |body: &Value, earlier| script.step(script.session_of(&seen(body)), earlier, &seen(body)).text.unwrap();
        assert_eq!(answer(&said("task"), 0), "own");
        assert_eq!(answer(&said("task"), 1), "Done.");
        assert_eq!(answer(&said("a task"), 0), "main");
    }

    #[test]
    fn a_request_without_tools_is_for_a_summary_and_a_long_one_is_refused() {
        let script = script(json!({ "window": 100, "summary": { "text": "sum" }, "steps": [{ "text": "one" }] }));
        let body = |bytes: usize, tools: Value| json!({ "input": ["x".repeat(bytes)], "tools": tools });
        let table = [
            (body(100, json!([])), Some("one"), None, 26),
            (body(100, Value::Null), Some("sum"), None, 26),
            (body(400, json!([])), None, Some(400), 101),
        ];
        for (body, text, http, tokens) in table {
            let step = script.step("", 0, &seen(&body));
            assert_eq!((step.text.as_deref(), step.http, seen(&body).tokens()), (text, http, tokens));
            assert!(http.is_some() || step.usage.unwrap()["input_tokens"] == tokens);
        }
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        assert!(Script::from_value(json!([{"txt": "x"}])).is_err());
        assert!(Script::from_value(json!({"pick": "random"})).is_err());
    }
}
