//! What an editor prompts with, as a turn's input.

use codex_client::command_word;
use codex_protocol::UserInput;
use serde_json::Value;

use crate::rpc::{Failure, INVALID_PARAMS};

/// What is said at once.
#[derive(Debug, PartialEq)]
pub(super) struct Prompt {
    /// The first block as it was typed, if it may use a command: it alone, since what is linked or embedded is not the user's.
    pub(super) command: Option<String>,
    /// What follows it.
    pub(super) input: Vec<UserInput>,
}

/// A prompt, whose first block may use a command.
///
/// # Errors
/// When a block is of a kind that was not offered, or nothing is said.
pub(super) fn read(blocks: &Value) -> Result<Prompt, Failure> {
    let mut blocks = blocks.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut command = None;
    if let [first, rest @ ..] = blocks
        && first["type"] == "text"
        && let Some(text) = first["text"].as_str().map(str::trim_start)
        && command_word(text).is_some()
    {
        (command, blocks) = (Some(text.to_owned()), rest);
    }
    let input = input(blocks)?;
    if command.is_none() && input.is_empty() {
        return Err((INVALID_PARAMS, "the prompt is empty: say what is to be done".into()));
    }
    Ok(Prompt { command, input })
}

/// Blocks in their order: what is linked is named, text that is embedded stands in the text around it, pictures stand
/// between.
fn input(blocks: &[Value]) -> Result<Vec<UserInput>, Failure> {
    let (mut input, mut text) = (Vec::new(), String::new());
    for block in blocks {
        let kind = block["type"].as_str().unwrap_or_default();
        let said = |member: &Value| member.as_str().unwrap_or_default().to_owned();
        let part = match kind {
            "text" => said(&block["text"]),
            "resource_link" => path(&said(&block["uri"])),
            "image" => {
                pause(&mut text, &mut input);
                input.push(picture(block, &block["data"]));
                continue;
            }
            "resource" => {
                let resource = &block["resource"];
                if is_picture(resource) {
                    pause(&mut text, &mut input);
                    input.push(picture(resource, &resource["blob"]));
                    continue;
                }
                let content = resource["text"].as_str().ok_or_else(|| {
                    (
                        INVALID_PARAMS,
                        "a resource that is neither text nor a picture cannot be read: link to it".to_owned(),
                    )
                })?;
                format!("\n<file path=\"{}\">\n{content}\n</file>\n", path(&said(&resource["uri"])))
            }
            _ => return Err((INVALID_PARAMS, format!("a prompt cannot hold what is of the type `{kind}`"))),
        };
        text += &part;
    }
    pause(&mut text, &mut input);
    Ok(input)
}

/// Ends a stretch of text; of one that is blank nothing is kept.
fn pause(text: &mut String, input: &mut Vec<UserInput>) {
    let text = std::mem::take(text);
    if !text.trim().is_empty() {
        input.push(UserInput::Text { text });
    }
}

fn is_picture(resource: &Value) -> bool {
    resource["blob"].is_string() && resource["mimeType"].as_str().is_some_and(|kind| kind.starts_with("image/"))
}

/// A picture that comes with its bytes, in base64, and maybe with an address. What it is, the server sees by its bytes.
fn picture(block: &Value, data: &Value) -> UserInput {
    let name = block["uri"].as_str().and_then(|uri| uri.rsplit('/').next()).filter(|name| !name.is_empty());
    let url = format!("data:image/png;base64,{}", data.as_str().unwrap_or_default());
    UserInput::Image { url, name: name.map(str::to_owned) }
}

/// A file's path; other addresses as they are.
fn path(uri: &str) -> String {
    uri.strip_prefix("file://").unwrap_or(uri).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pictures_stand_where_they_were_put() {
        let blob = json!({ "uri": "file:///w/b.gif", "mimeType": "image/gif", "blob": "R0lG" });
        let blocks = json!([
            { "type": "text", "text": "before" },
            { "type": "image", "data": "iVBO", "mimeType": "image/png" },
            { "type": "text", "text": "between" },
            { "type": "resource", "resource": blob },
        ]);
        let text = |text: &str| UserInput::Text { text: text.into() };
        let picture = |data: &str, name: Option<&str>| {
            let url = format!("data:image/png;base64,{data}");
            UserInput::Image { url, name: name.map(str::to_owned) }
        };
        let expected = vec![text("before"), picture("iVBO", None), text("between"), picture("R0lG", Some("b.gif"))];
        assert_eq!(read(&blocks), Ok(Prompt { command: None, input: expected }));
    }

    #[test]
    fn blocks_become_one_text_and_what_was_not_offered_is_refused() {
        let blocks = json!([
            { "type": "text", "text": "look at " },
            { "type": "resource_link", "uri": "file:///w/a.rs", "name": "a.rs" },
            { "type": "resource", "resource": { "uri": "file:///w/b.rs", "text": "fn b() {}" } },
        ]);
        let expected = "look at /w/a.rs\n<file path=\"/w/b.rs\">\nfn b() {}\n</file>\n";
        let expected = vec![UserInput::Text { text: expected.into() }];
        assert_eq!(read(&blocks), Ok(Prompt { command: None, input: expected }));
        for refused in [
            json!([{ "type": "audio", "data": "", "mimeType": "audio/wav" }]),
            json!([{ "type": "resource", "resource": { "uri": "x", "blob": "" } }]),
            json!([{ "type": "text", "text": "/look" }, { "type": "audio", "data": "", "mimeType": "audio/wav" }]),
            json!([{ "type": "text", "text": " " }]),
            json!([]),
            Value::Null,
        ] {
            assert_eq!(read(&refused).map_err(|(code, _)| code), Err(INVALID_PARAMS), "{refused}");
        }
    }

    #[test]
    fn only_the_first_block_may_use_a_command_and_only_a_text() {
        let text = |text: &str| json!({ "type": "text", "text": text });
        let link = json!({ "type": "resource_link", "uri": "file:///look", "name": "look" });
        let embedded = json!({ "type": "resource", "resource": { "uri": "x", "text": "/look" } });
        let picture = json!({ "type": "image", "data": "iVBO", "mimeType": "image/png" });
        let table = [
            (json!([text(" /look at it "), link]), Some("/look at it "), 1),
            (json!([text("/look"), text("ing"), picture, embedded]), Some("/look"), 3),
            (json!([text("/look")]), Some("/look"), 0),
            (json!([link, text(" at it")]), None, 1),
            (json!([embedded]), None, 1),
            (json!([picture, text("/look")]), None, 2),
            (json!([text(""), text("/look")]), None, 1),
            (json!([text("/"), text("look")]), None, 1),
            (json!([text("/"), link]), None, 1),
        ];
        for (blocks, command, rest) in table {
            let read = read(&blocks).unwrap();
            assert_eq!((read.command.as_deref(), read.input.len()), (command, rest), "{blocks}");
        }
    }
}
