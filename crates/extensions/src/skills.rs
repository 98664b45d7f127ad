//! Skills: directories with a `SKILL.md`, whose text tells a model how something is done. The model is told their names and
//! what they are for, and reads the rest when it needs it.
//!
//! What a skill says is data of whoever wrote it: nothing of it runs but by calls of the model, which are decided about.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::Access;
use codex_protocol::{DynamicToolCallOutput, DynamicToolCallStatus, ThreadItem};
use codex_tools::{Effect, ForUser, Outcome, Prepared, Tool, ToolContext, ToolError, arguments};
use codex_workspace::Bounds;
use serde::Deserialize;
use serde_json::json;

use crate::{
    files::{Place, Source, names, text},
    front_matter::{front_matter, line},
};

/// The file of a skill.
pub const FILE: &str = "SKILL.md";
/// Most bytes of one.
const LONGEST: usize = 64 << 10;
/// Most skills that are looked at.
const MOST: usize = 512;
/// How deep directories are looked into.
const DEEPEST: usize = 3;
/// Most characters of what is said of a skill.
const DESCRIPTION: usize = 1024;
/// Most bytes that a model is told of all skills together.
const OFFERED: usize = 4 << 10;
/// Most files of a skill that a model is told of.
const FILES: usize = 50;
/// What the text about all skills begins with.
pub const MARK: &str = "# Skills that you can read";
/// What the text of a skill begins with, before its name.
pub const READ: &str = "<skill name=\"";
/// The name of the tool.
pub const TOOL: &str = "skill";

/// A skill that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// Letters, digits, `-`, `_`, `.` and `:`.
    pub name: String,
    /// What it is for and when, in a line.
    pub description: String,
    /// Whose it is.
    pub place: Place,
    /// Its `SKILL.md`, absolute.
    pub path: PathBuf,
    /// Whether it is in use.
    pub enabled: bool,
    within: Option<Bounds>,
}

/// What is wrong with a skill, which is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillFault {
    /// Its `SKILL.md`.
    pub path: PathBuf,
    /// A sentence without a full stop.
    pub message: String,
}

/// The skills of a thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skills {
    /// Sorted by name; each name is there once.
    pub all: Vec<Skill>,
    /// What was left out.
    pub faults: Vec<SkillFault>,
}

/// The skills of `sources`, of which the first counts where two have a name. Those that `disabled` names, by name or by path,
/// are not in use.
pub fn load(sources: &[Source], disabled: &[String]) -> Skills {
    let (mut found, mut faults, mut left) = (BTreeMap::new(), Vec::new(), MOST);
    for source in sources {
        walk(&source.directory, 0, &mut left, &mut |path| match head(source, &path) {
            Ok(skill) => drop(found.entry(skill.name.clone()).or_insert(skill)),
            Err(message) => faults.push(SkillFault { path, message }),
        });
    }
    let mut all: Vec<Skill> = found.into_values().collect();
    for skill in &mut all {
        skill.enabled = !disabled.iter().any(|off| *off == skill.name || Path::new(off) == skill.path);
    }
    Skills { all, faults }
}

fn walk(directory: &Path, depth: usize, left: &mut usize, each: &mut dyn FnMut(PathBuf)) {
    for name in names(directory) {
        let path = directory.join(&name);
        // A link to a directory is one: who may lead where is looked at when the file is read.
        if *left == 0 || !path.is_dir() {
            continue;
        }
        *left -= 1;
        let file = path.join(FILE);
        if std::fs::symlink_metadata(&file).is_ok() {
            each(file);
        } else if depth < DEEPEST && !name.starts_with('.') {
            walk(&path, depth + 1, left, each);
        }
    }
}

fn head(source: &Source, path: &Path) -> Result<Skill, String> {
    let text = text(path, source.within.as_ref(), LONGEST)?;
    let keys = front_matter(&text).map_err(|fault| fault.to_string())?.keys;
    let directory = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let name = Some(line(keys.get("name"))).filter(|name| !name.is_empty()).or(directory).unwrap_or_default();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(format!("`name` may have letters, digits, `-`, `_`, `.` and `:`, at most 64, not `{name}`"));
    }
    let description: String = line(keys.get("description")).chars().take(DESCRIPTION).collect();
    if description.is_empty() {
        return Err("`description` is missing: it says what the skill is for, and when".into());
    }
    let (place, within) = (source.place.clone(), source.within.clone());
    Ok(Skill { name, description, place, path: path.to_owned(), enabled: true, within })
}

impl Skills {
    /// Those in use.
    pub fn enabled(&self) -> impl Iterator<Item = &Skill> {
        self.all.iter().filter(|skill| skill.enabled)
    }

    /// The one of this name that is in use.
    pub fn find(&self, name: &str) -> Option<&Skill> {
        self.enabled().find(|skill| skill.name == name)
    }

    /// Those that `text` names as `$NAME`, each once.
    pub fn mentioned(&self, text: &str) -> Vec<&Skill> {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let mut found: Vec<&Skill> = Vec::new();
        for (at, _) in text.match_indices('$') {
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            if before.is_some_and(|c| !c.is_whitespace() && !matches!(c, '(' | '[' | '`' | '"' | '\'')) {
                continue;
            }
            let word = text.get(at + 1..).unwrap_or_default();
            let word = word.get(..word.find(|c| !is_part(c)).unwrap_or(word.len())).unwrap_or_default();
            let skill = self.find(word).or_else(|| self.find(word.trim_end_matches(['.', ':'])));
            found.extend(skill.filter(|skill| !found.contains(skill)));
        }
        found
    }

