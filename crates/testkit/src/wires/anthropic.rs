//! Anthropic's Messages API (its reference: "Create a Message", "Streaming messages").

use serde_json::{Value, json};

use super::{Counts, Function, PIECE, Seen, Worded, elements, filler, pieces};
use crate::script::{Reasoning, Step};

/// How a text begins that the program says in the user's place, since the API has no other place for it there.
const OF_THE_PROGRAM: &str = "<instructions>";

/// What a request says.
pub(super) fn seen(body: &Value) -> Seen<'_> {
    let messages = elements(&body["messages"]);
    let users = messages.iter().filter(|message| message["role"] == "user");
    let said = users.clone().map(|message| spoken(&message["content"])).filter(|texts| !texts.is_empty());
    let blocks = users.flat_map(|message| elements(&message["content"]));
    let results = blocks.fold(0, |results, block| match block["type"].as_str() {
        Some("tool_result") => results + 1,
        Some("text") if !is_of_program(block) => 0,
        _ => results,
    });
    Seen {
        users: said.collect(),
        results,
        functions: elements(&body["tools"])
            .iter()
            .map(|tool| Function { name: tool["name"].as_str().unwrap_or_default(), parameters: &tool["input_schema"] })
            .collect(),
        offers_tools: !body["tools"].is_null() && body["tool_choice"]["type"] != "none",
        conversation: body.get("messages"),
        wants_usage: true,
    }
}

fn is_of_program(block: &Value) -> bool {
    block["text"].as_str().is_some_and(|text| text.starts_with(OF_THE_PROGRAM))
}

/// The texts that the user says in a message.
fn spoken(content: &Value) -> Vec<&str> {
    let own = elements(content).iter().filter(|block| block["type"] == "text" && !is_of_program(block));
    own.filter_map(|block| block["text"].as_str()).chain(content.as_str()).collect()
}

/// What the vendor refuses: a request without a limit, no turns of the user and the model, calls without their results at
/// the beginning of the next message, results without a call, ids that are used twice or have odd characters, names with odd characters, calls without tools, texts without a
/// word, more than four marks of the cache, and thoughts that were not signed by this server.
pub(super) fn complaint(body: &Value) -> Option<String> {
    if !body["max_tokens"].is_u64() {
        return Some("max_tokens: Field required".to_owned());
    }
    let messages = elements(&body["messages"]);
    if messages.first().is_none_or(|first| first["role"] != "user") {
        return Some("messages: first message must use the \"user\" role".to_owned());
    }
    if body.to_string().matches(r#""cache_control":{"#).count() > 4 {
        return Some("A maximum of 4 blocks with cache_control may be provided".to_owned());
    }
    let mut used: Vec<&str> = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut role = "assistant";
    for (place, message) in messages.iter().enumerate() {
        let of_role = message["role"].as_str().unwrap_or_default();
        let expected = if role == "user" { "assistant" } else { "user" };
        if of_role != expected {
            return Some(format!("messages.{place}.role: {of_role:?} after {role:?}"));
        }
        role = of_role;
        let blocks = elements(&message["content"]);
        if let Some(complaint) = blocks.iter().find_map(|block| odd_block(role, block)) {
            return Some(format!("messages.{place}: {complaint}"));
        }
        if body["tools"].is_null() && blocks.iter().any(|block| block["type"] == "tool_use") {
            return Some("Requests which include `tool_use` or `tool_result` blocks must define tools".to_owned());
        }
        if blocks.last().is_some_and(|block| block["type"] == "thinking") {
            return Some(format!("messages.{place}: The final block in an assistant message cannot be `thinking`"));
        }
        if blocks.is_empty() && !message["content"].is_string() {
            return Some(format!("messages.{place}: content is empty"));
        }
        if let Some(complaint) = unanswered(blocks, &mut open) {
            return Some(format!("messages.{place}: {complaint}"));
        }
        for id in blocks.iter().filter(|block| block["type"] == "tool_use").filter_map(|block| block["id"].as_str()) {
            if used.contains(&id) {
                return Some(format!("messages.{place}: `tool_use` ids must be unique: {id}"));
            }
            used.push(id);
            open.push(id);
        }
    }
    (role != "user").then(|| "the conversation must end with a user message".to_owned())
}

/// What is wrong with the results with which a message begins that comes after the `open` calls.
fn unanswered(blocks: &[Value], open: &mut Vec<&str>) -> Option<String> {
    let is_result = |block: &&Value| block["type"] == "tool_result";
    let first = blocks.iter().take_while(is_result).count();
    if blocks[first..].iter().any(|block| is_result(&block)) {
        return Some("`tool_result` blocks must come first".to_owned());
    }
    for id in blocks[..first].iter().filter_map(|block| block["tool_use_id"].as_str()) {
        let Some(at) = open.iter().position(|call| *call == id) else {
            return Some(format!("unexpected `tool_use_id` found in `tool_result` blocks: {id}"));
        };
        open.remove(at);
    }
    (!open.is_empty()).then(|| format!("`tool_use` ids were found without `tool_result` blocks after: {open:?}"))
}

