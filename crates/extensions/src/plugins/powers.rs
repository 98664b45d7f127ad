//! What a plugin may do, said before it is in use, word for word.

use std::{fs, path::Path};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Parts, Plugin, ToolPart};

/// Something that a plugin adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Power {
    /// What it is: `tool`, `server`, `linter`, `formatter`, `hook`, `command`, `skill` or `agent`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What comes of it: what is run, verbatim.
    pub does: String,
    /// Whether that runs without walls.
    pub outside: bool,
}

impl Power {
    /// In a line.
    pub fn line(&self) -> String {
        let walls = if self.outside { ", OUTSIDE the sandbox" } else { "" };
        format!("{} {}: {}{walls}", self.kind, self.name, self.does)
    }
}

/// All that `plugin` adds, in the order of kinds and names.
pub fn powers(plugin: &Plugin) -> Vec<Power> {
    let Parts { tools, servers, linters, formatters, hooks, commands, skills, agents } = &plugin.parts;
    let mut all: Vec<Power> = tools.iter().map(of_tool).collect();
    all.extend(servers.iter().map(|(name, table)| of_server(name, table)));
    for (kind, tables) in [("linter", linters), ("formatter", formatters)] {
        all.extend(tables.iter().map(|(name, table)| {
            let files = table.get("files").map(|files| format!(" on {}", words(files))).unwrap_or_default();
            let does = format!("after edits runs `{}`{files}", table.get("command").map(words).unwrap_or_default());
            Power { kind, name: name.clone(), does, outside: is_outside(table) }
        }));
    }
    for (event, entries) in hooks {
        all.extend(entries.as_array().into_iter().flatten().flat_map(|entry| of_hook(event, entry)));
    }
    let lists = [("command", commands, ".md"), ("skill", skills, ""), ("agent", agents, ".md")];
    for (kind, directories, ending) in lists {
        for directory in directories {
            let names = names_in(&plugin.root.join(directory), ending);
            all.extend(names.into_iter().map(|(name, text)| {
                let does = match kind {
                    "command" => {
                        run_by(&text).fold("text for the model".to_owned(), |does, run| does + ", runs `" + run + "`")
                    }
                    "skill" => "text for the model, which it reads when it needs it".to_owned(),
                    _ => "a sub-agent".to_owned(),
                };
                Power { kind, name, does, outside: false }
            }));
        }
    }
    all
}

/// A hash of what `powers` say.
pub fn hash_of(powers: &[Power]) -> String {
    let mut hash = Sha256::new();
    for power in powers {
        hash.update(power.line());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_tool(tool: &ToolPart) -> Power {
    let does = format!("runs `{}`; {}", tool.command.join(" "), tool.description.replace('\n', " "));
    Power { kind: "tool", name: tool.name.clone(), does, outside: false }
}

fn of_server(name: &str, table: &Value) -> Power {
    let text = |key: &str| table.get(key).map(words).unwrap_or_default();
    let mut does = match table.get("url").and_then(Value::as_str) {
        Some(url) => format!("connects to {url}"),
        None => format!("runs `{}`", format!("{} {}", text("command"), text("args")).trim_end()),
    };
    let told = ["command", "args", "url", "type", "sandbox"];
    for (key, value) in table.as_object().into_iter().flatten().filter(|(key, _)| !told.contains(&key.as_str())) {
        does += &format!(", {key}: {}", words(value));
    }
    Power { kind: "server", name: name.to_owned(), does, outside: is_outside(table) }
}

fn of_hook(event: &str, entry: &Value) -> Vec<Power> {
    let matcher = entry.get("matcher").and_then(Value::as_str).filter(|matcher| !matcher.is_empty());
    let name = matcher.map_or_else(|| event.to_owned(), |matcher| format!("{event} ({matcher})"));
    // With or without a list in it.
    let listed = entry.get("hooks").and_then(Value::as_array).map_or(std::slice::from_ref(entry), Vec::as_slice);
    let power = |hook: &Value| Power {
        kind: "hook",
        name: name.clone(),
        does: match hook.get("command") {
            Some(command) => format!("runs `{}`", words(command)),
            None => format!("{hook}"),
        },
        // Whatever it asks for: see the manifest's warnings.
        outside: false,
    };
    listed.iter().map(power).collect()
}

/// The commands that the text of an own command runs.
fn run_by(text: &str) -> impl Iterator<Item = &str> {
    text.split("!`").skip(1).filter_map(|rest| Some(rest.split_once('`')?.0))
}

/// Whether a table asks for no walls.
pub(super) fn is_outside(table: &Value) -> bool {
    table.get("sandbox").is_some_and(|sandbox| *sandbox == Value::Bool(false))
}

/// A value in a line.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name}={}", words(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// The things in a directory and below it, with what is written in them: files that end in `ending`, or directories that
/// have a `SKILL.md`.
fn names_in(directory: &Path, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![(directory.to_owned(), String::new())];
    while let Some((directory, before)) = directories.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
            if ending.is_empty() && path.join("SKILL.md").is_file() {
                found.push((format!("{before}{name}"), text(&path.join("SKILL.md"))));
            } else if !ending.is_empty() && path.is_file() && name.ends_with(ending) {
                found.push((format!("{before}{}", name.trim_end_matches(ending)), text(&path)));
            } else if path.is_dir() && !path.is_symlink() {
                directories.push((path, format!("{before}{name}:")));
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_is_said_word_for_word() {
        let scratch = tempfile::tempdir().unwrap();
        for name in ["commands/git", "skills/tidy"] {
            fs::create_dir_all(scratch.path().join(name)).unwrap();
        }
        fs::write(scratch.path().join("commands/git/log.md"), "x !`git log`").unwrap();
        fs::write(scratch.path().join("skills/tidy/SKILL.md"), "x").unwrap();
        let object = |value: Value| value.as_object().unwrap().clone();
        let parts = Parts {
            tools: vec![ToolPart {
                name: "t".into(),
                description: "Does it.".into(),
                schema: json!({}),
                command: vec!["bin/t".into(), "-x".into()],
                timeout: 1,
            }],
            servers: object(json!({
                "far": { "url": "https://h/x" },
                "near": { "command": "s", "args": ["a", "b"], "env": { "K": "v" }, "sandbox": false },
            })),
            linters: object(json!({ "l": { "command": ["l", "{files}"], "files": ["*.md"] } })),
            hooks: object(json!({
                "PreToolUse": [{ "matcher": "Bash", "hooks": [{ "type": "command", "command": "h; x", "sandbox": false }] }],
            })),
            commands: vec!["commands".into()],
            skills: vec!["skills".into()],
            ..Parts::default()
        };
        let plugin = Plugin {
            name: "n".into(),
            version: None,
            description: String::new(),
            root: scratch.path().to_owned(),
            parts,
            warnings: Vec::new(),
            is_foreign: false,
        };
        let all = powers(&plugin);
        let lines: Vec<String> = all.iter().map(Power::line).collect();
        let expected = [
            "tool t: runs `bin/t -x`; Does it.",
            "server far: connects to https://h/x",
            "server near: runs `s a b`, env: K=v, OUTSIDE the sandbox",
            "linter l: after edits runs `l {files}` on *.md",
            "hook PreToolUse (Bash): runs `h; x`",
            "command git:log: text for the model, runs `git log`",
            "skill tidy: text for the model, which it reads when it needs it",
        ];
        assert_eq!(lines, expected);
        let fewer = &all[1..];
        assert_ne!(hash_of(&all), hash_of(fewer));
    }
}
