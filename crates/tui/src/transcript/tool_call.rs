//! A call of any other tool: its name, its arguments in short, the first lines of its result.

use std::borrow::Cow;

use codex_protocol::{DynamicToolCallOutput, DynamicToolCallStatus, McpToolCallStatus, ThreadItem};
use serde_json::Value;

use super::{duration, marked, narrower, output};
use crate::{
    look::Look,
    text::{Row, truncate, wrap},
    theme::Role,
};

/// First lines of a result, and of a reason why it failed.
const LINES: [usize; 2] = [3, 12];

/// Most of one argument, in characters.
const ARGUMENT: usize = 80;

/// A call that has ended.
pub fn rows(item: &ThreadItem, look: &Look, expanded: bool) -> Vec<Row> {
    let Some(Call { tool, arguments, failed, texts, duration_ms }) = call(item) else { return Vec::new() };
    let quiet = look.style(Role::Quiet);
    let mut rows = title(&tool, arguments, failed, look, expanded);
    let inner = narrower(look, 4);
    let mut below = Vec::new();
    for text in &texts {
        below.extend(output::all(if expanded { text } else { output::head(text, 16 << 10) }, &inner));
    }
    let most = LINES[usize::from(failed)];
    if !expanded && below.len() > most + 1 {
        let more = below.len() - most;
        below.truncate(most);
        below.push(Row::new(&format!("… {more} more lines (ctrl+t)"), quiet));
    }
    if failed {
        let took = duration_ms.map(|took| format!(" · {}", duration(took))).unwrap_or_default();
        below.push(Row::new("failed", look.style(Role::Bad)).with(&took, quiet));
    }
    rows.extend(marked(below, &Row::new("  └ ", quiet), &Row::plain("    "), look));
    rows
}

/// What the kinds of calls have in common.
struct Call<'item> {
    tool: Cow<'item, str>,
    arguments: &'item Value,
    failed: bool,
    texts: Vec<Cow<'item, str>>,
    duration_ms: Option<u64>,
}

fn call(item: &ThreadItem) -> Option<Call<'_>> {
    match item {
        ThreadItem::DynamicToolCall { tool, arguments, status, content_items, success, duration_ms, .. } => {
            let texts = content_items.iter().flatten();
            Some(Call {
                tool: Cow::Borrowed(tool),
                arguments,
                failed: *status == DynamicToolCallStatus::Failed || *success == Some(false),
                texts: texts.map(|DynamicToolCallOutput::InputText { text }| Cow::Borrowed(text.as_str())).collect(),
                duration_ms: *duration_ms,
            })
        }
        ThreadItem::McpToolCall { server, tool, arguments, status, result, error, duration_ms, .. } => {
            let said = result.iter().map(|result| result.text()).filter(|text| !text.is_empty()).map(Cow::Owned);
            let why = error.iter().map(|error| Cow::Borrowed(error.message.as_str()));
            Some(Call {
                tool: Cow::Owned(of_server(server, tool)),
                arguments,
                failed: *status == McpToolCallStatus::Failed,
                texts: said.chain(why).collect(),
                duration_ms: *duration_ms,
            })
        }
        _ => None,
    }
}

/// How a tool of a server is called.
pub fn of_server(server: &str, tool: &str) -> String {
    format!("{server}.{tool}")
}

/// A call that runs.
pub fn running(tool: &str, arguments: &Value, look: &Look) -> Vec<Row> {
    title(tool, arguments, false, look, false)
}

fn title(tool: &str, arguments: &Value, failed: bool, look: &Look, expanded: bool) -> Vec<Row> {
    let mark = if failed { Row::new("✗ ", look.style(Role::Bad)) } else { super::message::agent_mark(look) };
    let row = Row::new(tool, look.style(Role::Strong)).with(" ", look.style(Role::Plain));
    let inner = narrower(look, 2);
    let rows = match expanded {
        true => {
            let text = serde_json::to_string_pretty(arguments).unwrap_or_default();
            let mut rows = vec![row];
            let lines = text.lines().map(|line| Row::new(line, look.style(Role::Quiet)));
            rows.extend(lines.flat_map(|line| wrap(&line, inner.width, &Row::plain("  "))));
            rows
        }
        false => {
            let said = files(tool, arguments).unwrap_or_else(|| brief(arguments));
            vec![truncate(&row.with(&said, look.style(Role::Quiet)), inner.width)]
        }
    };
    marked(rows, &mark, &Row::plain("  "), look)
}

/// The files that a patch names: one that was not applied is told as a call.
fn files(tool: &str, arguments: &Value) -> Option<String> {
    let patch = arguments.as_str().or_else(|| arguments.as_object()?.values().next()?.as_str())?;
    let verbs = ["*** Update File: ", "*** Add File: ", "*** Delete File: "];
    let named = patch.lines().filter_map(|line| verbs.iter().find_map(|verb| line.strip_prefix(verb)));
    let files = named.collect::<Vec<_>>().join(", ");
    (tool == "apply_patch" && !files.is_empty()).then_some(files)
}

/// The values of the arguments, the longer ones cut.
fn brief(arguments: &Value) -> String {
    let word = |value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let text: Vec<&str> = output::head(&text, 4 * ARGUMENT).split_whitespace().collect();
        let text = text.join(" ");
        match text.char_indices().nth(ARGUMENT) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        }
    };
    match arguments {
        Value::Object(map) => map.values().filter(|value| !value.is_null()).map(word).collect::<Vec<_>>().join(" "),
        other => word(other),
    }
}
