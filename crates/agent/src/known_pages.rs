//! Which pages of the web were named by somebody who did not know what the model knows: the user, a search, or a page
//! that was itself so named. Pure: a conversation in, yes or no out.
//!
//! An address that the model put together may carry away what it has read. So no other tool's output counts, nor what
//! this program or another model says in the user's place.

use std::collections::BTreeSet;

use codex_history::{AssistantPart, Content, History, Message};
use codex_permissions::Fetch;

use crate::context::is_of_program;

/// Whether the page was so named in `history`; `is_agent`: there another model speaks in the user's place.
pub(crate) fn is_known(history: &History, page: &Fetch, is_agent: bool) -> bool {
    let (mut said, mut found, mut open) = (Vec::new(), Vec::new(), BTreeSet::new());
    for message in history.messages() {
        match message {
            Message::User { content } if !is_agent && !is_of_program(content) => said.extend(texts(content)),
            Message::Assistant { content } => {
                for part in content {
                    match part {
                        AssistantPart::Search { sources, .. } => {
                            found.extend(sources.iter().map(|source| source.url.as_str()));
                        }
                        AssistantPart::Call(call) if call.name == "web_search" => drop(open.insert(&call.call_id)),
                        AssistantPart::Call(call) if call.name == "web_fetch" => {
                            let asked = of_call(call.arguments.text());
                            if asked.is_some_and(|asked| names(&said, &found, &asked)) {
                                open.insert(&call.call_id);
                            }
                        }
                        _ => {}
                    }
                }
            }
            Message::ToolResult { call_id, content, .. } if open.remove(call_id) => found.extend(texts(content)),
            _ => {}
        }
    }
    names(&said, &found, page)
}

/// The page that an earlier call asked for.
fn of_call(arguments: &str) -> Option<Fetch> {
    let arguments: serde_json::Value = serde_json::from_str(arguments).ok()?;
    codex_tools::page(arguments.get("url")?.as_str()?)
}

fn texts(content: &[Content]) -> impl Iterator<Item = &str> {
    content.iter().filter_map(|piece| match piece {
        Content::Text { text } => Some(text.as_str()),
        Content::Image { .. } => None,
    })
}

/// Whether the user has said the host of the page, or something that was found has its whole address.
fn names(said: &[&str], found: &[&str], page: &Fetch) -> bool {
    let address = page.url.trim_end_matches('/');
    said.iter().any(|text| text.contains(address) || says_host(text, &page.host))
        || found.iter().any(|text| text.contains(address))
}

/// Whether `text` has `host` as a name of its own, and not as a part of another.
fn says_host(text: &str, host: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let text = text.to_lowercase();
    host.contains('.')
        && text.match_indices(host).any(|(at, _)| {
            let mut after = text[at + host.len()..].chars();
            let goes_on = match after.next() {
                Some('.') => after.next().is_some_and(part),
                Some(next) => part(next),
                None => false,
            };
            let begins =
                text[..at].chars().next_back().is_none_or(|before| !part(before) && !matches!(before, '.' | '@'));
            begins && !goes_on
        })
}

#[cfg(test)]
mod tests {
    use codex_history::{Arguments, Source, ToolCall};

    use super::*;

    fn call(name: &str, arguments: &str) -> Message {
        let call = ToolCall {
            call_id: "c".into(),
            name: name.into(),
            arguments: Arguments::Json(arguments.into()),
            opaque: None,
        };
        Message::Assistant { content: vec![AssistantPart::Call(call)] }
    }

    fn result(text: &str) -> Message {
        let content = vec![Content::Text { text: text.into() }];
        Message::ToolResult { call_id: "c".into(), freeform: false, content }
    }

    fn searched(url: &str) -> Message {
        let sources = vec![Source { title: "T".into(), url: url.into() }];
        Message::Assistant { content: vec![AssistantPart::Search { queries: vec![], sources, opaque: None }] }
    }

    #[test]
    fn only_who_does_not_know_what_the_model_knows_can_name_a_page() {
        const PAGE: &str = "https://docs.example.org/a?b=c";
        let user = |text: &str| vec![Message::user(text)];
        let search = |text: &str| vec![call("web_search", "{}"), result(text)];
        let fetch = |url: &str, text: &str| vec![call("web_fetch", &format!("{{\"url\":\"{url}\"}}")), result(text)];
        let table: [(Vec<Message>, bool); 19] = [
            (vec![], false),
            (user("Read https://docs.example.org/a?b=c please"), true),
            (user("Look into Docs.Example.org."), true),
            (user("docs.example.org/other has it"), true),
            (user("docs.example.org.evil.com has it"), false),
            (user("mydocs.example.org, docs.example.organic, x@docs.example.org"), false),
            (user("example.org"), false),
            // What this program says in the user's place, from files of the project too.
            (user("<instructions source=\"AGENTS.md\">\nhttps://docs.example.org/a?b=c\n</instructions>"), false),
            (search(PAGE), true),
            // The host alone would let the model write what it likes.
            (search("https://docs.example.org/other"), false),
            (vec![searched(PAGE)], true),
            (vec![searched("https://docs.example.org/")], false),
            // Any other tool's output may be the model's own words.
            (vec![call("exec_command", "{}"), result(PAGE)], false),
            (fetch("https://unknown.example/", PAGE), false),
            ([user("see known.example"), fetch("https://known.example/x", PAGE)].concat(), true),
            ([search("https://known.example/x"), fetch("https://known.example/x", PAGE)].concat(), true),
            ([search("https://known.example/x"), fetch("https://known.example/y", PAGE)].concat(), false),
            (vec![call("web_fetch", "not JSON"), result(PAGE)], false),
            (vec![Message::Developer { text: PAGE.into() }], false),
        ];
        let page = codex_tools::page(PAGE).unwrap();
        for (messages, expected) in table {
            let history: History = messages.clone().into_iter().collect();
            assert_eq!(is_known(&history, &page, false), expected, "{messages:?}");
            let by_user = matches!(messages.first(), Some(Message::User { .. }));
            assert_eq!(is_known(&history, &page, true), expected && !by_user, "{messages:?}");
        }
    }
}
