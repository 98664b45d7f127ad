//! What stands in a cassette: JSON objects, one after another. `docs/cassettes.md` describes them.

use std::collections::BTreeMap;

use codex_history::{AssistantPart, Usage};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{Failure, Options, StreamEvent};

/// The format that is written, and the only one that is read.
pub(super) const FORMAT: u32 = 1;
/// Stands for any text, for any value, and among messages for any number of them.
pub(super) const ANY: &str = "⟨any⟩";
/// The member in which a text of several lines is a list of them.
const LINES: &str = "lines";
/// The member of a message's part that a wire has sealed: nothing in it is read or changed.
const SEALED: &str = "opaque";

/// Who is asked, and how much it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Facts {
    /// Name of the provider.
    pub provider: String,
    /// Model id, as the provider calls it.
    pub model: String,
    /// How it answers.
    #[serde(default)]
    pub options: Options,
    /// Tokens that fit into one request, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// Of how many tokens on a conversation is summed up; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compact_at: Option<u64>,
}

/// The first object.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Header {
    /// [`FORMAT`].
    pub(super) cassette: u32,
    /// What wrote it.
    pub(super) program: String,
    #[serde(rename = "ask")]
    pub(super) facts: Facts,
}

/// A request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Asked {
    /// Its number, from 1.
    pub(super) request: u64,
    /// When it was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<String>,
    /// Number of the thread that made it, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) thread: Option<u64>,
    /// Number of the request that it goes on from: what was said there, and its answer, come before `messages`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<u64>,
    /// What else it says, as far as `after` did not say the same.
    #[serde(default, skip_serializing_if = "Terms::is_empty")]
    pub(super) terms: Terms,
    /// What was said since; as in a journal.
    pub(super) messages: Vec<Value>,
}

/// What a request says besides the conversation. What is not given is not compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Terms {
    /// Model id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    /// How it is to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) options: Option<Value>,
    /// The tools on offer, each with a digest of what is said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tools: Option<BTreeMap<String, String>>,
    /// JSON Schema of the answer's text; `false` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_schema: Option<Value>,
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Answered {
    /// Number of the request.
    pub(super) answer: u64,
    /// What came before the end, where the end does not say so already; texts in one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<Vec<StreamEvent>>,
    /// How it ended.
    pub(super) end: End,
}

/// How an answer ended.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum End {
    /// It is whole.
    Completed {
        /// All of it.
        content: Vec<AssistantPart>,
        /// What it cost.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<Usage>,
    },
    /// There was none.
    Failed(Failure),
    /// Nobody waited for the rest: the turn was interrupted.
    Cut {},
}

/// An object that was read.
#[derive(Debug)]
pub(super) enum Object {
    Header(Header),
    Asked(Asked),
    /// As it stands in the file, for places to be put in; its form has been checked.
    Answered(u64, Value),
}

impl Terms {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and what `before` says where they say nothing.
    pub(super) fn or(self, before: &Self) -> Self {
        Self {
            model: self.model.or_else(|| before.model.clone()),
            options: self.options.or_else(|| before.options.clone()),
            tools: self.tools.or_else(|| before.tools.clone()),
            output_schema: self.output_schema.or_else(|| before.output_schema.clone()),
        }
    }

    /// What of these `before` does not say.
    pub(super) fn beyond(&self, before: &Self) -> Self {
        fn other<T: Clone + PartialEq>(now: &Option<T>, before: &Option<T>) -> Option<T> {
            now.clone().filter(|_| now != before)
        }
        Self {
            model: other(&self.model, &before.model),
            options: other(&self.options, &before.options),
            tools: other(&self.tools, &before.tools),
            output_schema: other(&self.output_schema, &before.output_schema),
        }
    }
}

/// An object as it is written.
pub(super) fn written(object: &impl Serialize) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(object)?;
    fold(&mut value);
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

/// All objects of `text`. One that was cut off at the end is left out: what wrote it was killed.
///
/// # Errors
/// What is wrong, and in which line.
pub(super) fn read(text: &str) -> Result<Vec<Object>, String> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut objects = Vec::new();
    loop {
        let from = values.byte_offset();
        let blanks = text[from..].len() - text[from..].trim_start().len();
        let line = text[..from + blanks].matches('\n').count() + 1;
        match values.next() {
            None => break,
            Some(Err(error)) if error.is_eof() => break,
            Some(Err(error)) => return Err(error.to_string()),
            Some(Ok(mut value)) => {
                unfold(&mut value);
                objects.push(object(value).map_err(|error| format!("the object in line {line}: {error}"))?);
            }
        }
    }
    Ok(objects)
}