    /// What a model is told of those in use; `None`: there are none. Where there is no room for all of it, names alone; where
    /// there is none for those, how many.
    pub fn offered(&self) -> Option<String> {
        let mut text = include_str!("skills_offered.md").trim_end().to_owned() + "\n";
        let (mut left, mut untold, mut count) = (OFFERED, 0, 0);
        for skill in self.enabled() {
            count += 1;
            let whole = format!("- {}: {}\n", skill.name, skill.description);
            let bare = format!("- {}\n", skill.name);
            // The names of all others are to have room too.
            let rest: usize = self.enabled().skip(count).map(|skill| skill.name.len() + 3).sum();
            let line = match whole.len() + rest.min(OFFERED / 2) <= left {
                true => Some(whole),
                false => Some(bare).filter(|bare| bare.len() <= left),
            };
            match line {
                Some(line) => {
                    left -= line.len();
                    text.push_str(&line);
                }
                None => untold += 1,
            }
        }
        if untold > 0 {
            text.push_str(&format!("({untold} more have no room here; the tool `{TOOL}` without a name lists all.)\n"));
        }
        (count > 0).then_some(text)
    }

    fn listed(&self) -> String {
        let lines: Vec<String> =
            self.enabled().map(|skill| format!("- {}: {}", skill.name, skill.description)).collect();
        lines.join("\n")
    }
}

impl Skill {
    /// What a model reads of it, as its file is now.
    ///
    /// # Errors
    /// A sentence: it cannot be read, or is not in order.
    pub fn read(&self) -> Result<String, String> {
        let at = |why: String| format!("{}: {why}", self.path.display());
        let text = text(&self.path, self.within.as_ref(), LONGEST).map_err(at)?;
        let body = front_matter(&text).map_err(|fault| at(fault.to_string()))?.body.trim();
        let directory = self.path.parent().unwrap_or(&self.path);
        let (mut files, mut left) = (Vec::new(), FILES);
        list(directory, "", 0, &mut left, &mut files);
        let files = if files.is_empty() { String::new() } else { format!(" Its files: {}", files.join(", ")) };
        let lies = format!("It lies in {}.{files}", directory.display());
        Ok(format!("{READ}{}\">\n{lies}\n\n{body}\n</skill>", self.name))
    }
}

/// The files beside the `SKILL.md`.
fn list(directory: &Path, prefix: &str, depth: usize, left: &mut usize, found: &mut Vec<String>) {
    for name in names(directory) {
        let path = directory.join(&name);
        if name.starts_with('.') || *left == 0 || (prefix.is_empty() && name == FILE) {
            continue;
        }
        if path.is_dir() && !path.is_symlink() {
            if depth < DEEPEST {
                list(&path, &format!("{prefix}{name}/"), depth + 1, left, found);
            }
        } else {
            *left -= 1;
            found.push(format!("{prefix}{name}"));
        }
    }
}

/// Reads a skill: by its name, wherever it lies, so that nothing else has to be readable for it.
#[derive(Debug)]
pub struct SkillTool {
    skills: Arc<Skills>,
}

impl SkillTool {
    /// For these; `None` where there is none in use.
    pub fn of(skills: &Arc<Skills>) -> Option<Arc<dyn Tool>> {
        skills.enabled().next()?;
        Some(Arc::new(Self { skills: Arc::clone(skills) }))
    }

    fn answer(&self, name: &str) -> Result<String, String> {
        match self.skills.find(name.trim_start_matches('$')) {
            Some(skill) => skill.read(),
            None if name.is_empty() => Ok(self.skills.listed()),
            None => Err(format!("there is no skill `{name}`; there is:\n{}", self.skills.listed())),
        }
    }
}

#[derive(Deserialize)]
struct Args {
    #[serde(default)]
    name: String,
}

impl Tool for SkillTool {
    fn name(&self) -> &str {
        TOOL
    }

    fn spec(&self) -> ToolSpec {
        let schema = json!({
            "type": "object",
            "properties": { "name": { "type": "string", "description": "Its name; empty: all are listed." } },
            "required": ["name"],
            "additionalProperties": false,
        });
        ToolSpec {
            name: TOOL.into(),
            description: include_str!("skill.md").trim().to_owned(),
            input: ToolInput::Json { schema },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let Args { name } = arguments::parse(arguments)?;
        let item = {
            let (id, name) = (context.item_id.clone(), name.clone());
            move |status, text: Option<String>, success, duration_ms| ThreadItem::DynamicToolCall {
                id: id.clone(),
                tool: TOOL.into(),
                arguments: json!({ "name": name }),
                status,
                content_items: text.map(|text| vec![DynamicToolCallOutput::InputText { text }]),
                success,
                duration_ms,
            }
        };
        let started = Some(item(DynamicToolCallStatus::InProgress, None, None, None));
        let skills = Self { skills: Arc::clone(&self.skills) };
        let run = Box::new(move |_| {
            let work = async move {
                let begun = Instant::now();
                let answer = tokio::task::spawn_blocking(move || skills.answer(&name)).await;
                let answer = answer.unwrap_or_else(|error| Err(format!("the tool broke down: {error}")));
                let took = Some(begun.elapsed().as_millis() as u64);
                let (status, text) = match answer {
                    Ok(text) => (DynamicToolCallStatus::Completed, text),
                    Err(sentence) => (DynamicToolCallStatus::Failed, sentence),
                };
                let success = Some(status == DynamicToolCallStatus::Completed);
                Outcome::text(text.clone(), ForUser::Item(item(status, Some(text), success, took)))
            };
            Box::pin(work) as _
        });
        Ok(Prepared { access: Access::default(), started, run })
    }
}

#[cfg(test)]
#[path = "skills_tests.rs"]
mod tests;
