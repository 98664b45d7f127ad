//! Language servers: started at the first edit of a file that they are for, in the background, behind walls that let them
//! read and write nothing but their `/tmp`, without the network.
//!
//! A server runs code of the project (build scripts, plugins of compilers) that nobody was asked about: that is why it may
//! not write.

mod server;
mod table;
mod text;
mod tools;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::{OsStr, OsString},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use codex_permissions::{Policy, SandboxLevel};
use codex_sandbox::{Confined, Confinement, Network, Sandbox};
use codex_tools::Tool;
use codex_workspace::{Roots, View, find_program, open_to_read};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::server::{Looked, Phase, Server, UNUSED};
pub use self::table::{KNOWN, KnownServer};
use crate::{checkers::Files, diagnostics::Found};

/// Most servers at once.
const MOST_SERVERS: usize = 6;
/// How often one that ended is started again.
const MOST_STARTS: u32 = 4;
/// How long servers may take where nothing was changed.
const IN_PASSING: Duration = Duration::from_millis(300);
/// Larger files are not told of, in bytes.
const LARGEST: u64 = 2 << 20;

/// A language server, as settings describe it.
#[derive(Debug, Clone)]
pub struct ServerSpec {
    /// Its name.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Patterns of the files that it is for.
    pub files: Vec<String>,
    /// Names of files, one of which stands in the root of a project.
    pub root_markers: Vec<String>,
    /// What it is told at its start.
    pub options: Value,
    /// Variables that it is started with besides those of commands.
    pub environment: Vec<(String, String)>,
    /// Whether the user named it: then it is started whether or not it is found, and said if it does not work.
    pub is_configured: bool,
}

/// Where language servers run.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Starts them.
    pub sandbox: Arc<Sandbox>,
    /// Their walls.
    pub walls: Confinement,
    /// The directories of the thread.
    pub roots: Arc<Roots>,
    /// Their environment.
    pub environment: Arc<BTreeMap<OsString, OsString>>,
}

/// One server in one project.
#[derive(Debug, Clone)]
struct Site {
    argv: Vec<OsString>,
    root: PathBuf,
    options: Value,
    environment: Vec<(String, String)>,
    ground: Arc<Ground>,
}

/// All language servers of a thread, running or not.
#[derive(Debug)]
pub struct LanguageServers {
    specs: Vec<Candidate>,
    ground: Mutex<Arc<Ground>>,
    wait: Duration,
    running: Mutex<HashMap<(usize, PathBuf), Slot>>,
    /// Files that nobody has said all of since they were changed.
    unsaid: Mutex<BTreeSet<PathBuf>>,
}

/// A server that there may be.
#[derive(Debug)]
struct Candidate {
    spec: ServerSpec,
    files: Files,
    /// Whether it is there, once that was looked at.
    is_there: OnceLock<bool>,
}

/// A server, and how often it was started.
#[derive(Debug)]
struct Slot {
    server: Arc<Server>,
    walls: Confinement,
    starts: u32,
    /// Whether it was waited for already while it started.
    was_awaited: bool,
}

/// What language servers say of files.
#[derive(Debug, Default)]
pub struct Said {
    /// What they found.
    pub found: Vec<Found>,
    /// Those that do not work though they were named, and why.
    pub failed: Vec<(String, String)>,
}

impl LanguageServers {
    /// Those of `specs`, none of them started, and what is wrong with the others. `wait`: how long one may take to look at
    /// what was edited.
    pub fn new(specs: Vec<ServerSpec>, ground: Ground, wait: Duration) -> (Self, Vec<String>) {
        let (mut usable, mut warnings) = (Vec::new(), Vec::new());
        for spec in specs {
            match Files::new(&spec.files) {
                Ok(files) => usable.push(Candidate { spec, files, is_there: OnceLock::new() }),
                Err(why) => warnings.push(format!("the language server `{}` is not used: {why}", spec.name)),
            }
        }
        let servers = Self {
            specs: usable,
            ground: Mutex::new(Arc::new(ground)),
            wait,
            running: Mutex::default(),
            unsaid: Mutex::default(),
        };
        (servers, warnings)
    }

    /// The tools that ask them.
    pub fn tools(self: &Arc<Self>) -> Vec<Arc<dyn Tool>> {
        tools::all(self)
    }

    /// Whether any was started: then files that commands change are of interest too.
    pub fn any_runs(&self) -> bool {
        !self.running().is_empty()
    }

