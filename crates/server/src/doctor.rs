//! What of this machine and configuration a session would stumble over: the answers of `codex doctor`.
//!
//! It works where nothing else does: each check stands alone, and none needs the configuration to be in order. It starts
//! nothing but git in the sandbox, and talks to nobody but the server of the selected provider, without its key; with `oss`
//! to the servers that a session would ask, as one does.

use std::{fs, path::Path, time::Duration};

use codex_config::{ConfigError, Environment, KeySource, Loaded, ProviderSettings, Settings, is_open_to_others, load};
use codex_net::reach;
use codex_protocol::ThreadStartParams;
use codex_sandbox::{Confinement, Exit, Sandbox, SandboxError, Streams};
use codex_workspace::{find_git, git_command};
use tokio::io::AsyncReadExt;

use crate::{
    build::{Bare, Wanted, bare},
    keys::{key_words, keys},
    linters, network, oss, plugins,
};

/// How long the server of the selected provider may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The check of who is asked.
const ENDPOINT: &str = "endpoint";
/// Most warnings that are told of.
const WARNINGS: usize = 5;
/// Less than this on the disk is told of, in bytes.
const LITTLE: u64 = 1 << 30;
/// With less than this a session soon cannot be written, in bytes.
const TOO_LITTLE: u64 = 100 << 20;

/// How a check went. In order, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, and the user should know something.
    Warn,
    /// It does not work.
    Fail,
}

impl Status {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it went.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Check {
    /// Nothing to do about it.
    pub fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, detail: detail.into(), advice: None }
    }

    /// Something that the user should know.
    pub fn warn(name: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, detail: detail.into(), advice: Some(advice.into()) }
    }

    /// Something that does not work.
    pub fn fail(name: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, detail: detail.into(), advice: Some(advice.into()) }
    }
}

/// Looks at what a thread started with `params` would need. `helper` as for [`crate::Server::in_process`]; with
/// `offline` no server is asked.
pub async fn diagnose(
    environment: &Environment,
    helper: &Path,
    params: ThreadStartParams,
    offline: bool,
) -> Vec<Check> {
    let home = environment.codex_home();
    let wanted = Wanted::start(params.clone());
    let mut of_plugins = Vec::new();
    let found = match (&home, &wanted) {
        (Ok(home), Ok(wanted)) => load(&wanted.request(environment, home)).map_err(Trouble::from).map(|mut found| {
            of_plugins = plugins::with_servers(home, &mut found.settings).1;
            found
        }),
        (Err(error), _) => Err(Trouble::from(error.clone())),
        (_, Err(error)) => Err(Trouble { what: error.to_string(), advice: None }),
    };
    let home = home.unwrap_or_default();
    let own = Sandbox::new(helper.to_owned()).remembering(home.join("run"));
    let mut checks = vec![versions(environment, &own).await, configuration(&found, of_plugins)];
    if let Ok(found) = &found {
        checks.extend(provider(found, environment, &home, offline).await);
    }
    checks.push(match found.is_ok() {
        true => sandbox(environment, helper, params).await,
        // Its level is not known; what the machine can hold is.
        false => holds(own.line(&Confinement::read_only(&[])).await.map(str::to_owned), None),
    });
    checks.push(mcp(found.as_ref().ok().map(|found| &found.settings)));
    checks.push(language_servers(found.as_ref().ok().map(|found| &found.settings), environment));
    checks.push(disk(&home));
    checks.push(log(&home, found.as_ref().ok().map(|found| found.settings.log_level.as_str())));
    checks
}

/// Why there are no settings.
struct Trouble {
    what: String,
    advice: Option<String>,
}

impl From<ConfigError> for Trouble {
    fn from(error: ConfigError) -> Self {
        Self { what: format!("{}: {}", error.origin, error.message), advice: error.hint }
    }
}

async fn versions(environment: &Environment, sandbox: &Sandbox) -> Check {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let own = format!("codex {}, Linux {}", env!("CARGO_PKG_VERSION"), kernel.trim());
    let path = environment.path().unwrap_or_default();
    let Some(git) = find_git(path, &[]) else {
        return Check::warn("versions", format!("{own}, no git"), "install git: changes are shown and undone with it");
    };
    match git_version(&git, environment, sandbox).await {
        Some(version) => Check::ok("versions", format!("{own}, {version}")),
        None => {
            let detail = format!("{own}, {} does not say its version", git.display());
            Check::warn("versions", detail, "run `git --version` to see why")
        }
    }
}

async fn git_version(git: &Path, environment: &Environment, sandbox: &Sandbox) -> Option<String> {
    let command = git_command(git, "version", [""; 0], &[], Path::new("/"), environment.path().unwrap_or_default());
    let mut child = sandbox.spawn(&Confinement::read_only(&[]), command, Streams::Separate).await.ok()?;
    let mut answer = String::new();
    let read = (&mut child.stdout).take(200).read_to_string(&mut answer).await;
    match (read, child.wait().await) {
        (Ok(_), Ok(Exit::Code(0))) => Some(answer.lines().next()?.trim().to_owned()),
        _ => None,
    }
}

