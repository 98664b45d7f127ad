//! `codex trust`: what a project's own settings would loosen, and whether they may.
//!
//! What is trusted is the bytes that were shown: a file that changes while the question stands is not trusted.

use std::path::{Path, PathBuf};

use codex_config::{
    ConfigError, Environment, Held, LoadRequest, Origin, ProjectFile, ProjectTrust, TrustStore, Verdict, project_root,
};

use crate::{
    args::{ThreadOptions, TrustArguments},
    commands::say,
    exec::ExitStatus,
    resolve, terminal,
};

/// Shows, asks and remembers; or lists, or takes back.
///
/// # Errors
/// A sentence for the user when what was typed or configured is wrong, or nobody can be asked.
pub fn run(thread: ThreadOptions, arguments: TrustArguments, environment: Environment) -> Result<ExitStatus, String> {
    if !thread.says_only_where() {
        return Err("trust takes a directory and its own flags only: what a file may loosen is the same for all".into());
    }
    let codex_home = environment.codex_home().map_err(|error| error.to_string())?;
    if arguments.list {
        return say(&list(&TrustStore::read(&codex_home).map_err(|error| error.to_string())?));
    }
    let cwd = resolve::workspace(&thread)?;
    let typed = arguments.directory.map_or_else(|| cwd.clone(), |directory| cwd.join(directory));
    if arguments.revoke {
        return revoke(&codex_home, &environment, &typed);
    }
    let workspace = resolve::directory("trust", &typed)?;
    let request = LoadRequest::new(&environment, &codex_home, &workspace);
    let project = codex_config::project_trust(&request).map_err(|error| error.to_string())?;
    if project.untrusted().next().is_none() {
        let what = match project.files.is_empty() {
            true => "there is nothing to trust: no settings of the project loosen anything",
            false => "trusted already, as it is",
        };
        let root = if project.root.as_os_str().is_empty() { &workspace } else { &project.root };
        return say(&format!("{}: {what}\n", root.display()));
    }
    say(&shown(&project))?;
    match arguments.yes || terminal::confirmed("Trust this project?", "read what is above")? {
        true => remember(&codex_home, &project),
        false => {
            terminal::complain("not trusted; nothing was changed");
            Ok(ExitStatus::Failed)
        }
    }
}

/// What would be loosened, for people.
fn shown(project: &ProjectTrust) -> String {
    let mut text = format!("{} would set what only a trusted project may:\n", project.root.display());
    for file in project.untrusted() {
        text += &format!("\n{}{}\n", file.relative.display(), since(file));
        for held in &file.held {
            let line = match held.origin {
                Origin::File { line, .. } => line,
                _ => 1,
            };
            let now = held.instead.as_deref().unwrap_or("nothing");
            let (beside, after) = match held {
                Held { removes: true, .. } => ("changes", ": what follows a `!` goes from it, with `!*` all"),
                Held { adds: true, .. } => ("added to", ""),
                _ => ("in place of", ""),
            };
            let (key, value, place) = (&held.key, &held.value, file.relative.display());
            text += &format!("  {key} = {value}\n      {place}:{line}, {beside} {now}{after}\n");
        }
    }
    text + "\nTrusted, it counts until the file changes; `codex trust --revoke` takes it back.\n"
}

fn since(file: &ProjectFile) -> String {
    match &file.verdict {
        Verdict::Changed(at) => format!(" (changed since the project was trusted, {at})"),
        Verdict::Trusted | Verdict::Unknown => String::new(),
    }
}

fn remember(codex_home: &Path, project: &ProjectTrust) -> Result<ExitStatus, String> {
    match codex_config::trust(codex_home, &project.root, &project.hashes()) {
        Ok(()) => say(&format!("{}: trusted\n", project.root.display())),
        Err(error) => Ok(failed(&error)),
    }
}

/// Takes back what `typed`, which may be gone, or the project that it is in was trusted for.
fn revoke(codex_home: &Path, environment: &Environment, typed: &Path) -> Result<ExitStatus, String> {
    let home = environment.home().unwrap_or(Path::new("/"));
    let real: PathBuf = typed.canonicalize().unwrap_or_else(|_| typed.to_path_buf());
    let root = project_root(&real, home);
    for root in root.into_iter().chain([real.clone()]) {
        match codex_config::revoke(codex_home, &root) {
            Ok(true) => return say(&format!("{}: not trusted any more\n", root.display())),
            Ok(false) => {}
            Err(error) => return Ok(failed(&error)),
        }
    }
    say(&format!("{}: nothing of it was trusted\n", real.display()))
}

/// All that is trusted, for people.
fn list(store: &TrustStore) -> String {
    let mut text = String::new();
    for (root, project) in store.projects() {
        text += &format!("{} (trusted {})\n", root.display(), project.trusted_at);
        for (path, now) in project.now(root) {
            let now = match now {
                Ok(Some(true)) => "as it was",
                Ok(Some(false)) => "changed since, so held back",
                Ok(None) => "gone",
                Err(_) => "cannot be read",
            };
            text += &format!("  {}: {now}\n", path.display());
        }
    }
    if text.is_empty() { "no project is trusted\n".to_owned() } else { text }
}

fn failed(error: &ConfigError) -> ExitStatus {
    terminal::complain(&error.to_string());
    ExitStatus::Failed
}
