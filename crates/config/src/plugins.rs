//! Which plugins are in use, and where others come from: `[plugins]` and `[marketplaces]`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::layer::Layer;
use crate::mcp::{self, McpServerSettings, RawServer};
use crate::merge::Merged;
use crate::source::{Name, Source};
use crate::value::Base;
use crate::{ConfigError, Warning};

/// Plugins and marketplaces, as they are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginSettings {
    /// Whether each plugin is in use, by `NAME` or `NAME@MARKETPLACE`.
    pub enabled: BTreeMap<String, bool>,
    /// Where marketplaces are, by name: as it would be typed.
    pub marketplaces: BTreeMap<String, String>,
}

/// A table of `[plugins]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPlugin {
    enabled: Option<bool>,
}

/// A table of `[marketplaces]` as it is written.
#[derive(Debug, Deserialize)]
pub(crate) struct RawMarketplace {
    source: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
}

/// The tables as plain data. A marketplace that says not where it is is none.
pub(crate) fn resolve(
    plugins: BTreeMap<String, RawPlugin>,
    marketplaces: BTreeMap<String, RawMarketplace>,
) -> PluginSettings {
    let enabled = plugins.into_iter().map(|(name, plugin)| (name, plugin.enabled.unwrap_or(true))).collect();
    let place = |(name, it): (String, RawMarketplace)| {
        let source = it.source?;
        Some((name, it.reference.map_or_else(|| source.clone(), |reference| format!("{source}#{reference}"))))
    };
    PluginSettings { enabled, marketplaces: marketplaces.into_iter().filter_map(place).collect() }
}

/// The servers of tools that a plugin with the manifest `path` brings: `text` is TOML with `[mcp_servers]`; and what there is to
/// say about them.
///
/// # Errors
/// A value has the wrong type, or two exclude each other.
pub fn plugin_servers(
    path: &Path,
    text: &str,
) -> Result<(BTreeMap<String, McpServerSettings>, Vec<Warning>), ConfigError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let base = Base { dir: directory, project: directory, home: None };
    let mut layer = Layer::parse(Source::new(Name::File(path.to_owned()), text.to_owned()), base)?;
    let mut warnings = std::mem::take(&mut layer.warnings);
    let mut merged = Merged::default();
    warnings.extend(merged.add(layer));
    let found = merged.to_table().remove("mcp_servers");
    let raw: BTreeMap<String, RawServer> = match found.map(toml::Value::try_into) {
        Some(Ok(raw)) => raw,
        Some(Err(error)) => return Err(merged.error("mcp_servers", error.to_string())),
        None => BTreeMap::new(),
    };
    let found = mcp::servers(raw, &merged)?.without_additions();
    warnings.extend(found.warnings);
    Ok((found.servers, warnings))
}
