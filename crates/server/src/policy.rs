//! The settings of a directory become what decisions follow from: the level, the rules, and the paths of the walls.
//!
//! It never decides anything itself; what cannot be found out here (whether a commit holds a file) is taken for the stricter.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use codex_config::{
    ApprovalMode, Environment, Origin, Origins, PermissionKind, SandboxMode, Settings,
    variables::{self, Variable},
};
use codex_permissions::{Approval, Policy, RuleKind, RuleText, Rules, SandboxLevel};
use codex_protocol::RpcError;
use codex_sandbox::{Confinement, Exit, Sandbox, Streams};
use codex_workspace::{
    Found, Repositories, caches, credentials, environment_files, find_git, git_command, programs_named,
    protected_paths, repositories, without,
};
use tokio::io::AsyncReadExt;

use crate::{
    build::{configuration, project},
    ignored::{self, Held},
};

/// In how many directories git is asked which files a commit holds; those of further ones are hidden.
const ASKED: usize = 16;
/// Longest answer of git that is read, in bytes.
const ANSWER: u64 = 1 << 16;

/// Directories of `$CODEX_HOME` whose programs are run for a session.
const PROGRAMS: &[&str] = &["plugins/installed", "skills"];

/// A directory to work in, and what there is to know about it.
pub(crate) struct Ground<'a> {
    /// The user's.
    pub(crate) environment: &'a Environment,
    /// What commands get of it.
    pub(crate) commands: &'a BTreeMap<OsString, OsString>,
    pub(crate) codex_home: &'a Path,
    pub(crate) settings: &'a Settings,
    /// Where the settings are written.
    pub(crate) origins: &'a Origins,
    pub(crate) workspace: &'a Path,
    /// The session's private temporary directory, on the host.
    pub(crate) temp: &'a Path,
    /// This program's own file, as for [`Sandbox::new`]: git is asked inside a sandbox.
    pub(crate) helper: &'a Path,
    /// `--full-auto`.
    pub(crate) full_auto: bool,
    /// As in [`Policy`].
    pub(crate) may_leave: bool,
}

/// The policy of a thread, and what it was made for.
///
/// # Errors
/// A rule that means nothing, or a path to hide that cannot be; shown where it is written. An ignore file that cannot be
/// held to.
pub(crate) async fn policy(ground: &Ground<'_>) -> Result<Held, RpcError> {
    let Ground { environment, codex_home, settings, workspace, temp, .. } = *ground;
    let mut writable = vec![workspace.to_owned()];
    writable.extend(settings.add_dir.iter().filter(|added| *added != workspace).cloned());
    let level = level(settings.sandbox);
    let mut policy = Policy {
        level,
        approval: if ground.full_auto { Approval::Never } else { approval(settings.ask_for_approval) },
        full_auto: ground.full_auto,
        may_leave: ground.may_leave,
        rules: rules(settings)?,
        temp: temp.to_owned(),
        state: codex_home.join("run"),
        network: settings.sandbox_workspace_write.network_access,
        weak: settings.sandbox_details.allow_weak,
        domains: settings.sandbox_details.allow_domains.clone(),
        writable,
        ..Policy::default()
    };
    // Checked where there are no walls too: the same settings are in order under every level.
    let chosen = hidden_by_choice(ground, &policy.writable)?;
    if level == SandboxLevel::DangerFullAccess {
        return ignored::hold(ground, policy, Found::default(), None).await;
    }
    let of_commands = |it: Variable| ground.commands.get(OsStr::new(it.name())).map(OsString::as_os_str);
    let names = policy.rules.denied_programs().map_err(|error| configuration(&error))?;
    // All programs of the machine are looked at: beside the rest.
    let programs = (!names.is_empty()).then(|| {
        // Where the user finds them, and where commands do.
        let mut path = environment.path().unwrap_or_default().to_owned();
        path.push(":");
        path.push(of_commands(variables::PATH).unwrap_or_default());
        let roots = policy.writable.clone();
        tokio::task::spawn_blocking(move || programs_named(|name| names.contain(name), &path, &roots))
    });
    policy.protected.extend(policy.writable.iter().flat_map(|root| protected_paths(root)));
    // Our own settings and sessions, wherever they lie: a command must not write what is read at the next start. By
    // their real place, as the roots are: the way there may lead over a link.
    let home = codex_home.canonicalize().ok();
    policy.protected.extend(home.filter(|home| policy.writable.iter().any(|root| home.starts_with(root))));
    policy.shown = shown(codex_home, &policy.writable);
    let (mut there, mut ignores) = (Found::default(), None);
    if level == SandboxLevel::WorkspaceWrite {
        let Repositories { writable, covered, found, ignores: is_deeper } =
            repositories(&policy.writable, environment.home());
        // What is protected already is not told twice. As texts: paths would be compared part by part.
        let is_protected = |path: &PathBuf| policy.protected.iter().any(|other| other.as_os_str() == path.as_os_str());
        let covered = covered.into_iter().filter(|path| !is_protected(path)).collect();
        (policy.git, policy.covered, there, ignores) = (writable, covered, found, Some(is_deeper));
    }
    policy.hidden = hidden_by_default(ground, &policy.writable).await;
    policy.hidden.extend(chosen);
    policy.hidden.extend(environment.hidden().iter().filter_map(|path| path.canonicalize().ok()));
    policy.hidden.sort();
    policy.hidden.dedup();
    if let Some(programs) = programs {
        policy.denied_programs = programs.await.map_err(|error| configuration(&error.to_string()))?;
    }
    let home = environment.home();
    policy.caches =
        home.map(|home| caches(home, |name| of_commands(variables::find(name)?), &policy.writable)).unwrap_or_default();
    ignored::hold(ground, policy, there, ignores).await
}

