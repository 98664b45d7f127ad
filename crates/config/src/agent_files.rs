//! Descriptions of sub-agents: `agents/NAME.md` beside the user's settings, and in `.codex` of a project that is trusted.
//!
//! A file begins with lines `key: value` between two lines `---`; what follows is what the sub-agent is told first. What is
//! wrong with a file is a warning that says where, and the file is left out.

use std::{
    fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use serde::de::{DeserializeOwned, IntoDeserializer, value::Error as ValueError};

use crate::files::{read_of_project, read_source};
use crate::project_trust::{Held, ProjectFile, ProjectTrust, WhatIsTrusted};
use crate::source::Source;
use crate::trust_store::{Hash, Verdict};
use crate::{ConfigError, LoadRequest, Origin, SandboxMode, Warning};

/// Where they lie, below the user's directory and a project's `.codex`.
const DIRECTORY: &str = "agents";
/// Most files of one directory that are read.
const MOST: usize = 64;
/// The keys of a file.
const KEYS: &[&str] = &["description", "model", "tools", "sandbox", "budget", "max_turns", "worktree"];

/// Beginnings of lines in the descriptions of other agents' users that mean nothing here.
const OTHERS: &[&str] = &["name:", "model:", "tools:", "color:"];

/// A description of a sub-agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentFile {
    /// The file's name without `.md`: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// The file, absolute.
    pub path: PathBuf,
    /// What it is for, in a line.
    pub description: String,
    /// Its model: an id, or `provider/model`.
    pub model: Option<String>,
    /// The only tools that it gets.
    pub tools: Option<Vec<String>>,
    /// The line that names them, counted from 1; 0 where none does.
    pub tools_line: u32,
    /// The most that it may change.
    pub sandbox: Option<SandboxMode>,
    /// Most tokens for one task.
    pub budget: Option<u64>,
    /// Most requests to the model for one task.
    pub max_turns: Option<NonZeroU32>,
    /// Whether it works in a git worktree of its own.
    pub worktree: bool,
    /// What it is told first.
    pub instructions: String,
}

/// The descriptions that count, sorted by name: a project's comes before the user's of the same name. Those of a project
/// that is not trusted go into `trust` and a warning, and count for nothing.
pub(crate) fn agent_files(
    request: &LoadRequest<'_>,
    root: Option<&Path>,
    trust: &mut ProjectTrust,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<AgentFile>, ConfigError> {
    let mut found: Vec<AgentFile> = Vec::new();
    for path in files(&request.codex_home.join(DIRECTORY)) {
        let read = read_source(&path).map(|source| source.map(|source| parse(&path, &source)));
        found.extend(taken(read, warnings).map(|(file, _)| file));
    }
    let Some(root) = root else { return Ok(sorted(found)) };
    let mut trusted = WhatIsTrusted::default();
    let mut held = Vec::new();
    for path in files(&root.join(".codex").join(DIRECTORY)) {
        let read = read_of_project(&path, root).map(|source| source.map(|source| parse(&path, &source)));
        let Some((file, hash)) = taken(read, warnings) else { continue };
        let relative = path.strip_prefix(root).unwrap_or(&path).to_owned();
        let verdict = trusted.verdict(request, root, &relative, &hash)?;
        let is_trusted = request.trust_project || verdict == Verdict::Trusted;
        trust.root = root.to_owned();
        trust.files.push(ProjectFile { path: path.clone(), relative, hash, verdict, held: vec![held_of(&file)] });
        if is_trusted {
            found.retain(|known| known.name != file.name);
            found.push(file);
        } else {
            held.push(file);
        }
    }
    if let Some(first) = held.first() {
        let names: Vec<&str> = held.iter().map(|file| file.name.as_str()).collect();
        let message = format!(
            "this project is not trusted, so these descriptions of sub-agents are held back: {}; `codex trust` shows them \
             and asks, `--trust` honours them",
            names.join(", ")
        );
        warnings.push(Warning::new(Origin::WholeFile(first.path.clone()), message));
    }
    Ok(sorted(found))
}

/// The descriptions in a directory of a plugin that is in use. Of those that were written for `another` agent, which has other
/// models and tools, these are not taken over. What is wrong with one is a warning.
pub fn plugin_agents(directory: &Path, root: &Path, another: bool) -> (Vec<AgentFile>, Vec<Warning>) {
    let (mut found, mut warnings) = (Vec::new(), Vec::new());
    for path in files(directory) {
        let read = read_of_project(&path, root).map(|source| {
            source.map(|mut source| {
                if another {
                    let is_read = |line: &&str| OTHERS.iter().all(|key| !line.starts_with(key));
                    source.text = source.text.split_inclusive('\n').filter(is_read).collect();
                }
                parse(&path, &source)
            })
        });
        found.extend(taken(read, &mut warnings).map(|(file, _)| file));
    }
    (sorted(found), warnings)
}

fn sorted(mut files: Vec<AgentFile>) -> Vec<AgentFile> {
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files
}

/// What would be trusted of a file.
fn held_of(file: &AgentFile) -> Held {
    Held {
        key: format!("agents.{}", file.name),
        origin: Origin::File { path: file.path.clone(), line: 1, column: 1 },
        value: toml::Value::String(file.description.clone()).to_string(),
        instead: None,
        adds: false,
        removes: false,
    }
}

/// The files of a directory that are named as descriptions are, sorted.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    files.sort();
    files.truncate(MOST);
    files
}

