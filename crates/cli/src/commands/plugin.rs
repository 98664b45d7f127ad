//! `codex plugin`: adds plugins, after showing what they may do, and lists, updates and removes them. It runs nothing of
//! theirs.

use std::path::Path;

use codex_config::Environment;
use codex_server::plugins::{Kept, Marketplace, Offer, Plugins, new_plugin, short_commit};
use serde_json::{Value, json};

use crate::{
    args::{MarketplaceCommand, PluginCommand, ThreadOptions},
    commands::{exec::OWN_PROGRAM, say},
    exec::ExitStatus,
    resolve, terminal,
};

/// Runs one of the commands.
///
/// # Errors
/// A sentence for the user when what was typed or configured is wrong, or nobody can be asked.
pub async fn run(
    thread: ThreadOptions,
    command: PluginCommand,
    environment: Environment,
) -> Result<ExitStatus, String> {
    if !thread.says_only_where() {
        return Err("plugin takes its own flags only: plugins are the same for all sessions".into());
    }
    let cwd = resolve::workspace(&thread)?;
    if let PluginCommand::New { directory } = command {
        let directory = cwd.join(directory);
        let name = new_plugin(&directory)?;
        let place = directory.display();
        return say(&format!("wrote the plugin {name} to {place}; `codex plugin add {place}` tries it\n"));
    }
    let plugins = Plugins::new(environment, Path::new(OWN_PROGRAM), cwd)?;
    match command {
        PluginCommand::Add { source, yes } => add(&plugins, &source, yes).await,
        PluginCommand::List { json } => list(&plugins, json),
        PluginCommand::Remove(typed) => {
            let id = plugins.id(&typed.name)?;
            plugins.remove(&id)?;
            say(&format!("removed {id}\n"))
        }
        PluginCommand::Enable(typed) => enable(&plugins, &typed.name, true),
        PluginCommand::Disable(typed) => enable(&plugins, &typed.name, false),
        PluginCommand::Update { name, yes } => update(&plugins, name.as_deref(), yes).await,
        PluginCommand::Marketplace(MarketplaceCommand::Add { source }) => {
            let name = plugins.add_marketplace(&source).await?;
            say(&format!("added the marketplace {name}; `codex plugin add NAME@{name}` adds a plugin of it\n"))
        }
        PluginCommand::Marketplace(MarketplaceCommand::List { json }) => marketplaces(&plugins, json),
        PluginCommand::Marketplace(MarketplaceCommand::Remove { name }) => {
            plugins.remove_marketplace(&name)?;
            say(&format!("removed the marketplace {name}\n"))
        }
        PluginCommand::New { .. } => Ok(ExitStatus::Done),
    }
}

async fn add(plugins: &Plugins, source: &str, yes: bool) -> Result<ExitStatus, String> {
    let offer = plugins.get(source).await?;
    if offer.is_known() {
        return say(&format!("{} is there already, as it is\n", offer.id));
    }
    say(&shown(&offer))?;
    keep(plugins, offer, yes, "Add this plugin?")
}

/// Keeps what was shown, if the user says yes or has agreed to all of it before.
fn keep(plugins: &Plugins, offer: Offer, yes: bool, question: &str) -> Result<ExitStatus, String> {
    if !yes && !offer.is_agreed() && !terminal::confirmed(question, "read what is above")? {
        terminal::complain("nothing was changed");
        return Ok(ExitStatus::Failed);
    }
    let done = if offer.before.is_some() { "updated" } else { "added" };
    let id = offer.id.clone();
    plugins.keep(offer)?;
    say(&format!("{done} {id}\n"))
}

fn enable(plugins: &Plugins, name: &str, enabled: bool) -> Result<ExitStatus, String> {
    let id = plugins.id(name)?;
    plugins.set_enabled(&id, enabled)?;
    say(&format!("{id} is {}\n", if enabled { "in use" } else { "not in use" }))
}

async fn update(plugins: &Plugins, name: Option<&str>, yes: bool) -> Result<ExitStatus, String> {
    let ids = match name {
        Some(name) => vec![plugins.id(name)?],
        None => plugins.ids()?,
    };
    let mut status = ExitStatus::Done;
    for id in ids {
        // One that cannot be had does not keep the others from it.
        let done = match plugins.newest(&id).await {
            Ok(offer) if offer.is_known() => say(&format!("{id} is the newest\n")),
            Ok(offer) => {
                say(&shown(&offer))?;
                keep(plugins, offer, yes, "It may do something else now. Update it?")
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(ExitStatus::Done) => {}
            Ok(other) => status = other,
            Err(error) if name.is_some() => return Err(error),
            Err(error) => {
                terminal::complain(&format!("{id}: {error}"));
                status = ExitStatus::Failed;
            }
        }
    }
    Ok(status)
}

/// A plugin and all that it may do, for people.
fn shown(offer: &Offer) -> String {
    let (plugin, installed) = (offer.plugin(), offer.installed());
    let version = plugin.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let commit = short_commit(installed).map(|commit| format!(" (commit {commit})")).unwrap_or_default();
    let mut text = format!("{}{version} from {}{commit}\n", offer.id, installed.source.shown());
    if !plugin.description.is_empty() {
        text += &format!("{}\n", plugin.description);
    }
    text += "\nIt adds, and may do:\n";
    for power in offer.powers() {
        text += &format!("  {}\n", power.line().replace('\n', " "));
    }
    if offer.powers().is_empty() {
        text += "  nothing\n";
    }
    if !plugin.warnings.is_empty() {
        text += "\nNot read of it:\n";
    }
    for warning in &plugin.warnings {
        text += &format!("  {warning}\n");
    }
    let outside = offer.powers().iter().any(|power| power.outside);
    text += match outside {
        true => {
            "\nWhat is marked so runs OUTSIDE the sandbox, with all your rights. All else runs inside that of the session.\n"
        }
        false => "\nAll that it runs, runs inside the sandbox of the session.\n",
    };
    text + &unasked(&offer.powers().iter().map(|power| power.kind).collect::<Vec<_>>()) + "\n"
}

/// What of a plugin that has powers of these `kinds` is started without a question, in a sentence.
fn unasked(kinds: &[&str]) -> String {
    let all = [
        ("linter", "linters (after edits)"),
        ("formatter", "formatters (after edits)"),
        ("hook", "hooks (at steps of the session)"),
        ("server", "servers (when a session starts; calls of their tools are asked about)"),
    ];
    let here: Vec<&str> = all.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, said)| *said).collect();
    match here.is_empty() {
        true => String::new(),
        false => format!("Nobody is asked before it runs its {}.\n", here.join(", ")),
    }
}

