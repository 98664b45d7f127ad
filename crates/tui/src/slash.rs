//! Commands that begin with `/`: one table, of which the list while typing, `/help`, `docs/slash-commands.md`, the hints
//! of `codex exec` and the tests are made.

mod document;
mod run;
mod table;

use codex_protocol::ThreadOpened;

use crate::{fuzzy, intent::Intent, keymap::Keymap, look::Look, overlays};
pub use document::markdown;
pub use table::COMMANDS;

/// A command.
#[derive(Debug)]
pub struct Command {
    /// Without the `/`.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// What may follow it, as help writes it; empty for nothing.
    pub arguments: &'static str,
    /// What completes it.
    pub completes: Completes,
    /// What it does.
    pub about: &'static str,
    /// When it can be used.
    pub when: When,
    /// What does the same from a shell; empty if nothing does.
    pub headless: &'static str,
    /// What it wants. Use [`Command::run`], which knows when it can be used.
    pub wants: Wants,
}

/// What a command wants, of what follows its name, or why it cannot be done.
pub type Wants = fn(&str, &Snapshot<'_>) -> Result<Vec<Intent>, String>;

/// What completes the argument of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completes {
    /// Nothing.
    Nothing,
    /// Themes.
    Themes,
    /// `on` and `off`.
    Switch,
    /// What the agent may do.
    Modes,
    /// Commands of this table.
    Commands,
}

/// When a command can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At any time.
    Always,
    /// Not while the agent works.
    BetweenTurns,
    /// In a later version: what is missing, in a sentence.
    NotYet(&'static str),
}

/// What a command may look at.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'app> {
    /// Whether a turn runs.
    pub is_working: bool,
    /// The session, as soon as there is one.
    pub opened: Option<&'app ThreadOpened>,
    /// What the model said last, as Markdown.
    pub last_message: Option<&'app str>,
    /// Whether the session plans.
    pub is_planning: bool,
    /// Whether a plan was proposed, and nothing decided about it.
    pub has_plan: bool,
    /// Whether the keys are those of vi.
    pub is_vim: bool,
    /// How things are drawn.
    pub look: Look,
    /// Which key does what.
    pub keymap: &'app Keymap,
}

/// The command that `text` is, and what follows its name; `None`: it is a message. A path is none.
pub fn parse(text: &str) -> Option<(&'static Command, &str)> {
    let text = text.strip_prefix('/')?;
    let (name, arguments) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    Some((find(name)?, arguments.trim()))
}

/// The command of this name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name || command.aliases.contains(&name))
}

impl Command {
    /// What it wants, if it can be used now.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn run(&self, arguments: &str, snapshot: &Snapshot<'_>) -> Result<Vec<Intent>, String> {
        match self.when {
            When::NotYet(missing) => Err(format!("/{}: {missing}", self.name)),
            When::BetweenTurns if snapshot.is_working => {
                Err(format!("/{} waits until the agent has finished; esc interrupts it", self.name))
            }
            _ if self.arguments.is_empty() && !arguments.is_empty() => {
                Err(format!("/{} takes nothing behind it", self.name))
            }
            _ => (self.wants)(arguments, snapshot),
        }
    }

    /// What completes its argument.
    pub fn completions(&self) -> Vec<&'static str> {
        match self.completes {
            Completes::Nothing => Vec::new(),
            Completes::Themes => overlays::theme_names().collect(),
            Completes::Switch => vec!["on", "off"],
            Completes::Modes => overlays::mode_names().collect(),
            Completes::Commands => matches("").into_iter().map(|command| command.name).collect(),
        }
    }
}

/// Commands of this version whose name, or another name, is like `typed`, the likeliest first.
pub fn matches(typed: &str) -> Vec<&'static Command> {
    ranked(typed).into_iter().map(|(command, _)| command).collect()
}

/// As [`matches`], with the places in the command's name where the typed letters stand.
pub(crate) fn ranked(typed: &str) -> Vec<(&'static Command, Vec<usize>)> {
    let offered = COMMANDS.iter().filter(|command| !matches!(command.when, When::NotYet(_)));
    // An alias counts only when something is typed.
    let names = |command: &'static Command| {
        let aliases = command.aliases.iter().filter(|_| !typed.is_empty());
        std::iter::once(&command.name).chain(aliases).map(move |name| (command, *name))
    };
    let names: Vec<(&'static Command, &str)> = offered.flat_map(names).collect();
    let texts: Vec<&str> = names.iter().map(|(_, name)| *name).collect();
    let mut found: Vec<(&'static Command, Vec<usize>)> = Vec::new();
    let mut likely = fuzzy::ranked(typed, &texts);
    // What begins so comes first.
    likely.sort_by_key(|ranked| texts.get(ranked.index).is_none_or(|name| !name.starts_with(typed)));
    for ranked in likely {
        let Some((command, name)) = names.get(ranked.index) else { continue };
        if !found.iter().any(|(known, _)| known.name == command.name) {
            let marks = if *name == command.name { ranked.marks } else { Vec::new() };
            found.push((command, marks));
        }
    }
    found
}

/// What a prompt for `codex exec` is that is a command of the screen: its name as it was typed, and what does the same
/// from a shell, empty if nothing does. `None`: it is a prompt.
pub fn elsewhere(prompt: &str) -> Option<(&str, &'static str)> {
    let word = prompt.split_whitespace().next()?.strip_prefix('/')?;
    Some((word, find(word)?.headless))
}

#[cfg(test)]
#[path = "slash/tests.rs"]
mod tests;
