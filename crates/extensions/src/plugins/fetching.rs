//! Gets a commit of a git repository, by disarmed git inside walls.
//!
//! Nothing in the repository can make git run anything: there are no hooks, no filters, no submodules, and only the
//! protocol of the address is spoken. Git writes the new directory, and nothing else.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use codex_sandbox::{Confined, Confinement, Network, Sandbox};
use codex_workspace::{find_git, git_command};
use tokio_util::sync::CancellationToken;

use super::GitSource;
use crate::program::{End, Program, run};

/// How long one call of git may take.
const LONGEST: Duration = Duration::from_secs(300);
/// Most bytes that are kept of what git says.
const SAID: usize = 16 << 10;
/// Gets repositories.
#[derive(Debug)]
pub struct Git<'a> {
    /// Starts git.
    pub sandbox: &'a Sandbox,
    /// The user's `PATH`.
    pub path: &'a OsStr,
    /// Those of [`Git::NEEDED`] that the user has.
    pub variables: BTreeMap<OsString, OsString>,
}

/// Where certificates are: the name that git knows, and the usual one, which it does not read.
const CERTIFICATES: [(&str, &str); 2] = [("GIT_SSL_CAINFO", "SSL_CERT_FILE"), ("GIT_SSL_CAPATH", "SSL_CERT_DIR")];
/// Directories that walls keep out of sight.
const UNSEEN: [&str; 2] = ["/tmp", "/var/tmp"];

impl Git<'_> {
    /// Names of variables that git needs to get somewhere: proxies, certificates, the place of SSH keys.
    pub const NEEDED: &'static [&'static str] = &[
        "ALL_PROXY",
        "HOME",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "USER",
        "all_proxy",
        "http_proxy",
        "https_proxy",
        "no_proxy",
    ];

    /// Where the user's own certificates are, by git's names.
    fn certificates(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let place = |name: &str| self.variables.get(OsStr::new(name)).filter(|path| !path.is_empty()).map(Path::new);
        CERTIFICATES.into_iter().filter_map(move |(own, usual)| Some((own, place(usual)?)))
    }

    /// Gets what `source` names into `into`, an empty directory of which all is visible to git. Returns the commit, in
    /// hexadecimal.
    ///
    /// # Errors
    /// A sentence: there is no git, or what it said.
    pub async fn fetch(&self, source: &GitSource, into: &Path) -> Result<String, String> {
        let program = find_git(self.path, &[]).ok_or("git is not installed")?;
        let url = &source.url;
        let local = source.local().map(Path::to_owned);
        let scheme = match &local {
            Some(_) => "file",
            None if url.starts_with("https://") => "https",
            None => "ssh",
        };
        let call = Call { git: self, program, scheme, local, into };
        call.run("init", &["--quiet", "--template=", "."]).await?;
        let wanted = source.reference.as_deref().unwrap_or("HEAD");
        let options = ["--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--"];
        call.run("fetch", &[&options[..], &[url, wanted]].concat()).await?;
        let commit = call.run("rev-parse", &["--verify", "FETCH_HEAD^{commit}"]).await?.trim().to_owned();
        call.run("checkout", &["--quiet", "--detach", "--force", &commit]).await?;
        Ok(commit)
    }
}

/// Calls of git for one repository.
struct Call<'a> {
    git: &'a Git<'a>,
    program: PathBuf,
    /// The only protocol that is spoken.
    scheme: &'static str,
    /// The repository, if it is on this machine.
    local: Option<PathBuf>,
    into: &'a Path,
}

impl Call<'_> {
    async fn run(&self, subcommand: &str, args: &[&str]) -> Result<String, String> {
        let mut command = git_command(&self.program, subcommand, args, &[], self.into, self.git.path);
        // What is said by name outranks `protocol.allow=never`.
        let settings = [
            ("GIT_CONFIG_COUNT", "1".to_owned()),
            ("GIT_CONFIG_KEY_0", format!("protocol.{}.allow", self.scheme)),
            ("GIT_CONFIG_VALUE_0", "always".to_owned()),
        ];
        command.environment.extend(settings.map(|(name, value)| (name.into(), value.into())));
        if self.scheme == "ssh" {
            let ssh = "ssh -o BatchMode=yes -o PermitLocalCommand=no";
            command.environment.insert("GIT_SSH_COMMAND".into(), ssh.into());
        }
        command.environment.extend(self.git.variables.clone());
        command.environment.extend(self.git.certificates().map(|(name, path)| (name.into(), path.into())));
        let codex_sandbox::Command { argv, directory, environment } = command;
        let program = Program { argv, directory, environment, input: Vec::new(), timeout: LONGEST, most_output: SAID };
        let ran = run(self.git.sandbox, &self.walls(), program, &CancellationToken::new()).await;
        let ran = ran.map_err(|error| format!("git was not started: {error}"))?;
        if ran.succeeded() {
            return Ok(ran.stdout);
        }
        let why = match ran.end {
            End::TimedOut => format!("it took longer than {} s", LONGEST.as_secs()),
            _ => ran.stderr.trim().trim_start_matches("fatal: ").to_owned(),
        };
        Err(format!("git {subcommand}: {why}"))
    }

    /// It reads what the user may read, and writes the new directory; the network is there only for an address.
    fn walls(&self) -> Confinement {
        let certificates = self.git.certificates().filter_map(|(_, path)| match path.is_dir() {
            true => Some(path),
            false => path.parent().filter(|_| path.is_file()),
        });
        let is_unseen =
            |path: &&Path| UNSEEN.iter().any(|unseen| path.starts_with(unseen) && *path != Path::new(unseen));
        let certificates = certificates.filter(is_unseen);
        let read: Vec<PathBuf> = self.local.iter().cloned().chain(certificates.map(Path::to_owned)).collect();
        let walls = match Confinement::read_only(&read) {
            Confinement::Confined(walls) => walls,
            Confinement::Unconfined => return Confinement::Unconfined,
        };
        let writable = walls.writable.iter().cloned().chain([self.into.to_owned()]).collect();
        let network = if self.local.is_some() { Network::LoopbackOnly } else { Network::Host };
        Confinement::Confined(Confined { writable, network, weak: true, ..walls })
    }
}
