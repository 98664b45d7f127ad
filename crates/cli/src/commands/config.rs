//! `codex config`: the settings in force and where they come from, and changes of files. It runs nothing but an editor.

mod edit;

use std::{fs, path::Path};

use codex_config::{
    CanonicalKey, Change, Edit, Effective, Environment, FileKind, LoadRequest, Loaded, Origin, Place, Placed,
    ProjectTrust, SettingsFile, canonical,
};
use codex_protocol::ThreadStartParams;
use serde_json::{Value, json};

use crate::{
    args::{ConfigCommand, Layer, RunOptions, ThreadOptions},
    commands::say,
    exec::ExitStatus,
    resolve, terminal,
};

/// Runs one of the commands.
///
/// # Errors
/// A sentence for the user when what was typed, or the configuration, is wrong.
pub fn run(outer: ThreadOptions, command: ConfigCommand, environment: Environment) -> Result<ExitStatus, String> {
    let params = |nearer| resolve::thread_start(&outer.clone().then(nearer), &RunOptions::default());
    match command {
        ConfigCommand::Get { thread, key } => get(&environment, params(thread)?, &key),
        ConfigCommand::Explain { thread, json, key } => explain(&environment, params(thread)?, json, key.as_deref()),
        ConfigCommand::Path => path(&outer, &environment),
        ConfigCommand::Schema => super::write(format!("{:#}\n", codex_config::schema()).as_bytes()),
        ConfigCommand::Set { layer, profile, key, value } => {
            let profile = profile.or_else(|| outer.profile.clone());
            let edit = Edit { profile: profile.as_deref(), key: &key, value: Some(&value) };
            change(&outer, layer, &edit, &environment)
        }
        ConfigCommand::Unset { layer, profile, key } => {
            let profile = profile.or_else(|| outer.profile.clone());
            change(&outer, layer, &Edit { profile: profile.as_deref(), key: &key, value: None }, &environment)
        }
        ConfigCommand::Edit { layer } => {
            takes_only_a_directory(&outer)?;
            edit::run(&file(&outer, layer, &environment)?, &environment)
        }
    }
}

fn load(environment: &Environment, params: ThreadStartParams) -> Result<Loaded, String> {
    let loaded = codex_server::settings(environment, params).map_err(|error| error.to_string())?;
    terminal::warn(&loaded.warnings);
    Ok(loaded)
}

fn get(environment: &Environment, params: ThreadStartParams, key: &str) -> Result<ExitStatus, String> {
    let known = canonical(key).map_err(|error| error.to_string())?;
    let all = load(environment, params)?.explain();
    let value_of = |it: &Effective| it.value.as_ref().map(|value| (it.key.clone(), value.shown.clone()));
    let found: Vec<_> = all.iter().filter(|it| it.key == known.value).filter_map(value_of).collect();
    if let [(_, shown)] = &found[..] {
        return say(&format!("{shown}\n"));
    }
    // A table is shown as its values.
    let below = all.iter().filter(|it| known.holds(&it.key)).filter_map(value_of);
    let text: String = below
        .map(|(path, shown)| {
            format!("{} = {shown}\n", path.strip_prefix(&known.path).unwrap_or(&path).trim_start_matches('.'))
        })
        .collect();
    if text.is_empty() {
        terminal::complain(&unset(&known));
        return Ok(ExitStatus::Failed);
    }
    say(&text)
}

fn unset(key: &CanonicalKey) -> String {
    match key.is_used {
        true => format!("`{}` is not set, and has no default", key.path),
        false => format!("`{}` is not used by this version", key.path),
    }
}

fn explain(
    environment: &Environment,
    params: ThreadStartParams,
    as_json: bool,
    key: Option<&str>,
) -> Result<ExitStatus, String> {
    let known = key.map(canonical).transpose().map_err(|error| error.to_string())?;
    let mut all = load(environment, params)?.explain();
    if let Some(known) = &known {
        all.retain(|it| known.holds(&it.key));
    }
    if as_json {
        return super::write(format!("{}\n", all.iter().map(as_object).collect::<Value>()).as_bytes());
    }
    if let Some(known) = known.filter(|_| all.is_empty()) {
        return say(&format!("{}\n", unset(&known)));
    }
    let text: String = all.iter().map(in_words).collect();
    say(&text)
}

/// One key for people: the value in force, and below it what it covers and what was held back.
fn in_words(it: &Effective) -> String {
    let Effective { key, value, items, covered, held } = it;
    let mut text = match value {
        Some(Placed { shown, origin, .. }) if items.is_empty() => format!("{key} = {shown}  ({origin})\n"),
        Some(Placed { shown, .. }) => format!("{key} = {shown}\n"),
        None => format!("{key} is not set\n"),
    };
    let list = value.as_ref().and_then(|value| value.value.as_array()).into_iter().flatten();
    for (item, origin) in list.zip(items) {
        text += &format!("    {item}  ({origin})\n");
    }
    for Placed { shown, origin, .. } in covered {
        text += &format!("    instead of {shown}  ({origin})\n");
    }
    for Placed { shown, origin, .. } in held {
        text += &format!("    held back: {shown}  ({origin}): {NOT_TRUSTED}\n");
    }
    text
}

const NOT_TRUSTED: &str = "this project is not trusted";

fn as_object(it: &Effective) -> Value {
    let placed = |it: &Placed| json!({ "value": as_value(it), "origin": it.origin.to_string() });
    let held = |it: &Placed| json!({ "value": as_value(it), "origin": it.origin.to_string(), "reason": NOT_TRUSTED });
    let (value, origin) = it.value.as_ref().map(|it| (as_value(it), it.origin.to_string())).unzip();
    json!({
        "key": it.key,
        "value": value,
        "origin": origin,
        "items": it.items.iter().map(|origin| json!(origin.to_string())).collect::<Value>(),
        "overrode": it.covered.iter().map(placed).collect::<Value>(),
        "held": it.held.iter().map(held).collect::<Value>(),
    })
}

