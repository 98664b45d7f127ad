//! Reads what servers answer: what is fit to be used of it, whatever it is.

use std::collections::HashSet;

use serde_json::Value;

use crate::{
    CallOutcome, Content, PromptArgument, PromptMessage, RemotePrompt, RemoteResource, RemoteTool, ResourceText,
    limits::{self, line, words},
    names, schema,
};

/// Most parts of an answer.
const PARTS: usize = 1000;

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The texts of a name, which are passed on to the server as they are: `None` if it is none.
fn name(object: &Value, key: &str) -> Option<String> {
    let name = text(object, key);
    (!name.is_empty() && name.len() <= limits::NAME).then(|| name.to_owned())
}

fn entries<'a>(answer: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    answer.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// A list of what a server offers, which comes in pages.
#[derive(Debug)]
pub(crate) struct List<T> {
    pub(crate) entries: Vec<T>,
    names: HashSet<String>,
    bytes: usize,
    /// What was left out, in a sentence.
    pub(crate) left_out: Option<String>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), names: HashSet::new(), bytes: 0, left_out: None }
    }
}

impl<T> List<T> {
    /// Adds an entry unless there is one of this name. Returns whether there is room for more.
    fn add(&mut self, name: &str, bytes: usize, entry: T) -> bool {
        if self.entries.len() == limits::ENTRIES || self.bytes + bytes > limits::LIST {
            self.left_out = Some(format!("it lists too much: only {} entries are used", self.entries.len()));
            return false;
        }
        if self.names.insert(name.to_owned()) {
            self.bytes += bytes;
            self.entries.push(entry);
        }
        true
    }
}

impl List<RemoteTool> {
    /// Adds the tools of one page. Returns whether there is room for more.
    pub(crate) fn add_tools(&mut self, server: &str, page: &Value) -> bool {
        entries(page, "tools").filter_map(|said| read_tool(server, said)).all(|tool| {
            let bytes = tool.description.len() + tool.schema.to_string().len() + tool.name.len();
            self.add(&tool.name.clone(), bytes, tool)
        })
    }
}

impl List<RemotePrompt> {
    /// As [`List::add_tools`].
    pub(crate) fn add_prompts(&mut self, server: &str, page: &Value) -> bool {
        entries(page, "prompts").filter_map(|said| read_prompt(server, said)).all(|prompt| {
            let bytes = prompt.description.len() + prompt.arguments.len() * limits::NAME + prompt.name.len();
            self.add(&prompt.name.clone(), bytes, prompt)
        })
    }
}

impl List<RemoteResource> {
    /// As [`List::add_tools`].
    pub(crate) fn add_resources(&mut self, server: &str, page: &Value) -> bool {
        entries(page, "resources").filter_map(|said| read_resource(server, said)).all(|resource| {
            let bytes = resource.description.len() + resource.uri.len() + resource.name.len();
            self.add(&resource.uri.clone(), bytes, resource)
        })
    }
}

fn read_tool(server: &str, said: &Value) -> Option<RemoteTool> {
    let name = name(said, "name")?;
    let input = said.get("inputSchema");
    let hint = said.pointer("/annotations/readOnlyHint").and_then(Value::as_bool).unwrap_or_default();
    let title = [text(said, "title"), said.pointer("/annotations/title").and_then(Value::as_str).unwrap_or_default()];
    let title = title.into_iter().find(|title| !title.is_empty());
    let whole = input.map(|input| sorted(input).to_string()).unwrap_or_default();
    let hint_text = if hint { "reads" } else { "writes" };
    let parts = [&name, title.unwrap_or_default(), text(said, "description"), &whole, hint_text];
    Some(RemoteTool {
        server: server.to_owned(),
        called: names::called(server, &name),
        title: title.map(|title| line(title, limits::NAME)),
        description: words(text(said, "description"), limits::DESCRIPTION),
        schema: schema::harmless(input),
        read_only_hint: hint,
        digest: names::digest(&parts),
        name,
    })
}

