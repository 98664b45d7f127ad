//! Parameters that a server refuses: which one an error means, and a request without it.
//!
//! Only what a conversation can do without is left out: never tools, what is said, what an answer is held to, or `store = false`,
//! without which some servers keep what was said.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use bytes::Bytes;
use serde_json::value::RawValue;

use super::vendor_error::VendorError;

/// Names of parameters, by their paths in a request.
pub(super) type LeftOut = BTreeSet<&'static str>;

/// What may be left out. Members come before the object that they are in: what is refused may be one of them alone.
const PARAMETERS: [&str; 14] = [
    "reasoning.summary",
    "reasoning.effort",
    "text.verbosity",
    "reasoning",
    "reasoning_effort",
    "temperature",
    "verbosity",
    "include",
    "parallel_tool_calls",
    "stream_options",
    "prompt_cache_key",
    "service_tier",
    "thinking",
    "output_config",
];

/// How servers say that they do not take something, in small letters.
const REFUSALS: [&str; 16] = [
    "unsupported parameter",
    "unsupported value",
    "unsupported_parameter",
    "not supported",
    "unsupported",
    "does not support",
    "doesn't support",
    "unknown parameter",
    "unknown field",
    "unknown name",
    "unrecognized",
    "unexpected",
    "extra inputs are not permitted",
    "extra fields not permitted",
    "not allowed",
    "must be verified",
];

/// How servers say that another value would do, in small letters: that is for whoever has set it.
const OTHER_VALUES: [&str; 4] = ["supported values are", "must be one of", "should be one of", "expected one of"];

/// What stands right before the name of a parameter, in small letters.
const BEFORE_NAMES: [&str; 7] =
    ["argument supplied:", "arguments supplied:", "parameter:", " name", " name:", " field", " field:"];

/// An object that may also hold an answer to a schema, and the member that does.
const HOLDS: (&str, &str) = ("output_config", "format");

/// The parameter of `body` that the server refused, if that is what the error says.
pub(super) fn refused(status: u16, error: &VendorError, body: &[u8]) -> Option<&'static str> {
    let said = error.message.as_deref().unwrap_or_default();
    let message = said.to_lowercase();
    let code = error.code.as_str().unwrap_or_default();
    let has_code = ["unsupported_parameter", "unsupported_value", "unknown_parameter"].contains(&code);
    let refuses = has_code || REFUSALS.iter().any(|words| message.contains(words));
    if !matches!(status, 400 | 422) || !refuses || OTHER_VALUES.iter().any(|words| message.contains(words)) {
        return None;
    }
    let sent: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(body).ok()?;
    let has = |object: &str, member: &str| {
        sent.get(object).is_some_and(|object| {
            serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(object.get())
                .is_ok_and(|it| it.contains_key(member))
        })
    };
    let is_sent = |path: &str| match path.split_once('.') {
        None => sent.contains_key(path) && !(path == HOLDS.0 && has(HOLDS.0, HOLDS.1)),
        Some((object, member)) => has(object, member),
    };
    let named = error.param.as_str().filter(|name| !name.is_empty());
    let is_named = |path: &str| match named {
        Some(name) => name == path || camel_case(path).is_some_and(|path| name == path),
        None => names(&message, path) || camel_case(path).is_some_and(|name| has_word(said, &name)),
    };
    PARAMETERS.into_iter().find(|path| is_named(path) && is_sent(path))
}

/// A name of several words as those servers say it that are written so.
fn camel_case(name: &str) -> Option<String> {
    let mut words = name.split('_');
    let first = words.next().filter(|first| first.len() < name.len())?;
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    Some(first.to_owned() + &words.map(capital).collect::<String>())
}

/// Whether `text` has this word, which is none of any language.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|it| it == word)
}

/// Whether `text` means the parameter `name` where it has that word: many are words of any sentence.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        let is_quoted = ['\'', '"', '`'].into_iter().any(|quote| before.ends_with(quote) && after.starts_with(quote));
        let goes_on =
            after.trim_start_matches('.').starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-'));
        let is_subject = before.trim().is_empty() && [":", " is not "].iter().any(|it| after.starts_with(it));
        let is_announced =
            before.ends_with([' ', ':']) && BEFORE_NAMES.iter().any(|it| before.trim_end().ends_with(it));
        is_quoted || is_subject || (is_announced && !goes_on)
    })
}

/// `body` without these parameters.
pub(super) fn without(body: Bytes, parameters: &LeftOut) -> Bytes {
    if parameters.is_empty() {
        return body;
    }
    match cut(&body, parameters.iter().copied()) {
        Some(less) => less.into(),
        None => body,
    }
}