/// `more`: what plugins are warned of.
fn configuration(found: &Result<Loaded, Trouble>, more: Vec<String>) -> Check {
    const NAME: &str = "configuration";
    match found {
        Err(trouble) => {
            let advice = trouble.advice.clone().unwrap_or_else(|| "correct it; until then nothing runs".into());
            Check::fail(NAME, &trouble.what, advice)
        }
        Ok(found) => {
            let files: Vec<String> = found.files.iter().map(|file| file.display().to_string()).collect();
            let files = if files.is_empty() { "no files, built-in defaults".to_owned() } else { files.join(", ") };
            let mut told: Vec<String> = found.warnings.iter().map(ToString::to_string).chain(more).collect();
            if told.is_empty() {
                return Check::ok(NAME, files);
            }
            if let Some(more @ 1..) = told.len().checked_sub(WARNINGS) {
                told.truncate(WARNINGS);
                told.push(format!("and {more} more"));
            }
            Check::warn(NAME, told.join("; "), "correct what is warned of")
        }
    }
}

/// Who would be asked.
async fn provider(found: &Loaded, environment: &Environment, home: &Path, offline: bool) -> Vec<Check> {
    let mut settings = found.settings.clone();
    if !settings.oss {
        let mut checks = provider_keys(&settings, environment, home);
        checks.push(endpoint(&settings, environment, offline).await);
        return checks;
    }
    if offline {
        return vec![Check::ok(ENDPOINT, "no server of open-weight models was asked (--offline)")];
    }
    match oss::choose(environment, &network::clients(environment), &mut settings, &found.origins).await {
        Ok(open) => {
            let detail = format!("oss: `{}` of `{}` would be asked", settings.model, settings.model_provider);
            let mut checks = provider_keys(&settings, environment, home);
            checks.push(match &open.warnings[..] {
                [] => Check::ok(ENDPOINT, detail),
                warnings => Check::warn(ENDPOINT, detail, warnings.join("; ")),
            });
            checks
        }
        Err(error) => {
            let advice = "start a server of open-weight models, or go without `oss`; --offline leaves this out";
            vec![Check::fail(ENDPOINT, error.message, advice)]
        }
    }
}

fn provider_keys(settings: &Settings, environment: &Environment, home: &Path) -> Vec<Check> {
    const NAME: &str = "keys";
    let mut checks = Vec::new();
    for provider in keys(settings, environment).into_iter().filter(|provider| provider.selected) {
        let id = &provider.id;
        checks.push(match &provider.source {
            Ok(KeySource::Missing) => {
                let variable = provider.variable.as_deref().unwrap_or("the variable that is configured");
                let advice = format!("set {variable}, or keep a key with `codex login --provider {id}`");
                Check::fail(NAME, format!("`{id}` has no key"), advice)
            }
            Ok(source) => Check::ok(NAME, format!("`{id}`: key {}", key_words(source, home))),
            Err(error) => Check::fail(NAME, error, format!("`codex login --provider {id}` keeps another")),
        });
    }
    if is_open_to_others(home) {
        let file = codex_config::credentials_file(home);
        let advice = format!("`chmod 600 {}`, and replace the keys if others use this machine", file.display());
        checks.push(Check::warn(NAME, format!("{} can be read by others", file.display()), advice));
    }
    checks
}

async fn endpoint(settings: &Settings, environment: &Environment, offline: bool) -> Check {
    let id = &settings.model_provider;
    let provider = settings.model_providers.get(id);
    let Some(ProviderSettings { base_url: Some(base_url), .. }) = provider else {
        return Check::ok(ENDPOINT, format!("`{id}` talks to no server"));
    };
    let url = base_url.parse().map(|url: url::Url| without_secrets(url));
    let Ok(mut url) = url else {
        return Check::fail(
            ENDPOINT,
            format!("the `base_url` of `{id}` is not a URL"),
            "correct it in the configuration",
        );
    };
    let host = url.origin().ascii_serialization();
    if offline {
        return Check::ok(ENDPOINT, format!("{host} was not asked (--offline)"));
    }
    let path = format!("{}/models", url.path().trim_end_matches('/'));
    url.set_path(&path);
    match reach(&network::clients(environment), &url, PATIENCE).await {
        Ok(status @ 500..) => {
            Check::warn(ENDPOINT, format!("{host} answers, with HTTP {status}"), "it has trouble of its own: try later")
        }
        Ok(status @ 300..400) => {
            let advice = "redirects are not followed: set the provider's `base_url` to where it leads";
            Check::warn(ENDPOINT, format!("{host} answers with a redirect, HTTP {status}"), advice)
        }
        // Without a key most say 401, and not every server lists its models.
        Ok(status) => Check::ok(ENDPOINT, format!("{host} answers (HTTP {status} without a key)")),
        Err(why) => {
            let advice = "check the network, the provider's `base_url` and its certificate; --offline leaves this out";
            Check::fail(ENDPOINT, format!("{host} cannot be reached: {why}"), advice)
        }
    }
}

