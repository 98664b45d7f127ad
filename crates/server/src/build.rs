//! The only wiring place: the configuration of a directory becomes the settings of a thread.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use codex_agent::{
    KnownRepositories, Limits, ModelChoice, OwnWords, Plugged, ProjectTests, ThreadSettings, Users, Workplace, uncovers,
};
use codex_config::{
    AgentFile, AgentSettings, ApiKey, Environment, Hash, LoadRequest, Loaded, Origins, Override, ProviderSettings,
    SandboxMode, SessionSettings, Settings, TestCommand, Titles, WireApi, api_key, variables,
};
use codex_model::{
    Cassette, HttpConfig, HttpModel, Known, Model, Quirk, Quirks, Retrying, ServerKind, TextCalls, Timeouts, WireFormat,
};
use codex_permissions::{Access, Approval, Policy, SandboxLevel, prefix_rule as command_line, refusal};
use codex_protocol::{ErrorKind, RpcError, SessionSource, ThreadResumeParams, ThreadStartParams, TypedFlag};
use codex_sandbox::{Confinement, Helper, Sandbox, SandboxError};
use codex_store::{Epoch, TempDirectory};
use codex_tools::Tool;
use codex_workspace::{Bounds, Instruction, InstructionRules, Roots, instructions, read_within};
use serde_json::{Map, Value, json};

use crate::{
    Server, agents, cassette, catalog, fallback, hooks,
    ignored::Held,
    limits::{limits, prices},
    linters, mcp, mcp_status, network, oss,
    oss::Open,
    outage, plugins,
    policy::{Ground, policy},
    skills, trust, web,
};

/// What a client wants of a thread's settings; the rest comes from the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) cwd: PathBuf,
    overrides: Vec<Override>,
    profile: Option<String>,
    trust_project: bool,
    /// Whether the client can be asked for trust, and has not given it yet.
    pub(crate) asks_trust: bool,
    /// Files of the project that are trusted as they were hashed.
    pub(crate) accepted: Vec<(PathBuf, Hash)>,
    full_auto: bool,
    pub(crate) strict: bool,
    /// Whether there will be turns, which could ask a person, and will ask the model.
    asks: bool,
    /// The level the thread ran under, unless the client names one: going on may tighten it, never loosen.
    at_most: Option<SandboxMode>,
    /// The level that nobody loosens.
    ceiling: Option<SandboxMode>,
    /// Whether a cassette answers: nobody needs a key, nor a provider.
    offline: bool,
}

/// Most warnings that are told: a stranger's file must not flood the user, nor the queue of events.
const WARNINGS: usize = 20;

/// Most bytes of a file in the place of the program's own instructions.
const OWN_WORDS: usize = 256 << 10;

/// How full a model's context may be before the conversation is summed up by itself: estimates err, and the answer needs
/// room too.
const FILLED_PERCENT: u64 = 85;
/// Tokens that a model's context is taken to hold if nobody says.
const ASSUMED_WINDOW: u64 = 200_000;

/// A thread's settings, and what the user should know about them.
pub(crate) struct Built {
    /// What is written into the log, by the name that settings have for it.
    pub(crate) log_level: String,
    pub(crate) settings: ThreadSettings,
    /// What it may use at most.
    pub(crate) limits: Limits,
    /// How long sessions are kept.
    pub(crate) sessions: SessionSettings,
    pub(crate) warnings: Vec<String>,
    /// As in [`codex_protocol::ThreadOpened`].
    pub(crate) config_sources: Vec<String>,
    /// What it may have of sub-agents.
    pub(crate) agents: AgentSettings,
    /// The descriptions of sub-agents.
    pub(crate) agent_files: Vec<AgentFile>,
    /// As in [`codex_protocol::ThreadOpened`].
    pub(crate) instruction_notes: Vec<String>,
}

/// What the configuration comes to.
struct Configured {
    settings: Settings,
    origins: Origins,
    warnings: Vec<String>,
    sources: Vec<String>,
    /// Files of the project that `--trust` trusts.
    trusted: Vec<(PathBuf, Hash)>,
    /// Descriptions of sub-agents.
    agent_files: Vec<AgentFile>,
}

