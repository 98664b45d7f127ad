//! Searches of the web that vendors make while they answer: what the wires share.

use codex_history::{AssistantPart, Source};

/// Puts the `named` pages to the last search of an answer; if there is none, they are one.
pub(crate) fn name_sources(content: &mut Vec<AssistantPart>, named: Vec<Source>) {
    if named.is_empty() {
        return;
    }
    let last = content.iter_mut().rev().find_map(|part| match part {
        AssistantPart::Search { sources, .. } => Some(sources),
        _ => None,
    });
    match last {
        Some(sources) => *sources = named,
        None => content.push(AssistantPart::Search { queries: Vec::new(), sources: named, opaque: None }),
    }
}
