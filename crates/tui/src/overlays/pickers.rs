//! The lists of the screen: sessions, models, themes, modes, features.

use codex_protocol::{ApprovalPolicy, SandboxMode, Thread};
use jiff::Timestamp;

use super::{
    Outcome, Overlay,
    picker::{Entry, Picker},
};
use crate::{
    intent::{Change, Fetch, Intent},
    theme::Theme,
};

/// Sessions to go on with, the newest first; `all`: of all directories.
pub fn sessions(list: Vec<Thread>, all: bool) -> Box<dyn Overlay> {
    Box::new(sessions_at(list, all, Timestamp::now()))
}

fn sessions_at(list: Vec<Thread>, all: bool, now: Timestamp) -> Picker<String> {
    let entries = list.into_iter().map(|thread| {
        let age = age(now.as_second() - thread.updated_at);
        let place = if all { format!(" · {}", thread.cwd) } else { String::new() };
        let name = if thread.preview.trim().is_empty() { "(nothing was said)" } else { &thread.preview };
        Entry { name: name.to_owned(), about: format!("{age}{place} · {}", thread.id), is_on: None, value: thread.id }
    });
    let enter = |entry: &mut Entry<String>| Outcome::done(Intent::ResumeThread(entry.value.clone()));
    let title = if all { "Sessions of all directories" } else { "Sessions of this directory" };
    let picker = Picker::new(title, entries.collect(), enter).empty("there are none");
    picker.more(match all {
        true => ("tab", "this directory", || Intent::Fetch(Fetch::Sessions { all: false })),
        false => ("tab", "all directories", || Intent::Fetch(Fetch::Sessions { all: true })),
    })
}

/// How long ago, in one unit.
fn age(seconds: i64) -> String {
    match seconds {
        ..60 => "just now".into(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// A model that can be chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelChoice {
    /// As `/model` takes it.
    pub id: String,
    /// What is said of it.
    pub about: String,
    /// How long it can think, the shortest first; empty where that cannot be said.
    pub efforts: Vec<String>,
    /// Which of these is usual.
    pub usual_effort: Option<String>,
}

/// Models to choose from, and then how long the chosen one thinks. `current`: the one in force.
pub fn models(list: Vec<ModelChoice>, current: &str) -> Box<dyn Overlay> {
    let entries = list.into_iter().map(|model| Entry {
        name: model.id.clone(),
        about: model.about.clone(),
        is_on: Some(model.id == current),
        value: model,
    });
    let enter = |entry: &mut Entry<ModelChoice>| {
        let model = &entry.value;
        match model.efforts.len() {
            ..2 => Outcome::done(Intent::Change(Change { model: Some(model.id.clone()), ..Change::default() })),
            _ => Outcome::done(Intent::Open(efforts(model))),
        }
    };
    let picker = Picker::new("Model", entries.collect(), enter);
    Box::new(picker.empty("no models are known; /model NAME takes any"))
}

/// How long `model` thinks.
fn efforts(model: &ModelChoice) -> Box<dyn Overlay> {
    let entries = model.efforts.iter().map(|effort| {
        let is_usual = model.usual_effort.as_ref() == Some(effort);
        Entry {
            name: effort.clone(),
            about: if is_usual { "usual".into() } else { String::new() },
            is_on: Some(is_usual),
            value: (model.id.clone(), effort.clone()),
        }
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

/// A feature that can be switched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Below `features` in the configuration.
    pub name: String,
    /// What it does.
    pub about: String,
    /// Whether it is on.
    pub is_on: bool,
}

/// Features to switch on and off; each is kept at once.
pub fn experimental(features: Vec<Feature>) -> Box<dyn Overlay> {
    let entries = features.into_iter().map(|feature| Entry {
        name: feature.name.clone(),
        about: feature.about,
        is_on: Some(feature.is_on),
        value: feature.name,
    });
    let enter = |entry: &mut Entry<String>| {
        let is_on = entry.is_on != Some(true);
        entry.is_on = Some(is_on);
        Outcome::want(Intent::Keep { key: format!("features.{}", entry.value), value: is_on.to_string() })
    };
    let picker = Picker::new("Experimental features", entries.collect(), enter);
    Box::new(picker.empty("this version has none"))
}

/// The theme that a name stands for; `auto` is none: it depends on the terminal.
pub fn theme(name: &str) -> Option<Theme> {
    Theme::ALL.iter().find(|(known, _)| *known == name).map(|(_, theme)| *theme)
}

#[cfg(test)]
#[path = "pickers_tests.rs"]
mod tests;