impl Wanted {
    /// Never looser than `level`, whatever is typed or configured.
    pub(crate) fn under(self, level: Option<codex_protocol::SandboxMode>) -> Self {
        let ceiling = level.and_then(|level| serde_json::from_value(json!(level)).ok());
        Self { ceiling, ..self }
    }

    pub(crate) fn start(params: ThreadStartParams) -> Result<Self, RpcError> {
        let Some(cwd) = params.cwd else {
            return Err(configuration("thread/start: `cwd` is missing"));
        };
        let config = params.config.unwrap_or_default();
        let full_auto = params.full_auto.unwrap_or_default();
        let flags = [
            ("--model", "model", params.model),
            ("--model-provider", "model_provider", params.model_provider),
            ("--sandbox", "sandbox", params.sandbox.map(|mode| spelled(json!(mode)))),
            ("--ask-for-approval", "ask_for_approval", params.approval_policy.map(|policy| spelled(json!(policy)))),
        ];
        let mut wanted = Self::of(cwd, config, params.trust_project)?;
        for TypedFlag { typed, key, value } in params.flags {
            let flag = Override::flag(&typed, &key, &value);
            wanted.overrides.push(flag.map_err(|error| configuration(&error.to_string()))?);
        }
        for (flag, key, value) in flags {
            let Some(value) = value else { continue };
            let never = key == "ask_for_approval" && full_auto;
            let typed = if never { "--full-auto".to_owned() } else { format!("{flag} {value}") };
            wanted.overrides.push(Override::text(&typed, key, &value));
        }
        wanted.full_auto = full_auto;
        wanted.strict = params.strict_config.unwrap_or_default();
        wanted.asks_trust = params.ask_trust.unwrap_or_default() && !wanted.trust_project;
        Ok(wanted)
    }

    /// The settings of the thread's last `epoch` stand where the client wants nothing else. Of a thread without one only the directory
    /// is known in which it worked, `cwd`.
    pub(crate) fn resume(params: ThreadResumeParams, epoch: Option<Epoch>, cwd: &Path) -> Result<Self, RpcError> {
        let says = |keys: &[&str]| params.config.iter().flatten().any(|(key, _)| keys.contains(&key.as_str()));
        let keeps_model = params.model.is_none() && !says(&["model", "model_provider"]);
        // A table that hides something more names no level.
        let names_level = |(key, value): (&String, &Value)| match key.as_str() {
            "sandbox" | "sandbox_mode" => value.get("mode").is_some() || !value.is_object(),
            key => key == "sandbox.mode",
        };
        let keeps_level = params.sandbox.is_none() && !params.config.iter().flatten().any(names_level);
        let effort = epoch.as_ref().and_then(|epoch| epoch.effort.clone());
        let keeps_effort = keeps_model && !says(&["model_reasoning_effort"]);
        let (model, provider, level) = match epoch {
            Some(epoch) => (Some(epoch.model), Some(epoch.provider), Some(epoch.sandbox)),
            None => (None, None, None),
        };
        if params.cwd.is_none() {
            let gone =
                |error| format!("the session worked in {}: {error}; --cd names another directory", cwd.display());
            cwd.canonicalize().map_err(|error| configuration(&gone(error)))?;
        }
        let without_model = params.without_model.unwrap_or_default();
        let mut wanted = Self::start(ThreadStartParams {
            cwd: params.cwd.or_else(|| Some(cwd.display().to_string())),
            model: params.model.or(model.filter(|_| keeps_model)),
            model_provider: params.model_provider.or(provider.filter(|_| keeps_model)),
            sandbox: params.sandbox,
            approval_policy: params.approval_policy,
            config: params.config,
            flags: params.flags,
            trust_project: params.trust_project,
            ask_trust: params.ask_trust,
            full_auto: params.full_auto,
            strict_config: params.strict_config,
            live_output: params.live_output,
            ephemeral: None,
            thread_source: None,
        })?;
        if let Some(effort) = effort.filter(|_| keeps_effort) {
            wanted.set("model_reasoning_effort", &effort.into())?;
        }
        wanted.asks = !without_model;
        wanted.at_most = level.filter(|_| keeps_level).and_then(|name| serde_json::from_value(json!(name)).ok());
        Ok(wanted)
    }

