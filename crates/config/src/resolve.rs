//! From merged layers to [`Settings`]: what needs more than one value to judge.
//!
//! What this version cannot do and may leave out without harm is named in a warning here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Value;

use crate::built_in;
use crate::layer::Leaf;
use crate::limits::RawPrice;
use crate::linters::{RawChecker, RawChecks, RawLsp};
use crate::mcp::{self, McpOauthSettings, McpSettings, RawServer};
use crate::merge::Merged;
use crate::models::{ModelSettings, RawModel, ReasoningSettings, models};
use crate::origin::dotted;
use crate::plugins::{RawMarketplace, RawPlugin};
use crate::provider::{OPENAI, RawProvider};
use crate::review::RawReview;
use crate::search::RawSearch;
use crate::shell_environment::refusal;
use crate::source::{Name, Site};
use crate::suggest::did_you_mean;
use crate::{
    AgentSettings, AnswerSettings, ApprovalMode, ConfigError, EnvironmentPolicy, HookSettings, Inherit, LimitSettings,
    Notifications, Origin, Patterns, ProviderSettings, SandboxDetails, SandboxMode, ScreenSettings, SessionSettings,
    Settings, Warning, WorkspaceWrite, hooks, limits, rules,
};

/// The merged table. A key that is used must have a field: an unknown one is an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    model: String,
    model_provider: String,
    #[serde(default)]
    model_providers: BTreeMap<String, RawProvider>,
    openai_base_url: String,
    api_key_env: String,
    model_reasoning_effort: Option<String>,
    plan_mode_reasoning_effort: Option<String>,
    model_reasoning_summary: Option<String>,
    model_supports_reasoning_summaries: Option<bool>,
    model_verbosity: Option<String>,
    service_tier: Option<String>,
    model_temperature: Option<f64>,
    model_max_output_tokens: Option<u64>,
    #[serde(default)]
    models: BTreeMap<String, RawModel>,
    model_context_window: Option<u64>,
    auto_compact: bool,
    model_auto_compact_token_limit: Option<u64>,
    #[serde(default)]
    model_fallback: Vec<String>,
    network_wait: u64,
    sandbox: RawSandbox,
    sandbox_workspace_write: RawWorkspaceWrite,
    ask_for_approval: ApprovalMode,
    #[serde(default)]
    add_dir: Vec<PathBuf>,
    #[serde(default)]
    ignore_files: Vec<String>,
    shell_environment_policy: RawEnvironmentPolicy,
    agents: RawAgents,
    #[serde(rename = "hooks")]
    _hooks: Option<IgnoredAny>,
    #[serde(default)]
    notify: Vec<String>,
    history: RawHistory,
    sessions: SessionSettings,
    tui: RawScreen,
    #[serde(rename = "permissions")]
    _permissions: Option<IgnoredAny>,
    #[serde(default)]
    limits: LimitSettings,
    #[serde(default)]
    prices: BTreeMap<String, RawPrice>,
    #[serde(default)]
    plugins: BTreeMap<String, RawPlugin>,
    #[serde(default)]
    marketplaces: BTreeMap<String, RawMarketplace>,
    log: RawLog,
    diagnostics: bool,
    #[serde(default)]
    formatters: BTreeMap<String, RawChecker>,
    #[serde(default)]
    linters: BTreeMap<String, RawChecker>,
    lsp: RawLsp,
    #[serde(default)]
    review: RawReview,
    search: RawSearch,
    web_search: Option<Value>,
    #[serde(default)]
    project_doc_fallback_filenames: Vec<String>,
    project_doc_max_bytes: usize,
    developer_instructions: Option<String>,
    model_instructions_file: Option<PathBuf>,
    #[serde(default)]
    skills: RawSkills,
    oss: bool,
    oss_provider: Option<String>,
    #[serde(default)]
    mcp_servers: BTreeMap<String, RawServer>,
    mcp_oauth_callback_port: Option<u16>,
    mcp_oauth_callback_url: Option<String>,
    mcp_oauth_credentials_store: String,
    mcp_offered_bytes: usize,
    mcp_startup_wait_ms: u64,
    #[serde(rename = "profiles")]
    _profiles: Option<IgnoredAny>,
    #[serde(rename = "default_profile")]
    _default_profile: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSkills {
    #[serde(default)]
    disabled: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLog {
    level: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWorkspaceWrite {
    network_access: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSandbox {
    mode: SandboxMode,
    #[serde(default)]
    hide: Vec<PathBuf>,
    #[serde(default)]
    show: Vec<PathBuf>,
    #[serde(default)]
    allow_domains: Vec<String>,
    allow_weak: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEnvironmentPolicy {
    inherit: Inherit,
    ignore_default_excludes: bool,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    set: BTreeMap<String, String>,
    #[serde(default)]
    include_only: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAgents {
    enabled: bool,
    max_depth: u32,
    max_parallel: u32,
}

impl RawAgents {
    fn resolve(&self) -> AgentSettings {
        AgentSettings { max_depth: if self.enabled { self.max_depth } else { 0 }, max_parallel: self.max_parallel }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHistory {
    persistence: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScreen {
    theme: String,
    alternate_screen: Value,
    vim: bool,
    #[serde(default)]
    keymap: BTreeMap<String, Vec<String>>,
    status_line: Option<Vec<String>>,
    notifications: Value,
    notification_method: String,
    images: String,
    terminal_title: Value,
    screen_reader: bool,
}

impl RawScreen {
    fn resolve(self, history: &RawHistory) -> ScreenSettings {
        let notifications = match self.notifications {
            Value::Array(events) => {
                Notifications::Only(events.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            other => Notifications::All(other.as_bool() == Some(true)),
        };
        ScreenSettings {
            theme: self.theme,
            alternate_screen: self.alternate_screen.as_bool() == Some(true)
                || self.alternate_screen.as_str() == Some("always"),
            vim: self.vim,
            keymap: self.keymap,
            status_line: self.status_line,
            notifications,
            notification_method: self.notification_method,
            images: self.images,
            terminal_title: match self.terminal_title {
                Value::Array(items) => !items.is_empty(),
                other => other.as_bool() == Some(true),
            },
            screen_reader: self.screen_reader,
            keeps_history: history.persistence != "none",
        }
    }
}

/// The settings that the layers come to for a project; warnings are told even if there is an error.
pub(crate) fn settings(
    merged: &Merged,
    project: &Path,
    home: Option<&Path>,
    warnings: &mut Vec<Warning>,
) -> Result<Settings, ConfigError> {
    // Values were checked one by one against the table of keys; a test holds that table to the fields above.
    let raw: Raw = merged.to_table().try_into().map_err(|error: toml::de::Error| merged.error("", error.message()))?;
    check_selected(&raw, merged)?;
    let secret_variables = secret_variables(&raw);
    let (add_dir, missing) = existing(raw.add_dir, merged.get("add_dir"), project)?;
    warnings.extend(missing);
    check_hidden(merged.get("sandbox.hide"))?;
    check_ignore_files(merged.get("ignore_files"))?;
    let (show, led) = shown(raw.sandbox.show, merged.get("sandbox.show"), project)?;
    warnings.extend(led);
    let shell_environment_policy = environment_policy(raw.shell_environment_policy, &secret_variables, merged)?;
    let secret_variables = with_built_in(secret_variables, &shell_environment_policy);
    let plugins = crate::plugins::resolve(raw.plugins, raw.marketplaces);
    let mut of_servers = mcp::servers(raw.mcp_servers, merged)?;
    if !plugins.enabled.values().any(|enabled| *enabled) {
        of_servers = of_servers.without_additions();
    }
    warnings.extend(of_servers.warnings);
    let oauth = McpOauthSettings {
        keyring: raw.mcp_oauth_credentials_store == "keyring",
        callback_port: raw.mcp_oauth_callback_port,
        callback_url: raw.mcp_oauth_callback_url,
    };
    let startup_wait = Duration::from_millis(raw.mcp_startup_wait_ms);
    let openai = (raw.openai_base_url, raw.api_key_env.clone());
    let model_providers = providers(raw.model_providers, openai, merged);
    let (prices, incomplete) = limits::prices(raw.prices, merged);
    warnings.extend(incomplete);
    let (diagnostics, linters, formatters, lsp) = (raw.diagnostics, raw.linters, raw.formatters, raw.lsp);
    let checks = RawChecks { diagnostics, linters, formatters, lsp };
    let (mut models, of_models, incomplete) = models(raw.models, merged);
    warnings.extend(incomplete);
    if let Some(thinks) = raw.model_supports_reasoning_summaries {
        let model: &mut ModelSettings = models.entry(raw.model.clone()).or_default();
        model.reasoning.get_or_insert(ReasoningSettings::Thinks(thinks));
    }
    Ok(Settings {
        model: raw.model,
        model_provider: raw.model_provider,
        model_providers,
        api_key_env: raw.api_key_env,
        model_reasoning_effort: raw.model_reasoning_effort,
        answers: AnswerSettings {
            reasoning_summary: raw.model_reasoning_summary,
            verbosity: raw.model_verbosity,
            service_tier: raw.service_tier,
            temperature: temperature(raw.model_temperature, merged)?,
            max_output_tokens: raw.model_max_output_tokens,
            effort_of_plan_mode: raw.plan_mode_reasoning_effort,
        },
        models,
        model_context_window: raw.model_context_window,
        auto_compact: raw.auto_compact,
        model_auto_compact_token_limit: raw.model_auto_compact_token_limit,
        model_fallback: raw.model_fallback,
        network_wait: raw.network_wait,
        sandbox: raw.sandbox.mode,
        sandbox_details: SandboxDetails {
            hide: raw.sandbox.hide,
            show,
            allow_domains: raw.sandbox.allow_domains,
            allow_weak: raw.sandbox.allow_weak,
        },
        sandbox_workspace_write: WorkspaceWrite { network_access: raw.sandbox_workspace_write.network_access },
        ask_for_approval: raw.ask_for_approval,
        add_dir,
        ignore_files: raw.ignore_files,
        shell_environment_policy,
        secret_variables,
        project_doc_fallback_filenames: raw.project_doc_fallback_filenames,
        project_doc_max_bytes: raw.project_doc_max_bytes,
        developer_instructions: raw.developer_instructions,
        model_instructions_file: raw.model_instructions_file,
        skills_disabled: raw.skills.disabled,
        permissions: rules::entries(merged, project, home)?,
        agents: raw.agents.resolve(),
        plugins,
        hooks: HookSettings { enabled: true, entries: Vec::new(), notify: raw.notify, idle: hooks::idle(merged) },
        tui: raw.tui.resolve(&raw.history),
        search: raw.search.resolve(raw.web_search.as_ref(), merged)?,
        sessions: raw.sessions,
        limits: limits::check(raw.limits, merged)?,
        oss: raw.oss,
        oss_provider: raw.oss_provider,
        log_level: raw.log.level,
        checks: checks.resolve(merged, warnings),
        test_command: raw.review.test_command(),
        prices: prices.into_iter().chain(of_models).collect(),
        mcp: McpSettings {
            servers: of_servers.servers,
            additions: of_servers.additions,
            oauth,
            offered_bytes: raw.mcp_offered_bytes,
            startup_wait,
        },
    })
}

/// No model takes more than 2.
fn temperature(wanted: Option<f64>, merged: &Merged) -> Result<Option<f64>, ConfigError> {
    match wanted {
        Some(above) if above > 2.0 => {
            Err(merged.error("model_temperature", "`model_temperature` must be a number from 0 to 2"))
        }
        wanted => Ok(wanted),
    }
}

/// The variables of all providers that are configured.
fn secret_variables(raw: &Raw) -> BTreeSet<String> {
    let of_providers = raw.model_providers.values().flat_map(RawProvider::variables);
    let of_search = raw.search.variable().map(str::to_owned);
    let of_servers = raw.mcp_servers.values().flat_map(RawServer::variables);
    of_providers.chain([&raw.api_key_env]).chain(of_servers).cloned().chain(of_search).collect()
}

/// The variables of built-in providers too, any of which may come to be asked; but for one that the user gives to commands.
fn with_built_in(mut secret: BTreeSet<String>, policy: &EnvironmentPolicy) -> BTreeSet<String> {
    let others = built_in::variables().filter(|name| !policy.set.contains_key(*name));
    secret.extend(others.map(str::to_owned));
    secret
}

/// What commands get. A name that they never get, or a pattern that is none, is an error: it would do nothing.
fn environment_policy(
    raw: RawEnvironmentPolicy,
    secret: &BTreeSet<String>,
    merged: &Merged,
) -> Result<EnvironmentPolicy, ConfigError> {
    const TABLE: &str = "shell_environment_policy";
    for (name, value) in &raw.set {
        let key = "commands never get it: it is to hold an API key or a header of a provider";
        let refusal = refusal(name, value).or(secret.contains(name).then_some(key));
        if let Some(reason) = refusal {
            let path = dotted(&[TABLE.into(), "set".into(), name.clone()]);
            return Err(merged.error(&path, format!("`{TABLE}.set`: {name:?}: {reason}")));
        }
    }
    let patterns = |name: &str, texts: Vec<String>| {
        Patterns::new(texts).map_err(|(number, reason)| {
            let site = merged.get(&format!("{TABLE}.{name}")).and_then(|leaf| leaf.items.get(number));
            let message = format!("`{TABLE}.{name}`: this is no pattern: {reason}");
            site.map_or_else(|| ConfigError::new(Origin::Default, &message), |site| site.error(&message))
        })
    };
    Ok(EnvironmentPolicy {
        inherit: raw.inherit,
        ignore_default_excludes: raw.ignore_default_excludes,
        exclude: patterns("exclude", raw.exclude)?,
        set: raw.set,
        include_only: patterns("include_only", raw.include_only)?,
    })
}

/// The selected provider must exist and be complete; others may be unfinished until they are selected.
fn check_selected(raw: &Raw, merged: &Merged) -> Result<(), ConfigError> {
    let id = &raw.model_provider;
    let Some(provider) = raw.model_providers.get(id) else {
        if id == OPENAI {
            return Ok(());
        }
        let mut known: BTreeSet<&str> = raw.model_providers.keys().map(String::as_str).collect();
        for name in built_in::names().chain([OPENAI]) {
            known.insert(name);
        }
        let message = format!("there is no provider `{id}`; known: {}", Vec::from_iter(known.clone()).join(", "));
        return Err(merged.error("model_provider", message).hint(did_you_mean(id, known)));
    };
    let table = dotted(&["model_providers".into(), id.clone()]);
    if id != OPENAI && merged.get(&format!("{table}.base_url")).is_none() {
        let error = merged.error("model_provider", format!("the provider `{id}` has no `base_url` in `[{table}]`"));
        return Err(error.hint(provider.instructions()));
    }
    Ok(())
}

/// All providers that are configured, and the built-in ones that are named.
fn providers(
    mut raw: BTreeMap<String, RawProvider>,
    (base_url, env_key): (String, String),
    merged: &Merged,
) -> BTreeMap<String, ProviderSettings> {
    let openai = raw.remove(OPENAI).unwrap_or_default().into_openai(base_url, env_key);
    raw.insert(OPENAI.into(), openai);
    let resolved = |(id, provider): (String, RawProvider)| {
        let variable = dotted(&["model_providers".into(), id.clone(), "env_key".into()]);
        let is_built_in = merged.get(&variable).is_none_or(|leaf| leaf.site.is_none());
        let provider = provider.resolve(&id, is_built_in);
        (id, provider)
    };
    raw.into_iter().map(resolved).collect()
}

/// Paths to hide that hide nothing: a pattern, which would be taken for a name, and on the command line, where it is a
/// slip of the moment, what does not exist. A file may serve several machines.
fn check_hidden(leaf: Option<&Leaf>) -> Result<(), ConfigError> {
    for (path, site) in leaf.into_iter().flat_map(Leaf::texts) {
        if Path::new(path).symlink_metadata().is_ok() {
            continue;
        }
        if path.contains(['*', '?', '[']) {
            return Err(site.error(format!("`{path}` is not there, and patterns are not understood: name each path")));
        }
        if matches!(site.source.name, Name::Override(_)) {
            return Err(site.error(format!("`{path}` does not exist, so it cannot be hidden")));
        }
    }
    Ok(())
}

/// Names that no file in a directory can have, and would keep nothing from anybody.
fn check_ignore_files(leaf: Option<&Leaf>) -> Result<(), ConfigError> {
    for (name, site) in leaf.into_iter().flat_map(Leaf::texts) {
        if matches!(name, "" | "." | ".." | ".git") || name.contains(['/', '\\', '*', '?', '[']) {
            return Err(site.error(format!(
                "`{name}` is no name of a file that could lie in any directory; `.codexignore` is one"
            )));
        }
    }
    Ok(())
}

/// The directories that exist, by their real paths, each once; and a warning for each other.
fn existing(
    dirs: Vec<PathBuf>,
    leaf: Option<&Leaf>,
    project: &Path,
) -> Result<(Vec<PathBuf>, Vec<Warning>), ConfigError> {
    let (mut kept, warnings) = usable(dirs, leaf, "so it is not added", |dir| match dir.canonicalize() {
        Ok(real) if real.is_dir() => stays_in(dir, project).map(|()| real),
        Err(_) if !dir.exists() => Err("does not exist".into()),
        _ => Err("is not a directory".into()),
    })?;
    let mut seen = BTreeSet::new();
    kept.retain(|dir| seen.insert(dir.clone()));
    Ok((kept, warnings))
}

/// What is not to be hidden; and a warning for what stays so.
fn shown(
    paths: Vec<PathBuf>,
    leaf: Option<&Leaf>,
    project: &Path,
) -> Result<(Vec<PathBuf>, Vec<Warning>), ConfigError> {
    let may = |path: &Path| stays_in(path, project).map(|()| path.to_path_buf());
    usable(paths, leaf, "so it stays hidden", may)
}

/// What `judge` makes of the paths of a list. One that it finds a fault with is an error on the command line, where it is a
/// slip of the moment, and a warning in a file, which may serve several machines.
fn usable(
    paths: Vec<PathBuf>,
    leaf: Option<&Leaf>,
    so: &str,
    judge: impl Fn(&Path) -> Result<PathBuf, String>,
) -> Result<(Vec<PathBuf>, Vec<Warning>), ConfigError> {
    let (mut kept, mut warnings) = (Vec::new(), Vec::new());
    let sites: &[Site] = leaf.map_or(&[], |leaf| &leaf.items);
    for (path, site) in paths.into_iter().zip(sites) {
        let fault = match judge(&path) {
            Ok(path) => {
                kept.push(path);
                continue;
            }
            Err(fault) => format!("`{}` {fault}", path.display()),
        };
        match site.source.name {
            Name::Override(_) | Name::Variable(_) => return Err(site.error(fault)),
            Name::File(_) => warnings.push(site.warning(format!("{fault}, {so}"))),
        }
    }
    Ok((kept, warnings))
}

/// Refuses a path that a link of the project leads out of that: a command can have made it.
fn stays_in(path: &Path, project: &Path) -> Result<(), String> {
    match led_out(path, project) {
        Some(real) => Err(format!("leads out of the project by a link, to {}; name that itself", real.display())),
        None => Ok(()),
    }
}

/// Where a path leads, if a link in `project` on the way leads out of that.
fn led_out(path: &Path, project: &Path) -> Option<PathBuf> {
    let project = project.canonicalize().ok()?;
    let mut at = PathBuf::new();
    for part in path.components() {
        let next = match part {
            Component::ParentDir => at.parent()?.to_path_buf(),
            part => at.join(part).canonicalize().ok()?,
        };
        let is_link = part != Component::ParentDir && next != at.join(part);
        if is_link && at.starts_with(&project) && !next.starts_with(&project) {
            return path.canonicalize().ok();
        }
        at = next;
    }
    None
}
