//! The table in words: `/help`, and `docs/slash-commands.md`.

use super::{COMMANDS, Command, When};
use crate::{
    overlays::PagerEntry,
    text::{Row, Style},
};

const BEGIN: &str = "# Commands of the screen

Typed into the composer, at its beginning. While a name is typed, those that are like it are listed; Tab takes the chosen one. What
begins with `/` and names no command is a message. This page is generated from the table of the program.
";

/// `docs/slash-commands.md`.
pub fn markdown() -> String {
    let mut text = BEGIN.to_owned();
    text += "\n| Command | What it does | From a shell |\n|---|---|---|\n";
    let is_now = |command: &&Command| !matches!(command.when, When::NotYet(_));
    for command in COMMANDS.iter().filter(is_now) {
        let when = if command.when == When::BetweenTurns { ". Not while the agent works" } else { "" };
        text += &format!("| {} | {}{when} | {} |\n", names(command), command.about, capital(command.headless));
    }
    text += "\nNot part of this version; typed, they say so:\n\n| Command | What it is to do | What is missing |\n|---|---|---|\n";
    for command in COMMANDS {
        if let When::NotYet(missing) = command.when {
            text += &format!("| {} | {} | {} |\n", names(command), command.about, capital(missing));
        }
    }
    text
}

fn names(command: &Command) -> String {
    let aliases = command.aliases.iter().map(|alias| format!(", `/{alias}`"));
    format!("`{}`{}", usage(command).replace('|', "\\|"), aliases.collect::<String>())
}

fn usage(command: &Command) -> String {
    let gap = if command.arguments.is_empty() { "" } else { " " };
    format!("/{}{gap}{}", command.name, command.arguments)
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or(String::new(), |first| first.to_uppercase().chain(rest).collect())
}

/// The commands of this version, for the pager.
pub(super) fn help() -> Vec<PagerEntry> {
    let mut rows = vec![Row::new("Commands", Style::plain().bold())];
    let offered = COMMANDS.iter().filter(|command| !matches!(command.when, When::NotYet(_)));
    for command in offered {
        rows.push(Row::plain(&format!("  {:<24}{}", usage(command), command.about)));
    }
    vec![PagerEntry::rows(rows)]
}

/// One command.
pub(super) fn command_rows(command: &Command) -> Vec<Row> {
    let mut rows = vec![Row::new(&usage(command), Style::plain().bold()), Row::plain(&format!("  {}.", command.about))];
    let aliases: Vec<String> = command.aliases.iter().map(|alias| format!("/{alias}")).collect();
    if !aliases.is_empty() {
        rows.push(Row::plain(&format!("  Also {}.", aliases.join(", "))));
    }
    match command.when {
        When::Always => {}
        When::BetweenTurns => rows.push(Row::plain("  Not while the agent works.")),
        When::NotYet(missing) => rows.push(Row::plain(&format!("  Not yet: {missing}."))),
    }
    rows
}