/// `None` if it is no object.
fn cut<'a>(object: &[u8], paths: impl Iterator<Item = &'a str>) -> Option<Vec<u8>> {
    let mut members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(object).ok()?;
    let mut smaller: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
    for path in paths {
        let Some((name, member)) = path.split_once('.') else {
            members.remove(path);
            continue;
        };
        let now = smaller.get(name).map(|it| &**it).or_else(|| members.get(name).copied());
        let less = now.and_then(|it| cut(it.get().as_bytes(), std::iter::once(member)));
        let less = less.and_then(|less| RawValue::from_string(String::from_utf8(less).ok()?).ok());
        smaller.extend(less.map(|less| (name, less)));
    }
    for (name, value) in &smaller {
        if let Some(place) = members.get_mut(*name) {
            *place = value;
        }
    }
    // An object without members says nothing, and some servers refuse it.
    members.retain(|name, value| !smaller.contains_key(&**name) || value.get() != "{}");
    serde_json::to_vec(&members).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn meant(error: Value, body: &Value) -> Option<&'static str> {
        refused(400, &serde_json::from_value(error).unwrap(), body.to_string().as_bytes())
    }

    /// As vendors word it.
    #[test]
    fn what_is_refused_is_found_and_nothing_else() {
        let body = json!({ "temperature": 1, "reasoning": { "summary": "auto" }, "store": false, "stream_options": {},
            "parallel_tool_calls": true, "reasoning_effort": "low", "verbosity": "low", "include": [], "thinking": {},
            "tools": [], "messages": [] });
        let say = |message: &str| json!({ "message": message });
        for (error, expected) in [
            (
                json!({ "param": "temperature", "code": "unsupported_value", "message":
                    "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is supported." }),
                Some("temperature"),
            ),
            (
                json!({ "param": "reasoning.summary", "code": "unsupported_value",
                    "message": "Your organization must be verified to generate reasoning summaries." }),
                Some("reasoning.summary"),
            ),
            (say("Unrecognized request argument supplied: reasoning_effort"), Some("reasoning_effort")),
            (say("Unsupported parameter: 'reasoning' is not supported with this model."), Some("reasoning")),
            (say("stream_options: Extra inputs are not permitted"), Some("stream_options")),
            (say("Unknown name \"parallel_tool_calls\": Cannot find field."), Some("parallel_tool_calls")),
            (say("`verbosity` is not supported"), Some("verbosity")),
            (say("Unknown field: temperature."), Some("temperature")),
            (say("Argument not supported on this model: reasoningEffort"), Some("reasoning_effort")),
            (say("Model x does not support parameter reasoningEffort."), Some("reasoning_effort")),
            (json!({ "param": "parallelToolCalls", "message": "Unknown parameter." }), Some("parallel_tool_calls")),
            (say("Argument not supported on this model: reasoningEffortless"), None),
            (json!({ "param": "store", "message": "Unknown parameter: 'store'." }), None),
            (json!({ "code": "unknown_parameter", "message": "Unknown parameter: 'store'." }), None),
            (say("parallel_tool_calls is not supported."), Some("parallel_tool_calls")),
            // What was not sent, or may not be left out, or was only set wrong.
            (say("Unsupported parameter: 'service_tier'"), None),
            (say("tools is not supported"), None),
            (say("temperature: must be at most 1"), None),
            (say("reasoning_effort does not support 'x'. Supported values are: 'low'"), None),
            (say("this restored model is not supported"), None),
            // Words that are names of parameters too; `store` keeps a conversation from being kept.
            (say("Unsupported content: this model does not accept images; do not include or store pictures."), None),
            (say("Unexpected role 'tool': thinking and reasoning come first, whatever the temperature"), None),
            (say("The model name thinking-large is not supported"), None),
            (say("Unknown name \"store\": Cannot find field."), None),
            (json!({ "param": "messages", "message": "Unsupported: temperature" }), None),
            (json!({}), None),
        ] {
            assert_eq!(meant(error.clone(), &body), expected, "{error}");
        }
        let refusal = || say("output_config: Extra inputs are not permitted");
        assert_eq!(meant(refusal(), &json!({ "output_config": { "effort": "low" } })), Some("output_config"));
        assert_eq!(meant(refusal(), &json!({ "output_config": { "effort": "low", "format": {} } })), None);
        assert_eq!(
            refused(
                500,
                &VendorError { message: Some("temperature is not supported".into()), ..Default::default() },
                b"{\"temperature\":1}"
            ),
            None
        );
    }

    #[test]
    fn a_request_goes_on_without_it() {
        let body = json!({ "a": [1.50, "é"], "reasoning": { "summary": "auto", "effort": "low" }, "store": false });
        let left = |paths: &[&'static str]| -> Value {
            let body = Bytes::from(body.to_string());
            serde_json::from_slice(&without(body, &paths.iter().copied().collect())).unwrap()
        };
        assert_eq!(left(&["store"]), json!({ "a": [1.50, "é"], "reasoning": { "summary": "auto", "effort": "low" } }));
        assert_eq!(
            left(&["reasoning.summary", "store"]),
            json!({ "a": [1.50, "é"], "reasoning": { "effort": "low" } })
        );
        assert_eq!(left(&["reasoning.summary", "reasoning.effort", "store"]), json!({ "a": [1.50, "é"] }));
        assert_eq!(left(&["reasoning", "reasoning.effort"]), json!({ "a": [1.50, "é"], "store": false }));
        assert_eq!(left(&["verbosity"]), body);
    }
}
