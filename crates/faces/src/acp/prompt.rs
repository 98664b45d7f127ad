//! What an editor prompts with, as a turn's input.

use codex_protocol::UserInput;
use serde_json::Value;

use crate::rpc::{Failure, INVALID_PARAMS};

/// The blocks of a prompt as one text: what is linked is named, what is embedded stands in it.
///
/// # Errors
/// When a block is of a kind that was not offered, or nothing is said.
pub(super) fn input(blocks: &Value) -> Result<Vec<UserInput>, Failure> {
    let mut text = String::new();
    for block in blocks.as_array().into_iter().flatten() {
        let kind = block["type"].as_str().unwrap_or_default();
        let said = |member: &Value| member.as_str().unwrap_or_default().to_owned();
        let part = match kind {
            "text" => said(&block["text"]),
            "resource_link" => path(&said(&block["uri"])),
            "resource" => {
                let resource = &block["resource"];
                let content = resource["text"].as_str().ok_or_else(|| {
                    (INVALID_PARAMS, "a resource that is not text cannot be read: link to it".to_owned())
                })?;
                format!("\n<file path=\"{}\">\n{content}\n</file>\n", path(&said(&resource["uri"])))
            }
            _ => return Err((INVALID_PARAMS, format!("a prompt cannot hold what is of the type `{kind}`"))),
        };
        text += &part;
    }
    if text.trim().is_empty() {
        return Err((INVALID_PARAMS, "the prompt is empty: say what is to be done".into()));
    }
    Ok(vec![UserInput::Text { text }])
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
    fn blocks_become_one_text_and_what_was_not_offered_is_refused() {
        let blocks = json!([
            { "type": "text", "text": "look at " },
            { "type": "resource_link", "uri": "file:///w/a.rs", "name": "a.rs" },
            { "type": "resource", "resource": { "uri": "file:///w/b.rs", "text": "fn b() {}" } },
        ]);
        let expected = "look at /w/a.rs\n<file path=\"/w/b.rs\">\nfn b() {}\n</file>\n";
        assert_eq!(input(&blocks), Ok(vec![UserInput::Text { text: expected.into() }]));
        for refused in [
            json!([{ "type": "image", "data": "", "mimeType": "image/png" }]),
            json!([{ "type": "resource", "resource": { "uri": "x", "blob": "" } }]),
            json!([{ "type": "text", "text": " " }]),
            json!([]),
            Value::Null,
        ] {
            assert_eq!(input(&refused).map_err(|(code, _)| code), Err(INVALID_PARAMS), "{refused}");
        }
    }
}