    /// Sets `key` as a flag does that is typed later than all others.
    pub(crate) fn set(&mut self, key: &str, value: &Value) -> Result<(), RpcError> {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let typed = match key {
            "model" => format!("--model {shown}"),
            "sandbox" => format!("--sandbox {shown}"),
            "ask_for_approval" => format!("--ask-for-approval {shown}"),
            key => format!("-c {key}={shown}"),
        };
        let flag = Override::flag(&typed, key, value);
        self.overrides.push(flag.map_err(|error| configuration(&error.to_string()))?);
        match key {
            "sandbox" => self.at_most = None,
            "ask_for_approval" => self.full_auto = false,
            _ => {}
        }
        Ok(())
    }

    /// The same for a thread that works for this one: nobody is asked for trust again.
    pub(crate) fn of_agent(&self, cwd: Option<PathBuf>) -> Self {
        Self { cwd: cwd.unwrap_or_else(|| self.cwd.clone()), asks_trust: false, ..self.clone() }
    }

    fn of(cwd: String, mut config: Map<String, Value>, trust_project: Option<bool>) -> Result<Self, RpcError> {
        let canonical = Path::new(&cwd).canonicalize().map_err(|error| configuration(&format!("{cwd}: {error}")))?;
        let profile = config.remove("profile").and_then(|name| name.as_str().map(str::to_owned));
        let mut overrides = Vec::new();
        for (key, value) in &config {
            overrides.push(Override::from_json(key, value).map_err(|error| configuration(&error.to_string()))?);
        }
        let trust_project = trust_project.unwrap_or_default();
        Ok(Self {
            cwd: canonical,
            overrides,
            profile,
            trust_project,
            asks_trust: false,
            accepted: Vec::new(),
            full_auto: false,
            strict: false,
            asks: true,
            at_most: None,
            ceiling: None,
            offline: false,
        })
    }

    /// Whether a flag says what `key` is.
    pub(crate) fn says(&self, key: &str) -> bool {
        self.overrides.iter().any(|flag| flag.sets(key))
    }

    /// Nobody is asked but a cassette, if `offline`.
    fn only_played(&mut self, offline: bool) {
        self.offline = offline;
        if offline {
            self.overrides.retain(|flag| !flag.sets("model_provider"));
        }
    }

    /// What is to be loaded.
    pub(crate) fn request<'a>(&'a self, environment: &'a Environment, codex_home: &'a Path) -> LoadRequest<'a> {
        LoadRequest {
            overrides: &self.overrides,
            profile: self.profile.as_deref(),
            trust_project: self.trust_project,
            accepted: &self.accepted,
            strict: self.strict,
            ..LoadRequest::new(environment, codex_home, &self.cwd)
        }
    }
}

