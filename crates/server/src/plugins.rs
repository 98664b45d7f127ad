//! Plugins: what of them a thread has, and how they are added, changed and removed.
//!
//! It must never give a thread a plugin that the settings do not name, nor one that is not as the user agreed to it.

mod threads;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use codex_config::{
    AgentFile, Edit, Environment, EnvironmentPolicy, HookSettings, LoadRequest, Loaded, PluginSettings, Settings,
    SettingsFile, plugin_agents, plugin_servers,
};
use codex_extensions::{
    Source as FilesSource,
    checkers::Tables,
    hooks::Hook,
    plugins::{
        Git, Index, Installed, Lock, MarketplaceLock, Parts, Plugin, Power, Source, Staged, Store, Typed, powers,
        rooted, to_toml, tools, write_skeleton,
    },
};
use codex_protocol::{RpcError, ThreadStartParams};
use codex_sandbox::Sandbox;
use codex_tools::Tool;
use serde_json::{Map, Value};

use crate::{build, hooks};

/// The plugins of a thread.
#[derive(Debug, Default)]
pub(crate) struct InUse {
    /// Each with its id.
    pub(crate) plugins: Vec<(String, Plugin)>,
    /// What the user should know about them.
    pub(crate) warnings: Vec<String>,
}

/// The plugins that are in use, as `settings` say. Where they name none, nothing is looked at.
pub(crate) fn in_use(codex_home: &Path, settings: &PluginSettings) -> InUse {
    let mut found = InUse::default();
    let enabled: Vec<&String> = settings.enabled.iter().filter_map(|(id, enabled)| enabled.then_some(id)).collect();
    if enabled.is_empty() {
        return found;
    }
    let store = Store::new(codex_home);
    let lock = match store.lock() {
        Ok(lock) => lock,
        Err(error) => {
            found.warnings.push(format!("no plugin is in use: {error}"));
            return found;
        }
    };
    for id in enabled {
        let plugin = lock.plugins.get(id).map(|installed| store.plugin(id, installed));
        match plugin {
            Some(Ok(plugin)) => {
                found.plugins.push((id.clone(), plugin));
            }
            Some(Err(held)) => found.warnings.push(held.to_string()),
            None => found.warnings.push(format!("plugin {id} is not there; `codex plugin add` adds one")),
        }
    }
    found
}

/// Adds to `settings` the servers of tools of the plugins that these have in use, as a thread has them: the plugins, and what
/// there is to say of them so far.
pub(crate) fn with_servers(codex_home: &Path, settings: &mut Settings) -> (InUse, Vec<String>) {
    let plugins = in_use(codex_home, &settings.plugins);
    let mut warnings = plugins.warnings.clone();
    plugins.add_servers(settings, &mut warnings);
    (plugins, warnings)
}

/// As [`crate::settings`], with the servers of tools of plugins; and what there is to say of these.
///
/// # Errors
/// As there.
pub fn settings_with_servers(
    environment: &Environment,
    params: ThreadStartParams,
) -> Result<(Loaded, Vec<String>), RpcError> {
    let mut loaded = build::settings(environment, params)?;
    let codex_home = environment.codex_home().map_err(|error| build::configuration(&error.to_string()))?;
    let (_, warnings) = with_servers(&codex_home, &mut loaded.settings);
    Ok((loaded, warnings))
}

impl InUse {
    /// Adds their tools to `known`, which stay sorted by name. One whose name is taken is left out, with a warning.
    pub(crate) fn add_tools(&self, known: &mut Vec<Arc<dyn Tool>>, warnings: &mut Vec<String>) {
        let mut names: BTreeSet<String> = known.iter().map(|tool| tool.name().to_owned()).collect();
        for (id, plugin) in &self.plugins {
            for tool in tools(plugin) {
                match names.insert(tool.name().to_owned()) {
                    true => known.push(tool),
                    false => warnings.push(format!("plugin {id}: there is a tool {} already", tool.name())),
                }
            }
        }
        known.sort_by(|one, other| one.name().cmp(other.name()));
    }
}

/// Keys of a server of tools that are not for a plugin to say: when its tools ask, and what is done without it.
const NOT_ITS_OWN: &[&str] = &["default_tools_approval_mode", "enabled", "required", "tools", "type"];
/// What others call a key, and what it is called here.
const HEADERS: (&str, &str) = ("headers", "http_headers");

