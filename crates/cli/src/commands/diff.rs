//! `codex diff`: all that the agent changed in a session, as a patch that `git apply` takes.

use std::io::{self, IsTerminal};

use codex_config::Environment;
use codex_protocol::{FileDiff, PatchChangeKind, ThreadDiff, ThreadDiffParams};

use crate::{
    args::{DiffArguments, ThreadOptions},
    commands::exec::connect,
    exec::{ExitStatus, named_or_newest},
    resolve, terminal,
};

/// Prints what the agent changed.
///
/// # Errors
/// A sentence for the user when there is no such session or turn, or what is kept cannot be read.
pub async fn run(
    outer: ThreadOptions,
    arguments: DiffArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let DiffArguments { session, turn, stat, name_only, json } = arguments;
    let connection = connect(environment);
    let of = resolve::utf8("--cd", &resolve::workspace(&outer)?)?;
    let thread_id = named_or_newest(&connection.client, session, of).await.map_err(|error| error.message)?;
    let params = ThreadDiffParams { thread_id, turn_id: turn };
    let diff = connection.client.thread_diff(params).await.map_err(|error| error.message)?;
    if json {
        let object = serde_json::to_string(&diff).map_err(|error| error.to_string())?;
        return super::write(format!("{object}\n").as_bytes());
    }
    diff.notes.iter().for_each(|note| terminal::complain(&format!("warning: {note}")));
    let text = match (stat, name_only) {
        (true, _) => stats(&diff),
        (_, true) => diff.files.iter().map(|file| format!("{}\n", name(&diff, file))).collect(),
        _ => patch(&diff),
    };
    if diff.files.is_empty() {
        terminal::complain("the agent has changed nothing");
    }
    if io::stdout().is_terminal() { super::say(&text) } else { super::write(text.as_bytes()) }
}

/// The patch. What cannot be a part of one is said on standard error.
fn patch(diff: &ThreadDiff) -> String {
    let mut text = String::new();
    for file in &diff.files {
        if file.header.is_empty() {
            let why = if file.notes.is_empty() { "it lies elsewhere".to_owned() } else { file.notes.join("; ") };
            terminal::complain(&format!("not in the patch: {}: {why}", name(diff, file)));
            continue;
        }
        for note in &file.notes {
            terminal::complain(&format!("{}: {note}", name(diff, file)));
        }
        text += &file.header;
        text += &file.change.diff;
    }
    text
}

/// A line for each file, and one for all.
fn stats(diff: &ThreadDiff) -> String {
    let names: Vec<String> = diff.files.iter().map(|file| name(diff, file)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let (mut text, mut all) = (String::new(), (0, 0));
    for (file, name) in diff.files.iter().zip(&names) {
        let count = |mark: char| file.change.diff.lines().filter(|line| line.starts_with(mark)).count();
        let (added, removed) = (count('+'), count('-'));
        all = (all.0 + added, all.1 + removed);
        let notes = if file.notes.is_empty() { String::new() } else { format!("  ({})", file.notes.join("; ")) };
        text += &format!("{} {name:<width$}  +{added} -{removed}{notes}\n", letter(&file.change.kind));
    }
    if !names.is_empty() {
        text += &format!("{} changed, +{} -{}\n", files(names.len()), all.0, all.1);
    }
    text
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".into() } else { format!("{count} files") }
}

/// As git has it.
fn letter(kind: &PatchChangeKind) -> char {
    match kind {
        PatchChangeKind::Add => 'A',
        PatchChangeKind::Delete => 'D',
        PatchChangeKind::Update { move_path: None } => 'M',
        PatchChangeKind::Update { move_path: Some(_) } => 'R',
    }
}

/// The path, as seen from the session's directory.
fn name(diff: &ThreadDiff, file: &FileDiff) -> String {
    let seen = |path: &str| {
        let inner = path.strip_prefix(diff.cwd.as_str()).and_then(|inner| inner.strip_prefix('/'));
        inner.unwrap_or(path).to_owned()
    };
    match &file.change.kind {
        PatchChangeKind::Update { move_path: Some(to) } => format!("{} -> {}", seen(&file.change.path), seen(to)),
        _ => seen(&file.change.path),
    }
}