/// What is wrong with a block of a message of `role`.
fn odd_block(role: &str, block: &Value) -> Option<String> {
    let kind = block["type"].as_str().unwrap_or_default();
    let is_of_user = match kind {
        "text" => role == "user",
        "image" | "tool_result" => true,
        "tool_use" | "thinking" | "redacted_thinking" => false,
        "server_tool_use" | "web_search_tool_result" => false,
        other => return Some(format!("unknown block {other:?}")),
    };
    if is_of_user != (role == "user") {
        return Some(format!("no {kind:?} in a message of role {role:?}"));
    }
    let id = block["id"].as_str().unwrap_or_default();
    let text = |member: &str| block[member].as_str().unwrap_or_default();
    let is_odd = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-';
    match kind {
        "text" if text("text").trim().is_empty() => {
            Some("text content blocks must contain non-whitespace text".to_owned())
        }
        "tool_use" if id.is_empty() || id.contains(is_odd) => Some(format!("tool_use.id: {id:?} does not match")),
        "tool_use" if text("name").is_empty() || text("name").contains(is_odd) => {
            Some(format!("tool_use.name: {:?} does not match", text("name")))
        }
        "tool_use" if !block["input"].is_object() => Some("tool_use.input: not an object".to_owned()),
        "thinking" if !text("signature").starts_with(SIGNATURE) => Some("invalid `signature` in `thinking`".to_owned()),
        "tool_result" => elements(&block["content"]).iter().find_map(|inner| odd_block("user", inner)),
        _ => None,
    }
}

/// How the signatures of this server begin.
const SIGNATURE: &str = "signed-by-the-mock";

/// The events of an answer.
pub(super) fn events(step: &Step, number: usize, seen: &Seen) -> Vec<String> {
    let Counts { input, cached, output, .. } = Counts::of(step);
    let usage = json!({
        "input_tokens": input.saturating_sub(cached), "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": 0, "output_tokens": 1,
    });
    let message = json!({
        "id": format!("msg_{number}"), "type": "message", "role": "assistant", "model": "mock", "content": [],
        "stop_reason": null, "usage": usage,
    });
    let mut writer = Writer { events: vec![json!({"type": "message_start", "message": message})], blocks: 0 };
    if let Some(reasoning) = &step.reasoning {
        writer.thinking(reasoning, number);
    }
    let empty = json!({"type": "text", "text": ""});
    if let Some(text) = &step.text {
        writer.block(&empty, "text_delta", "text", pieces(text, step.delta.unwrap_or(PIECE)));
    }
    if let Some(stream) = step.stream {
        writer.block(&empty, "text_delta", "text", pieces(&filler(stream), stream.chunk));
    }
    let before = writer.blocks;
    for call in step.all_calls() {
        let Some(worded) = seen.worded(&call) else { continue };
        let (name, arguments) = match worded {
            Worded::Function(name, arguments) => (name, arguments),
            // Here a freeform tool is a function, offered or not.
            Worded::Freeform(name, input) => (name, json!({ "input": input }).to_string()),
        };
        let id = format!("toolu_{number}_{}", writer.blocks);
        let begun = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
        writer.block(&begun, "input_json_delta", "partial_json", pieces(&arguments, PIECE));
    }
    let reason = if writer.blocks > before { "tool_use" } else { "end_turn" };
    let mut texts: Vec<String> = writer.events.iter().map(crate::events::sse).collect();
    texts.extend(ending(step, reason, output));
    texts
}

/// The events after all that was said.
fn ending(step: &Step, reason: &str, output: u64) -> Vec<String> {
    if let Some(failed) = &step.failed {
        let error = json!({"type": failed.code, "message": failed.message});
        return vec![crate::events::sse(&json!({"type": "error", "error": error}))];
    }
    if step.malformed {
        return vec!["event: content_block_delta\ndata: {\"type\": \"content_block_de\n\n".to_owned()];
    }
    let reason = match step.incomplete.as_deref() {
        Some("max_output_tokens") => "max_tokens",
        Some("content_filter") => "refusal",
        Some(other) => other,
        None if step.no_completion || step.hang => return Vec::new(),
        None => reason,
    };
    let delta = json!({"stop_reason": reason, "stop_sequence": null});
    let usage = json!({ "output_tokens": output });
    let last = [json!({"type": "message_delta", "delta": delta, "usage": usage}), json!({"type": "message_stop"})];
    last.iter().map(crate::events::sse).collect()
}

/// Collects the events of an answer.
struct Writer {
    events: Vec<Value>,
    blocks: usize,
}

