//! A search of the web, or a page of it that was read: what it was about, and where what was found is from.

use codex_protocol::{ThreadItem, WebSearchAction};

use super::{marked, narrower};
use crate::{
    look::Look,
    text::{Row, truncate, wrap},
    theme::Role,
};

/// Sources that are shown at once.
const SOURCES: usize = 4;

/// What was looked for, and what came of it; under way, the first row alone.
pub fn rows(item: &ThreadItem, look: &Look, expanded: bool) -> Vec<Row> {
    let ThreadItem::WebSearch { query, action, results, failure, .. } = item else { return Vec::new() };
    let quiet = look.style(Role::Quiet);
    let is_page = matches!(action, Some(WebSearchAction::OpenPage { .. }));
    let verb = if is_page { "Web page" } else { "Web search" };
    let mark = match failure {
        Some(_) => Row::new("✗ ", look.style(Role::Bad)),
        None => super::message::agent_mark(look),
    };
    let said = if query.is_empty() { String::new() } else { format!(" {query}") };
    let title = Row::new(verb, look.style(Role::Strong)).with(&said, quiet);
    let inner = narrower(look, 2);
    let title =
        if expanded { wrap(&title, inner.width, &Row::plain("  ")) } else { vec![truncate(&title, inner.width)] };
    let mut rows = marked(title, &mark, &Row::plain("  "), look);
    let inner = narrower(look, 4);
    let mut below = Vec::new();
    if let Some(failure) = failure {
        let failed = Row::new(failure, look.style(Role::Plain));
        below.extend(wrap(&failed, inner.width, &Row::empty()));
    }
    let sources: Vec<_> = results.iter().flatten().filter(|source| !is_page || source.url != *query).collect();
    let most = if expanded { sources.len() } else { SOURCES };
    for source in sources.iter().take(most) {
        // The whole address: who reads it has to see where it leads.
        let mut row = Row::new(&source.url, look.style(Role::Path));
        if !source.title.is_empty() {
            row = row.with(&format!(" {}", source.title), quiet);
        }
        below.extend(if expanded {
            wrap(&row, inner.width, &Row::plain("  "))
        } else {
            vec![truncate(&row, inner.width)]
        });
    }
    if sources.len() > most {
        below.push(Row::new(&format!("… {} more (ctrl+t)", sources.len() - most), quiet));
    }
    rows.extend(marked(below, &Row::new("  └ ", quiet), &Row::plain("    "), look));
    rows
}
