//! Resources of a server as a tool of it, so that a model lists and reads them with the leave that its other tools need.

use std::{fmt::Write as _, time::Duration};

use rmcp::{RoleClient, service::Peer};
use serde_json::{Map, Value, json};

use crate::{
    CallContext, CallError, CallOutcome, Content, RemoteResource, RemoteTool, answers, connect, limits, names,
    server::Life,
};

/// Its name, which no tool of a server has here: a yes to it is a yes to nothing else.
pub(crate) const TOOL: &str = "resources/read";
/// What models call it.
const CALLED: &str = "read_resource";

const DESCRIPTION: &str = include_str!("read_resource.md");
/// Most bytes of a list.
const LIST: usize = 16 << 10;
/// Most that a server is waited for that does not know the question for addresses to be filled in.
const FOR_TEMPLATES: Duration = Duration::from_secs(5);

/// The tool. It is this program's, and the same whatever the server says.
pub(crate) fn tool(server: &str) -> RemoteTool {
    let uri = json!({ "type": "string", "description": "Of the resource; without one they are listed" });
    RemoteTool {
        server: server.to_owned(),
        name: TOOL.to_owned(),
        called: names::called(server, CALLED),
        title: None,
        description: DESCRIPTION.trim().to_owned(),
        schema: json!({ "type": "object", "properties": { "uri": uri } }),
        // An address may carry away what the model knows, and the server has said nothing of what it does with one.
        read_only_hint: false,
        digest: names::digest(&[TOOL, "of this program"]),
    }
}

/// Calls it: what the resource `uri` holds, or which there are.
///
/// # Errors
/// Why nothing came of it.
pub(crate) async fn call(
    life: &Life,
    peer: &Peer<RoleClient>,
    arguments: &Map<String, Value>,
    context: &CallContext,
) -> Result<CallOutcome, CallError> {
    let limit = life.spec.tool_timeout;
    let outcome = |content| CallOutcome { content, structured: None, is_error: false };
    let Some(uri) = arguments.get("uri").and_then(Value::as_str).filter(|uri| !uri.is_empty()) else {
        let templates = ask_for_templates(life, peer, context, limit).await?;
        return Ok(outcome(vec![Content::Text(list(&life.offers().resources, &templates))]));
    };
    let answer = connect::ask(life, peer, "resources/read", json!({ "uri": uri }), context, limit).await?;
    let contents = answers::contents(&answer);
    Ok(outcome(contents.into_iter().map(Content::Resource).collect()))
}

/// Whether the server has addresses in which something is to be filled in.
pub(crate) async fn has_templates(life: &Life, peer: &Peer<RoleClient>) -> bool {
    let limit = life.spec.tool_timeout.min(FOR_TEMPLATES);
    let answer = ask_for_templates(life, peer, &CallContext::default(), limit).await;
    answer.is_ok_and(|answer| !templates(&answer).is_empty())
}

/// What the server says of such addresses. Few servers have any; one that does not know the question has none.
async fn ask_for_templates(
    life: &Life,
    peer: &Peer<RoleClient>,
    context: &CallContext,
    limit: Duration,
) -> Result<Value, CallError> {
    match connect::ask(life, peer, "resources/templates/list", json!({}), context, limit).await {
        Err(CallError::Refused { .. }) => Ok(Value::Null),
        answer => answer,
    }
}

fn templates(answer: &Value) -> &[Value] {
    answer.get("resourceTemplates").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A line for each resource, and for each address in which something is to be filled in; at the end, how many have no room.
fn list(resources: &[RemoteResource], answer: &Value) -> String {
    let (mut text, mut left_out) = (String::new(), 0);
    let mut add = |uri: &str, name: &str, about: &str| {
        let about = if about.is_empty() { String::new() } else { format!(": {about}") };
        let line = limits::line(&format!("{uri} ({name}{about})"), limits::SENTENCE);
        // Nothing comes behind one that is left out.
        if left_out == 0 && text.len() + line.len() < LIST {
            let _ = writeln!(text, "{line}");
        } else {
            left_out += 1;
        }
    };
    resources.iter().for_each(|it| add(&it.uri, &it.name, &it.description));
    for template in templates(answer) {
        let text = |key: &str| template.get(key).and_then(Value::as_str).unwrap_or_default();
        add(text("uriTemplate"), text("name"), text("description"));
    }
    if left_out > 0 {
        let _ = writeln!(text, "… and {left_out} more");
    } else if text.is_empty() {
        text.push_str("There are no resources.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(number: usize, description: &str) -> RemoteResource {
        let (server, name) = ("s".to_owned(), "n".to_owned());
        RemoteResource { server, uri: format!("note:{number}"), name, description: description.to_owned(), mime: None }
    }

    #[test]
    fn what_a_list_leaves_out_is_said() {
        let none = Value::Null;
        assert_eq!(list(&[], &none), "There are no resources.\n");
        let template = json!({ "resourceTemplates": [{ "uriTemplate": "note:{n}", "name": "any" }] });
        assert_eq!(list(&[resource(1, "d")], &template), "note:1 (n: d)\nnote:{n} (any)\n");

        // It is cut, and then counted: a long one has its place.
        let long = "x".repeat(limits::DESCRIPTION);
        let mut all: Vec<_> = (0..15).map(|number| resource(number, &long)).collect();
        all.push(resource(15, ""));
        let text = list(&all, &none);
        assert_eq!((text.lines().count(), text.lines().last()), (16, Some("note:15 (n)")));

        // Nothing comes behind one that is left out.
        let mut all: Vec<_> = (0..20).map(|number| resource(number, &long)).collect();
        all.push(resource(20, ""));
        let text = list(&all, &template);
        let uris: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let shown = uris.len() - 1;
        let expected: Vec<String> = (0..shown).map(|number| format!("note:{number}")).collect();
        assert_eq!(uris.get(..shown).unwrap(), expected);
        assert_eq!(text.lines().last().map(str::to_owned), Some(format!("… and {} more", 22 - shown)));
        assert!(text.len() < LIST + 64, "{}", text.len());
    }
}