/// [`PROGRAMS`] that lie where commands would not see them.
fn shown(codex_home: &Path, writable: &[PathBuf]) -> Vec<PathBuf> {
    let real = PROGRAMS.iter().filter_map(|directory| codex_home.join(directory).canonicalize().ok());
    let is_covered = |path: &PathBuf| {
        path.is_dir()
            && ["/tmp", "/var/tmp"].iter().any(|private| path.starts_with(private))
            && !writable.iter().any(|root| path.starts_with(root))
    };
    real.filter(is_covered).collect()
}

fn rules(settings: &Settings) -> Result<Rules, RpcError> {
    let kind = |kind| match kind {
        PermissionKind::Deny => RuleKind::Deny,
        PermissionKind::Ask => RuleKind::Ask,
        PermissionKind::Allow => RuleKind::Allow,
    };
    let entries = settings.permissions.iter();
    let text = |entry: &codex_config::PermissionEntry| RuleText {
        kind: kind(entry.kind),
        text: entry.text.clone(),
        origin: entry.origin.to_string(),
    };
    Rules::new(entries.clone().map(text).collect()).map_err(|error| {
        let written = entries.clone().find(|entry| text(entry) == error.rule);
        let shown = written.map(|entry| entry.error(&error.message).to_string());
        configuration(&shown.unwrap_or_else(|| format!("{}: {error}", error.rule.origin)))
    })
}

/// What the user, or the project, wants hidden.
fn hidden_by_choice(ground: &Ground<'_>, writable: &[PathBuf]) -> Result<Vec<PathBuf>, RpcError> {
    let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    let hidden: Vec<PathBuf> = ground.settings.sandbox_details.hide.iter().map(real).collect();
    let own = ground.temp.canonicalize().ok();
    for (number, path) in hidden.iter().enumerate() {
        if let Some(inside) = writable.iter().chain(&own).find(|root| root.starts_with(path)) {
            let origin = ground.origins.get(&format!("sandbox.hide[{number}]"));
            let (path, inside) = (path.display(), inside.display());
            return Err(configuration(&format!("{origin}: sandbox.hide: {path} cannot be hidden: it holds {inside}")));
        }
    }
    Ok(hidden)
}

