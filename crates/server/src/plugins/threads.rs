//! Plugins as the clients of a thread see them, and switch them on and off.

use codex_protocol::{KeptPlugin, PluginAddition, PluginSetParams, PluginsListResult, RpcError};

use super::{Kept, Plugins};
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

    fn plugins_of(&self, thread_id: &str) -> Result<Plugins, RpcError> {
        let cwd = self.kept(thread_id)?.thread.standing().roots.workspace.clone();
        Plugins::new(self.environment.clone(), &self.helper, cwd).map_err(|error| configuration(&error))
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