fn object(value: Value) -> Result<Object, String> {
    fn typed<T: DeserializeOwned>(value: Value) -> Result<T, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }
    let has = |name| value.get(name).is_some();
    if has("cassette") {
        // Before anything else: of another format nothing is known.
        if value["cassette"] != FORMAT {
            return Err(format!("its format is {}, and this program reads {FORMAT}", value["cassette"]));
        }
        typed(value).map(Object::Header)
    } else if has("request") {
        typed(value).map(Object::Asked)
    } else if has("answer") {
        let answered: Answered = typed(value.clone())?;
        Ok(Object::Answered(answered.answer, value))
    } else {
        Err("it has none of the members `cassette`, `request` and `answer`".into())
    }
}

/// Applies `change` to each text in `value`, but not to what is sealed.
pub(super) fn each_text(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(values) => values.iter_mut().for_each(|value| each_text(value, change)),
        Value::Object(members) => {
            members.iter_mut().filter(|(name, _)| *name != SEALED).for_each(|(_, value)| each_text(value, change));
        }
        _ => {}
    }
}

/// Takes out what is sealed: whoever compares can make nothing of it.
pub(super) fn unseal(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(unseal),
        Value::Object(members) => {
            members.shift_remove(SEALED);
            members.values_mut().for_each(unseal);
        }
        _ => {}
    }
}

/// Makes a list of lines of each text that has several.
fn fold(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\n') => *value = json!({ LINES: text.split('\n').collect::<Vec<_>>() }),
        Value::Array(values) => values.iter_mut().for_each(fold),
        Value::Object(members) => {
            members.iter_mut().filter(|(name, _)| *name != SEALED).for_each(|(_, value)| fold(value));
        }
        _ => {}
    }
}

/// The other way.
fn unfold(value: &mut Value) {
    if let Some(text) = value.as_object().and_then(joined) {
        *value = text.into();
        return;
    }
    match value {
        Value::Array(values) => values.iter_mut().for_each(unfold),
        Value::Object(members) => {
            members.iter_mut().filter(|(name, _)| *name != SEALED).for_each(|(_, value)| unfold(value));
        }
        _ => {}
    }
}

fn joined(members: &Map<String, Value>) -> Option<String> {
    let lines = members.get(LINES).filter(|_| members.len() == 1)?.as_array()?;
    let lines: Option<Vec<&str>> = lines.iter().map(Value::as_str).collect();
    lines.map(|lines| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_several_lines_are_lists_and_what_is_sealed_stays() {
        let sealed = json!({ "wire": "responses", "value": { "x": "a\nb", "lines": ["a"] } });
        for value in [
            json!("one"),
            json!("a\nb"),
            json!("\n"),
            json!([{ "text": "a\n\nb\n", "opaque": sealed }, 1, null]),
            json!({ "lines": [1] }),
        ] {
            let mut folded = value.clone();
            fold(&mut folded);
            assert!(!folded.to_string().replace("{\"x\":\"a\\nb\"", "").contains("\\n"), "{folded}");
            unfold(&mut folded);
            assert_eq!(folded, value);
        }
    }

    #[test]
    fn what_is_no_cassette_is_told_with_its_place() {
        let header = "{\"cassette\": 1, \"program\": \"codex\", \"ask\": {\"provider\": \"p\", \"model\": \"m\"}}\n";
        let asked = "{\n\"request\": 1,\n\"messages\": []\n}\n";
        let table = [
            ("{\"cassette\": 2}", Err("the object in line 1: its format is 2, and this program reads 1")),
            ("{\"x\": 1}", Err("the object in line 1: it has none of the members `cassette`, `request` and `answer`")),
            ("{\"request\": 1, \"message\": []}", Err("the object in line 1: unknown field `message`")),
            ("not JSON", Err("expected ident at line 1 column 2")),
            ("{\"answer\": 1, \"end\": \"cut\"}", Err("the object in line 1: ")),
            ("{\"answer\": 1, \"end\": {\"cut\": {}}}", Ok(1)),
            ("{\"answer\": 1, \"end\": {\"cut\": {}}", Ok(0)),
            ("", Ok(0)),
        ];
        for (text, expected) in table {
            let whole = format!("{text}\n");
            match (read(&whole), expected) {
                (Ok(objects), Ok(count)) => assert_eq!(objects.len(), count, "{text}"),
                (Err(error), Err(beginning)) => assert!(error.starts_with(beginning), "{error}"),
                (result, expected) => panic!("{text}: {result:?}, not {expected:?}"),
            }
        }
        let wrong = format!("{header}{asked}{{\"request\": 2}}");
        assert_eq!(read(&wrong).unwrap_err(), "the object in line 6: missing field `messages`");
    }
}
