//! Git worktrees for sub-agents: a directory of its own for each, of the last commit, and what it has changed there as a
//! patch.
//!
//! Git is called disarmed, inside walls that let it write the worktree and the repository's own directory, and nothing
//! else. A worktree must never be removed with changes in it that nobody has taken.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use codex_agent::Standing;
use codex_permissions::SandboxLevel;
use codex_sandbox::{Confined, Confinement, Exit, Sandbox, Streams};
use codex_workspace::{Ignored, filters, find_git, git_command, list_filters};
use tokio::io::AsyncReadExt;

/// Longest answer of git that is read, and longest patch, in bytes.
const LONGEST: u64 = 16 << 20;

/// A worktree of a sub-agent.
#[derive(Debug, Clone)]
pub(crate) struct Worktree {
    /// The worktree, absolute and canonical.
    pub(crate) path: PathBuf,
    /// Where the sub-agent works in it: where its parent does in its own tree.
    pub(crate) workspace: PathBuf,
    /// The patch, as soon as there is one.
    pub(crate) patch: Option<PathBuf>,
    /// The tree that it was made of.
    top: PathBuf,
    /// The commit that it was made at.
    base: String,
    git: Git,
    /// Ignore files that were put there, relative to it.
    own: Vec<String>,
}

/// Calls git for a thread.
#[derive(Debug, Clone)]
struct Git {
    program: PathBuf,
    path: OsString,
    sandbox: Arc<Sandbox>,
    /// The git directory that all worktrees share, absolute.
    common: PathBuf,
    hidden: Vec<PathBuf>,
}

impl Worktree {
    /// Makes one named `name` below `codex_home`.
    ///
    /// # Errors
    /// A sentence: the parent works in no git repository or may write nothing, or git does not want to.
    pub(crate) async fn add(codex_home: &Path, name: &str, parent: &Standing, path: &OsStr) -> Result<Self, String> {
        if parent.policy.level == SandboxLevel::ReadOnly {
            return Err("a worktree is of no use where nothing may be written (read-only)".into());
        }
        let program = find_git(path, &parent.policy.writable).ok_or("git is not installed outside the workspace")?;
        let workspace = parent.roots.workspace.clone();
        let mut git = Git {
            program,
            path: path.to_owned(),
            sandbox: Arc::clone(&parent.sandbox),
            common: workspace.clone(),
            hidden: parent.policy.hidden.clone(),
        };
        let args = ["--path-format=absolute", "--show-toplevel", "--git-common-dir", "HEAD"];
        let found = git.text(&workspace, "rev-parse", &args, &[]).await;
        let found = found.map_err(|error| format!("a worktree needs a git repository with a commit: {error}"))?;
        let [top, common, base] = found.lines().collect::<Vec<_>>()[..] else {
            return Err("git did not say where the repository is".into());
        };
        let real = |path: &str| Path::new(path).canonicalize().map_err(|error| format!("{path}: {error}"));
        let (top, common) = (real(top)?, real(common)?);
        // A `.git` file may name any directory: only one that the parent's commands may write is taken.
        let policy = &parent.policy;
        let may = policy.level == SandboxLevel::DangerFullAccess
            || policy.writable.iter().chain(&policy.git).any(|root| common.starts_with(root));
        if !may {
            return Err(format!("the repository's directory {} may not be written in this session", common.display()));
        }
        git.common = common;
        let all = codex_home.join("worktrees");
        fs::create_dir_all(&all).map_err(|error| format!("{}: {error}", all.display()))?;
        let all = all.canonicalize().map_err(|error| format!("{}: {error}", all.display()))?;
        let place = all.join(name);
        let place_text = place.display().to_string();
        git.writing(&top, "worktree", &["add", "--detach", "--quiet", &place_text, base], &[&all]).await?;
        let inside = workspace.strip_prefix(&top).unwrap_or(Path::new(""));
        let inner = place.join(inside);
        let workspace = if inner.is_dir() { inner } else { place.clone() };
        let own = copy_ignore_files(&parent.roots.ignored, &top, &place)?;
        Ok(Self { path: place, workspace, patch: None, top, base: base.to_owned(), git, own })
    }

    /// The whole tree, without what was put there.
    fn all_but_own(&self) -> Vec<String> {
        let own = self.own.iter().map(|path| format!(":(top,exclude,literal){path}"));
        ["--".to_owned(), ":(top)".to_owned()].into_iter().chain(own).collect()
    }

    /// Writes what was changed in it to `into` as a patch; the files that it changes. Where nothing was, there is none.
    ///
    /// # Errors
    /// A sentence: then nothing of it is lost.
    pub(crate) async fn changes(&mut self, into: &Path) -> Result<Vec<String>, String> {
        let all = self.all_but_own();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        self.git.writing(&self.path, "add", &[&["--all"], &all[..]].concat(), &[&self.path]).await?;
        let options = ["--cached", "--no-renames", "--no-color", &self.base];
        let names = self.git.text(&self.path, "diff", &[&["--name-only"], &options[..], &all].concat(), &[]).await?;
        let names: Vec<String> = names.lines().map(str::to_owned).collect();
        if names.is_empty() {
            return Ok(names);
        }
        let args = [&["--binary", "--full-index"], &options[..], &all].concat();
        let patch = self.git.bytes(&self.path, "diff", &args).await?;
        fs::write(into, patch).map_err(|error| format!("{}: {error}", into.display()))?;
        self.patch = Some(into.to_owned());
        Ok(names)
    }

