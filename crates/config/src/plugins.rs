//! Which plugins are in use, and where others come from: `[plugins]` and `[marketplaces]`.

use std::collections::BTreeMap;

use serde::Deserialize;

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
