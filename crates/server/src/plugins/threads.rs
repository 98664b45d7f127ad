//! Plugins as the clients of a thread see them, and switch them on and off.

use std::{collections::BTreeMap, path::PathBuf};

use codex_extensions::plugins::GitSource;
use codex_protocol::{
    KeptPlugin, PluginAddition, PluginInstalledParams, PluginInstalledResponse, PluginMarketplaceEntry,
    PluginSetParams, PluginSource, PluginSummary, PluginsListResult, RpcError,
};

use super::{Kept, Plugins, Source};
use crate::{
    Server,
    build::{self, configuration},
    dispatch::thread_error,
};

impl Server {
    /// The plugins that are kept, as the settings of a thread's directory have them.
    pub(crate) fn list_plugins(&self, thread_id: &str) -> Result<PluginsListResult, RpcError> {
        let kept = self.plugins_of(thread_id)?.list().map_err(|error| configuration(&error))?;
        Ok(PluginsListResult { data: kept.into_iter().map(told).collect() })
    }

    /// Switches a plugin on or off in the user's settings, and lets the thread have its tools, or not, from its next turn on.
    pub(crate) async fn set_plugin(&self, params: PluginSetParams) -> Result<(), RpcError> {
        let PluginSetParams { thread_id, id, enabled } = params;
        if self.ceiling.is_some() {
            return Err(configuration("which plugins are in use is for whoever starts the server to say"));
        }
        let kept = self.kept(&thread_id)?;
        let plugins = self.plugins_of(&thread_id)?;
        let id = plugins.id(&id).map_err(|error| configuration(&error))?;
        plugins.set_enabled(&id, enabled).map_err(|error| configuration(&error))?;
        let mut wanted = kept.wanted();
        let (model, tools, warnings) = build::model_choice(self, &self.codex_home()?, &mut wanted).await?;
        kept.thread.set_model(model, tools).await.map_err(thread_error)?;
        self.warn(&thread_id, &kept.untold(warnings)).await;
        Ok(())
    }

    /// The plugins that are kept: in use is what one of the directories has in use.
    pub(crate) fn installed_plugins(
        &self,
        params: &PluginInstalledParams,
    ) -> Result<PluginInstalledResponse, RpcError> {
        let home = [self.codex_home()?];
        let named: Vec<PathBuf> = params.cwds.iter().flatten().map(PathBuf::from).collect();
        let mut found: BTreeMap<String, BTreeMap<String, PluginSummary>> = BTreeMap::new();
        for cwd in if named.is_empty() { &home[..] } else { &named } {
            let plugins = Plugins::new(self.environment.clone(), &self.helper, cwd.clone());
            for kept in plugins.and_then(|plugins| plugins.list()).map_err(|error| configuration(&error))? {
                let marketplace = kept.id.split_once('@').map_or(NO_MARKETPLACE, |(_, marketplace)| marketplace);
                let all = found.entry(marketplace.to_owned()).or_default();
                let summary = summary(kept);
                let enabled = summary.enabled;
                all.entry(summary.id.clone()).or_insert(summary).enabled |= enabled;
            }
        }
        let entry = |(name, plugins): (String, BTreeMap<_, _>)| PluginMarketplaceEntry {
            name,
            plugins: plugins.into_values().collect(),
        };
        Ok(PluginInstalledResponse { marketplaces: found.into_iter().map(entry).collect() })
    }

    fn plugins_of(&self, thread_id: &str) -> Result<Plugins, RpcError> {
        let cwd = self.kept(thread_id)?.thread.standing().roots.workspace.clone();
        Plugins::new(self.environment.clone(), &self.helper, cwd).map_err(|error| configuration(&error))
    }
}

/// What a plugin is told as of that is of no marketplace.
const NO_MARKETPLACE: &str = "local";

fn summary(kept: Kept) -> PluginSummary {
    let Kept { id, installed, enabled, plugin } = kept;
    let source = match installed.source {
        Source::Directory { path } => PluginSource::Local { path: path.display().to_string() },
        Source::Git(GitSource { url, reference, subdirectory }) => PluginSource::Git {
            url,
            path: subdirectory.map(|path| path.display().to_string()),
            ref_name: reference,
            sha: installed.commit,
        },
    };
    PluginSummary {
        name: id.split('@').next().unwrap_or(&id).to_owned(),
        local_version: installed.version,
        installed: true,
        installed_at: i64::try_from(installed.at).unwrap_or_default(),
        enabled: enabled && plugin.is_ok(),
        source,
        install_policy: "AVAILABLE".into(),
        auth_policy: "ON_USE".into(),
        id,
    }
}

fn told(kept: Kept) -> KeptPlugin {
    let Kept { id, installed, enabled, plugin } = kept;
    let (error, warnings, powers) = match plugin {
        Ok((plugin, powers)) => (None, plugin.warnings, powers),
        Err(error) => (Some(error), Vec::new(), Vec::new()),
    };
    let addition = |power: codex_extensions::plugins::Power| PluginAddition {
        kind: power.kind.to_owned(),
        name: power.name,
        does: power.does,
        outside_sandbox: power.outside,
    };
    KeptPlugin {
        id,
        version: installed.version,
        source: installed.source.shown(),
        commit: installed.commit,
        enabled,
        error,
        warnings,
        adds: powers.into_iter().map(addition).collect(),
    }
}