impl InUse {
    /// Adds their servers of tools to `settings`, with what these say of them, and what is secret of those; one whose name is
    /// taken is left out.
    fn add_servers(&self, settings: &mut Settings, warnings: &mut Vec<String>) {
        for (id, plugin) in self.plugins.iter().filter(|(_, plugin)| !plugin.parts.servers.is_empty()) {
            let mut tables = Map::new();
            for (name, table) in &plugin.parts.servers {
                let mut table = rooted(table, &plugin.root);
                if let Some(fields) = table.as_object_mut() {
                    fields.retain(|key, _| !NOT_ITS_OWN.contains(&key.as_str()));
                    if let Some(Value::String(command)) = fields.get_mut("command") {
                        *command = plugin.program(command);
                    }
                    let headers = fields.remove(HEADERS.0);
                    fields.extend(headers.map(|headers| (HEADERS.1.to_owned(), headers)));
                }
                tables.insert(name.clone(), table);
            }
            let found = to_toml("mcp_servers", tables).and_then(|text| {
                plugin_servers(&plugin.root.join("plugin.toml"), &text).map_err(|error| error.to_string())
            });
            let (servers, told) = match found {
                Ok(found) => found,
                Err(error) => {
                    warnings.push(format!("plugin {id}: its servers of tools are left out: {error}"));
                    continue;
                }
            };
            warnings.extend(told.iter().map(|warning| format!("plugin {id}: {warning}")));
            for (name, mut server) in servers {
                if settings.mcp.servers.contains_key(&name) {
                    warnings.push(format!("plugin {id}: there is a server of tools `{name}` already"));
                    continue;
                }
                let addition = settings.mcp.additions.remove(&name);
                let told = addition.and_then(|addition| addition.add_to(&name, &mut server));
                warnings.extend(told.map(|warning| warning.to_string()));
                settings.secret_variables.extend(server.secret_variables().cloned());
                server.plugin = Some(id.clone());
                settings.mcp.servers.insert(name, server);
            }
        }
        let unclaimed = std::mem::take(&mut settings.mcp.additions).into_iter();
        warnings.extend(unclaimed.filter_map(|(name, addition)| Some(addition.left_out(&name)?.to_string())));
    }

    /// Where `what` of them lies.
    pub(crate) fn sources(&self, what: fn(&Parts) -> &[PathBuf]) -> Vec<FilesSource> {
        let of_one = |(_, plugin): &(String, Plugin)| {
            let directories = plugin.absolute(what(&plugin.parts)).into_iter();
            directories.map(|at| FilesSource::plugin(&plugin.name, at, &plugin.root)).collect::<Vec<_>>()
        };
        self.plugins.iter().flat_map(of_one).collect()
    }

    /// Their hooks; none where `settings` have all switched off.
    ///
    /// # Errors
    /// What is wrong with one: what it was meant to forbid is not known then.
    pub(crate) fn hooks(&self, settings: &HookSettings, warnings: &mut Vec<String>) -> Result<Vec<Hook>, RpcError> {
        let mut all = Vec::new();
        if !settings.enabled {
            return Ok(all);
        }
        for (id, plugin) in self.plugins.iter().filter(|(_, plugin)| !plugin.parts.hooks.is_empty()) {
            let text = Value::Object([("hooks".to_owned(), plugin.parts.hooks.clone().into())].into_iter().collect());
            let (hooks, told) = hooks::of_plugin(&plugin.name, &plugin.root, &text.to_string())?;
            warnings.extend(told.iter().map(|warning| format!("plugin {id}: {warning}")));
            all.extend(hooks);
        }
        Ok(all)
    }

    /// Adds their descriptions of sub-agents to `known`, which stay sorted by name; one whose name is taken is left out.
    pub(crate) fn add_agents(&self, known: &mut Vec<AgentFile>, warnings: &mut Vec<String>) {
        for (id, plugin) in &self.plugins {
            for directory in plugin.absolute(&plugin.parts.agents) {
                let (found, wrong) = plugin_agents(&directory, &plugin.root, plugin.is_foreign);
                warnings.extend(wrong.iter().map(|warning| format!("plugin {id}: {warning}")));
                for agent in found {
                    match known.iter().any(|other| other.name == agent.name) {
                        true => warnings.push(format!("plugin {id}: there is a sub-agent `{}` already", agent.name)),
                        false => known.push(agent),
                    }
                }
            }
        }
        known.sort_by(|one, other| one.name.cmp(&other.name));
    }

