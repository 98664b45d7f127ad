//! Commands that begin with `/`: one table, of which the list while typing, `/help`, `docs/slash-commands.md`, the hints
//! of `codex exec` and the tests are made.

mod document;
mod run;
mod table;

use codex_protocol::{ApprovalPolicy, SandboxMode};

use crate::{fuzzy, intent::Intent, overlays::Feature};
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
    /// What it wants.
    pub run: fn(&str, &Snapshot) -> Result<Vec<Intent>, String>,
}

/// What completes the argument of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completes {
    /// Nothing.
    Nothing,
    /// Models that are known.
    Models,
    /// Themes.
    Themes,
    /// `on` and `off`.
    Switch,
    /// What the agent may do.
    Modes,
    /// Commands that run on.
    Terminals,
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
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Whether a turn runs.
    pub is_working: bool,
    /// The session, as soon as there is one.
    pub thread_id: Option<String>,
    /// Absolute directory of the session.
    pub cwd: String,
    /// Settings of the session.
    pub session: SessionSettings,
    /// Settings of the screen.
    pub screen: ScreenState,
    /// What the model said last, as Markdown.
    pub last_answer: Option<String>,
    /// Ids of models that are known, for completion.
    pub models: Vec<String>,
    /// Ids of commands that run on, for completion.
    pub terminals: Vec<String>,
    /// Features that can be switched.
    pub features: Vec<Feature>,
}

/// Settings of a session, as far as they are known.
#[derive(Debug, Clone, Default)]
pub struct SessionSettings {
    /// Model id.
    pub model: Option<String>,
    /// Level of the sandbox.
    pub sandbox: Option<SandboxMode>,
    /// When the user is asked.
    pub approval: Option<ApprovalPolicy>,
}

/// Settings of the screen.
#[derive(Debug, Clone, Default)]
pub struct ScreenState {
    /// Name of the theme.
    pub theme: String,
    /// Whether the keys are those of vi.
    pub is_vim: bool,
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

/// Does `command`: what is wanted, or why it cannot be done.
///
/// # Errors
/// A sentence for the user.
pub fn run(command: &Command, arguments: &str, snapshot: &Snapshot) -> Result<Vec<Intent>, String> {
    match command.when {
        When::NotYet(missing) => Err(format!("/{}: {missing}", command.name)),
        When::BetweenTurns if snapshot.is_working => {
            Err(format!("/{} waits until the agent has finished; esc interrupts it", command.name))
        }
        _ if command.arguments.is_empty() && !arguments.is_empty() => {
            Err(format!("/{} takes nothing behind it", command.name))
        }
        _ => (command.run)(arguments, snapshot),
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

/// What completes the argument of `command`.
pub fn completions(command: &Command, snapshot: &Snapshot) -> Vec<String> {
    let owned = |names: &mut dyn Iterator<Item = &'static str>| names.map(str::to_owned).collect();
    match command.completes {
        Completes::Nothing => Vec::new(),
        Completes::Models => snapshot.models.clone(),
        Completes::Themes => owned(&mut crate::overlays::theme_names()),
        Completes::Switch => owned(&mut ["on", "off"].into_iter()),
        Completes::Modes => owned(&mut crate::overlays::mode_names()),
        Completes::Terminals => snapshot.terminals.clone(),
        Completes::Commands => matches("").into_iter().map(|command| command.name.to_owned()).collect(),
    }
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
