//! What own commands of a project want that only a trusted one may have: commands that run when they are used, models,
//! a way out of plan mode, and the place of a command of the user's.
//!
//! Their files are `commands/**/*.md` in `.codex` and `.claude`, from the project's root to the workspace. What they are is
//! read elsewhere; here they are looked through for what has to be trusted, rather too much than too little.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::files::read_of_project;
use crate::project_trust::{Held, ProjectFile, ProjectTrust, WhatIsTrusted};
use crate::trust_store::Hash;
use crate::{ConfigError, LoadRequest, Origin};

/// Most files that are looked through.
const MOST: usize = 512;
/// How deep directories are looked into.
const DEEPEST: usize = 4;

/// The directories of own commands that a project brings for whoever works in `workspace`, the nearest first.
pub fn command_directories(root: &Path, workspace: &Path) -> Vec<PathBuf> {
    project_directories(root, workspace, &[".codex/commands", ".claude/commands"])
}

/// The directories with these names from `workspace` up to the project's root, the nearest first.
pub fn project_directories(root: &Path, workspace: &Path, names: &[&str]) -> Vec<PathBuf> {
    let within = workspace.ancestors().take_while(|directory| directory.starts_with(root));
    within.flat_map(|directory| names.iter().map(|name| directory.join(name))).collect()
}

/// Puts the files that want something into `trust`.
pub(crate) fn command_files(
    request: &LoadRequest<'_>,
    root: Option<&Path>,
    trust: &mut ProjectTrust,
) -> Result<(), ConfigError> {
    let Some(root) = root else { return Ok(()) };
    let (mut paths, mut trusted) = (Vec::new(), WhatIsTrusted::default());
    for directory in command_directories(root, request.workspace) {
        if !directory.starts_with(request.codex_home) {
            let mut below = Vec::new();
            walk(&directory, 0, &mut below);
            paths.extend(below.into_iter().map(|path| (directory.clone(), path)));
        }
    }
    for (directory, path) in paths {
        // One that cannot be read is not used either, and says so then.
        let Ok(Some(source)) = read_of_project(&path, root) else { continue };
        let mut held = wants(&path, &source.text);
        held.extend(replaced(request, &directory, &path));
        if held.is_empty() {
            continue;
        }
        let (relative, hash) = (path.strip_prefix(root).unwrap_or(&path).to_owned(), Hash::of(source.text.as_bytes()));
        let verdict = trusted.verdict(request, root, &relative, &hash)?;
        root.clone_into(&mut trust.root);
        trust.files.push(ProjectFile { path, relative, hash, verdict, held });
    }
    Ok(())
}

fn walk(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut entries: Vec<PathBuf> = entries.collect();
    entries.sort();
    for path in entries {
        if found.len() == MOST {
            return;
        }
        if path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        } else if depth < DEEPEST && fs::symlink_metadata(&path).is_ok_and(|it| it.is_dir()) {
            walk(&path, depth + 1, found);
        }
    }
}

/// The user's command in whose place the file `path` in `directory` would be.
fn replaced(request: &LoadRequest<'_>, directory: &Path, path: &Path) -> Option<Held> {
    let name = path.strip_prefix(directory).ok()?;
    let of_home = request.environment.home().map(|home| home.join(".claude/commands"));
    let of_user = [request.codex_home.join("commands"), request.codex_home.join("prompts")].into_iter().chain(of_home);
    let users = of_user.map(|of_user| of_user.join(name)).find(|users| users != path && users.is_file())?;
    Some(held(path, "replaces", &users.to_string_lossy(), (0, 0)))
}

/// What the file `path` wants at a line and a column, both from 0.
fn held(path: &Path, what: &str, value: &str, (line, column): (usize, usize)) -> Held {
    Held {
        key: format!("commands.{}.{what}", path.file_stem().unwrap_or_default().to_string_lossy()),
        origin: Origin::File { path: path.to_owned(), line: line as u32 + 1, column: column as u32 + 1 },
        value: toml::Value::String(value.trim().to_owned()).to_string(),
        instead: None,
        adds: false,
        removes: false,
    }
}

/// What a file wants, line by line.
fn wants(path: &Path, text: &str) -> Vec<Held> {
    let has_keys = text.trim_start_matches('\u{feff}').starts_with("---");
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (at, _) in line.match_indices("!`") {
            let command = line[at + 2..].split('`').next().unwrap_or_default();
            found.push(held(path, "runs", command, (number, at)));
        }
        if let Some(model) = line.trim_start_matches(['"', '\'']).strip_prefix("model").filter(|_| has_keys) {
            found.push(held(path, "model", model.trim_start_matches(['"', '\'', ' ', ':']), (number, 0)));
        } else if let Some(mode) = line.trim_start_matches([' ', '"', '\'']).strip_prefix("mode").filter(|_| has_keys) {
            let mode = mode.trim_matches(['"', '\'', ' ', ':']);
            if mode != "plan" {
                found.push(held(path, "mode", mode, (number, 0)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_seen() {
        let table: [(&str, &[&str]); 8] = [
            ("Say hello to !you and `me`", &[]),
            ("---\ndescription: x\n---\n- !`git status`, !`id", &["4 runs \"git status\"", "4 runs \"id\""]),
            ("---\nmodel: big\n---\nx", &["2 model \"big\""]),
            ("---\n\"model\": big\n---\nx", &["2 model \"big\""]),
            ("model: big", &[]),
            ("---\nmode: default\n---\nx", &["2 mode \"default\""]),
            ("---\n\"mode\": 'default'\n---\nx", &["2 mode \"default\""]),
            ("---\nmode: plan\n---\nx", &[]),
        ];
        for (text, expected) in table {
            let found: Vec<String> = wants(Path::new("/p/.codex/commands/a.md"), text)
                .into_iter()
                .map(|held| match held.origin {
                    Origin::File { line, .. } => {
                        format!("{line} {} {}", held.key.trim_start_matches("commands.a."), held.value)
                    }
                    _ => String::new(),
                })
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