/// The same with the keys of objects in order, which says nothing.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries.into_iter().map(|(key, inner)| (key.clone(), sorted(inner))).collect()
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn read_prompt(server: &str, said: &Value) -> Option<RemotePrompt> {
    let argument = |said: &Value| {
        Some(PromptArgument {
            name: name(said, "name")?,
            description: words(text(said, "description"), limits::DESCRIPTION),
            required: said.get("required").and_then(Value::as_bool).unwrap_or_default(),
        })
    };
    let name_of = name(said, "name")?;
    Some(RemotePrompt {
        server: server.to_owned(),
        called: names::called(server, &name_of),
        name: name_of,
        description: words(text(said, "description"), limits::DESCRIPTION),
        arguments: entries(said, "arguments").filter_map(argument).take(64).collect(),
    })
}

fn read_resource(server: &str, said: &Value) -> Option<RemoteResource> {
    let uri = Some(text(said, "uri")).filter(|uri| !uri.is_empty() && uri.len() <= limits::DESCRIPTION)?;
    Some(RemoteResource {
        server: server.to_owned(),
        uri: uri.to_owned(),
        name: line(text(said, "name"), limits::NAME),
        description: words(text(said, "description"), limits::DESCRIPTION),
        mime: mime(said),
    })
}

fn mime(said: &Value) -> Option<String> {
    Some(text(said, "mimeType")).filter(|mime| !mime.is_empty()).map(|mime| line(mime, limits::NAME))
}

/// What came of a call.
pub(crate) fn outcome(answer: &Value) -> CallOutcome {
    CallOutcome {
        content: entries(answer, "content").filter_map(content).take(PARTS).collect(),
        structured: answer.get("structuredContent").filter(|it| !it.is_null()).cloned(),
        is_error: answer.get("isError").and_then(Value::as_bool).unwrap_or_default(),
    }
}

/// What a prompt comes to.
pub(crate) fn messages(answer: &Value) -> Vec<PromptMessage> {
    let message = |said: &Value| {
        Some(PromptMessage { is_assistant: text(said, "role") == "assistant", content: content(said.get("content")?)? })
    };
    entries(answer, "messages").filter_map(message).take(PARTS).collect()
}

/// What a resource holds.
pub(crate) fn contents(answer: &Value) -> Vec<ResourceText> {
    entries(answer, "contents").map(resource).take(PARTS).collect()
}

/// A part of an answer; what is none of those that there are is text, as it came.
fn content(said: &Value) -> Option<Content> {
    let owned = |key| text(said, key).to_owned();
    let kind = mime(said).unwrap_or_else(|| "application/octet-stream".to_owned());
    Some(match text(said, "type") {
        "text" => Content::Text(owned("text")),
        "image" => Content::Image { data: owned("data"), mime: kind },
        "audio" => Content::Audio { data: owned("data"), mime: kind },
        "resource_link" => Content::Link { uri: owned("uri"), name: line(text(said, "name"), limits::NAME) },
        "resource" => Content::Resource(resource(said.get("resource")?)),
        _ => Content::Text(said.to_string()),
    })
}