    /// Their linters and formatters.
    pub(crate) fn checkers(&self, warnings: &mut Vec<String>) -> Vec<Tables> {
        let mut all = Vec::new();
        for (id, plugin) in &self.plugins {
            let mut specs = |kind: &str, tables: &Map<String, Value>| {
                let mut specs = BTreeMap::new();
                for (name, table) in tables {
                    match serde_json::from_value(rooted(table, &plugin.root)) {
                        Ok(spec) => drop(specs.insert(name.clone(), spec)),
                        Err(error) => warnings.push(format!("plugin {id}: the {kind} `{name}` is not used: {error}")),
                    }
                }
                specs
            };
            let linters = specs("linter", &plugin.parts.linters);
            let formatters = specs("formatter", &plugin.parts.formatters);
            if !linters.is_empty() || !formatters.is_empty() {
                all.push(Tables { plugin: Some(plugin.name.clone()), linters, formatters });
            }
        }
        all
    }
}

/// Where `what` of plugins lies that are in use for whoever works in `workspace`. Settings that cannot be read name none: who
/// opens a session hears why.
pub(crate) fn sources(
    environment: &Environment,
    (codex_home, workspace): (&Path, &Path),
    what: fn(&Parts) -> &[PathBuf],
) -> Vec<FilesSource> {
    if !Store::new(codex_home).is_there() {
        return Vec::new();
    }
    let request = LoadRequest::new(environment, codex_home, workspace);
    let Ok(loaded) = codex_config::load(&request) else { return Vec::new() };
    in_use(codex_home, &loaded.settings.plugins).sources(what)
}

/// Keeps plugins for the user.
#[derive(Debug)]
pub struct Plugins {
    environment: Environment,
    codex_home: PathBuf,
    cwd: PathBuf,
    store: Store,
    sandbox: Sandbox,
}

/// A plugin that was got, for the user to say yes to.
#[derive(Debug)]
pub struct Offer {
    /// What it is kept as: `NAME`, or `NAME@MARKETPLACE`.
    pub id: String,
    /// The plugin that it takes the place of.
    pub before: Option<Installed>,
    /// Whether that is as it was when it was added.
    is_intact: bool,
    staged: Staged,
}

/// A plugin that is kept.
#[derive(Debug)]
pub struct Kept {
    /// `NAME`, or `NAME@MARKETPLACE`.
    pub id: String,
    /// What is on record of it.
    pub installed: Installed,
    /// Whether the settings have it in use.
    pub enabled: bool,
    /// The plugin, with what it may do; or why it is held back.
    pub plugin: Result<(Plugin, Vec<Power>), String>,
}

/// A marketplace.
#[derive(Debug)]
pub struct Marketplace {
    /// Its name.
    pub name: String,
    /// Where it is, as it would be typed.
    pub source: String,
    /// The commit of its index.
    pub commit: Option<String>,
    /// What it has, or why that is not known.
    pub index: Result<Index, String>,
}

impl Offer {
    /// The plugin.
    pub fn plugin(&self) -> &Plugin {
        &self.staged.plugin
    }

    /// What is kept of it.
    pub fn installed(&self) -> &Installed {
        &self.staged.installed
    }

    /// What it may do.
    pub fn powers(&self) -> &[Power] {
        &self.staged.powers
    }

    /// Whether the user has agreed to all of that already.
    pub fn is_agreed(&self) -> bool {
        self.before.as_ref().is_some_and(|before| before.agreed == self.staged.installed.agreed)
    }

    /// Whether it is what is there already.
    pub fn is_known(&self) -> bool {
        let same = |before: &Installed| before.hash == self.staged.installed.hash;
        self.before.as_ref().is_some_and(same) && self.is_agreed() && self.is_intact
    }
}

impl Plugins {
    /// For somebody who works in `cwd`. `helper` as for [`crate::Server::in_process`].
    ///
    /// # Errors
    /// A sentence: there is no home.
    pub fn new(environment: Environment, helper: &Path, cwd: PathBuf) -> Result<Self, String> {
        let codex_home = environment.codex_home().map_err(|error| error.to_string())?;
        let sandbox = Sandbox::new(helper.to_owned()).remembering(codex_home.join("run"));
        Ok(Self { store: Store::new(&codex_home), environment, codex_home, cwd, sandbox })
    }

    /// Gets the plugin that `typed` names, and keeps nothing of it yet.
    ///
    /// # Errors
    /// A sentence: it names none, it cannot be got, or it cannot be kept.
    pub async fn get(&self, typed: &str) -> Result<Offer, String> {
        let lock = self.store.lock()?;
        match Source::parse(typed, &self.cwd)? {
            Typed::Source(source) => {
                let staged = self.store.fetch(&self.git(), &source, None).await?;
                Ok(self.offer(staged.plugin.name.clone(), &lock, staged))
            }
            Typed::Listed { name, marketplace } => self.get_listed(&lock, &name, &marketplace).await,
        }
    }

