//! Files of JSON with hooks: `hooks.json` beside the user's settings and in `.codex` of a project, and the settings that
//! another program keeps in `.claude`. A project's count where it is trusted, by the hooks that they hold.

use std::path::{Path, PathBuf};

use crate::error::plain;
use crate::files::{directories, read_of_project, read_source};
use crate::hooks::{HookEntry, HookSource, hooks_of_json};
use crate::project_trust::{Held, ProjectFile, ProjectTrust, WhatIsTrusted};
use crate::source::Source;
use crate::trust_store::{Hash, Verdict};
use crate::{ConfigError, LoadRequest, Origin, Warning};

/// The file beside settings.
const FILE: &str = "hooks.json";
/// The settings of another program in a project.
const CLAUDE: [&str; 2] = [".claude/settings.json", ".claude/settings.local.json"];

/// The hooks that count of all files, the user's first; those of a project that is not trusted go into `trust` and a warning.
/// `claude`: those of `~/.claude/settings.json` too.
///
/// # Errors
/// A file cannot be read or understood: what it was meant to forbid is not known then.
pub(crate) fn hook_files(
    request: &LoadRequest<'_>,
    root: Option<&Path>,
    claude: bool,
    trust: &mut ProjectTrust,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<HookEntry>, ConfigError> {
    let mut found = Vec::new();
    let of_home = request.environment.home().filter(|_| claude).map(|home| home.join(CLAUDE[0]));
    for path in [Some(request.codex_home.join(FILE)), of_home].into_iter().flatten() {
        let Some(source) = read_source(&path)? else { continue };
        found.extend(parse(&path, &source, HookSource::User, warnings)?);
    }
    let Some(root) = root else { return Ok(found) };
    let (mut trusted, mut held) = (WhatIsTrusted::default(), Vec::new());
    let own = request.codex_home.join(FILE);
    for path in of_project(root, request.workspace).into_iter().filter(|path| *path != own) {
        let Some(source) = read_of_project(&path, root)? else { continue };
        let entries = parse(&path, &source, HookSource::Project, warnings)?;
        if entries.is_empty() {
            continue;
        }
        // What else stands in such a file is nothing that is taken from it.
        let shown: Vec<Held> = entries.iter().map(held_of).collect();
        let said: Vec<String> = shown.iter().map(|held| format!("{} = {}", held.key, held.value)).collect();
        let hash = Hash::of(said.join("\n").as_bytes());
        let relative = path.strip_prefix(root).unwrap_or(&path).to_owned();
        let verdict = trusted.verdict(request, root, &relative, &hash)?;
        let is_trusted = request.trust_project || verdict == Verdict::Trusted;
        trust.root = root.to_owned();
        trust.files.push(ProjectFile { path: path.clone(), relative, hash, verdict, held: shown });
        if is_trusted { found.extend(entries) } else { held.push((path, entries)) }
    }
    for (path, entries) in held {
        let names: Vec<&str> = entries.iter().map(|entry| entry.event.name()).collect();
        let message = format!(
            "this project is not trusted, so its hooks are held back: {}; `codex trust` shows them and asks, `--trust` \
             honours them",
            names.join(", ")
        );
        warnings.push(Warning::new(Origin::WholeFile(path), message));
    }
    Ok(found)
}

/// The files of a project: those in each `.codex` from its root to the workspace, and of `.claude` those at the root.
fn of_project(root: &Path, workspace: &Path) -> Vec<PathBuf> {
    let own = directories(root, workspace).into_iter().map(|directory| directory.join(".codex").join(FILE));
    own.chain(CLAUDE.map(|name| root.join(name))).collect()
}

fn parse(
    path: &Path,
    source: &Source,
    whose: HookSource,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<HookEntry>, ConfigError> {
    let is_claude = path.parent().is_some_and(|parent| parent.ends_with(".claude"));
    // Settings without hooks are none of ours, whatever else they are.
    if is_claude && !source.text.contains("\"hooks\"") {
        return Ok(Vec::new());
    }
    let whole = || Origin::WholeFile(path.to_owned());
    let (entries, said) = match hooks_of_json(&source.text, whose, path) {
        Ok(found) => found,
        // It is written for another program, which may know more.
        Err(message) if is_claude => {
            warnings.push(Warning::new(whole(), format!("its hooks are left out: {message}")));
            return Ok(Vec::new());
        }
        Err(message) => return Err(source.error(0..0, message)),
    };
    warnings.extend(said.into_iter().map(|message| Warning::new(whole(), message)));
    Ok(entries)
}

/// What is trusted with a hook: all that is said of it.
fn held_of(entry: &HookEntry) -> Held {
    let mut table = toml::Table::new();
    if !entry.matcher.is_empty() {
        table.insert("matcher".into(), entry.matcher.clone().into());
    }
    table.insert("command".into(), entry.command.clone().into());
    if !entry.sandbox {
        table.insert("sandbox".into(), false.into());
    }
    if let Some(timeout) = entry.timeout {
        table.insert("timeout".into(), timeout.as_secs_f64().into());
    }
    if entry.fails_closed {
        table.insert("fail".into(), "closed".into());
    }
    Held {
        key: format!("hooks.{}", entry.event.name()),
        origin: entry.origin.clone(),
        value: plain(&toml::Value::Table(table).to_string()),
        instead: None,
        adds: true,
        removes: false,
    }
}