fn resource(said: &Value) -> ResourceText {
    let text_of = match (said.get("text").and_then(Value::as_str), said.get("blob").and_then(Value::as_str)) {
        (Some(text), _) => text.to_owned(),
        (None, Some(blob)) => format!("({} bytes that are not text)", blob.len() / 4 * 3),
        (None, None) => String::new(),
    };
    ResourceText { uri: text(said, "uri").to_owned(), mime: mime(said), text: text_of }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn tool(server: &str, name: &str) -> RemoteTool {
        read_tool(server, &json!({"name": name, "inputSchema": {"type": "object"}})).unwrap()
    }

    #[test]
    fn tools_are_read_whatever_else_is_listed() {
        let mut list = List::default();
        let page = json!({"tools": [
            {"name": "a", "description": "Does\u{1b}[2J a.", "inputSchema": {"type": "object", "properties": {}},
                "annotations": {"readOnlyHint": true, "title": "An A"}},
            {"name": "lies", "inputSchema": "a schema"},
            {"name": "a", "description": "again"},
            {"name": ""}, {"name": 3}, 7, null,
            {"name": "x".repeat(1000)},
        ]});
        assert!(list.add_tools("s", &page));
        let seen: Vec<_> = list.entries.iter().map(|tool| (&*tool.name, &*tool.called, &*tool.description)).collect();
        assert_eq!(seen, [("a", "mcp__s__a", "Does[2J a."), ("lies", "mcp__s__lies", "")]);
        assert_eq!((list.entries[0].title.as_deref(), list.entries[0].read_only_hint), (Some("An A"), true));
        assert_eq!(list.entries[1].schema, json!({"type": "object", "properties": {}}));
    }

    #[test]
    fn lists_end_where_they_are_too_long() {
        let many: Vec<Value> = (0..1200).map(|n| json!({"name": format!("t{n}")})).collect();
        let mut list = List::default();
        assert!(!list.add_tools("s", &json!({"tools": many})));
        assert_eq!(list.entries.len(), 1000);
        assert_eq!(list.left_out.as_deref(), Some("it lists too much: only 1000 entries are used"));
        let big = |n| json!({"name": format!("t{n}"), "inputSchema": {"description": "x".repeat(4000)}, "description": "y".repeat(4000)});
        let mut list = List::default();
        assert!(!list.add_tools("s", &json!({"tools": (0..400).map(big).collect::<Vec<_>>()})));
        assert!((200..300).contains(&list.entries.len()), "{}", list.entries.len());
    }

    #[test]
    fn a_tool_that_says_something_else_is_another_tool() {
        let first = json!({"name": "a", "description": "d", "inputSchema": {"type": "object"}});
        let digest = |said: &Value| read_tool("s", said).unwrap().digest;
        for (key, value) in [
            ("description", json!("D")),
            ("title", json!("t")),
            ("inputSchema", json!({"type": "object", "properties": {}})),
            ("annotations", json!({"readOnlyHint": true})),
            // Beyond what is kept of it.
            ("description", json!("x".repeat(100_000))),
        ] {
            let mut other = first.clone();
            other[key] = value;
            assert_ne!(digest(&other), digest(&first), "{other}");
        }
        let one = json!({"name": "a", "inputSchema": {"a": 1, "b": [{"c": 1, "d": 2}]}});
        let same = json!({"inputSchema": {"b": [{"d": 2, "c": 1}], "a": 1}, "name": "a"});
        assert_eq!(digest(&one), digest(&same));
    }

    #[test]
    fn answers_are_read_part_by_part() {
        let answer = json!({"content": [
            {"type": "text", "text": "hello"},
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
            {"type": "resource_link", "uri": "file:///a", "name": "a"},
            {"type": "resource", "resource": {"uri": "u:1", "text": "t", "mimeType": "text/plain"}},
            {"type": "resource", "resource": {"uri": "u:2", "blob": "AAAAAAAA"}},
            {"type": "hologram", "x": 1},
        ], "structuredContent": {"n": 1}, "isError": true});
        let CallOutcome { content, structured, is_error } = outcome(&answer);
        let resource = |uri: &str, mime: Option<&str>, text: &str| {
            Content::Resource(ResourceText { uri: uri.into(), mime: mime.map(str::to_owned), text: text.into() })
        };
        let expected = [
            Content::Text("hello".into()),
            Content::Image { data: "AAAA".into(), mime: "image/png".into() },
            Content::Link { uri: "file:///a".into(), name: "a".into() },
            resource("u:1", Some("text/plain"), "t"),
            resource("u:2", None, "(6 bytes that are not text)"),
            Content::Text(r#"{"type":"hologram","x":1}"#.into()),
        ];
        assert_eq!((content, structured, is_error), (expected.into(), Some(json!({"n": 1})), true));
        assert_eq!(outcome(&json!("nothing")), CallOutcome::default());
        assert_eq!(
            messages(&json!({"messages": [{"role": "assistant", "content": {"type": "text", "text": "x"}}, 3]})).len(),
            1
        );
        assert_eq!(contents(&json!({"contents": [{"uri": "u", "text": "x"}]}))[0].text, "x");
    }
}