/// The credentials and the files of settings that are in no commit, less what `[sandbox] show` names. A root that lies
/// in one of them was named by the user, who wants to work there, and there only.
async fn hidden_by_default(ground: &Ground<'_>, writable: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = credentials(ground.environment.home(), ground.codex_home);
    found.extend(own_secrets(ground, writable));
    // Of its own, so that nothing of it is left when the answers are there. It starts nothing until it is used.
    let sandbox = Sandbox::new(ground.helper.to_owned()).remembering(ground.codex_home.join("run"));
    let mut asked = BTreeSet::new();
    let places = places(ground.environment, writable);
    let files: Vec<_> = places.iter().flat_map(|place| environment_files(place)).collect();
    let find_git = || find_git(ground.environment.path().unwrap_or_default(), &places);
    let git = if files.is_empty() { None } else { find_git() };
    for (directory, names) in files {
        if !asked.insert(directory.clone()) {
            continue;
        }
        let committed = match &git {
            Some(git) if asked.len() <= ASKED => {
                committed(&sandbox, git, ground.environment, &places, &directory, &names).await
            }
            _ => BTreeSet::new(),
        };
        let names = names.into_iter().filter(|name| !committed.contains(name));
        found.extend(names.filter_map(|name| keeper(&directory.join(name), &places)));
    }
    found.sort();
    found.dedup();
    let rest = |path: &PathBuf| {
        let inside = writable.iter().filter(|root| root.starts_with(path));
        let kept: Vec<PathBuf> = inside.chain(&ground.settings.sandbox_details.show).cloned().collect();
        without(path, &kept)
    };
    found.iter().flat_map(rest).collect()
}

/// The user's file of settings, by its real path, if headers or parameters for a provider stand in it: these may be keys.
/// Not where commands work, where git would take it for changed.
fn own_secrets(ground: &Ground<'_>, writable: &[PathBuf]) -> Option<PathBuf> {
    let own = ground.codex_home.join("config.toml");
    let is_secret = |key: &str| {
        key.contains("model_providers.") && (key.contains(".http_headers.") || key.contains(".query_params."))
    };
    let in_own = |origin: &Origin| matches!(origin, Origin::File { path, .. } if *path == own);
    ground.origins.iter().find(|(key, origin)| is_secret(key) && in_own(origin))?;
    let real = own.canonicalize().ok()?;
    (!writable.iter().any(|root| real.starts_with(root))).then_some(real)
}

/// Where files of settings are looked for: the roots, and the projects that they are parts of.
pub(crate) fn places(environment: &Environment, writable: &[PathBuf]) -> Vec<PathBuf> {
    let mut places = writable.to_vec();
    for root in writable {
        let project = project(environment, root);
        if !places.contains(&project) {
            places.push(project);
        }
    }
    places
}

/// The real path of what keeps the secrets of `path`: nothing if that is no regular file in one of `places`. A command
/// may have made it a link to anything, which must not be lost for that.
fn keeper(path: &Path, places: &[PathBuf]) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    (real.is_file() && places.iter().any(|place| real.starts_with(place))).then_some(real)
}

/// Which of the files `names` in `directory` the last commit holds: none if that cannot be found out. The index does not
/// count: a command can put anything into it unseen.
async fn committed(
    sandbox: &Sandbox,
    git: &Path,
    environment: &Environment,
    places: &[PathBuf],
    directory: &Path,
    names: &[OsString],
) -> BTreeSet<OsString> {
    let path = environment.path().unwrap_or_default();
    let options = ["-z", "--name-only", "HEAD", "--"].map(OsString::from);
    let mut command = git_command(git, "ls-tree", options.iter().chain(names), &[], directory, path);
    // A name may look like a pattern.
    command.environment.insert("GIT_LITERAL_PATHSPECS".into(), "1".into());
    let walls = Confinement::read_only(places);
    let Ok(mut child) = sandbox.spawn(&walls, command, Streams::Separate).await else { return BTreeSet::new() };
    let mut answer = Vec::new();
    let read = (&mut child.stdout).take(ANSWER).read_to_end(&mut answer).await;
    match (read, child.wait().await) {
        (Ok(_), Ok(Exit::Code(0))) => {
            answer.split(|byte| *byte == 0).map(|name| OsStr::from_bytes(name).to_owned()).collect()
        }
        _ => BTreeSet::new(),
    }
}

fn level(mode: SandboxMode) -> SandboxLevel {
    match mode {
        SandboxMode::ReadOnly => SandboxLevel::ReadOnly,
        SandboxMode::WorkspaceWrite => SandboxLevel::WorkspaceWrite,
        SandboxMode::DangerFullAccess => SandboxLevel::DangerFullAccess,
    }
}

pub(crate) fn approval(mode: ApprovalMode) -> Approval {
    match mode {
        ApprovalMode::Untrusted => Approval::Untrusted,
        ApprovalMode::OnRequest => Approval::OnRequest,
        ApprovalMode::Never => Approval::Never,
    }
}
