//! Chat Completions (OpenAI's API reference, "Chat": the request and "The chat completion chunk object").

use serde_json::{Value, json};

use super::{Counts, Function, PIECE, Seen, Worded, elements, filler, pieces, texts};
use crate::script::Step;

/// How a message begins that stands for the pictures of tool results, which results themselves cannot hold here.
const PICTURES_OF_RESULTS: &str = "[Pictures of ";

/// What a request says.
pub(super) fn seen(body: &Value) -> Seen<'_> {
    let messages = elements(&body["messages"]);
    let is_user = |message: &&Value| message["role"] == "user" && !holds_pictures_only(message);
    let functions = elements(&body["tools"]).iter().map(|tool| &tool["function"]);
    Seen {
        users: messages.iter().filter(is_user).map(|message| paragraphs(&message["content"])).collect(),
        results: messages.iter().rev().take_while(|message| !is_user(message)).filter(is_result).count(),
        functions: functions
            .map(|function| Function {
                name: function["name"].as_str().unwrap_or_default(),
                parameters: &function["parameters"],
            })
            .collect(),
        offers_tools: !body["tools"].is_null(),
        conversation: body.get("messages"),
        wants_usage: body["stream_options"]["include_usage"] == true,
    }
}

fn is_result(message: &&Value) -> bool {
    message["role"] == "tool"
}

/// Whether a message of the user says nothing but what pictures tools returned.
fn holds_pictures_only(message: &Value) -> bool {
    let texts = texts(&message["content"]);
    !texts.is_empty() && texts.iter().all(|text| text.starts_with(PICTURES_OF_RESULTS))
}

/// The texts of a message: several that were said one after another stand in one, with an empty line between them.
fn paragraphs(content: &Value) -> Vec<&str> {
    texts(content).into_iter().flat_map(|text| std::iter::once(text).chain(text.split("\n\n"))).collect()
}

/// What OpenAI refuses: calls without their results right after them, results without a call, and pictures in other
/// messages than the user's.
pub(super) fn complaint(body: &Value) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    for (place, message) in elements(&body["messages"]).iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let Some(at) = open.iter().position(|call| *call == id) else {
                return Some(format!(
                    "messages[{place}] has role 'tool' but answers no preceding 'tool_calls': {id:?}"
                ));
            };
            open.remove(at);
        } else if !open.is_empty() {
            return Some(format!("messages[{place}]: these tool_call_ids have no response message: {open:?}"));
        }
        open.extend(elements(&message["tool_calls"]).iter().filter_map(|call| call["id"].as_str()));
        let is_text = |part: &Value| part["type"] == "text";
        if !matches!(role, "system" | "developer" | "user" | "assistant" | "tool") {
            return Some(format!("messages[{place}].role: {role:?} is not one of the roles"));
        }
        if role != "user" && !elements(&message["content"]).iter().all(is_text) {
            return Some(format!("messages[{place}]: pictures are allowed in messages of role 'user' only"));
        }
        if message["content"].is_null() && message["tool_calls"].is_null() {
            return Some(format!("messages[{place}]: neither content nor tool_calls"));
        }
    }
    (!open.is_empty()).then(|| format!("these tool_call_ids have no response message at the end: {open:?}"))
}

/// The events of an answer.
pub(super) fn events(step: &Step, number: usize, seen: &Seen) -> Vec<String> {
    let mut chunks = vec![json!({"role": "assistant", "content": ""})];
    let spoken =
        |name: &str, text: &str, size| pieces(text, size).map(|piece| json!({ name: piece })).collect::<Vec<_>>();
    if let Some(reasoning) = &step.reasoning {
        chunks.extend(spoken("reasoning_content", &reasoning.paragraphs().join("\n\n"), PIECE));
    }
    if let Some(text) = &step.text {
        chunks.extend(spoken("content", text, step.delta.unwrap_or(PIECE)));
    }
    if let Some(stream) = step.stream {
        chunks.extend(spoken("content", &filler(stream), stream.chunk));
    }
    let calls: Vec<(String, String)> = step
        .all_calls()
        .filter_map(|call| {
            Some(match seen.worded(&call)? {
                Worded::Function(name, arguments) => (name.to_owned(), arguments),
                // Here a freeform tool is a function, offered or not.
                Worded::Freeform(name, input) => (name.to_owned(), json!({ "input": input }).to_string()),
            })
        })
        .collect();
    for (index, (name, arguments)) in calls.iter().enumerate() {
        let of_call = |call: Value| json!({ "tool_calls": [call] });
        let function = json!({ "name": name, "arguments": "" });
        let id = format!("call_{number}_{index}");
        chunks.push(of_call(json!({ "index": index, "id": id, "type": "function", "function": function })));
        chunks.extend(
            pieces(arguments, PIECE)
                .map(|piece| of_call(json!({ "index": index, "function": { "arguments": piece } }))),
        );
    }
    let id = format!("chatcmpl-{number}");
    let mut texts: Vec<String> = chunks.iter().map(|delta| chunk(&id, delta, None)).collect();
    texts.extend(ending(step, &id, if calls.is_empty() { "stop" } else { "tool_calls" }, seen));
    texts
}

