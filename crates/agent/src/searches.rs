//! Searches of the web that the vendor of a model makes while it answers: how they are shown, and how the pages that an
//! answer rests on are named under it.

use std::collections::VecDeque;

use codex_history::{AssistantPart, Source};
use codex_protocol::{ThreadItem, WebSearchAction, WebSource};

use crate::turn::TurnRun;

/// The items of the searches of an answer that is still arriving.
#[derive(Debug, Default)]
pub(crate) struct Searches {
    /// Those that began, oldest first.
    begun: VecDeque<String>,
    /// Those that an answer began that does not count; the next searches take them over.
    left: VecDeque<String>,
}

impl Searches {
    /// The answer does not count.
    pub(crate) fn discard(mut self) -> Self {
        self.left.extend(self.begun.drain(..));
        self
    }

    /// The items of those that come to nothing: the answer is not whole.
    pub(crate) fn cut_short(self) -> impl Iterator<Item = ThreadItem> {
        self.left.into_iter().chain(self.begun).map(|id| {
            let failure = Some("the answer was cut short".to_owned());
            ThreadItem::WebSearch { id, query: String::new(), action: None, results: None, failure }
        })
    }
}

impl TurnRun {
    /// A search began: the item that tells so, unless it was told before.
    pub(crate) fn search_started(&mut self, searches: &mut Searches) -> Option<ThreadItem> {
        if let Some(id) = searches.left.pop_front() {
            searches.begun.push_back(id);
            return None;
        }
        let id = self.next_item_id();
        searches.begun.push_back(id.clone());
        Some(ThreadItem::WebSearch { id, query: String::new(), action: None, results: None, failure: None })
    }

    /// The item of a search that an answer tells of, if there was one.
    pub(crate) fn searched(&mut self, part: &AssistantPart, searches: &mut Searches) -> Option<ThreadItem> {
        let AssistantPart::Search { queries, sources, opaque } = part else { return None };
        let begun = searches.begun.pop_front().or_else(|| searches.left.pop_front());
        if queries.is_empty() && opaque.is_none() && begun.is_none() {
            return None;
        }
        let id = begun.unwrap_or_else(|| self.next_item_id());
        let action = match queries.as_slice() {
            [url] if url.starts_with("https://") || url.starts_with("http://") => {
                WebSearchAction::OpenPage { url: Some(url.clone()) }
            }
            [query] => WebSearchAction::Search { query: Some(query.clone()), queries: None },
            several => WebSearchAction::Search { query: None, queries: Some(several.to_vec()) },
        };
        let source = |source: &Source| WebSource { title: source.title.clone(), url: source.url.clone() };
        let results = Some(sources.iter().map(source).collect());
        Some(ThreadItem::WebSearch { id, query: queries.join("; "), action: Some(action), results, failure: None })
    }
}

/// The pages that an answer rests on and does not name in its text, as Markdown to put under it.
pub(crate) fn unnamed_sources(content: &[AssistantPart]) -> Option<String> {
    let (mut text, mut sources) = (String::new(), Vec::new());
    for part in content {
        match part {
            AssistantPart::Text { text: said, .. } => text.push_str(said),
            AssistantPart::Search { sources: named, .. } => sources.extend(named),
            _ => {}
        }
    }
    sources.retain(|source| !text.contains(&source.url));
    let line = |source: &&Source| match source.title.trim() {
        "" => format!("\n- <{}>", source.url),
        title => format!("\n- [{}]({})", title.replace(['[', ']', '\n'], " "), source.url),
    };
    (!sources.is_empty() && !text.is_empty())
        .then(|| format!("\n\nSources:\n{}", sources.iter().map(line).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_the_answer_does_not_name_are_named_under_it() {
        let text = |text: &str| AssistantPart::Text { text: text.into(), opaque: None };
        let search = |sources: &[(&str, &str)]| AssistantPart::Search {
            queries: vec!["q".into()],
            sources: sources.iter().map(|(title, url)| Source { title: (*title).into(), url: (*url).into() }).collect(),
            opaque: None,
        };
        let a = ("A [1]", "https://a.example/");
        let b = ("", "https://b.example/");
        let table = [
            (vec![text("x")], None),
            (vec![search(&[a])], None),
            (vec![search(&[]), text("x")], None),
            (vec![search(&[a]), text("see https://a.example/")], None),
            (
                vec![search(&[a, b]), text("x")],
                Some("\n\nSources:\n\n- [A  1 ](https://a.example/)\n- <https://b.example/>"),
            ),
        ];
        for (content, expected) in table {
            assert_eq!(unnamed_sources(&content).as_deref(), expected, "{content:?}");
        }
    }
}
