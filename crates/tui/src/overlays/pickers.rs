//! The lists of the screen: sessions, models, themes, modes, features.

use codex_protocol::{ApprovalPolicy, BackgroundTerminal, Model, SandboxMode};

use super::{
    Outcome, Overlay,
    picker::{Entry, Picker},
};
use crate::{
    intent::{Change, Fetch, Intent},
    theme::Theme,
};

/// How long ago, in one unit.
pub(super) fn age(seconds: i64) -> String {
    match seconds {
        ..60 => "just now".into(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// Models to choose from, and then how long the chosen one thinks. `current`: the one in force.
pub fn models(list: Vec<Model>, current: &str) -> Box<dyn Overlay> {
    let entries = list.into_iter().filter(|model| !model.hidden).map(|model| {
        let window = model.context_window.map(|tokens| format!("{} k tokens", tokens / 1000));
        let said = [Some(model.description.clone()).filter(|said| !said.is_empty()), window];
        let about: Vec<String> = said.into_iter().flatten().collect();
        let is_on = Some(model.id == current || model.model == current);
        Entry { name: model.id.clone(), about: about.join(" · "), is_on, value: model }
    });
    let enter = |entry: &mut Entry<Model>| {
        let model = &entry.value;
        match model.supported_reasoning_efforts.len() {
            ..2 => Outcome::done(Intent::Change(Change { model: Some(model.id.clone()), ..Change::default() })),
            _ => Outcome::done(Intent::Open(efforts(model))),
        }
    };
    let picker = Picker::new("Model", entries.collect(), enter);
    Box::new(picker.empty("no models are known; /model NAME takes any"))
}

/// How long `model` thinks.
fn efforts(model: &Model) -> Box<dyn Overlay> {
    let entries = model.supported_reasoning_efforts.iter().map(|effort| Entry {
        name: effort.reasoning_effort.clone(),
        about: effort.description.clone(),
        is_on: Some(effort.reasoning_effort == model.default_reasoning_effort),
        value: (model.id.clone(), effort.reasoning_effort.clone()),
    });
    let enter = |entry: &mut Entry<(String, String)>| {
        let (model, effort) = entry.value.clone();
        Outcome::done(Intent::Change(Change { model: Some(model), effort: Some(effort), ..Change::default() }))
    };
    Box::new(Picker::new(&format!("How long {} thinks", model.id), entries.collect(), enter))
}

/// What is said of a theme.
const THEMES: &[(&str, &str)] = &[
    ("auto", "dark or light, as the terminal's background is"),
    ("ansi", "the terminal's own 16 colours"),
    ("dark", "for dark backgrounds"),
    ("light", "for light backgrounds"),
    ("high-contrast", "few colours, far apart"),
];

/// The themes' names.
pub fn theme_names() -> impl Iterator<Item = &'static str> {
    THEMES.iter().map(|(name, _)| *name)
}

/// Themes to choose from; each is seen as soon as its row is. `current`: the one in force.
pub fn themes(current: &str) -> Box<dyn Overlay> {
    let entries = THEMES.iter().map(|(name, about)| Entry {
        name: (*name).to_owned(),
        about: (*about).to_owned(),
        is_on: Some(*name == current),
        value: *name,
    });
    let change = |name: &&'static str| Intent::Change(Change { theme: Some((*name).to_owned()), ..Change::default() });
    let enter = |entry: &mut Entry<&'static str>| Outcome { intents: keep_theme(entry.value), closes: true };
    let left = Change { theme: Some(current.to_owned()), ..Change::default() };
    Box::new(Picker::new("Theme", entries.collect(), enter).moved(change, left))
}

/// Draws with the theme `name` from now on, and keeps it.
pub fn keep_theme(name: &str) -> Vec<Intent> {
    let change = Change { theme: Some(name.to_owned()), ..Change::default() };
    vec![Intent::Change(change), Intent::Keep { key: "tui.theme".into(), value: format!("\"{name}\"") }]
}

/// A level of the sandbox, and when the user is asked.
type Mode = (SandboxMode, ApprovalPolicy);

/// The modes that have a name.
const MODES: &[(&str, &str, Mode)] = &[
    ("read-only", "reads, and asks before anything else", (SandboxMode::ReadOnly, ApprovalPolicy::OnRequest)),
    (
        "ask",
        "asks before every edit and every command that is not allowed by a rule",
        (SandboxMode::WorkspaceWrite, ApprovalPolicy::Untrusted),
    ),
    (
        "auto",
        "works in this directory, and asks for what needs more than the sandbox gives",
        (SandboxMode::WorkspaceWrite, ApprovalPolicy::OnRequest),
    ),
    (
        "full-access",
        "no sandbox: commands run with all your rights",
        (SandboxMode::DangerFullAccess, ApprovalPolicy::OnRequest),
    ),
];

/// The modes' names.
pub fn mode_names() -> impl Iterator<Item = &'static str> {
    MODES.iter().map(|(name, ..)| *name)
}

/// What `name` changes, if it is a mode.
pub fn mode(name: &str) -> Option<Change> {
    MODES.iter().find(|(known, ..)| *known == name).map(|(.., mode)| change_mode(*mode))
}

fn change_mode((sandbox, approval): Mode) -> Change {
    Change { sandbox: Some(sandbox), approval: Some(approval), ..Change::default() }
}

/// Modes to choose from: what the agent may do, and when it asks. `current`: the one in force.
pub fn modes(current: Option<(SandboxMode, ApprovalPolicy)>) -> Box<dyn Overlay> {
    let entries = MODES.iter().map(|(name, about, mode)| Entry {
        name: (*name).to_owned(),
        about: (*about).to_owned(),
        is_on: Some(Some(*mode) == current),
        value: *mode,
    });
    let enter = |entry: &mut Entry<Mode>| Outcome::done(Intent::Change(change_mode(entry.value)));
    Box::new(Picker::new("What the agent may do", entries.collect(), enter))
}

/// Commands that run on; the chosen one is ended.
pub fn terminals(list: Vec<BackgroundTerminal>) -> Box<dyn Overlay> {
    let entries = list.into_iter().map(|terminal| Entry {
        name: terminal.command,
        about: format!("{} · {} · {}", terminal.process_id, lasting(terminal.running_for_ms / 1000), terminal.cwd),
        is_on: None,
        value: terminal.process_id,
    });
    let enter =
        |entry: &mut Entry<String>| Outcome::done(Intent::Fetch(Fetch::StopTerminals(Some(entry.value.clone()))));
    let picker = Picker::new("Commands that run on; the one that is taken is ended", entries.collect(), enter);
    Box::new(picker.empty("there are none"))
}

/// A time, in one unit.
pub(super) fn lasting(seconds: u64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// The theme that a name stands for; `auto` is none: it depends on the terminal.
pub fn theme(name: &str) -> Option<Theme> {
    Theme::ALL.iter().find(|(known, _)| *known == name).map(|(_, theme)| *theme)
}

#[cfg(test)]
#[path = "pickers_tests.rs"]
mod tests;