    async fn get_listed(&self, lock: &Lock, name: &str, marketplace: &str) -> Result<Offer, String> {
        let kept = match lock.marketplaces.get(marketplace) {
            Some(kept) => kept.clone(),
            None => {
                let settings = self.settings()?;
                let typed = settings.marketplaces.get(marketplace).ok_or_else(|| {
                    format!("there is no marketplace `{marketplace}`: `codex plugin marketplace add SOURCE` adds one")
                })?;
                self.add_named(typed, Some(marketplace)).await?;
                self.store.lock()?.marketplaces.remove(marketplace).ok_or("the marketplace is gone")?
            }
        };
        let index = self.store.index(marketplace)?;
        let (source, listed) = index.find(name, &kept.source, kept.commit.as_deref())?;
        let staged = self.store.fetch(&self.git(), &source, Some(&listed.whole)).await?;
        if staged.plugin.name != name {
            let own = &staged.plugin.name;
            return Err(format!("the marketplace says `{name}`, and the plugin that it is `{own}`: it is not taken"));
        }
        Ok(self.offer(format!("{name}@{marketplace}"), lock, staged))
    }

    /// Gets what is newest of the plugin `id`.
    ///
    /// # Errors
    /// A sentence: it is not kept, cannot be got, or is another by now.
    pub async fn newest(&self, id: &str) -> Result<Offer, String> {
        let lock = self.store.lock()?;
        let before = lock.plugins.get(id).ok_or_else(|| format!("there is no plugin {id}"))?;
        if let Some((name, marketplace)) = id.split_once('@') {
            self.refresh(marketplace).await?;
            return self.get_listed(&self.store.lock()?, name, marketplace).await;
        }
        let staged = self.store.fetch(&self.git(), &before.source, None).await?;
        if staged.plugin.name != id {
            return Err(format!("what was `{id}` calls itself `{}` now: it is not taken", staged.plugin.name));
        }
        Ok(self.offer(id.to_owned(), &lock, staged))
    }

    fn offer(&self, id: String, lock: &Lock, staged: Staged) -> Offer {
        let before = lock.plugins.get(&id).cloned();
        let is_intact = before.as_ref().is_some_and(|before| self.store.plugin(&id, before).is_ok());
        Offer { id, before, is_intact, staged }
    }

    /// Keeps what was got. One that was not there before is in use from now on.
    ///
    /// # Errors
    /// A sentence: another has its name, or something cannot be written.
    pub fn keep(&self, offer: Offer) -> Result<Installed, String> {
        let Offer { id, before, staged, .. } = offer;
        let installed = self.store.install(&id, staged)?;
        if before.is_none() {
            self.set_enabled(&id, true)?;
        }
        Ok(installed)
    }

    /// The id that `typed` is, or is the name in.
    ///
    /// # Errors
    /// A sentence: there is no such plugin.
    pub fn id(&self, typed: &str) -> Result<String, String> {
        let lock = self.store.lock()?;
        let is_it = |id: &&String| *id == typed || id.split_once('@').is_some_and(|(name, _)| name == typed);
        lock.plugins
            .keys()
            .find(is_it)
            .cloned()
            .ok_or_else(|| format!("there is no plugin `{typed}`; `codex plugin list` shows those that there are"))
    }

    /// The ids of all that are kept.
    ///
    /// # Errors
    /// A sentence: what is kept cannot be read.
    pub fn ids(&self) -> Result<Vec<String>, String> {
        Ok(self.store.lock()?.plugins.into_keys().collect())
    }

    /// Removes the plugin `id`, and what the user's file says of it.
    ///
    /// # Errors
    /// A sentence: it cannot be.
    pub fn remove(&self, id: &str) -> Result<(), String> {
        // First what has it in use: one that is half removed is not.
        self.edit(&format!("plugins.\"{id}\""), None)?;
        self.store.remove(id).map(|_| ())
    }

    /// Writes into the user's file whether `id` is in use.
    ///
    /// # Errors
    /// A sentence: the file cannot be changed.
    pub fn set_enabled(&self, id: &str, enabled: bool) -> Result<(), String> {
        self.edit(&format!("plugins.\"{id}\".enabled"), Some(if enabled { "true" } else { "false" }))
    }

    fn edit(&self, key: &str, value: Option<&str>) -> Result<(), String> {
        let file = SettingsFile::user(&self.codex_home, self.environment.home());
        let edit = Edit { profile: None, key, value };
        codex_config::edit(&file, &edit).map(|_| ()).map_err(|error| error.to_string())
    }