/// The events after all that was said.
fn ending(step: &Step, id: &str, reason: &str, seen: &Seen) -> Vec<String> {
    if let Some(failed) = &step.failed {
        return vec![sse(&json!({ "error": { "code": failed.code, "message": failed.message } }))];
    }
    let reason = match step.incomplete.as_deref() {
        Some("max_output_tokens") => "length",
        Some(other) => other,
        None => reason,
    };
    if step.malformed {
        return vec!["data: {\"choices\": [{\"delta\": {\"conte\n\n".to_owned()];
    }
    if step.incomplete.is_none() && (step.no_completion || step.hang) {
        return Vec::new();
    }
    let mut texts = vec![chunk(id, &json!({}), Some(reason))];
    if seen.wants_usage {
        let Counts { input, cached, output, reasoning } = Counts::of(step);
        let usage = json!({
            "prompt_tokens": input, "prompt_tokens_details": { "cached_tokens": cached },
            "completion_tokens": output, "completion_tokens_details": { "reasoning_tokens": reasoning },
            "total_tokens": input + output,
        });
        let object = "chat.completion.chunk";
        texts.push(sse(&json!({ "id": id, "object": object, "model": "mock", "choices": [], "usage": usage })));
    }
    texts.push("data: [DONE]\n\n".to_owned());
    texts
}

fn chunk(id: &str, delta: &Value, finish_reason: Option<&str>) -> String {
    let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish_reason });
    sse(&json!({ "id": id, "object": "chat.completion.chunk", "model": "mock", "choices": [choice] }))
}

fn sse(event: &Value) -> String {
    format!("data: {event}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_refused_as_by_a_vendor() {
        let user = || json!({ "role": "user", "content": "go" });
        let calls = |ids: &[&str]| {
            let calls: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
            json!({ "role": "assistant", "content": null, "tool_calls": calls })
        };
        let result = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": "done" });
        let picture = |role: &str| json!({ "role": role, "content": [{ "type": "image_url" }] });
        let table = [
            (vec![user()], None),
            (vec![user(), calls(&["1", "2"]), result("2"), result("1"), user()], None),
            (vec![user(), calls(&["1", "2"]), result("1"), user(), result("2")], Some("messages[3]")),
            (vec![user(), calls(&["1"])], Some("at the end: [\"1\"]")),
            (vec![user(), result("1")], Some("no preceding")),
            (vec![user(), calls(&["1"]), result("1"), result("1")], Some("no preceding")),
            (vec![picture("user")], None),
            (vec![picture("assistant")], Some("pictures")),
            (vec![json!({ "role": "bot", "content": "x" })], Some("roles")),
            (vec![json!({ "role": "assistant" })], Some("neither")),
        ];
        for (messages, expected) in table {
            let complaint = complaint(&json!({ "messages": messages }));
            let fits = match (&complaint, expected) {
                (Some(complaint), Some(words)) => complaint.contains(words),
                (None, None) => true,
                _ => false,
            };
            assert!(fits, "{expected:?}: {complaint:?}");
        }
    }

    #[test]
    fn pictures_of_results_are_no_turn_of_the_user() {
        let user = json!({ "role": "user", "content": "first\n\nsecond" });
        let result = json!({ "role": "tool", "content": "x" });
        let pictures = json!({ "role": "user", "content": [
            { "type": "text", "text": "[Pictures of the result of view_image]" }, { "type": "image_url" },
        ] });
        let body = json!({ "messages": [user, result, pictures, result] });
        let seen = seen(&body);
        assert_eq!((seen.users.len(), seen.results), (1, 2));
        assert!(seen.users[0].contains(&"second") && seen.users[0].contains(&"first"));
    }
}