/// A value, unless it may be a secret.
fn as_value(it: &Placed) -> Value {
    let is_shown = it.shown == it.value.to_string();
    let value = is_shown.then(|| serde_json::to_value(&it.value).ok()).flatten();
    value.unwrap_or_else(|| json!(it.shown.trim_matches('"')))
}

/// The file that is meant.
fn file(outer: &ThreadOptions, layer: Layer, environment: &Environment) -> Result<SettingsFile, String> {
    let codex_home = environment.codex_home().map_err(|error| error.to_string())?;
    let home = environment.home();
    if !layer.project && !layer.local {
        return Ok(SettingsFile::user(&codex_home, home));
    }
    let workspace = resolve::workspace(outer)?;
    SettingsFile::nearest(&codex_home, home, &workspace, layer.local).map_err(|error| error.to_string())
}

/// The files of all layers: which are there, and which count only in part.
fn path(outer: &ThreadOptions, environment: &Environment) -> Result<ExitStatus, String> {
    takes_only_a_directory(outer)?;
    let codex_home = environment.codex_home().map_err(|error| error.to_string())?;
    let workspace = resolve::workspace(outer)?;
    let request = LoadRequest::new(environment, &codex_home, &workspace);
    // Where the files lie is told of broken ones too.
    let trust = codex_config::project_trust(&request);
    let mut text = String::new();
    for Place { kind, path, .. } in codex_config::settings_files(&request) {
        let name = match kind {
            FileKind::System => "system",
            FileKind::User => "user",
            FileKind::Project => "project",
            FileKind::Local => "local",
            FileKind::McpJson => "mcp",
        };
        let held = |trust: &ProjectTrust| trust.untrusted().any(|file| file.path == path);
        let state = match &trust {
            _ if fs::symlink_metadata(&path).is_err() => "not there",
            Err(error) if matches!(&error.origin, Origin::WholeFile(of) | Origin::File { path: of, .. } if *of == path) => {
                "does not load"
            }
            Ok(trust) if held(trust) => "not trusted: what loosens is held back",
            _ => "there",
        };
        text += &format!("{name:<7}  {}  ({state})\n", path.display());
    }
    say(&text)
}

fn takes_only_a_directory(outer: &ThreadOptions) -> Result<(), String> {
    match outer.says_only_where() {
        true => Ok(()),
        false => Err("where it is about files, config takes `--cd` before it and no other flag, `set` and `unset` \
                      `--profile` too"
            .into()),
    }
}

fn change(
    outer: &ThreadOptions,
    layer: Layer,
    edit: &Edit<'_>,
    environment: &Environment,
) -> Result<ExitStatus, String> {
    takes_only_a_directory(&ThreadOptions { profile: None, ..outer.clone() })?;
    let file = file(outer, layer, environment)?;
    let path = file.path().display();
    let done = codex_config::edit(&file, edit).map_err(|error| error.to_string())?;
    match (done, edit.value) {
        (Some(change), Some(_)) => {
            tell(&file, &change);
            say(&format!("set `{}` in {path}\n", edit.key))?;
            overridden(outer, edit, file.path(), environment);
        }
        (Some(change), None) => {
            tell(&file, &change);
            say(&format!("`{}` is no longer set in {path}\n", edit.key))?;
        }
        (None, Some(_)) => drop(say(&format!("`{}` is set so already in {path}\n", edit.key))?),
        (None, None) => {
            terminal::complain(&format!("`{}` is not set in {path}", edit.key));
            return Ok(ExitStatus::Failed);
        }
    }
    Ok(ExitStatus::Done)
}

/// What there is to say about a change; it is the user's own, so a file that was trusted stays so.
fn tell(file: &SettingsFile, change: &Change) {
    terminal::warn(&change.warnings);
    match codex_config::keep_trust(file, change) {
        Ok(true) => {}
        Ok(false) => {
            let path = file.path().display();
            terminal::complain(&format!(
                "note: {path} is not trusted, so what loosens in it is held back; see `codex trust`"
            ));
        }
        Err(error) => terminal::complain(&format!("warning: {error}")),
    }
}

/// Says so if what was written has no effect here, since something above it sets the same, or if nothing loads any more.
fn overridden(outer: &ThreadOptions, edit: &Edit<'_>, path: &Path, environment: &Environment) {
    let thread = ThreadOptions { profile: edit.profile.map(str::to_owned), ..outer.clone() };
    let params = resolve::thread_start(&thread, &RunOptions::default());
    let loaded = match params.map(|params| codex_server::settings(environment, params)) {
        Ok(Ok(loaded)) => loaded,
        // Alone each file loads, but not all together, such as with a provider that is not there yet.
        Ok(Err(error)) => return terminal::complain(&format!("note: here the settings do not load now: {error}")),
        Err(_) => return,
    };
    let Ok(key) = canonical(edit.key) else { return };
    let above = loaded.explain().into_iter().find(|it| it.key == key.value).and_then(|it| it.value);
    let Some(Placed { shown, origin, .. }) = above.filter(|_| !codex_config::keys::appends(&key.value)) else { return };
    let here = matches!(&origin, Origin::File { path: of, .. } if of == path);
    if !here {
        terminal::complain(&format!("note: here `{}` is {shown} all the same ({origin})", edit.key));
    }
}
