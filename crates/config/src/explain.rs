//! What each key comes to and why: the value in force, what it covers, and what an untrusted project wanted.

use std::collections::BTreeMap;

use toml::Value;

use crate::hide::{has_secret_url, url_without_secrets};
use crate::keys::{KEYS, Key, Kind};
use crate::layer::Leaf;
use crate::merge::Merged;
use crate::provider::is_usual_variable;
use crate::shell_environment::has_secret_part;
use crate::{Origin, error::plain};

/// One key.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// Its dotted path, by canonical names.
    pub key: String,
    /// The value in force; `None` if nobody set one, or none that counts.
    pub value: Option<Placed>,
    /// Of a list that adds up, where each item was written.
    pub items: Vec<Origin>,
    /// What it covers, or removes, highest layer first.
    pub covered: Vec<Placed>,
    /// What files of a project that is not trusted wanted, in the order of layers.
    pub held: Vec<Placed>,
}

/// A value, and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The value; a table is never one.
    pub value: Value,
    /// As it may be shown: TOML on one line, `…` for what may be a secret.
    pub shown: String,
    /// Where.
    pub origin: Origin,
}

/// All keys that have a value or were to have one: in the order of the table of keys, those with names of the user's
/// choice by their names.
pub(crate) fn effective(merged: &Merged) -> Vec<Effective> {
    // By path, for a stranger's file may want any number of things.
    let mut all: BTreeMap<&str, (Vec<usize>, Effective)> = BTreeMap::new();
    for (path, leaf) in merged.covered() {
        all.entry(path).or_insert_with(|| (rank(&leaf.path), nothing(path))).1.covered.push(placed(leaf));
    }
    for (path, leaf) in merged.leaves() {
        let (_, it) = all.entry(path).or_insert_with(|| (rank(&leaf.path), nothing(path)));
        let is_empty = leaf.key.appends && leaf.items.is_empty();
        // One that was emptied says who did it.
        it.value = Some(placed(leaf)).filter(|_| !is_empty || !it.covered.is_empty());
        it.items = if leaf.key.appends { leaf.items.iter().map(|site| site.origin()).collect() } else { Vec::new() };
    }
    for (path, leaf) in merged.held() {
        all.entry(path).or_insert_with(|| (rank(&leaf.path), nothing(path))).1.held.push(placed(leaf));
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by(|(a, one), (b, other)| (a, &one.key).cmp(&(b, &other.key)));
    all.into_iter().map(|(_, it)| it).collect()
}

/// A key of which nothing is known.
fn nothing(path: &str) -> Effective {
    Effective { key: path.into(), value: None, items: Vec::new(), covered: Vec::new(), held: Vec::new() }
}

fn placed(leaf: &Leaf) -> Placed {
    let origin = leaf.site.as_ref().map_or(Origin::Default, |site| site.origin());
    Placed { shown: shown(leaf), value: leaf.value.clone(), origin }
}

/// A value as TOML on one line, less what may be a secret. That is told by the kind of its key: names of the user's
/// choice, which may be a stranger's, say nothing.
pub(crate) fn shown(leaf: &Leaf) -> String {
    shown_unless(leaf, matches!(leaf.key.kind, Kind::Headers | Kind::TextMap))
}

/// As [`shown`], for who is asked whether a project may: variables of commands are shown too, unless they are named like
/// secrets, for in them may stand what commands run.
pub(crate) fn shown_to_trust(leaf: &Leaf) -> String {
    match leaf.path.last() {
        Some(name) if matches!(leaf.key.name, "set" | "env") => {
            shown_unless(leaf, has_secret_part(&name.to_ascii_uppercase()))
        }
        _ => shown(leaf),
    }
}

fn shown_unless(leaf: &Leaf, secret: bool) -> String {
    let is_variable = matches!(leaf.key.kind, Kind::Variable | Kind::VariableHeaders);
    let text = match &leaf.value {
        Value::String(text) if secret || (is_variable && !is_usual_variable(text)) => {
            Value::String("…".into()).to_string()
        }
        Value::String(text) if has_secret_url(text) => Value::String(url_without_secrets(text)).to_string(),
        other => other.to_string(),
    };
    plain(&text)
}

/// The place of a path in the table of keys.
fn rank(path: &[String]) -> Vec<usize> {
    let (mut keys, mut rank): (&[Key], Vec<usize>) = (KEYS, Vec::new());
    for name in path {
        let Some(at) = keys.iter().position(|key| key.name == name) else { break };
        rank.push(at);
        keys = keys[at].kind.own_children().unwrap_or_default();
    }
    rank
}
