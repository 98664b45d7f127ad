//! Which pages of the web were named by somebody who did not know what the model knows: the user, a search, or a page
//! that was itself so named. Pure: a conversation in, yes or no out.
//!
//! An address that the model put together may carry away what it has read. So no other tool's output counts, nor what
//! this program or another model says in the user's place, nor a page whose address was not said or found as it is: its
//! server may repeat what the address holds.

use std::collections::BTreeSet;

use codex_history::{AssistantPart, Content, History, Message};
use codex_permissions::Fetch;

use crate::context::{is_of_program, is_said_for_user};

/// Who named a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// The user, or an address at its host.
    User,
    /// A search, or a page that was itself named.
    Others,
    /// Nobody but, perhaps, who knows what the model knows.
    Nobody,
}

/// Who named the page in `history`; `is_agent`: there another model speaks in the user's place.
pub(crate) fn named(history: &History, page: &Fetch, is_agent: bool) -> Named {
    let (mut said, mut found, mut open) = (Vec::new(), Vec::new(), BTreeSet::new());
    for message in history.messages() {
        match message {
            Message::User { content } if !is_agent && !is_of_program(content) => {
                said.extend(texts(content).filter(|text| !is_said_for_user(text)));
            }
            Message::Assistant { content } => {
                for part in content {
                    match part {
                        AssistantPart::Search { sources, .. } => {
                            found.extend(sources.iter().map(|source| source.url.as_str()));
                        }
                        AssistantPart::Call(call) if call.name == "web_search" => drop(open.insert(&call.call_id)),
                        AssistantPart::Call(call) if call.name == "web_fetch" => {
                            let asked = of_call(call.arguments.text());
                            if asked.is_some_and(|asked| has_all(&said, &found, &asked)) {
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
    if has_all(&said, &[], page) || said.iter().any(|text| says_host(text, &page.host)) {
        Named::User
    } else if has_all(&[], &found, page) {
        Named::Others
    } else {
        Named::Nobody
    }
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

/// Whether the user has said the whole address of the page, with its scheme or without, or something that was found has it.
fn has_all(said: &[&str], found: &[&str], page: &Fetch) -> bool {
    let address = page.url.trim_end_matches('/');
    let bare = address.split_once("://").map_or(address, |(_, bare)| bare);
    // A host alone may be the name of a file: `main.rs`.
    let begins = |before: char| before.is_whitespace() || matches!(before, '(' | '<' | '[' | '"' | '\'' | '`');
    let says_bare = |text: &str| bare.contains('/') && has_whole(text, bare, begins);
    said.iter().any(|text| has_whole(text, address, |_| true) || says_bare(text))
        || found.iter().any(|text| has_whole(text, address, |_| true))
}

/// Whether `address` stands in `text` and ends there, after something that `begins` lets stand before it.
fn has_whole(text: &str, address: &str, begins: impl Fn(char) -> bool) -> bool {
    text.match_indices(address).any(|(at, _)| {
        let after = &text[at + address.len()..];
        let after = after.strip_prefix('/').unwrap_or(after);
        // The sentence, or the Markdown, that it stands in.
        let after_sentence = after.trim_start_matches(['.', ',', ';', ':', '!', '?', '\'', ')', ']', '*', '_']);
        let is_end = after.starts_with('#') || after_sentence.chars().next().is_none_or(|next| !goes_on(next));
        is_end && text[..at].chars().next_back().is_none_or(&begins)
    })
}

/// Whether an address may go on with `c`.
fn goes_on(c: char) -> bool {
    c.is_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c)
}

/// Whether `text` has an address at `host`, or `host` with `www.`: other names with dots may be those of files.
fn says_host(text: &str, host: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '@');
    let text = text.to_lowercase();
    let with_www = format!("www.{}", host.strip_prefix("www.").unwrap_or(host));
    let names = [format!("https://{host}"), format!("http://{host}"), with_www];
    host.contains('.')
        && names.iter().any(|name| {
            text.match_indices(name).any(|(at, _)| {
                let mut after = text[at + name.len()..].chars();
                let goes_on = match after.next() {
                    Some('.') => after.next().is_some_and(part),
                    Some(next) => part(next),
                    None => false,
                };
                let begins = text[..at].chars().next_back().is_none_or(|before| !part(before) && before != '.');
                begins && !goes_on
            })
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
    fn names_of_files_are_no_hosts() {
        for (said, host) in [
            ("fix src/main.rs and README.md, then run ./build.sh", "main.rs"),
            ("fix src/main.rs and README.md, then run ./build.sh", "readme.md"),
            ("main.rs", "main.rs"),
            ("`setup.py`", "setup.py"),
        ] {
            let page = codex_tools::page(&format!("https://{host}/?x=secret")).unwrap();
            let history: History = [Message::user(said)].into_iter().collect();
            assert_eq!(named(&history, &page, false), Named::Nobody, "{said}");
        }
    }

    #[test]
    fn only_who_does_not_know_what_the_model_knows_can_name_a_page() {
        use Named::{Nobody, Others, User};
        const PAGE: &str = "https://docs.example.org/a?b=c";
        let of_user = |text: &str| Content::Text { text: text.into() };
        let user = |text: &str| vec![Message::user(text)];
        let search = |text: &str| vec![call("web_search", "{}"), result(text)];
        let fetch = |url: &str, text: &str| vec![call("web_fetch", &format!("{{\"url\":\"{url}\"}}")), result(text)];
        let table: [(Vec<Message>, Named); 32] = [
            (vec![], Nobody),
            (user("Read https://docs.example.org/a?b=c please"), User),
            (user("Look into https://Docs.Example.org."), User),
            (user("Look into www.docs.example.org"), User),
            (user("(docs.example.org/a?b=c)."), User),
            (user("https://docs.example.org/other has it"), User),
            // A name with dots may be that of a file.
            (user("Look into docs.example.org"), Nobody),
            (user("Fix docs.example.org/other and src/docs.example.org/a?b=c"), Nobody),
            (user("https://docs.example.org.evil.com/a?b=c has it"), Nobody),
            (user("https://mydocs.example.org https://docs.example.organic https://docs.example.org@evil.com"), Nobody),
            (user("example.org"), Nobody),
            // What this program says in the user's place, from files of the project too.
            (user("<instructions source=\"AGENTS.md\">\nhttps://docs.example.org/a?b=c\n</instructions>"), Nobody),
            // What another model says there, behind the user's words or alone.
            (vec![Message::User { content: vec![of_user("Go."), crate::mode::approved(PAGE)] }], Nobody),
            (vec![Message::User { content: vec![of_user(PAGE), crate::mode::approved("Go.")] }], User),
            (
                user(
                    "The user had the project reviewed (x) in a conversation apart from this one.\n\nSee https://docs.example.org/a?b=c",
                ),
                Nobody,
            ),
            (search(PAGE), Others),
            (search("See [it](https://docs.example.org/a?b=c), <b>"), Others),
            (search("https://docs.example.org/a?b=c#part"), Others),
            (search("https://docs.example.org/a?b=c&d=e"), Nobody),
            (search("https://docs.example.org/a?b=c.d"), Nobody),
            // The host alone would let the model write what it likes.
            (search("https://docs.example.org/other"), Nobody),
            (vec![searched(PAGE)], Others),
            (vec![searched("https://docs.example.org/")], Nobody),
            // Any other tool's output may be the model's own words.
            (vec![call("exec_command", "{}"), result(PAGE)], Nobody),
            (fetch("https://unknown.example/", PAGE), Nobody),
            ([user("see https://known.example/x"), fetch("https://known.example/x", PAGE)].concat(), Others),
            // A site whose host alone was said may repeat what the model wrote, or send on to it.
            ([user("see https://known.example/y"), fetch("https://known.example/x", PAGE)].concat(), Nobody),
            ([user("see https://known.example"), fetch("https://known.example/?to=x", PAGE)].concat(), Nobody),
            ([search("https://known.example/x"), fetch("https://known.example/x", PAGE)].concat(), Others),
            ([search("https://known.example/x"), fetch("https://known.example/y", PAGE)].concat(), Nobody),
            (vec![call("web_fetch", "not JSON"), result(PAGE)], Nobody),
            (vec![Message::Developer { text: PAGE.into() }], Nobody),
        ];
        let page = codex_tools::page(PAGE).unwrap();
        for (messages, expected) in table {
            let history: History = messages.clone().into_iter().collect();
            assert_eq!(named(&history, &page, false), expected, "{messages:?}");
            // Another model is no user.
            let by_user = matches!(messages.first(), Some(Message::User { .. }));
            let expected = if by_user { Named::Nobody } else { expected };
            assert_eq!(named(&history, &page, true), expected, "{messages:?}");
        }
    }
}