fn list(plugins: &Plugins, as_json: bool) -> Result<ExitStatus, String> {
    let all = plugins.list()?;
    if as_json {
        let all: Vec<Value> = all.iter().map(object).collect();
        return super::write(format!("{}\n", json!({ "plugins": all })).as_bytes());
    }
    if all.is_empty() {
        return say("there are no plugins; `codex plugin add SOURCE` adds one, `codex plugin new DIR` writes one\n");
    }
    say(&all.iter().map(lines).collect::<String>())
}

/// What became of a plugin, in a word.
fn status(kept: &Kept) -> &'static str {
    match (&kept.plugin, kept.enabled) {
        (Err(_), _) => "held back",
        (_, true) => "in use",
        (_, false) => "not in use",
    }
}

fn lines(kept: &Kept) -> String {
    let Kept { id, installed, plugin, .. } = kept;
    let version = installed.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let commit = short_commit(installed).map(|commit| format!(", commit {commit}")).unwrap_or_default();
    let mut text = format!("{id}{version}: {}; from {}{commit}\n", status(kept), installed.source.shown());
    match plugin {
        Ok((plugin, powers)) => {
            let powers = powers.iter().map(|power| power.line().replace('\n', " "));
            for line in powers.chain(plugin.warnings.iter().cloned()) {
                text += &format!("  {line}\n");
            }
        }
        Err(why) => text += &format!("  {why}\n"),
    }
    text
}

fn object(kept: &Kept) -> Value {
    let Kept { id, installed, enabled, plugin } = kept;
    let adds = |kind: &'static str| -> Vec<Value> {
        let powers = plugin.as_ref().map(|(_, powers)| powers.as_slice()).unwrap_or_default();
        let of_kind = powers.iter().filter(|power| power.kind == kind);
        of_kind
            .map(|power| json!({ "name": power.name, "does": power.does, "outsideSandbox": power.outside }))
            .collect()
    };
    json!({
        "id": id,
        "version": installed.version,
        "source": installed.source.shown(),
        "commit": installed.commit,
        "enabled": enabled,
        "status": status(kept),
        "error": plugin.as_ref().err(),
        "description": plugin.as_ref().ok().map(|(plugin, _)| &plugin.description),
        "warnings": plugin.as_ref().map(|(plugin, _)| plugin.warnings.clone()).unwrap_or_default(),
        "tools": adds("tool"),
        "servers": adds("server"),
        "linters": adds("linter"),
        "formatters": adds("formatter"),
        "hooks": adds("hook"),
        "commands": adds("command"),
        "skills": adds("skill"),
        "agents": adds("agent"),
    })
}

fn marketplaces(plugins: &Plugins, as_json: bool) -> Result<ExitStatus, String> {
    let all = plugins.marketplaces()?;
    if as_json {
        let listed = |it: &Marketplace| {
            let plugins = it.index.as_ref().map(|index| index.plugins.as_slice()).unwrap_or_default();
            let plugins: Vec<Value> = plugins
                .iter()
                .map(|it| json!({ "name": it.name, "version": it.version, "description": it.description }))
                .collect();
            let Marketplace { name, source, commit, index } = it;
            let error = index.as_ref().err();
            json!({ "name": name, "source": source, "commit": commit, "plugins": plugins, "error": error })
        };
        let all: Vec<Value> = all.iter().map(listed).collect();
        return super::write(format!("{}\n", json!({ "marketplaces": all })).as_bytes());
    }
    if all.is_empty() {
        return say("there are no marketplaces; `codex plugin marketplace add SOURCE` adds one\n");
    }
    let mut text = String::new();
    for Marketplace { name, source, index, .. } in &all {
        text += &format!("{name} from {source}\n");
        match index {
            Ok(index) => {
                for plugin in &index.plugins {
                    text += &format!("  {}@{name}  {}\n", plugin.name, plugin.description.replace('\n', " "));
                }
            }
            Err(error) => text += &format!("  {error}\n"),
        }
    }
    say(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_unasked_is_said_by_its_kind() {
        assert_eq!(unasked(&["skill", "tool"]), "");
        let said = unasked(&["server", "skill", "linter"]);
        let linters = said.find("linters (after edits)").unwrap();
        assert!(linters < said.find("servers (when").unwrap() && !said.contains("hooks"), "{said}");
    }
}
