//! Layers into one: the higher one wins, value by value; lists that append grow, and what a higher one says with a `!`
//! goes from them.
//!
//! Knows nothing of trust: what a layer must not say was taken from it before. What is covered is kept, to be explained.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

use crate::built_in::is_built_in;
use crate::keys::{KEYS, find};
use crate::layer::{Layer, Leaf};
use crate::mcp;
use crate::origin::{Origins, dotted};
use crate::overrides;
use crate::source::{Name, Source};
use crate::{ConfigError, Origin, Warning};

/// Before an item of a list that adds up: it goes from those of the layers below.
pub(crate) const REMOVES: char = '!';

/// The values of all layers so far, by dotted path.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Merged {
    leaves: BTreeMap<String, Leaf>,
    /// What higher layers cover, lowest layer first.
    covered: Vec<(String, Leaf)>,
    /// What files of a project that is not trusted wanted, and did not get.
    held: Vec<(String, Leaf)>,
}

impl Merged {
    /// Puts a layer above those before it. What it removes that was not there is a warning.
    pub(crate) fn add(&mut self, layer: Layer) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for mut leaf in layer.leaves {
            canonical_list(&mut leaf);
            let path = dotted(&leaf.path);
            let below = self.leaves.remove(&path);
            let above = match below {
                Some(below) if leaf.key.appends => {
                    let (above, gone) = grown(below, leaf, &mut warnings);
                    self.covered.extend(gone.map(|gone| (path.clone(), gone)));
                    above
                }
                None if leaf.key.appends => grown(emptied(&leaf), leaf, &mut warnings).0,
                below => {
                    self.covered.extend(below.map(|below| (path.clone(), below)));
                    leaf
                }
            };
            self.leaves.insert(path, above);
        }
        warnings
    }

    /// Takes away what layers below say of servers of tools that a layer says what they are: what one was to get, variables
    /// and tokens, is not for another of its name. A file does so, and a setting of the command line that is a whole server;
    /// one that is a key of a server changes that.
    pub(crate) fn replace_servers(&mut self, layer: &Layer) {
        for leaf in layer.leaves.iter().filter(|leaf| is_what(&leaf.path)) {
            let source = leaf.site.as_ref().map(|site| &site.source);
            let file = source.map(|source| &source.name).filter(|name| matches!(name, Name::File(_)));
            let is_whole = source.is_some_and(|source| is_server(source));
            let is_same = |it: &Leaf| it.path.get(..2) == leaf.path.get(..2);
            let is_elsewhere = |it: &Leaf| file.is_some() && it.site.as_ref().map(|site| &site.source.name) != file;
            let is_another = self.leaves.values().any(|it| is_same(it) && is_what(&it.path) && is_elsewhere(it));
            if is_whole || is_another {
                let gone = self.leaves.extract_if(.., |_, it| is_same(it) && (is_whole || is_elsewhere(it)));
                self.covered.extend(gone);
            }
        }
    }

    /// All values, to be changed.
    pub(crate) fn leaves_mut(&mut self) -> impl Iterator<Item = &mut Leaf> {
        self.leaves.values_mut()
    }

    /// Keeps the values that are wanted.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(&Leaf) -> bool) {
        self.leaves.retain(|_, leaf| is_wanted(leaf));
    }

    /// Notes what a layer wanted and did not get.
    pub(crate) fn note_held(&mut self, leaves: Vec<Leaf>) {
        self.held.extend(leaves.into_iter().map(|leaf| (dotted(&leaf.path), leaf)));
    }

    /// All values with their paths, in the order of paths.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = (&str, &Leaf)> {
        self.leaves.iter().map(|(path, leaf)| (path.as_str(), leaf))
    }

    /// What is covered, highest layer first.
    pub(crate) fn covered(&self) -> impl Iterator<Item = (&str, &Leaf)> {
        self.covered.iter().rev().map(|(path, leaf)| (path.as_str(), leaf))
    }

    /// What was held back, in the order of layers.
    pub(crate) fn held(&self) -> impl Iterator<Item = (&str, &Leaf)> {
        self.held.iter().map(|(path, leaf)| (path.as_str(), leaf))
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

/// Whether a path is that of what a server of tools is.
fn is_what(path: &[String]) -> bool {
    matches!(path, [table, _, key] if table == mcp::TABLE && (key == "command" || key == "url"))
}

/// Whether `layer`, a setting of the command line, is a whole server of tools of the name that `before` says something of.
pub(crate) fn is_another_server(layer: &Layer, before: &Leaf) -> bool {
    let is_whole = |it: &Leaf| is_what(&it.path) && it.site.as_ref().is_some_and(|site| is_server(&site.source));
    layer.leaves.iter().any(|it| is_whole(it) && it.path.get(..2) == before.path.get(..2))
}

/// Whether a text is a setting of the command line that is a server of tools, or all of them.
fn is_server(source: &Source) -> bool {
    matches!(source.name, Name::Override(_)) && overrides::depth(&source.text) <= 2
}

/// A list with what a higher layer adds to it, and what that one removes from it, if anything.
fn grown(mut below: Leaf, mut leaf: Leaf, warnings: &mut Vec<Warning>) -> (Leaf, Option<Leaf>) {
    let mut gone = emptied(&below);
    for (value, site) in leaf.take_entries(|item| removed(item).is_some()) {
        let name = removed(&value).unwrap_or_default();
        let went = below.take_entries(|item| name == "*" || item.as_str() == Some(name));
        if went.is_empty() {
            warnings.push(site.warning(format!("`{REMOVES}{name}` removes nothing: no layer below has it")));
        }
        gone.extend_entries(went);
    }
    below.extend_entries(leaf.take_entries(|_| true));
    below.site = leaf.site;
    (below, Some(gone).filter(|gone| !gone.items.is_empty()))
}

/// A list of this name with nothing in it.
pub(crate) fn emptied(leaf: &Leaf) -> Leaf {
    Leaf { value: Value::Array(Vec::new()), items: Vec::new(), ..leaf.clone() }
}

/// What an item removes, if it is one that removes.
pub(crate) fn removed(item: &Value) -> Option<&str> {
    item.as_str().and_then(|text| text.strip_prefix(REMOVES))
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

/// Reads `provider/model` as two settings, if there is such a provider, configured or built in.
///
/// A layer that names its provider too means the whole text: `openai/gpt-4o` is a model of the provider `openrouter`.
/// A model without a provider stays with the one of the layers below. A provider without a model, `anthropic/` or the plain
/// name of a built-in one, is selected with an empty one: see [`crate::Loaded::require_model`].
pub(crate) fn split_model(layer: &mut Layer, known: &BTreeSet<String>) {
    if layer.get("model_provider").is_some() {
        return;
    }
    let Some(key) = find(KEYS, "model_provider") else { return };
    let mut split = None;
    // The last one: a layer of the command line may name the model twice.
    if let Some(leaf) = layer.leaves.iter_mut().rev().find(|leaf| leaf.path == ["model"])
        && let Some(text) = leaf.value.as_str()
        && let (provider, model) = text.split_once('/').unwrap_or((text, ""))
        && (is_built_in(provider) || text.contains('/') && known.contains(provider))
    {
        let value = Value::String(provider.into());
        split = Some(Leaf { path: vec![key.name.into()], key, value, site: leaf.site.clone(), items: Vec::new() });
        leaf.value = Value::String(model.into());
    }
    layer.leaves.extend(split);
}
