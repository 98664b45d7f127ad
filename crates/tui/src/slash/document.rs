//! The table in words: `/help`, and `docs/slash-commands.md`.

use super::{COMMANDS, Command, When};
use crate::{
    key::Key,
    keymap::{Context, Keymap},
    look::Look,
    overlays::{
        PagerEntry,
        panel::{paragraph, row},
    },
    text::Row,
    theme::Role,
};

const BEGIN: &str = "# Commands of the screen

Typed into the composer, at its beginning. While a name is typed, those that are like it are listed; Tab takes the chosen one. Enter
runs it if it begins with what was typed, or was gone to. A word behind `/` that is no command is said to be none. This page is generated from the table of the program.
";

/// On a screen of fewer columns what a command does stands below it.
const NARROW: usize = 60;

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

/// The commands of this version and the keys, for the pager.
pub(super) fn help(look: &Look, keymap: &Keymap) -> Vec<PagerEntry> {
    let offered = COMMANDS.iter().filter(|command| !matches!(command.when, When::NotYet(_)));
    let commands = offered.map(|command| (usage(command), command.about));
    let mut entries = vec![section("Commands", commands, look)];
    for (context, title) in Context::ALL {
        let lines = keymap.lines().filter(|(binding, keys)| binding.context == context && !keys.is_empty());
        let keys = |keys: &[Key]| keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ");
        entries.push(section(title, lines.map(|(binding, bound)| (keys(bound), binding.about)), look));
    }
    entries
}

/// What is typed or pressed, and what it does.
fn section<'about>(title: &str, lines: impl Iterator<Item = (String, &'about str)>, look: &Look) -> PagerEntry {
    let mut rows = vec![Row::new(title, look.style(Role::Heading))];
    for (typed, about) in lines {
        match look.width < NARROW {
            true => {
                rows.push(row(look, &[("  ", Role::Plain), (&typed, Role::Strong)]));
                rows.push(row(look, &[("    ", Role::Plain), (about, Role::Plain)]));
            }
            false => rows.push(row(look, &[(&format!("  {typed:<26} "), Role::Strong), (about, Role::Plain)])),
        }
    }
    rows.push(Row::empty());
    PagerEntry::rows(rows)
}

/// One command.
pub(super) fn command_rows(command: &Command, look: &Look) -> Vec<Row> {
    let mut rows = vec![Row::new(&usage(command), look.style(Role::Strong))];
    let mut say = |text: String| rows.extend(paragraph(&text, Role::Plain, 2, look));
    say(format!("{}.", command.about));
    let aliases: Vec<String> = command.aliases.iter().map(|alias| format!("/{alias}")).collect();
    if !aliases.is_empty() {
        say(format!("Also {}.", aliases.join(", ")));
    }
    match command.when {
        When::Always => {}
        When::BetweenTurns => say("Not while the agent works.".into()),
        When::NotYet(missing) => say(format!("Not yet: {missing}.")),
    }
    rows
}
