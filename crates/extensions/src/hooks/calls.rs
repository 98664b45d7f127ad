//! Calls of tools as hooks read them: under the names, and with the fields, that scripts for Claude Code know; and back.

use std::path::Path;

use codex_history::Arguments;
use codex_tools::{DescribedChange, DescribedFile, DescribedPatch, described_patch};
use serde_json::{Map, Value, json};

/// A call as a hook reads it. A patch is one for each file that it speaks of.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    /// What matchers may call it: its own name first.
    pub names: Vec<String>,
    /// `tool_name`.
    pub name: String,
    /// `tool_input`.
    pub input: Map<String, Value>,
}

/// What a tool is called elsewhere, and its fields: ours, theirs.
struct Known {
    tool: &'static str,
    names: &'static [&'static str],
    fields: &'static [(&'static str, &'static str)],
}

const KNOWN: &[Known] = &[
    Known { tool: "exec_command", names: &["Bash"], fields: &[("cmd", "command"), ("justification", "description")] },
    Known { tool: "git_read", names: &[], fields: &[] },
    Known { tool: "list_dir", names: &["LS", "Glob"], fields: &[] },
    Known { tool: "manage_processes", names: &["KillShell"], fields: &[] },
    Known { tool: "propose_plan", names: &["ExitPlanMode"], fields: &[] },
    Known { tool: "read_file", names: &["Read"], fields: &[("path", "file_path")] },
    Known { tool: "request_user_input", names: &["AskUserQuestion"], fields: &[] },
    Known { tool: "search_files", names: &["Grep"], fields: &[] },
    Known { tool: "spawn_agent", names: &["Task", "Agent"], fields: &[("task", "prompt"), ("kind", "subagent_type")] },
    Known { tool: "update_plan", names: &["TodoWrite"], fields: &[] },
    Known { tool: "view_image", names: &["Read"], fields: &[("path", "file_path")] },
    Known { tool: "web_fetch", names: &["WebFetch"], fields: &[] },
    Known { tool: "web_search", names: &["WebSearch"], fields: &[] },
    // What is typed to a shell is a command, too.
    Known { tool: "write_stdin", names: &["Bash"], fields: &[("chars", "command")] },
];
/// What is called a change of a file.
const EDITS: [&str; 4] = ["apply_patch", "Edit", "Write", "MultiEdit"];
/// The whole patch that a change is of.
const PATCH: &str = "patch";

/// The call of `tool` as hooks read it: at least one.
pub fn faces(tool: &str, call: &Arguments, workspace: &Path) -> Vec<Face> {
    if let Some(patch) = described_patch(tool, call, workspace) {
        return patch.files.iter().flat_map(|file| edits(file, &patch)).collect();
    }
    let known = KNOWN.iter().find(|known| known.tool == tool);
    let mut input = match serde_json::from_str(call.text()) {
        Ok(Value::Object(table)) if !call.is_freeform() => table,
        _ => [("input".to_owned(), Value::from(call.text()))].into_iter().collect(),
    };
    for (ours, theirs) in known.map(|known| known.fields).unwrap_or_default() {
        rename(&mut input, ours, theirs);
    }
    if let Some(Value::String(path)) = input.get_mut("file_path") {
        *path = workspace.join(&*path).display().to_string();
    }
    let other = known.map(|known| known.names).unwrap_or_default();
    let names = std::iter::once(tool).chain(other.iter().copied()).map(str::to_owned).collect();
    vec![Face { names, name: other.first().copied().unwrap_or(tool).to_owned(), input }]
}

/// A change of one file; of one that is moved, a second for where it comes to.
fn edits(file: &DescribedFile, patch: &DescribedPatch) -> Vec<Face> {
    let edit = |(old, new): &(String, String)| json!({ "old_string": old, "new_string": new });
    let (name, fields) = match &file.change {
        DescribedChange::Add(text) => ("Write", json!({ "content": text })),
        DescribedChange::Delete => ("Edit", json!({ "old_string": "", "new_string": "", "deleted": true })),
        DescribedChange::Update(edits) => match &edits[..] {
            [one] => ("Edit", edit(one)),
            edits => ("MultiEdit", json!({ "edits": edits.iter().map(edit).collect::<Vec<_>>() })),
        },
    };
    let face = |path: &String| {
        let mut input = Map::new();
        input.insert("file_path".into(), patch.base.join(path).display().to_string().into());
        input.extend(fields.as_object().cloned().unwrap_or_default());
        input.insert(PATCH.into(), patch.text.clone().into());
        Face { names: EDITS.map(str::to_owned).to_vec(), name: name.to_owned(), input }
    };
    std::iter::once(&file.path).chain(&file.move_to).map(face).collect()
}

