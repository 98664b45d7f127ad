//! Layers into one: the higher one wins, value by value; lists that append grow.
//!
//! Knows nothing of trust: what a layer must not say was taken from it before.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

use crate::keys::{KEYS, find};
use crate::layer::{Layer, Leaf};
use crate::origin::{Origins, dotted};
use crate::provider::OPENAI;
use crate::{ConfigError, Origin};

/// The values of all layers so far, by dotted path.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    leaves: BTreeMap<String, Leaf>,
}

impl Merged {
    /// Puts a layer above those before it.
    pub(crate) fn add(&mut self, layer: Layer) {
        for mut leaf in layer.leaves {
            canonical_list(&mut leaf);
            let path = dotted(&leaf.path);
            if let Some(below) = self.leaves.get_mut(&path).filter(|below| below.key.appends)
                && let (Value::Array(items), Value::Array(more)) = (&mut below.value, &leaf.value)
            {
                items.extend(more.iter().cloned());
                below.items.extend(leaf.items);
                below.site = leaf.site;
            } else {
                self.leaves.insert(path, leaf);
            }
        }
    }

    /// The value of a dotted path.
    pub(crate) fn get(&self, path: &str) -> Option<&Leaf> {
        self.leaves.get(path)
    }

    /// The paths of all values, as their names.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &[String]> {
        self.leaves.values().map(|leaf| &leaf.path[..])
    }

    /// The text of a dotted path, if it is a text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.get(path).and_then(|leaf| leaf.value.as_str())
    }

    /// An error about the value of a path, shown where it is written.
    pub(crate) fn error(&self, path: &str, message: impl AsRef<str>) -> ConfigError {
        match self.get(path).and_then(|leaf| leaf.site.as_ref()) {
            Some(site) => site.error(message),
            None => ConfigError::new(Origin::Default, message),
        }
    }

    /// The values as nested tables.
    pub(crate) fn to_table(&self) -> toml::Table {
        let mut root = toml::Table::new();
        for leaf in self.leaves.values() {
            insert(&mut root, &leaf.path, leaf.value.clone());
        }
        root
    }

    /// Where each value came from.
    pub(crate) fn origins(&self) -> Origins {
        let mut origins = BTreeMap::new();
        for (path, leaf) in &self.leaves {
            let Some(site) = &leaf.site else { continue };
            origins.insert(path.clone(), site.origin());
            if leaf.key.appends {
                origins.extend(leaf.items.iter().enumerate().map(|(n, item)| (format!("{path}[{n}]"), item.origin())));
            }
        }
        Origins::new(origins)
    }
}

/// `sandbox_workspace_write.writable_roots` is another name of `add_dir`, in another table.
fn canonical_list(leaf: &mut Leaf) {
    if leaf.path == ["sandbox_workspace_write", "writable_roots"]
        && let Some(key) = find(KEYS, "add_dir")
    {
        leaf.path = vec![key.name.into()];
        leaf.key = key;
    }
}

fn insert(table: &mut toml::Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            table.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = table.entry(name.clone()).or_insert_with(|| Value::Table(toml::Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// The names of the providers that a layer configures.
pub(crate) fn providers(layer: &Layer) -> impl Iterator<Item = &str> {
    layer.leaves.iter().filter_map(|leaf| match &leaf.path[..] {
        [first, name, ..] if first == "model_providers" => Some(name.as_str()),
        _ => None,
    })
}

/// Reads `provider/model` as two settings, if there is such a provider.
///
/// A layer that names its provider too means the whole text: `openai/gpt-4o` is a model of the provider `openrouter`.
/// A model without a provider stays with the one of the layers below.
pub(crate) fn split_model(layer: &mut Layer, known: &BTreeSet<String>) {
    if layer.get("model_provider").is_some() {
        return;
    }
    let Some(key) = find(KEYS, "model_provider") else { return };
    let mut split = None;
    // The last one: a layer of the command line may name the model twice.
    if let Some(leaf) = layer.leaves.iter_mut().rev().find(|leaf| leaf.path == ["model"])
        && let Some((provider, model)) = leaf.value.as_str().and_then(|text| text.split_once('/'))
        && !model.is_empty()
        && (provider == OPENAI || known.contains(provider))
    {
        let value = Value::String(provider.into());
        split = Some(Leaf { path: vec![key.name.into()], key, value, site: leaf.site.clone(), items: Vec::new() });
        leaf.value = Value::String(model.into());
    }
    layer.leaves.extend(split);
}
