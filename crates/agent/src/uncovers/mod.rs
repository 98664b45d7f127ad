//! Asks git, before a command runs, whether the command would have it change what commands may not write.
//!
//! It decides nothing. Where git cannot tell, or takes too long, it is taken for yes: all that the repository tracks of
//! it. Nothing is started unless the command names something like `git checkout`.

pub(crate) mod git;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use codex_permissions::{Access, Policy, SandboxLevel, Source, TreeChange, Uncovers, tree_changes};

use tokio::time::{Instant, timeout_at};

use crate::Workplace;
use git::Git;

/// How long git may take to answer all that it is asked about a command line, however many commands are in it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How long it may take from then on to list what is tracked, in all repositories together.
const LISTING: Duration = Duration::from_secs(1);

/// Most commands of a line that git is asked about; the rest cannot be told.
const MOST_CHANGES: usize = 8;

/// What git would change by the command of `access`, of what commands in `workplace` may not write. May be dropped while
/// it waits.
pub async fn uncovers(workplace: &Workplace, access: &Access) -> Option<Uncovers> {
    let policy = &workplace.policy;
    if policy.level != SandboxLevel::WorkspaceWrite || access.typed || access.outside_sandbox.is_some() {
        return None;
    }
    let (command, directory) = (access.command.as_ref()?, access.directory.as_ref()?);
    let changes = tree_changes(command, directory);
    let mut found = Uncovers::default();
    let (mut files, mut paths) = (BTreeSet::new(), BTreeSet::new());
    let deadline = Instant::now() + TIMEOUT;
    // What is tracked, by the top of each repository where that had to be asked; and the directories it counts for.
    let (mut tracked, mut as_a_whole) = (BTreeMap::new(), BTreeSet::new());
    for (number, change) in changes.iter().enumerate() {
        let is_asked = number < MOST_CHANGES && change.directory.is_some() && Instant::now() < deadline;
        if !is_asked && !as_a_whole.insert(&change.directory) {
            continue;
        }
        // A line of many directories must not keep an interrupt from being heard.
        tokio::task::yield_now().await;
        let Some(repository) = Repository::of(change, workplace) else { continue };
        let asked = match is_asked {
            true => timeout_at(deadline, repository.would_change(&change.sources)).await.ok().flatten(),
            false => None,
        };
        let (changed, perhaps) = match (asked, tracked.get(&repository.top)) {
            (Some(changed), _) => (changed, false),
            (None, Some(changed)) => (Vec::clone(changed), true),
            (None, None) => {
                let changed = repository.tracked(deadline + LISTING).await;
                tracked.insert(repository.top.clone(), changed.clone());
                (changed, true)
            }
        };
        let covers = repository.covers(&changed);
        if covers.is_empty() {
            continue;
        }
        if files.is_empty() {
            found.line.clone_from(&change.line);
        }
        found.perhaps |= perhaps;
        files.extend(changed.iter().map(|file| repository.top.join(file)));
        paths.extend(covers);
    }
    (found.files, found.paths) = (files.into_iter().collect(), paths.into_iter().collect());
    (!found.paths.is_empty()).then_some(found)
}

