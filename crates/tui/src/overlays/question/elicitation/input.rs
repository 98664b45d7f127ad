//! One field of a form, as it is filled in.

use codex_forms::{Field, FieldChoice, FieldKind};
use serde_json::Value;

use crate::{
    key::Key,
    look::Look,
    overlays::{line::Line, panel::row},
    text::{Live, Row, truncate},
    theme::Role,
};

/// What is in a field.
#[derive(Debug)]
pub(super) enum Input {
    /// What was typed.
    Typed(Line),
    /// Yes, no, or neither yet.
    Switch(Option<bool>),
    /// One of the choices, or none yet.
    One { choices: Vec<FieldChoice>, at: Option<usize> },
    /// Some of the choices, and the one that a mark would be set at.
    Some { choices: Vec<(FieldChoice, bool)>, at: usize },
}

impl Input {
    /// The field as it is at first.
    pub(super) fn of(field: &Field) -> Self {
        let default = field.default.as_ref();
        let is_default = |choice: &FieldChoice| default.is_some_and(|value| *value == *choice.value);
        match &field.kind {
            FieldKind::Text { .. } | FieldKind::Number { .. } => {
                let mut line = Line::default();
                match default {
                    Some(Value::String(text)) => line.insert(text),
                    Some(value) => line.insert(&value.to_string()),
                    None => {}
                }
                Self::Typed(line)
            }
            FieldKind::Switch => Self::Switch(default.and_then(Value::as_bool)),
            FieldKind::One(choices) => Self::One { choices: choices.clone(), at: choices.iter().position(is_default) },
            FieldKind::Some { choices, .. } => {
                let all = default.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let is_in = |choice: &FieldChoice| all.iter().any(|value| *value == *choice.value);
                Self::Some { choices: choices.iter().map(|choice| (choice.clone(), is_in(choice))).collect(), at: 0 }
            }
        }
    }

    /// What stands in the answer; `None`: nothing does.
    ///
    /// # Errors
    /// A sentence: what is wrong with it.
    pub(super) fn value(&self, field: &Field) -> Result<Option<Value>, String> {
        let value = match self {
            Self::Typed(line) => return field.typed(line.text()),
            Self::Switch(on) => on.map(Value::from),
            Self::One { choices, at } => at.and_then(|at| choices.get(at)).map(|choice| choice.value.as_str().into()),
            Self::Some { choices, .. } => {
                let marked: Vec<Value> =
                    choices.iter().filter(|(_, on)| *on).map(|(choice, _)| choice.value.as_str().into()).collect();
                (!marked.is_empty() || field.required).then_some(Value::from(marked))
            }
        };
        match &value {
            Some(value) => field.check(value)?,
            None if field.required => return Err("it is required".into()),
            None => {}
        }
        Ok(value)
    }

    /// What is in it, for people; empty if nothing is.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Typed(line) => line.text().to_owned(),
            Self::Switch(on) => on.map_or("", word).to_owned(),
            Self::One { choices, at } => {
                at.and_then(|at| choices.get(at)).map(|choice| choice.title.clone()).unwrap_or_default()
            }
            Self::Some { choices, .. } => {
                let marked = choices.iter().filter(|(_, on)| *on).map(|(choice, _)| choice.title.as_str());
                marked.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Takes a key that is not for the form as a whole.
    pub(super) fn key(&mut self, key: Key) {
        let name = key.to_string();
        match self {
            Self::Typed(line) => drop(line.key(key)),
            Self::Switch(on) => match name.as_str() {
                "space" | "left" | "right" => *on = Some(!on.unwrap_or_default()),
                "y" => *on = Some(true),
                "n" => *on = Some(false),
                "backspace" | "delete" => *on = None,
                _ => {}
            },
            Self::One { choices, at } => match name.as_str() {
                "space" | "right" => *at = Some(at.map_or(0, |at| (at + 1) % choices.len().max(1))),
                "left" => *at = Some(at.unwrap_or_default().checked_sub(1).unwrap_or(choices.len().saturating_sub(1))),
                "backspace" | "delete" => *at = None,
                typed => {
                    let begins = |choice: &FieldChoice| choice.title.to_lowercase().starts_with(&typed.to_lowercase());
                    *at = choices.iter().position(begins).or(*at);
                }
            },
            Self::Some { choices, at } => match name.as_str() {
                "left" => *at = at.checked_sub(1).unwrap_or(choices.len().saturating_sub(1)),
                "right" => *at = (*at + 1) % choices.len().max(1),
                "space" => choices.get_mut(*at).into_iter().for_each(|(_, on)| *on = !*on),
                _ => {}
            },
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        if let Self::Typed(line) = self {
            line.insert(text);
        }
    }

    /// What its keys do.
    pub(super) fn keys(&self) -> &'static str {
        match self {
            Self::Typed(_) => "",
            Self::Switch(_) => "space yes or no",
            Self::One { .. } => "← → another",
            Self::Some { .. } => "← → space marks",
        }
    }

    /// Where it is filled in.
    pub(super) fn live(&self, called: &str, look: &Look) -> Live {
        let label = format!("{}: ", called.chars().take(look.width / 3).collect::<String>());
        let row = match self {
            Self::Typed(line) => {
                let (row, column) = line.live(&label, look.width, look);
                return Live { rows: vec![row], cursor: Some((0, column)) };
            }
            Self::Switch(on) => {
                row(look, &[(&label, Role::Strong), (&format!("‹ {} ›", on.map_or("…", word)), Role::Code)])
            }
            Self::One { choices, at } => {
                let title = at.and_then(|at| choices.get(at)).map_or("…", |choice| choice.title.as_str());
                let of = format!(" {} of {}", at.map_or(0, |at| at + 1), choices.len());
                row(look, &[(&label, Role::Strong), (&format!("‹ {title} ›"), Role::Code), (&of, Role::Quiet)])
            }
            Self::Some { choices, at } => {
                let mut row = Row::new(&label, look.style(Role::Strong));
                // Those before it give way where there is no room.
                for (index, (choice, on)) in choices.iter().enumerate().skip(at.saturating_sub(1)) {
                    let text = format!("[{}] {}  ", if *on { "x" } else { " " }, choice.title);
                    row.push(look.span(&text, if index == *at { Role::Selected } else { Role::Plain }));
                }
                row
            }
        };
        Live { rows: vec![truncate(&row, look.width)], cursor: None }
    }
}

fn word(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}
