//! What the user said, and what the model said.

use codex_protocol::{ThreadItem, UserInput};

use super::{marked, narrower};
use crate::{
    look::Look,
    markdown::markdown,
    text::{Row, wrap},
    theme::Role,
};

/// Most rows of what the user said, where it is not expanded: it may hold a paste of any length.
const ROWS: usize = 40;

/// Most of what the user said that is looked at for that, in bytes.
const BYTES: usize = 64 << 10;

/// What the user said.
pub fn user(content: &[UserInput], look: &Look, expanded: bool) -> Vec<Row> {
    let (inner, mut rows, mut left) = (narrower(look, 2), Vec::new(), 0);
    for input in content {
        match input {
            UserInput::LocalImage { path } => rows.extend(picture(path, &inner)),
            UserInput::Image { name, .. } => rows.extend(picture(name.as_deref().unwrap_or_default(), &inner)),
            said => {
                let text = said.typed().unwrap_or_default();
                let shown = if expanded { &text } else { super::output::head(&text, BYTES) };
                left += text[shown.len()..].lines().count();
                for line in shown.lines() {
                    rows.extend(wrap(&Row::new(line, look.style(Role::User)), inner.width, &Row::empty()));
                }
            }
        }
    }
    if !expanded && (rows.len() > ROWS || left > 0) {
        left += rows.len().saturating_sub(ROWS);
        rows.truncate(ROWS);
        rows.push(Row::new(&format!("… {left} more lines (ctrl+t)"), look.style(Role::Quiet)));
    }
    marked(rows, &Row::new("› ", look.style(Role::User)), &Row::plain("  "), look)
}

fn picture(name: &str, look: &Look) -> Vec<Row> {
    let text = format!("[image {name}]").replace(" ]", "]");
    wrap(&Row::new(&text, look.style(Role::Path)), look.width, &Row::empty())
}

/// Files of the pictures that the user gave to the model, or that it has looked at.
pub fn pictures(item: &ThreadItem) -> impl Iterator<Item = &str> {
    let (said, looked_at) = match item {
        ThreadItem::UserMessage { content, .. } => (content.as_slice(), None),
        ThreadItem::DynamicToolCall { tool, arguments, success: Some(true), .. } if tool == "view_image" => {
            (&[][..], arguments["path"].as_str())
        }
        _ => (&[][..], None),
    };
    let said = said.iter().filter_map(|input| match input {
        UserInput::LocalImage { path } => Some(path.as_str()),
        _ => None,
    });
    said.chain(looked_at)
}

/// What the model said.
pub fn agent(text: &str, look: &Look) -> Vec<Row> {
    let rows = markdown(text, &narrower(look, 2));
    marked(rows, &agent_mark(look), &Row::plain("  "), look)
}

/// What the model proposes to do.
pub fn plan(text: &str, look: &Look) -> Vec<Row> {
    let mut rows = vec![Row::new("Proposed plan", look.style(Role::Strong)), Row::empty()];
    rows.extend(markdown(text, &narrower(look, 2)));
    marked(rows, &agent_mark(look), &Row::plain("  "), look)
}

/// What stands before what the model says and does.
pub fn agent_mark(look: &Look) -> Row {
    Row::new("• ", look.style(Role::Mark))
}