/// The repository that a command works in.
struct Repository<'a> {
    git: Git<'a>,
    /// The real directory at the top of its work tree.
    top: PathBuf,
    /// The real directory that git works in.
    directory: PathBuf,
    /// What commands may not write in it: each protected path as the policy has it, and what it covers there, relative
    /// to the top.
    names: Vec<(&'a Path, PathBuf)>,
    /// As in `names`, in repositories of their own further below.
    nested: Vec<(&'a Path, PathBuf)>,
}

impl<'a> Repository<'a> {
    /// Nothing if there is none, or nothing in it is protected.
    fn of(change: &TreeChange, workplace: &'a Workplace) -> Option<Self> {
        let directory = change.directory.as_ref().unwrap_or(&workplace.roots.workspace);
        let directory = directory.canonicalize().ok()?;
        let top = directory.ancestors().find(|top| fs::symlink_metadata(top.join(".git")).is_ok())?.to_owned();
        let protected = protected(&workplace.policy, &top);
        let (nested, names) = protected.into_iter().partition::<Vec<_>, _>(|(_, name)| is_nested(&top, name));
        let git = Git::new(workplace, &top)?;
        (!names.is_empty()).then_some(Self { git, top, directory, names, nested })
    }

    /// What is protected of what is changed by all of `sources`, relative to the top. `None`: it cannot be told.
    async fn would_change(&self, sources: &[Source]) -> Option<Vec<PathBuf>> {
        let mut changed = Vec::new();
        for source in sources {
            changed.extend(self.by(source).await?);
        }
        Some(changed)
    }

    async fn by(&self, source: &Source) -> Option<Vec<PathBuf>> {
        let names: Vec<&Path> = self.names.iter().map(|(_, name)| name.as_path()).collect();
        match source {
            Source::Words(words) => self.by_words(words, &names).await,
            Source::Trees(words) => {
                let found = self.git.resolve(words).await?;
                self.by_trees(found.into_iter().flatten(), &names).await
            }
            Source::Ahead(words) => self.git.by_history(words, "..", &names).await,
            Source::Apart(words) => self.git.by_history(words, "...", &names).await,
            Source::Commits(words) => self.git.by_commits(words, &names).await,
            Source::Stash(entry) => self.git.by_stash(entry, &names).await,
            Source::Discard { revision, paths } => self.by_discarding(revision.as_deref(), paths).await,
            Source::Untracked(ignored) => self.git.untracked(*ignored, &names).await,
            Source::Patches(files) => self.git.by_patches(files, &self.directory).await,
            Source::Submodules => {
                let there = self.nested.iter().filter(|(_, name)| self.top.join(name).exists());
                Some(there.map(|(_, name)| name.clone()).collect())
            }
            Source::Series => {
                let git = self.top.join(".git");
                let goes_on = ["sequencer/todo", "rebase-apply"].iter().any(|name| git.join(name).exists());
                (git.is_dir() && !goes_on).then(Vec::new)
            }
            Source::Unknown => None,
        }
    }

    async fn by_trees(&self, trees: impl Iterator<Item = String>, names: &[&Path]) -> Option<Vec<PathBuf>> {
        let mut changed = Vec::new();
        for tree in trees {
            changed.extend(self.git.between("HEAD", &tree, names).await?);
        }
        Some(changed)
    }

    async fn by_words(&self, words: &[String], names: &[&Path]) -> Option<Vec<PathBuf>> {
        let found = self.git.resolve(words).await?;
        let mut trees: Vec<String> = found.iter().flatten().cloned().collect();
        let mut paths = Vec::new();
        for (word, found) in words.iter().zip(&found) {
            if found.is_none() {
                // A branch of a remote is enough for git to make one of that name.
                let remote = self.git.of_remotes(word).await?;
                paths.extend(remote.is_empty().then(|| word.clone()));
                trees.extend(remote);
            }
        }
        let revision = trees.first().cloned();
        let mut changed = self.by_trees(trees.into_iter(), names).await?;
        if !paths.is_empty() {
            changed.extend(self.by_discarding(revision.as_deref(), &paths).await?);
        }
        Some(changed)
    }

    async fn by_discarding(&self, revision: Option<&str>, paths: &[String]) -> Option<Vec<PathBuf>> {
        let paths: Vec<PathBuf> = paths.iter().map(|path| normal(&self.directory.join(path))).collect();
        let meant = |name: &&Path| {
            let name = self.top.join(name);
            paths.is_empty() || paths.iter().any(|path| name.starts_with(path) || path.starts_with(&name))
        };
        let names: Vec<&Path> = self.names.iter().map(|(_, name)| name.as_path()).filter(meant).collect();
        if names.is_empty() { Some(Vec::new()) } else { self.git.in_place(revision, &names).await }
    }

    /// What is protected and tracked, or at least there, relative to the top.
    async fn tracked(&self, deadline: Instant) -> Vec<PathBuf> {
        let names: Vec<&Path> = self.names.iter().map(|(_, name)| name.as_path()).collect();
        let asked = match Instant::now() < deadline {
            true => timeout_at(deadline, self.git.in_tree("HEAD", &names)).await.ok().flatten(),
            false => None,
        };
        asked.unwrap_or_else(|| {
            names.iter().filter(|name| self.top.join(name).exists()).map(|name| name.to_path_buf()).collect()
        })
    }

    /// The protected paths that cover `files`.
    fn covers(&self, files: &[PathBuf]) -> Vec<PathBuf> {
        let names = self.names.iter().chain(&self.nested);
        let needed = names.filter(|(_, name)| files.iter().any(|file| file.starts_with(name)));
        needed.map(|(path, _)| path.to_path_buf()).collect()
    }
}

/// What is protected below `top` and not git's own: each path as the policy has it, and what it covers, relative to
/// `top`. A link covers what it leads to besides.
fn protected<'a>(policy: &'a Policy, top: &Path) -> Vec<(&'a Path, PathBuf)> {
    let mut found = Vec::new();
    for path in policy.protected.iter().chain(&policy.covered) {
        let name = |place: &Path| {
            let name = place.strip_prefix(top).ok().filter(|name| !name.as_os_str().is_empty())?;
            (!name.components().any(|part| part.as_os_str() == ".git")).then(|| name.to_owned())
        };
        found.extend(name(path).map(|name| (path.as_path(), name)));
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
            && let Some(target) = path.canonicalize().ok().and_then(|target| name(&target))
        {
            found.push((path.as_path(), target));
        }
    }
    found
}

/// Whether `name` below `top` lies in a repository of its own.
fn is_nested(top: &Path, name: &Path) -> bool {
    let between = name.ancestors().skip(1).filter(|between| !between.as_os_str().is_empty());
    between.into_iter().any(|between| fs::symlink_metadata(top.join(between).join(".git")).is_ok())
}

/// `path` without `.` and `..`, as its words alone say.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal
}