fn rename(table: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = table.remove(from) {
        table.insert(to.into(), value);
    }
}

/// The arguments that a call has once a hook has made `updated` of what it read as `face`.
///
/// # Errors
/// A sentence, where that is no such call.
pub fn rewritten(
    tool: &str,
    call: &Arguments,
    workspace: &Path,
    face: &Face,
    updated: &Map<String, Value>,
) -> Result<Arguments, String> {
    if let Some(patch) = described_patch(tool, call, workspace) {
        let text = patch_of(&patch, face, updated)?;
        return match (tool, call) {
            ("apply_patch", Arguments::Freeform(_)) => Ok(Arguments::Freeform(text)),
            ("apply_patch", Arguments::Json(_)) => Ok(Arguments::Json(json!({ "input": text }).to_string())),
            _ => Err("a hook cannot rewrite a patch that stands in a command line".into()),
        };
    }
    if call.is_freeform() {
        let text = updated.get("input").and_then(Value::as_str);
        return text.map(|text| Arguments::Freeform(text.to_owned())).ok_or_else(|| "`input` is missing".into());
    }
    let mut input = updated.clone();
    for (ours, theirs) in KNOWN.iter().find(|known| known.tool == tool).map(|known| known.fields).unwrap_or_default() {
        rename(&mut input, theirs, ours);
    }
    Ok(Arguments::Json(Value::Object(input).to_string()))
}

/// The patch after a change of what was read of it.
fn patch_of(patch: &DescribedPatch, face: &Face, updated: &Map<String, Value>) -> Result<String, String> {
    let text = |name: &str| updated.get(name).and_then(Value::as_str);
    if let Some(whole) = text(PATCH).filter(|whole| *whole != patch.text) {
        return Ok(whole.to_owned());
    }
    let [file] = &patch.files[..] else {
        return Err("the patch is of several files: a hook can rewrite it only as a whole, in `patch`".into());
    };
    let path = match text("file_path") {
        Some(path) if Some(path) != face.input.get("file_path").and_then(Value::as_str) => path,
        _ => &file.path,
    };
    let pair = |table: &Map<String, Value>| {
        let text = |name: &str| table.get(name).and_then(Value::as_str).map(str::to_owned);
        text("old_string").zip(text("new_string"))
    };
    let body = match (&file.change, text("content")) {
        (DescribedChange::Add(_), Some(content)) => {
            let lines: String = content.lines().map(|line| format!("+{line}\n")).collect();
            format!("*** Add File: {path}\n{lines}")
        }
        (DescribedChange::Update(_), _) => {
            let several = updated.get("edits").and_then(Value::as_array);
            let pairs: Option<Vec<_>> = match several {
                Some(edits) => edits.iter().map(|edit| pair(edit.as_object()?)).collect(),
                None => pair(updated).map(|one| vec![one]),
            };
            let pairs = pairs.ok_or("it leaves out `old_string` or `new_string`")?;
            let marked =
                |mark: char, text: &str| text.lines().map(|line| format!("{mark}{line}\n")).collect::<String>();
            let hunks = pairs.iter().map(|(old, new)| format!("@@\n{}{}", marked('-', old), marked('+', new)));
            let moved = file.move_to.iter().map(|to| format!("*** Move to: {to}\n"));
            let parts: String = moved.chain(hunks).collect();
            format!("*** Update File: {path}\n{parts}")
        }
        _ => return Err("the change of this file cannot be rewritten but as a whole, in `patch`".into()),
    };
    Ok(format!("*** Begin Patch\n{body}*** End Patch"))
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