/// Builds the settings of a thread that works where `wanted` says, with `temp` as its commands' `/tmp`.
pub(crate) async fn thread(
    server: &Server,
    id: &str,
    codex_home: &Path,
    wanted: &mut Wanted,
    temp: &Path,
) -> Result<Built, RpcError> {
    wanted.only_played(server.cassette.as_ref().is_some_and(Cassette::is_played));
    let mut warnings = trust::ask(server, id, codex_home, wanted).await?;
    let configured = load(&server.environment, codex_home, wanted)?;
    let Configured { mut settings, origins, warnings: of_load, sources, trusted, mut agent_files } = configured;
    warnings.extend(of_load);
    // It is no part of what is recorded: neither read by commands and tools nor kept with the states of files.
    let cassette = server.cassette.as_ref().map(Cassette::path).filter(|path| path.is_absolute());
    settings.sandbox_details.hide.extend(cassette.map(Path::to_owned));
    let (plugins, of_plugins) = plugins::with_servers(codex_home, &mut settings);
    warnings.extend(of_plugins);
    plugins.add_agents(&mut agent_files, &mut warnings);
    wanted.accepted.extend(trusted);
    // Built once more, it asks nothing, and trusts what it trusts now.
    (wanted.asks_trust, wanted.trust_project) = (false, false);
    let workplace =
        workplace(&server.environment, codex_home, &server.helper, &settings, &origins, wanted, temp).await?;
    let rules = InstructionRules {
        bounds: Bounds::of(project(&server.environment, &wanted.cwd), &workplace.roots),
        limit: settings.project_doc_max_bytes,
        fallbacks: settings.project_doc_fallback_filenames.clone(),
    };
    let found = instructions(codex_home, &wanted.cwd, &rules);
    let size = |file: &Instruction| format!("{}: {} bytes", file.path.display(), file.text.len());
    let instruction_notes = found.files.iter().map(size).chain(found.warnings.iter().cloned()).collect();
    warnings.extend(found.warnings);
    warnings.extend(network::unused_proxy(&server.environment, &settings));
    warnings.extend(agents::unknown_tools(&agent_files));
    workplace.sandbox.limit_memory();
    let open = open(server, &mut settings, &origins, wanted).await?;
    warnings.extend(open.iter().flat_map(|open| open.warnings.clone()));
    let model = model(server, &settings, wanted, open.as_ref())?;
    let limits = limits(&settings, &origins, &model)?;
    let mut tools = web::tools(server, &settings, &origins, &mut warnings)?;
    let checkers = linters::checkers(&settings.checks, plugins.checkers(&mut warnings), &workplace, &mut warnings);
    let mcp = mcp::tools(server, codex_home, &settings, &workplace, &mut warnings);
    let skills = skills::skills(&server.environment, (codex_home, &wanted.cwd), &rules.bounds, &settings, &plugins);
    let skills = (!skills.all.is_empty()).then(|| Arc::new(skills));
    mcp_status::follow(server, id, mcp.as_ref());
    let plugged = Plugged {
        checkers,
        hooks: hooks::hooks(
            &settings,
            plugins.hooks(&settings.hooks, &mut warnings)?,
            project(&server.environment, &wanted.cwd),
        )?,
        notify: hooks::notify(server, &settings),
        idle: settings.hooks.idle,
        mcp,
        skills,
        instructions: Some(Arc::new(rules)),
    };
    tools.extend(plugged.tools());
    tools.sort_by(|one, other| one.name().cmp(other.name()));
    plugins.add_tools(&mut tools, &mut warnings);
    let (instructions, own_words) = (found.files, own_words(&settings)?);
    let tests = match settings.test_command {
        TestCommand::Found => ProjectTests::Found,
        TestCommand::Is(command) => ProjectTests::Command(command),
        TestCommand::Off => ProjectTests::Off,
    };
    let built = ThreadSettings {
        model,
        workplace,
        tools,
        instructions,
        own_words,
        plugged,
        agents: None,
        tests,
        agent_kind: None,
        // `exec` ends before one could come, and a cassette has what was said in the turns alone.
        titles: settings.sessions.titles == Titles::Model
            && server.cassette.is_none()
            && server.source != SessionSource::Exec,
        after_planning: None,
    };
    Ok(Built {
        settings: built,
        log_level: settings.log_level,
        limits,
        sessions: settings.sessions,
        warnings,
        config_sources: sources,
        agents: settings.agents,
        agent_files,
        instruction_notes,
    })
}

/// What the user says to the model before all else.
fn own_words(settings: &Settings) -> Result<OwnWords, RpcError> {
    let read = |path: &PathBuf| {
        let wrong = |why: &str| configuration(&format!("model_instructions_file: {}: {why}", path.display()));
        let read = read_within(path, None, OWN_WORDS).map_err(|error| wrong(&error.to_string()))?;
        let (bytes, is_cut) = read.ok_or_else(|| wrong("No such file or directory"))?;
        if is_cut {
            return Err(wrong(&format!("it has more than {} KiB", OWN_WORDS >> 10)));
        }
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
        match text.trim() {
            "" => Err(wrong("it is empty")),
            text => Ok(text.to_owned()),
        }
    };
    let instead = settings.model_instructions_file.as_ref().map(read).transpose()?;
    let behind = settings.developer_instructions.clone().filter(|text| !text.trim().is_empty());
    Ok(OwnWords { instead, behind })
}

/// The root of the project that `workspace` belongs to; itself where it belongs to none.
pub(crate) fn project(environment: &Environment, workspace: &Path) -> PathBuf {
    let home = environment.home().unwrap_or(Path::new("/"));
    codex_config::project_root(workspace, home).unwrap_or_else(|| workspace.to_owned())
}

/// A directory to work in without a thread.
pub(crate) struct Bare {
    pub(crate) workplace: Workplace,
    pub(crate) warnings: Vec<String>,
    /// Kept for its `Drop`: the commands' `/tmp` goes with it. Only where commands write is there one on the disk.
    pub(crate) temp: Option<TempDirectory>,
}

