//! Searches of the web that the vendor makes (API reference, "Web search tool"): one block says what is searched for, the
//! next what was found, sealed, and texts cite pages. All of it goes back as it came, or not at all.

use codex_history::{AssistantPart, Opaque, Source, Wire};
use serde_json::{Value, json};

/// Members of what is sealed: the blocks of a search, and those of a text that cites.
const BLOCKS: &str = "blocks";

fn sealed(blocks: Vec<Value>) -> Option<Opaque> {
    Some(Opaque::new(Wire::AnthropicMessages, json!({ BLOCKS: blocks })))
}

/// The blocks that a part came as, where they are needed again.
pub(super) fn blocks(part: &AssistantPart) -> Option<&Vec<Value>> {
    let (AssistantPart::Text { opaque, .. } | AssistantPart::Search { opaque, .. }) = part else { return None };
    opaque.as_ref()?.open(Wire::AnthropicMessages)?.get(BLOCKS)?.as_array()
}

/// A search of which only the first block has come.
pub(super) fn begun(id: &str, name: &str, input: &str) -> AssistantPart {
    let input: Value = serde_json::from_str(input).unwrap_or_else(|_| json!({}));
    let queries = input.get("query").and_then(Value::as_str).map(str::to_owned).into_iter().collect();
    let block = json!({ "type": "server_tool_use", "id": id, "name": name, "input": input });
    AssistantPart::Search { queries, sources: Vec::new(), opaque: sealed(vec![block]) }
}

/// Puts what was found to the search that it belongs to.
pub(super) fn found(content: &mut [AssistantPart], id: &str, results: Value) {
    let search = content.iter_mut().rev().find(|part| blocks(part).is_some_and(|blocks| blocks[0]["id"] == id));
    if let Some(part) = search
        && let Some([begun]) = blocks(part).map(Vec::as_slice)
    {
        let block = json!({ "type": "web_search_tool_result", "tool_use_id": id, "content": results });
        let both = sealed(vec![begun.clone(), block]);
        if let AssistantPart::Search { opaque, .. } = part {
            *opaque = both;
        }
    }
}

/// Whether a search came whole: half of one is refused.
pub(super) fn is_whole(blocks: &[Value]) -> bool {
    blocks.len() == 2
}

/// Appends a block of text, which may cite. The vendor cuts texts where a citation begins and ends: they are one.
pub(super) fn text(content: &mut Vec<AssistantPart>, said: String, citations: Vec<Value>, goes_on: bool) {
    let mut block = json!({ "type": "text", "text": said });
    if !citations.is_empty() {
        block["citations"] = citations.into();
    }
    let cites = |block: &Value| block.get("citations").is_some();
    match content.last_mut() {
        Some(last @ AssistantPart::Text { .. }) if goes_on => {
            let mut all = blocks(last).cloned();
            let AssistantPart::Text { text, opaque } = last else { return };
            if all.is_none() && cites(&block) {
                all = Some(vec![json!({ "type": "text", "text": &*text })]);
            }
            text.push_str(&said);
            if let Some(mut all) = all {
                all.push(block);
                *opaque = sealed(all);
            }
        }
        _ => {
            let opaque = if cites(&block) { sealed(vec![block]) } else { None };
            content.push(AssistantPart::Text { text: said, opaque });
        }
    }
}

/// The pages that citations name, each once.
pub(super) fn cited(citations: &[Value], sources: &mut Vec<Source>) {
    for citation in citations {
        let word = |name: &str| citation.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (title, url) = (word("title"), word("url"));
        if !url.is_empty() && sources.iter().all(|known| known.url != url) {
            sources.push(Source { title, url });
        }
    }
}
