//! `codex permissions`: the rules for commands, and what they come to. It runs nothing, and asks the model nothing.

use std::path::{Path, PathBuf};

use codex_config::Environment;
use codex_protocol::ThreadStartParams;
use codex_sandbox::{Confined, Confinement, Network};
use codex_server::{Explained, Rule, RulesInForce};
use serde_json::{Value, json};

use crate::{
    args::{PermissionsCommand, RunOptions, ThreadOptions},
    commands::exec::OWN_PROGRAM,
    exec::ExitStatus,
    resolve, terminal,
};

/// Runs one of the commands.
///
/// # Errors
/// A sentence for the user when the configuration is wrong, or there is no such rule or class.
pub async fn run(
    outer: ThreadOptions,
    command: PermissionsCommand,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let params = |nearer: ThreadOptions| resolve::thread_start(&outer.clone().then(nearer), &RunOptions::default());
    let text = match command {
        PermissionsCommand::Why { thread, json, command } => why(&environment, params(thread)?, json, &command).await?,
        PermissionsCommand::List { thread, json } => list(&environment, params(thread)?, json).await?,
        PermissionsCommand::Show { class } => codex_server::class(&class)?.to_owned(),
        PermissionsCommand::Remove { thread, rule } => {
            let workspace = resolve::workspace(&outer.then(thread))?;
            remove(&environment, &workspace, &rule)?
        }
    };
    super::write(text.as_bytes())
}

async fn why(
    environment: &Environment,
    params: ThreadStartParams,
    as_json: bool,
    command: &str,
) -> Result<String, String> {
    let found = codex_server::explain_command(environment, Path::new(OWN_PROGRAM), params, command).await;
    let found = found.map_err(|error| error.to_string())?;
    warn(&found.warnings);
    if !as_json {
        return Ok(terminal::harmless(&explanation(&found)));
    }
    let (rule, origin) = found.rule.as_ref().map(|rule| (&rule.text, &rule.origin)).unzip();
    let object = json!({
        "verdict": found.verdict,
        "rule": rule,
        "origin": origin,
        "commands": found.commands,
        "confinement": confinement(&found),
    });
    Ok(format!("{object}\n"))
}

async fn list(environment: &Environment, params: ThreadStartParams, as_json: bool) -> Result<String, String> {
    let found = codex_server::rules_in_force(environment, Path::new(OWN_PROGRAM), params).await;
    let RulesInForce { rules, warnings } = found.map_err(|error| error.to_string())?;
    warn(&warnings);
    if as_json {
        let rule = |rule: &Rule| json!({ "kind": rule.kind, "rule": rule.text, "origin": rule.origin });
        return Ok(format!("{}\n", rules.iter().map(rule).collect::<Value>()));
    }
    let width = rules.iter().map(|rule| rule.text.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for Rule { kind, text: rule, origin } in &rules {
        text += &terminal::harmless(&format!("{kind:<5}  {rule:<width$}  {origin}\n"));
    }
    Ok(text + "\nThe first that matches decides. `codex permissions show NAME` shows what is in a built-in one.\n")
}

fn remove(environment: &Environment, workspace: &Path, rule: &str) -> Result<String, String> {
    let home = environment.codex_home().map_err(|error| error.to_string())?;
    let project = codex_config::project_root(workspace, environment.home().unwrap_or(Path::new("/")));
    let project = project.as_deref().unwrap_or(workspace);
    match codex_config::forget(&home, project, rule) {
        Ok(true) => Ok(format!("removed `{}`\n", terminal::harmless(rule))),
        Ok(false) => Err(format!(
            "`{rule}` is not remembered for this project; `codex permissions list` shows the rules, and where those \
             stand that were written by hand"
        )),
        Err(error) => Err(error.to_string()),
    }
}

fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| terminal::complain(&format!("warning: {warning}")));
}

/// What was found, for people.
fn explanation(found: &Explained) -> String {
    let mut text = format!("{}: {}\n", found.verdict, found.reason);
    if let Some(rule) = &found.rule {
        text += &format!("rule: {} `{}` ({})\n", rule.kind, rule.text, rule.origin);
    }
    if !found.commands.is_empty() {
        text += "commands:\n";
    }
    for command in &found.commands {
        text += &format!("  {}\n", command.join(" "));
    }
    text += &format!("sandbox: {}: {}\n", found.level, found.held_by);
    let Confinement::Confined(walls) = &found.confinement else { return text };
    for (what, paths) in [
        ("may be written", writable(walls)),
        ("written for the session only", caches(walls)),
        ("stay read-only", walls.protected.clone()),
        ("hidden", walls.hidden.clone()),
        ("cannot be run", walls.denied_programs.clone()),
    ] {
        if !paths.is_empty() {
            text += &format!("  {what}:\n");
        }
        for path in paths {
            text += &format!("    {}\n", path.display());
        }
    }
    text + &format!("  network: {}\n", network(walls))
}

/// The walls as JSON.
fn confinement(found: &Explained) -> Value {
    let Confinement::Confined(walls) = &found.confinement else { return json!({ "sandbox": found.level }) };
    let paths = |paths: &[PathBuf]| paths.iter().map(|path| path.to_string_lossy().into_owned()).collect::<Value>();
    json!({
        "sandbox": found.level,
        "writable": paths(&writable(walls)),
        "caches": paths(&caches(walls)),
        "readOnly": paths(&walls.protected),
        "hidden": paths(&walls.hidden),
        "deniedPrograms": paths(&walls.denied_programs),
        "network": network(walls),
    })
}

/// A root that is protected as a whole is in sight and not writable.
fn writable(walls: &Confined) -> Vec<PathBuf> {
    walls.writable.iter().filter(|root| !walls.protected.contains(root)).cloned().collect()
}

/// Where nothing is written, caches are not either.
fn caches(walls: &Confined) -> Vec<PathBuf> {
    if writable(walls).is_empty() { Vec::new() } else { walls.caches.clone() }
}

fn network(walls: &Confined) -> &'static str {
    match walls.network {
        Network::LoopbackOnly => "its own loopback only",
        Network::Proxied => "the domains of sandbox.allow_domains",
        Network::Host => "all",
    }
}