/// What a thread started with `params` would work with.
pub(crate) async fn bare(
    environment: &Environment,
    helper: &Path,
    params: ThreadStartParams,
) -> Result<Bare, RpcError> {
    let codex_home = environment.codex_home().map_err(|error| configuration(&error.to_string()))?;
    let wanted = Wanted { asks: false, ..Wanted::start(params)? };
    let Configured { settings, origins, mut warnings, .. } = load(environment, &codex_home, &wanted)?;
    warnings.extend(network::unused_proxy(environment, &settings));
    let make = || TempDirectory::create(&codex_home, "sandbox");
    let temp = (settings.sandbox == SandboxMode::WorkspaceWrite).then(make).transpose();
    let temp = temp.map_err(|error| RpcError::new(ErrorKind::Internal, error.to_string()))?;
    let path = temp.as_ref().map_or_else(|| codex_home.join("tmp"), |temp| temp.path().to_owned());
    let workplace = workplace(environment, &codex_home, helper, &settings, &origins, &wanted, &path).await?;
    Ok(Bare { workplace, warnings, temp })
}

/// The walls that commands have in a directory.
#[derive(Debug)]
pub struct Walls {
    /// The walls.
    pub confinement: Confinement,
    /// Absolute directory that commands start in.
    pub workspace: PathBuf,
    /// Environment of commands, secrets removed.
    pub environment: BTreeMap<OsString, OsString>,
    /// What the user should know about the configuration.
    pub warnings: Vec<String>,
    /// Starts commands inside them.
    pub sandbox: Arc<Sandbox>,
    /// What commands may write, and the repositories that were there; `None`: they are not looked at.
    watched: Option<Watched>,
    /// Kept for its `Drop`: the commands' `/tmp` goes with it.
    temp: Option<TempDirectory>,
}

#[derive(Debug)]
struct Watched {
    policy: Arc<Policy>,
    before: KnownRepositories,
}

impl Walls {
    /// Takes out of use what runs code in repositories that commands have made inside these walls. A sentence for each,
    /// without a full stop, and one if not all could be looked into.
    pub fn disarm_new(&self) -> Vec<String> {
        let Some(Watched { policy, before }) = &self.watched else { return Vec::new() };
        let disarmed = before.disarm_new(policy);
        disarmed.sentences().into_iter().chain(disarmed.not_whole()).collect()
    }

    /// Takes them down, for a program that ends next.
    pub fn end(self) {
        if self.temp.is_none() {
            // Nothing lies on the disk. The helper ends with this program, and nobody has to wait for it.
            return std::mem::forget(self);
        }
        // Meanwhile the helper cleans up what is its own.
        drop(self.temp);
    }
}

/// The walls that a thread started with `params` would give `command`. `helper` as for [`Server::in_process`];
/// `ahead` was made before there was a runtime.
///
/// # Errors
/// When the configuration is wrong, the private `/tmp` cannot be made, or git would change by `command` what commands may
/// not write.
pub async fn walls(
    environment: &Environment,
    helper: &Path,
    ahead: Option<Helper>,
    params: ThreadStartParams,
    command: &[OsString],
) -> Result<Walls, RpcError> {
    let Bare { workplace, warnings, temp } = bare(environment, helper, params).await?;
    if let Some(reason) = kept_from(&workplace, command).await {
        return Err(RpcError::new(ErrorKind::Configuration, format!("the command was not run: {reason}")));
    }
    if let Some(ahead) = ahead {
        workplace.sandbox.adopt(ahead);
    }
    let is_watched = workplace.policy.level == SandboxLevel::WorkspaceWrite;
    let (policy, before) = (Arc::clone(&workplace.policy), workplace.repositories);
    Ok(Walls {
        watched: is_watched.then_some(Watched { policy, before }),
        confinement: workplace.policy.confinement(),
        workspace: workplace.roots.workspace.clone(),
        environment: Arc::unwrap_or_clone(workplace.environment),
        warnings,
        sandbox: workplace.sandbox,
        temp,
    })
}

/// Why `command` does not run: as where nobody can be asked.
async fn kept_from(workplace: &Workplace, command: &[OsString]) -> Option<String> {
    let words: Vec<String> = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let directory = Some(workplace.roots.workspace.clone());
    let mut access = Access { command: Some(command_line(&words)?), directory, ..Access::default() };
    access.uncovers = uncovers(workplace, &access).await;
    refusal(&workplace.policy, &access)
}

