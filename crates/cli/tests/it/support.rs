//! A place to run the built program in: a home, a workspace and a scripted model.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use codex_testkit::ModelServer;
use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{FileType, Mode, OFlags},
    process::{Pid, PidfdFlags, pidfd_open},
};
use serde_json::Value;
use tempfile::TempDir;

/// Where places are laid out unless a test says otherwise. In the sandbox, what lies beside the workspace is not seen.
const ROOT: &str = "/var/tmp";

pub struct Place {
    _root: TempDir,
    pub home: PathBuf,
    pub workspace: PathBuf,
    pub server: ModelServer,
}

impl Place {
    /// `script` is what the model says; see [`codex_testkit::Script`].
    pub fn new(script: Value) -> Self {
        Self::below(Path::new(ROOT), script)
    }

    /// As [`Place::new`], in a directory of its own below `parent`.
    pub fn below(parent: &Path, script: Value) -> Self {
        let root = tempfile::Builder::new().prefix("codex-it-").tempdir_in(parent).unwrap();
        let server = ModelServer::from_json(script);
        let base = root.path().canonicalize().unwrap();
        let (home, workspace) = (base.join("home"), base.join("workspace"));
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(&workspace).unwrap();
        let url = server.base_url();
        let config = format!(
            "model = \"mock\"\nmodel_provider = \"mock\"\n[model_providers.mock]\nbase_url = \"{url}\"\nwire_api = \"responses\"\n"
        );
        fs::write(home.join("config.toml"), config).unwrap();
        Self { _root: root, home, workspace, server }
    }

    /// The program with `arguments`, in the workspace, with pipes for its output.
    pub fn codex(&self, arguments: &[&str]) -> Command {
        let mut command = codex(&self.home);
        command.args(arguments).current_dir(&self.workspace);
        command
    }

    /// The text of all journals.
    pub fn journals(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut directories = vec![self.home.join("sessions")];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { directories.push(path) } else { found.push(fs::read_to_string(path).unwrap()) }
            }
        }
        found
    }

    /// Makes a named pipe in the workspace: who opens one end waits for who opens the other.
    pub fn unopened_pipe(&self, name: &str) -> PathBuf {
        let path = self.workspace.join(name);
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        path
    }

    /// Makes a named pipe in the workspace, and opens it for reading: who writes to it does not wait.
    pub fn pipe(&self, name: &str) -> File {
        let path = self.unopened_pipe(name);
        rustix::fs::open(&path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap().into()
    }
}

/// Waits until something was written to `pipe`; fails if `child` ends before.
pub fn wait_for(pipe: &File, child: &Child) {
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap();
    let mut either = [PollFd::new(pipe, PollFlags::IN), PollFd::new(&ended, PollFlags::IN)];
    poll(&mut either, None).unwrap();
    assert!(either[0].revents().contains(PollFlags::IN), "the program ended before its command had begun");
}

/// Reads `pipe` until nobody can write to it any more.
pub fn wait_for_end(mut pipe: File) {
    rustix::fs::fcntl_setfl(&pipe, OFlags::empty()).unwrap();
    pipe.read_to_end(&mut Vec::new()).unwrap();
}

/// The program with a clean environment and `home` as `CODEX_HOME`.
#[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
pub fn codex(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codex"));
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", home)
        .env("CODEX_HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// JSON lines, parsed.
pub fn events(stdout: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(stdout.to_vec()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
}
