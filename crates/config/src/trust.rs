//! A repository cannot raise its own privileges: what is taken from the file of a project that nobody trusted.
//!
//! It is a list of what may pass, kept in the table of keys; whatever is not on it is held back and named. Nothing here
//! can be switched off by a file.

use toml::Value;

use crate::keys::{KEYS, Kind, Project, find};
use crate::layer::{Layer, Leaf};
use crate::merge::{Merged, emptied, removed};
use crate::origin::dotted;
use crate::source::Site;
use crate::trust_store::Verdict;
use crate::{Origin, Warning};

/// Takes from a project's layer what it must not set above `below`.
///
/// The layer's model must have been split from its provider before.
pub(crate) fn hold_back(layer: &mut Layer, below: &Merged) -> Vec<Leaf> {
    let provider = layer.get("model_provider").and_then(|leaf| leaf.value.as_str());
    let own_provider = provider.is_none_or(|provider| Some(provider) == below.text("model_provider"));
    let (mut kept, mut held): (Vec<Leaf>, Vec<Leaf>) =
        std::mem::take(&mut layer.leaves).into_iter().partition(|leaf| match leaf.key.project {
            // Whichever is selected comes as a layer of its own.
            _ if leaf.path.first().is_some_and(|first| first == "profiles") => true,
            Project::Held => false,
            Project::Harmless => true,
            Project::Stricter => is_stricter(leaf, below.get(&dotted(&leaf.path))),
            Project::OwnProvider => own_provider,
        });
    // A list that forbids may grow, not shrink.
    for leaf in kept.iter_mut().filter(|leaf| leaf.key.appends) {
        let removals = leaf.take_entries(|item| removed(item).is_some());
        if let Some((_, site)) = removals.first() {
            let mut removing = Leaf { site: Some(site.clone()), ..emptied(leaf) };
            removing.extend_entries(removals);
            held.push(removing);
        }
    }
    layer.leaves = kept;
    held
}

/// What the user is told of what was held back of one file.
pub(crate) fn warning(held: &[Leaf], verdict: &Verdict) -> Option<Warning> {
    let why = match verdict {
        Verdict::Changed(at) => {
            format!("this file has changed since you trusted the project ({}), so these settings of it", date(at))
        }
        _ => "this project is not trusted, so these settings of its file".to_owned(),
    };
    let message = format!(
        "{why} are held back: {}; `codex trust` shows them and asks, `--trust` honours them",
        names(held).join(", ")
    );
    held.first().and_then(|leaf| leaf.site.as_ref()).map(|site| Warning::new(site.source.whole(), message))
}

/// The day of a time as RFC 3339 writes it.
fn date(at: &str) -> &str {
    at.split('T').next().unwrap_or(at)
}

/// Whether a value allows no more than the one below it.
fn is_stricter(leaf: &Leaf, below: Option<&Leaf>) -> bool {
    let rank = |value: &Value| match (leaf.key.kind, value) {
        (Kind::Choice(names), Value::String(text)) => names.iter().position(|name| name == text),
        (Kind::Flag, Value::Boolean(flag)) => Some(usize::from(*flag)),
        _ => None,
    };
    match (rank(&leaf.value), below.and_then(|below| rank(&below.value))) {
        (Some(new), Some(old)) => new <= old,
        _ => false,
    }
}

/// As much of a path as a reader needs, who is told the line too.
fn named(path: &[String]) -> &[String] {
    let short = path.first().and_then(|table| find(KEYS, table)).is_some_and(|table| match table.kind {
        Kind::StrictOrFirst([first, ..]) => path.get(1).is_some_and(|name| name == first.name),
        _ => false,
    });
    &path[..path.len().min(if short { 1 } else { 2 })]
}

/// What was held back, with its line: by whole names, but for a provider or a profile not every key of it.
fn names(held: &[Leaf]) -> Vec<String> {
    let mut seen: Vec<(String, &Site)> = Vec::new();
    for leaf in held {
        let name = format!("`{}`", dotted(named(&leaf.path)));
        let Some(site) = &leaf.site else { continue };
        // `model = "provider/name"` is two settings, but one to the reader.
        if !seen.iter().any(|(other, place)| *other == name || *place == site) {
            seen.push((name, site));
        }
    }
    let shown = seen.into_iter().map(|(name, site)| match site.origin() {
        Origin::File { line, .. } => format!("{name} (line {line})"),
        _ => name,
    });
    shown.collect()
}