/// All that the configuration comes to for a thread started with `params`: nothing is started.
///
/// # Errors
/// When it is wrong.
pub fn settings(environment: &Environment, params: ThreadStartParams) -> Result<Loaded, RpcError> {
    let codex_home = environment.codex_home().map_err(|error| configuration(&error.to_string()))?;
    let wanted = Wanted::start(params)?;
    let request = wanted.request(environment, &codex_home);
    codex_config::load(&request).map_err(|error| configuration(&error.to_string()))
}

fn load(environment: &Environment, codex_home: &Path, wanted: &Wanted) -> Result<Configured, RpcError> {
    let loaded = codex_config::load(&wanted.request(environment, codex_home)).and_then(|loaded| {
        // Before anything is made for a session that could not say a word.
        if wanted.asks && !wanted.offline {
            loaded.require_model()?;
        }
        // With `oss`, who is asked is found out later.
        if wanted.asks && !wanted.offline && !loaded.settings.oss {
            loaded.require_api_key(environment)?;
        }
        Ok(loaded)
    });
    let loaded = loaded.map_err(|error| configuration(&error.to_string()))?;
    let sources = loaded.sources();
    let Loaded { mut settings, origins, warnings, trust, agents, .. } = loaded;
    for level in [wanted.at_most, wanted.ceiling].into_iter().flatten() {
        settings.sandbox = settings.sandbox.min(level);
    }
    let mut told: Vec<String> = warnings.iter().take(WARNINGS).map(ToString::to_string).collect();
    if warnings.len() > WARNINGS {
        told.push(format!("and {} more warnings", warnings.len() - WARNINGS));
    }
    if wanted.trust_project {
        told.extend(trust::remember(codex_home, &trust));
    }
    let trusted = if wanted.trust_project { trust.hashes() } else { Vec::new() };
    Ok(Configured { settings, origins, warnings: told, sources, trusted, agent_files: agents })
}

/// The roots, the policy and the environment of a thread.
async fn workplace(
    environment: &Environment,
    codex_home: &Path,
    helper: &Path,
    settings: &Settings,
    origins: &Origins,
    wanted: &Wanted,
    temp: &Path,
) -> Result<Workplace, RpcError> {
    let sandbox = network::sandbox(helper, codex_home.join("run"), settings, origins)?.noticing_writes();
    let workspace = wanted.cwd.clone();
    let plain = settings.sandbox == SandboxMode::DangerFullAccess;
    let secrets: Vec<&str> = settings.secret_variables.iter().map(String::as_str).collect();
    let private_temp = (!plain).then_some(Path::new("/tmp"));
    let commands = environment.for_commands(&settings.shell_environment_policy, &secrets, private_temp);
    let ground = Ground {
        environment,
        commands: &commands,
        codex_home,
        settings,
        origins,
        workspace: &workspace,
        temp,
        helper,
        full_auto: wanted.full_auto,
        may_leave: wanted.ceiling.is_none_or(|level| level == SandboxMode::DangerFullAccess),
    };
    let Held { policy, found, ignored, ignore_files } = policy(&ground).await?;
    let roots = Roots {
        workspace,
        writable: if plain { vec!["/".into()] } else { policy.writable.clone() },
        hidden: policy.hidden.clone(),
        ignored,
        temp: (!plain).then(|| temp.to_owned()),
    };
    Ok(Workplace {
        roots: Arc::new(roots),
        policy: Arc::new(policy),
        sandbox: Arc::new(sandbox),
        repositories: KnownRepositories::new(found, environment.home()),
        ignore_files: Arc::new(ignore_files),
        environment: Arc::new(commands),
        users: Users {
            home: environment.home().map(Path::to_owned),
            path: environment.path().unwrap_or_default().to_owned(),
        },
    })
}

/// Who is asked where `wanted` says, with which tools, and what the user should know about that.
pub(crate) async fn model_choice(
    server: &Server,
    codex_home: &Path,
    wanted: &mut Wanted,
) -> Result<(ModelChoice, Vec<Arc<dyn Tool>>, Vec<String>), RpcError> {
    let Configured { mut settings, origins, .. } = load(&server.environment, codex_home, wanted)?;
    let open = open(server, &mut settings, &origins, wanted).await?;
    let model = model(server, &settings, wanted, open.as_ref())?;
    limits(&settings, &origins, &model)?;
    let mut warnings = Vec::new();
    let mut tools = web::tools(server, &settings, &origins, &mut warnings)?;
    plugins::in_use(codex_home, &settings.plugins).add_tools(&mut tools, &mut warnings);
    Ok((model, tools, warnings))
}