    /// All that are kept, by id.
    ///
    /// # Errors
    /// A sentence: what is kept, or the settings, cannot be read.
    pub fn list(&self) -> Result<Vec<Kept>, String> {
        let settings = self.settings()?;
        let kept = |(id, installed): (String, Installed)| {
            let plugin = self.store.plugin(&id, &installed).map_err(|held| held.to_string());
            let plugin = plugin.map(|plugin| {
                let powers = powers(&plugin);
                (plugin, powers)
            });
            Kept { enabled: settings.enabled.get(&id).copied().unwrap_or_default(), plugin, id, installed }
        };
        Ok(self.store.lock()?.plugins.into_iter().map(kept).collect())
    }

    /// Adds the marketplace that `typed` names. Returns its name.
    ///
    /// # Errors
    /// A sentence: it is none, another has its name, or it cannot be got.
    pub async fn add_marketplace(&self, typed: &str) -> Result<String, String> {
        self.add_named(typed, None).await
    }

    async fn add_named(&self, typed: &str, name: Option<&str>) -> Result<String, String> {
        let Typed::Source(source) = Source::parse(typed, &self.cwd)? else {
            return Err("a marketplace is a directory or a git repository".into());
        };
        let (index, commit) = self.store.fetch_index(&self.git(), &source).await?;
        if let Some(wanted) = name.filter(|wanted| *wanted != index.name) {
            return Err(format!("the marketplace `{wanted}` calls itself `{}`: it is not taken", index.name));
        }
        let known = self.store.lock()?.marketplaces.remove(&index.name);
        if let Some(known) = known.filter(|known| known.source != source) {
            return Err(format!("there is a marketplace `{}` already, from {}", index.name, known.source.shown()));
        }
        let name = index.name.clone();
        self.store.keep_index(&name, &index, MarketplaceLock { commit, source })?;
        Ok(name)
    }

    /// Gets the newest index of a marketplace.
    async fn refresh(&self, name: &str) -> Result<(), String> {
        let kept = self.store.lock()?.marketplaces.remove(name);
        let source = kept.ok_or_else(|| format!("there is no marketplace `{name}` any more"))?.source;
        let (index, commit) = self.store.fetch_index(&self.git(), &source).await?;
        if index.name != name {
            return Err(format!(
                "what was the marketplace `{name}` calls itself `{}` now: it is not taken",
                index.name
            ));
        }
        self.store.keep_index(name, &index, MarketplaceLock { commit, source })
    }

    /// The marketplaces that are kept.
    ///
    /// # Errors
    /// A sentence: what is kept cannot be read.
    pub fn marketplaces(&self) -> Result<Vec<Marketplace>, String> {
        let all = self.store.lock()?.marketplaces;
        Ok(all
            .into_iter()
            .map(|(name, MarketplaceLock { commit, source })| {
                let index = self.store.index(&name);
                Marketplace { name, source: source.shown(), commit, index }
            })
            .collect())
    }

    /// Forgets a marketplace.
    ///
    /// # Errors
    /// A sentence: there is none of this name, or plugins are from it.
    pub fn remove_marketplace(&self, name: &str) -> Result<(), String> {
        match self.store.remove_index(name)? {
            true => Ok(()),
            false => Err(format!("there is no marketplace `{name}`")),
        }
    }

    fn settings(&self) -> Result<PluginSettings, String> {
        let request = LoadRequest::new(&self.environment, &self.codex_home, &self.cwd);
        codex_config::load(&request).map(|loaded| loaded.settings.plugins).map_err(|error| error.to_string())
    }

    fn git(&self) -> Git<'_> {
        // Proxies may have passwords in their addresses; nothing but git gets these variables.
        let policy = EnvironmentPolicy { ignore_default_excludes: true, ..EnvironmentPolicy::default() };
        let mut variables = self.environment.for_commands(&policy, &[], None);
        variables.retain(|name, _| Git::NEEDED.iter().any(|needed| name == needed));
        Git { sandbox: &self.sandbox, path: self.environment.path().unwrap_or_default(), variables }
    }
}

/// Writes a plugin to begin with, as [`write_skeleton`] does.
///
/// # Errors
/// As there.
pub fn new_plugin(directory: &Path) -> Result<String, String> {
    write_skeleton(directory)
}

/// The commit of a source that is pinned, in few letters.
pub fn short_commit(installed: &Installed) -> Option<&str> {
    installed.commit.as_deref().map(|commit| commit.get(..10).unwrap_or(commit))
}