    /// Lets those that are started from now on, and what is told of others, keep to what holds now. One whose walls are others
    /// is started anew when it is needed.
    pub fn keep_to(&self, policy: &Policy, roots: &Arc<Roots>) {
        let walls = walls(policy);
        let mut ground = self.ground.lock().unwrap_or_else(PoisonError::into_inner);
        if ground.walls != walls || ground.roots != *roots {
            *ground = Arc::new(Ground { walls, roots: Arc::clone(roots), ..Ground::clone(&ground) });
        }
    }

    fn ground(&self) -> Arc<Ground> {
        Arc::clone(&self.ground.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether one of them is for `path`.
    pub fn are_for(&self, path: &Path) -> bool {
        self.number(path).is_some()
    }

    /// Whether one of them is for the project in the workspace, as the files in its root say.
    pub fn are_for_the_project(&self) -> bool {
        self.specs.iter().any(|candidate| self.is_marked(candidate))
    }

    /// Whether this one is.
    fn is_marked(&self, candidate: &Candidate) -> bool {
        let (spec, ground) = (&candidate.spec, self.ground());
        let mut markers = spec.root_markers.iter().map(|marker| ground.roots.workspace.join(marker));
        let is_meant = (spec.is_configured && spec.root_markers.is_empty()) || markers.any(|marker| marker.is_file());
        is_meant && self.is_there(candidate)
    }

    /// Those that are for the project in the workspace, or run: each with how it stands, in words for people.
    pub fn states(&self) -> Vec<String> {
        let running = self.running();
        let state = |(number, candidate): (usize, &Candidate)| {
            let name = &candidate.spec.name;
            let mut slots = running.iter().filter(|((of, _), _)| *of == number).peekable();
            if slots.peek().is_none() {
                return if self.is_marked(candidate) { vec![format!("{name}: not started")] } else { Vec::new() };
            }
            let phase = |((_, root), slot): (&(usize, PathBuf), &Slot)| match slot.server.phase() {
                Phase::Starting => format!("{name}: starts, in {}", root.display()),
                Phase::Ready => format!("{name}: ready, in {}", root.display()),
                Phase::Ended(why) => format!("{name}: ended: {why}"),
            };
            slots.map(phase).collect()
        };
        self.specs.iter().enumerate().flat_map(state).collect()
    }

    /// Which of them is for `path`.
    fn number(&self, path: &Path) -> Option<usize> {
        let ground = self.ground();
        let is_for = |it: &Candidate| it.files.hold(path, &ground.roots.workspace) && self.is_there(it);
        self.specs.iter().position(is_for)
    }

    /// Whether a server can be started: it was configured, or is on `PATH`, where no command could have put it.
    fn is_there(&self, candidate: &Candidate) -> bool {
        let Candidate { spec, is_there, .. } = candidate;
        let ground = self.ground();
        let Ground { environment, roots, .. } = &*ground;
        let is_found = || spec.command.first().is_some_and(|program| is_found(program, environment, &roots.writable));
        *is_there.get_or_init(|| spec.is_configured || is_found())
    }

    fn spec(&self, number: usize) -> Option<&ServerSpec> {
        self.specs.get(number).map(|candidate| &candidate.spec)
    }

    /// What they say of files that were changed, and of those that they had not looked at the last time. Servers for `files`
    /// are started; what one has not said in time is told the next time, for which nobody waits then.
    pub async fn look(&self, files: &[PathBuf]) -> Said {
        let mut all: BTreeSet<PathBuf> = std::mem::take(&mut *self.unsaid());
        let files: Vec<&PathBuf> = files.iter().filter(|file| self.are_for(file)).collect();
        let wait = if files.is_empty() { self.wait.min(IN_PASSING) } else { self.wait };
        all.extend(files.into_iter().cloned());
        if all.is_empty() {
            return Said::default();
        }
        let deadline = Instant::now() + wait;
        let mut by_server: BTreeMap<(usize, PathBuf), Vec<PathBuf>> = BTreeMap::new();
        for file in &all {
            if let Some(place) = self.place(file) {
                by_server.entry(place).or_default().push(file.clone());
            }
        }
        let looked = join_all(by_server.into_iter().map(|(place, files)| self.look_with(place, files, deadline))).await;
        let mut said = Said::default();
        for (name, files, answer) in looked {
            match answer {
                Answer::Said(Looked { found: diagnostics, is_all }) => {
                    if !is_all {
                        self.unsaid().extend(files.iter().cloned());
                    }
                    said.found.push(Found { source: name, files, diagnostics });
                }
                Answer::NotYet => self.unsaid().extend(files),
                Answer::Fails(why) => said.failed.extend(why.map(|why| (name, why))),
            }
        }
        said
    }

    async fn look_with(
        &self,
        place: (usize, PathBuf),
        files: Vec<PathBuf>,
        deadline: Instant,
    ) -> (String, Vec<PathBuf>, Answer) {
        let spec = self.spec(place.0);
        let name = spec.map_or_else(String::new, |spec| spec.name.clone());
        let Some((server, was_awaited)) = self.server(&place) else {
            let why = self.why_ended(&place).filter(|_| spec.is_some_and(|spec| spec.is_configured));
            return (name, files, Answer::Fails(why));
        };
        let until = if was_awaited { Instant::now() } else { deadline };
        if !server.ready(until).await {
            return (name, files, Answer::NotYet);
        }
        let view = View::of(&self.ground().roots);
        for file in &files {
            let content = content(file, &view);
            server.tell(file, content);
        }
        let answer = server.diagnostics(&files, deadline).await;
        (name, files, answer.map_or(Answer::NotYet, Answer::Said))
    }

    /// Which server is for a file, and in which directory: the outermost below the workspace that is a project's root.
    fn place(&self, file: &Path) -> Option<(usize, PathBuf)> {
        let ground = self.ground();
        let workspace = &ground.roots.workspace;
        let number = self.number(file)?;
        let markers = &self.spec(number)?.root_markers;
        let within = file.ancestors().skip(1).filter(|directory| directory.starts_with(workspace));
        let is_root = |directory: &&Path| markers.iter().any(|marker| directory.join(marker).is_file());
        let root = within.filter(is_root).last().map_or_else(|| workspace.clone(), Path::to_owned);
        Some((number, root))
    }

    /// The server at a place, started if it does not run, and whether it was waited for before. `None`: it ended too often.
    fn server(&self, place: &(usize, PathBuf)) -> Option<(Arc<Server>, bool)> {
        let spec = self.spec(place.0)?;
        let ground = self.ground();
        let mut running = self.running();
        let count = running.len();
        let starts = match running.get_mut(place) {
            Some(slot) if slot.walls != ground.walls || slot.server.phase() == Phase::Ended(UNUSED.into()) => 0,
            Some(slot) if !matches!(slot.server.phase(), Phase::Ended(_)) => {
                return Some((Arc::clone(&slot.server), std::mem::replace(&mut slot.was_awaited, true)));
            }
            Some(slot) if slot.starts >= MOST_STARTS => return None,
            Some(slot) => slot.starts,
            None if count >= MOST_SERVERS => return None,
            None => 0,
        };
        let site = Site {
            argv: spec.command.iter().map(OsString::from).collect(),
            root: place.1.clone(),
            options: spec.options.clone(),
            environment: spec.environment.clone(),
            ground: Arc::clone(&ground),
        };
        let walls = ground.walls.clone();
        let slot = Slot { server: Server::start(site), walls, starts: starts + 1, was_awaited: true };
        let server = Arc::clone(&slot.server);
        running.insert(place.clone(), slot);
        Some((server, false))
    }

    fn why_ended(&self, place: &(usize, PathBuf)) -> Option<String> {
        match self.running().get(place)?.server.phase() {
            Phase::Ended(why) => Some(why),
            _ => None,
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<(usize, PathBuf), Slot>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unsaid(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.unsaid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server says.
enum Answer {
    Said(Looked),
    NotYet,
    /// It does not work, and why, if that is said.
    Fails(Option<String>),
}

impl Site {
    /// The directory that it may write: its `/tmp`, but where the project lies in a place of that kind, which is only to be
    /// read then.
    fn private(&self) -> &'static str {
        let roots = &self.ground.roots;
        let mut all = roots.writable.iter().chain([&roots.workspace]);
        let is_temporary = all.any(|root| root.starts_with("/tmp") || root.starts_with("/var/tmp"));
        if is_temporary { "/dev/shm" } else { "/tmp" }
    }

    /// What it is started with.
    fn environment(&self) -> BTreeMap<OsString, OsString> {
        let own = self.environment.iter().map(|(name, value)| {
            let value = value.replace(table::PRIVATE, self.private());
            (name.into(), value.into())
        });
        self.ground.environment.iter().map(|(name, value)| (name.clone(), value.clone())).chain(own).collect()
    }

    /// What it is told first.
    fn initialize(&self) -> Value {
        let root = text::address(&self.root);
        let name = self.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        json!({
            "processId": null,
            "clientInfo": { "name": "codex" },
            "rootUri": root,
            "workspaceFolders": [{ "uri": root, "name": name }],
            "initializationOptions": filled(&self.options, self.private()),
            "capabilities": {
                "workspace": {
                    "configuration": true,
                    "workspaceFolders": true,
                    "didChangeWatchedFiles": { "dynamicRegistration": true },
                    "diagnostics": { "refreshSupport": true },
                },
                "textDocument": {
                    "synchronization": { "didSave": true },
                    "publishDiagnostics": { "versionSupport": true },
                    "diagnostic": {},
                    "definition": { "linkSupport": true },
                    "references": {},
                },
                "window": { "workDoneProgress": true },
                "general": { "positionEncodings": ["utf-16"] },
                "experimental": { "serverStatusNotification": true },
            },
        })
    }
}

/// `options` with `private` where that is meant.
fn filled(options: &Value, private: &str) -> Value {
    match options {
        Value::String(text) => text.replace(table::PRIVATE, private).into(),
        Value::Array(values) => values.iter().map(|value| filled(value, private)).collect(),
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), filled(value, private))).collect(),
        other => other.clone(),
    }
}

/// The walls of language servers under `policy`: they run code of the project that nobody was asked about, so they write
/// nothing but their `/tmp`, and reach nothing.
pub fn walls(policy: &Policy) -> Confinement {
    match (policy.level, policy.confinement_for_reading()) {
        (SandboxLevel::WorkspaceWrite, Confinement::Confined(walls)) => {
            Confinement::Confined(Confined { network: Network::LoopbackOnly, ..walls })
        }
        _ => policy.confinement_for_our_programs(),
    }
}

/// Whether a program is on the `PATH` of `environment`, where nothing below `writable` could have put it. What is only a place
/// holder of rustup's is not.
pub fn is_found(program: &str, environment: &BTreeMap<OsString, OsString>, writable: &[PathBuf]) -> bool {
    let variable = |name: &str| environment.get(OsStr::new(name));
    let Some(found) = variable("PATH").and_then(|path| find_program(program, path, Path::new("/"))) else {
        return false;
    };
    if writable.iter().any(|root| root != Path::new("/") && found.starts_with(root)) {
        return false;
    }
    if !is_rustups(&found) {
        return true;
    }
    let own = variable("RUSTUP_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let rustup = own.or_else(|| Some(Path::new(variable("HOME")?).join(".rustup")));
    let toolchains = rustup.and_then(|rustup| rustup.join("toolchains").read_dir().ok());
    toolchains.into_iter().flatten().flatten().any(|toolchain| toolchain.path().join("bin").join(program).is_file())
}

/// Whether a program is another name of the `rustup` beside it: a link to it, or the same file.
fn is_rustups(program: &Path) -> bool {
    let file = |path: &Path| path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
    file(&program.with_file_name("rustup")).is_some_and(|rustup| file(program) == Some(rustup))
}

/// What is in a file; `None` if it is gone, or is nothing to be told of.
fn content(path: &Path, view: &View) -> Option<String> {
    let file = open_to_read(&view.real_host_path(path).ok()?).ok()?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= LARGEST).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    #[test]
    fn what_rustup_only_holds_the_place_of_is_not_found() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        let program = |path: &str| {
            let path = base.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        program("linked/rustup");
        symlink("rustup", base.join("linked/tool")).unwrap();
        program("same/rustup");
        fs::hard_link(base.join("same/rustup"), base.join("same/tool")).unwrap();
        program("plain/rustup");
        program("plain/tool");
        program("home/.rustup/toolchains/stable/bin/tool");
        program("elsewhere/toolchains/stable/bin/tool");
        fs::create_dir(base.join("empty")).unwrap();
        // (directory of PATH, HOME, RUSTUP_HOME, whether it is found)
        let table = [
            ("linked", "home", None, true),
            ("linked", "home", Some(""), true),
            ("linked", "empty", None, false),
            ("linked", "empty", Some("elsewhere"), true),
            ("linked", "home", Some("empty"), false),
            ("same", "home", None, true),
            ("same", "empty", None, false),
            ("same", "empty", Some("elsewhere"), true),
            ("plain", "empty", None, true),
            ("empty", "home", None, false),
        ];
        for (path, home, rustup, expected) in table {
            let at = |name: &str| if name.is_empty() { OsString::new() } else { base.join(name).into_os_string() };
            let mut environment = BTreeMap::from([("PATH".into(), at(path)), ("HOME".into(), at(home))]);
            environment.extend(rustup.map(|rustup| ("RUSTUP_HOME".into(), at(rustup))));
            assert_eq!(is_found("tool", &environment, &[]), expected, "{path} {home} {rustup:?}");
        }
    }
}
