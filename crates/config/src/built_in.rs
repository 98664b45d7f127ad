//! Providers that need no table of `[model_providers]`: data, in the form of such tables (`providers.toml`).
//!
//! Of the file only the sections are read that a configuration names, as the lowest layer. All of it is read to list them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::layer::{Layer, Leaf};
use crate::merge::providers;
use crate::provider::{OPENAI, RawProvider};
use crate::source::{Name, Source};
use crate::value::Base;

const FILE: &str = include_str!("providers.toml");
/// What the header of a section begins with.
const TABLE: &str = "[model_providers.";
/// What stands before the names of hosts.
const HOSTS: &str = "\n[hosts]\n";

/// Whether a provider of this name needs no table.
pub fn is_built_in(id: &str) -> bool {
    id == OPENAI || section(id).is_some()
}

/// The names of those in the file, in its order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FILE.lines().filter_map(|line| line.strip_prefix(TABLE)?.strip_suffix(']'))
}

/// The variables that hold their keys.
pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
    FILE.lines().filter_map(|line| line.strip_prefix("env_key = \"")?.strip_suffix('"'))
}

/// All of the file.
pub(crate) fn all() -> BTreeMap<String, RawProvider> {
    read(FILE)
}

fn read(text: &str) -> BTreeMap<String, RawProvider> {
    #[derive(Default, Deserialize)]
    struct File {
        model_providers: BTreeMap<String, RawProvider>,
    }
    // A test reads all of it.
    toml::from_str::<File>(text).unwrap_or_default().model_providers
}

/// What the file says of the quirks of the provider `id`; of one that it does not have, of whose server is at `base_url`.
pub(crate) fn quirks(id: &str, base_url: &str) -> BTreeMap<String, bool> {
    let Some(name) = section(id).map(|_| id).or_else(|| at(base_url)) else { return BTreeMap::new() };
    let mut read = section(name).map(read).unwrap_or_default();
    read.remove(name).map(RawProvider::into_quirks).unwrap_or_default()
}

/// The provider whose server is at the host of `base_url`, or above it.
fn at(base_url: &str) -> Option<&'static str> {
    let (_, rest) = base_url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?;
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next()?,
        None => authority.split(':').next()?,
    };
    let (_, hosts) = FILE.split_once(HOSTS)?;
    let mut pairs = hosts.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"')?.split_once("\" = \""));
    let host = host.to_ascii_lowercase();
    pairs
        .find(|(known, _)| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
        .map(|it| it.1)
}

/// What the file says of those that the layers name, as defaults.
pub(crate) fn leaves<'a>(layers: impl Iterator<Item = &'a Layer>) -> Vec<Leaf> {
    let named: BTreeSet<&str> = layers.flat_map(named).collect();
    let sections: Vec<&str> = named.into_iter().filter_map(section).collect();
    if sections.is_empty() {
        return Vec::new();
    }
    let source = Source::new(Name::Override("built-in".into()), sections.concat());
    let root = Path::new("/");
    let layer = Layer::parse(source, Base { dir: root, project: root, home: None }).unwrap_or_default();
    layer.leaves.into_iter().map(|leaf| Leaf { site: None, ..leaf }).collect()
}

/// The names of providers in a layer: of tables, and of those that are selected.
fn named(layer: &Layer) -> impl Iterator<Item = &str> {
    let selected = layer.leaves.iter().filter_map(|leaf| match leaf.path.last()?.as_str() {
        "model_provider" => leaf.value.as_str(),
        "model" => leaf.value.as_str()?.split('/').next(),
        _ => None,
    });
    providers(layer).chain(selected)
}

/// What the file says of a provider, with its header.
fn section(id: &str) -> Option<&'static str> {
    let header = format!("\n{TABLE}{id}]\n");
    let (_, rest) = FILE.split_once(&header)?;
    let start = FILE.len() - rest.len() - header.len() + 1;
    let end = rest.find("\n[").map_or(FILE.len(), |end| FILE.len() - rest.len() + end + 1);
    FILE.get(start..end)
}