/// Whether there is a model provider of this name.
pub(crate) fn knows_provider(
    server: &Server,
    codex_home: &Path,
    wanted: &Wanted,
    name: &str,
) -> Result<bool, RpcError> {
    let configured = || load(&server.environment, codex_home, wanted);
    Ok(codex_config::is_built_in(name) || configured()?.settings.model_providers.contains_key(name))
}

/// With `oss`: the server of open-weight models that is asked, which `settings` name then. Once so, a thread stays so,
/// whatever becomes of its configuration.
async fn open(
    server: &Server,
    settings: &mut Settings,
    origins: &Origins,
    wanted: &mut Wanted,
) -> Result<Option<Open>, RpcError> {
    if !settings.oss {
        return Ok(None);
    }
    if !wanted.says("oss") {
        wanted.set("oss", &true.into())?;
    }
    if !wanted.asks || wanted.offline {
        return Ok(Some(Open::unasked(&server.http)));
    }
    oss::choose(&server.environment, &server.http, settings, origins).await.map(Some)
}

fn model(server: &Server, settings: &Settings, wanted: &Wanted, open: Option<&Open>) -> Result<ModelChoice, RpcError> {
    cassette::model(server, settings, wanted, || asked(server, settings, wanted, open))
}

/// Who is asked over a network.
fn asked(server: &Server, settings: &Settings, wanted: &Wanted, open: Option<&Open>) -> Result<ModelChoice, RpcError> {
    let client = fallback::client(settings, |settings, others| client(server, settings, (wanted, others), open))?;
    let known = catalog::known(settings, &settings.model_provider, &settings.model);
    let (usual, planning) = catalog::options(settings, &known);
    let is_small = oss::is_small(settings, context_window(settings, known));
    Ok(ModelChoice {
        client,
        provider: settings.model_provider.clone(),
        id: settings.model.clone(),
        reasoning_effort: settings.model_reasoning_effort.clone(),
        options: [usual.into(), planning.into()],
        context_window: context_window(settings, known),
        is_small,
        others_differ: fallback::windows(settings).any(|window| oss::is_small(settings, window) != is_small),
        compact_at: compact_at(settings, known),
        prices: prices(settings),
    })
}

/// Who is asked for the selected model; `others` says whether another one can take over.
fn client(
    server: &Server,
    settings: &Settings,
    (wanted, others): (&Wanted, bool),
    open: Option<&Open>,
) -> Result<Arc<dyn Model>, RpcError> {
    let name = &settings.model_provider;
    let Some(provider) = settings.model_providers.get(name) else {
        return Err(configuration(&format!("there is no model provider `{name}`")));
    };
    http_client(server, settings, provider, (wanted, others), open)
}

/// Tokens that a request may hold, where known.
pub(crate) fn context_window(settings: &Settings, known: Known) -> Option<u64> {
    settings.model_context_window.or(known.context_window)
}

/// Of how many tokens on a conversation is summed up by itself.
pub(crate) fn compact_at(settings: &Settings, known: Known) -> Option<u64> {
    let window = context_window(settings, known).unwrap_or(ASSUMED_WINDOW);
    let limit = settings.model_auto_compact_token_limit.unwrap_or(window / 100 * FILLED_PERCENT);
    settings.auto_compact.then_some(limit.min(window))
}

/// A model behind a server, asked again where that may help.
fn http_client(
    server: &Server,
    settings: &Settings,
    provider: &ProviderSettings,
    (wanted, others): (&Wanted, bool),
    open: Option<&Open>,
) -> Result<Arc<dyn Model>, RpcError> {
    let policy = outage::policy(settings, provider, others);
    let known = catalog::known(settings, &settings.model_provider, &settings.model);
    let config = HttpConfig { known, ..http_config(&server.environment, settings, provider, wanted.asks)? };
    let clients = Arc::clone(open.map_or(&server.http, |open| &open.clients));
    let mut model: Arc<dyn Model> = Arc::new(HttpModel::new(config, clients));
    if provider.open_weights {
        let (first, otherwise) = match open {
            Some(open) if open.is_of(settings) => open.calling,
            _ => ServerKind::named(&settings.model_provider).calling(None),
        };
        model = Arc::new(TextCalls::new(model, first, otherwise));
    }
    Ok(Arc::new(Retrying::new(model, policy)))
}