impl Writer {
    /// A block that begins as `begun` and goes on in pieces.
    fn block<'a>(&mut self, begun: &Value, kind: &str, member: &str, pieces: impl Iterator<Item = &'a str>) {
        let index = self.blocks;
        self.events.push(json!({"type": "content_block_start", "index": index, "content_block": begun}));
        let deltas = pieces.map(
            |piece| json!({"type": "content_block_delta", "index": index, "delta": {"type": kind, member: piece}}),
        );
        self.events.extend(deltas);
        self.events.push(json!({"type": "content_block_stop", "index": index}));
        self.blocks += 1;
    }

    fn thinking(&mut self, reasoning: &Reasoning, number: usize) {
        let begun = json!({"type": "thinking", "thinking": "", "signature": ""});
        let thoughts = reasoning.paragraphs().join("\n\n");
        self.block(&begun, "thinking_delta", "thinking", pieces(&thoughts, PIECE));
        let sealed = match reasoning {
            Reasoning::Summary(_) => None,
            Reasoning::Full { encrypted, .. } => encrypted.as_deref(),
        };
        let signature = format!("{SIGNATURE}-{}", sealed.map_or(number.to_string(), str::to_owned));
        let delta = json!({"type": "signature_delta", "signature": signature});
        let index = self.blocks - 1;
        let last = self.events.len() - 1;
        self.events.insert(last, json!({"type": "content_block_delta", "index": index, "delta": delta}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        json!({"type": "text", "text": text})
    }

    fn user(blocks: Vec<Value>) -> Value {
        json!({"role": "user", "content": blocks})
    }

    fn calls(ids: &[&str]) -> Value {
        let calls: Vec<Value> =
            ids.iter().map(|id| json!({"type": "tool_use", "id": id, "name": "tool", "input": {}})).collect();
        json!({"role": "assistant", "content": calls})
    }

    fn result(id: &str) -> Value {
        json!({"type": "tool_result", "tool_use_id": id})
    }

    #[test]
    fn a_request_is_refused_as_by_the_vendor() {
        let go = || user(vec![text("go")]);
        let says = |block: Value| json!({"role": "assistant", "content": [block]});
        let thinks = |signature: &str| json!({"type": "thinking", "thinking": "", "signature": signature});
        let signed = |signature: &str| json!({"role": "assistant", "content": [thinks(signature), text("hi")]});
        let named = |name: &str| says(json!({"type": "tool_use", "id": "1", "name": name, "input": {}}));
        let marked = || json!({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}});
        let table = [
            (vec![go()], None),
            (vec![json!({"role": "user", "content": "go"})], None),
            (vec![go(), calls(&["1", "2"]), user(vec![result("2"), result("1"), text("on")])], None),
            (vec![go(), signed("signed-by-the-mock-1"), go()], None),
            (vec![user(vec![marked(); 4])], None),
            (vec![user(vec![marked(); 5])], Some("maximum of 4")),
            (vec![], Some("first message")),
            (vec![says(text("hi"))], Some("first message")),
            (vec![go(), go()], Some("messages.1.role")),
            (vec![go(), says(text("hi"))], Some("must end")),
            (vec![go(), calls(&["1"]), go()], Some("without `tool_result` blocks")),
            (vec![go(), calls(&["1"]), user(vec![text("x"), result("1")])], Some("come first")),
            (vec![go(), calls(&["1"]), user(vec![result("1"), result("1")])], Some("unexpected")),
            (vec![user(vec![result("1")])], Some("unexpected")),
            (
                vec![go(), calls(&["1"]), user(vec![result("1")]), calls(&["1"]), user(vec![result("1")])],
                Some("unique"),
            ),
            (vec![go(), calls(&["a b"]), user(vec![result("a b")])], Some("does not match")),
            (vec![user(vec![text(" ")])], Some("non-whitespace")),
            (vec![user(vec![])], Some("empty")),
            (vec![user(vec![json!({"type": "sound"})])], Some("unknown block")),
            (vec![user(vec![json!({"type": "tool_use"})])], Some("no \"tool_use\"")),
            (vec![go(), says(json!({"type": "image"})), go()], Some("no \"image\"")),
            (vec![go(), signed("of another"), go()], Some("signature")),
            (vec![go(), says(thinks("signed-by-the-mock-1")), go()], Some("final block")),
            (vec![go(), named("a.b"), user(vec![result("1")])], Some("tool_use.name")),
        ];
        for (messages, expected) in table {
            let complaint = complaint(&json!({"max_tokens": 1, "tools": [], "messages": messages}));
            let fits = match (&complaint, expected) {
                (Some(complaint), Some(words)) => complaint.contains(words),
                (None, None) => true,
                _ => false,
            };
            assert!(fits, "{expected:?}: {complaint:?}");
        }
        assert!(complaint(&json!({"messages": [go()]})).is_some_and(|complaint| complaint.contains("max_tokens")));
        let called = [go(), calls(&["1"]), user(vec![result("1")])];
        let complaint = complaint(&json!({"max_tokens": 1, "messages": called}));
        assert!(complaint.is_some_and(|complaint| complaint.contains("must define tools")));
    }

    #[test]
    fn what_the_program_says_is_no_turn_of_the_user() {
        let of_program = || text("<instructions>\nThe mode changed.\n</instructions>");
        for (last, users, results) in [
            (vec![result("1"), result("2")], 1, 2),
            (vec![result("1"), result("2"), of_program()], 1, 2),
            (vec![result("1"), result("2"), of_program(), text("and?")], 2, 0),
        ] {
            let body = json!({"messages": [user(vec![text("go")]), calls(&["1", "2"]), user(last)]});
            let seen = seen(&body);
            assert_eq!((seen.users.len(), seen.results), (users, results), "{body}");
        }
    }
}