type Read = Result<Option<Result<(AgentFile, Hash), ConfigError>>, ConfigError>;

/// What was read; what is wrong with it becomes a warning.
fn taken(read: Read, warnings: &mut Vec<Warning>) -> Option<(AgentFile, Hash)> {
    match read {
        Ok(None) => None,
        Ok(Some(Ok(file))) => Some(file),
        Ok(Some(Err(error))) | Err(error) => {
            let message = format!("{}; this sub-agent is left out", error.message);
            warnings.push(Warning::new(error.origin, message));
            None
        }
    }
}

fn parse(path: &Path, source: &Source) -> Result<(AgentFile, Hash), ConfigError> {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
        let message = "its name may have lower-case letters, digits, `-` and `_`, at most 32";
        return Err(source.error(0..0, message));
    }
    let text = source.text.as_str();
    let mut file = AgentFile { name: name.to_owned(), path: path.to_owned(), ..AgentFile::default() };
    let (mut at, mut is_open, mut seen) = (0, false, Vec::new());
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let span = at..at + line.trim_end().len();
        at += line.len();
        match (is_open, line.trim()) {
            (false, "---") => is_open = true,
            (false, _) => {
                return Err(source.error(span, "it begins with a line `---`, and lines `key: value` after it"));
            }
            (true, "---") => {
                file.instructions = text[at..].trim().to_owned();
                return whole(file, source).map(|file| (file, Hash::of(text.as_bytes())));
            }
            (true, line) if line.is_empty() || line.starts_with('#') => {}
            (true, line) => {
                let Some((key, value)) = line.split_once(':').map(|(key, value)| (key.trim(), value.trim())) else {
                    return Err(source.error(span, "this is no line `key: value`"));
                };
                if seen.contains(&key) {
                    return Err(source.error(span, format!("`{key}` is there twice")));
                }
                seen.push(key);
                if key == "tools" {
                    file.tools_line = number as u32 + 1;
                }
                set(&mut file, key, value).map_err(|message| source.error(span, message))?;
            }
        }
    }
    Err(source.error(at..at, "the line `---` is missing that ends the keys"))
}

fn whole(file: AgentFile, source: &Source) -> Result<AgentFile, ConfigError> {
    match (file.description.is_empty(), file.instructions.is_empty()) {
        (true, _) => Err(source.error(0..0, "`description` is missing: it says what the sub-agent is for")),
        (_, true) => Err(source.error(0..0, "nothing follows the keys: there it says what the sub-agent is to do")),
        _ => Ok(file),
    }
}

fn set(file: &mut AgentFile, key: &str, value: &str) -> Result<(), String> {
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    if value.is_empty() {
        return Err(format!("`{key}` has no value"));
    }
    let number = |what: &str| format!("`{key}` is a number of {what}, from 1");
    match key {
        "description" => file.description = value.to_owned(),
        "model" => file.model = Some(value.to_owned()),
        "tools" => file.tools = Some(list(value)),
        "sandbox" => {
            let words = "`sandbox` is `read-only`, `workspace-write` or `danger-full-access`";
            file.sandbox = Some(word(value).ok_or(words)?);
        }
        "budget" => {
            let budget = value.replace('_', "").parse().ok().filter(|budget| *budget > 0);
            file.budget = Some(budget.ok_or_else(|| number("tokens"))?);
        }
        "max_turns" => file.max_turns = Some(value.parse().map_err(|_| number("requests to the model"))?),
        "worktree" => file.worktree = value.parse().map_err(|_| "`worktree` is `true` or `false`")?,
        _ => return Err(format!("there is no key `{key}`; there is {}", KEYS.join(", "))),
    }
    Ok(())
}

fn list(value: &str) -> Vec<String> {
    let inner = value.strip_prefix('[').and_then(|value| value.strip_suffix(']')).unwrap_or(value);
    let names = inner.split(',').map(|name| name.trim().trim_matches(['"', '\'']).to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// One of the words of an enum.
fn word<T: DeserializeOwned>(value: &str) -> Option<T> {
    let value: serde::de::value::StrDeserializer<'_, ValueError> = value.into_deserializer();
    T::deserialize(value).ok()
}

#[cfg(test)]
#[path = "tests/agent_files.rs"]
mod tests;