/// The server of `provider`, which is the selected one. Where nothing will be asked, a key that cannot be had is none.
pub(crate) fn http_config(
    environment: &Environment,
    settings: &Settings,
    provider: &ProviderSettings,
    asks: bool,
) -> Result<HttpConfig, RpcError> {
    let key = match api_key(settings, environment) {
        Ok(ApiKey { value, variable, .. }) => (value, variable),
        Err(_) if !asks => Default::default(),
        Err(error) => return Err(configuration(&error.to_string())),
    };
    let base_url = provider.base_url.clone().unwrap_or_default();
    let variables = provider.env_http_headers.iter();
    let (set, unset): (Vec<_>, Vec<_>) = variables.partition(|(_, variable)| environment.get_named(variable).is_some());
    let from_environment = set.into_iter().filter_map(|(header, variable)| {
        environment.get_named(variable).map(|value| (header.clone(), value.to_owned()))
    });
    let headers = provider.http_headers.iter().map(|(name, value)| (name.clone(), value.clone()));
    let originator = environment.get(variables::CODEX_INTERNAL_ORIGINATOR_OVERRIDE).unwrap_or("codex");
    let format = match provider.wire_api {
        WireApi::Chat => WireFormat::ChatCompletions,
        WireApi::Anthropic => WireFormat::AnthropicMessages,
        WireApi::Responses => WireFormat::Responses,
    };
    let codex_config::Timeouts { connect, first_byte, idle } = provider.timeouts;
    let takes_grammars = provider.grammars.unwrap_or_else(|| codex_model::takes_grammars(&base_url, &settings.model));
    let quirks = provider.quirks.iter().filter_map(|(name, holds)| Some((Quirk::named(name)?, *holds)));
    Ok(HttpConfig {
        quirks: quirks.fold(Quirks::default(), |quirks, (quirk, holds)| quirks.with(quirk, holds)),
        api_key: key.0,
        key_variable: Some(key.1).filter(|variable| !variable.is_empty()),
        http_headers: headers.chain(from_environment).collect(),
        query_params: provider.query_params.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        key_header: provider.key_header.clone(),
        timeouts: Timeouts { connect, first_byte: Some(first_byte), idle },
        open_weights: provider.open_weights,
        originator: originator.to_owned(),
        takes_grammars,
        env_key_instructions: provider.env_key_instructions.clone(),
        header_variables: unset.into_iter().map(|(header, variable)| (header.clone(), variable.clone())).collect(),
        ..HttpConfig::new(format, base_url)
    })
}

/// What holds the commands of a thread, for its header; if nothing does, a warning says why.
pub(crate) async fn held_by(built: &mut Built) -> &'static str {
    let Workplace { sandbox, policy, .. } = &built.settings.workplace;
    match sandbox.line(&policy.confinement()).await {
        Ok(line) => line,
        Err(SandboxError::Weak { .. }) if policy.approval != Approval::Never => {
            "Landlock + seccomp only, which needs your consent: the first command that may write asks for it"
        }
        Err(error) => {
            built.warnings.push(error.to_string());
            "nothing, so commands are refused"
        }
    }
}

/// The policy as the wire spells it.
pub(crate) fn sandbox_policy(policy: &Policy) -> Value {
    match policy.level {
        SandboxLevel::ReadOnly => json!({ "type": "readOnly", "networkAccess": false }),
        SandboxLevel::DangerFullAccess => json!({ "type": "dangerFullAccess" }),
        SandboxLevel::WorkspaceWrite => json!({
            "type": "workspaceWrite",
            "writableRoots": policy.writable,
            "networkAccess": policy.network,
            "excludeSlashTmp": false,
            "excludeTmpdirEnvVar": true,
        }),
    }
}

/// The word that `value`, a variant of a plain enum, is written as.
pub(crate) fn spelled(value: Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn configuration(message: &str) -> RpcError {
    RpcError::new(ErrorKind::Configuration, message)
}