    /// Removes it, if nothing in it is lost by that: it has no changes, or all of them are in the tree that it was made of.
    /// Whether it is gone.
    pub(crate) async fn remove_if_taken(&mut self, into: &Path) -> bool {
        // Something may have been changed since.
        let is_taken = match self.changes(into).await {
            Err(_) => return false,
            Ok(names) if names.is_empty() => true,
            Ok(_) => {
                let patch = into.display().to_string();
                let args = ["--reverse", "--check", "--whitespace=nowarn", &patch];
                let command = self.git.command(&self.top, "apply", &args, &[]);
                // The patch has to be in sight.
                let beside = into.parent().unwrap_or(into).to_owned();
                let walls = Confinement::read_only(&[self.top.clone(), self.git.common.clone(), beside]);
                self.git.run(&walls, command).await.is_ok()
            }
        };
        if is_taken {
            let (path, all) = (self.path.display().to_string(), self.path.parent().unwrap_or(&self.path).to_owned());
            return self.git.writing(&self.top, "worktree", &["remove", "--force", &path], &[&all]).await.is_ok();
        }
        false
    }
}

/// Puts the ignore files of the tree `top` that no commit has as they are into the worktree `place`: what they name is in
/// commits, perhaps. Which these are, relative to it.
fn copy_ignore_files(ignored: &Ignored, top: &Path, place: &Path) -> Result<Vec<String>, String> {
    let mut own = Vec::new();
    for (path, text) in ignored.texts() {
        let Ok(relative) = path.strip_prefix(top) else { continue };
        let into = place.join(relative);
        // Nothing has run there yet, but a commit may hold a link in the place of the directory.
        let is_there = into
            .parent()
            .and_then(|parent| parent.canonicalize().ok())
            .is_some_and(|real| place.join(relative.parent().unwrap_or(Path::new(""))) == real);
        if !is_there || fs::read_to_string(&into).is_ok_and(|found| found == text) {
            continue;
        }
        let failed = |error: std::io::Error| format!("{}: {error}", into.display());
        match fs::remove_file(&into) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => fs::write(&into, text).map_err(failed)?,
        }
        own.push(relative.display().to_string());
    }
    Ok(own)
}

impl Git {
    fn command(&self, directory: &Path, subcommand: &str, args: &[&str], filters: &[String]) -> codex_sandbox::Command {
        git_command(&self.program, subcommand, args, filters, directory, &self.path)
    }

    /// Git in walls in which it writes the repository's own directory and `writable`.
    async fn writing(
        &self,
        directory: &Path,
        subcommand: &str,
        args: &[&str],
        writable: &[&Path],
    ) -> Result<String, String> {
        let filters = self.filters(directory).await?;
        let roots: Vec<PathBuf> = writable.iter().map(|path| path.to_path_buf()).chain([self.common.clone()]).collect();
        // What steers git, and other worktrees' links, stay as they are.
        let protected = ["config", "hooks", "info/attributes"].map(|name| self.common.join(name)).to_vec();
        let walls = match Confinement::read_only(&roots) {
            Confinement::Confined(walls) => {
                Confinement::Confined(Confined { protected, hidden: self.hidden.clone(), ..walls })
            }
            Confinement::Unconfined => Confinement::Unconfined,
        };
        let command = self.command(directory, subcommand, args, &filters);
        self.run(&walls, command).await.map(|printed| String::from_utf8_lossy(&printed).into_owned())
    }

    async fn text(
        &self,
        directory: &Path,
        subcommand: &str,
        args: &[&str],
        filters: &[String],
    ) -> Result<String, String> {
        let command = self.command(directory, subcommand, args, filters);
        let printed = self.run(&self.reading(directory), command).await?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }

    async fn bytes(&self, directory: &Path, subcommand: &str, args: &[&str]) -> Result<Vec<u8>, String> {
        let filters = self.filters(directory).await?;
        let command = self.command(directory, subcommand, args, &filters);
        self.run(&self.reading(directory), command).await
    }

    /// The names of the repository's filters, which are all switched off.
    async fn filters(&self, directory: &Path) -> Result<Vec<String>, String> {
        let command = list_filters(&self.program, directory, &self.path);
        let (code, printed, error) = self.output(&self.reading(directory), command).await?;
        if code > 1 {
            return Err(error);
        }
        Ok(filters(&String::from_utf8_lossy(&printed)))
    }

    fn reading(&self, directory: &Path) -> Confinement {
        Confinement::read_only(&[directory.to_owned(), self.common.clone()])
    }

    async fn run(&self, walls: &Confinement, command: codex_sandbox::Command) -> Result<Vec<u8>, String> {
        match self.output(walls, command).await? {
            (0, printed, _) => Ok(printed),
            (code, _, error) => Err(format!("git ended with exit code {code}: {error}")),
        }
    }

    async fn output(
        &self,
        walls: &Confinement,
        command: codex_sandbox::Command,
    ) -> Result<(i32, Vec<u8>, String), String> {
        let lost = |error: &dyn std::fmt::Display| format!("git was not run: {error}");
        let mut child = self.sandbox.spawn(walls, command, Streams::Separate).await.map_err(|error| lost(&error))?;
        let (mut printed, mut said) = (Vec::new(), Vec::new());
        let mut out = (&mut child.stdout).take(LONGEST + 1);
        let errors = async {
            match child.stderr.take() {
                Some(errors) => errors.take(LONGEST).read_to_end(&mut said).await,
                None => Ok(0),
            }
        };
        let (read, told) = tokio::join!(out.read_to_end(&mut printed), errors);
        read.and(told).map_err(|error| lost(&error))?;
        if printed.len() as u64 > LONGEST {
            return Err(format!("git's answer is longer than {} MiB", LONGEST >> 20));
        }
        let code = match child.wait().await.map_err(|error| lost(&error))? {
            Exit::Code(code) => code,
            exit => exit.shell_code(),
        };
        Ok((code, printed, String::from_utf8_lossy(&said).trim().to_owned()))
    }
}
