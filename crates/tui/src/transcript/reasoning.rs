//! What the model lets us see of its thinking: a quiet line, or all of it.

use super::{marked, narrower};
use crate::{
    look::Look,
    markdown::markdown,
    text::{Row, truncate},
    theme::Role,
};

/// What the model thought; nothing if it says nothing of it.
pub fn rows(summary: &[String], look: &Look, expanded: bool) -> Vec<Row> {
    let text = summary.join("\n\n");
    if text.trim().is_empty() {
        return Vec::new();
    }
    let quiet = look.style(Role::Quiet);
    if !expanded {
        let row = Row::new(&format!("· {}", heading(&text)), quiet);
        return vec![truncate(&row, look.width)];
    }
    let mut rows = markdown(&text, &narrower(look, 2));
    for span in rows.iter_mut().flat_map(|row| &mut row.spans) {
        span.style = span.style.over(quiet);
    }
    marked(rows, &Row::new("· ", quiet), &Row::plain("  "), look)
}

/// The first line, without the marks of a heading.
fn heading(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line: String = line.chars().take(400).collect();
    line.trim_matches(['#', '*', ' ']).replace("**", "")
}
