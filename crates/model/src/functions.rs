//! Tools as functions with JSON arguments, which is how all wires have them: what they share about that.
//!
//! A freeform tool is a function of one text here, [`INPUT`]; what comes back is the text again.

use std::{
    borrow::Cow,
    hash::{BuildHasher, RandomState},
};

use codex_history::{Arguments, ToolInput, ToolSpec};
use serde_json::{Value, json};

/// The one property of a freeform tool that is offered as a function.
const INPUT: &str = "input";

/// A tool as a function.
pub(crate) struct Function<'a> {
    /// What it is called.
    pub(crate) name: &'a str,
    /// What the model reads about it.
    pub(crate) description: Cow<'a, str>,
    /// JSON Schema of its arguments.
    pub(crate) parameters: Cow<'a, Value>,
}

impl<'a> Function<'a> {
    /// `spec` as a function; `None` if it is one that the vendor runs itself.
    pub(crate) fn of(spec: &'a ToolSpec) -> Option<Self> {
        let ToolSpec { name, description, input } = spec;
        let (description, parameters) = match input {
            ToolInput::Json { schema } => (Cow::Borrowed(description.as_str()), Cow::Borrowed(schema)),
            ToolInput::Freeform { lark_grammar } => {
                let description = format!("{description}\n\nThe grammar of `{INPUT}`, in Lark:\n{lark_grammar}");
                let parameters = json!({
                    "type": "object",
                    "properties": {INPUT: {"type": "string"}},
                    "required": [INPUT],
                    "additionalProperties": false,
                });
                (Cow::Owned(description), Cow::Owned(parameters))
            }
            ToolInput::WebSearch { .. } => return None,
        };
        Some(Self { name: &**name, description, parameters })
    }
}

/// The arguments of a freeform call, as those of a function.
pub(crate) fn of_text(input: &str) -> String {
    json!({ INPUT: input }).to_string()
}

/// What the function `name` was called with; the text itself if it stands for one of the freeform `tools`.
pub(crate) fn arguments(tools: &[ToolSpec], name: &str, text: String) -> Arguments {
    let freeform = |spec: &ToolSpec| spec.name == name && matches!(spec.input, ToolInput::Freeform { .. });
    if !tools.iter().any(freeform) {
        return Arguments::Json(text);
    }
    let mut object: Value = serde_json::from_str(&text).unwrap_or_default();
    match object.get_mut(INPUT).map(Value::take) {
        Some(Value::String(input)) => Arguments::Freeform(input),
        // Not as agreed: the tool gets to see it, and will tell the model what is wrong.
        _ => Arguments::Json(text),
    }
}

/// An id for a call that came without one. At random, since it must differ from those of earlier answers.
pub(crate) fn made_up_id() -> String {
    format!("call_{:016x}", RandomState::new().hash_one(()))
}
