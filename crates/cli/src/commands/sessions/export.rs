//! `codex sessions export`: what was said and done in a session, in a form for people or for programs.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use codex_client::Client;
use codex_protocol::{Thread, ThreadItemEntry, ThreadItemsListParams};

use super::Failure;
use crate::{args::ExportFormat, commands, exec::ExitStatus, terminal};

/// Items that are read at once.
const PAGE: usize = 500;

/// Writes the session to `output`, or to standard output.
pub async fn run(
    client: &Client,
    thread: &Thread,
    format: Option<ExportFormat>,
    output: Option<PathBuf>,
) -> Result<ExitStatus, Failure> {
    let format = format.unwrap_or_else(|| named(output.as_deref()));
    let items = items(client, &thread.id).await?;
    let text = match format {
        ExportFormat::Markdown => codex_tui::transcript::export(items.iter().map(|entry| &entry.item)),
        ExportFormat::Html => {
            codex_tui::transcript::html(thread.name.as_deref(), items.iter().map(|entry| &entry.item))
        }
        ExportFormat::Jsonl => lines(&items)?,
    };
    let Some(path) = output else { return Ok(commands::write(text.as_bytes())?) };
    let failed = |error| format!("--output: {}: {error}", path.display());
    // It replaces no file.
    let mut file = File::create_new(&path).map_err(failed)?;
    if let Err(error) = file.write_all(text.as_bytes()) {
        terminal::complain(&failed(error));
        return Ok(ExitStatus::Failed);
    }
    Ok(commands::say(&format!("written to {}\n", path.display()))?)
}

/// The format that the name of a file ends in.
fn named(path: Option<&Path>) -> ExportFormat {
    match path.and_then(Path::extension).and_then(|ending| ending.to_str()) {
        Some("jsonl" | "json" | "ndjson") => ExportFormat::Jsonl,
        Some("html" | "htm") => ExportFormat::Html,
        _ => ExportFormat::Markdown,
    }
}

/// All items, the oldest first.
async fn items(client: &Client, thread_id: &str) -> Result<Vec<ThreadItemEntry>, Failure> {
    let (mut items, mut cursor) = (Vec::new(), None);
    loop {
        let params = ThreadItemsListParams {
            thread_id: thread_id.to_owned(),
            cursor,
            limit: Some(PAGE),
            ..ThreadItemsListParams::default()
        };
        let page = client.thread_items_list(params).await?;
        items.extend(page.data);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(items);
        }
    }
}

fn lines(items: &[ThreadItemEntry]) -> Result<String, String> {
    let line = |entry| serde_json::to_string(entry).map(|line| line + "\n").map_err(|error| error.to_string());
    items.iter().map(line).collect()
}