/// An address without a user's name, a password or parameters.
pub(crate) fn without_secrets(mut url: url::Url) -> url::Url {
    // Both fail for addresses that can have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// What would hold the commands of a session here: as its header says it.
async fn sandbox(environment: &Environment, helper: &Path, params: ThreadStartParams) -> Check {
    match bare(environment, helper, params).await {
        Ok(Bare { workplace, temp: _temp, .. }) => {
            let confinement = workplace.policy.confinement();
            let line = workplace.sandbox.line(&confinement).await.map(str::to_owned);
            holds(line, Some(&confinement))
        }
        Err(error) => Check::fail("sandbox", error.to_string(), "correct it; until then nothing runs"),
    }
}

fn holds(line: Result<String, SandboxError>, confinement: Option<&Confinement>) -> Check {
    const NAME: &str = "sandbox";
    match line {
        Ok(line) if matches!(confinement, Some(Confinement::Unconfined)) => {
            Check::warn(NAME, line, "set `sandbox = \"workspace-write\"` unless this whole machine is a sandbox")
        }
        Ok(line) if line.starts_with("namespaces + Landlock + seccomp") => Check::ok(NAME, line),
        Ok(line) => Check::warn(NAME, line, "docs/security.md says what each part holds, and what it needs"),
        Err(error @ SandboxError::Weak { .. }) => {
            Check::warn(NAME, "Landlock + seccomp only, and writing needs your consent", error.to_string())
        }
        Err(error) => Check::fail(NAME, "no command can run", error.to_string()),
    }
}

fn mcp(settings: Option<&Settings>) -> Check {
    const NAME: &str = "mcp";
    let names: Vec<&str> = settings.iter().flat_map(|it| it.mcp.servers.keys()).map(String::as_str).collect();
    if names.is_empty() {
        return Check::ok(NAME, "no servers are configured");
    }
    let mut detail = format!("{} configured ({})", names.len(), names.join(", "));
    let servers = settings.iter().flat_map(|it| &it.mcp.servers);
    let off: Vec<&str> = servers.clone().filter(|(_, server)| !server.enabled).map(|(name, _)| name.as_str()).collect();
    if !off.is_empty() {
        detail += &format!(", switched off: {}", off.join(", "));
    }
    let open: Vec<&str> =
        servers.filter(|(_, server)| !server.plain_secrets().is_empty()).map(|(name, _)| name.as_str()).collect();
    if !open.is_empty() {
        let detail = format!("{detail}; secrets stand in the files of {}", open.join(", "));
        return Check::warn(NAME, detail, "`codex mcp list` says where, and what names a variable in their place");
    }
    Check::ok(NAME, format!("{detail}; `codex mcp test NAME` tries one"))
}

fn language_servers(settings: Option<&Settings>, environment: &Environment) -> Check {
    let found = settings.map(|settings| linters::found(settings, environment)).unwrap_or_default();
    let none = settings.is_some_and(|settings| !settings.checks.lsp);
    let detail = match (none, found.is_empty()) {
        (true, _) => "switched off (`lsp = false`)".to_owned(),
        (false, true) => "no language servers on PATH".to_owned(),
        (false, false) => format!("language servers: {}", found.join(", ")),
    };
    Check::ok("languages", detail)
}

fn disk(home: &Path) -> Check {
    const NAME: &str = "disk";
    let disk = codex_store::disk(home);
    let home = home.display();
    let taken = format!("{home}: {} sessions, {}", disk.sessions, bytes(disk.size));
    let Some(free) = disk.free else {
        return Check::warn(NAME, format!("{taken}; its free space cannot be found out"), "look at it with `df`");
    };
    let detail = format!("{taken}; {} free", bytes(free));
    if !disk.writable {
        return Check::fail(
            NAME,
            format!("{home} cannot be written"),
            "make it yours, or set CODEX_HOME to another place",
        );
    }
    match free {
        0..TOO_LITTLE => Check::fail(NAME, detail, "make room: what cannot be written does not run"),
        TOO_LITTLE..LITTLE => Check::warn(NAME, detail, "make room: old sessions lie in `sessions` there"),
        _ => Check::ok(NAME, detail),
    }
}

fn log(home: &Path, level: Option<&str>) -> Check {
    let directory = home.join(crate::log::DIRECTORY).display().to_string();
    Check::ok(
        "log",
        match level {
            Some("off") => format!("nothing is written into {directory}"),
            Some(level) => format!("{directory}, level {level}"),
            None => directory,
        },
    )
}

fn bytes(number: u64) -> String {
    match number {
        0..1_000_000 => format!("{} kB", number.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{} MB", number / 1_000_000),
        _ => format!("{}.{} GB", number / 1_000_000_000, number / 100_000_000 % 10),
    }
}
