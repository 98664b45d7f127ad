//! Servers of tools in a project's `.mcp.json`, which other agents read too. It is a layer as any file of a project is, so
//! what holds for those holds for it: nothing counts until the user trusts it as it is.
//!
//! `${VAR}` and `${VAR:-default}` in it are replaced once it is trusted, and shown as they stand before.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use toml::Value;

use crate::layer::{Layer, Leaf};
use crate::mcp::TABLE;
use crate::merge::Merged;
use crate::source::{Name, Site, Source};
use crate::value::Base;
use crate::{ConfigError, Environment, Warning};

/// Name of the file.
pub(crate) const FILE: &str = ".mcp.json";
/// Keys of a server, and what they are called here.
const KEYS: &[(&str, &str)] = &[
    ("command", "command"),
    ("args", "args"),
    ("env", "env"),
    ("cwd", "cwd"),
    ("url", "url"),
    ("headers", "http_headers"),
];
/// Stands for an address while its variables are not replaced.
const SOME_ADDRESS: &str = "https://localhost/";

/// The servers of the file. One that is not in order is left out, with a warning.
pub(crate) fn layer(source: Source, base: Base<'_>) -> Layer {
    let source = Arc::new(source);
    let mut layer = Layer::default();
    let mut warn = |span: Range<usize>, message: String| layer.warnings.push(source.warning(span, message));
    let found: Json = match serde_json::from_str(&source.text) {
        Ok(found) => found,
        Err(error) => {
            // Not in the parser's words: they may show what stands there.
            warn(0..0, format!("line {} is no JSON, so its servers of tools are left out", error.line()));
            return layer;
        }
    };
    let servers = found.get("mcpServers").and_then(Json::as_object);
    let mut leaves = Vec::new();
    for (name, server) in servers.into_iter().flatten() {
        let span = place(&source.text, name);
        match leaves_of(name, server, base) {
            Ok(found) => leaves.extend(found.into_iter().map(|leaf| {
                let site = || Site { source: Arc::clone(&source), span: span.clone() };
                Leaf { site: Some(site()), items: leaf.items.iter().map(|_| site()).collect(), ..leaf }
            })),
            Err(why) => warn(span, format!("the server of tools `{name}` is left out: {why}")),
        }
    }
    layer.leaves = leaves;
    layer
}

/// Where a name stands in the text, as well as that can be told.
fn place(text: &str, name: &str) -> Range<usize> {
    let quoted = Json::String(name.to_owned()).to_string();
    text.find(&quoted).map_or(0..0, |at| at..at + quoted.len())
}

/// One server as settings of our own, checked as those of other files are.
fn leaves_of(name: &str, server: &Json, base: Base<'_>) -> Result<Vec<Leaf>, String> {
    let server = server.as_object().ok_or("it is no object")?;
    match server.get("type").and_then(Json::as_str).unwrap_or_default() {
        "" | "stdio" | "http" | "streamable-http" | "streamableHttp" => {}
        other => return Err(format!("its type `{other}` is not known; known: stdio, http")),
    }
    if server.contains_key("command") == server.contains_key("url") {
        return Err("it must have a `command` or a `url`".into());
    }
    let mut keys = toml::Table::new();
    for (theirs, ours) in KEYS {
        if let Some(value) = server.get(*theirs).filter(|value| !value.is_null()) {
            let value = Value::try_from(value).map_err(|_| format!("`{theirs}` is not of a kind that it can have"))?;
            keys.insert((*ours).into(), value);
        }
    }
    if server.get("disabled").and_then(Json::as_bool) == Some(true) {
        keys.insert("enabled".into(), false.into());
    }
    if let Some(id) = server.get("oauth").and_then(Json::as_object).and_then(client_id) {
        keys.insert("oauth".into(), Value::Table(toml::Table::from_iter([("client_id".into(), id.into())])));
    }
    let address = keys.get("url").and_then(Value::as_str).filter(|url| url.contains("${")).map(str::to_owned);
    if address.is_some() {
        keys.insert("url".into(), SOME_ADDRESS.into());
    }
    let servers = toml::Table::from_iter([(name.to_owned(), Value::Table(keys))]);
    let text = toml::Table::from_iter([(TABLE.to_owned(), Value::Table(servers))]).to_string();
    let layer = Layer::parse(Source::new(Name::Override(FILE.into()), text), base).map_err(|error| error.message)?;
    let with_address = |leaf: Leaf| match (&address, leaf.key.name) {
        (Some(address), "url") => Leaf { value: address.as_str().into(), ..leaf },
        _ => leaf,
    };
    Ok(layer.leaves.into_iter().map(with_address).collect())
}

fn client_id(oauth: &Map<String, Json>) -> Option<String> {
    oauth.get("clientId").and_then(Json::as_str).map(str::to_owned)
}

/// Replaces variables in what is in force of the file. A server that needs one that is not set goes, with a warning.
pub(crate) fn expand(merged: &mut Merged, environment: &Environment) -> Vec<Warning> {
    let (mut warnings, mut gone) = (Vec::new(), Vec::<String>::new());
    for leaf in merged.leaves_mut().filter(|leaf| is_of_file(leaf)) {
        let (Some(name), Some(site)) = (leaf.path.get(1).cloned(), leaf.site.clone()) else { continue };
        let mut expanded = leaf.value.clone();
        let result = each_text(&mut expanded, &mut |text| replaced(text, environment)).and_then(|()| {
            let is_address =
                |text: &str| url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
            match (leaf.key.name, expanded.as_str()) {
                ("url", Some(text)) if !is_address(text) => Err("its `url` is no address then".into()),
                _ => Ok(()),
            }
        });
        match result {
            Ok(()) => leaf.value = expanded,
            Err(why) if !gone.contains(&name) => {
                warnings.push(site.warning(format!("the server of tools `{name}` is left out: {why}")));
                gone.push(name);
            }
            Err(_) => {}
        }
    }
    merged.retain(|leaf| !(leaf.path[0] == TABLE && leaf.path.get(1).is_some_and(|name| gone.contains(name))));
    warnings
}

/// Whether a value was written in such a file.
fn is_of_file(leaf: &Leaf) -> bool {
    let name = leaf.site.as_ref().map(|site| &site.source.name);
    leaf.path[0] == TABLE && matches!(name, Some(Name::File(path)) if path.ends_with(FILE))
}

fn each_text(value: &mut Value, work: &mut impl FnMut(&str) -> Result<String, String>) -> Result<(), String> {
    match value {
        Value::String(text) => *text = work(text)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| each_text(item, work))?,
        _ => {}
    }
    Ok(())
}

/// A text with its variables replaced. What is no `${NAME}` stays.
fn replaced(text: &str, environment: &Environment) -> Result<String, String> {
    let (mut made, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inner, end)) = after.split_once('}') else { break };
        let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
        made += before;
        match environment.get_named(name).or(default) {
            Some(value) => made += value,
            None => return Err(format!("the variable `{name}` is not set")),
        }
        rest = end;
    }
    Ok(made + rest)
}

/// What is wrong with the file as a whole, as a warning: other programs' files stop nothing.
pub(crate) fn unreadable(error: ConfigError) -> Warning {
    Warning::new(error.origin, format!("{}; its servers of tools are left out", error.message))
}
